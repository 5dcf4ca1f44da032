/**
 * struct task_struct: a thread. What runs in user mode is a fiber, a leased program, or nothing (kernel threads).
 *
 *     user code ──system call──▶ call !== null, steps ──▶ call === null, result ──▶ user code
 *                                    │ CALL_BLOCK             (at the core's time)
 *                                    ▼
 *                              INTERRUPTIBLE ──wake-up──▶ RUNNING, in the run queue ──switch──▶ retry
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Resumable } from "@darkfiber/sim/Island"
import type { File } from "./Files.ts"
import type { Message } from "./Message.ts"
import { HrTimer, type TimerFunction } from "@darkfiber/kernel-net/HrTimers"
import * as Points from "./Points.ts"
import { NICE_0_WEIGHT, weightOf } from "./Nice.ts"
import type { Process } from "./Process.ts"
import type { RunQueue } from "./RunQueue.ts"
import { CALL_BLOCK, done, type SystemCall } from "./SystemCall.ts"
import { WaitEntry, type WaitQueue, type WakeFunction } from "./WaitQueue.ts"

/** On a core or in a run queue (R). */
export const RUNNING = 0
/** Waits and can be interrupted (S). */
export const INTERRUPTIBLE = 1
/** Waits and cannot (D). */
export const UNINTERRUPTIBLE = 2
/** Gone. */
export const DEAD = 16
/** Made, not yet started. */
export const NEW = 2048

/** In no list: it runs, sleeps or is gone. */
export const NOWHERE = 0
/** In the list of its core. */
export const READY = 1
/** Made runnable by another core, for a time its own core has not reached. */
export const ARRIVING = 2
/** Asleep, and in the list of its core until its debt has melted away (EEVDF's DELAY_DEQUEUE). */
export const DELAYED = 3

/** State letters as ps prints them. */
export const stateLetter = (state: number): string =>
  state === RUNNING || state === NEW ? "R" : state === INTERRUPTIBLE ? "S" : state === UNINTERRUPTIBLE ? "D" : "X"

/** No time-out. */
export const FOREVER = Infinity

/** The user side of a thread. */
export interface UserSide {
  /** The task exists and will soon get its core. */
  start(task: Task): void
  /** Process phase: runs user code until it has made a system call, parked or ended. */
  resume(task: Task, now: number): void
  /** A plain program that the core may run without the process phase; false for fibers. */
  readonly leased: boolean
  /** Runs a leased program on the core, up to its next system call. */
  run(task: Task, core: Core): void
  /** The task is to die: what waits on the user side ends. In the process phase. */
  kill(task: Task): void
}

/** A kernel thread: one step of it. Returns true while it has more to do. */
export interface KernelThread {
  step(core: Core): boolean
}

/** System calls one thread may make in one instant; more is a program that spins without virtual time passing. */
export const CALLS_PER_INSTANT = 100_000

export class Task implements Resumable {
  /** Thread id; the first thread of a process has its process's. */
  readonly tid: number
  readonly name: string
  /** Null for kernel threads. */
  readonly process: Process | null
  readonly user: UserSide | null
  readonly kernel: KernelThread | null
  /** Its core's run queue. */
  runQueue: RunQueue
  /** Indexes of the cores it may use; null for all. */
  affinity: ReadonlyArray<number> | null
  /** The run queue it has to move to after this step. */
  moveTo: RunQueue | null
  state: number
  nice: number
  /** Of its nice value (Nice.ts). */
  weight: number
  /** Virtual run time in ns: time it has run, times NICE_0_WEIGHT / weight. */
  vruntime: number
  /** EEVDF: virtual time at which it is to have had its slice. */
  deadline: number
  /** EEVDF: what it was owed when it left its queue, in virtual ns. */
  vlag: number
  /** `vruntime` (CFS) or `deadline` (EEVDF) is a distance: it is between two queues. */
  relative: boolean
  /** NOWHERE, READY, ARRIVING or DELAYED. */
  where: number
  /** Why it arrives: WOKEN, FORKED or MOVED. */
  why: number
  /** Next in the list it is in. */
  next: Task | null
  /** It may not run before this core time: when it was made runnable, or last gave its core away. */
  readyAt: number
  /** Changes of core (nr_migrations). */
  migrations: number
  /** Switches away because it waited (nvcsw), and because its slice ended (nivcsw). */
  voluntary: number
  involuntary: number
  /** Wake-ups that found it asleep. */
  wakeups: number
  userTime: number
  systemTime: number

  /** The system call in progress. */
  call: SystemCall | null
  entered: boolean
  /** Progress of the call, 0 at its start; the call's own. */
  phase: number
  r0: number
  r1: number
  r2: number
  r3: number
  r4: number
  r5: number
  /** Family of the address in r4 and r5. */
  addressFamily: number
  /** Bytes moved, entries looked at: the call's own. */
  moved: number
  /** The file the call works on, held while it does. */
  file: File | null
  /** An argument that is no number: a buffer, a list. */
  argument: unknown
  /** The message of a sendmsg or recvmsg. */
  message: Message | null
  /** Messages of a sendmmsg or recvmmsg that are through. */
  messages: number
  result: number
  /** A result that is no number. */
  value: unknown
  /** User code runs, in the process phase, on the core that is held for it. */
  inUser: boolean

  /** Its place on the queue it waits on, with autoremove_wake_function unless a call sets another. */
  readonly waiter: WaitEntry
  readonly timer: HrTimer
  /** When the wait of the call in progress ends; below 0 before the first wait. */
  waitUntil: number
  timedOut: boolean
  /** A signal or an interrupt of its fiber is to end the wait. */
  signalled: boolean
  /** It is to die as soon as the kernel lets go of it. */
  killed: boolean
  /** Its exit is under way, or done. */
  exiting: boolean
  /** System calls made in all, and in the instant `countedAt`. */
  calls: number
  callsNow: number
  countedAt: number

  constructor(
    tid: number,
    name: string,
    process: Process | null,
    user: UserSide | null,
    kernel: KernelThread | null,
    runQueue: RunQueue
  ) {
    this.tid = tid
    this.name = name
    this.process = process
    this.user = user
    this.kernel = kernel
    this.runQueue = runQueue
    this.affinity = null
    this.moveTo = null
    this.state = NEW
    this.nice = 0
    this.weight = NICE_0_WEIGHT
    this.vruntime = 0
    this.deadline = 0
    this.vlag = 0
    this.relative = false
    this.where = NOWHERE
    this.why = 0
    this.next = null
    this.readyAt = 0
    this.migrations = 0
    this.voluntary = 0
    this.involuntary = 0
    this.wakeups = 0
    this.userTime = 0
    this.systemTime = 0
    this.call = null
    this.entered = false
    this.phase = 0
    this.r0 = 0
    this.r1 = 0
    this.r2 = 0
    this.r3 = 0
    this.r4 = 0
    this.r5 = 0
    this.addressFamily = 0
    this.moved = 0
    this.file = null
    this.argument = null
    this.message = null
    this.messages = 0
    this.result = 0
    this.value = null
    this.inUser = false
    this.waiter = new WaitEntry(autoremoveWakeFunction, this)
    this.timer = new HrTimer(timeoutFunction, this)
    this.waitUntil = -1
    this.timedOut = false
    this.signalled = false
    this.killed = false
    this.exiting = false
    this.calls = 0
    this.callsNow = 0
    this.countedAt = -1
  }

  /** Of a task that has not yet started; of others see `Scheduler.setNice`. Precondition: NICE_MIN <= nice <= NICE_MAX. */
  setNice(nice: number): void {
    this.nice = nice
    this.weight = weightOf(nice)
  }

  /** Registers the next system call; the arguments have been set. */
  begin(call: SystemCall): void {
    this.call = call
    this.entered = false
    this.phase = 0
    this.moved = 0
    this.waitUntil = -1
    this.timedOut = false
    this.calls++
  }

  /** Runs one step of the call in progress. */
  step(core: Core): number {
    const call = this.call as SystemCall
    if (!this.entered) {
      this.entered = true
      if (call.point >= 0) core.enter(call.point)
    } else if (this.waiter.queue !== null) this.waiter.remove()
    return call.step(core, this)
  }

  /** Ends the call in progress: its result waits for user code. */
  finish(core: Core): void {
    const call = this.call as SystemCall
    this.call = null
    this.argument = null
    this.message = null
    this.messages = 0
    if (this.timer.base !== null) this.timer.cancel()
    if (this.waiter.queue !== null) this.waiter.remove()
    this.waiter.func = autoremoveWakeFunction
    const fingerprint = core.island.fingerprint
    fingerprint.time(core.time)
    fingerprint.word(this.tid)
    fingerprint.word((call.name.length << 24) ^ this.result)
  }

  /**
   * Goes to sleep on `queue`, in the call in progress (Linux: prepare_to_wait and schedule_timeout).
   *
   * @param exclusive one wake-up wakes only one of the exclusive waiters
   * @param timeout ns from the first wait of this call on; FOREVER without limit, 0 for a call that does not block
   * @returns CALL_BLOCK; or CALL_DONE with -EAGAIN when the time is over, -EINTR when a signal came
   */
  waitOn(core: Core, queue: WaitQueue, exclusive: boolean, timeout: number): number {
    const verdict = this.mayWait(core, timeout)
    if (verdict !== CALL_BLOCK) return verdict
    if (exclusive) queue.addExclusive(this.waiter)
    else queue.add(this.waiter)
    return CALL_BLOCK
  }

  /** As `waitOn`, without a queue: only the time-out or a signal ends it. */
  mayWait(core: Core, timeout: number): number {
    if (timeout === 0 || this.timedOut) return done(this, -Errno.EAGAIN)
    if (this.signalled) return done(this, -Errno.EINTR)
    if (timeout !== FOREVER && this.waitUntil < 0) {
      this.waitUntil = core.time + timeout
      this.runQueue.timers.arm(this.timer, this.waitUntil)
    }
    this.runQueue.scheduler.sleep(this, core.time)
    return CALL_BLOCK
  }

  /** Process phase. */
  resume(now: number): void {
    if (this.state === DEAD || this.user === null) return
    this.user.resume(this, now)
  }
}

/** The time of a wait is over (Linux: hrtimer_wakeup, process_timeout). */
const timeoutFunction: TimerFunction = {
  expired(timer: HrTimer, core: Core): void {
    const task = timer.owner as Task
    task.timedOut = true
    task.runQueue.scheduler.tryToWakeUp(task, core)
  }
}

/** Wakes the task of the entry (Linux: default_wake_function). The entry stays until its task takes it out. */
export const defaultWakeFunction: WakeFunction = {
  name: "default_wake_function",
  wake(entry: WaitEntry, core: Core): number {
    core.enter(Points.DEFAULT_WAKE_FUNCTION)
    const task = entry.owner as Task
    return task.runQueue.scheduler.tryToWakeUp(task, core)
  }
}

/** Wakes the task of the entry and takes the entry out (Linux: autoremove_wake_function). */
export const autoremoveWakeFunction: WakeFunction = {
  name: "autoremove_wake_function",
  wake(entry: WaitEntry, core: Core): number {
    core.enter(Points.AUTOREMOVE_WAKE_FUNCTION)
    const task = entry.owner as Task
    const woken = task.runQueue.scheduler.tryToWakeUp(task, core)
    if (woken > 0) entry.remove()
    return woken
  }
}
