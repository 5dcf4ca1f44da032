/** System calls about time, threads and processes, as Effects. `Sys` has them all. */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { Effect, type Fiber } from "effect"
import type { Process } from "./Process.ts"
import type { SpawnOptions } from "./Processes.ts"
import { numberResult, voidResult } from "./Results.ts"
import { type Errno, make } from "./SystemError.ts"
import * as TaskCalls from "./TaskCalls.ts"
import { systemCall, taskOf } from "./Thread.ts"

const decodeSleep = voidResult("nanosleep")
/** Sleeps, exactly, by a high-resolution timer. EINVAL for a negative time. */
export const nanosleep = (ns: number): Effect.Effect<void, Errno> =>
  systemCall(TaskCalls.NANOSLEEP, (task) => void (task.r0 = ns), decodeSleep)

const decodeCompute = voidResult("compute")
/** Spends `ns` of the core's time in user code. */
export const compute = (ns: number): Effect.Effect<void, Errno> =>
  systemCall(TaskCalls.COMPUTE, (task) => void (task.r0 = Math.round(ns)), decodeCompute)

const decodePid = numberResult("getpid")
export const getpid: Effect.Effect<number, Errno> = systemCall(TaskCalls.GETPID, () => undefined, decodePid)

const decodeYield = voidResult("sched_yield")
/** Lets the next task in line run. */
export const schedYield: Effect.Effect<void, Errno> = systemCall(TaskCalls.SCHED_YIELD, () => undefined, decodeYield)

const decodeAffinity = voidResult("sched_setaffinity")
/** Restricts the calling thread to some cores, by their indexes. EINVAL. */
export const schedSetaffinity = (cores: ReadonlyArray<number>): Effect.Effect<void, Errno> =>
  systemCall(TaskCalls.SCHED_SETAFFINITY, (task) => void (task.argument = cores), decodeAffinity)

const decodeSetpriority = voidResult("setpriority")
/** Gives a thread (0: the calling one) or a process a nice value. ESRCH, EPERM, EACCES for others than root. */
export const setpriority = (pid: number, nice: number): Effect.Effect<void, Errno> =>
  systemCall(
    TaskCalls.SETPRIORITY,
    (task) => {
      task.r0 = pid
      task.r1 = nice
    },
    decodeSetpriority
  )

const decodeGetpriority = numberResult("getpriority")
/** The nice value of a thread (0: the calling one) or a process. ESRCH. */
export const getpriority = (pid: number): Effect.Effect<number, Errno> =>
  Effect.map(
    systemCall<number>(TaskCalls.GETPRIORITY, (task) => void (task.r0 = pid), decodeGetpriority),
    (rest) => 20 - rest
  )

const decodeKill = voidResult("kill")
/** Sends a signal: SIGKILL and SIGTERM end the process, 0 only asks whether it is there. ESRCH, EINVAL. */
export const kill = (pid: number, signal: number): Effect.Effect<void, Errno> =>
  systemCall(
    TaskCalls.KILL,
    (task) => {
      task.r0 = pid
      task.r1 = signal
    },
    decodeKill
  )

const decodeLimit = voidResult("setrlimit")
/** RLIMIT_NOFILE. EPERM above fs.nr_open, or above the hard limit for others than root. */
export const setrlimitNofile = (soft: number, hard: number): Effect.Effect<void, Errno> =>
  systemCall(
    TaskCalls.SETRLIMIT,
    (task) => {
      task.r0 = soft
      task.r1 = hard
    },
    decodeLimit
  )

const decodeSetns = voidResult("setns")
/** Moves the process to another network namespace. EPERM. */
export const setns = (net: Netns): Effect.Effect<void, Errno> =>
  systemCall(TaskCalls.SETNS, (task) => void (task.argument = net), decodeSetns)

/** Virtual time in ns, without a system call (Linux: vDSO). */
export const clockGettime: Effect.Effect<number> = Effect.withFiber((fiber) => {
  const task = taskOf(fiber)
  if (task === null) return Effect.die(new Error("clock_gettime outside a process"))
  return Effect.succeed(task.runQueue.scheduler.island.now)
})

const decodeClone = voidResult("clone")
const clone: Effect.Effect<void, Errno> = systemCall(TaskCalls.CLONE, () => undefined, decodeClone)

/** A further thread of this process. It ends with its effect, or with the process. */
export const spawnThread = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Fiber.Fiber<A, E>, Errno> =>
  Effect.andThen(clone, Effect.forkDetach(effect))

/** The calling process. Dies outside one. */
export const self: Effect.Effect<Process> = Effect.withFiber((fiber) => {
  const process = taskOf(fiber)?.process ?? null
  return process === null ? Effect.die(new Error("not in a process")) : Effect.succeed(process)
})

/** Starts another process with this one's user and namespace (Linux: fork and exec). Its pid. EAGAIN, ENOMEM. */
export const spawn = (
  name: string,
  effect: Effect.Effect<unknown, unknown>,
  options: SpawnOptions = {}
): Effect.Effect<number, Errno> =>
  Effect.flatMap(clone, () =>
    Effect.flatMap(self, (parent) => {
      const { affinity, nice } = parent.threads[0]!
      const inherited = { uid: parent.uid, nice, ...(affinity === null ? {} : { affinity }) }
      const process = parent.table.spawn(name, parent.net, effect, { ...inherited, ...options })
      return typeof process === "number" ? Effect.fail(make(process, "clone")) : Effect.succeed(process.pid)
    })
  )
