/** Runs a lab for a test, and finds a lab among the living. */
import { Effect, Result } from "effect"
import { assert, it } from "vitest"
import { oneServerPortOver } from "../src/chapter08/OneServerPort.ts"
import type { Lab } from "../src/Lab.ts"
import { labs } from "../src/LivingLabs.ts"
import * as Runner from "../src/Runner.ts"

/** A test whose body is an Effect. */
export const effectTest = (name: string, body: () => Effect.Effect<unknown, unknown>): void =>
  it(name, async () => {
    await Effect.runPromise(body())
  })

export const living = (id: string): Lab => {
  const lab = labs.find((each) => each.id === id)
  assert.isDefined(lab, id)
  return lab!
}

/** What a lab takes less time with; the full size is for long runs. */
export interface Small {
  readonly lab: Lab
  readonly settings: ReadonlyArray<string>
}

/** The lab as a short test runs it. */
export const small = (lab: Lab): Small => {
  if (lab.id === "7.4.3") return { lab, settings: ["connections=400"] }
  if (lab.id === "8.4.1") {
    return { lab: oneServerPortOver([32_768, 33_067]), settings: ["ip_local_port_range=40000-40199"] }
  }
  return { lab, settings: [] }
}

export const outcome = (
  lab: Lab,
  options: Partial<Runner.RunOptions>
): Effect.Effect<Result.Result<Runner.LabReport, Runner.LabProblem>> =>
  Runner.runLab(lab, { seed: 1, dispatch: "poll", settings: [], ...options })

export const report = (lab: Lab, options: Partial<Runner.RunOptions>): Effect.Effect<Runner.LabReport> =>
  Effect.map(outcome(lab, options), (result) => {
    if (Result.isFailure(result)) throw new Error(result.failure.message)
    return result.success
  })

/** Every check passes; a failure names the check and both figures. */
export const allPass = ({ checks, lab, kernel, seed }: Runner.LabReport): void => {
  const failed = checks.filter((check) => !check.pass)
  const lines = failed.map((check) => `${check.id}: expected ${check.expected}, measured ${check.measured}`)
  assert.deepStrictEqual(lines, [], `lab ${lab}, kernel ${kernel}, seed ${seed}`)
}
