/**
 * The frame account of one island. Frames are counted by weight: a super-segment or a merged packet weighs its
 * segments, a reassembled datagram its fragments; clone, flood, duplicate and retransmission add to created.
 *
 * Law: over all islands, created = delivered + dropped + in flight, where in flight is counted by walking the queues.
 */
export class Ledger {
  created: number
  delivered: number
  dropped: number
  /** Dropped weight by drop reason id. */
  readonly byReason: Array<number>
  /** Frames that crossed one link and arrived. */
  hops: number

  constructor() {
    this.created = 0
    this.delivered = 0
    this.dropped = 0
    this.byReason = []
    this.hops = 0
  }

  drop(reason: number, weight: number): void {
    this.dropped += weight
    while (this.byReason.length <= reason) this.byReason.push(0)
    this.byReason[reason] = this.byReason[reason]! + weight
  }
}
