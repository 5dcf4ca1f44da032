/**
 * CoDel's state of one queue: how long packets have waited for too long, and when the next one is to go (RFC 8289; Linux:
 * include/net/codel_impl.h).
 *
 *     below the target ──above it for an interval──▶ dropping: now, then after interval / √1, / √2, / √3 …
 *            ▲                                              │
 *            └──────────── a packet below the target ───────┘
 *
 * Differs: the square root is exact, where the kernel takes a step of Newton's method with 16 bits each time.
 */
export class Codel {
  /** Drops of this spell, and of it when it began. */
  count: number
  private lastCount: number
  dropping: boolean
  /** When the next one is due, ns. */
  private dropNext: number
  /** When packets will have been above the target for an interval, ns; 0 while they are below it. */
  private firstAbove: number
  /** Time the last packet waited, ns. */
  delay: number

  constructor() {
    this.count = 0
    this.lastCount = 0
    this.dropping = false
    this.dropNext = 0
    this.firstAbove = 0
    this.delay = 0
  }

  /** The queue is empty. */
  empty(): void {
    this.firstAbove = 0
  }

  /**
   * Whether this packet may go: it waited `delay`, and others above the target for an interval before it.
   *
   * @param isShort less than a packet is queued: nothing goes, however long it waited
   */
  isAbove(now: number, delay: number, isShort: boolean, target: number, interval: number): boolean {
    this.delay = delay
    if (delay < target || isShort) {
      this.firstAbove = 0
      return false
    }
    if (this.firstAbove === 0) {
      this.firstAbove = now + interval
      return false
    }
    return now > this.firstAbove
  }

  /** A spell begins with a drop. It goes on where the last one was if that is not long ago. */
  begin(now: number, interval: number): void {
    this.dropping = true
    const before = this.count - this.lastCount
    this.count = before > 1 && now - this.dropNext < 16 * interval ? before : 1
    this.lastCount = this.count
    this.dropNext = now
    this.schedule(interval)
  }

  /** The next one is to go now; it counts. */
  isDue(now: number): boolean {
    if (now < this.dropNext) return false
    this.count++
    return true
  }

  /** The next one after that. */
  schedule(interval: number): void {
    this.dropNext += Math.floor(interval / Math.sqrt(this.count))
  }
}
