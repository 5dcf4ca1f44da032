/** When events of a script are due, and whether they came in time (run.c: verify_time). */
import type { Time } from "./Ast.ts"
import type { Config } from "./Config.ts"

/** A statement's time since the script's start, ns; relative ones are known when their turn comes. */
export interface Due {
  readonly kind: Time["_tag"]
  readonly from: number
  readonly to: number
  /** What a relative time counts from. */
  readonly offset: number
}

export const due = (time: Time, offset: number): Due => {
  switch (time._tag) {
    case "Absolute":
      return { kind: time._tag, from: time.at, to: time.at, offset: 0 }
    case "Relative":
      return { kind: time._tag, from: time.after + offset, to: time.after + offset, offset }
    case "Any":
      return { kind: time._tag, from: offset, to: Infinity, offset }
    case "AbsoluteRange":
      return { kind: time._tag, from: time.from, to: time.to, offset: 0 }
    case "RelativeRange":
      return { kind: time._tag, from: time.from + offset, to: time.to + offset, offset }
    default:
      return time satisfies never
  }
}

const microseconds = (ns: number): number => Math.round(ns / 1000)

export const seconds = (ns: number): string => (ns / 1e9).toFixed(6)

/**
 * Null, or what was wrong.
 *
 * @param actual since the script's start, ns
 * @param before the event before, from whose time the percentage counts; null for none
 */
export const complaint = (
  wanted: Due,
  actual: number,
  before: number | null,
  config: Config,
  what: string
): string | null => {
  if (wanted.kind === "Any") return null
  const share = before === null ? 0 : ((wanted.from - before) * config.tolerancePercent) / 100
  const tolerance = Math.max(config.tolerance, share)
  // As the language does, in whole microseconds.
  const early = microseconds(wanted.from) - microseconds(actual)
  const late = microseconds(actual) - microseconds(wanted.to)
  if (Math.max(early, late) <= microseconds(tolerance)) return null
  const range = wanted.from === wanted.to ? seconds(wanted.from) : `${seconds(wanted.from)}~${seconds(wanted.to)}`
  return (
    `timing error: expected ${what} at ${range} sec but happened at ${seconds(actual)} sec; ` +
    `tolerance ${seconds(tolerance)} sec`
  )
}
