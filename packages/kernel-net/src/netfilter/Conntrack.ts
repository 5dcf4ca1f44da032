/**
 * Connection tracking of one namespace: the hooks that find or make the entry of a packet, and that put a new one into
 * the table when its packet has passed everything else.
 *
 *     PRE_ROUTING, LOCAL_OUT  -200  ipv4_conntrack_in, ipv4_conntrack_local   nf_conntrack_in
 *     LOCAL_IN, POST_ROUTING  last  ipv4_confirm                              nf_conntrack_confirm
 *
 * A packet without an entry behind these hooks is INVALID (or untracked). Linux: nf_conntrack_in, resolve_normal_ct,
 * init_conntrack (net/netfilter/nf_conntrack_core.c), icmp_error_message (nf_conntrack_proto_icmp.c).
 * Not modelled: helpers and expectations, zones, labels, ICMP error checksums.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { NF_CONNTRACK_IN } from "../Points.ts"
import type { SkBuff } from "../SkBuff.ts"
import {
  directionOf,
  type Entry,
  INFO_ESTABLISHED,
  INFO_ESTABLISHED_REPLY,
  INFO_IS_REPLY,
  INFO_NEW,
  INFO_RELATED,
  INFO_UNTRACKED,
  STATUS_SEEN_REPLY
} from "./ConntrackEntry.ts"
import type { ConntrackNet } from "./ConntrackNet.ts"
import * as Protocols from "./ConntrackProtocols.ts"
import type { ConntrackTable } from "./ConntrackTable.ts"
import { INIT_CONNTRACK, IPV4_CONFIRM } from "./Points.ts"
import { invert, ORIGINAL, read, REPLY, Tuple, type TupleHash } from "./Tuple.ts"

/** The entry a buffer belongs to, or null. */
export const entryOf = (skb: SkBuff): Entry | null => skb.conntrack as Entry | null

/** First byte behind the packet's readable head, by its own length and by the buffer's. */
export const readableEnd = (bytes: Uint8Array, skb: SkBuff): number => {
  const head = skb.data + skb.headLength
  const at = skb.networkHeader
  if (head - at < Ipv4.headerBytes) return at
  const packet = at + Ipv4.totalLength(bytes, at)
  return packet < head ? packet : head
}

export class Conntrack {
  readonly table: ConntrackTable
  readonly net: ConntrackNet
  private readonly slab: FrameSlab
  private readonly tuple: Tuple
  private readonly inner: Tuple

  constructor(table: ConntrackTable, net: ConntrackNet, slab: FrameSlab) {
    this.table = table
    this.net = net
    this.slab = slab
    this.tuple = new Tuple()
    this.inner = new Tuple()
  }

  /**
   * Gives the buffer its entry (Linux: nf_conntrack_in).
   *
   * @returns false when the packet has to be dropped: the table is full
   */
  receive(core: Core, skb: SkBuff, point: number): boolean {
    const net = this.net
    if (skb.conntrack !== null || skb.conntrackInfo === INFO_UNTRACKED) {
      net.stats.ignored++ // seen before: loopback, or the raw table
      return true
    }
    core.visit(NF_CONNTRACK_IN, net.id, skb.dev === null ? -1 : skb.dev.index, skb.traceId, point)
    const bytes = this.slab.bytes
    const end = readableEnd(bytes, skb)
    const at = read(bytes, skb.networkHeader, end, this.tuple)
    if (at < 0 || !Protocols.isSound(bytes, this.tuple.protocol, at, end, skb.dataLength > 0)) {
      net.stats.invalid++
      return true
    }
    if (this.tuple.protocol === Ipv4.PROTOCOL_ICMP && Icmp.isError(Icmp.type(bytes, at))) {
      this.relate(bytes, skb, at, end, core.time)
      return true
    }
    return this.track(core, bytes, skb, at, end)
  }

  /**
   * Confirms the entry of a packet that has passed all hooks (Linux: ipv4_confirm).
   *
   * @returns false when the packet has to be dropped: another flow has taken its tuple
   */
  confirm(core: Core, skb: SkBuff): boolean {
    const entry = entryOf(skb)
    if (entry === null) return true
    if (entry.isConfirmed() || directionOf(skb.conntrackInfo) !== ORIGINAL) return true
    core.visit(IPV4_CONFIRM, this.net.id, skb.dev === null ? -1 : skb.dev.index, skb.traceId, 0)
    return this.table.confirm(entry, core.time)
  }

  private track(core: Core, bytes: Uint8Array, skb: SkBuff, at: number, end: number): boolean {
    const now = core.time
    const net = this.net
    const protocol = this.tuple.protocol
    for (;;) {
      const found = this.table.find(net, this.tuple, now)
      let entry: Entry
      let info = INFO_NEW
      if (found === null) {
        if (!this.canBegin()) return this.invalid(skb)
        core.enter(INIT_CONNTRACK)
        const fresh = this.table.alloc(net, this.tuple, core.index, now)
        if (fresh === null) return false
        entry = fresh
        entry.original.copy(this.tuple)
        entry.reply.copy(this.inner)
        if (!Protocols.begins(entry, bytes, protocol, at, now)) {
          entry.put()
          return this.invalid(skb)
        }
      } else {
        net.stats.found++
        entry = found.entry
        entry.get()
        info = infoOf(found)
      }
      skb.conntrack = entry
      skb.conntrackInfo = info
      const direction = info >= INFO_IS_REPLY ? REPLY : ORIGINAL
      const verdict = Protocols.packet(entry, bytes, protocol, at, end, direction, now)
      if (verdict === Protocols.PACKET_ACCEPT) {
        this.account(entry, direction, skb)
        if (direction === REPLY) entry.status |= STATUS_SEEN_REPLY
        return true
      }
      skb.conntrack = null
      skb.conntrackInfo = 0
      entry.put()
      if (verdict === Protocols.PACKET_INVALID) return this.invalid(skb)
    }
  }

  /** Leaves the reply tuple in `inner`. */
  private canBegin(): boolean {
    return invert(this.tuple, this.inner)
  }

  private invalid(skb: SkBuff): boolean {
    skb.conntrackInfo = 0
    this.net.stats.invalid++
    return true
  }

  private account(entry: Entry, direction: number, skb: SkBuff): void {
    if (!this.net.accounting) return
    entry.packets[direction]!++
    entry.bytes[direction]! += skb.length - (skb.networkHeader - skb.data)
  }

  /** An ICMP error belongs to the flow of the packet it quotes. */
  private relate(bytes: Uint8Array, skb: SkBuff, at: number, end: number, now: number): void {
    const net = this.net
    net.stats.icmpErrors++
    const quoted = read(bytes, at + Icmp.headerBytes, end, this.inner)
    if (quoted < 0 || !invert(this.inner, this.tuple)) {
      net.stats.invalid++
      return
    }
    const found = this.table.find(net, this.tuple, now)
    if (found === null) {
      net.stats.invalid++
      return
    }
    found.entry.get()
    skb.conntrack = found.entry
    skb.conntrackInfo = found.direction === REPLY ? INFO_RELATED + INFO_IS_REPLY : INFO_RELATED
  }
}

/** How a packet of this direction relates to its flow (Linux: resolve_normal_ct). */
const infoOf = (found: TupleHash): number => {
  if (found.direction === REPLY) return INFO_ESTABLISHED_REPLY
  return (found.entry.status & STATUS_SEEN_REPLY) !== 0 ? INFO_ESTABLISHED : INFO_NEW
}
