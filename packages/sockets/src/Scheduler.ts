/**
 * The scheduler of a host: a run queue a core, wake-ups, where new tasks go, nice values, the load average.
 *
 * Linux: kernel/sched/core.c. New tasks go to the core with the fewest, the lowest index among equals; which core a
 * woken one gets, and what is moved later, is in Balance.ts.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { HrTimers } from "@darkfiber/kernel-net/HrTimers"
import type { Island } from "@darkfiber/sim/Island"
import * as Balance from "./Balance.ts"
import { Cfs } from "./Cfs.ts"
import { Eevdf } from "./Eevdf.ts"
import { FORKED, type Waiting, WOKEN } from "./FairQueue.ts"
import { LoadAverage } from "./LoadAverage.ts"
import { weightOf } from "./Nice.ts"
import * as Points from "./Points.ts"
import { RunQueue } from "./RunQueue.ts"
import type { SchedulerProfile } from "./SocketsProfile.ts"
import { ARRIVING, DEAD, DELAYED, INTERRUPTIBLE, NEW, READY, RUNNING, type Task, UNINTERRUPTIBLE } from "./Task.ts"

export class Scheduler implements Waiting {
  readonly island: Island
  readonly profile: SchedulerProfile
  /** ns between two ticks. */
  readonly tickNs: number
  readonly queues: ReadonlyArray<RunQueue>
  readonly load: LoadAverage
  /** Tasks that wait for a core, on all of them. */
  waiting: number
  /** Core time from which on a tick looks for idle cores (nohz.next_balance). */
  idleBalanceAt: number
  /** Switches away from a task that could have gone on. */
  preemptions: number
  /** The fast way of system calls (Thread.ts) may be turned off to prove that it changes nothing. */
  fastPath: boolean
  /** The task whose user code the process phase has just resumed, while it runs. */
  resumed: Task | null
  /** What to tell when a task is gone. */
  onDeath: ((task: Task, core: Core) => void) | null
  private tids: number
  private readonly cores: number

  constructor(
    island: Island,
    cores: ReadonlyArray<Core>,
    profile: SchedulerProfile,
    exactTimers: (core: Core) => HrTimers
  ) {
    this.island = island
    this.profile = profile
    this.tickNs = Math.round(1_000_000_000 / profile.hz)
    this.waiting = 0
    this.idleBalanceAt = 0
    this.load = new LoadAverage()
    this.preemptions = 0
    this.fastPath = true
    this.resumed = null
    this.onDeath = null
    this.tids = 1
    this.cores = cores.length
    this.queues = cores.map((core) => new RunQueue(this, core, exactTimers(core)))
  }

  newTid(): number {
    return ++this.tids
  }

  /** The class of this kernel, for one core. */
  newFair(): Cfs | Eevdf {
    const { fair } = this.profile
    return fair.kind === "cfs" ? new Cfs(this, fair, this.cores) : new Eevdf(this, fair, this.cores, this.tickNs)
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
    queue.enqueue(task, now, null, FORKED)
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
    const queue = this.wake(task, core.time, core)
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
    this.wake(task, now, null).core.kick(now)
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

  /** Gives a task another nice value, at `at`. Precondition: NICE_MIN <= nice <= NICE_MAX. */
  setNice(task: Task, nice: number, at: number): void {
    if (task.nice === nice) return
    task.nice = nice
    task.runQueue.reweight(task, weightOf(nice), at)
  }

  /** Restricts a task to these cores, in ascending order and at least one, from its own code or at the island's time. */
  setAffinity(task: Task, cores: ReadonlyArray<number>): void {
    task.affinity = cores
    const from = task.runQueue
    task.moveTo = null
    if (task.kernel !== null || cores.includes(from.core.index)) return
    const to = this.place(cores)
    const now = this.island.now
    if (task === from.current || task.where === ARRIVING) {
      task.moveTo = to
      from.core.kick(now)
    } else if (task.where === READY) {
      const at = task.readyAt > now ? task.readyAt : now
      Balance.move(task, to, at, null)
      to.core.kick(at)
    } else {
      from.update(now)
      if (task.where === DELAYED) from.fair.finish(task)
      from.fair.emigrate(task)
      from.giveTo(task, to)
    }
  }

  private wake(task: Task, at: number, core: Core | null): RunQueue {
    task.wakeups++
    task.state = RUNNING
    this.load.change(1, at)
    const last = task.runQueue
    let queue = last
    if (task !== last.current && task.where !== DELAYED) {
      queue = Balance.select(task, core === null ? null : this.queues[core.index]!)
      if (queue !== last) {
        last.fair.emigrate(task)
        last.giveTo(task, queue)
      }
    }
    queue.enqueue(task, at, core, WOKEN)
    return queue
  }
}
