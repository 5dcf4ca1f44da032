/**
 * struct socket: what a descriptor of a socket stands for, above the protocol's sock. It owns the wait queue of the
 * socket (socket_wq) and turns what happens to the sock into wake-ups.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Sock, SockWaiters } from "@darkfiber/kernel-net/Sock"
import type { File, FileOps, PollTable } from "./Files.ts"
import type { PageSink, PageSource } from "./PageSource.ts"
import * as Points from "./Points.ts"
import { POLLERR, POLLIN, READABLE, WRITABLE } from "./Poll.ts"
import type { OptionValue } from "./SocketOptions.ts"
import { CALL_DONE, done } from "./SystemCall.ts"
import { FOREVER, type Task } from "./Task.ts"
import { WaitQueue } from "./WaitQueue.ts"

/** Linux: socket_state. */
export const SS_UNCONNECTED = 1
export const SS_CONNECTING = 2
export const SS_CONNECTED = 3
export const SS_DISCONNECTING = 4

export const AF_UNSPEC = 0
export const AF_INET = 2
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0x800
/** Taken and not kept: no program is replaced here by exec. */
export const SOCK_CLOEXEC = 0x80000

/** Linux: MSG_* (include/linux/socket.h). */
export const MSG_OOB = 0x1
export const MSG_PEEK = 0x2
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_EOR = 0x80
export const MSG_WAITALL = 0x100
export const MSG_ERRQUEUE = 0x2000
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000
export const MSG_WAITFORONE = 0x10000
export const MSG_ZEROCOPY = 0x4000000
export const MSG_FASTOPEN = 0x2000_0000

export const SHUT_RD = 0
export const SHUT_WR = 1
export const SHUT_RDWR = 2

/**
 * What a family and protocol do for the system calls (Linux: proto_ops with struct proto below). Functions with a task
 * return a verdict (SystemCall.ts) and keep their progress in the task; the others return 0 or a negative errno.
 */
export interface SocketOps {
  /** `inet_stream_ops`. */
  readonly name: string
  /** `tcp_prot`. */
  readonly protocolName: string
  bind(core: Core, socket: Socket, address: number, port: number): number
  /** Family `r1`, address `r4`, port `r5`. */
  connect(core: Core, task: Task, socket: Socket): number
  listen(core: Core, socket: Socket, backlog: number): number
  /** The new socket is left in `task.value`. */
  accept(core: Core, task: Task, socket: Socket): number
  /** Buffer `argument` from `r1`, `r2` bytes, flags `r3`, address `r4`, port `r5` (-1 without one). */
  send(core: Core, task: Task, socket: Socket): number
  /** As `send`; the sender is left in `socket.fromAddress` and `socket.fromPort`. */
  receive(core: Core, task: Task, socket: Socket): number
  shutdown(core: Core, task: Task, socket: Socket, how: number): number
  /** POLL* bits. */
  poll(core: Core, socket: Socket): number
  /** The last descriptor is gone. */
  release(core: Core, task: Task | null, socket: Socket): void
  setOption(core: Core, socket: Socket, level: number, name: number, value: OptionValue): number
  /** ioctl(): what SIOCINQ, SIOCOUTQ and the like tell, or a negative errno. */
  control(core: Core, socket: Socket, request: number): number
  /** Null: ENOPROTOOPT. */
  getOption(core: Core, socket: Socket, level: number, name: number): OptionValue | null
  /** Copies addresses into `socket.sk`, where the protocol keeps them elsewhere. */
  refresh?(socket: Socket): void
  /**
   * One step of a splice from the socket: up to `length` bytes into `sink`. `has` says that the call has moved some already
   * and need not wait. A verdict; bytes, 0 at the end or a negative errno in `task.result`.
   */
  spliceRead?(core: Core, task: Task, socket: Socket, sink: PageSink, length: number, has: boolean): number
  /** One step of a splice or sendfile to the socket. A verdict; bytes or a negative errno in `task.result`. */
  sendPages?(core: Core, task: Task, socket: Socket, source: PageSource, length: number, flags: number): number
  /** The last descriptor is gone: what is done before `release`, and may wait (SO_LINGER). A verdict, as of a call. */
  closing?(core: Core, task: Task, socket: Socket): number
  /** Takes the pending error: 0 or a negative errno; without it the sock's. */
  takeError?(socket: Socket): number
}

export class Socket implements SockWaiters {
  readonly family: number
  readonly type: number
  readonly protocol: number
  readonly net: Netns
  readonly ops: SocketOps
  readonly sk: Sock
  /** Tasks and epoll entries that wait for this socket. */
  readonly wait: WaitQueue
  /** Tasks that wait for the socket lock (sk_lock.wq); null until one has to. */
  lockWait: WaitQueue | null
  state: number
  file: File | null
  /** SO_RCVTIMEO, SO_SNDTIMEO in ns; FOREVER for none. */
  receiveTimeout: number
  sendTimeout: number
  /** SO_LINGER: -1 off, else seconds. */
  linger: number
  broadcast: boolean
  /** A close() that lingers has begun. */
  lingering: boolean
  /** Sender of the datagram received last. */
  fromAddress: number
  fromPort: number

  constructor(family: number, type: number, protocol: number, net: Netns, ops: SocketOps, sk: Sock) {
    this.family = family
    this.type = type
    this.protocol = protocol
    this.net = net
    this.ops = ops
    this.sk = sk
    this.wait = new WaitQueue()
    this.lockWait = null
    this.state = SS_UNCONNECTED
    this.file = null
    this.receiveTimeout = FOREVER
    this.sendTimeout = FOREVER
    this.linger = -1
    this.broadcast = false
    this.lingering = false
    this.fromAddress = 0
    this.fromPort = 0
    sk.owner = this
    sk.waiters = this
  }

  dataReady(_sock: Sock, core: Core): void {
    core.enter(Points.SOCK_DEF_READABLE)
    this.wait.wake(core, 1, READABLE)
  }

  writeSpace(_sock: Sock, core: Core): void {
    core.enter(Points.SOCK_DEF_WRITE_SPACE)
    this.wait.wake(core, 1, WRITABLE)
  }

  stateChange(_sock: Sock, core: Core): void {
    core.enter(Points.SOCK_DEF_WAKEUP)
    this.wait.wake(core, 0, 0)
  }

  errorReport(_sock: Sock, core: Core): void {
    core.enter(Points.SOCK_DEF_ERROR_REPORT)
    this.wait.wake(core, 1, POLLERR | POLLIN)
  }

  /**
   * One step of a splice from the socket: up to `length` bytes into `sink`. `has` says that the call has moved some already
   * and need not wait. A verdict; bytes, 0 at the end or a negative errno in `task.result`.
   */
  spliceRead?(core: Core, task: Task, socket: Socket, sink: PageSink, length: number, has: boolean): number
  /** One step of a splice or sendfile to the socket. A verdict; bytes or a negative errno in `task.result`. */
  sendPages?(core: Core, task: Task, socket: Socket, source: PageSource, length: number, flags: number): number
  /** The last descriptor is gone: what is done before `release`, and may wait (SO_LINGER). A verdict, as of a call. */
  closing?(core: Core, task: Task, socket: Socket): number
  /** Takes the pending error: 0 or a negative errno (Linux: sock_error). */
  takeError(): number {
    if (this.ops.takeError !== undefined) return this.ops.takeError(this)
    const error = this.sk.error
    this.sk.error = 0
    return -error
  }
}

/** The file of a socket. */
export const socketFile: FileOps = {
  kind: "socket",
  poll(core: Core, file: File, table: PollTable | null): number {
    const socket = file.object as Socket
    if (table !== null) table.queue(file, socket.wait)
    return socket.ops.poll(core, socket)
  },
  closing(core: Core, task: Task, file: File): number {
    const socket = file.object as Socket
    return socket.ops.closing === undefined ? CALL_DONE : socket.ops.closing(core, task, socket)
  },
  control(core: Core, task: Task, file: File, request: number): number {
    const socket = file.object as Socket
    return done(task, socket.ops.control(core, socket, request))
  },
  release(core: Core, file: File, task: Task | null): void {
    const socket = file.object as Socket
    core.enter(Points.SOCK_RELEASE)
    socket.file = null
    socket.ops.release(core, task, socket)
  }
}
