/**
 * Effect's scheduler in virtual time: one first-in-first-out list for all fibers of a run, drained to empty after each
 * resume and before anything else of the simulation runs. Nothing here uses a timer or a microtask.
 *
 * It is also the guard. Effect asks `shouldYield` before each operation, so a fiber that runs while the sim kernel is
 * not resuming was woken by something outside (a Promise, a timer, a callback of the host program). Such a fiber is
 * frozen, because what it would do next depends on wall time, and the run's defects name it.
 */
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type { World } from "./World.ts"

/** Fibers that may start on the stack of one wake; further ones go through the list, so that no chain overflows it. */
export const NESTED_WAKES = 64
/** Tasks that may run after one resume. More means fibers that wake each other for ever without time passing. */
export const TASKS_PER_RESUME = 1_000_000
/** Effect operations one fiber may take without suspending. */
export const OPERATIONS_PER_RESUME = 20_000_000
/** The last wakes before the limit show which fibers wake each other. */
const WAKES_NAMED = 100

/** Who a fiber belongs to, for a report. */
export interface FiberNames {
  nameOf(fiber: Fiber.Fiber<unknown, unknown> | undefined): string
  defect(fiber: Fiber.Fiber<unknown, unknown> | undefined, message: string): void
}

export class SimScheduler implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode: "async"
  private readonly world: World
  private readonly names: FiberNames
  private tasks: Array<() => void>
  private head: number
  private started: number
  private freezing: boolean
  private wakers: Set<string> | null

  constructor(world: World, names: FiberNames) {
    this.executionMode = "async"
    this.world = world
    this.names = names
    this.tasks = []
    this.head = 0
    this.started = 0
    this.freezing = false
    this.wakers = null
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    const count = fiber.currentOpCount
    if (count > 1 && count < OPERATIONS_PER_RESUME && this.world.resuming) return false
    return this.judge(fiber, count)
  }

  scheduleTask(task: () => void, _priority: number): void {
    if (this.freezing) {
      this.freezing = false
      return
    }
    if (!this.world.resuming) {
      this.names.defect(undefined, "a fiber was woken from outside the simulation")
      return
    }
    this.tasks.push(task)
    if (this.wakers !== null) this.wakers.add(this.names.nameOf(Fiber.getCurrent()))
  }

  flush(): void {
    this.drain()
  }

  /** A wake by the kernel begins: none is nested yet. */
  begin(): void {
    this.started = 0
  }

  /** Nothing waits in Effect's dispatcher. */
  get isIdle(): boolean {
    return this.tasks.length === 0
  }

  /** Runs what is listed, and what that lists, until nothing is left. */
  drain(): void {
    this.started = 0
    if (this.tasks.length === 0) return
    let ran = 0
    while (this.head < this.tasks.length) {
      const task = this.tasks[this.head++]!
      if (ran++ > TASKS_PER_RESUME - WAKES_NAMED && this.isEndless(ran)) return
      if (this.head === 1024) {
        this.tasks = this.tasks.slice(this.head)
        this.head = 0
      }
      task()
      this.started = 0
    }
    this.wakers = null
    this.clear()
  }

  private isEndless(ran: number): boolean {
    this.wakers ??= new Set()
    if (ran <= TASKS_PER_RESUME) return false
    const names = [...this.wakers].join(", ")
    this.wakers = null
    this.clear()
    this.names.defect(undefined, `more than ${TASKS_PER_RESUME} wakes without time passing, among ${names}`)
    return true
  }

  private clear(): void {
    this.tasks.length = 0
    this.head = 0
    this.started = 0
  }

  private judge(fiber: Fiber.Fiber<unknown, unknown>, count: number): boolean {
    if (!this.world.resuming) {
      this.freezing = true
      this.names.defect(fiber, "awaits the outside world: it was woken by something that is not the simulation")
      return true
    }
    if (count >= OPERATIONS_PER_RESUME) {
      this.freezing = true
      this.names.defect(fiber, `ran ${OPERATIONS_PER_RESUME} operations without suspending`)
      return true
    }
    return this.started++ >= NESTED_WAKES
  }
}
