/** System calls about time, threads and processes, and the span of user time that is no system call. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Points from "./Points.ts"
import { CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** Longest piece of a span of user time, in ns: a tick, after which the scheduler may look. */
const PIECE = 1_000_000

/** Spends `r0` ns as user code. Interrupts lengthen it; the slice may end in it. */
export const COMPUTE: SystemCall = {
  name: "compute",
  point: -1,
  step(core: Core, task: Task): number {
    const left = task.r0 - task.moved
    const piece = left < PIECE ? left : PIECE
    if (piece > 0) {
      core.userMode(true)
      core.charge(piece)
      core.userMode(false)
    }
    task.moved += piece
    return task.moved < task.r0 && !task.killed ? CALL_MORE : done(task, 0)
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
    task.runQueue.sliceEnd = core.time
    return done(task, 0)
  }
}

/** `argument`: indexes of the cores the calling thread may use. */
export const SCHED_SETAFFINITY: SystemCall = {
  name: "sched_setaffinity",
  point: Points.SYS_SCHED_SETAFFINITY,
  step(_core: Core, task: Task): number {
    const scheduler = task.runQueue.scheduler
    const wanted = task.argument as ReadonlyArray<number>
    const cores = scheduler.queues.filter((queue) => wanted.includes(queue.core.index))
    if (cores.length === 0) return done(task, -Errno.EINVAL)
    task.affinity = cores.map((queue) => queue.core.index)
    if (!cores.includes(task.runQueue)) task.moveTo = scheduler.place(task.affinity)
    return done(task, 0)
  }
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
