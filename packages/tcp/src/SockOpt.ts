/**
 * setsockopt and getsockopt of TCP and of the socket level where TCP acts on it (Linux: do_tcp_setsockopt, do_tcp_getsockopt,
 * sk_setsockopt). Values are numbers; TCP_CONGESTION has functions of its own, TCP_INFO is TcpInfo.ts.
 */
import * as Congestions from "./Congestions.ts"
import { clockMs } from "./Clock.ts"
import * as DataQueue from "./DataQueue.ts"
import { EINVAL, ENOENT, ENOPROTOOPT, EPERM } from "./Errno.ts"
import * as Pingpong from "./Pingpong.ts"
import * as SendBuffer from "./SendBuffer.ts"
import * as State from "./State.ts"
import { ACK_PUSHED, ACK_SCHED, NAGLE_CORK, NAGLE_OFF, NAGLE_PUSH, type TcpSock } from "./TcpSock.ts"
import * as Timers from "./Timers.ts"
import {
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_INQ,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUICKACK,
  TCP_SYNCNT,
  TCP_TIMESTAMP,
  TCP_USER_TIMEOUT,
  TCP_THIN_DUPACK,
  TCP_THIN_LINEAR_TIMEOUTS,
  TCP_WINDOW_CLAMP
} from "./OptionNames.ts"
import * as Window from "./Window.ts"
import * as Xmit from "./Xmit.ts"

/** Bits of `anyAddress`: bind to an address that is not local (IP_FREEBIND, IP_TRANSPARENT). */
export const FREEBIND = 1
export const TRANSPARENT = 2

/** SOCK_MIN_SNDBUF. */
const MIN_SNDBUF = 4608

/** Longest TCP_LINGER2, seconds (Linux: TCP_FIN_TIMEOUT_MAX). */
const LINGER2_MAX = 120

const isWithin = (value: number, low: number, high: number): boolean => value >= low && value <= high

/** @returns 0, -EINVAL or -ENOPROTOOPT */
export const set = (sock: TcpSock, option: number, value: number): number => {
  switch (option) {
    case TCP_NODELAY:
      setNodelay(sock, value !== 0)
      return 0
    case TCP_CORK:
      setCork(sock, value !== 0)
      return 0
    case TCP_MAXSEG:
      if (value !== 0 && !isWithin(value, 88, 32_767)) return -EINVAL
      sock.ownOptions().userMss = value
      return 0
    case TCP_THIN_LINEAR_TIMEOUTS:
      if (!isWithin(value, 0, 1)) return -EINVAL
      sock.ownOptions().thinLinear = value
      return 0
    case TCP_THIN_DUPACK:
      return isWithin(value, 0, 1) ? 0 : -EINVAL
    case TCP_KEEPIDLE:
      return setKeepIdle(sock, value)
    case TCP_KEEPINTVL:
      if (!isWithin(value, 1, 32_767)) return -EINVAL
      sock.ownOptions().keepaliveInterval = value
      return 0
    case TCP_KEEPCNT:
      if (!isWithin(value, 1, 127)) return -EINVAL
      sock.ownOptions().keepaliveProbes = value
      return 0
    case TCP_SYNCNT:
      if (!isWithin(value, 1, 127)) return -EINVAL
      sock.ownOptions().synRetries = value
      return 0
    case TCP_LINGER2:
      sock.ownOptions().linger2 = value < 0 ? -1 : Math.min(value, LINGER2_MAX)
      return 0
    case TCP_DEFER_ACCEPT:
      sock.ownOptions().deferAccept = secondsToRetries(value)
      return 0
    case TCP_WINDOW_CLAMP:
      return setWindowClamp(sock, value)
    case TCP_QUICKACK:
      setQuickack(sock, value)
      return 0
    case TCP_USER_TIMEOUT:
      if (value < 0) return -EINVAL
      sock.ownOptions().userTimeoutMs = value
      return 0
    case TCP_NOTSENT_LOWAT:
      sock.ownOptions().notsentLowat = value >>> 0
      SendBuffer.checkSpace(sock)
      return 0
    case TCP_INQ:
      if (value !== 0 && value !== 1) return -EINVAL
      sock.ownOptions().inq = value
      return 0
    case TCP_TIMESTAMP:
      return -EPERM
    default:
      return -ENOPROTOOPT
  }
}

/** @returns the value, at least 0; -ENOPROTOOPT */
export const get = (sock: TcpSock, option: number): number => {
  const { options } = sock
  const sysctl = sock.net.sysctl
  switch (option) {
    case TCP_NODELAY:
      return sock.nonagle & NAGLE_OFF
    case TCP_CORK:
      return (sock.nonagle & NAGLE_CORK) !== 0 ? 1 : 0
    case TCP_MAXSEG: {
      const unconnected = sock.state === State.CLOSE || sock.state === State.LISTEN
      return unconnected && options.userMss !== 0 ? options.userMss : sock.mssCache
    }
    case TCP_KEEPIDLE:
      return options.keepaliveTime !== 0 ? options.keepaliveTime : sysctl.keepaliveTime
    case TCP_KEEPINTVL:
      return options.keepaliveInterval !== 0 ? options.keepaliveInterval : sysctl.keepaliveInterval
    case TCP_KEEPCNT:
      return options.keepaliveProbes !== 0 ? options.keepaliveProbes : sysctl.keepaliveProbes
    case TCP_SYNCNT:
      return options.synRetries !== 0 ? options.synRetries : sysctl.synRetries
    case TCP_LINGER2:
      return options.linger2 === 0 ? sysctl.finTimeout : options.linger2
    case TCP_DEFER_ACCEPT:
      return retriesToSeconds(options.deferAccept)
    case TCP_WINDOW_CLAMP:
      return sock.windowClamp
    case TCP_QUICKACK:
      return Pingpong.isOn(sock) ? 0 : 1
    case TCP_THIN_LINEAR_TIMEOUTS:
      return options.thinLinear
    case TCP_THIN_DUPACK:
      return 0
    case TCP_USER_TIMEOUT:
      return options.userTimeoutMs
    case TCP_NOTSENT_LOWAT:
      return options.notsentLowat
    case TCP_INQ:
      return options.inq
    case TCP_TIMESTAMP:
      return (clockMs(sock) + sock.tsOffset) >>> 0
    default:
      return -ENOPROTOOPT
  }
}

const setNodelay = (sock: TcpSock, on: boolean): void => {
  if (!on) {
    sock.nonagle &= ~NAGLE_OFF
    return
  }
  sock.nonagle |= NAGLE_OFF | NAGLE_PUSH
  Xmit.pushPendingFrames(sock)
}

const setCork = (sock: TcpSock, on: boolean): void => {
  if (on) {
    sock.nonagle |= NAGLE_CORK
    return
  }
  sock.nonagle &= ~NAGLE_CORK
  if ((sock.nonagle & NAGLE_OFF) !== 0) sock.nonagle |= NAGLE_PUSH
  Xmit.pushPendingFrames(sock)
}

const setKeepIdle = (sock: TcpSock, seconds: number): number => {
  if (!isWithin(seconds, 1, 32_767)) return -EINVAL
  sock.ownOptions().keepaliveTime = seconds
  const isLive = sock.state !== State.CLOSE && sock.state !== State.LISTEN
  if (sock.options.keepOpen !== 0 && isLive) {
    const idle = Timers.idleMs(sock) * 1_000_000
    Timers.armKeepalive(sock, Math.max(0, seconds * 1_000_000_000 - idle))
  }
  return 0
}

/** SO_KEEPALIVE. */
export const setKeepalive = (sock: TcpSock, on: boolean): void => {
  const isLive = sock.state !== State.CLOSE && sock.state !== State.LISTEN
  const was = sock.options.keepOpen
  sock.ownOptions().keepOpen = on ? 1 : 0
  if (!isLive) return
  if (on && was === 0) Timers.armKeepalive(sock, Timers.keepaliveTime(sock))
  else if (!on && was !== 0 && !sock.dead) sock.keepaliveTimer?.cancel()
}

/** SO_RCVLOWAT: readers wait for that much, within half of what the buffer may become (Linux: tcp_set_rcvlowat). */
export const setReceiveLowat = (sock: TcpSock, value: number): void => {
  const limit = (sock.bufferLocks & 2) !== 0 ? sock.rcvbuf >> 1 : sock.net.sysctl.rmemLimit >> 1
  const bytes = Math.min(value < 0 ? 0x7fff_ffff : value, limit)
  sock.ownOptions().rcvLowat = bytes === 0 ? 1 : bytes
  DataQueue.dataReady(sock)
  if ((sock.bufferLocks & 2) !== 0) return
  // Room for what is waited for, with what its buffers take up.
  const space = 2 * bytes
  if (space <= sock.rcvbuf) return
  sock.rcvbuf = space
  sock.windowClamp = Math.max(sock.windowClamp, Window.fullSpace(sock))
}

const setWindowClamp = (sock: TcpSock, value: number): number => {
  if (value === 0) {
    if (sock.state !== State.CLOSE) return -EINVAL
    sock.ownOptions().windowClamp = 0
    return 0
  }
  Window.setClamp(sock, value)
  sock.ownOptions().windowClamp = sock.windowClamp
  return 0
}

const setQuickack = (sock: TcpSock, value: number): void => {
  if (value === 0) {
    Pingpong.enter(sock)
    return
  }
  Pingpong.leave(sock)
  const isOpen = sock.state === State.ESTABLISHED || sock.state === State.CLOSE_WAIT
  if (isOpen && (sock.ackPending & ACK_SCHED) !== 0) {
    sock.ackPending |= ACK_PUSHED
    DataQueue.cleanupRbuf(sock, 1)
    if ((value & 1) === 0) Pingpong.enter(sock)
  }
}

/** SYN-ACK timeouts that take `seconds` (Linux: secs_to_retrans). */
export const secondsToRetries = (seconds: number): number => {
  let retries = 0
  if (seconds > 0) {
    let period = 1
    let timeout = 1
    retries = 1
    while (seconds > period && retries < 255) {
      retries++
      timeout = Math.min(timeout * 2, 120)
      period += timeout
    }
  }
  return retries
}

const retriesToSeconds = (retries: number): number => {
  let period = 0
  let timeout = 1
  for (let left = retries; left > 0; left--) {
    period += timeout
    timeout = Math.min(timeout * 2, 120)
  }
  return period
}

/** SO_RCVBUF: twice the value, within net.core.rmem_max; no autotuning from then on. */
export const setReceiveBuffer = (sock: TcpSock, bytes: number): void => {
  const value = Math.min(bytes, sock.net.sysctl.rmemMax)
  sock.bufferLocks |= 2
  sock.rcvbuf = Math.max(value * 2, Window.MIN_RCVBUF)
}

/** SO_SNDBUF: twice the value, within net.core.wmem_max; no autotuning from then on. */
export const setSendBuffer = (sock: TcpSock, bytes: number): void => {
  const value = Math.min(bytes, sock.net.sysctl.wmemMax)
  sock.bufferLocks |= 1
  sock.sndbuf = Math.max(value * 2, MIN_SNDBUF)
  if (sock.noSpace) sock.tcp.host.writable(sock)
}

/** TCP_CONGESTION. @returns 0 or -ENOENT */
export const setCongestion = (sock: TcpSock, name: string): number => {
  const index = Congestions.find(name)
  if (index < 0) return -ENOENT
  const algorithm = Congestions.algorithms[index]!
  if (algorithm === sock.congestion) return 0
  sock.congestion = algorithm
  sock.congestionState = null
  if (sock.state !== State.CLOSE && sock.state !== State.LISTEN) algorithm.init(sock)
  return 0
}
