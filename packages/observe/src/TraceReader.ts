/**
 * Reads the traces of all islands as one list of records in the order of time.
 *
 * An island's rows stand in the order in which they were written, which is the order of cause and effect on each core; a
 * core may run ahead of another one, so rows of two cores need not ascend. Records of one time stand in the order of
 * islands, then of rows.
 */
import { type Island } from "@darkfiber/sim/Island"
import { contextNames, KIN, ROW, type Trace } from "@darkfiber/sim/Trace"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import { left, right, seconds } from "./Columns.ts"

/** One function passed, by one packet or by none. */
export interface TraceRecord {
  /** Virtual time, ns. */
  readonly time: number
  /** Name of the island: a host or a switch. */
  readonly host: string
  /** Core index; -1 for hardware. */
  readonly core: number
  /** `process`, `softirq`, `hardirq`, `ksoftirqd` or `-`. */
  readonly context: string
  /** The kernel function. */
  readonly function: string
  /** Name of the namespace; empty when none was stated. */
  readonly netns: string
  /** Name of the device; empty when none was stated. */
  readonly device: string
  /** Trace id of the packet; 0 for none. Unique over islands. */
  readonly packet: number
  /** What the function states besides: a length, a reason, a queue. */
  readonly detail: number
  /** The packets from which this one had been made by then: see `Trace`. */
  readonly parents: ReadonlyArray<number>
}

/** What a trace's numbers are called on one host. */
export interface TraceNames {
  readonly netns: (id: number) => string
  readonly device: (netns: number, index: number) => string
}

/** For islands whose names are not known: numbers. */
export const numbers: TraceNames = {
  netns: (id) => (id < 0 ? "" : `netns${id}`),
  device: (_netns, index) => (index < 0 ? "" : `if${index}`)
}

export interface ReadOptions {
  /** Names by island; `numbers` when left out. */
  readonly names?: (island: Island) => TraceNames
  /** Only these packets. */
  readonly packets?: ReadonlySet<number>
  /** Only rows from this time on, ns. */
  readonly from?: number
  /** Only rows up to and including this time, ns. */
  readonly until?: number
}

/** Names a row: for an observer that walks `Trace.rows` itself. */
export const recordAt = (
  trace: Trace,
  row: number,
  host: string,
  names: TraceNames = numbers,
  kin: Kin = noKin
): TraceRecord => {
  const rows = trace.rows
  const at = row * ROW
  const netns = rows[at + 4]!
  const point = TracePoint.name(rows[at + 1]!)
  return {
    time: rows[at]!,
    host,
    core: rows[at + 2]!,
    context: contextNames[rows[at + 3]!] ?? "-",
    function: point,
    netns: names.netns(netns),
    device: names.device(netns, rows[at + 5]!),
    packet: taskFunctions.has(point) ? 0 : rows[at + 6]!,
    detail: rows[at + 7]!,
    parents: parentsAt(kin, rows[at + 6]!, rows[at]!)
  }
}

/** Which packets each packet was made from, and from when on. */
export type Kin = ReadonlyMap<number, ReadonlyArray<{ readonly parent: number; readonly since: number }>>

const noKin: Kin = new Map()

/** The kinship of all packets of these islands. */
export const kinOf = (islands: ReadonlyArray<Island>): Kin => {
  const kin = new Map<number, Array<{ readonly parent: number; readonly since: number }>>()
  for (const { trace } of islands) {
    for (let row = 0; row < trace.kinCount; row++) {
      const at = row * KIN
      const child = trace.kin[at]!
      const known = kin.get(child)
      const entry = { parent: trace.kin[at + 1]!, since: trace.kin[at + 2]! }
      if (known === undefined) kin.set(child, [entry])
      else known.push(entry)
    }
  }
  return kin
}

const none: ReadonlyArray<number> = []

const parentsAt = (kin: Kin, packet: number, time: number): ReadonlyArray<number> => {
  const known = kin.get(packet)
  return known === undefined ? none : known.filter((each) => each.since <= time).map((each) => each.parent)
}

/** Functions that state a task where others state a packet. */
const taskFunctions: ReadonlySet<string> = new Set(["context_switch"])

/** The rows of all islands as records, in the order of time. Changes nothing. */
export const read = (islands: ReadonlyArray<Island>, options: ReadOptions = {}): ReadonlyArray<TraceRecord> => {
  const sources = islands.map((island) => ordered(island.trace, options))
  const names = islands.map((island) => options.names?.(island) ?? numbers)
  const positions = islands.map(() => 0)
  const kin = kinOf(islands)
  const records: Array<TraceRecord> = []
  for (;;) {
    let best = -1
    let bestTime = Infinity
    for (let i = 0; i < sources.length; i++) {
      const row = sources[i]![positions[i]!]
      if (row === undefined) continue
      const time = islands[i]!.trace.rows[row * ROW]!
      if (time < bestTime) {
        bestTime = time
        best = i
      }
    }
    if (best < 0) return records
    const island = islands[best]!
    records.push(recordAt(island.trace, sources[best]![positions[best]!]!, island.name, names[best]!, kin))
    positions[best] = positions[best]! + 1
  }
}

/** Row numbers of a trace that the options want, by time, then as written. */
const ordered = (trace: Trace, options: ReadOptions): Uint32Array => {
  const rows = trace.rows
  const from = options.from ?? -Infinity
  const until = options.until ?? Infinity
  const chosen = new Uint32Array(trace.count)
  let count = 0
  for (let row = 0; row < trace.count; row++) {
    const time = rows[row * ROW]!
    if (time < from || time > until) continue
    if (options.packets !== undefined && !options.packets.has(rows[row * ROW + 6]!)) continue
    chosen[count++] = row
  }
  return chosen.subarray(0, count).sort((a, b) => rows[a * ROW]! - rows[b * ROW]! || a - b)
}

/** Rows that did not fit, over all islands: a reader says so. */
export const lost = (islands: ReadonlyArray<Island>): number =>
  islands.reduce((sum, island) => sum + island.trace.lost, 0)

/** `     0.001234567 host0 [001] softirq   ip_rcv                   eth0        packet 17  84` */
export const formatRecord = (record: TraceRecord): string =>
  [
    right(seconds(record.time, 9), 16),
    left(record.host, 12),
    record.core < 0 ? "[  -]" : `[${String(record.core).padStart(3, "0")}]`,
    left(record.context, 9),
    left(record.function, 28),
    left(place(record), 16),
    record.packet === 0 ? "" : `packet ${record.packet}`,
    record.detail === 0 ? "" : `detail ${record.detail}`
  ]
    .join(" ")
    .trimEnd()

/** `netns/device`, or what of it is known. */
const place = (record: TraceRecord): string =>
  record.netns === "" || record.device === "" ? record.netns + record.device : `${record.netns}/${record.device}`

/** One record a line. */
export const format = (records: ReadonlyArray<TraceRecord>): string =>
  records.map((record) => `${formatRecord(record)}\n`).join("")

/** One JSON document a line, keys always in the same order. */
export const formatJson = (records: ReadonlyArray<TraceRecord>): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("")

/** The rows of one island as written, not sorted by time. */
export const readUnsorted = (island: Island, names: TraceNames = numbers): ReadonlyArray<TraceRecord> => {
  const records: Array<TraceRecord> = []
  for (let row = 0; row < island.trace.count; row++) records.push(recordAt(island.trace, row, island.name, names))
  return records
}
