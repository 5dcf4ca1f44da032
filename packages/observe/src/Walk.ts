/**
 * Follows one packet, function by function, over cores and hosts; and the law that time never goes backwards on the way.
 *
 * A packet keeps its trace id across clones, links, segmentation, fragmentation and flooding. What it caused has ids of its
 * own and names it: the ARP request for its next hop and the answer, ICMP errors about it, its retransmissions; and the
 * packet into which it was merged holds it from then on. A walk follows them all.
 */
import type { Island } from "@darkfiber/sim/Island"
import { left, right, seconds } from "./Columns.ts"
import { readUnsorted, type TraceRecord } from "./TraceReader.ts"

/** One step of a journey. */
export interface Step extends TraceRecord {
  /** Nanoseconds since the journey's first record. */
  readonly since: number
  /** Nanoseconds since the step before; 0 for the first. */
  readonly delta: number
}

export interface Journey {
  /** The packet asked for, then its descendants in the order in which they appear. */
  readonly packets: ReadonlyArray<number>
  readonly steps: ReadonlyArray<Step>
  /** Hosts in the order in which the packet reached them. */
  readonly hosts: ReadonlyArray<string>
  /** Nanoseconds from the first to the last step. */
  readonly duration: number
}

/**
 * The journey of `packet` and of all that was made from it.
 *
 * @param records in the order of time (TraceReader.read)
 */
export const walk = (records: ReadonlyArray<TraceRecord>, packet: number): Journey => {
  const packets = family(records, packet)
  const steps: Array<Step> = []
  const hosts: Array<string> = []
  let first = 0
  let before = 0
  for (const record of records) {
    const since = packets.get(record.packet)
    if (since === undefined || record.time < since) continue
    if (steps.length === 0) first = before = record.time
    steps.push({ ...record, since: record.time - first, delta: record.time - before })
    before = record.time
    if (!hosts.includes(record.host)) hosts.push(record.host)
  }
  return { packets: [...packets.keys()], steps, hosts, duration: before - first }
}

/** The packet and its descendants, and from when on each of them belongs to the journey. */
const family = (records: ReadonlyArray<TraceRecord>, packet: number): ReadonlyMap<number, number> => {
  const packets = new Map([[packet, -Infinity]])
  for (const record of records) {
    if (packets.has(record.packet)) continue
    if (record.parents.some((parent) => packets.has(parent))) packets.set(record.packet, record.time)
  }
  return packets
}

/** Packet ids in the order in which they first appear. */
export const packetsOf = (records: ReadonlyArray<TraceRecord>): ReadonlyArray<number> => {
  const seen = new Set<number>()
  for (const record of records) if (record.packet !== 0) seen.add(record.packet)
  return [...seen]
}

/**
 * A journey as text: a heading for each host it enters, then one line a step.
 *
 *     host0
 *       +0.000 us   [000] process    tcp_sendmsg                   packet 1
 */
export const format = (journey: Journey): string => {
  if (journey.steps.length === 0) return "no such packet in the trace\n"
  const many = journey.packets.length > 1
  const numbers = new Map(journey.packets.map((packet, index) => [packet, index + 1]))
  const named = new Set<number>()
  /** A packet's number in this journey, and at its first step those of its parents. */
  const nameOf = ({ packet, parents }: Step): string => {
    if (!many) return ""
    const from = named.has(packet) ? [] : parents.flatMap((parent) => numbers.get(parent) ?? [])
    named.add(packet)
    return `packet ${numbers.get(packet)}${from.length > 0 ? ` of ${from.join(", ")}` : ""}`
  }
  let text = ""
  let host = ""
  for (const step of journey.steps) {
    if (step.host !== host) {
      host = step.host
      text += `${host}  at ${seconds(step.time, 9)} s\n`
    }
    const core = step.core < 0 ? "[  -]" : `[${String(step.core).padStart(3, "0")}]`
    const place = [step.netns, step.device].filter((part) => part !== "").join("/")
    const line = [
      `  +${right(micros(step.since), 12)} us`,
      core,
      left(step.context, 9),
      left(step.function, 28),
      left(place, 16),
      nameOf(step)
    ]
    text += `${line.join(" ").trimEnd()}\n`
  }
  const over = journey.hosts.length === 1 ? "1 host" : `${journey.hosts.length} hosts`
  return `${text}${journey.steps.length} functions, ${over}, ${micros(journey.duration)} us\n`
}

const micros = (nanos: number): string => `${Math.floor(nanos / 1000)}.${String(nanos % 1000).padStart(3, "0")}`

/** Two records of one packet that stand in the wrong order. */
export interface Backwards {
  readonly before: TraceRecord
  readonly after: TraceRecord
}

/** Trace ids of one island lie together: `Trace` numbers them from this multiple of the island's index on. */
const idSpan = 4_294_967_296

/**
 * Where time goes backwards along a journey: of one packet, on one core of one island, rows have to ascend in the order in
 * which they were written; and a packet is nowhere before it is where it was born.
 *
 * One thing is allowed: an interrupt inside a step of a task is written after the whole step, with its own time
 * (docs/decisions/steps-and-interrupts.md). It meets the same packet when the step copies one frame of a super-segment,
 * whose frames share an id, and the interrupt brings the next.
 */
export const backwards = (islands: ReadonlyArray<Island>): ReadonlyArray<Backwards> => {
  const found: Array<Backwards> = []
  const births = new Map<number, TraceRecord>()
  const all = islands.map((island) => readUnsorted(island))
  islands.forEach((island, at) => {
    for (const record of all[at]!) {
      if (Math.floor(record.packet / idSpan) !== island.index || births.has(record.packet)) continue
      births.set(record.packet, record)
    }
  })
  for (const records of all) {
    const inTask = new Map<string, TraceRecord>()
    const inInterrupt = new Map<string, TraceRecord>()
    for (const record of records) {
      if (record.packet === 0) continue
      const birth = births.get(record.packet)
      if (birth !== undefined && record.time < birth.time) found.push({ before: birth, after: record })
      const place = `${record.packet}#${record.core}`
      const isTask = record.context === "process"
      for (const last of isTask ? [inTask, inInterrupt] : [inInterrupt]) {
        const before = last.get(place)
        if (before !== undefined && record.time < before.time) found.push({ before, after: record })
      }
      ;(isTask ? inTask : inInterrupt).set(place, record)
    }
  }
  return found
}

/** Throws, naming both records, when time goes backwards along a journey. */
export const assertMonotone = (islands: ReadonlyArray<Island>): void => {
  const first = backwards(islands)[0]
  if (first === undefined) return
  const name = (record: TraceRecord): string => `${record.function} on ${record.host} at ${record.time} ns`
  throw new Error(`packet ${first.after.packet}: ${name(first.after)} comes after ${name(first.before)}`)
}
