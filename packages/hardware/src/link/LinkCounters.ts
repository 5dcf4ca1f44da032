/** Counters of one end: what it sent and what it heard. */
export class LinkCounters {
  /** Frames and bytes handed to the wire, without overhead. */
  txFrames = 0
  txBytes = 0
  /** Refused because the queue in front of the wire was full. */
  txQueueFull = 0
  /** Sent into a dark direction. */
  txDark = 0
  /** Taken by the loss probability. */
  txLost = 0
  /** Taken, and doubled, by fault rules. */
  txFaulted = 0
  txDuplicated = 0
  /** Nanoseconds the wire was busy. */
  busy = 0
  /** Largest queue in front of the wire that a frame met, ns. */
  maxBacklog = 0
  rxFrames = 0
  rxBytes = 0
  rxCrcErrors = 0
  /** Frames a cut took on their way here. */
  rxCut = 0
  carrierChanges = 0
}
