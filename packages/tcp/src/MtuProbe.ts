/**
 * Packetization layer path MTU discovery: a segment larger than the rest tells by its acknowledgement whether the path takes
 * it (RFC 4821; Linux: tcp_mtup_init, tcp_mtu_probe, tcp_mtup_probe_success, tcp_mtup_probe_failed, tcp_mtu_probing).
 *
 * ```
 *   searchLow <= size of our segments      probe in the middle      path's MTU, peer's MSS <= searchHigh
 *       |-------------------------------------------x------------------------------------|
 *       acknowledged: searchLow = probe             lost, and nothing else: searchHigh = probe - 1
 * ```
 *
 * Sizes are of whole IP packets, bytes.
 */
import * as Counters from "./Counters.ts"
import * as Memory from "./Memory.ts"
import { type MtuSearch, enable, toMss, toMtu } from "./MtuSearch.ts"
import * as Output from "./Output.ts"
import * as SendQueue from "./SendQueue.ts"
import { clockMs } from "./Clock.ts"
import { currentSsthresh } from "./Congestion.ts"
import type { Segment } from "./Segment.ts"
import { isAfter } from "./Segment.ts"
import { CA_CWR, CA_OPEN, type TcpSock, packetsInFlight, windowEnd } from "./TcpSock.ts"

/** Headers without options. */
const HEADERS = 40
/** Least cwnd with which one segment more than it says may go out. */
const CWND_MIN = 11

/** A path with only timeouts: its MTU may be smaller than anybody says (Linux: tcp_mtu_probing). */
export const noteBlackHole = (sock: TcpSock): void => {
  const { sysctl } = sock.net
  if (sysctl.mtuProbing === 0) return
  const search = sock.mtuSearch
  if (search === null) {
    enable(sock)
  } else {
    const half = Math.min(sysctl.baseMss, toMss(sock, search.searchLow) >> 1)
    search.searchLow = toMtu(sock, Math.max(half, sysctl.mtuProbeFloor, sysctl.minSndMss))
  }
  Output.syncMss(sock, sock.pmtu)
}

/** Answers of {@link probe}: go on as ever; wait, until there is room for a probe; one went out. */
export const NONE = -1
export const WAIT = 0
export const SENT = 1

/** Sends a probe, if one is due and all is quiet. */
export const probe = (sock: TcpSock, mss: number): number => {
  const search = sock.mtuSearch
  if (search === null || search.probeSize !== 0 || sock.caState !== CA_OPEN || sock.sndCwnd < CWND_MIN) return NONE
  const blocks = sock.sackBlocks
  if (blocks !== null && (blocks.count > 0 || blocks.duplicate !== 0)) return NONE
  const size = toMss(sock, (search.searchHigh + search.searchLow) >> 1)
  const needed = size + (sock.reordering + 1) * sock.mssCache
  const interval = search.searchHigh - search.searchLow
  if (size > toMss(sock, search.searchHigh) || interval < sock.net.sysctl.probeThreshold) {
    searchAgain(sock, search, mss)
    return NONE
  }
  if (((sock.writeSeq - sock.sndNxt) | 0) < needed || sock.sndWnd < needed) return NONE
  if (isAfter((sock.sndNxt + needed) | 0, windowEnd(sock))) return WAIT
  const inFlight = packetsInFlight(sock)
  if (inFlight + 2 > sock.sndCwnd) return inFlight === 0 ? NONE : WAIT
  return send(sock, search, size, mss)
}

/** The search is over; after a while the path may have changed (Linux: tcp_mtu_check_reprobe). */
const searchAgain = (sock: TcpSock, search: MtuSearch, mss: number): void => {
  const now = clockMs(sock)
  if (((now - search.startedMs) | 0) < sock.net.sysctl.probeInterval * 1000) return
  search.probeSize = 0
  search.searchHigh = sock.mssClamp + HEADERS
  search.searchLow = toMtu(sock, mss)
  search.startedMs = now
}

const send = (sock: TcpSock, search: MtuSearch, size: number, mss: number): number => {
  const head = gather(sock, size, mss)
  if (head === null) return NONE
  head.gsoSegments = 1
  head.gsoSize = 0
  // If it cannot go, it is cut like any other segment.
  if (Output.transmit(sock, head, head.seq, head.flags) !== 0) return NONE
  // It is worth two of the others.
  sock.sndCwnd--
  Output.newDataSent(sock, head)
  search.probeSize = toMtu(sock, head.length)
  search.probeStart = head.seq
  search.probeEnd = head.endSeq
  return SENT
}

/** The first `size` bytes of the write queue in one segment at its head; null when they cannot be put together. */
const gather = (sock: TcpSock, size: number, mss: number): Segment | null => {
  const { host } = sock.tcp
  const head = sock.writeQueue.head!
  while (head.length < size) {
    const next = head.next
    if (next === null || head.endOfRecord !== 0) return null
    if (head.length + next.length > size && !SendQueue.fragment(sock, next, size - head.length, mss)) return null
    const before = head.truesize + next.truesize
    const { endSeq, flags, endOfRecord } = next
    if (!host.coalesce(head, next)) return null
    head.endSeq = endSeq
    head.flags |= flags
    head.endOfRecord = endOfRecord
    sock.writeQueue.remove(next)
    const fewer = before - head.truesize
    sock.wmemQueued -= fewer
    Memory.uncharge(sock, fewer)
  }
  if (head.length > size && !SendQueue.fragment(sock, head, size, mss)) return null
  return head
}

/** What was sent up to `sndUna` is acknowledged: maybe a probe among it. cwnd stays the same number of bytes. */
export const noteAcked = (sock: TcpSock, search: MtuSearch): void => {
  if (search.probeSize === 0 || isAfter(search.probeEnd, sock.sndUna)) return
  sock.priorSsthresh = currentSsthresh(sock)
  sock.sndCwnd = Math.max(1, Math.floor((sock.sndCwnd * toMtu(sock, sock.mssCache)) / search.probeSize))
  sock.sndCwndCnt = 0
  sock.sndCwndStampMs = clockMs(sock)
  sock.sndSsthresh = currentSsthresh(sock)
  search.searchLow = search.probeSize
  search.probeSize = 0
  Output.syncMss(sock, sock.pmtu)
  sock.net.count(Counters.MTUP_SUCCESS)
}

/** Whether what is lost is the probe: then nothing is wrong but its size, and cwnd stays (Linux: tcp_fastretrans_alert). */
export const isProbeLost = (sock: TcpSock): boolean => {
  const search = sock.mtuSearch
  if (search === null || search.probeSize === 0) return false
  if (sock.caState >= CA_CWR || sock.sndUna !== search.probeStart) return false
  search.searchHigh = search.probeSize - 1
  search.probeSize = 0
  sock.sndCwnd++
  sock.net.count(Counters.MTUP_FAIL)
  return true
}
