/**
 * What comes back to a SYN (RFC 9293 §3.10.7.3; Linux: tcp_rcv_synsent_state_process, net/ipv4/tcp_input.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Flags from "./AckFlags.ts"
import * as Ack from "./Ack.ts"
import * as Counters from "./Counters.ts"
import * as DataQueue from "./DataQueue.ts"
import * as Done from "./Done.ts"
import * as Drops from "./Drops.ts"
import * as Ecn from "./Ecn.ts"
import * as Establish from "./Establish.ts"
import * as FastOpen from "./FastOpen.ts"
import * as Options from "./Options.ts"
import * as Output from "./Output.ts"
import * as Pingpong from "./Pingpong.ts"
import * as Points from "./Points.ts"
import * as Reset from "./Reset.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as Undo from "./Undo.ts"
import { ACK_NOW, PENDING_RETRANS, SYN_DATA, SYN_FASTOPEN, type TcpSock } from "./TcpSock.ts"
import { type Segment, isAfter, isBetween } from "./Segment.ts"
import { clockSeconds, toMs } from "./Clock.ts"

/** A segment for a socket in SYN_SENT. Takes the segment. */
export const receive = (sock: TcpSock, segment: Segment): void => {
  const tcp = sock.tcp
  const host = tcp.host
  host.trace(Points.TCP_RCV_SYNSENT_STATE_PROCESS, sock, segment)
  const flags = segment.flags
  sock.sawTstamp = segment.hasTimestamp !== 0
  sock.rcvTsval = segment.tsVal
  sock.rcvTsecr = segment.tsEcr === 0 ? 0 : (segment.tsEcr - sock.tsOffset) | 0
  if ((flags & Tcp.ACK) !== 0) {
    if (!isAfter(segment.ack, sock.sndUna) || isAfter(segment.ack, sock.sndNxt)) {
      // As Linux: a stale peer's ACK makes us repeat the SYN soon after the RST.
      if (sock.retransmits === 0) Timers.resetXmit(sock, PENDING_RETRANS, Timers.TIMEOUT_MIN_US)
      Reset.sendReset(tcp, sock.net, segment)
      host.drop(segment, Drops.TCP_INVALID_ACK_SEQUENCE)
      return
    }
    if (sock.sawTstamp && sock.rcvTsecr !== 0 && !isEchoPlausible(sock)) {
      sock.net.count(Counters.PAWS_ACTIVE)
      Reset.sendReset(tcp, sock.net, segment)
      host.drop(segment, Drops.TCP_RFC7323_PAWS)
      return
    }
    if ((flags & Tcp.RST) !== 0) {
      Done.reset(sock)
      host.consumed(segment)
      return
    }
    if ((flags & Tcp.SYN) === 0) {
      host.drop(segment, Drops.TCP_FLAGS)
      return
    }
    synAck(sock, segment)
    return
  }
  if ((flags & Tcp.RST) !== 0 || (flags & Tcp.SYN) === 0) {
    host.drop(segment, (flags & Tcp.RST) !== 0 ? Drops.TCP_RESET : Drops.TCP_FLAGS)
    return
  }
  simultaneousOpen(sock, segment)
}

/** The echoed timestamp lies between the first SYN and now. */
const isEchoPlausible = (sock: TcpSock): boolean =>
  isBetween(sock.rcvTsecr, sock.retransStampMs, toMs(sock.tcp.host.now()))

/** What the SYN's options settle for both directions. */
const settleOptions = (sock: TcpSock, segment: Segment): void => {
  const options = sock.tcp.received
  const sysctl = sock.net.sysctl
  sock.tstampOk = segment.hasTimestamp !== 0 && sysctl.timestamps !== 0
  sock.sackOk = options.sackPermitted !== 0 && sysctl.sack !== 0
  sock.wscaleOk = options.windowScale >= 0 && sysctl.windowScaling !== 0
  if (sock.wscaleOk) {
    sock.sndWscale = Math.min(options.windowScale, 14)
  } else {
    sock.sndWscale = 0
    sock.rcvWscale = 0
    sock.windowClamp = Math.min(sock.windowClamp, 65_535)
  }
  takeMss(sock)
  if (sock.tstampOk) {
    sock.headerLength = 20 + Options.md5Bytes(sock) + Options.TIMESTAMP_BYTES
    sock.advmss -= Options.TIMESTAMP_BYTES
    sock.tsRecent = segment.tsVal
    sock.tsRecentStamp = clockSeconds(sock.tcp.host.now())
  } else {
    sock.headerLength = 20 + Options.md5Bytes(sock)
    sock.tsRecentStamp = 0
    sock.sawTstamp = segment.hasTimestamp !== 0 && sysctl.timestamps !== 0
  }
  Output.syncMss(sock, sock.pmtu)
}

/** The peer's segment size, or the user's if it is smaller. */
const takeMss = (sock: TcpSock): void => {
  const { mss } = sock.tcp.received
  const user = sock.options.userMss
  sock.mssClamp = mss === 0 ? 536 : mss
  if (user !== 0 && user < sock.mssClamp) sock.mssClamp = user
}

/** SYN-ACK to our SYN: ESTABLISHED, and the third ACK. */
const synAck = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  Ecn.receiveSynAck(sock, segment)
  // The first pacing rate goes by it.
  takeMss(sock)
  sock.sndWl1 = segment.seq
  Undo.trySyn(sock)
  Ack.receive(sock, segment, Flags.SLOWPATH)
  sock.rcvNxt = (segment.seq + 1) | 0
  sock.rcvWup = sock.rcvNxt
  sock.sndWnd = segment.window
  sock.maxWindow = 0
  settleOptions(sock, segment)
  if (sock.maxWindow < sock.sndWnd) sock.maxWindow = sock.sndWnd
  Output.syncMss(sock, sock.pmtu)
  sock.rcvMss = Math.min(536, sock.mssCache, sock.advmss)
  sock.copiedSeq = sock.rcvNxt
  Establish.finishConnect(sock)
  const isFastOpen = (sock.synBits & (SYN_FASTOPEN | SYN_DATA)) !== 0
  const isSentAgain = isFastOpen && FastOpen.receiveSynAck(sock)
  // Data on a SYN-ACK is for Fast Open only; else the peer sends it again.
  if (!isFastOpen || isSentAgain || !DataQueue.addSyn(sock, segment)) host.consumed(segment)
  if (!sock.dead) {
    host.stateChanged(sock)
    host.writable(sock)
  }
  if (isSentAgain) return
  // A conversation starts: the request will carry the ACK where the writer said so (TCP_QUICKACK off, deferred accept).
  if (sock.writePending > 0 || sock.options.deferAccept !== 0 || Pingpong.isOn(sock)) {
    DataQueue.delayThirdAck(sock)
    return
  }
  Output.sendAck(sock)
}

/** SYN to our SYN: both sides open (RFC 9293 §3.5, figure 7). */
const simultaneousOpen = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  settleOptions(sock, segment)
  Done.setState(sock, State.SYN_RECV)
  sock.rcvNxt = (segment.seq + 1) | 0
  sock.copiedSeq = sock.rcvNxt
  sock.rcvWup = sock.rcvNxt
  sock.sndWnd = segment.window
  sock.sndWl1 = segment.seq
  sock.maxWindow = segment.window
  Output.syncMss(sock, sock.pmtu)
  sock.rcvMss = Math.min(536, sock.mssCache, sock.advmss)
  Ecn.receiveSyn(sock, segment)
  sendSynAck(sock)
  host.consumed(segment)
}

/** Our SYN again, now with an ACK (Linux: tcp_send_synack). */
export const sendSynAck = (sock: TcpSock): void => {
  const segment = sock.rtxQueue.head
  if (segment === null || (segment.flags & Tcp.SYN) === 0) return
  segment.flags |= Tcp.ACK
  Ecn.answerInSyn(sock, segment)
  Output.transmit(sock, segment, segment.seq, segment.flags)
  sock.ackPending &= ~ACK_NOW
}
