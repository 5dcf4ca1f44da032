/**
 * What may be sent now: Nagle, CORK, the congestion and the peer's window, super-segment sizes, TSO deferral, small queues
 * (Linux: tcp_write_xmit and what it calls, net/ipv4/tcp_output.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Chrono from "./Chrono.ts"
import * as CwndUse from "./CwndUse.ts"
import * as LossProbe from "./LossProbe.ts"
import * as MtuProbe from "./MtuProbe.ts"
import * as Options from "./Options.ts"
import * as Output from "./Output.ts"
import * as Pacing from "./Pacing.ts"
import * as Points from "./Points.ts"
import * as Retransmit from "./Retransmit.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as Urgent from "./Urgent.ts"
import * as Timers from "./Timers.ts"
import * as Counters from "./Counters.ts"
import * as TsoSize from "./TsoSize.ts"
import {
  CA_RECOVERY,
  NAGLE_CORK,
  NAGLE_PUSH,
  PENDING_LOSS_PROBE,
  type TcpSock,
  packetsInFlight,
  windowEnd
} from "./TcpSock.ts"
import { type Segment, isAfter, isBefore } from "./Segment.ts"
import { inCwndReduction } from "./Congestion.ts"

const IP_HEADER = 20

/** A small segment that is not yet acknowledged is on its way (Linux: tcp_minshall_check). */
const hasSmallInFlight = (sock: TcpSock): boolean =>
  isAfter(sock.sndSml, sock.sndUna) && !isAfter(sock.sndSml, sock.sndNxt)

/** Whether Nagle's algorithm or CORK holds a partial segment back (RFC 1122 §4.2.3.4; Linux: tcp_nagle_check). */
const isHeldBack = (sock: TcpSock, isPartial: boolean, nonagle: number): boolean =>
  isPartial && ((nonagle & NAGLE_CORK) !== 0 || (nonagle === 0 && sock.packetsOut > 0 && hasSmallInFlight(sock)))

const nagleTest = (sock: TcpSock, segment: Segment, mss: number, nonagle: number): boolean =>
  (nonagle & NAGLE_PUSH) !== 0 ||
  (segment.flags & Tcp.FIN) !== 0 ||
  Urgent.isSending(sock) ||
  !isHeldBack(sock, segment.length < mss, nonagle)

/** Bytes of `segment` that go out now (Linux: tcp_mss_split_point). */
const splitPoint = (sock: TcpSock, segment: Segment, mss: number, segments: number, nonagle: number): number => {
  const window = (windowEnd(sock) - segment.seq) | 0
  const most = mss * segments
  if (most <= window && segment !== sock.writeQueue.tail) return most
  const needed = Math.min(segment.length, window)
  if (most <= needed) return most
  const partial = needed % mss
  return isHeldBack(sock, partial !== 0, nonagle) ? needed - partial : needed
}

/** Answers of {@link deferral}: send; wait for cwnd, for the peer's window, for more data of the application. */
const SEND_NOW = 0
const DEFER_CWND = 1
const DEFER_RWND = 2
const DEFER_DATA = 3

/** Whether waiting for another ACK makes a larger super-segment, and what is waited for (Linux: tcp_tso_should_defer). */
const deferral = (sock: TcpSock, segment: Segment, segments: number): number => {
  // Only right after another: waiting would make a burst else (Linux: 1 ms since the last segment of any kind).
  if (sock.caState >= CA_RECOVERY || sock.tcp.host.now() - sock.paceAt > 1_000_000) return SEND_NOW
  const windowRoom = (windowEnd(sock) - segment.seq) | 0
  const cwndRoom = (sock.sndCwnd - packetsInFlight(sock)) * sock.mssCache
  const limit = Math.min(windowRoom, cwndRoom)
  if (limit >= segments * sock.mssCache) return SEND_NOW
  if (segment !== sock.writeQueue.tail && limit >= segment.length) return SEND_NOW
  const divisor = sock.net.sysctl.tsoWinDivisor
  if (divisor > 0) {
    const chunk = Math.floor(Math.min(sock.sndWnd, sock.sndCwnd * sock.mssCache) / divisor)
    if (limit >= chunk) return SEND_NOW
  } else if (limit > 3 * sock.mssCache) {
    return SEND_NOW
  }
  const oldest = sock.rtxQueue.head
  if (oldest === null) return SEND_NOW
  // Less than half an RTT since the oldest segment left: its ACK is not about to come.
  const age = sock.tcp.host.now() - oldest.sentAt
  if (age < (sock.srttUs >> 4) * 1000) return SEND_NOW
  if (cwndRoom < windowRoom) {
    if (cwndRoom <= segment.length) return DEFER_CWND
  } else if (windowRoom <= segment.length) {
    return DEFER_RWND
  }
  if ((segment.flags & Tcp.FIN) !== 0 || segment.endOfRecord !== 0) return SEND_NOW
  return DEFER_DATA
}

/** Rate that super-segment sizes follow, bytes a second (Linux: tcp_update_pacing_rate). */
export const updatePacingRate = (sock: TcpSock): void => {
  const sysctl = sock.net.sysctl
  const ratio = sock.sndCwnd < sock.sndSsthresh >> 1 ? sysctl.pacingSsRatio : sysctl.pacingCaRatio
  let rate = sock.mssCache * Math.max(sock.sndCwnd, sock.packetsOut) * 8 * 10_000 * ratio
  if (sock.srttUs > 0) rate = Math.floor(rate / sock.srttUs)
  sock.pacingRate = Math.min(rate, sock.options.maxPacingRate)
}

/** `pushOne` of {@link writeXmit}. */
export const PUSH_ONE = 1
export const PUSH_PROBE = 2

/** Result of {@link writeXmit}: nothing is in flight and something waits; nothing more may be sent; the budget is spent. */
export const BLOCKED = 1
export const DONE = 0
export const MORE = 2

/**
 * Sends what may be sent.
 *
 * @param pushOne PUSH_ONE: at most one segment, sent even if deferring would be better; PUSH_PROBE: likewise, whatever cwnd
 *   says; 0: as much as the budget allows
 * @param budget most (super-)segments
 */
export const writeXmit = (sock: TcpSock, mss: number, nonagle: number, pushOne: number, budget: number): number => {
  const tcp = sock.tcp
  let sent = 0
  let isCwndLimited = false
  let isRwndLimited = false
  let result = DONE
  if (pushOne === 0 && sock.mtuSearch !== null) {
    const probed = MtuProbe.probe(sock, mss)
    if (probed === MtuProbe.WAIT) return DONE
    if (probed === MtuProbe.SENT) sent = 1
  }
  const packetsBefore = sock.packetsOut
  const segments = TsoSize.segments(sock, mss)
  tcp.host.trace(Points.TCP_WRITE_XMIT, sock, null)
  for (let segment = sock.writeQueue.head; segment !== null; segment = sock.writeQueue.head) {
    if (sent >= budget) {
      result = MORE
      break
    }
    if (Pacing.isHeld(sock)) break
    let quota = CwndUse.quota(sock)
    if (quota === 0) {
      if (pushOne !== PUSH_PROBE) break
      quota = 1
    }
    const fits = Math.min(quota, segments)
    if (fits * mss > segment.length && segment.next !== null && tcp.profile.growsSegments) {
      grow(sock, segment, fits * mss - segment.length)
    }
    SendQueue.setGso(segment, mss)
    if (!fitsWindow(sock, segment, mss)) {
      isRwndLimited = true
      break
    }
    if (segment.gsoSegments === 1) {
      const isLast = segment === sock.writeQueue.tail
      if (!nagleTest(sock, segment, mss, isLast ? nonagle : NAGLE_PUSH)) break
    } else if (pushOne === 0) {
      const answer = deferral(sock, segment, segments)
      if (answer === DEFER_CWND) isCwndLimited = true
      else if (answer === DEFER_RWND) isRwndLimited = true
      if (answer !== SEND_NOW) break
    }
    const limit =
      segment.gsoSegments > 1 && !Urgent.isSending(sock) ? splitPoint(sock, segment, mss, fits, nonagle) : mss
    if (limit <= 0) break
    if (segment.length > limit && !SendQueue.fragment(sock, segment, limit, mss)) break
    if (TsoSize.isThrottled(sock, segment, 0)) break
    if (Output.transmit(sock, segment, segment.seq, segment.flags) !== 0) break
    const length = segment.length
    Output.newDataSent(sock, segment)
    if (length < mss * segment.gsoSegments) sock.sndSml = segment.endSeq
    sent++
    if (pushOne !== 0) break
  }
  if (isRwndLimited) Chrono.start(sock, Chrono.RWND_LIMITED)
  else if (sock.chronoKind === Chrono.RWND_LIMITED) Chrono.stop(sock, Chrono.RWND_LIMITED)
  if (packetsInFlight(sock) >= sock.sndCwnd) isCwndLimited = true
  if (sent > 0 || isCwndLimited) CwndUse.validate(sock, isCwndLimited)
  if (sent > 0) {
    if (inCwndReduction(sock)) sock.prrOut += sock.packetsOut - packetsBefore
    // The probe moves to the new end; without one the RTO goes on (Linux arms that in between, for each segment).
    if (pushOne !== PUSH_PROBE && !LossProbe.schedule(sock, false) && sock.pending === PENDING_LOSS_PROBE) {
      Timers.rearmRto(sock)
    }
    return result
  }
  return result === MORE ? MORE : sock.packetsOut === 0 && sock.writeQueue.head !== null ? BLOCKED : DONE
}

/** The first segment of the queue takes up to `bytes` of the next one (Linux: tcp_grow_skb). */
const grow = (sock: TcpSock, segment: Segment, bytes: number): void => {
  const next = segment.next!
  const moved = Math.min(bytes, next.length)
  if (segment.endOfRecord !== 0 || moved === 0 || !SendQueue.shift(sock, segment, next, moved)) return
  if (next.length > 0) return
  SendQueue.takeOver(segment, next)
  sock.writeQueue.remove(next)
  SendQueue.freeWrite(sock, next)
}

/** Whether the peer's window has room for the segment's first part (Linux: tcp_snd_wnd_test). */
export const fitsWindow = (sock: TcpSock, segment: Segment, mss: number): boolean => {
  const end = segment.length > mss ? (segment.seq + mss) | 0 : segment.endSeq
  return !isAfter(end, windowEnd(sock))
}

/** Sends what may be sent within the host's budget (Linux: __tcp_push_pending_frames). */
export const pushPending = (sock: TcpSock, mss: number, nonagle: number): void => {
  if (sock.state === State.CLOSE) return
  const result = writeXmit(sock, mss, nonagle, 0, sock.tcp.host.xmitBudget)
  if (result === BLOCKED) Output.checkProbeTimer(sock)
  if (result !== MORE && !sock.deferred) return
  // The rest of a call in steps goes by the words of that call: MSG_MORE, a segment size from before a probe.
  sock.deferredMss = mss
  sock.deferredNonagle = nonagle
  if (sock.deferred) return
  sock.deferred = true
  sock.tcp.host.deferXmit(sock)
}

/** After an ACK: sends what has become possible (Linux: tcp_push_pending_frames). */
export const pushPendingFrames = (sock: TcpSock): void => {
  if (sock.writeQueue.head !== null) pushPending(sock, Output.currentMss(sock), sock.nonagle)
}

/**
 * The host's answer to `deferXmit`, and what it calls when `wmemAlloc` of a throttled socket has fallen (Linux:
 * tcp_tsq_handler).
 */
export const resume = (sock: TcpSock): void => {
  const given = sock.deferredMss
  sock.deferred = false
  sock.deferredMss = 0
  sock.throttled = false
  const live =
    State.bit(State.ESTABLISHED) |
    State.bit(State.FIN_WAIT1) |
    State.bit(State.CLOSING) |
    State.bit(State.CLOSE_WAIT) |
    State.bit(State.LAST_ACK)
  if (sock.destroyed || ((State.bit(sock.state) & live) === 0 && sock.fastOpenRsk === null)) return
  let mss = Output.currentMss(sock)
  let nonagle = sock.nonagle
  if (given !== 0) {
    nonagle = sock.deferredNonagle
    // A path that has become narrower, or blocks to report, may leave less room.
    if (given + IP_HEADER + Options.establishedHeaderLength(sock) <= sock.pmtu) mss = given
  }
  if (sock.lostOut > sock.retransOut && sock.sndCwnd > packetsInFlight(sock)) {
    Retransmit.retransmitQueue(sock)
  }
  pushPending(sock, mss, nonagle)
}

/**
 * One call of `tcp_push` at the end of a write: marks the last segment and sends what may go (Linux: tcp_push).
 *
 * @param more MSG_MORE: the tail waits as under CORK
 */
export const push = (sock: TcpSock, mss: number, nonagle: number, more: boolean): void => {
  const tail = sock.writeQueue.tail
  if (tail === null) return
  if (!more || isForcedPush(sock)) markPush(sock, tail)
  if (corksItself(sock, tail, mss)) return
  pushPending(sock, mss, more ? NAGLE_CORK : nonagle)
}

/**
 * A small segment waits while packets of the socket are still with the device: their end sends it, and more may have come to
 * it by then (Linux: tcp_should_autocork).
 */
const corksItself = (sock: TcpSock, tail: Segment, mss: number): boolean => {
  if (sock.net.sysctl.autocorking === 0 || sock.rtxQueue.head === null || tail.endOfRecord !== 0) return false
  if (tail.length >= TsoSize.sizeGoal(sock, mss) || sock.tcp.host.wmemAlloc(sock) <= tail.truesize) return false
  if (!sock.throttled) {
    sock.throttled = true
    sock.net.count(Counters.AUTO_CORKING)
  }
  return true
}

export const markPush = (sock: TcpSock, segment: Segment): void => {
  segment.flags |= Tcp.PSH
  sock.pushedSeq = sock.writeSeq
}

/** More than half of the peer's largest window was written since the last PSH (Linux: forced_push). */
export const isForcedPush = (sock: TcpSock): boolean =>
  isBefore((sock.pushedSeq + (sock.maxWindow >> 1)) | 0, sock.writeSeq)
