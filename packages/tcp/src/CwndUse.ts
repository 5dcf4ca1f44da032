/**
 * How much of cwnd is used: how many segments it lets out, whether it was the limit, what becomes of it when the application
 * leaves it unused or idle (RFC 2861, RFC 7661's concern, RFC 6928; Linux: tcp_cwnd_test, tcp_cwnd_validate,
 * tcp_slow_start_after_idle_check, net/ipv4/tcp_output.c).
 */
import * as Chrono from "./Chrono.ts"
import * as RouteMetric from "./RouteMetric.ts"
import * as State from "./State.ts"
import { CA_OPEN, type TcpSock, packetsInFlight } from "./TcpSock.ts"
import { isBefore } from "./Segment.ts"
import { clockMs } from "./Clock.ts"
import { EVENT_CWND_RESTART, currentSsthresh, isCwndLimited } from "./Congestion.ts"

/** TCP_INIT_CWND (RFC 6928). */
const INITIAL = 10

/** The initial window, of the route if it says one (Linux: tcp_init_cwnd). */
export const initial = (sock: TcpSock): number => {
  const byRoute = RouteMetric.get(sock, RouteMetric.RTAX_INITCWND)
  return Math.min(byRoute === 0 ? INITIAL : byRoute, sock.sndCwndClamp)
}

/** cwnd after an idle time, halved for each RTO of it (Linux: tcp_slow_start_after_idle_check, tcp_cwnd_restart). */
export const restartAfterIdle = (sock: TcpSock): void => {
  if (sock.net.sysctl.slowStartAfterIdle === 0 || sock.packetsOut !== 0) return
  if (sock.congestion.congControl !== null) return
  const now = clockMs(sock)
  const rtoMs = Math.max(1, Math.floor(sock.rtoUs / 1000))
  let idle = (now - sock.lsndtimeMs) | 0
  if (idle <= rtoMs) return
  const restart = Math.min(initial(sock), sock.sndCwnd)
  let cwnd = sock.sndCwnd
  sock.congestion.event(sock, EVENT_CWND_RESTART)
  sock.sndSsthresh = currentSsthresh(sock)
  while ((idle -= rtoMs) > 0 && cwnd > restart) cwnd >>= 1
  sock.sndCwnd = Math.max(cwnd, restart)
  sock.sndCwndStampMs = now
  sock.sndCwndUsed = 0
}

const CAN_WRITE = State.bit(State.ESTABLISHED) | State.bit(State.CLOSE_WAIT)

/** Notes how much of cwnd was used (Linux: tcp_cwnd_validate). */
export const validate = (sock: TcpSock, isLimited: boolean): void => {
  // The strongest sign of a window's use counts: that it was the limit, else the most that was out.
  if (
    !isBefore(sock.sndUna, sock.cwndUsageSeq) ||
    isLimited ||
    (!sock.cwndLimited && sock.packetsOut > sock.maxPacketsOut)
  ) {
    sock.cwndLimited = isLimited
    sock.maxPacketsOut = sock.packetsOut
    sock.cwndUsageSeq = sock.sndNxt
  }
  if (isCwndLimited(sock)) {
    sock.sndCwndUsed = 0
    sock.sndCwndStampMs = clockMs(sock)
    return
  }
  if (sock.packetsOut > sock.sndCwndUsed) sock.sndCwndUsed = sock.packetsOut
  const idle = (clockMs(sock) - sock.sndCwndStampMs) | 0
  const isOld = idle * 1000 >= sock.rtoUs && sock.congestion.congControl === null
  if (isOld && sock.net.sysctl.slowStartAfterIdle !== 0) limitedByApplication(sock)
  // Everything written is out, and the writer waits for room: the buffer is too small.
  if (sock.noSpace && sock.writeQueue.head === null && (State.bit(sock.state) & CAN_WRITE) !== 0) {
    Chrono.start(sock, Chrono.SNDBUF_LIMITED)
  }
}

/** cwnd that the application did not use goes halfway down (Linux: tcp_cwnd_application_limited). */
const limitedByApplication = (sock: TcpSock): void => {
  if (sock.caState === CA_OPEN && !sock.noSpace && !sock.dead) {
    const used = Math.max(sock.sndCwndUsed, initial(sock))
    if (used < sock.sndCwnd) {
      sock.sndSsthresh = currentSsthresh(sock)
      sock.sndCwnd = (sock.sndCwnd + used) >> 1
    }
    sock.sndCwndUsed = 0
  }
  sock.sndCwndStampMs = clockMs(sock)
}

/** How many segments more cwnd lets out, at most half of it at once; 0 for none (Linux: tcp_cwnd_test). */
export const quota = (sock: TcpSock): number => {
  const inFlight = packetsInFlight(sock)
  if (inFlight >= sock.sndCwnd) return 0
  return Math.min(Math.max(sock.sndCwnd >> 1, 1), sock.sndCwnd - inFlight)
}
