/** System calls on descriptors of any kind: close, dup, fcntl, epoll, poll, select. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { Epoll, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, epollFile, type EpollEvent } from "./Epoll.ts"
import type { File, FileTable } from "./Files.ts"
import { FIONBIO } from "./Ioctl.ts"
import { PIPE_BUF, Pipe, resize } from "./Pipe.ts"
import * as Points from "./Points.ts"
import { CALL_BLOCK, CALL_DONE, done, type SystemCall } from "./SystemCall.ts"
import { defaultWakeFunction, FOREVER, type Task } from "./Task.ts"

export const F_DUPFD = 0
export const F_GETFL = 3
export const F_SETFL = 4
export const F_SETPIPE_SZ = 1031
export const F_GETPIPE_SZ = 1032
export const O_NONBLOCK = 0x800

/** Most events one epoll_wait may ask for (Linux: EP_MAX_EVENTS is larger). */
export const EVENTS_MAX = 1_048_576

const tableOf = (task: Task): FileTable | null => task.process?.files ?? null

/**
 * Closes `r0`. The descriptor is free at once; what lies behind it may keep the call waiting (SO_LINGER). Linux: filp_close
 */
export const CLOSE: SystemCall = {
  name: "close",
  point: Points.SYS_CLOSE,
  step(core: Core, task: Task): number {
    let file = task.file
    if (file === null) {
      file = tableOf(task)?.take(task.r0) ?? null
      if (file === null) return done(task, -Errno.EBADF)
      task.file = file
    }
    if (file.refs === 1 && file.ops.closing !== undefined) {
      const verdict = file.ops.closing(core, task, file)
      if (verdict !== CALL_DONE) return verdict
    }
    task.file = null
    file.put(core, task)
    return done(task, 0)
  }
}

/** Request `r1` with argument `r2`; what it tells is the result. */
export const IOCTL: SystemCall = {
  name: "ioctl",
  point: Points.SYS_IOCTL,
  step(core: Core, task: Task): number {
    const file = tableOf(task)?.get(task.r0) ?? null
    if (file === null) return done(task, -Errno.EBADF)
    if (task.r1 === FIONBIO) {
      file.nonblock = task.r2 !== 0
      return done(task, 0)
    }
    if (file.ops.control === undefined) return done(task, -Errno.ENOTTY)
    return file.ops.control(core, task, file, task.r1)
  }
}

/** A further descriptor of the same file as `r0`. */
export const DUP: SystemCall = {
  name: "dup",
  point: Points.SYS_DUP,
  step: (core: Core, task: Task): number => done(task, duplicate(core, task, 0))
}

const duplicate = (core: Core, task: Task, low: number): number => {
  const files = tableOf(task)
  const file = files?.get(task.r0) ?? null
  if (files === null || file === null) return -Errno.EBADF
  core.enter(Points.GET_UNUSED_FD)
  const fd = files.reserveFrom(low)
  if (fd < 0) return fd
  file.get()
  files.install(fd, file)
  return fd
}

/** `r1` is F_GETFL, F_SETFL (flags in `r2`) or F_DUPFD (lowest in `r2`). */
export const FCNTL: SystemCall = {
  name: "fcntl",
  point: Points.SYS_FCNTL,
  step(core: Core, task: Task): number {
    const file = tableOf(task)?.get(task.r0) ?? null
    if (file === null) return done(task, -Errno.EBADF)
    if (task.r1 === F_GETFL) return done(task, file.access | (file.nonblock ? O_NONBLOCK : 0))
    if (task.r1 === F_SETFL) {
      file.nonblock = (task.r2 & O_NONBLOCK) !== 0
      return done(task, 0)
    }
    if (task.r1 === F_GETPIPE_SZ || task.r1 === F_SETPIPE_SZ) return done(task, pipeSize(task, file))
    if (task.r1 !== F_DUPFD) return done(task, -Errno.EINVAL)
    const low = task.r2
    if (!(low >= 0) || low >= (tableOf(task)?.soft ?? 0)) return done(task, -Errno.EINVAL)
    return done(task, duplicate(core, task, low))
  }
}

/** F_GETPIPE_SZ, F_SETPIPE_SZ. */
const pipeSize = (task: Task, file: File): number => {
  if (!(file.object instanceof Pipe)) return -Errno.EBADF
  if (task.r1 === F_GETPIPE_SZ) return file.object.size * PIPE_BUF
  return resize(file.object, task.r2, task.process?.isRoot === true)
}

export const EPOLL_CREATE1: SystemCall = {
  name: "epoll_create1",
  point: Points.SYS_EPOLL_CREATE,
  step(core: Core, task: Task): number {
    const process = task.process
    if (process === null) return done(task, -Errno.EINVAL)
    core.enter(Points.GET_UNUSED_FD)
    const fd = process.files.reserve()
    if (fd < 0) return done(task, fd)
    const table = process.table
    const ep = new Epoll(table.files, table.epollLimits)
    const file = table.files.open(core, epollFile, ep, process.isRoot)
    if (typeof file === "number") return done(task, file)
    ep.file = file
    process.files.install(fd, file)
    return done(task, fd)
  }
}

/** epfd `r0`, operation `r1`, fd `r2`, events `r3`, data `r4`. */
export const EPOLL_CTL: SystemCall = {
  name: "epoll_ctl",
  point: Points.SYS_EPOLL_CTL,
  step(core: Core, task: Task): number {
    const files = tableOf(task)
    const file = files?.get(task.r0) ?? null
    const target = files?.get(task.r2) ?? null
    if (file === null || target === null) return done(task, -Errno.EBADF)
    if (target.ops.kind === "null" || target.ops.kind === "regular") return done(task, -Errno.EPERM)
    if (file === target || file.ops.kind !== "eventpoll") return done(task, -Errno.EINVAL)
    return done(task, control(core, task, file.object as Epoll, target))
  }
}

const control = (core: Core, task: Task, ep: Epoll, target: File): number => {
  const item = ep.find(target, task.r2)
  if (task.r1 === EPOLL_CTL_ADD) return ep.add(core, target, task.r2, task.r3, task.r4)
  if (task.r1 !== EPOLL_CTL_DEL && task.r1 !== EPOLL_CTL_MOD) return -Errno.EINVAL
  if (item === null) return -Errno.ENOENT
  if (task.r1 === EPOLL_CTL_MOD) return ep.modify(core, item, task.r3, task.r4)
  ep.remove(item, core)
  return 0
}

/** epfd `r0`, at most `r1` events, time-out `r2` ns (below 0: none). The events are in `value`. */
export const EPOLL_WAIT: SystemCall = {
  name: "epoll_wait",
  point: Points.SYS_EPOLL_WAIT,
  step(core: Core, task: Task): number {
    if (task.phase === 0) {
      task.value = null
      if (!(task.r1 > 0) || task.r1 > EVENTS_MAX) return done(task, -Errno.EINVAL)
      const file = tableOf(task)?.get(task.r0) ?? null
      if (file === null) return done(task, -Errno.EBADF)
      if (file.ops.kind !== "eventpoll") return done(task, -Errno.EINVAL)
      file.get()
      task.file = file
      task.phase = 1
      task.waiter.func = defaultWakeFunction
    }
    const file = task.file as File
    const verdict = waitForEvents(core, task, file.object as Epoll)
    if (verdict === CALL_DONE) {
      task.file = null
      file.put(core, task)
    }
    return verdict
  }
}

const waitForEvents = (core: Core, task: Task, ep: Epoll): number => {
  if (ep.hasReady) {
    const events: Array<EpollEvent> = []
    if (ep.collect(core, task.r1, events) > 0) {
      task.value = events
      return done(task, events.length)
    }
  }
  if (task.timedOut || task.r2 === 0) return done(task, 0)
  const verdict = task.mayWait(core, task.r2 < 0 ? FOREVER : task.r2)
  if (verdict === CALL_BLOCK) ep.waiters.addExclusiveHead(task.waiter)
  return verdict
}
