/** What a socket holds and may hold, in bytes: SO_MEMINFO, and `ss -m` (Linux: sk_get_meminfo). */
import type { Sock } from "@darkfiber/kernel-net/Sock"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import type { TcpKernelSock } from "./TcpKernelSock.ts"

/** The SK_MEMINFO_* by their names. */
export interface MemInfo {
  readonly rmem_alloc: number
  readonly rcvbuf: number
  readonly wmem_alloc: number
  readonly sndbuf: number
  readonly fwd_alloc: number
  readonly wmem_queued: number
  readonly optmem: number
  readonly backlog: number
  readonly drops: number
}

export const ofSock = (sk: Sock): MemInfo => ({
  rmem_alloc: sk.rmem,
  rcvbuf: sk.rcvbuf,
  wmem_alloc: sk.wmem,
  sndbuf: sk.sndbuf,
  fwd_alloc: 0,
  wmem_queued: 0,
  optmem: 0,
  backlog: sk.backlogBytes,
  drops: sk.drops
})

/** A TCP socket's: what the connection's own control block counts goes first. */
export const ofTcp = (sock: TcpSock): MemInfo => {
  const kernel = sock.owner as TcpKernelSock | null
  return {
    rmem_alloc: sock.rmemAlloc,
    rcvbuf: sock.rcvbuf,
    wmem_alloc: kernel?.wmem ?? 0,
    sndbuf: sock.sndbuf,
    fwd_alloc: sock.forwardAlloc,
    wmem_queued: sock.wmemQueued,
    optmem: 0,
    backlog: kernel?.backlogBytes ?? 0,
    drops: kernel?.drops ?? 0
  }
}
