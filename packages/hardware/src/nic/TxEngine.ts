/**
 * The transmit side of a NIC: takes one packet at a time, queue by queue in turn, when the wire is free.
 *
 *     doorbell -> ring q -> start: gather, cut, send at max(doorbell, wire free) -> last bit: completion
 *
 * It needs one event a packet, the end of its last bit, and none while the queue's vector is masked and nothing waits.
 */
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import * as DropReason from "@darkfiber/sim/DropReason"
import type { Island } from "@darkfiber/sim/Island"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import type { LinkEnd } from "../link/LinkEnd.ts"
import type { TxPacket } from "./Descriptors.ts"
import type { NicCounters } from "./NicCounters.ts"
import type { NicOptions } from "./NicOptions.ts"
import { packetLength, segmentCount, Segmenter } from "./Tso.ts"
import { TxRing } from "./TxRing.ts"

const FCS = 4

/** What the engine needs of its card. */
export interface TxHost {
  readonly name: string
  readonly island: Island
  readonly link: LinkEnd | null
  readonly counters: NicCounters
  isMasked(q: number): boolean
  /** `count` completions of queue `q` at `at`. */
  cause(q: number, count: number, at: number): void
  /** Calls `run` at `at`. */
  engineAt(at: number): void
}

export class TxEngine {
  rings: Array<TxRing>
  private readonly host: TxHost
  private readonly slab: FrameSlab
  private readonly segmenter: Segmenter
  /** Packets posted and not started, over all queues. */
  private waiting: number
  private busyUntil: number
  private timerAt: number
  private nextQueue: number

  constructor(host: TxHost, options: NicOptions) {
    const world = host.island.world
    this.rings = Array.from({ length: options.txQueues }, () => new TxRing(options.txRing))
    this.host = host
    this.slab = world.slab
    this.segmenter = new Segmenter(world.slab, world.pages, options.checksums === "filled")
    this.waiting = 0
    this.busyUntil = 0
    this.timerAt = Infinity
    this.nextQueue = 0
  }

  /** Other rings. Precondition: nothing is in the old ones. */
  replace(count: number, size: number): void {
    if (this.waiting > 0) throw new Error("transmit rings were replaced with packets in them")
    this.rings = Array.from({ length: count }, () => new TxRing(size))
    this.nextQueue = 0
  }

  post(q: number, packet: TxPacket, at: number): void {
    if (packet.segments !== segmentCount(packet)) {
      throw new Error(`${this.host.name}: ${packet.segments} segments stated, ${segmentCount(packet)} to cut`)
    }
    this.rings[q]!.post(packet, at)
    this.waiting++
    if (this.busyUntil <= at && this.waiting === 1) {
      this.armForCompletion(q, this.start(q, at))
    } else this.arm(this.busyUntil > at ? this.busyUntil : at)
  }

  /** Vector `q` has been unmasked at `at`: its completions cause an interrupt, now or when the last bit has left. */
  unmasked(q: number, at: number): void {
    const ring = this.rings[q]
    if (ring === undefined) return
    const done = ring.nextDone()
    if (done <= at) {
      ring.unreported(at)
      this.host.cause(q, 1, at)
    } else if (done !== Infinity) this.arm(done)
  }

  /** Drops what has not been started with `reason`; every packet is done at `at`. */
  clear(reason: number, at: number): void {
    for (const ring of this.rings) {
      while (ring.waiting > 0) {
        this.dropPacket(ring.peek(), reason)
        ring.start(at)
        this.waiting--
      }
    }
  }

  /** Reports what is done by `now` and starts what the free wire can take. */
  run(now: number): void {
    if (this.timerAt <= now) this.timerAt = Infinity
    for (let q = 0; q < this.rings.length; q++) {
      const done = this.rings[q]!.unreported(now)
      if (done > 0) this.host.cause(q, done, now)
    }
    while (this.waiting > 0) {
      if (this.busyUntil > now) {
        this.arm(this.busyUntil)
        return
      }
      const q = this.choose(now)
      const postedAt = this.rings[q]!.peek().postedAt
      const end = this.start(q, postedAt > this.busyUntil ? postedAt : this.busyUntil)
      this.armForCompletion(q, end > now ? end : now)
    }
  }

  /** The next queue in turn whose packet has been posted by `now`; failing that the one posted first. */
  private choose(now: number): number {
    const queues = this.rings.length
    let best = 0
    let bestAt = Infinity
    for (let i = 0; i < queues; i++) {
      const q = (this.nextQueue + i) % queues
      const ring = this.rings[q]!
      if (ring.waiting === 0) continue
      const at = ring.peek().postedAt
      if (at <= now) return q
      if (at < bestAt) {
        bestAt = at
        best = q
      }
    }
    return best
  }

  /** Puts the next packet of ring `q` on the wire from `at` on. Returns when it is done. */
  private start(q: number, at: number): number {
    const ring = this.rings[q]!
    const packet = ring.peek()
    const link = this.host.link
    this.waiting--
    this.nextQueue = q + 1 === this.rings.length ? 0 : q + 1
    if (link === null || !link.carrier) {
      this.host.counters.txCarrierErrors += packet.segments // no cable in the port, or no light in it
      this.dropPacket(packet, DropReason.LINK_DOWN)
      ring.start(at)
      return at
    }
    const segmenter = this.segmenter
    let bytes = packetLength(packet)
    let end = at
    if (link.isDark()) this.host.counters.txCarrierErrors += packet.segments
    this.countCast(packet)
    if (packet.gsoSize === 0) end = link.send(segmenter.whole(packet), at)
    else {
      segmenter.cut(packet)
      for (let frame = segmenter.next(); frame >= 0; frame = segmenter.next()) end = link.send(frame, at)
      bytes += (packet.segments - 1) * packet.headerLength
      this.host.counters.txTcpSegGood++
    }
    ring.packets += packet.segments
    ring.bytes += bytes
    this.host.counters.txPackets += packet.segments
    this.host.counters.txBytes += bytes + packet.segments * FCS
    this.busyUntil = end
    ring.start(end)
    return end
  }

  private countCast(packet: TxPacket): void {
    const bytes = this.slab.bytes
    if (!MacAddress.isMulticastAt(bytes, packet.headAt)) return
    if (MacAddress.isBroadcastAt(bytes, packet.headAt)) this.host.counters.txBroadcast++
    else this.host.counters.txMulticast++
  }

  private dropPacket(packet: TxPacket, reason: number): void {
    this.host.island.dropFrame(reason, packet.segments)
    if (packet.giveAway && packet.fragCount === 0) this.slab.free(packet.frame)
  }

  /** For the packet just started, done at `end`: those before it have been reported, or have an event of their own. */
  private armForCompletion(q: number, end: number): void {
    if (!this.host.isMasked(q)) this.arm(end)
  }

  private arm(at: number): void {
    if (at >= this.timerAt) return
    this.timerAt = at
    this.host.engineAt(at)
  }
}
