/**
 * `darkfiber up [file.yaml]`: runs a topology and says what happened.
 */
import * as Path from "node:path"
import * as DataCentre from "@darkfiber/topology/DataCentre"
import type * as Plan from "@darkfiber/topology/Plan"
import * as Summary from "@darkfiber/topology/Summary"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { badInput, checkFailed, defectFound, type Failure } from "./Failure.ts"
import * as Input from "./Input.ts"
import * as Inputs from "./Inputs.ts"
import * as Options from "./Options.ts"
import * as OwnPrograms from "./OwnPrograms.ts"
import * as Recording from "./Recording.ts"
import * as Report from "./Report.ts"
import * as Run from "./Run.ts"
import * as Shell from "./Shell.ts"

const flags = {
  file: Argument.String("file").pipe(
    Argument.withDescription("a topology file; two racks of containers when left out"),
    Argument.optional
  ),
  seed: Options.seed,
  kernel: Options.kernel,
  dispatch: Options.dispatch,
  json: Options.json,
  for: Flag.String("for").pipe(
    Flag.withDescription("simulated time; default: what the file says"),
    Flag.withSchema(Options.Duration),
    Flag.optional
  ),
  at: Flag.String("at").pipe(
    Flag.withDescription("TIME=HOST[/netns]:COMMAND, a command that comes in at a time; may be given again"),
    Flag.between(0, 1000)
  ),
  record: Flag.String("record").pipe(
    Flag.withDescription("write the commands that came in to this file"),
    Flag.optional
  ),
  replay: Flag.String("replay").pipe(
    Flag.withDescription("let the commands of this file come in again"),
    Flag.optional
  ),
  pcap: Flag.String("pcap").pipe(
    Flag.withDescription("write captures of links and devices to this folder"),
    Flag.optional
  ),
  trace: Flag.String("trace").pipe(Flag.withDescription("write the trace of all hosts to this file"), Flag.optional),
  workers: Flag.Int("workers").pipe(Flag.withDescription("1 until there are more"), Flag.withDefault(1)),
  quiet: Flag.Boolean("quiet").pipe(Flag.withDescription("no progress line"), Flag.withDefault(false))
}

/** A plan with another kernel profile on every host. */
export const withKernel = (plan: Plan.Plan, kernel: Option.Option<Plan.Kernel>): Plan.Plan =>
  Option.match(kernel, {
    onNone: () => plan,
    onSome: (name) => ({ ...plan, kernel: name, hosts: plan.hosts.map((host) => ({ ...host, kernel: name })) })
  })

const startRecordings = (
  centre: DataCentre.DataCentre,
  pcap: Option.Option<string>,
  trace: Option.Option<string>
): Effect.Effect<ReadonlyArray<Recording.Recording>, Failure> =>
  Effect.try({
    try: () => [
      ...(Option.isSome(pcap) ? [Recording.captures(centre, pcap.value, "filled")] : []),
      ...(Option.isSome(trace) ? [Recording.trace(centre, trace.value)] : [])
    ],
    catch: (error) => badInput(`cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  })

export const up = Command.make("up", flags, (options) =>
  Effect.gen(function* () {
    if (options.workers !== 1) return yield* badInput(`--workers ${options.workers}: only 1 exists yet`)
    const file = Option.getOrElse(options.file, () => Input.defaultTopology)
    const plan = withKernel(yield* Input.readPlan(file), options.kernel)
    const loader = yield* OwnPrograms.load(plan, Path.dirname(file))
    const topology = Inputs.topologyHash(plan)
    const given = yield* Effect.forEach(options.at, Inputs.parse)
    const replayed = Option.isSome(options.replay)
      ? yield* Inputs.readLog(options.replay.value, options.seed, topology)
      : []
    const inputs = [...given, ...replayed].sort((left, right) => left.time - right.time)
    const { dispatch, seed } = options
    const centre = DataCentre.build(plan, { seed, dispatch, loader, command: Shell.bootCommand })
    const answers: Array<Inputs.Answer> = []
    yield* Inputs.install(centre, inputs, (answer) => answers.push(answer))
    if (Option.isSome(options.record)) yield* Inputs.writeLog(options.record.value, seed, topology, inputs)
    const recordings = yield* startRecordings(centre, options.pcap, options.trace)
    const outcome = yield* Run.run(centre, {
      until: Option.match(options.for, { onNone: () => plan.duration, onSome: Options.nanosOf }),
      progress: !options.quiet && !options.json && process.stderr.isTTY,
      onSlice: (now) => {
        for (const recording of recordings) recording.flush(now)
      }
    })
    for (const recording of recordings) recording.close()
    const summary = Summary.summarize(centre)
    const said = answers.map(Inputs.formatAnswer).join("\n")
    if (said !== "") yield* options.json ? Console.error(said) : Console.log(said)
    yield* Console.log(
      options.json
        ? JSON.stringify({
            ...summary,
            wall_ms: outcome.wallMs,
            cpu_ms: outcome.cpuMs,
            hops_per_cpu_s: Math.round(summary.frame_hops / Math.max(outcome.cpuMs / 1000, 0.001))
          })
        : Report.text(centre, summary, outcome)
    )
    if (summary.defects.length > 0) {
      return yield* defectFound(
        `${summary.defects.length} defects; the first: ${summary.defects[0]} (replay with --seed ${options.seed})`
      )
    }
    if (summary.violations.length > 0) return yield* checkFailed(`broken laws: ${summary.violations.join("; ")}`)
  })
).pipe(Command.withDescription("Runs a data centre and says what happened"))
