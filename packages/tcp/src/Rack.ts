/**
 * RACK: a segment is lost when one that was sent later has been delivered, and the time that reordering may take has passed
 * since (RFC 8985; Linux: net/ipv4/tcp_recovery.c). It holds for retransmissions as well.
 *
 * The reordering window is a quarter of the least RTT, times the steps that D-SACKs have added to it, and 0 while nothing
 * speaks for reordering and loss is already certain.
 */
import type { AckSample } from "./AckSample.ts"
import * as Counters from "./Counters.ts"
import * as TimeOrder from "./TimeOrder.ts"
import * as Timers from "./Timers.ts"
import { usBetween } from "./Clock.ts"
import { isSentAfter } from "./Rate.ts"
import { LOST, RETRANS, SACKED_ACKED, SACKED_RETRANS, type Segment, isBefore } from "./Segment.ts"
import { CA_RECOVERY, PENDING_REO_TIMEOUT, type TcpSock } from "./TcpSock.ts"

/** Bits of net.ipv4.tcp_recovery; 1, which once chose RACK, means nothing (since 6.17). */
const STATIC_WINDOW = 2
const NO_DUPTHRESH = 4
/** Recoveries without a D-SACK after which the window is back at one step (TCP_RACK_RECOVERY_THRESH). */
export const RECOVERIES_MAX = 16

/** Marks a segment lost; one that was sent again is to be sent once more (Linux: tcp_mark_skb_lost). */
export const markLost = (sock: TcpSock, segment: Segment): void => {
  const sacked = segment.sacked
  if ((sacked & SACKED_ACKED) !== 0) return
  const count = segment.gsoSegments
  const hint = sock.retransmitHint
  // What is before the place where retransmission goes on must not be passed over.
  if (hint === null ? sock.retransOut >= sock.lostOut : isBefore(segment.seq, hint.seq)) sock.retransmitHint = segment
  if ((sacked & LOST) === 0) {
    segment.sacked |= LOST
    sock.lostOut += count
    sock.lost += count
  } else if ((sacked & SACKED_RETRANS) !== 0) {
    segment.sacked &= ~SACKED_RETRANS
    sock.retransOut -= count
    sock.lost += count
    sock.net.count(Counters.LOST_RETRANSMIT, count)
  }
}

/** The reordering window, us (Linux: tcp_rack_reo_wnd). */
const windowUs = (sock: TcpSock): number => {
  if (sock.reordSeen === 0) {
    if (sock.caState >= CA_RECOVERY) return 0
    if (sock.sackedOut >= sock.reordering && (sock.net.sysctl.recovery & NO_DUPTHRESH) === 0) return 0
  }
  return Math.min((sock.minRttUs >> 2) * sock.rackSteps, sock.srttUs >> 3)
}

/** Time until the segment counts as lost, us; 0 or less: it does (Linux: tcp_rack_skb_timeout). */
export const remainingUs = (sock: TcpSock, segment: Segment, window: number): number =>
  sock.rackRttUs + window - usBetween(segment.sentAt, sock.tcp.host.now())

/**
 * Marks what is lost by now (Linux: tcp_rack_detect_loss).
 *
 * @returns time until the rest of what was sent before the last delivered segment is, us; 0: there is none
 */
export const detectLoss = (sock: TcpSock): number => {
  const window = windowUs(sock)
  let timeout = 0
  let segment = sock.sentHead
  while (segment !== null) {
    const next: Segment | null = segment.sentNext
    if ((segment.sacked & (LOST | SACKED_RETRANS)) !== LOST) {
      if (!isSentAfter(sock.rackSentAt, segment.sentAt, sock.rackEndSeq, segment.endSeq)) break
      const remaining = remainingUs(sock, segment, window)
      if (remaining <= 0) {
        markLost(sock, segment)
        TimeOrder.remove(sock, segment)
      } else if (remaining > timeout) {
        timeout = remaining
      }
    }
    segment = next
  }
  return timeout
}

/** Looks for losses if something new was delivered (Linux: tcp_rack_mark_lost). Whether the reordering timer runs. */
export const markLostByTime = (sock: TcpSock): boolean => {
  if (!sock.rackAdvanced) return false
  sock.rackAdvanced = false
  const timeout = detectLoss(sock)
  if (timeout === 0) return false
  Timers.resetXmit(sock, PENDING_REO_TIMEOUT, Math.min(timeout + Timers.TIMEOUT_MIN_US, sock.rtoUs))
  return true
}

/** A segment was delivered (Linux: tcp_rack_advance). */
export const advance = (sock: TcpSock, sacked: number, endSeq: number, sentAt: number): void => {
  const rttUs = usBetween(sentAt, sock.tcp.host.now())
  // Too fast for its last transmission: an earlier one arrived, and which is not known.
  if (rttUs < sock.minRttUs && (sacked & RETRANS) !== 0) return
  sock.rackAdvanced = true
  sock.rackRttUs = rttUs
  if (isSentAfter(sentAt, sock.rackSentAt, endSeq, sock.rackEndSeq)) {
    sock.rackSentAt = sentAt
    sock.rackEndSeq = endSeq
  }
}

/** A D-SACK widens the window by a step, once a round trip (RFC 8985 §6.2 step 4; Linux: tcp_rack_update_reo_wnd). */
export const updateWindow = (sock: TcpSock, sample: AckSample): void => {
  // As a rule there is nothing to change.
  if (!sock.rackDsackSeen && (sock.rackPersist > 0 || sock.rackSteps === 1)) return
  if ((sock.net.sysctl.recovery & STATIC_WINDOW) !== 0 || sample.priorDelivered === 0) return
  if (sample.priorDelivered < sock.rackLastDelivered) sock.rackDsackSeen = false
  if (sock.rackDsackSeen) {
    sock.rackSteps = Math.min(255, sock.rackSteps + 1)
    sock.rackDsackSeen = false
    sock.rackLastDelivered = sock.delivered
    sock.rackPersist = RECOVERIES_MAX
  } else if (sock.rackPersist === 0) {
    sock.rackSteps = 1
  }
}
