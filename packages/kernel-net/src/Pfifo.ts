/**
 * pfifo: first in, first out, with a limit in packets of its own. With a limit of 0 it takes nothing and lets nothing pass by.
 * Linux: pfifo_enqueue, fifo_init (net/sched/sch_fifo.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { QDISC_DROP } from "./Drops.ts"
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "./NetDevice.ts"
import { Qdisc } from "./Qdisc.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"

export class Pfifo extends Qdisc {
  /** Packets. */
  limit: number
  private readonly list: SkBuffList

  constructor(dev: NetDevice, queue: number, limit: number) {
    super("pfifo", dev, queue, true, limit >= 1)
    this.limit = limit
    this.list = new SkBuffList()
  }

  /** Packets that wait stay, also above a lower limit. Linux: fifo_init */
  setLimit(limit: number): void {
    this.limit = limit
    this.canBypass = limit >= 1
  }

  override enqueue(core: Core, skb: SkBuff): number {
    if (this.length >= this.limit) {
      this.dropped++
      skb.host.dropSkb(core, skb, QDISC_DROP)
      return NET_XMIT_DROP
    }
    this.list.push(skb)
    this.length++
    this.backlogBytes += skb.length
    this.enqueued++
    return NET_XMIT_SUCCESS
  }

  override dequeue(_core: Core): SkBuff | null {
    const skb = this.list.shift()
    if (skb === null) return null
    this.length--
    this.backlogBytes -= skb.length
    this.sent(skb)
    return skb
  }

  override drain(core: Core | null, reason: number): void {
    this.dev.net.host.dropList(core, this.list, reason)
  }

  override forEach(visit: (skb: SkBuff) => void): void {
    for (let skb = this.list.head; skb !== null; skb = skb.next) visit(skb)
  }
}
