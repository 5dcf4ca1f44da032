/**
 * What a cumulative ACK takes off the retransmit queue, and the RTT it measures (Linux: tcp_clean_rtx_queue,
 * net/ipv4/tcp_input.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Chrono from "./Chrono.ts"
import * as Flags from "./AckFlags.ts"
import * as MtuProbe from "./MtuProbe.ts"
import * as Points from "./Points.ts"
import * as Rack from "./Rack.ts"
import * as Rate from "./Rate.ts"
import * as RenoSack from "./RenoSack.ts"
import * as Reordering from "./Reordering.ts"
import * as Rtt from "./Rtt.ts"
import * as SendQueue from "./SendQueue.ts"
import * as Undo from "./Undo.ts"
import type { TcpSock } from "./TcpSock.ts"
import { LOST, RETRANS, SACKED_ACKED, SACKED_RETRANS, type Segment, isAfter, isBefore } from "./Segment.ts"
import { toMs, usBetween } from "./Clock.ts"

/**
 * @param priorUna what was acknowledged before this ACK
 * @param priorFack one past the highest SACKed segment then
 * @returns Flags of AckFlags.ts
 */
export const clean = (sock: TcpSock, priorUna: number, priorFack: number): number => {
  const sample = sock.tcp.ackSample
  const priorSacked = sock.sackedOut
  let flag = 0
  let acked = 0
  let isWhole = true
  let firstSentAt = -1
  let lastSentAt = -1
  let reordered = sock.sndNxt
  for (let segment = sock.rtxQueue.head; segment !== null; segment = sock.rtxQueue.head) {
    const seq = segment.seq
    let count = segment.gsoSegments
    isWhole = !isAfter(segment.endSeq, sock.sndUna)
    if (segment.stamp !== 0 && isBefore(segment.stampSeq, sock.sndUna) && !isBefore(segment.stampSeq, priorUna)) {
      sock.tcp.host.stamped(sock, segment)
    }
    if (!isWhole) {
      count = trimAcked(sock, segment)
      if (count === 0) break
    }
    const sacked = segment.sacked
    if ((sacked & RETRANS) !== 0) {
      if ((sacked & SACKED_RETRANS) !== 0) sock.retransOut -= count
      flag |= Flags.RETRANS_DATA_ACKED
    } else if ((sacked & SACKED_ACKED) === 0) {
      lastSentAt = segment.sentAt
      if (firstSentAt < 0) firstSentAt = lastSentAt
      if (isBefore(seq, reordered)) reordered = seq
      if (!isAfter(segment.endSeq, sock.highSeq)) flag |= Flags.ORIG_SACK_ACKED
    }
    if ((sacked & SACKED_ACKED) !== 0) {
      sock.sackedOut -= count
    } else if (sock.sackOk) {
      sock.delivered += count
      if ((sacked & RETRANS) === 0 || !Undo.isEchoBefore(sock, toMs(segment.sentAt))) {
        Rack.advance(sock, sacked, segment.endSeq, segment.sentAt)
      }
    }
    if ((sacked & LOST) !== 0) sock.lostOut -= count
    sock.packetsOut -= count
    acked += count
    Rate.segmentDelivered(sock, segment, sample)
    if ((segment.flags & Tcp.SYN) !== 0) {
      flag |= Flags.SYN_ACKED
      sock.retransStampMs = 0
    } else {
      flag |= Flags.DATA_ACKED
    }
    if (!isWhole) break
    sock.rtxQueue.remove(segment)
    SendQueue.freeWrite(sock, segment)
  }
  const head = sock.rtxQueue.head
  if (head === null) Chrono.stop(sock, Chrono.BUSY)
  else if ((head.sacked & SACKED_ACKED) !== 0) flag |= Flags.SACK_RENEGING
  if (acked === 0 && sample.firstSackAt < 0) {
    sock.congestion.packetsAcked(sock, 0, -1)
    return flag
  }
  sock.tcp.host.trace(Points.TCP_CLEAN_RTX_QUEUE, sock, null)
  const now = sock.tcp.host.now()
  const isClean = firstSentAt >= 0 && (flag & Flags.RETRANS_DATA_ACKED) === 0
  if (isClean && acked === 1 && isWhole && priorSacked === 0 && isLoneRunt(sock, priorUna, flag)) {
    flag |= Flags.ACK_MAYBE_DELAYED
  }
  const sackUs = sample.firstSackAt < 0 ? -1 : usBetween(sample.firstSackAt, now)
  const lastUs = sample.firstSackAt >= 0 ? usBetween(sample.lastSackAt, now) : isClean ? usBetween(lastSentAt, now) : -1
  const firstUs = isClean ? usBetween(firstSentAt, now) : -1
  const isDelayed = (flag & Flags.ACK_MAYBE_DELAYED) !== 0
  sample.rttUs = Rtt.ackUpdate(sock, firstUs, sackUs, timestampUs(sock, flag, now), lastUs, isDelayed)
  if (acked > 0) {
    if (sock.mtuSearch !== null) MtuProbe.noteAcked(sock, sock.mtuSearch)
    flag = afterAcked(sock, flag | Flags.SET_XMIT_TIMER, acked, reordered, priorFack)
  } else if (head !== null && sackUs >= 0 && sackUs > usBetween(head.sentAt, now)) {
    // SACKed is what was sent before the head was, the last time: the timeout may start anew.
    flag |= Flags.SET_XMIT_TIMER
  }
  sock.congestion.packetsAcked(sock, acked, sample.rttUs)
  return flag
}

/** Counts and reordering when something left the queue. */
const afterAcked = (sock: TcpSock, given: number, acked: number, reordered: number, priorFack: number): number => {
  let flag = given
  if (!sock.sackOk) {
    RenoSack.remove(sock, acked)
    // Without SACK a retransmission among them hides which of them arrived by itself.
    if ((flag & Flags.RETRANS_DATA_ACKED) !== 0) flag &= ~Flags.ORIG_SACK_ACKED
  } else if (isBefore(reordered, priorFack)) {
    Reordering.check(sock, reordered, false)
  }
  if (isBefore(sock.highestSack, sock.sndUna)) sock.highestSack = sock.sndUna
  return flag
}

/** One small segment alone over a round trip: the receiver probably waited with its ACK. */
const isLoneRunt = (sock: TcpSock, priorUna: number, flag: number): boolean =>
  ((sock.sndUna - priorUna) | 0) < sock.mssCache &&
  sock.tcp.ackSample.priorDelivered + 1 === sock.delivered &&
  (flag & (Flags.CA_ALERT | Flags.SYN_ACKED)) === 0

/** RTT by the echoed timestamp, us; -1: it tells none (Linux: tcp_rtt_tsopt_us). */
const timestampUs = (sock: TcpSock, flag: number, now: number): number => {
  if (!sock.sawTstamp || sock.rcvTsecr === 0 || (flag & Flags.ACKED) === 0) return -1
  const elapsed = (toMs(now) - sock.rcvTsecr) | 0
  return elapsed >= 0 && elapsed < 2_000_000 ? Math.max(1000, elapsed * 1000) : -1
}

/** A super-segment is acknowledged in part: whole wire segments of it go (Linux: tcp_tso_acked). How many went. */
const trimAcked = (sock: TcpSock, segment: Segment): number => {
  if (segment.gsoSegments === 1 || !isAfter(sock.sndUna, segment.seq)) return 0
  const bytes = (sock.sndUna - segment.seq) | 0
  const before = segment.truesize
  const countBefore = segment.gsoSegments
  sock.tcp.host.trimHead(segment, bytes)
  segment.seq = sock.sndUna
  SendQueue.setGso(segment, segment.gsoSize)
  SendQueue.truesizeChanged(sock, segment, before)
  return countBefore - segment.gsoSegments
}
