/**
 * Faults that a file leaves to the seed: `{ kind: swarm, at: 100ms, for: 1s }`.
 *
 * Which faults of which kinds hit what, when and for how long is drawn when the data centre is built, from streams that the
 * entry's id names: another seed gives other faults, and nothing else of the run draws from them.
 */
import type { FaultRule } from "@darkfiber/sim/Fault"
import * as FaultPlan from "@darkfiber/sim/FaultPlan"
import * as RuleSwarm from "@darkfiber/sim/RuleSwarm"
import type * as Plan from "./Plan.ts"

/** What a swarm may consist of. */
export const kinds = [...RuleSwarm.ruleKinds, "link-down", "cut", "crash", "slow-core"] as const
export type Kind = (typeof kinds)[number]

/** The swarm of a plan; its numbers are in ns. */
export interface Swarm {
  readonly kinds: ReadonlyArray<Kind>
  /** Links by name, and hosts, that it may hit. */
  readonly links: ReadonlyArray<string>
  readonly hosts: ReadonlyArray<string>
  readonly countMax: number
  readonly durationMin: number
  readonly durationMax: number
  readonly shareMax: number
  readonly delayMax: number
  readonly slownessMax: number
}

export const defaults = {
  countMax: 3,
  durationMin: 1_000_000,
  durationMax: 500_000_000,
  shareMax: 0.2,
  delayMax: 1_000_000,
  slownessMax: 50
} as const

/** What frames go through, of one entry. */
export const rulesOf = (fault: Plan.FaultPlan, swarm: Swarm, seed: number, directions: ReadonlyArray<string>) =>
  RuleSwarm.swarmRules(
    seed,
    RuleSwarm.ruleKinds.filter((kind) => swarm.kinds.includes(kind)),
    directions,
    { ...swarm, id: fault.id, from: fault.at, until: fault.until }
  ) satisfies ReadonlyArray<FaultRule>

/** What happens to things, of one entry. */
export const eventsOf = (
  fault: Plan.FaultPlan,
  swarm: Swarm,
  seed: number,
  directions: ReadonlyArray<string>,
  hosts: ReadonlyArray<Plan.HostPlan>
): FaultPlan.FaultPlan => {
  const mine = hosts.filter((host) => swarm.hosts.includes(host.name))
  const has = (kind: Kind): boolean => swarm.kinds.includes(kind)
  return FaultPlan.swarm(
    seed,
    {
      links: has("link-down") ? swarm.links : [],
      directions: has("cut") ? directions : [],
      hosts: has("crash") ? mine.map((host) => host.name) : [],
      cores: has("slow-core")
        ? mine.flatMap(({ cores, name }) => Array.from({ length: cores }, (_, core) => ({ host: name, core })))
        : []
    },
    { ...swarm, id: fault.id, from: fault.at, until: fault.until }
  )
}
