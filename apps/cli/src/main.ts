/**
 * The command `darkfiber`. Data goes to stdout, progress and logs to stderr.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Layer, Logger, Runtime } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { bench } from "./BenchCommand.ts"
import * as CheckCommand from "./CheckCommand.ts"
import { exec } from "./ExecCommand.ts"
import { lab } from "./LabCommand.ts"
import { up } from "./UpCommand.ts"
import { walk } from "./WalkCommand.ts"

const darkfiber = Command.make("darkfiber").pipe(
  Command.withDescription("A data centre made of fibers: Linux-shaped networking in virtual time"),
  Command.withSubcommands([up, CheckCommand.check, CheckCommand.schema, lab, exec, walk, bench])
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

const exitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasDies(exit.cause)) return 3
  const error = Cause.squash(exit.cause)
  return CliError.isCliError(error) ? 2 : Runtime.getErrorExitCode(error)
}

const program = Command.run(darkfiber, { version: "0.1.0" }).pipe(
  Effect.tapCause((cause) => (Cause.hasDies(cause) ? Console.error(Cause.pretty(cause)) : Effect.void)),
  Effect.provide(
    Layer.mergeAll(NodeServices.layer, presenter, Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)]))
  )
)

NodeRuntime.runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, onExit) => onExit(exitCode(exit))
})
