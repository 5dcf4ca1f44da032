/**
 * setsockopt and getsockopt: the level, then the options of SOL_SOCKET that every socket has (Linux: sk_setsockopt,
 * sk_getsockopt, net/core/sock.c). Those of SOL_IP are in IpOptions.ts, TCP's in TcpSocketOptions.ts.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Errno from "@darkfiber/kernel-net/Errno"
import { extraOf } from "@darkfiber/kernel-net/SockErrors"
import { SOCK_RCVTSTAMP, SOCK_RCVTSTAMPNS, SOCK_ZEROCOPY } from "@darkfiber/kernel-net/SockExtra"
import * as Sysctl from "@darkfiber/kernel-net/Sysctl"
import { getIpOption, setIpOption } from "./IpOptions.ts"
import * as MemInfo from "./MemInfo.ts"
import type { Socket } from "./Socket.ts"
import * as O from "./SocketOptions.ts"
import { keptDefault } from "./SocketKept.ts"
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

/** Bytes of an int, of struct linger, of struct timeval. */
const INT = 4
const LINGER = 8
const TIMEVAL = 16

/**
 * @param length optlen; that of the value when the program names none
 * @returns 0 or a negative errno
 */
export const setSocketOption = (
  core: Core,
  task: Task,
  socket: Socket,
  level: number,
  name: number,
  value: OptionValue,
  length: number
): number => {
  if (length < 0) return -Errno.EINVAL
  if (level === O.SOL_IP) return setIpOption(core, socket, name, value, length)
  if (level !== O.SOL_SOCKET) return setOtherLevel(core, socket, level, name, value, length)
  if (name === O.SO_BINDTODEVICE) return bindToDevice(task, socket, value)
  if (length < INT) return -Errno.EINVAL
  if (name === O.SO_LINGER) return length < LINGER ? -Errno.EINVAL : setLinger(socket, value)
  if (typeof value !== "number" || !Number.isFinite(value)) return -Errno.EINVAL
  const isTime = name === O.SO_RCVTIMEO || name === O.SO_SNDTIMEO
  if (isTime && length < TIMEVAL) return -Errno.EINVAL
  return setNumber(core, task, socket, name, value)
}

/** Levels below the socket's are the protocol's; what it does not know goes to IP, which knows only its own. */
const setOtherLevel = (
  core: Core,
  socket: Socket,
  level: number,
  name: number,
  value: OptionValue,
  length: number
): number => {
  if (level !== socket.protocol) return -Errno.ENOPROTOOPT
  if (typeof value === "string" ? length < 1 : !(value instanceof Uint8Array) && length < INT) return -Errno.EINVAL
  return socket.ops.setOption(core, socket, level, name, value)
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
    case O.SO_SNDBUFFORCE:
    case O.SO_RCVBUF:
    case O.SO_RCVBUFFORCE: {
      const status = setBuffer(socket, name, value, root)
      if (status !== 0) return status
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
    case O.SO_KEEPALIVE:
    case O.SO_RCVLOWAT:
    case O.SO_OOBINLINE:
      return socket.ops.setOption(core, socket, O.SOL_SOCKET, name, value)
    case O.SO_MAX_PACING_RATE: {
      const status = socket.ops.setOption(core, socket, O.SOL_SOCKET, name, value)
      if (status !== -Errno.ENOPROTOOPT) return status
      // For a qdisc that paces; all ones stand for no limit.
      extraOf(sk).maxPacingRate = value < 0 || value === 0xffff_ffff ? Infinity : value
      return 0
    }
    default:
      return setExtra(core, socket, name, value)
  }
  // The protocol's own sock may keep the same value.
  const status = socket.ops.setOption(core, socket, O.SOL_SOCKET, name, value)
  return status === -Errno.ENOPROTOOPT ? 0 : status
}

/** Buffers hold twice what is asked for; a negative size means the most (Linux: an unsigned minimum). */
const setBuffer = (socket: Socket, name: number, value: number, root: boolean): number => {
  const forced = name === O.SO_SNDBUFFORCE || name === O.SO_RCVBUFFORCE
  if (forced && !root) return -Errno.EPERM
  const sends = name === O.SO_SNDBUF || name === O.SO_SNDBUFFORCE
  const limit = socket.net.host.sysctl.get(sends ? WMEM_MAX : RMEM_MAX)
  const bytes = forced ? Math.max(0, Math.min(value, 0x3fff_ffff)) : Math.min(value >>> 0, limit)
  if (sends) socket.sk.sndbuf = Math.max(bytes * 2, SNDBUF_MIN)
  else socket.sk.rcvbuf = Math.max(bytes * 2, RCVBUF_MIN)
  return 0
}

/** Options that live in the socket's extra state. */
const setExtra = (core: Core, socket: Socket, name: number, value: number): number => {
  const sk = socket.sk
  switch (name) {
    case O.SO_TIMESTAMP:
    case O.SO_TIMESTAMPNS: {
      const extra = extraOf(sk)
      const bits = SOCK_RCVTSTAMP | (name === O.SO_TIMESTAMPNS ? SOCK_RCVTSTAMPNS : 0)
      extra.flags = (extra.flags & ~(SOCK_RCVTSTAMP | SOCK_RCVTSTAMPNS)) | (value !== 0 ? bits : 0)
      return 0
    }
    case O.SO_TIMESTAMPING:
      return setTimestamping(core, socket, value)
    case O.SO_ZEROCOPY: {
      if (value !== 0 && value !== 1) return -Errno.EINVAL
      const extra = extraOf(sk)
      extra.flags = value === 1 ? extra.flags | SOCK_ZEROCOPY : extra.flags & ~SOCK_ZEROCOPY
      return 0
    }
    case O.SO_PEEK_OFF:
      extraOf(sk).peekOffset = value < 0 ? -1 : value
      return 0
    default: {
      if (keptDefault(O.SOL_SOCKET, name) === null) return -Errno.ENOPROTOOPT
      if (name === O.SO_BUSY_POLL && value < 0) return -Errno.EINVAL
      const extra = extraOf(sk)
      extra.kept = extra.kept ?? new Map()
      extra.kept.set((O.SOL_SOCKET << 16) | name, isNumberOption(name) ? value : value !== 0 ? 1 : 0)
      return 0
    }
  }
}

const isNumberOption = (name: number): boolean => name === O.SO_BUSY_POLL || name === O.SO_INCOMING_CPU

/** Linux: sock_set_timestamping. The id of the first byte sent from now on is 0. */
const setTimestamping = (core: Core, socket: Socket, value: number): number => {
  if ((value & ~O.SOF_TIMESTAMPING_MASK) !== 0) return -Errno.EINVAL
  if ((value & O.SOF_TIMESTAMPING_OPT_ID_TCP) !== 0 && (value & O.SOF_TIMESTAMPING_OPT_ID) === 0) return -Errno.EINVAL
  const extra = extraOf(socket.sk)
  if ((value & O.SOF_TIMESTAMPING_OPT_ID) !== 0 && (extra.tsFlags & O.SOF_TIMESTAMPING_OPT_ID) === 0) {
    const status = socket.ops.setOption(core, socket, O.SOL_SOCKET, O.SO_TIMESTAMPING, value)
    if (status === -Errno.EINVAL) return status
    if (status === -Errno.ENOPROTOOPT) extra.tsKey = 0
  }
  extra.tsFlags = value
  return 0
}

const setLinger = (socket: Socket, value: OptionValue): number => {
  if (typeof value !== "object" || !("on" in value)) return -Errno.EINVAL
  const linger = value as Linger
  socket.linger = linger.on ? Math.max(0, linger.seconds) : -1
  return 0
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

/**
 * @param length room for the value; a number is cut to that many bytes
 * @returns a value, or as a negative number in `task.result` the errno (then null)
 */
export const getSocketOption = (
  core: Core,
  task: Task,
  socket: Socket,
  level: number,
  name: number,
  length: number
): OptionValue | null => {
  task.result = 0
  if (length < 0) {
    task.result = -Errno.EINVAL
    return null
  }
  let value: OptionValue | null = null
  if (level === O.SOL_SOCKET) value = getLevel(core, socket, name)
  else if (level === O.SOL_IP) value = getIpOption(core, task, socket, name)
  else if (level === socket.protocol) value = socket.ops.getOption(core, socket, level, name)
  else task.result = -Errno.EOPNOTSUPP
  if (value === null && task.result === 0) task.result = -Errno.ENOPROTOOPT
  return typeof value === "number" && length < INT ? cut(value, length) : value
}

/** The first bytes of a little-endian int. */
const cut = (value: number, length: number): number => (length === 0 ? 0 : value & ((1 << (length * 8)) - 1))

const getLevel = (core: Core, socket: Socket, name: number): OptionValue | null => {
  const sk = socket.sk
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
    default:
      return socket.ops.getOption(core, socket, O.SOL_SOCKET, name) ?? getExtra(socket, name)
  }
}

const getExtra = (socket: Socket, name: number): OptionValue | null => {
  const sk = socket.sk
  const extra = sk.extra
  const flags = extra === null ? 0 : extra.flags
  switch (name) {
    case O.SO_SNDBUF:
      return sk.sndbuf
    case O.SO_RCVBUF:
      return sk.rcvbuf
    case O.SO_ACCEPTCONN:
    case O.SO_KEEPALIVE:
      return 0
    case O.SO_RCVLOWAT:
    case O.SO_SNDLOWAT:
      return 1
    case O.SO_TIMESTAMP:
      return (flags & SOCK_RCVTSTAMP) !== 0 && (flags & SOCK_RCVTSTAMPNS) === 0 ? 1 : 0
    case O.SO_TIMESTAMPNS:
      return (flags & SOCK_RCVTSTAMPNS) !== 0 ? 1 : 0
    case O.SO_TIMESTAMPING:
      return extra === null ? 0 : extra.tsFlags
    case O.SO_ZEROCOPY:
      return (flags & SOCK_ZEROCOPY) !== 0 ? 1 : 0
    case O.SO_MAX_PACING_RATE:
      return sk.pacingRate === Infinity ? -1 : sk.pacingRate
    case O.SO_PEEK_OFF:
      return extra === null ? -1 : extra.peekOffset
    case O.SO_MEMINFO:
      return { ...MemInfo.ofSock(sk) }
    default:
      return extra?.kept?.get((O.SOL_SOCKET << 16) | name) ?? keptDefault(O.SOL_SOCKET, name)
  }
}
