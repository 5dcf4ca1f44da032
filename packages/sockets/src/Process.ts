/**
 * A process: threads that share descriptors, a user and, at first, a network namespace (Linux: a thread group).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { FileTable } from "./Files.ts"
import type { ProcessTable } from "./Processes.ts"
import type { Task } from "./Task.ts"

export const SIGKILL = 9
export const SIGTERM = 15

/** How a process ended. */
export type ExitReason = "exited" | "failed" | "defect" | "killed" | "host down"

export interface ProcessExit {
  readonly pid: number
  readonly name: string
  /** Virtual time of the end, its files closed, in ns. */
  readonly time: number
  readonly reason: ExitReason
  /** Exit code; 128 + signal for a killed one, 1 for a failure, 134 (SIGABRT) for a defect. */
  readonly code: number
  /** The typed failure or the thrown value. */
  readonly error: unknown
}

export class Process {
  readonly pid: number
  readonly name: string
  readonly table: ProcessTable
  /** 0 is root: exempt from fs.file-max and some checks. */
  readonly uid: number
  readonly files: FileTable
  /** The namespace new sockets belong to; null on a host without network. */
  net: Netns | null
  /** Threads alive, oldest first. */
  threads: ReadonlyArray<Task>
  /** Null while it lives. */
  exit: ProcessExit | null
  /** Why it ends, from the moment that is known. */
  reason: ExitReason
  code: number
  error: unknown

  constructor(pid: number, name: string, table: ProcessTable, uid: number, net: Netns | null) {
    this.pid = pid
    this.name = name
    this.table = table
    this.uid = uid
    this.files = new FileTable(table.files)
    this.net = net
    this.threads = []
    this.exit = null
    this.reason = "exited"
    this.code = 0
    this.error = null
  }

  get isRoot(): boolean {
    return this.uid === 0
  }

  /** Ends every thread but `except` as soon as the kernel lets go of it. In the process phase or a system call. */
  killThreads(except: Task | null): void {
    for (const task of this.threads) if (task !== except) this.table.killTask(task)
  }

  /** A thread exits: it no longer counts. */
  leave(task: Task, core: Core): void {
    const at = this.threads.indexOf(task)
    if (at >= 0) this.threads = this.threads.toSpliced(at, 1)
    if (this.threads.length > 0) this.table.freeThread(core.index)
  }

  /** The last thread has closed the files. */
  gone(core: Core): void {
    this.table.freeProcess(core.index)
    this.table.ended(this, core.time)
  }
}
