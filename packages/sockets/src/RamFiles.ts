/**
 * Files in memory, by path (Linux: tmpfs, as far as sendfile, scripts and set-up need it): regular files in a few
 * directories. Contents are counted pages, so that sendfile can share them.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Host } from "@darkfiber/kernel-net/Host"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import type { File, FileOps } from "./Files.ts"
import { SIOCINQ } from "./Ioctl.ts"
import { BadPointer } from "./Message.ts"
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./Poll.ts"
import { CALL_MORE, done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** Largest file, bytes. */
export const SIZE_MAX = 1 << 30
/** Files of a host. */
export const FILES_MAX = 4096
const PATH_MAX = 4096
const NAME_MAX = 255
const STEP_BYTES = 32_768

/** A regular file (Linux: struct inode). */
export class RamFile {
  private readonly host: Host
  size: number
  /** Pages by number; -1 for a hole, which reads as zeroes. */
  readonly pages: Array<number>
  /** Names and open files that refer to it. */
  links: number
  opens: number

  constructor(host: Host) {
    this.host = host
    this.size = 0
    this.pages = []
    this.links = 1
    this.opens = 0
  }

  /** The page that holds byte `at`, made when there is none; -1 without memory. */
  pageOf(cpu: number, at: number): number {
    const index = Math.floor(at / PAGE_SIZE)
    while (this.pages.length <= index) this.pages.push(-1)
    const known = this.pages[index]!
    if (known >= 0) return known
    const page = this.host.allocPage(cpu)
    if (page < 0) return -1
    const store = this.host.world.pages
    store.bytes.fill(0, store.offset(page), store.offset(page) + PAGE_SIZE)
    this.pages[index] = page
    return page
  }

  read(at: number, into: Uint8Array, to: number, length: number): number {
    const store = this.host.world.pages
    const end = Math.min(at + length, this.size)
    let position = at
    while (position < end) {
      const start = position % PAGE_SIZE
      const n = Math.min(end - position, PAGE_SIZE - start)
      const page = this.pages[Math.floor(position / PAGE_SIZE)] ?? -1
      const target = to + position - at
      if (page < 0) into.fill(0, target, target + n)
      else into.set(store.bytes.subarray(store.offset(page) + start, store.offset(page) + start + n), target)
      position += n
    }
    return Math.max(0, end - at)
  }

  /** @returns bytes written, less without memory or at the largest size */
  write(cpu: number, at: number, from: Uint8Array, offset: number, length: number): number {
    const store = this.host.world.pages
    const most = Math.min(length, SIZE_MAX - at)
    let written = 0
    while (written < most) {
      const position = at + written
      const page = this.pageOf(cpu, position)
      if (page < 0) break
      const start = position % PAGE_SIZE
      const n = Math.min(most - written, PAGE_SIZE - start)
      store.bytes.set(from.subarray(offset + written, offset + written + n), store.offset(page) + start)
      written += n
    }
    if (written > 0 && at + written > this.size) this.size = at + written
    return Math.max(0, written)
  }

  /** Cuts or extends; what is added reads as zeroes. */
  truncate(cpu: number, size: number): void {
    const keep = Math.ceil(size / PAGE_SIZE)
    for (let i = keep; i < this.pages.length; i++) if (this.pages[i]! >= 0) this.host.putPage(this.pages[i]!, cpu)
    if (this.pages.length > keep) this.pages.length = keep
    const last = size % PAGE_SIZE === 0 ? -1 : (this.pages[keep - 1] ?? -1)
    const store = this.host.world.pages
    if (last >= 0) store.bytes.fill(0, store.offset(last) + (size % PAGE_SIZE), store.offset(last) + PAGE_SIZE)
    this.size = size
  }

  /** Nobody names it or has it open: its pages go. */
  release(cpu: number): void {
    if (this.links > 0 || this.opens > 0) return
    this.truncate(cpu, 0)
  }
}

/** An open regular file: where it is read and written next. */
export class OpenRamFile {
  readonly inode: RamFile
  position: number
  readonly append: boolean

  constructor(inode: RamFile, append: boolean) {
    this.inode = inode
    this.position = 0
    this.append = append
  }
}

export class RamFiles {
  private readonly host: Host
  private readonly files: Map<string, RamFile>
  private readonly directories: Set<string>

  constructor(host: Host) {
    this.host = host
    this.files = new Map()
    this.directories = new Set(["/", "/tmp", "/run", "/var/tmp", "/dev/shm"])
  }

  find(path: string): RamFile | null {
    return this.files.get(path) ?? null
  }

  /** 0, or why no file of this name can be: -ENOENT, -ENOTDIR, -EISDIR, -ENAMETOOLONG. */
  check(path: string): number {
    if (path.length >= PATH_MAX) return -Errno.ENAMETOOLONG
    if (!path.startsWith("/")) return -Errno.ENOENT
    if (this.directories.has(path)) return -Errno.EISDIR
    const cut = path.lastIndexOf("/")
    const parent = cut === 0 ? "/" : path.slice(0, cut)
    if (path.length - cut - 1 > NAME_MAX) return -Errno.ENAMETOOLONG
    if (this.files.has(parent)) return -Errno.ENOTDIR
    return this.directories.has(parent) && cut < path.length - 1 ? 0 : -Errno.ENOENT
  }

  create(path: string): RamFile | number {
    if (this.files.size >= FILES_MAX) return -Errno.ENOSPC
    const made = new RamFile(this.host)
    this.files.set(path, made)
    return made
  }

  /** @returns 0 or a negative errno */
  unlink(cpu: number, path: string): number {
    const status = this.check(path)
    const file = this.files.get(path)
    if (status !== 0 || file === undefined) return status !== 0 ? status : -Errno.ENOENT
    this.files.delete(path)
    file.links--
    file.release(cpu)
    return 0
  }

  /** Puts a whole file there, at no cost: for set-up. @returns 0 or a negative errno */
  put(path: string, bytes: Uint8Array): number {
    const status = this.check(path)
    if (status !== 0) return status
    const file = this.files.get(path) ?? this.create(path)
    if (typeof file === "number") return file
    file.truncate(0, 0)
    return file.write(0, 0, bytes, 0, bytes.length) === bytes.length ? 0 : -Errno.ENOSPC
  }

  /** The host is gone, and its memory with it. */
  abandon(): void {
    for (const file of this.files.values()) file.truncate(0, 0)
    this.files.clear()
  }
}

const copied = (core: Core, task: Task, bytes: number): void => task.process?.table.sockets?.copied(core, bytes)

const readRam = (core: Core, task: Task, file: File): number => {
  const open = file.object as OpenRamFile
  const length = Math.min(task.r2 - task.moved, STEP_BYTES)
  const there = Math.min(length, Math.max(0, open.inode.size - open.position))
  if (there > 0 && task.argument instanceof BadPointer) return done(task, -Errno.EFAULT)
  if (there > 0) open.inode.read(open.position, task.argument as Uint8Array, task.r1 + task.moved, there)
  copied(core, task, there)
  open.position += there
  task.moved += there
  return there > 0 && task.moved < task.r2 ? CALL_MORE : done(task, task.moved)
}

const writeRam = (core: Core, task: Task, file: File): number => {
  const open = file.object as OpenRamFile
  if (task.r2 === 0) return done(task, 0)
  if (task.argument instanceof BadPointer) return done(task, -Errno.EFAULT)
  const at = open.append ? open.inode.size : open.position
  if (at >= SIZE_MAX) return done(task, task.moved > 0 ? task.moved : -Errno.EFBIG)
  const length = Math.min(task.r2 - task.moved, STEP_BYTES)
  const count = open.inode.write(core.index, at, task.argument as Uint8Array, task.r1 + task.moved, length)
  copied(core, task, count)
  open.position = at + count
  task.moved += count
  if (count === 0) return done(task, task.moved > 0 ? task.moved : -Errno.ENOSPC)
  return task.moved < task.r2 ? CALL_MORE : done(task, task.moved)
}

/** A regular file is always ready. */
export const ramFile: FileOps = {
  kind: "regular",
  read: readRam,
  write: writeRam,
  poll: () => POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM,
  control: (_core, task, file, request) => {
    const open = file.object as OpenRamFile
    return done(task, request === SIOCINQ ? open.inode.size - open.position : -Errno.ENOTTY)
  },
  release: (core: Core, file: File) => {
    const { inode } = file.object as OpenRamFile
    inode.opens--
    inode.release(core.index)
  }
}
