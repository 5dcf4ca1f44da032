/** A timer of a {@link SimpleHost}: exact, or in jiffies as the kernel's wheel has it. */
import type { SimpleClock } from "./SimpleClock.ts"
import type { TcpTimer, TimerOwner } from "./TcpHost.ts"

export class SimpleTimer implements TcpTimer {
  deadline: number
  /** When the clock will look at it; below 0 when it will not. */
  private lookAt: number
  private readonly clock: SimpleClock
  private readonly owner: TimerOwner
  private readonly kind: number
  /** 0 for an exact timer. */
  private readonly jiffyNanos: number

  constructor(clock: SimpleClock, owner: TimerOwner, kind: number, jiffyNanos: number) {
    this.deadline = -1
    this.lookAt = -1
    this.clock = clock
    this.owner = owner
    this.kind = kind
    this.jiffyNanos = jiffyNanos
  }

  arm(at: number): void {
    this.set(this.jiffyNanos === 0 ? at : this.tickAfter(at))
  }

  /** The kernel's wheel counts whole jiffies from the last tick and runs a timer one later (Linux: calc_wheel_index). */
  private tickAfter(at: number): number {
    const jiffy = this.jiffyNanos
    const now = this.clock.now
    return (Math.floor(now / jiffy) + Math.max(0, Math.ceil((at - now) / jiffy)) + 1) * jiffy
  }

  private set(at: number): void {
    this.deadline = at
    if (this.lookAt >= 0 && this.lookAt <= at) return
    this.lookAt = Math.max(at, this.clock.now)
    this.clock.at(this.lookAt, this)
  }

  cancel(): void {
    this.deadline = -1
  }

  run(): void {
    if (this.lookAt !== this.clock.now) return
    this.lookAt = -1
    if (this.deadline < 0) return
    if (this.deadline > this.clock.now) {
      this.set(this.deadline)
      return
    }
    this.deadline = -1
    this.owner.onTimer(this.kind)
  }
}
