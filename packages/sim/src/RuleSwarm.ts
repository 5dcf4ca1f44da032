/**
 * Rules on frames drawn from a seed: what `FaultPlan.swarm` is for things, for what crosses a link.
 *
 * Each kind is on or off for a whole swarm, and draws from a stream of its own: a kind more changes no draw of the others.
 */
import { type FaultAction, type FaultRule, ruleDefaults } from "./Fault.ts"
import { RandomStream } from "./Random.ts"

export const ruleKinds = ["drop", "delay", "reorder", "duplicate", "corrupt"] as const
export type RuleKind = (typeof ruleKinds)[number]

export interface RuleSwarmOptions {
  /** Names the random streams, and the rules: `id/drop0`. */
  readonly id: string
  /** Rules hold in `from` … `until` at most, ns. */
  readonly from: number
  readonly until: number
  /** Most rules of one kind. */
  readonly countMax: number
  /** How long one holds, ns. */
  readonly durationMin: number
  readonly durationMax: number
  /** Largest share of the frames that a rule hits. */
  readonly shareMax: number
  /** Longest delay, ns. */
  readonly delayMax: number
}

export const ruleSwarmDefaults: RuleSwarmOptions = {
  id: "swarm",
  from: 0,
  until: 10_000_000_000,
  countMax: 4,
  durationMin: 1_000_000,
  durationMax: 1_000_000_000,
  shareMax: 0.2,
  delayMax: 1_000_000
}

/** The rules of a swarm, by kind; each on one of `directions`. Damage is of the frame check sequence, so that it is caught. */
export const swarmRules = (
  seed: number,
  kinds: ReadonlyArray<RuleKind>,
  directions: ReadonlyArray<string>,
  options: RuleSwarmOptions = ruleSwarmDefaults
): ReadonlyArray<FaultRule> =>
  ruleKinds.flatMap((kind) => (kinds.includes(kind) ? draw(seed, kind, directions, options) : []))

const draw = (
  seed: number,
  kind: RuleKind,
  directions: ReadonlyArray<string>,
  options: RuleSwarmOptions
): ReadonlyArray<FaultRule> => {
  const random = new RandomStream(seed, `fault/${options.id}/${kind}`)
  const isOn = random.chance(0.5)
  const count = random.between(1, Math.max(1, options.countMax))
  const span = options.until - options.from
  if (!isOn || directions.length === 0 || span < 2) return []
  return Array.from({ length: count }, (_, index): FaultRule => {
    const longest = options.durationMax - options.durationMin
    const duration = Math.min(options.durationMin + Math.floor(random.unit() * (longest + 1)), span - 1)
    const from = options.from + Math.floor(random.unit() * (span - duration))
    return {
      ...ruleDefaults,
      id: `${options.id}/${kind}${index}`,
      direction: directions[random.below(directions.length)]!,
      from,
      until: from + duration,
      every: 0,
      probability: random.unit() * options.shareMax,
      burst: random.between(1, 4),
      action: actionOf(kind, random.between(1, Math.max(1, options.delayMax)))
    }
  })
}

const actionOf = (kind: RuleKind, ns: number): FaultAction => {
  switch (kind) {
    case "drop":
      return { _tag: "Drop" }
    case "delay":
      return { _tag: "Delay", ns, jitter: 0 }
    case "reorder":
      return { _tag: "Reorder", ns }
    case "duplicate":
      return { _tag: "Duplicate", copies: 1 }
    case "corrupt":
      return { _tag: "Corrupt", what: "fcs" }
    default:
      return kind satisfies never
  }
}
