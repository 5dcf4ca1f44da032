/**
 * CUBIC with HyStart as Linux has them (RFC 9438, RFC 8312; Linux: net/ipv4/tcp_cubic.c).
 *
 * The window follows `C (t - K)^3 + W_max`, with C = 0.4, beta = 0.7, in the kernel's fixed point: time in 1/1024 s,
 * C as 410/1024 scaled by 2^30. HyStart ends slow start on an ACK train longer than half the least RTT, or on a rising RTT.
 */
import * as FMath from "@darkfiber/sim/FMath"
import { additiveIncrease, type CongestionControl, EVENT_TX_START, inSlowStart, isCwndLimited } from "./Congestion.ts"
import { slowStart, undoToPrior } from "./Congestion.ts"
import * as Counters from "./Counters.ts"
import { isAfter } from "./Segment.ts"
import { CA_LOSS, type TcpSock } from "./TcpSock.ts"
import { clockMs, clockUs } from "./Clock.ts"

const BETA = 717
const BETA_SCALE = 1024
/** `8 (1 + beta) / 3 / (1 - beta)`: growth of the Reno-friendly window, in 1/8 segments. */
const FRIENDLY_SCALE = 15
const CUBE_RTT_SCALE = 410
/** 2^40 / CUBE_RTT_SCALE. */
const CUBE_FACTOR = Math.floor(1_099_511_627_776 / CUBE_RTT_SCALE)
const TWO_40 = 1_099_511_627_776

const HYSTART_LOW_WINDOW = 16
const HYSTART_MIN_SAMPLES = 8
const HYSTART_ACK_DELTA_US = 2_000
const HYSTART_DELAY_MIN_US = 4_000
const HYSTART_DELAY_MAX_US = 16_000

/** What CUBIC remembers of a connection; made when the first window's growth needs it. */
class CubicState {
  /** Acknowledged segments per step of cwnd. */
  every = 0
  lastMaxCwnd = 0
  lastCwnd = 0
  lastTimeMs = 0
  originPoint = 0
  k = 0
  delayMinUs = 0
  epochStartMs = 0
  epochStarted = false
  ackCount = 0
  friendlyCwnd = 0
  found = false
  sampleCount = 0
  roundStartUs = 0
  endSeq = 0
  lastAckUs = 0
  currentRttUs = 0
}

const stateOf = (sock: TcpSock): CubicState => {
  const known = sock.congestionState as CubicState | null
  if (known !== null) return known
  const made = new CubicState()
  sock.congestionState = made
  hystartReset(sock, made)
  return made
}

/** The greatest whole number whose cube is at most `value`; exact for values below 2^53. */
export const cubeRoot = (value: number): number => {
  if (value <= 0) return 0
  let root = Math.floor(FMath.cbrt(value))
  while ((root + 1) * (root + 1) * (root + 1) <= value) root++
  while (root * root * root > value) root--
  return root
}

const hystartReset = (sock: TcpSock, state: CubicState): void => {
  state.roundStartUs = clockUs(sock)
  state.lastAckUs = state.roundStartUs
  state.endSeq = sock.sndNxt
  state.currentRttUs = Infinity
  state.sampleCount = 0
}

/** The window that the cubic function gives for now; sets `every` (Linux: bictcp_update). */
const update = (sock: TcpSock, state: CubicState, acked: number): void => {
  const cwnd = sock.sndCwnd
  const now = clockMs(sock)
  state.ackCount += acked
  if (state.lastCwnd === cwnd && ((now - state.lastTimeMs) | 0) <= 31) return
  if (!(state.epochStarted && now === state.lastTimeMs)) {
    state.lastCwnd = cwnd
    state.lastTimeMs = now
    if (!state.epochStarted) startEpoch(state, cwnd, acked, now)
    const time = Math.floor(((((now - state.epochStartMs) | 0) + Math.floor(state.delayMinUs / 1000)) * 1024) / 1000)
    const offset = time < state.k ? state.k - time : time - state.k
    const delta = Math.floor((CUBE_RTT_SCALE * offset * offset * offset) / TWO_40)
    const target = time < state.k ? state.originPoint - delta : state.originPoint + delta
    state.every = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd
    if (state.lastMaxCwnd === 0 && state.every > 20) state.every = 20
  }
  const step = (cwnd * FRIENDLY_SCALE) >> 3
  while (state.ackCount > step) {
    state.ackCount -= step
    state.friendlyCwnd++
  }
  if (state.friendlyCwnd > cwnd) {
    const most = Math.floor(cwnd / (state.friendlyCwnd - cwnd))
    if (state.every > most) state.every = most
  }
  if (state.every < 2) state.every = 2
}

const startEpoch = (state: CubicState, cwnd: number, acked: number, now: number): void => {
  state.epochStarted = true
  state.epochStartMs = now
  state.ackCount = acked
  state.friendlyCwnd = cwnd
  if (state.lastMaxCwnd <= cwnd) {
    state.k = 0
    state.originPoint = cwnd
  } else {
    state.k = cubeRoot(CUBE_FACTOR * (state.lastMaxCwnd - cwnd))
    state.originPoint = state.lastMaxCwnd
  }
}

/** Time that the pacing of super-segments may add to an ACK train, us (Linux: hystart_ack_delay). */
const ackDelay = (sock: TcpSock): number =>
  sock.pacingRate === 0 ? 0 : Math.min(1000, Math.floor((65_536 * 4 * 1_000_000) / sock.pacingRate))

const hystartUpdate = (sock: TcpSock, state: CubicState, delayUs: number): void => {
  if (isAfter(sock.sndUna, state.endSeq)) hystartReset(sock, state)
  const now = clockUs(sock)
  if (now - state.lastAckUs <= HYSTART_ACK_DELTA_US) {
    state.lastAckUs = now
    const threshold = (state.delayMinUs + ackDelay(sock)) / 2
    if (now - state.roundStartUs > threshold) {
      state.found = true
      sock.net.count(Counters.HYSTART_TRAIN_DETECT)
      sock.net.count(Counters.HYSTART_TRAIN_CWND, sock.sndCwnd)
      sock.sndSsthresh = sock.sndCwnd
    }
  }
  if (state.currentRttUs > delayUs) state.currentRttUs = delayUs
  if (state.sampleCount < HYSTART_MIN_SAMPLES) {
    state.sampleCount++
    return
  }
  const margin = Math.max(HYSTART_DELAY_MIN_US, Math.min(HYSTART_DELAY_MAX_US, state.delayMinUs >> 3))
  if (!state.found && state.currentRttUs > state.delayMinUs + margin) {
    state.found = true
    sock.net.count(Counters.HYSTART_DELAY_DETECT)
    sock.net.count(Counters.HYSTART_DELAY_CWND, sock.sndCwnd)
    sock.sndSsthresh = sock.sndCwnd
  }
}

export const cubic: CongestionControl = {
  name: "cubic",
  init: (sock) => {
    sock.congestionState = null
  },
  ssthresh: (sock) => {
    const state = stateOf(sock)
    const cwnd = sock.sndCwnd
    state.epochStarted = false
    state.lastMaxCwnd = cwnd < state.lastMaxCwnd ? Math.floor((cwnd * (BETA_SCALE + BETA)) / (2 * BETA_SCALE)) : cwnd
    return Math.max(Math.floor((cwnd * BETA) / BETA_SCALE), 2)
  },
  undoCwnd: undoToPrior,
  congControl: null,
  minTsoSegments: null,
  sndbufFactor: 2,
  congAvoid: (sock, _ack, acked) => {
    if (!isCwndLimited(sock)) return
    let left = acked
    if (inSlowStart(sock)) {
      left = slowStart(sock, left)
      if (left === 0) return
    }
    const state = stateOf(sock)
    update(sock, state, left)
    additiveIncrease(sock, state.every, left)
  },
  packetsAcked: (sock, _acked, rttUs) => {
    if (rttUs < 0) return
    const state = stateOf(sock)
    if (state.epochStarted && ((clockMs(sock) - state.epochStartMs) | 0) < 1000) return
    const delay = rttUs === 0 ? 1 : rttUs
    if (state.delayMinUs === 0 || state.delayMinUs > delay) state.delayMinUs = delay
    if (!state.found && inSlowStart(sock) && sock.sndCwnd >= HYSTART_LOW_WINDOW) hystartUpdate(sock, state, delay)
  },
  setState: (sock, caState) => {
    if (caState !== CA_LOSS || sock.congestionState === null) return
    const fresh = new CubicState()
    sock.congestionState = fresh
    hystartReset(sock, fresh)
  },
  event: (sock, event) => {
    if (event !== EVENT_TX_START || sock.congestionState === null) return
    const state = stateOf(sock)
    const now = clockMs(sock)
    const idle = (now - sock.lsndtimeMs) | 0
    if (!state.epochStarted || idle <= 0) return
    state.epochStartMs = (state.epochStartMs + idle) | 0
    if (((state.epochStartMs - now) | 0) > 0) state.epochStartMs = now
  }
}
