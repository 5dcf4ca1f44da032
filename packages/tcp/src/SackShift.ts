/**
 * SACKed neighbours become one segment of the retransmit queue, so that a long SACKed range is one entry and not thousands (Linux:
 * tcp_shift_skb_data, tcp_shifted_skb, net/ipv4/tcp_input.c).
 *
 * ```
 *   [ S ][ - - - ]     the block reports the first two of three         [ S S S ][ - ]
 *   [ S ][ - ][ S ]    the block fills the hole                         [ S S S ]
 * ```
 *
 * Only whole wire segments move, and only where both sides count in segments of the same size.
 */
import type { AckSample } from "./AckSample.ts"
import * as Counters from "./Counters.ts"
import * as Rate from "./Rate.ts"
import * as SackMark from "./SackMark.ts"
import * as SendQueue from "./SendQueue.ts"
import type { TcpSock } from "./TcpSock.ts"
import {
  EVER_RETRANS,
  LOST,
  SACKED_ACKED,
  SACKED_RETRANS,
  type Segment,
  TAGBITS,
  isAfter,
  isBefore
} from "./Segment.ts"

/** Answers of {@link shift} beside Flags of AckFlags.ts: the block has nothing of the segment; it is to be tagged where it is. */
export const NOTHING = -1
export const NOT_POSSIBLE = -2

/**
 * Moves what the block from `start` to `end` reports of a segment that is not SACKed to the SACKed one before it, and tags it.
 *
 * @returns Flags of AckFlags.ts: the walk goes on behind the segment before; {@link NOTHING} or {@link NOT_POSSIBLE}
 */
export const shift = (sock: TcpSock, segment: Segment, start: number, end: number, sample: AckSample): number => {
  const flag = tryShift(sock, segment, start, end, sample)
  if (flag === NOT_POSSIBLE) sock.net.count(Counters.SACK_SHIFT_FALLBACK)
  return flag
}

const tryShift = (sock: TcpSock, segment: Segment, start: number, end: number, sample: AckSample): number => {
  const before = segment.previous
  // A retransmission that is not lost does not end as a plain S.
  if ((segment.sacked & (LOST | SACKED_RETRANS)) === SACKED_RETRANS) return NOT_POSSIBLE
  if (before === null || (before.sacked & TAGBITS) !== SACKED_ACKED || !mayJoin(before, segment)) return NOT_POSSIBLE
  if (!isAfter(segment.endSeq, sock.sndUna)) return NOT_POSSIBLE
  const mss = segmentLength(before)
  const startsIn = !isAfter(start, segment.seq)
  let length = segment.length
  let count = segment.gsoSegments
  if (startsIn && !isBefore(end, segment.endSeq)) {
    if (segmentLength(segment) !== mss) return NOT_POSSIBLE
  } else {
    if (segment.gsoSegments <= 1) return NOTHING
    if (!startsIn || segment.gsoSize !== mss) return NOT_POSSIBLE
    count = Math.floor(((end - segment.seq) | 0) / mss)
    if (count === 0) return NOTHING
    length = count * mss
  }
  if (!isAfter((segment.seq + length) | 0, sock.sndUna)) return NOT_POSSIBLE
  const from = segment.seq
  const endSeq = (from + length) | 0
  if (!sock.tcp.host.shift(before, segment, length)) return NOT_POSSIBLE
  const flag = SackMark.markRange(sock, segment, endSeq, count, false, sample)
  Rate.segmentDelivered(sock, segment, sample)
  before.endSeq = endSeq
  segment.seq = endSeq
  if (!isBefore(from, sock.highestSack)) sock.highestSack = endSeq
  if (settle(sock, before, segment, count, mss)) joinNext(sock, before, mss)
  return flag
}

/** The hole is filled: what comes behind it and is SACKed too joins as well. */
const joinNext = (sock: TcpSock, before: Segment, mss: number): void => {
  const next = before.next
  if (next === null || (next.sacked & TAGBITS) !== SACKED_ACKED || segmentLength(next) !== mss) return
  const { gsoSegments, length } = next
  if (mayJoin(before, next) && SendQueue.shift(sock, before, next, length)) settle(sock, before, next, gsoSegments, mss)
}

/** Counts and tags follow the bytes. @returns whether nothing is left of `segment`, which is then gone */
const settle = (sock: TcpSock, before: Segment, segment: Segment, count: number, mss: number): boolean => {
  before.gsoSegments += count
  if (before.gsoSize === 0) before.gsoSize = mss
  segment.gsoSegments -= count
  if (segment.gsoSegments <= 1) segment.gsoSize = 0
  before.sacked |= segment.sacked & EVER_RETRANS
  if (segment.length > 0) {
    sock.net.count(Counters.SACK_SHIFTED)
    return false
  }
  SendQueue.takeOver(before, segment)
  before.deliveredAt = -1
  if (sock.retransmitHint === segment) sock.retransmitHint = before
  sock.rtxQueue.remove(segment)
  SendQueue.freeWrite(sock, segment)
  sock.net.count(Counters.SACK_MERGED)
  return true
}

const mayJoin = (before: Segment, segment: Segment): boolean => before.endOfRecord === 0 && segment.length > 0

/** Payload of one wire segment (Linux: tcp_skb_seglen). */
const segmentLength = (segment: Segment): number => (segment.gsoSegments === 1 ? segment.length : segment.gsoSize)
