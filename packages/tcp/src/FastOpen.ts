/**
 * Fast Open, the client's side: a SYN that asks for a cookie, or that carries one and data (RFC 7413 §4.2; Linux:
 * tcp_send_syn_data, tcp_rcv_fastopen_synack in net/ipv4/tcp_output.c and tcp_input.c, net/ipv4/tcp_fastopen.c).
 *
 * SYN and data are two segments in the retransmit queue, sent as one: a SYN that is sent again goes without data and without
 * the option, and the data follows when the handshake is through.
 */
import type { Bytes } from "./TcpHost.ts"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import { CLIENT_ENABLE, CLIENT_NO_COOKIE, Cookie, FastOpenRequest, OPTION_SPACE, readCookie } from "./FastOpenCookie.ts"
import * as FastOpenPause from "./FastOpenPause.ts"
import * as Loss from "./Loss.ts"
import * as Memory from "./Memory.ts"
import * as Output from "./Output.ts"
import * as Rack from "./Rack.ts"
import * as Retransmit from "./Retransmit.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import { EALREADY, EINVAL, EOPNOTSUPP } from "./Errno.ts"
import type { Segment } from "./Segment.ts"
import {
  DEFER_CONNECT,
  FASTOPEN_CONNECT,
  FASTOPEN_NO_COOKIE,
  SYN_DATA,
  SYN_DATA_ACKED,
  SYN_FASTOPEN,
  SYN_FASTOPEN_EXP,
  type TcpSock
} from "./TcpSock.ts"

/** tcpi_fastopen_client_fail (Linux: enum tcp_fastopen_client_fail). */
export const FAIL_COOKIE_UNAVAILABLE = 1
export const FAIL_DATA_NOT_ACKED = 2
export const FAIL_SYN_RETRANSMITTED = 3

const NO_DATA = new Uint8Array(0)

const needsNoCookie = (sock: TcpSock): boolean =>
  (sock.net.sysctl.fastOpen & CLIENT_NO_COOKIE) !== 0 || (sock.synBits & FASTOPEN_NO_COOKIE) !== 0

/**
 * Whether data may go in the SYN; the cookie to show, or to ask for (Linux: tcp_fastopen_cookie_check). The peer's MSS of
 * the last time goes into `sock.mssClamp`.
 */
const checkCookie = (sock: TcpSock, cookie: Cookie, setsMss: boolean): boolean => {
  const known = sock.net.metrics.find(sock.localAddress, sock.remoteAddress)
  cookie.length = 0
  cookie.experimental = false
  if (known !== null) {
    if (setsMss && known.fastOpenMss !== 0) sock.mssClamp = known.fastOpenMss
    cookie.copy(known.cookie, known.cookieLength, known.cookieExperimental)
    if (known.cookieLength <= 0 && known.tryExperimental === 1) cookie.experimental = true
  }
  if (FastOpenPause.isPaused(sock)) {
    cookie.length = -1
    return false
  }
  if (needsNoCookie(sock)) {
    cookie.length = -1
    return true
  }
  if (cookie.length > 0) return true
  sock.fastOpenFail = FAIL_COOKIE_UNAVAILABLE
  return false
}

/**
 * Whether connect() with TCP_FASTOPEN_CONNECT leaves the SYN to the first write; else a SYN that asks for a cookie is to go
 * (Linux: tcp_fastopen_defer_connect).
 */
export const defersConnect = (sock: TcpSock): boolean => {
  if ((sock.synBits & FASTOPEN_CONNECT) === 0 || sock.fastOpen !== null) return false
  const request = new FastOpenRequest(NO_DATA, 0, 0)
  if (checkCookie(sock, request.cookie, false)) {
    sock.synBits |= DEFER_CONNECT
    return true
  }
  sock.fastOpen = request
  return false
}

/**
 * A program sends with MSG_FASTOPEN, or for the first time after a deferred connect(): the data goes along with the SYN that
 * is sent next (Linux: tcp_sendmsg_fastopen).
 *
 * @returns 0, -EOPNOTSUPP or -EALREADY; after 0 the host connects, or calls `Handshake.sendSyn` for a deferred connect(), and
 *   then {@link end}
 */
export const begin = (sock: TcpSock, data: Bytes, at: number, size: number): number => {
  if ((sock.net.sysctl.fastOpen & CLIENT_ENABLE) === 0) return -EOPNOTSUPP
  if (sock.fastOpen !== null) return -EALREADY
  sock.fastOpen = new FastOpenRequest(data, at, size)
  return 0
}

/** The SYN is out, or the attempt failed: bytes that went along with it. */
export const end = (sock: TcpSock): number => {
  const copied = sock.fastOpen === null ? 0 : sock.fastOpen.copied
  sock.fastOpen = null
  sock.synBits &= ~DEFER_CONNECT
  return copied
}

/** TCP_FASTOPEN_CONNECT. @returns 0, -EINVAL or -EOPNOTSUPP */
export const setConnect = (sock: TcpSock, value: number): number => {
  if (value !== 0 && value !== 1) return -EINVAL
  if ((sock.net.sysctl.fastOpen & CLIENT_ENABLE) === 0) return -EOPNOTSUPP
  if (sock.state !== State.CLOSE) return -EINVAL
  sock.synBits = value === 1 ? sock.synBits | FASTOPEN_CONNECT : sock.synBits & ~FASTOPEN_CONNECT
  return 0
}

/** TCP_FASTOPEN_NO_COOKIE. @returns 0 or -EINVAL */
export const setNoCookie = (sock: TcpSock, value: number): number => {
  if ((value !== 0 && value !== 1) || (sock.state !== State.CLOSE && sock.state !== State.LISTEN)) return -EINVAL
  sock.synBits = value === 1 ? sock.synBits | FASTOPEN_NO_COOKIE : sock.synBits & ~FASTOPEN_NO_COOKIE
  return 0
}

/**
 * Sends the SYN with as much data as fits beside it, or a SYN that asks for a cookie (Linux: tcp_send_syn_data). `syn` is in
 * the retransmit queue.
 *
 * @returns 0 or a negative errno
 */
export const sendSynData = (sock: TcpSock, syn: Segment): number => {
  const request = sock.fastOpen!
  const cookie = request.cookie
  sock.mssClamp = sock.advmss
  let error = -1
  if (checkCookie(sock, cookie, true)) {
    const user = sock.options.userMss
    if (user !== 0 && user < sock.mssClamp) sock.mssClamp = user
    Output.syncMss(sock, sock.pmtu)
    const space = Math.min(Math.min(sock.pmtu - 40, sock.mssClamp) - OPTION_SPACE, request.size)
    const data = space < 0 ? null : makeData(sock, syn, request, space)
    if (data !== null) error = sendBoth(sock, syn, data, request)
  }
  if (error !== 0) {
    if (cookie.length > 0) cookie.length = 0
    error = Output.transmit(sock, syn, syn.seq, syn.flags)
    if (error !== 0) sock.synBits &= ~SYN_FASTOPEN
  }
  // No option in a SYN that is sent again.
  cookie.length = -1
  return error
}

const makeData = (sock: TcpSock, syn: Segment, request: FastOpenRequest, space: number): Segment | null => {
  const host = sock.tcp.host
  const data = host.allocSegment(sock)
  if (data === null) return null
  data.seq = syn.seq
  const taken = space === 0 ? 0 : host.append(data, request.data, request.at, space)
  if (space > 0 && taken <= 0) {
    host.free(data)
    return null
  }
  request.copied = taken
  data.endSeq = (syn.endSeq + taken) | 0
  data.flags = syn.flags
  Memory.schedule(sock, data.truesize, sock.wmemQueued, 0, true)
  sock.wmemQueued += data.truesize
  Memory.charge(sock, data.truesize)
  sock.writeSeq = data.endSeq
  sock.packetsOut++
  return data
}

/** SYN and data went out as one; from now on the data is a segment of its own behind the SYN. */
const sendBoth = (sock: TcpSock, syn: Segment, data: Segment, request: FastOpenRequest): number => {
  const error = Output.transmit(sock, data, syn.seq, syn.flags)
  syn.sentAt = data.sentAt
  syn.firstSentAt = data.firstSentAt
  syn.delivered = data.delivered
  data.seq = (data.seq + 1) | 0
  data.flags = Tcp.ACK | Tcp.PSH
  if (error === 0) {
    if (request.copied > 0) sock.synBits |= SYN_DATA
    SendQueue.queueRetransmit(sock, data)
    sock.net.count(Counters.ORIG_DATA_SENT)
    return 0
  }
  sock.wmemQueued -= data.truesize
  Memory.uncharge(sock, data.truesize)
  SendQueue.queueWrite(sock, data)
  sock.packetsOut--
  return error
}

const received = new Cookie()

/**
 * The SYN-ACK to a SYN with the option or with data: remembers cookie and MSS, sends again what was not taken (Linux:
 * tcp_rcv_fastopen_synack). `tcp.received` holds the options.
 *
 * @returns true when data of the SYN had to be sent again, which acknowledges the SYN-ACK too
 */
export const receiveSynAck = (sock: TcpSock): boolean => {
  const options = sock.tcp.received
  const data = (sock.synBits & SYN_DATA) !== 0 ? sock.rtxQueue.head : null
  readCookie(options, received)
  let isSynDrop = false
  let tryExperimental = 0
  if ((sock.synBits & SYN_FASTOPEN) === 0) {
    received.length = -1
  } else if (sock.totalRetrans > 0) {
    // Neither cookie nor data: it answers the SYN that was sent again.
    isSynDrop = received.length < 0 && data !== null
  } else if (received.length < 0 && (sock.synBits & SYN_DATA) === 0) {
    // Asked in vain: with the other form of the option next time, and then with RFC 7413's for good.
    tryExperimental = (sock.synBits & SYN_FASTOPEN_EXP) !== 0 ? 2 : 1
  }
  remember(sock, options.mss === 0 ? 536 : options.mss, isSynDrop, tryExperimental)
  if (data !== null) {
    sock.fastOpenFail = sock.totalRetrans > 0 ? FAIL_SYN_RETRANSMITTED : FAIL_DATA_NOT_ACKED
    for (let segment: Segment | null = data; segment !== null; segment = segment.next) Rack.markLost(sock, segment)
    Loss.force(sock)
    Retransmit.retransmitQueue(sock)
    sock.net.count(Counters.FAST_OPEN_ACTIVE_FAIL)
    return true
  }
  if ((sock.synBits & SYN_DATA) !== 0) {
    sock.synBits |= SYN_DATA_ACKED
    sock.net.count(Counters.FAST_OPEN_ACTIVE)
    // SYN and data were one packet on the wire.
    if (sock.delivered > 1) sock.delivered--
  }
  return false
}

/** Linux: tcp_fastopen_cache_set. */
const remember = (sock: TcpSock, mss: number, isSynDrop: boolean, tryExperimental: number): void => {
  const now = sock.tcp.host.now()
  const entry = sock.net.metrics.take(sock.localAddress, sock.remoteAddress, now)
  entry.fastOpenMss = mss
  if (received.length > 0) {
    for (let i = 0; i < received.length; i++) entry.cookie[i] = received.bytes[i]!
    entry.cookieLength = received.length
    entry.cookieExperimental = received.experimental
  } else if (tryExperimental > entry.tryExperimental && entry.cookieLength <= 0 && !entry.cookieExperimental) {
    entry.tryExperimental = tryExperimental
  }
  if (isSynDrop) {
    entry.synLoss++
    entry.lastSynLossAt = now
  } else {
    entry.synLoss = 0
  }
}
