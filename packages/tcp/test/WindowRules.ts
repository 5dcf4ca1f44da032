/** The rules of a window in congestion avoidance, apart from any TCP: what an {@link IdealFlow} goes by. */

export interface WindowRule {
  /** The window after one more segment is acknowledged. @param now seconds */
  acknowledged(window: number, threshold: number, now: number): number
  /** What is left of the window after a loss. */
  lost(window: number): number
}

const slowStart = (window: number, threshold: number): boolean => window < threshold

/** RFC 5681 §3.1: one segment a window's worth of ACKs, half of it after a loss. */
export const renoRule = (): WindowRule => {
  let count = 0
  return {
    acknowledged: (window, threshold) => {
      if (slowStart(window, threshold)) return window + 1
      if (++count < window) return window
      count = 0
      return window + 1
    },
    lost: (window) => {
      count = 0
      return Math.max(window >> 1, 2)
    }
  }
}

const C = 410 / 1024
const BETA = 717 / 1024
/** 3 (1 - beta) / (1 + beta), as the kernel rounds it: a segment for 15/8 windows. */
const ALPHA = 8 / 15
/** A window that stands is looked at again after more than so many seconds. */
const HOLD = 1 / 32

/**
 * RFC 9438 in whole segments and jiffies, as Linux has it: the cubic is looked up a round trip ahead and rounded towards the
 * plateau, once a jiffy; a window that stands is left alone for 1/32 s; beyond what Reno would have, ACKs in between add
 * nothing to the rate of growth, they only may raise it.
 */
export class CubicRule implements WindowRule {
  private readonly hz: number
  private readonly lookAhead: number
  private plateau = 0
  private epoch = -1
  private epochAcks = 0
  private friendly = 0
  private k = 0
  private origin = 0
  private every = 1
  private count = 0
  private lastWindow = 0
  private lastJiffy = 0

  constructor(roundTrip: number, hz: number) {
    this.hz = hz
    this.lookAhead = Math.floor(roundTrip * hz) + 1
  }

  lost(window: number): number {
    // Fast convergence (RFC 9438 §4.7).
    this.plateau = window < this.plateau ? Math.floor((window * (1 + BETA)) / 2) : window
    this.epoch = -1
    this.count = 0
    return Math.max(Math.floor(window * BETA), 2)
  }

  acknowledged(window: number, threshold: number, now: number): number {
    if (slowStart(window, threshold)) return window + 1
    this.look(window, Math.floor(now * this.hz))
    let grown = window
    for (let turn = 0; turn < 2; turn++) {
      if (this.count >= this.every) {
        this.count = 0
        grown++
      }
      if (turn === 0) this.count++
    }
    return grown
  }

  private look(window: number, jiffy: number): void {
    this.epochAcks++
    if (this.lastWindow === window && jiffy - this.lastJiffy <= Math.floor(HOLD * this.hz)) return
    if (this.epoch < 0 || jiffy !== this.lastJiffy) {
      this.lastWindow = window
      this.lastJiffy = jiffy
      if (this.epoch < 0) this.begin(window, jiffy)
      const target = this.cubic((jiffy - this.epoch + this.lookAhead) / this.hz)
      this.every = target > window ? Math.floor(window / (target - window)) : 100 * window
    }
    const step = Math.floor(window / ALPHA)
    while (this.epochAcks > step) {
      this.epochAcks -= step
      this.friendly++
    }
    if (this.friendly > window) this.every = Math.min(this.every, Math.floor(window / (this.friendly - window)))
    this.every = Math.max(2, this.every)
  }

  private begin(window: number, jiffy: number): void {
    this.epoch = jiffy
    this.epochAcks = 1
    this.friendly = window
    this.origin = Math.max(this.plateau, window)
    this.k = Math.cbrt((this.origin - window) / C)
  }

  private cubic(time: number): number {
    const distance = Math.floor(C * Math.abs(time - this.k) ** 3)
    return time < this.k ? this.origin - distance : this.origin + distance
  }
}
