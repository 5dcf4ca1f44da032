/**
 * Processes and the machine as text: ps, /proc/PID/status, /proc/PID/fd, uptime, vmstat (procps).
 */
import { fixed, left, lines, right } from "./Columns.ts"
import { ticks, ticksPerSecond } from "./ProcText.ts"

export interface ProcessRecord {
  readonly pid: number
  readonly parent: number
  readonly uid: number
  readonly name: string
  /** R, S, D, X */
  readonly state: string
  readonly threads: number
  /** ns */
  readonly userTime: number
  readonly systemTime: number
  readonly voluntarySwitches: number
  readonly involuntarySwitches: number
  /** Index of the core it is on. */
  readonly core: number
  readonly nice: number
  readonly weight: number
  /** ns */
  readonly vruntime: number
  readonly migrations: number
  /** What it asks for at a time, in ns; 0 under CFS. */
  readonly slice: number
  readonly openFiles: number
  /** Size of the descriptor table. */
  readonly tableSize: number
  readonly files: ReadonlyArray<{ readonly fd: number; readonly target: string }>
}

/** `ps -e` */
export const formatPs = (processes: ReadonlyArray<ProcessRecord>): string =>
  lines([
    "    PID TTY          TIME CMD",
    ...processes.map((one) => `${right(one.pid, 7)} ?        ${clock(one.userTime + one.systemTime)} ${one.name}`)
  ])

/** `ps -ef`; what a process was started with is not known, so CMD is its name. */
export const formatPsFull = (processes: ReadonlyArray<ProcessRecord>): string =>
  lines([
    "UID          PID    PPID  C STIME TTY          TIME CMD",
    ...processes.map(
      (one) =>
        `${left(one.uid === 0 ? "root" : one.uid, 8)} ${right(one.pid, 7)} ${right(one.parent, 7)}  0 00:00 ?        ${clock(one.userTime + one.systemTime)} ${one.name}`
    )
  ])

/** `ps aux`; memory is not kept a process. `uptime` in ns. */
export const formatPsAux = (processes: ReadonlyArray<ProcessRecord>, uptime: number): string =>
  lines([
    "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND",
    ...processes.map((one) => {
      const used = one.userTime + one.systemTime
      const cpu = fixed(uptime > 0 ? (used / uptime) * 100 : 0, 1)
      const seconds = Math.floor(used / 1_000_000_000)
      const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
      const level = one.nice < 0 ? "<" : one.nice > 0 ? "N" : ""
      const stat = `${one.state}${level}${one.threads > 1 ? "l" : ""}`
      const start = `${right(cpu, 4)}  0.0      0     0 ?        ${left(stat, 4)} 00:00 ${right(time, 6)}`
      return `${left(one.uid === 0 ? "root" : one.uid, 8)} ${right(one.pid, 7)} ${start} ${one.name}`
    })
  ])

/** `00:00:01` */
const clock = (nanos: number): string => {
  const seconds = Math.floor(nanos / 1_000_000_000)
  const pad = (value: number): string => String(value).padStart(2, "0")
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
}

const stateNames: Readonly<Record<string, string>> = {
  R: "R (running)",
  S: "S (sleeping)",
  D: "D (disk sleep)",
  X: "X (dead)"
}

/** /proc/PID/status: the rows the simulator knows (Linux: proc_pid_status, fs/proc/array.c). */
export const formatStatus = (one: ProcessRecord): string =>
  lines([
    `Name:\t${one.name}`,
    `State:\t${stateNames[one.state] ?? one.state}`,
    `Tgid:\t${one.pid}`,
    `Pid:\t${one.pid}`,
    `PPid:\t${one.parent}`,
    `Uid:\t${one.uid}\t${one.uid}\t${one.uid}\t${one.uid}`,
    `FDSize:\t${one.tableSize}`,
    `Threads:\t${one.threads}`,
    `voluntary_ctxt_switches:\t${one.voluntarySwitches}`,
    `nonvoluntary_ctxt_switches:\t${one.involuntarySwitches}`
  ])

/** /proc/PID/stat: pid, name, state, ppid, CPU times (14, 15), priority, nice value (18, 19); what is not kept is 0. */
export const formatStat = (one: ProcessRecord): string => {
  const fields: Array<string | number> = [one.pid, `(${one.name})`, one.state, one.parent]
  while (fields.length < 13) fields.push(0)
  fields.push(ticks(one.userTime), ticks(one.systemTime), 0, 0, 20 + one.nice, one.nice, one.threads)
  while (fields.length < 38) fields.push(0)
  fields.push(one.core)
  while (fields.length < 52) fields.push(0)
  return `${fields.join(" ")}\n`
}

/**
 * /proc/PID/sched: the rows the simulator knows (Linux: proc_sched_show_task, kernel/sched/debug.c).
 *
 * @param old as 3.10 prints it: narrower, weights unscaled
 */
export const formatSched = (one: ProcessRecord, old: boolean): string => {
  const row = (name: string, value: string): string => `${left(name, old ? 35 : 45)}:${right(value, 21)}`
  const rule = "-".repeat(old ? 57 : 67)
  return lines([
    `${one.name} (${one.pid}, #threads: ${one.threads})`,
    rule,
    row("se.vruntime", fixed(one.vruntime / 1e6, 6)),
    row("se.sum_exec_runtime", fixed((one.userTime + one.systemTime) / 1e6, 6)),
    row("se.nr_migrations", String(one.migrations)),
    row("nr_switches", String(one.voluntarySwitches + one.involuntarySwitches)),
    row("nr_voluntary_switches", String(one.voluntarySwitches)),
    row("nr_involuntary_switches", String(one.involuntarySwitches)),
    row("se.load.weight", String(old ? one.weight : one.weight * 1024)),
    row("policy", "0"),
    row("prio", String(120 + one.nice)),
    ...(old ? [] : [row("se.slice", String(one.slice))])
  ])
}

/** `ls -l /proc/PID/fd`, without the columns of a file system. */
export const formatFiles = (one: ProcessRecord): string =>
  lines(one.files.map(({ fd, target }) => `${fd} -> ${target}`))

/** `uptime`: the run's time is both the time of day and the time since boot. */
export const formatUptime = (nanos: number, load: readonly [number, number, number]): string => {
  const minutes = Math.floor(nanos / 60_000_000_000)
  const days = Math.floor(minutes / 1440)
  const hours = Math.floor(minutes / 60) % 24
  const rest = minutes % 60
  const dayText = days === 0 ? "" : `${days} day${days === 1 ? "" : "s"}, `
  const timeText = hours === 0 ? `${rest} min` : `${right(hours, 2)}:${String(rest).padStart(2, "0")}`
  return ` ${clock(nanos % 86_400_000_000_000)} up ${dayText}${timeText},  0 users,  load average: ${load.map((one) => fixed(one, 2)).join(", ")}\n`
}

export interface VmstatRecord {
  readonly running: number
  readonly blocked: number
  readonly freeBytes: number
  readonly cacheBytes: number
  /** Since boot, or in the last interval. */
  readonly interrupts: number
  readonly contextSwitches: number
  /** Seconds they were counted over. */
  readonly seconds: number
  /** ns of all cores. */
  readonly user: number
  readonly system: number
  readonly idle: number
}

/** The two heading lines of `vmstat`. */
export const vmstatHeading: string = lines([
  "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu-----",
  " r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st"
])

/** One line of `vmstat`; soft and hard IRQs count as system time, as there. */
export const formatVmstat = (v: VmstatRecord): string => {
  const total = v.user + v.system + v.idle
  const percent = (part: number): number => (total === 0 ? 0 : Math.round((part / total) * 100))
  const rate = (count: number): number => (v.seconds > 0 ? Math.round(count / v.seconds) : 0)
  const kb = (bytes: number): number => Math.floor(bytes / 1024)
  const memory = [right(0, 6), right(kb(v.freeBytes), 6), right(0, 6), right(kb(v.cacheBytes), 6)].join(" ")
  const cpu = [percent(v.user), percent(v.system), percent(v.idle), 0, 0].map((one) => right(one, 2)).join(" ")
  return `${right(v.running, 2)} ${right(v.blocked, 2)} ${memory}    0    0     0     0 ${right(rate(v.interrupts), 4)} ${right(rate(v.contextSwitches), 4)} ${cpu}\n`
}

/** Unit of the times of {@link formatStat}. */
export const statTicksPerSecond: number = ticksPerSecond
