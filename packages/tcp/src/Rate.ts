/**
 * Delivery rate samples: how much was delivered between the sending of a segment and its ACK, and over what time (Cheng and
 * Cardwell, draft-cheng-iccrg-delivery-rate-estimation; Linux: net/ipv4/tcp_rate.c).
 *
 * The time is the longer of that in which the data was sent and that in which it was acknowledged. A sample from a window
 * in which the application had nothing to send says only that the path can do at least that much.
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import type { AckSample } from "./AckSample.ts"
import { type Segment, isAfter, RETRANS, SACKED_ACKED } from "./Segment.ts"
import { type TcpSock, packetsInFlight } from "./TcpSock.ts"

/** Whether a transmission at `time` that ends at `end` is later than the other; equal times go by sequence number. */
export const isSentAfter = (time: number, otherTime: number, end: number, otherEnd: number): boolean =>
  time > otherTime || (time === otherTime && isAfter(end, otherEnd))

/** A segment leaves: notes how things stand (Linux: tcp_rate_skb_sent). */
export const segmentSent = (sock: TcpSock, segment: Segment): void => {
  // A SYN makes no sample.
  if (sock.packetsOut === 0 && (segment.flags & Tcp.SYN) === 0) {
    sock.windowSentAt = segment.sentAt
    sock.deliveredAt = segment.sentAt
  }
  segment.windowSentAt = sock.windowSentAt
  segment.deliveredAt = sock.deliveredAt
  segment.delivered = sock.delivered
  segment.isAppLimited = sock.appLimited !== 0
}

/** A segment is acknowledged or SACKed: the newest of an ACK makes its sample (Linux: tcp_rate_skb_delivered). */
export const segmentDelivered = (sock: TcpSock, segment: Segment, sample: AckSample): void => {
  if (segment.deliveredAt < 0) return
  if (
    sample.priorDelivered === 0 ||
    isSentAfter(segment.sentAt, sock.windowSentAt, segment.endSeq, sample.lastEndSeq)
  ) {
    sample.priorDelivered = segment.delivered
    sample.priorDeliveredAt = segment.deliveredAt
    sample.isAppLimited = segment.isAppLimited
    sample.isRetransmission = (segment.sacked & RETRANS) !== 0
    sample.lastEndSeq = segment.endSeq
    sock.windowSentAt = segment.sentAt
    sample.intervalUs = Math.floor((segment.sentAt - segment.windowSentAt) / 1000)
  }
  // SACKed now: its cumulative ACK is no second delivery.
  if ((segment.sacked & SACKED_ACKED) !== 0) segment.deliveredAt = -1
}

/**
 * Completes the sample of an ACK (Linux: tcp_rate_gen).
 *
 * @param wasReneging the peer had thrown SACKed data away: what was delivered when is not known
 */
export const generate = (
  sock: TcpSock,
  sample: AckSample,
  delivered: number,
  lost: number,
  wasReneging: boolean
): void => {
  const now = sock.tcp.host.now()
  if (sock.appLimited !== 0 && sock.delivered > sock.appLimited) sock.appLimited = 0
  if (delivered !== 0) sock.deliveredAt = now
  sample.ackedSacked = delivered
  sample.losses = lost
  if (sample.priorDeliveredAt < 0 || wasReneging) {
    sample.delivered = -1
    sample.intervalUs = -1
    return
  }
  sample.delivered = sock.delivered - sample.priorDelivered
  sample.sendIntervalUs = sample.intervalUs
  sample.ackIntervalUs = Math.floor((now - sample.priorDeliveredAt) / 1000)
  sample.intervalUs = Math.max(sample.sendIntervalUs, sample.ackIntervalUs)
  // Faster than light: an old ACK or a clock too coarse.
  if (sample.intervalUs < sock.minRttUs) {
    sample.intervalUs = -1
    return
  }
  if (!sample.isAppLimited || sample.delivered * sock.rateIntervalUs >= sock.rateDelivered * sample.intervalUs) {
    sock.rateDelivered = sample.delivered
    sock.rateIntervalUs = sample.intervalUs
    sock.rateAppLimited = sample.isAppLimited
  }
}

/** Whether the application leaves the path idle from here on (Linux: tcp_rate_check_app_limited). */
export const checkAppLimited = (sock: TcpSock): void => {
  if (
    ((sock.writeSeq - sock.sndNxt) | 0) < sock.mssCache &&
    packetsInFlight(sock) < sock.sndCwnd &&
    sock.lostOut <= sock.retransOut &&
    sock.tcp.host.wmemAlloc(sock) < EMPTY_TRUESIZE
  ) {
    sock.appLimited = Math.max(1, sock.delivered + packetsInFlight(sock))
  }
}

/** SKB_TRUESIZE(1). */
const EMPTY_TRUESIZE = 640
