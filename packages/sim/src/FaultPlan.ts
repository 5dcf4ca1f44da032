/**
 * Faults of things: links that go down, directions that are cut, hosts that crash, cores that are slow, each at a time.
 *
 * A plan is plain data, written by hand or drawn from a seed (`swarm`). The layers that own links and hosts carry it
 * out through `FaultTargets`.
 */
import type { Island } from "./Island.ts"
import { RandomStream } from "./Random.ts"
import type { Runtime } from "./Runtime.ts"

/** Times in ns. `direction` names one way of a link, as in `Fault.FaultRule`. */
export type FaultEvent =
  | { readonly _tag: "LinkDown" | "LinkUp"; readonly time: number; readonly link: string }
  | { readonly _tag: "Cut" | "Heal"; readonly time: number; readonly direction: string }
  | { readonly _tag: "CrashHost" | "RestartHost"; readonly time: number; readonly host: string }
  /** Every charge of the core is multiplied by `slowness`; 1 is normal. */
  | {
      readonly _tag: "SlowCore"
      readonly time: number
      readonly host: string
      readonly core: number
      readonly slowness: number
    }

/** In the order of time; equal times in the order given. */
export type FaultPlan = ReadonlyArray<FaultEvent>

/** Who carries a plan out. */
export interface FaultTargets {
  /** The islands that notice the event at its time: both ends of a link, a host. Empty when there is no such target. */
  islandsOf(event: FaultEvent): ReadonlyArray<Island>
  /** Carries the event out on one island, in the process phase of its instant. */
  apply(event: FaultEvent, island: Island, now: number): void
}

/** The target of an event as text, for reports. */
export const targetOf = (event: FaultEvent): string => {
  switch (event._tag) {
    case "LinkDown":
    case "LinkUp":
      return event.link
    case "Cut":
    case "Heal":
      return event.direction
    case "SlowCore":
      return `${event.host}/cpu${event.core}`
    case "CrashHost":
    case "RestartHost":
      return event.host
    default:
      return event satisfies never
  }
}

/**
 * Enters a plan into a run, before the run or between two slices of it.
 *
 * @returns the events that have no target
 */
export const install = (plan: FaultPlan, runtime: Runtime, targets: FaultTargets): ReadonlyArray<FaultEvent> => {
  const missing: Array<FaultEvent> = []
  for (const event of plan) {
    const islands = targets.islandsOf(event)
    if (islands.length === 0) missing.push(event)
    for (const island of islands) {
      runtime.at(island, event.time, `fault/${targetOf(event)}`, (now) => targets.apply(event, island, now))
    }
  }
  return missing
}

export interface SwarmTargets {
  readonly links: ReadonlyArray<string>
  readonly directions: ReadonlyArray<string>
  readonly hosts: ReadonlyArray<string>
  readonly cores: ReadonlyArray<{ readonly host: string; readonly core: number }>
}

export interface SwarmOptions {
  /** Names the random streams. */
  readonly id: string
  /** Faults begin in `from` … `until` and are over by `until`, ns. */
  readonly from: number
  readonly until: number
  /** Most faults of one kind. */
  readonly countMax: number
  /** How long one lasts, ns. */
  readonly durationMin: number
  readonly durationMax: number
  readonly slownessMax: number
}

export const swarmDefaults: SwarmOptions = {
  id: "swarm",
  from: 0,
  until: 10_000_000_000,
  countMax: 4,
  durationMin: 1_000_000,
  durationMax: 1_000_000_000,
  slownessMax: 100
}

interface Fault {
  readonly begin: FaultEvent
  readonly end: FaultEvent
}

/**
 * A plan drawn from a seed. Each kind of fault is on or off for a whole plan, since a mixture of everything hides what
 * a few kinds bring out (Groce and others, "Swarm testing", ISSTA 2012). Each fault ends, and a target has one at a time.
 */
export const swarm = (seed: number, targets: SwarmTargets, options: SwarmOptions = swarmDefaults): FaultPlan => {
  const { hosts, links, directions, cores } = targets
  const faults: Array<Fault> = [
    ...draw(seed, "link", links, options, (link, time, end) => ({
      begin: { _tag: "LinkDown", time, link },
      end: { _tag: "LinkUp", time: end, link }
    })),
    ...draw(seed, "cut", directions, options, (direction, time, end) => ({
      begin: { _tag: "Cut", time, direction },
      end: { _tag: "Heal", time: end, direction }
    })),
    ...draw(seed, "crash", hosts, options, (host, time, end) => ({
      begin: { _tag: "CrashHost", time, host },
      end: { _tag: "RestartHost", time: end, host }
    })),
    ...draw(seed, "slow", cores, options, ({ host, core }, time, end, random) => ({
      begin: { _tag: "SlowCore", time, host, core, slowness: random.between(2, Math.max(2, options.slownessMax)) },
      end: { _tag: "SlowCore", time: end, host, core, slowness: 1 }
    }))
  ]
  return faults.flatMap((fault) => [fault.begin, fault.end]).toSorted((left, right) => left.time - right.time)
}

const draw = <A>(
  seed: number,
  kind: string,
  targets: ReadonlyArray<A>,
  options: SwarmOptions,
  make: (target: A, time: number, end: number, random: RandomStream) => Fault
): ReadonlyArray<Fault> => {
  const random = new RandomStream(seed, `fault/${options.id}/${kind}`)
  const isOn = random.chance(0.5)
  const count = random.between(1, Math.max(1, options.countMax))
  const span = options.until - options.from
  if (!isOn || targets.length === 0 || span < 2) return []
  const busy = new Map<number, Array<readonly [number, number]>>()
  const faults: Array<Fault> = []
  for (let i = 0; i < count; i++) {
    const index = random.below(targets.length)
    const longest = options.durationMax - options.durationMin
    const duration = Math.min(options.durationMin + Math.floor(random.unit() * (longest + 1)), span - 1)
    const time = options.from + Math.floor(random.unit() * (span - duration))
    const end = time + duration
    const spans = busy.get(index) ?? []
    if (spans.some(([from, until]) => time <= until && end >= from)) continue
    spans.push([time, end])
    busy.set(index, spans)
    faults.push(make(targets[index]!, time, end, random))
  }
  return faults
}
