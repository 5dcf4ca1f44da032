/** What a host's kernel counts, as records for ProcText and ProcessText. */
import { type Core, HARDIRQ, IDLE, SOFTIRQ, SYSTEM, USER } from "@darkfiber/hardware/cpu/Core"
import { names as softirqNames } from "@darkfiber/hardware/cpu/Softirq"
import * as MemoryViews from "@darkfiber/memory/MemoryViews"
import { RUNNING, UNINTERRUPTIBLE } from "@darkfiber/sockets/Task"
import type { Machine } from "./Machine.ts"
import { now } from "./Machine.ts"
import type { VmstatRecord } from "./ProcessText.ts"
import type { CpuTimes, LoadRecord, SoftnetRow, StatRecord } from "./ProcText.ts"

/** Times of a core up to now: what has passed since its last step was idle. */
export const cpuTimes = (core: Core, time: number): CpuTimes => {
  const usage = core.usage
  const busy = usage[USER]! + usage[SYSTEM]! + usage[HARDIRQ]! + usage[SOFTIRQ]!
  return {
    user: usage[USER]!,
    system: usage[SYSTEM]!,
    hardirq: usage[HARDIRQ]!,
    softirq: usage[SOFTIRQ]!,
    idle: Math.max(usage[IDLE]!, time - busy)
  }
}

export const allCpuTimes = (machine: Machine): ReadonlyArray<CpuTimes> =>
  machine.host.cores.map((core) => cpuTimes(core, now(machine)))

/** Counts of each soft IRQ vector, by core. */
export const softirqCounts = (machine: Machine): ReadonlyArray<ReadonlyArray<number>> =>
  softirqNames.map((_, vector) => machine.host.cores.map((core) => core.softirqCounts[vector]!))

export const softnet = (machine: Machine): ReadonlyArray<SoftnetRow> =>
  machine.host.softnet.map((one, cpu) => ({
    processed: one.processed,
    dropped: one.dropped,
    timeSqueeze: one.timeSqueeze,
    cpuCollision: one.cpuCollision,
    receivedRps: one.receivedRps,
    flowLimit: 0,
    backlog: one.backlog.inputQueue.count + one.backlog.processQueue.count,
    cpu
  }))

/** Hard IRQs taken by all cores since boot. */
export const interruptTotal = (machine: Machine): number =>
  machine.host.cores.reduce((sum, core) => sum + core.irqCounts.reduce((total, count) => total + count, 0), 0)

export const stat = (machine: Machine): StatRecord => {
  const scheduler = machine.processes?.scheduler ?? null
  return {
    cpus: allCpuTimes(machine),
    interrupts: interruptTotal(machine),
    contextSwitches: scheduler?.switches ?? 0,
    bootTime: 0,
    forks: forks(machine),
    running: scheduler?.load.running ?? 0,
    blocked: blocked(machine),
    softirqs: softirqCounts(machine).map((row) => row.reduce((sum, count) => sum + count, 0))
  }
}

/** Processes and threads made since boot: thread ids are given in order. */
const forks = (machine: Machine): number => {
  const { processes } = machine
  return processes === null ? 0 : processes.list().length + processes.exitCount
}

const blocked = (machine: Machine): number => count(machine, UNINTERRUPTIBLE)

const count = (machine: Machine, state: number): number =>
  (machine.processes?.list() ?? []).reduce(
    (sum, process) => sum + process.threads.filter((task) => task.state === state).length,
    0
  )

export const load = (machine: Machine): LoadRecord => {
  const { processes } = machine
  if (processes === null) return { averages: [0, 0, 0], running: 0, tasks: 0, lastPid: 0 }
  const list = processes.list()
  return {
    averages: processes.scheduler.load.read(now(machine)),
    running: count(machine, RUNNING),
    tasks: list.reduce((sum, process) => sum + process.threads.length, 0) + processes.scheduler.queues.length,
    lastPid: list.reduce((last, process) => Math.max(last, process.pid), 0)
  }
}

/** The line of `vmstat` since boot. */
export const vmstat = (machine: Machine): VmstatRecord => {
  const record = stat(machine)
  const sum = (pick: (cpu: CpuTimes) => number): number => record.cpus.reduce((total, cpu) => total + pick(cpu), 0)
  const memory = MemoryViews.memInfo(machine.host.memory)
  return {
    running: record.running,
    blocked: record.blocked,
    freeBytes: memory.memFree,
    cacheBytes: memory.slab,
    interrupts: record.interrupts,
    contextSwitches: record.contextSwitches,
    seconds: now(machine) / 1e9,
    user: sum((cpu) => cpu.user),
    system: sum((cpu) => cpu.system + cpu.hardirq + cpu.softirq),
    idle: sum((cpu) => cpu.idle)
  }
}
