/**
 * How far the search for the path's MTU has come, and what that means for the size of segments (RFC 4821 §7; Linux:
 * icsk_mtup, tcp_mtup_init, tcp_sync_mss). Sizes are of whole IP packets, bytes. The search itself is MtuProbe.ts.
 */
import { clockMs } from "./Clock.ts"
import type { TcpSock } from "./TcpSock.ts"

const IP_BYTES = 20
const TCP_BYTES = 20

/** What a connection with probing knows. */
export class MtuSearch {
  searchLow = 0
  searchHigh = 0
  /** Size of the probe that is out, 0 for none, and its sequence numbers. */
  probeSize = 0
  probeStart = 0
  probeEnd = 0
  /** When this search began, ms. */
  startedMs = 0
}

/** Linux: tcp_mss_to_mtu. */
export const toMtu = (sock: TcpSock, mss: number): number => mss + sock.headerLength + IP_BYTES

/** Payload of a segment in a packet of `mtu` bytes (Linux: tcp_mtu_to_mss). */
export const toMss = (sock: TcpSock, mtu: number): number =>
  Math.max(Math.min(mtu - IP_BYTES - TCP_BYTES, sock.mssClamp) - (sock.headerLength - TCP_BYTES), 48)

/** A connection begins: it searches from the start with tcp_mtu_probing = 2. */
export const start = (sock: TcpSock): void => {
  sock.mtuSearch = null
  if (sock.net.sysctl.mtuProbing > 1) enable(sock)
}

export const enable = (sock: TcpSock): void => {
  const search = new MtuSearch()
  search.searchHigh = sock.mssClamp + TCP_BYTES + IP_BYTES
  search.searchLow = toMtu(sock, sock.net.sysctl.baseMss)
  search.startedMs = clockMs(sock)
  sock.mtuSearch = search
}

/** What the search makes of the segment size for a path of `pmtu` bytes (Linux: the part of tcp_sync_mss). */
export const limit = (sock: TcpSock, search: MtuSearch, pmtu: number, mss: number): number => {
  if (search.searchHigh > pmtu) search.searchHigh = pmtu
  return Math.min(mss, toMss(sock, search.searchLow))
}
