/**
 * What is marked lost, by whom: by NewReno without SACK, by the timeout, for its size. RACK's marks are Rack.ts (Linux:
 * tcp_mark_skb_lost and its callers, net/ipv4/tcp_input.c, tcp_recovery.c).
 */
import * as Counters from "./Counters.ts"
import * as Rack from "./Rack.ts"
import * as RenoSack from "./RenoSack.ts"
import * as SendQueue from "./SendQueue.ts"
import { CA_RECOVERY, type TcpSock } from "./TcpSock.ts"
import { LOST, SACKED_ACKED } from "./Segment.ts"

/** Without SACK: the first segment, by enough duplicates or by a partial ACK (RFC 6582; Linux: tcp_newreno_mark_lost). */
export const markNewReno = (sock: TcpSock, advanced: boolean): void => {
  const isFirst = sock.caState < CA_RECOVERY && sock.sackedOut >= sock.reordering
  if (!isFirst && !(sock.caState === CA_RECOVERY && advanced)) return
  const head = sock.rtxQueue.head
  if (head === null || (head.sacked & LOST) !== 0) return
  const mss = head.gsoSize
  if (head.gsoSegments > 1 && head.length > mss) SendQueue.fragment(sock, head, mss, mss)
  Rack.markLost(sock, head)
}

/** Marks what is larger than `mss` bytes (Linux: the loop of tcp_simple_retransmit). Whether anything is to be sent again. */
export const markTooLarge = (sock: TcpSock, mss: number): boolean => {
  for (let segment = sock.rtxQueue.head; segment !== null; segment = segment.next) {
    const size = segment.gsoSegments > 1 ? segment.gsoSize : segment.length
    if (size > mss) Rack.markLost(sock, segment)
  }
  return sock.lostOut > 0
}

/** The RTO expired: what is older than an RTT is lost, all of it when the peer reneged (Linux: tcp_timeout_mark_lost). */
export const markTimedOut = (sock: TcpSock): void => {
  const head = sock.rtxQueue.head
  const isReneging = head !== null && (head.sacked & SACKED_ACKED) !== 0
  if (isReneging) {
    sock.net.count(Counters.SACK_RENEGING)
    sock.sackedOut = 0
    sock.isSackReneging = true
  } else if (!sock.sackOk) {
    RenoSack.reset(sock)
  }
  for (let segment = head; segment !== null; segment = segment.next) {
    if (isReneging) segment.sacked &= ~SACKED_ACKED
    else if (segment !== head && Rack.remainingUs(sock, segment, 0) > 0) continue
    Rack.markLost(sock, segment)
  }
  sock.retransmitHint = null
}
