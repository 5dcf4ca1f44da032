/** `timeout SECONDS COMMAND`: ends a command that takes virtual time when the time is over (status 124). */
import { Effect, Option } from "effect"
import { isTimed, timed, type Command } from "../Command.ts"
import { failure, outcome } from "../Outcome.ts"
import { durationOf } from "./Basics.ts"

export const timeout: Command = {
  name: "timeout",
  usage: "timeout SECONDS COMMAND …",
  run: (args, invocation) => {
    const [limit = "", name, ...rest] = args
    const time = durationOf(limit)
    if (name === undefined) return failure("timeout: missing operand\nTry 'timeout --help' for more information.", 125)
    if (time === undefined) return failure(`timeout: invalid time interval '${limit}'`, 125)
    const result = invocation.again(name, rest, invocation.place)
    if (!isTimed(result)) return result
    return timed(
      result.effect.pipe(
        Effect.timeoutOption(`${Math.max(1, Math.round(time / 1e6))} millis`),
        Effect.map((end) => Option.getOrElse(end, () => outcome("", "", 124)))
      )
    )
  }
}
