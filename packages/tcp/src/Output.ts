/**
 * Sending single segments: the header, ACKs, probes, FIN, RST of a socket (Linux: tcp_transmit_skb and its callers,
 * net/ipv4/tcp_output.c). What to send when is Xmit.ts.
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as Md5Keys from "./Md5Keys.ts"
import * as Md5Sig from "./Md5Sig.ts"
import * as Urgent from "./Urgent.ts"
import * as Ecn from "./Ecn.ts"
import * as Options from "./Options.ts"
import * as Pacing from "./Pacing.ts"
import * as MtuSearch from "./MtuSearch.ts"
import * as Pingpong from "./Pingpong.ts"
import * as Points from "./Points.ts"
import * as Rate from "./Rate.ts"
import * as Reduction from "./Reduction.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as TimeOrder from "./TimeOrder.ts"
import * as Timers from "./Timers.ts"
import * as Window from "./Window.ts"
import {
  ACK_SCHED,
  ACK_TIMER,
  PACING_NONE,
  PENDING_PROBE0,
  type TcpSock,
  packetsInFlight,
  windowEnd
} from "./TcpSock.ts"
import { type Segment, isBefore, isBetween } from "./Segment.ts"
import { clockMs } from "./Clock.ts"
import { EVENT_TX_START } from "./Congestion.ts"
import { ENOBUFS, ENOMEM } from "./Errno.ts"
import { SENT_CONGESTED } from "./TcpHost.ts"

/**
 * Builds the header and hands the segment to the host. `segment` may be null for one without payload and without a place in
 * a queue.
 *
 * @returns 0 or a negative errno
 */
export const transmit = (sock: TcpSock, segment: Segment | null, seq: number, given: number): number => {
  const tcp = sock.tcp
  const host = tcp.host
  const header = host.header
  host.trace(Points.TCP_TRANSMIT_SKB, sock, segment)
  const isSyn = (given & Tcp.SYN) !== 0
  const payload = segment === null ? 0 : segment.length
  const urgent = sock.sndUna === sock.sndUp ? 0 : Urgent.pointer(sock, seq)
  const flags = (isSyn ? given : Ecn.flagsToSend(sock, seq, payload, given)) | (urgent === 0 ? 0 : Tcp.URG)
  const pacedAt = sock.paceAt
  const clock = host.now()
  if (clock > pacedAt) sock.paceAt = clock
  let window: number
  let length: number
  if (isSyn) {
    window = Math.min(sock.rcvWnd, 65_535)
    length = Options.writeSyn(sock)
  } else {
    window = Window.forHeader(sock)
    length = Options.writeEstablished(sock)
  }
  const ack = (flags & Tcp.ACK) !== 0 ? sock.rcvNxt : 0
  // A super-segment is pushed, so that the receiver's GRO lets go of it.
  const sent = segment !== null && segment.gsoSegments > 1 ? flags | Tcp.PSH : flags
  Tcp.write(header, 0, sock.localPort, sock.remotePort, seq, ack, sent, window)
  Tcp.setHeaderLength(header, 0, length)
  if (urgent !== 0) Tcp.setUrgentPointer(header, 0, urgent)
  const key = sock.options.md5Keys === null ? null : Md5Keys.find(sock, sock.remoteAddress)
  if (key !== null) Md5Sig.sign(host, key, sock.localAddress, sock.remoteAddress, length, segment, payload)
  const count = segment === null ? 1 : segment.gsoSegments
  if ((flags & Tcp.ACK) !== 0) ackSent(sock)
  if (payload > 0) {
    dataSent(sock)
    sock.dataSegsOut += count
    sock.bytesSent += payload
  }
  sock.segsOut += count
  // What was sent before is not counted again.
  if (segment === null || seq === segment.endSeq || isBefore(sock.sndNxt, segment.endSeq)) {
    sock.net.count(Counters.OUT_SEGS, count)
  }
  if (segment !== null) {
    segment.sentAt = sock.paceAt
    if (segment.firstSentAt < 0) segment.firstSentAt = sock.paceAt
  }
  const answer = host.transmit(sock, segment, length, payload, segment === null ? 0 : segment.gsoSize, count)
  if (answer === -ENOBUFS || answer === SENT_CONGESTED) Reduction.enterCwr(sock)
  const error = answer === SENT_CONGESTED ? 0 : answer
  if (segment !== null && error === 0) {
    TimeOrder.append(sock, segment)
    Rate.segmentSent(sock, segment)
    if (sock.pacing !== PACING_NONE) Pacing.segmentSent(sock, segment, pacedAt)
  }
  return error
}

/** An ACK went out, alone or on data (Linux: tcp_event_ack_sent). */
const ackSent = (sock: TcpSock): void => {
  if (sock.compressedAcks > 0) compressedSent(sock)
  // Only ACKs of new data count. Leaving quick-ACK mode deflates the ACK timeout (Linux: tcp_dec_quickack_mode).
  if (sock.ackQuick > 0 && (sock.ackPending & ACK_SCHED) !== 0 && --sock.ackQuick === 0) sock.atoUs = Timers.ATO_MIN_US
  if (sock.ackPending !== 0) {
    sock.ackPending = 0
    sock.delackTimer?.cancel()
  }
}

/** It stands for the ACKs that waited (AckCompression.ts). */
const compressedSent = (sock: TcpSock): void => {
  sock.net.count(Counters.ACK_COMPRESSED, sock.compressedAcks)
  sock.compressedAcks = 0
  sock.compressedAckTimer?.cancel()
}

/** Data goes out: the connection may have been idle, and may be a conversation (Linux: tcp_event_data_sent). */
const dataSent = (sock: TcpSock): void => {
  const now = clockMs(sock)
  if (packetsInFlight(sock) === 0) sock.congestion.event(sock, EVENT_TX_START)
  sock.lsndtimeMs = now
  if (((now - sock.lrcvtimeMs) | 0) * 1000 < sock.atoUs) Pingpong.count(sock)
}

/** Sequence number for a segment without data that the peer will not find outside its window (Linux: tcp_acceptable_seq). */
const acceptableSeq = (sock: TcpSock): number => {
  const end = windowEnd(sock)
  if (!isBefore(end, sock.sndNxt)) return sock.sndNxt
  return sock.wscaleOk && ((sock.sndNxt - end) | 0) < 1 << sock.rcvWscale ? sock.sndNxt : end
}

/** Linux: tcp_send_ack. */
export const sendAck = (sock: TcpSock): void => {
  if (sock.state === State.CLOSE) return
  sock.tcp.host.trace(Points.TCP_SEND_ACK, sock, null)
  transmit(sock, null, acceptableSeq(sock), Tcp.ACK)
}

/** An ACK below the window that makes the peer say where it stands (Linux: tcp_xmit_probe_skb). */
export const xmitProbe = (sock: TcpSock, counter: number): number => {
  sock.net.count(counter)
  // One that shows an urgent pointer first, so that the peer hears of urgent data beyond its window.
  if (isBetween(sock.sndUp, (sock.sndUna + 1) | 0, (sock.sndUna + 0xffff) | 0)) {
    transmit(sock, null, sock.sndUna, Tcp.ACK)
  }
  return transmit(sock, null, (sock.sndUna - 1) | 0, Tcp.ACK)
}

/** RST when we give up or throw data away (Linux: tcp_send_active_reset). */
export const sendActiveReset = (sock: TcpSock): void => {
  sock.net.count(Counters.OUT_RSTS)
  sock.tcp.host.trace(Points.TCP_SEND_ACTIVE_RESET, sock, null)
  transmit(sock, null, acceptableSeq(sock), Tcp.ACK | Tcp.RST)
}

/** The head of the write queue has been sent: it moves to the retransmit queue (Linux: tcp_event_new_data_sent). */
export const newDataSent = (sock: TcpSock, segment: Segment): void => {
  const before = sock.packetsOut
  sock.sndNxt = segment.endSeq
  sock.writeQueue.remove(segment)
  SendQueue.queueRetransmit(sock, segment)
  sock.packetsOut += segment.gsoSegments
  if (before === 0) Timers.rearmRto(sock)
  sock.net.count(Counters.ORIG_DATA_SENT, segment.gsoSegments)
}

/**
 * Sends something to find out whether the peer is there: data when the window lets some out, else a probe (Linux:
 * tcp_write_wakeup).
 */
export const writeWakeup = (sock: TcpSock, counter: number): number => {
  if (sock.state === State.CLOSE) return -1
  const head = sock.writeQueue.head
  const end = windowEnd(sock)
  if (head === null || !isBefore(head.seq, end)) return xmitProbe(sock, counter)
  const mss = currentMss(sock)
  let size = (end - head.seq) | 0
  if (isBefore(sock.pushedSeq, head.endSeq)) sock.pushedSeq = head.endSeq
  if (size < ((head.endSeq - head.seq) | 0) || head.length > mss) {
    size = Math.min(size, mss)
    head.flags |= Tcp.PSH
    if (!SendQueue.fragment(sock, head, size, mss)) return -ENOMEM
  } else {
    SendQueue.setGso(head, mss)
  }
  head.flags |= Tcp.PSH
  const error = transmit(sock, head, head.seq, head.flags)
  if (error === 0) newDataSent(sock, head)
  return error
}

/** Payload bytes of a full segment now (Linux: tcp_current_mss). */
export const currentMss = (sock: TcpSock): number => {
  const pmtu = sock.tcp.host.mtu(sock.net, sock.localAddress, sock.remoteAddress, sock)
  if (pmtu !== sock.pmtu) syncMss(sock, pmtu)
  return sock.mssCache - (Options.establishedHeaderLength(sock) - sock.headerLength)
}

/** Sets the segment size for a path MTU (Linux: tcp_sync_mss). */
export const syncMss = (sock: TcpSock, pmtu: number): number => {
  let mss = Math.min(pmtu - 40, sock.mssClamp)
  mss = Math.max(mss - (sock.headerLength - 20), sock.net.sysctl.minSndMss)
  // Never more than half of the largest window the peer offered: it could not clock us (tcp_bound_to_half_wnd).
  const cutoff = sock.maxWindow > 536 ? sock.maxWindow >> 1 : sock.maxWindow
  if (cutoff > 0 && mss > cutoff) mss = Math.max(cutoff, 68 - sock.headerLength)
  sock.pmtu = pmtu
  if (sock.mtuSearch !== null) mss = MtuSearch.limit(sock, sock.mtuSearch, pmtu, mss)
  sock.mssCache = mss
  return mss
}

/** Whether a delayed ACK waits for its timer. */
export const isAckScheduled = (sock: TcpSock): boolean => (sock.ackPending & ACK_SCHED) !== 0
export const hasAckTimer = (sock: TcpSock): boolean => (sock.ackPending & ACK_TIMER) !== 0

/** Arms the zero-window probe when nothing else will wake the sender (Linux: tcp_check_probe_timer). */
export const checkProbeTimer = (sock: TcpSock): void => {
  if (sock.packetsOut === 0 && sock.pending === 0 && sock.writeQueue.head !== null) {
    Timers.resetXmit(sock, PENDING_PROBE0, Timers.probe0BaseUs(sock))
  }
}
