/**
 * A queue pair of igb: its interrupt handler and its NAPI poll.
 * Linux: igb_msix_ring, igb_poll, igb_clean_tx_irq, igb_clean_rx_irq (drivers/net/ethernet/intel/igb/igb_main.c).
 */
import type { Core, InterruptHandler } from "@darkfiber/hardware/cpu/Core"
import type { Nic } from "@darkfiber/hardware/nic/Nic"
import { wakeQueue } from "../DevXmit.ts"
import * as Drops from "../Drops.ts"
import { Gro } from "../Gro.ts"
import { Napi, WEIGHT } from "../Napi.ts"
import { DMA, IGB_CLEAN_RX_IRQ, IGB_CLEAN_TX_IRQ, IGB_MSIX_RING, IGB_POLL } from "../Points.ts"
import { ethTypeTrans } from "../Receive.ts"
import * as Skb from "../Skb.ts"
import type { Igb } from "./Igb.ts"

/** Linux: TX_WAKE_THRESHOLD = 2 * DESC_NEEDED. */
const WAKE_THRESHOLD = 42
/** Linux: IGB_DEFAULT_TX_WORK: buffers cleaned a poll. */
const TX_WORK = 128
/** Linux: IGB_RX_BUFFER_WRITE. */
const REFILL_BATCH = 16

/** A queue pair with its vector (Linux: struct igb_q_vector). */
export class QueueVector extends Napi implements InterruptHandler {
  readonly queue: number
  readonly igb: Igb
  readonly nic: Nic
  core: Core
  line: number
  /** Descriptors taken and not yet refilled. */
  private unfilled: number
  private txDone: boolean

  constructor(igb: Igb, queue: number, core: Core) {
    super(igb.host, igb.dev, WEIGHT)
    this.igb = igb
    this.nic = igb.nic
    this.queue = queue
    this.core = core
    this.line = -1
    this.unfilled = 0
    this.txDone = true
    this.gro = new Gro()
  }

  /** Linux: igb_msix_ring. */
  interrupt(core: Core): void {
    core.visit(IGB_MSIX_RING, this.igb.dev.net.id, this.igb.dev.index, 0, this.queue)
    this.nic.mask(this.queue)
    this.schedule(core)
  }

  /** Linux: igb_poll. */
  override begin(core: Core): void {
    core.visit(IGB_POLL, this.igb.dev.net.id, this.igb.dev.index, 0, this.queue)
    this.txDone = this.cleanTx(core)
  }

  /** Linux: igb_clean_rx_irq, one frame. */
  override step(core: Core): boolean {
    const nic = this.nic
    const q = this.queue
    if (nic.rxReady(q, core.time) === 0) return false
    const frame = nic.rxTake(q)
    if (++this.unfilled >= REFILL_BATCH) {
      nic.rxRefill(q, this.unfilled)
      this.unfilled = 0
    }
    const host = this.host
    const dev = this.igb.dev
    const island = host.island
    const length = host.world.slab.length[frame]!
    if (island.trace.on) {
      const id = host.world.slab.trace[frame]!
      island.trace.record(nic.rxTakenAt(q), DMA, -1, 0, dev.net.id, dev.index, id, length)
    }
    const skb = Skb.fromFrame(host, core, frame, host.profile.igbTruesize(length))
    if (skb === null) {
      dev.stats.rxDropped++
      island.dropFrame(Drops.NOMEM, 1)
      host.world.slab.free(frame)
      return true
    }
    skb.counted = true
    skb.hash = nic.rxTakenHash(q)
    core.visit(IGB_CLEAN_RX_IRQ, dev.net.id, dev.index, skb.traceId, length)
    dev.stats.rxPackets++
    dev.stats.rxBytes += length
    if (!ethTypeTrans(skb, dev)) {
      dev.stats.rxErrors++
      host.dropSkb(core, skb, Drops.DEV_HDR)
      return true
    }
    this.gro!.receive(core, skb)
    return true
  }

  override finish(core: Core, work: number): number {
    if (work >= this.weight || !this.txDone) {
      this.gro!.flushOld(core, this.host.timers.jiffyAt(core.time))
      return this.weight
    }
    this.refill()
    this.complete(core)
    this.nic.unmask(this.queue, core.time)
    return this.host.profile.igbReportsWork ? work : 0
  }

  /** Gives back what is short of a batch. Differs: Linux keeps up to 15 back; here they come back when a poll ends. */
  refill(): void {
    if (this.unfilled > 0) this.nic.rxRefill(this.queue, this.unfilled)
    this.unfilled = 0
  }

  /** @returns true when nothing was left. Linux: igb_clean_tx_irq */
  private cleanTx(core: Core): boolean {
    const nic = this.nic
    const q = this.queue
    const dev = this.igb.dev
    let budget = TX_WORK
    let packet = nic.txDone(q, core.time)
    while (packet !== null) {
      core.charge(core.costs[IGB_CLEAN_TX_IRQ]!)
      this.igb.release(core, q, packet)
      if (--budget === 0) break
      packet = nic.txDone(q, core.time)
    }
    if (budget < TX_WORK) core.visit(IGB_CLEAN_TX_IRQ, dev.net.id, dev.index, 0, TX_WORK - budget)
    if (dev.stopped[q] === true && budget < TX_WORK && nic.txFree(q) >= WAKE_THRESHOLD && dev.isUp()) {
      nic.txRestarted(q)
      wakeQueue(core, dev, q)
    }
    return budget > 0
  }
}
