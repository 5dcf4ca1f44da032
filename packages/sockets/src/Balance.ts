/**
 * On which core a task runs (Linux: select_task_rq_fair, newidle_balance, load_balance, kernel/sched/fair.c).
 *
 *     wakes up         its last core if idle, else the waking core if idle, else the next idle one, else the lighter
 *     core goes idle   takes the task that has waited longest from the core with the most waiting
 *     tick             an idle core gets a waiting task; a busy one takes one when it has clearly less weight
 *
 * Simplified: one domain, all cores alike (no SMT, caches, NUMA); weights of what is runnable now instead of averages
 * over time; no sync wake-ups, no wake_cap, no cache-hot tasks, at most one task moved at a time.
 */
import { MOVED } from "./FairQueue.ts"
import type { RunQueue } from "./RunQueue.ts"
import { READY, type Task } from "./Task.ts"

/** A busy core takes from one that is heavier by this factor (imbalance_pct of a package, 117). */
const IMBALANCE = 1.17
/** Balancing happens every so many ns for each core of the host (sd->min_interval). */
export const INTERVAL = 1_000_000

export const mayRun = (task: Task, queue: RunQueue): boolean =>
  task.kernel === null && (task.affinity === null || task.affinity.includes(queue.core.index))

/** The run queue for a task that wakes; `waker` is the core whose code wakes it, null for the process phase. */
export const select = (task: Task, waker: RunQueue | null): RunQueue => {
  const last = task.runQueue
  if (last.isIdle || task.kernel !== null) return last
  const queues = last.scheduler.queues
  if (queues.length === 1) return last
  if (waker !== null && waker.isIdle && mayRun(task, waker)) return waker
  const from = waker ?? last
  for (let i = 1; i < queues.length; i++) {
    const queue = queues[(from.core.index + i) % queues.length] as RunQueue
    if (queue.isIdle && mayRun(task, queue)) return queue
  }
  return waker !== null && waker.load + task.weight < last.load && mayRun(task, waker) ? waker : last
}

/** Moves a waiting task of the busiest core to `queue`, at this core's time. False when there is none to take. */
export const pull = (queue: RunQueue, time: number): boolean => {
  let busiest: RunQueue | null = null
  for (const other of queue.scheduler.queues) {
    if (other === queue || !hasSpare(other)) continue
    if (busiest === null || other.fair.ready > busiest.fair.ready) busiest = other
  }
  if (busiest === null) return false
  const task = oldest(busiest, queue, time, Infinity)
  if (task === null) return false
  move(task, queue, time, queue)
  return true
}

/** At a tick of a busy core. Precondition: somewhere on the host a task waits. */
export const tick = (queue: RunQueue, time: number): void => {
  const { scheduler } = queue
  const interval = INTERVAL * scheduler.queues.length
  if (scheduler.queues.length === 1) return
  if (queue.fair.ready > 0 && time >= scheduler.idleBalanceAt) {
    scheduler.idleBalanceAt = time + interval
    feedIdle(queue, time)
  }
  if (time < queue.balanceAt) return
  queue.balanceAt = time + interval * scheduler.profile.busyFactor
  let busiest: RunQueue | null = null
  for (const other of scheduler.queues) if (busiest === null || other.load > busiest.load) busiest = other
  if (busiest === null || busiest === queue || !(busiest.load > queue.load * IMBALANCE)) return
  const task = oldest(busiest, queue, time, busiest.load - queue.load)
  if (task === null) return
  const { current } = busiest
  if (current !== null && mayRun(current, queue) && current.migrations < task.migrations) {
    queue.balanceAt = time + scheduler.tickNs // it is the other one's turn to move: at a later tick that one waits
  } else move(task, queue, time, queue)
}

/** Each idle core gets one waiting task (Linux: nohz_balancer_kick and the idle load balance it starts). */
const feedIdle = (queue: RunQueue, time: number): void => {
  for (const idle of queue.scheduler.queues) {
    if (idle.isIdle && pullFor(idle, queue, time)) idle.core.kick(time)
  }
}

const pullFor = (idle: RunQueue, kicker: RunQueue, time: number): boolean => {
  let busiest = kicker
  for (const other of kicker.scheduler.queues)
    if (hasSpare(other) && other.fair.ready > busiest.fair.ready) busiest = other
  if (!hasSpare(busiest)) return false
  const task = oldest(busiest, idle, time, Infinity)
  if (task === null) return false
  move(task, idle, time, kicker)
  return true
}

/** A task waits that would not run here at once anyway. */
const hasSpare = (queue: RunQueue): boolean => queue.fair.ready > (queue.current === null ? 1 : 0)

/** The task of `from` that has waited longest, may run on `to` by `time` and weighs at most `weight`. */
const oldest = (from: RunQueue, to: RunQueue, time: number, weight: number): Task | null => {
  let best: Task | null = null
  for (let task = from.fair.head; task !== null; task = task.next) {
    if (task.where !== READY || task.readyAt > time || task.weight > weight || !mayRun(task, to)) continue
    if (best === null || task.readyAt < best.readyAt) best = task
  }
  return best
}

/** Moves a waiting task at `time`, by the code of core `by`; null for the process phase. */
export const move = (task: Task, to: RunQueue, time: number, by: RunQueue | null): void => {
  const from = task.runQueue
  from.update(time)
  from.fair.detach(task)
  from.giveTo(task, to)
  to.enqueue(task, time, by === null ? null : by.core, MOVED)
}
