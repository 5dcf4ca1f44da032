/**
 * CUBIC with HyStart as Linux has them (RFC 9438, RFC 8312; Linux: net/ipv4/tcp_cubic.c).
 *
 * The window follows `C (t - K)^3 + W_max`, with C = 0.4, beta = 0.7, in the kernel's fixed point: time in 1/1024 s,
 * C as 410/1024 scaled by 2^30. The clock is the kernel's jiffies. HyStart ends slow start on an ACK train longer than half the least RTT, or on a rising RTT.
 */
import * as FMath from "@darkfiber/sim/FMath"
import { additiveIncrease, type CongestionControl, EVENT_TX_START, inSlowStart, isCwndLimited } from "./Congestion.ts"
import { slowStart, undoToPrior } from "./Congestion.ts"
import type { CubicParameters } from "./CubicParameters.ts"
import * as Counters from "./Counters.ts"
import { isAfter } from "./Segment.ts"
import { CA_LOSS, PACING_NONE, type TcpSock } from "./TcpSock.ts"
import { clockMs, clockUs } from "./Clock.ts"

const BETA_SCALE = 1024
/** Scale of the cubic's time, cubed, and of its C. */
const TWO_40 = 1_099_511_627_776

/** Bits of hystart_detect. */
const DETECT_TRAIN = 1
const DETECT_DELAY = 2
const HYSTART_MIN_SAMPLES = 8
const HYSTART_DELAY_MIN_US = 4_000
const HYSTART_DELAY_MAX_US = 16_000

/** What CUBIC remembers of a connection; made when the first window's growth needs it. */
class CubicState {
  /** Acknowledged segments per step of cwnd. */
  every = 0
  lastMaxCwnd = 0
  lastCwnd = 0
  /** Jiffies, as is `epochStart`. */
  lastTime = 0
  originPoint = 0
  k = 0
  delayMinUs = 0
  epochStart = 0
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

/** The kernel's jiffies, wrapping int32. */
const jiffies = (sock: TcpSock): number => Math.floor(sock.tcp.host.now() / (1e9 / sock.tcp.profile.hz)) | 0

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
  const parameters = sock.tcp.cubic
  const { hz } = sock.tcp.profile
  const cwnd = sock.sndCwnd
  const now = jiffies(sock)
  state.ackCount += acked
  if (state.lastCwnd === cwnd && ((now - state.lastTime) | 0) <= Math.floor(hz / 32)) return
  if (!(state.epochStarted && now === state.lastTime)) {
    state.lastCwnd = cwnd
    state.lastTime = now
    if (!state.epochStarted) startEpoch(state, parameters, cwnd, acked, now)
    const elapsed = ((now - state.epochStart) | 0) + Math.ceil((state.delayMinUs * hz) / 1e6)
    const time = Math.floor((elapsed * 1024) / hz)
    const offset = time < state.k ? state.k - time : time - state.k
    const delta = Math.floor((parameters.rttScale * offset * offset * offset) / TWO_40)
    const target = time < state.k ? state.originPoint - delta : state.originPoint + delta
    state.every = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd
    if (state.lastMaxCwnd === 0 && state.every > 20) state.every = 20
  }
  if (parameters.tcpFriendliness !== 0) staysFriendly(state, parameters, cwnd)
  if (state.every < 2) state.every = 2
}

/** Never slower than Reno would be with this beta (RFC 9438 §4.3). */
const staysFriendly = (state: CubicState, parameters: CubicParameters, cwnd: number): void => {
  const step = (cwnd * parameters.friendlyScale) >> 3
  while (state.ackCount > step) {
    state.ackCount -= step
    state.friendlyCwnd++
  }
  if (state.friendlyCwnd > cwnd) {
    const most = Math.floor(cwnd / (state.friendlyCwnd - cwnd))
    if (state.every > most) state.every = most
  }
}

const startEpoch = (state: CubicState, parameters: CubicParameters, cwnd: number, acked: number, now: number): void => {
  state.epochStarted = true
  state.epochStart = now
  state.ackCount = acked
  state.friendlyCwnd = cwnd
  if (state.lastMaxCwnd <= cwnd) {
    state.k = 0
    state.originPoint = cwnd
  } else {
    state.k = cubeRoot(parameters.cubeFactor * (state.lastMaxCwnd - cwnd))
    state.originPoint = state.lastMaxCwnd
  }
}

/** Time that the making of super-segments may add to an ACK train, us (Linux: hystart_ack_delay). */
const ackDelay = (sock: TcpSock): number =>
  sock.pacingRate === 0 ? 0 : Math.min(1000, Math.floor((sock.gsoMaxSize * 4 * 1_000_000) / sock.pacingRate))

/** Ends slow start here (RFC 9406's forerunner: Ha and Rhee, "Taming the Elephants"). */
const leaveSlowStart = (sock: TcpSock, state: CubicState, counter: number, cwndCounter: number): void => {
  state.found = true
  sock.net.count(counter)
  sock.net.count(cwndCounter, sock.sndCwnd)
  sock.sndSsthresh = sock.sndCwnd
}

const hystartUpdate = (sock: TcpSock, state: CubicState, delayUs: number): void => {
  const parameters = sock.tcp.cubic
  if (isAfter(sock.sndUna, state.endSeq)) hystartReset(sock, state)
  if ((parameters.hystartDetect & DETECT_TRAIN) !== 0) {
    const now = clockUs(sock)
    if (now - state.lastAckUs <= parameters.hystartAckDeltaUs) {
      state.lastAckUs = now
      const delay = state.delayMinUs + ackDelay(sock)
      // Pacing itself spreads a flight over half a round trip.
      if (now - state.roundStartUs > (sock.pacing === PACING_NONE ? delay >> 1 : delay)) {
        leaveSlowStart(sock, state, Counters.HYSTART_TRAIN_DETECT, Counters.HYSTART_TRAIN_CWND)
      }
    }
  }
  if ((parameters.hystartDetect & DETECT_DELAY) === 0) return
  if (state.currentRttUs > delayUs) state.currentRttUs = delayUs
  if (state.sampleCount < HYSTART_MIN_SAMPLES) {
    state.sampleCount++
    return
  }
  const margin = Math.max(HYSTART_DELAY_MIN_US, Math.min(HYSTART_DELAY_MAX_US, state.delayMinUs >> 3))
  if (state.currentRttUs > state.delayMinUs + margin) {
    leaveSlowStart(sock, state, Counters.HYSTART_DELAY_DETECT, Counters.HYSTART_DELAY_CWND)
  }
}

export const cubic: CongestionControl = {
  name: "cubic",
  init: (sock) => {
    const { hystart, initialSsthresh } = sock.tcp.cubic
    sock.congestionState = null
    if (hystart === 0 && initialSsthresh > 0) sock.sndSsthresh = initialSsthresh
  },
  ssthresh: (sock) => {
    const state = stateOf(sock)
    const cwnd = sock.sndCwnd
    state.epochStarted = false
    const { beta, fastConvergence } = sock.tcp.cubic
    const isShrinking = cwnd < state.lastMaxCwnd && fastConvergence !== 0
    state.lastMaxCwnd = isShrinking ? Math.floor((cwnd * (BETA_SCALE + beta)) / (2 * BETA_SCALE)) : cwnd
    return Math.max(Math.floor((cwnd * beta) / BETA_SCALE), 2)
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
    if (state.epochStarted && ((jiffies(sock) - state.epochStart) | 0) < sock.tcp.profile.hz) return
    const delay = rttUs === 0 ? 1 : rttUs
    if (state.delayMinUs === 0 || state.delayMinUs > delay) state.delayMinUs = delay
    const { hystart, hystartLowWindow } = sock.tcp.cubic
    if (hystart === 0 || state.found || !inSlowStart(sock) || sock.sndCwnd < hystartLowWindow) return
    hystartUpdate(sock, state, delay)
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
    const idle = Math.floor((((clockMs(sock) - sock.lsndtimeMs) | 0) * sock.tcp.profile.hz) / 1000)
    if (!state.epochStarted || idle <= 0) return
    const now = jiffies(sock)
    state.epochStart = (state.epochStart + idle) | 0
    if (((state.epochStart - now) | 0) > 0) state.epochStart = now
  }
}
