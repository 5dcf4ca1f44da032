/**
 * System calls of leased programs: each sets the arguments in the task as `Sys` does for fibers, and registers the call.
 */
import * as FileCalls from "@darkfiber/sockets/FileCalls"
import { LEASE_CALL } from "@darkfiber/sockets/Leased"
import { AF_INET } from "@darkfiber/sockets/Socket"
import * as SocketCalls from "@darkfiber/sockets/SocketCalls"
import type { Task } from "@darkfiber/sockets/Task"
import * as TaskCalls from "@darkfiber/sockets/TaskCalls"

/** The result of the last call. A failure ends the program as a defect. */
export const result = (task: Task, what: string): number => {
  const value = task.result
  if (value < 0) throw new Error(`${what}: errno ${-value}`)
  return value
}

export const socket = (task: Task, type: number): number => {
  task.r1 = AF_INET
  task.r2 = type
  task.r3 = 0
  task.begin(SocketCalls.SOCKET)
  return LEASE_CALL
}

export const bind = (task: Task, fd: number, port: number): number => {
  task.r0 = fd
  task.r1 = AF_INET
  task.r4 = 0
  task.r5 = port
  task.begin(SocketCalls.BIND)
  return LEASE_CALL
}

export const listen = (task: Task, fd: number, backlog: number): number => {
  task.r0 = fd
  task.r1 = backlog
  task.begin(SocketCalls.LISTEN)
  return LEASE_CALL
}

export const accept = (task: Task, fd: number): number => {
  task.r0 = fd
  task.r1 = 0
  task.begin(SocketCalls.ACCEPT)
  return LEASE_CALL
}

export const connect = (task: Task, fd: number, address: number, port: number): number => {
  task.r0 = fd
  task.r1 = AF_INET
  task.r4 = address
  task.r5 = port
  task.begin(SocketCalls.CONNECT)
  return LEASE_CALL
}

export const setsockopt = (task: Task, fd: number, level: number, name: number, value: number): number => {
  task.r0 = fd
  task.r1 = level
  task.r2 = name
  task.r3 = 4
  task.argument = value
  task.begin(SocketCalls.SETSOCKOPT)
  return LEASE_CALL
}

/** The first `length` bytes of `data`, to `address` and `port`, or (-1) to the peer. */
export const sendto = (
  task: Task,
  fd: number,
  data: Uint8Array,
  length: number,
  address: number,
  port: number
): number => {
  task.r0 = fd
  task.argument = data
  task.r1 = 0
  task.r2 = length
  task.r3 = 0
  task.r4 = address
  task.r5 = port
  task.begin(SocketCalls.SENDTO)
  return LEASE_CALL
}

export const send = (task: Task, fd: number, data: Uint8Array, length: number): number =>
  sendto(task, fd, data, length, 0, -1)

export const recv = (task: Task, fd: number, into: Uint8Array): number => {
  task.r0 = fd
  task.argument = into
  task.r1 = 0
  task.r2 = into.length
  task.r3 = 0
  task.r4 = 0
  task.r5 = -1
  task.begin(SocketCalls.RECVFROM)
  return LEASE_CALL
}

export const close = (task: Task, fd: number): number => {
  task.r0 = fd
  task.begin(FileCalls.CLOSE)
  return LEASE_CALL
}

export const nanosleep = (task: Task, ns: number): number => {
  task.r0 = ns
  task.begin(TaskCalls.NANOSLEEP)
  return LEASE_CALL
}

/** Payload that is the same on every run and differs along its length. */
export const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7) & 255
  return bytes
}
