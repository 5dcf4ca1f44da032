/**
 * The Loss state: what a retransmission timeout does, and how it ends (RFC 5681 §3.1, RFC 5682; Linux: tcp_enter_loss,
 * tcp_process_loss, net/ipv4/tcp_input.c).
 *
 * F-RTO: after the first timeout only the head is sent again. If the ACK that answers it lets new data out, that goes first;
 * what comes back tells whether the rest had arrived all along.
 */
import * as Flags from "./AckFlags.ts"
import * as LossMarks from "./LossMarks.ts"
import * as RenoSack from "./RenoSack.ts"
import * as Undo from "./Undo.ts"
import {
  ECN_OK,
  ECN_QUEUE_CWR,
  CA_DISORDER,
  CA_LOSS,
  CA_RECOVERY,
  type TcpSock,
  packetsInFlight,
  windowEnd
} from "./TcpSock.ts"
import { isAfter, isBefore } from "./Segment.ts"
import { clockMs, toMs } from "./Clock.ts"
import { EVENT_LOSS, currentSsthresh, setCaState } from "./Congestion.ts"

/** What is to be sent when the ACK has been processed: nothing special, lost segments, new data first (Linux: REXMIT_*). */
export const SEND_NONE = 0
export const SEND_LOST = 1
export const SEND_NEW = 2

/** The RTO expired. */
export const enter = (sock: TcpSock): void => {
  const isNew = sock.caState < CA_RECOVERY
  const sysctl = sock.net.sysctl
  LossMarks.markTimedOut(sock)
  if (
    sock.caState <= CA_DISORDER ||
    !isAfter(sock.highSeq, sock.sndUna) ||
    (sock.caState === CA_LOSS && sock.retransmits === 0)
  ) {
    sock.priorSsthresh = currentSsthresh(sock)
    sock.priorCwnd = sock.sndCwnd
    sock.sndSsthresh = sock.congestion.ssthresh(sock)
    sock.congestion.event(sock, EVENT_LOSS)
    Undo.init(sock)
  }
  // A probe before it has told nothing; a D-SACK for it was allowed for above.
  sock.probeOut = false
  sock.sndCwnd = packetsInFlight(sock) + 1
  sock.sndCwndCnt = 0
  sock.sndCwndStampMs = clockMs(sock)
  // Many duplicates and yet a timeout: less is reordered than was thought.
  if (sock.caState <= CA_DISORDER && sock.sackedOut >= sysctl.reordering) {
    sock.reordering = Math.min(sock.reordering, sysctl.reordering)
  }
  setCaState(sock, CA_LOSS)
  sock.highSeq = sock.sndNxt
  if ((sock.ecnFlags & ECN_OK) !== 0) sock.ecnFlags |= ECN_QUEUE_CWR
  sock.frto = sysctl.frto !== 0 && (isNew || sock.retransmits > 0)
}

/** An ACK while in Loss. @returns SEND_* */
export const processAck = (sock: TcpSock, flag: number, duplicates: number): number => {
  const advanced = (flag & Flags.SND_UNA_ADVANCED) !== 0
  const isRecovered = !isBefore(sock.sndUna, sock.highSeq)
  if (advanced && Undo.tryLoss(sock, false)) return SEND_NONE
  if (sock.frto) {
    // RFC 5682 §3.1 step 3b: data that was sent once arrived, so not all was lost.
    if ((flag & Flags.ORIG_SACK_ACKED) !== 0 && Undo.tryLoss(sock, true)) return SEND_NONE
    if (isAfter(sock.sndNxt, sock.highSeq)) {
      if ((flag & Flags.DATA_SACKED) !== 0 || duplicates > 0) sock.frto = false
    } else if (advanced && !isRecovered) {
      sock.highSeq = sock.sndNxt
      if (sock.writeQueue.head !== null && isAfter(windowEnd(sock), sock.sndNxt)) return SEND_NEW
      sock.frto = false
    }
  }
  if (isRecovered) {
    Undo.tryRecovery(sock)
    return SEND_NONE
  }
  if (!sock.sackOk) {
    // A duplicate answers new data of F-RTO: it has left the network.
    if (isAfter(sock.sndNxt, sock.highSeq) && duplicates > 0) RenoSack.add(sock, duplicates)
    else if (advanced) RenoSack.reset(sock)
  }
  return SEND_LOST
}

/** The state was left: how long it took (Linux: tcp_update_rto_time). */
export const noteEnd = (sock: TcpSock): void => {
  if (sock.rtoStampMs === 0) return
  sock.totalRtoTimeMs += (toMs(sock.tcp.host.now()) - sock.rtoStampMs) | 0
  sock.rtoStampMs = 0
}

/** Segments were found lost by other means, without congestion (Linux: the end of tcp_simple_retransmit). */
export const force = (sock: TcpSock): void => {
  if (!sock.sackOk) RenoSack.limit(sock)
  if (sock.caState === CA_LOSS) return
  sock.highSeq = sock.sndNxt
  sock.sndSsthresh = currentSsthresh(sock)
  sock.priorSsthresh = 0
  sock.undoMarked = false
  setCaState(sock, CA_LOSS)
}
