/**
 * The kernel timers of one host: five levels of 64 slots of jiffies and an overflow list, with intrusive lists.
 *
 *     level 0   1 jiffy a slot     64 jiffies
 *     level 1   64                 4,096
 *     level 2   4,096              262,144
 *     level 3   262,144            16.7 million (4.6 h at HZ=1000)
 *     level 4   16.7 million       2^30; beyond it the overflow list
 *
 * Arming again for the same or a later jiffy is two stores: the timer stays where it is and is moved when its slot is
 * looked at. The island's queue holds an event for the next slot that is not empty, none for each timer.
 *
 * Timers expire at the host's ticks, whose phase is drawn from the seed, ordered by (deadline, core, sequence of
 * arming). The owner runs them in the TIMER soft IRQ of their core. Linux: kernel/time/timer.c.
 */
import { Schedulable } from "./Actor.ts"
import type { Island } from "./Island.ts"
import { Alarm } from "./internal/Alarm.ts"

const BITS = 6
const SLOTS = 64
const MASK = SLOTS - 1
const LEVELS = 5
const WINDOW = 1 << (BITS * LEVELS)
/** Where the overflow list is in `timer.at`. */
const OVERFLOW = LEVELS * SLOTS
const NOWHERE = -1
/** A timer disarmed with more than this many jiffies left is unlinked at once, so that its owner can be collected. */
const LAZY_MAX = 4096

const IDLE = 0
const ARMED = 1
/** Handed to the owner, not yet run. */
const EXPIRED = 2

/** One timer; `Context` is what the owner passes on, a core. */
export abstract class KernelTimer<Context> {
  /** Jiffy of the deadline. */
  expires: number
  /** Index of the core that armed it. */
  core: number
  /** The wheel's. */
  sequence: number
  state: number
  at: number
  looked: number
  next: KernelTimer<Context> | null
  previous: KernelTimer<Context> | null

  constructor() {
    this.expires = 0
    this.core = 0
    this.sequence = 0
    this.state = IDLE
    this.at = NOWHERE
    this.looked = 0
    this.next = null
    this.previous = null
  }

  /** True between arming and running (Linux: timer_pending, which is false once it runs). */
  get isArmed(): boolean {
    return this.state !== IDLE
  }

  abstract fire(context: Context): void
}

export interface TimerOwner<Context> {
  /**
   * These timers are due, in order; the array is valid during the call only. The owner calls `wheel.run(timer, context)`
   * for each in the soft IRQ of `timer.core`; disarming in between is honoured.
   */
  expire(jiffy: number, due: ReadonlyArray<KernelTimer<Context>>): void
}

export interface TimerOptions {
  /** Ticks a second: 100, 250 or 1000. */
  readonly hz: number
  /**
   * `exact`: at the deadline's tick (Linux before 4.8). `levels`: a tick later, and far deadlines rounded up to the
   * granularity of their level, up to 12.5 % late (Linux: calc_wheel_index).
   */
  readonly rounding: "exact" | "levels"
}

export const linuxDefaults: TimerOptions = { hz: 1000, rounding: "exact" }

export class TimerWheel<Context> extends Schedulable {
  readonly hz: number
  /** Nanoseconds of a jiffy. */
  readonly tick: number
  /** Time of the first tick after boot, 1 … tick. */
  readonly phase: number
  /** Armed timers. */
  count: number
  private readonly owner: TimerOwner<Context>
  private readonly levels: Array<Array<KernelTimer<Context> | null> | null>
  private readonly bits: Array<number>
  private overflow: KernelTimer<Context> | null
  /** The jiffy up to which slots have been looked at. */
  private clock: number
  private base: number
  private order: number
  private readonly alarm: Alarm
  private readonly due: Array<KernelTimer<Context>>
  private readonly isRounded: boolean

  constructor(island: Island, name: string, owner: TimerOwner<Context>, options: TimerOptions) {
    super(island, name)
    this.hz = options.hz
    this.tick = Math.floor(1_000_000_000 / options.hz)
    this.phase = 1 + island.world.stream(`${name}/boot`).below(this.tick)
    this.count = 0
    this.owner = owner
    this.levels = Array.from({ length: LEVELS }, () => null)
    this.bits = new Array<number>(LEVELS * 2).fill(0)
    this.overflow = null
    this.clock = this.jiffies(island.now)
    this.base = Math.floor(this.clock / WINDOW) * WINDOW
    this.order = 0
    this.alarm = new Alarm(this)
    this.due = []
    this.isRounded = options.rounding === "levels"
  }

  /** The kernel's `jiffies` at `time`, 0 from boot to the first tick. */
  jiffies(time: number): number {
    return Math.floor((time - this.phase) / this.tick) + 1
  }

  /** Time of the tick that begins `jiffy`. */
  timeOf(jiffy: number): number {
    return this.phase + (jiffy - 1) * this.tick
  }

  /**
   * Arms or re-arms (Linux: mod_timer). A deadline that is not in the future expires at the next tick.
   *
   * @param expires the deadline, a jiffy
   * @param now time of the core that arms, ns
   */
  arm(timer: KernelTimer<Context>, expires: number, core: number, now: number): void {
    const next = this.jiffies(now) + 1
    let deadline = expires < next ? next : expires
    if (this.isRounded) deadline = roundUp(expires < next ? next - 1 : expires, next - 1)
    if (deadline <= this.clock) deadline = this.clock + 1
    timer.expires = deadline
    timer.sequence = this.order++
    timer.core = core
    if (timer.state !== ARMED) {
      timer.state = ARMED
      this.count++
    }
    if (timer.at !== NOWHERE) {
      if (deadline >= timer.looked) return
      this.unlink(timer)
    }
    this.forward()
    this.insert(timer, deadline)
    this.setAlarm()
  }

  /** Disarms (Linux: timer_delete). The timer may stay linked until its slot is looked at. */
  disarm(timer: KernelTimer<Context>): void {
    if (timer.state === ARMED) this.count--
    timer.state = IDLE
    if (timer.at !== NOWHERE && timer.looked - this.clock > LAZY_MAX) this.unlink(timer)
  }

  /** Disarms and unlinks at once: the object that holds the timer goes away. */
  remove(timer: KernelTimer<Context>): void {
    this.disarm(timer)
    if (timer.at !== NOWHERE) this.unlink(timer)
  }

  /** For the owner: runs an expired timer unless it was disarmed or armed again since. */
  run(timer: KernelTimer<Context>, context: Context): void {
    if (timer.state !== EXPIRED) return
    timer.state = IDLE
    timer.fire(context)
  }

  override deliver(_kind: number, _a: number, _b: number, now: number): void {
    this.alarm.rang(now)
    const jiffy = this.jiffies(now)
    while (this.nextLook() <= jiffy) this.look()
    const due = this.due
    if (due.length > 0) {
      if (due.length > 1) due.sort(byDeadline)
      this.owner.expire(jiffy, due)
      due.length = 0
    }
    this.setAlarm()
  }

  override dispatch(): void {}

  /** The host's end: forgets all timers. */
  override abandon(): void {
    for (let level = 0; level < LEVELS; level++) this.levels[level] = null
    this.bits.fill(0)
    this.overflow = null
    this.count = 0
    this.alive = false
  }

  /** Jiffy of the next slot that has to be looked at. */
  private nextLook(): number {
    const clock = this.clock - this.base
    for (let level = 0; level < LEVELS; level++) {
      const slot = lowestBit(this.bits[level * 2]!, this.bits[level * 2 + 1]!)
      if (slot < 0) continue
      const shift = BITS * level
      const above = shift + BITS
      return this.base + (Math.floor(clock / (1 << above)) * (1 << above) + slot * (1 << shift))
    }
    return this.overflow === null ? Infinity : this.base + WINDOW
  }

  private setAlarm(): void {
    const jiffy = this.nextLook()
    if (jiffy !== Infinity) this.alarm.set(this.timeOf(jiffy))
  }

  /**
   * Lets the clock catch up with the ticks that had nothing to look at, so that timers land in low levels. It stays
   * before the next slot: that keeps every linked timer where it belongs.
   */
  private forward(): void {
    const look = this.nextLook()
    let jiffy = this.jiffies(this.island.now)
    if (jiffy >= look) jiffy = look - 1
    if (jiffy <= this.clock) return
    this.clock = jiffy
    if (look === Infinity) this.base = Math.floor(jiffy / WINDOW) * WINDOW
  }

  /** Takes the next slot apart: due, disarmed, or to be moved on. */
  private look(): void {
    const jiffy = this.nextLook()
    let timer = this.takeSlot(jiffy)
    while (timer !== null) {
      const next = timer.next
      timer.at = NOWHERE
      timer.next = null
      timer.previous = null
      if (timer.state === ARMED) {
        if (timer.expires <= jiffy) {
          timer.state = EXPIRED
          this.count--
          this.due.push(timer)
        } else this.insert(timer, timer.expires)
      }
      timer = next
    }
  }

  private takeSlot(jiffy: number): KernelTimer<Context> | null {
    for (let level = 0; level < LEVELS; level++) {
      const slot = lowestBit(this.bits[level * 2]!, this.bits[level * 2 + 1]!)
      if (slot < 0) continue
      this.clearBit(level, slot)
      const heads = this.levels[level]!
      const head = heads[slot] ?? null
      heads[slot] = null
      this.clock = jiffy
      return head
    }
    const head = this.overflow
    this.overflow = null
    this.clock = jiffy
    this.base = jiffy
    return head
  }

  /** Precondition: `deadline` is after the clock. */
  private insert(timer: KernelTimer<Context>, deadline: number): void {
    const relative = deadline - this.base
    if (relative >= WINDOW) {
      timer.looked = this.base + WINDOW
      timer.at = OVERFLOW
      timer.next = this.overflow
      if (this.overflow !== null) this.overflow.previous = timer
      this.overflow = timer
      return
    }
    const clock = this.clock - this.base
    const level = Math.floor((31 - Math.clz32(relative ^ clock)) / BITS)
    const shift = BITS * level
    const slot = (relative >>> shift) & MASK
    const heads = (this.levels[level] ??= Array.from({ length: SLOTS }, () => null))
    const head = heads[slot] ?? null
    timer.looked = this.base + ((relative >>> shift) << shift)
    timer.at = level * SLOTS + slot
    timer.next = head
    if (head !== null) head.previous = timer
    heads[slot] = timer
    const word = level * 2 + (slot >> 5)
    this.bits[word] = this.bits[word]! | (1 << (slot & 31))
  }

  private unlink(timer: KernelTimer<Context>): void {
    const { at, next, previous } = timer
    if (next !== null) next.previous = previous
    if (previous !== null) previous.next = next
    else if (at === OVERFLOW) this.overflow = next
    else {
      const level = at >> BITS
      const slot = at & MASK
      this.levels[level]![slot] = next
      if (next === null) this.clearBit(level, slot)
    }
    timer.at = NOWHERE
    timer.next = null
    timer.previous = null
  }

  private clearBit(level: number, slot: number): void {
    const word = level * 2 + (slot >> 5)
    this.bits[word] = this.bits[word]! & ~(1 << (slot & 31))
  }
}

const lowestBit = (low: number, high: number): number => {
  if (low !== 0) return 31 - Math.clz32(low & -low)
  return high === 0 ? -1 : 63 - Math.clz32(high & -high)
}

/**
 * The jiffy at which Linux's wheel without cascades expires a timer (Linux: calc_wheel_index, LVL_BITS 6,
 * LVL_CLK_SHIFT 3): one tick late at level 0, and at the granularity of 8^n ticks from 63 · 8^(n-1) ticks on.
 */
const roundUp = (expires: number, clock: number): number => {
  const delta = expires - clock
  if (delta < 63) return expires + 1
  let granularity = 8
  for (let limit = 63 * 8; delta >= limit && granularity < 16_777_216; limit *= 8) granularity *= 8
  return (Math.floor(expires / granularity) + 1) * granularity
}

const byDeadline = (left: KernelTimer<never>, right: KernelTimer<never>): number =>
  left.expires - right.expires || left.core - right.core || left.sequence - right.sequence
