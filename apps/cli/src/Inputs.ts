/**
 * What comes into a run from outside: commands at times, written to an input log, or read back from one.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { hashText } from "@darkfiber/sim/Random"
import * as InputLog from "@darkfiber/sim/InputLog"
import * as ToolShell from "@darkfiber/tools/Shell"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type * as Plan from "@darkfiber/topology/Plan"
import * as Units from "@darkfiber/topology/Units"
import { Effect, Result } from "effect"
import { badInput, type Failure } from "./Failure.ts"
import * as Shell from "./Shell.ts"

const form = /^([^=]+)=([^:]+):([\s\S]+)$/

/** Reads `1s=HOST:COMMAND` or `1s=HOST/netns:COMMAND`. */
export const parse = (text: string): Effect.Effect<InputLog.Entry, Failure> => {
  const match = form.exec(text)
  const time = match === null ? undefined : Units.duration(match[1]!.trim())
  if (match === null || time === undefined) {
    return Effect.fail(badInput(`--at ${text}: expected TIME=HOST:COMMAND, such as 1s=web1:ss -s`))
  }
  return Effect.succeed({ time, hit: null, target: match[2]!.trim(), command: match[3]!.trim() })
}

/** Names a plan, so that a log is not replayed into another one. */
export const topologyHash = (plan: Plan.Plan): string => {
  const text = JSON.stringify(plan)
  return [0, 1].map((seed) => (hashText(text, seed) >>> 0).toString(16).padStart(8, "0")).join("")
}

/** Reads a log made with the same seed and topology. */
export const readLog = (
  file: string,
  seed: number,
  topology: string
): Effect.Effect<ReadonlyArray<InputLog.Entry>, Failure> =>
  Effect.gen(function* () {
    const bytes = yield* Effect.try({
      try: () => readFileSync(file),
      catch: () => badInput(`${file}: no such file, or not readable`)
    })
    const log = InputLog.decode(bytes)
    if (Result.isFailure(log)) return yield* badInput(`${file}: byte ${log.failure.at}: ${log.failure.reason}`)
    const { header } = log.success
    if (header.topology !== topology) return yield* badInput(`${file}: was recorded with another topology`)
    if (header.seed !== seed) return yield* badInput(`${file}: was recorded with --seed ${header.seed}`)
    return log.success.entries
  })

export const writeLog = (
  file: string,
  seed: number,
  topology: string,
  entries: ReadonlyArray<InputLog.Entry>
): Effect.Effect<void, Failure> =>
  Effect.try({
    try: () => writeFileSync(file, InputLog.encode({ header: { version: InputLog.version, seed, topology }, entries })),
    catch: () => badInput(`${file}: cannot be written`)
  })

/** What one command printed. */
export interface Answer {
  readonly time: number
  readonly target: string
  readonly command: string
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

/**
 * Enters commands into a run: each starts as a process of its host at its time.
 *
 * @param answered gets the output when the command has ended
 */
export const install = (
  centre: DataCentre,
  entries: ReadonlyArray<InputLog.Entry>,
  answered: (answer: Answer) => void
): Effect.Effect<void, Failure> =>
  Effect.gen(function* () {
    for (const { target } of entries) {
      if (centre.host(target.split("/")[0]!) === undefined) return yield* badInput(`--at: there is no host ${target}`)
    }
    const log: InputLog.InputLog = {
      header: { version: InputLog.version, seed: centre.options.seed, topology: "" },
      entries: [...entries].sort((left, right) => left.time - right.time)
    }
    const islandOf = (name: string) => centre.host(name.split("/")[0]!)?.island ?? null
    InputLog.replay(log, centre.runtime, islandOf, (entry, now) => {
      const command = String(entry.command)
      const answer = (stdout: string, stderr: string, code: number): void =>
        answered({ time: now, target: entry.target, command, stdout, stderr, code })
      const place = Shell.find(centre, entry.target)
      if (place === undefined) answer("", `there is no ${entry.target} at this time\n`, 1)
      else ToolShell.spawn(place, command, (outcome) => answer(outcome.stdout, outcome.stderr, outcome.code))
    })
  })

export const formatAnswer = (answer: Answer): string =>
  `[${(answer.time / 1e9).toFixed(6)} s] ${answer.target}$ ${answer.command}\n${answer.stdout}${answer.stderr}`
