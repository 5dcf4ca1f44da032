/**
 * The command `darkfiber`. Data goes to stdout, progress and logs to stderr.
 */
import "./WithoutAsyncHooks.ts"
import { NodeRuntime } from "@effect/platform-node"
import * as Cli from "./Cli.ts"

NodeRuntime.runMain(Cli.run(process.argv.slice(2)), {
  disableErrorReporting: true,
  teardown: (exit, onExit) => onExit(Cli.exitCode(exit))
})
