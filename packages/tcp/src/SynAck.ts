/**
 * What a SYN settles for a request, the SYN-ACK that answers it, and the full socket that comes of both (Linux:
 * tcp_openreq_init, tcp_make_synack, tcp_create_openreq_child).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { clockMs, clockSeconds, toMs } from "./Clock.ts"
import * as Counters from "./Counters.ts"
import * as Ecn from "./Ecn.ts"
import { putCookie } from "./FastOpenCookie.ts"
import * as Md5Keys from "./Md5Keys.ts"
import * as Md5Sig from "./Md5Sig.ts"
import { TIMESTAMP_BYTES, md5Bytes } from "./Options.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import type { RequestSock } from "./RequestSock.ts"
import * as RouteMetric from "./RouteMetric.ts"
import type { Segment } from "./Segment.ts"
import * as State from "./State.ts"
import * as SynCookies from "./SynCookies.ts"
import { defaultOptions } from "./SockOptions.ts"
import { ECN_OK, type TcpSock } from "./TcpSock.ts"
import * as Timers from "./Timers.ts"
import * as Window from "./Window.ts"

/** Addresses, options and window of a new request. `tcp.received` holds the SYN's options. */
export const settle = (request: RequestSock, segment: Segment, isCookie: boolean): void => {
  const listener = request.listener
  const tcp = listener.tcp
  const options = tcp.received
  const sysctl = request.net.sysctl
  takeAddresses(request, segment)
  request.rcvIsn = segment.seq
  request.rcvNxt = (segment.seq + 1) | 0
  const mss = options.mss === 0 ? 536 : options.mss
  const user = listener.options.userMss
  request.mss = user !== 0 && user < mss ? user : mss
  request.tstampOk = segment.hasTimestamp !== 0 && sysctl.timestamps !== 0
  // A cookie has room for scale and SACK only in the timestamp.
  const keeps = !isCookie || request.tstampOk
  request.sackOk = keeps && options.sackPermitted !== 0 && sysctl.sack !== 0
  // No room for SACK blocks beside a digest and timestamps.
  if (request.sackOk && Md5Keys.find(listener, request.remoteAddress) !== null) request.tstampOk = false
  request.wscaleOk = keeps && options.windowScale >= 0 && sysctl.windowScaling !== 0
  request.sndWscale = request.wscaleOk ? Math.min(options.windowScale, 14) : 0
  request.ecnOk = keeps && Ecn.accepts(listener, segment)
  request.tsRecent = request.tstampOk ? segment.tsVal : 0
  request.tsOffset = request.tstampOk ? tcp.timestampOffset(request.localAddress, request.remoteAddress) : 0
  offerWindow(request, false)
}

/** The same from the ACK of a cookie. */
export const settleFromCookie = (request: RequestSock, segment: Segment, mss: number): void => {
  const tcp = request.listener.tcp
  const sysctl = request.net.sysctl
  takeAddresses(request, segment)
  request.rcvIsn = (segment.seq - 1) | 0
  request.rcvNxt = segment.seq
  request.sntIsn = (segment.ack - 1) | 0
  request.mss = mss
  request.tstampOk = segment.hasTimestamp !== 0 && sysctl.timestamps !== 0
  if (request.tstampOk) {
    request.tsOffset = tcp.timestampOffset(request.localAddress, request.remoteAddress)
    const echo = (segment.tsEcr - request.tsOffset) | 0
    const scale = SynCookies.timestampScale(echo)
    request.wscaleOk = scale >= 0 && sysctl.windowScaling !== 0
    request.sndWscale = request.wscaleOk ? scale : 0
    request.sackOk = SynCookies.timestampSack(echo) && sysctl.sack !== 0
    const isOn = Ecn.isOn(request.net, request.listener, request.localAddress, request.remoteAddress)
    request.ecnOk = SynCookies.timestampEcn(echo) && isOn
    request.tsRecent = segment.tsVal
  }
  offerWindow(request, true)
}

const takeAddresses = (request: RequestSock, segment: Segment): void => {
  request.localAddress = segment.localAddress
  request.localPort = segment.localPort
  request.remoteAddress = segment.remoteAddress
  request.remotePort = segment.remotePort
  request.device = request.listener.device
  request.mark = request.listener.mark
}

/** Linux: tcp_openreq_init_rwin; cookie_v4_check, which goes by the peer's segment size. */
const offerWindow = (request: RequestSock, fromCookie: boolean): void => {
  const listener = request.listener
  const tcp = listener.tcp
  const { net, localAddress: local, remoteAddress: remote } = request
  const user = listener.options.userMss
  const mss = RouteMetric.advmss(tcp.host, net, local, remote, null)
  request.advmss = user !== 0 && user < mss ? user : mss
  const initial = tcp.host.metric(net, local, remote, null, RouteMetric.RTAX_INITRWND)
  Window.selectInitial(
    request.net,
    Window.fullSpace(listener),
    fromCookie ? request.mss : request.advmss - (request.tstampOk ? TIMESTAMP_BYTES : 0),
    Window.initialClamp(listener, tcp.host.metric(net, local, remote, null, RouteMetric.RTAX_WINDOW)),
    request.wscaleOk,
    initial !== 0 ? initial : tcp.profile.initialRcvWindow
  )
  request.rcvWnd = Window.initial.rcvWnd
  request.windowClamp = Window.initial.windowClamp
  request.rcvWscale = Window.initial.rcvWscale
}

/** Writes and sends the SYN-ACK of a request. */
export const send = (request: RequestSock, isCookie: boolean): number => {
  const tcp = request.listener.tcp
  const host = tcp.host
  host.trace(Points.TCP_V4_SEND_SYNACK, request.listener, null)
  const options = tcp.sent
  TcpOptions.reset(options)
  options.mss = request.advmss
  const key = Md5Keys.find(request.listener, request.remoteAddress)
  if (key !== null) options.md5At = 0
  if (request.tstampOk) {
    options.hasTimestamp = 1
    const clock = toMs(host.now())
    const value = isCookie
      ? SynCookies.timestamp(clock, request.wscaleOk ? request.sndWscale : -1, request.sackOk, request.ecnOk)
      : clock
    options.tsVal = (value + request.tsOffset) | 0
    options.tsEcr = request.tsRecent
  }
  if (request.wscaleOk) options.windowScale = request.rcvWscale
  if (request.sackOk) options.sackPermitted = 1
  if (request.cookie !== null) {
    putCookie(options, request.cookie, TcpOptions.byteLength(options))
    // Only the first SYN-ACK shows it.
    request.cookie = null
  }
  const header = host.header
  const window = Math.min(request.rcvWnd, 65_535)
  const flags = Tcp.SYN | Tcp.ACK | (request.ecnOk ? Tcp.ECE : 0)
  Tcp.write(header, 0, request.localPort, request.remotePort, request.sntIsn, request.rcvNxt, flags, window)
  const length = Tcp.headerBytes + TcpOptions.write(options, header, Tcp.headerBytes)
  Tcp.setHeaderLength(header, 0, length)
  if (key !== null) Md5Sig.sign(host, key, request.localAddress, request.remoteAddress, length, null, 0)
  request.net.count(Counters.OUT_SEGS)
  return host.sendControl(
    request.net,
    request.localAddress,
    request.remoteAddress,
    length,
    request.device,
    request.mark,
    request.listener
  )
}

/** Linux: tcp_rtx_synack. */
export const sendAgain = (request: RequestSock): void => {
  request.net.count(Counters.RETRANS_SEGS)
  request.net.count(Counters.SYN_RETRANS)
  request.retransmits++
  send(request, false)
}

/** The full socket of a finished handshake, in SYN_RECV, in no table yet; null when there is no memory. */
export const makeChild = (request: RequestSock): TcpSock | null => {
  const listener = request.listener
  const tcp = listener.tcp
  const child = tcp.create(request.net)
  if (child === null) return null
  inherit(child, request)
  if (!tcp.host.attachChild(listener, child)) {
    tcp.discard(child)
    return null
  }
  if (listener.bucket !== null) tcp.bindHash.add(listener.bucket, child)
  else child.localPort = request.localPort
  return child
}

const inherit = (child: TcpSock, request: RequestSock): void => {
  const listener = request.listener
  child.state = State.SYN_RECV
  child.localAddress = request.localAddress
  child.localPort = request.localPort
  child.remoteAddress = request.remoteAddress
  child.remotePort = request.remotePort
  child.device = request.device
  child.mark = request.mark
  child.reuseAddress = listener.reuseAddress
  child.reusePort = listener.reusePort
  child.rcvbuf = listener.rcvbuf
  child.sndbuf = listener.sndbuf
  child.bufferLocks = listener.bufferLocks
  child.nonagle = listener.nonagle
  child.congestion = listener.congestion
  child.gsoMaxSize = listener.gsoMaxSize
  child.gsoMaxSegs = listener.gsoMaxSegs
  if (listener.options !== defaultOptions) Object.assign(child.ownOptions(), listener.options)
  inheritSequence(child, request)
  inheritOptions(child, request)
}

const inheritSequence = (child: TcpSock, request: RequestSock): void => {
  const rcvNxt = (request.rcvIsn + 1) | 0
  const sndNxt = (request.sntIsn + 1) | 0
  child.rcvNxt = rcvNxt
  child.rcvWup = rcvNxt
  child.copiedSeq = rcvNxt
  child.rcvWnd = request.rcvWnd
  child.windowClamp = request.windowClamp
  child.rcvSsthresh = request.rcvWnd
  child.sndUna = sndNxt
  child.sndUp = sndNxt
  child.sndNxt = sndNxt
  child.sndSml = sndNxt
  child.writeSeq = sndNxt
  child.pushedSeq = sndNxt
  child.sndWl1 = request.rcvIsn
  child.highSeq = sndNxt
  child.rttSeq = sndNxt
  child.totalRetrans = request.retransmits
  child.savedSyn = request.savedSyn
  // The SYN.
  child.segsIn = 1
  const now = clockMs(child)
  if (request.retransmits > 0) {
    // Unless the ACK echoes the first SYN-ACK's time, the path loses: a small first window (Undo.trySyn).
    const firstMs = toMs(request.synackAt)
    child.totalRto = request.retransmits
    child.totalRtoRecoveries = 1
    child.totalRtoTimeMs = (now - firstMs) | 0
    child.undoMarked = true
    child.undoMarker = request.sntIsn
    child.retransStampMs = firstMs === 0 ? -1 : firstMs
  }
  child.lsndtimeMs = now
  child.lrcvtimeMs = now
  child.rcvTstampMs = now
}

const inheritOptions = (child: TcpSock, request: RequestSock): void => {
  child.tstampOk = request.tstampOk
  child.sackOk = request.sackOk
  child.ecnFlags = request.ecnOk ? ECN_OK : 0
  child.wscaleOk = request.wscaleOk
  child.sndWscale = request.sndWscale
  child.rcvWscale = request.wscaleOk ? request.rcvWscale : 0
  if (!request.wscaleOk) child.windowClamp = Math.min(child.windowClamp, 65_535)
  child.tsOffset = request.tsOffset
  if (request.listener.options.md5Keys !== null) Md5Keys.inherit(child, request.listener)
  child.headerLength = 20 + md5Bytes(child)
  child.advmss = request.advmss
  if (request.tstampOk) {
    child.headerLength += TIMESTAMP_BYTES
    child.advmss -= TIMESTAMP_BYTES
    child.tsRecent = request.tsRecent
    child.tsRecentStamp = clockSeconds(child.tcp.host.now())
  }
  child.mssClamp = request.mss
  RouteMetric.read(child)
  child.rtoUs = Timers.initialTimeoutMs * 1000
  Output.syncMss(child, child.tcp.host.mtu(child.net, child.localAddress, child.remoteAddress, child))
  child.rcvMss = Math.min(536, child.mssCache, child.advmss)
}
