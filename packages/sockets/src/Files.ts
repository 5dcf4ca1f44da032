/**
 * Open files and the file descriptors of a process (Linux: fs/file.c, fs/file_table.c).
 *
 *     fd ──▶ FileTable.slots ──▶ File (counted) ──▶ object: a socket, an eventpoll
 *
 * Two limits, tested in this order: the number of the descriptor (RLIMIT_NOFILE, then fs.nr_open when the table has to
 * grow: EMFILE), and the number of files of the host (fs.file-max: ENFILE, root exempt).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Memory } from "@darkfiber/memory/Memory"
import type { EpItem } from "./Epoll.ts"
import * as Points from "./Points.ts"
import type { FileProfile } from "./SocketsProfile.ts"
import type { Task } from "./Task.ts"
import type { WaitQueue } from "./WaitQueue.ts"

/** Who asks a file for its state may be put on the file's wait queues (Linux: poll_table). */
export interface PollTable {
  queue(file: File, queue: WaitQueue): void
}

export type FileKind = "socket" | "eventpoll" | "null" | "pipe" | "regular"

/** What a file does (Linux: file_operations). */
export interface FileOps {
  readonly kind: FileKind
  /** @returns POLL* bits of what is ready */
  poll(core: Core, file: File, table: PollTable | null): number
  /** read() and write(): steps of the call with buffer `argument`, `r1`, `r2`; EINVAL without them. */
  read?(core: Core, task: Task, file: File): number
  write?(core: Core, task: Task, file: File): number
  /** ioctl() that is the file's own: leaves the number it tells or a negative errno in `task.result`; ENOTTY without it. */
  control?(core: Core, task: Task, file: File, request: number): number
  /** What close() of the last descriptor does before `release`, and may wait for. A verdict, as of a call. */
  closing?(core: Core, task: Task, file: File): number
  /** The last reference is gone. `task` is the one that closes; null when nobody's (an exit, a socket in flight). */
  release(core: Core, file: File, task: Task | null): void
}

/** struct file. */
export class File {
  readonly ops: FileOps
  /** The socket or eventpoll behind it. */
  readonly object: unknown
  readonly system: FileSystem
  /** O_NONBLOCK. */
  nonblock: boolean
  /** O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2. */
  access: number
  refs: number
  /** Registrations with epoll instances that watch it. */
  watchers: EpItem | null

  constructor(system: FileSystem, ops: FileOps, object: unknown) {
    this.system = system
    this.ops = ops
    this.object = object
    this.nonblock = false
    this.access = 2
    this.refs = 1
    this.watchers = null
  }

  get(): void {
    this.refs++
  }

  /** Drops a reference; the last one releases what is behind (Linux: fput). */
  put(core: Core, task: Task | null): void {
    if (--this.refs > 0) return
    core.enter(Points.FPUT)
    for (let item = this.watchers; item !== null; item = this.watchers) item.ep.remove(item, core)
    this.ops.release(core, this, task)
    this.system.free(this.ops.kind, core.index)
  }
}

const NO_OBJECTS: ReadonlyArray<number> = []

/** All open files of a host. */
export class FileSystem {
  readonly memory: Memory
  readonly profile: FileProfile
  /** Open files: the first number of /proc/sys/fs/file-nr. */
  count: number
  /** fs.file-max. */
  max: number
  /** fs.nr_open. */
  nrOpen: number
  /** Times a file was refused: the kernel logs "VFS: file-max limit reached". */
  refused: number
  /** Slab objects of a file with what is behind it. */
  private readonly sockets: ReadonlyArray<number>
  private readonly epolls: ReadonlyArray<number>

  /** @param usedBytes memory in use at boot, for the default of fs.file-max */
  constructor(memory: Memory, profile: FileProfile, totalBytes: number, usedBytes: number) {
    this.memory = memory
    this.profile = profile
    this.count = 0
    this.max = fileMaxDefault(totalBytes, usedBytes)
    this.nrOpen = profile.nrOpen
    this.refused = 0
    this.sockets = memory.group(profile.socketObjects)
    this.epolls = memory.group(profile.epollObjects)
  }

  /** Whether fs.file-max leaves room for one more file; counts a refusal. */
  mayOpen(root: boolean): boolean {
    if (this.count < this.max || root) return true
    this.refused++
    return false
  }

  /** Linux: get_empty_filp. @returns a file, or -ENFILE or -ENOMEM */
  open(core: Core, ops: FileOps, object: unknown, root: boolean): File | number {
    if (!this.mayOpen(root)) return -Errno.ENFILE
    if (!this.memory.allocAll(this.objects(ops.kind), core.index)) return -Errno.ENOMEM
    this.count++
    return new File(this, ops, object)
  }

  free(kind: FileOps["kind"], cpu: number): void {
    this.count--
    this.memory.freeAll(this.objects(kind), cpu)
  }

  private objects(kind: FileOps["kind"]): ReadonlyArray<number> {
    return kind === "socket" ? this.sockets : kind === "eventpoll" ? this.epolls : NO_OBJECTS
  }
}

/** max(8192, a tenth of the memory in KB), less one and a half times what the boot took (Linux: files_init). */
export const fileMaxDefault = (totalBytes: number, usedBytes: number): number => {
  const kilobytes = Math.floor((totalBytes - usedBytes * 1.5) / 1024)
  return Math.max(8192, Math.floor(kilobytes / 10))
}

const WORD_BITS = 64
const POINTERS_PER_KB = 128

/** Up to here the list of descriptors has no room to spare: most processes have few. */
const FEW = 8

/** The descriptors of one process (Linux: files_struct). */
export class FileTable {
  slots: Array<File | null>
  readonly system: FileSystem
  /** RLIMIT_NOFILE. */
  soft: number
  hard: number
  /** Size of the kernel's table: it grows at the limits that fs.nr_open sets. */
  size: number
  /** Open descriptors. */
  open: number
  private nextFree: number
  private swept: number

  constructor(system: FileSystem) {
    this.slots = []
    this.system = system
    this.soft = system.profile.nofileSoft
    this.hard = system.profile.nofileHard
    this.size = WORD_BITS
    this.open = 0
    this.nextFree = 0
    this.swept = 0
  }

  /** The file of a descriptor; null for one that is not open. */
  get(fd: number): File | null {
    return this.slots[fd] ?? null
  }

  /** The lowest free descriptor (Linux: __alloc_fd, expand_files), reserved until `install`. @returns it, or -EMFILE */
  reserve(): number {
    return this.reserveFrom(0)
  }

  /** The lowest free descriptor from `low` on (F_DUPFD). */
  reserveFrom(low: number): number {
    let fd = low > this.nextFree ? low : this.nextFree
    while (fd < this.slots.length && this.slots[fd] !== null) fd++
    if (fd >= this.soft) return -Errno.EMFILE
    if (fd >= this.size && !this.expand(fd)) return -Errno.EMFILE
    if (low <= this.nextFree) this.nextFree = fd
    return fd
  }

  install(fd: number, file: File): void {
    if (fd >= this.slots.length) {
      if (fd < FEW) this.slots = this.slots.concat(new Array<null>(fd + 1 - this.slots.length).fill(null))
      else while (this.slots.length <= fd) this.slots.push(null)
    }
    this.slots[fd] = file
    this.open++
    if (fd === this.nextFree) this.nextFree = fd + 1
  }

  /** Takes the file out of its descriptor; the caller puts it. */
  take(fd: number): File | null {
    const file = this.slots[fd] ?? null
    if (file === null) return null
    this.slots[fd] = null
    this.open--
    if (fd < this.nextFree) this.nextFree = fd
    return file
  }

  /** For an exit: takes the file with the lowest descriptor; null when none is left. */
  takeLowest(): File | null {
    while (this.swept < this.slots.length) {
      const file = this.take(this.swept)
      if (file !== null) return file
      this.swept++
    }
    return null
  }

  /** Linux: do_prlimit. @returns 0, -EINVAL or -EPERM */
  setLimit(soft: number, hard: number, root: boolean): number {
    if (soft > hard) return -Errno.EINVAL
    if (hard > this.system.nrOpen) return -Errno.EPERM
    if (hard > this.hard && !root) return -Errno.EPERM
    this.soft = soft
    this.hard = hard
    return 0
  }

  /** Linux: expand_files, alloc_fdtable: fs.nr_open is tested only when the table grows, in whole words. */
  private expand(fd: number): boolean {
    const max = this.system.nrOpen
    if (fd >= max) return false
    let size = 1
    while (size < Math.floor(fd / POINTERS_PER_KB) + 1) size *= 2
    size *= POINTERS_PER_KB
    if (size > max) size = (((max - 1) | (WORD_BITS - 1)) + 1) | 0
    if (fd >= size) return false
    this.size = size
    return true
  }
}
