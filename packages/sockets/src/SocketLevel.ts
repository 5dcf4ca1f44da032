/** Options every socket has, level SOL_SOCKET and part of SOL_IP (Linux: net/core/sock.c, net/ipv4/ip_sockglue.c). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import * as Sysctl from "@darkfiber/kernel-net/Sysctl"
import type { Socket } from "./Socket.ts"
import * as O from "./SocketOptions.ts"
import type { Linger, OptionValue } from "./SocketOptions.ts"
import { FOREVER, type Task } from "./Task.ts"

const RMEM_MAX = Sysctl.define("net.core.rmem_max")
const WMEM_MAX = Sysctl.define("net.core.wmem_max")

/** Smallest buffers (Linux: SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF). */
export const RCVBUF_MIN = 2304
export const SNDBUF_MIN = 4608

/** SOCK_SNDBUF_LOCK, SOCK_RCVBUF_LOCK: what a protocol is told that tunes its buffers. */
export const SNDBUF_LOCK = 1
export const RCVBUF_LOCK = 2

/** @returns 0 or a negative errno */
export const setSocketOption = (
  core: Core,
  task: Task,
  socket: Socket,
  level: number,
  name: number,
  value: OptionValue
): number => {
  if (level === O.SOL_IP) return setIpOption(core, socket, name, value)
  if (level !== O.SOL_SOCKET) return socket.ops.setOption(core, socket, level, name, value)
  if (name === O.SO_BINDTODEVICE) return bindToDevice(task, socket, value)
  if (name === O.SO_LINGER) return setLinger(core, socket, value)
  if (typeof value !== "number" || !Number.isFinite(value)) return -Errno.EINVAL
  return setNumber(core, task, socket, name, value)
}

const setNumber = (core: Core, task: Task, socket: Socket, name: number, value: number): number => {
  const sk = socket.sk
  const root = task.process?.isRoot === true
  switch (name) {
    case O.SO_REUSEADDR:
      sk.reuseAddress = value !== 0
      break
    case O.SO_REUSEPORT:
      sk.reusePort = value !== 0
      break
    case O.SO_BROADCAST:
      socket.broadcast = value !== 0
      break
    case O.SO_SNDBUF:
    case O.SO_SNDBUFFORCE: {
      if (name === O.SO_SNDBUFFORCE && !root) return -Errno.EPERM
      const most = name === O.SO_SNDBUFFORCE ? 0x3fff_ffff : socket.net.host.sysctl.get(WMEM_MAX)
      sk.sndbuf = Math.max(Math.min(value < 0 ? 0 : value, most) * 2, SNDBUF_MIN)
      break
    }
    case O.SO_RCVBUF:
    case O.SO_RCVBUFFORCE: {
      if (name === O.SO_RCVBUFFORCE && !root) return -Errno.EPERM
      const most = name === O.SO_RCVBUFFORCE ? 0x3fff_ffff : socket.net.host.sysctl.get(RMEM_MAX)
      sk.rcvbuf = Math.max(Math.min(value < 0 ? 0 : value, most) * 2, RCVBUF_MIN)
      break
    }
    case O.SO_RCVTIMEO:
      if (value < 0) return -Errno.EDOM
      socket.receiveTimeout = value === 0 ? FOREVER : value
      return 0
    case O.SO_SNDTIMEO:
      if (value < 0) return -Errno.EDOM
      socket.sendTimeout = value === 0 ? FOREVER : value
      return 0
    case O.SO_PRIORITY:
      if (!(value >= 0 && value <= 6) && !root) return -Errno.EPERM
      sk.priority = value
      break
    case O.SO_MARK:
      if (!root) return -Errno.EPERM
      sk.mark = value | 0
      break
    case O.SO_TYPE:
    case O.SO_ERROR:
    case O.SO_PROTOCOL:
    case O.SO_DOMAIN:
    case O.SO_ACCEPTCONN:
      return -Errno.ENOPROTOOPT
    case O.SO_KEEPALIVE:
    case O.SO_RCVLOWAT:
    case O.SO_MAX_PACING_RATE:
      return socket.ops.setOption(core, socket, O.SOL_SOCKET, name, value)
    default:
      return -Errno.ENOPROTOOPT
  }
  // The protocol's own sock may keep the same value.
  const status = socket.ops.setOption(core, socket, O.SOL_SOCKET, name, value)
  return status === -Errno.ENOPROTOOPT ? 0 : status
}

const setLinger = (core: Core, socket: Socket, value: OptionValue): number => {
  if (typeof value !== "object" || !("on" in value)) return -Errno.EINVAL
  const linger = value as Linger
  socket.linger = linger.on ? Math.max(0, linger.seconds) : -1
  const status = socket.ops.setOption(core, socket, O.SOL_SOCKET, O.SO_LINGER, value)
  return status === -Errno.ENOPROTOOPT ? 0 : status
}

const bindToDevice = (task: Task, socket: Socket, value: OptionValue): number => {
  if (typeof value !== "string") return -Errno.EINVAL
  if (socket.sk.boundDevice !== 0 && task.process?.isRoot !== true) return -Errno.EPERM
  if (value === "") {
    socket.sk.boundDevice = 0
    return 0
  }
  const dev = socket.net.deviceByName(value)
  if (dev === null) return -Errno.ENODEV
  socket.sk.boundDevice = dev.index
  socket.sk.dst = null
  return 0
}

const setIpOption = (core: Core, socket: Socket, name: number, value: OptionValue): number => {
  if (typeof value !== "number") return -Errno.EINVAL
  if (name === O.IP_TTL) {
    if (value !== -1 && !(value >= 1 && value <= 255)) return -Errno.EINVAL
    socket.sk.ttl = value === -1 ? 0 : value
    return 0
  }
  if (name === O.IP_TOS) {
    socket.sk.tos = value & 0xff
    return 0
  }
  return socket.ops.setOption(core, socket, O.SOL_IP, name, value)
}

/** @returns null for an option there is not */
export const getSocketOption = (core: Core, socket: Socket, level: number, name: number): OptionValue | null => {
  const sk = socket.sk
  if (level === O.SOL_IP) {
    if (name === O.IP_TTL) return sk.ttl === 0 ? 64 : sk.ttl
    if (name === O.IP_TOS) return sk.tos
    return socket.ops.getOption(core, socket, level, name)
  }
  if (level !== O.SOL_SOCKET) return socket.ops.getOption(core, socket, level, name)
  switch (name) {
    case O.SO_TYPE:
      return socket.type
    case O.SO_DOMAIN:
      return socket.family
    case O.SO_PROTOCOL:
      return socket.protocol
    case O.SO_ERROR:
      return -socket.takeError()
    case O.SO_REUSEADDR:
      return sk.reuseAddress ? 1 : 0
    case O.SO_REUSEPORT:
      return sk.reusePort ? 1 : 0
    case O.SO_BROADCAST:
      return socket.broadcast ? 1 : 0
    case O.SO_PRIORITY:
      return sk.priority
    case O.SO_MARK:
      return sk.mark
    case O.SO_LINGER:
      return { on: socket.linger >= 0, seconds: Math.max(0, socket.linger) }
    case O.SO_RCVTIMEO:
      return socket.receiveTimeout === FOREVER ? 0 : socket.receiveTimeout
    case O.SO_SNDTIMEO:
      return socket.sendTimeout === FOREVER ? 0 : socket.sendTimeout
    case O.SO_BINDTODEVICE:
      return sk.boundDevice === 0 ? "" : (socket.net.deviceByIndex(sk.boundDevice)?.name ?? "")
    default: {
      const own = socket.ops.getOption(core, socket, level, name)
      if (own !== null) return own
      if (name === O.SO_SNDBUF) return sk.sndbuf
      if (name === O.SO_RCVBUF) return sk.rcvbuf
      return name === O.SO_ACCEPTCONN ? 0 : null
    }
  }
}
