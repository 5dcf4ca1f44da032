/**
 * Every test run draws the same cases: a red run stays red, a green one says what was tried. `DARKFIBER_PROPERTY_SEED`
 * chooses other ones (`DARKFIBER_PROPERTY_SEED=7 npx vitest run`), and a long run takes fresh ones; either way a failing
 * property prints the seed that it failed with.
 */
import * as fc from "fast-check"
import { isLong } from "./Cases.ts"

const SEED = 20_130_630

const chosen = process.env["DARKFIBER_PROPERTY_SEED"]
if (chosen !== undefined && chosen !== "" && !Number.isInteger(Number(chosen))) {
  throw new Error(`DARKFIBER_PROPERTY_SEED must be a whole number, not "${chosen}"`)
}
if (chosen !== undefined && chosen !== "") fc.configureGlobal({ seed: Number(chosen) })
else if (!isLong()) fc.configureGlobal({ seed: SEED })
