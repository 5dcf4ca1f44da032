/**
 * Loss recovery: the states Open, Disorder, CWR, Recovery and Loss, fast retransmit by duplicate ACKs or SACK (RFC 5681 §3.2,
 * RFC 6582, RFC 6675), the retransmission timeout's loss marks, and PRR while cwnd comes down (RFC 6937).
 *
 * ```
 *             dup ACK / SACK                 enough of them
 *      Open ----------------> Disorder -------------------------> Recovery
 *       ^  \  local congestion  |                                     |
 *       |   +---------------> CWR         RTO (from any) --> Loss     | all that was out
 *       +----------------------+------------------------------+-------+ is acknowledged
 * ```
 *
 * Linux: tcp_fastretrans_alert and what it calls (net/ipv4/tcp_input.c), with tcp_recovery = 0.
 */
import * as Flags from "./AckFlags.ts"
import * as Counters from "./Counters.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as Reduction from "./Reduction.ts"
import * as SendQueue from "./SendQueue.ts"
import * as Timers from "./Timers.ts"
import {
  CA_CWR,
  CA_DISORDER,
  CA_LOSS,
  CA_OPEN,
  CA_RECOVERY,
  PENDING_RETRANS,
  type TcpSock,
  leftOut,
  packetsInFlight
} from "./TcpSock.ts"
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment, isAfter, isBefore } from "./Segment.ts"
import { clockMs } from "./Clock.ts"
import { EVENT_LOSS, currentSsthresh, inCwndReduction, setCaState } from "./Congestion.ts"

/** Marks one segment lost; one that was sent again is to be sent once more (Linux: tcp_mark_skb_lost). */
export const markLost = (sock: TcpSock, segment: Segment): void => {
  if ((segment.sacked & SACKED_ACKED) !== 0) return
  if ((segment.sacked & LOST) === 0) {
    segment.sacked |= LOST
    sock.lostOut += segment.gsoSegments
  }
  if ((segment.sacked & SACKED_RETRANS) !== 0) {
    segment.sacked &= ~SACKED_RETRANS
    sock.retransOut -= segment.gsoSegments
    sock.net.count(Counters.LOST_RETRANSMIT)
  }
}

// ── Duplicate ACKs without SACK: each stands for a segment that arrived ──

const resetRenoSack = (sock: TcpSock): void => {
  sock.sackedOut = 0
}

/** Linux: tcp_add_reno_sack. */
const addRenoSack = (sock: TcpSock, duplicates: number): void => {
  if (duplicates === 0) return
  sock.sackedOut += duplicates
  limitRenoSacked(sock)
}

/** At least one segment is missing, so not all others can have arrived (Linux: tcp_limit_reno_sacked). */
const limitRenoSacked = (sock: TcpSock): void => {
  const holes = Math.min(Math.max(sock.lostOut, 1), sock.packetsOut)
  if (sock.sackedOut + holes > sock.packetsOut) sock.sackedOut = sock.packetsOut - holes
}

/** `acked` segments left the queue: all but one of them had been counted by duplicate ACKs (Linux: tcp_remove_reno_sacks). */
export const removeRenoSacks = (sock: TcpSock, acked: number): void => {
  if (acked > 0) sock.sackedOut = acked - 1 >= sock.sackedOut ? 0 : sock.sackedOut - (acked - 1)
  limitRenoSacked(sock)
}

// ── In and out of Recovery ──

const enterRecovery = (sock: TcpSock): void => {
  sock.net.count(sock.sackOk ? Counters.SACK_RECOVERY : Counters.RENO_RECOVERY)
  sock.priorSsthresh = 0
  if (!inCwndReduction(sock)) {
    sock.priorSsthresh = currentSsthresh(sock)
    Reduction.initReduction(sock)
  }
  setCaState(sock, CA_RECOVERY)
}

/** Back to Open, or Disorder while something is SACKed or lost (Linux: tcp_try_keep_open). */
const tryKeepOpen = (sock: TcpSock): void => {
  const state = leftOut(sock) > 0 ? CA_DISORDER : CA_OPEN
  if (sock.caState !== state) {
    setCaState(sock, state)
    sock.highSeq = sock.sndNxt
  }
}

const tryToOpen = (sock: TcpSock): void => {
  if (sock.retransOut === 0) sock.retransStampMs = 0
  if (sock.caState !== CA_CWR) tryKeepOpen(sock)
}

// ── Finding what is lost ──

/** Segments with enough SACKed ones above them are lost (RFC 6675 §4; Linux: tcp_mark_head_lost). */
const markHeadLost = (sock: TcpSock, packets: number): void => {
  let count = 0
  for (let segment = sock.rtxQueue.head; segment !== null; segment = segment.next) {
    if ((segment.sacked & SACKED_ACKED) !== 0) {
      count += segment.gsoSegments
      if (count > packets) return
    } else if ((segment.sacked & LOST) === 0) {
      markLost(sock, segment)
    }
  }
}

/** The first segment is lost, alone (Linux: tcp_newreno_mark_lost). */
const markFirstLost = (sock: TcpSock): void => {
  const head = sock.rtxQueue.head
  if (head === null || (head.sacked & (LOST | SACKED_ACKED)) !== 0) return
  const mss = Output.currentMss(sock)
  if (head.length > mss) SendQueue.fragment(sock, head, mss, mss)
  markLost(sock, head)
}

const identifyLoss = (sock: TcpSock, advanced: boolean): void => {
  if (!sock.sackOk) {
    if (
      (sock.caState < CA_RECOVERY && sock.sackedOut >= sock.reordering) ||
      (sock.caState === CA_RECOVERY && advanced)
    ) {
      markFirstLost(sock)
    }
    return
  }
  const above = sock.sackedOut - sock.reordering
  if (above >= 0) markHeadLost(sock, above)
}

const isTimeToRecover = (sock: TcpSock): boolean => sock.lostOut > 0

// ── The ACK that says that something is missing ──

/**
 * An ACK is dubious: it brings SACK, is a duplicate, or comes while not Open.
 *
 * @returns whether lost segments should be sent now
 */
export const fastRetransAlert = (sock: TcpSock, priorUna: number, duplicates: number, flag: number): boolean => {
  sock.tcp.host.trace(Points.TCP_FASTRETRANS_ALERT, sock, null)
  const advanced = isAfter(sock.sndUna, priorUna)
  if (sock.packetsOut === 0) sock.sackedOut = 0
  if (isReneging(sock, flag)) return false
  if (sock.caState === CA_OPEN) sock.retransStampMs = 0
  else if (!isBefore(sock.sndUna, sock.highSeq) && leavesState(sock)) return false
  switch (sock.caState) {
    case CA_RECOVERY:
      if (!advanced && !sock.sackOk) addRenoSack(sock, duplicates)
      identifyLoss(sock, advanced)
      return true
    case CA_LOSS:
      if (processLoss(sock, advanced, duplicates)) return true
      break
    default:
      if (!sock.sackOk) {
        if (advanced) resetRenoSack(sock)
        addRenoSack(sock, duplicates)
      }
      break
  }
  if (sock.caState === CA_LOSS) return true
  identifyLoss(sock, advanced)
  if (!isTimeToRecover(sock)) {
    tryToOpen(sock)
    return false
  }
  if (sock.caState !== CA_RECOVERY) enterRecovery(sock)
  return true
}

/** Everything that was out when the state was entered is acknowledged. Whether the alert ends here. */
const leavesState = (sock: TcpSock): boolean => {
  if (sock.caState === CA_CWR) {
    if (sock.sndUna !== sock.highSeq) {
      Reduction.endReduction(sock)
      setCaState(sock, CA_OPEN)
    }
    return false
  }
  if (sock.caState !== CA_RECOVERY) return false
  if (!sock.sackOk) {
    resetRenoSack(sock)
    // Until something beyond is acknowledged, duplicates may be echoes of our own retransmissions (RFC 6582 §4.1).
    if (sock.sndUna === sock.highSeq && sock.packetsOut > 0) return true
  }
  Reduction.endReduction(sock)
  setCaState(sock, CA_OPEN)
  if (sock.retransOut === 0) sock.retransStampMs = 0
  return false
}

/** In Loss: go on until all of it is acknowledged (Linux: tcp_process_loss). True while it lasts. */
const processLoss = (sock: TcpSock, advanced: boolean, duplicates: number): boolean => {
  if (!isBefore(sock.sndUna, sock.highSeq)) {
    if (!sock.sackOk) {
      resetRenoSack(sock)
      if (sock.sndUna === sock.highSeq && sock.packetsOut > 0) return true
    }
    sock.retransStampMs = 0
    setCaState(sock, CA_OPEN)
    return false
  }
  if (!sock.sackOk) {
    if (advanced) resetRenoSack(sock)
    else addRenoSack(sock, duplicates)
    if (advanced) markFirstLost(sock)
  }
  return true
}

/** The head of the queue is SACKed and yet not acknowledged: the peer threw it away (RFC 2018 §8). */
const isReneging = (sock: TcpSock, flag: number): boolean => {
  const head = sock.rtxQueue.head
  if (head === null || (head.sacked & SACKED_ACKED) === 0 || (flag & Flags.SND_UNA_ADVANCED) === 0) return false
  sock.net.count(Counters.SACK_RENEGING)
  // As Linux: half an RTT (at least 10 ms) for the ACK that explains it, then the timeout takes everything as lost.
  Timers.resetXmit(sock, PENDING_RETRANS, Math.max(sock.srttUs >> 4, 10_000))
  return true
}

// ── Timeout ──

/** The RTO expired: all that is out counts as lost, cwnd is one segment (RFC 5681 §3.1; Linux: tcp_enter_loss). */
export const enterLoss = (sock: TcpSock): void => {
  markAllLost(sock)
  if (
    sock.caState <= CA_DISORDER ||
    !isAfter(sock.highSeq, sock.sndUna) ||
    (sock.caState === CA_LOSS && sock.retransmits === 0)
  ) {
    sock.priorSsthresh = currentSsthresh(sock)
    sock.priorCwnd = sock.sndCwnd
    sock.sndSsthresh = sock.congestion.ssthresh(sock)
    sock.congestion.event(sock, EVENT_LOSS)
  }
  sock.sndCwnd = packetsInFlight(sock) + 1
  sock.sndCwndCnt = 0
  sock.sndCwndStampMs = clockMs(sock)
  setCaState(sock, CA_LOSS)
  sock.highSeq = sock.sndNxt
}

/** Linux: tcp_timeout_mark_lost. */
const markAllLost = (sock: TcpSock): void => {
  const head = sock.rtxQueue.head
  const isReneg = head !== null && (head.sacked & SACKED_ACKED) !== 0
  if (isReneg) {
    sock.net.count(Counters.SACK_RENEGING)
    sock.sackedOut = 0
  } else if (!sock.sackOk) {
    resetRenoSack(sock)
  }
  for (let segment = head; segment !== null; segment = segment.next) {
    if (isReneg) segment.sacked &= ~SACKED_ACKED
    markLost(sock, segment)
  }
}

/** Segments were found lost by other means, without congestion (Linux: the end of tcp_simple_retransmit). */
export const forceLoss = (sock: TcpSock): void => {
  if (!sock.sackOk) limitRenoSacked(sock)
  if (sock.caState === CA_LOSS) return
  sock.highSeq = sock.sndNxt
  sock.sndSsthresh = currentSsthresh(sock)
  sock.priorSsthresh = 0
  setCaState(sock, CA_LOSS)
}
