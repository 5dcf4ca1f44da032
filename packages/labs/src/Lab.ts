/**
 * A lab that is alive: it builds its scene, runs it, and measures what the table claims. The table (`table/`) stays the
 * owner of ids, titles, claims; a lab adds only how each check is measured.
 */
import type { Effect } from "effect"
import type { KnobRule, Knobs } from "./Knobs.ts"
import type { Profile } from "./table/LabSpec.ts"

/** What one run of a lab is given. */
export interface LabInput {
  readonly kernel: Profile
  readonly seed: number
  readonly dispatch: "poll" | "fiber"
  readonly knobs: Knobs
}

/** What one check found, in words a person reads. `pass` is computed from the run, never typed in. */
export interface Finding {
  readonly expected: string
  readonly measured: string
  readonly pass: boolean
}

export interface LabOutcome {
  /** One line, computed from the run's counters. */
  readonly answer: string
  /** Findings by check id; one for each check that holds under the profile. */
  readonly findings: Readonly<Record<string, Finding>>
}

export interface Lab {
  /** Id in the table. */
  readonly id: string
  readonly knobs: Readonly<Record<string, KnobRule>>
  readonly run: (input: LabInput) => Effect.Effect<LabOutcome>
}

// ---- ways to judge ----

export const exactly = (wanted: number | string, measured: number | string): Finding => ({
  expected: String(wanted),
  measured: String(measured),
  pass: measured === wanted
})

export const within = (low: number, high: number, measured: number, unit = ""): Finding => ({
  expected: `${low} to ${high}${unit}`,
  measured: `${measured}${unit}`,
  pass: measured >= low && measured <= high
})

export const atLeast = (low: number, measured: number, unit = ""): Finding => ({
  expected: `at least ${low}${unit}`,
  measured: `${measured}${unit}`,
  pass: measured >= low
})

export const below = (bound: number, measured: number, unit = ""): Finding => ({
  expected: `less than ${bound}${unit}`,
  measured: `${measured}${unit}`,
  pass: measured < bound
})

/** The events named happened in this order; each counts from where the one before was found. */
export const inOrder = (wanted: ReadonlyArray<string>, events: ReadonlyArray<string>): Finding => {
  let at = -1
  const missing = wanted.find((name) => {
    at = events.indexOf(name, at + 1)
    return at < 0
  })
  return {
    expected: wanted.join(" < "),
    measured: missing === undefined ? "in this order" : `${missing} is missing or out of order`,
    pass: missing === undefined
  }
}

/** Several findings that must all hold. */
export const all = (findings: ReadonlyArray<Finding>): Finding => ({
  expected: findings.map((each) => each.expected).join("; "),
  measured: findings.map((each) => each.measured).join("; "),
  pass: findings.every((each) => each.pass)
})

export const holds = (claim: string, pass: boolean, measured: string): Finding => ({ expected: claim, measured, pass })
