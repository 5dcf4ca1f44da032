/**
 * Arming the three timers of a socket: retransmission and zero-window probe (one timer), delayed ACK, keepalive and FIN_WAIT2
 * (one timer). Each is made when it is first armed. What they do is TimerHandlers.ts (RFC 6298, RFC 1122 §4.2.3.6; Linux:
 * net/ipv4/tcp_timer.c).
 */
import * as Pacing from "./Pacing.ts"
import { PENDING_LOSS_PROBE, PENDING_PROBE0, PENDING_REO_TIMEOUT, PENDING_RETRANS, type TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { TIMER_DELACK, TIMER_KEEPALIVE, TIMER_RETRANSMIT } from "./TcpHost.ts"

export const ATO_MIN_US = 40_000
/** Least timeout of RACK and the tail loss probe (TCP_TIMEOUT_MIN_US). */
export const TIMEOUT_MIN_US = 2_000
export const DELACK_MAX_US = 200_000
/** Milliseconds of the first timeout (TCP_TIMEOUT_INIT). */
export const initialTimeoutMs = 1000

// ── Arming ──

/** Arms the retransmission timer for `what`, PENDING_* (Linux: tcp_reset_xmit_timer). */
export const resetXmit = (sock: TcpSock, what: number, afterUs: number): void => {
  const host = sock.tcp.host
  sock.pending = what
  sock.retransmitTimer ??= host.makeTimer(sock, TIMER_RETRANSMIT)
  const most = sock.net.sysctl.rtoMax * 1000
  sock.retransmitTimer.arm(host.now() + Math.min(afterUs, most) * 1000)
}

export const clearXmit = (sock: TcpSock): void => {
  if (sock.pending === 0) return
  sock.pending = 0
  sock.retransmitTimer?.cancel()
}

/** Time until the RTO that runs since the head was last sent, us; it may be past (Linux: tcp_rto_delta_us). */
export const rtoRemainingUs = (sock: TcpSock): number => {
  const head = sock.rtxQueue.head
  if (head === null) return sock.rtoUs
  return sock.rtoUs - Math.floor((sock.tcp.host.now() - head.sentAt) / 1000)
}

/**
 * The retransmission timer runs while something is in flight, from now on (RFC 6298 §5; Linux: tcp_rearm_rto). After a probe's
 * or a reordering timer it goes on with what is left of the RTO.
 */
export const rearmRto = (sock: TcpSock): void => {
  // The timer is busy with the SYN-ACK of a Fast Open socket.
  if (sock.fastOpenRsk !== null) return
  if (sock.packetsOut === 0) {
    clearXmit(sock)
    return
  }
  const isOther = sock.pending === PENDING_REO_TIMEOUT || sock.pending === PENDING_LOSS_PROBE
  resetXmit(sock, PENDING_RETRANS, (isOther ? Math.max(rtoRemainingUs(sock), 1) : sock.rtoUs) + Pacing.delayUs(sock))
}

export const clearAll = (sock: TcpSock): void => {
  sock.pending = 0
  sock.ackPending = 0
  sock.retransmitTimer?.cancel()
  sock.delackTimer?.cancel()
  sock.keepaliveTimer?.cancel()
  sock.pacingTimer?.cancel()
  sock.compressedAckTimer?.cancel()
}

export const armDelack = (sock: TcpSock, at: number): void => {
  sock.delackTimer ??= sock.tcp.host.makeTimer(sock, TIMER_DELACK)
  sock.delackTimer.arm(at)
}

/** @param after ns */
export const armKeepalive = (sock: TcpSock, after: number): void => {
  const host = sock.tcp.host
  sock.keepaliveTimer ??= host.makeTimer(sock, TIMER_KEEPALIVE)
  sock.keepaliveTimer.arm(host.now() + after)
}

/** Milliseconds of a boundary of `retries` timeouts that start at `baseMs` and double (Linux: tcp_model_timeout). */
export const modelTimeoutMs = (retries: number, baseMs: number, rtoMaxMs: number): number => {
  let doublings = 0
  for (let most = Math.floor(rtoMaxMs / baseMs); most > 1; most >>= 1) doublings++
  if (retries <= doublings) return ((2 << retries) - 1) * baseMs
  return ((2 << doublings) - 1) * baseMs + (retries - doublings) * rtoMaxMs
}

// ── Zero-window probe ──

export const probe0BaseUs = (sock: TcpSock): number => Math.max(sock.rtoUs, sock.rtoMinUs)

/** When the next probe is due: doubled for each one (Linux: tcp_probe0_when). */
export const probe0WhenUs = (sock: TcpSock): number => {
  const most = sock.net.sysctl.rtoMax * 1000
  return sock.backoff > 16 ? most : Math.min(probe0BaseUs(sock) * (1 << sock.backoff), most)
}

/** Linux: tcp_ack_probe. The peer answered: the window is open, or the next probe waits longer. */
export const ackProbe = (sock: TcpSock): void => {
  const head = sock.writeQueue.head
  if (head === null) return
  if (((sock.sndUna + sock.sndWnd - head.endSeq) | 0) >= 0) {
    sock.backoff = 0
    sock.probesTstampMs = 0
    clearXmit(sock)
  } else {
    resetXmit(sock, PENDING_PROBE0, clampProbe0(sock, probe0WhenUs(sock)))
  }
}

/** A probe must not be later than TCP_USER_TIMEOUT allows (Linux: tcp_clamp_probe0_to_user_timeout). */
const clampProbe0 = (sock: TcpSock, whenUs: number): number => {
  const timeout = sock.options.userTimeoutMs
  if (timeout === 0 || sock.probesTstampMs === 0) return whenUs
  const elapsed = Math.max(0, (clockMs(sock) - sock.probesTstampMs) | 0)
  return Math.min(whenUs, Math.max((timeout - elapsed) * 1000, TIMEOUT_MIN_US))
}

// ── Keepalive ──

const SECOND = 1_000_000_000

/** Linux: keepalive_time_when, and its kin: ns. */
export const keepaliveTime = (sock: TcpSock): number =>
  (sock.options.keepaliveTime !== 0 ? sock.options.keepaliveTime : sock.net.sysctl.keepaliveTime) * SECOND

/** Milliseconds since anything was heard (Linux: keepalive_time_elapsed). */
export const idleMs = (sock: TcpSock): number => {
  const now = clockMs(sock)
  return Math.min((now - sock.lrcvtimeMs) | 0, (now - sock.rcvTstampMs) | 0)
}
