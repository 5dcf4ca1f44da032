/**
 * What a command is: arguments and input in, an outcome out. Most commands end in the instant in which they begin; those
 * that take virtual time give an Effect, which a simulated process runs.
 */
import type { Machine, Place } from "@darkfiber/observe/Machine"
import type { Effect } from "effect"
import { failure, type Outcome } from "./Outcome.ts"

/** Where and with what a command runs. */
export interface Invocation {
  readonly place: Place
  readonly stdin: string
  /** Output of a command that runs on: each piece as it comes, besides the outcome at the end. */
  readonly emit: (text: string) => void
  /** Runs another command line in another place: `ip netns exec`. */
  readonly again: (name: string, args: ReadonlyArray<string>, place: Place) => Result
}

/** A command that takes virtual time. It has to run in a process. */
export interface Timed {
  readonly _tag: "Timed"
  readonly effect: Effect.Effect<Outcome>
}

export type Result = Outcome | Timed

export const isTimed = (result: Result): result is Timed => "_tag" in result

export const timed = (effect: Effect.Effect<Outcome>): Timed => ({ _tag: "Timed", effect })

export interface Command {
  readonly name: string
  /** One line for `help`. */
  readonly usage: string
  readonly run: (args: ReadonlyArray<string>, invocation: Invocation) => Result
}

/** The core on whose account configuration runs: the first one. It takes no virtual time. */
export const coreOf = (machine: Machine): Machine["host"]["cores"][number] => machine.host.cores[0]!

/** `NAME: unrecognized option '--foo'` */
export const badOption = (name: string, option: string, code = 1): Outcome =>
  failure(`${name}: unrecognized option '${option}'`, code)
