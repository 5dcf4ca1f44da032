/**
 * A full-duplex link between two ports: two independent directions, each with its rate, delay, queue limit, loss and
 * faults. See LinkEnd.ts for how a frame crosses it.
 */
import type { World } from "@darkfiber/sim/World"
import { CABLE_MEND, CABLE_SEVER, KIND_CABLE, type LinkTap, LinkEnd } from "./LinkEnd.ts"

export interface DirectionOptions {
  /** Bits per second. */
  readonly rate: number
  /** Propagation in ns, at least 1. */
  readonly delay: number
  /** Probability that a frame is lost on the wire. */
  readonly loss: number
  /** Bytes that may wait in front of the wire, the frame on it included; `Infinity` for a NIC, which keeps its own ring. */
  readonly queueLimit: number
}

export interface LinkOptions extends DirectionOptions {
  /** Bytes on the wire beyond the frame's own; with 0 short frames are not padded either. */
  readonly overhead: number
  /** What is different from `b` to `a`. */
  readonly back: Partial<DirectionOptions>
}

/** Bytes of preamble, gap and frame check sequence (IEEE 802.3). */
export const ETHERNET_OVERHEAD = 24

/** 10 Gbit/s over 100 m of fiber. */
export const defaults: LinkOptions = {
  rate: 10_000_000_000,
  delay: 500,
  loss: 0,
  queueLimit: Infinity,
  overhead: ETHERNET_OVERHEAD,
  back: {}
}

export class Link {
  readonly world: World
  readonly name: string
  readonly a: LinkEnd
  readonly b: LinkEnd

  constructor(world: World, name: string, options: Partial<LinkOptions> = {}) {
    const there: LinkOptions = { ...defaults, ...options }
    const back: DirectionOptions = { ...there, ...there.back }
    this.world = world
    this.name = name
    this.a = new LinkEnd(world, `${name}/a`, there.rate, there.delay, there.overhead)
    this.b = new LinkEnd(world, `${name}/b`, back.rate, back.delay, there.overhead)
    this.a.peer = this.b
    this.b.peer = this.a
    this.a.setQueueLimit(there.queueLimit)
    this.b.setQueueLimit(back.queueLimit)
    this.a.setLoss(there.loss)
    this.b.setLoss(back.loss)
  }

  /** Watches both directions. */
  addTap(tap: LinkTap): void {
    this.a.addTap(tap)
    this.b.addTap(tap)
  }

  /** Cuts both directions at `time`, which may be any time not before the run's present. */
  cutAt(time: number): void {
    cableAt(this.a, time, CABLE_SEVER)
    cableAt(this.b, time, CABLE_SEVER)
  }

  mendAt(time: number): void {
    cableAt(this.a, time, CABLE_MEND)
    cableAt(this.b, time, CABLE_MEND)
  }
}

/** Does CABLE_* to the direction that starts at `end`, at `time`: one direction alone is a half-broken cable. */
export const cableAt = (end: LinkEnd, time: number, what: number): void => {
  if (end.owner === null) throw new Error(`${end.name} is not plugged in`)
  end.owner.island.input(time, end.owner.slot, KIND_CABLE, end.port, what)
}
