/**
 * TCP's share of memory: what queues hold is reserved in pages of 4 KiB and compared with tcp_mem (Linux: sk_forward_alloc,
 * __sk_mem_schedule, net/core/sock.c). Below the low mark nothing is refused; above the high mark everything that would
 * grow a queue beyond its least size is.
 */
import * as Counters from "./Counters.ts"
import type { Tcp } from "./Tcp.ts"
import type { TcpSock } from "./TcpSock.ts"

const PAGE = 4096

/** Whether less than tcp_mem's low mark is in use. */
export const isBelowLow = (sock: TcpSock): boolean => sock.tcp.memoryPages < sock.net.sysctl.memLow

/**
 * Reserves room for `bytes` more in a queue.
 *
 * @param forced takes it in any case (FIN, the first segment of an empty queue)
 */
export const schedule = (sock: TcpSock, bytes: number, held: number, least: number, forced: boolean): boolean => {
  if (bytes <= sock.forwardAlloc) return true
  const tcp = sock.tcp
  const pages = Math.ceil((bytes - sock.forwardAlloc) / PAGE)
  const after = tcp.memoryPages + pages
  const sysctl = sock.net.sysctl
  if (after > sysctl.memPressure && !tcp.memoryPressure) {
    tcp.memoryPressure = true
    sock.net.count(Counters.MEMORY_PRESSURES)
  }
  if (after > sysctl.memHigh && !forced) return false
  if (tcp.memoryPressure && !forced && after > sysctl.memLow && held + bytes > least && held > 0) {
    // Under pressure a socket gets no more than its even share.
    const sockets = Math.max(1, tcp.socketCount)
    if (sockets * Math.ceil((held + bytes) / PAGE) >= sysctl.memHigh) return false
  }
  tcp.memoryPages = after
  sock.forwardAlloc += pages * PAGE
  return true
}

/** Takes reserved bytes into use. */
export const charge = (sock: TcpSock, bytes: number): void => {
  sock.forwardAlloc -= bytes
}

/** Gives bytes back to the reserve, and whole pages of it beyond one back to everybody (Linux: sk_mem_uncharge). */
export const uncharge = (sock: TcpSock, bytes: number): void => {
  sock.forwardAlloc += bytes
  if (sock.forwardAlloc >= 2 * PAGE) reclaim(sock, PAGE)
}

/** Gives the whole reserve back, partial page included: the socket is going. */
export const release = (sock: TcpSock): void => reclaim(sock, 0)

const reclaim = (sock: TcpSock, keep: number): void => {
  const pages = Math.floor((sock.forwardAlloc - keep) / PAGE)
  if (pages <= 0) return
  const tcp = sock.tcp
  sock.forwardAlloc -= pages * PAGE
  tcp.memoryPages -= pages
  endPressure(tcp, sock)
}

const endPressure = (tcp: Tcp, sock: TcpSock): void => {
  if (tcp.memoryPressure && tcp.memoryPages < sock.net.sysctl.memLow) tcp.memoryPressure = false
}
