/**
 * What simulated work costs, in nanoseconds of a core: named knobs, and the cost of each kernel function (trace point).
 *
 * Defaults: context switch 4 us, system call 0.2 us, hard IRQ 1 us, copy 10 GB/s, one step of the port search 88.5 ns
 * (2,500 us for an exhausted range of 28,233 ports). The trace points' own defaults add up to about 1.5 us a packet on
 * either way. All of them are knobs; the figures come from measurements that docs/SOURCES.md lists.
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
  /** One port looked at by the search of connect and bind, in thousandths of a ns. */
  readonly portSearchPs: number
  /** Waking a task up, ns. */
  readonly wakeup: number
  /** An inter-processor interrupt, ns. */
  readonly ipi: number
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
  portSearchPs: { unit: "ps", most: 1_000_000_000 },
  wakeup: { unit: "ns", most: 1_000_000 },
  ipi: { unit: "ns", most: 1_000_000 },
  pollDescriptor: { unit: "ns", most: 1_000_000 }
}

export const defaultKnobs: Knobs = {
  contextSwitch: 4000,
  syscall: 200,
  hardIrq: 1000,
  softIrq: 200,
  copyBytesPerUs: 10_000,
  portSearchPs: 88_500,
  wakeup: 100,
  ipi: 500,
  pollDescriptor: 100
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
  portSearchPs: 1,
  wakeup: 1,
  ipi: 1,
  pollDescriptor: 1
}

/** Names of the profiles. */
export const profiles = ["default", "bench"] as const
export type Profile = (typeof profiles)[number]

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

  /** Nanoseconds for `steps` steps of a port search, at least 1. */
  portSearch(steps: number): number {
    const ns = Math.round((steps * this.knobs.portSearchPs) / 1000)
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
  for (const [name, value] of Object.entries(overrides)) {
    const fault = apply(name, value, knobValues, costs)
    if (fault !== null) faults.push(fault)
  }
  return faults.length > 0 ? { faults } : new CostTable(profile, knobValues as unknown as Knobs, costs)
}

const POINT = "point."
const POINT_MOST = 1_000_000_000

const apply = (name: string, value: number, into: Record<string, number>, costs: Int32Array): string | null => {
  const isPoint = name.startsWith(POINT)
  const id = isPoint ? TracePoint.find(name.slice(POINT.length)) : -1
  if (isPoint ? id < 0 : !Object.hasOwn(knobs, name)) return `there is no cost named ${name}`
  const least = isPoint ? 0 : 1
  const most = isPoint ? POINT_MOST : knobs[name as keyof Knobs].most
  if (!Number.isInteger(value) || value < least || value > most) {
    return `${name} is a whole number from ${least} to ${most}, not ${value}`
  }
  if (isPoint) costs[id] = value
  else into[name] = value
  return null
}
