/**
 * The scheduler of one core (Linux: struct rq, schedule(), kernel/sched/core.c): which task runs, and what a switch
 * costs. A `TaskSource` for the core. Who is next says its `fair` queue: CFS or EEVDF, by the kernel profile.
 *
 *     idle ──task ready──▶ switch ──▶ steps of its system call ──▶ user code ──▶ steps …
 *      ▲                                   │ waits          │ needResched: a tick, a wake-up, sched_yield
 *      └──────── nobody ready ◀── switch ◀─┘                └──▶ switch, back in line
 *
 * A task gives way on its way back to user code, and in user code at once (no kernel preemption). Ticks are at whole
 * multiples of 1/HZ; a core that idles has none. What another core makes runnable arrives when this core's time is there.
 */
import {
  type Core,
  type Preemption,
  SOFTIRQ,
  STEP_HELD,
  STEP_IDLE,
  STEP_MORE,
  STEP_USER,
  SYSTEM,
  type TaskSource,
  USER
} from "@darkfiber/hardware/cpu/Core"
import type { HrTimers } from "@darkfiber/kernel-net/HrTimers"
import { CONTEXT_PROCESS } from "@darkfiber/sim/Trace"
import * as Balance from "./Balance.ts"
import type { Cfs } from "./Cfs.ts"
import type { Eevdf } from "./Eevdf.ts"
import { MOVED } from "./FairQueue.ts"
import * as Points from "./Points.ts"
import type { Scheduler } from "./Scheduler.ts"
import { EXIT } from "./ExitCall.ts"
import { CALL_DONE } from "./SystemCall.ts"
import { ARRIVING, DELAYED, INTERRUPTIBLE, type KernelThread, NOWHERE, READY, RUNNING, Task } from "./Task.ts"

/** Idle times shorter than this on average are no reason to look at other cores (sched_migration_cost_ns). */
const MIGRATION_COST = 500_000

export class RunQueue implements TaskSource, Preemption {
  readonly core: Core
  readonly scheduler: Scheduler
  readonly timers: HrTimers
  readonly ksoftirqd: Task
  readonly fair: Cfs | Eevdf
  /** The task on the core; null while it idles. */
  current: Task | null
  /** Tasks that live on this core, kernel threads apart. */
  tasks: number
  /** Context switches, from and to idle included: vmstat's cs. */
  switches: number
  /** Core time of the next tick; one that has passed while the core had idle time is none. */
  tickAt: number
  /** Core time from which on it may take tasks from other cores although it has some (Balance.ts). */
  balanceAt: number
  /** The step in progress is a span of user code, which may be cut. */
  inUserSpan: boolean
  /** Time of tasks spent on switches away from idle, in ns: the idle task's. */
  idleSystem: number
  private arriving: Task | null
  private lastArriving: Task | null
  private userMark: number
  private systemMark: number
  /** What the current task had run when its virtual time was last brought up to date. */
  private ranMark: number
  private idleSince: number
  private idleAverage: number

  constructor(scheduler: Scheduler, core: Core, timers: HrTimers) {
    this.core = core
    this.scheduler = scheduler
    this.timers = timers
    this.fair = scheduler.newFair()
    this.current = null
    this.tasks = 0
    this.switches = 0
    this.tickAt = 0
    // Spread, so that what one core takes is not taken back by the next in the same tick.
    this.balanceAt = core.index * Balance.INTERVAL * scheduler.profile.busyFactor
    this.inUserSpan = false
    this.idleSystem = 0
    this.arriving = null
    this.lastArriving = null
    this.userMark = core.spent(USER)
    this.systemMark = core.spent(SYSTEM)
    this.ranMark = 0
    this.idleSince = core.time
    this.idleAverage = 2 * MIGRATION_COST
    this.ksoftirqd = new Task(scheduler.newTid(), `ksoftirqd/${core.index}`, null, null, ksoftirqdThread, this)
    this.ksoftirqd.state = INTERRUPTIBLE
    core.tasks = this
    core.preemption = this
  }

  /** Nothing runs, waits or is on its way (Linux: available_idle_cpu). Soft IRQs may run. */
  get isIdle(): boolean {
    return this.current === null && this.fair.ready === 0 && this.arriving === null
  }

  /** Weight of what runs and waits here. */
  get load(): number {
    return this.fair.load + (this.current === null ? 0 : this.current.weight)
  }

  /**
   * A task becomes runnable here at `at`.
   *
   * @param from the core whose code does it; null for the process phase
   * @param why WOKEN, FORKED or MOVED
   */
  enqueue(task: Task, at: number, from: Core | null, why: number): void {
    task.readyAt = at
    // Not yet switched away, and nobody makes it wait for a later time: it simply goes on.
    if (task === this.current && at <= this.core.time) return
    const now = this.core.island.now
    if (from === this.core || at <= now) {
      this.activate(task, at, why)
      return
    }
    if (task.where === DELAYED) {
      this.update(now)
      this.fair.finish(task)
    }
    task.where = ARRIVING
    task.why = why
    task.next = null
    if (this.lastArriving === null) this.arriving = task
    else this.lastArriving.next = task
    this.lastArriving = task
  }

  arrive(now: number): void {
    let task = this.arriving
    if (task === null) return
    this.arriving = null
    this.lastArriving = null
    while (task !== null) {
      const next: Task | null = task.next
      task.next = null
      task.where = NOWHERE
      if (task.readyAt > now) this.enqueue(task, task.readyAt, null, task.why)
      else if (task !== this.current) this.activate(task, now, task.why) // else it has not yet been switched away
      task = next
    }
  }

  cut(core: Core, left: number): boolean {
    const task = this.current
    if (task === null || !this.inUserSpan || task.call === null || task.call.point >= 0) return false
    task.moved -= core.slowness === 1 ? left : Math.round(left / core.slowness)
    return true
  }

  step(core: Core): number {
    this.inUserSpan = false
    const task = this.current
    if (task === null) return this.leaveIdle(core)
    if (core.time >= this.tickAt) this.tick(core)
    if (task.state !== RUNNING || task.where === ARRIVING) return this.leave(core, task)
    if (task.moveTo !== null) return this.moveAway(core, task, task.moveTo)
    if (core.needResched && mayGiveWay(task) && this.reschedule(core, task)) return STEP_MORE
    if (task.call !== null) {
      if (task.step(core) === CALL_DONE) task.finish(core)
      return STEP_MORE
    }
    if (task.kernel !== null) {
      if (!task.kernel.step(core)) this.scheduler.sleep(task, core.time)
      return STEP_MORE
    }
    return this.toUser(core, task)
  }

  wakeKsoftirqd(core: Core): void {
    this.scheduler.tryToWakeUp(this.ksoftirqd, core)
  }

  /** What comes between two steps of the current task. True when it has to give way now, or at least to look. */
  mustYield(core: Core): boolean {
    if (core.time >= this.tickAt) this.tick(core)
    return core.needResched && mayGiveWay(this.current as Task)
  }

  /** Brings the virtual time of the current task up to `at` (Linux: update_curr). True: it is time to choose again. */
  update(at: number): boolean {
    if (this.fair.current === null) return false
    const ran = this.ran(at)
    const ns = ran - this.ranMark
    if (ns <= 0) return false
    this.ranMark = ran
    return this.fair.update(ns)
  }

  /** Linux: do_sched_yield, for the current task. */
  yield(core: Core): void {
    if (this.fair.ready === 0) return
    this.update(core.time)
    this.fair.yield()
    core.needResched = true
  }

  /** A task of this core gets another nice value, from user code or a system call, at `at`. */
  reweight(task: Task, weight: number, at: number): void {
    this.update(at)
    const lighter = weight < task.weight
    this.fair.reweight(task, weight)
    if (this.current === task ? lighter : task.where === READY && this.wouldPreempt(task)) this.core.needResched = true
  }

  /** Books what the core has spent since the last call to `task`, or to the idle task. */
  account(task: Task | null): void {
    const user = this.core.spent(USER)
    const system = this.core.spent(SYSTEM)
    if (task === null) this.idleSystem += system - this.systemMark + (user - this.userMark)
    else {
      task.userTime += user - this.userMark
      task.systemTime += system - this.systemMark
    }
    this.userMark = user
    this.systemMark = system
  }

  private toUser(core: Core, task: Task): number {
    const user = task.user
    if (task.exiting || user === null) {
      this.scheduler.bury(task, core)
      return STEP_MORE
    }
    if (task.killed) {
      task.exiting = true
      task.begin(EXIT)
      return STEP_MORE
    }
    if (core.time > core.island.now) {
      if (!user.leased || !core.island.quietUntil(core.time)) return STEP_USER
      user.run(task, core)
      return STEP_MORE
    }
    task.inUser = true
    core.island.resumeLater(task)
    return STEP_HELD
  }

  private activate(task: Task, at: number, why: number): void {
    const over = this.update(at)
    if (task.where === DELAYED) this.fair.requeue(task)
    else this.fair.enqueue(task, why)
    if (this.current === null || over || this.wouldPreempt(task)) this.core.needResched = true
  }

  private wouldPreempt(task: Task): boolean {
    const { current, fair } = this
    if (current === null || current.state !== RUNNING || fair.current === null || this.core.needResched) return false
    return fair.preempts(task)
  }

  /** Linux: scheduler_tick. */
  private tick(core: Core): void {
    const { tickNs } = this.scheduler
    this.tickAt = (Math.floor(core.time / tickNs) + 1) * tickNs
    this.account(this.current)
    if (this.update(core.time) || this.fair.tick()) core.needResched = true
    if (this.scheduler.waiting > 0) Balance.tick(this, core.time)
  }

  /** What the current task has run by `at`, in ns. */
  private ran(at: number): number {
    const { core } = this
    let ran = core.spent(USER) + core.spent(SYSTEM) - core.taskLeft
    // Its soft IRQs are its work; those of other tasks' time are not theirs.
    if (this.current === this.ksoftirqd) ran += core.spent(SOFTIRQ)
    return core.context === CONTEXT_PROCESS && core.time > at ? ran - (core.time - at) : ran
  }

  private leaveIdle(core: Core): number {
    core.needResched = false
    const next = this.fair.choose()
    if (next === null) return STEP_IDLE
    const idle = core.time - this.idleSince
    this.idleAverage = Math.min(this.idleAverage + (idle - this.idleAverage) / 8, 2 * MIGRATION_COST)
    this.switchTo(core, null, next)
    return STEP_MORE
  }

  /** The current task waits, or is gone. */
  private leave(core: Core, task: Task): number {
    this.update(core.time)
    this.fair.leave(true)
    task.voluntary++
    return this.switchTo(core, task, this.chooseNext(core))
  }

  /** The next task, taken from another core if there is none here (Linux: newidle_balance). */
  private chooseNext(core: Core): Task | null {
    const next = this.fair.choose()
    if (next !== null || this.scheduler.waiting === 0 || this.idleAverage < MIGRATION_COST) return next
    return Balance.pull(this, core.time) ? this.fair.choose() : null
  }

  /** Linux: schedule(), of a task that could go on. False when it does. */
  private reschedule(core: Core, task: Task): boolean {
    this.update(core.time)
    core.needResched = false
    const next = this.fair.choose()
    if (next === task || next === null) {
      this.fair.again()
      return false
    }
    task.involuntary++
    task.readyAt = core.time
    this.scheduler.preemptions++
    this.fair.putBack()
    this.switchTo(core, task, next)
    return true
  }

  /** The current task may no longer run here (Linux: migration_cpu_stop). */
  private moveAway(core: Core, task: Task, to: RunQueue): number {
    this.update(core.time)
    this.fair.leave(false)
    task.involuntary++
    this.switchTo(core, task, this.chooseNext(core))
    task.moveTo = null
    this.giveTo(task, to)
    to.enqueue(task, core.time, core, MOVED)
    to.core.kick(core.time)
    return STEP_MORE
  }

  private switchTo(core: Core, from: Task | null, next: Task | null): number {
    core.needResched = false
    if (next !== null) this.fair.take(next)
    this.current = next
    this.ranMark = this.ran(core.time)
    this.switches++
    core.visit(
      Points.CONTEXT_SWITCH,
      -1,
      -1,
      0,
      (from === null ? 0 : from.tid) * TID_SPAN + (next === null ? 0 : next.tid)
    )
    this.account(from)
    if (next === null) this.idleSince = core.time
    return STEP_MORE
  }

  /** The books: a task lives on another core from now on. */
  giveTo(task: Task, to: RunQueue): void {
    task.runQueue = to
    task.migrations++
    this.tasks--
    to.tasks++
  }
}

/** The task is on its way to user code, or in it, or a kernel thread between two pieces of work. */
const mayGiveWay = (task: Task): boolean => task.call === null || task.call.point < 0

/** In the detail of a context switch: the task left times this, plus the task entered; 0 is idle. */
export const TID_SPAN = 4_194_304

const ksoftirqdThread: KernelThread = {
  step: (core: Core): boolean => core.ksoftirqdStep()
}
