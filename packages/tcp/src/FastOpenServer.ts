/**
 * Fast Open, the server's side: a SYN with a good cookie makes the socket at once, with the SYN's data in it, and the third
 * ACK only confirms it (RFC 7413 §4.2.2; Linux: tcp_try_fastopen, tcp_fastopen_create_child,
 * tcp_rcv_synrecv_state_fastopen, tcp_fastopen_synack_timer).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as DataQueue from "./DataQueue.ts"
import * as Done from "./Done.ts"
import * as Establish from "./Establish.ts"
import { Cookie, SERVER_COOKIE_NOT_REQUIRED, SERVER_ENABLE, readCookie } from "./FastOpenCookie.ts"
import * as FastOpenKey from "./FastOpenKey.ts"
import * as FastOpenQueue from "./FastOpenQueue.ts"
import * as Loss from "./Loss.ts"
import * as Reset from "./Reset.ts"
import * as SynAck from "./SynAck.ts"
import * as Timers from "./Timers.ts"
import * as Undo from "./Undo.ts"
import type { RequestSock } from "./RequestSock.ts"
import { type Segment, isAfter, isInWindow } from "./Segment.ts"
import { CA_LOSS, PENDING_RETRANS, SYN_DATA_ACKED, type TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"

const shown = new Cookie()
const valid = new Uint8Array(FastOpenKey.COOKIE_BYTES)

/** What a shown cookie is: of no key of ours, of the key, of the key before. */
const WRONG = 0
const GOOD = 1
const OLD_KEY = 2

/**
 * The SYN of `request`, with `tcp.received` its options: the child that takes its data, or null; in both cases what cookie the
 * SYN-ACK shows stands in the request (Linux: tcp_try_fastopen). Takes the segment when there is a child.
 */
export const tryOpen = (request: RequestSock, segment: Segment): TcpSock | null => {
  const { listener, net } = request
  const sysctl = net.sysctl.fastOpen
  readCookie(listener.tcp.received, shown)
  if (shown.length === 0) net.count(Counters.FAST_OPEN_COOKIE_REQD)
  const hasData = segment.endSeq !== ((segment.seq + 1) | 0)
  const isOn = (sysctl & SERVER_ENABLE) !== 0 && (hasData || shown.length >= 0)
  if (!isOn || !FastOpenQueue.hasRoom(listener)) return null
  const needsNone = (sysctl & SERVER_COOKIE_NOT_REQUIRED) !== 0
  if (!needsNone && shown.length < 0) return null
  const keys = FastOpenQueue.keysOf(listener)
  if (!needsNone && shown.length === 0) {
    makeCookie(request, keys)
    return null
  }
  const verdict = needsNone ? GOOD : check(request, keys)
  if (verdict !== WRONG) {
    const child = makeChild(request, segment)
    if (child !== null) {
      if (verdict === OLD_KEY) {
        makeCookie(request, keys)
        net.count(Counters.FAST_OPEN_PASSIVE_ALT_KEY)
      }
      net.count(Counters.FAST_OPEN_PASSIVE)
      return child
    }
  }
  net.count(Counters.FAST_OPEN_PASSIVE_FAIL)
  if (!needsNone) makeCookie(request, keys)
  return null
}

/** The cookie of the primary key goes into the SYN-ACK. */
const makeCookie = (request: RequestSock, keys: FastOpenKey.FastOpenKeys): void => {
  FastOpenKey.cookie(keys.primary, request.remoteAddress, request.localAddress, valid)
  request.cookie = new Cookie()
  request.cookie.copy(valid, FastOpenKey.COOKIE_BYTES, shown.experimental)
}

/** Linux: tcp_fastopen_cookie_gen_check. */
const check = (request: RequestSock, keys: FastOpenKey.FastOpenKeys): number => {
  if (isCookieOf(request, keys.primary)) return GOOD
  return keys.backup !== null && isCookieOf(request, keys.backup) ? OLD_KEY : WRONG
}

const isCookieOf = (request: RequestSock, key: Uint8Array): boolean => {
  if (shown.length !== FastOpenKey.COOKIE_BYTES) return false
  FastOpenKey.cookie(key, request.remoteAddress, request.localAddress, valid)
  for (let i = 0; i < FastOpenKey.COOKIE_BYTES; i++) if (shown.bytes[i] !== valid[i]) return false
  return true
}

/** Linux: tcp_fastopen_create_child. */
const makeChild = (request: RequestSock, segment: Segment): TcpSock | null => {
  const { listener } = request
  const { tcp, listen } = listener
  if (listen === null || listen.isAcceptQueueFull) {
    request.net.count(Counters.LISTEN_OVERFLOWS)
    request.net.count(Counters.LISTEN_DROPS)
    return null
  }
  const child = SynAck.makeChild(request)
  if (child === null) {
    request.net.count(Counters.LISTEN_DROPS)
    return null
  }
  tcp.established.insert(child)
  FastOpenQueue.added(listener, child, request)
  // The window of a SYN is never scaled.
  child.sndWnd = segment.window
  child.maxWindow = segment.window
  Timers.resetXmit(child, PENDING_RETRANS, Timers.initialTimeoutMs * 1000)
  Establish.finishTransfer(child)
  if (DataQueue.addSyn(child, segment)) child.synBits |= SYN_DATA_ACKED
  request.rcvNxt = child.rcvNxt
  child.rcvWup = child.rcvNxt
  return child
}

/**
 * A segment for a child that is not confirmed (Linux: tcp_check_req with `fastopen`). Does not take the segment.
 *
 * @returns whether the child goes on with it
 */
export const checkSegment = (sock: TcpSock, request: RequestSock, segment: Segment): boolean => {
  const { flags } = segment
  const { net, tcp } = sock
  const isStamped = segment.hasTimestamp !== 0 && request.tstampOk
  const isPaws = isStamped && ((request.tsRecent - segment.tsVal) | 0) > 0
  if (segment.seq === request.rcvIsn && (flags & (Tcp.SYN | Tcp.ACK | Tcp.RST)) === Tcp.SYN && !isPaws) {
    if (!isTooSoon(sock, request)) SynAck.sendAgain(request)
    return false
  }
  if (isPaws || !isInWindow(segment, request.rcvNxt, (request.rcvNxt + request.rcvWnd) | 0)) {
    if ((flags & Tcp.RST) === 0 && !isTooSoon(sock, request)) Reset.sendRequestAck(tcp, request)
    if (isPaws) net.count(Counters.PAWS_ESTAB)
    return false
  }
  if (isStamped && !isAfter(segment.seq, request.rcvNxt)) request.tsRecent = segment.tsVal
  const rest = segment.seq === request.rcvIsn ? flags & ~Tcp.SYN : flags
  if ((rest & (Tcp.RST | Tcp.SYN)) === 0) return (rest & Tcp.ACK) !== 0
  net.count(Counters.ATTEMPT_FAILS)
  if ((rest & Tcp.RST) === 0) {
    Reset.sendReset(tcp, net, segment)
  } else {
    FastOpenQueue.remove(sock, true)
    Done.reset(sock)
  }
  return false
}

const isTooSoon = (sock: TcpSock, request: RequestSock): boolean => {
  const now = clockMs(sock)
  const elapsed = (now - request.lastOowAckMs) | 0
  if (request.lastOowAckMs !== 0 && elapsed >= 0 && elapsed < sock.net.sysctl.invalidRatelimit) {
    sock.net.count(Counters.ACK_SKIPPED_SYN_RECV)
    return true
  }
  request.lastOowAckMs = now === 0 ? -1 : now
  return false
}

/** The third ACK came (Linux: tcp_rcv_synrecv_state_fastopen). */
export const confirmed = (sock: TcpSock): void => {
  // A SYN-ACK was sent again that need not have been: the window is as before (Linux: tcp_try_undo_recovery).
  if (sock.caState === CA_LOSS && sock.packetsOut === 0) Undo.tryRecovery(sock)
  sock.retransmits = 0
  if (!Undo.hasRetransmitted(sock)) sock.retransStampMs = 0
  FastOpenQueue.remove(sock, false)
  Timers.rearmRto(sock)
}

/**
 * The SYN-ACK of an unconfirmed child was not answered: again, and nothing else until it is (Linux:
 * tcp_fastopen_synack_timer).
 *
 * @returns false when it is given up
 */
export const synackTimer = (sock: TcpSock, request: RequestSock): boolean => {
  const most = sock.options.synRetries !== 0 ? sock.options.synRetries : sock.net.sysctl.synackRetries + 1
  sock.net.count(Counters.TIMEOUTS)
  if (request.timeouts >= most) return false
  // Two SYN-ACKs were lost: the window starts over, as after any lost SYN.
  if (sock.retransmits === 1) Loss.enter(sock)
  SynAck.sendAgain(request)
  sock.totalRetrans++
  request.timeouts++
  sock.retransmits++
  sock.totalRto++
  if (sock.retransStampMs === 0) {
    const now = clockMs(sock)
    sock.retransStampMs = now === 0 ? -1 : now
  }
  const after = Math.min(Timers.initialTimeoutMs * (1 << request.timeouts), sock.net.sysctl.rtoMax)
  Timers.resetXmit(sock, PENDING_RETRANS, after * 1000)
  return true
}
