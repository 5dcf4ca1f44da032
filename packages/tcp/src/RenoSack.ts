/**
 * Without SACK each duplicate ACK stands for a segment that arrived: `sackedOut` counts them (Linux: tcp_add_reno_sack and its
 * kin, net/ipv4/tcp_input.c).
 */
import * as Counters from "./Counters.ts"
import type { TcpSock } from "./TcpSock.ts"

export const reset = (sock: TcpSock): void => {
  sock.sackedOut = 0
}

/** At least one segment is missing, so not all others can have arrived (Linux: tcp_limit_reno_sacked). Whether it was too many. */
export const limit = (sock: TcpSock): boolean => {
  const holes = Math.min(Math.max(sock.lostOut, 1), sock.packetsOut)
  if (sock.sackedOut + holes <= sock.packetsOut) return false
  sock.sackedOut = sock.packetsOut - holes
  return true
}

/** More duplicates than segments: something was reordered (Linux: tcp_check_reno_reordering). */
const checkReordering = (sock: TcpSock, added: number): void => {
  if (!limit(sock)) return
  sock.reordering = Math.min(sock.packetsOut + added, sock.net.sysctl.maxReordering)
  sock.reordSeen++
  sock.net.count(Counters.RENO_REORDER)
}

export const add = (sock: TcpSock, duplicates: number): void => {
  if (duplicates === 0) return
  const before = sock.sackedOut
  sock.sackedOut += duplicates
  checkReordering(sock, 0)
  if (sock.sackedOut > before) sock.delivered += sock.sackedOut - before
}

/** `acked` segments left the queue: all but one of them had been counted by duplicate ACKs (Linux: tcp_remove_reno_sacks). */
export const remove = (sock: TcpSock, acked: number): void => {
  if (acked > 0) {
    sock.delivered += Math.max(acked - sock.sackedOut, 1)
    sock.sackedOut = acked - 1 >= sock.sackedOut ? 0 : sock.sackedOut - (acked - 1)
  }
  checkReordering(sock, acked)
}
