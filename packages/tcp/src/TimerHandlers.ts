/**
 * What the three timers of a socket do when they fire (RFC 6298 §5, RFC 1122 §4.2.3.5 and §4.2.3.6; Linux:
 * net/ipv4/tcp_timer.c).
 */
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as FastOpenPause from "./FastOpenPause.ts"
import * as FastOpenServer from "./FastOpenServer.ts"
import * as Listen from "./Listen.ts"
import * as Loss from "./Loss.ts"
import * as MtuProbe from "./MtuProbe.ts"
import * as Output from "./Output.ts"
import * as Pingpong from "./Pingpong.ts"
import * as Points from "./Points.ts"
import * as Rack from "./Rack.ts"
import * as Recovery from "./Recovery.ts"
import * as Reduction from "./Reduction.ts"
import * as Retransmit from "./Retransmit.ts"
import * as Rtt from "./Rtt.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as TimeWait from "./TimeWait.ts"
import * as Timers from "./Timers.ts"
import * as Xmit from "./Xmit.ts"
import {
  ACK_SCHED,
  ACK_TIMER,
  CA_DISORDER,
  CA_LOSS,
  CA_RECOVERY,
  INFINITE_SSTHRESH,
  NAGLE_OFF,
  PENDING_LOSS_PROBE,
  PENDING_PROBE0,
  PENDING_REO_TIMEOUT,
  PENDING_RETRANS,
  type TcpSock,
  packetsInFlight
} from "./TcpSock.ts"
import { clockMs, toMs } from "./Clock.ts"
import type { Segment } from "./Segment.ts"
import { ENOBUFS, ETIMEDOUT } from "./Errno.ts"

/** HZ / 2 (TCP_RESOURCE_PROBE_INTERVAL). */
const RESOURCE_PROBE_US = 500_000

const keepaliveInterval = (sock: TcpSock): number =>
  (sock.options.keepaliveInterval !== 0 ? sock.options.keepaliveInterval : sock.net.sysctl.keepaliveInterval) *
  1_000_000_000
const keepaliveProbes = (sock: TcpSock): number =>
  sock.options.keepaliveProbes !== 0 ? sock.options.keepaliveProbes : sock.net.sysctl.keepaliveProbes

/** Linux: tcp_write_timer_handler. */
export const writeTimer = (sock: TcpSock): void => {
  const pending = sock.pending
  if (sock.state === State.CLOSE || sock.state === State.LISTEN || pending === 0) return
  if (pending === PENDING_REO_TIMEOUT) {
    reorderTimer(sock)
  } else if (pending === PENDING_LOSS_PROBE) {
    lossProbe(sock)
  } else {
    sock.pending = 0
    if (pending === PENDING_PROBE0) probeTimer(sock)
    else retransmitTimer(sock)
  }
}

/** What might have been reordered has had its time (RFC 8985 §6.2; Linux: tcp_rack_reo_timeout). */
const reorderTimer = (sock: TcpSock): void => {
  sock.tcp.host.trace(Points.TCP_RACK_REO_TIMEOUT, sock, null)
  const inFlight = packetsInFlight(sock)
  const lost = sock.lost
  Rack.detectLoss(sock)
  if (inFlight !== packetsInFlight(sock)) {
    if (sock.caState !== CA_RECOVERY) {
      Recovery.enterRecovery(sock, false)
      if (sock.congestion.congControl === null) Reduction.reduceCwnd(sock, 1, sock.lost - lost, 0)
    }
    Retransmit.retransmitQueue(sock)
  }
  if (sock.pending !== PENDING_RETRANS) Timers.rearmRto(sock)
}

/** The probe's time has come: new data if there is any, else the last segment again (Linux: tcp_send_loss_probe). */
const lossProbe = (sock: TcpSock): void => {
  sock.tcp.host.trace(Points.TCP_SEND_LOSS_PROBE, sock, null)
  if (!sock.probeOut && sendProbe(sock)) {
    sock.probeOut = true
    sock.probeHighSeq = sock.sndNxt
    sock.net.count(Counters.LOSS_PROBES)
    // The RTO runs from now on.
    sock.pending = 0
  }
  Timers.rearmRto(sock)
}

const sendProbe = (sock: TcpSock): boolean => {
  const mss = Output.currentMss(sock)
  const head = sock.writeQueue.head
  sock.probeIsRetransmission = false
  if (head !== null && Xmit.fitsWindow(sock, head, mss)) {
    const before = sock.packetsOut
    Xmit.writeXmit(sock, mss, NAGLE_OFF, Xmit.PUSH_PROBE, 1)
    return sock.packetsOut > before
  }
  let last = sock.rtxQueue.tail
  if (last === null) return false
  const bytes = (last.gsoSegments - 1) * mss
  if (last.gsoSegments > 1 && last.length > bytes) {
    if (sock.tcp.host.isInHostQueue(sock, last) || !SendQueue.fragment(sock, last, bytes, mss)) return false
    last = last.next
  }
  if (last === null || Retransmit.resend(sock, last, 1) !== 0) return false
  sock.probeIsRetransmission = true
  return true
}

/** Whether a peer without a window has been silent for twice the longest RTO, or for the user's (Linux: tcp_rtx_probe0_timed_out). */
const probingTimedOut = (sock: TcpSock, head: Segment): boolean => {
  const now = clockMs(sock)
  const since = (now - (sock.retransStampMs === 0 ? toMs(head.sentAt) : sock.retransStampMs)) | 0
  const user = sock.options.userTimeoutMs
  if (user > 0 && since > user) return true
  const limit = user > 0 ? Math.min(2 * sock.net.sysctl.rtoMax, user) : 2 * sock.net.sysctl.rtoMax
  return ((now - sock.rcvTstampMs) | 0) > limit && since > limit
}

/** Linux: tcp_retransmit_timer. */
const retransmitTimer = (sock: TcpSock): void => {
  if (sock.fastOpenRsk !== null) {
    if (!FastOpenServer.synackTimer(sock, sock.fastOpenRsk)) writeError(sock)
    return
  }
  const head = sock.rtxQueue.head
  if (sock.packetsOut === 0 || head === null) return
  sock.tcp.host.trace(Points.TCP_RETRANSMIT_TIMER, sock, head)
  const opening = State.bit(State.SYN_SENT) | State.bit(State.SYN_RECV)
  const isOpening = (State.bit(sock.state) & opening) !== 0
  if (sock.sndWnd === 0 && !sock.dead && !isOpening) {
    // The receiver took its window back: probe with data, do not count that as loss of the path.
    if (probingTimedOut(sock, head)) {
      writeError(sock)
      return
    }
    Loss.enter(sock)
    Retransmit.retransmit(sock, head, 1)
    resetTimeout(sock)
    return
  }
  sock.net.count(Counters.TIMEOUTS)
  if (writeTimeout(sock, isOpening)) return
  if (sock.retransmits === 0) countFirstTimeout(sock)
  Loss.enter(sock)
  if (sock.retransmits === 0) {
    sock.totalRtoRecoveries++
    sock.rtoStampMs = clockMs(sock)
  }
  sock.retransmits++
  sock.totalRto++
  const first = sock.rtxQueue.head
  if (first !== null && Retransmit.retransmit(sock, first, 1) === -ENOBUFS) {
    Timers.resetXmit(sock, PENDING_RETRANS, Math.min(sock.rtoUs, RESOURCE_PROBE_US))
    return
  }
  resetTimeout(sock)
}

/** TCP_THIN_LINEAR_RETRIES. */
const THIN_RETRIES = 6

/** So little is in flight that duplicates cannot tell of a loss (Linux: tcp_stream_is_thin). */
const isThin = (sock: TcpSock): boolean => sock.packetsOut < 4 && sock.sndSsthresh < INFINITE_SSTHRESH

/** Doubles the RTO and arms the timer; thin streams and the first SYN timeouts stay linear where the sysctls say so. */
const resetTimeout = (sock: TcpSock): void => {
  const sysctl = sock.net.sysctl
  const mayBeLinear = sysctl.thinLinearTimeouts !== 0 || sock.options.thinLinear !== 0
  const isLinear = mayBeLinear && sock.state === State.ESTABLISHED
  if (isLinear && isThin(sock) && sock.retransmits <= THIN_RETRIES) {
    sock.backoff = 0
    Rtt.setRto(sock)
  } else if (sock.state !== State.SYN_SENT || sock.totalRto > sysctl.synLinearTimeouts) {
    sock.backoff++
    sock.rtoUs = Math.min(sock.rtoUs * 2, sysctl.rtoMax * 1000)
  }
  Timers.resetXmit(sock, PENDING_RETRANS, clampToUserTimeout(sock))
}

/** The RTO, or what TCP_USER_TIMEOUT leaves of it (Linux: tcp_clamp_rto_to_user_timeout). */
const clampToUserTimeout = (sock: TcpSock): number => {
  const timeout = sock.options.userTimeoutMs
  if (timeout === 0) return sock.rtoUs
  const left = timeout - ((clockMs(sock) - sock.retransStampMs) | 0)
  return left <= 0 ? 1000 : Math.min(sock.rtoUs, left * 1000)
}

const countFirstTimeout = (sock: TcpSock): void => {
  const { net, sackOk } = sock
  if (sock.caState === CA_RECOVERY) net.count(sackOk ? Counters.SACK_RECOVERY_FAIL : Counters.RENO_RECOVERY_FAIL)
  else if (sock.caState === CA_LOSS) net.count(Counters.LOSS_FAILURES)
  else if (sock.caState === CA_DISORDER || sock.sackedOut > 0) {
    net.count(sackOk ? Counters.SACK_FAILURES : Counters.RENO_FAILURES)
  }
}

/** Whether the connection is given up (RFC 1122 §4.2.3.5; Linux: tcp_write_timeout). */
const writeTimeout = (sock: TcpSock, isOpening: boolean): boolean => {
  const sysctl = sock.net.sysctl
  let retries: number
  let isExpired = false
  if (isOpening) {
    retries = sock.options.synRetries !== 0 ? sock.options.synRetries : sysctl.synRetries
    const most = sock.state === State.SYN_SENT ? retries + sysctl.synLinearTimeouts : retries
    isExpired = sock.retransmits >= most
  } else {
    if (Retransmit.timedOut(sock, sysctl.retries1, 0)) MtuProbe.noteBlackHole(sock)
    retries = sysctl.retries2
    if (sock.dead) {
      const alive = sock.rtoUs < sysctl.rtoMax * 1000
      retries = orphanRetries(sock, alive)
      const doReset = alive || !Retransmit.timedOut(sock, retries, 0)
      if (Done.isOutOfResources(sock, doReset)) return true
    }
  }
  if (!isExpired) isExpired = Retransmit.timedOut(sock, retries, sock.options.userTimeoutMs)
  FastOpenPause.noteTimeout(sock, isExpired)
  if (isExpired) {
    writeError(sock)
    return true
  }
  // Another flow label: the path may be at fault (sk_rethink_txhash).
  sock.timeoutRehash++
  sock.net.count(Counters.TIMEOUT_REHASH)
  return false
}

/** Linux: tcp_orphan_retries. */
const orphanRetries = (sock: TcpSock, alive: boolean): number => {
  const retries = sock.net.sysctl.orphanRetries
  if (sock.softError !== 0 && !alive) return 0
  return retries === 0 && alive ? 8 : retries
}

/** Linux: tcp_write_err. */
const writeError = (sock: TcpSock): void => {
  sock.error = sock.softError !== 0 ? sock.softError : ETIMEDOUT
  sock.net.count(Counters.ABORT_ON_TIMEOUT)
  Done.purgeWrite(sock)
  sock.tcp.host.errored(sock)
  Done.done(sock)
}

/** Linux: tcp_probe_timer. */
const probeTimer = (sock: TcpSock): void => {
  sock.tcp.host.trace(Points.TCP_PROBE_TIMER, sock, null)
  if (sock.packetsOut > 0 || sock.writeQueue.head === null) {
    sock.probesOut = 0
    sock.probesTstampMs = 0
    return
  }
  const now = clockMs(sock)
  const userTimeout = sock.options.userTimeoutMs
  if (sock.probesTstampMs === 0) sock.probesTstampMs = now === 0 ? -1 : now
  else if (userTimeout > 0 && ((now - sock.probesTstampMs) | 0) >= userTimeout) {
    writeError(sock)
    return
  }
  let most = sock.net.sysctl.retries2
  if (sock.dead) {
    const alive = Timers.probe0WhenUs(sock) < sock.net.sysctl.rtoMax * 1000
    most = orphanRetries(sock, alive)
    if (!alive && sock.backoff >= most) {
      writeError(sock)
      return
    }
    if (Done.isOutOfResources(sock, true)) return
  }
  if (sock.probesOut >= most) writeError(sock)
  else sendProbe0(sock)
}

/** Linux: tcp_send_probe0. */
const sendProbe0 = (sock: TcpSock): void => {
  const error = Output.writeWakeup(sock, Counters.WIN_PROBE)
  if (sock.packetsOut > 0 || sock.writeQueue.head === null) {
    sock.probesOut = 0
    sock.backoff = 0
    sock.probesTstampMs = 0
    return
  }
  sock.probesOut++
  let afterUs = RESOURCE_PROBE_US
  if (error === 0) {
    if (sock.backoff < sock.net.sysctl.retries2) sock.backoff++
    afterUs = Timers.probe0WhenUs(sock)
  }
  const userTimeout = sock.options.userTimeoutMs
  if (userTimeout > 0) {
    const left = userTimeout - ((clockMs(sock) - sock.probesTstampMs) | 0)
    afterUs = Math.max(1000, Math.min(afterUs, left * 1000))
  }
  Timers.resetXmit(sock, PENDING_PROBE0, afterUs)
}

/** Linux: tcp_delack_timer_handler. */
export const delackTimer = (sock: TcpSock): void => {
  if (sock.state === State.CLOSE || sock.state === State.LISTEN || (sock.ackPending & ACK_TIMER) === 0) return
  sock.tcp.host.trace(Points.TCP_DELACK_TIMER, sock, null)
  sock.ackPending &= ~ACK_TIMER
  if ((sock.ackPending & ACK_SCHED) === 0) return
  if (Pingpong.isOn(sock)) {
    // Delayed ACK missed: it is no conversation after all.
    Pingpong.leave(sock)
    sock.atoUs = Timers.ATO_MIN_US
  } else {
    sock.atoUs = Math.min(sock.atoUs * 2, sock.rtoUs)
  }
  Output.sendAck(sock)
  sock.net.count(Counters.DELAYED_ACKS)
}

/** Linux: tcp_keepalive_timer. */
export const keepaliveTimer = (sock: TcpSock): void => {
  if (sock.state === State.LISTEN) {
    sock.tcp.host.trace(Points.TCP_SYNACK_TIMER, sock, null)
    Listen.tick(sock)
    return
  }
  sock.tcp.host.trace(Points.TCP_KEEPALIVE_TIMER, sock, null)
  if (sock.state === State.FIN_WAIT2 && sock.dead) {
    finWait2Over(sock)
    return
  }
  if (sock.options.keepOpen === 0 || sock.state === State.CLOSE || sock.state === State.SYN_SENT) return
  let after = Timers.keepaliveTime(sock)
  if (sock.packetsOut === 0 && sock.writeQueue.head === null) {
    after = keepaliveStep(sock)
    if (after < 0) return
  }
  Timers.armKeepalive(sock, after)
}

/** One look at an idle connection: ns until the next, -1 when it is dead. */
const keepaliveStep = (sock: TcpSock): number => {
  const idleMs = Timers.idleMs(sock)
  const time = Timers.keepaliveTime(sock)
  if (idleMs * 1_000_000 < time) return time - idleMs * 1_000_000
  const userTimeout = sock.options.userTimeoutMs
  const isDead = userTimeout > 0 ? idleMs >= userTimeout && sock.probesOut > 0 : sock.probesOut >= keepaliveProbes(sock)
  if (isDead) {
    Output.sendActiveReset(sock)
    writeError(sock)
    return -1
  }
  if (Output.writeWakeup(sock, Counters.KEEP_ALIVE) !== 0) return RESOURCE_PROBE_US * 1000
  sock.probesOut++
  return keepaliveInterval(sock)
}

/** An orphan waited long enough for the peer's FIN. */
const finWait2Over = (sock: TcpSock): void => {
  if (sock.options.linger2 >= 0) {
    const left = Done.finTime(sock) - TimeWait.TIMEWAIT_LENGTH
    if (left > 0) {
      TimeWait.enter(sock, State.FIN_WAIT2, left)
      return
    }
  }
  Output.sendActiveReset(sock)
  Done.done(sock)
}
