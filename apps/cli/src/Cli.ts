/**
 * The command tree, and how a run of it ends: exit codes and who speaks where.
 */
import { NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Layer, Logger, Runtime } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { bench } from "./BenchCommand.ts"
import * as CheckCommand from "./CheckCommand.ts"
import { drill } from "./DrillCommand.ts"
import { exec } from "./ExecCommand.ts"
import { lab } from "./LabCommand.ts"
import { up } from "./UpCommand.ts"
import { walk } from "./WalkCommand.ts"

const darkfiber = Command.make("darkfiber").pipe(
  Command.withDescription("A data centre made of fibers: Linux-shaped networking in virtual time"),
  Command.withSubcommands([up, CheckCommand.check, CheckCommand.schema, lab, drill, exec, walk, bench])
)

/** Wrong use speaks on stderr, so that stdout carries data only. */
const presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.gen(function* () {
          const formatter = yield* CliOutput.Formatter
          yield* Console.error(formatter.formatErrors(event.errors))
        })
      : CliOutput.defaultPresenter.present(event)
})

/** 0 fine, 1 a check failed, 2 wrong use or unreadable input, 3 a defect of ours. */
export const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasDies(exit.cause)) return 3
  const error = Cause.squash(exit.cause)
  return CliError.isCliError(error) ? 2 : Runtime.getErrorExitCode(error)
}

/** Runs the command line `args`, without the program's own name. */
export const run = (args: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Command.runWith(darkfiber, { version: "0.1.0" })(args).pipe(
    Effect.tapCause((cause) => (Cause.hasDies(cause) ? Console.error(Cause.pretty(cause)) : Effect.void)),
    Effect.provide(
      Layer.mergeAll(NodeServices.layer, presenter, Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
    )
  )
