/**
 * Control messages that recvmsg brings: time stamps, and reports of the error queue (Linux: __sock_recv_timestamp,
 * tcp_recv_timestamp, ip_recv_error).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import type { Sock } from "@darkfiber/kernel-net/Sock"
import { ORIGIN_ICMP, takeReport } from "@darkfiber/kernel-net/SockErrors"
import { SOCK_RCVTSTAMP, SOCK_RCVTSTAMPNS } from "@darkfiber/kernel-net/SockExtra"
import { BadPointer, type Message } from "./Message.ts"
import { MSG_ERRQUEUE, MSG_TRUNC, type Socket } from "./Socket.ts"
import * as O from "./SocketOptions.ts"
import { done } from "./SystemCall.ts"
import type { Task } from "./Task.ts"

const SECOND = 1_000_000_000
/** Bytes of a timespec or timeval, of struct scm_timestamping, of sock_extended_err with an address. */
const TIMESPEC = 16
const SCM_TIMESTAMPING = 48
const EXTENDED_ERROR = 32

/** Tells when the data came, as the socket's options want it. @param time ns, 0 for unknown */
export const putTimestamps = (message: Message, sk: Sock, time: number): void => {
  const extra = sk.extra
  if (extra === null || time <= 0) return
  const seconds = Math.floor(time / SECOND)
  const nanos = time - seconds * SECOND
  if ((extra.flags & SOCK_RCVTSTAMPNS) !== 0) {
    message.put(O.SOL_SOCKET, O.SO_TIMESTAMPNS, { seconds, fraction: nanos }, TIMESPEC)
  } else if ((extra.flags & SOCK_RCVTSTAMP) !== 0) {
    message.put(O.SOL_SOCKET, O.SO_TIMESTAMP, { seconds, fraction: Math.floor(nanos / 1000) }, TIMESPEC)
  }
  if ((extra.tsFlags & O.SOF_TIMESTAMPING_SOFTWARE) === 0) return
  message.put(O.SOL_SOCKET, O.SO_TIMESTAMPING, { seconds, fraction: nanos }, SCM_TIMESTAMPING)
}

/** recvmsg with MSG_ERRQUEUE: never waits. Linux: ip_recv_error */
export const receiveReport = (core: Core, task: Task, socket: Socket): number => {
  const sk = socket.sk
  const report = takeReport(sk)
  if (report === null) return done(task, -Errno.EAGAIN)
  const { payload } = report
  const into = task.argument
  const copied = Math.min(payload.length, task.r2)
  if (copied > 0 && into instanceof BadPointer) return done(task, -Errno.EFAULT)
  if (copied > 0) (into as Uint8Array).set(payload.subarray(0, copied), task.r1)
  task.process?.table.sockets?.copied(core, copied)
  const message = task.message
  if (message !== null) {
    message.flags |= MSG_ERRQUEUE | (copied < payload.length ? MSG_TRUNC : 0)
    putTimestamps(message, sk, report.time)
    const { errno, origin, type, code, info, data, offender } = report
    message.put(O.SOL_IP, O.IP_RECVERR, { errno, origin, type, code, info, data, offender }, EXTENDED_ERROR)
  }
  if (report.origin === ORIGIN_ICMP && sk.error !== 0) sk.waiters?.errorReport(sk, core)
  return done(task, copied)
}
