/**
 * Runs labs and reports them as `lab --json` prints them.
 */
import { Effect, Result } from "effect"
import * as Knobs from "./Knobs.ts"
import type { Lab } from "./Lab.ts"
import { labs as living } from "./LivingLabs.ts"
import type { Profile } from "./table/LabSpec.ts"
import * as Table from "./table/LabTable.ts"

export interface CheckReport {
  readonly id: string
  readonly claim: string
  readonly expected: string
  readonly measured: string
  readonly pass: boolean
}

export interface LabReport {
  readonly lab: string
  readonly section: string
  readonly kernel: Profile
  readonly seed: number
  readonly answer: string
  readonly checks: ReadonlyArray<CheckReport>
}

export interface RunOptions {
  readonly kernel?: Profile
  readonly seed: number
  readonly dispatch: "poll" | "fiber"
  /** `name=value`, for every lab that is run. */
  readonly settings: ReadonlyArray<string>
}

const byId: ReadonlyMap<string, Lab> = new Map(living.map((lab) => [lab.id, lab]))

/** Whether a lab of the table can be run yet. */
export const isAlive = (id: string): boolean => byId.has(id)

/** Why a lab cannot be run. */
export interface LabProblem {
  readonly message: string
}

/** Runs the lab of that id. See {@link runLab}. */
export const run = (id: string, options: RunOptions): Effect.Effect<Result.Result<LabReport, LabProblem>> => {
  if (Table.labById(id) === undefined) {
    return Effect.succeed(fail(`there is no lab ${id}; \`lab --list\` lists them`))
  }
  const lab = byId.get(id)
  if (lab === undefined) {
    return Effect.succeed(fail(`lab ${id} is not built yet; \`lab --list\` marks those that are`))
  }
  return runLab(lab, options)
}

/**
 * Runs a lab whose id stands in the table. Without a kernel it runs under the first profile of its row: 3.10, the book's,
 * where it has both.
 */
export const runLab = (lab: Lab, options: RunOptions): Effect.Effect<Result.Result<LabReport, LabProblem>> =>
  Effect.gen(function* () {
    const { id } = lab
    const spec = Table.labById(id)
    if (spec === undefined) throw new Error(`lab ${id} does not stand in the table`)
    const kernel = options.kernel ?? spec.profile[0]!
    if (!spec.profile.includes(kernel)) {
      return fail(`lab ${id} runs under kernel ${spec.profile.join(" or ")}, not ${kernel}`)
    }
    const knobs = Knobs.resolve(spec, kernel, lab.knobs, options.settings)
    if (Result.isFailure(knobs)) return fail(knobs.failure.message)
    const outcome = yield* lab.run({ kernel, seed: options.seed, dispatch: options.dispatch, knobs: knobs.success })
    const checks = Table.checksUnder(spec, kernel).map((check): CheckReport => {
      const finding = outcome.findings[check.id]
      if (finding === undefined) throw new Error(`lab ${id} does not measure its check ${check.id}`)
      return { id: check.id, claim: check.claim, ...finding }
    })
    return Result.succeed({
      lab: id,
      section: spec.section,
      kernel,
      seed: options.seed,
      answer: outcome.answer,
      checks
    })
  })

const fail = (message: string): Result.Result<LabReport, LabProblem> => Result.fail({ message })
