/**
 * What a sender with data spends its time on: being busy at all, and within that waiting for the peer's window or for room
 * in its own buffer (Linux: tcp_chrono_start, tcp_chrono_stop, net/ipv4/tcp_output.c; tcp_info's busy_time, rwnd_limited,
 * sndbuf_limited).
 *
 * One of the three runs at a time; the later one of the list goes before the others.
 */
import type { TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"

export const NONE = 0
export const BUSY = 1
export const RWND_LIMITED = 2
export const SNDBUF_LIMITED = 3

const set = (sock: TcpSock, kind: number): void => {
  const now = clockMs(sock)
  const elapsed = (now - sock.chronoStartMs) | 0
  if (sock.chronoKind === BUSY) sock.busyMs += elapsed
  else if (sock.chronoKind === RWND_LIMITED) sock.rwndLimitedMs += elapsed
  else if (sock.chronoKind === SNDBUF_LIMITED) sock.sndbufLimitedMs += elapsed
  sock.chronoStartMs = now
  sock.chronoKind = kind
}

export const start = (sock: TcpSock, kind: number): void => {
  if (kind > sock.chronoKind) set(sock, kind)
}

/** `kind` is over: the sender is busy, or idle when nothing is left. */
export const stop = (sock: TcpSock, kind: number): void => {
  if (sock.rtxQueue.head === null && sock.writeQueue.head === null) {
    if (sock.chronoKind !== NONE) set(sock, NONE)
  } else if (kind === sock.chronoKind && kind !== BUSY) {
    set(sock, BUSY)
  }
}

/** Milliseconds of one kind until now. */
export const total = (sock: TcpSock, kind: number): number => {
  const known = kind === BUSY ? sock.busyMs : kind === RWND_LIMITED ? sock.rwndLimitedMs : sock.sndbufLimitedMs
  return known + (sock.chronoKind === kind ? (clockMs(sock) - sock.chronoStartMs) | 0 : 0)
}
