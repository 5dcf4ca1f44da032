/**
 * One connection (Linux: struct nf_conn): both tuples, status, timeout, the protocol's state.
 *
 *     NEW packet ──> unconfirmed (only its buffer holds it) ──confirm──> in the table (which holds it too) ──> dying
 *
 * A buffer of the connection carries a reference in `skb.conntrack` and how it relates to it in `skb.conntrackInfo`.
 */
import type { ConntrackReference } from "../SkBuff.ts"
import type { ConntrackNet } from "./ConntrackNet.ts"
import type { ConntrackTable } from "./ConntrackTable.ts"
import { ORIGINAL, REPLY, TupleHash } from "./Tuple.ts"

/** Linux: enum ip_conntrack_info. */
export const INFO_ESTABLISHED = 0
export const INFO_RELATED = 1
export const INFO_NEW = 2
export const INFO_IS_REPLY = 3
export const INFO_ESTABLISHED_REPLY = 3
export const INFO_RELATED_REPLY = 4
/** Exempted by the raw table (CT --notrack). */
export const INFO_UNTRACKED = 7

/** The direction of a packet with this relation (Linux: CTINFO2DIR). */
export const directionOf = (info: number): number => (info >= INFO_IS_REPLY ? REPLY : ORIGINAL)

/** Linux: enum ip_conntrack_status. */
export const STATUS_SEEN_REPLY = 1 << 1
export const STATUS_ASSURED = 1 << 2
export const STATUS_CONFIRMED = 1 << 3
export const STATUS_SRC_NAT = 1 << 4
export const STATUS_DST_NAT = 1 << 5
export const STATUS_NAT_MASK = STATUS_SRC_NAT | STATUS_DST_NAT
export const STATUS_SRC_NAT_DONE = 1 << 7
export const STATUS_DST_NAT_DONE = 1 << 8
export const STATUS_DYING = 1 << 9

export class Entry implements ConntrackReference {
  readonly table: ConntrackTable
  readonly original: TupleHash
  readonly reply: TupleHash
  /** Namespace it belongs to; null in the pool. */
  owner: ConntrackNet | null
  /** STATUS_* bits. */
  status: number
  /** TCP state (TcpTracking), 0 for other protocols. */
  state: number
  /** Timeout while unconfirmed: nanoseconds from the confirmation. */
  timeout: number
  /** Time it expires, once confirmed. */
  deadline: number
  /** Time from which UDP packets both ways make it a stream. */
  streamAt: number
  mark: number
  /** ifindex whose address MASQUERADE took, 0 for none. */
  masqueradeIndex: number
  /** Packets and bytes by direction. */
  readonly packets: [number, number]
  readonly bytes: [number, number]
  /** TCP: event and direction of the last packet, -1 for none; end of the sequence space of an ignored one. */
  lastEvent: number
  lastDirection: number
  lastEnd: number
  /** TCP: bits of the directions that closed first. */
  closers: number
  /** References: the table's one, one a buffer. 0 in the pool. */
  uses: number
  /** Core index whose slab the object came from. */
  cpu: number
  /** Neighbours in the list of all confirmed entries, in order of confirmation. */
  previous: Entry | null
  following: Entry | null
  /** Next entry with the same original source (Linux: nat_bysource). */
  sourceNext: Entry | null
  sourceBucket: number

  constructor(table: ConntrackTable) {
    this.table = table
    this.original = new TupleHash(this, ORIGINAL)
    this.reply = new TupleHash(this, REPLY)
    this.owner = null
    this.status = 0
    this.state = 0
    this.timeout = 0
    this.deadline = 0
    this.streamAt = 0
    this.mark = 0
    this.masqueradeIndex = 0
    this.packets = [0, 0]
    this.bytes = [0, 0]
    this.lastEvent = -1
    this.lastDirection = 0
    this.lastEnd = 0
    this.closers = 0
    this.uses = 0
    this.cpu = 0
    this.previous = null
    this.following = null
    this.sourceNext = null
    this.sourceBucket = -1
  }

  direction(index: number): TupleHash {
    return index === ORIGINAL ? this.original : this.reply
  }

  isConfirmed(): boolean {
    return (this.status & STATUS_CONFIRMED) !== 0
  }

  isAssured(): boolean {
    return (this.status & STATUS_ASSURED) !== 0
  }

  get(): void {
    this.uses++
  }

  put(): void {
    if (--this.uses === 0) this.table.destroy(this)
    else if (this.uses < 0) throw new Error("a conntrack entry was put once too often")
  }
}
