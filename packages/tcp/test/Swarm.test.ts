import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases, isLong } from "@darkfiber/tooling/Cases"
import { runCase } from "./Swarm.ts"

/** `DARKFIBER_SWARM_SEED=7` runs that case alone. */
const chosen = process.env["DARKFIBER_SWARM_SEED"]
const SEEDS = 0x4000_0000
const HOURS = 3_600_000

const replayable = (seed: number): void => {
  try {
    runCase(seed)
  } catch (error) {
    const command = `DARKFIBER_SWARM_SEED=${seed} npx vitest run --project tcp Swarm`
    throw new Error(`case ${seed}: ${(error as Error).message}; again: ${command}`, { cause: error })
  }
}

describe("a connection drawn from a seed", () => {
  it(
    "brings both streams whole when the link heals, or ends as its disaster says; never stalls, miscounts or leaks",
    () => {
      if (chosen !== undefined && chosen !== "") replayable(Number(chosen))
      else {
        fc.assert(fc.property(fc.noShrink(fc.integer({ min: 0, max: SEEDS })), replayable), { numRuns: cases(2000) })
      }
    },
    isLong() ? HOURS : 60_000
  )
})
