/**
 * The two send queues: what is written and not sent, and what is sent and not acknowledged; how a segment in them is cut
 * and accounted (Linux: tcp_fragment, tcp_set_skb_tso_segs, tcp_adjust_pcount, net/ipv4/tcp_output.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Chrono from "./Chrono.ts"
import * as Memory from "./Memory.ts"
import * as TimeOrder from "./TimeOrder.ts"
import type { TcpSock } from "./TcpSock.ts"
import {
  NO_SEGMENTS,
  LOST,
  SACKED_ACKED,
  SACKED_RETRANS,
  type Segment,
  SegmentList,
  isAfter,
  isBefore
} from "./Segment.ts"

/** The count of wire segments of a queued, sent segment went down by `fewer` (Linux: tcp_adjust_pcount). */
export const adjustCounts = (sock: TcpSock, segment: Segment, fewer: number): void => {
  sock.packetsOut -= fewer
  if ((segment.sacked & SACKED_ACKED) !== 0) sock.sackedOut -= fewer
  if ((segment.sacked & SACKED_RETRANS) !== 0) sock.retransOut -= fewer
  if ((segment.sacked & LOST) !== 0) sock.lostOut -= fewer
  if (!sock.sackOk && sock.sackedOut > 0) sock.sackedOut = Math.max(0, sock.sackedOut - fewer)
}

/** Puts a segment at the end of the write queue. */
export const queueWrite = (sock: TcpSock, segment: Segment): void => {
  if (sock.writeQueue === NO_SEGMENTS) sock.writeQueue = new SegmentList()
  sock.writeQueue.push(segment)
  if (sock.chronoKind === Chrono.NONE) Chrono.start(sock, Chrono.BUSY)
  sock.wmemQueued += segment.truesize
  Memory.charge(sock, segment.truesize)
}

export const queueRetransmit = (sock: TcpSock, segment: Segment): void => {
  if (sock.rtxQueue === NO_SEGMENTS) sock.rtxQueue = new SegmentList()
  sock.rtxQueue.push(segment)
}

/** The queued segment's memory changed from `before` to what it says now. */
export const truesizeChanged = (sock: TcpSock, segment: Segment, before: number): void => {
  const change = segment.truesize - before
  sock.wmemQueued += change
  if (change > 0) {
    Memory.schedule(sock, change, sock.wmemQueued, 0, true)
    Memory.charge(sock, change)
  } else {
    Memory.uncharge(sock, -change)
  }
}

/** Frees a segment that left a send queue. */
export const freeWrite = (sock: TcpSock, segment: Segment): void => {
  TimeOrder.remove(sock, segment)
  if (sock.retransmitHint === segment) sock.retransmitHint = null
  sock.wmemQueued -= segment.truesize
  Memory.uncharge(sock, segment.truesize)
  sock.tcp.host.free(segment)
}

/** Wire segments of a payload with segments of `mss` (Linux: tcp_set_skb_tso_segs). */
export const setGso = (segment: Segment, mss: number): void => {
  if (segment.length <= mss) {
    segment.gsoSegments = 1
    segment.gsoSize = 0
  } else {
    segment.gsoSegments = Math.ceil(segment.length / mss)
    segment.gsoSize = mss
  }
}

/** The mark goes with the byte it stands for (Linux: tcp_fragment_tstamp). */
const moveStamp = (segment: Segment, rest: Segment): void => {
  if (isBefore(segment.stampSeq, rest.seq)) return
  rest.stamp = segment.stamp
  rest.stampSeq = segment.stampSeq
  segment.stamp = 0
}

/** Moves the first `bytes` of `from` to the end of `to`, the segment before it in the queue. False: the host cannot. */
export const shift = (sock: TcpSock, to: Segment, from: Segment, bytes: number): boolean => {
  if (!sock.tcp.host.shift(to, from, bytes)) return false
  to.endSeq = (to.endSeq + bytes) | 0
  from.seq = (from.seq + bytes) | 0
  return true
}

/** `to` takes over what hangs on `from`, whose payload it has got whole: FIN and PSH, the end of a record, a mark for a stamp. */
export const takeOver = (to: Segment, from: Segment): void => {
  to.endSeq = from.endSeq
  to.flags |= from.flags
  to.endOfRecord = from.endOfRecord
  if (from.stamp === 0) return
  to.stamp |= from.stamp
  to.stampSeq = from.stampSeq
}

/**
 * Cuts a segment of the write or retransmit queue after `bytes` of payload (Linux: tcp_fragment). Counts of segments in
 * flight are kept right.
 */
export const fragment = (sock: TcpSock, segment: Segment, bytes: number, mss: number): boolean => {
  const isSent = !isAfter(segment.endSeq, sock.sndNxt) && segment.firstSentAt >= 0
  const before = segment.truesize
  const rest = sock.tcp.host.split(segment, bytes)
  if (rest === null) return false
  rest.seq = (segment.seq + bytes) | 0
  rest.endSeq = segment.endSeq
  segment.endSeq = rest.seq
  rest.flags = segment.flags
  segment.flags &= ~(Tcp.FIN | Tcp.PSH)
  rest.sacked = segment.sacked
  rest.sentAt = segment.sentAt
  rest.firstSentAt = segment.firstSentAt
  rest.delivered = segment.delivered
  rest.deliveredAt = segment.deliveredAt
  rest.windowSentAt = segment.windowSentAt
  rest.isAppLimited = segment.isAppLimited
  rest.endOfRecord = segment.endOfRecord
  segment.endOfRecord = 0
  if (segment.stamp !== 0) moveStamp(segment, rest)
  const oldCount = segment.gsoSegments
  setGso(segment, mss)
  setGso(rest, mss)
  truesizeChanged(sock, segment, before)
  Memory.schedule(sock, rest.truesize, sock.wmemQueued, 0, true)
  sock.wmemQueued += rest.truesize
  Memory.charge(sock, rest.truesize)
  const queue = isSent ? sock.rtxQueue : sock.writeQueue
  queue.insertAfter(segment, rest)
  if (isSent) {
    TimeOrder.insertAfter(sock, segment, rest)
    const fewer = oldCount - segment.gsoSegments - rest.gsoSegments
    if (fewer !== 0) adjustCounts(sock, segment, fewer)
  }
  return true
}
