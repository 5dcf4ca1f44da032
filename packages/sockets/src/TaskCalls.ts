/** System calls about time, threads and processes, and the span of user time that is no system call. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { NICE_MAX, NICE_MIN } from "./Nice.ts"
import * as Points from "./Points.ts"
import { CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** Longest piece of a span of user time, in ns: after it a signal is seen. */
const PIECE = 1_000_000
/** A span whose rest is at most this long ends with its last piece: what is to displace its task waits so long. */
const UNCUT = 20_000

/** Spends `r0` ns as user code. Interrupts lengthen it; a tick or a wake-up may take the core away in it. */
export const COMPUTE: SystemCall = {
  name: "compute",
  point: -1,
  step(core: Core, task: Task): number {
    const left = task.r0 - task.moved
    if (left <= 0 || task.killed) return done(task, 0)
    const queue = task.runQueue
    let piece = queue.tickAt - core.time
    if (core.slowness !== 1) piece = Math.ceil(piece / core.slowness)
    if (piece > PIECE) piece = PIECE
    if (piece > left) piece = left
    core.userMode(true)
    core.charge(piece)
    core.userMode(false)
    queue.inUserSpan = true
    task.moved += piece
    return piece === left && left <= UNCUT ? done(task, 0) : CALL_MORE
  }
}

/** Sleeps `r0` ns. */
export const NANOSLEEP: SystemCall = {
  name: "nanosleep",
  point: Points.SYS_NANOSLEEP,
  step(core: Core, task: Task): number {
    if (!(task.r0 >= 0)) return done(task, -Errno.EINVAL)
    if (task.r0 === 0 || task.timedOut) return done(task, 0)
    return task.mayWait(core, task.r0)
  }
}

export const GETPID: SystemCall = {
  name: "getpid",
  point: Points.SYS_GETPID,
  step: (_core: Core, task: Task): number => done(task, task.process?.pid ?? 0)
}

/** Lets the next task in line run. */
export const SCHED_YIELD: SystemCall = {
  name: "sched_yield",
  point: Points.SYS_SCHED_YIELD,
  step(core: Core, task: Task): number {
    task.runQueue.yield(core)
    return done(task, 0)
  }
}

/** `argument`: indexes of the cores the calling thread may use. */
export const SCHED_SETAFFINITY: SystemCall = {
  name: "sched_setaffinity",
  point: Points.SYS_SCHED_SETAFFINITY,
  step(_core: Core, task: Task): number {
    const { scheduler } = task.runQueue
    const wanted = task.argument as ReadonlyArray<number>
    const cores = scheduler.queues.map((queue) => queue.core.index).filter((index) => wanted.includes(index))
    if (cores.length === 0) return done(task, -Errno.EINVAL)
    scheduler.setAffinity(task, cores)
    return done(task, 0)
  }
}

/** Nice value of thread or process `r0` becomes `r1`, which is cut to -20…19; 0 is the calling thread. */
export const SETPRIORITY: SystemCall = {
  name: "setpriority",
  point: Points.SYS_SETPRIORITY,
  step(core: Core, task: Task): number {
    const other = whom(task)
    if (other === null) return done(task, -Errno.ESRCH)
    const nice = Math.min(Math.max(task.r1, NICE_MIN), NICE_MAX)
    const own = task.process
    if (own !== null && !own.isRoot) {
      if (other.process === null || other.process.uid !== own.uid) return done(task, -Errno.EPERM)
      if (nice < other.nice) return done(task, -Errno.EACCES) // RLIMIT_NICE is 0
    }
    other.runQueue.scheduler.setNice(other, nice, core.time)
    return done(task, 0)
  }
}

/** 20 minus the nice value of `r0`, as the kernel returns it: never below 0. */
export const GETPRIORITY: SystemCall = {
  name: "getpriority",
  point: Points.SYS_GETPRIORITY,
  step(_core: Core, task: Task): number {
    const other = whom(task)
    return done(task, other === null ? -Errno.ESRCH : 20 - other.nice)
  }
}

/** The thread that `r0` names: the first of a process, or one of the caller's own. */
const whom = (task: Task): Task | null => {
  const { process } = task
  if (task.r0 === 0 || process === null) return task
  const own = process.threads.find((thread) => thread.tid === task.r0)
  return own ?? process.table.get(task.r0)?.threads[0] ?? null
}

/** The kernel's part of making a thread or a process. */
export const CLONE: SystemCall = {
  name: "clone",
  point: Points.SYS_CLONE,
  step(core: Core, task: Task): number {
    core.enter(Points.DO_FORK)
    return done(task, 0)
  }
}

/** Sends signal `r1` to process `r0`. */
export const KILL: SystemCall = {
  name: "kill",
  point: Points.SYS_KILL,
  step(_core: Core, task: Task): number {
    const signal = task.r1
    if (!(signal >= 0 && signal <= 64)) return done(task, -Errno.EINVAL)
    if (task.process === null) return done(task, -Errno.ESRCH)
    return done(task, task.process.table.signal(task.r0, signal))
  }
}

/** RLIMIT_NOFILE: soft `r0`, hard `r1`. */
export const SETRLIMIT: SystemCall = {
  name: "setrlimit",
  point: Points.SYS_SETRLIMIT,
  step(_core: Core, task: Task): number {
    const process = task.process
    if (process === null || !(task.r0 >= 0) || !(task.r1 >= 0)) return done(task, -Errno.EINVAL)
    return done(task, process.files.setLimit(task.r0, task.r1, process.isRoot))
  }
}

/** The process moves to the network namespace in `argument`; sockets it has stay where they are. */
export const SETNS: SystemCall = {
  name: "setns",
  point: Points.SYS_SETNS,
  step(_core: Core, task: Task): number {
    const process = task.process
    if (process === null || task.argument === null) return done(task, -Errno.EINVAL)
    if (!process.isRoot) return done(task, -Errno.EPERM)
    process.net = task.argument as Netns
    return done(task, 0)
  }
}
