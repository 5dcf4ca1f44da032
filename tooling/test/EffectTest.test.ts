import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { assert, describe } from "vitest"
import { it, runBody } from "../src/EffectTest.ts"

describe("it.effect", () => {
  it.effect("has a clock that starts at zero and moves when told", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
      const sleeper = yield* Effect.forkChild(Effect.as(Effect.sleep("1 hour"), "awake"))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* Fiber.join(sleeper), "awake")
      assert.strictEqual(yield* Clock.currentTimeMillis, 3_600_000)
    })
  )

  const closed: Array<string> = []
  it.effect("gives the body a scope", () => Effect.addFinalizer(() => Effect.sync(() => closed.push("closed"))))
  it("closes the scope before the next test", () => assert.deepStrictEqual(closed, ["closed"]))

  it("is red for a failure, a defect, an interruption and a failed assertion in the body", async () => {
    await assertRejects(() => Effect.fail("no"))
    await assertRejects(() => Effect.die("no"))
    await assertRejects(() => Effect.interrupt)
    await assertRejects(() => Effect.sync(() => assert.strictEqual(1, 2)))
    await assertRejects(() => {
      throw new Error("no")
    })
    await runBody(() => Effect.void)
  })
})

const assertRejects = async (body: Parameters<typeof runBody>[0]): Promise<void> => {
  const outcome = await runBody(body).then(
    () => "passed",
    () => "rejected"
  )
  assert.strictEqual(outcome, "rejected")
}
