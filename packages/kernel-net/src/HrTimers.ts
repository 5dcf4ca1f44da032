/**
 * High-resolution timers of one core (Linux: kernel/hrtimer.c): exact, in hard IRQ, ordered by (deadline, order of
 * arming). Sleeps and time-outs of system calls, the pacing of TCP and the watchdogs of qdiscs use them.
 */
import type { Core, InterruptHandler } from "@darkfiber/hardware/cpu/Core"
import { KIND_OWN, Schedulable } from "@darkfiber/sim/Actor"
import { HRTIMER_INTERRUPT } from "./Points.ts"

/** What a timer calls, in hard IRQ on its core. */
export interface TimerFunction {
  expired(timer: HrTimer, core: Core): void
}

export class HrTimer {
  readonly func: TimerFunction
  /** Whose it is. */
  readonly owner: unknown
  /** When it fires, in ns; below 0 when it is not armed. */
  deadline: number
  /** Place in the heap. */
  index: number
  order: number
  base: HrTimers | null

  constructor(func: TimerFunction, owner: unknown) {
    this.func = func
    this.owner = owner
    this.deadline = -1
    this.index = -1
    this.order = 0
    this.base = null
  }

  cancel(): void {
    if (this.base !== null) this.base.remove(this)
  }
}

export class HrTimers extends Schedulable implements InterruptHandler {
  private readonly core: Core
  private readonly line: number
  private readonly heap: Array<HrTimer>
  private armedAt: number
  private orders: number

  constructor(core: Core) {
    super(core.island, `${core.name}/hrtimers`)
    this.core = core
    this.line = core.requestIrq(this)
    this.heap = []
    this.armedAt = Infinity
    this.orders = 0
  }

  /** Arms `timer`, or moves it. @param at absolute time in ns */
  arm(timer: HrTimer, at: number): void {
    timer.cancel()
    timer.base = this
    timer.deadline = at
    timer.order = this.orders++
    timer.index = this.heap.length
    this.heap.push(timer)
    this.up(timer)
    this.program()
  }

  remove(timer: HrTimer): void {
    const heap = this.heap
    const last = heap.pop() as HrTimer
    if (last !== timer) {
      heap[timer.index] = last
      last.index = timer.index
      this.up(last)
      this.down(last)
    }
    timer.index = -1
    timer.deadline = -1
    timer.base = null
  }

  /** Timers armed. */
  get count(): number {
    return this.heap.length
  }

  override deliver(kind: number, _a: number, _b: number, now: number): void {
    if (kind !== KIND_OWN || now !== this.armedAt) return
    this.armedAt = Infinity
    const first = this.heap[0]
    if (first === undefined) return
    if (first.deadline <= now) this.core.raiseIrq(this.line, now)
    else this.program()
  }

  override dispatch(_now: number): void {}

  interrupt(core: Core, _line: number): void {
    core.enter(HRTIMER_INTERRUPT)
    for (;;) {
      const first = this.heap[0]
      if (first === undefined || first.deadline > core.time) break
      this.remove(first)
      first.func.expired(first, core)
    }
    this.program()
  }

  private program(): void {
    const first = this.heap[0]
    if (first === undefined || first.deadline >= this.armedAt) return
    const now = this.island.now
    this.armedAt = first.deadline < now ? now : first.deadline
    this.schedule(this.armedAt, this.slot, KIND_OWN, 0, 0)
  }

  private up(timer: HrTimer): void {
    const heap = this.heap
    let at = timer.index
    while (at > 0) {
      const parent = heap[(at - 1) >> 1] as HrTimer
      if (!before(timer, parent)) break
      heap[at] = parent
      parent.index = at
      at = (at - 1) >> 1
    }
    heap[at] = timer
    timer.index = at
  }

  private down(timer: HrTimer): void {
    const heap = this.heap
    let at = timer.index
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as HrTimer, heap[child] as HrTimer)) child++
      const other = heap[child] as HrTimer
      if (!before(other, timer)) break
      heap[at] = other
      other.index = at
      at = child
    }
    heap[at] = timer
    timer.index = at
  }
}

const before = (left: HrTimer, right: HrTimer): boolean =>
  left.deadline < right.deadline || (left.deadline === right.deadline && left.order < right.order)
