/**
 * What simulated work costs, in nanoseconds of a core: named knobs, and the cost of each kernel function (trace point).
 *
 * Defaults: context switch 4 us, system call 0.2 us, hard IRQ 1 us, copy 10 GB/s, checksum 25 GB/s, one step of the port
 * search 88.5 ns (2,500 us for an exhausted range of 28,233 ports of 3.10). The trace points' own defaults add up to about
 * 1.5 us a packet on either way. A knob in ns sets the cost of every trace point that names it (`TracePoint.define`). The
 * figures come from measurements that docs/SOURCES.md lists.
 */
import * as TracePoint from "@darkfiber/sim/TracePoint"

export interface Knobs {
  /** Process or thread switch, ns. */
  readonly contextSwitch: number
  /** Entry and exit of a system call, ns. */
  readonly syscall: number
  /** Hard IRQ handler of a NIC vector, ns. */
  readonly hardIrq: number
  /** Entry of a soft IRQ: what it takes to get into the vector's action, ns. */
  readonly softIrq: number
  /** Bytes copied a microsecond: 10,000 is 10 GB/s. */
  readonly copyBytesPerUs: number
  /** Bytes summed a microsecond by a checksum in software. */
  readonly checksumBytesPerUs: number
  /** One port looked at by the search of connect and bind of 3.10, in thousandths of a ns. */
  readonly portSearchPs: number
  /** The same of 6.x, odd and even ports apart. */
  readonly portParityPs: number
  /** A port on which a TIME_WAIT sock has to be looked at, on top (6.x). */
  readonly portTimeWaitPs: number
  /** Waking a task up, ns. */
  readonly wakeup: number
  /** One descriptor looked at by select or poll, ns. */
  readonly pollDescriptor: number
}

/** Name, unit and range of every knob: for a configuration's schema and for messages. */
export const knobs: Readonly<Record<keyof Knobs, { readonly unit: string; readonly most: number }>> = {
  contextSwitch: { unit: "ns", most: 1_000_000 },
  syscall: { unit: "ns", most: 1_000_000 },
  hardIrq: { unit: "ns", most: 1_000_000 },
  softIrq: { unit: "ns", most: 1_000_000 },
  copyBytesPerUs: { unit: "bytes/us", most: 1_000_000_000 },
  checksumBytesPerUs: { unit: "bytes/us", most: 1_000_000_000 },
  portSearchPs: { unit: "ps", most: 1_000_000_000 },
  portParityPs: { unit: "ps", most: 1_000_000_000 },
  portTimeWaitPs: { unit: "ps", most: 1_000_000_000 },
  wakeup: { unit: "ns", most: 1_000_000 },
  pollDescriptor: { unit: "ns", most: 1_000_000 }
}

export const defaultKnobs: Knobs = {
  contextSwitch: 4000,
  syscall: 200,
  hardIrq: 1000,
  softIrq: 200,
  copyBytesPerUs: 10_000,
  checksumBytesPerUs: 25_000,
  portSearchPs: 88_500,
  portParityPs: 60_000,
  portTimeWaitPs: 155_000,
  wakeup: 100,
  pollDescriptor: 40
}

/**
 * The link is the bottleneck: next to nothing costs anything, but every hand-over at least 1 ns, so that time advances.
 * The same work as in a simulator without a CPU model.
 */
export const benchKnobs: Knobs = {
  contextSwitch: 1,
  syscall: 1,
  hardIrq: 1,
  softIrq: 1,
  copyBytesPerUs: 1_000_000_000,
  checksumBytesPerUs: 1_000_000_000,
  portSearchPs: 1,
  portParityPs: 1,
  portTimeWaitPs: 1,
  wakeup: 1,
  pollDescriptor: 1
}

/** Names of the profiles. */
export const profiles = ["default", "bench"] as const
export type Profile = (typeof profiles)[number]

/** What a step of a port search is. */
export type PortStep = "portSearchPs" | "portParityPs" | "portTimeWaitPs"

/**
 * Longest step of a core, ns: what takes longer is a span. It is charged at the end of a step, so that an interrupt finds
 * its place in it, and what follows it is the next step.
 */
export const STEP_MAX = 5000

export class CostTable {
  readonly profile: Profile
  readonly knobs: Knobs
  /** Cost of each trace point by id, ns: what a core charges on `enter` and `visit`. */
  readonly points: Int32Array

  constructor(profile: Profile, knobValues: Knobs, points: Int32Array) {
    this.profile = profile
    this.knobs = knobValues
    this.points = points
  }

  /** Nanoseconds to copy `bytes`, rounded up. */
  copy(bytes: number): number {
    return Math.ceil((bytes * 1000) / this.knobs.copyBytesPerUs)
  }

  /** Bytes that are copied in `ns`, at least 1. */
  copiedIn(ns: number): number {
    return Math.max(1, Math.floor((ns * this.knobs.copyBytesPerUs) / 1000))
  }

  /** Nanoseconds to sum `bytes`, rounded up. */
  checksum(bytes: number): number {
    return Math.ceil((bytes * 1000) / this.knobs.checksumBytesPerUs)
  }

  /** Nanoseconds for `steps` steps of a port search of that kind, at least 1. */
  portSearch(kind: PortStep, steps: number): number {
    const ns = Math.round((steps * this.knobs[kind]) / 1000)
    return ns < 1 ? 1 : ns
  }
}

/** What is wrong with overrides: unknown names and values out of range, in words. */
export interface Refused {
  readonly faults: ReadonlyArray<string>
}

/**
 * The table of a profile with overrides by name: knobs, and trace points as `point.<function>`. Call it when all packages
 * have defined their points.
 */
export const make = (profile: Profile, overrides: Readonly<Record<string, number>> = {}): CostTable | Refused => {
  const faults: Array<string> = []
  const knobValues: Record<string, number> = { ...(profile === "bench" ? benchKnobs : defaultKnobs) }
  const { costs } = TracePoint.costTable()
  if (profile === "bench") for (let id = 0; id < costs.length; id++) costs[id] = costs[id]! > 0 ? 1 : 0
  const entries = Object.entries(overrides)
  // A point's own cost stands above its knob's, in whatever order they are given.
  for (const [name, value] of [
    ...entries.filter(([name]) => !isPoint(name)),
    ...entries.filter(([name]) => isPoint(name))
  ]) {
    const fault = apply(name, value, knobValues, costs)
    if (fault !== null) faults.push(fault)
  }
  return faults.length > 0 ? { faults } : new CostTable(profile, knobValues as unknown as Knobs, costs)
}

const POINT = "point."
const POINT_MOST = 1_000_000_000

const isPoint = (name: string): boolean => name.startsWith(POINT)

const apply = (name: string, value: number, into: Record<string, number>, costs: Int32Array): string | null => {
  const ofPoint = isPoint(name)
  const id = ofPoint ? TracePoint.find(name.slice(POINT.length)) : -1
  if (ofPoint ? id < 0 : !Object.hasOwn(knobs, name)) return `there is no cost named ${name}`
  const least = ofPoint ? 0 : 1
  const most = ofPoint ? POINT_MOST : knobs[name as keyof Knobs].most
  if (!Number.isInteger(value) || value < least || value > most) {
    return `${name} is a whole number from ${least} to ${most}, not ${value}`
  }
  if (ofPoint) {
    costs[id] = value
    return null
  }
  into[name] = value
  for (let point = 0; point < costs.length; point++) if (TracePoint.knobOf(point) === name) costs[point] = value
  return null
}
