/**
 * What a congestion control algorithm is to the machine (Linux: struct tcp_congestion_ops), and the parts of slow start and
 * congestion avoidance that all of them share (RFC 5681 §3.1; Linux: net/ipv4/tcp_cong.c).
 */
import type { AckSample } from "./AckSample.ts"
import { CA_CWR, CA_RECOVERY, type TcpSock } from "./TcpSock.ts"

/** Events of `event` (Linux: enum tcp_ca_event). */
export const EVENT_TX_START = 0
export const EVENT_CWND_RESTART = 1
export const EVENT_COMPLETE_CWR = 2
export const EVENT_LOSS = 3
export const EVENT_ECN_NO_CE = 4
export const EVENT_ECN_IS_CE = 5

/** One algorithm; its memory for a socket is `sock.congestionState`, which it makes in `init` or later. */
export interface CongestionControl {
  /** As in net.ipv4.tcp_congestion_control. */
  readonly name: string
  /** It works by ECN marks: asks for ECN always, and hears of each mark in `event` (TCP_CONG_NEEDS_ECN). */
  readonly needsEcn?: true
  init(sock: TcpSock): void
  /** The new ssthresh after a loss, segments. */
  ssthresh(sock: TcpSock): number
  /** cwnd after a reduction was for nothing. */
  undoCwnd(sock: TcpSock): number
  /** Grows cwnd. `acked`: segments newly delivered by this ACK. */
  congAvoid(sock: TcpSock, ack: number, acked: number): void
  /** Sets cwnd and pacing rate all by itself, in all states; null for those that do not (Linux: cong_control). */
  readonly congControl: ((sock: TcpSock, ack: number, flag: number, sample: AckSample) => void) | null
  /** Least wire segments of a super-segment; null: net.ipv4.tcp_min_tso_segs (Linux: min_tso_segs). */
  readonly minTsoSegments: ((sock: TcpSock) => number) | null
  /** How many windows the send buffer holds. */
  readonly sndbufFactor: number
  /** @param rttUs the RTT sample of this ACK, below 0 for none */
  packetsAcked(sock: TcpSock, acked: number, rttUs: number): void
  /** `caState` is about to become `state`. */
  setState(sock: TcpSock, state: number): void
  event(sock: TcpSock, event: number): void
}

/** Linux: tcp_in_slow_start. */
export const inSlowStart = (sock: TcpSock): boolean => sock.sndCwnd < sock.sndSsthresh

/** Whether cwnd is being brought down by PRR (Linux: tcp_in_cwnd_reduction). */
export const inCwndReduction = (sock: TcpSock): boolean => sock.caState === CA_CWR || sock.caState === CA_RECOVERY

/** Whether cwnd held the sender back in the last round (Linux: tcp_is_cwnd_limited). */
export const isCwndLimited = (sock: TcpSock): boolean =>
  sock.cwndLimited || (inSlowStart(sock) && sock.sndCwnd < 2 * sock.maxPacketsOut)

/**
 * Grows cwnd by one for each acknowledged segment, up to ssthresh (RFC 5681 §3.1, with appropriate byte counting without
 * a limit; Linux: tcp_slow_start).
 *
 * @returns acknowledged segments that are left for congestion avoidance
 */
export const slowStart = (sock: TcpSock, acked: number): number => {
  const cwnd = Math.min(sock.sndCwnd + acked, sock.sndSsthresh)
  const left = acked - (cwnd - sock.sndCwnd)
  sock.sndCwnd = Math.min(cwnd, sock.sndCwndClamp)
  return left
}

/** Grows cwnd by one for each `every` acknowledged segments (Linux: tcp_cong_avoid_ai). */
export const additiveIncrease = (sock: TcpSock, every: number, acked: number): void => {
  if (sock.sndCwndCnt >= every) {
    sock.sndCwndCnt = 0
    sock.sndCwnd++
  }
  sock.sndCwndCnt += acked
  if (sock.sndCwndCnt >= every) {
    const steps = Math.floor(sock.sndCwndCnt / every)
    sock.sndCwndCnt -= steps * every
    sock.sndCwnd += steps
  }
  sock.sndCwnd = Math.min(sock.sndCwnd, sock.sndCwndClamp)
}

/** What was before the loss, if cwnd has not grown beyond it since (Linux: tcp_reno_undo_cwnd). */
export const undoToPrior = (sock: TcpSock): number => Math.max(sock.sndCwnd, sock.priorCwnd)

/** ssthresh to remember for an undo or the metrics (Linux: tcp_current_ssthresh). */
export const currentSsthresh = (sock: TcpSock): number =>
  inCwndReduction(sock) ? sock.sndSsthresh : Math.max(sock.sndSsthresh, (sock.sndCwnd >> 1) + (sock.sndCwnd >> 2))

/** Tells the algorithm, then changes `caState` (Linux: tcp_set_ca_state). */
export const setCaState = (sock: TcpSock, state: number): void => {
  sock.congestion.setState(sock, state)
  sock.caState = state
}
