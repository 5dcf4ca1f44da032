/** Room in the send buffer: how large it is, and when a writer may go on (Linux: tcp_sndbuf_expand, tcp_check_space). */
import type { TcpSock } from "./TcpSock.ts"

/** The send buffer holds twice a window (Linux: tcp_sndbuf_expand). */
export const expandSndbuf = (sock: TcpSock): void => {
  if ((sock.bufferLocks & 1) !== 0) return
  const payload = Math.max(sock.mssClamp < 65_535 ? sock.mssClamp : 536, sock.mssCache) + 320 + 320
  let perMss = 2048
  while (perMss < payload) perMss *= 2
  perMss += 256
  const segments = Math.max(10, sock.sndCwnd, sock.reordering + 1)
  const bytes = 2 * segments * perMss
  if (sock.sndbuf < bytes) sock.sndbuf = Math.min(bytes, sock.net.sysctl.wmemLimit)
}

/** A writer may go on when a third of the send buffer is free (Linux: tcp_check_space). */
export const checkSpace = (sock: TcpSock): void => {
  if (!sock.noSpace) return
  if (sock.caState <= 1 && sock.packetsOut < sock.sndCwnd) expandSndbuf(sock)
  if (canWrite(sock)) {
    sock.noSpace = false
    sock.tcp.host.writable(sock)
  }
}

/** Linux: sk_stream_is_writeable. */
export const canWrite = (sock: TcpSock): boolean =>
  sock.sndbuf - sock.wmemQueued >= sock.wmemQueued >> 1 && isBelowLowat(sock)

/** TCP_NOTSENT_LOWAT: little enough is unsent (Linux: tcp_stream_memory_free). */
const isBelowLowat = (sock: TcpSock): boolean => {
  const lowat = sock.options.notsentLowat
  return lowat === 0 || ((sock.writeSeq - sock.sndNxt) | 0) < lowat
}
