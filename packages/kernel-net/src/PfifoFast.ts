/**
 * pfifo_fast: three bands served in strict order, chosen by the packet's priority, with one limit in packets over all of
 * them. And noqueue, which is no queue at all. Linux: net/sched/sch_generic.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { QDISC_DROP } from "./Drops.ts"
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "./NetDevice.ts"
import { Qdisc } from "./Qdisc.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"

/** Band by priority (Linux: prio2band). */
const BANDS: ReadonlyArray<number> = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]

export const bandOf = (priority: number): number => BANDS[priority & 15]!

export class PfifoFast extends Qdisc {
  private readonly bands: ReadonlyArray<SkBuffList>

  constructor(dev: NetDevice, queue: number) {
    super("pfifo_fast", dev, queue, true, true)
    this.bands = [new SkBuffList(), new SkBuffList(), new SkBuffList()]
  }

  override enqueue(core: Core, skb: SkBuff): number {
    const limit = this.dev.txQueueLength
    if (this.length >= (limit > 0 ? limit : 1)) {
      this.dropped++
      skb.host.dropSkb(core, skb, QDISC_DROP)
      return NET_XMIT_DROP
    }
    this.bands[bandOf(skb.priority)]!.push(skb)
    this.length++
    this.backlogBytes += skb.length
    this.enqueued++
    return NET_XMIT_SUCCESS
  }

  override dequeue(_core: Core): SkBuff | null {
    const bands = this.bands
    let skb = bands[0]!.shift()
    if (skb === null) {
      skb = bands[1]!.shift()
      if (skb === null) {
        skb = bands[2]!.shift()
        if (skb === null) return null
      }
    }
    this.length--
    this.backlogBytes -= skb.length
    this.sent(skb)
    return skb
  }

  override drain(core: Core | null, reason: number): void {
    for (const band of this.bands) this.dev.net.host.dropList(core, band, reason)
  }

  override forEach(visit: (skb: SkBuff) => void): void {
    for (const band of this.bands) for (let skb = band.head; skb !== null; skb = skb.next) visit(skb)
  }
}

/** Devices without a queue: lo, bridge, and virtual devices of newer kernels. */
export class Noqueue extends Qdisc {
  constructor(dev: NetDevice, queue: number) {
    super("noqueue", dev, queue, false, false)
  }

  override enqueue(): number {
    throw new Error("noqueue takes no packets")
  }

  override dequeue(): SkBuff | null {
    return null
  }

  override drain(): void {}

  override forEach(): void {}
}
