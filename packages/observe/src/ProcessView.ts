/** Processes of a host as records: ps, /proc/PID. */
import type { File } from "@darkfiber/sockets/Files"
import type { Process } from "@darkfiber/sockets/Process"
import type { ProcessTable } from "@darkfiber/sockets/Processes"
import { stateLetter } from "@darkfiber/sockets/Task"
import type { ProcessRecord } from "./ProcessText.ts"

/** Processes alive, by pid. */
export const list = (table: ProcessTable | null): ReadonlyArray<ProcessRecord> => (table?.list() ?? []).map(record)

/** One process; null for a pid nobody has. */
export const find = (table: ProcessTable | null, pid: number): ProcessRecord | null => {
  const process = table?.get(pid) ?? null
  return process === null ? null : record(process)
}

const record = (process: Process): ProcessRecord => {
  const first = process.threads[0]
  const sum = (pick: (task: Process["threads"][number]) => number): number =>
    process.threads.reduce((total, task) => total + pick(task), 0)
  return {
    pid: process.pid,
    parent: 1,
    uid: process.uid,
    name: process.name,
    state: first === undefined ? "X" : stateLetter(first.state),
    threads: process.threads.length,
    userTime: sum((task) => task.userTime),
    systemTime: sum((task) => task.systemTime),
    voluntarySwitches: first?.voluntary ?? 0,
    involuntarySwitches: first?.involuntary ?? 0,
    core: first?.runQueue.core.index ?? 0,
    nice: first?.nice ?? 0,
    weight: first?.weight ?? 0,
    vruntime: first?.vruntime ?? 0,
    migrations: first?.migrations ?? 0,
    slice: first?.runQueue.fair.slice ?? 0,
    openFiles: process.files.open,
    tableSize: process.files.size,
    files: files(process)
  }
}

const files = (process: Process): ProcessRecord["files"] => {
  const found: Array<{ readonly fd: number; readonly target: string }> = []
  process.files.slots.forEach((file, fd) => {
    if (file !== null) found.push({ fd, target: targetOf(file, process, fd) })
  })
  return found
}

/** Inode numbers are not modelled: a socket is named by its owner, which is as unique and does not change. */
const targetOf = (file: File, process: Process, fd: number): string => {
  switch (file.ops.kind) {
    case "socket":
      return `socket:[${process.pid * 1_000_000 + fd}]`
    case "eventpoll":
      return "anon_inode:[eventpoll]"
    default:
      return "/dev/null"
  }
}
