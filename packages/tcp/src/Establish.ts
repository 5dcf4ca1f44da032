/** A connection becomes established: its first windows, RTT and buffers (Linux: tcp_init_transfer, tcp_finish_connect). */
import * as CwndUse from "./CwndUse.ts"
import * as Done from "./Done.ts"
import * as MtuSearch from "./MtuSearch.ts"
import * as Output from "./Output.ts"
import * as Rtt from "./Rtt.ts"
import * as SendBuffer from "./SendBuffer.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as Window from "./Window.ts"
import { CA_OPEN, INFINITE_SSTHRESH, type TcpSock, packetsInFlight } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { setCaState } from "./Congestion.ts"

/** TCP_TIMEOUT_FALLBACK. */
const TIMEOUT_FALLBACK_US = 3_000_000

/** An older echo is none of ours. */
const ECHO_MS_MAX = 2_147_483

/** Congestion control, buffers and windows of a connection that is now established (Linux: tcp_init_transfer). */
export const finishTransfer = (sock: TcpSock): void => {
  const host = sock.tcp.host
  MtuSearch.start(sock)
  Output.currentMss(sock)
  // A lost SYN or SYN-ACK is loss: the initial window is one segment then (RFC 5681 §3.1; Linux: more than one).
  sock.sndCwnd = sock.totalRetrans > 1 && sock.undoMarked ? 1 : CwndUse.initial(sock)
  sock.sndSsthresh = INFINITE_SSTHRESH
  sock.sndCwndStampMs = clockMs(sock)
  sock.congestion.init(sock)
  Window.initBuffer(sock, host.now())
  SendBuffer.expandSndbuf(sock)
  if (sock.srttUs === 0) {
    // The handshake gave no RTT, so it was retransmitted: more patience than at first (RFC 6298 §5.7).
    sock.rtoUs = TIMEOUT_FALLBACK_US
    sock.mdevUs = TIMEOUT_FALLBACK_US
  }
  if (sock.options.keepOpen !== 0) Timers.armKeepalive(sock, Timers.keepaliveTime(sock))
}

/** Linux: tcp_finish_connect. */
export const finishConnect = (sock: TcpSock): void => {
  Done.setState(sock, State.ESTABLISHED)
  sock.lrcvtimeMs = clockMs(sock)
  finishTransfer(sock)
  sock.lsndtimeMs = clockMs(sock)
  sock.lrcvtimeMs = sock.lsndtimeMs
  if (packetsInFlight(sock) === 0 && sock.caState !== CA_OPEN) setCaState(sock, CA_OPEN)
}

/** The SYN-ACK gave no RTT because it was sent again or was a cookie: the timestamp that the ACK echoes does, if there is one. */
export const timestampRtt = (sock: TcpSock): void => {
  if (!sock.sawTstamp || sock.rcvTsecr === 0) return
  const elapsed = (clockMs(sock) - sock.rcvTsecr) | 0
  if (elapsed >= 0 && elapsed <= ECHO_MS_MAX) synackRtt(sock, Math.max(1, elapsed) * 1000)
}

/** A child of a listener took its first RTT from its SYN-ACK (Linux: tcp_synack_rtt_meas). */
export const synackRtt = (sock: TcpSock, sampleUs: number): void => {
  if (sampleUs < 0) return
  Rtt.estimate(sock, Math.max(1, sampleUs))
  Rtt.setRto(sock)
  Rtt.startMinRtt(sock, sampleUs, clockMs(sock))
}
