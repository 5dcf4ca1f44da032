/**
 * What one ACK tells, gathered while it is processed and read by recovery and congestion control (Linux: struct
 * tcp_sacktag_state, struct rate_sample). There is one for each machine; it holds until the next ACK.
 */
export class AckSample {
  /** When the first and the last of the segments left that were sent once and are SACKed now, ns; -1: none. */
  firstSackAt = -1
  lastSackAt = -1
  /** Lowest sequence number that this ACK's SACK delivered late. */
  reorderSeq = 0
  /** Tags that the range marked last has got (SackMark.ts). */
  tags = 0
  /** Segments in flight before it. */
  priorInFlight = 0
  /** State of the connection when the newest delivered segment was sent: segments delivered, and when, ns; -1: unknown. */
  priorDelivered = 0
  priorDeliveredAt = -1
  lastEndSeq = 0
  isAppLimited = false
  isRetransmission = false
  /** Segments delivered between the two, and the time that took, us; -1: no valid sample. */
  delivered = 0
  intervalUs = -1
  /** The same by what was sent, and by what was acknowledged. */
  sendIntervalUs = 0
  ackIntervalUs = 0
  /** RTT of the last delivered segment, us; -1: none. */
  rttUs = -1
  /** Segments this ACK found lost, and delivered. */
  losses = 0
  ackedSacked = 0
  /** The receiver seems to have waited before it sent it. */
  isAckDelayed = false

  start(inFlight: number): void {
    this.firstSackAt = -1
    this.lastSackAt = -1
    this.priorInFlight = inFlight
    this.priorDelivered = 0
    this.priorDeliveredAt = -1
    this.lastEndSeq = 0
    this.isAppLimited = false
    this.isRetransmission = false
    this.delivered = 0
    this.intervalUs = -1
    this.sendIntervalUs = 0
    this.ackIntervalUs = 0
    this.rttUs = -1
    this.losses = 0
    this.ackedSacked = 0
    this.isAckDelayed = false
  }
}
