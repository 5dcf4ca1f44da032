/**
 * Segments that answer the unacceptable: RST to where no socket is, challenge ACKs, ACKs of TIME_WAIT and request socks (RFC
 * 9293 §3.5.2, RFC 5961; Linux: tcp_v4_send_reset, tcp_v4_send_ack, tcp_send_challenge_ack).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { clockMs, toMs } from "./Clock.ts"
import * as Counters from "./Counters.ts"
import * as Md5Keys from "./Md5Keys.ts"
import * as Md5Sig from "./Md5Sig.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import type { RequestSock } from "./RequestSock.ts"
import type { Segment } from "./Segment.ts"
import type { Tcp as TcpStack } from "./Tcp.ts"
import type { TcpNet } from "./TcpNet.ts"
import type { TcpSock } from "./TcpSock.ts"
import type { TimeWaitSock } from "./TimeWaitSock.ts"

/** Answers `segment` with a RST as RFC 9293 §3.10.7.1 says; never answers a RST. Does not take the segment. */
export const sendReset = (tcp: TcpStack, net: TcpNet, segment: Segment): void => {
  if ((segment.flags & Tcp.RST) !== 0) return
  const host = tcp.host
  const header = host.header
  host.trace(Points.TCP_V4_SEND_RESET, null, segment)
  const hasAck = (segment.flags & Tcp.ACK) !== 0
  const seq = hasAck ? segment.ack : 0
  const ack = hasAck ? 0 : segment.endSeq
  const flags = hasAck ? Tcp.RST : Tcp.RST | Tcp.ACK
  Tcp.write(header, 0, segment.localPort, segment.remotePort, seq, ack, flags, 0)
  const length = signReset(tcp, net, segment)
  net.count(Counters.OUT_SEGS)
  net.count(Counters.OUT_RSTS)
  host.sendControl(net, segment.localAddress, segment.remoteAddress, length, segment.device, 0, null)
}

/** A RST is signed with the key of what the segment was for, if that is still there. Returns the header's length. */
const signReset = (tcp: TcpStack, net: TcpNet, segment: Segment): number => {
  const endpoint = tcp.usesMd5 ? tcp.lookup(net, segment) : null
  const key = endpoint === null ? null : Md5Keys.ofEndpoint(endpoint, segment.remoteAddress)
  if (key === null) return Tcp.headerBytes
  const header = tcp.host.header
  const length = Tcp.headerBytes + Md5Sig.reserve(header, Tcp.headerBytes)
  Tcp.setHeaderLength(header, 0, length)
  Md5Sig.sign(tcp.host, key, segment.localAddress, segment.remoteAddress, length, null, 0)
  return length
}

/** Linux: tcp_v4_timewait_ack. */
export const sendTimeWaitAck = (tcp: TcpStack, sock: TimeWaitSock): void => {
  const window = Math.min(65_535, sock.rcvWnd >>> sock.rcvWscale)
  const tsVal = (toMs(tcp.host.now()) + sock.tsOffset) | 0
  const hasTimestamp = sock.tsRecentStamp !== 0
  const header = tcp.host.header
  Tcp.write(header, 0, sock.localPort, sock.remotePort, sock.sndNxt, sock.rcvNxt, Tcp.ACK, window)
  sendAck(
    tcp,
    sock.net,
    sock.localAddress,
    sock.remoteAddress,
    sock.device,
    sock.mark,
    hasTimestamp,
    tsVal,
    sock.tsRecent,
    sock.md5Key
  )
}

/** Linux: tcp_v4_reqsk_send_ack. */
export const sendRequestAck = (tcp: TcpStack, request: RequestSock): void => {
  const window = request.rcvWnd >>> request.rcvWscale
  const tsVal = (toMs(tcp.host.now()) + request.tsOffset) | 0
  const seq = (request.sntIsn + 1) | 0
  const ack = (request.rcvIsn + 1) | 0
  const header = tcp.host.header
  Tcp.write(header, 0, request.localPort, request.remotePort, seq, ack, Tcp.ACK, window)
  sendAck(
    tcp,
    request.net,
    request.localAddress,
    request.remoteAddress,
    request.device,
    request.mark,
    request.tstampOk,
    tsVal,
    request.tsRecent,
    Md5Keys.find(request.listener, request.remoteAddress)
  )
}

const sendAck = (
  tcp: TcpStack,
  net: TcpNet,
  localAddress: number,
  remoteAddress: number,
  device: number,
  mark: number,
  hasTimestamp: boolean,
  tsVal: number,
  tsEcr: number,
  key: Uint8Array | null
): void => {
  const header = tcp.host.header
  let length: number = Tcp.headerBytes
  if (key !== null) length += Md5Sig.reserve(header, length)
  if (hasTimestamp) length += TcpOptions.writeTimestamp(header, length, tsVal, tsEcr)
  Tcp.setHeaderLength(header, 0, length)
  if (key !== null) Md5Sig.sign(tcp.host, key, localAddress, remoteAddress, length, null, 0)
  net.count(Counters.OUT_SEGS)
  tcp.host.sendControl(net, localAddress, remoteAddress, length, device, mark, null)
}

/**
 * Whether another answer to a segment out of window would be too soon (Linux: tcp_oow_rate_limited). Segments with data are
 * always answered.
 */
export const isRateLimited = (sock: TcpSock, segment: Segment, skipped: number): boolean => {
  if (segment.length > 0 && (segment.flags & Tcp.SYN) === 0) return false
  return isTooSoon(sock, skipped)
}

const isTooSoon = (sock: TcpSock, skipped: number): boolean => {
  const now = clockMs(sock)
  if (sock.lastOowAckMs !== 0) {
    const elapsed = (now - sock.lastOowAckMs) | 0
    if (elapsed >= 0 && elapsed < sock.net.sysctl.invalidRatelimit) {
      sock.net.count(skipped)
      return true
    }
  }
  sock.lastOowAckMs = now === 0 ? -1 : now
  return false
}

/** An ACK that lets the true peer prove itself (RFC 5961 §7; Linux: tcp_send_challenge_ack). */
export const sendChallengeAck = (sock: TcpSock): void => {
  const net = sock.net
  if (isTooSoon(sock, Counters.ACK_SKIPPED_CHALLENGE)) return
  const limit = net.sysctl.challengeAckLimit
  if (limit > 0) {
    const second = Math.floor(sock.tcp.host.now() / 1_000_000_000)
    if (net.challengeSecond !== second) {
      net.challengeSecond = second
      net.challengeLeft = limit
    }
    if (net.challengeLeft === 0) return
    net.challengeLeft--
  }
  net.count(Counters.CHALLENGE_ACK)
  Output.sendAck(sock)
}
