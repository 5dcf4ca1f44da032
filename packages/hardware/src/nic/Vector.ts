/**
 * One interrupt vector of a NIC (MSI-X): its mask and its moderation.
 *
 * Causes (a frame in the ring, a completed packet) add up until the vector fires. Firing masks it, as igb's auto-mask
 * does; the driver unmasks it when its poll is done. Three ways to hold a cause back:
 *
 *     delay     rx-usecs after the first cause, or at the rx-frames-th, whichever comes first
 *     gap       rx-usecs after the last interrupt (igb: EITR), or at the rx-frames-th cause; an isolated one is not held
 *     adaptive  a gap that follows the traffic in three steps: about 70,000, 20,000 and 4,000 interrupts a second
 */
import type { Core } from "../cpu/Core.ts"

export const MODE_DELAY = 0
export const MODE_GAP = 1
export const MODE_ADAPTIVE = 2

const LOWEST_LATENCY = 0
const LOW_LATENCY = 1
const BULK = 2
/** Gap of each level in ns (Linux: IGB_70K_ITR, IGB_20K_ITR, IGB_4K_ITR in units of 256 ns counted as 250). */
const levelGap: ReadonlyArray<number> = [14_000, 49_000, 245_000]

export class Vector {
  core: Core | null
  line: number
  masked: boolean
  mode: number
  /** ns of delay or gap. */
  interval: number
  /** Causes that raise the interrupt at once; 0 for no such number. */
  frames: number
  /** Causes since it fired last. */
  waiting: number
  /** When the armed timer goes off; `Infinity` for none. */
  timerAt: number
  /** Times it fired. */
  fired: number
  private firstAt: number
  private lastAt: number
  private level: number
  private packets: number
  private bytes: number

  constructor(mode: number, interval: number, frames: number) {
    this.core = null
    this.line = -1
    this.masked = false
    this.mode = mode
    this.interval = mode === MODE_ADAPTIVE ? levelGap[LOW_LATENCY]! : interval
    this.frames = frames
    this.waiting = 0
    this.timerAt = Infinity
    this.fired = 0
    this.firstAt = 0
    this.lastAt = -Infinity
    this.level = LOW_LATENCY
    this.packets = 0
    this.bytes = 0
  }

  /** Changes the moderation (ethtool -C). */
  configure(mode: number, interval: number, frames: number): void {
    this.mode = mode
    this.level = LOW_LATENCY
    this.interval = mode === MODE_ADAPTIVE ? levelGap[LOW_LATENCY]! : interval
    this.frames = frames
  }

  /** Traffic for the adaptive mode. */
  saw(bytes: number): void {
    this.packets++
    this.bytes += bytes
  }

  /** Adds `count` causes at `now`. Returns when the vector should fire: `now` or later. */
  cause(count: number, now: number): number {
    if (this.waiting === 0) this.firstAt = now
    this.waiting += count
    if (this.interval === 0 || (this.frames > 0 && this.waiting >= this.frames)) return now
    const due = (this.mode === MODE_DELAY ? this.firstAt : this.lastAt) + this.interval
    return due > now ? due : now
  }

  /** True when one more cause at any time before the timer would not make it fire: nobody needs to be told. */
  isHolding(): boolean {
    return this.timerAt !== Infinity && (this.frames === 0 || this.waiting + 1 < this.frames)
  }

  /** Raises the line and masks the vector. */
  fire(now: number): void {
    this.waiting = 0
    this.timerAt = Infinity
    this.lastAt = now
    this.masked = true
    this.fired++
    if (this.core !== null) this.core.raiseIrq(this.line, now)
  }

  /** The driver's poll is done: the adaptive mode looks at what came since the last time (Linux: igb_set_itr). */
  adapt(): void {
    if (this.mode !== MODE_ADAPTIVE) return
    if (this.packets > 0) this.level = nextLevel(this.level, this.packets, this.bytes)
    this.packets = 0
    this.bytes = 0
    this.interval = levelGap[this.level]!
  }
}

/**
 * The level after an interval with so much traffic: big packets and many bytes want few interrupts, a few small packets
 * want them at once (Linux: igb_update_itr, drivers/net/ethernet/intel/igb/igb_main.c).
 */
export const nextLevel = (level: number, packets: number, bytes: number): number => {
  const mean = Math.floor(bytes / packets)
  if (level === LOWEST_LATENCY) {
    if (mean > 8000) return BULK
    return packets < 5 && bytes > 512 ? LOW_LATENCY : LOWEST_LATENCY
  }
  if (level === LOW_LATENCY) {
    if (bytes > 10_000) {
      if (mean > 1200 || packets < 10) return BULK
      return packets > 35 ? LOWEST_LATENCY : LOW_LATENCY
    }
    if (mean > 2000) return BULK
    return packets <= 2 && bytes < 512 ? LOWEST_LATENCY : LOW_LATENCY
  }
  if (bytes > 25_000) return packets > 35 ? LOW_LATENCY : BULK
  return bytes < 1500 ? LOW_LATENCY : BULK
}
