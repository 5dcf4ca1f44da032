/**
 * The ARP table of a host: entries of all its devices, their timers, the queue for unresolved addresses, and garbage
 * collection. The data path asks `output`; ARP asks `learn`.
 *
 * Linux: arp_tbl, neigh_resolve_output, neigh_hh_output, neigh_forced_gc, neigh_periodic_work (net/core/neighbour.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Schedulable } from "@darkfiber/sim/Actor"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { headerBytes, setEtherType } from "@darkfiber/wire/Ethernet"
import { arpSolicit } from "./Arp.ts"
import { devQueueXmit } from "./DevXmit.ts"
import * as Drops from "./Drops.ts"
import type { Host } from "./Host.ts"
import { icmpSend } from "./Icmp.ts"
import { Neighbour } from "./Neighbour.ts"
import { type Event, step } from "./NeighbourState.ts"
import { IFF_LOOPBACK, IFF_NOARP, type NetDevice } from "./NetDevice.ts"
import { NEIGH_HH_OUTPUT, NEIGH_RESOLVE_OUTPUT } from "./Points.ts"
import { ensureHeadroom } from "./Skb.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"
import * as Sysctl from "./Sysctl.ts"
import { KernelTimer, type TimerOwner } from "./Timers.ts"

const GC_THRESH1 = Sysctl.define("net.ipv4.neigh.default.gc_thresh1")
const GC_THRESH2 = Sysctl.define("net.ipv4.neigh.default.gc_thresh2")
const GC_THRESH3 = Sysctl.define("net.ipv4.neigh.default.gc_thresh3")
const GC_INTERVAL = Sysctl.define("net.ipv4.neigh.default.gc_interval")

const REDRAW = 300e9
const FORCED_GC_GAP = 5e9
const CONFIRM_GAP = 1e9
const UNREACHABLE = 3
const HOST_UNREACHABLE = 1

export class NeighbourTable implements TimerOwner {
  readonly host: Host
  /** Dynamic entries. */
  entries: number
  /** "neighbour table overflow" (Linux: table_fulls). */
  overflows: number
  /** Packets pushed out of an unresolved entry's queue. */
  unresolvedDiscards: number
  private readonly gcTimer: KernelTimer
  private lastForcedGc: number
  private redrawnAt: number

  constructor(host: Host) {
    this.host = host
    this.entries = 0
    this.overflows = 0
    this.unresolvedDiscards = 0
    this.gcTimer = new KernelTimer(this)
    this.lastForcedGc = -1e18
    this.redrawnAt = 0
  }

  timersOf(neighbour: Neighbour): TimerOwner {
    return {
      lender: () => neighbour.dev.net.actor,
      expire: (core) => this.handle(core, neighbour, timerEvent)
    }
  }

  /** The entry for an address, made if need be; null when the table is full. Linux: __neigh_create */
  find(core: Core, dev: NetDevice, address: number): Neighbour | null {
    return dev.neighbours.get(address) ?? this.create(core, dev, address)
  }

  /**
   * Puts the link-layer header in front and sends, or queues the packet and asks for the address.
   *
   * @param nextHop int32
   * @returns a NET_XMIT_* value or a negative errno
   */
  output(core: Core, skb: SkBuff, dev: NetDevice, nextHop: number): number {
    const neighbour = dev.neighbours.get(nextHop) ?? this.create(core, dev, nextHop)
    if (neighbour === null) {
      this.host.dropSkb(core, skb, Drops.NEIGH_CREATEFAIL)
      return -22
    }
    if (neighbour.connected) {
      core.visit(NEIGH_HH_OUTPUT, dev.net.id, dev.index, skb.traceId, nextHop)
      return this.send(core, skb, neighbour)
    }
    return this.resolve(core, skb, neighbour)
  }

  /** Puts the header in front: the cached one, which is the state's. Linux: neigh_hh_output, dev_hard_header */
  private send(core: Core, skb: SkBuff, neighbour: Neighbour): number {
    const dev = neighbour.dev
    if (dev.headerLength > 0) {
      ensureHeadroom(this.host, skb, headerBytes)
      const bytes = this.host.world.slab.bytes
      skb.push(headerBytes)
      skb.macHeader = skb.data
      MacAddress.setHalves(bytes, skb.data, neighbour.macHigh, neighbour.macLow)
      MacAddress.setHalves(bytes, skb.data + 6, dev.macHigh, dev.macLow)
      setEtherType(bytes, skb.data, skb.protocol)
    }
    return devQueueXmit(core, skb)
  }

  /** Linux: neigh_resolve_output, neigh_event_send. */
  private resolve(core: Core, skb: SkBuff, neighbour: Neighbour): number {
    core.visit(NEIGH_RESOLVE_OUTPUT, neighbour.dev.net.id, neighbour.dev.index, skb.traceId, neighbour.address)
    core.lock(neighbour.lock)
    neighbour.usedAt = core.time
    const unsolicited = neighbour.state._tag === "None" || neighbour.state._tag === "Failed"
    if (unsolicited) {
      // The packet joins the queue before the request goes, so that it may tell which source asks.
      this.enqueue(core, neighbour, skb)
      this.handle(core, neighbour, sendEvent)
      return 0
    }
    if (neighbour.state._tag === "Incomplete") {
      this.enqueue(core, neighbour, skb)
      core.unlock(neighbour.lock)
      return 0
    }
    this.handle(core, neighbour, sendEvent)
    return this.send(core, skb, neighbour)
  }

  private enqueue(core: Core, neighbour: Neighbour, skb: SkBuff): void {
    const limit = neighbour.dev.neigh!.unresolvedBytes
    while (neighbour.queueBytes + skb.truesize > limit) {
      const oldest = neighbour.queue.shift()
      if (oldest === null) break
      neighbour.queueBytes -= oldest.truesize
      neighbour.discards++
      this.unresolvedDiscards++
      this.host.dropSkb(core, oldest, Drops.NEIGH_QUEUEFULL)
    }
    neighbour.queue.push(skb)
    neighbour.queueBytes += skb.truesize
  }

  /** An ARP packet has named the address. Linux: neigh_update */
  learn(core: Core, neighbour: Neighbour, mac: number, solicited: boolean, override: boolean): void {
    this.handle(core, neighbour, { _tag: "Learn", mac, solicited, override })
  }

  /** Proof of life from above. Linux: dst_confirm_neigh */
  confirm(core: Core, dev: NetDevice, nextHop: number): void {
    const neighbour = dev.neighbours.get(nextHop)
    if (neighbour === undefined) return
    // Once a second is enough while it is proven anyhow.
    if (neighbour.connected && core.time - neighbour.notedAt < CONFIRM_GAP) return
    neighbour.notedAt = core.time
    this.handle(core, neighbour, confirmEvent)
  }

  /** Sets a permanent entry (`ip neigh replace`). @returns 0 or a negative errno */
  set(core: Core, dev: NetDevice, address: number, mac: number): number {
    const neighbour = this.find(core, dev, address)
    if (neighbour === null) return -105
    this.handle(core, neighbour, { _tag: "Set", mac })
    return 0
  }

  /** Takes an entry out (`ip neigh del`). @returns 0 or -ENOENT */
  remove(core: Core | null, dev: NetDevice, address: number): number {
    const neighbour = dev.neighbours.get(address)
    if (neighbour === undefined) return -2
    this.forget(core, neighbour, Drops.NEIGH_DEAD)
    return 0
  }

  /** Takes all entries of a device out: it went down or away. Linux: neigh_ifdown */
  flush(core: Core | null, dev: NetDevice, reason: number): void {
    for (const neighbour of dev.neighbours.values()) this.forget(core, neighbour, reason)
  }

  private forget(core: Core | null, neighbour: Neighbour, reason: number): void {
    this.host.timers.cancel(neighbour.timer)
    neighbour.dead = true
    neighbour.connected = false
    neighbour.valid = false
    neighbour.queueBytes = 0
    this.host.dropList(core, neighbour.queue, reason)
    neighbour.dev.neighbours.delete(neighbour.address)
    this.entries--
    this.host.memory.cache("arp_cache").free(core === null ? 0 : core.index)
  }

  private handle(core: Core, neighbour: Neighbour, event: Event): void {
    const dev = neighbour.dev
    const parameters = dev.neigh!
    core.lock(neighbour.lock)
    if (core.time - this.redrawnAt > REDRAW) this.redraw(core.time)
    timing.reachable = dev.reachable
    timing.retrans = parameters.retrans
    timing.delayProbe = parameters.delayProbe
    timing.ucastProbes = parameters.ucastProbes
    timing.mcastProbes = parameters.mcastProbes + parameters.appProbes
    timing.usedAt = neighbour.usedAt
    const taken = step(neighbour.state, event, timing, core.time)
    neighbour.become(taken.next, core.time)
    if (taken.timerAt > 0) this.host.timers.arm(neighbour.timer, taken.timerAt, core.index)
    else if (taken.timerAt === 0) this.host.timers.cancel(neighbour.timer)
    if (taken.solicit !== "none") arpSolicit(core, neighbour, taken.solicit === "unicast")
    if (taken.flush) this.flushQueue(core, neighbour)
    if (taken.fail) this.failQueue(core, neighbour)
    core.unlock(neighbour.lock)
  }

  private flushQueue(core: Core, neighbour: Neighbour): void {
    neighbour.queueBytes = 0
    for (let skb = neighbour.queue.shift(); skb !== null; skb = neighbour.queue.shift()) {
      if (neighbour.valid) this.send(core, skb, neighbour)
      else this.host.dropSkb(core, skb, Drops.NEIGH_DEAD)
    }
  }

  /** Linux: neigh_invalidate, arp_error_report. */
  private failQueue(core: Core, neighbour: Neighbour): void {
    const failed = new SkBuffList()
    failed.takeAll(neighbour.queue)
    neighbour.queueBytes = 0
    for (let skb = failed.shift(); skb !== null; skb = failed.shift()) {
      icmpSend(core, skb, UNREACHABLE, HOST_UNREACHABLE, 0)
      this.host.dropSkb(core, skb, Drops.NEIGH_FAILED)
    }
  }

  private create(core: Core, dev: NetDevice, address: number): Neighbour | null {
    if (!this.makeRoom(core)) return null
    if (this.host.memory.cache("arp_cache").alloc(core.index) !== 0) return null
    const neighbour = new Neighbour(this, dev, address, core.time)
    this.entries++
    dev.neighbours.set(address, neighbour)
    // Linux: arp_constructor. No question is needed on lo, for groups and for everybody.
    if ((dev.flags & (IFF_LOOPBACK | IFF_NOARP)) !== 0) neighbour.become({ _tag: "NoArp", mac: dev.mac }, core.time)
    else if (address >>> 28 === 14) {
      neighbour.become(
        { _tag: "NoArp", mac: MacAddress.fromHalves(0x0100, 0x5e000000 | (address & 0x7fffff)) },
        core.time
      )
    } else if (isBroadcast(dev, address)) neighbour.become({ _tag: "NoArp", mac: MacAddress.broadcast }, core.time)
    const numbers = this.host.sysctl.numbers
    if (this.entries >= numbers[GC_THRESH1]! && !this.gcTimer.isArmed) {
      this.host.timers.arm(this.gcTimer, core.time + numbers[GC_INTERVAL]! * 1e9, core.index)
    }
    return neighbour
  }

  /** Linux: neigh_alloc. */
  private makeRoom(core: Core): boolean {
    const numbers = this.host.sysctl.numbers
    const count = this.entries + 1
    if (count < numbers[GC_THRESH2]!) return true
    const full = count > numbers[GC_THRESH3]!
    if (full || core.time - this.lastForcedGc > FORCED_GC_GAP) {
      this.lastForcedGc = core.time
      this.collect(core, (neighbour) => isIdle(neighbour))
      if (this.entries + 1 > numbers[GC_THRESH3]!) {
        this.overflows++
        return false
      }
    }
    return true
  }

  private collect(core: Core, test: (neighbour: Neighbour) => boolean): void {
    for (const net of this.host.netns) {
      for (const dev of net.devices) {
        for (const neighbour of dev.neighbours.values()) {
          if (test(neighbour)) this.forget(core, neighbour, Drops.NEIGH_DEAD)
        }
      }
    }
  }

  /** Periodic collection: failed entries, and those unused for gc_stale_time. Linux: neigh_periodic_work */
  lender(): Schedulable {
    return this.host.init.actor
  }

  expire(core: Core): void {
    const now = core.time
    const numbers = this.host.sysctl.numbers
    if (this.entries >= numbers[GC_THRESH1]!) {
      this.collect(
        core,
        (entry) => isIdle(entry) && (entry.state._tag === "Failed" || now > entry.usedAt + entry.dev.neigh!.gcStale)
      )
    }
    if (this.entries >= numbers[GC_THRESH1]!) {
      this.host.timers.arm(this.gcTimer, now + numbers[GC_INTERVAL]! * 1e9, core.index)
    }
  }

  private redraw(now: number): void {
    this.redrawnAt = now
    for (const net of this.host.netns) {
      net.reachable = this.host.randomReachable(net.neighDefault.baseReachable)
      for (const dev of net.devices) {
        if (dev.neigh !== null) dev.reachable = this.host.randomReachable(dev.neigh.baseReachable)
      }
    }
  }
}

/** No timer runs for it, and nobody but the table holds it. */
const isIdle = (neighbour: Neighbour): boolean => !neighbour.timer.isArmed && neighbour.state._tag !== "Permanent"

const isBroadcast = (dev: NetDevice, address: number): boolean =>
  address === -1 || dev.addresses.some((own) => own.broadcast !== 0 && own.broadcast === address)

const timerEvent: Event = { _tag: "Timer" }
const sendEvent: Event = { _tag: "Send" }
const confirmEvent: Event = { _tag: "Confirm" }
/** Refilled for each step; the step does not keep it. */
const timing = { reachable: 0, retrans: 0, delayProbe: 0, ucastProbes: 0, mcastProbes: 0, usedAt: 0 }
