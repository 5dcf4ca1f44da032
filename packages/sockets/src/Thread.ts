/**
 * A thread whose user code is an Effect fiber.
 *
 *     fiber ── Sys.recv ──▶ invoke: task.begin ── runs at once? ──yes──▶ the result, on the same stack
 *                                │ no
 *                                ▼
 *                 the core goes on; the fiber is suspended in `park` until the call is done
 *                 and virtual time has reached the core's clock; then `resume` gives it the result
 *
 * A fiber that suspends in something else than a system call (a sleep, a queue, a join) gives its core back: its task
 * sleeps, and has to get the core again for its next system call.
 */
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import type { Resumable } from "@darkfiber/sim/Island"
import type { SimFiber } from "@darkfiber/sim/SimFiber"
import { Cause, Context, Effect, Exit, type Fiber } from "effect"
import type { Errno } from "./SystemError.ts"
import { EXIT } from "./ExitCall.ts"
import { runAtOnce } from "./FastPath.ts"
import type { Process } from "./Process.ts"
import type { Scheduler } from "./Scheduler.ts"
import type { SystemCall } from "./SystemCall.ts"
import { CALLS_PER_INSTANT, type Task, type UserSide } from "./Task.ts"

/** Turns the result of a finished call into what user code gets. */
export type Decode = (task: Task) => Effect.Effect<unknown, Errno>

/** The thread of the first fiber of a process; fibers forked in it find their process through it. */
export const CurrentThread: Context.Reference<FiberUser | null> = Context.Reference<FiberUser | null>(
  "@darkfiber/sockets/CurrentThread",
  { defaultValue: () => null }
)

/** Threads of one process made by forking fibers. */
export const THREADS_MAX = 32_768

export class FiberUser implements UserSide {
  readonly leased = false
  readonly scheduler: Scheduler
  readonly fibers: FiberGroup
  fiber: Fiber.Fiber<unknown, unknown> | null
  /** The root fiber of the process: its clock and its random stream. */
  owner: SimFiber | null
  task: Task | null
  /** Suspends the calling fiber until its system call is done. */
  readonly park: Effect.Effect<never>
  decode: Decode
  private readonly name: string
  private readonly effect: Effect.Effect<unknown, unknown>
  private wake: ((effect: Effect.Effect<unknown>) => void) | null
  private readonly settle: Resumable
  /** Threads made by forking, by fiber; of the first thread only. */
  private readonly forked: Map<Fiber.Fiber<unknown, unknown>, Task>

  constructor(scheduler: Scheduler, fibers: FiberGroup, name: string, effect: Effect.Effect<unknown, unknown>) {
    this.scheduler = scheduler
    this.fibers = fibers
    this.name = name
    this.effect = effect
    this.fiber = null
    this.owner = null
    this.task = null
    this.decode = nothing
    this.wake = null
    this.forked = new Map()
    this.settle = { resume: (now) => this.settled(now) }
    const cancel = Effect.suspend(() => this.interrupted())
    this.park = Effect.callback<unknown>((resume) => {
      this.suspend(resume)
      return cancel
    }) as Effect.Effect<never>
  }

  /** Makes the fiber, which waits at once: `resume` lets it begin when the task has got its core. */
  start(task: Task): void {
    this.task = task
    const body = Effect.withFiber((fiber) => {
      this.fiber = fiber
      return Effect.flatMap(this.park, () => this.effect)
    })
    const effect = Effect.provideService(body, CurrentThread, this)
    const onExit = (exit: Exit.Exit<unknown, unknown>): void => this.ended(task, exit)
    this.owner = this.fibers.runtime.fork(this.fibers, this.name, effect, { onExit })
  }

  resume(task: Task, _now: number): void {
    if (this.fibers.dead) return
    const scheduler = this.scheduler
    scheduler.resumed = task
    const wake = this.wake
    if (wake !== null) {
      this.wake = null
      if (this.owner !== null) this.owner.waits--
      wake(this.decode(task) as Effect.Effect<unknown>)
    }
    scheduler.resumed = null
    if (task.inUser) task.runQueue.core.island.resumeLater(this.settle)
  }

  run(): void {}

  kill(_task: Task): void {
    this.fiber?.interruptUnsafe()
  }

  /** The thread of a forked fiber: made at its first system call. */
  threadOf(fiber: Fiber.Fiber<unknown, unknown>): Task | null {
    const known = this.forked.get(fiber)
    if (known !== undefined) return known
    const first = this.task
    const process = first?.process ?? null
    if (first === null || process === null || process.exit !== null || first.exiting) return null
    if (process.threads.length >= THREADS_MAX) return null
    const user = new FiberUser(this.scheduler, this.fibers, this.name, Effect.void)
    const task = process.table.addThread(process, first.name, user)
    if (typeof task === "number") return null
    user.adopt(task, fiber, this.owner)
    this.forked.set(fiber, task)
    fiber.addObserver((exit) => {
      this.forked.delete(fiber)
      task.runQueue.core.island.resumeLater({ resume: () => user.ended(task, exit) })
    })
    return task
  }

  /** The fiber of `task` is over. */
  ended(task: Task, exit: Exit.Exit<unknown, unknown>): void {
    const process = task.process
    if (process === null || task.exiting || this.fibers.dead) return
    if (task.tid === process.pid) {
      if (!task.killed) judge(process, exit)
      process.killThreads(task)
    }
    if (task.killed) {
      // The kernel ends it when it lets go of it; a task that user code held is let go of here.
      this.letGo(task)
      return
    }
    task.exiting = true
    task.begin(EXIT)
    this.letGo(task)
  }

  /** Gives the core back, or asks for it: the task has a call to run. */
  letGo(task: Task): void {
    if (task.inUser) {
      task.inUser = false
      task.runQueue.core.userReturned()
    } else this.scheduler.wakeFromUser(task)
  }

  private adopt(task: Task, fiber: Fiber.Fiber<unknown, unknown>, owner: SimFiber | null): void {
    this.task = task
    this.fiber = fiber
    this.owner = owner
  }

  private suspend(resume: (effect: Effect.Effect<unknown>) => void): void {
    this.wake = resume
    if (this.owner !== null) this.owner.waits++
  }

  /** User code has run and neither called the kernel nor ended: it waits for something else. */
  private settled(now: number): void {
    const task = this.task
    if (task === null || !task.inUser) return
    task.inUser = false
    this.scheduler.sleep(task, now)
    task.runQueue.core.userReturned()
  }

  /** The fiber was interrupted in a system call: as a signal does, it ends the wait; then the fiber goes on. */
  private interrupted(): Effect.Effect<void> {
    const task = this.task
    this.wake = null
    if (this.owner !== null) this.owner.waits--
    if (task === null || task.killed || this.fibers.dead) return Effect.void
    task.signalled = true
    this.decode = interruptDone
    this.scheduler.wakeFromUser(task)
    return Effect.asVoid(Effect.callback<unknown>((resume) => this.suspend(resume)))
  }
}

const nothing: Decode = () => Effect.void

const interruptDone: Decode = (task) => {
  task.signalled = false
  return Effect.void
}

/** Sets why a process ends from how its first fiber did. */
const judge = (process: Process, exit: Exit.Exit<unknown, unknown>): void => {
  if (Exit.isSuccess(exit)) {
    process.code = typeof exit.value === "number" ? exit.value & 0xff : 0
    return
  }
  const cause = exit.cause
  const defect = Cause.hasDies(cause)
  process.reason = defect ? "defect" : Cause.hasFails(cause) ? "failed" : "killed"
  process.code = defect ? 134 : process.reason === "failed" ? 1 : 143
  process.error = Cause.squash(cause)
}

/**
 * The task of the calling fiber; null outside a process, or in one that is no more.
 */
export const taskOf = (fiber: Fiber.Fiber<unknown, unknown>): Task | null => {
  const user = fiber.getRef(CurrentThread)
  if (user === null) return null
  return user.fiber === fiber ? user.task : user.threadOf(fiber)
}

const outside = Effect.die(new Error("a system call outside a process"))
const spins = Effect.die(new Error(`more than ${CALLS_PER_INSTANT} system calls of one thread in one instant`))
const busy = Effect.die(new Error("a thread made a system call while it is in one"))

/** Makes the system call whose arguments stand in `task`. */
export const invoke = (task: Task, call: SystemCall, decode: Decode): Effect.Effect<never, Errno> => {
  const user = task.user as FiberUser
  if (task.killed || task.exiting || user.fibers.dead) return Effect.interrupt
  if (task.call !== null) return busy
  const scheduler = user.scheduler
  const now = scheduler.island.now
  if (task.countedAt !== now) {
    task.countedAt = now
    task.callsNow = 0
  } else if (++task.callsNow > CALLS_PER_INSTANT) return spins
  task.begin(call)
  if (task.inUser) {
    if (scheduler.resumed === task && user.fibers.runtime.scheduler.isIdle && runAtOnce(scheduler, task))
      return decode(task) as Effect.Effect<never, Errno>
    task.inUser = false
    task.runQueue.core.userReturned()
  } else scheduler.wakeFromUser(task)
  user.decode = decode
  return user.park as Effect.Effect<never, Errno>
}

/** Makes a system call from an Effect: `prepare` sets the arguments in the task. */
export const systemCall = <A>(
  call: SystemCall,
  prepare: (task: Task) => void,
  decode: Decode
): Effect.Effect<A, Errno> =>
  Effect.withFiber((fiber) => {
    const task = taskOf(fiber)
    if (task === null) return outside
    prepare(task)
    return invoke(task, call, decode)
  }) as Effect.Effect<A, Errno>
