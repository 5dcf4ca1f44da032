/**
 * How large super-segments are, and how much of a socket may wait below TCP (Linux: tcp_tso_autosize, tcp_tso_segs,
 * tcp_small_queue_check, net/ipv4/tcp_output.c).
 */
import { PACING_NONE, type TcpSock } from "./TcpSock.ts"
import type { Segment } from "./Segment.ts"

/** Wire segments in a super-segment (Linux: tcp_tso_autosize): about a millisecond's worth, more on short paths. */
export const segments = (sock: TcpSock, mss: number): number => {
  const sysctl = sock.net.sysctl
  const own = sock.congestion.minTsoSegments
  const least = own === null ? sysctl.minTsoSegs : own(sock)
  let bytes = Math.floor(sock.pacingRate / 1024)
  const shift = sock.minRttUs >> sysctl.tsoRttLog
  if (shift < 31) bytes += sock.gsoMaxSize >> shift
  bytes = Math.min(bytes, sock.gsoMaxSize - 1 - 60 - 20)
  return Math.min(Math.max(Math.floor(bytes / mss), least), sock.gsoMaxSegs)
}

/**
 * Too much of this socket waits in qdisc and driver (TSQ; Linux: tcp_small_queue_check).
 *
 * @param factor 1 for a retransmission: it may wait for twice as much
 */
export const isThrottled = (sock: TcpSock, segment: Segment, factor: number): boolean => {
  const waiting = sock.tcp.host.wmemAlloc(sock)
  if (waiting === 0) return false
  let limit = Math.max(2 * segment.truesize, Math.floor(sock.pacingRate / 1024))
  if (sock.pacing === PACING_NONE) limit = Math.min(limit, sock.net.sysctl.limitOutputBytes)
  // With one segment out, or none, nothing would come back to go on with.
  if (waiting <= limit * (1 << factor) || sock.rtxQueue.head === sock.rtxQueue.tail) return false
  sock.throttled = true
  return true
}

/** Bytes of a super-segment (Linux: tcp_send_mss, tcp_xmit_size_goal). */
export const sizeGoal = (sock: TcpSock, mss: number): number => {
  const most = Math.min(Math.max(sock.maxWindow >> 1, 68), sock.gsoMaxSize - 1 - 60 - 20)
  const segments = Math.max(1, Math.min(Math.floor(most / mss), sock.gsoMaxSegs))
  return segments * mss
}
