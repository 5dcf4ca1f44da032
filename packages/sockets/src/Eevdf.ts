/**
 * Earliest eligible virtual deadline first, of 6.x on one core.
 *
 *     V      average virtual time of the runnable tasks, weighted: where all would stand if the core were shared exactly
 *     lag    V - v of a task: what it is owed (above 0, eligible) or has had too much
 *     d      its deadline: v + slice / weight; of the eligible the one with the earliest runs, until it has reached it
 *
 * Lag is kept over a sleep. A task that falls asleep with a debt stays in the list until the debt has melted away
 * (DELAY_DEQUEUE). Linux: kernel/sched/fair.c of 6.18. Differs: one level (no groups), one slice for all (no
 * sched_setattr, so PREEMPT_SHORT has nothing to do), a list instead of an augmented tree.
 */
import { FairQueue, FORKED, MOVED, type Waiting, WOKEN } from "./FairQueue.ts"
import { fairDelta, scaling } from "./Nice.ts"
import { DEAD, DELAYED, NOWHERE, READY, type Task } from "./Task.ts"

export interface EevdfProfile {
  readonly kind: "eevdf"
  /** What a task asks for at a time, in ns (base_slice_ns, before scaling by cores). */
  readonly sliceNs: number
}

export class Eevdf extends FairQueue {
  private readonly tickNs: number
  /** Near V. Virtual times are summed up as distances from it, so that the sum stays small and exact. */
  private zero: number
  /** Sum of (v - zero) * weight over the list. */
  private sum: number
  /** The current task is not displaced before this virtual time, as long as it is eligible (RUN_TO_PARITY). */
  private protectedUntil: number

  constructor(host: Waiting, profile: EevdfProfile, cores: number, tickNs: number) {
    super(host, profile.sliceNs * scaling(cores))
    this.tickNs = tickNs
    this.zero = 0
    this.sum = 0
    this.protectedUntil = 0
  }

  /** V, rounded down (Linux: avg_vruntime). */
  override get virtualTime(): number {
    const current = this.current
    if (current === null) return this.load === 0 ? this.zero : this.zero + Math.floor(this.sum / this.load)
    const sum = this.sum + (current.vruntime - this.zero) * current.weight
    return this.zero + Math.floor(sum / (this.load + current.weight))
  }

  override update(ns: number): boolean {
    const task = this.current
    if (task === null) return false
    task.vruntime += fairDelta(ns, task.weight)
    const served = task.vruntime >= task.deadline
    if (served) task.deadline = task.vruntime + fairDelta(this.slice, task.weight)
    this.center()
    return this.head !== null && (served || task.vruntime >= this.protectedUntil)
  }

  override tick(): boolean {
    return false
  }

  override preempts(task: Task): boolean {
    return this.best() === task
  }

  override choose(): Task | null {
    for (;;) {
      const best = this.best()
      if (best === null || best.where !== DELAYED) return best
      this.finish(best)
    }
  }

  override again(): void {}

  /** What is left of its slice is forfeited, if it is eligible. */
  override yield(): void {
    const task = this.current as Task
    if (!this.isEligible(task)) return
    task.vruntime = task.deadline
    task.deadline += fairDelta(this.slice, task.weight)
    this.center()
  }

  override reweight(task: Task, weight: number): void {
    const ratio = task.weight / weight
    const { where } = task
    const runs = task === this.current
    if (!runs && where !== READY && where !== DELAYED) {
      task.vlag = Math.trunc(task.vlag * ratio)
      task.weight = weight
      return
    }
    const left = Math.trunc((task.deadline - task.vruntime) * ratio)
    const guarded = Math.trunc((this.protectedUntil - task.vruntime) * ratio)
    this.noteLag(task)
    if (runs) this.current = null
    else this.unlink(task)
    task.vlag = Math.trunc(task.vlag * ratio)
    task.weight = weight
    this.place(task, MOVED)
    task.deadline = task.vruntime + left
    if (runs) {
      this.current = task
      this.protectedUntil = task.vruntime + guarded
    } else if (where === READY) this.insert(task)
    else this.linkDelayed(task)
  }

  override emigrate(): void {}

  override requeue(task: Task): void {
    this.finish(task)
    if (task.vlag === 0) this.place(task, WOKEN)
    this.insert(task)
  }

  /** What the delay gave it beyond its debt is lost (DELAY_ZERO). */
  override finish(task: Task): void {
    this.noteLag(task)
    this.unlink(task)
    if (task.vlag > 0) task.vlag = 0
  }

  protected override isBefore(left: Task, right: Task): boolean {
    return left.deadline < right.deadline
  }

  protected override begin(task: Task): void {
    this.protectedUntil = task.deadline
  }

  protected override place(task: Task, why: number): void {
    const { current, head } = this
    if (current === null && head === null && !task.relative && why !== FORKED) {
      task.vruntime = this.zero
      task.deadline = this.zero + fairDelta(this.slice, task.weight)
      return
    }
    const load = this.load + (current === null ? 0 : current.weight)
    let lag = 0
    // Its arrival moves V by a part of its lag: it gets so much more that what is left is what it had.
    if (load > 0) lag = Math.trunc((task.vlag * (load + task.weight)) / load)
    task.vruntime = this.virtualTime - lag
    if (task.relative) {
      task.relative = false
      task.deadline += task.vruntime
      return
    }
    const slice = fairDelta(this.slice, task.weight)
    task.deadline = task.vruntime + (why === FORKED ? Math.floor(slice / 2) : slice)
  }

  protected override depart(task: Task, sleeps: boolean): void {
    this.center()
    if (sleeps && this.head === null) {
      task.vlag = 0 // alone, it is where V is
      return
    }
    if (sleeps && task.where === NOWHERE && task.state !== DEAD && !this.isEligible(task)) {
      this.current = null
      this.linkDelayed(task)
      return
    }
    this.noteLag(task)
    if (sleeps) return
    task.deadline -= task.vruntime
    task.relative = true
  }

  protected override link(task: Task): void {
    this.sum += (task.vruntime - this.zero) * task.weight
    super.link(task)
  }

  protected override unlink(task: Task): void {
    this.sum -= (task.vruntime - this.zero) * task.weight
    super.unlink(task)
  }

  private linkDelayed(task: Task): void {
    task.where = DELAYED
    this.link(task)
  }

  /** Linux: update_entity_lag. While the task counts. */
  private noteLag(task: Task): void {
    const limit = fairDelta(Math.max(2 * this.slice, this.tickNs), task.weight)
    const lag = this.virtualTime - task.vruntime
    task.vlag = lag > limit ? limit : lag < -limit ? -limit : lag
  }

  /** Moves `zero` to V. */
  private center(): void {
    if (this.head === null) {
      if (this.current !== null) this.zero = this.current.vruntime // alone, as most are
      return
    }
    const average = this.virtualTime
    this.sum -= (average - this.zero) * this.load
    this.zero = average
  }

  private isEligible(task: Task): boolean {
    const { current, zero } = this
    const keys = this.sum + (current === null ? 0 : (current.vruntime - zero) * current.weight)
    return (task.vruntime - zero) * (this.load + (current === null ? 0 : current.weight)) <= keys
  }

  /** The eligible task with the earliest deadline, a delayed one perhaps (Linux: pick_eevdf). */
  private best(): Task | null {
    const { current, head } = this
    if (head === null) return current
    if (current === null && head.next === null) return head
    const runs = current !== null && this.isEligible(current) ? current : null
    if (runs !== null && runs.vruntime < this.protectedUntil) return runs
    for (let at: Task | null = head; at !== null; at = at.next) {
      if (runs !== null && runs.deadline < at.deadline) return runs
      if (this.isEligible(at)) return at
    }
    return current ?? head
  }
}
