/**
 * What sockets of datagrams do alike for the system calls: receive, readiness, shutdown.
 * Linux: net/core/datagram.c (__skb_recv_datagram, datagram_poll).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { DatagramSock } from "@darkfiber/kernel-net/DatagramSock"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { hasReports } from "@darkfiber/kernel-net/SockErrors"
import * as Skb from "@darkfiber/kernel-net/Skb"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { SIOCINQ, SIOCOUTQ } from "./Ioctl.ts"
import { BadPointer } from "./Message.ts"
import * as Points from "./Points.ts"
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRBAND, POLLWRNORM } from "./Poll.ts"
import { MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, type Socket } from "./Socket.ts"
import { putTimestamps } from "./SocketReports.ts"
import { RCV_SHUTDOWN, SEND_SHUTDOWN } from "./Shutdown.ts"
import { done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** Where the payload of a received buffer begins, and who sent it. */
export interface DatagramReader {
  /** Takes the oldest buffer. Precondition: there is one. */
  take(sk: DatagramSock): SkBuff
  /** Bytes from `skb.data` to what the reader gets. */
  offset(skb: SkBuff): number
  sourceAddress(skb: SkBuff): number
  sourcePort(skb: SkBuff): number
}

/** How long a call may wait: 0 when the descriptor or the flags say that it must not. */
export const timeoutOf = (task: Task, socket: Socket, flags: number, receiving: boolean): number => {
  if ((flags & MSG_DONTWAIT) !== 0 || task.file?.nonblock === true) return 0
  return receiving ? socket.receiveTimeout : socket.sendTimeout
}

export const receiveDatagram = (core: Core, task: Task, socket: Socket, reader: DatagramReader): number => {
  const sk = socket.sk as DatagramSock
  const flags = task.r3
  if ((flags & MSG_OOB) !== 0) return done(task, -Errno.EOPNOTSUPP)
  const error = sk.takeError()
  if (error !== 0) return done(task, -error)
  const isPeek = (flags & MSG_PEEK) !== 0
  let skip = isPeek && sk.extra !== null && sk.extra.peekOffset > 0 ? sk.extra.peekOffset : 0
  let found = sk.receiveQueue.head
  while (found !== null && skip > 0 && skip >= found.length - reader.offset(found)) {
    skip -= found.length - reader.offset(found)
    found = found.next
  }
  if (found === null) {
    if ((sk.shutdown & RCV_SHUTDOWN) !== 0) return done(task, 0)
    return task.waitOn(core, socket.wait, true, timeoutOf(task, socket, flags, true))
  }
  if (task.argument instanceof BadPointer && task.r2 > 0) return done(task, -Errno.EFAULT)
  const skb = isPeek ? found : reader.take(sk)
  // Another core put it there at a later time than this core has reached.
  if (skb.timestamp > core.time) core.charge(Math.ceil((skb.timestamp - core.time) / core.slowness))
  const result = copyDatagram(core, task, socket, reader, skb, skip)
  if (!isPeek) skb.host.consumeSkb(core, skb)
  return done(task, result)
}

/** Copies a datagram out, and tells what goes with it. @returns the result of the call */
const copyDatagram = (
  core: Core,
  task: Task,
  socket: Socket,
  reader: DatagramReader,
  skb: SkBuff,
  skip: number
): number => {
  const flags = task.r3
  const whole = skb.length - reader.offset(skb)
  const length = whole - skip
  const taken = length < task.r2 ? length : task.r2
  core.visit(Points.SKB_COPY_DATAGRAM_ITER, socket.net.id, -1, skb.traceId, taken)
  if (taken > 0) Skb.copyBits(skb, reader.offset(skb) + skip, taken, task.argument as Uint8Array, task.r1)
  task.process?.table.sockets?.copied(core, taken)
  socket.fromAddress = reader.sourceAddress(skb)
  socket.fromPort = reader.sourcePort(skb)
  task.value = { address: socket.fromAddress, port: socket.fromPort }
  const result = (flags & MSG_TRUNC) !== 0 ? whole : taken
  const extra = socket.sk.extra
  if (extra !== null && extra.peekOffset >= 0) {
    extra.peekOffset = (flags & MSG_PEEK) !== 0 ? extra.peekOffset + result : Math.max(0, extra.peekOffset - result)
  }
  const message = task.message
  if (message !== null) {
    if (taken < length) message.flags |= MSG_TRUNC
    putTimestamps(message, socket.sk, skb.timestamp)
  }
  return result
}

/** ioctl(): the length of the next datagram, and what is on its way out. Linux: udp_ioctl */
export const controlDatagram = (socket: Socket, reader: DatagramReader, request: number): number => {
  const sk = socket.sk
  if (request === SIOCOUTQ) return sk.wmem
  if (request !== SIOCINQ) return -Errno.ENOTTY
  const first = sk.receiveQueue.head
  return first === null ? 0 : first.length - reader.offset(first)
}

/** Linux: datagram_poll. */
export const pollDatagram = (socket: Socket): number => {
  const sk = socket.sk
  let mask = 0
  if (sk.error !== 0 || hasReports(sk)) mask |= POLLERR
  if ((sk.shutdown & RCV_SHUTDOWN) !== 0) mask |= POLLRDHUP | POLLIN | POLLRDNORM
  if (sk.shutdown === (RCV_SHUTDOWN | SEND_SHUTDOWN)) mask |= POLLHUP
  if (sk.receiveQueue.count > 0) mask |= POLLIN | POLLRDNORM
  if (sk.wmem * 2 < sk.sndbuf) mask |= POLLOUT | POLLWRNORM | POLLWRBAND
  return mask
}

/** Linux: inet_shutdown, of a socket without a connection to tear down. */
export const shutdownDatagram = (core: Core, task: Task, socket: Socket, how: number): number => {
  const sk = socket.sk
  if (sk.remotePort === 0 && sk.remoteAddress === 0) return done(task, -Errno.ENOTCONN)
  sk.shutdown |= how + 1
  socket.stateChange(sk, core)
  return done(task, 0)
}
