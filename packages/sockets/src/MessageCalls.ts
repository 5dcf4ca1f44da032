/**
 * System calls on sockets that take messages: several buffers, control messages, many at once (Linux: ____sys_sendmsg,
 * ____sys_recvmsg, __sys_sendmmsg, do_recvmmsg, net/socket.c); readv and writev, which any file takes.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { IOV_MAX, type Message, type UserBytes } from "./Message.ts"
import * as Points from "./Points.ts"
import { AF_INET, MSG_DONTWAIT, MSG_WAITFORONE, type Socket } from "./Socket.ts"
import type { SocketAddress } from "./SocketCalls.ts"
import { onFile, onSocket, readFile, receive, send, writeFile } from "./SocketCalls.ts"
import { RECORD_MASK } from "./SendStamp.ts"
import * as O from "./SocketOptions.ts"
import { CALL_DONE, CALL_MORE, done, type SystemCall } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

/** Most messages of one call (Linux: UIO_MAXIOV too). */
const MESSAGES_MAX = IOV_MAX

/** Message `message`, flags `r3`. */
export const SENDMSG: SystemCall = onSocket("sendmsg", Points.SYS_SENDMSG, (core, task, socket) =>
  sendMessage(core, task, socket)
)

/** As SENDMSG, for the chain of messages from `message` on. How many were sent. */
export const SENDMMSG: SystemCall = onSocket("sendmmsg", Points.SYS_SENDMMSG, (core, task, socket) =>
  eachMessage(core, task, socket, sendMessage)
)

/** Message `message`, flags `r3`: buffers, control messages, flags and address are filled in. */
export const RECVMSG: SystemCall = onSocket("recvmsg", Points.SYS_RECVMSG, (core, task, socket) =>
  receiveMessage(core, task, socket)
)

/** As RECVMSG, for a chain. MSG_WAITFORONE: waits only for the first. */
export const RECVMMSG: SystemCall = onSocket("recvmmsg", Points.SYS_RECVMMSG, (core, task, socket) =>
  eachMessage(core, task, socket, receiveMessage)
)

const sendMessage = (core: Core, task: Task, socket: Socket): number => {
  const message = task.message as Message
  if (task.argument === null) {
    if (message.iov.length > IOV_MAX) return done(task, -Errno.EMSGSIZE)
    if (!areSendable(message)) return done(task, -Errno.EINVAL)
    task.argument = message.gather()
    task.r1 = 0
    task.r2 = (task.argument as UserBytes).length
    task.r4 = message.toAddress
    task.r5 = message.toPort
    task.addressFamily = AF_INET
  }
  return send(core, task, socket)
}

/** Control messages of SOL_SOCKET must be known ones; other levels are looked over (Linux: sock_cmsg_send). */
const areSendable = (message: Message): boolean => {
  for (const { level, type, data } of message.control) {
    if (level !== O.SOL_SOCKET) continue
    if (type === O.SO_MARK || type === O.SO_PRIORITY) continue
    if (type !== O.SO_TIMESTAMPING || typeof data !== "number" || (data & ~RECORD_MASK) !== 0) return false
  }
  return true
}

const receiveMessage = (core: Core, task: Task, socket: Socket): number => {
  const message = task.message as Message
  if (task.argument === null) {
    if (message.iov.length > IOV_MAX) return done(task, -Errno.EMSGSIZE)
    task.argument = message.scratch()
    task.r1 = 0
    task.r2 = (task.argument as UserBytes).length
  }
  const verdict = receive(core, task, socket)
  if (verdict !== CALL_DONE || task.result < 0) return verdict
  const from = task.value as SocketAddress | null
  task.value = null
  message.name = from
  if (task.argument instanceof Uint8Array) message.scatter(task.argument, Math.min(task.result, task.r2))
  return verdict
}

/** One message after the other; an error counts only when it meets the first. */
const eachMessage = (
  core: Core,
  task: Task,
  socket: Socket,
  one: (core: Core, task: Task, socket: Socket) => number
): number => {
  const verdict = one(core, task, socket)
  if (verdict !== CALL_DONE) return verdict
  const message = task.message as Message
  const isGood = task.result >= 0
  if (isGood) {
    message.count = task.result
    task.messages++
  }
  if (!isGood || message.next === null || task.messages >= MESSAGES_MAX) {
    return task.messages > 0 ? done(task, task.messages) : CALL_DONE
  }
  if ((task.r3 & MSG_WAITFORONE) !== 0) task.r3 |= MSG_DONTWAIT
  task.message = message.next
  task.argument = null
  task.phase = 0
  task.moved = 0
  return CALL_MORE
}

/** Buffers of `message` as one: the file's own write, then read. */
export const WRITEV: SystemCall = onFile("writev", Points.SYS_WRITEV, (core, task, file) => {
  const message = task.message as Message
  if (task.argument === null) {
    if (message.iov.length > IOV_MAX) return done(task, -Errno.EINVAL)
    task.argument = message.gather()
    task.r1 = 0
    task.r2 = (task.argument as UserBytes).length
    task.r3 = 0
    task.r5 = -1
  }
  return writeFile(core, task, file)
})

export const READV: SystemCall = onFile("readv", Points.SYS_READV, (core, task, file) => {
  const message = task.message as Message
  if (task.argument === null) {
    if (message.iov.length > IOV_MAX) return done(task, -Errno.EINVAL)
    task.argument = message.scratch()
    task.r1 = 0
    task.r2 = (task.argument as UserBytes).length
    task.r3 = 0
  }
  const verdict = readFile(core, task, file)
  if (verdict === CALL_DONE && task.result > 0 && task.argument instanceof Uint8Array) {
    message.scatter(task.argument, task.result)
  }
  return verdict
})
