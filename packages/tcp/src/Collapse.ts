/**
 * Small neighbours of a segment that is sent again ride on it (net.ipv4.tcp_retrans_collapse; Linux:
 * tcp_retrans_try_collapse, net/ipv4/tcp_output.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Memory from "./Memory.ts"
import * as SendQueue from "./SendQueue.ts"
import * as TimeOrder from "./TimeOrder.ts"
import { EVER_RETRANS, SACKED_ACKED, type Segment, isAfter } from "./Segment.ts"
import { type TcpSock, windowEnd } from "./TcpSock.ts"

/** @param space most bytes that the segment may hold */
export const tryCollapse = (sock: TcpSock, segment: Segment, space: number): void => {
  if (sock.net.sysctl.retransCollapse === 0 || (segment.flags & Tcp.SYN) !== 0 || !mayMerge(segment)) return
  let room = space - segment.length
  const host = sock.tcp.host
  for (let next = segment.next; next !== null; next = segment.next) {
    if (host.isShared(next) || !mayMerge(next) || segment.endOfRecord !== 0 || (segment.flags & Tcp.FIN) !== 0) return
    room -= next.length
    if (room < 0 || isAfter(next.endSeq, windowEnd(sock)) || !merge(sock, segment, next)) return
  }
}

/** One wire segment that has not arrived (Linux: tcp_can_collapse). */
const mayMerge = (segment: Segment): boolean => segment.gsoSegments === 1 && (segment.sacked & SACKED_ACKED) === 0

/** Moves the payload over and takes `next` out of the queue (Linux: tcp_collapse_retrans). */
const merge = (sock: TcpSock, segment: Segment, next: Segment): boolean => {
  const host = sock.tcp.host
  const before = segment.truesize
  const gone = next.truesize
  if (next.length === 0) host.free(next)
  else if (!host.coalesce(segment, next)) return false
  // The host has its buffer back; the numbers in it hold until it is used again.
  segment.endSeq = next.endSeq
  segment.flags |= next.flags
  segment.sacked |= next.sacked & EVER_RETRANS
  segment.endOfRecord = next.endOfRecord
  if (sock.retransmitHint === next) sock.retransmitHint = segment
  SendQueue.adjustCounts(sock, next, 1)
  TimeOrder.remove(sock, next)
  sock.rtxQueue.remove(next)
  const fewer = before + gone - segment.truesize
  sock.wmemQueued -= fewer
  Memory.uncharge(sock, fewer)
  return true
}
