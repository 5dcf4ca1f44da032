/**
 * The per-core backlog: where lo and veth hand packets over. `netif_rx` fills the input queue, `process_backlog` drains
 * it through the process queue.
 *
 *     netif_rx → inputQueue (netdev_max_backlog) ──splice──→ processQueue → __netif_receive_skb
 *
 * Linux: enqueue_to_backlog, process_backlog (net/core/dev.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { CPU_BACKLOG } from "./Drops.ts"
import type { Host } from "./Host.ts"
import { Napi, WEIGHT } from "./Napi.ts"
import { NET_RX_DROP, NET_RX_SUCCESS } from "./NetDevice.ts"
import { NETIF_RX, PROCESS_BACKLOG } from "./Points.ts"
import { netifReceiveCore } from "./Receive.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"
import type { SoftnetData } from "./Softnet.ts"
import * as Sysctl from "./Sysctl.ts"

const MAX_BACKLOG = Sysctl.define("net.core.netdev_max_backlog")
const DEV_WEIGHT = Sysctl.define("net.core.dev_weight")

export class Backlog extends Napi {
  readonly inputQueue: SkBuffList
  readonly processQueue: SkBuffList
  private readonly softnet: SoftnetData
  private completed: boolean
  private quota: number
  private work: number

  constructor(host: Host, softnet: SoftnetData) {
    super(host, null, WEIGHT)
    this.softnet = softnet
    this.inputQueue = new SkBuffList()
    this.processQueue = new SkBuffList()
    this.completed = false
    this.quota = 0
    this.work = 0
    this.enabled = true
  }

  override begin(core: Core): void {
    core.enter(PROCESS_BACKLOG)
    this.weight = this.host.sysctl.numbers[DEV_WEIGHT]!
    this.quota = this.weight
    this.work = 0
    this.completed = false
  }

  override step(core: Core): boolean {
    if (this.work >= this.quota) return false
    let skb = this.processQueue.shift()
    if (skb === null) {
      skb = this.refill()
      if (skb === null) return false
    }
    this.work++
    netifReceiveCore(core, skb)
    return true
  }

  override finish(_core: Core, work: number): number {
    return this.completed ? (work < this.weight ? work : this.weight - 1) : this.weight
  }

  /** Splices the input queue behind the process queue, or completes. */
  private refill(): SkBuff | null {
    if (this.completed) return null
    const queued = this.inputQueue.count
    this.processQueue.takeAll(this.inputQueue)
    if (this.host.profile.backlogCompletesEarly) {
      if (queued < this.quota - this.work) {
        this.completed = true
        this.scheduled = false
        this.quota = this.work + queued
      }
    } else if (queued === 0) {
      this.completed = true
      this.scheduled = false
    }
    return this.processQueue.shift()
  }

  /** Drops what is queued: the crash of a host. */
  purge(reason: number): void {
    this.host.dropList(null, this.inputQueue, reason)
    this.host.dropList(null, this.processQueue, reason)
  }

  /** Puts a buffer on this core's backlog. @returns NET_RX_SUCCESS or NET_RX_DROP */
  enqueue(core: Core, skb: SkBuff): number {
    if (this.inputQueue.count <= this.host.sysctl.numbers[MAX_BACKLOG]!) {
      if (this.inputQueue.count === 0) this.schedule(core)
      this.inputQueue.push(skb)
      return NET_RX_SUCCESS
    }
    this.softnet.dropped++
    if (skb.dev !== null) skb.dev.stats.rxDropped++
    this.host.dropSkb(core, skb, CPU_BACKLOG)
    return NET_RX_DROP
  }
}

/** Hands a buffer to the local core's backlog. `skb.dev` is the device it arrives on. Linux: netif_rx. */
export const netifRx = (core: Core, skb: SkBuff): number => {
  const dev = skb.dev!
  core.visit(NETIF_RX, dev.net.id, dev.index, skb.traceId, skb.length)
  skb.timestamp = core.time
  return skb.host.softnet[core.index]!.backlog.enqueue(core, skb)
}
