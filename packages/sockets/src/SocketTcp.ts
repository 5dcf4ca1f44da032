/**
 * TCP sockets for the system calls (Linux: inet_stream_ops over tcp_prot; net/ipv4/af_inet.c, tcp.c).
 *
 * A send owns the socket from its first step until it sleeps or ends; each step queues at most one super-segment.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { STEP_MAX } from "@darkfiber/hardware/cpu/CostTable"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { hasReports } from "@darkfiber/kernel-net/SockErrors"
import { SOCK_ZEROCOPY } from "@darkfiber/kernel-net/SockExtra"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import * as Close from "@darkfiber/tcp/Close"
import * as FastOpen from "@darkfiber/tcp/FastOpen"
import * as Handshake from "@darkfiber/tcp/Handshake"
import * as Listen from "@darkfiber/tcp/Listen"
import * as State from "@darkfiber/tcp/State"
import * as Stream from "@darkfiber/tcp/Stream"
import * as Urgent from "@darkfiber/tcp/Urgent"
import { DEFER_CONNECT, type TcpSock } from "@darkfiber/tcp/TcpSock"
import { timeoutOf } from "./Datagram.ts"
import { SIOCATMARK, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD } from "./Ioctl.ts"
import { BadPointer } from "./Message.ts"
import { type PageSink, PageSource } from "./PageSource.ts"
import { POLLERR, POLLHUP, POLLOUT, POLLRDHUP } from "./Poll.ts"
import {
  AF_INET,
  AF_UNSPEC,
  MSG_DONTWAIT,
  MSG_FASTOPEN,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_ZEROCOPY,
  SOCK_STREAM,
  Socket,
  type SocketOps,
  SS_CONNECTED,
  SS_CONNECTING,
  SS_UNCONNECTED
} from "./Socket.ts"
import type { SocketFamily } from "./SocketLayer.ts"
import * as O from "./SocketOptions.ts"
import type { OptionValue } from "./SocketOptions.ts"
import { putTimestamps } from "./SocketReports.ts"
import { lockSock, releaseSock, spin } from "./SockLock.ts"
import { stampTail } from "./SendStamp.ts"
import { CALL_BLOCK, CALL_DONE, CALL_MORE, done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import { IPPROTO_TCP, type TcpKernelSock } from "./TcpKernelSock.ts"
import * as Zerocopy from "./Zerocopy.ts"
import { getTcpOption, setTcpOption, syncToTcp } from "./TcpSocketOptions.ts"

/** Most bytes one step copies, however fast the copy. */
const STEP_BYTES = 65_536
/** Nanoseconds of a step that the copy may take; the rest is for the way down. */
const COPY_MAX = STEP_MAX - 1000

/** Progress of connect: what `task.phase` is. */
const CHOOSE_PORT = 0
const SEND_SYN = 1
const WAIT = 2

const IN_SYN = State.bit(State.SYN_SENT) | State.bit(State.SYN_RECV)
const isConnecting = (sock: TcpSock): boolean => (State.bit(sock.state) & IN_SYN) !== 0

/** Phase of a send that waits for the connection it began. */
const OPENING = 2
const isFastOpen = (socket: Socket, flags: number): boolean =>
  (flags & MSG_FASTOPEN) !== 0 || (tcpOf(socket).synBits & DEFER_CONNECT) !== 0
/** States in which close() waits for the peer. */
const CLOSING_STATES = State.bit(State.FIN_WAIT1) | State.bit(State.CLOSING) | State.bit(State.LAST_ACK)

const SECOND = 1_000_000_000
const INT_BYTES = 4

const peekOffset = (socket: Socket): number => {
  const extra = socket.sk.extra
  return extra === null || extra.peekOffset < 0 ? 0 : extra.peekOffset
}

const tcpOf = (socket: Socket): TcpSock => (socket.sk as TcpKernelSock).tcp

class TcpOps implements SocketOps {
  readonly name = "inet_stream_ops"
  readonly protocolName = "tcp_prot"
  private readonly glue: TcpGlue
  private readonly stepBytes: number

  constructor(glue: TcpGlue) {
    this.glue = glue
    this.stepBytes = Math.min(STEP_BYTES, glue.host.costTable.copiedIn(COPY_MAX))
  }

  bind(core: Core, socket: Socket, address: number, port: number): number {
    const sock = this.enter(core, socket)
    const status = Handshake.bind(sock, address, port)
    return this.leave(core, socket, status)
  }

  listen(core: Core, socket: Socket, backlog: number): number {
    const sock = this.enter(core, socket)
    if (socket.state !== SS_UNCONNECTED) return -Errno.EINVAL
    return this.leave(core, socket, Listen.listen(sock, backlog))
  }

  connect(core: Core, task: Task, socket: Socket): number {
    if (task.phase === CHOOSE_PORT) {
      const sock = this.enter(core, socket)
      const refused = this.mayConnect(core, task, socket, sock)
      if (refused === -Errno.EINPROGRESS) task.phase = WAIT
      else if (refused !== 0 || task.r1 === AF_UNSPEC) return done(task, refused)
      else {
        if (!lockSock(core, task, socket)) return CALL_BLOCK
        const begin = core.time
        const error = Handshake.choosePort(this.owned(core, socket), task.r4 | 0, task.r5)
        if (error !== 0) {
          releaseSock(core, socket)
          return done(task, error)
        }
        task.phase = SEND_SYN
        // A long search is a span: interrupts come in between, and the SYN goes when it is over.
        if (core.time - begin > STEP_MAX) return CALL_MORE
      }
    }
    if (task.phase === SEND_SYN) {
      const status = Handshake.sendFirst(this.owned(core, socket))
      if (status === -Errno.EINPROGRESS || status === 0) socket.state = SS_CONNECTING
      releaseSock(core, socket)
      if (status !== -Errno.EINPROGRESS) return done(task, status)
      task.phase = WAIT
      if (task.file?.nonblock === true && isConnecting(tcpOf(socket))) return done(task, -Errno.EINPROGRESS)
    }
    const sock = this.enter(core, socket)
    if (isConnecting(sock)) {
      const verdict = task.waitOn(core, socket.wait, false, socket.sendTimeout)
      if (verdict === CALL_DONE && task.result === -Errno.EAGAIN) task.result = -Errno.EINPROGRESS
      return verdict
    }
    return done(task, this.endConnect(socket, sock))
  }

  accept(core: Core, task: Task, socket: Socket): number {
    const sock = this.enter(core, socket)
    if (sock.state !== State.LISTEN) return done(task, -Errno.EINVAL)
    const child = Listen.accept(sock)
    this.leave(core, socket, 0)
    if (child === null) return task.waitOn(core, socket.wait, true, timeoutOf(task, socket, 0, true))
    const sk = child.owner as TcpKernelSock
    sk.refresh()
    inherit(sk, child)
    const made = new Socket(socket.family, SOCK_STREAM, IPPROTO_TCP, socket.net, this, sk)
    made.state = SS_CONNECTED
    made.linger = socket.linger
    made.receiveTimeout = socket.receiveTimeout
    made.sendTimeout = socket.sendTimeout
    task.value = made
    return done(task, 0)
  }

  send(core: Core, task: Task, socket: Socket): number {
    const flags = task.r3
    if (task.phase === OPENING) return this.awaitOpen(core, task, socket)
    if (task.phase === 0) {
      if (isFastOpen(socket, flags)) return this.openAndSend(core, task, socket)
      if (!lockSock(core, task, socket)) return CALL_BLOCK
      task.phase = 1
      if ((flags & MSG_ZEROCOPY) !== 0 && !this.pin(task, socket)) {
        releaseSock(core, socket)
        return done(task, -Errno.ENOBUFS)
      }
    }
    const sock = this.owned(core, socket)
    const left = task.r2 - task.moved
    const length = left < this.stepBytes ? left : this.stepBytes
    const source = task.value instanceof PageSource ? task.value : (task.argument as Uint8Array)
    const sent = Stream.sendStep(sock, source, task.r1 + task.moved, length, flags, task.moved)
    if (sent > 0) task.moved += sent
    if (sent > 0 && task.moved < task.r2) return CALL_MORE
    const timeout = timeoutOf(task, socket, flags, false)
    if (task.moved > 0 && (sent !== -Errno.EAGAIN || timeout === 0)) stampTail(socket.sk, sock, task.message)
    Stream.sendDone(sock, flags)
    releaseSock(core, socket)
    task.phase = 0
    if (sent !== -Errno.EAGAIN) return this.sent(core, task, sent < 0 ? sent : 0)
    // What waited in the backlog may have made room, or ended the connection.
    if ((Stream.poll(sock) & (POLLOUT | POLLERR)) !== 0) return CALL_MORE
    const verdict = task.waitOn(core, socket.wait, false, timeout)
    return verdict === CALL_DONE ? this.sent(core, task, task.result) : verdict
  }

  /** MSG_ZEROCOPY, where the socket allows it: the program's pages instead of its bytes. False without option memory. */
  private pin(task: Task, socket: Socket): boolean {
    const sk = socket.sk as TcpKernelSock
    const bytes = task.argument
    if (sk.extra === null || (sk.extra.flags & SOCK_ZEROCOPY) === 0) return true
    if (task.value !== null || task.r2 === 0 || !(bytes instanceof Uint8Array)) return true
    const { tail } = sk.tcp.writeQueue
    const send = Zerocopy.begin(sk, tail === null ? null : (tail.buffer as SkBuff), task.r2)
    if (send === null) return false
    const pieces = task.message === null ? [bytes.subarray(task.r1, task.r1 + task.r2)] : task.message.iov
    task.r1 = 0
    task.value = new Zerocopy.PinnedBytes(send, pieces, task.r2)
    return true
  }

  /** The end of a send. */
  private sent(core: Core, task: Task, status: number): number {
    const source = task.value
    if (source instanceof Zerocopy.PinnedBytes) {
      task.value = null
      if (task.moved > 0 || status >= 0) source.send.put(core)
      else source.send.abort(core)
    }
    return this.finish(task, status)
  }

  receive(core: Core, task: Task, socket: Socket): number {
    const flags = task.r3
    if ((flags & MSG_OOB) !== 0) {
      const sock = this.enter(core, socket)
      if (sock.state === State.LISTEN) return done(task, -Errno.ENOTCONN)
      const peeks = (flags & MSG_PEEK) !== 0
      return done(task, Urgent.read(sock, task.argument as Uint8Array, task.r1, task.r2, peeks))
    }
    if (task.phase === 0) {
      if (!lockSock(core, task, socket)) return CALL_BLOCK
      task.phase = 1
    }
    const sock = this.owned(core, socket)
    const peek = (flags & MSG_PEEK) !== 0
    const read = this.receiveStep(task, socket, sock, flags)
    if (read > 0) task.moved += read
    // A read stops before the urgent byte.
    const goesOn = task.moved < task.r2 && Stream.inputBytes(sock) > 0 && !Urgent.isAtMark(sock)
    if (read > 0 && !peek && goesOn) return CALL_MORE
    if (task.moved > 0 && !peek) Stream.recvDone(sock, task.moved)
    releaseSock(core, socket)
    task.phase = 0
    const target = (flags & MSG_WAITALL) !== 0 ? task.r2 : Math.min(sock.options.rcvLowat, task.r2)
    if (task.moved >= target || (read <= 0 && read !== -Errno.EAGAIN)) {
      return this.received(task, socket, sock, flags, read < 0 ? read : 0)
    }
    const isNews = peek ? Stream.inputBytes(sock) > task.moved + peekOffset(socket) : Stream.inputBytes(sock) > 0
    if (isNews || (Stream.poll(sock) & (POLLERR | POLLHUP | POLLRDHUP)) !== 0) return CALL_MORE
    const verdict = task.waitOn(core, socket.wait, false, timeoutOf(task, socket, flags, true))
    return verdict === CALL_DONE ? this.received(task, socket, sock, flags, task.result) : verdict
  }

  /** Reads, peeks or throws away what is there, up to what one step may copy. */
  private receiveStep(task: Task, socket: Socket, sock: TcpSock, flags: number): number {
    const left = task.r2 - task.moved
    const length = left < this.stepBytes ? left : this.stepBytes
    const into = task.argument
    if (into instanceof BadPointer && length > 0 && Stream.inputBytes(sock) > 0) return -Errno.EFAULT
    const discards = (flags & MSG_TRUNC) !== 0 || !(into instanceof Uint8Array)
    const skip = (flags & MSG_PEEK) !== 0 ? task.moved + peekOffset(socket) : 0
    return Stream.recvStep(sock, discards ? null : into, task.r1 + task.moved, length, flags, skip)
  }

  /** The end of a receive: what goes with the bytes. */
  private received(task: Task, socket: Socket, sock: TcpSock, flags: number, status: number): number {
    const extra = socket.sk.extra
    if (task.moved > 0 && extra !== null && extra.peekOffset >= 0) {
      if ((flags & MSG_PEEK) !== 0) extra.peekOffset += task.moved
      else extra.peekOffset = Math.max(0, extra.peekOffset - task.moved)
    }
    const message = task.message
    if (message !== null && (task.moved > 0 || status >= 0)) {
      if (task.moved > 0) putTimestamps(message, socket.sk, this.glue.lastReceivedAt)
      if (sock.options.inq !== 0) message.put(O.SOL_TCP, O.TCP_CM_INQ, Stream.inputHint(sock), INT_BYTES)
    }
    return this.finish(task, status)
  }

  spliceRead(core: Core, task: Task, socket: Socket, sink: PageSink, length: number, has: boolean): number {
    if (!lockSock(core, task, socket)) return CALL_BLOCK
    const sock = this.owned(core, socket)
    // The urgent byte stops a splice, in line or not, and stays where it is: nobody would wake a sleeper for it.
    const isStopped = Urgent.isAtMark(sock) && sock.receiveQueue.head !== null
    const read = isStopped ? Stream.nothingThere(sock, length) : Stream.recvStep(sock, sink, 0, length, 0)
    if (read > 0) Stream.recvDone(sock, read)
    releaseSock(core, socket)
    if (read !== -Errno.EAGAIN) return done(task, read)
    const timeout = timeoutOf(task, socket, 0, true)
    if (has || (isStopped && timeout !== 0)) return done(task, 0)
    if ((Stream.poll(sock) & (POLLERR | POLLHUP | POLLRDHUP)) !== 0) return CALL_MORE
    return task.waitOn(core, socket.wait, false, timeout)
  }

  sendPages(core: Core, task: Task, socket: Socket, source: PageSource, length: number, flags: number): number {
    if (!lockSock(core, task, socket)) return CALL_BLOCK
    const sock = this.owned(core, socket)
    const sent = Stream.sendStep(sock, source, 0, length, flags)
    if (sent === length || sent <= 0) Stream.sendDone(sock, flags)
    releaseSock(core, socket)
    if (sent !== -Errno.EAGAIN) return done(task, sent)
    if ((Stream.poll(sock) & (POLLOUT | POLLERR)) !== 0) return CALL_MORE
    return task.waitOn(core, socket.wait, false, timeoutOf(task, socket, flags, false))
  }

  shutdown(core: Core, task: Task, socket: Socket, how: number): number {
    const sock = this.enter(core, socket)
    return done(task, this.leave(core, socket, Close.shutdown(sock, how)))
  }

  poll(core: Core, socket: Socket): number {
    this.glue.core = core
    return Stream.poll(tcpOf(socket)) | (hasReports(socket.sk) ? POLLERR : 0)
  }

  /** SO_LINGER: close() has said what it has to say, and waits until the peer has it all (Linux: sk_stream_wait_close). */
  closing(core: Core, task: Task, socket: Socket): number {
    if (socket.linger <= 0) return CALL_DONE
    const sock = this.enter(core, socket)
    if (!socket.lingering) {
      Close.begin(sock, false)
      socket.lingering = true
    }
    this.leave(core, socket, 0)
    if ((State.bit(sock.state) & CLOSING_STATES) === 0) return CALL_DONE
    return task.waitOn(core, socket.wait, false, socket.linger * SECOND)
  }

  release(core: Core, _task: Task | null, socket: Socket): void {
    const sock = this.enter(core, socket)
    socket.sk.waiters = null
    if (socket.lingering) Close.end(sock)
    else Close.close(sock, socket.linger === 0)
    socket.sk.releasedAt = core.time
  }

  control(core: Core, socket: Socket, request: number): number {
    const sock = this.enter(core, socket)
    if (request === SIOCATMARK) return Urgent.isAtMark(sock) ? 1 : 0
    if (request !== SIOCINQ && request !== SIOCOUTQ && request !== SIOCOUTQNSD) return -Errno.ENOTTY
    if (sock.state === State.LISTEN) return -Errno.EINVAL
    return request === SIOCINQ ? Stream.inputBytes(sock) : Stream.outputBytes(sock, request === SIOCOUTQNSD)
  }

  setOption(core: Core, socket: Socket, level: number, name: number, value: OptionValue): number {
    return setTcpOption(this.enter(core, socket), socket, level, name, value)
  }

  getOption(core: Core, socket: Socket, level: number, name: number): OptionValue | null {
    return getTcpOption(this.enter(core, socket), level, name)
  }

  refresh(socket: Socket): void {
    ;(socket.sk as TcpKernelSock).refresh()
  }

  takeError(socket: Socket): number {
    const sock = tcpOf(socket)
    const error = sock.error !== 0 ? sock.error : sock.softError
    if (sock.error === 0) sock.softError = 0
    sock.error = 0
    return -error
  }

  /** 0, or why not; -EINPROGRESS when an attempt is under way that the caller may wait for. */
  private mayConnect(core: Core, task: Task, socket: Socket, sock: TcpSock): number {
    if (task.r1 === AF_UNSPEC) return this.disconnect(core, socket, sock)
    if (task.r1 !== AF_INET) return -Errno.EAFNOSUPPORT
    if (socket.state === SS_CONNECTED) return -Errno.EISCONN
    if (socket.state === SS_CONNECTING) {
      if ((sock.synBits & DEFER_CONNECT) !== 0) return -Errno.EISCONN
      if (isConnecting(sock) && task.file?.nonblock === true) return -Errno.EALREADY
      return -Errno.EINPROGRESS
    }
    return 0
  }

  /** A send that also connects: with MSG_FASTOPEN, or the first one after a deferred connect() (tcp_sendmsg_fastopen). */
  private openAndSend(core: Core, task: Task, socket: Socket): number {
    const sock = this.enter(core, socket)
    const isAddressed = task.r5 !== -1
    if (isAddressed && task.addressFamily === AF_UNSPEC) return done(task, -Errno.EOPNOTSUPP)
    if ((task.r3 & MSG_ZEROCOPY) !== 0 && !this.pin(task, socket)) return done(task, -Errno.ENOBUFS)
    const source = task.value instanceof PageSource ? task.value : (task.argument as Uint8Array)
    const begun = FastOpen.begin(sock, source, task.r1, task.r2)
    if (begun !== 0) return this.sent(core, task, begun)
    if (socket.state === SS_CONNECTING && !isConnecting(sock) && (sock.synBits & DEFER_CONNECT) === 0) {
      // The handshake is over: the flag means nothing any more.
      FastOpen.end(sock)
      const status = this.endConnect(socket, sock)
      this.leave(core, socket, 0)
      task.r3 &= ~MSG_FASTOPEN
      return status === 0 ? CALL_MORE : done(task, status)
    }
    const status = this.openFast(task, socket, sock)
    const isOut = isConnecting(sock)
    const copied = FastOpen.end(sock)
    this.leave(core, socket, 0)
    if (!isOut || status !== -Errno.EINPROGRESS) return this.sent(core, task, status)
    task.moved = copied
    if (task.file?.nonblock === true || (task.r3 & MSG_DONTWAIT) !== 0) return this.sent(core, task, status)
    task.r3 &= ~MSG_FASTOPEN
    task.phase = OPENING
    if (copied < task.r2) sock.writePending++
    return this.awaitOpen(core, task, socket)
  }

  /** Connects with data at hand (Linux: __inet_stream_connect with `is_sendmsg`): -EINPROGRESS when the SYN is out. */
  private openFast(task: Task, socket: Socket, sock: TcpSock): number {
    if (socket.state === SS_CONNECTED) return -Errno.EISCONN
    if (socket.state === SS_CONNECTING) {
      return (sock.synBits & DEFER_CONNECT) !== 0 ? Handshake.begin(sock) : -Errno.EALREADY
    }
    if (task.r5 < 0) return -Errno.EINVAL
    if (task.addressFamily !== AF_INET) return -Errno.EAFNOSUPPORT
    const status = Handshake.connect(sock, task.r4 | 0, task.r5)
    if (status === -Errno.EINPROGRESS) socket.state = SS_CONNECTING
    return status
  }

  /** A blocking send waits until the connection it began is there, and then writes the rest. */
  private awaitOpen(core: Core, task: Task, socket: Socket): number {
    const sock = this.enter(core, socket)
    const isPending = task.moved < task.r2
    if (isConnecting(sock)) {
      const verdict = task.waitOn(core, socket.wait, false, socket.sendTimeout)
      if (verdict === CALL_BLOCK) return verdict
      if (isPending) sock.writePending--
      return this.sent(core, task, task.result)
    }
    if (isPending) sock.writePending--
    const status = this.endConnect(socket, sock)
    if (status !== 0) task.moved = 0
    if (status !== 0 || !isPending) return this.sent(core, task, status)
    task.phase = 0
    return CALL_MORE
  }

  /** The handshake is over, one way or the other (Linux: the end of __inet_stream_connect). */
  private endConnect(socket: Socket, sock: TcpSock): number {
    if (sock.state === State.CLOSE) {
      const error = sock.error
      sock.error = 0
      socket.state = SS_UNCONNECTED
      return error !== 0 ? -error : -Errno.ECONNABORTED
    }
    socket.state = SS_CONNECTED
    this.refresh(socket)
    return 0
  }

  /** connect() with AF_UNSPEC: the connection is given up, the socket may connect anew (Linux: tcp_disconnect). */
  private disconnect(core: Core, socket: Socket, sock: TcpSock): number {
    Close.disconnect(sock)
    socket.state = SS_UNCONNECTED
    return this.leave(core, socket, 0)
  }

  private finish(task: Task, status: number): number {
    return done(task, task.moved > 0 ? task.moved : status)
  }

  /** For a step that owns the socket already. */
  private owned(core: Core, socket: Socket): TcpSock {
    this.glue.core = core
    return tcpOf(socket)
  }

  /** For a call of one step: waits for the socket's spin lock. */
  private enter(core: Core, socket: Socket): TcpSock {
    spin(core, socket.sk)
    this.glue.core = core
    const sock = tcpOf(socket)
    syncToTcp(socket, sock)
    return sock
  }

  private leave(core: Core, socket: Socket, status: number): number {
    socket.sk.releasedAt = core.time
    return status
  }
}

/** What a connection has of its listener stands on either side (Linux: sk_clone_lock). */
const inherit = (sk: TcpKernelSock, child: TcpSock): void => {
  sk.reuseAddress = child.reuseAddress
  sk.reusePort = child.reusePort
  sk.boundDevice = child.device
  sk.mark = child.mark
}

/** TCP on one host. */
export class TcpFamily implements SocketFamily {
  readonly type = SOCK_STREAM
  readonly protocol = IPPROTO_TCP
  readonly ops: SocketOps
  private readonly glue: TcpGlue

  constructor(glue: TcpGlue) {
    this.ops = new TcpOps(glue)
    this.glue = glue
  }

  create(core: Core, net: Netns): TcpKernelSock | number {
    const { glue } = this
    glue.core = core
    const sock = glue.stack.create(glue.netOf(net))
    if (sock === null) return -Errno.ENOMEM
    const sk = glue.newSock(net, sock)
    sk.rcvbuf = sock.rcvbuf
    sk.sndbuf = sock.sndbuf
    return sk
  }
}
