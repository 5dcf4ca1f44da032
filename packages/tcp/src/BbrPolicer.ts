/**
 * BBR's long-term bandwidth: two intervals in a row with much loss and the same rate mean that a policer with a token bucket
 * sits on the path; its rate is then used instead of the short-lived peaks (Linux: bbr_lt_bw_sampling, tcp_bbr.c).
 */
import { BW_UNIT, type BbrState, bytesPerSecond, PROBE_BW, UNIT } from "./BbrState.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Rounds of an interval: at least, and at most. */
const ROUNDS_MIN = 4
const ROUNDS_MAX = 16
/** Lost of delivered, in 1/256, from which an interval is lossy. */
const LOSS_THRESHOLD = 50
/** Two rates are the same when they differ by an eighth or by 4 kbit/s. */
const SAME_RATIO = UNIT / 8
const SAME_BYTES = 500
/** Rounds for which the rate is used. */
const USE_ROUNDS = 48

const startInterval = (sock: TcpSock, state: BbrState): void => {
  state.ltLastMs = Math.floor(sock.deliveredAt / 1e6)
  state.ltLastDelivered = sock.delivered
  state.ltLastLost = sock.lost
  state.ltRounds = 0
}

export const reset = (sock: TcpSock, state: BbrState): void => {
  state.ltBandwidth = 0
  state.ltUse = false
  state.ltSampling = false
  startInterval(sock, state)
}

const intervalDone = (sock: TcpSock, state: BbrState, bandwidth: number): void => {
  if (state.ltBandwidth > 0) {
    const difference = Math.abs(bandwidth - state.ltBandwidth)
    const isSame =
      difference * UNIT <= SAME_RATIO * state.ltBandwidth || bytesPerSecond(sock, difference, UNIT) <= SAME_BYTES
    if (isSame) {
      state.ltBandwidth = Math.floor((bandwidth + state.ltBandwidth) / 2)
      state.ltUse = true
      state.pacingGain = UNIT
      state.ltRounds = 0
      return
    }
  }
  state.ltBandwidth = bandwidth
  startInterval(sock, state)
}

/**
 * One ACK.
 *
 * @returns whether the rate was used long enough: the gain cycle starts anew
 */
export const sample = (sock: TcpSock, state: BbrState, losses: number, isAppLimited: boolean): boolean => {
  if (state.ltUse) {
    if (state.mode !== PROBE_BW || !state.roundStart || ++state.ltRounds < USE_ROUNDS) return false
    reset(sock, state)
    return true
  }
  // The first loss says that the bucket is empty: rates before it are too high.
  if (!state.ltSampling) {
    if (losses === 0) return false
    startInterval(sock, state)
    state.ltSampling = true
  }
  if (isAppLimited) {
    reset(sock, state)
    return false
  }
  if (state.roundStart) state.ltRounds++
  if (state.ltRounds < ROUNDS_MIN) return false
  if (state.ltRounds > ROUNDS_MAX) {
    reset(sock, state)
    return false
  }
  if (losses === 0) return false
  const lost = sock.lost - state.ltLastLost
  const delivered = sock.delivered - state.ltLastDelivered
  if (delivered <= 0 || lost * UNIT < LOSS_THRESHOLD * delivered) return false
  const ms = Math.floor(sock.deliveredAt / 1e6) - state.ltLastMs
  if (ms >= 1) intervalDone(sock, state, Math.floor((delivered * BW_UNIT) / (ms * 1000)))
  return false
}
