/** Sending again (Linux: tcp_retransmit_skb, tcp_xmit_retransmit_queue, net/ipv4/tcp_output.c; retransmits_timed_out). */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import { EAGAIN, ENOMEM } from "./Errno.ts"
import { CA_LOSS, PENDING_RETRANS, type TcpSock, packetsInFlight, windowEnd } from "./TcpSock.ts"
import { EVER_RETRANS, LOST, SACKED_ACKED, SACKED_RETRANS, type Segment, isBefore } from "./Segment.ts"
import { clockMs, toMs } from "./Clock.ts"
import { inCwndReduction } from "./Congestion.ts"

/**
 * Sends a segment of the retransmit queue again, at most `segments` wire segments of it.
 *
 * @returns 0 or a negative errno; -EAGAIN when the peer's window has no room for it
 */
export const retransmit = (sock: TcpSock, segment: Segment, segments: number): number => {
  const host = sock.tcp.host
  host.trace(Points.TCP_RETRANSMIT_SKB, sock, segment)
  if (isBefore(segment.seq, sock.sndUna)) trimAcked(sock, segment)
  const mss = Output.currentMss(sock)
  const room = (windowEnd(sock) - segment.seq) | 0
  // The peer took its window back: only the first segment may go, as a probe.
  let most = mss * segments
  if (room <= 0 && segment.length > 0) {
    if (segment.seq !== sock.sndUna) return -EAGAIN
    most = mss
  } else if (room < most && room > 0) {
    most = Math.max(room, 1)
  }
  if (segment.length > most && !SendQueue.fragment(sock, segment, most, mss)) return -ENOMEM
  if (segment.length > mss || segment.gsoSize > 0) regroup(sock, segment, mss)
  if (sock.retransStampMs === 0) sock.retransStampMs = stamp(sock, segment)
  const error = Output.transmit(sock, segment, segment.seq, segment.flags & ~Tcp.CWR)
  const count = segment.gsoSegments
  sock.totalRetrans += count
  sock.bytesRetrans += segment.length
  sock.net.count(Counters.RETRANS_SEGS, count)
  if ((segment.flags & Tcp.SYN) !== 0) sock.net.count(Counters.SYN_RETRANS)
  segment.sacked |= EVER_RETRANS
  segment.retransmits++
  if (error !== 0) {
    sock.net.count(Counters.RETRANS_FAIL, count)
    return error
  }
  if ((segment.sacked & SACKED_RETRANS) === 0) {
    segment.sacked |= SACKED_RETRANS
    sock.retransOut += count
  }
  return 0
}

/** When the first retransmission was tried, for the give-up test; never 0. */
const stamp = (sock: TcpSock, segment: Segment): number => {
  const at = segment.sentAt >= 0 ? toMs(segment.sentAt) : clockMs(sock)
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

/** The segment size changed since it was first sent: counts its wire segments anew. */
const regroup = (sock: TcpSock, segment: Segment, mss: number): void => {
  const before = segment.gsoSegments
  SendQueue.setGso(segment, mss)
  if (before !== segment.gsoSegments) SendQueue.adjustCounts(sock, segment, before - segment.gsoSegments)
}

/** Sends lost segments again, as far as cwnd goes (Linux: tcp_xmit_retransmit_queue). */
export const retransmitQueue = (sock: TcpSock): void => {
  if (sock.packetsOut === 0) return
  let budget = sock.tcp.host.xmitBudget
  let didFirst = false
  let segment = sock.rtxQueue.head
  while (segment !== null && sock.lostOut > sock.retransOut) {
    const room = sock.sndCwnd - packetsInFlight(sock)
    if (room <= 0) break
    const sacked = segment.sacked
    if ((sacked & (SACKED_ACKED | SACKED_RETRANS)) === 0 && (sacked & LOST) !== 0) {
      if (budget-- === 0) {
        deferRest(sock)
        break
      }
      const isHead = segment === sock.rtxQueue.head
      if (retransmit(sock, segment, room) !== 0) break
      sock.net.count(sock.caState === CA_LOSS ? Counters.SLOW_START_RETRANS : Counters.FAST_RETRANS)
      if (inCwndReduction(sock)) sock.prrOut += segment.gsoSegments
      if (isHead) didFirst = true
    }
    segment = segment.next
  }
  if (didFirst) Timers.resetXmit(sock, PENDING_RETRANS, sock.rtoUs)
}

const deferRest = (sock: TcpSock): void => {
  if (sock.deferred) return
  sock.deferred = true
  sock.tcp.host.deferXmit(sock)
}

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
    const base = (State.bit(sock.state) & opening) !== 0 ? Timers.initialTimeoutMs : sock.net.sysctl.rtoMin
    limit = Timers.modelTimeoutMs(retries, base, sock.net.sysctl.rtoMax)
  }
  return ((clockMs(sock) - start) | 0) >= limit
}
