/**
 * Pacing: each segment takes as long as its bytes take at the pacing rate, and the next one waits for it (Linux:
 * tcp_update_skb_after_send, tcp_pacing_check, tcp_pace_kick, net/ipv4/tcp_output.c).
 *
 * `paceAt` is when the next segment may leave, or when the last one did: its earliest departure time. A socket waits for that
 * itself once BBR or SO_MAX_PACING_RATE asked for it (PACING_NEEDED). A qdisc that paces, fq, takes that over (PACING_FQ): TCP
 * sends ahead, and each segment carries its time. It stays so when the qdisc is taken away; then nobody paces.
 */
import type { Segment } from "./Segment.ts"
import { PACING_NEEDED, PACING_NONE, type TcpSock } from "./TcpSock.ts"
import { TIMER_PACING } from "./TcpHost.ts"

/** Segments at the start of a connection that are not paced, as sch_fq has it. */
const UNPACED_SEGMENTS = 10

/** Whether the pacing rate holds the next segment back; a timer then goes on at the right moment. */
export const isHeld = (sock: TcpSock): boolean => {
  if (sock.pacing !== PACING_NEEDED) return false
  const host = sock.tcp.host
  if (sock.paceAt <= host.now()) return false
  sock.pacingTimer ??= host.makeTimer(sock, TIMER_PACING)
  if (sock.pacingTimer.deadline < 0) sock.pacingTimer.arm(sock.paceAt)
  return true
}

/**
 * A segment has left: the next one waits.
 *
 * @param prior `paceAt` before it: what it was late counts for it, up to half of its time
 */
export const segmentSent = (sock: TcpSock, segment: Segment, prior: number): void => {
  const rate = sock.pacingRate
  if (rate <= 0 || rate === Infinity || sock.dataSegsOut < UNPACED_SEGMENTS) return
  const time = Math.floor((segment.length * 1e9) / rate)
  const credit = sock.paceAt - prior
  sock.paceAt += time - Math.min(Math.floor(time / 2), credit)
}

/** How long the next segment must wait, us: timers that expect its answer run that much longer (Linux: tcp_pacing_delay). */
export const delayUs = (sock: TcpSock): number => {
  if (sock.pacing === PACING_NONE) return 0
  const delay = sock.paceAt - sock.tcp.host.now()
  return delay <= 0 ? 0 : Math.ceil(delay / 1000)
}

/** The rate is to be kept, by TCP itself unless a qdisc does it. */
export const need = (sock: TcpSock): void => {
  if (sock.pacing === PACING_NONE) sock.pacing = PACING_NEEDED
}

/** SO_MAX_PACING_RATE, bytes a second; Infinity takes the limit away but not the pacing. */
export const setMaxRate = (sock: TcpSock, rate: number): void => {
  if (rate !== Infinity) need(sock)
  sock.ownOptions().maxPacingRate = rate
  sock.pacingRate = Math.min(sock.pacingRate, rate)
}
