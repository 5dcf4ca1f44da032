/**
 * A qdisc as words, in the form `tc` takes it: `fq maxrate 1gbit`, `pfifo limit 100` (iproute2: tc/q_fq.c, tc/q_fq_codel.c, tc/q_fifo.c).
 */
import { type FqCodelSettings, QUANTUM_MIN } from "./FqCodelSettings.ts"
import type { FqSettings } from "./FqSettings.ts"

/** The kind of a qdisc with what was said about it; the rest takes the default. */
export type QdiscSpec =
  | { readonly kind: "pfifo_fast" }
  | { readonly kind: "pfifo"; readonly limit: number | null }
  | { readonly kind: "fq"; readonly options: Partial<FqSettings> }
  | { readonly kind: "fq_codel"; readonly options: Partial<FqCodelSettings> }

/** Kinds that `net.core.default_qdisc` may name. */
export const defaultKinds: ReadonlyArray<string> = ["pfifo_fast", "pfifo", "fq", "fq_codel"]

/** What a kind is without options; null for a kind there is not. */
export const ofKind = (kind: string): QdiscSpec | null => {
  const spec = parse([kind])
  return typeof spec === "string" ? null : spec
}

/** @returns the qdisc, or what is wrong, as `tc` says it */
export const parse = (words: ReadonlyArray<string>): QdiscSpec | string => {
  const [kind = "", ...options] = words
  switch (kind) {
    case "pfifo_fast":
      return options.length === 0 ? { kind } : unknown(options[0]!)
    case "pfifo": {
      const read = readOptions(options, { limit: ["limit", count] })
      return typeof read === "string" ? read : { kind, limit: (read["limit"] as number | undefined) ?? null }
    }
    case "fq": {
      const read = readOptions(options, fqOptions)
      return typeof read === "string" ? read : { kind, options: read }
    }
    case "fq_codel": {
      const read = readOptions(options, fqCodelOptions)
      return typeof read === "string" ? read : { kind, options: read }
    }
    default:
      return "Error: Specified qdisc kind is unknown."
  }
}

type Value = number | boolean
/** Reads a word; null when it is none of its kind. */
type Reader = (word: string) => Value | null
/** A field, and the reader of the word behind the option or the value it stands for by itself. */
type Option = readonly [field: string, read: Reader | boolean]

const unknown = (word: string): string => `What is "${word}"?`

const readOptions = (
  words: ReadonlyArray<string>,
  known: Readonly<Record<string, Option>>
): Readonly<Record<string, Value>> | string => {
  const values: Record<string, Value> = {}
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const option = Object.hasOwn(known, word) ? known[word] : undefined
    if (option === undefined) return unknown(word)
    const [field, read] = option
    if (typeof read === "boolean") {
      values[field] = read
      continue
    }
    const value = read(words[++at] ?? "")
    if (value === null) return `Illegal "${word}"`
    values[field] = value
  }
  return values
}

const count: Reader = (word) => (/^\d{1,9}$/.test(word) ? Number(word) : null)
const positive: Reader = (word) => (count(word) === 0 ? null : count(word))
/** The next power of two, as the kernel sizes its table. */
const powerOfTwo: Reader = (word) => {
  if (!/^\d{1,6}$/.test(word)) return null
  let buckets = 2
  while (buckets < Number(word)) buckets *= 2
  return buckets
}

/** Bits a second by suffix; without one it is bits (iproute2: get_rate). */
const RATE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  tbit: 1e12,
  bps: 8,
  kbps: 8e3,
  mbps: 8e6,
  gbps: 8e9
}
/** Nanoseconds by suffix; without one it is microseconds (iproute2: get_time). */
const TIME_UNITS: Readonly<Record<string, number>> = { "": 1e3, s: 1e9, ms: 1e6, us: 1e3, ns: 1 }

const scaled = (word: string, units: Readonly<Record<string, number>>): number | null => {
  const match = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(word)
  const suffix = match?.[2]!.toLowerCase() ?? "?"
  return match === null || !Object.hasOwn(units, suffix) ? null : Number(match[1]) * units[suffix]!
}

/** Bytes a second. */
const rate: Reader = (word) => {
  const bits = scaled(word, RATE_UNITS)
  return bits === null ? null : Math.floor(bits / 8)
}
/** Nanoseconds. */
const time: Reader = (word) => {
  const nanos = scaled(word, TIME_UNITS)
  return nanos === null ? null : Math.floor(nanos)
}

const fqOptions: Readonly<Record<string, Option>> = {
  limit: ["limit", count],
  flow_limit: ["flowLimit", count],
  quantum: ["quantum", positive],
  initial_quantum: ["initialQuantum", count],
  maxrate: ["maxRate", rate],
  buckets: ["buckets", powerOfTwo],
  orphan_mask: ["orphanMask", count],
  pacing: ["pacing", true],
  nopacing: ["pacing", false],
  refill_delay: ["refillDelay", time],
  low_rate_threshold: ["lowRateThreshold", rate],
  ce_threshold: ["ceThreshold", time],
  timer_slack: ["timerSlack", time],
  horizon: ["horizon", time],
  horizon_drop: ["horizonDrop", true],
  horizon_cap: ["horizonDrop", false]
}

/** A quantum of fq_codel is never smaller than this. */
const roundQuantum: Reader = (word) => {
  const bytes = positive(word)
  return bytes === null ? null : Math.max(QUANTUM_MIN, bytes as number)
}
const flows: Reader = (word) =>
  /^\d{1,5}$/.test(word) && Number(word) >= 1 && Number(word) <= 65_536 ? Number(word) : null

const fqCodelOptions: Readonly<Record<string, Option>> = {
  limit: ["limit", positive],
  flows: ["flows", flows],
  quantum: ["quantum", roundQuantum],
  target: ["target", time],
  interval: ["interval", time],
  memory_limit: ["memoryLimit", count],
  ecn: ["ecn", true],
  noecn: ["ecn", false],
  ce_threshold: ["ceThreshold", time],
  drop_batch: ["dropBatch", positive]
}
