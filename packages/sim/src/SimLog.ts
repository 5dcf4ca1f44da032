/**
 * What the fibers of a run log or print: entries with virtual time, in the order in which they were made. Nothing is
 * written anywhere; the application decides what to show.
 */
import * as Cause from "effect/Cause"
import type * as Console from "effect/Console"
import * as Logger from "effect/Logger"

export interface LogEntry {
  /** Virtual time in ns, as the fiber saw it. */
  readonly time: number
  /** The root fiber's name. */
  readonly name: string
  /** Effect's log level, or `console.log`, `console.error` … */
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  /** Empty when the entry has no cause. */
  readonly cause: string
}

/** Who logs, and when. */
export interface LogOrigin {
  readonly name: string
  now(): number
}

/** Entries kept before the oldest are counted as lost. */
const LIMIT = 100_000

export class SimLog {
  entries: Array<LogEntry>
  /** Entries that were not kept. */
  lost: number
  limit: number
  readonly logger: Logger.Logger<unknown, void>
  readonly console: Console.Console
  /** Who runs now. */
  readonly origin: () => LogOrigin

  /** @param origin who runs now */
  constructor(origin: () => LogOrigin) {
    this.entries = []
    this.lost = 0
    this.limit = LIMIT
    this.origin = origin
    this.logger = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
      const list: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
      this.add(logLevel, list, cause.reasons.length === 0 ? "" : Cause.pretty(cause))
    })
    this.console = makeConsole(this)
  }

  add(level: string, message: ReadonlyArray<unknown>, cause: string): void {
    if (this.entries.length >= this.limit) {
      this.lost++
      return
    }
    const origin = this.origin()
    this.entries.push({ time: origin.now(), name: origin.name, level, message, cause })
  }

  /** Hands out the entries and forgets them. */
  take(): ReadonlyArray<LogEntry> {
    const entries = this.entries
    this.entries = []
    return entries
  }
}

const makeConsole = (log: SimLog): Console.Console => {
  const counts = new Map<string, number>()
  const started = new Map<string, number>()
  const print =
    (level: string) =>
    (...values: ReadonlyArray<unknown>): void =>
      log.add(`console.${level}`, values, "")
  const timer = (label: string, values: ReadonlyArray<unknown>): void => {
    const millis = (log.origin().now() - (started.get(label) ?? 0)) / 1_000_000
    log.add("console.log", [`${label}: ${millis} ms`, ...values], "")
  }
  return {
    assert: (condition, ...values) => {
      if (!condition) log.add("console.error", ["Assertion failed", ...values], "")
    },
    clear: () => {},
    count: (label = "default") => {
      const count = (counts.get(label) ?? 0) + 1
      counts.set(label, count)
      log.add("console.log", [`${label}: ${count}`], "")
    },
    countReset: (label = "default") => void counts.delete(label),
    debug: print("debug"),
    dir: (item) => log.add("console.log", [item], ""),
    dirxml: print("log"),
    error: print("error"),
    group: print("log"),
    groupCollapsed: print("log"),
    groupEnd: () => {},
    info: print("info"),
    log: print("log"),
    table: print("log"),
    time: (label = "default") => void started.set(label, log.origin().now()),
    timeEnd: (label = "default") => {
      timer(label, [])
      started.delete(label)
    },
    timeLog: (label = "default", ...values) => timer(label, values),
    trace: print("trace"),
    warn: print("warn")
  }
}
