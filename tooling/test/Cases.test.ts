import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { casesIn } from "../src/Cases.ts"

describe("the number of cases", () => {
  it("is the usual one when nothing is set", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), (usual) => casesIn({}, usual) === usual))
  })

  it("is multiplied, and never below the least number of a long run or 1", () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 5000 }),
        (usual, by, least) => {
          const environment = { DARKFIBER_CASES: `${by}`, DARKFIBER_LONG_CASES: `${least}` }
          assert.strictEqual(casesIn(environment, usual), Math.max(usual * by, least))
        }
      )
    )
    assert.strictEqual(casesIn({ DARKFIBER_CASES: "0.001" }, 100), 1)
  })

  it("is an error for what is no number above zero", () => {
    for (const text of ["many", "0", "-3", "Infinity", "NaN"]) {
      assert.throws(() => casesIn({ DARKFIBER_CASES: text }, 10), /DARKFIBER_CASES/)
      assert.throws(() => casesIn({ DARKFIBER_LONG_CASES: text }, 10), /DARKFIBER_LONG_CASES/)
    }
  })
})
