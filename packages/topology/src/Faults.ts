/**
 * The faults of a plan, split into rules on frames (`sim/Fault`) and events in time (`sim/FaultPlan`).
 */
import * as Fault from "@darkfiber/sim/Fault"
import type { FaultEvent } from "@darkfiber/sim/FaultPlan"
import * as FaultSwarm from "./FaultSwarm.ts"
import type * as Plan from "./Plan.ts"

/** The name of one direction of a link: from the end named first to the other, or back. */
export const directionName = (link: Plan.LinkPlan, from: 0 | 1): string => {
  const source = link.ends[from]
  const target = link.ends[from === 0 ? 1 : 0]
  return `${source.node}:${source.port}->${target.node}:${target.port}`
}

const directionsOf = (fault: Plan.FaultPlan, link: Plan.LinkPlan): ReadonlyArray<string> => {
  const away = directionName(link, fault.end)
  const towards = directionName(link, fault.end === 0 ? 1 : 0)
  return fault.direction === "from" ? [away] : fault.direction === "to" ? [towards] : [away, towards]
}

const actionOf = (fault: Plan.FaultPlan): Fault.FaultAction | undefined => {
  switch (fault.kind) {
    case "drop":
      return { _tag: "Drop" }
    case "delay":
      return { _tag: "Delay", ns: fault.by, jitter: 0 }
    case "reorder":
      return { _tag: "Reorder", ns: fault.by }
    case "duplicate":
      return { _tag: "Duplicate", copies: 1 }
    case "corrupt":
      return { _tag: "Corrupt", what: fault.what }
    case "cut":
    case "link-down":
    case "crash":
    case "slow-core":
    case "swarm":
      return undefined
    default:
      return fault.kind satisfies never
  }
}

/** Both directions of the links that a swarm may hit. */
const directionsOfSwarm = (plan: Plan.Plan, swarm: FaultSwarm.Swarm): ReadonlyArray<string> =>
  plan.links
    .filter((link) => swarm.links.includes(link.name))
    .flatMap((link) => [directionName(link, 0), directionName(link, 1)])

/** Rules on frames, in the order of the file. */
export const rulesOf = (plan: Plan.Plan, seed: number): ReadonlyArray<Fault.FaultRule> =>
  plan.faults.flatMap((fault) => {
    const { swarm } = fault
    if (swarm !== null) return FaultSwarm.rulesOf(fault, swarm, seed, directionsOfSwarm(plan, swarm))
    const action = actionOf(fault)
    if (action === undefined) return []
    return directionsOf(fault, plan.links[fault.link]!).map((direction) => ({
      ...Fault.ruleDefaults,
      id: fault.id,
      direction,
      from: fault.at,
      until: fault.until,
      every: fault.share >= 1 ? 1 : 0,
      probability: fault.share,
      action
    }))
  })

/** What happens to things, in the order of time. */
export const eventsOf = (plan: Plan.Plan, seed: number): ReadonlyArray<FaultEvent> => {
  const events: Array<FaultEvent> = []
  const both = (
    fault: Plan.FaultPlan,
    begin: (time: number) => FaultEvent,
    end: (time: number) => FaultEvent
  ): void => {
    events.push(begin(fault.at))
    if (fault.until !== Infinity) events.push(end(fault.until))
  }
  for (const fault of plan.faults) {
    const { core, factor, host, kind, swarm } = fault
    if (swarm !== null) {
      events.push(...FaultSwarm.eventsOf(fault, swarm, seed, directionsOfSwarm(plan, swarm), plan.hosts))
    } else if (kind === "crash") {
      both(
        fault,
        (time) => ({ _tag: "CrashHost", time, host }),
        (time) => ({ _tag: "RestartHost", time, host })
      )
    } else if (kind === "slow-core") {
      both(
        fault,
        (time) => ({ _tag: "SlowCore", time, host, core, slowness: factor }),
        (time) => ({ _tag: "SlowCore", time, host, core, slowness: 1 })
      )
    } else if (kind === "link-down") {
      const link = plan.links[fault.link]!.name
      both(
        fault,
        (time) => ({ _tag: "LinkDown", time, link }),
        (time) => ({ _tag: "LinkUp", time, link })
      )
    } else if (kind === "cut") {
      for (const direction of directionsOf(fault, plan.links[fault.link]!)) {
        both(
          fault,
          (time) => ({ _tag: "Cut", time, direction }),
          (time) => ({ _tag: "Heal", time, direction })
        )
      }
    }
  }
  return events.sort((left, right) => left.time - right.time)
}
