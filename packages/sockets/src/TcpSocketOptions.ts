/** Options of TCP sockets: those of SOL_TCP, and what SOL_SOCKET's mean for a connection (Linux: tcp_setsockopt). */
import * as Errno from "@darkfiber/kernel-net/Errno"
import { extraOf } from "@darkfiber/kernel-net/SockErrors"
import * as Congestions from "@darkfiber/tcp/Congestions"
import * as FastOpen from "@darkfiber/tcp/FastOpen"
import * as FastOpenKey from "@darkfiber/tcp/FastOpenKey"
import * as FastOpenQueue from "@darkfiber/tcp/FastOpenQueue"
import * as Pacing from "@darkfiber/tcp/Pacing"
import * as SockOpt from "@darkfiber/tcp/SockOpt"
import * as Md5Keys from "@darkfiber/tcp/Md5Keys"
import * as State from "@darkfiber/tcp/State"
import * as TcpInfo from "@darkfiber/tcp/TcpInfo"
import { CA_OPEN, FASTOPEN_CONNECT, FASTOPEN_NO_COOKIE, type TcpSock } from "@darkfiber/tcp/TcpSock"
import * as MemInfo from "./MemInfo.ts"
import type { Socket } from "./Socket.ts"
import { RCVBUF_LOCK, SNDBUF_LOCK } from "./SocketLevel.ts"
import * as O from "./SocketOptions.ts"
import type { OptionValue } from "./SocketOptions.ts"

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
  if (level === O.SOL_TCP && (name === O.TCP_MD5SIG || name === O.TCP_MD5SIG_EXT)) return setMd5(sock, name, value)
  if (typeof value !== "number" || !Number.isFinite(value)) return -Errno.EINVAL
  if (level === O.SOL_SOCKET) return setSocketLevel(sock, socket, name, value)
  if (level === O.SOL_TCP) return setTcpLevel(sock, name, value)
  if (name === O.IP_BIND_ADDRESS_NO_PORT) {
    sock.ownOptions().bindAddressNoPort = value !== 0 ? 1 : 0
    return 0
  }
  if (name !== O.IP_FREEBIND && name !== O.IP_TRANSPARENT) return -Errno.ENOPROTOOPT
  const bit = name === O.IP_FREEBIND ? SockOpt.FREEBIND : SockOpt.TRANSPARENT
  const options = sock.ownOptions()
  options.anyAddress = value !== 0 ? options.anyAddress | bit : options.anyAddress & ~bit
  return 0
}

const setMd5 = (sock: TcpSock, name: number, value: OptionValue): number => {
  if (typeof value !== "object" || !("key" in value) || !(value.key instanceof Uint8Array)) return -Errno.EINVAL
  const { address, prefixLength, key } = value as O.Md5Signature
  return Md5Keys.set(sock, address | 0, name === O.TCP_MD5SIG_EXT ? (prefixLength ?? 32) : 32, key)
}

const setSocketLevel = (sock: TcpSock, socket: Socket, name: number, value: number): number => {
  switch (name) {
    case O.SO_SNDBUF:
    case O.SO_SNDBUFFORCE:
      sock.sndbuf = socket.sk.sndbuf
      sock.bufferLocks |= SNDBUF_LOCK
      if (sock.noSpace) sock.tcp.host.writable(sock)
      return 0
    case O.SO_RCVBUF:
    case O.SO_RCVBUFFORCE:
      sock.rcvbuf = socket.sk.rcvbuf
      sock.bufferLocks |= RCVBUF_LOCK
      return 0
    case O.SO_KEEPALIVE:
      SockOpt.setKeepalive(sock, value !== 0)
      return 0
    case O.SO_OOBINLINE:
      sock.ownOptions().oobInline = value !== 0 ? 1 : 0
      return 0
    case O.SO_RCVLOWAT:
      SockOpt.setReceiveLowat(sock, value)
      return 0
    case O.SO_MAX_PACING_RATE:
      // All ones stand for no limit.
      Pacing.setMaxRate(sock, value < 0 || value === 0xffff_ffff ? Infinity : value)
      return 0
    case O.SO_TIMESTAMPING:
      return startTimestampIds(sock, socket, value)
    default:
      return -Errno.ENOPROTOOPT
  }
}

const setTcpLevel = (sock: TcpSock, name: number, value: number): number => {
  if (name === O.TCP_SAVE_SYN) {
    if (value < 0 || value > 2) return -Errno.EINVAL
    sock.ownOptions().saveSyn = value
    return 0
  }
  if (name === O.TCP_FASTOPEN) return FastOpenQueue.tune(sock, value)
  if (name === O.TCP_FASTOPEN_CONNECT) return FastOpen.setConnect(sock, value)
  return name === O.TCP_FASTOPEN_NO_COOKIE ? FastOpen.setNoCookie(sock, value) : SockOpt.set(sock, name, value)
}

/** Time stamps are numbered by bytes: of those acknowledged, or with OPT_ID_TCP of those written. */
const startTimestampIds = (sock: TcpSock, socket: Socket, flags: number): number => {
  if (sock.state === State.CLOSE || sock.state === State.LISTEN) return -Errno.EINVAL
  const written = (flags & O.SOF_TIMESTAMPING_OPT_ID_TCP) !== 0
  extraOf(socket.sk).tsKey = written ? sock.writeSeq : sock.sndUna
  return 0
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
    if (name === O.SO_MEMINFO) return { ...MemInfo.ofTcp(sock) }
    if (name === O.SO_SNDBUF) return sock.sndbuf
    if (name === O.SO_RCVBUF) return sock.rcvbuf
    if (name === O.SO_RCVLOWAT) return options.rcvLowat
    if (name === O.SO_OOBINLINE) return options.oobInline
    if (name === O.SO_MAX_PACING_RATE) return options.maxPacingRate === Infinity ? -1 : options.maxPacingRate
    return name === O.SO_ACCEPTCONN ? (sock.state === State.LISTEN ? 1 : 0) : null
  }
  if (level === O.SOL_IP) {
    if (name === O.IP_BIND_ADDRESS_NO_PORT) return options.bindAddressNoPort
    if (name === O.IP_FREEBIND) return (options.anyAddress & SockOpt.FREEBIND) !== 0 ? 1 : 0
    return name === O.IP_TRANSPARENT ? ((options.anyAddress & SockOpt.TRANSPARENT) !== 0 ? 1 : 0) : null
  }
  switch (name) {
    case O.TCP_CONGESTION:
      return sock.congestion.name
    case O.TCP_INFO:
      return info(sock)
    case O.TCP_SAVE_SYN:
      return options.saveSyn
    case O.TCP_SAVED_SYN:
      return takeSavedSyn(sock)
    case O.TCP_FASTOPEN:
      return options.fastOpenBacklog
    case O.TCP_FASTOPEN_CONNECT:
      return (sock.synBits & FASTOPEN_CONNECT) !== 0 ? 1 : 0
    case O.TCP_FASTOPEN_NO_COOKIE:
      return (sock.synBits & FASTOPEN_NO_COOKIE) !== 0 ? 1 : 0
    case O.TCP_FASTOPEN_KEY:
      return FastOpenKey.toBytes(FastOpenQueue.keysOf(sock))
    default:
      return getTcpLevel(sock, name)
  }
}

/** The SYN's headers can be had once. */
const takeSavedSyn = (sock: TcpSock): Uint8Array => {
  const saved = sock.savedSyn ?? new Uint8Array(0)
  sock.savedSyn = null
  return saved
}

const getTcpLevel = (sock: TcpSock, name: number): number | null => {
  const value = SockOpt.get(sock, name)
  return value === -Errno.ENOPROTOOPT ? null : value
}

/** struct tcp_info, with the kernel's field names without `tcpi_`; times in us, or ms for the `last_…`. */
export const info = (sock: TcpSock): Readonly<Record<string, number>> => ({ ...TcpInfo.read(sock) })
