/**
 * System calls as Effects, for the fibers of a process. A failure is a tagged error named after its errno; the EAGAIN of
 * a call that must not block is no failure but the value `AGAIN`.
 *
 * Each call runs in the calling thread's turn on its core, costs simulated CPU time, and suspends the fiber only if it
 * blocks or if something else comes first. A call may be interrupted by Effect (a timeout, a race): it then ends as a
 * call does that a signal interrupts.
 */
import { Effect } from "effect"
import type { EpollEvent } from "./Epoll.ts"
import * as FileCalls from "./FileCalls.ts"
import type { UserBytes } from "./Message.ts"
import type { PollFd } from "./PollCalls.ts"
import * as PollCalls from "./PollCalls.ts"
import { AGAIN, numberResult, valueResult, voidResult } from "./Results.ts"
import type { SocketAddress } from "./SocketCalls.ts"
import * as SocketCalls from "./SocketCalls.ts"
import type { OptionValue } from "./SocketOptions.ts"
import { AF_INET } from "./Socket.ts"
import { addressOf, type Endpoint, NO_ADDRESS } from "./SysMessage.ts"
import { type Errno, make } from "./SystemError.ts"
import type { Task } from "./Task.ts"
import { type Decode, systemCall } from "./Thread.ts"

export { AGAIN }
export { fallocate, ftruncate, lseek, open, pipe, type PipeEnds, sendfile, splice, tee, unlink } from "./SysFile.ts"
export { BadPointer } from "./Message.ts"
export {
  type Endpoint,
  type Incoming,
  type Outgoing,
  readv,
  type ReceivedMessage,
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  writev
} from "./SysMessage.ts"
export {
  clockGettime,
  compute,
  getpid,
  kill,
  nanosleep,
  getpriority,
  schedSetaffinity,
  setpriority,
  schedYield,
  self,
  setns,
  setrlimitNofile,
  spawn,
  spawnThread
} from "./SysTask.ts"

const setEndpoint = (task: Task, to: Endpoint | null, family = AF_INET): void => {
  task.addressFamily = family
  task.r4 = 0
  task.r5 = -1
  if (to === null) return
  const address = addressOf(to)
  task.r4 = address ?? 0
  task.r5 = address === null ? NO_ADDRESS : to.port
}

const setBuffer = (
  task: Task,
  fd: number,
  buffer: UserBytes,
  flags: number,
  to: Endpoint | null,
  family = AF_INET
): void => {
  task.r0 = fd
  task.argument = buffer
  task.r1 = 0
  task.r2 = buffer.length
  task.r3 = flags
  setEndpoint(task, to, family)
}

const decodeSocket = numberResult("socket")
/** A new socket; `type` may carry SOCK_NONBLOCK. EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE, ENFILE, ENOMEM. */
export const socket = (type: number, protocol = 0, family = AF_INET): Effect.Effect<number, Errno> =>
  systemCall(
    SocketCalls.SOCKET,
    (task) => {
      task.r1 = family
      task.r2 = type
      task.r3 = protocol
    },
    decodeSocket
  )

const decodeBind = voidResult("bind")
/** EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL. */
export const bind = (fd: number, local: Endpoint): Effect.Effect<void, Errno> =>
  systemCall(
    SocketCalls.BIND,
    (task) => {
      task.r0 = fd
      task.r1 = AF_INET
      setEndpoint(task, local)
    },
    decodeBind
  )

const decodeListen = voidResult("listen")
/** EOPNOTSUPP, EADDRINUSE. */
export const listen = (fd: number, backlog: number): Effect.Effect<void, Errno> =>
  systemCall(
    SocketCalls.LISTEN,
    (task) => {
      task.r0 = fd
      task.r1 = backlog
    },
    decodeListen
  )

const decodeAccept = numberResult("accept4")
/** The descriptor of the oldest finished connection, or AGAIN. EMFILE and ENFILE leave it in the queue. */
export const accept = (fd: number, flags = 0): Effect.Effect<number, Errno> =>
  systemCall(
    SocketCalls.ACCEPT,
    (task) => {
      task.r0 = fd
      task.r1 = flags
    },
    decodeAccept
  )

const decodeConnect = voidResult("connect")
/** ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL; EINPROGRESS when it must not block. */
export const connect = (fd: number, peer: Endpoint, family = AF_INET): Effect.Effect<void, Errno> =>
  systemCall(
    SocketCalls.CONNECT,
    (task) => {
      task.r0 = fd
      task.r1 = family
      setEndpoint(task, peer)
    },
    decodeConnect
  )

const decodeSend = numberResult("sendto")
/** Bytes taken, or AGAIN. EPIPE, ECONNRESET, ENOTCONN, EDESTADDRREQ, EMSGSIZE. No SIGPIPE is sent. */
export const send = (fd: number, data: UserBytes, flags = 0): Effect.Effect<number, Errno> =>
  systemCall(SocketCalls.SENDTO, (task) => setBuffer(task, fd, data, flags, null), decodeSend)

/** As `send`, to an address. EAFNOSUPPORT for one of another family, EOPNOTSUPP for MSG_FASTOPEN to AF_UNSPEC. */
export const sendto = (
  fd: number,
  data: UserBytes,
  to: Endpoint,
  flags = 0,
  family = AF_INET
): Effect.Effect<number, Errno> =>
  systemCall(SocketCalls.SENDTO, (task) => setBuffer(task, fd, data, flags, to, family), decodeSend)

const decodeWrite = numberResult("write")
export const write = (fd: number, data: UserBytes): Effect.Effect<number, Errno> =>
  systemCall(SocketCalls.WRITE, (task) => setBuffer(task, fd, data, 0, null), decodeWrite)

const decodeRecv = numberResult("recvfrom")
/** Reads into `buffer`: bytes, 0 at the end of the stream, or AGAIN. ECONNREFUSED, ECONNRESET, ENOTCONN. */
export const recv = (fd: number, buffer: UserBytes, flags = 0): Effect.Effect<number, Errno> =>
  systemCall(SocketCalls.RECVFROM, (task) => setBuffer(task, fd, buffer, flags, null), decodeRecv)

/** Reads at most `max` bytes: a new array, empty at the end of the stream, or AGAIN. */
export const recvBytes = (fd: number, max: number, flags = 0): Effect.Effect<Uint8Array | typeof AGAIN, Errno> =>
  Effect.suspend(() => {
    const buffer = new Uint8Array(max)
    return Effect.map(recv(fd, buffer, flags), (count) => (count === AGAIN ? AGAIN : buffer.subarray(0, count)))
  })

/** A received datagram: how many bytes are in the buffer, and who sent it. */
export interface Received extends SocketAddress {
  readonly count: number
}

const decodeRecvfrom: Decode = (task) => {
  if (task.result < 0) return decodeRecv(task)
  const from = task.value as SocketAddress | null
  task.value = null
  return Effect.succeed({ count: task.result, address: from?.address ?? 0, port: from?.port ?? 0 })
}
/** As `recv`, with the sender; AGAIN when it would block. */
export const recvfrom = (fd: number, buffer: UserBytes, flags = 0): Effect.Effect<Received | typeof AGAIN, Errno> =>
  systemCall(SocketCalls.RECVFROM, (task) => setBuffer(task, fd, buffer, flags, null), decodeRecvfrom)

const decodeRead = numberResult("read")
export const read = (fd: number, buffer: UserBytes): Effect.Effect<number, Errno> =>
  systemCall(SocketCalls.READ, (task) => setBuffer(task, fd, buffer, 0, null), decodeRead)

const decodeShutdown = voidResult("shutdown")
/** SHUT_RD, SHUT_WR or SHUT_RDWR. ENOTCONN. */
export const shutdown = (fd: number, how: number): Effect.Effect<void, Errno> =>
  systemCall(
    SocketCalls.SHUTDOWN,
    (task) => {
      task.r0 = fd
      task.r1 = how
    },
    decodeShutdown
  )

const decodeSockname = valueResult("getsockname")
export const getsockname = (fd: number): Effect.Effect<SocketAddress, Errno> =>
  systemCall(SocketCalls.GETSOCKNAME, (task) => void (task.r0 = fd), decodeSockname)

const decodePeername = valueResult("getpeername")
/** ENOTCONN. */
export const getpeername = (fd: number): Effect.Effect<SocketAddress, Errno> =>
  systemCall(SocketCalls.GETPEERNAME, (task) => void (task.r0 = fd), decodePeername)

const decodeSetsockopt = voidResult("setsockopt")
/** ENOPROTOOPT, EINVAL, EPERM. @param length optlen; by default that of the value */
export const setsockopt = (
  fd: number,
  level: number,
  name: number,
  value: OptionValue,
  length = lengthOf(value)
): Effect.Effect<void, Errno> =>
  systemCall(
    SocketCalls.SETSOCKOPT,
    (task) => {
      task.r0 = fd
      task.r1 = level
      task.r2 = name
      task.argument = value
      task.r3 = length
    },
    decodeSetsockopt
  )

/** optlen of a value: of a text, of struct linger, else long enough for an int or a time. */
const lengthOf = (value: OptionValue): number =>
  typeof value === "string" || value instanceof Uint8Array
    ? value.length
    : typeof value === "number"
      ? NUMBER_BYTES
      : RECORD_BYTES
const NUMBER_BYTES = 16
const RECORD_BYTES = 8

const decodeGetsockopt = valueResult("getsockopt")
/** ENOPROTOOPT, EINVAL, EOPNOTSUPP (level). @param length room; a number is cut to that many bytes */
export const getsockopt = (
  fd: number,
  level: number,
  name: number,
  length = Infinity
): Effect.Effect<OptionValue, Errno> =>
  systemCall(
    SocketCalls.GETSOCKOPT,
    (task) => {
      task.r0 = fd
      task.r1 = level
      task.r2 = name
      task.r3 = length
    },
    decodeGetsockopt
  )

const decodeClose = voidResult("close")
/** Closes a descriptor. EBADF. */
export const close = (fd: number): Effect.Effect<void, Errno> =>
  systemCall(FileCalls.CLOSE, (task) => void (task.r0 = fd), decodeClose)

const decodeDup = numberResult("dup")
/** The lowest free descriptor, for the same file. EBADF, EMFILE. */
export const dup = (fd: number): Effect.Effect<number, Errno> =>
  systemCall(FileCalls.DUP, (task) => void (task.r0 = fd), decodeDup)

const decodeFcntl = numberResult("fcntl")
/** F_GETFL, F_SETFL (O_NONBLOCK) or F_DUPFD. EBADF, EINVAL, EMFILE. */
export const fcntl = (fd: number, command: number, argument = 0): Effect.Effect<number, Errno> =>
  systemCall(
    FileCalls.FCNTL,
    (task) => {
      task.r0 = fd
      task.r1 = command
      task.r2 = argument
    },
    decodeFcntl
  )

const decodeIoctl = numberResult("ioctl")
/** FIONREAD (SIOCINQ), SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK: the number they tell; FIONBIO with `argument`. EBADF, EINVAL, ENOTTY. */
export const ioctl = (fd: number, request: number, argument = 0): Effect.Effect<number, Errno> =>
  systemCall(
    FileCalls.IOCTL,
    (task) => {
      task.r0 = fd
      task.r1 = request
      task.r2 = argument
    },
    decodeIoctl
  )

/** Sets or clears O_NONBLOCK. */
export const setNonblock = (fd: number, on: boolean): Effect.Effect<void, Errno> =>
  Effect.asVoid(fcntl(fd, FileCalls.F_SETFL, on ? FileCalls.O_NONBLOCK : 0))

const decodeEpollCreate = numberResult("epoll_create1")
/** A new epoll instance. EMFILE, ENFILE, ENOMEM. */
export const epollCreate1: Effect.Effect<number, Errno> = systemCall(
  FileCalls.EPOLL_CREATE1,
  () => undefined,
  decodeEpollCreate
)

const decodeEpollCtl = voidResult("epoll_ctl")
/** Adds, changes or removes a registration; `data` comes back with its events. EBADF, EEXIST, ENOENT, EINVAL, ENOSPC. */
export const epollCtl = (
  epfd: number,
  operation: number,
  fd: number,
  events = 0,
  data = fd
): Effect.Effect<void, Errno> =>
  systemCall(
    FileCalls.EPOLL_CTL,
    (task) => {
      task.r0 = epfd
      task.r1 = operation
      task.r2 = fd
      task.r3 = events
      task.r4 = data
    },
    decodeEpollCtl
  )

const noEvents: ReadonlyArray<EpollEvent> = []
const decodeEpollWait: Decode = (task) => {
  if (task.result < 0) return Effect.fail(make(task.result, "epoll_wait"))
  const events = task.value as ReadonlyArray<EpollEvent> | null
  task.value = null
  return Effect.succeed(events ?? noEvents)
}
/**
 * Waits for events.
 *
 * @param timeoutNs -1 without limit, 0 not at all
 */
export const epollWait = (
  epfd: number,
  eventsMax: number,
  timeoutNs = -1
): Effect.Effect<ReadonlyArray<EpollEvent>, Errno> =>
  systemCall(
    FileCalls.EPOLL_WAIT,
    (task) => {
      task.r0 = epfd
      task.r1 = eventsMax
      task.r2 = timeoutNs
    },
    decodeEpollWait
  )

const decodePoll = numberResult("poll")
/** Waits for any of `fds`, whose `revents` it sets; the number that are ready. @param timeoutNs -1 without limit */
export const poll = (fds: ReadonlyArray<PollFd>, timeoutNs = -1): Effect.Effect<number, Errno> =>
  systemCall(
    PollCalls.POLL,
    (task) => {
      task.argument = fds
      task.r0 = timeoutNs
    },
    decodePoll
  )

const decodeSelect = numberResult("select")
/** As `poll`, for at most 1024 descriptors. */
export const select = (fds: ReadonlyArray<PollFd>, timeoutNs = -1): Effect.Effect<number, Errno> =>
  systemCall(
    PollCalls.SELECT,
    (task) => {
      task.argument = fds
      task.r0 = timeoutNs
    },
    decodeSelect
  )

const decodeUnshare = voidResult("unshare")
/** A network namespace of its own for the process (CLONE_NEWNET). EPERM, ENOMEM. */
export const unshareNetwork: Effect.Effect<void, Errno> = systemCall(
  SocketCalls.UNSHARE,
  () => undefined,
  decodeUnshare
)
