/**
 * The scheduler of a host: a run queue a core, wake-ups, where new tasks go, the load average.
 *
 * Linux: kernel/sched/core.c. Differs: a woken task stays on its core; only new tasks are placed (on the core with the
 * fewest tasks, the lowest index among equals), and nothing is balanced later.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { HrTimers } from "@darkfiber/kernel-net/HrTimers"
import type { Island } from "@darkfiber/sim/Island"
import { LoadAverage } from "./LoadAverage.ts"
import * as Points from "./Points.ts"
import { RunQueue } from "./RunQueue.ts"
import type { SchedulerProfile } from "./SocketsProfile.ts"
import { DEAD, INTERRUPTIBLE, NEW, RUNNING, type Task, UNINTERRUPTIBLE } from "./Task.ts"

export class Scheduler {
  readonly island: Island
  readonly profile: SchedulerProfile
  readonly queues: ReadonlyArray<RunQueue>
  readonly load: LoadAverage
  /** Switches away from a task that could have gone on. */
  preemptions: number
  /** The fast way of system calls (Thread.ts) may be turned off to prove that it changes nothing. */
  fastPath: boolean
  /** The task whose user code the process phase has just resumed, while it runs. */
  resumed: Task | null
  /** What to tell when a task is gone. */
  onDeath: ((task: Task, core: Core) => void) | null
  private tids: number

  constructor(
    island: Island,
    cores: ReadonlyArray<Core>,
    profile: SchedulerProfile,
    exactTimers: (core: Core) => HrTimers
  ) {
    this.island = island
    this.profile = profile
    this.load = new LoadAverage()
    this.preemptions = 0
    this.fastPath = true
    this.resumed = null
    this.onDeath = null
    this.tids = 1
    this.queues = cores.map((core) => new RunQueue(this, core, exactTimers(core)))
  }

  newTid(): number {
    return ++this.tids
  }

  /** How long a task may run while `count` tasks want the core, in ns. */
  slice(count: number): number {
    const slice = this.profile.latencyNs / count
    return slice < this.profile.sliceMinNs ? this.profile.sliceMinNs : Math.round(slice)
  }

  /** The core for a new task. */
  place(affinity: ReadonlyArray<number> | null): RunQueue {
    let best: RunQueue | null = null
    for (const queue of this.queues) {
      if (affinity !== null && !affinity.includes(queue.core.index)) continue
      if (best === null || queue.tasks < best.tasks) best = queue
    }
    return best ?? this.queues[0]!
  }

  /** Starts a new task at the island's time (Linux: wake_up_new_task). */
  wakeUpNew(task: Task): void {
    const queue = task.runQueue
    const now = this.island.now
    task.state = RUNNING
    this.load.change(1, now)
    queue.enqueue(task, now)
    queue.core.kick(now)
  }

  /**
   * Linux: try_to_wake_up.
   *
   * @param core the core that wakes
   * @returns 1 when the task was asleep, 0 when it was awake or is dead
   */
  tryToWakeUp(task: Task, core: Core): number {
    if (task.state !== INTERRUPTIBLE && task.state !== UNINTERRUPTIBLE) return 0
    core.visit(Points.TRY_TO_WAKE_UP, -1, -1, 0, task.tid)
    const queue = task.runQueue
    this.wake(task, core.time)
    if (queue.core !== core) queue.core.kick(core.time)
    return 1
  }

  /** As `tryToWakeUp`, from the process phase: a signal, or user code that comes back from a park. */
  wakeFromUser(task: Task): number {
    if (task.state === NEW) {
      this.wakeUpNew(task)
      return 1
    }
    if (task.state !== INTERRUPTIBLE && task.state !== UNINTERRUPTIBLE) return 0
    const now = this.island.now
    this.wake(task, now)
    task.runQueue.core.kick(now)
    return 1
  }

  /** The current task stops running until a wake-up. */
  sleep(task: Task, time: number): void {
    task.state = INTERRUPTIBLE
    this.load.change(-1, time)
  }

  /** A task has ended: it leaves the books. Its core switches away from it next. */
  bury(task: Task, core: Core): void {
    if (task.state === DEAD) return
    if (task.state === RUNNING) this.load.change(-1, core.time)
    task.state = DEAD
    task.runQueue.tasks--
    if (task.timer.base !== null) task.timer.cancel()
    task.waiter.remove()
    if (this.onDeath !== null) this.onDeath(task, core)
  }

  /** Context switches of all cores: vmstat's cs. */
  get switches(): number {
    let sum = 0
    for (const queue of this.queues) sum += queue.switches
    return sum
  }

  private wake(task: Task, at: number): void {
    task.wakeups++
    task.state = RUNNING
    this.load.change(1, at)
    task.runQueue.enqueue(task, at)
  }
}
