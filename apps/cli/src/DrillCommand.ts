/**
 * `darkfiber drill FILE.pkt…`: runs packetdrill scripts, each against a simulated host of its own. A folder stands for all
 * scripts below it.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import * as Drill from "@darkfiber/packetdrill/Drill"
import * as Parser from "@darkfiber/packetdrill/Parser"
import * as Units from "@darkfiber/topology/Units"
import { Console, Effect, Result } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { badInput, checkFailed } from "./Failure.ts"
import * as Options from "./Options.ts"

const flags = {
  files: Argument.String("file").pipe(
    Argument.withDescription("packetdrill scripts, or folders of them"),
    Argument.variadic({ min: 1 })
  ),
  json: Options.json,
  tolerance: Flag.String("tolerance").pipe(
    Flag.withDescription("how far an event may be off in virtual time"),
    Flag.withDefault("1ms")
  ),
  strictSegments: Flag.Boolean("strict-segments").pipe(
    Flag.withDescription("a super-segment of the script has to be sent as one; pieces in a row are not put together"),
    Flag.withDefault(false)
  ),
  define: Flag.KeyValuePair("define").pipe(
    Flag.withDescription("NAME=VALUE: what a name in the scripts stands for"),
    Flag.withDefault({})
  ),
  seed: Options.seed,
  kernel: Flag.Literals("kernel", ["3.10", "6.x"]).pipe(
    Flag.withDescription("kernel profile"),
    Flag.withDefault("6.x" as const)
  )
}

/** The text of a file, null when it is none. */
const textOf = (path: string): string | null => {
  if (!existsSync(path) || !statSync(path).isFile() || statSync(path).size > Parser.SOURCE_MAX) return null
  return readFileSync(path, "utf8")
}

const report = (reports: ReadonlyArray<Drill.Report>): string =>
  `${Drill.format(reports)}${Drill.byFolder(reports)}${Drill.summary(reports)}`.trimEnd()

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** Scripts below a folder, those of one folder together, in the order of their names. */
const scriptsBelow = (folder: string): ReadonlyArray<string> => {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const own = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".pkt"))
  const folders = entries.filter((entry) => entry.isDirectory())
  return [
    ...own.map((entry) => join(folder, entry.name)),
    ...folders.flatMap((entry) => scriptsBelow(join(folder, entry.name)))
  ]
}

export const drill = Command.make("drill", flags, (options) =>
  Effect.gen(function* () {
    const tolerance = Units.duration(options.tolerance)
    if (tolerance === undefined)
      return yield* badInput(`--tolerance: "${options.tolerance}" is no duration such as 1ms`)
    const { kernel, seed, strictSegments } = options
    const defines = new Map(Object.entries(options.define))
    const settings = { ...Drill.defaults, seed, kernel, tolerance, strictSegments, defines }
    const named = options.files.map((name) => (isFolder(name) ? scriptsBelow(name) : [name]))
    const names = named.flat()
    const reports: Array<Drill.Report> = []
    const unreadable = options.files
      .filter((_, at) => named[at]!.length === 0)
      .map((name) => `${name}: no .pkt file below`)
    for (const name of names) {
      const text = textOf(name)
      if (text === null) {
        unreadable.push(`${name}: no such script, or not readable`)
        continue
      }
      const folder = dirname(resolve(name))
      const readFile = (path: string): string | null => textOf(resolve(folder, path))
      const outcome = Drill.drill({ name, text, readFile }, settings)
      if (Result.isSuccess(outcome)) reports.push(outcome.success)
      else unreadable.push(Drill.formatUnreadable(outcome.failure))
    }
    if (options.json) yield* Console.log(JSON.stringify(reports))
    else if (reports.length > 0) yield* Console.log(report(reports))
    if (unreadable.length > 0) return yield* badInput(unreadable.join("\n"))
    const rest = reports.filter((each) => each.result !== "pass").length
    if (rest > 0) return yield* checkFailed(`${rest} of ${reports.length} scripts did not pass`)
  })
).pipe(Command.withDescription("Runs packetdrill scripts against simulated hosts in virtual time"))
