/**
 * A link between two {@link SimpleHost}s that can lose, duplicate, reorder and damage what it carries. A frame is a TCP
 * header with payload; the IP header's part of it are the two address fields.
 */
import type { RandomStream } from "@darkfiber/sim/Random"
import type { SimpleClock } from "./SimpleClock.ts"

/** What a link ends in. */
export interface LinkEnd {
  /** Int32. */
  readonly address: number
  link: SimpleLink | null
  /** Must not keep the frame. */
  receive(frame: SimpleFrame): void
}

export interface LinkOptions {
  /** Nanoseconds one way. */
  readonly delay: number
  /** Bits a second; 0 for without limit. */
  readonly rate: number
  /** Full frames (1500 bytes) whose time a frame may wait; what had to wait longer is dropped, a small frame as a large one. */
  readonly queue: number
  /** Probabilities for each frame. */
  readonly loss: number
  readonly duplicate: number
  readonly corrupt: number
  /** Of being held back by up to `reorderDelay` ns. */
  readonly reorder: number
  readonly reorderDelay: number
}

export const goodLink: LinkOptions = {
  delay: 1_000_000,
  rate: 0,
  queue: 1000,
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderDelay: 0
}

/** A frame of 1500 bytes with what Ethernet puts around it. */
const FULL_FRAME_BITS = 1538 * 8

/** One TCP segment on its way; pooled. */
export class SimpleFrame {
  bytes: Uint8Array
  length: number
  source: number
  destination: number
  /** ECN bits of the IP header. */
  ecn: number
  private readonly link: SimpleLink

  constructor(link: SimpleLink) {
    this.bytes = new Uint8Array(2048)
    this.length = 0
    this.source = 0
    this.destination = 0
    this.ecn = 0
    this.link = link
  }

  run(): void {
    this.link.arrive(this)
  }
}

export class SimpleLink {
  readonly clock: SimpleClock
  options: LinkOptions
  /** Sees each frame as it is sent; may return true to have it lost. */
  filter: ((frame: SimpleFrame, now: number) => boolean) | null
  /** Frames given to the link, dropped by it, doubled by it, brought to an end. */
  sent: number
  lost: number
  duplicated: number
  arrived: number
  private readonly ends: Array<LinkEnd>
  private readonly random: RandomStream
  private readonly free: Array<SimpleFrame>
  private readonly freeAt: Array<number>

  constructor(clock: SimpleClock, random: RandomStream, options: LinkOptions) {
    this.clock = clock
    this.options = options
    this.filter = null
    this.sent = 0
    this.lost = 0
    this.duplicated = 0
    this.arrived = 0
    this.ends = []
    this.random = random
    this.free = []
    this.freeAt = []
  }

  attach(host: LinkEnd): void {
    this.ends.push(host)
    this.freeAt.push(0)
    host.link = this
  }

  frame(): SimpleFrame {
    return this.free.pop() ?? new SimpleFrame(this)
  }

  /** Takes the frame. */
  send(frame: SimpleFrame): void {
    this.sent++
    const options = this.options
    const side = this.ends[0]!.address === frame.source ? 0 : 1
    if ((this.filter !== null && this.filter(frame, this.clock.now)) || this.random.chance(options.loss)) {
      this.drop(frame)
      return
    }
    let at = this.clock.now
    if (options.rate > 0) {
      const time = Math.ceil(((frame.length + 58) * 8e9) / options.rate)
      const start = Math.max(at, this.freeAt[side]!)
      if (start - at > (options.queue * FULL_FRAME_BITS * 1e9) / options.rate) {
        this.drop(frame)
        return
      }
      this.freeAt[side] = start + time
      at = start + time
    }
    if (options.duplicate > 0 && this.random.chance(options.duplicate))
      this.clock.at(at + options.delay, this.copy(frame))
    if (options.corrupt > 0 && this.random.chance(options.corrupt)) {
      const index = this.random.below(frame.length)
      frame.bytes[index] = frame.bytes[index]! ^ (1 << this.random.below(8))
    }
    at += options.delay
    if (options.reorder > 0 && this.random.chance(options.reorder)) at += this.random.below(options.reorderDelay + 1)
    this.clock.at(at, frame)
  }

  arrive(frame: SimpleFrame): void {
    this.arrived++
    for (const host of this.ends) if (host.address === frame.destination) host.receive(frame)
    this.free.push(frame)
  }

  private copy(frame: SimpleFrame): SimpleFrame {
    this.duplicated++
    const copy = this.frame()
    copy.bytes.set(frame.bytes.subarray(0, frame.length))
    copy.length = frame.length
    copy.source = frame.source
    copy.destination = frame.destination
    copy.ecn = frame.ecn
    return copy
  }

  private drop(frame: SimpleFrame): void {
    this.lost++
    this.free.push(frame)
  }
}
