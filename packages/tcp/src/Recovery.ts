/**
 * Loss recovery: the states Open, Disorder, CWR, Recovery and Loss, and what an ACK that is out of the ordinary makes of
 * them (RFC 5681 §3.2, RFC 6582, RFC 8985; Linux: tcp_fastretrans_alert, net/ipv4/tcp_input.c).
 *
 * ```
 *             dup ACK / SACK            something is lost: Rack, LossMarks
 *      Open ----------------> Disorder -------------------------> Recovery
 *       ^  \  ECN, local        |                                     |
 *       |   +-------------->  CWR         RTO (from any) --> Loss     | all that was out
 *       +----------------------+------------------------------+-------+ is acknowledged
 *                    Undo: the way back when nothing was lost after all
 * ```
 *
 * It decides what is lost and which state that makes; how cwnd follows is Reduction.ts, what is sent is Retransmit.ts.
 */
import * as Flags from "./AckFlags.ts"
import * as Counters from "./Counters.ts"
import * as Loss from "./Loss.ts"
import * as LossMarks from "./LossMarks.ts"
import * as MtuProbe from "./MtuProbe.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as Rack from "./Rack.ts"
import * as Reduction from "./Reduction.ts"
import * as RenoSack from "./RenoSack.ts"
import * as Retransmit from "./Retransmit.ts"
import * as Timers from "./Timers.ts"
import * as Undo from "./Undo.ts"
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY, PENDING_RETRANS, type TcpSock } from "./TcpSock.ts"
import { isBefore } from "./Segment.ts"
import { currentSsthresh, inCwndReduction, setCaState } from "./Congestion.ts"

/** Fast recovery begins (Linux: tcp_enter_recovery). */
export const enterRecovery = (sock: TcpSock, isEce: boolean): void => {
  sock.net.count(sock.sackOk ? Counters.SACK_RECOVERY : Counters.RENO_RECOVERY)
  sock.priorSsthresh = 0
  Undo.init(sock)
  if (!inCwndReduction(sock)) {
    if (!isEce) sock.priorSsthresh = currentSsthresh(sock)
    Reduction.initReduction(sock)
  }
  setCaState(sock, CA_RECOVERY)
}

/** Linux: tcp_try_to_open. */
const tryToOpen = (sock: TcpSock, flag: number): void => {
  if (!Undo.hasRetransmitted(sock)) sock.retransStampMs = 0
  if ((flag & Flags.ECE) !== 0) Reduction.enterCwr(sock)
  if (sock.caState !== CA_CWR) Undo.tryKeepOpen(sock)
}

/** Something is known to be lost (Linux: tcp_time_to_recover). */
const isTimeToRecover = (sock: TcpSock): boolean => sock.lostOut > 0

/** Linux: tcp_identify_packet_loss. The flags of the ACK, with what this changes in them. */
const identifyLoss = (sock: TcpSock, given: number): number => {
  let flag = given
  if (sock.rtxQueue.head === null) return flag
  if (!sock.sackOk) {
    LossMarks.markNewReno(sock, (flag & Flags.SND_UNA_ADVANCED) !== 0)
  } else {
    const before = sock.retransOut
    if (Rack.markLostByTime(sock)) flag &= ~Flags.SET_XMIT_TIMER
    if (before > sock.retransOut) flag |= Flags.LOST_RETRANS
  }
  return flag
}

/** The head of the queue is SACKed and yet not acknowledged: the peer threw it away (RFC 2018 §8). */
const isReneging = (sock: TcpSock, flag: number): boolean => {
  const both = Flags.SACK_RENEGING | Flags.SND_UNA_ADVANCED
  if ((flag & both) !== both) return false
  // Half an RTT, at least 10 ms, for the ACK that explains it; then the timeout takes everything as lost.
  Timers.resetXmit(sock, PENDING_RETRANS, Math.max(sock.srttUs >> 4, 10_000))
  return true
}

/** What the last {@link fastRetransAlert} made of the ACK's flags. */
export interface Alert {
  flag: number
}

/**
 * An ACK is dubious: it brings SACK, is a duplicate, or comes while not Open.
 *
 * @param duplicates how many segments' arrival it stands for, without SACK
 * @param alert the ACK's flags, and what is left of them
 * @returns what is to be sent (Loss.SEND_*)
 */
export const fastRetransAlert = (sock: TcpSock, priorUna: number, duplicates: number, alert: Alert): number => {
  sock.tcp.host.trace(Points.TCP_FASTRETRANS_ALERT, sock, null)
  const flag = alert.flag
  const isEce = (flag & Flags.ECE) !== 0
  if (sock.packetsOut === 0 && sock.sackedOut > 0) sock.sackedOut = 0
  if (isEce) sock.priorSsthresh = 0
  if (isReneging(sock, flag)) {
    alert.flag &= ~Flags.SET_XMIT_TIMER
    return Loss.SEND_NONE
  }
  if (sock.caState === CA_OPEN) sock.retransStampMs = 0
  else if (!isBefore(sock.sndUna, sock.highSeq) && leavesState(sock)) return Loss.SEND_NONE
  switch (sock.caState) {
    case CA_RECOVERY: {
      if ((flag & Flags.SND_UNA_ADVANCED) === 0) {
        if (!sock.sackOk) RenoSack.add(sock, duplicates)
      } else {
        const partial = Undo.tryPartial(sock, priorUna)
        if (partial === Undo.WAITING) return Loss.SEND_NONE
      }
      if (Undo.tryDsack(sock)) Undo.tryKeepOpen(sock)
      alert.flag = identifyLoss(sock, alert.flag)
      if (sock.caState !== CA_RECOVERY) {
        if (!isTimeToRecover(sock)) return Loss.SEND_NONE
        // Undone, and yet something is lost: a recovery of its own.
        enterRecovery(sock, isEce)
      }
      break
    }
    case CA_LOSS: {
      const send = Loss.processAck(sock, flag, duplicates)
      if (!isInLoss(sock)) Loss.noteEnd(sock)
      alert.flag = identifyLoss(sock, alert.flag)
      if (isInLoss(sock) && (alert.flag & Flags.LOST_RETRANS) === 0) return send
      if (!disorder(sock, duplicates, alert, isEce)) return send
      break
    }
    default:
      if (!disorder(sock, duplicates, alert, isEce)) return Loss.SEND_NONE
      break
  }
  return Loss.SEND_LOST
}

const isInLoss = (sock: TcpSock): boolean => sock.caState === CA_LOSS

/** In Open, Disorder or CWR: whether Recovery begins. */
const disorder = (sock: TcpSock, duplicates: number, alert: Alert, isEce: boolean): boolean => {
  const flag = alert.flag
  if (!sock.sackOk) {
    if ((flag & Flags.SND_UNA_ADVANCED) !== 0) RenoSack.reset(sock)
    RenoSack.add(sock, duplicates)
  }
  if (sock.caState <= CA_DISORDER) Undo.tryDsack(sock)
  alert.flag = identifyLoss(sock, flag)
  if (!isTimeToRecover(sock)) {
    tryToOpen(sock, flag)
    return false
  }
  if (MtuProbe.isProbeLost(sock)) {
    if (LossMarks.markTooLarge(sock, Output.currentMss(sock))) {
      Loss.force(sock)
      Retransmit.retransmitQueue(sock)
    }
    return false
  }
  enterRecovery(sock, isEce)
  return true
}

/** Everything that was out when the state was entered is acknowledged. Whether the alert ends here. */
const leavesState = (sock: TcpSock): boolean => {
  if (sock.caState === CA_CWR) {
    // Held until something beyond is acknowledged, so that the CWR bit has reached the receiver.
    if (sock.sndUna !== sock.highSeq) {
      Reduction.endReduction(sock)
      setCaState(sock, CA_OPEN)
    }
    return false
  }
  if (sock.caState !== CA_RECOVERY) return false
  if (!sock.sackOk) RenoSack.reset(sock)
  if (Undo.tryRecovery(sock)) return true
  Reduction.endReduction(sock)
  return false
}
