/**
 * Pipes (Linux: fs/pipe.c): a ring of buffers, each a part of a counted page, that a writer fills and a reader empties.
 *
 *     write ──▶ slot slot slot … (16 pages) ──▶ read
 *     splice: a slot takes over a page that somebody else has, and gives it on, without a copy
 *
 * A write of up to PIPE_BUF bytes goes in as a whole or waits; a longer one may be mixed with others'.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Host } from "@darkfiber/kernel-net/Host"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import type { File, FileOps, PollTable } from "./Files.ts"
import { SIOCINQ } from "./Ioctl.ts"
import { BadPointer } from "./Message.ts"
import * as Points from "./Points.ts"
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./Poll.ts"
import { CALL_DONE, CALL_MORE, done } from "./SystemCall.ts"
import { FOREVER, type Task } from "./Task.ts"
import { WaitQueue } from "./WaitQueue.ts"

/** Slots of a new pipe (Linux: PIPE_DEF_BUFFERS), and the most (fs.pipe-max-size of 1 MiB). */
export const SLOTS_DEFAULT = 16
export const SLOTS_MAX = 256
/** Bytes that go in as a whole. */
export const PIPE_BUF = PAGE_SIZE
/** Bytes one step copies. */
const STEP_BYTES = 32_768

/** Part of a page (Linux: struct pipe_buffer). */
export class PipeSlot {
  page: number
  offset: number
  length: number
  /** More may be written behind it: the page is the pipe's own (PIPE_BUF_FLAG_CAN_MERGE). */
  readonly mayGrow: boolean

  constructor(page: number, offset: number, length: number, mayGrow: boolean) {
    this.page = page
    this.offset = offset
    this.length = length
    this.mayGrow = mayGrow
  }
}

export class Pipe {
  readonly host: Host
  readonly slots: Array<PipeSlot>
  /** Most slots (F_SETPIPE_SZ). */
  size: number
  readers: number
  writers: number
  readonly readWait: WaitQueue
  readonly writeWait: WaitQueue
  private readonly open: Set<Pipe>

  /** @param open the pipes of the host, which it is one of */
  constructor(host: Host, open: Set<Pipe>) {
    this.host = host
    this.open = open
    open.add(this)
    this.slots = []
    this.size = SLOTS_DEFAULT
    this.readers = 1
    this.writers = 1
    this.readWait = new WaitQueue()
    this.writeWait = new WaitQueue()
  }

  get isFull(): boolean {
    return this.slots.length >= this.size
  }

  /** Bytes to be read. */
  get bytes(): number {
    return this.slots.reduce((sum, slot) => sum + slot.length, 0)
  }

  /** Puts part of a page in; takes over one reference to it. Precondition: the pipe is not full. */
  put(page: number, offset: number, length: number): void {
    this.slots.push(new PipeSlot(page, offset, length, false))
  }

  /** Copies bytes in. @returns how many; less than `length` when the pipe is full or memory is short */
  write(core: Core, from: Uint8Array, at: number, length: number): number {
    const pages = this.host.world.pages
    let done = 0
    while (done < length) {
      const last = this.slots.at(-1)
      if (last === undefined || !last.mayGrow || last.offset + last.length === PAGE_SIZE) {
        if (this.isFull) break
        const page = this.host.allocPage(core.index)
        if (page < 0) break
        this.slots.push(new PipeSlot(page, 0, 0, true))
        continue
      }
      const n = Math.min(length - done, PAGE_SIZE - last.offset - last.length)
      pages.bytes.set(from.subarray(at + done, at + done + n), pages.offset(last.page) + last.offset + last.length)
      last.length += n
      done += n
    }
    return done
  }

  /** Copies bytes out. @returns how many */
  read(core: Core, into: Uint8Array, at: number, length: number): number {
    const pages = this.host.world.pages
    let done = 0
    while (done < length) {
      const first = this.slots[0]
      if (first === undefined) break
      const n = Math.min(length - done, first.length)
      const from = pages.offset(first.page) + first.offset
      into.set(pages.bytes.subarray(from, from + n), at + done)
      this.drop(core.index, n)
      done += n
    }
    return done
  }

  /** Takes the first `count` bytes away. */
  drop(cpu: number, count: number): void {
    let left = count
    while (left > 0) {
      const first = this.slots[0]!
      const n = Math.min(left, first.length)
      first.offset += n
      first.length -= n
      left -= n
      if (first.length > 0) return
      this.slots.shift()
      this.host.putPage(first.page, cpu)
    }
  }

  /** Bytes came in, or room came about: whoever waits for it is told. */
  wakeReaders(core: Core): void {
    if (this.readWait.isActive()) this.readWait.wake(core, 1, POLLIN | POLLRDNORM)
  }

  wakeWriters(core: Core): void {
    if (this.writeWait.isActive()) this.writeWait.wake(core, 1, POLLOUT | POLLWRNORM)
  }

  /** An end is closed. */
  private ended(core: Core): void {
    this.readWait.wake(core, 0, 0)
    this.writeWait.wake(core, 0, 0)
    if (this.readers + this.writers > 0) return
    this.purge(core.index)
    this.open.delete(this)
  }

  /** Nobody will read it. */
  purge(cpu: number): void {
    for (let slot = this.slots.shift(); slot !== undefined; slot = this.slots.shift()) this.host.putPage(slot.page, cpu)
  }

  closeReader(core: Core): void {
    this.readers--
    this.ended(core)
  }

  closeWriter(core: Core): void {
    this.writers--
    this.ended(core)
  }
}

const copied = (core: Core, task: Task, bytes: number): void => task.process?.table.sockets?.copied(core, bytes)

const timeoutOf = (file: File): number => (file.nonblock ? 0 : FOREVER)

/** Linux: pipe_read. */
const readPipe = (core: Core, task: Task, file: File): number => {
  const pipe = file.object as Pipe
  core.enter(Points.PIPE_READ)
  const length = Math.min(task.r2 - task.moved, STEP_BYTES)
  if (task.r2 === 0) return done(task, 0)
  if (pipe.slots.length === 0) {
    if (task.moved > 0) return done(task, task.moved)
    return pipe.writers === 0 ? done(task, 0) : task.waitOn(core, pipe.readWait, true, timeoutOf(file))
  }
  if (task.argument instanceof BadPointer) return done(task, -Errno.EFAULT)
  const count = pipe.read(core, task.argument as Uint8Array, task.r1 + task.moved, length)
  copied(core, task, count)
  task.moved += count
  pipe.wakeWriters(core)
  return task.moved < task.r2 && pipe.slots.length > 0 ? CALL_MORE : done(task, task.moved)
}

/** Linux: pipe_write. */
const writePipe = (core: Core, task: Task, file: File): number => {
  const pipe = file.object as Pipe
  core.enter(Points.PIPE_WRITE)
  if (pipe.readers === 0) return done(task, task.moved > 0 ? task.moved : -Errno.EPIPE)
  if (task.r2 === 0) return done(task, 0)
  if (task.argument instanceof BadPointer) return done(task, -Errno.EFAULT)
  const left = task.r2 - task.moved
  // A short write is one: it waits for room for all of it.
  const fits = task.r2 > PIPE_BUF || roomFor(pipe, left)
  const count = fits
    ? pipe.write(core, task.argument as Uint8Array, task.r1 + task.moved, Math.min(left, STEP_BYTES))
    : 0
  if (count > 0) {
    copied(core, task, count)
    task.moved += count
    pipe.wakeReaders(core)
    return task.moved < task.r2 ? CALL_MORE : done(task, task.moved)
  }
  const verdict = task.waitOn(core, pipe.writeWait, true, timeoutOf(file))
  return verdict === CALL_DONE && task.moved > 0 ? done(task, task.moved) : verdict
}

const roomFor = (pipe: Pipe, bytes: number): boolean => {
  const last = pipe.slots.at(-1)
  const tail = last !== undefined && last.mayGrow ? PAGE_SIZE - last.offset - last.length : 0
  return tail + (pipe.size - pipe.slots.length) * PAGE_SIZE >= bytes
}

const control = (_core: Core, task: Task, file: File, request: number): number =>
  done(task, request === SIOCINQ ? (file.object as Pipe).bytes : -Errno.ENOTTY)

/** F_SETPIPE_SZ: whole pages, a power of two. @returns bytes, -EINVAL, -EPERM or -EBUSY */
export const resize = (pipe: Pipe, bytes: number, root: boolean): number => {
  if (!(bytes >= 0) || bytes > 0x7fff_ffff) return -Errno.EINVAL
  let slots = 1
  while (slots * PAGE_SIZE < bytes) slots *= 2
  if (slots > SLOTS_MAX && slots > pipe.size && !root) return -Errno.EPERM
  if (slots < pipe.slots.length) return -Errno.EBUSY
  pipe.size = slots
  return slots * PAGE_SIZE
}

/** The end that is read from. */
export const pipeReadEnd: FileOps = {
  kind: "pipe",
  read: readPipe,
  control,
  poll(_core: Core, file: File, table: PollTable | null): number {
    const pipe = file.object as Pipe
    if (table !== null) table.queue(file, pipe.readWait)
    return (pipe.slots.length > 0 ? POLLIN | POLLRDNORM : 0) | (pipe.writers === 0 ? POLLHUP : 0)
  },
  release: (core: Core, file: File) => (file.object as Pipe).closeReader(core)
}

/** The end that is written to. */
export const pipeWriteEnd: FileOps = {
  kind: "pipe",
  write: writePipe,
  control,
  poll(_core: Core, file: File, table: PollTable | null): number {
    const pipe = file.object as Pipe
    if (table !== null) table.queue(file, pipe.writeWait)
    return (pipe.isFull ? 0 : POLLOUT | POLLWRNORM) | (pipe.readers === 0 ? POLLERR : 0)
  },
  release: (core: Core, file: File) => (file.object as Pipe).closeWriter(core)
}
