/** Connection tracking entries of a namespace as records: `conntrack -L`. */
import { type Entry, STATUS_ASSURED, STATUS_SEEN_REPLY } from "@darkfiber/kernel-net/netfilter/ConntrackEntry"
import * as Setup from "@darkfiber/kernel-net/netfilter/Setup"
import * as TcpTracking from "@darkfiber/kernel-net/netfilter/TcpTracking"
import type { Tuple } from "@darkfiber/kernel-net/netfilter/Tuple"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { ConntrackRecord, FlowRecord } from "./TableText.ts"

const ICMP = 1
const TCP = 6

/** The confirmed entries, oldest first. Empty where nothing has loaded conntrack; asking loads nothing. */
export const list = (net: Netns, now: number): ReadonlyArray<ConntrackRecord> => {
  const conntrack = Setup.peek(net)?.conntrack ?? null
  if (conntrack === null) return []
  const found: Array<ConntrackRecord> = []
  for (let entry = conntrack.table.oldest; entry !== null; entry = entry.following) {
    if (entry.owner === conntrack.net && entry.deadline > now) found.push(record(entry, now))
  }
  return found
}

/** Entries in all, confirmed or not (nf_conntrack_count). */
export const count = (net: Netns): number => Setup.peek(net)?.conntrack?.net.count ?? 0

const record = (entry: Entry, now: number): ConntrackRecord => ({
  protocol: entry.original.protocol,
  timeout: Math.max(0, Math.floor((entry.deadline - now) / 1e9)),
  state: entry.original.protocol === TCP ? (TcpTracking.names[entry.state] ?? "NONE") : "",
  original: flow(entry.original, entry.packets[0], entry.bytes[0]),
  reply: flow(entry.reply, entry.packets[1], entry.bytes[1]),
  isUnreplied: (entry.status & STATUS_SEEN_REPLY) === 0,
  isAssured: (entry.status & STATUS_ASSURED) !== 0,
  mark: entry.mark >>> 0,
  uses: entry.uses
})

const flow = (tuple: Tuple, packets: number, bytes: number): FlowRecord => ({
  source: tuple.source,
  destination: tuple.destination,
  sourcePort: tuple.sourcePort,
  destinationPort: tuple.destinationPort,
  icmp:
    tuple.protocol === ICMP
      ? { type: (tuple.ports >>> 8) & 0xff, code: tuple.ports & 0xff, id: tuple.ports >>> 16 }
      : null,
  packets,
  bytes
})
