/**
 * The input log: what came into a run from outside, and when in virtual time. Seed and log replay the run.
 *
 * The file is a MessagePack stream (msgpackr): a header array, then one array an entry.
 *
 *     ["darkfiber-input", version, seed, topology hash]
 *     [time, target, command]                            enters at this time, before all events of it
 *     [time, target, command, actor, point, count]       enters at the count-th hit of a trace point from then on
 */
import * as Result from "effect/Result"
import { Packr, Unpackr } from "msgpackr"
import { valueEnd } from "./internal/Plain.ts"
import type { Island } from "./Island.ts"
import type { Runtime } from "./Runtime.ts"
import * as TracePoint from "./TracePoint.ts"

export const version = 1
const MAGIC = "darkfiber-input"

export interface Header {
  readonly version: number
  readonly seed: number
  /** A hash of the topology, so that a log is not replayed into another one. */
  readonly topology: string
}

/** The n-th hit, from the entry's time on, of a trace point on the island of an actor. */
export interface Hit {
  readonly actor: string
  readonly point: string
  /** 1 is the next hit. */
  readonly count: number
}

export interface Entry {
  /** Virtual time, ns. */
  readonly time: number
  /** Null: at that time. */
  readonly hit: Hit | null
  /** The host that gets the command. */
  readonly target: string
  readonly command: string | Uint8Array
}

export interface InputLog {
  readonly header: Header
  readonly entries: ReadonlyArray<Entry>
}

/** The bytes are not an input log, from byte `at` on. */
export interface UnreadableLog {
  readonly _tag: "UnreadableLog"
  readonly at: number
  readonly reason: string
}

/** Writes a log piece by piece: the header first, an entry when it happens. */
export class Recorder {
  private readonly packr: Packr
  private readonly parts: Array<Uint8Array>
  private last: number

  constructor(header: Omit<Header, "version">) {
    this.packr = new Packr({ useRecords: false, moreTypes: false })
    this.parts = []
    this.last = 0
    this.write([MAGIC, version, header.seed, header.topology])
  }

  /** Precondition: times never go back. */
  add(entry: Entry): void {
    if (entry.time < this.last) throw new Error(`an input at ${entry.time} ns after one at ${this.last} ns`)
    this.last = entry.time
    const { hit } = entry
    const head = [entry.time, entry.target, entry.command]
    this.write(hit === null ? head : [...head, hit.actor, hit.point, hit.count])
  }

  /** What was written so far. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.parts.reduce((total, part) => total + part.length, 0))
    let at = 0
    for (const part of this.parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  private write(value: ReadonlyArray<unknown>): void {
    this.parts.push(new Uint8Array(this.packr.pack(value)))
  }
}

export const encode = (log: InputLog): Uint8Array => {
  const recorder = new Recorder(log.header)
  for (const entry of log.entries) recorder.add(entry)
  return recorder.bytes()
}

/** Never throws, whatever the bytes. */
export const decode = (bytes: Uint8Array): Result.Result<InputLog, UnreadableLog> => {
  const unpackr = new Unpackr({ useRecords: false, moreTypes: false })
  const entries: Array<Entry> = []
  let header: Header | null = null
  let last = 0
  for (let at = 0; at < bytes.length;) {
    const end = valueEnd(bytes, at)
    if (end < 0) return unreadable(at, "not MessagePack of numbers, text, bytes and arrays, or cut off")
    const values = read(unpackr, bytes.slice(at, end))
    if (values === null) return unreadable(at, "not an array")
    if (header === null) {
      header = headerOf(values)
      if (header === null) return unreadable(at, "no input log header of this version")
    } else {
      const entry = entryOf(values)
      if (entry === null) return unreadable(at, "not an entry")
      if (entry.time < last) return unreadable(at, "time goes back")
      last = entry.time
      entries.push(entry)
    }
    at = end
  }
  return header === null ? unreadable(0, "empty") : Result.succeed({ header, entries })
}

const unreadable = (at: number, reason: string): Result.Result<never, UnreadableLog> =>
  Result.fail({ _tag: "UnreadableLog", at, reason })

const read = (unpackr: Unpackr, bytes: Uint8Array): ReadonlyArray<unknown> | null => {
  try {
    const value: unknown = unpackr.unpack(bytes)
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

const headerOf = (values: ReadonlyArray<unknown>): Header | null => {
  const [magic, found, seed, topology] = values
  if (values.length !== 4 || magic !== MAGIC || found !== version) return null
  return Number.isSafeInteger(seed) && typeof topology === "string" ? { version, seed: seed as number, topology } : null
}

const entryOf = (values: ReadonlyArray<unknown>): Entry | null => {
  const [time, target, command, actor, point, count] = values
  if (!isCount(time) || typeof target !== "string") return null
  const text = typeof command === "string" ? command : command instanceof Uint8Array ? new Uint8Array(command) : null
  if (text === null) return null
  if (values.length === 3) return { time, hit: null, target, command: text }
  if (values.length !== 6 || typeof actor !== "string" || typeof point !== "string") return null
  return isCount(count) && count > 0 ? { time, hit: { actor, point, count }, target, command: text } : null
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** Reads a log in its order. */
export class Cursor {
  private readonly entries: ReadonlyArray<Entry>
  private at: number

  constructor(log: InputLog) {
    this.entries = log.entries
    this.at = 0
  }

  /** Time of the next entry, `Infinity` at the end. */
  get nextTime(): number {
    return this.entries[this.at]?.time ?? Infinity
  }

  /** Takes the next entry; null at the end. */
  next(): Entry | null {
    return this.entries[this.at++] ?? null
  }
}

/**
 * Enters a log into a run: each command is executed in the process phase of its instant.
 *
 * @param islandOf the island of a target host or of an actor; null when there is none
 * @returns the entries that have no target or name an unknown trace point
 */
export const replay = (
  log: InputLog,
  runtime: Runtime,
  islandOf: (name: string) => Island | null,
  execute: (entry: Entry, now: number) => void
): ReadonlyArray<Entry> => {
  const missing: Array<Entry> = []
  for (const entry of log.entries) {
    const island = islandOf(entry.hit === null ? entry.target : entry.hit.actor)
    if (island === null || (entry.hit !== null && TracePoint.find(entry.hit.point) < 0)) {
      missing.push(entry)
      continue
    }
    runtime.at(island, entry.time, `input/${entry.target}`, (now) => {
      if (entry.hit === null) execute(entry, now)
      else onHit(island, entry.hit, () => runtime.soon(island, `input/${entry.target}`, (at) => execute(entry, at)))
    })
  }
  return missing
}

/** Calls `then` at the n-th hit from now on. Turns the island's tracing on, which changes nothing but speed. */
export const onHit = (island: Island, hit: Hit, then: () => void): void => {
  const { trace } = island
  const point = TracePoint.find(hit.point)
  const before = trace.watch
  let left = hit.count
  if (!trace.on) {
    trace.on = true
    trace.limit = trace.count
  }
  trace.watch = (found, time) => {
    if (before !== null) before(found, time)
    if (found === point && left > 0 && --left === 0) then()
  }
}
