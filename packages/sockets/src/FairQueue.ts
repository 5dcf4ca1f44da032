/**
 * What CFS and EEVDF share: the tasks of a core that wait for it, in the order of their class, and the one that runs
 * (Linux: struct cfs_rq). A list: a core has few tasks to choose from.
 *
 *     wake-up, fork, migration ──place──▶ list ──choose, take──▶ current ──putBack──▶ list
 *                                          ▲                       │ leave
 *                                          └── delayed (EEVDF) ◀───┴──▶ asleep, gone, on its way to another core
 */
import { DELAYED, NOWHERE, READY, type Task } from "./Task.ts"

/** Why a task comes: it slept, it is new, or it waited or ran on another core. */
export const WOKEN = 0
export const FORKED = 1
export const MOVED = 2

/** Counts the tasks that wait on all cores of a host. */
export interface Waiting {
  waiting: number
}

export abstract class FairQueue {
  /** The task on the core while it is runnable; null while the core idles. */
  current: Task | null
  /** What a task asks for at a time, in ns; 0 under CFS, which has no such thing. */
  readonly slice: number
  head: Task | null
  tail: Task | null
  /** Tasks in the list that may run: those whose dequeue is delayed are not counted. */
  ready: number
  /** Sum of the weights in the list. */
  load: number
  private readonly host: Waiting

  constructor(host: Waiting, slice: number) {
    this.host = host
    this.slice = slice
    this.current = null
    this.head = null
    this.tail = null
    this.ready = 0
    this.load = 0
  }

  /** True when `left` is to come before `right` in the list; equals stay in the order in which they came. */
  protected abstract isBefore(left: Task, right: Task): boolean
  /** Gives a task that joins its virtual time (Linux: place_entity). */
  protected abstract place(task: Task, why: number): void
  /** A task leaves: keeps what it takes with it (Linux: dequeue_entity). */
  protected abstract depart(task: Task, sleeps: boolean): void

  /** The current task has run for `ns` more (Linux: update_curr). Returns true when it is time to choose again. */
  abstract update(ns: number): boolean
  /** At a tick, after `update` (Linux: entity_tick). Returns true when it is time to choose again. */
  abstract tick(): boolean
  /** True when `task`, which has just joined, is to displace the current one at once. After `update`. */
  abstract preempts(task: Task): boolean
  /** The task to run next: the current one, or one of the list; null for none (Linux: pick_next_entity, pick_eevdf). */
  abstract choose(): Task | null
  /** The current task begins a turn. */
  protected abstract begin(task: Task): void
  /** The current task was chosen again. */
  abstract again(): void
  /** The current task lets others go first (Linux: yield_task_fair). After `update`. */
  abstract yield(): void
  /** Gives a task of this core another weight (Linux: reweight_entity). After `update`. */
  abstract reweight(task: Task, weight: number): void
  /** A sleeping task leaves for another core (Linux: migrate_task_rq_fair). */
  abstract emigrate(task: Task): void
  /** A task that wakes while its dequeue is delayed is in line again (Linux: requeue_delayed_entity). After `update`. */
  abstract requeue(task: Task): void
  /** A task whose dequeue was delayed leaves the list (Linux: finish_delayed_dequeue_entity). After `update`. */
  abstract finish(task: Task): void
  /** The clock of the core in virtual time: CFS min_vruntime, EEVDF the weighted average. */
  abstract get virtualTime(): number

  /** A task joins the list. After `update`. */
  enqueue(task: Task, why: number): void {
    this.place(task, why)
    this.insert(task)
  }

  /** A task of the list becomes the current one. */
  take(task: Task): void {
    this.unlink(task)
    this.current = task
    this.begin(task)
  }

  /** The current task goes back into the list. */
  putBack(): void {
    const task = this.current as Task
    this.current = null
    this.insert(task)
  }

  /** The current task leaves: to sleep, for good, or for another core. After `update`. */
  leave(sleeps: boolean): void {
    const task = this.current as Task
    this.depart(task, sleeps)
    this.current = null
  }

  /** A task of the list leaves for another core. After `update`. */
  detach(task: Task): void {
    this.depart(task, false)
    this.unlink(task)
  }

  protected insert(task: Task): void {
    task.where = READY
    this.ready++
    this.host.waiting++
    this.link(task)
  }

  /** Puts a task into the list without counting it as ready. */
  protected link(task: Task): void {
    this.load += task.weight
    const tail = this.tail
    if (tail === null || !this.isBefore(task, tail)) {
      task.next = null
      if (tail === null) this.head = task
      else tail.next = task
      this.tail = task
      return
    }
    let previous: Task | null = null
    let at = this.head as Task
    while (!this.isBefore(task, at)) {
      previous = at
      at = at.next as Task
    }
    task.next = at
    if (previous === null) this.head = task
    else previous.next = task
  }

  protected unlink(task: Task): void {
    let previous: Task | null = null
    for (let at = this.head; at !== task; at = (at as Task).next) previous = at
    if (previous === null) this.head = task.next
    else previous.next = task.next
    if (this.tail === task) this.tail = previous
    task.next = null
    this.load -= task.weight
    if (task.where !== DELAYED) {
      this.ready--
      this.host.waiting--
    }
    task.where = NOWHERE
  }
}
