import * as Runner from "@darkfiber/labs/Runner"
import { Effect, Result } from "effect"

/** Where the time of a request and its response goes, at a round trip of 30 ms. */
const program = Effect.map(
  Runner.run("5.2.3", { kernel: "6.x", seed: 1, dispatch: "poll", settings: ["rtt=30ms"] }),
  (result) => {
    if (Result.isFailure(result)) return [result.failure.message]
    const { answer, checks } = result.success
    return [answer, ...checks.map((check) => `${check.pass ? "pass" : "FAIL"} ${check.id}: ${check.measured}`)]
  }
)

export const lines = Effect.runSync(program)
