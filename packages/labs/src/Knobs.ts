/**
 * Knobs of a lab: what `--set name=value` turns. The table writes them as `name=default (alternatives)` or
 * `name=default (6.x: default there)`.
 */
import { Result } from "effect"
import type { LabSpec, Profile } from "./table/LabSpec.ts"

export interface Knob {
  readonly name: string
  /** Default under the profile that was asked for. */
  readonly value: string
  /** The only values it takes; empty when any of its form will do. */
  readonly choices: ReadonlyArray<string>
}

/** A wrong `--set`, with what was expected. */
export interface KnobProblem {
  readonly message: string
}

const form = /^([^=]+)=(\S+(?: [^(]\S*)*)(?: \((.+)\))?$/
const otherProfile = /^6\.x: (\S+)$/
const choiceList = /^[\w.+-]+(?:, [\w.+-]+)+$/

/** Reads one knob of the table. */
export const parse = (text: string, profile: Profile): Knob => {
  const match = form.exec(text)
  if (match === null) throw new Error(`no knob: ${text}`)
  const [, name, value, remark] = match as unknown as [string, string, string, string | undefined]
  const there = remark === undefined ? null : otherProfile.exec(remark)
  if (there !== null) return { name, value: profile === "6.x" ? there[1]! : value, choices: [] }
  const choices = remark !== undefined && choiceList.test(remark) ? remark.split(", ") : []
  return { name, value, choices: choices.includes(value) ? choices : [] }
}

/** The values of a lab's knobs in one run. */
export class Knobs {
  private readonly values: ReadonlyMap<string, string>

  constructor(values: ReadonlyMap<string, string>) {
    this.values = values
  }

  text(name: string): string {
    const value = this.values.get(name)
    if (value === undefined) throw new Error(`the lab has no knob ${name}`)
    return value
  }

  /** A whole number; the lab's `validate` has checked the form. */
  int(name: string): number {
    return Number(this.text(name))
  }

  /** Nanoseconds of a time such as `10ms`. */
  nanos(name: string): number {
    return nanosOf(this.text(name))!
  }

  /** Two bounds such as `32768-61000`. */
  range(name: string): readonly [number, number] {
    return rangeOf(this.text(name))!
  }

  entries(): ReadonlyArray<readonly [string, string]> {
    return [...this.values]
  }
}

/** How a value of a knob must look. */
export type KnobForm = "text" | "int" | "time" | "range"

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 }

const nanosOf = (text: string): number | undefined => {
  if (text === "0") return 0
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|s)$/.exec(text)
  return match === null ? undefined : Math.round(Number(match[1]) * units[match[2]!]!)
}

const rangeOf = (text: string): readonly [number, number] | undefined => {
  const match = /^(\d+)-(\d+)$/.exec(text)
  if (match === null) return undefined
  const low = Number(match[1])
  const high = Number(match[2])
  return low <= high ? [low, high] : undefined
}

const expected: Readonly<Record<KnobForm, string>> = {
  text: "text",
  int: "a whole number",
  time: "a time with its unit, such as 10ms",
  range: "two bounds, such as 32768-60999"
}

const fits = (value: string, wanted: KnobForm): boolean => {
  switch (wanted) {
    case "text":
      return value !== ""
    case "int":
      return /^\d+$/.test(value) && Number.isSafeInteger(Number(value))
    case "time":
      return nanosOf(value) !== undefined
    case "range":
      return rangeOf(value) !== undefined
    default:
      return wanted satisfies never
  }
}

/** What a lab says about one of its knobs beyond the table. */
export interface KnobRule {
  readonly form: KnobForm
  /** Bounds of an int, or of both ends of a range. */
  readonly minimum?: number
  readonly maximum?: number
  /** The only values it takes, where the table does not list them. */
  readonly choices?: ReadonlyArray<string>
}

/**
 * The knobs of one run: the table's defaults with `settings` (`name=value`) on top.
 */
export const resolve = (
  spec: LabSpec,
  profile: Profile,
  rules: Readonly<Record<string, KnobRule>>,
  settings: ReadonlyArray<string>
): Result.Result<Knobs, KnobProblem> => {
  const knobs = new Map(spec.knobs.map((text) => parse(text, profile)).map((knob) => [knob.name, knob]))
  const values = new Map([...knobs].map(([name, knob]) => [name, knob.value]))
  for (const setting of settings) {
    const at = setting.indexOf("=")
    if (at < 1) return problem(`--set ${setting}: expected name=value`)
    const name = setting.slice(0, at)
    const value = setting.slice(at + 1)
    const knob = knobs.get(name)
    if (knob === undefined) {
      return problem(`--set ${setting}: lab ${spec.id} has no knob ${name}, expected ${[...knobs.keys()].join(", ")}`)
    }
    if (knob.choices.length > 0 && !knob.choices.includes(value)) {
      return problem(`--set ${setting}: expected one of ${knob.choices.join(", ")}`)
    }
    const complaint = complain(value, rules[name])
    if (complaint !== undefined) return problem(`--set ${setting}: ${complaint}`)
    values.set(name, value)
  }
  return Result.succeed(new Knobs(values))
}

const complain = (value: string, rule: KnobRule | undefined): string | undefined => {
  if (rule === undefined) return undefined
  const { choices, form: wanted, maximum = Infinity, minimum = -Infinity } = rule
  if (choices !== undefined && !choices.includes(value)) return `expected one of ${choices.join(", ")}`
  if (!fits(value, wanted)) return `expected ${expected[wanted]}`
  const numbers = wanted === "int" ? [Number(value)] : wanted === "range" ? rangeOf(value)! : []
  return numbers.some((number) => number < minimum || number > maximum)
    ? `expected ${minimum} to ${maximum}`
    : undefined
}

const problem = (message: string): Result.Result<never, KnobProblem> => Result.fail({ message })
