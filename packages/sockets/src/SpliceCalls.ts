/**
 * splice, tee and sendfile: bytes go from file to file inside the kernel, where they can without a copy (Linux: fs/splice.c).
 * One end of splice is a pipe; sendfile reads a regular file.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import type { File } from "./Files.ts"
import type { Pipe } from "./Pipe.ts"
import * as Points from "./Points.ts"
import type { OpenRamFile } from "./RamFiles.ts"
import { FilePages, PipePages, PipeRoom } from "./SharedPages.ts"
import { MSG_MORE, type Socket } from "./Socket.ts"
import { CALL_DONE, CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import { FOREVER, type Task } from "./Task.ts"

/** Linux: SPLICE_F_*. */
export const SPLICE_F_NONBLOCK = 2
export const SPLICE_F_MORE = 4
const SPLICE_F_ALL = 15

/** Bytes moved in one step (Linux: what a pipe of 16 pages holds). */
const STEP_BYTES = 65_536

/** A call in progress: both files are held. An offset below 0 stands for the file's own position. */
class Transfer {
  readonly input: File
  readonly output: File
  inputAt: number
  outputAt: number

  constructor(input: File, output: File, inputAt: number, outputAt: number) {
    this.input = input
    this.output = output
    this.inputAt = inputAt
    this.outputAt = outputAt
  }
}

/** From `r0` to `r1`, `r2` bytes, flags `r3`, offsets `r4` and `r5` (below 0: none); the offsets after it in `argument`. */
const transfer = (
  name: string,
  point: number,
  check: (task: Task, input: File, output: File) => number,
  move: (core: Core, task: Task, state: Transfer) => number
): SystemCall => ({
  name,
  point,
  step(core: Core, task: Task): number {
    if (task.phase === 0) {
      const files = task.process?.files ?? null
      const input = files?.get(task.r0) ?? null
      const output = files?.get(task.r1) ?? null
      if (input === null || output === null) return done(task, -Errno.EBADF)
      if (!(task.r2 >= 0)) return done(task, -Errno.EINVAL)
      const status = check(task, input, output)
      if (status !== 0 || task.r2 === 0) return done(task, status)
      input.get()
      output.get()
      task.argument = new Transfer(input, output, task.r4, task.r5)
      task.phase = 1
    }
    const state = task.argument as Transfer
    const verdict = move(core, task, state)
    if (verdict !== CALL_DONE) return verdict
    if (task.moved > 0) task.result = task.moved
    task.file = null
    task.value = { input: state.inputAt, output: state.outputAt }
    state.input.put(core, task)
    state.output.put(core, task)
    return CALL_DONE
  }
})

const mayRead = (file: File): boolean => file.access !== 1
const mayWrite = (file: File): boolean => file.access !== 0

const checkSplice = (task: Task, input: File, output: File): number => {
  if ((task.r3 & ~SPLICE_F_ALL) !== 0) return -Errno.EINVAL
  if (!mayRead(input) || !mayWrite(output)) return -Errno.EBADF
  const fromPipe = input.ops.kind === "pipe"
  const toPipe = output.ops.kind === "pipe"
  if ((fromPipe && task.r4 >= 0) || (toPipe && task.r5 >= 0)) return -Errno.ESPIPE
  if (!fromPipe && !toPipe) return -Errno.EINVAL
  if (fromPipe && toPipe && input.object === output.object) return -Errno.EINVAL
  if (input.ops.kind === "socket" || output.ops.kind === "socket") {
    if ((input.ops.kind === "socket" && task.r4 >= 0) || (output.ops.kind === "socket" && task.r5 >= 0))
      return -Errno.ESPIPE
    const socket = (input.ops.kind === "socket" ? input : output).object as Socket
    if (socket.ops.spliceRead === undefined || socket.ops.sendPages === undefined) return -Errno.EINVAL
  }
  const isKnown = (file: File): boolean =>
    file.ops.kind === "socket" || file.ops.kind === "pipe" || file.ops.kind === "regular"
  return isKnown(input) && isKnown(output) ? 0 : -Errno.EINVAL
}

const waitTime = (task: Task, file: File): number =>
  (task.r3 & SPLICE_F_NONBLOCK) !== 0 || file.nonblock ? 0 : FOREVER

/** Waits until the pipe has room. @returns CALL_MORE when it has; else a verdict */
const awaitRoom = (core: Core, task: Task, file: File): number => {
  const pipe = file.object as Pipe
  if (pipe.readers === 0) return done(task, -Errno.EPIPE)
  if (!pipe.isFull) return CALL_MORE
  return task.moved > 0 ? done(task, 0) : task.waitOn(core, pipe.writeWait, true, waitTime(task, file))
}

/** Waits until the pipe has bytes. @returns CALL_MORE when it has; else a verdict */
const awaitBytes = (core: Core, task: Task, file: File): number => {
  const pipe = file.object as Pipe
  if (pipe.slots.length > 0) return CALL_MORE
  if (task.moved > 0 || pipe.writers === 0) return done(task, 0)
  return task.waitOn(core, pipe.readWait, true, waitTime(task, file))
}

const splice = (core: Core, task: Task, state: Transfer): number => {
  core.enter(Points.DO_SPLICE)
  const { input, output } = state
  if (input.ops.kind === "pipe") {
    const ready = awaitBytes(core, task, input)
    if (ready !== CALL_MORE) return ready
  }
  if (output.ops.kind === "pipe") {
    const ready = awaitRoom(core, task, output)
    if (ready !== CALL_MORE) return ready
  }
  if (input.ops.kind === "socket") return fromSocket(core, task, state)
  if (output.ops.kind === "socket") return toSocket(core, task, state)
  return between(core, task, state)
}

/** The call has moved `count` bytes more; it goes on unless all is through or nothing more is to be had. */
const advance = (task: Task, count: number, mayGoOn: boolean): number => {
  task.moved += count
  return mayGoOn && task.moved < task.r2 ? CALL_MORE : done(task, task.moved)
}

/** Linux: tcp_splice_read. */
const fromSocket = (core: Core, task: Task, state: Transfer): number => {
  const pipe = state.output.object as Pipe
  const socket = state.input.object as Socket
  task.file = state.input
  const wanted = Math.min(task.r2 - task.moved, STEP_BYTES)
  const verdict = socket.ops.spliceRead!(core, task, socket, new PipeRoom(pipe), wanted, task.moved > 0)
  if (verdict !== CALL_DONE) return verdict
  const count = task.result
  if (count <= 0) return CALL_DONE
  pipe.wakeReaders(core)
  return advance(task, count, !pipe.isFull)
}

/** Linux: splice_to_socket. */
const toSocket = (core: Core, task: Task, state: Transfer): number => {
  const pipe = state.input.object as Pipe
  const socket = state.output.object as Socket
  task.file = state.output
  const left = task.r2 - task.moved
  const there = pipe.bytes
  const wanted = Math.min(left, there, STEP_BYTES)
  const more = (task.r3 & SPLICE_F_MORE) !== 0 || wanted < Math.min(left, there)
  const verdict = socket.ops.sendPages!(core, task, socket, new PipePages(pipe), wanted, more ? MSG_MORE : 0)
  if (verdict !== CALL_DONE || task.result <= 0) return verdict
  const count = task.result
  pipe.drop(core.index, count)
  pipe.wakeWriters(core)
  return advance(task, count, true)
}

/** Pipe to pipe, pipe to file, file to pipe. */
const between = (core: Core, task: Task, state: Transfer): number => {
  const { input, output } = state
  const left = Math.min(task.r2 - task.moved, STEP_BYTES)
  if (input.ops.kind === "regular") {
    const count = fileToPipe(core, state, left)
    return count === 0 ? done(task, 0) : advance(task, count, !(output.object as Pipe).isFull)
  }
  const pipe = input.object as Pipe
  const count = output.ops.kind === "pipe" ? pipeToPipe(core, pipe, output.object as Pipe, left, true) : -1
  if (count >= 0) {
    pipe.wakeWriters(core)
    return advance(task, count, true)
  }
  const written = pipeToFile(core, task, state, left)
  return written === 0 ? done(task, -Errno.ENOSPC) : advance(task, written, true)
}

/** Slots of the pipe become references to the file's pages. */
const fileToPipe = (core: Core, state: Transfer, length: number): number => {
  const open = state.input.object as OpenRamFile
  const pipe = state.output.object as Pipe
  const start = state.inputAt >= 0 ? state.inputAt : open.position
  const end = Math.min(start + length, open.inode.size)
  let position = start
  while (position < end && !pipe.isFull) {
    const page = open.inode.pageOf(core.index, position)
    if (page < 0) break
    const offset = position % PAGE_SIZE
    const n = Math.min(end - position, PAGE_SIZE - offset)
    pipe.host.world.pages.get(page)
    pipe.put(page, offset, n)
    position += n
  }
  if (state.inputAt >= 0) state.inputAt = position
  else open.position = position
  if (position > start) pipe.wakeReaders(core)
  return Math.max(0, position - start)
}

/** Gives slots on; `moves` takes them from the first pipe, else both have them (tee). */
const pipeToPipe = (core: Core, from: Pipe, to: Pipe, length: number, moves: boolean): number => {
  let count = 0
  let place = 0
  while (count < length && place < from.slots.length && !to.isFull) {
    const slot = from.slots[place]!
    const n = Math.min(length - count, slot.length)
    from.host.world.pages.get(slot.page)
    to.put(slot.page, slot.offset, n)
    if (moves) from.drop(core.index, n)
    else place++
    count += n
  }
  if (count > 0) to.wakeReaders(core)
  return count
}

/** The file's pages are its own: bytes are copied. Linux: iter_file_splice_write */
const pipeToFile = (core: Core, task: Task, state: Transfer, length: number): number => {
  const open = state.output.object as OpenRamFile
  const pipe = state.input.object as Pipe
  const first = pipe.slots[0]!
  const store = pipe.host.world.pages
  const n = Math.min(length, first.length)
  const at = state.outputAt >= 0 ? state.outputAt : open.position
  const written = open.inode.write(core.index, at, store.bytes, store.offset(first.page) + first.offset, n)
  task.process?.table.sockets?.copied(core, written)
  pipe.drop(core.index, written)
  if (written > 0) pipe.wakeWriters(core)
  if (state.outputAt >= 0) state.outputAt = at + written
  else open.position = at + written
  return written
}

export const SPLICE = transfer("splice", Points.SYS_SPLICE, checkSplice, splice)

const checkTee = (task: Task, input: File, output: File): number => {
  if ((task.r3 & ~SPLICE_F_ALL) !== 0) return -Errno.EINVAL
  if (!mayRead(input) || !mayWrite(output)) return -Errno.EBADF
  const isPipe = input.ops.kind === "pipe" && output.ops.kind === "pipe" && input.object !== output.object
  return isPipe ? 0 : -Errno.EINVAL
}

/** Linux: do_tee, link_pipe. */
export const TEE = transfer("tee", Points.SYS_TEE, checkTee, (core, task, state) => {
  const ready = awaitBytes(core, task, state.input)
  if (ready !== CALL_MORE) return ready
  const room = awaitRoom(core, task, state.output)
  if (room !== CALL_MORE) return room
  const count = pipeToPipe(core, state.input.object as Pipe, state.output.object as Pipe, task.r2, false)
  return done(task, count)
})

const checkSendfile = (task: Task, input: File, output: File): number => {
  if (!mayRead(input) || !mayWrite(output)) return -Errno.EBADF
  if (input.ops.kind !== "regular") return -Errno.EINVAL
  const sends = output.ops.kind === "socket" && (output.object as Socket).ops.sendPages !== undefined
  return sends || output.ops.kind === "pipe" ? 0 : -Errno.EINVAL
}

/** From the file `r0` (offset `r4`, below 0: its position) to `r1`, `r2` bytes. Linux: do_sendfile */
export const SENDFILE = transfer("sendfile", Points.SYS_SENDFILE, checkSendfile, (core, task, state) => {
  const open = state.input.object as OpenRamFile
  if (state.output.ops.kind === "pipe") return splice(core, task, state)
  const socket = state.output.object as Socket
  task.file = state.output
  const start = state.inputAt >= 0 ? state.inputAt : open.position
  const left = Math.min(task.r2 - task.moved, open.inode.size - start)
  if (left <= 0) return done(task, task.moved)
  const wanted = Math.min(left, STEP_BYTES)
  const flags = wanted < left ? MSG_MORE : 0
  const verdict = socket.ops.sendPages!(core, task, socket, new FilePages(open.inode, start), wanted, flags)
  if (verdict !== CALL_DONE || task.result <= 0) return verdict
  const count = task.result
  if (state.inputAt >= 0) state.inputAt += count
  else open.position += count
  return advance(task, count, true)
})
