/**
 * A TCP segment as the machine sees it: numbers only. The payload stays with the host in `buffer` (an sk_buff); a segment
 * is the control block that rides on it (Linux: struct tcp_skb_cb), pooled together with the buffer by the host.
 *
 * Sequence numbers are signed int32 numbers that wrap: {@link isBefore} and {@link isAfter}, never `<`. Times are
 * nanoseconds.
 *
 * A segment is in one list at a time: the write queue, the retransmit queue, the receive queue, the out-of-order queue or
 * a backlog of the host. {@link SegmentList} links through `next` and `previous`.
 */

/** Bits of {@link Segment.sacked} (Linux: TCPCB_*). */
export const SACKED_ACKED = 0x01
export const SACKED_RETRANS = 0x02
export const LOST = 0x04
export const TAGBITS = 0x07
export const EVER_RETRANS = 0x80
/** Sent again, now or ever (Linux: TCPCB_RETRANS). */
export const RETRANS = 0x82

/** Bits of {@link Segment.stamp}: when the segment enters the qdisc, leaves the driver, is acknowledged (SKBTX_*). */
export const STAMP_SCHED = 1
export const STAMP_SOFTWARE = 2
export const STAMP_ACK = 4

export class Segment {
  next: Segment | null
  previous: Segment | null
  /** The host's buffer. */
  buffer: unknown
  /** First sequence number, of the SYN if there is one. */
  seq: number
  /** One past the last: `seq + length`, and one more for SYN and for FIN. */
  endSeq: number
  /** TCP flags, FIN = 1 ... CWR = 128 (wire/Tcp). */
  flags: number
  /** Payload bytes. */
  length: number
  /** Bytes of memory the buffer stands for, kept by the host. */
  truesize: number
  /** Wire segments it makes or was merged from; at least 1. */
  gsoSegments: number
  /** Payload bytes of each wire segment; 0 when it is one. */
  gsoSize: number

  /** Sent: what the peer and the timers said about it, SACKED_ACKED ... */
  sacked: number
  /** Sent: when last, ns; -1 before the first time. */
  sentAt: number
  /** Sent: when first, ns. */
  firstSentAt: number
  /** Sent: neighbours in the order of last transmission, and whether it is in that order (TimeOrder.ts). */
  sentNext: Segment | null
  sentPrevious: Segment | null
  isTimed: boolean
  /** Sent, for the rate sample (Rate.ts): segments delivered when it left, when the last of those was, ns, -1 for none. */
  delivered: number
  deliveredAt: number
  /** Sent: when the first segment of the sampling window left, ns; and whether the application was the limit. */
  windowSentAt: number
  isAppLimited: boolean
  /** Sent: MSG_EOR, nothing may be appended. 1 or 0. */
  endOfRecord: number
  /** Sent: time stamps that the program asked for, STAMP_*, and the sequence number of the byte they are about. */
  stamp: number
  stampSeq: number

  /** Received: acknowledgement number. */
  ack: number
  /** Received: window as on the wire. */
  window: number
  /** Received: bytes of the TCP header. */
  headerLength: number
  /** Received: urgent pointer as on the wire. */
  urgent: number
  /** Received: 1 when the timestamp option was there. */
  hasTimestamp: number
  tsVal: number
  tsEcr: number
  /** Received: ECN bits of the IP header, 3 is CE. */
  ecn: number
  /** Received: addresses (int32) and ports, as seen by the receiver: local is the destination. */
  localAddress: number
  localPort: number
  remoteAddress: number
  remotePort: number
  /** Received: ifindex it came in on. */
  device: number
  /** Received: time of arrival, ns. */
  receivedAt: number

  constructor(buffer: unknown = null) {
    this.next = null
    this.previous = null
    this.buffer = buffer
    this.seq = 0
    this.endSeq = 0
    this.flags = 0
    this.length = 0
    this.truesize = 0
    this.gsoSegments = 1
    this.gsoSize = 0
    this.sacked = 0
    this.sentAt = -1
    this.firstSentAt = -1
    this.sentNext = null
    this.sentPrevious = null
    this.isTimed = false
    this.delivered = 0
    this.deliveredAt = -1
    this.windowSentAt = 0
    this.isAppLimited = false
    this.endOfRecord = 0
    this.stamp = 0
    this.stampSeq = 0
    this.ack = 0
    this.window = 0
    this.headerLength = 0
    this.urgent = 0
    this.hasTimestamp = 0
    this.tsVal = 0
    this.tsEcr = 0
    this.ecn = 0
    this.localAddress = 0
    this.localPort = 0
    this.remoteAddress = 0
    this.remotePort = 0
    this.device = 0
    this.receivedAt = 0
  }

  /** Forgets everything but buffer, length and truesize: for a host that takes a segment from its pool. */
  reset(): void {
    this.next = null
    this.previous = null
    this.seq = 0
    this.endSeq = 0
    this.flags = 0
    this.gsoSegments = 1
    this.gsoSize = 0
    this.sacked = 0
    this.sentAt = -1
    this.firstSentAt = -1
    this.sentNext = null
    this.sentPrevious = null
    this.isTimed = false
    this.delivered = 0
    this.deliveredAt = -1
    this.windowSentAt = 0
    this.isAppLimited = false
    this.endOfRecord = 0
    this.stamp = 0
    this.hasTimestamp = 0
    this.tsVal = 0
    this.tsEcr = 0
    this.urgent = 0
    this.ecn = 0
  }
}

/** A list of segments in order, linked through the segments. */
export class SegmentList {
  head: Segment | null
  tail: Segment | null
  count: number

  constructor() {
    this.head = null
    this.tail = null
    this.count = 0
  }

  push(segment: Segment): void {
    segment.next = null
    segment.previous = this.tail
    if (this.tail === null) this.head = segment
    else this.tail.next = segment
    this.tail = segment
    this.count++
  }

  shift(): Segment | null {
    const segment = this.head
    if (segment === null) return null
    this.head = segment.next
    if (this.head === null) this.tail = null
    else this.head.previous = null
    segment.next = null
    this.count--
    return segment
  }

  /** Puts `segment` behind `place`; at the front when `place` is null. */
  insertAfter(place: Segment | null, segment: Segment): void {
    const next = place === null ? this.head : place.next
    segment.previous = place
    segment.next = next
    if (place === null) this.head = segment
    else place.next = segment
    if (next === null) this.tail = segment
    else next.previous = segment
    this.count++
  }

  /** Precondition: it is in this list. */
  remove(segment: Segment): void {
    if (segment.previous === null) this.head = segment.next
    else segment.previous.next = segment.next
    if (segment.next === null) this.tail = segment.previous
    else segment.next.previous = segment.previous
    segment.next = null
    segment.previous = null
    this.count--
  }
}

/** Whether `a` comes before `b` in sequence space (Linux: before). */
export const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0
/** Whether `a` comes after `b` in sequence space (Linux: after). */
export const isAfter = (a: number, b: number): boolean => ((b - a) | 0) < 0
/** Whether `low <= value <= high` in sequence space (Linux: between). */
export const isBetween = (value: number, low: number, high: number): boolean =>
  (high - low) >>> 0 >= (value - low) >>> 0

/** Whether some of the segment lies in the window from `low` to `high` (Linux: tcp_in_window). */
export const isInWindow = (segment: Segment, low: number, high: number): boolean => {
  if (segment.seq === low) return true
  if (isAfter(segment.endSeq, low) && isBefore(segment.seq, high)) return true
  return segment.seq === high && segment.seq === segment.endSeq && isBetween(segment.seq, low, high)
}

/** The list that stands for every empty queue that was never used; nothing may be pushed to it. */
export const NO_SEGMENTS: SegmentList = new SegmentList()
