/** System calls on sockets (Linux: net/socket.c). What the protocols do stands behind `SocketOps`. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { File } from "./Files.ts"
import { BadPointer } from "./Message.ts"
import { PageSource } from "./PageSource.ts"
import * as Points from "./Points.ts"
import {
  MSG_ERRQUEUE,
  SHUT_RDWR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  type Socket,
  SS_CONNECTED,
  SS_CONNECTING
} from "./Socket.ts"
import { getSocketOption, setSocketOption } from "./SocketLevel.ts"
import { receiveReport } from "./SocketReports.ts"
import type { OptionValue } from "./SocketOptions.ts"
import { CALL_DONE, done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** An address as the calls return it: int32 and port. */
export interface SocketAddress {
  readonly address: number
  readonly port: number
}

/** Family `r1`, type `r2` with SOCK_NONBLOCK, protocol `r3`. */
export const SOCKET: SystemCall = {
  name: "socket",
  point: Points.SYS_SOCKET,
  step(core: Core, task: Task): number {
    const process = task.process
    const layer = process?.table.sockets ?? null
    if (process === null || layer === null) return done(task, -Errno.EAFNOSUPPORT)
    const type = task.r2 & 0xf
    if ((task.r2 & ~(0xf | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return done(task, -Errno.EINVAL)
    return done(task, layer.open(core, process, task.r1, type, task.r3, (task.r2 & SOCK_NONBLOCK) !== 0))
  }
}

/** A call on the file of descriptor `r0`, which stays open while the call lasts. */
export const onFile = (
  name: string,
  point: number,
  step: (core: Core, task: Task, file: File) => number
): SystemCall => ({
  name,
  point,
  step(core: Core, task: Task): number {
    let file = task.file
    if (file === null) {
      file = task.process?.files.get(task.r0) ?? null
      if (file === null) return done(task, -Errno.EBADF)
      file.get()
      task.file = file
    }
    const verdict = step(core, task, file)
    if (verdict === CALL_DONE) {
      task.file = null
      file.put(core, task)
    }
    return verdict
  }
})

/** As `onFile`, for what only sockets can. */
export const onSocket = (
  name: string,
  point: number,
  step: (core: Core, task: Task, socket: Socket) => number
): SystemCall =>
  onFile(name, point, (core, task, file) =>
    file.ops.kind === "socket" ? step(core, task, file.object as Socket) : done(task, -Errno.ENOTSOCK)
  )

/** Family `r1`, address `r4`, port `r5`. */
export const BIND: SystemCall = onSocket("bind", Points.SYS_BIND, (core, task, socket) => {
  if (task.r1 !== socket.family) return done(task, -Errno.EAFNOSUPPORT)
  if (!isPort(task.r5)) return done(task, -Errno.EINVAL)
  if (task.r5 > 0 && task.r5 < 1024 && task.process?.isRoot !== true) return done(task, -Errno.EACCES)
  return done(task, socket.ops.bind(core, socket, task.r4 | 0, task.r5))
})

/** Backlog `r1`. */
export const LISTEN: SystemCall = onSocket("listen", Points.SYS_LISTEN, (core, task, socket) =>
  done(task, socket.ops.listen(core, socket, task.r1 | 0))
)

/**
 * Flags `r1` (SOCK_NONBLOCK). The peer's address is left in `value`.
 *
 * Linux takes descriptor and file before it looks into the queue, so EMFILE and ENFILE leave the connection there.
 */
export const ACCEPT: SystemCall = onSocket("accept4", Points.SYS_ACCEPT, (core, task, socket) => {
  const process = task.process
  const layer = process?.table.sockets ?? null
  if (process === null || layer === null) return done(task, -Errno.EBADF)
  if (task.phase === 0) {
    if ((task.r1 & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return done(task, -Errno.EINVAL)
    task.phase = 1
  }
  const fd = process.files.reserve()
  if (fd < 0) return done(task, fd)
  if (!layer.processes.files.mayOpen(process.isRoot)) return done(task, -Errno.ENFILE)
  task.value = null
  const verdict = socket.ops.accept(core, task, socket)
  if (verdict !== CALL_DONE || task.result < 0) return verdict
  const child = task.value as unknown as Socket
  task.value = { address: child.sk.remoteAddress, port: child.sk.remotePort }
  return done(task, layer.install(core, process, child, (task.r1 & SOCK_NONBLOCK) !== 0))
})

/** Family `r1`, address `r4`, port `r5`. */
export const CONNECT: SystemCall = onSocket("connect", Points.SYS_CONNECT, (core, task, socket) => {
  if (task.phase === 0 && !isPort(task.r5)) return done(task, -Errno.EINVAL)
  return socket.ops.connect(core, task, socket)
})

/** One step of a send; the buffer stands in `argument`, as for SENDTO. */
export const send = (core: Core, task: Task, socket: Socket): number => {
  if (task.phase === 0) {
    if (!isRange(task.argument, task.r1, task.r2)) return done(task, -Errno.EFAULT)
    if (!(task.r5 >= -1 && task.r5 <= 65_535)) return done(task, -Errno.EINVAL)
    if (task.moved === 0 && !(task.value instanceof PageSource)) task.value = null
  }
  return socket.ops.send(core, task, socket)
}

/** One step of a receive; the buffer stands in `argument`, as for SENDTO. */
export const receive = (core: Core, task: Task, socket: Socket): number => {
  if (task.phase === 0) {
    if (!isRange(task.argument, task.r1, task.r2)) return done(task, -Errno.EFAULT)
    task.value = null
  }
  const verdict =
    (task.r3 & MSG_ERRQUEUE) !== 0 ? receiveReport(core, task, socket) : socket.ops.receive(core, task, socket)
  if (verdict === CALL_DONE && task.result > 0) noteBytes(core, task)
  return verdict
}

/** Buffer `argument` from `r1`, `r2` bytes, flags `r3`, address `r4`, port `r5` (-1 without one). */
export const SENDTO: SystemCall = onSocket("sendto", Points.SYS_SENDTO, send)
/** As SENDTO; the sender's address is left in the socket. */
export const RECVFROM: SystemCall = onSocket("recvfrom", Points.SYS_RECVFROM, receive)
/** As SENDTO with flags 0 and without an address. */
export const WRITE: SystemCall = onFile("write", Points.SYS_WRITE, (core, task, file) => writeFile(core, task, file))
export const READ: SystemCall = onFile("read", Points.SYS_READ, (core, task, file) => readFile(core, task, file))

/** One step of a read from any file. */
export const readFile = (core: Core, task: Task, file: File): number => {
  if (file.ops.kind === "socket") return receive(core, task, file.object as Socket)
  if (file.access === 1) return done(task, -Errno.EBADF)
  if (file.ops.read === undefined) return done(task, -Errno.EINVAL)
  if (!isRange(task.argument, task.r1, task.r2)) return done(task, -Errno.EFAULT)
  const verdict = file.ops.read(core, task, file)
  if (verdict === CALL_DONE && task.result > 0) noteBytes(core, task)
  return verdict
}

/** One step of a write to any file. */
export const writeFile = (core: Core, task: Task, file: File): number => {
  if (file.ops.kind === "socket") return send(core, task, file.object as Socket)
  if (file.access === 0) return done(task, -Errno.EBADF)
  if (file.ops.write === undefined) return done(task, -Errno.EINVAL)
  if (!isRange(task.argument, task.r1, task.r2)) return done(task, -Errno.EFAULT)
  return file.ops.write(core, task, file)
}

/** How `r1`. */
export const SHUTDOWN: SystemCall = onSocket("shutdown", Points.SYS_SHUTDOWN, (core, task, socket) => {
  if (!(task.r1 >= 0 && task.r1 <= SHUT_RDWR)) return done(task, -Errno.EINVAL)
  return socket.ops.shutdown(core, task, socket, task.r1)
})

export const GETSOCKNAME: SystemCall = onSocket("getsockname", Points.SYS_GETSOCKNAME, (_core, task, socket) => {
  socket.ops.refresh?.(socket)
  task.value = { address: socket.sk.localAddress, port: socket.sk.localPort }
  return done(task, 0)
})

export const GETPEERNAME: SystemCall = onSocket("getpeername", Points.SYS_GETPEERNAME, (_core, task, socket) => {
  socket.ops.refresh?.(socket)
  if (!isConnected(socket)) return done(task, -Errno.ENOTCONN)
  task.value = { address: socket.sk.remoteAddress, port: socket.sk.remotePort }
  return done(task, 0)
})

/** Level `r1`, name `r2`, value `argument`, its length `r3`. */
export const SETSOCKOPT: SystemCall = onSocket("setsockopt", Points.SYS_SETSOCKOPT, (core, task, socket) =>
  done(task, setSocketOption(core, task, socket, task.r1, task.r2, task.argument as OptionValue, task.r3))
)

/** Level `r1`, name `r2`, room `r3`; the value is left in `value`. */
export const GETSOCKOPT: SystemCall = onSocket("getsockopt", Points.SYS_GETSOCKOPT, (core, task, socket) => {
  task.value = getSocketOption(core, task, socket, task.r1, task.r2, task.r3)
  return CALL_DONE
})

/** The process moves to a new network namespace, in which only lo is, down. */
export const UNSHARE: SystemCall = {
  name: "unshare",
  point: Points.SYS_UNSHARE,
  step(_core: Core, task: Task): number {
    const process = task.process
    const layer = process?.table.sockets ?? null
    if (process === null || layer === null) return done(task, -Errno.EINVAL)
    if (!process.isRoot) return done(task, -Errno.EPERM)
    const net = layer.host.createNetns(`pid-${process.pid}`)
    if (typeof net === "number") return done(task, net)
    process.net = net
    return done(task, 0)
  }
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535

const isConnected = (socket: Socket): boolean => socket.state === SS_CONNECTED || socket.state === SS_CONNECTING

/** A pointer that points nowhere passes: what meets it first finds out. */
const isRange = (buffer: unknown, at: number, length: number): boolean =>
  (buffer instanceof Uint8Array || buffer instanceof BadPointer) &&
  at >= 0 &&
  length >= 0 &&
  at + length <= buffer.length

/** What was read goes into the fingerprint: its first and last bytes and eight between. */
const noteBytes = (core: Core, task: Task): void => {
  const bytes = task.argument
  if (!(bytes instanceof Uint8Array)) return
  const start = task.r1
  const length = Math.min(task.result, task.r2)
  const step = length <= 8 ? 1 : (length / 8) | 0
  let hash = length
  for (let i = 0; i < length; i += step) hash = Math.imul(hash ^ bytes[start + i]!, 0x9e3779b1)
  if (length > 0) hash = Math.imul(hash ^ bytes[start + length - 1]!, 0x85ebca6b)
  core.island.fingerprint.word(hash)
}
