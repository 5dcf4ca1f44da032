/**
 * The completely fair scheduler of 3.10 on one core: whoever has had the least virtual time runs.
 *
 * A turn ends at the first tick after its share of the period is used up, or when a task wakes whose virtual time lies
 * behind by more than the wake-up granularity. Linux: kernel/sched/fair.c. Differs: one level (no groups), no last
 * buddy, weights as they are instead of averages.
 */
import { FairQueue, FORKED, type Waiting, WOKEN } from "./FairQueue.ts"
import { fairDelta, scaling } from "./Nice.ts"
import { READY, type Task } from "./Task.ts"

export interface CfsProfile {
  readonly kind: "cfs"
  /** Time in which each runnable task of a core is to run once, in ns (sched_latency_ns, before scaling by cores). */
  readonly latencyNs: number
  /** Shortest share of it, in ns (sched_min_granularity_ns, before scaling). */
  readonly granularityNs: number
  /** How far a woken task has to lie behind to displace another, in ns (sched_wakeup_granularity_ns, before scaling). */
  readonly wakeupNs: number
}

export class Cfs extends FairQueue {
  /** Never decreases; where tasks that join are placed. */
  minVruntime: number
  private readonly latency: number
  private readonly granularity: number
  private readonly wakeup: number
  /** From this many runnable tasks on the period grows (sched_nr_latency). */
  private readonly tasksMax: number
  /** What the current task has run since its turn began, in ns. */
  private used: number
  /** It has yielded: it does not run next if another one is near. */
  private skip: Task | null

  constructor(host: Waiting, profile: CfsProfile, cores: number) {
    super(host, 0)
    const factor = scaling(cores)
    this.minVruntime = 0
    this.latency = profile.latencyNs * factor
    this.granularity = profile.granularityNs * factor
    this.wakeup = profile.wakeupNs * factor
    this.tasksMax = Math.ceil(profile.latencyNs / profile.granularityNs)
    this.used = 0
    this.skip = null
  }

  override get virtualTime(): number {
    return this.minVruntime
  }

  override update(ns: number): boolean {
    const task = this.current
    if (task === null) return false
    task.vruntime += fairDelta(ns, task.weight)
    this.used += ns
    this.advance()
    return false
  }

  /** Linux: check_preempt_tick. */
  override tick(): boolean {
    const task = this.current
    const first = this.head
    if (task === null || first === null) return false
    const share = this.share(task.weight, 0)
    if (this.used > share) return true
    return this.used >= this.granularity && task.vruntime - first.vruntime > share
  }

  /** Linux: wakeup_preempt_entity. */
  override preempts(task: Task): boolean {
    const current = this.current as Task
    return current.vruntime - task.vruntime > fairDelta(this.wakeup, task.weight)
  }

  override choose(): Task | null {
    const current = this.current
    const head = this.head
    if (head === null) return current
    if (current !== null && current.vruntime < head.vruntime) return this.unlessSkipped(current, head)
    const second = head.next
    if (current === null) return second === null ? head : this.unlessSkipped(head, second)
    return this.unlessSkipped(head, second === null || current.vruntime < second.vruntime ? current : second)
  }

  override again(): void {
    this.used = 0
    if (this.skip === this.current) this.skip = null
  }

  override yield(): void {
    this.skip = this.current
  }

  override reweight(task: Task, weight: number): void {
    if (task.where === READY) this.load += weight - task.weight
    task.weight = weight
  }

  override emigrate(task: Task): void {
    task.vruntime -= this.minVruntime
    task.relative = true
  }

  /** CFS delays no dequeue. */
  override requeue(): void {}
  override finish(): void {}

  protected override isBefore(left: Task, right: Task): boolean {
    return left.vruntime < right.vruntime
  }

  protected override begin(task: Task): void {
    this.used = 0
    if (this.skip === task) this.skip = null
  }

  protected override place(task: Task, why: number): void {
    if (task.relative) {
      task.relative = false
      task.vruntime += this.minVruntime
    }
    if (why === FORKED) {
      if (this.current === null) this.advance() // behind those that were forked in the same instant
      task.vruntime = this.minVruntime + fairDelta(this.share(task.weight, 1), task.weight) // START_DEBIT
    } else if (why === WOKEN) {
      const credited = this.minVruntime - this.latency / 2 // GENTLE_FAIR_SLEEPERS
      if (task.vruntime < credited) task.vruntime = credited
    }
  }

  protected override depart(task: Task, sleeps: boolean): void {
    if (this.skip === task) this.skip = null
    if (!sleeps) this.emigrate(task)
    if (this.current !== task) return
    this.current = null
    this.advance()
  }

  /** The share of the period of a task of this weight, in ns; `more` is 1 when it is not yet here (Linux: sched_slice). */
  private share(weight: number, more: number): number {
    const current = this.current
    const count = this.ready + (current === null ? 0 : 1) + more
    const load = this.load + (current === null ? 0 : current.weight) + (more === 0 ? 0 : weight)
    const period = count > this.tasksMax ? count * this.granularity : this.latency
    return Math.floor((period * weight) / load)
  }

  /** Linux: update_min_vruntime. */
  private advance(): void {
    const { current, head } = this
    let least = this.minVruntime
    if (current !== null) least = current.vruntime
    if (head !== null && (current === null || head.vruntime < least)) least = head.vruntime
    if (least > this.minVruntime) this.minVruntime = least
  }

  private unlessSkipped(first: Task, second: Task): Task {
    if (this.skip !== first) return first
    return second.vruntime - first.vruntime > fairDelta(this.wakeup, first.weight) ? first : second
  }
}
