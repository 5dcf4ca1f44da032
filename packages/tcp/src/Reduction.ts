/**
 * How cwnd comes down to ssthresh without a pause: proportional rate reduction (RFC 6937; Linux: tcp_init_cwnd_reduction,
 * tcp_cwnd_reduction, tcp_enter_cwr, net/ipv4/tcp_input.c).
 */
import * as Flags from "./AckFlags.ts"
import { CA_CWR, ECN_OK, ECN_QUEUE_CWR, INFINITE_SSTHRESH, type TcpSock, packetsInFlight } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { EVENT_COMPLETE_CWR, setCaState } from "./Congestion.ts"

/** Linux: tcp_init_cwnd_reduction. */
export const initReduction = (sock: TcpSock): void => {
  sock.highSeq = sock.sndNxt
  sock.probeOut = false
  sock.sndCwndCnt = 0
  sock.priorCwnd = sock.sndCwnd
  sock.prrDelivered = 0
  sock.prrOut = 0
  sock.sndSsthresh = sock.congestion.ssthresh(sock)
  if ((sock.ecnFlags & ECN_OK) !== 0) sock.ecnFlags |= ECN_QUEUE_CWR
}

/** Proportional rate reduction (RFC 6937 §3; Linux: tcp_cwnd_reduction). */
export const reduceCwnd = (sock: TcpSock, newlyDelivered: number, newlyLost: number, flag: number): void => {
  if (newlyDelivered <= 0 || sock.priorCwnd === 0) return
  const inFlight = packetsInFlight(sock)
  const room = sock.sndSsthresh - inFlight
  sock.prrDelivered += newlyDelivered
  let send: number
  if (room < 0) {
    send = Math.floor((sock.sndSsthresh * sock.prrDelivered + sock.priorCwnd - 1) / sock.priorCwnd) - sock.prrOut
  } else {
    send = Math.max(sock.prrDelivered - sock.prrOut, newlyDelivered)
    if ((flag & Flags.SND_UNA_ADVANCED) !== 0 && newlyLost === 0) send++
    send = Math.min(room, send)
  }
  send = Math.max(send, sock.prrOut > 0 ? 0 : 1)
  sock.sndCwnd = Math.max(1, inFlight + send)
}

/** cwnd is ssthresh from now on, unless the reduction was undone (Linux: tcp_end_cwnd_reduction). */
export const endReduction = (sock: TcpSock): void => {
  if (sock.congestion.congControl !== null) return
  if (sock.sndSsthresh < INFINITE_SSTHRESH && (sock.caState === CA_CWR || sock.undoMarked)) {
    sock.sndCwnd = sock.sndSsthresh
    sock.sndCwndStampMs = clockMs(sock)
  }
  sock.congestion.event(sock, EVENT_COMPLETE_CWR)
}

/** Local congestion or an ECN mark: cwnd comes down without loss (Linux: tcp_enter_cwr). */
export const enterCwr = (sock: TcpSock): void => {
  sock.priorSsthresh = 0
  if (sock.caState >= CA_CWR) return
  sock.undoMarked = false
  initReduction(sock)
  setCaState(sock, CA_CWR)
}
