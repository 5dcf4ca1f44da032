/**
 * `darkfiber exec FILE HOST[/netns] [--at 1s] -- COMMAND`: runs a tool on a simulated host, as on a real one.
 */
import * as Path from "node:path"
import * as ToolShell from "@darkfiber/tools/Shell"
import type { Outcome } from "@darkfiber/tools/Outcome"
import * as Words from "@darkfiber/tools/Words"
import * as DataCentre from "@darkfiber/topology/DataCentre"
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { badInput, checkFailed, defectFound } from "./Failure.ts"
import * as Input from "./Input.ts"
import * as Options from "./Options.ts"
import * as OwnPrograms from "./OwnPrograms.ts"
import * as Shell from "./Shell.ts"
import { withKernel } from "./UpCommand.ts"

const flags = {
  file: Argument.String("file").pipe(Argument.withDescription("a topology file")),
  host: Argument.String("host").pipe(Argument.withDescription("a host, or HOST/netns for one of its namespaces")),
  words: Argument.String("command").pipe(
    Argument.withDescription("the command, after --; in quotes it may have pipes"),
    Argument.variadic({ min: 1 })
  ),
  at: Flag.String("at").pipe(
    Flag.withDescription("virtual time at which it runs; default 100ms"),
    Flag.withSchema(Options.Duration),
    Flag.withDefault("100ms")
  ),
  limit: Flag.String("limit").pipe(
    Flag.withDescription("virtual time it may take; default 60s"),
    Flag.withSchema(Options.Duration),
    Flag.withDefault("60s")
  ),
  seed: Options.seed,
  kernel: Options.kernel,
  dispatch: Options.dispatch
}

/** Virtual time run at a stretch while a command is waited for, ns. */
const STEP = 10_000_000

/** Runs one line on a host of a running data centre and waits for its end. */
export const runLine = (
  centre: DataCentre.DataCentre,
  target: string,
  line: string,
  limit: number
): Outcome | string => {
  const place = Shell.find(centre, target)
  if (place === undefined) return `there is no ${target}`
  const ended: Array<Outcome> = []
  const started = ToolShell.spawn(place, line, (outcome) => ended.push(outcome))
  if (typeof started === "number") return `the command cannot be started: errno ${-started}`
  const end = centre.now + limit
  while (ended.length === 0 && centre.now < end) centre.run(Math.min(end, centre.now + STEP))
  return ended[0] ?? `still running after ${limit / 1e9} s of virtual time`
}

export const exec = Command.make("exec", flags, (options) =>
  Effect.gen(function* () {
    const plan = withKernel(yield* Input.readPlan(options.file), options.kernel)
    const loader = yield* OwnPrograms.load(plan, Path.dirname(options.file))
    const { dispatch, seed } = options
    const centre = DataCentre.build(plan, { seed, dispatch, loader, command: Shell.bootCommand })
    if (Shell.find(centre, options.host) === undefined)
      return yield* badInput(`${options.file}: there is no ${options.host}`)
    centre.run(Options.nanosOf(options.at))
    const [only, ...more] = options.words
    const line = more.length === 0 ? only! : options.words.map(Words.quote).join(" ")
    const outcome = runLine(centre, options.host, line, Options.nanosOf(options.limit))
    if (typeof outcome === "string") return yield* checkFailed(`${options.host}: ${line}: ${outcome}`)
    process.stdout.write(outcome.stdout)
    process.stderr.write(outcome.stderr)
    const defect = centre.world.defects[0]
    if (defect !== undefined) return yield* defectFound(`${defect.actor} at ${defect.time} ns: ${String(defect.error)}`)
    if (outcome.code !== 0) return yield* checkFailed(`${options.host}: exit status ${outcome.code}`)
  })
).pipe(Command.withDescription("Runs a command on a simulated host"))
