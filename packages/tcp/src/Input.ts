/**
 * A segment for a full socket: header prediction, the checks of RFC 9293 §3.10.7.4 with RFC 5961's, and what each state makes
 * of it (Linux: tcp_rcv_established, tcp_rcv_state_process, tcp_validate_incoming, net/ipv4/tcp_input.c).
 *
 * Every function that is given a segment takes it.
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Flags from "./AckFlags.ts"
import * as Ack from "./Ack.ts"
import * as Counters from "./Counters.ts"
import * as DataQueue from "./DataQueue.ts"
import * as Done from "./Done.ts"
import * as Drops from "./Drops.ts"
import * as Establish from "./Establish.ts"
import * as FastOpenPause from "./FastOpenPause.ts"
import * as FastOpenServer from "./FastOpenServer.ts"
import * as Options from "./Options.ts"
import * as Points from "./Points.ts"
import * as Reset from "./Reset.ts"
import * as SendBuffer from "./SendBuffer.ts"
import * as State from "./State.ts"
import * as SynSent from "./SynSent.ts"
import * as TimeWait from "./TimeWait.ts"
import * as Timers from "./Timers.ts"
import * as Urgent from "./Urgent.ts"
import * as Undo from "./Undo.ts"
import * as Window from "./Window.ts"
import * as Xmit from "./Xmit.ts"
import { ACK_SCHED, SEND_SHUTDOWN, type TcpSock, receiveWindow } from "./TcpSock.ts"
import { type Segment, isAfter, isBefore } from "./Segment.ts"
import { clockMs, clockSeconds } from "./Clock.ts"

/** Linux: tcp_v4_do_rcv, for a socket that is not a listener. `tcp.received` holds the segment's options. */
export const receive = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  host.trace(Points.TCP_V4_DO_RCV, sock, segment)
  sock.segsIn += segment.gsoSegments
  if (segment.length > 0) sock.dataSegsIn += segment.gsoSegments
  if (sock.state === State.ESTABLISHED) established(sock, segment)
  else stateProcess(sock, segment)
}

const UNUSUAL = Tcp.SYN | Tcp.FIN | Tcp.RST | Tcp.URG | Tcp.ECE | Tcp.CWR

/** Linux: tcp_rcv_established. */
export const established = (sock: TcpSock, segment: Segment): void => {
  sock.tcp.host.trace(Points.TCP_RCV_ESTABLISHED, sock, segment)
  Options.noteTimestamp(sock, segment)
  if (isPredicted(sock, segment)) {
    if (sock.tcp.predicts) predicted(sock, segment)
    else plain(sock, segment)
    return
  }
  if ((segment.flags & (Tcp.ACK | Tcp.RST | Tcp.SYN)) === 0) {
    sock.tcp.host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  if (!validate(sock, segment, true)) return
  if ((segment.flags & Tcp.ACK) === 0) {
    sock.tcp.host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  process(sock, segment)
}

/** What a valid segment does by its ACK, its urgent pointer and its data (Linux: step5 of tcp_rcv_established). */
const process = (sock: TcpSock, segment: Segment): void => {
  if (Ack.receive(sock, segment, Flags.SLOWPATH | Flags.UPDATE_TS_RECENT) === Ack.INVALID) {
    sock.tcp.host.drop(segment, Ack.invalid.reason)
    return
  }
  Window.measureRttByTimestamp(sock, segment, clockMs(sock))
  noteUrgent(sock, segment)
  DataQueue.queue(sock, segment)
  afterData(sock)
}

const noteUrgent = (sock: TcpSock, segment: Segment): void => {
  if ((segment.flags & Tcp.URG) !== 0 || sock.urgData !== 0) Urgent.receive(sock, segment)
}

/** Header prediction: the next segment in order of a connection where nothing is out of the ordinary. */
const isPredicted = (sock: TcpSock, segment: Segment): boolean =>
  (segment.flags & UNUSUAL) === 0 &&
  (segment.flags & Tcp.ACK) !== 0 &&
  segment.seq === sock.rcvNxt &&
  segment.window * (1 << sock.sndWscale) === sock.sndWnd &&
  !isAfter(segment.ack, sock.sndNxt) &&
  !isBefore(segment.ack, sock.sndUna) &&
  sock.ofoQueue.head === null &&
  sock.urgData === 0 &&
  sock.tcp.received.sackCount === 0 &&
  (!sock.sawTstamp || ((sock.rcvTsval - sock.tsRecent) | 0) >= 0) &&
  segment.length <= receiveWindow(sock)

/**
 * What a predicted segment does, by the functions of the long way: what {@link predicted} is held against. Two things are left
 * of the short one, because Linux's ways differ there: data with no news for the sender leaves the sender alone, and an ACK
 * without data sends no ACK that is due.
 */
const plain = (sock: TcpSock, segment: Segment): void => {
  const hasNews = segment.length === 0 || segment.ack !== sock.sndUna || DataQueue.isTooBig(sock, segment)
  if (hasNews && Ack.receive(sock, segment, Flags.SLOWPATH | Flags.UPDATE_TS_RECENT) === Ack.INVALID) return
  if (!hasNews && sock.sawTstamp && segment.seq === sock.rcvWup) storeTsRecent(sock)
  if (segment.length === 0) {
    sock.tcp.host.consumed(segment)
    sndCheck(sock)
    return
  }
  Window.measureRttByTimestamp(sock, segment, clockMs(sock))
  DataQueue.queue(sock, segment)
  if (hasNews) afterData(sock)
  else if ((sock.ackPending & ACK_SCHED) !== 0) DataQueue.ackSndCheck(sock, true)
}

const predicted = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  if (segment.length === 0) {
    if (sock.sawTstamp && segment.seq === sock.rcvWup) storeTsRecent(sock)
    Ack.receive(sock, segment, 0)
    host.consumed(segment)
    sndCheck(sock)
    return
  }
  if (DataQueue.isTooBig(sock, segment)) {
    process(sock, segment)
    return
  }
  sock.net.count(Counters.HP_HITS)
  if (sock.sawTstamp && segment.seq === sock.rcvWup) storeTsRecent(sock)
  Window.measureRttByTimestamp(sock, segment, clockMs(sock))
  // The ACK first: the data's buffer may be merged into its neighbour's.
  const isNews = segment.ack !== sock.sndUna
  if (isNews) Ack.receive(sock, segment, Flags.DATA)
  DataQueue.queueInOrder(sock, segment)
  if (isNews) {
    sndCheck(sock)
    if ((sock.ackPending & ACK_SCHED) === 0) {
      DataQueue.dataReady(sock)
      return
    }
  }
  DataQueue.ackSndCheck(sock, false)
  DataQueue.dataReady(sock)
}

/** An ACK may have made room to write and to send; what then leaves is no longer unsent, which a writer may wait for. */
const sndCheck = (sock: TcpSock): void => {
  SendBuffer.checkSpace(sock)
  Xmit.pushPendingFrames(sock)
  SendBuffer.wakeWriter(sock)
}

/** What has come may have made room to send, and wants an ACK (Linux: tcp_data_snd_check, tcp_ack_snd_check). */
const afterData = (sock: TcpSock): void => {
  if (sock.destroyed || sock.state === State.CLOSE) return
  sndCheck(sock)
  if ((sock.ackPending & ACK_SCHED) !== 0) DataQueue.ackSndCheck(sock, true)
}

const storeTsRecent = (sock: TcpSock): void => {
  sock.tsRecent = sock.rcvTsval
  sock.tsRecentStamp = clockSeconds(sock.tcp.host.now())
}

// ── Checks ──

/** An older timestamp than the last (RFC 7323 §5; Linux: tcp_paws_discard, without its look at ACKs). */
const isOlder = (sock: TcpSock): boolean => {
  if (!sock.sawTstamp || sock.tsRecentStamp === 0 || sock.tsRecent === 0) return false
  // One tick of grace (TCP_PAWS_WINDOW).
  if (((sock.tsRecent - sock.rcvTsval) | 0) <= 1) return false
  return clockSeconds(sock.tcp.host.now()) - sock.tsRecentStamp <= 24 * 86_400
}

/** What a segment with an older timestamp is: a pure ACK that was overtaken and is harmless, one of the past, or to be refused. */
const HARMLESS = 0
const OLD_ACK = 1
const REFUSED = 2

/** Linux: tcp_disordered_ack_check. */
const classifyOlder = (sock: TcpSock, segment: Segment): number => {
  if ((segment.flags & Tcp.ACK) === 0 || segment.seq !== segment.endSeq) return REFUSED
  if (segment.seq !== sock.rcvNxt) return isBefore(segment.seq, sock.rcvNxt) ? OLD_ACK : REFUSED
  if (segment.ack !== sock.sndUna || Ack.mayUpdateWindow(sock, segment)) return REFUSED
  return ((sock.tsRecent - sock.rcvTsval) | 0) <= (sock.rtoUs * 1.2) / 1000 ? HARMLESS : REFUSED
}

const IN_WINDOW = -1

/**
 * Why the segment does not lie in the window; IN_WINDOW when it does. One that reaches beyond it is in while nothing waits to
 * be read (Linux: tcp_sequence).
 */
const sequenceReason = (sock: TcpSock, segment: Segment): number => {
  if (isBefore(segment.endSeq, sock.rcvWup)) return Drops.TCP_OLD_SEQUENCE
  const limit = (sock.rcvNxt + receiveWindow(sock)) | 0
  if (!isAfter(segment.endSeq, limit)) return IN_WINDOW
  if (isAfter(segment.seq, limit)) return Drops.TCP_INVALID_SEQUENCE
  return sock.receiveQueue.head === null ? IN_WINDOW : Drops.TCP_INVALID_END_SEQUENCE
}

/** A RST of a peer that leaves its FIN out of the count (Linux: tcp_reset_check). */
const isResetBeforeFin = (sock: TcpSock, segment: Segment): boolean =>
  segment.seq === ((sock.rcvNxt - 1) | 0) && (State.bit(sock.state) & PEER_CLOSED) !== 0

const PEER_CLOSED = State.bit(State.CLOSE_WAIT) | State.bit(State.LAST_ACK) | State.bit(State.CLOSING)

/**
 * Timestamp, sequence number, RST, SYN. False: the segment was dealt with.
 *
 * @param synIsError a SYN counts as an error too
 */
const validate = (sock: TcpSock, segment: Segment, synIsError: boolean): boolean => {
  const host = sock.tcp.host
  const flags = segment.flags
  const isReset = (flags & Tcp.RST) !== 0
  if (isOlder(sock) && !isReset) {
    const kind = classifyOlder(sock, segment)
    if (kind !== HARMLESS) {
      refuseOlder(sock, segment, kind, synIsError)
      return false
    }
  }
  const reason = sequenceReason(sock, segment)
  if (reason !== IN_WINDOW) {
    if (isReset && isResetBeforeFin(sock, segment)) {
      Done.reset(sock)
      host.consumed(segment)
      return false
    }
    if (!isReset) outOfSequence(sock, segment, reason, synIsError)
    host.drop(segment, reason)
    return false
  }
  if (isReset) {
    const isExact = segment.seq === sock.rcvNxt || isResetBeforeFin(sock, segment)
    if (isExact || isResetAtSackEdge(sock, segment)) {
      Done.reset(sock)
      host.consumed(segment)
    } else {
      FastOpenPause.noteReset(sock)
      Reset.sendChallengeAck(sock)
      host.drop(segment, Drops.TCP_RESET)
    }
    return false
  }
  if ((flags & Tcp.SYN) !== 0 && !isSimultaneousSynAck(sock, segment)) {
    synChallenge(sock, synIsError)
    host.drop(segment, Drops.TCP_INVALID_SYN)
    return false
  }
  return true
}

const refuseOlder = (sock: TcpSock, segment: Segment, kind: number, synIsError: boolean): void => {
  const host = sock.tcp.host
  if ((segment.flags & Tcp.SYN) !== 0) {
    synChallenge(sock, synIsError)
  } else if (kind === OLD_ACK) {
    sock.net.count(Counters.PAWS_OLD_ACK)
  } else {
    sock.net.count(Counters.PAWS_ESTAB)
    if (!Reset.isRateLimited(sock, segment, Counters.ACK_SKIPPED_PAWS)) DataQueue.sendDupack(sock, segment)
  }
  host.drop(segment, Drops.TCP_RFC7323_PAWS)
}

const outOfSequence = (sock: TcpSock, segment: Segment, reason: number, synIsError: boolean): void => {
  if ((segment.flags & Tcp.SYN) !== 0) {
    synChallenge(sock, synIsError)
    return
  }
  if (reason !== Drops.TCP_OLD_SEQUENCE) sock.net.count(Counters.BEYOND_WINDOW)
  if (!Reset.isRateLimited(sock, segment, Counters.ACK_SKIPPED_SEQ)) DataQueue.sendDupack(sock, segment)
}

/** A RST right behind the last data that came out of order (RFC 5961 §3 as Linux reads it). */
const isResetAtSackEdge = (sock: TcpSock, segment: Segment): boolean => {
  const blocks = sock.sackBlocks
  if (!sock.sackOk || blocks === null || blocks.count === 0) return false
  let last = blocks.edges[1]!
  for (let i = 1; i < blocks.count; i++) if (isAfter(blocks.edges[2 * i + 1]!, last)) last = blocks.edges[2 * i + 1]!
  return segment.seq === last
}

const isSimultaneousSynAck = (sock: TcpSock, segment: Segment): boolean =>
  sock.state === State.SYN_RECV &&
  (segment.flags & Tcp.ACK) !== 0 &&
  ((segment.seq + 1) | 0) === segment.endSeq &&
  segment.endSeq === sock.rcvNxt &&
  segment.ack === sock.sndNxt

const synChallenge = (sock: TcpSock, isError: boolean): void => {
  if (isError) sock.net.count(Counters.IN_ERRS)
  sock.net.count(Counters.SYN_CHALLENGE)
  Reset.sendChallengeAck(sock)
}

// ── States other than ESTABLISHED ──

/** Linux: tcp_rcv_state_process. */
export const stateProcess = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  host.trace(Points.TCP_RCV_STATE_PROCESS, sock, segment)
  if (sock.state === State.CLOSE) {
    host.drop(segment, Drops.TCP_CLOSE)
    return
  }
  if (sock.state === State.SYN_SENT) {
    SynSent.receive(sock, segment)
    if (!sock.destroyed) Xmit.pushPendingFrames(sock)
    return
  }
  Options.noteTimestamp(sock, segment)
  if (sock.fastOpenRsk !== null && !FastOpenServer.checkSegment(sock, sock.fastOpenRsk, segment)) {
    host.drop(segment, Drops.TCP_FASTOPEN)
    return
  }
  if ((segment.flags & (Tcp.ACK | Tcp.RST | Tcp.SYN)) === 0) {
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  if (!validate(sock, segment, false)) return
  if ((segment.flags & Tcp.ACK) === 0) {
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  const verdict = Ack.receive(sock, segment, Flags.SLOWPATH | Flags.UPDATE_TS_RECENT | Flags.NO_CHALLENGE_ACK)
  if (verdict === Ack.INVALID || (verdict === Ack.OLD && sock.state === State.SYN_RECV)) {
    if (sock.state === State.SYN_RECV) Reset.sendReset(sock.tcp, sock.net, segment)
    else if (verdict === Ack.INVALID) Reset.sendChallengeAck(sock)
    host.drop(segment, verdict === Ack.INVALID ? Ack.invalid.reason : Drops.TCP_OLD_ACK)
    return
  }
  if (!onAck(sock, segment)) return
  onText(sock, segment)
}

/** What the acknowledgement does to the state. False: the segment was dealt with. */
const onAck = (sock: TcpSock, segment: Segment): boolean => {
  switch (sock.state) {
    case State.SYN_RECV:
      synReceivedAck(sock, segment)
      return true
    case State.FIN_WAIT1:
      return finWait1Ack(sock, segment)
    case State.CLOSING:
      if (sock.sndUna !== sock.writeSeq) return true
      TimeWait.enter(sock, State.TIME_WAIT, 0)
      sock.tcp.host.consumed(segment)
      return false
    case State.LAST_ACK:
      if (sock.sndUna !== sock.writeSeq) return true
      Done.done(sock)
      sock.tcp.host.consumed(segment)
      return false
    default:
      return true
  }
}

/** The handshake is complete (a child of a listener, or simultaneous open). */
const synReceivedAck = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  sock.sndUna = segment.ack
  sock.sndWnd = segment.window * (1 << sock.sndWscale)
  sock.sndWl1 = segment.seq
  if (sock.maxWindow < sock.sndWnd) sock.maxWindow = sock.sndWnd
  sock.delivered++
  const request = sock.fastOpenRsk
  if (request === null) {
    if (sock.srttUs === 0) Establish.timestampRtt(sock)
    Undo.trySyn(sock)
    sock.retransStampMs = 0
    Establish.finishTransfer(sock)
  } else {
    if (sock.srttUs === 0 && request.retransmits === 0) {
      Establish.synackRtt(sock, Math.floor((host.now() - request.synackAt) / 1000))
    }
    FastOpenServer.confirmed(sock)
  }
  Done.setState(sock, State.ESTABLISHED)
  if (request === null) sock.copiedSeq = sock.rcvNxt
  if (sock.parent === null && !sock.dead) {
    host.stateChanged(sock)
    host.writable(sock)
  }
  if (sock.congestion.congControl === null) Xmit.updatePacingRate(sock)
  sock.lsndtimeMs = clockMs(sock)
  sock.rcvMss = Math.min(Math.max(Math.min(sock.advmss, sock.mssCache, sock.rcvWnd >> 1, 536), 88), 536)
}

/** Our FIN is acknowledged: FIN_WAIT2, or straight on for an orphan. */
const finWait1Ack = (sock: TcpSock, segment: Segment): boolean => {
  const host = sock.tcp.host
  if (sock.fastOpenRsk !== null) FastOpenServer.confirmed(sock)
  if (sock.sndUna !== sock.writeSeq) return true
  Done.setState(sock, State.FIN_WAIT2)
  sock.shutdown |= SEND_SHUTDOWN
  if (!sock.dead) {
    host.stateChanged(sock)
    return true
  }
  if (sock.options.linger2 < 0) {
    Done.done(sock)
    sock.net.count(Counters.ABORT_ON_DATA)
    host.consumed(segment)
    return false
  }
  const hasFin = (segment.flags & Tcp.FIN) !== 0
  if (segment.length > 0 && isAfter((segment.endSeq - (hasFin ? 1 : 0)) | 0, sock.rcvNxt)) {
    // Data for a socket that nobody can read from any more.
    Done.done(sock)
    sock.net.count(Counters.ABORT_ON_DATA)
    Reset.sendReset(sock.tcp, sock.net, segment)
    host.drop(segment, Drops.TCP_ABORT_ON_DATA)
    return false
  }
  const wait = Done.finTime(sock)
  if (wait > TimeWait.TIMEWAIT_LENGTH) {
    Timers.armKeepalive(sock, wait - TimeWait.TIMEWAIT_LENGTH)
  } else if (hasFin) {
    // The FIN goes on to the data queue, which enters TIME_WAIT.
    Timers.armKeepalive(sock, wait)
  } else {
    TimeWait.enter(sock, State.FIN_WAIT2, wait)
    host.consumed(segment)
    return false
  }
  return true
}

/** Data and FIN of a segment in a state other than ESTABLISHED. */
const onText = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  noteUrgent(sock, segment)
  switch (sock.state) {
    case State.CLOSE_WAIT:
    case State.CLOSING:
    case State.LAST_ACK:
      // The peer has sent its FIN: whatever comes beyond it is not its.
      if (!isBefore(segment.seq, sock.rcvNxt)) {
        host.consumed(segment)
        break
      }
      takeUnlessShut(sock, segment)
      break
    case State.FIN_WAIT1:
    case State.FIN_WAIT2:
      takeUnlessShut(sock, segment)
      break
    default:
      DataQueue.queue(sock, segment)
      break
  }
  afterData(sock)
}

const takeUnlessShut = (sock: TcpSock, segment: Segment): void => {
  if (!isDataAfterShutdown(sock, segment)) {
    DataQueue.queue(sock, segment)
    return
  }
  sock.net.count(Counters.ABORT_ON_DATA)
  Reset.sendReset(sock.tcp, sock.net, segment)
  Done.reset(sock)
  sock.tcp.host.drop(segment, Drops.TCP_ABORT_ON_DATA)
}

/** RFC 1122 §4.2.2.13: data that nobody will read is answered with a RST. */
const isDataAfterShutdown = (sock: TcpSock, segment: Segment): boolean => {
  if ((sock.shutdown & 1) === 0 || segment.endSeq === segment.seq) return false
  const fin = (segment.flags & Tcp.FIN) !== 0 ? 1 : 0
  return isAfter((segment.endSeq - fin) | 0, sock.rcvNxt)
}
