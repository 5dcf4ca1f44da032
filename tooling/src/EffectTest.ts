/**
 * Effects as vitest tests: `it.effect(name, () => Effect.gen(…))` runs its body in a scope, under a `TestClock` that
 * starts at zero and moves only when the test moves it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { it as vitestIt } from "vitest"

type Body<A, E> = () => Effect.Effect<A, E, Scope.Scope>

/** Runs a body as `it.effect` does; rejects on a failure, a defect or an interruption. */
export const runBody = <A, E>(body: Body<A, E>): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.suspend(body)).pipe(Effect.asVoid, Effect.provide(TestClock.layer())))

/** A failure, a defect or an interruption of the body fails the test. */
export const effectTest = <A, E>(name: string, body: Body<A, E>, timeoutMs?: number): void =>
  vitestIt(name, () => runBody(body), timeoutMs)

/** vitest's `it`, and `it.effect` beside it. */
export const it: typeof vitestIt & { readonly effect: typeof effectTest } = Object.assign(vitestIt.extend({}), {
  effect: effectTest
})
