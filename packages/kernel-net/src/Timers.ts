/**
 * Kernel timers of a host: sim's wheel, run in TIMER soft IRQ on the core that armed them.
 *
 *     wheel: due timers of a jiffy → per core list → local timer interrupt → TIMER soft IRQ: one timer a step
 *
 * Jiffies without a due timer cost nothing (NO_HZ). Linux: run_timer_softirq, __run_timers (kernel/time/timer.c).
 */
import type { Core, InterruptHandler } from "@darkfiber/hardware/cpu/Core"
import { type SoftirqHandler, TIMER } from "@darkfiber/hardware/cpu/Softirq"
import type { Schedulable } from "@darkfiber/sim/Actor"
import type { Island } from "@darkfiber/sim/Island"
import * as Wheel from "@darkfiber/sim/TimerWheel"
import { LOCAL_TIMER_INTERRUPT, RUN_TIMER_SOFTIRQ } from "./Points.ts"

/** What a timer calls. */
export interface TimerOwner {
  expire(core: Core, timer: KernelTimer): void
  /** Whose function this is: a throw in it is the defect of that actor. Null: of the core that runs it. */
  lender(timer: KernelTimer): Schedulable | null
}

/** A timer that calls its owner (Linux: struct timer_list). */
export class KernelTimer extends Wheel.KernelTimer<Core> {
  private readonly owner: TimerOwner

  constructor(owner: TimerOwner) {
    super()
    this.owner = owner
  }

  override fire(core: Core): void {
    const { island } = core
    const before = island.inside
    island.inside = this.owner.lender(this)
    this.owner.expire(core, this)
    island.inside = before
  }
}

/** Due timers of one core. */
class CoreTimers implements SoftirqHandler, InterruptHandler {
  readonly core: Core
  readonly line: number
  private readonly timers: HostTimers
  private readonly due: Array<Wheel.KernelTimer<Core>>
  private next: number

  constructor(timers: HostTimers, core: Core) {
    this.timers = timers
    this.core = core
    this.line = core.requestIrq(this)
    this.due = []
    this.next = 0
  }

  add(timer: Wheel.KernelTimer<Core>): void {
    this.due.push(timer)
  }

  /** Linux: local_apic_timer_interrupt, run_local_timers. */
  interrupt(core: Core): void {
    core.enter(LOCAL_TIMER_INTERRUPT)
    core.raiseSoftirq(TIMER)
  }

  /** One timer. */
  step(core: Core): boolean {
    if (this.next === 0) core.enter(RUN_TIMER_SOFTIRQ)
    const timer = this.due[this.next]
    if (timer === undefined) {
      this.due.length = 0
      this.next = 0
      return false
    }
    this.next++
    this.timers.wheel.run(timer, core)
    return true
  }

  clear(): void {
    this.due.length = 0
    this.next = 0
  }
}

export class HostTimers implements Wheel.TimerOwner<Core> {
  /** For owners with timers of their own kind (TCP): arm and disarm there, in jiffies. */
  readonly wheel: Wheel.TimerWheel<Core>
  private readonly perCore: ReadonlyArray<CoreTimers>

  constructor(island: Island, name: string, cores: ReadonlyArray<Core>, options: Wheel.TimerOptions) {
    this.wheel = new Wheel.TimerWheel<Core>(island, name, this, options)
    this.perCore = cores.map((core) => new CoreTimers(this, core))
    for (const timers of this.perCore) timers.core.openSoftirq(TIMER, timers)
  }

  /** Nanoseconds of a jiffy. */
  get jiffyNanos(): number {
    return this.wheel.tick
  }

  /** Jiffies at `time`. */
  jiffyAt(time: number): number {
    return this.wheel.jiffies(time)
  }

  /**
   * Arms, or re-arms, as `mod_timer(jiffies + delta)` does: `delta` is the time to `at` in whole jiffies, rounded up.
   *
   * @param at ns
   */
  arm(timer: KernelTimer, at: number, coreIndex: number): void {
    const core = this.perCore[coreIndex]!.core
    const now = core.time > core.island.now ? core.time : core.island.now
    this.wheel.arm(timer, this.wheel.jiffies(now) + Math.ceil((at - now) / this.wheel.tick), coreIndex, now)
  }

  /** Linux: del_timer. */
  cancel(timer: KernelTimer): void {
    this.wheel.disarm(timer)
  }

  expire(_jiffy: number, due: ReadonlyArray<Wheel.KernelTimer<Core>>): void {
    for (let i = 0; i < due.length; i++) {
      const timer = due[i]!
      const timers = this.perCore[timer.core]!
      timers.add(timer)
      timers.core.raiseIrq(timers.line, timers.core.island.now)
    }
  }

  /** Forgets what is due: the crash of a host (the wheel is an actor of its own). */
  clear(): void {
    for (const timers of this.perCore) timers.clear()
  }
}
