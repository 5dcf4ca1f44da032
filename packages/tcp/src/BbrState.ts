/**
 * What BBR knows of a path, and what follows from it: bandwidth, bandwidth-delay product, pacing rate, cwnd target (Linux:
 * net/ipv4/tcp_bbr.c). Bandwidths are segments a microsecond times 2^24, gains are in 1/256.
 */
import * as Pacing from "./Pacing.ts"
import { INFINITE_RTT, type TcpSock } from "./TcpSock.ts"
import { WindowedMin } from "./WindowedMin.ts"

export const BW_UNIT = 16_777_216
export const UNIT = 256

export const STARTUP = 0
export const DRAIN = 1
export const PROBE_BW = 2
export const PROBE_RTT = 3
/** Names of the modes. */
export const modeNames = ["STARTUP", "DRAIN", "PROBE_BW", "PROBE_RTT"] as const

/** 2 / ln 2: the least gain that doubles the rate each round. */
export const HIGH_GAIN = Math.floor((UNIT * 2885) / 1000) + 1
/** Below this rate, bytes a second, super-segments are of one segment (1.2 Mbit/s). */
const MIN_TSO_RATE = 1_200_000 / 8
/** The rate stays below the estimate by one percent, so that no queue grows. */
const PACED_PERCENT = 99
const INITIAL_CWND = 10

export class BbrState {
  mode = STARTUP
  pacingGain = HIGH_GAIN
  cwndGain = HIGH_GAIN
  minRttUs: number
  minRttStampMs: number
  /** End of PROBE_RTT; 0: not set. */
  probeRttDoneMs = 0
  probeRttRoundDone = false
  priorCwnd = 0
  priorCaState = 0
  packetConservation = false
  /** Most bandwidth of the last rounds, negated: the filter keeps the least. */
  readonly bandwidth: WindowedMin
  roundCount = 0
  nextRoundDelivered = 0
  roundStart = false
  idleRestart = false
  hasSeenRtt = false
  fullBandwidthReached = false
  fullBandwidth = 0
  fullBandwidthCount = 0
  cycleIndex = 0
  /** When the phase began, ns. */
  cycleAt = 0
  // long-term bandwidth (BbrPolicer.ts)
  ltUse = false
  ltSampling = false
  ltBandwidth = 0
  ltLastMs = 0
  ltLastDelivered = 0
  ltLastLost = 0
  ltRounds = 0
  // aggregation of ACKs
  ackEpochAt: number
  ackEpochAcked = 0
  extraAcked0 = 0
  extraAcked1 = 0
  extraAckedIndex = 0
  extraAckedRounds = 0

  constructor(minRttUs: number, nowMs: number, now: number) {
    this.minRttUs = minRttUs
    this.minRttStampMs = nowMs
    this.ackEpochAt = now
    this.bandwidth = new WindowedMin(0, 0)
  }
}

export const maxBandwidth = (state: BbrState): number => -state.bandwidth.least
/** The estimate in use: a policer's rate when there seems to be one. */
export const bandwidthOf = (state: BbrState): number => (state.ltUse ? state.ltBandwidth : maxBandwidth(state))

/** Bytes a second of a bandwidth with a gain. */
export const bytesPerSecond = (sock: TcpSock, bandwidth: number, gain: number): number =>
  Math.floor((Math.floor((bandwidth * sock.mssCache * gain) / UNIT) * (10_000 * PACED_PERCENT)) / BW_UNIT)

/** Initial pacing rate: the first window a round trip, with the high gain (Linux: bbr_init_pacing_rate_from_rtt). */
export const initPacingRate = (sock: TcpSock, state: BbrState): void => {
  let rttUs = 1000
  if (sock.srttUs > 0) {
    rttUs = Math.max(sock.srttUs >> 3, 1)
    state.hasSeenRtt = true
  }
  const bandwidth = Math.floor((sock.sndCwnd * BW_UNIT) / rttUs)
  sock.pacingRate = Math.min(bytesPerSecond(sock, bandwidth, HIGH_GAIN), sock.options.maxPacingRate)
}

/** Linux: bbr_set_pacing_rate. Before the pipe is full the rate only grows. */
export const setPacingRate = (sock: TcpSock, state: BbrState, bandwidth: number, gain: number): void => {
  const rate = Math.min(bytesPerSecond(sock, bandwidth, gain), sock.options.maxPacingRate)
  if (!state.hasSeenRtt && sock.srttUs > 0) initPacingRate(sock, state)
  if (state.fullBandwidthReached || rate > sock.pacingRate) sock.pacingRate = rate
}

export const minTsoSegments = (sock: TcpSock): number => (sock.pacingRate < MIN_TSO_RATE ? 1 : 2)

const tsoGoal = (sock: TcpSock): number => {
  const bytes = Math.min(Math.floor(sock.pacingRate / 1024), 65_536 - 1 - 320)
  return Math.min(Math.max(Math.floor(bytes / sock.mssCache), minTsoSegments(sock)), 127)
}

/** Bandwidth times least RTT, segments (Linux: bbr_bdp). */
export const bdp = (state: BbrState, bandwidth: number, gain: number): number =>
  state.minRttUs === INFINITE_RTT
    ? INITIAL_CWND
    : Math.ceil(Math.floor((bandwidth * state.minRttUs * gain) / UNIT) / BW_UNIT)

/** What the end hosts hold beyond that: super-segments in qdisc, segmentation and merging (Linux: bbr_quantization_budget). */
export const quantize = (sock: TcpSock, state: BbrState, cwnd: number): number => {
  let budget = cwnd + 3 * tsoGoal(sock)
  budget = (budget + 1) & ~1
  return state.mode === PROBE_BW && state.cycleIndex === 0 ? budget + 2 : budget
}

export const inflight = (sock: TcpSock, state: BbrState, bandwidth: number, gain: number): number =>
  quantize(sock, state, bdp(state, bandwidth, gain))

/** Of the segments in flight, those still there when pacing lets the next one leave (Linux: bbr_packets_in_net_at_edt). */
export const inNetAtDeparture = (sock: TcpSock, state: BbrState, inFlight: number): number => {
  const delivered = Math.floor((bandwidthOf(state) * Pacing.delayUs(sock)) / BW_UNIT)
  const atDeparture = state.pacingGain > UNIT ? inFlight + tsoGoal(sock) : inFlight
  return Math.max(0, atDeparture - delivered)
}
