/**
 * The passive side: listen, SYNs, SYN-ACKs, the third ACK, accept (RFC 9293 §3.10.7.2; F1 to F5 and F7 of the book; Linux:
 * tcp_conn_request, tcp_check_req, tcp_v4_syn_recv_sock, inet_csk_accept).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Drops from "./Drops.ts"
import * as Establish from "./Establish.ts"
import * as FastOpenQueue from "./FastOpenQueue.ts"
import * as FastOpenServer from "./FastOpenServer.ts"
import * as Input from "./Input.ts"
import * as Points from "./Points.ts"
import * as Reset from "./Reset.ts"
import * as State from "./State.ts"
import * as SynAck from "./SynAck.ts"
import * as SynCookies from "./SynCookies.ts"
import type { Tcp as TcpStack } from "./Tcp.ts"
import { SYN_DATA_ACKED, type TcpSock } from "./TcpSock.ts"
import { isAfter, isInWindow, type Segment } from "./Segment.ts"
import { clockSeconds, toMs } from "./Clock.ts"
import { RequestSock } from "./RequestSock.ts"
import { ListenState } from "./ListenState.ts"
import { EADDRINUSE, EINVAL } from "./Errno.ts"
import { getPort } from "./PortSearch.ts"
import { OBJECT_REQUEST } from "./TcpHost.ts"

/**
 * listen(): makes the socket a listener, or changes the backlog of one.
 *
 * @returns 0, -EINVAL or -EADDRINUSE
 */
export const listen = (sock: TcpSock, backlog: number): number => {
  const tcp = sock.tcp
  tcp.host.trace(Points.INET_CSK_LISTEN_START, sock, null)
  if (sock.state !== State.CLOSE && sock.state !== State.LISTEN) return -EINVAL
  const somaxconn = sock.net.sysctl.somaxconn
  // The call takes a signed number and compares it without sign: -1 is more than any limit.
  const limit = backlog < 0 || backlog > somaxconn ? somaxconn : backlog
  if (sock.state === State.LISTEN && sock.listen !== null) {
    sock.listen.maxAckBacklog = limit
    return 0
  }
  if (sock.localPort === 0) {
    const error = getPort(tcp, sock, 0)
    if (error !== 0) return error
  } else if (sock.bucket === null) {
    const error = getPort(tcp, sock, sock.localPort)
    if (error !== 0) return error
  }
  sock.state = State.LISTEN
  if (sock.bucket !== null && tcp.bindHash.isConflict(sock.bucket, sock, true)) {
    sock.state = State.CLOSE
    return -EADDRINUSE
  }
  FastOpenQueue.atListen(sock, limit)
  const state = new ListenState(limit)
  tcp.profile.listen.start(sock, state, limit)
  sock.listen = state
  tcp.listening.insert(sock)
  return 0
}

/** The oldest finished connection, or null (Linux: inet_csk_accept). */
export const accept = (listener: TcpSock): TcpSock | null => {
  const listen = listener.listen
  if (listen === null || listen.acceptHead === null) return null
  listener.tcp.host.trace(Points.INET_CSK_ACCEPT, listener, null)
  const child = listen.acceptHead
  listen.acceptHead = child.acceptNext
  if (listen.acceptHead === null) listen.acceptTail = null
  child.acceptNext = null
  child.parent = null
  listen.ackBacklog--
  return child
}

/** The listener goes: requests are forgotten, connections nobody accepted are reset (Linux: inet_csk_listen_stop). */
export const stop = (listener: TcpSock): void => {
  const listen = listener.listen
  if (listen === null) return
  while (listen.firstRequest !== null) dropRequest(listen.firstRequest)
  for (let child = accept(listener); child !== null; child = accept(listener)) Done.abandonChild(child)
  FastOpenQueue.stop(listener)
  listener.listen = null
}

/** The listener's tick, where the profile has one. */
export const tick = (listener: TcpSock): void => {
  if (listener.listen !== null) listener.tcp.profile.listen.tick(listener, listener.listen)
}

// ── A segment for a listener ──

/** Linux: tcp_rcv_state_process in LISTEN, with the cookie check before it. Takes the segment. */
export const receive = (listener: TcpSock, segment: Segment): void => {
  const tcp = listener.tcp
  const host = tcp.host
  const flags = segment.flags
  if ((flags & Tcp.RST) !== 0) {
    host.drop(segment, Drops.TCP_RESET)
    return
  }
  if ((flags & Tcp.ACK) !== 0) {
    if ((flags & Tcp.SYN) === 0 && receiveCookie(listener, segment)) return
    Reset.sendReset(tcp, listener.net, segment)
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  if ((flags & Tcp.SYN) === 0 || (flags & Tcp.FIN) !== 0) {
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  connectionRequest(listener, segment)
}

/** A SYN (Linux: tcp_conn_request). */
const connectionRequest = (listener: TcpSock, segment: Segment): void => {
  const tcp = listener.tcp
  const host = tcp.host
  const net = listener.net
  const listen = listener.listen
  host.trace(Points.TCP_V4_CONN_REQUEST, listener, segment)
  if (listen === null) {
    host.drop(segment, Drops.NO_SOCKET)
    return
  }
  const rules = tcp.profile.listen
  const sysctl = net.sysctl
  const isReused = tcp.nextIsn !== 0
  let wantsCookie = false
  if (sysctl.syncookies === 2 || (!isReused && rules.isSynQueueFull(listen))) {
    if (sysctl.syncookies === 0) {
      net.count(Counters.REQ_Q_FULL_DROP)
      refuse(listener, segment)
      return
    }
    net.count(Counters.REQ_Q_FULL_DO_COOKIES)
    wantsCookie = true
  }
  if (rules.refusesSyn(listen)) {
    net.count(Counters.LISTEN_OVERFLOWS)
    refuse(listener, segment)
    return
  }
  const reserve = sysctl.maxSynBacklog >> 2
  const isShort = sysctl.syncookies === 0 && sysctl.maxSynBacklog - listen.qlen < reserve
  if ((isShort && !wantsCookie && !isReused) || !host.allocObject(OBJECT_REQUEST, net)) {
    refuse(listener, segment)
    return
  }
  const request = new RequestSock(listener)
  SynAck.settle(request, segment, wantsCookie)
  const { saveSyn } = listener.options
  if (saveSyn !== 0 && !wantsCookie) request.savedSyn = host.headers(segment, saveSyn === 2)
  if (wantsCookie) {
    answerWithCookie(request, segment)
    host.consumed(segment)
    return
  }
  request.sntIsn = isReused
    ? tcp.nextIsn
    : tcp.initialSequence(request.localAddress, request.remoteAddress, request.localPort, request.remotePort)
  request.synackAt = host.now()
  const child = FastOpenServer.tryOpen(request, segment)
  if (child !== null) {
    fastOpened(request, child, segment)
    return
  }
  addRequest(request, listen)
  SynAck.send(request, false)
  host.consumed(segment)
}

/** A Fast Open SYN made a socket at once: it can be accepted before the third ACK. */
const fastOpened = (request: RequestSock, child: TcpSock, segment: Segment): void => {
  const { listener } = request
  const { host } = listener.tcp
  SynAck.send(request, false)
  enqueue(listener, child)
  if ((child.synBits & SYN_DATA_ACKED) === 0) host.consumed(segment)
  host.readable(listener)
}

const refuse = (listener: TcpSock, segment: Segment): void => {
  listener.net.count(Counters.LISTEN_DROPS)
  listener.tcp.host.drop(segment, Drops.TCP_LISTEN_OVERFLOW)
}

const answerWithCookie = (request: RequestSock, segment: Segment): void => {
  const listener = request.listener
  const tcp = listener.tcp
  const net = request.net
  request.sntIsn = SynCookies.make(tcp, segment, request.mss)
  const listen = listener.listen
  if (listen !== null) {
    listen.cookiesSent = true
    listen.lastCookieMs = toMs(tcp.host.now())
  }
  SynAck.send(request, true)
  net.count(Counters.SYNCOOKIES_SENT)
  if (tcp.profile.listen.cookieIsDrop) net.count(Counters.LISTEN_DROPS)
  tcp.host.freeObject(OBJECT_REQUEST, net)
}

const addRequest = (request: RequestSock, listen: ListenState): void => {
  request.queued = true
  request.listNext = listen.firstRequest
  if (listen.firstRequest !== null) listen.firstRequest.listPrevious = request
  listen.firstRequest = request
  listen.qlen++
  listen.young++
  const tcp = request.listener.tcp
  tcp.established.insert(request)
  tcp.profile.listen.added(request, listen)
}

/** Takes a request out of its queue and frees it (Linux: inet_csk_reqsk_queue_drop). */
export const dropRequest = (request: RequestSock): void => {
  if (!request.queued) return
  const listener = request.listener
  const listen = listener.listen
  request.queued = false
  listener.tcp.established.remove(request)
  if (listen !== null) {
    if (request.listPrevious === null) listen.firstRequest = request.listNext
    else request.listPrevious.listNext = request.listNext
    if (request.listNext !== null) request.listNext.listPrevious = request.listPrevious
    listen.qlen--
    if (request.timeouts === 0) listen.young--
    listener.tcp.profile.listen.removed(request, listen)
  }
  listener.tcp.host.freeObject(OBJECT_REQUEST, request.net)
}

/** A request's timeout: SYN-ACK again, or the end. Whether it lives on; the caller counts the timeout. */
export const timeout = (request: RequestSock, threshold: number): boolean => {
  const deferAccept = request.listener.options.deferAccept
  const most = deferAccept !== 0 ? deferAccept : request.net.sysctl.synackRetries
  // Deferred accept: the ACK came, and the wait for data ends with its own count.
  const isExpired =
    deferAccept === 0
      ? request.timeouts >= threshold
      : request.timeouts >= threshold && (!request.acked || request.timeouts >= most)
  const sendsAgain = deferAccept === 0 || !request.acked || request.timeouts >= deferAccept - 1
  request.net.count(Counters.TIMEOUTS)
  if (isExpired) {
    dropRequest(request)
    return false
  }
  if (sendsAgain) SynAck.sendAgain(request)
  return true
}

// ── A segment for a request ──

/** Linux: tcp_check_req and its caller. Takes the segment. */
export const receiveForRequest = (tcp: TcpStack, request: RequestSock, segment: Segment): void => {
  const host = tcp.host
  const listener = request.listener
  const net = request.net
  host.trace(Points.TCP_CHECK_REQ, listener, segment)
  const flags = segment.flags
  const hasTimestamp = segment.hasTimestamp !== 0 && request.tstampOk
  const isPaws = hasTimestamp && ((request.tsRecent - segment.tsVal) | 0) > 0
  if (segment.seq === request.rcvIsn && (flags & SYN_MASK) === Tcp.SYN && !isPaws) {
    if (!isTooSoon(tcp, request)) SynAck.sendAgain(request)
    host.consumed(segment)
    return
  }
  if ((flags & Tcp.ACK) !== 0 && segment.ack !== ((request.sntIsn + 1) | 0)) {
    Reset.sendReset(tcp, net, segment)
    host.drop(segment, Drops.TCP_INVALID_ACK_SEQUENCE)
    return
  }
  const low = (request.rcvIsn + 1) | 0
  if (isPaws || !isInWindow(segment, low, (low + request.rcvWnd) | 0)) {
    if ((flags & Tcp.RST) === 0 && !isTooSoon(tcp, request)) Reset.sendRequestAck(tcp, request)
    if (isPaws) net.count(Counters.PAWS_ESTAB)
    host.drop(segment, isPaws ? Drops.TCP_RFC7323_PAWS : Drops.TCP_OVERWINDOW)
    return
  }
  if (hasTimestamp && !isAfter(segment.seq, low)) request.tsRecent = segment.tsVal
  // A SYN in the first place is the old one again.
  const rest = segment.seq === request.rcvIsn ? flags & ~Tcp.SYN : flags
  if ((rest & (Tcp.RST | Tcp.SYN)) !== 0) {
    net.count(Counters.ATTEMPT_FAILS)
    embryonicReset(tcp, request, segment)
    return
  }
  if ((rest & Tcp.ACK) === 0) {
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  if (request.timeouts < listener.options.deferAccept && segment.endSeq === low) {
    request.acked = true
    net.count(Counters.DEFER_ACCEPT_DROP)
    host.drop(segment, Drops.TCP_FLAGS)
    return
  }
  thirdAck(tcp, request, segment)
}

const SYN_MASK = Tcp.SYN | Tcp.ACK | Tcp.RST

const thirdAck = (tcp: TcpStack, request: RequestSock, segment: Segment): void => {
  const child = makeChild(request)
  if (child === null) {
    if (request.net.sysctl.abortOnOverflow === 0) {
      request.acked = true
      tcp.host.drop(segment, Drops.TCP_LISTEN_OVERFLOW)
    } else {
      embryonicReset(tcp, request, segment)
    }
    return
  }
  const sample = request.retransmits === 0 ? Math.floor((tcp.host.now() - request.synackAt) / 1000) : -1
  tcp.established.replace(request, child)
  dropRequest(request)
  enqueue(request.listener, child)
  Establish.synackRtt(child, sample)
  childProcess(request.listener, child, segment)
}

const embryonicReset = (tcp: TcpStack, request: RequestSock, segment: Segment): void => {
  Reset.sendReset(tcp, request.net, segment)
  dropRequest(request)
  request.net.count(Counters.EMBRYONIC_RSTS)
  tcp.host.drop(segment, Drops.TCP_RESET)
}

/** Linux: tcp_v4_syn_recv_sock; null when the accept queue is full or memory is short. */
const makeChild = (request: RequestSock): TcpSock | null => {
  const listener = request.listener
  const net = request.net
  const listen = listener.listen
  listener.tcp.host.trace(Points.TCP_V4_SYN_RECV_SOCK, listener, null)
  if (listen === null || listen.isAcceptQueueFull) {
    net.count(Counters.LISTEN_OVERFLOWS)
    net.count(Counters.LISTEN_DROPS)
    return null
  }
  const child = SynAck.makeChild(request)
  if (child === null) net.count(Counters.LISTEN_DROPS)
  return child
}

const enqueue = (listener: TcpSock, child: TcpSock): void => {
  const listen = listener.listen!
  child.parent = listener
  if (listen.acceptTail === null) listen.acceptHead = child
  else listen.acceptTail.acceptNext = child
  listen.acceptTail = child
  listen.ackBacklog++
  listener.net.count(Counters.PASSIVE_OPENS)
}

/** The third ACK, and data on it, for the new socket (Linux: tcp_child_process). */
const childProcess = (listener: TcpSock, child: TcpSock, segment: Segment): void => {
  const host = child.tcp.host
  host.trace(Points.TCP_CHILD_PROCESS, child, segment)
  Input.receive(child, segment)
  if (child.state !== State.SYN_RECV) host.readable(listener)
}

const isTooSoon = (tcp: TcpStack, request: RequestSock): boolean => {
  const now = toMs(tcp.host.now())
  if (request.lastOowAckMs !== 0) {
    const elapsed = (now - request.lastOowAckMs) | 0
    if (elapsed >= 0 && elapsed < request.net.sysctl.invalidRatelimit) {
      request.net.count(Counters.ACK_SKIPPED_SYN_RECV)
      return true
    }
  }
  request.lastOowAckMs = now === 0 ? -1 : now
  return false
}

// ── Cookies ──

/** The ACK of a cookie makes a connection (Linux: cookie_v4_check). Whether the segment was taken. */
const receiveCookie = (listener: TcpSock, segment: Segment): boolean => {
  const tcp = listener.tcp
  const host = tcp.host
  const net = listener.net
  const listen = listener.listen
  if (net.sysctl.syncookies === 0 || listen === null) return false
  const isExpected = listen.cookiesSent && ((toMs(host.now()) - listen.lastCookieMs) | 0) < 2 * 60_000
  if (!isExpected) return false
  const mss = SynCookies.check(tcp, segment)
  if (mss === 0) {
    net.count(Counters.SYNCOOKIES_FAILED)
    return false
  }
  net.count(Counters.SYNCOOKIES_RECV)
  if (!host.allocObject(OBJECT_REQUEST, net)) {
    host.drop(segment, Drops.PROTO_MEM)
    return true
  }
  const request = new RequestSock(listener)
  SynAck.settleFromCookie(request, segment, mss)
  request.tsRecent = segment.tsVal
  const child = makeChild(request)
  host.freeObject(OBJECT_REQUEST, net)
  if (child === null) {
    host.drop(segment, Drops.TCP_LISTEN_OVERFLOW)
    return true
  }
  tcp.established.insert(child)
  child.tsRecentStamp = child.tstampOk ? clockSeconds(host.now()) : 0
  enqueue(listener, child)
  childProcess(listener, child, segment)
  return true
}
