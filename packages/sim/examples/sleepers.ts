import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"

/** Three processes on one host sleep for random times of a year in virtual time. */
export const finished = (seed: number): ReadonlyArray<string> => {
  const world = new World(seed)
  const runtime = new Runtime(world)
  const host = runtime.group(world.newIsland("host0"), "host0")
  const order: Array<string> = []
  for (const name of ["ann", "bob", "cem"]) {
    const life = Effect.gen(function* () {
      yield* Effect.sleep(`${yield* Random.nextIntBetween(1, 100)} days`)
      order.push(`${name} after ${(yield* Clock.currentTimeMillis) / 86_400_000} days`)
    })
    runtime.fork(host, name, life)
  }
  world.run(100 * 86_400 * 1e9)
  return order
}
