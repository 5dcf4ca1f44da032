/**
 * The scheduler of one core (Linux: struct rq, schedule(), kernel/sched/core.c): which task runs, and what a switch
 * costs. A `TaskSource` for the core.
 *
 *     idle ──task ready──▶ switch ──▶ steps of its system call ──▶ user code ──▶ steps …
 *      ▲                                   │ waits          │ slice over, another ready
 *      └──────── nobody ready ◀── switch ◀─┘                └──▶ switch, back in line
 *
 * Tasks take turns in the order in which they became runnable (round robin); Linux's fair clock is not modelled. A task
 * that is made runnable does not displace the one that runs: it waits for the end of its slice.
 */
import {
  type Core,
  STEP_HELD,
  STEP_IDLE,
  STEP_MORE,
  STEP_USER,
  SYSTEM,
  type TaskSource,
  USER
} from "@darkfiber/hardware/cpu/Core"
import type { HrTimers } from "@darkfiber/kernel-net/HrTimers"
import * as Points from "./Points.ts"
import type { Scheduler } from "./Scheduler.ts"
import { EXIT } from "./ExitCall.ts"
import { CALL_DONE } from "./SystemCall.ts"
import { type KernelThread, RUNNING, INTERRUPTIBLE, Task } from "./Task.ts"

export class RunQueue implements TaskSource {
  readonly core: Core
  readonly scheduler: Scheduler
  readonly timers: HrTimers
  readonly ksoftirqd: Task
  /** The task on the core; null while it idles. */
  current: Task | null
  head: Task | null
  tail: Task | null
  /** Tasks that wait for the core. */
  count: number
  /** Tasks that live on this core, kernel threads apart. */
  tasks: number
  /** Context switches, from and to idle included: vmstat's cs. */
  switches: number
  /** Core time at which the current task's slice ends. */
  sliceEnd: number
  /** Time of tasks spent on switches away from idle, in ns: the idle task's. */
  idleSystem: number
  private userMark: number
  private systemMark: number

  constructor(scheduler: Scheduler, core: Core, timers: HrTimers) {
    this.core = core
    this.scheduler = scheduler
    this.timers = timers
    this.current = null
    this.head = null
    this.tail = null
    this.count = 0
    this.tasks = 0
    this.switches = 0
    this.sliceEnd = 0
    this.idleSystem = 0
    this.userMark = core.spent(USER)
    this.systemMark = core.spent(SYSTEM)
    this.ksoftirqd = new Task(scheduler.newTid(), `ksoftirqd/${core.index}`, null, null, ksoftirqdThread, this)
    this.ksoftirqd.state = INTERRUPTIBLE
    core.tasks = this
  }

  /** A task of this core becomes runnable at `at`. */
  enqueue(task: Task, at: number): void {
    task.readyAt = at
    // Not yet switched away, and nobody makes it wait for a later time: it simply goes on.
    if (task === this.current && at <= this.core.time) return
    task.queued = true
    task.next = null
    if (this.tail === null) this.head = task
    else this.tail.next = task
    this.tail = task
    this.count++
    if (this.current === null) this.core.needResched = true
  }

  step(core: Core): number {
    const task = this.current
    if (task === null) return this.leaveIdle(core)
    if (task.state !== RUNNING || task.queued) return this.leave(core, task)
    if (task.moveTo !== null) return this.moveAway(core, task, task.moveTo)
    if (this.count > 0 && this.mustYield(core)) {
      task.involuntary++
      this.scheduler.preemptions++
      this.current = null
      this.enqueue(task, core.time)
      return this.switchTo(core, task, this.take(core))
    }
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

  /** True when the slice of the current task is over and another one may run. */
  mustYield(core: Core): boolean {
    if (core.time < this.sliceEnd || !this.hasReady(core.time)) return false
    // A round of soft IRQs in ksoftirqd runs with bottom halves off: nothing displaces it.
    return this.current !== this.ksoftirqd || !core.isInSoftirq
  }

  hasReady(time: number): boolean {
    for (let task = this.head; task !== null; task = task.next) if (task.readyAt <= time) return true
    return false
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

  private leaveIdle(core: Core): number {
    const next = this.take(core)
    if (next === null) return STEP_IDLE
    this.charge(core, null, next)
    this.start(core, next)
    return STEP_MORE
  }

  /** The current task waits, or is gone. */
  private leave(core: Core, task: Task): number {
    const next = this.take(core)
    if (next === task) {
      this.start(core, task)
      return STEP_MORE
    }
    task.voluntary++
    return this.switchTo(core, task, next)
  }

  /** The current task may no longer run here (Linux: migration_cpu_stop). */
  private moveAway(core: Core, task: Task, to: RunQueue): number {
    const next = this.take(core)
    task.involuntary++
    this.switchTo(core, task, next)
    task.moveTo = null
    task.runQueue = to
    this.tasks--
    to.tasks++
    to.enqueue(task, core.time)
    to.core.kick(core.time)
    return STEP_MORE
  }

  private switchTo(core: Core, task: Task, next: Task | null): number {
    this.charge(core, task, next)
    if (next === null) {
      this.current = null
      core.needResched = false
    } else this.start(core, next)
    return STEP_MORE
  }

  private charge(core: Core, from: Task | null, to: Task | null): void {
    this.switches++
    core.visit(Points.CONTEXT_SWITCH, -1, -1, 0, (from === null ? 0 : from.tid) * TID_SPAN + (to === null ? 0 : to.tid))
    this.account(from)
  }

  private start(core: Core, task: Task): void {
    this.current = task
    core.needResched = false
    this.sliceEnd = core.time + this.scheduler.slice(this.count + 1)
  }

  /** The first task in line that may run by now; asks to be called again when one only may later. */
  private take(core: Core): Task | null {
    let previous: Task | null = null
    let earliest = Infinity
    for (let task = this.head; task !== null; task = task.next) {
      if (task.readyAt <= core.time) {
        this.unlink(previous, task)
        return task
      }
      if (task.readyAt < earliest) earliest = task.readyAt
      previous = task
    }
    if (earliest !== Infinity) core.kick(earliest)
    return null
  }

  private unlink(previous: Task | null, task: Task): void {
    if (previous === null) this.head = task.next
    else previous.next = task.next
    if (this.tail === task) this.tail = previous
    task.next = null
    task.queued = false
    this.count--
  }
}

/** In the detail of a context switch: the task left times this, plus the task entered; 0 is idle. */
export const TID_SPAN = 4_194_304

const ksoftirqdThread: KernelThread = {
  step: (core: Core): boolean => core.ksoftirqdStep()
}
