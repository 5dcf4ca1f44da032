/**
 * `darkfiber walk FILE --from HOST[/netns] --to ADDRESS`: follows one packet, function by function, with time and core.
 */
import * as Path from "node:path"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import * as Walk from "@darkfiber/observe/Walk"
import * as DataCentre from "@darkfiber/topology/DataCentre"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { runLine } from "./ExecCommand.ts"
import { badInput, checkFailed } from "./Failure.ts"
import * as Input from "./Input.ts"
import * as Options from "./Options.ts"
import * as OwnPrograms from "./OwnPrograms.ts"
import * as Shell from "./Shell.ts"
import { withKernel } from "./UpCommand.ts"

const flags = {
  file: Argument.String("file").pipe(
    Argument.withDescription("a topology file; two racks of containers when left out"),
    Argument.optional
  ),
  from: Flag.String("from").pipe(Flag.withDescription("a host, or HOST/netns")),
  to: Flag.String("to").pipe(Flag.withDescription("the IPv4 address that gets the echo request")),
  at: Flag.String("at").pipe(
    Flag.withDescription("virtual time at which it leaves; default 100ms"),
    Flag.withSchema(Options.Duration),
    Flag.withDefault("100ms")
  ),
  seed: Options.seed,
  kernel: Options.kernel,
  json: Options.json
}

const SECOND = 1_000_000_000
/** The kernel functions a packet that is born on a host passes first. */
const BIRTHS: ReadonlySet<string> = new Set(["ping_v4_sendmsg", "ip_send_skb"])

export const walk = Command.make("walk", flags, (options) =>
  Effect.gen(function* () {
    const file = Option.getOrElse(options.file, () => Input.defaultTopology)
    const plan = withKernel(yield* Input.readPlan(file), options.kernel)
    const loader = yield* OwnPrograms.load(plan, Path.dirname(file))
    const centre = DataCentre.build(plan, { seed: options.seed, loader, command: Shell.bootCommand })
    const place = Shell.find(centre, options.from)
    if (place === undefined) return yield* badInput(`--from ${options.from}: there is no such host or namespace`)
    if (!/^(?:\d{1,3}\.){3}\d{1,3}$/.test(options.to)) {
      return yield* badInput(`--to ${options.to}: expected an IPv4 address, such as 10.0.0.2`)
    }
    const begin = Options.nanosOf(options.at)
    centre.run(begin)
    for (const island of centre.world.islands) island.trace.on = true
    const outcome = runLine(centre, options.from, `ping -c 1 -W 1 ${options.to}`, 2 * SECOND)
    const records = TraceReader.read(centre.world.islands, { from: begin, names: Shell.namesOf(centre) })
    const first = records.find(
      (record) =>
        record.host === place.host.name &&
        record.netns === place.net.name &&
        record.packet !== 0 &&
        BIRTHS.has(record.function)
    )
    if (first === undefined) {
      return yield* checkFailed(
        `no packet left ${options.from}: ${typeof outcome === "string" ? outcome : outcome.stderr}`
      )
    }
    const journey = Walk.walk(records, first.packet)
    yield* Console.log(options.json ? JSON.stringify(journey) : Walk.format(journey).trimEnd())
  })
).pipe(Command.withDescription("Follows one packet, function by function, over hosts"))
