import { isLong } from "@darkfiber/tooling/Cases"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as Knobs from "../src/Knobs.ts"
import { labs } from "../src/LivingLabs.ts"
import * as Runner from "../src/Runner.ts"
import * as Table from "../src/table/LabTable.ts"
import { allPass, effectTest, living, report, small } from "./Report.ts"

const MINUTES = 60_000
const specOf = (id: string) => Table.labById(id)!

describe("the living labs", () => {
  it("stand in the table, each once, in its order", () => {
    const order = Table.labs.map((spec) => spec.id)
    const places = labs.map((lab) => order.indexOf(lab.id))
    assert.notInclude(places, -1)
    assert.deepStrictEqual(
      places,
      [...new Set(places)].toSorted((left, right) => left - right)
    )
  })

  it("have a rule for each knob of their row, and for no other", () => {
    for (const lab of labs) {
      const names = specOf(lab.id).knobs.map((text) => Knobs.parse(text, "3.10").name)
      assert.deepStrictEqual(Object.keys(lab.knobs).toSorted(), names.toSorted(), lab.id)
    }
  })

  it("are known to the runner", () => {
    for (const lab of labs) assert.isTrue(Runner.isAlive(lab.id), lab.id)
    assert.isFalse(Runner.isAlive("no such lab"))
  })
})

describe.each(labs.map((lab) => lab.id))("lab %s", (id) => {
  const { lab, settings } = small(living(id))
  const profiles = specOf(id).profile

  for (const kernel of profiles) {
    effectTest(`passes every check of its row under ${kernel}, in both dispatch modes with one report`, () =>
      Effect.gen(function* () {
        const poll = yield* report(lab, { kernel, settings, dispatch: "poll" })
        allPass(poll)
        const wanted = Table.checksUnder(specOf(id), kernel).map((check) => check.id)
        assert.deepStrictEqual(
          poll.checks.map((check) => check.id),
          wanted
        )
        assert.match(poll.answer, /^[^\n]+$/)
        assert.deepStrictEqual(yield* report(lab, { kernel, settings, dispatch: "fiber" }), poll)
      })
    )
  }

  effectTest("passes for other seeds too", () =>
    Effect.gen(function* () {
      for (const seed of [2, 3]) allPass(yield* report(lab, { kernel: profiles.at(-1)!, seed, settings }))
    })
  )

  it.skipIf(!isLong())(
    "passes at full size under every profile for three seeds",
    () =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (const kernel of profiles) {
            for (const seed of [1, 2, 3]) allPass(yield* report(living(id), { kernel, seed }))
          }
        })
      ),
    20 * MINUTES
  )
})
