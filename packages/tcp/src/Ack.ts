/**
 * An acknowledgement: the window it offers, what it takes off the retransmit queue, the RTT it measures, and what the loss
 * and congestion machinery makes of it (RFC 9293 §3.10.7.4, RFC 5681; Linux: tcp_ack, net/ipv4/tcp_input.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Flags from "./AckFlags.ts"
import type { AckSample } from "./AckSample.ts"
import * as CleanRtx from "./CleanRtx.ts"
import * as Counters from "./Counters.ts"
import * as CwndUse from "./CwndUse.ts"
import * as Drops from "./Drops.ts"
import * as Ecn from "./Ecn.ts"
import * as Loss from "./Loss.ts"
import * as LossProbe from "./LossProbe.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as Rack from "./Rack.ts"
import * as Rate from "./Rate.ts"
import * as Recovery from "./Recovery.ts"
import * as Reduction from "./Reduction.ts"
import * as Reset from "./Reset.ts"
import * as Retransmit from "./Retransmit.ts"
import * as SackTag from "./SackTag.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as Xmit from "./Xmit.ts"
import { CA_OPEN, NAGLE_OFF, type TcpSock, highestSackSeq, packetsInFlight } from "./TcpSock.ts"
import { type Segment, isAfter, isBefore, isBetween } from "./Segment.ts"
import { clockMs, clockSeconds } from "./Clock.ts"
import { inCwndReduction } from "./Congestion.ts"

/** What {@link receive} found: the ACK is fine, is old and says nothing new, or must not be believed. */
export const FINE = 1
export const OLD = 0
export const INVALID = -1

/** The drop reason of an INVALID one. */
export const invalid: { reason: number } = { reason: Drops.TCP_INVALID_ACK_SEQUENCE }

/** The flags of the ACK in hand, as recovery leaves them. */
const alert: Recovery.Alert = { flag: 0 }

/**
 * Processes the ACK field of a segment. `tcp.received` holds its options.
 *
 * @param given SLOWPATH, UPDATE_TS_RECENT, NO_CHALLENGE_ACK
 */
export const receive = (sock: TcpSock, segment: Segment, given: number): number => {
  const tcp = sock.tcp
  const sample = tcp.ackSample
  const ack = segment.ack
  const priorUna = sock.sndUna
  let flag = given
  tcp.host.trace(Points.TCP_ACK, sock, segment)
  sample.start(packetsInFlight(sock))
  if (isBefore(ack, priorUna)) return oldAck(sock, segment, flag)
  if (isAfter(ack, sock.sndNxt)) {
    if ((flag & Flags.NO_CHALLENGE_ACK) === 0) Reset.sendChallengeAck(sock)
    invalid.reason = Drops.TCP_ACK_UNSENT_DATA
    return INVALID
  }
  if (isAfter(ack, priorUna)) {
    flag |= Flags.SND_UNA_ADVANCED
    sock.retransmits = 0
  }
  const priorFack = sock.sackOk ? highestSackSeq(sock) : priorUna
  const priorPackets = sock.packetsOut
  const priorDelivered = sock.delivered
  const priorLost = sock.lost
  const wasReneging = sock.isSackReneging
  if ((flag & Flags.UPDATE_TS_RECENT) !== 0) replaceTsRecent(sock, segment.seq)
  if ((flag & (Flags.SLOWPATH | Flags.SND_UNA_ADVANCED)) === Flags.SND_UNA_ADVANCED) {
    sock.sndWl1 = segment.seq
    advanceUna(sock, ack)
    flag |= Flags.WIN_UPDATE
    sock.net.count(Counters.HP_ACKS)
  } else {
    if (segment.length > 0) flag |= Flags.DATA
    else sock.net.count(Counters.PURE_ACKS)
    flag |= updateWindow(sock, segment)
    if (Ecn.isEcho(sock, segment)) flag |= Flags.ECE
    if (tcp.received.sackCount > 0 && sock.sackOk) flag |= SackTag.tagWriteQueue(sock, tcp.received, ack, priorUna)
  }
  sock.softError = 0
  sock.probesOut = 0
  sock.rcvTstampMs = clockMs(sock)
  if (priorPackets === 0) return nothingOut(sock, segment, priorUna, priorDelivered, flag)
  flag |= CleanRtx.clean(sock, priorUna, priorFack)
  Rack.updateWindow(sock, sample)
  if (sock.probeOut) LossProbe.processAck(sock, ack, flag)
  let send = Loss.SEND_NONE
  if (isDubious(sock, flag)) {
    alert.flag = flag
    send = Recovery.fastRetransAlert(sock, priorUna, duplicatesOf(segment, flag), alert)
    flag = alert.flag
  }
  if ((flag & Flags.SET_XMIT_TIMER) !== 0) LossProbe.setXmitTimer(sock)
  const delivered = newlyDelivered(sock, priorDelivered, flag)
  sample.isAckDelayed = (flag & Flags.ACK_MAYBE_DELAYED) !== 0
  Rate.generate(sock, sample, delivered, sock.lost - priorLost, wasReneging)
  congestionControl(sock, ack, sample, flag)
  if (send !== Loss.SEND_NONE) xmitRecovery(sock, send)
  return FINE
}

/** Nothing was out: a window update, the answer to a probe, or a late D-SACK. */
const nothingOut = (
  sock: TcpSock,
  segment: Segment,
  priorUna: number,
  priorDelivered: number,
  flag: number
): number => {
  if ((flag & Flags.DSACKING_ACK) !== 0) {
    alert.flag = flag
    Recovery.fastRetransAlert(sock, priorUna, 0, alert)
    newlyDelivered(sock, priorDelivered, flag)
  }
  Timers.ackProbe(sock)
  if (sock.probeOut) LossProbe.processAck(sock, segment.ack, flag)
  return FINE
}

/** An ACK below what was acknowledged: it may still bring SACK; far below, it is an attack (RFC 5961 §5). */
const oldAck = (sock: TcpSock, segment: Segment, flag: number): number => {
  const priorUna = sock.sndUna
  if (isBefore(segment.ack, (priorUna - Math.min(sock.maxWindow, sock.bytesAcked)) | 0)) {
    if ((flag & Flags.NO_CHALLENGE_ACK) === 0) Reset.sendChallengeAck(sock)
    invalid.reason = Drops.TCP_TOO_OLD_ACK
    return INVALID
  }
  if (sock.tcp.received.sackCount > 0 && sock.sackOk) {
    const priorDelivered = sock.delivered
    alert.flag = flag | SackTag.tagWriteQueue(sock, sock.tcp.received, segment.ack, priorUna)
    const send = Recovery.fastRetransAlert(sock, priorUna, 0, alert)
    newlyDelivered(sock, priorDelivered, flag)
    if (send !== Loss.SEND_NONE) xmitRecovery(sock, send)
  }
  return OLD
}

/** How many segments' arrival a duplicate ACK stands for: those it was merged from count each. */
const duplicatesOf = (segment: Segment, flag: number): number => {
  if ((flag & (Flags.SND_UNA_ADVANCED | Flags.NOT_DUP | Flags.DSACKING_ACK)) !== 0) return 0
  return (flag & Flags.DATA) !== 0 ? 1 : Math.max(1, segment.gsoSegments)
}

/** Linux: tcp_newly_delivered. */
const newlyDelivered = (sock: TcpSock, prior: number, flag: number): number => {
  const delivered = sock.delivered - prior
  if (delivered === 0) return 0
  sock.net.count(Counters.DELIVERED, delivered)
  if ((flag & Flags.ECE) !== 0) {
    sock.deliveredCe += delivered
    sock.net.count(Counters.DELIVERED_CE, delivered)
  }
  return delivered
}

/** Sends what recovery wants sent, cwnd being settled (Linux: tcp_xmit_recovery). */
const xmitRecovery = (sock: TcpSock, send: number): void => {
  if (sock.state === State.SYN_SENT) return
  if (send === Loss.SEND_NEW) {
    Xmit.pushPending(sock, Output.currentMss(sock), NAGLE_OFF)
    if (isAfter(sock.sndNxt, sock.highSeq)) return
    sock.frto = false
  }
  Retransmit.retransmitQueue(sock)
}

const isDubious = (sock: TcpSock, flag: number): boolean =>
  (flag & Flags.NOT_DUP) === 0 || (flag & Flags.CA_ALERT) !== 0 || sock.caState !== CA_OPEN

const advanceUna = (sock: TcpSock, ack: number): void => {
  sock.bytesAcked += (ack - sock.sndUna) | 0
  if (isBetween(sock.sndUp, sock.sndUna, ack)) sock.sndUp = ack
  sock.sndUna = ack
}

/** Linux: tcp_may_update_window. */
const mayUpdate = (sock: TcpSock, ack: number, seq: number, window: number): boolean =>
  isAfter(ack, sock.sndUna) ||
  isAfter(seq, sock.sndWl1) ||
  (seq === sock.sndWl1 && (window > sock.sndWnd || window === 0))

export const mayUpdateWindow = (sock: TcpSock, segment: Segment): boolean =>
  mayUpdate(sock, segment.ack, segment.seq, segment.window * (1 << sock.sndWscale))

/** Linux: tcp_ack_update_window. */
const updateWindow = (sock: TcpSock, segment: Segment): number => {
  let flag = 0
  const ack = segment.ack
  let window = segment.window
  if ((segment.flags & Tcp.SYN) === 0) window *= 1 << sock.sndWscale
  if (mayUpdate(sock, ack, segment.seq, window)) {
    flag |= Flags.WIN_UPDATE
    sock.sndWl1 = segment.seq
    if (sock.sndWnd !== window) {
      sock.sndWnd = window
      if (sock.writeQueue.head !== null) CwndUse.restartAfterIdle(sock)
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

/** Linux: tcp_cong_control. */
const congestionControl = (sock: TcpSock, ack: number, sample: AckSample, flag: number): void => {
  const own = sock.congestion.congControl
  if (own !== null) {
    own(sock, ack, flag, sample)
    return
  }
  if (inCwndReduction(sock)) {
    Reduction.reduceCwnd(sock, sample.ackedSacked, sample.losses, flag)
  } else if ((flag & Flags.DATA_ACKED) !== 0 || ((flag & Flags.FORWARD_PROGRESS) !== 0 && mayRaiseLate(sock))) {
    sock.congestion.congAvoid(sock, ack, sample.ackedSacked)
    sock.sndCwndStampMs = clockMs(sock)
  }
  Xmit.updatePacingRate(sock)
}

/** Much is reordered: what arrives in whatever order lets cwnd grow (Linux: tcp_may_raise_cwnd). */
const mayRaiseLate = (sock: TcpSock): boolean => sock.reordering > sock.net.sysctl.reordering
