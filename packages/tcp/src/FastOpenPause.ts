/**
 * Black holes: middleboxes that swallow SYNs with data, or what follows them. Fast Open pauses for a whole namespace when a
 * connection suffers so (RFC 7413 §7.2; Linux: net/ipv4/tcp_fastopen.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as State from "./State.ts"
import type { TcpNet } from "./TcpNet.ts"
import { SYN_DATA, SYN_DATA_ACKED, SYN_FASTOPEN, SYN_FASTOPEN_AGAIN, type TcpSock } from "./TcpSock.ts"

/** Fast Open pauses for the whole namespace, twice as long each time (Linux: tcp_fastopen_active_disable). */
const pause = (net: TcpNet, now: number): void => {
  if (net.sysctl.fastOpenBlackholeSeconds === 0) return
  net.fastOpenPausedAt = now
  net.fastOpenPauses++
  net.count(Counters.FAST_OPEN_BLACKHOLE)
}

/** Linux: tcp_fastopen_active_should_disable. */
export const isPaused = (sock: TcpSock): boolean => {
  const { net } = sock
  const seconds = net.sysctl.fastOpenBlackholeSeconds
  if (seconds === 0 || net.fastOpenPauses === 0) return false
  const length = seconds * (1 << Math.min(net.fastOpenPauses - 1, 6)) * 1_000_000_000
  if (sock.tcp.host.now() < net.fastOpenPausedAt + length) return true
  // Time is up: this one tries again, and if it fares well the pauses are forgotten.
  sock.synBits |= SYN_FASTOPEN_AGAIN
  return false
}

/** Timeouts in a row on a connection with Fast Open (Linux: tcp_fastopen_active_detect_blackhole). */
export const noteTimeout = (sock: TcpSock, isExpired: boolean): void => {
  if ((sock.synBits & (SYN_FASTOPEN | SYN_DATA | SYN_DATA_ACKED)) === 0) return
  if (sock.retransmits !== 2 && !(sock.retransmits < 2 && isExpired)) return
  pause(sock.net, sock.tcp.host.now())
  sock.net.count(Counters.FAST_OPEN_ACTIVE_FAIL)
}

/** A RST that is out of order before any data came (Linux: the check in tcp_validate_incoming). */
export const noteReset = (sock: TcpSock): void => {
  if ((sock.synBits & SYN_FASTOPEN) === 0 || sock.dataSegsIn > 0 || sock.state !== State.ESTABLISHED) return
  pause(sock.net, sock.tcp.host.now())
}

/** The socket goes: what it tells of the path (Linux: tcp_fastopen_active_disable_ofo_check). */
export const noteEnd = (sock: TcpSock): void => {
  if ((sock.synBits & SYN_FASTOPEN) === 0) return
  if (sock.dataSegsIn === 0) {
    const only = sock.ofoQueue.head
    // Nothing but a FIN came, out of order: the data before it was swallowed.
    if (only !== null && only.next === null && (only.flags & Tcp.FIN) !== 0) pause(sock.net, sock.tcp.host.now())
  } else if ((sock.synBits & SYN_FASTOPEN_AGAIN) !== 0 && sock.net.fastOpenPauses > 0) {
    if (!sock.tcp.host.isLoopback(sock.net, sock.localAddress, sock.remoteAddress)) sock.net.fastOpenPauses = 0
  }
}
