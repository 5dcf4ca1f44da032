/**
 * Round trip time and retransmission timeout (RFC 6298; Linux: tcp_rtt_estimator, tcp_set_rto, net/ipv4/tcp_input.c).
 *
 * srtt is kept times 8 and mdev times 4, in microseconds. The variance follows rising deviations at once and falling ones
 * once a window; it never goes below the least RTO, so that the RTO is at least srtt + 200 ms.
 */
import { isAfter } from "./Segment.ts"
import type { TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { WindowedMin } from "./WindowedMin.ts"

/** Takes in one sample, microseconds. */
export const estimate = (sock: TcpSock, sampleUs: number): void => {
  const rtoMinUs = sock.rtoMinUs
  let srtt = sock.srttUs
  if (srtt === 0) {
    srtt = sampleUs * 8
    sock.mdevUs = sampleUs * 2
    sock.rttvarUs = Math.max(sock.mdevUs, rtoMinUs)
    sock.mdevMaxUs = sock.rttvarUs
    sock.rttSeq = sock.sndNxt
  } else {
    let error = sampleUs - (srtt >> 3)
    srtt += error
    if (error < 0) {
      error = -error - (sock.mdevUs >> 2)
      // A falling RTT must not raise the deviation as fast as a rising one.
      if (error > 0) error >>= 3
    } else {
      error -= sock.mdevUs >> 2
    }
    sock.mdevUs += error
    if (sock.mdevUs > sock.mdevMaxUs) {
      sock.mdevMaxUs = sock.mdevUs
      if (sock.mdevMaxUs > sock.rttvarUs) sock.rttvarUs = sock.mdevMaxUs
    }
    if (isAfter(sock.sndUna, sock.rttSeq)) {
      if (sock.mdevMaxUs < sock.rttvarUs) sock.rttvarUs -= (sock.rttvarUs - sock.mdevMaxUs) >> 2
      sock.rttSeq = sock.sndNxt
      sock.mdevMaxUs = rtoMinUs
    }
  }
  sock.srttUs = srtt < 1 ? 1 : srtt
}

/** Sets the RTO from the estimate: whole milliseconds, rounded up. */
export const setRto = (sock: TcpSock): void => {
  const rto = Math.ceil(((sock.srttUs >> 3) + sock.rttvarUs) / 1000) * 1000
  const most = sock.net.sysctl.rtoMax * 1000
  sock.rtoUs = rto < most ? rto : most
}

/** Keeps the least RTT of the last net.ipv4.tcp_min_rtt_wlen seconds (Linux: tcp_update_rtt_min). */
const updateMinRtt = (sock: TcpSock, sampleUs: number, nowMs: number, isDelayed: boolean): void => {
  // One delayed ACK after another would pass for the path's own delay when the window ends.
  if (isDelayed && sampleUs > sock.minRttUs) return
  const value = sampleUs === 0 ? 1000 : sampleUs
  const known = sock.minRtt
  if (known === null) {
    sock.minRtt = new WindowedMin(nowMs, value)
    sock.minRttUs = value
  } else {
    sock.minRttUs = known.update(sock.net.sysctl.minRttWindow * 1000, nowMs, value)
  }
}

/** The first sample of a connection, from its SYN-ACK. */
export const startMinRtt = (sock: TcpSock, sampleUs: number, nowMs: number): void =>
  updateMinRtt(sock, sampleUs, nowMs, false)

/**
 * Takes the sample of an ACK: from the oldest segment that was sent once and is now acknowledged, or from SACK, or from the
 * echoed timestamp (Karn's rule; Linux: tcp_ack_update_rtt).
 *
 * @param seqUs, sackUs samples in microseconds, below 0 for none
 * @param timestampUs the same from the echoed timestamp
 * @param lastUs of the last delivered segment
 * @returns the RTT of the last delivered segment, below 0 for none
 */
export const ackUpdate = (
  sock: TcpSock,
  seqUs: number,
  sackUs: number,
  timestampUs: number,
  lastUs: number,
  isDelayed: boolean
): number => {
  let sample = seqUs >= 0 ? seqUs : sackUs
  let last = lastUs
  if (sample < 0) sample = last = timestampUs
  if (sample < 0) return last
  updateMinRtt(sock, last, clockMs(sock), isDelayed)
  estimate(sock, sample)
  setRto(sock)
  sock.backoff = 0
  return last
}
