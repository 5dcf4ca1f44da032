/**
 * What this package takes from a kernel profile: constants and the names of slab objects, no behaviour.
 */

export interface SchedulerProfile {
  /** Time in which every runnable task of a core is to run once, in ns (sched_latency_ns). */
  readonly latencyNs: number
  /** Shortest slice, in ns (sched_min_granularity_ns; 6.x: base_slice_ns). */
  readonly sliceMinNs: number
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

/** Sources: book 0.4, F13; kernel/sched/fair.c (6 ms latency and 0.75 ms granularity before scaling by CPUs). */
export const linux310: SocketsProfile = {
  name: "3.10",
  scheduler: { latencyNs: 6_000_000, sliceMinNs: 750_000 },
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

/** Sources: kernel-6.18-facts 1.1; kernel/sched/fair.c (base slice 0.7 ms, the latency of a few tasks alike). */
export const linux6x: SocketsProfile = {
  name: "6.x",
  scheduler: { latencyNs: 3_000_000, sliceMinNs: 700_000 },
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
