/**
 * fq_codel: a queue for each flow, by hash, served in turn, new flows first; and CoDel in each, which drops or marks from the
 * head what waited too long (RFC 8290; Linux: net/sched/sch_fq_codel.c).
 *
 *     hash ─▶ flow ─▶ new flows ─▶ old flows ─▶ … ─▶ CoDel ─▶ dequeue
 *     too many, or too much memory: half of the longest queue goes, from its head
 *
 * Most distributions make it the default (`net.core.default_qdisc`). Not modelled: filters, `ce_threshold_selector`.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { flowHash } from "../DevXmit.ts"
import * as Drops from "../Drops.ts"
import { NET_XMIT_CN, NET_XMIT_SUCCESS, type NetDevice } from "../NetDevice.ts"
import { FQ_CODEL_DEQUEUE, FQ_CODEL_ENQUEUE } from "../Points.ts"
import { packetLength, Qdisc } from "../Qdisc.ts"
import { type SkBuff, SkBuffList } from "../SkBuff.ts"
import { Codel } from "./Codel.ts"
import type { FqCodelSettings } from "./FqCodelSettings.ts"
import { FlowList } from "./FlowList.ts"

const IPV4 = 0x0800

class CodelFlow {
  readonly packets: SkBuffList
  readonly codel: Codel
  /** Next one of the list it is in. */
  next: CodelFlow | null
  isListed: boolean
  /** Bytes it may send in its turn. */
  deficit: number
  backlog: number

  constructor() {
    this.packets = new SkBuffList()
    this.codel = new Codel()
    this.next = null
    this.isListed = false
    this.deficit = 0
    this.backlog = 0
  }
}

export class FqCodel extends Qdisc {
  settings: FqCodelSettings
  /** By hash, made when first used. */
  private readonly flows: Array<CodelFlow | null>
  private readonly fresh: FlowList<CodelFlow>
  private readonly old: FlowList<CodelFlow>
  /** Longest packet, bytes. */
  longest: number
  /** Packets dropped for too many, and of those for too much memory; times a flow was new; marks by CoDel and by threshold. */
  overLimit: number
  overMemory: number
  newFlows: number
  ecnMarks: number
  ceMarks: number
  /** Truesize of what is queued, bytes. */
  memory: number

  constructor(dev: NetDevice, queue: number, settings: FqCodelSettings) {
    super("fq_codel", dev, queue, true, settings.limit >= 1)
    this.settings = settings
    this.flows = Array.from({ length: settings.flows }, () => null)
    this.fresh = new FlowList()
    this.old = new FlowList()
    this.longest = 0
    this.overLimit = 0
    this.overMemory = 0
    this.newFlows = 0
    this.ecnMarks = 0
    this.ceMarks = 0
    this.memory = 0
  }

  /** Flows in the list of new and of old ones. */
  get listed(): readonly [fresh: number, old: number] {
    return [this.fresh.count(), this.old.count()]
  }

  // ---- in ----

  override enqueue(core: Core, skb: SkBuff): number {
    const { dev, settings } = this
    core.visit(FQ_CODEL_ENQUEUE, dev.net.id, dev.index, skb.traceId, this.length)
    const flow = this.flowOf(skb)
    const bytes = packetLength(skb)
    skb.timestamp = core.time
    flow.packets.push(skb)
    flow.backlog += bytes
    this.backlogBytes += bytes
    this.length++
    this.enqueued++
    this.memory += skb.truesize
    if (!flow.isListed) {
      flow.isListed = true
      flow.deficit = settings.quantum
      this.fresh.push(flow)
      this.newFlows++
    }
    const isOverMemory = this.memory > settings.memoryLimit
    if (this.length <= settings.limit && !isOverMemory) return NET_XMIT_SUCCESS
    const before = this.length
    const victim = this.dropFattest(core)
    this.overLimit += before - this.length
    if (isOverMemory) this.overMemory += before - this.length
    return victim === flow ? NET_XMIT_CN : NET_XMIT_SUCCESS
  }

  private flowOf(skb: SkBuff): CodelFlow {
    if (skb.hash === 0) skb.hash = flowHash(skb)
    const index = Math.floor(((skb.hash >>> 0) * this.flows.length) / 4_294_967_296)
    let flow = this.flows[index]!
    if (flow === null) {
      flow = new CodelFlow()
      this.flows[index] = flow
    }
    return flow
  }

  /** Half of the longest queue goes, a batch at most. Linux: fq_codel_drop */
  private dropFattest(core: Core): CodelFlow {
    let fattest: CodelFlow | null = null
    for (const flow of this.flows) {
      if (flow !== null && (fattest === null || flow.backlog > fattest.backlog)) fattest = flow
    }
    const flow = fattest!
    const half = flow.backlog >> 1
    let bytes = 0
    let count = 0
    do {
      const skb = this.pull(flow)!
      bytes += packetLength(skb)
      count++
      this.drop(core, skb, Drops.QDISC_OVERLIMIT)
    } while (count < this.settings.dropBatch && bytes < half)
    flow.codel.count += count
    return flow
  }

  private drop(core: Core, skb: SkBuff, reason: number): void {
    this.dropped++
    skb.host.dropSkb(core, skb, reason)
  }

  // ---- out ----

  override dequeue(core: Core): SkBuff | null {
    const { dev, settings } = this
    core.visit(FQ_CODEL_DEQUEUE, dev.net.id, dev.index, 0, this.length)
    for (;;) {
      const list = this.fresh.head === null ? this.old : this.fresh
      const flow = list.head
      if (flow === null) return null
      if (flow.deficit <= 0) {
        flow.deficit += settings.quantum
        list.shift()
        this.old.push(flow)
        continue
      }
      const skb = this.controlled(core, flow)
      if (skb !== null) {
        flow.deficit -= packetLength(skb)
        this.sent(skb)
        return skb
      }
      list.shift()
      // A new flow passes through the old ones first, so that it cannot starve them by coming back.
      if (list === this.fresh && this.old.head !== null) this.old.push(flow)
      else flow.isListed = false
    }
  }

  /** The flow's next packet that CoDel lets through. Linux: codel_dequeue */
  private controlled(core: Core, flow: CodelFlow): SkBuff | null {
    const { ceThreshold, interval } = this.settings
    const { codel } = flow
    const now = core.time
    let skb = this.pull(flow)
    if (skb === null) {
      codel.dropping = false
      return null
    }
    const isAbove = this.isAbove(flow, skb, now)
    if (codel.dropping) {
      codel.dropping = isAbove
      while (codel.dropping && codel.isDue(now)) {
        if (this.marks(skb!)) {
          codel.schedule(interval)
          break
        }
        this.drop(core, skb!, Drops.QDISC_CONGESTED)
        skb = this.pull(flow)
        if (this.isAbove(flow, skb, now)) codel.schedule(interval)
        else codel.dropping = false
      }
    } else if (isAbove) {
      if (!this.marks(skb)) {
        this.drop(core, skb, Drops.QDISC_CONGESTED)
        skb = this.pull(flow)
        this.isAbove(flow, skb, now)
      }
      codel.begin(now, interval)
    }
    if (skb !== null && codel.delay > ceThreshold && setCe(skb)) this.ceMarks++
    return skb
  }

  private isAbove(flow: CodelFlow, skb: SkBuff | null, now: number): boolean {
    if (skb === null) {
      flow.codel.empty()
      return false
    }
    const bytes = packetLength(skb)
    if (bytes > this.longest) this.longest = bytes
    const { interval, target } = this.settings
    const isShort = this.backlogBytes <= this.dev.mtu + this.dev.headerLength
    return flow.codel.isAbove(now, now - skb.timestamp, isShort, target, interval)
  }

  /** Marked instead of dropped. */
  private marks(skb: SkBuff): boolean {
    if (!this.settings.ecn || !setCe(skb)) return false
    this.ecnMarks++
    return true
  }

  private pull(flow: CodelFlow): SkBuff | null {
    const skb = flow.packets.shift()
    if (skb === null) return null
    const bytes = packetLength(skb)
    flow.backlog -= bytes
    this.backlogBytes -= bytes
    this.memory -= skb.truesize
    this.length--
    return skb
  }

  // ---- control ----

  /** `tc qdisc change`; what is too much now is dropped. Linux: fq_codel_change */
  change(core: Core, settings: FqCodelSettings): void {
    this.settings = settings
    this.canBypass = settings.limit >= 1
    while (this.length > settings.limit || this.memory > settings.memoryLimit) {
      const skb = this.dequeue(core)
      if (skb === null) return
      this.drop(core, skb, Drops.QDISC_DROP)
    }
  }

  override drain(core: Core | null, reason: number): void {
    for (let index = 0; index < this.flows.length; index++) {
      const flow = this.flows[index]!
      if (flow === null) continue
      this.dev.net.host.dropList(core, flow.packets, reason)
      this.flows[index] = null
    }
    this.fresh.clear()
    this.old.clear()
    this.memory = 0
  }

  override forEach(visit: (skb: SkBuff) => void): void {
    for (const flow of this.flows) {
      if (flow === null) continue
      for (let skb = flow.packets.head; skb !== null; skb = skb.next) visit(skb)
    }
  }
}

/** Linux: INET_ECN_set_ce. @returns true when the packet is marked, now or before */
const setCe = (skb: SkBuff): boolean => {
  if (skb.protocol !== IPV4) return false
  const { bytes } = skb.host.world.slab
  return Ipv4.markCe(bytes, skb.networkHeader) || Ipv4.ecn(bytes, skb.networkHeader) === Ipv4.ECN_CE
}
