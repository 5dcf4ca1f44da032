/**
 * The receive window: how much is offered, how it grows, and the receive buffer that follows the application (RFC 9293
 * §3.8.6, RFC 7323; Linux: __tcp_select_window, tcp_select_initial_window, tcp_grow_window, tcp_rcv_space_adjust).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import { toUs } from "./Clock.ts"
import { isBefore, type Segment } from "./Segment.ts"
import type { TcpNet } from "./TcpNet.ts"
import { ACK_NOMEM, ACK_PUSHED, ACK_PUSHED2, receiveWindow, type TcpSock } from "./TcpSock.ts"
import * as Memory from "./Memory.ts"

const MAX_WSCALE = 14
/** SOCK_MIN_RCVBUF. */
export const MIN_RCVBUF = 2304
const MAX_TCP_WINDOW = 32_767

/** Payload that fits in `space` bytes of buffer (Linux: tcp_win_from_space). */
export const fromSpace = (sock: TcpSock, space: number): number => Math.floor((space * sock.scalingRatio) / 256)
/** Buffer that holds `window` bytes of payload (Linux: tcp_space_from_win). */
export const toSpace = (sock: TcpSock, window: number): number => Math.floor((window * 256) / sock.scalingRatio)
/** Linux: tcp_space. */
export const space = (sock: TcpSock): number => {
  const free = sock.rcvbuf - sock.rmemAlloc
  return free < 0 ? -fromSpace(sock, -free) : fromSpace(sock, free)
}
/** Linux: tcp_full_space. */
export const fullSpace = (sock: TcpSock): number => fromSpace(sock, sock.rcvbuf)

/** What {@link selectInitial} found. */
export const initial: { rcvWnd: number; windowClamp: number; rcvWscale: number } = {
  rcvWnd: 0,
  windowClamp: 0,
  rcvWscale: 0
}

/**
 * The user's limit of the window, 0 for none: TCP_WINDOW_CLAMP, or the buffer that SO_RCVBUF fixed when that is less (Linux:
 * tcp_connect_init, tcp_openreq_init_rwin).
 */
export const initialClamp = (sock: TcpSock, routeWindow: number): number => {
  const clamp = sock.options.windowClamp !== 0 ? sock.options.windowClamp : routeWindow
  const space = fullSpace(sock)
  return (sock.bufferLocks & 2) !== 0 && (clamp === 0 || clamp > space) ? space : clamp
}

/**
 * Window, clamp and scale to offer in a SYN or SYN-ACK, into {@link initial} (Linux: tcp_select_initial_window).
 *
 * @param available payload bytes of the buffer
 * @param clamp the user's limit, 0 for none
 * @param segments most segments, 0 for no limit
 */
export const selectInitial = (
  net: TcpNet,
  available: number,
  mss: number,
  clamp: number,
  scaleOk: boolean,
  segments: number
): void => {
  const sysctl = net.sysctl
  const most = clamp === 0 ? 65_535 << MAX_WSCALE : clamp
  let room = Math.max(0, Math.min(available, most))
  if (room > mss) room -= room % mss
  // All of it, though the header of a SYN can say no more than 65,535.
  let window = sysctl.workaroundSignedWindows !== 0 ? Math.min(room, MAX_TCP_WINDOW) : room
  if (segments > 0) {
    const count = mss > 1460 ? Math.max(Math.floor((1460 * segments) / mss), 2) : segments
    window = Math.min(window, count * mss)
  }
  let scale = 0
  if (scaleOk) {
    let largest = Math.min(most, Math.max(room, sysctl.rmemLimit, sysctl.rmemMax))
    while (largest > 65_535 && scale < MAX_WSCALE) {
      largest >>= 1
      scale++
    }
  }
  initial.rcvWnd = window
  initial.rcvWscale = scale
  initial.windowClamp = Math.min(65_535 * (1 << scale), most)
}

const roundDown = (value: number, unit: number): number => value - (value % unit)

/** The window to offer now, not yet scaled (Linux: __tcp_select_window). */
export const select = (sock: TcpSock): number => {
  let mss = sock.rcvMss
  const allowed = fullSpace(sock)
  const full = Math.min(sock.windowClamp, allowed)
  let free = space(sock)
  if (mss > full) {
    mss = full
    if (mss <= 0) return 0
  }
  const scale = sock.rcvWscale
  if (mayShrink(sock)) return selectShrinking(sock, mss, full, allowed, free)
  if (free < full >> 1) {
    sock.ackQuick = 0
    if (sock.tcp.memoryPressure) sock.rcvSsthresh = Math.min(sock.rcvSsthresh, 4 * sock.advmss)
    free = free < 0 ? 0 : roundDown(free, 1 << scale)
    if (free < allowed >> 4 || free < mss) return 0
  }
  if (free > sock.rcvSsthresh) free = sock.rcvSsthresh
  if (scale !== 0) return Math.ceil(free / (1 << scale)) * (1 << scale)
  let window = sock.rcvWnd
  if (window <= free - mss || window > free) window = roundDown(free, mss)
  else if (mss === full && free > window + (full >> 1)) window = free
  return window
}

/** Whether the offered right edge may move back (net.ipv4.tcp_shrink_window, RFC 7323 §2.4). */
const mayShrink = (sock: TcpSock): boolean => sock.net.sysctl.shrinkWindow !== 0 && sock.rcvWscale !== 0

/** The same where the window may shrink: what is free is what is offered (Linux: shrink_window_allowed). */
const selectShrinking = (sock: TcpSock, mss: number, full: number, allowed: number, space: number): number => {
  const unit = 1 << sock.rcvWscale
  const free = space < 0 ? 0 : roundDown(space, unit)
  if (free < full >> 1) {
    sock.ackQuick = 0
    if (sock.tcp.memoryPressure) sock.rcvSsthresh = Math.min(sock.rcvSsthresh, 4 * sock.advmss)
    if (free < allowed >> 4 || free < mss || free < unit) return 0
  }
  return free > sock.rcvSsthresh ? Math.ceil(sock.rcvSsthresh / unit) * unit : free
}

/**
 * The window field of the header to be sent, and what goes with offering it (Linux: tcp_select_window). The offered right
 * edge moves back only where data that was within it found no memory.
 */
export const forHeader = (sock: TcpSock): number => {
  if ((sock.ackPending & ACK_NOMEM) !== 0) {
    sock.rcvWnd = 0
    sock.rcvWup = sock.rcvNxt
    return 0
  }
  const before = sock.rcvWnd
  const current = receiveWindow(sock)
  let window = select(sock)
  if (window < current && !mayShrink(sock)) {
    if (window === 0) sock.net.count(Counters.WANT_ZERO_WINDOW_ADV)
    const unit = 1 << sock.rcvWscale
    window = Math.ceil(current / unit) * unit
  }
  sock.rcvWnd = window
  sock.rcvWup = sock.rcvNxt
  if (sock.rcvWscale === 0 && sock.net.sysctl.workaroundSignedWindows !== 0) window = Math.min(window, MAX_TCP_WINDOW)
  else window = Math.min(window, 65_535 * (1 << sock.rcvWscale))
  const field = window >>> sock.rcvWscale
  if (field === 0) {
    if (before !== 0) sock.net.count(Counters.TO_ZERO_WINDOW_ADV)
  } else if (before === 0) {
    sock.net.count(Counters.FROM_ZERO_WINDOW_ADV)
  }
  return field
}

/**
 * The buffer of a connection that is now established, with one segment of it kept for the application unless tcp_app_win is 0
 * (Linux: tcp_init_buffer_space).
 */
export const initBuffer = (sock: TcpSock, now: number): void => {
  const most = fullSpace(sock)
  const share = sock.net.sysctl.appWin
  const mss = sock.advmss
  if (sock.windowClamp >= most) {
    sock.windowClamp = most
    if (share !== 0 && most > 4 * mss) sock.windowClamp = Math.max(most - (most >> share), 4 * mss)
  }
  if (share !== 0 && sock.windowClamp > 2 * mss && sock.windowClamp + mss > most) {
    sock.windowClamp = Math.max(2 * mss, most - mss)
  }
  sock.rcvSsthresh = Math.min(sock.rcvSsthresh, sock.windowClamp)
  sock.rcvqSpace = Math.min(sock.rcvSsthresh, sock.rcvWnd, 10 * mss)
  sock.rcvqSeq = sock.copiedSeq
  sock.rcvqTime = toUs(now)
}

/** Lets the offered window grow when data comes in buffers of good use (Linux: tcp_grow_window). */
export const grow = (sock: TcpSock, segment: Segment): void => {
  const room = Math.min(sock.windowClamp, space(sock)) - sock.rcvSsthresh
  if (room <= 0 || sock.tcp.memoryPressure) return
  let increment = fromSpace(sock, segment.truesize) <= segment.length ? 2 * sock.advmss : slowGrowth(sock, segment)
  if (increment === 0) return
  increment = Math.max(increment, 2 * segment.length)
  sock.rcvSsthresh += Math.min(room, increment)
  sock.ackQuick |= 1
}

/** Linux: __tcp_grow_window. */
const slowGrowth = (sock: TcpSock, segment: Segment): number => {
  let truesize = fromSpace(sock, segment.truesize) >> 1
  let window = fromSpace(sock, sock.net.sysctl.rmemLimit) >> 1
  while (sock.rcvSsthresh <= window) {
    if (truesize <= segment.length) return 2 * sock.rcvMss
    truesize >>= 1
    window >>= 1
  }
  return 0
}

/** Memory ran short: offers less (Linux: tcp_clamp_window). */
export const clamp = (sock: TcpSock): void => {
  sock.ackQuick = 0
  const limit = sock.net.sysctl.rmemLimit
  if (sock.rcvbuf < limit && (sock.bufferLocks & 2) === 0 && !sock.tcp.memoryPressure && Memory.isBelowLow(sock)) {
    sock.rcvbuf = Math.min(sock.rmemAlloc, limit)
  }
  if (sock.rmemAlloc > sock.rcvbuf) sock.rcvSsthresh = Math.min(sock.windowClamp, 2 * sock.advmss)
}

/** Learns the peer's segment size, and how well buffers are used (Linux: tcp_measure_rcv_mss). */
export const measureMss = (sock: TcpSock, segment: Segment): void => {
  const length = segment.gsoSize > 0 ? Math.min(segment.gsoSize, segment.length) : segment.length
  const before = sock.lastSegSize
  sock.lastSegSize = 0
  if (length >= sock.rcvMss) {
    if (length !== sock.rcvMss && sock.tcp.profile.measuredScaling) measureScaling(sock, segment)
    sock.rcvMss = Math.min(length, sock.advmss)
    if ((segment.flags & Tcp.PSH) !== 0) sock.ackPending |= ACK_PUSHED
    return
  }
  // With the header, so that SACK blocks in it do not make a segment look short.
  const whole = length + segment.headerLength
  if (whole >= 536 + 20 || (whole >= 88 + 20 && (segment.flags & (Tcp.FIN | Tcp.URG | Tcp.SYN | Tcp.PSH)) === 0)) {
    const size = whole - sock.headerLength
    sock.lastSegSize = size
    // The second of the same size in a row: that is what the peer sends.
    if (size === before) {
      sock.rcvMss = size
      return
    }
  }
  if ((sock.ackPending & ACK_PUSHED) !== 0) sock.ackPending |= ACK_PUSHED2
  sock.ackPending |= ACK_PUSHED
}

/** Limits the window from now on (Linux: tcp_set_window_clamp, for a limit other than 0). */
export const setClamp = (sock: TcpSock, value: number): void => {
  const before = sock.windowClamp
  const clamp = Math.max(MIN_RCVBUF >> 1, value)
  if (clamp === before) return
  sock.windowClamp = clamp
  if (clamp < before) sock.rcvSsthresh = Math.min(sock.rcvSsthresh, clamp)
  else sock.rcvSsthresh = Math.max(sock.rcvSsthresh, Math.min(sock.rcvWnd, clamp))
}

const measureScaling = (sock: TcpSock, segment: Segment): void => {
  const ratio = Math.max(1, Math.min(255, Math.floor((segment.length * 256) / segment.truesize)))
  if (ratio === sock.scalingRatio) return
  sock.scalingRatio = ratio
  setClamp(sock, fromSpace(sock, sock.rcvbuf))
  if (sock.windowClamp < sock.rcvqSpace) sock.rcvqSpace = sock.windowClamp
}

/** RTT seen by the receiver, from the time one window of data takes (Linux: tcp_rcv_rtt_measure). */
export const measureRtt = (sock: TcpSock, now: number): void => {
  const us = toUs(now)
  if (sock.rcvRttTime !== 0) {
    if (isBefore(sock.rcvNxt, sock.rcvRttSeq)) return
    updateRtt(sock, Math.max(1, us - sock.rcvRttTime), true)
  }
  sock.rcvRttSeq = (sock.rcvNxt + sock.rcvWnd) | 0
  sock.rcvRttTime = us
}

/** The same from an echoed timestamp (Linux: tcp_rcv_rtt_measure_ts). */
export const measureRttByTimestamp = (sock: TcpSock, segment: Segment, nowMs: number): void => {
  // An echo counts once: what comes with it again says when the peer sent, not how far it is.
  if (!sock.sawTstamp || sock.rcvTsecr === sock.rcvRttTsecr) return
  sock.rcvRttTsecr = sock.rcvTsecr
  if (sock.rcvTsecr === 0 || segment.length < sock.rcvMss) return
  const elapsed = (nowMs - sock.rcvTsecr) | 0
  if (elapsed <= 0 || elapsed > 1_000_000) return
  updateRtt(sock, elapsed * 1000, false)
}

const updateRtt = (sock: TcpSock, sampleUs: number, isWindow: boolean): void => {
  const sample = Math.min(sampleUs, 200_000_000)
  const smoothed = sock.rcvRttUs
  if (smoothed === 0 || sample << 3 < smoothed) sock.rcvRttUs = sample << 3
  // While something waits to be read, the sample may be the reader's delay.
  else if (!isWindow && sock.rcvNxt === sock.copiedSeq) sock.rcvRttUs = smoothed - (smoothed >> 3) + sample
}

/**
 * Lets the receive buffer follow what the application reads in a round trip (Dynamic Right-Sizing; Linux:
 * tcp_rcv_space_adjust). What still waits to be read does not count. Called when the application has read.
 */
export const adjustBuffer = (sock: TcpSock, now: number): void => {
  const us = toUs(now)
  if (sock.rcvRttUs === 0 || us - sock.rcvqTime < sock.rcvRttUs >> 3) return
  const waiting = (sock.rcvNxt - sock.copiedSeq) | 0
  const copied = ((sock.copiedSeq - sock.rcvqSeq) | 0) - waiting
  if (copied > sock.rcvqSpace) growBuffer(sock, copied)
  sock.rcvqSeq = sock.copiedSeq
  sock.rcvqTime = us
}

/**
 * Room for twice what a round trip brings, for a sender that may double its rate, and for what lies out of order (Linux:
 * tcp_rcvbuf_grow).
 *
 * @param space bytes that the application reads in a round trip, the new `rcvqSpace`
 */
export const growBuffer = (sock: TcpSock, space: number): void => {
  const before = sock.rcvqSpace
  sock.rcvqSpace = space
  const sysctl = sock.net.sysctl
  if (sysctl.moderateRcvbuf === 0 || (sock.bufferLocks & 2) !== 0) return
  let window = 2 * space
  window += 2 * Math.floor((window * (space - before)) / Math.max(1, before))
  const last = sock.ofoQueue.tail
  if (last !== null) window += (last.endSeq - sock.rcvNxt) | 0
  const buffer = Math.min(toSpace(sock, window), sysctl.rmemLimit)
  if (buffer <= sock.rcvbuf) return
  sock.rcvbuf = buffer
  sock.windowClamp = fromSpace(sock, buffer)
}
