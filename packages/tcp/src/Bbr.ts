/**
 * BBR version 1: cwnd and pacing rate from a model of the path, its bandwidth and least RTT, instead of from losses (Cardwell
 * et al., CACM 60(2), draft-cardwell-iccrg-bbr-congestion-control-00; Linux: net/ipv4/tcp_bbr.c).
 *
 * ```
 *   STARTUP ---- three rounds without 25 % more bandwidth ----> DRAIN ---- queue is gone ----> PROBE_BW
 *      ^  gain 2.89                                              1/2.89                      5/4 3/4 1 1 1 1 1 1
 *      |                                                                                           |
 *      +---------- pipe never full ----------- PROBE_RTT <---- least RTT is ten seconds old -------+
 *                                            cwnd 4, 200 ms
 * ```
 */
import type { AckSample } from "./AckSample.ts"
import * as BbrPolicer from "./BbrPolicer.ts"
import {
  BW_UNIT,
  BbrState,
  DRAIN,
  HIGH_GAIN,
  PROBE_BW,
  PROBE_RTT,
  STARTUP,
  UNIT,
  bandwidthOf,
  bdp,
  inflight,
  inNetAtDeparture,
  initPacingRate,
  maxBandwidth,
  minTsoSegments,
  quantize,
  setPacingRate
} from "./BbrState.ts"
import { type CongestionControl, EVENT_TX_START } from "./Congestion.ts"
import { CA_LOSS, CA_RECOVERY, INFINITE_SSTHRESH, type TcpSock, packetsInFlight } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import * as Pacing from "./Pacing.ts"
import { RANDOM_CYCLE } from "./TcpHost.ts"

const CYCLE_LENGTH = 8
/** Phases in which a cycle may begin: all but the one that drains. */
const CYCLE_RANDOM = 7
/** Rounds of the bandwidth filter. */
const BANDWIDTH_ROUNDS = CYCLE_LENGTH + 2
const DRAIN_GAIN = Math.floor((UNIT * 1000) / 2885)
const CWND_GAIN = UNIT * 2
const MIN_RTT_WINDOW_MS = 10_000
const PROBE_RTT_MS = 200
const CWND_MIN = 4
const FULL_THRESHOLD = (UNIT * 5) / 4
const FULL_ROUNDS = 3
const EXTRA_ACKED_ROUNDS = 5
const EPOCH_ACKED_MAX = 1 << 20
const EXTRA_ACKED_MAX_US = 100_000
const INITIAL_CWND = 10

/** The pacing gain of each phase: more, less, and six times the estimate. */
const cycleGain = (index: number): number => (index === 0 ? (UNIT * 5) / 4 : index === 1 ? (UNIT * 3) / 4 : UNIT)

const stateOf = (sock: TcpSock): BbrState | null => sock.congestionState as BbrState | null

// ── Modes ──

const enterProbeBw = (sock: TcpSock, state: BbrState): void => {
  state.mode = PROBE_BW
  state.pacingGain = UNIT
  state.cwndGain = CWND_GAIN
  const random = sock.tcp.host.random32(RANDOM_CYCLE) >>> 0
  state.cycleIndex = CYCLE_LENGTH - 1 - Math.floor((random / 0x1_0000_0000) * CYCLE_RANDOM)
  nextPhase(sock, state)
}

const nextPhase = (sock: TcpSock, state: BbrState): void => {
  state.cycleIndex = (state.cycleIndex + 1) & (CYCLE_LENGTH - 1)
  state.cycleAt = sock.deliveredAt
  state.pacingGain = state.ltUse ? UNIT : cycleGain(state.cycleIndex)
}

const resetMode = (sock: TcpSock, state: BbrState): void => {
  if (state.fullBandwidthReached) {
    enterProbeBw(sock, state)
    return
  }
  state.mode = STARTUP
  state.pacingGain = HIGH_GAIN
  state.cwndGain = HIGH_GAIN
}

/** The last cwnd that was good: losses and PROBE_RTT cut it for a while (Linux: bbr_save_cwnd). */
const saveCwnd = (sock: TcpSock, state: BbrState): void => {
  state.priorCwnd =
    state.priorCaState < CA_RECOVERY && state.mode !== PROBE_RTT
      ? sock.sndCwnd
      : Math.max(state.priorCwnd, sock.sndCwnd)
}

// ── The model ──

const sampleLongTerm = (sock: TcpSock, state: BbrState, losses: number, isAppLimited: boolean): void => {
  if (BbrPolicer.sample(sock, state, losses, isAppLimited)) enterProbeBw(sock, state)
}

/** Linux: bbr_update_bw. */
const updateBandwidth = (sock: TcpSock, state: BbrState, sample: AckSample): void => {
  state.roundStart = false
  if (sample.delivered < 0 || sample.intervalUs <= 0) return
  if (sample.priorDelivered >= state.nextRoundDelivered) {
    state.nextRoundDelivered = sock.delivered
    state.roundCount++
    state.roundStart = true
    state.packetConservation = false
  }
  sampleLongTerm(sock, state, sample.losses, sample.isAppLimited)
  const bandwidth = Math.floor((sample.delivered * BW_UNIT) / sample.intervalUs)
  // What the application limited says little, unless it is the best yet.
  if (!sample.isAppLimited || bandwidth >= maxBandwidth(state)) {
    state.bandwidth.update(BANDWIDTH_ROUNDS, state.roundCount, -bandwidth)
  }
}

/** How much more than expected ACKs brought at once (Linux: bbr_update_ack_aggregation). */
const updateAggregation = (sock: TcpSock, state: BbrState, sample: AckSample): void => {
  if (sample.ackedSacked <= 0 || sample.delivered < 0 || sample.intervalUs <= 0) return
  if (state.roundStart && ++state.extraAckedRounds >= EXTRA_ACKED_ROUNDS) {
    state.extraAckedRounds = 0
    state.extraAckedIndex ^= 1
    if (state.extraAckedIndex === 0) state.extraAcked0 = 0
    else state.extraAcked1 = 0
  }
  const epochUs = Math.floor((sock.deliveredAt - state.ackEpochAt) / 1000)
  let expected = Math.floor((bandwidthOf(state) * epochUs) / BW_UNIT)
  if (state.ackEpochAcked <= expected || state.ackEpochAcked + sample.ackedSacked >= EPOCH_ACKED_MAX) {
    state.ackEpochAcked = 0
    state.ackEpochAt = sock.deliveredAt
    expected = 0
  }
  state.ackEpochAcked = Math.min(EPOCH_ACKED_MAX - 1, state.ackEpochAcked + sample.ackedSacked)
  const extra = Math.min(state.ackEpochAcked - expected, sock.sndCwnd)
  if (state.extraAckedIndex === 0) state.extraAcked0 = Math.max(state.extraAcked0, extra)
  else state.extraAcked1 = Math.max(state.extraAcked1, extra)
}

/** Whether the phase of the gain cycle is over (Linux: bbr_is_next_cycle_phase). */
const isPhaseOver = (sock: TcpSock, state: BbrState, sample: AckSample): boolean => {
  const isFullLength = Math.floor((sock.deliveredAt - state.cycleAt) / 1000) > state.minRttUs
  if (state.pacingGain === UNIT) return isFullLength
  const bandwidth = maxBandwidth(state)
  const inNet = inNetAtDeparture(sock, state, sample.priorInFlight)
  if (state.pacingGain > UNIT) {
    const isFilled = inNet >= inflight(sock, state, bandwidth, state.pacingGain)
    return isFullLength && (sample.losses > 0 || isFilled)
  }
  return isFullLength || inNet <= inflight(sock, state, bandwidth, UNIT)
}

/** Three rounds without a quarter more: STARTUP has filled the pipe (Linux: bbr_check_full_bw_reached). */
const checkFull = (state: BbrState, sample: AckSample): void => {
  if (state.fullBandwidthReached || !state.roundStart || sample.isAppLimited) return
  if (maxBandwidth(state) >= Math.floor((state.fullBandwidth * FULL_THRESHOLD) / UNIT)) {
    state.fullBandwidth = maxBandwidth(state)
    state.fullBandwidthCount = 0
    return
  }
  state.fullBandwidthReached = ++state.fullBandwidthCount >= FULL_ROUNDS
}

const checkDrain = (sock: TcpSock, state: BbrState): void => {
  if (state.mode === STARTUP && state.fullBandwidthReached) {
    state.mode = DRAIN
    state.pacingGain = DRAIN_GAIN
    state.cwndGain = HIGH_GAIN
    sock.sndSsthresh = inflight(sock, state, maxBandwidth(state), UNIT)
  }
  if (state.mode !== DRAIN) return
  const inNet = inNetAtDeparture(sock, state, packetsInFlight(sock))
  if (inNet <= inflight(sock, state, maxBandwidth(state), UNIT)) enterProbeBw(sock, state)
}

const checkProbeRttDone = (sock: TcpSock, state: BbrState): void => {
  const now = clockMs(sock)
  if (state.probeRttDoneMs === 0 || ((now - state.probeRttDoneMs) | 0) <= 0) return
  state.minRttStampMs = now
  sock.sndCwnd = Math.max(sock.sndCwnd, state.priorCwnd)
  resetMode(sock, state)
}

/** Linux: bbr_update_min_rtt. */
const updateMinRtt = (sock: TcpSock, state: BbrState, sample: AckSample): void => {
  const now = clockMs(sock)
  const isExpired = ((now - state.minRttStampMs) | 0) > MIN_RTT_WINDOW_MS
  if (sample.rttUs >= 0 && (sample.rttUs < state.minRttUs || (isExpired && !sample.isAckDelayed))) {
    state.minRttUs = sample.rttUs
    state.minRttStampMs = now
  }
  if (isExpired && !state.idleRestart && state.mode !== PROBE_RTT) {
    state.mode = PROBE_RTT
    state.pacingGain = UNIT
    state.cwndGain = UNIT
    saveCwnd(sock, state)
    state.probeRttDoneMs = 0
  }
  if (state.mode === PROBE_RTT) holdProbeRtt(sock, state, now)
  if (sample.delivered > 0) state.idleRestart = false
}

/** Four segments in flight for 200 ms and a round. */
const holdProbeRtt = (sock: TcpSock, state: BbrState, now: number): void => {
  sock.appLimited = Math.max(1, sock.delivered + packetsInFlight(sock))
  if (state.probeRttDoneMs === 0) {
    if (packetsInFlight(sock) > CWND_MIN) return
    const end = (now + PROBE_RTT_MS) | 0
    state.probeRttDoneMs = end === 0 ? 1 : end
    state.probeRttRoundDone = false
    state.nextRoundDelivered = sock.delivered
    return
  }
  if (state.roundStart) state.probeRttRoundDone = true
  if (state.probeRttRoundDone) checkProbeRttDone(sock, state)
}

// ── What follows from it ──

/** cwnd in Recovery and right after it; whether that is all there is to say (Linux: bbr_set_cwnd_to_recover_or_restore). */
const recoverCwnd = (sock: TcpSock, state: BbrState, sample: AckSample): boolean => {
  const acked = sample.ackedSacked
  const { priorCaState } = state
  const { caState } = sock
  let cwnd = sock.sndCwnd
  if (sample.losses > 0) cwnd = Math.max(cwnd - sample.losses, 1)
  if (caState === CA_RECOVERY && priorCaState !== CA_RECOVERY) {
    state.packetConservation = true
    state.nextRoundDelivered = sock.delivered
    cwnd = packetsInFlight(sock) + acked
  } else if (priorCaState >= CA_RECOVERY && caState < CA_RECOVERY) {
    cwnd = Math.max(cwnd, state.priorCwnd)
    state.packetConservation = false
  }
  state.priorCaState = caState
  sock.sndCwnd = state.packetConservation ? Math.max(cwnd, packetsInFlight(sock) + acked) : cwnd
  return state.packetConservation
}

/** Segments to allow for ACKs that come in lumps (Linux: bbr_ack_aggregation_cwnd). */
const aggregationCwnd = (state: BbrState): number => {
  if (!state.fullBandwidthReached) return 0
  const most = Math.floor((bandwidthOf(state) * EXTRA_ACKED_MAX_US) / BW_UNIT)
  return Math.min(Math.max(state.extraAcked0, state.extraAcked1), most)
}

const setCwnd = (sock: TcpSock, state: BbrState, sample: AckSample, bandwidth: number): void => {
  const acked = sample.ackedSacked
  if (acked > 0 && !recoverCwnd(sock, state, sample)) {
    const gain = state.cwndGain
    const target = quantize(sock, state, bdp(state, bandwidth, gain) + aggregationCwnd(state))
    let cwnd = sock.sndCwnd
    if (state.fullBandwidthReached) cwnd = Math.min(cwnd + acked, target)
    else if (cwnd < target || sock.delivered < INITIAL_CWND) cwnd += acked
    sock.sndCwnd = Math.max(cwnd, CWND_MIN)
  }
  sock.sndCwnd = Math.min(sock.sndCwnd, sock.sndCwndClamp)
  if (state.mode === PROBE_RTT) sock.sndCwnd = Math.min(sock.sndCwnd, CWND_MIN)
}

/** Linux: bbr_main. */
const control = (sock: TcpSock, _ack: number, _flag: number, sample: AckSample): void => {
  const state = stateOf(sock)
  // The SYN-ACK comes before the connection is made.
  if (state === null) return
  updateBandwidth(sock, state, sample)
  updateAggregation(sock, state, sample)
  if (state.mode === PROBE_BW && isPhaseOver(sock, state, sample)) nextPhase(sock, state)
  checkFull(state, sample)
  checkDrain(sock, state)
  updateMinRtt(sock, state, sample)
  const bandwidth = bandwidthOf(state)
  setPacingRate(sock, state, bandwidth, state.pacingGain)
  setCwnd(sock, state, sample, bandwidth)
}

/** Data after a silence that the application made: pace at what the path can do (Linux: bbr_cwnd_event). */
const restart = (sock: TcpSock): void => {
  const state = stateOf(sock)
  if (sock.appLimited === 0 || state === null) return
  state.idleRestart = true
  state.ackEpochAt = sock.tcp.host.now()
  state.ackEpochAcked = 0
  if (state.mode === PROBE_BW) setPacingRate(sock, state, bandwidthOf(state), UNIT)
  else if (state.mode === PROBE_RTT) checkProbeRttDone(sock, state)
}

export const bbr: CongestionControl = {
  name: "bbr",
  init: (sock) => {
    const state = new BbrState(sock.minRttUs, clockMs(sock), sock.tcp.host.now())
    sock.congestionState = state
    sock.sndSsthresh = INFINITE_SSTHRESH
    initPacingRate(sock, state)
    BbrPolicer.reset(sock, state)
    Pacing.need(sock)
  },
  ssthresh: (sock) => {
    const state = stateOf(sock)
    if (state !== null) saveCwnd(sock, state)
    return sock.sndSsthresh
  },
  undoCwnd: (sock) => {
    const state = stateOf(sock)
    if (state === null) return sock.sndCwnd
    state.fullBandwidth = 0
    state.fullBandwidthCount = 0
    BbrPolicer.reset(sock, state)
    return sock.sndCwnd
  },
  congControl: control,
  minTsoSegments,
  sndbufFactor: 3,
  congAvoid: () => {},
  packetsAcked: () => {},
  setState: (sock, caState) => {
    const state = stateOf(sock)
    if (caState !== CA_LOSS || state === null) return
    state.priorCaState = CA_LOSS
    state.fullBandwidth = 0
    state.roundStart = true
    sampleLongTerm(sock, state, 1, false)
  },
  event: (sock, event) => {
    if (event === EVENT_TX_START) restart(sock)
  }
}
