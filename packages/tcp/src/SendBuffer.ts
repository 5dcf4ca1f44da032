/** Room in the send buffer: how large it is, and when a writer may go on (Linux: tcp_sndbuf_expand, tcp_check_space). */
import * as Chrono from "./Chrono.ts"
import { type TcpSock, packetsInFlight } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"

/** Aligned bytes of struct skb_shared_info. */
const SHARED_INFO = 320

/** The send buffer holds twice a window, or what the congestion control asks for (Linux: tcp_sndbuf_expand). */
export const expandSndbuf = (sock: TcpSock): void => {
  if ((sock.bufferLocks & 1) !== 0) return
  const payload = Math.max(sock.mssClamp < 65_535 ? sock.mssClamp : 536, sock.mssCache)
  const bytesPerMss = payload + sock.tcp.profile.headerRoom + SHARED_INFO
  let perMss = 1024
  while (perMss < bytesPerMss) perMss *= 2
  perMss += 256
  const segments = Math.max(10, sock.sndCwnd, sock.reordering + 1)
  const bytes = sock.congestion.sndbufFactor * segments * perMss
  if (sock.sndbuf < bytes) sock.sndbuf = Math.min(bytes, sock.net.sysctl.wmemLimit)
}

/** Whether a larger buffer would be filled and fits into memory (Linux: tcp_should_expand_sndbuf). */
const mayExpand = (sock: TcpSock): boolean =>
  !sock.tcp.memoryPressure && sock.tcp.memoryPages < sock.net.sysctl.memLow && packetsInFlight(sock) < sock.sndCwnd

/**
 * A writer may go on when a third of the send buffer is free (Linux: tcp_check_space). An ACK looks for that before it lets new
 * data out, so that the window it has opened is not filled yet.
 */
export const checkSpace = (sock: TcpSock): void => {
  if (!sock.noSpace) return
  if ((sock.bufferLocks & 1) === 0 && mayExpand(sock)) {
    expandSndbuf(sock)
    sock.sndCwndStampMs = clockMs(sock)
  }
  wakeWriter(sock)
}

/** A writer may go on: also when what was unsent has left (Linux: sk_stream_write_space). */
export const wakeWriter = (sock: TcpSock): void => {
  if (!sock.noSpace || !canWrite(sock)) return
  sock.noSpace = false
  sock.tcp.host.writable(sock)
  Chrono.stop(sock, Chrono.SNDBUF_LIMITED)
}

/** A sleeper may go on: a third of the buffer is free and half of what may be unsent (Linux: __sk_stream_is_writeable). */
export const canWrite = (sock: TcpSock): boolean =>
  sock.sndbuf - sock.wmemQueued >= sock.wmemQueued >> 1 && notsent(sock) * 2 < lowat(sock)

/** A writer that is at it may go on (Linux: sk_stream_memory_free). */
export const hasRoom = (sock: TcpSock): boolean => sock.wmemQueued < sock.sndbuf && notsent(sock) < lowat(sock)

const notsent = (sock: TcpSock): number => (sock.writeSeq - sock.sndNxt) | 0

/** Linux: tcp_notsent_lowat. */
const lowat = (sock: TcpSock): number => {
  const own = sock.options.notsentLowat
  return own !== 0 ? own : sock.net.sysctl.notsentLowat
}
