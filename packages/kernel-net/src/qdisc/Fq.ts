/**
 * fq: a queue for each socket, served in turn, and pacing: a packet leaves at the time its socket gave it (EDT, what TCP
 * does), or as fast as its socket's pacing rate lets it.
 *
 *     enqueue ─┬─ nothing waits, it is time ──▶ internal ────────────────────────────────▶ dequeue
 *              └─ flow of the socket ─▶ band 0, 1, 2 ─┬─ new flows ─▶ old flows ─▶ … ──────▶
 *                                                     └─ not yet: throttled, by time; watchdog
 *
 * Three bands by priority share the line 9 : 3 : 1; in each, flows send a quantum in their turn, new ones first. That of
 * Linux 6.18 under both kernels (3.10 itself has none; distributions added it). Linux: net/sched/sch_fq.c. Differs: flows are
 * found in a map instead of 1,024 trees, and what was idle for three seconds goes oldest first.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { flowHash } from "../DevXmit.ts"
import * as Drops from "../Drops.ts"
import { NET_XMIT_DROP, NET_XMIT_SUCCESS, type NetDevice } from "../NetDevice.ts"
import { bandOf } from "../PfifoFast.ts"
import { FQ_DEQUEUE, FQ_ENQUEUE } from "../Points.ts"
import { packetLength, Qdisc } from "../Qdisc.ts"
import { type SkBuff, SkBuffList } from "../SkBuff.ts"
import type { Sock } from "../Sock.ts"
import { Band, DelayedFlows, FqFlow, IDLE, IdleFlows, insertByTime, LISTED, THROTTLED } from "./FqFlow.ts"
import type { FlowList } from "./FlowList.ts"
import type { FqSettings } from "./FqSettings.ts"
import { Watchdog } from "./Watchdog.ts"

const BANDS = 3
/** Bytes a round of each band, which `tc` calls its weight. */
export const bandWeights: ReadonlyArray<number> = [589_824, 196_608, 65_536]
/** Packets that may wait on the short way before flows are made. */
const INTERNAL_MAX = 8
/** Jiffies of a second times this: an idle flow is forgotten. */
const IDLE_SECONDS = 3
/** Idle flows forgotten for one new one. */
const COLLECT_MAX = 8
/** The longest a packet's size may hold its flow, ns. */
const DELAY_MAX = 1_000_000_000
const IPV4 = 0x0800
const IPPROTO_TCP = 6

/** `timestamp` is the time at which its socket wants it sent (Linux: skb->tstamp is set). */
const isTimed = (skb: SkBuff): boolean => skb.sk !== null && skb.sk.protocol === IPPROTO_TCP

const jiffy = (core: Core, fq: Fq): number => fq.dev.net.host.timers.jiffyAt(core.time)

export class Fq extends Qdisc {
  settings: FqSettings
  /** Flows there are, and of those the ones without a packet. */
  readonly flows: Map<Sock | number, FqFlow>
  inactive: number
  /** Times a flow had to wait; packets on the short way; idle flows forgotten. */
  throttles: number
  fastPackets: number
  collected: number
  /** Drops: over a flow's limit, for too late a time, by band; packets whose time was cut to the horizon. */
  flowLimitDrops: number
  horizonDrops: number
  horizonCaps: number
  readonly bandDrops: Array<number>
  ceMarks: number
  /** Packets that would have held their flow for more than a second. */
  tooLong: number
  /** How late throttled flows go on, ns: a moving average. */
  latency: number
  /** When the first throttled flow may go on; Infinity when there is none. */
  timeNextDelayed: number
  private readonly bands: ReadonlyArray<Band>
  private bandIndex: number
  private readonly internal: SkBuffList
  private readonly delayed: DelayedFlows
  private readonly idle: IdleFlows
  private readonly watchdog: Watchdog

  constructor(dev: NetDevice, queue: number, settings: FqSettings) {
    super("fq", dev, queue, true, false)
    this.settings = settings
    this.flows = new Map()
    this.inactive = 0
    this.throttles = 0
    this.fastPackets = 0
    this.collected = 0
    this.flowLimitDrops = 0
    this.horizonDrops = 0
    this.horizonCaps = 0
    this.bandDrops = [0, 0, 0]
    this.ceMarks = 0
    this.tooLong = 0
    this.latency = 0
    this.timeNextDelayed = Infinity
    this.bands = bandWeights.map((quantum) => new Band(quantum))
    this.bandIndex = 0
    this.internal = new SkBuffList()
    this.delayed = new DelayedFlows()
    this.idle = new IdleFlows()
    this.watchdog = new Watchdog(this)
  }

  get throttled(): number {
    return this.delayed.count
  }

  /** Packets of a band's flows. */
  bandPackets(band: number): number {
    return this.bands[band]!.count
  }

  // ---- in ----

  override enqueue(core: Core, skb: SkBuff): number {
    const { dev, settings } = this
    core.visit(FQ_ENQUEUE, dev.net.id, dev.index, skb.traceId, this.length)
    const band = bandOf(skb.priority)
    if (this.bands[band]!.count >= settings.limit) {
      this.bandDrops[band] = this.bandDrops[band]! + 1
      return this.refuse(core, skb, Drops.FQ_BAND_LIMIT)
    }
    const now = core.time
    if (!isTimed(skb)) skb.timestamp = now
    else if (skb.timestamp > now + settings.horizon) {
      if (settings.horizonDrop) {
        this.horizonDrops++
        return this.refuse(core, skb, Drops.FQ_HORIZON_LIMIT)
      }
      this.horizonCaps++
      skb.timestamp = now + settings.horizon
    }
    const sk = this.ownerOf(skb)
    if (sk !== null && settings.pacing) sk.pacedByQdisc()
    if (this.isFast(skb, now)) {
      this.fastPackets++
      insertByTime(this.internal, skb)
    } else {
      const flow = this.flowOf(core, skb, sk)
      if (flow.packets.count >= settings.flowLimit) {
        this.flowLimitDrops++
        return this.refuse(core, skb, Drops.FQ_FLOW_LIMIT)
      }
      this.admit(core, flow, skb, band)
    }
    this.length++
    this.backlogBytes += packetLength(skb)
    this.enqueued++
    return NET_XMIT_SUCCESS
  }

  private refuse(core: Core, skb: SkBuff, reason: number): number {
    this.dropped++
    skb.host.dropSkb(core, skb, reason)
    return NET_XMIT_DROP
  }

  /** The socket whose flow it is: none for what is forwarded, answers without a socket, and unconnected datagram sockets. */
  private ownerOf(skb: SkBuff): Sock | null {
    const sk = skb.sk
    return sk === null || sk.remotePort === 0 ? null : sk
  }

  /** Nothing keeps it from leaving at once. Linux: fq_fastpath_check */
  private isFast(skb: SkBuff, now: number): boolean {
    if (skb.timestamp > now) return false
    if (this.length !== 0) {
      if (this.flows.size !== this.inactive + this.delayed.count) return false
      if (this.internal.count >= INTERNAL_MAX || this.timeNextDelayed <= now) return false
    }
    if (!isTimed(skb) && skb.sk !== null && skb.sk.pacingRate !== Infinity) return false
    return this.settings.maxRate === Infinity
  }

  /** Linux: fq_classify. */
  private flowOf(core: Core, skb: SkBuff, sk: Sock | null): FqFlow {
    if (sk === null && skb.hash === 0) skb.hash = flowHash(skb)
    const key = sk ?? skb.hash & this.settings.orphanMask
    let flow = this.flows.get(key)
    this.collect(core, flow)
    if (flow === undefined) {
      flow = new FqFlow(key, this.settings.initialQuantum)
      flow.idleSince = jiffy(core, this)
      this.idle.push(flow)
      this.flows.set(key, flow)
      this.inactive++
    }
    return flow
  }

  /** Forgets flows that have been idle for long. Linux: fq_gc */
  private collect(core: Core, wanted: FqFlow | undefined): void {
    const host = this.dev.net.host
    const before = jiffy(core, this) - IDLE_SECONDS * host.profile.hz
    for (let count = 0; count < COLLECT_MAX; count++) {
      const flow = this.idle.head
      if (flow === null || flow === wanted || flow.idleSince >= before) return
      this.idle.remove(flow)
      this.flows.delete(flow.key)
      this.inactive--
      this.collected++
    }
  }

  private admit(core: Core, flow: FqFlow, skb: SkBuff, band: number): void {
    if (flow.place === IDLE) {
      // Into the band of its last packet: that of this one counts from its next turn on.
      this.idle.remove(flow)
      flow.place = LISTED
      this.bands[flow.band]!.fresh.push(flow)
      const waited = (jiffy(core, this) - flow.idleSince) * this.dev.net.host.timers.jiffyNanos
      if (waited > this.settings.refillDelay) flow.credit = Math.max(flow.credit, this.settings.quantum)
    }
    flow.band = band
    this.bands[band]!.count++
    if (flow.packets.count === 0) this.inactive--
    insertByTime(flow.packets, skb)
  }

  // ---- out ----

  override dequeue(core: Core): SkBuff | null {
    if (this.length === 0) return null
    const { dev, settings } = this
    core.visit(FQ_DEQUEUE, dev.net.id, dev.index, 0, this.length)
    const next = this.internal.shift()
    if (next !== null) return this.taken(next)
    const now = core.time
    this.unthrottle(now)
    for (;;) {
      const list = this.nextList()
      if (list === null) {
        if (this.timeNextDelayed !== Infinity) this.watchdog.schedule(core, this.timeNextDelayed, settings.timerSlack)
        return null
      }
      const flow = list.head!
      if (flow.credit <= 0) {
        flow.credit += settings.quantum
        list.shift()
        this.bands[flow.band]!.old.push(flow)
        continue
      }
      const skb = flow.packets.head
      if (skb === null) {
        this.emptied(core, list, flow)
        continue
      }
      const due = Math.max(skb.timestamp, flow.timeNext)
      if (now < due) {
        list.shift()
        flow.timeNext = due
        this.throttle(flow)
        continue
      }
      return this.send(core, flow, skb, due)
    }
  }

  /** The list whose turn it is, band by band; null when no flow may send. */
  private nextList(): FlowList<FqFlow> | null {
    let tried = 0
    for (;;) {
      const list = this.bands[this.bandIndex]!.ready()
      if (list !== null) return list
      for (;;) {
        if (++tried > BANDS) return null
        this.bandIndex = this.bandIndex === BANDS - 1 ? 0 : this.bandIndex + 1
        const band = this.bands[this.bandIndex]!
        band.credit = Math.min(band.credit + band.quantum, band.quantum)
        if (band.credit > 0) break
        tried = 0
      }
    }
  }

  /** Nothing left: a new flow passes through the old ones first, so that it cannot starve them by coming back. */
  private emptied(core: Core, list: FlowList<FqFlow>, flow: FqFlow): void {
    list.shift()
    if (list === this.bands[this.bandIndex]!.fresh) {
      this.bands[flow.band]!.old.push(flow)
      return
    }
    flow.place = IDLE
    flow.idleSince = jiffy(core, this)
    this.idle.push(flow)
  }

  private throttle(flow: FqFlow): void {
    flow.place = THROTTLED
    this.delayed.push(flow)
    this.throttles++
    if (flow.timeNext < this.timeNextDelayed) this.timeNextDelayed = flow.timeNext
  }

  /** Flows whose time has come are old flows again. Linux: fq_check_throttled */
  private unthrottle(now: number): void {
    if (this.timeNextDelayed > now) return
    const late = now - this.timeNextDelayed
    if (late > 0) this.latency += Math.floor(late / 8) - Math.floor(this.latency / 8)
    this.timeNextDelayed = Infinity
    for (let flow = this.delayed.first(); flow !== undefined; flow = this.delayed.first()) {
      if (flow.timeNext > now) {
        this.timeNextDelayed = flow.timeNext
        return
      }
      this.delayed.shift()
      flow.place = LISTED
      this.bands[flow.band]!.old.push(flow)
    }
  }

  private send(core: Core, flow: FqFlow, skb: SkBuff, due: number): SkBuff {
    flow.packets.shift()
    if (flow.packets.count === 0) this.inactive++
    this.bands[bandOf(skb.priority)]!.count--
    if (core.time - due > this.settings.ceThreshold) this.mark(skb)
    this.spend(flow, skb, core.time)
    return this.taken(skb)
  }

  private taken(skb: SkBuff): SkBuff {
    this.length--
    this.backlogBytes -= packetLength(skb)
    this.sent(skb)
    return skb
  }

  private mark(skb: SkBuff): void {
    this.ceMarks++
    if (skb.protocol === IPV4) Ipv4.markCe(skb.host.world.slab.bytes, skb.networkHeader)
  }

  /** What a packet costs its flow: credit, and time when there is a rate to keep. */
  private spend(flow: FqFlow, skb: SkBuff, now: number): void {
    const { settings } = this
    let bytes = packetLength(skb)
    flow.credit -= bytes
    this.bands[this.bandIndex]!.credit -= bytes
    if (!settings.pacing) return
    let rate = settings.maxRate
    if (!isTimed(skb)) {
      if (skb.sk !== null) rate = Math.min(rate, skb.sk.pacingRate)
      if (rate <= settings.lowRateThreshold) flow.credit = 0
      else {
        bytes = Math.max(bytes, settings.quantum)
        if (flow.credit > 0) return
      }
    }
    if (rate === Infinity) return
    let time = rate <= 0 ? DELAY_MAX + 1 : Math.floor((bytes * 1e9) / rate)
    if (time > DELAY_MAX) {
      time = DELAY_MAX
      this.tooLong++
    }
    // The timer was late, or the flow had nothing to send: that counts for it, up to half of the time.
    if (flow.timeNext !== 0) time -= Math.min(Math.floor(time / 2), now - flow.timeNext)
    flow.timeNext = now + time
  }

  // ---- control ----

  /** `tc qdisc change`: what is over a lower limit now is dropped. Linux: fq_change */
  change(core: Core, settings: FqSettings): void {
    this.settings = settings
    while (this.length > settings.limit) {
      const skb = this.dequeue(core)
      if (skb === null) return
      this.dropped++
      skb.host.dropSkb(core, skb, Drops.QDISC_DROP)
    }
  }

  override drain(core: Core | null, reason: number): void {
    const host = this.dev.net.host
    host.dropList(core, this.internal, reason)
    for (const flow of this.flows.values()) host.dropList(core, flow.packets, reason)
    this.flows.clear()
    this.inactive = 0
    this.delayed.clear()
    this.idle.clear()
    this.timeNextDelayed = Infinity
    this.watchdog.cancel()
    for (const band of this.bands) {
      band.fresh.clear()
      band.old.clear()
      band.count = 0
    }
  }

  override forEach(visit: (skb: SkBuff) => void): void {
    for (let skb = this.internal.head; skb !== null; skb = skb.next) visit(skb)
    for (const flow of this.flows.values()) {
      for (let skb = flow.packets.head; skb !== null; skb = skb.next) visit(skb)
    }
  }
}
