/**
 * The reference of the test of goodput: one sender that always has data, on a link that does nothing but take a round trip
 * and lose a given segment now and then. It knows a window, RACK (a segment is lost when three later ones have arrived, or
 * one that left a quarter of a round trip later, or a timer says so), and proportional rate reduction; no sequence numbers, no headers, no timeouts. The window's rules
 * are WindowRules.ts. docs/decisions/goodput-formula.md derives closed forms from it.
 */
import type { WindowRule } from "./WindowRules.ts"

export interface IdealLink {
  /** Seconds. */
  readonly roundTrip: number
  /** Jiffies a second, for the timer of RACK. */
  readonly hz: number
  /** How many segments later the next one is lost. */
  readonly interval: () => number
}

const DUPLICATES = 3
/** Segments that may be out; a power of two. */
const RING = 1 << 16
/** Added to a quarter of the round trip before what lacks duplicates counts as lost (TCP_TIMEOUT_MIN), seconds. */
const REORDER_MIN = 0.002

export class IdealFlow {
  /** Seconds. */
  now = 0
  /** Segments that arrived, losses that were noticed. */
  delivered = 0
  losses = 0
  private readonly link: IdealLink
  private readonly rule: WindowRule
  /** When a segment's ACK comes, by its number; below 0 for one that is lost. */
  private readonly ackAt = new Float64Array(RING)
  private sent = 0
  private acked = 0
  private nextLoss: number
  private window = 10
  private threshold = Infinity
  private inFlight = 0
  /** Later segments that arrived since the gap was seen; below 0 while there is no gap. */
  private later = -1
  /** When the ACK of the gap should have come. */
  private gapAt = 0
  private reorderAt = Infinity
  /** The first segment that was sent after the loss was noticed; below 0 outside of recovery. */
  private recovery = -1
  private priorWindow = 0
  private reducedDelivered = 0
  private reducedSent = 0

  constructor(link: IdealLink, rule: WindowRule) {
    this.link = link
    this.rule = rule
    this.nextLoss = link.interval()
    while (this.inFlight < this.window) this.send()
  }

  /** Runs until so many losses were noticed in all. */
  runUntilLoss(count: number): void {
    while (this.losses < count) this.step()
  }

  private send(): void {
    const isLost = ++this.sent === this.nextLoss
    if (isLost) this.nextLoss += this.link.interval()
    const at = this.now + this.link.roundTrip
    this.ackAt[this.sent % RING] = isLost ? -at : at
    this.inFlight++
  }

  private step(): void {
    const at = this.ackAt[(this.acked + 1) % RING]!
    if (this.reorderAt < Math.abs(at)) {
      this.now = this.reorderAt
      this.notice()
      return
    }
    this.now = Math.abs(at)
    this.acked++
    if (at < 0) {
      this.later = 0
      this.gapAt = -at
      return
    }
    this.inFlight--
    this.delivered++
    if (this.later >= 0) {
      const isLate = at - this.gapAt > this.link.roundTrip / 4
      if (++this.later === DUPLICATES || isLate) {
        this.notice()
        return
      }
      this.reorderAt = this.afterReordering()
    } else if (this.recovery >= 0 && this.acked < this.recovery) {
      this.reduce()
      return
    } else {
      if (this.recovery >= 0) this.window = this.threshold
      this.recovery = -1
      this.window = this.rule.acknowledged(this.window, this.threshold, this.now)
    }
    while (this.inFlight < this.window) this.send()
  }

  private afterReordering(): number {
    const { hz, roundTrip } = this.link
    return (Math.floor(this.now * hz) + Math.ceil((roundTrip / 4 + REORDER_MIN) * hz) + 1) / hz
  }

  /** The gap counts as a loss; the segment goes out again. */
  private notice(): void {
    this.losses++
    this.later = -1
    this.reorderAt = Infinity
    this.inFlight--
    this.priorWindow = this.window
    this.threshold = this.rule.lost(this.window)
    this.reducedDelivered = 1
    this.reducedSent = 1
    this.recovery = this.sent + 1
    this.send()
  }

  /** RFC 6937 §3. */
  private reduce(): void {
    this.reducedDelivered++
    const { inFlight, threshold, reducedDelivered, reducedSent } = this
    let count =
      inFlight > threshold
        ? Math.ceil((threshold * reducedDelivered) / this.priorWindow) - reducedSent
        : Math.min(threshold - inFlight, Math.max(reducedDelivered - reducedSent, 1))
    for (; count > 0; count--) {
      this.send()
      this.reducedSent++
    }
  }
}
