/**
 * Taking a reduction of cwnd back when it turns out that nothing was lost: the timestamp echoed is older than the first
 * retransmission (Eifel, RFC 3522 and RFC 4015), or D-SACKs tell that all of them were needless (RFC 2883, RFC 3708).
 *
 * Linux: tcp_try_undo_recovery, tcp_try_undo_partial, tcp_try_undo_dsack, tcp_try_undo_loss (net/ipv4/tcp_input.c).
 */
import * as Counters from "./Counters.ts"
import * as Rack from "./Rack.ts"
import * as Reordering from "./Reordering.ts"
import * as State from "./State.ts"
import { ECN_QUEUE_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, type TcpSock, leftOut } from "./TcpSock.ts"
import { EVER_RETRANS, LOST, isBefore } from "./Segment.ts"
import { clockMs } from "./Clock.ts"
import { setCaState } from "./Congestion.ts"

/** From here on a reduction may be undone (Linux: tcp_init_undo). */
export const init = (sock: TcpSock): void => {
  sock.undoMarked = true
  sock.undoMarker = sock.sndUna
  let retransmissions = sock.retransOut
  if (sock.probeOut && sock.probeIsRetransmission) retransmissions++
  sock.undoRetrans = retransmissions === 0 ? -1 : retransmissions
}

/** The peer echoes a time before `whenMs` (Linux: tcp_tsopt_ecr_before). */
export const isEchoBefore = (sock: TcpSock, whenMs: number): boolean =>
  sock.sawTstamp && sock.rcvTsecr !== 0 && isBefore(sock.rcvTsecr, whenMs)

/** What was acknowledged was only late: nothing was sent again, or not before the peer had it (Linux: tcp_packet_delayed). */
const isPacketDelayed = (sock: TcpSock): boolean => {
  if (sock.retransStampMs !== 0) return isEchoBefore(sock, sock.retransStampMs)
  if (!sock.sackOk && !isBefore(sock.sndUna, sock.highSeq)) return false
  return sock.state !== State.SYN_SENT
}

const mayUndo = (sock: TcpSock): boolean => sock.undoMarked && (sock.undoRetrans === 0 || isPacketDelayed(sock))

/** Whether a retransmission may still be under way (Linux: tcp_any_retrans_done). */
export const hasRetransmitted = (sock: TcpSock): boolean => {
  if (sock.retransOut > 0) return true
  const head = sock.rtxQueue.head
  return head !== null && (head.sacked & EVER_RETRANS) !== 0
}

/** Linux: tcp_undo_cwnd_reduction. */
const undoReduction = (sock: TcpSock, unmarkLoss: boolean): void => {
  if (unmarkLoss) {
    for (let segment = sock.rtxQueue.head; segment !== null; segment = segment.next) segment.sacked &= ~LOST
    sock.lostOut = 0
    sock.retransmitHint = null
  }
  if (sock.priorSsthresh !== 0) {
    sock.sndCwnd = Math.min(sock.congestion.undoCwnd(sock), sock.sndCwndClamp)
    if (sock.priorSsthresh > sock.sndSsthresh) {
      sock.sndSsthresh = sock.priorSsthresh
      sock.ecnFlags &= ~ECN_QUEUE_CWR
    }
  }
  sock.sndCwndStampMs = clockMs(sock)
  sock.undoMarked = false
  sock.rackAdvanced = true
}

/** Without SACK the state is held until something beyond it is acknowledged (RFC 6582 §4.1). */
const preventsReopening = (sock: TcpSock): boolean => {
  if (sock.sackOk || sock.sndUna !== sock.highSeq) return false
  if (!hasRetransmitted(sock)) sock.retransStampMs = 0
  return true
}

/** Everything of Recovery or Loss is acknowledged: back to Open, as if nothing had been if so. True: the state is held. */
export const tryRecovery = (sock: TcpSock): boolean => {
  if (mayUndo(sock)) {
    undoReduction(sock, false)
    sock.net.count(sock.caState === CA_LOSS ? Counters.LOSS_UNDO : Counters.FULL_UNDO)
  } else if (sock.rackPersist > 0) {
    sock.rackPersist--
  }
  if (preventsReopening(sock)) return true
  setCaState(sock, CA_OPEN)
  sock.isSackReneging = false
  return false
}

/** D-SACKs told of every retransmission. */
export const tryDsack = (sock: TcpSock): boolean => {
  if (!sock.undoMarked || sock.undoRetrans !== 0) return false
  sock.rackPersist = Math.min(Rack.RECOVERIES_MAX, sock.rackPersist + 1)
  undoReduction(sock, false)
  sock.net.count(Counters.DSACK_UNDO)
  return true
}

/** The timeout was spurious, by F-RTO or by the rules above. */
export const tryLoss = (sock: TcpSock, byFrto: boolean): boolean => {
  if (!byFrto && !mayUndo(sock)) return false
  undoReduction(sock, true)
  sock.net.count(Counters.LOSS_UNDO)
  if (byFrto) sock.net.count(Counters.SPURIOUS_RTOS)
  sock.retransmits = 0
  if (preventsReopening(sock)) return true
  if (byFrto || sock.sackOk) {
    setCaState(sock, CA_OPEN)
    sock.isSackReneging = false
  }
  return true
}

/** What {@link tryPartial} found: the hole was lost; it was late, and all is undone; it was late, and no more is sent again. */
export const LOST_HOLE = 0
export const UNDONE = 1
export const WAITING = 2

/** A partial ACK in Recovery: the hole was filled by the original, late (Linux: tcp_try_undo_partial). */
export const tryPartial = (sock: TcpSock, priorUna: number): number => {
  if (!sock.undoMarked || !isPacketDelayed(sock)) return LOST_HOLE
  Reordering.check(sock, priorUna, true)
  if (sock.retransOut > 0) return WAITING
  if (!hasRetransmitted(sock)) sock.retransStampMs = 0
  undoReduction(sock, true)
  sock.net.count(Counters.PARTIAL_UNDO)
  tryKeepOpen(sock)
  return UNDONE
}

/** Back to Open, or Disorder while something is SACKed, lost or sent again (Linux: tcp_try_keep_open). */
export const tryKeepOpen = (sock: TcpSock): void => {
  const state = leftOut(sock) > 0 || hasRetransmitted(sock) ? CA_DISORDER : CA_OPEN
  if (sock.caState !== state) {
    setCaState(sock, state)
    sock.highSeq = sock.sndNxt
  }
}

/** The SYN's timeout was spurious: the first of them is echoed (Linux: tcp_try_undo_spurious_syn). */
export const trySyn = (sock: TcpSock): void => {
  const sentMs = sock.retransStampMs
  if (sock.undoMarked && sentMs !== 0 && sock.sawTstamp && sentMs === sock.rcvTsecr) sock.undoMarked = false
}
