/**
 * Conntrack entries as `conntrack -L` prints them.
 */
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { format } from "@darkfiber/wire/Ipv4Address"
import { type Entry, STATUS_ASSURED, STATUS_SEEN_REPLY } from "./ConntrackEntry.ts"
import type { ConntrackNet } from "./ConntrackNet.ts"
import type { ConntrackTable } from "./ConntrackTable.ts"
import { protocolName } from "./RuleText.ts"
import * as TcpTracking from "./TcpTracking.ts"
import type { TupleHash } from "./Tuple.ts"

/** One line of `conntrack -L`; `now` in ns. */
export const line = (entry: Entry, now: number): string => {
  const protocol = entry.original.protocol
  const left = Math.max(0, Math.floor((entry.deadline - now) / 1e9))
  const state = protocol === Ipv4.PROTOCOL_TCP ? ` ${TcpTracking.names[entry.state]}` : ""
  const answered = (entry.status & STATUS_SEEN_REPLY) !== 0
  const assured = (entry.status & STATUS_ASSURED) !== 0
  return [
    `${protocolName(protocol).padEnd(8)} ${protocol} ${left}${state}`,
    direction(entry, entry.original),
    answered ? "" : "[UNREPLIED]",
    direction(entry, entry.reply),
    assured ? "[ASSURED]" : "",
    `mark=${entry.mark}`
  ]
    .filter((part) => part !== "")
    .join(" ")
}

/** The entries of a namespace that are alive at `now`, in order of confirmation. */
export const list = (table: ConntrackTable, net: ConntrackNet, now: number): ReadonlyArray<Entry> => {
  const all: Array<Entry> = []
  for (let entry = table.oldest; entry !== null; entry = entry.following) {
    if (entry.owner === net && entry.deadline > now) all.push(entry)
  }
  return all
}

const direction = (entry: Entry, tuple: TupleHash): string => {
  const ends = `src=${format(tuple.source)} dst=${format(tuple.destination)}`
  const counters =
    entry.owner?.accounting === true
      ? ` packets=${entry.packets[tuple.direction]} bytes=${entry.bytes[tuple.direction]}`
      : ""
  if (tuple.protocol === Ipv4.PROTOCOL_ICMP) {
    return `${ends} type=${(tuple.ports >>> 8) & 255} code=${tuple.ports & 255} id=${tuple.ports >>> 16}${counters}`
  }
  if (tuple.protocol !== Ipv4.PROTOCOL_TCP && tuple.protocol !== Ipv4.PROTOCOL_UDP) return ends + counters
  return `${ends} sport=${tuple.sourcePort} dport=${tuple.destinationPort}${counters}`
}
