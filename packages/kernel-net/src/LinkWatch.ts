/**
 * From light on a cable to what the kernel makes of it: queues emptied or opened, IFF_RUNNING, the news to the bridge. At most
 * once a second, so that a flapping link does not keep the kernel busy; except that a device whose queues are closed opens at
 * once, and a virtual one is always handled at once.
 *
 *     carrier off ─▶ more than a second since the last time? ─ yes ─▶ at once
 *                                                            └ no ──▶ when the second is over; back by then: nothing happened
 *     carrier on, queues closed ─▶ at once
 *
 * Linux: net/core/link_watch.c. Differs: "at once" is the same instant, where Linux wakes a kernel thread.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Host } from "./Host.ts"
import type { NetDevice } from "./NetDevice.ts"
import { KernelTimer, type TimerOwner } from "./Timers.ts"

/** Carries an event out. */
export type Handler = (core: Core | null, dev: NetDevice) => void

export class LinkWatch implements TimerOwner {
  private readonly host: Host
  private readonly handle: Handler
  private readonly timer: KernelTimer
  /** Devices whose light has changed since they were handled, in that order. */
  private pending: ReadonlyArray<NetDevice>
  private isArmed: boolean
  /** Jiffy before which events that can wait do. */
  private next: number

  constructor(host: Host, handle: Handler) {
    this.host = host
    this.handle = handle
    this.timer = new KernelTimer(this)
    this.pending = []
    this.isArmed = false
    this.next = 0
  }

  /** The light of `dev` has come or gone. Linux: linkwatch_fire_event */
  fire(dev: NetDevice): void {
    const urgent = isUrgent(dev)
    if (!this.pending.includes(dev)) this.pending = [...this.pending, dev]
    else if (!urgent) return
    const wait = this.next - this.jiffy(this.host.island.now)
    if (urgent || wait <= 0) this.run(null, wait > 0)
    else this.arm(wait)
  }

  expire(core: Core): void {
    this.isArmed = false
    this.run(core, this.next > this.jiffy(core.time))
  }

  lender(): null {
    return null
  }

  /** Linux: __linkwatch_run_queue */
  private run(core: Core | null, urgentOnly: boolean): void {
    const now = this.jiffy(core === null ? this.host.island.now : core.time)
    if (!urgentOnly) this.next = now + this.host.profile.hz
    const events = this.pending
    this.pending = urgentOnly ? events.filter((dev) => !isUrgent(dev)) : []
    for (const dev of events) if (!this.pending.includes(dev) && dev.registered) this.handle(core, dev)
    if (this.pending.length > 0) this.arm(this.next - now)
  }

  private arm(jiffies: number): void {
    if (this.isArmed) return
    this.isArmed = true
    const { island, timers } = this.host
    timers.arm(this.timer, island.now + jiffies * timers.jiffyNanos, 0)
  }

  private jiffy(time: number): number {
    return this.host.timers.jiffyAt(time)
  }
}

/** Linux: linkwatch_urgent_event. */
const isUrgent = (dev: NetDevice): boolean =>
  dev.isUp() && (dev.ops.isStacked === true || (dev.carrier && dev.isClosed))
