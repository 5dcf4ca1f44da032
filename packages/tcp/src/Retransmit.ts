/** Sending again (Linux: tcp_retransmit_skb, tcp_xmit_retransmit_queue, net/ipv4/tcp_output.c; retransmits_timed_out). */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Collapse from "./Collapse.ts"
import * as Counters from "./Counters.ts"
import * as Ecn from "./Ecn.ts"
import * as Output from "./Output.ts"
import * as Pacing from "./Pacing.ts"
import * as Points from "./Points.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as TsoSize from "./TsoSize.ts"
import { EAGAIN, EBUSY, ENOMEM } from "./Errno.ts"
import { CA_LOSS, PENDING_REO_TIMEOUT, PENDING_RETRANS, type TcpSock, packetsInFlight, windowEnd } from "./TcpSock.ts"
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS, type Segment, isBefore } from "./Segment.ts"
import { clockMs, toMs } from "./Clock.ts"
import { inCwndReduction } from "./Congestion.ts"

/**
 * Sends a segment of the retransmit queue again, at most `segments` wire segments of it, without a mark (Linux:
 * __tcp_retransmit_skb): loss probes go that way.
 *
 * @returns 0 or a negative errno; -EAGAIN when the peer's window has no room for it; -EBUSY when it is
 *   still in the host's queues
 */
export const resend = (sock: TcpSock, segment: Segment, segments: number): number => {
  sock.tcp.host.trace(Points.TCP_RETRANSMIT_SKB, sock, segment)
  if (sock.tcp.host.isInHostQueue(sock, segment)) {
    // It has not even left: wait for it, and be woken when it goes.
    sock.net.count(Counters.SPURIOUS_RTX_HOST_QUEUES)
    sock.throttled = true
    return -EBUSY
  }
  if (isBefore(segment.seq, sock.sndUna)) trimAcked(sock, segment)
  const mss = Output.currentMss(sock)
  let room = (windowEnd(sock) - segment.seq) | 0
  if (room <= 0) {
    // The peer took its window back: only the first segment may go, as a probe.
    if (segment.seq !== sock.sndUna) return -EAGAIN
    room = mss
  }
  let most = mss * segments
  if (most > room) most = room < mss ? room : room - (room % mss)
  if (segment.length > most) {
    if (!SendQueue.fragment(sock, segment, most, mss)) return -ENOMEM
  } else {
    regroup(sock, segment, mss)
    const limit = Math.min(room, mss)
    if (segment.length < limit) Collapse.tryCollapse(sock, segment, limit)
  }
  const count = segment.gsoSegments
  sock.totalRetrans += count
  sock.bytesRetrans += segment.length
  sock.net.count(Counters.RETRANS_SEGS, count)
  if ((segment.flags & Tcp.SYN) !== 0) sock.net.count(Counters.SYN_RETRANS)
  Ecn.fallBack(sock, segment)
  const error = Output.transmit(sock, segment, segment.seq, segment.flags)
  if (error !== 0) sock.net.count(Counters.RETRANS_FAIL, count)
  // Also when it failed: an ACK must not give an RTT by the time of a transmission that never was.
  segment.sacked |= EVER_RETRANS
  return error
}

/** Sends a lost segment again and counts it as under way (Linux: tcp_retransmit_skb). As {@link resend}. */
export const retransmit = (sock: TcpSock, segment: Segment, segments: number): number => {
  const error = resend(sock, segment, segments)
  const count = segment.gsoSegments
  if (error === 0 && (segment.sacked & SACKED_RETRANS) === 0) {
    segment.sacked |= SACKED_RETRANS
    sock.retransOut += count
  }
  if (sock.retransStampMs === 0) sock.retransStampMs = stamp(segment)
  sock.undoRetrans = Math.max(sock.undoRetrans, 0) + count
  return error
}

/** When the first retransmission was tried, for the give-up test and undo; never 0. */
const stamp = (segment: Segment): number => {
  const at = toMs(segment.sentAt)
  return at === 0 ? -1 : at
}

/** What is acknowledged of it already does not go out again. */
const trimAcked = (sock: TcpSock, segment: Segment): void => {
  const bytes = (sock.sndUna - segment.seq) | 0
  if (bytes <= 0 || bytes > segment.length) return
  const before = segment.truesize
  sock.tcp.host.trimHead(segment, bytes)
  segment.seq = sock.sndUna
  SendQueue.truesizeChanged(sock, segment, before)
}

/** The segment size may have changed since it was first sent: counts its wire segments anew. */
const regroup = (sock: TcpSock, segment: Segment, mss: number): void => {
  const before = segment.gsoSegments
  SendQueue.setGso(segment, mss)
  if (before !== segment.gsoSegments) SendQueue.adjustCounts(sock, segment, before - segment.gsoSegments)
}

/** Sends lost segments again, as far as cwnd goes (Linux: tcp_xmit_retransmit_queue). */
export const retransmitQueue = (sock: TcpSock): void => {
  if (sock.packetsOut === 0) return
  const host = sock.tcp.host
  const head = sock.rtxQueue.head
  const most = TsoSize.segments(sock, Output.currentMss(sock))
  let budget = host.xmitBudget
  let restarts = false
  let hasHole = false
  let segment = sock.retransmitHint ?? head
  for (; segment !== null; segment = segment.next) {
    if (Pacing.isHeld(sock)) break
    if (!hasHole) sock.retransmitHint = segment
    const room = sock.sndCwnd - packetsInFlight(sock)
    if (room <= 0 || sock.retransOut >= sock.lostOut) break
    const sacked = segment.sacked
    if ((sacked & LOST) === 0) {
      if ((sacked & (SACKED_RETRANS | SACKED_ACKED)) === 0) hasHole = true
      continue
    }
    if ((sacked & (SACKED_ACKED | SACKED_RETRANS)) !== 0) continue
    if (budget-- === 0) {
      deferRest(sock)
      break
    }
    if (TsoSize.isThrottled(sock, segment, 1)) break
    if (retransmit(sock, segment, Math.min(room, most)) !== 0) break
    const count = segment.gsoSegments
    sock.net.count(sock.caState === CA_LOSS ? Counters.SLOW_START_RETRANS : Counters.FAST_RETRANS, count)
    if (inCwndReduction(sock)) sock.prrOut += count
    if (segment === head && sock.pending !== PENDING_REO_TIMEOUT) restarts = true
  }
  if (restarts) Timers.resetXmit(sock, PENDING_RETRANS, sock.rtoUs + Pacing.delayUs(sock))
}

const deferRest = (sock: TcpSock): void => {
  if (sock.deferred) return
  sock.deferredNonagle = sock.nonagle
  sock.deferred = true
  sock.tcp.host.deferXmit(sock)
}

/** TCP_RTO_MIN: the model keeps to it, whatever net.ipv4.tcp_rto_min_us is. */
const RTO_MIN_MS = 200

/**
 * Whether retransmitting has gone on for as long as `retries` timeouts from the least RTO, doubling, would take (RFC 1122
 * §4.2.3.5; Linux: retransmits_timed_out). It is time that counts, not the number of timeouts.
 *
 * @param timeoutMs a limit of its own instead, 0 for none
 */
export const timedOut = (sock: TcpSock, retries: number, timeoutMs: number): boolean => {
  if (sock.retransmits === 0) return false
  let start = sock.retransStampMs
  if (start === 0) {
    const head = sock.rtxQueue.head
    if (head === null) return false
    start = toMs(head.sentAt)
  }
  let limit = timeoutMs
  if (limit === 0) {
    const opening = State.bit(State.SYN_SENT) | State.bit(State.SYN_RECV)
    const base = (State.bit(sock.state) & opening) !== 0 ? Timers.initialTimeoutMs : RTO_MIN_MS
    limit = Timers.modelTimeoutMs(retries, base, sock.net.sysctl.rtoMax)
  }
  return ((clockMs(sock) - start) | 0) >= limit
}
