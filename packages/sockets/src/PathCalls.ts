/** System calls that make files: pipe2, open, unlink; and those on regular files: lseek, ftruncate, fallocate. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { File, FileOps } from "./Files.ts"
import { Pipe, pipeReadEnd, pipeWriteEnd } from "./Pipe.ts"
import * as Points from "./Points.ts"
import type { Process } from "./Process.ts"
import { OpenRamFile, type RamFile, ramFile, SIZE_MAX } from "./RamFiles.ts"
import { done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

export const O_RDONLY = 0
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_CREAT = 0x40
export const O_EXCL = 0x80
export const O_TRUNC = 0x200
export const O_APPEND = 0x400
const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
const PIPE_FLAGS = O_NONBLOCK | O_CLOEXEC

export const SEEK_SET = 0
export const SEEK_CUR = 1
export const SEEK_END = 2

/** A descriptor for a new file. @returns it, or a negative errno */
const install = (
  core: Core,
  process: Process,
  ops: FileOps,
  object: unknown,
  access: number,
  flags: number
): number => {
  core.enter(Points.GET_UNUSED_FD)
  const fd = process.files.reserve()
  if (fd < 0) return fd
  const file = process.table.files.open(core, ops, object, process.isRoot)
  if (typeof file === "number") return file
  file.access = access
  file.nonblock = (flags & O_NONBLOCK) !== 0
  process.files.install(fd, file)
  return fd
}

/** Flags `r1`. Both descriptors are left in `value`. */
export const PIPE2: SystemCall = {
  name: "pipe2",
  point: Points.SYS_PIPE2,
  step(core: Core, task: Task): number {
    const process = task.process
    const layer = process?.table.sockets ?? null
    if (process === null || layer === null) return done(task, -Errno.ENFILE)
    if ((task.r1 & ~PIPE_FLAGS) !== 0) return done(task, -Errno.EINVAL)
    const pipe = new Pipe(layer.host, layer.pipes)
    const read = install(core, process, pipeReadEnd, pipe, O_RDONLY, task.r1)
    if (read < 0) {
      layer.pipes.delete(pipe)
      return done(task, read)
    }
    const write = install(core, process, pipeWriteEnd, pipe, O_WRONLY, task.r1)
    if (write < 0) {
      pipe.writers = 0
      process.files.take(read)?.put(core, task)
      return done(task, write)
    }
    task.value = { read, write }
    return done(task, 0)
  }
}

/** Path `argument`, flags `r1`. */
export const OPEN: SystemCall = {
  name: "open",
  point: Points.SYS_OPEN,
  step(core: Core, task: Task): number {
    const process = task.process
    const files = process?.table.sockets?.ramFiles ?? null
    const path = task.argument
    if (process === null || files === null || typeof path !== "string") return done(task, -Errno.EFAULT)
    const status = files.check(path)
    if (status !== 0) return done(task, status)
    const flags = task.r1
    const access = flags & 3
    if (access === 3) return done(task, -Errno.EINVAL)
    let file: RamFile | number | null = files.find(path)
    if (file !== null && (flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return done(task, -Errno.EEXIST)
    if (file === null && (flags & O_CREAT) === 0) return done(task, -Errno.ENOENT)
    file ??= files.create(path)
    if (typeof file === "number") return done(task, file)
    const fd = install(core, process, ramFile, new OpenRamFile(file, (flags & O_APPEND) !== 0), access, flags)
    if (fd < 0) return done(task, fd)
    file.opens++
    if ((flags & O_TRUNC) !== 0 && access !== O_RDONLY) file.truncate(core.index, 0)
    return done(task, fd)
  }
}

/** Path `argument`. */
export const UNLINK: SystemCall = {
  name: "unlink",
  point: Points.SYS_UNLINK,
  step(core: Core, task: Task): number {
    const files = task.process?.table.sockets?.ramFiles ?? null
    if (files === null || typeof task.argument !== "string") return done(task, -Errno.EFAULT)
    return done(task, files.unlink(core.index, task.argument))
  }
}

const onRegular = (
  name: string,
  point: number,
  otherwise: number,
  step: (core: Core, task: Task, open: OpenRamFile, file: File) => number
): SystemCall => ({
  name,
  point,
  step(core: Core, task: Task): number {
    const file = task.process?.files.get(task.r0) ?? null
    if (file === null) return done(task, -Errno.EBADF)
    if (!(file.object instanceof OpenRamFile)) return done(task, otherwise)
    return done(task, step(core, task, file.object, file))
  }
})

/** Offset `r1`, from `r2` (SEEK_*). */
export const LSEEK = onRegular("lseek", Points.SYS_LSEEK, -Errno.ESPIPE, (_core, task, open) => {
  if (!(task.r2 >= 0 && task.r2 <= SEEK_END)) return -Errno.EINVAL
  const base = task.r2 === SEEK_SET ? 0 : task.r2 === SEEK_CUR ? open.position : open.inode.size
  const position = base + task.r1
  if (!(position >= 0)) return -Errno.EINVAL
  open.position = position
  return position
})

/** Size `r1`. */
export const FTRUNCATE = onRegular("ftruncate", Points.SYS_FTRUNCATE, -Errno.EINVAL, (core, task, open, file) => {
  if (!(task.r1 >= 0) || file.access === O_RDONLY) return -Errno.EINVAL
  if (task.r1 > SIZE_MAX) return -Errno.EFBIG
  open.inode.truncate(core.index, task.r1)
  return 0
})

/** Mode `r1` (only 0: make room), offset `r2`, length `r3`. */
export const FALLOCATE = onRegular("fallocate", Points.SYS_FALLOCATE, -Errno.ESPIPE, (core, task, open, file) => {
  if (task.r1 !== 0) return -Errno.EOPNOTSUPP
  if (!(task.r2 >= 0 && task.r3 > 0)) return -Errno.EINVAL
  if (file.access === O_RDONLY) return -Errno.EBADF
  const end = task.r2 + task.r3
  if (end > SIZE_MAX) return -Errno.EFBIG
  for (let at = task.r2; at < end; at += 4096 - (at % 4096)) {
    if (open.inode.pageOf(core.index, at) < 0) return -Errno.ENOSPC
  }
  if (end > open.inode.size) open.inode.size = end
  return 0
})
