/**
 * What this package takes from a kernel profile: constants and the names of slab objects, no behaviour.
 */
import type { CfsProfile } from "./Cfs.ts"
import type { EevdfProfile } from "./Eevdf.ts"

export interface SchedulerProfile {
  readonly fair: CfsProfile | EevdfProfile
  /** Ticks a second: how often a core looks whether a turn is over. */
  readonly hz: number
  /** A core with work balances this many times less often than one without (busy_factor). */
  readonly busyFactor: number
}

export interface FileProfile {
  /** RLIMIT_NOFILE at boot. */
  readonly nofileSoft: number
  readonly nofileHard: number
  /** fs.nr_open. */
  readonly nrOpen: number
  /** Slab objects of a socket's file: inode, dentry, file and what goes with them. */
  readonly socketObjects: ReadonlyArray<string>
  /** Slab objects of an epoll instance's file. */
  readonly epollObjects: ReadonlyArray<string>
  /** Slab objects of a registration with epoll. */
  readonly epollItemObjects: ReadonlyArray<string>
  /** Slab objects of a process with its first thread, and of each further thread. */
  readonly processObjects: ReadonlyArray<string>
  readonly threadObjects: ReadonlyArray<string>
}

export interface EpollProfile {
  /** The kernel knows EPOLLEXCLUSIVE (4.5); others ignore the unknown flag. */
  readonly exclusive: boolean
  /** Bytes a registration counts for fs.epoll.max_user_watches. */
  readonly watchBytes: number
}

export interface SocketsProfile {
  readonly name: string
  readonly scheduler: SchedulerProfile
  readonly files: FileProfile
  readonly epoll: EpollProfile
}

/** Sources: book 0.4, F13; kernel/sched/fair.c and kernel/sched/core.c of 3.10. */
export const linux310: SocketsProfile = {
  name: "3.10",
  scheduler: {
    fair: { kind: "cfs", latencyNs: 6_000_000, granularityNs: 750_000, wakeupNs: 1_000_000 },
    hz: 1000,
    busyFactor: 32
  },
  files: {
    nofileSoft: 1024,
    nofileHard: 4096,
    nrOpen: 1_048_576,
    socketObjects: ["sock_inode_cache", "kmalloc-64", "dentry", "filp"],
    epollObjects: ["kmalloc-128", "filp", "dentry"],
    epollItemObjects: ["eventpoll_epi", "eventpoll_pwq"],
    processObjects: ["task_struct", "pid", "cred_jar", "signal_cache", "sighand_cache", "mm_struct", "files_cache"],
    threadObjects: ["task_struct", "pid", "cred_jar"]
  },
  epoll: { exclusive: false, watchBytes: 128 + 72 }
}

/** Sources: kernel-6.18-facts 1.1; kernel/sched/fair.c of 6.18 (base slice 0.7 ms: 1.4 ms measured on two CPUs). */
export const linux6x: SocketsProfile = {
  name: "6.x",
  scheduler: { fair: { kind: "eevdf", sliceNs: 700_000 }, hz: 250, busyFactor: 16 },
  files: {
    nofileSoft: 1024,
    nofileHard: 4096,
    nrOpen: 1_048_576,
    socketObjects: ["sock_inode_cache", "lsm_inode_cache", "dentry", "filp", "lsm_file_cache"],
    epollObjects: ["kmalloc-192", "filp", "dentry", "lsm_file_cache"],
    epollItemObjects: ["eventpoll_epi", "eventpoll_pwq", "ep_head"],
    processObjects: ["task_struct", "pid", "cred", "signal_cache", "sighand_cache", "mm_struct", "files_cache"],
    threadObjects: ["task_struct", "pid", "cred"]
  },
  epoll: { exclusive: true, watchBytes: 128 + 64 + 16 }
}
