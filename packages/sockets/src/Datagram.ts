/**
 * What sockets of datagrams do alike for the system calls: receive, readiness, shutdown.
 * Linux: net/core/datagram.c (__skb_recv_datagram, datagram_poll).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { DatagramSock } from "@darkfiber/kernel-net/DatagramSock"
import * as Errno from "@darkfiber/kernel-net/Errno"
import * as Skb from "@darkfiber/kernel-net/Skb"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRBAND, POLLWRNORM } from "./Poll.ts"
import { MSG_DONTWAIT, MSG_ERRQUEUE, MSG_OOB, MSG_PEEK, MSG_TRUNC, type Socket } from "./Socket.ts"
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
  if ((flags & MSG_ERRQUEUE) !== 0) return done(task, -Errno.EAGAIN)
  const error = sk.takeError()
  if (error !== 0) return done(task, -error)
  const peeked = sk.receiveQueue.head
  if (peeked === null) {
    if ((sk.shutdown & RCV_SHUTDOWN) !== 0) return done(task, 0)
    return task.waitOn(core, socket.wait, true, timeoutOf(task, socket, flags, true))
  }
  const skb = (flags & MSG_PEEK) !== 0 ? peeked : reader.take(sk)
  // Another core put it there at a later time than this core has reached.
  if (skb.timestamp > core.time) core.charge(Math.ceil((skb.timestamp - core.time) / core.slowness))
  const offset = reader.offset(skb)
  const length = skb.length - offset
  const taken = length < task.r2 ? length : task.r2
  Skb.copyBits(skb, offset, taken, task.argument as Uint8Array, task.r1)
  task.process?.table.sockets?.copied(core, taken)
  socket.fromAddress = reader.sourceAddress(skb)
  socket.fromPort = reader.sourcePort(skb)
  task.value = { address: socket.fromAddress, port: socket.fromPort }
  if ((flags & MSG_PEEK) === 0) skb.host.consumeSkb(core, skb)
  return done(task, (flags & MSG_TRUNC) !== 0 ? length : taken)
}

/** Linux: datagram_poll. */
export const pollDatagram = (socket: Socket): number => {
  const sk = socket.sk
  let mask = 0
  if (sk.error !== 0 || sk.errorQueue.count > 0) mask |= POLLERR
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
