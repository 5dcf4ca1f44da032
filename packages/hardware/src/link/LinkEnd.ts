/**
 * One end of a link: the transmitter of one direction, and what this end hears of the other.
 *
 *     send(frame, now)
 *        start = max(now, freeAt)      freeAt = start + bits / rate      arrival = freeAt + delay
 *     ----|==== earlier frames ====|== this frame ==|- - - - delay - - - ->  event at the peer
 *        now                     start            freeAt                   arrival
 *
 * The queue in front of the wire is arithmetic: what has been sent and has not left yet is `freeAt - now`. There is one
 * event per frame, at the peer, when its last bit arrives.
 *
 * A direction goes dark when its cable is severed or its transmitter is off. Frames whose last bit has left by then
 * arrive; the others are dropped by the far end, which sees the carrier change one delay later. The events carry the
 * direction's generation above the port number (`b = port + generation * 65536`), so that frames of before a cut are
 * known after the light is back.
 */
import { KIND_FRAME, KIND_OWN, type Schedulable } from "@darkfiber/sim/Actor"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Fault from "@darkfiber/sim/Fault"
import { FCS_BAD } from "@darkfiber/sim/FrameSlab"
import type { Island } from "@darkfiber/sim/Island"
import type { RandomStream } from "@darkfiber/sim/Random"
import type { World } from "@darkfiber/sim/World"
import * as Reasons from "../Reasons.ts"
import { fillChecksums } from "./FillChecksums.ts"
import { LinkCounters } from "./LinkCounters.ts"

/** The carrier changed: `a` is the port, `b` is `generation * 2 + up`. */
export const KIND_CARRIER: number = KIND_OWN
/** Something is done to the cable at this end: `a` is the port, `b` a CABLE_* constant. */
export const KIND_CABLE: number = KIND_OWN + 1
/** First kind that an actor with ports may use for itself. */
export const KIND_PORT_OWN: number = KIND_OWN + 8

/** The cable of this end's direction is cut. */
export const CABLE_SEVER = 0
/** The cable is whole again. */
export const CABLE_MEND = 1
/** The transmitter is switched off: the port is down. */
export const CABLE_DARK = 2
/** The transmitter is switched on. */
export const CABLE_LIT = 3

/** Sees each frame on a link. May change nothing. */
export interface LinkTap {
  /**
   * A frame leaves `end`; its bytes are readable during the call.
   *
   * @param time when its last bit leaves, at or after the time of the call; ascending for one end
   */
  frame(end: LinkEnd, time: number, frame: number): void
}

/** What a link's port number part of an event's `b` is. */
export const portOf = (b: number): number => b & 0xffff

const PORT_SPAN = 65_536
const GENERATIONS = 32_768
const NS_PER_BYTE = 8_000_000_000
const MIN_FRAME = 60

export class LinkEnd {
  readonly world: World
  readonly name: string
  readonly counters: LinkCounters
  /** The actor it is plugged into, its island and its port there. */
  owner: Schedulable | null
  port: number
  /** The other end. Set by the link. */
  peer: LinkEnd
  /** When the wire is free for the next frame. */
  freeAt: number
  /** Bits per second. */
  rate: number
  /** Propagation in ns, at least 1. */
  readonly delay: number
  /** Bytes a frame takes on the wire beyond its own; 0 also leaves short frames unpadded. */
  readonly overhead: number
  /** True while light arrives from the peer. */
  carrier: boolean
  readonly taps: Array<LinkTap>

  private limitBytes: number
  private limitNs: number
  private loss: number
  private lossStream: RandomStream | null
  private faults: Fault.FaultChain | null
  private lit: boolean
  private severed: boolean
  private dark: boolean
  private txGeneration: number
  private rxGeneration: number
  private plain: boolean
  private island: Island | null
  private peerIsland: Island | null
  private peerSlot: number
  private peerWord: number
  private keyBase: number
  private sequence: number

  constructor(world: World, name: string, rate: number, delay: number, overhead: number) {
    if (!(rate > 0)) throw new Error(`${name}: a link needs a rate above 0 bit/s, not ${rate}`)
    if (!Number.isInteger(delay)) throw new Error(`${name}: a link's delay is a whole number of ns, not ${delay}`)
    this.world = world
    this.name = name
    this.counters = new LinkCounters()
    this.owner = null
    this.port = 0
    this.peer = this
    this.freeAt = 0
    this.rate = rate
    this.delay = delay
    this.overhead = overhead
    this.carrier = true
    this.taps = []
    this.limitBytes = Infinity
    this.limitNs = Infinity
    this.loss = 0
    this.lossStream = null
    this.faults = null
    this.lit = true
    this.severed = false
    this.dark = false
    this.txGeneration = 0
    this.rxGeneration = 0
    this.plain = false
    this.island = null
    this.peerIsland = null
    this.peerSlot = -1
    this.peerWord = 0
    this.keyBase = 0
    this.sequence = 0
    world.linkDelay(delay)
  }

  /**
   * Plugs this end into `port` of an actor. Frames then arrive there as KIND_FRAME events. After the crash of its owner an
   * end is plugged into the next one, which sees the light that is there.
   */
  attach(owner: Schedulable, port: number): void {
    const before = this.owner
    if (before !== null && before.alive) throw new Error(`${this.name} is already plugged into ${before.name}`)
    if (port < 0 || port >= PORT_SPAN) throw new Error(`${this.name}: port ${port} is not below ${PORT_SPAN}`)
    this.owner = owner
    this.port = port
    this.island = owner.island
    const peer = this.peer
    peer.peerIsland = owner.island
    peer.peerSlot = owner.slot
    peer.peerWord = port + peer.txGeneration * PORT_SPAN
    peer.keyBase = owner.island.newKeyBase()
    peer.choosePath()
    this.carrier = !peer.dark
    this.rxGeneration = peer.txGeneration
  }

  // ---- sending ----

  /** Nanoseconds that `length` bytes of frame take on the wire. */
  serialization(length: number): number {
    const overhead = this.overhead
    const bytes = overhead === 0 ? length : (length < MIN_FRAME ? MIN_FRAME : length) + overhead
    return Math.ceil((bytes * NS_PER_BYTE) / this.rate)
  }

  /** Nanoseconds of frames that wait in front of the wire or are on their way into it. */
  backlog(now: number): number {
    return this.freeAt > now ? this.freeAt - now : 0
  }

  /** The same in bytes, overhead included. */
  backlogBytes(now: number): number {
    return Math.floor((this.backlog(now) * this.rate) / NS_PER_BYTE)
  }

  /** Bounds the queue in front of the wire, in bytes with overhead, the frame on the wire included. */
  setQueueLimit(bytes: number): void {
    this.limitBytes = bytes
    this.limitNs = (bytes * NS_PER_BYTE) / this.rate
  }

  /** Another rate for the frames to come. */
  setRate(rate: number): void {
    if (!(rate > 0)) throw new Error(`${this.name}: a link needs a rate above 0 bit/s, not ${rate}`)
    this.rate = rate
    this.setQueueLimit(this.limitBytes)
  }

  /**
   * Sends a frame, which then belongs to the wire. Times of calls must not decrease.
   *
   * @returns when its last bit leaves, or -1 when the queue was full and the frame is gone
   */
  send(frame: number, now: number): number {
    const length = this.world.slab.length[frame]!
    const time = this.serialization(length)
    const start = this.freeAt > now ? this.freeAt : now
    const end = start + time
    const counters = this.counters
    if (end - now > this.limitNs) {
      counters.txQueueFull++
      this.drop(frame, Reasons.PORT_QUEUE_FULL)
      return -1
    }
    if (start - now > counters.maxBacklog) counters.maxBacklog = start - now
    this.freeAt = end
    counters.busy += time
    counters.txFrames++
    counters.txBytes += length
    if (this.plain) this.push(end + this.delay, frame)
    else this.sendSpecial(frame, end)
    return end
  }

  private push(arrival: number, frame: number): void {
    this.peerIsland!.push(arrival, this.keyBase + this.sequence++, this.peerSlot, KIND_FRAME, frame, this.peerWord)
  }

  private sendSpecial(frame: number, end: number): void {
    const counters = this.counters
    if (this.peerIsland === null || this.dark) {
      counters.txDark++
      this.drop(frame, DropReason.LINK_DOWN)
      return
    }
    for (let i = 0; i < this.taps.length; i++) this.taps[i]!.frame(this, end, frame)
    if (this.loss > 0 && this.lossStream!.chance(this.loss)) {
      counters.txLost++
      this.drop(frame, Reasons.LINK_LOSS)
      return
    }
    if (this.faults === null) this.push(end + this.delay, frame)
    else this.sendJudged(frame, end, this.faults)
  }

  private sendJudged(frame: number, end: number, faults: Fault.FaultChain): void {
    const counters = this.counters
    const slab = this.world.slab
    const verdict = faults.judge(end, frame, slab)
    if ((verdict & Fault.DROP) !== 0) {
      counters.txFaulted++
      this.drop(frame, DropReason.FAULT)
      return
    }
    if ((verdict & (Fault.CORRUPT_FCS | Fault.CORRUPT_PAYLOAD)) !== 0) {
      counters.txFaulted++
      fillChecksums(slab, frame)
      Fault.damage(slab, frame, verdict, faults.bit)
    }
    const arrival = end + this.delay + ((verdict & Fault.DELAY) === 0 ? 0 : faults.delay)
    this.push(arrival, frame)
    if ((verdict & Fault.DUPLICATE) === 0) return
    for (let i = 0; i < faults.copies; i++) {
      counters.txDuplicated++
      this.island!.ledger.created++
      this.push(arrival, slab.copy(frame))
    }
  }

  private drop(frame: number, reason: number): void {
    this.island!.dropFrame(reason, 1)
    this.world.slab.free(frame)
  }

  // ---- receiving ----

  /**
   * For the owner, about a frame that has arrived: counts it.
   *
   * @param b the event's `b`
   * @returns false when the frame has ended here, because a cut took it or its check sequence is wrong
   */
  receive(frame: number, b: number): boolean {
    const counters = this.counters
    const slab = this.world.slab
    if (!this.carrier || b >>> 16 !== this.rxGeneration) {
      counters.rxCut++
      this.drop(frame, DropReason.LINK_DOWN)
      return false
    }
    if ((slab.flags[frame]! & FCS_BAD) !== 0) {
      counters.rxCrcErrors++
      this.drop(frame, Reasons.CRC_ERROR)
      return false
    }
    counters.rxFrames++
    counters.rxBytes += slab.length[frame]!
    return true
  }

  /**
   * For the owner, about a KIND_CARRIER or KIND_CABLE event of this port.
   *
   * @returns true when `carrier` has changed
   */
  control(kind: number, b: number, now: number): boolean {
    if (kind === KIND_CABLE) {
      if (b === CABLE_SEVER) this.sever(now)
      else if (b === CABLE_MEND) this.mend(now)
      else if (b === CABLE_DARK) this.switchOff(now)
      else this.switchOn(now)
      return false
    }
    const up = (b & 1) === 1
    this.rxGeneration = b >> 1
    if (this.carrier === up) return false
    this.carrier = up
    this.counters.carrierChanges++
    return true
  }

  // ---- light ----

  /** Cuts the cable of this end's direction at `now`. */
  sever(now: number): void {
    this.severed = true
    this.relight(now)
  }

  mend(now: number): void {
    this.severed = false
    this.relight(now)
  }

  /** Switches this end's transmitter off: the port goes down, or its host has crashed. */
  switchOff(now: number): void {
    this.lit = false
    this.relight(now)
  }

  switchOn(now: number): void {
    this.lit = true
    this.relight(now)
  }

  /** True while this end sends no light, for whatever reason. */
  isDark(): boolean {
    return this.dark
  }

  private relight(now: number): void {
    const dark = this.severed || !this.lit
    if (dark === this.dark) return
    this.dark = dark
    if (dark) {
      this.txGeneration = (this.txGeneration + 1) % GENERATIONS
      this.peerWord = this.peer.port + this.txGeneration * PORT_SPAN
      if (this.freeAt > now) {
        this.counters.busy -= this.freeAt - now
        this.freeAt = now
      }
    }
    this.choosePath()
    const peerIsland = this.peerIsland
    if (peerIsland === null) return
    const word = this.txGeneration * 2 + (dark ? 0 : 1)
    const key = this.keyBase + this.sequence++
    peerIsland.push(now + this.delay, key, this.peerSlot, KIND_CARRIER, this.peer.port, word)
  }

  // ---- what happens on the wire ----

  /** Loses each frame with probability `loss`, drawn from this direction's own stream. */
  setLoss(loss: number): void {
    if (!(loss >= 0 && loss <= 1)) throw new Error(`${this.name}: a probability is between 0 and 1, not ${loss}`)
    this.loss = loss
    if (loss > 0) this.lossStream ??= this.world.stream(`${this.name}/loss`)
    this.choosePath()
  }

  /** The fault rules of this direction, whose name in rules is this end's; null for none. */
  setFaults(faults: Fault.FaultChain | null): void {
    this.faults = faults !== null && faults.isActive ? faults : null
    this.choosePath()
  }

  addTap(tap: LinkTap): void {
    this.taps.push(tap)
    this.choosePath()
  }

  private choosePath(): void {
    this.plain =
      this.peerIsland !== null && !this.dark && this.loss === 0 && this.faults === null && this.taps.length === 0
  }
}
