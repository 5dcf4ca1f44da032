/**
 * A CPU core: a serial server with hard IRQ, soft IRQ and task contexts, in virtual time.
 *
 * The atom is a step: plain code that charges nanoseconds. The code of a step runs at the step's start; the core's
 * clock then stands at its end. Before each step the core asks its island whether anything comes first; if so it parks
 * its turn and goes on when its clock is reached.
 *
 *     task step        |=====t          interrupted at i: its rest moves behind the handler and the soft IRQs
 *     hard IRQ               i|=>
 *     soft IRQ                  |==>|==>
 *     rest of the step                  |=====>
 *
 * Every nanosecond of a core is booked to exactly one of us, sy, hi, si, id (`usage`).
 */
import { added } from "@darkfiber/sim/Exact"
import { KIND_TURN, Turn } from "@darkfiber/sim/Actor"
import type { Island } from "@darkfiber/sim/Island"
import {
  CONTEXT_HARDIRQ,
  CONTEXT_KSOFTIRQD,
  CONTEXT_NONE,
  CONTEXT_PROCESS,
  CONTEXT_SOFTIRQ
} from "@darkfiber/sim/Trace"
import type { LockClock } from "./LockClock.ts"
import { RESTARTS_MAX, type SoftirqHandler, TIME_MAX, VECTORS } from "./Softirq.ts"

/** What an interrupt line runs: charges its cost and raises soft IRQs. */
export interface InterruptHandler {
  interrupt(core: Core, line: number): void
}

/** The task step did something and there is more. */
export const STEP_MORE = 0
/** No task is runnable. */
export const STEP_IDLE = 1
/** User code has to run when virtual time has reached the core's clock. */
export const STEP_USER = 2
/** User code runs in this instant: `userReturned` brings the core back. */
export const STEP_HELD = 3

/** The tasks of a core: the scheduler. A core without one only serves interrupts. */
export interface TaskSource {
  /**
   * One step of the current task at `core.time`, a switch to another task included.
   *
   * @returns STEP_MORE, STEP_IDLE, STEP_USER (call again when the island's time is the core's) or STEP_HELD
   */
  step(core: Core): number
  /** Makes ksoftirqd of this core runnable; its steps call `core.ksoftirqdStep()`. */
  wakeKsoftirqd(core: Core): void
}

/** What of the scheduler takes part in a step that is under way: for one that can take the core away in its middle. */
export interface Preemption {
  /** A kick has come at `now`: tasks that other cores have made runnable by then join. */
  arrive(now: number): void
  /**
   * With `needResched` set: takes back the last `left` ns of the step in progress, if it is user code.
   *
   * @returns false when the step has to end first
   */
  cut(core: Core, left: number): boolean
}

/** What a turn event stands for: the end of a step, or a kick. */
const STEP = 0
const KICK = 1

/** Index of a kind of time in `usage`. */
export const USER = 0
export const SYSTEM = 1
export const HARDIRQ = 2
export const SOFTIRQ = 3
export const IDLE = 4

const KINDS = 5

/** Places in a core's row of numbers. What each turn reads and writes comes first. */
const TIME = 0
const USAGE = 1
const HARD_UNTIL = 6
const ARMED_AT = 7
const KICKED_AT = 8
const SOFTIRQ_END = 9
const TASK_LEFT = 10
const SOFTIRQS = 11
const NUMBERS = SOFTIRQS + VECTORS

export class Core extends Turn {
  /** Index in the host, as /proc prints it. */
  readonly index: number
  /** CONTEXT_* of the running code. */
  context: number
  /** Cost in ns by trace point id. */
  costs: Int32Array
  /** 1 normally; a slow core has more: every charge is multiplied. */
  slowness: number
  /** Hard IRQs taken, by line. */
  irqCounts: Array<number>
  /** Raised soft IRQ vectors, a bit each. */
  softirqPending: number
  /** Set by the scheduler: soft IRQs and user code end early in favour of a task (need_resched). */
  needResched: boolean
  tasks: TaskSource | null
  preemption: Preemption | null

  /** The row of the core's numbers, and where it begins. */
  private readonly f: Float64Array
  private readonly at: number
  private handlers: ReadonlyArray<InterruptHandler>
  private readonly vectors: Array<SoftirqHandler | null>
  private raisedAt: Array<number>
  private linesPending: number
  private bucket: number
  /** True while its own code runs: it will look at its lines by itself. */
  private running: boolean
  private active: number
  private inSoftirq: boolean
  private restarts: number
  private inKsoftirqd: boolean
  private held: boolean
  /** Raised inside the task step in progress: runs at its end, the outermost local_bh_enable. */
  private raisedByTask: number
  /** ksoftirqd has been woken for what is pending. */
  private deferred: boolean

  constructor(island: Island, name: string, index: number, costs: Int32Array) {
    super(island, name)
    this.index = index
    const { f, at } = island.world.doubles.take(NUMBERS)
    this.f = f
    this.at = at
    f[at + TIME] = island.now
    f[at + USAGE + IDLE] = island.now
    f[at + ARMED_AT] = Infinity
    f[at + KICKED_AT] = -1
    this.context = CONTEXT_NONE
    this.costs = costs
    this.slowness = 1
    this.irqCounts = []
    this.softirqPending = 0
    this.needResched = false
    this.tasks = null
    this.preemption = null
    this.handlers = []
    this.vectors = Array.from({ length: VECTORS }, () => null)
    this.raisedAt = []
    this.linesPending = 0
    this.bucket = IDLE
    this.running = false
    this.active = 0
    this.inSoftirq = false
    this.restarts = 0
    this.inKsoftirqd = false
    this.held = false
    this.raisedByTask = 0
    this.deferred = false
  }

  /** The core's clock: the end of the last step. */
  get time(): number {
    return this.f[this.at + TIME]!
  }

  set time(time: number) {
    this.f[this.at + TIME] = time
  }

  /** Rest of an interrupted task step, in ns: runs when the soft IRQs are done. */
  get taskLeft(): number {
    return this.f[this.at + TASK_LEFT]!
  }

  set taskLeft(left: number) {
    this.f[this.at + TASK_LEFT] = left
  }

  /** Nanoseconds spent as `kind`: USER, SYSTEM, HARDIRQ, SOFTIRQ or IDLE. */
  spent(kind: number): number {
    return this.f[this.at + USAGE + kind]!
  }

  /** Nanoseconds by USER, SYSTEM, HARDIRQ, SOFTIRQ, IDLE: a view for reports. */
  get usage(): Float64Array {
    return this.f.subarray(this.at + USAGE, this.at + USAGE + KINDS)
  }

  /** Soft IRQs started, by vector: /proc/softirqs. A view for reports. */
  get softirqCounts(): Float64Array {
    return this.f.subarray(this.at + SOFTIRQS, this.at + SOFTIRQS + VECTORS)
  }

  // ---- set-up ----

  /** Connects an interrupt line to this core; at most 31. Returns its number. */
  requestIrq(handler: InterruptHandler): number {
    const line = this.handlers.length
    if (line >= 31) throw new Error(`${this.name} has no free interrupt line`)
    this.handlers = added(this.handlers, handler)
    this.irqCounts = added(this.irqCounts, 0)
    this.raisedAt = added(this.raisedAt, 0)
    return line
  }

  /** Linux: open_softirq. */
  openSoftirq(vector: number, handler: SoftirqHandler): void {
    this.vectors[vector] = handler
  }

  // ---- charging ----

  /** Spends `ns` nanoseconds in the current context. */
  charge(ns: number): void {
    this.spend(this.slowness === 1 ? ns : Math.round(ns * this.slowness))
  }

  /** Enters the kernel function `point` without a packet: charges its cost and traces it. */
  enter(point: number): void {
    this.charge(this.costs[point]!)
    const trace = this.island.trace
    if (trace.on) trace.record(this.time, point, this.index, this.context, -1, -1, 0, 0)
  }

  /** Enters the kernel function `point` with a packet: charges its cost and traces it. */
  visit(point: number, netns: number, device: number, traceId: number, detail: number): void {
    this.charge(this.costs[point]!)
    const trace = this.island.trace
    if (trace.on) trace.record(this.time, point, this.index, this.context, netns, device, traceId, detail)
  }

  /** Runs the next charges as user code (`true`) or kernel code of the task. */
  userMode(on: boolean): void {
    if (this.bucket === USER || this.bucket === SYSTEM) this.bucket = on ? USER : SYSTEM
  }

  /** Takes a lock: spins, charged and counted, until its last holder has let go of it. */
  lock(lock: LockClock): void {
    if (lock.freeAt <= this.time || lock.holder === this.index) return
    const spin = lock.freeAt - this.time
    lock.contended++
    lock.spun += spin
    this.spend(spin)
  }

  private spend(ns: number): void {
    const { at, f } = this
    f[at] = f[at]! + ns
    const kind = at + USAGE + this.bucket
    f[kind] = f[kind]! + ns
  }

  unlock(lock: LockClock): void {
    lock.freeAt = this.time
    lock.holder = this.index
  }

  // ---- raising ----

  /** An interrupt line goes up now (the island's time), or at `at` when another core's step raises it. */
  raiseIrq(line: number, at: number): void {
    const bit = 1 << line
    if ((this.linesPending & bit) !== 0 && this.raisedAt[line]! <= at) return
    this.linesPending |= bit
    this.raisedAt[line] = at
    if (!this.running || at > this.time) this.kick(at)
  }

  /** Linux: __raise_softirq_irqoff. From this core's own code; a raise on another core is an IPI: use `kick`. */
  raiseSoftirq(vector: number): void {
    if (this.context === CONTEXT_PROCESS) this.raisedByTask |= 1 << vector
    else this.softirqPending |= 1 << vector
  }

  /** Something for this core to look at, at `at`: a task made runnable by another core, a soft IRQ raised for it. */
  kick(at: number): void {
    const island = this.island
    const time = at > island.now ? at : island.now
    // Outside of a run (set-up, a pause) only an event brings the instant about.
    if (time === island.now && island.horizon > 0) island.turnDue(this)
    else if (time !== this.f[this.at + KICKED_AT]) {
      this.f[this.at + KICKED_AT] = time
      this.schedule(time, this.slot, KIND_TURN, KICK, 0)
    }
  }

  /** The task that user code stood for has called the kernel, or ended: the core goes on in this instant. */
  userReturned(): void {
    this.held = false
    this.island.turnDue(this)
  }

  /** True when this core has nothing but its current task to do, so that a system call may run at once. */
  isUndisturbed(): boolean {
    return (
      this.linesPending === 0 &&
      this.softirqPending === 0 &&
      this.raisedByTask === 0 &&
      !this.inSoftirq &&
      this.taskLeft === 0 &&
      this.time === this.island.now
    )
  }

  /** A round of soft IRQs is under way, in whatever context. */
  get isInSoftirq(): boolean {
    return this.inSoftirq
  }

  /** For a system call that runs at once in the process phase: begins booking kernel time of the task. */
  beginTask(): void {
    this.context = CONTEXT_PROCESS
    this.bucket = SYSTEM
  }

  override deliver(kind: number, a: number, _b: number, now: number): void {
    if (kind !== KIND_TURN) return
    const { at, f } = this
    if (a === KICK) {
      if (f[at + KICKED_AT] === now) f[at + KICKED_AT] = -1
      if (this.preemption !== null) this.preemption.arrive(now)
    }
    if (f[at + ARMED_AT] === now) f[at + ARMED_AT] = Infinity
    else if (a !== KICK) return // the step it stood for has been lengthened since
    this.island.turnDue(this)
  }

  override turn(now: number): void {
    if (this.context === CONTEXT_NONE && this.time < now) this.idleUntil(now)
    if (this.linesPending !== 0) this.takeInterrupt(now)
    if (this.needResched && this.time > now) this.cutStep(now)
    this.running = true
    try {
      this.run()
    } finally {
      this.running = false
    }
  }

  /** One soft IRQ round in ksoftirqd's task context. Returns true while there is more. */
  ksoftirqdStep(): boolean {
    if (!this.inSoftirq) {
      if (this.softirqPending === 0) {
        this.deferred = false
        return false
      }
      this.beginSoftirq(CONTEXT_KSOFTIRQD)
      this.inKsoftirqd = true
    }
    this.softirqStep()
    if (this.inSoftirq || this.softirqPending !== 0) return true
    this.deferred = false
    return false
  }

  private idleUntil(time: number): void {
    const { at, f } = this
    f[at + USAGE + IDLE] = f[at + USAGE + IDLE]! + (time - f[at]!)
    f[at] = time
  }

  /** Books idle time up to `time`, for a report. */
  settle(time: number): void {
    if (this.context === CONTEXT_NONE && this.time < time) this.idleUntil(time)
  }

  private arm(time: number): void {
    if (this.f[this.at + ARMED_AT] === time) return
    this.f[this.at + ARMED_AT] = time
    this.schedule(time, this.slot, KIND_TURN, STEP, 0)
  }

  private run(): void {
    const island = this.island
    for (;;) {
      if (this.held) return
      if (!island.mayStep(this.time)) {
        this.arm(this.time)
        return
      }
      if (this.raisedByTask !== 0) {
        this.softirqPending |= this.raisedByTask
        this.raisedByTask = 0
      }
      if (this.linesPending !== 0 && this.takeInterrupt(this.time)) continue
      if (this.inSoftirq) {
        this.softirqStep() // ksoftirqd's round too: with bottom halves off no other task gets the core in its middle
      } else if (this.softirqPending !== 0 && !this.deferred) {
        this.beginSoftirq(CONTEXT_SOFTIRQ)
      } else if (this.taskLeft > 0) {
        if (!this.needResched || !this.takesBack(this.taskLeft)) this.time += this.taskLeft
        this.taskLeft = 0
        this.context = CONTEXT_PROCESS
        this.bucket = SYSTEM
      } else if (!this.taskStep()) return
    }
  }

  /** Ends the task step in progress at `now`, in favour of another task. */
  private cutStep(now: number): void {
    if (this.context !== CONTEXT_PROCESS || this.inSoftirq || this.held || this.taskLeft > 0) return
    if (this.takesBack(this.time - now)) this.time = now
  }

  private takesBack(left: number): boolean {
    if (this.preemption === null || !this.preemption.cut(this, left)) return false
    this.f[this.at + USAGE + USER] = this.f[this.at + USAGE + USER]! - left
    return true
  }

  /** False when the core has to stop here. */
  private taskStep(): boolean {
    const tasks = this.tasks
    if (tasks === null) return this.sleep()
    this.context = CONTEXT_PROCESS
    this.bucket = SYSTEM
    const verdict = tasks.step(this)
    if (verdict === STEP_MORE) return true
    if (verdict === STEP_IDLE) return this.sleep()
    if (verdict === STEP_USER) {
      this.arm(this.time)
      return false
    }
    this.held = true
    return false
  }

  /** True when the last step has raised a line of this core, which is to be taken first. */
  private sleep(): boolean {
    this.context = CONTEXT_NONE
    this.bucket = IDLE
    return this.lineUp(this.time) >= 0
  }

  /** Takes the lowest line that is up by now. Returns true when there was one. */
  private takeInterrupt(now: number): boolean {
    const line = this.lineUp(now)
    if (line < 0) return false
    if (now < this.f[this.at + HARD_UNTIL]!) {
      this.kick(this.f[this.at + HARD_UNTIL]!) // interrupts are off until the handler before has ended
      return false
    }
    const context = this.context
    const bucket = this.bucket
    const left = this.time - now
    // A step that raised soft IRQs itself runs with bottom halves off until its end.
    const splits = left > 0 && context === CONTEXT_PROCESS && this.raisedByTask === 0
    if (splits) this.taskLeft += left
    if (context === CONTEXT_NONE) this.idleUntil(now)
    else this.time = now
    this.context = CONTEXT_HARDIRQ
    this.bucket = HARDIRQ
    this.linesPending &= ~(1 << line)
    this.irqCounts[line] = this.irqCounts[line]! + 1
    this.handlers[line]!.interrupt(this, line)
    this.f[this.at + HARD_UNTIL] = this.time
    this.deferred = false
    if (!this.running && this.lineUp(this.time) >= 0) this.kick(this.time)
    if (context === CONTEXT_NONE) return true // stays in hard IRQ context until the soft IRQs or the sleep that follow
    this.context = context
    this.bucket = bucket
    if (left <= 0 || (splits && (this.softirqPending !== 0 || this.needResched))) return true
    if (splits) this.taskLeft -= left
    this.time += left
    return true
  }

  /** The lowest line that is up by `time`, or -1. */
  private lineUp(time: number): number {
    if (this.linesPending === 0) return -1
    for (let line = 0; line < this.handlers.length; line++) {
      if ((this.linesPending & (1 << line)) !== 0 && this.raisedAt[line]! <= time) return line
    }
    return -1
  }

  private beginSoftirq(context: number): void {
    this.inSoftirq = true
    this.active = this.softirqPending
    this.softirqPending = 0
    this.restarts = RESTARTS_MAX
    this.f[this.at + SOFTIRQ_END] = this.time + TIME_MAX
    this.context = context
    this.bucket = SOFTIRQ
    this.countVectors()
  }

  private countVectors(): void {
    for (let left = this.active; left !== 0; left &= left - 1) {
      const count = this.at + SOFTIRQS + 31 - Math.clz32(left & -left)
      this.f[count] = this.f[count]! + 1
    }
  }

  private softirqStep(): void {
    if (this.active === 0) {
      this.endRound()
      return
    }
    this.context = this.inKsoftirqd ? CONTEXT_KSOFTIRQD : CONTEXT_SOFTIRQ
    this.bucket = SOFTIRQ
    const bit = this.active & -this.active
    const handler = this.vectors[31 - Math.clz32(bit)]
    if (handler === null || handler === undefined || !handler.step(this)) this.active &= ~bit
    if (this.active === 0) this.endRound()
  }

  private endRound(): void {
    if (this.softirqPending !== 0) {
      if (!this.inKsoftirqd && this.time < this.f[this.at + SOFTIRQ_END]! && --this.restarts > 0 && !this.needResched) {
        this.active = this.softirqPending
        this.softirqPending = 0
        this.countVectors()
        return
      }
      if (!this.inKsoftirqd && this.tasks !== null) {
        this.deferred = true
        this.tasks.wakeKsoftirqd(this)
      }
    }
    this.inSoftirq = false
    this.inKsoftirqd = false
  }
}
