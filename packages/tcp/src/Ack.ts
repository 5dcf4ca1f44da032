/**
 * An acknowledgement: the window it offers, what it takes off the retransmit queue, the RTT it measures, and what the loss
 * and congestion machinery makes of it (RFC 9293 §3.10.7.4, RFC 5681; Linux: tcp_ack, net/ipv4/tcp_input.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Flags from "./AckFlags.ts"
import * as Counters from "./Counters.ts"
import * as Drops from "./Drops.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as Recovery from "./Recovery.ts"
import * as Reduction from "./Reduction.ts"
import * as Reset from "./Reset.ts"
import * as Retransmit from "./Retransmit.ts"
import * as Rtt from "./Rtt.ts"
import * as Sack from "./Sack.ts"
import * as SendQueue from "./SendQueue.ts"
import * as Timers from "./Timers.ts"
import * as Xmit from "./Xmit.ts"
import { CA_OPEN, type TcpSock } from "./TcpSock.ts"
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment, isAfter, isBefore } from "./Segment.ts"
import { clockMs, clockSeconds, toMs } from "./Clock.ts"
import { inCwndReduction } from "./Congestion.ts"

/** What {@link receive} found: the ACK is fine, is old and says nothing new, or must not be believed. */
export const FINE = 1
export const OLD = 0
export const INVALID = -1

/** The drop reason of an INVALID one. */
export const invalid: { reason: number } = { reason: Drops.TCP_INVALID_ACK_SEQUENCE }

/**
 * Processes the ACK field of a segment. `tcp.received` holds its options.
 *
 * @param flag SLOWPATH, UPDATE_TS_RECENT, NO_CHALLENGE_ACK
 */
export const receive = (sock: TcpSock, segment: Segment, given: number): number => {
  const tcp = sock.tcp
  const ack = segment.ack
  const priorUna = sock.sndUna
  let flag = given
  tcp.host.trace(Points.TCP_ACK, sock, segment)
  if (isBefore(ack, priorUna)) return oldAck(sock, segment, flag)
  if (isAfter(ack, sock.sndNxt)) {
    invalid.reason = Drops.TCP_ACK_UNSENT_DATA
    return INVALID
  }
  if (isAfter(ack, priorUna)) {
    flag |= Flags.SND_UNA_ADVANCED
    sock.retransmits = 0
  }
  const priorPackets = sock.packetsOut
  const priorDelivered = sock.delivered
  const priorLost = sock.lostOut
  if ((flag & Flags.UPDATE_TS_RECENT) !== 0) replaceTsRecent(sock, segment.seq)
  let sackSentAt = -1
  if ((flag & (Flags.SLOWPATH | Flags.SND_UNA_ADVANCED)) === Flags.SND_UNA_ADVANCED) {
    sock.sndWl1 = segment.seq
    advanceUna(sock, ack)
    flag |= Flags.WIN_UPDATE
    sock.net.count(Counters.HP_ACKS)
  } else {
    if (segment.length > 0) flag |= Flags.DATA
    else sock.net.count(Counters.PURE_ACKS)
    flag |= updateWindow(sock, segment)
    if (tcp.received.sackCount > 0 && sock.sackOk) {
      flag |= Sack.tagWriteQueue(sock, tcp.received, ack)
      sackSentAt = Sack.found.firstSentAt
    }
  }
  sock.softError = 0
  sock.probesOut = 0
  sock.rcvTstampMs = clockMs(sock)
  if (priorPackets === 0) {
    // Nothing was out: a window update, or the answer to a probe.
    Timers.ackProbe(sock)
    return FINE
  }
  flag |= cleanRtxQueue(sock, priorUna, sackSentAt)
  let sendAgain = false
  if (isDubious(sock, flag)) {
    const duplicates = isDuplicate(flag) ? Math.max(1, segment.gsoSegments) : 0
    sendAgain = Recovery.fastRetransAlert(sock, priorUna, duplicates, flag)
  }
  if ((flag & Flags.SET_XMIT_TIMER) !== 0) Timers.rearmRto(sock)
  congestionControl(sock, ack, sock.delivered - priorDelivered, sock.lostOut - priorLost, flag)
  if (sendAgain) Retransmit.retransmitQueue(sock)
  return FINE
}

/** An ACK below what was acknowledged: it may still bring SACK; far below, it is an attack (RFC 5961 §5). */
const oldAck = (sock: TcpSock, segment: Segment, flag: number): number => {
  const priorUna = sock.sndUna
  if (isBefore(segment.ack, (priorUna - sock.maxWindow) | 0)) {
    if ((flag & Flags.NO_CHALLENGE_ACK) === 0) Reset.sendChallengeAck(sock)
    invalid.reason = Drops.TCP_TOO_OLD_ACK
    return INVALID
  }
  if (sock.tcp.received.sackCount > 0 && sock.sackOk && sock.packetsOut > 0) {
    const priorDelivered = sock.delivered
    const sacked = Sack.tagWriteQueue(sock, sock.tcp.received, segment.ack)
    if (Recovery.fastRetransAlert(sock, priorUna, 0, sacked)) {
      if (inCwndReduction(sock)) Reduction.reduceCwnd(sock, sock.delivered - priorDelivered, 0, sacked)
      Retransmit.retransmitQueue(sock)
    }
  }
  return OLD
}

const isDuplicate = (flag: number): boolean => (flag & Flags.NOT_DUP) === 0 && (flag & Flags.SND_UNA_ADVANCED) === 0

const isDubious = (sock: TcpSock, flag: number): boolean =>
  (flag & Flags.NOT_DUP) === 0 ||
  (flag & (Flags.DATA_SACKED | Flags.ECE | Flags.DSACKING_ACK)) !== 0 ||
  sock.caState !== CA_OPEN

const advanceUna = (sock: TcpSock, ack: number): void => {
  sock.bytesAcked += (ack - sock.sndUna) | 0
  sock.sndUna = ack
}

/** Linux: tcp_ack_update_window, tcp_may_update_window. */
const updateWindow = (sock: TcpSock, segment: Segment): number => {
  let flag = 0
  const ack = segment.ack
  let window = segment.window
  if ((segment.flags & Tcp.SYN) === 0) window *= 1 << sock.sndWscale
  if (
    isAfter(ack, sock.sndUna) ||
    isAfter(segment.seq, sock.sndWl1) ||
    (segment.seq === sock.sndWl1 && (window > sock.sndWnd || window === 0))
  ) {
    flag |= Flags.WIN_UPDATE
    sock.sndWl1 = segment.seq
    if (sock.sndWnd !== window) {
      sock.sndWnd = window
      if (sock.writeQueue.head !== null) Output.restartAfterIdle(sock)
      if (window > sock.maxWindow) {
        sock.maxWindow = window
        Output.syncMss(sock, sock.pmtu)
      }
    }
  }
  advanceUna(sock, ack)
  return flag
}

/** Remembers the peer's timestamp if this segment covers what was acknowledged last (RFC 7323 §4.3). */
export const replaceTsRecent = (sock: TcpSock, seq: number): void => {
  if (!sock.sawTstamp || isAfter(seq, sock.rcvWup)) return
  const nowSeconds = clockSeconds(sock.tcp.host.now())
  if (((sock.tsRecent - sock.rcvTsval) | 0) > 0 && nowSeconds - sock.tsRecentStamp < 24 * 86_400) return
  sock.tsRecent = sock.rcvTsval
  sock.tsRecentStamp = nowSeconds
}

/** Takes what is acknowledged off the retransmit queue (Linux: tcp_clean_rtx_queue). */
const cleanRtxQueue = (sock: TcpSock, priorUna: number, sackSentAt: number): number => {
  const host = sock.tcp.host
  let flag = 0
  let acked = 0
  let lastSentAt = -1
  let reordered = sock.sndNxt
  const fack = sock.highestSack
  const hadSack = sock.sackedOut > 0
  for (let segment = sock.rtxQueue.head; segment !== null; segment = sock.rtxQueue.head) {
    const isWhole = !isAfter(segment.endSeq, sock.sndUna)
    const seq = segment.seq
    let count = segment.gsoSegments
    if (!isWhole) {
      count = trimAcked(sock, segment)
      if (count === 0) break
    }
    const sacked = segment.sacked
    if ((sacked & SACKED_RETRANS) !== 0) {
      sock.retransOut -= count
      flag |= Flags.RETRANS_DATA_ACKED
    } else if ((sacked & SACKED_ACKED) === 0 && segment.retransmits === 0) {
      lastSentAt = segment.sentAt
      if (isBefore(seq, reordered)) reordered = seq
    }
    if (segment.retransmits > 0) flag |= Flags.RETRANS_DATA_ACKED
    if ((sacked & SACKED_ACKED) !== 0) sock.sackedOut -= count
    else sock.delivered += sock.sackOk ? count : 0
    if ((sacked & LOST) !== 0) sock.lostOut -= count
    sock.packetsOut -= count
    acked += count
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
  if (acked === 0 && sackSentAt < 0) return flag
  host.trace(Points.TCP_CLEAN_RTX_QUEUE, sock, null)
  const rttUs = measure(sock, flag, lastSentAt, sackSentAt)
  if (acked > 0) {
    flag |= Flags.SET_XMIT_TIMER
    if (!sock.sackOk) {
      const before = sock.sackedOut
      Recovery.removeRenoSacks(sock, acked)
      sock.delivered += Math.max(1, acked - (before - sock.sackedOut))
    } else if (hadSack && isBefore(reordered, fack)) {
      Sack.noteReordering(sock, reordered, fack)
    }
    if (isBefore(sock.highestSack, sock.sndUna)) sock.highestSack = sock.sndUna
    sock.net.count(Counters.DELIVERED, acked)
  }
  if (isAfter(sock.sndUna, priorUna) || sackSentAt >= 0) sock.congestion.packetsAcked(sock, acked, rttUs)
  return flag
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

/** Linux: tcp_ack_update_rtt. The sample in us, -1 for none. */
const measure = (sock: TcpSock, flag: number, lastSentAt: number, sackSentAt: number): number => {
  const now = sock.tcp.host.now()
  const isClean = (flag & Flags.RETRANS_DATA_ACKED) === 0
  const seqUs = lastSentAt >= 0 && isClean ? Math.floor((now - lastSentAt) / 1000) : -1
  const sackUs = sackSentAt >= 0 ? Math.floor((now - sackSentAt) / 1000) : -1
  let timestampUs = -1
  if (sock.sawTstamp && sock.rcvTsecr !== 0 && (flag & Flags.ACKED) !== 0) {
    const elapsed = (toMs(now) - sock.rcvTsecr) | 0
    if (elapsed >= 0 && elapsed < 2_000_000) timestampUs = Math.max(1000, elapsed * 1000)
  }
  Rtt.ackUpdate(sock, seqUs, sackUs, timestampUs, toMs(now))
  return seqUs >= 0 ? seqUs : sackUs
}

/** Linux: tcp_cong_control. */
const congestionControl = (
  sock: TcpSock,
  ack: number,
  newlyDelivered: number,
  newlyLost: number,
  flag: number
): void => {
  if (inCwndReduction(sock)) {
    Reduction.reduceCwnd(sock, newlyDelivered, newlyLost, flag)
  } else if (
    (flag & (sock.reordering > sock.net.sysctl.reordering ? Flags.FORWARD_PROGRESS : Flags.DATA_ACKED)) !==
    0
  ) {
    sock.congestion.congAvoid(sock, ack, newlyDelivered)
    sock.sndCwndStampMs = clockMs(sock)
  }
  Xmit.updatePacingRate(sock)
}
