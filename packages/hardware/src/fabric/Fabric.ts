/**
 * What a switch and a router have in common: ports with links, output queues with a limit and ECN marking, forwarding
 * latency. One island actor, one event a frame: an output queue is arithmetic (LinkEnd), there is no transmit-done event.
 *
 *     arrival (last bit) -> frame() -> out(port): mark? -> LinkEnd.send: full? -> event at the next hop
 */
import { Actor, KIND_FRAME } from "@darkfiber/sim/Actor"
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import type { Island } from "@darkfiber/sim/Island"
import { KIND_CABLE, KIND_CARRIER, type LinkEnd, portOf } from "../link/LinkEnd.ts"
import * as Reasons from "../Reasons.ts"
import * as Ecn from "./Ecn.ts"

export interface FabricOptions {
  /** Bytes that may wait in front of each port, the frame on the wire included; `Infinity` leaves the link's own limit. */
  readonly queueLimit: number
  /** Bytes of queue from which on a frame is marked CE; `Infinity` for never. */
  readonly ecnThreshold: number
  /** From a frame's last bit in to its place in the output queue, ns. */
  readonly latency: number
}

/** 512 KiB a port, no marking, no latency. */
export const defaults: FabricOptions = { queueLimit: 524_288, ecnThreshold: Infinity, latency: 0 }

const NS_PER_BYTE = 8_000_000_000
/** Rows of mailbox: a port has one arrival an instant; the rest is room for doubled frames and control. */
const MAILBOX = 65_536

export abstract class Fabric extends Actor {
  readonly slab: FrameSlab
  /** By port number; null where no cable is plugged in. */
  readonly ends: Array<LinkEnd | null>
  /** Frames marked CE, by port. */
  readonly marked: Array<number>
  readonly latency: number
  private readonly options: FabricOptions
  private readonly thresholds: Array<number>

  constructor(island: Island, name: string, options: Partial<FabricOptions>) {
    super(island, name, MAILBOX)
    this.slab = island.world.slab
    this.ends = []
    this.marked = []
    this.options = { ...defaults, ...options }
    this.latency = this.options.latency
    this.thresholds = []
  }

  /** Plugs a cable into the next free port, or into `port`. Returns the port's number. */
  plug(end: LinkEnd, port: number = this.ends.length): number {
    while (this.ends.length <= port) {
      this.ends.push(null)
      this.marked.push(0)
      this.thresholds.push(Infinity)
    }
    if (this.ends[port] !== null) throw new Error(`${this.name}: port ${port} is taken`)
    end.attach(this, port)
    this.ends[port] = end
    if (this.options.queueLimit !== Infinity) end.setQueueLimit(this.options.queueLimit)
    this.thresholds[port] = (this.options.ecnThreshold * NS_PER_BYTE) / end.rate
    return port
  }

  override poll(mailbox: Actor["mailbox"], count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      this.take(mailbox.kind, mailbox.a, mailbox.b, now)
    }
  }

  override takeAlone(kind: number, a: number, b: number, now: number): boolean {
    this.take(kind, a, b, now)
    return true
  }

  private take(kind: number, a: number, b: number, now: number): void {
    if (kind === KIND_FRAME) {
      const port = portOf(b)
      if (this.ends[port]!.receive(a, b)) this.frame(a, port, now)
    } else if (kind === KIND_CARRIER || kind === KIND_CABLE) {
      if (this.ends[a]!.control(kind, b, now)) this.carrierChanged(a, now)
    } else this.own(kind, a, b, now)
  }

  override overflow(kind: number, a: number, _b: number, _now: number): void {
    if (kind !== KIND_FRAME) throw new Error(`${this.name}: its mailbox is full of ${MAILBOX} rows`)
    this.end(a, Reasons.PORT_FIFO)
  }

  override walkFrames(visit: (weight: number) => void): void {
    this.mailbox.forEach((kind) => {
      if (kind === KIND_FRAME) visit(1)
    })
  }

  override abandon(reason: number): void {
    while (this.mailbox.size > 0) {
      this.mailbox.shift()
      if (this.mailbox.kind === KIND_FRAME) this.end(this.mailbox.a, reason)
    }
    for (const end of this.ends) if (end !== null) end.switchOff(this.island.now)
  }

  /** A good frame has come in; it is the fabric's now. */
  protected abstract frame(frame: number, port: number, now: number): void

  protected abstract carrierChanged(port: number, now: number): void

  /** An event of the subclass's own kind. */
  protected own(_kind: number, _a: number, _b: number, _now: number): void {}

  /** True when frames can go out of `port`. */
  protected isUp(port: number): boolean {
    const end = this.ends[port]
    return end !== null && end !== undefined && end.carrier
  }

  /** Puts a frame into the output queue of `port`. Precondition: a cable is plugged in. */
  protected out(frame: number, port: number, now: number): void {
    const end = this.ends[port]!
    const at = now + this.latency
    if (end.freeAt - at > this.thresholds[port]!) {
      const slab = this.slab
      const start = slab.start[frame]!
      if (Ecn.mark(slab.bytes, start, start + slab.length[frame]!)) this.marked[port] = this.marked[port]! + 1
    }
    end.send(frame, at)
  }

  /** Drops a frame. */
  protected end(frame: number, reason: number): void {
    this.island.dropFrame(reason, 1)
    this.slab.free(frame)
  }
}
