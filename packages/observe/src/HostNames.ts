/** What the numbers in a host's trace are called: its namespaces, their devices, drop reasons. */
import type { Host } from "@darkfiber/kernel-net/Host"
import * as DropReason from "@darkfiber/sim/DropReason"
import type { Island } from "@darkfiber/sim/Island"
import { numbers, type TraceNames, type TraceRecord } from "./TraceReader.ts"

/** Names of one host, as they are now: a namespace that has ended shows as a number. */
export const ofHost = (host: Host): TraceNames => ({
  netns: (id) => host.netns.find((net) => net.id === id)?.name ?? numbers.netns(id),
  device: (netns, index) =>
    host.netns.find((net) => net.id === netns)?.deviceByIndex(index)?.name ?? numbers.device(netns, index)
})

/** Names by island, for `TraceReader.read`. */
export const ofHosts = (hosts: ReadonlyArray<Host>): ((island: Island) => TraceNames) => {
  const known = new Map<Island, TraceNames>(hosts.map((host) => [host.island, ofHost(host)]))
  return (island) => known.get(island) ?? numbers
}

/** The function that ends a packet with a reason; its detail is the reason's number. */
const KFREE_SKB = "kfree_skb"

/** Why and where each packet of the records was dropped, by its trace id: comments for a capture. */
export const dropNotes = (records: ReadonlyArray<TraceRecord>): ReadonlyMap<number, string> => {
  const notes = new Map<number, string>()
  for (const record of records) {
    if (record.function !== KFREE_SKB || record.packet === 0) continue
    notes.set(record.packet, `dropped: ${DropReason.name(record.detail)} on ${record.host}`)
  }
  return notes
}
