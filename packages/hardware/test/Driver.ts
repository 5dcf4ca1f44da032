/** A driver as small as one can be: hard IRQ, NAPI poll with a weight, refill, clean. */
import type { Island } from "@darkfiber/sim/Island"
import { Core } from "../src/cpu/Core.ts"
import * as Softirq from "../src/cpu/Softirq.ts"
import type { Nic } from "../src/nic/Nic.ts"
import type { TxPacket } from "../src/nic/Descriptors.ts"

export interface Taken {
  readonly bytes: Uint8Array
  readonly arrivedAt: number
  readonly takenAt: number
  readonly queue: number
  readonly flags: number
  readonly hash: number
}

export const IRQ_COST = 1000
export const FRAME_COST = 500

export class Driver {
  readonly nic: Nic
  readonly cores: ReadonlyArray<Core>
  readonly taken: Array<Taken> = []
  readonly completions: Array<readonly [cookie: unknown, doneAt: number, seenAt: number]> = []
  readonly interruptsAt: Array<number> = []
  frameCost = FRAME_COST
  /** When false, taken descriptors are not given back. */
  refills = true
  private readonly scheduled: Array<Array<number>> = []

  constructor(island: Island, nic: Nic, cores: number) {
    this.nic = nic
    this.cores = Array.from({ length: cores }, (_, index) => {
      const core = new Core(island, `${nic.name}/cpu${index}`, index, new Int32Array(0))
      this.scheduled.push([])
      core.openSoftirq(Softirq.NET_RX, { step: (on) => this.poll(on) })
      return core
    })
    for (let q = 0; q < nic.vectorCount; q++) {
      const core = this.cores[q % cores]!
      const line = core.requestIrq({
        interrupt: (on) => {
          this.interruptsAt.push(on.time)
          on.charge(IRQ_COST)
          this.scheduled[on.index]!.push(q)
          on.raiseSoftirq(Softirq.NET_RX)
        }
      })
      nic.setVector(q, core, line)
    }
    for (let q = 0; q < nic.options.rxQueues; q++) nic.rxRefill(q, nic.options.rxRing - 1)
  }

  /** One frame, or one completion, or the end of a poll. */
  private poll(core: Core): boolean {
    const list = this.scheduled[core.index]!
    const q = list[0]
    if (q === undefined) return false
    const nic = this.nic
    const packet = q < nic.options.txQueues ? nic.txDone(q, core.time) : null
    if (packet !== null) {
      this.completions.push([packet.cookie, packet.doneAt, core.time])
      nic.txRelease(q, packet)
      core.charge(50)
    } else if (q < nic.options.rxQueues && nic.rxReady(q, core.time) > 0) this.take(core, q)
    else {
      list.shift()
      nic.unmask(q, core.time)
    }
    return list.length > 0
  }

  private take(core: Core, q: number): void {
    const nic = this.nic
    const slab = core.island.world.slab
    const frame = nic.rxTake(q)
    this.taken.push({
      bytes: slab.view(frame).slice(),
      arrivedAt: nic.rxTakenAt(q),
      takenAt: core.time,
      queue: q,
      flags: slab.flags[frame]!,
      hash: nic.rxTakenHash(q)
    })
    core.island.ledger.delivered++
    slab.free(frame)
    if (this.refills) nic.rxRefill(q, 1)
    core.charge(this.frameCost)
  }

  /** Posts linear bytes at `at`; the head stays the driver's until it is completed. */
  post(q: number, bytes: Uint8Array, at: number, more: (packet: TxPacket) => void = () => {}): TxPacket {
    const slab = this.nic.island.world.slab
    const packet = this.nic.txAcquire(q)
    packet.frame = slab.from(bytes)
    packet.headAt = slab.start[packet.frame]!
    packet.headLength = bytes.length
    packet.fragCount = 0
    packet.gsoSize = 0
    packet.segments = 1
    packet.headerLength = 0
    packet.checksumStart = -1
    packet.checksumOffset = 0
    packet.descriptors = 1
    packet.traceId = 0
    packet.cookie = packet.frame
    more(packet)
    this.nic.island.ledger.created += packet.segments
    this.nic.txPost(q, packet, at)
    return packet
  }
}
