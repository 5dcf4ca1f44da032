/** How results of system calls become what user code gets. */
import { Effect } from "effect"
import { type Errno, make } from "./SystemError.ts"
import type { Decode } from "./Thread.ts"

/** What a call gives that would have blocked and must not. */
export const AGAIN = -11

/** Makes a decoder for calls of one name: negative results fail. */
export const numberResult = (name: string): Decode => {
  const results = new Map<number, Effect.Effect<unknown, Errno>>()
  return (task) => {
    const result = task.result
    if (result >= 0 || result === AGAIN) return Effect.succeed(result)
    let failure = results.get(result)
    if (failure === undefined) results.set(result, (failure = Effect.suspend(() => Effect.fail(make(result, name)))))
    return failure
  }
}

/** As `numberResult`, for calls without a result. */
export const voidResult = (name: string): Decode => {
  const number = numberResult(name)
  return (task) => (task.result >= 0 ? Effect.void : number(task))
}

/** As `numberResult`, for calls that leave something in `task.value`. */
export const valueResult = (name: string): Decode => {
  const number = numberResult(name)
  return (task) => {
    if (task.result < 0) return number(task)
    const value = task.value
    task.value = null
    return Effect.succeed(value)
  }
}
