/** Options of TCP sockets: those of SOL_TCP, and what SOL_SOCKET's mean for a connection (Linux: tcp_setsockopt). */
import * as Errno from "@darkfiber/kernel-net/Errno"
import * as Congestions from "@darkfiber/tcp/Congestions"
import * as FastOpen from "@darkfiber/tcp/FastOpen"
import * as FastOpenKey from "@darkfiber/tcp/FastOpenKey"
import * as FastOpenQueue from "@darkfiber/tcp/FastOpenQueue"
import * as State from "@darkfiber/tcp/State"
import * as TcpInfo from "@darkfiber/tcp/TcpInfo"
import {
  CA_OPEN,
  FASTOPEN_CONNECT,
  FASTOPEN_NO_COOKIE,
  NAGLE_CORK,
  NAGLE_OFF,
  NAGLE_PUSH,
  type TcpSock
} from "@darkfiber/tcp/TcpSock"
import * as Timers from "@darkfiber/tcp/Timers"
import * as Xmit from "@darkfiber/tcp/Xmit"
import type { Socket } from "./Socket.ts"
import { RCVBUF_LOCK, SNDBUF_LOCK } from "./SocketLevel.ts"
import * as O from "./SocketOptions.ts"
import type { OptionValue } from "./SocketOptions.ts"

const SECOND = 1_000_000_000

/** Takes over what the socket layer keeps: before a call that reads it. */
export const syncToTcp = (socket: Socket, sock: TcpSock): void => {
  const sk = socket.sk
  sock.reuseAddress = sk.reuseAddress
  sock.reusePort = sk.reusePort
  sock.device = sk.boundDevice
  sock.mark = sk.mark
}

/** @returns 0 or a negative errno */
export const setTcpOption = (
  sock: TcpSock,
  socket: Socket,
  level: number,
  name: number,
  value: OptionValue
): number => {
  if (level === O.SOL_TCP && name === O.TCP_CONGESTION) return setCongestion(sock, value)
  if (level === O.SOL_TCP && name === O.TCP_FASTOPEN_KEY) {
    return value instanceof Uint8Array ? FastOpenQueue.setKeys(sock, value) : -Errno.EINVAL
  }
  if (typeof value !== "number" || !Number.isFinite(value)) return -Errno.ENOPROTOOPT
  if (level === O.SOL_SOCKET) return setSocketLevel(sock, socket, name, value)
  if (level === O.SOL_TCP) return setTcpLevel(sock, name, value)
  if (level === O.SOL_IP && name === O.IP_MTU_DISCOVER && value >= 0 && value <= 3) {
    socket.sk.pmtuDiscover = value
    return 0
  }
  if (level === O.SOL_IP && name === O.IP_RECVERR) {
    socket.sk.receiveErrors = value !== 0
    return 0
  }
  return -Errno.ENOPROTOOPT
}

const setSocketLevel = (sock: TcpSock, socket: Socket, name: number, value: number): number => {
  switch (name) {
    case O.SO_SNDBUF:
    case O.SO_SNDBUFFORCE:
      sock.sndbuf = socket.sk.sndbuf
      sock.bufferLocks |= SNDBUF_LOCK
      return 0
    case O.SO_RCVBUF:
    case O.SO_RCVBUFFORCE:
      sock.rcvbuf = socket.sk.rcvbuf
      sock.bufferLocks |= RCVBUF_LOCK
      return 0
    case O.SO_KEEPALIVE:
      sock.ownOptions().keepOpen = value !== 0 ? 1 : 0
      if (value !== 0 && (State.bit(sock.state) & (State.bit(State.CLOSE) | State.bit(State.LISTEN))) === 0) {
        Timers.armKeepalive(sock, Timers.keepaliveTime(sock))
      }
      return 0
    case O.SO_RCVLOWAT:
      sock.ownOptions().rcvLowat = value <= 0 ? 1 : value
      return 0
    case O.SO_MAX_PACING_RATE:
      sock.ownOptions().maxPacingRate = value
      return 0
    default:
      return -Errno.ENOPROTOOPT
  }
}

const setTcpLevel = (sock: TcpSock, name: number, value: number): number => {
  switch (name) {
    case O.TCP_NODELAY:
      return setNagle(
        sock,
        value !== 0 ? sock.nonagle | NAGLE_OFF | NAGLE_PUSH : sock.nonagle & ~NAGLE_OFF,
        value !== 0
      )
    case O.TCP_CORK:
      if (value !== 0) return setNagle(sock, sock.nonagle | NAGLE_CORK, false)
      return setNagle(sock, (sock.nonagle & ~NAGLE_CORK) | ((sock.nonagle & NAGLE_OFF) !== 0 ? NAGLE_PUSH : 0), true)
    case O.TCP_MAXSEG:
      if (value !== 0 && !(value >= 88 && value <= 32_767)) return -Errno.EINVAL
      sock.ownOptions().userMss = value
      return 0
    case O.TCP_KEEPIDLE:
      if (!(value >= 1 && value <= 32_767)) return -Errno.EINVAL
      sock.ownOptions().keepaliveTime = value
      if (sock.options.keepOpen !== 0 && sock.state === State.ESTABLISHED) Timers.armKeepalive(sock, value * SECOND)
      return 0
    case O.TCP_KEEPINTVL:
      if (!(value >= 1 && value <= 32_767)) return -Errno.EINVAL
      sock.ownOptions().keepaliveInterval = value
      return 0
    case O.TCP_KEEPCNT:
      if (!(value >= 1 && value <= 127)) return -Errno.EINVAL
      sock.ownOptions().keepaliveProbes = value
      return 0
    case O.TCP_SYNCNT:
      if (!(value >= 1 && value <= 127)) return -Errno.EINVAL
      sock.ownOptions().synRetries = value
      return 0
    case O.TCP_LINGER2:
      sock.ownOptions().linger2 = value < 0 ? -1 : value > 120 ? 0 : value
      return 0
    case O.TCP_DEFER_ACCEPT:
      sock.ownOptions().deferAccept = secondsToRetransmits(value)
      return 0
    case O.TCP_WINDOW_CLAMP:
      sock.ownOptions().windowClamp = value
      return 0
    case O.TCP_QUICKACK:
      sock.ackPingpong = value !== 0 ? 0 : PINGPONG
      return 0
    case O.TCP_USER_TIMEOUT:
      if (value < 0) return -Errno.EINVAL
      sock.ownOptions().userTimeoutMs = value
      return 0
    case O.TCP_NOTSENT_LOWAT:
      sock.ownOptions().notsentLowat = value
      return 0
    case O.TCP_FASTOPEN:
      return FastOpenQueue.tune(sock, value)
    case O.TCP_FASTOPEN_CONNECT:
      return FastOpen.setConnect(sock, value)
    case O.TCP_FASTOPEN_NO_COOKIE:
      return FastOpen.setNoCookie(sock, value)
    default:
      return -Errno.ENOPROTOOPT
  }
}

/** Linux: TCP_PINGPONG_THRESH. */
const PINGPONG = 3

const setNagle = (sock: TcpSock, nonagle: number, push: boolean): number => {
  sock.nonagle = nonagle
  if (push && sock.writeQueue.head !== null) Xmit.pushPendingFrames(sock)
  return 0
}

/** SYN-ACK timeouts of 1 s, doubling, that cover `seconds` (Linux: secs_to_retrans). */
const secondsToRetransmits = (seconds: number): number => {
  let count = 0
  let covered = 0
  let timeout = 1
  while (covered < seconds && count < 255) {
    covered += timeout
    timeout = Math.min(timeout * 2, 120)
    count++
  }
  return count
}

const setCongestion = (sock: TcpSock, value: OptionValue): number => {
  if (typeof value !== "string") return -Errno.EINVAL
  const algorithm = Congestions.algorithms[Congestions.find(value)]
  if (algorithm === undefined) return -Errno.ENOENT
  if (sock.caState !== CA_OPEN) return -Errno.EBUSY
  sock.congestion = algorithm
  sock.congestionState = null
  if (sock.state !== State.CLOSE) algorithm.init(sock)
  return 0
}

/** @returns null for an option there is not */
export const getTcpOption = (sock: TcpSock, level: number, name: number): OptionValue | null => {
  const options = sock.options
  if (level === O.SOL_SOCKET) {
    if (name === O.SO_KEEPALIVE) return options.keepOpen
    if (name === O.SO_SNDBUF) return sock.sndbuf
    if (name === O.SO_RCVBUF) return sock.rcvbuf
    if (name === O.SO_RCVLOWAT) return options.rcvLowat
    return name === O.SO_ACCEPTCONN ? (sock.state === State.LISTEN ? 1 : 0) : null
  }
  if (level !== O.SOL_TCP) return null
  switch (name) {
    case O.TCP_NODELAY:
      return (sock.nonagle & NAGLE_OFF) !== 0 ? 1 : 0
    case O.TCP_CORK:
      return (sock.nonagle & NAGLE_CORK) !== 0 ? 1 : 0
    case O.TCP_MAXSEG:
      return sock.state === State.CLOSE && options.userMss !== 0 ? options.userMss : sock.mssCache
    case O.TCP_KEEPIDLE:
      return options.keepaliveTime !== 0 ? options.keepaliveTime : sock.net.sysctl.keepaliveTime
    case O.TCP_KEEPINTVL:
      return options.keepaliveInterval !== 0 ? options.keepaliveInterval : sock.net.sysctl.keepaliveInterval
    case O.TCP_KEEPCNT:
      return options.keepaliveProbes !== 0 ? options.keepaliveProbes : sock.net.sysctl.keepaliveProbes
    case O.TCP_SYNCNT:
      return options.synRetries !== 0 ? options.synRetries : sock.net.sysctl.synRetries
    case O.TCP_USER_TIMEOUT:
      return options.userTimeoutMs
    case O.TCP_QUICKACK:
      return sock.ackPingpong === 0 ? 1 : 0
    case O.TCP_CONGESTION:
      return sock.congestion.name
    case O.TCP_FASTOPEN:
      return options.fastOpenBacklog
    case O.TCP_FASTOPEN_CONNECT:
      return (sock.synBits & FASTOPEN_CONNECT) !== 0 ? 1 : 0
    case O.TCP_FASTOPEN_NO_COOKIE:
      return (sock.synBits & FASTOPEN_NO_COOKIE) !== 0 ? 1 : 0
    case O.TCP_FASTOPEN_KEY:
      return FastOpenKey.toBytes(FastOpenQueue.keysOf(sock))
    case O.TCP_INFO:
      return info(sock)
    default:
      return null
  }
}

/** struct tcp_info, with the kernel's field names without `tcpi_`; times in us, or ms for the `last_…`. */
export const info = (sock: TcpSock): Readonly<Record<string, number>> => ({ ...TcpInfo.read(sock) })
