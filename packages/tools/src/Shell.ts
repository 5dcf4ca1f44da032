/**
 * Runs lines of commands on a simulated host.
 *
 *     Shell.execute(place, "ip addr; ss -nlt | grep :80")     at once: nothing in it takes virtual time
 *     Shell.spawn(place, "ping -c 3 10.0.0.2", onEnd)         as a process of the host: anything
 *
 * Configuration and views happen in the instant in which they are reached and cost the host no CPU time.
 */
import { EIO } from "@darkfiber/kernel-net/Errno"
import { type Place, placeOf, type Machine } from "@darkfiber/observe/Machine"
import * as Sysctls from "@darkfiber/observe/Sysctls"
import type { Process } from "@darkfiber/sockets/Process"
import { Effect, Result } from "effect"
import { type Command, isTimed, type Invocation, type Result as CommandResult } from "./Command.ts"
import { write as writeSysctl } from "./commands/Sysctl.ts"
import * as Files from "./Files.ts"
import { failure, type Outcome, outcome } from "./Outcome.ts"
import { commands as standard } from "./Registry.ts"
import * as ModuleParameters from "./ModuleParameters.ts"
import * as Script from "./Script.ts"
import { strerror } from "./Strerror.ts"
import * as Words from "./Words.ts"

export interface ShellOptions {
  readonly commands: ReadonlyMap<string, Command>
  /** Gets output as it comes: 1 for stdout, 2 for stderr. The outcome at the end holds all of it again. */
  readonly output: ((stream: 1 | 2, text: string) => void) | null
}

export const defaults: ShellOptions = { commands: standard, output: null }

/** Why a line cannot run at once. */
const needsTime = (name: string): Outcome =>
  failure(`${name}: takes virtual time: it runs as a process of the host`, 126)

/** The exit status of a line that cannot be read. */
const USAGE = 2
const NOT_FOUND = 127

/** Collected output of a line. */
class Collector {
  stdout = ""
  stderr = ""
  private readonly output: ShellOptions["output"]

  constructor(output: ShellOptions["output"]) {
    this.output = output
  }

  write(stream: 1 | 2, text: string): void {
    if (text === "") return
    if (stream === 1) this.stdout += text
    else this.stderr += text
    if (this.output !== null) this.output(stream, text)
  }
}

/** Runs a line in this instant. A command that takes virtual time is refused with status 126. */
export const execute = (place: Place, line: string, options: Partial<ShellOptions> = {}): Outcome => {
  const steps = run(place, line, { ...defaults, ...options })
  let next = steps.next()
  while (next.done !== true) next = steps.next(needsTime(next.value.name))
  return next.value
}

/**
 * Runs a line inside a process: what takes virtual time is waited for; what configures is run by the namespace's fiber.
 */
export const program = (place: Place, line: string, options: Partial<ShellOptions> = {}): Effect.Effect<Outcome> =>
  Effect.suspend(() => {
    const steps = run(place, line, { ...defaults, ...options })
    const go = (answer: Outcome | undefined): Effect.Effect<Outcome> =>
      Effect.flatMap(
        place.net.actor.configure(() => (answer === undefined ? steps.next() : steps.next(answer))),
        (next) => (next.done === true ? Effect.succeed(next.value) : Effect.flatMap(next.value.effect, go))
      )
    return go(undefined)
  })

/**
 * Starts a line as a process named `sh` in the place's namespace.
 *
 * @param onEnd gets the outcome, in the process phase of the instant in which the line has ended; never when it was killed
 * @returns the process, or a negative errno
 */
export const spawn = (
  place: Place,
  line: string,
  onEnd: (result: Outcome) => void,
  options: Partial<ShellOptions> = {}
): Process | number => {
  if (place.processes === null) return -EIO
  const effect = Effect.map(program(place, line, options), (result) => {
    onEnd(result)
    return result.code
  })
  return place.processes.spawn("sh", place.net, effect)
}

/** Where `HOST[/netns]` of a command line leads. Null for a namespace that is not there. */
export const placeFor = (machine: Machine, netns: string | null = null): Place | null => placeOf(machine, netns)

/** What a line asks to wait for. */
interface Wait {
  readonly name: string
  readonly effect: Effect.Effect<Outcome>
}

/** A line as steps: yields what takes virtual time and is given its outcome. */
function* run(place: Place, line: string, options: ShellOptions): Generator<Wait, Outcome, Outcome> {
  const script = Script.parse(line)
  if (Result.isFailure(script)) return failure(`sh: ${Words.describe(script.failure)}`, USAGE)
  const collector = new Collector(options.output)
  let code = 0
  for (const pipeline of script.success) {
    if (pipeline.condition === "&&" && code !== 0) continue
    if (pipeline.condition === "||" && code === 0) continue
    code = yield* runPipeline(place, pipeline, options, collector)
    if (pipeline.isNegated) code = code === 0 ? 1 : 0
  }
  return outcome(collector.stdout, collector.stderr, code)
}

/** Commands run one after the other, each with the whole output of the one before. */
function* runPipeline(
  place: Place,
  pipeline: Script.Pipeline,
  options: ShellOptions,
  collector: Collector
): Generator<Wait, number, Outcome> {
  let stdin = ""
  let code = 0
  const last = pipeline.commands.length - 1
  for (let at = 0; at <= last; at++) {
    const command = pipeline.commands[at]!
    const isPiped = at < last
    const result = yield* runOne(place, command, stdin, options, isPiped ? null : collector)
    code = result.code
    stdin = result.stdout
    collector.write(2, result.stderr)
    if (!isPiped) collector.write(1, result.stdout)
  }
  return code
}

/** One command with its redirections. What it emitted to `collector` is not in the outcome. */
function* runOne(
  place: Place,
  command: Script.SimpleCommand,
  piped: string,
  options: ShellOptions,
  collector: Collector | null
): Generator<Wait, Outcome, Outcome> {
  const streams = redirect(place, command)
  if ("code" in streams) return streams
  const direct = collector !== null && command.redirections.length === 0
  let emitted = ""
  const emit = (text: string): void => {
    if (direct) collector.write(1, text)
    else emitted += text
  }
  const stdin = streams.stdin ?? piped
  const invocation: Invocation = {
    place,
    stdin,
    emit,
    again: (name, args, there) => call(name, args, { ...invocation, place: there }, options)
  }
  const first = call(command.name, command.args, invocation, options)
  const result = isTimed(first) ? yield { name: command.name, effect: first.effect } : first
  return streams.apply({ ...result, stdout: emitted + result.stdout })
}

const call = (
  name: string,
  args: ReadonlyArray<string>,
  invocation: Invocation,
  options: ShellOptions
): CommandResult => {
  const command = options.commands.get(name)
  if (command !== undefined) {
    const here: Invocation = {
      ...invocation,
      again: (other, rest, there) => call(other, rest, { ...invocation, place: there }, options)
    }
    return command.run(args, here)
  }
  if (name === "help") return outcome([...options.commands.values()].map((one) => `${one.usage}\n`).join(""))
  return failure(`sh: ${name}: command not found`, NOT_FOUND)
}

interface Streams {
  /** What `<` reads; undefined for the pipe. */
  readonly stdin: string | undefined
  /** Sends the outcome where the redirections say. */
  readonly apply: (result: Outcome) => Outcome
}

/** Where a stream goes: to one of the command's two outputs or into a file. */
type Sink = 1 | 2 | string

/** In their order, as `> FILE 2>&1` needs it. Files that can be written are /dev/null and what stands under /proc/sys and /sys/module. */
const redirect = (place: Place, command: Script.SimpleCommand): Streams | Outcome => {
  let stdin: string | undefined
  let out: Sink = 1
  let err: Sink = 2
  for (const { stream, target } of command.redirections) {
    if (stream === 0) {
      const text = Files.read(place, target)
      if (text === null) return failure(`sh: ${target}: No such file or directory`)
      stdin = text
    } else if (target === "&1") err = out
    else if (!isWritable(target)) return failure(`sh: ${target}: Read-only file system`)
    else if (stream === 1) out = target
    else err = target
  }
  return { stdin, apply: (result) => deliver(place, result, out, err) }
}

const isWritable = (path: string): boolean =>
  path === "/dev/null" || path.startsWith("/proc/sys/") || path.startsWith("/sys/module/")

const deliver = (place: Place, result: Outcome, out: Sink, err: Sink): Outcome => {
  const texts = new Map<Sink, string>([
    [1, ""],
    [2, ""]
  ])
  texts.set(out, result.stdout)
  texts.set(err, (texts.get(err) ?? "") + result.stderr)
  let outcome: Outcome = { stdout: texts.get(1)!, stderr: texts.get(2)!, code: result.code }
  for (const [sink, text] of texts)
    if (typeof sink === "string" && text !== "") outcome = write(place, sink, text, outcome)
  return outcome
}

const write = (place: Place, path: string, text: string, result: Outcome): Outcome => {
  const error =
    path === "/dev/null"
      ? ""
      : path.startsWith("/sys/module/")
        ? toModule(place, path, text)
        : toSysctl(place, path, text)
  return error === "" ? result : { ...result, stderr: `${result.stderr}sh: ${path}: ${error}\n`, code: 1 }
}

const toModule = (place: Place, path: string, text: string): string =>
  ModuleParameters.write(place, path, text) ? "" : "Invalid argument"

const toSysctl = (place: Place, path: string, text: string): string => {
  const status = writeSysctl(place, Sysctls.canonical(path.slice("/proc/sys/".length)), text)
  return status === 0 ? "" : strerror(status)
}
