/**
 * The active side: bind, connect, the SYN (RFC 9293 §3.10.1; Linux: tcp_v4_connect, tcp_connect). What comes back is
 * SynSent.ts.
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Ecn from "./Ecn.ts"
import * as FastOpen from "./FastOpen.ts"
import * as Memory from "./Memory.ts"
import * as MtuSearch from "./MtuSearch.ts"
import * as Options from "./Options.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as RouteMetric from "./RouteMetric.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as Timers from "./Timers.ts"
import * as Window from "./Window.ts"
import { PENDING_RETRANS, type TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { EADDRINUSE, EADDRNOTAVAIL, EALREADY, EINPROGRESS, EINVAL, EISCONN, ENOBUFS } from "./Errno.ts"
import { checkEstablished, getPort } from "./PortSearch.ts"

/**
 * bind(): takes a local address (0 for any) and port (0 for one of the kernel's choice).
 *
 * @returns 0, -EINVAL, -EADDRNOTAVAIL or -EADDRINUSE
 */
export const bind = (sock: TcpSock, address: number, port: number): number => {
  const tcp = sock.tcp
  if (sock.state !== State.CLOSE || sock.localPort !== 0) return -EINVAL
  const options = sock.options
  if (address !== 0 && options.anyAddress === 0 && !tcp.host.isLocal(sock.net, address)) return -EADDRNOTAVAIL
  tcp.host.trace(Points.INET_CSK_GET_PORT, sock, null)
  sock.localAddress = address
  // A port that connect() will look for, knowing the peer (IP_BIND_ADDRESS_NO_PORT).
  const error = port === 0 && options.bindAddressNoPort !== 0 ? 0 : getPort(tcp, sock, port)
  if (error !== 0) {
    sock.localAddress = 0
    return error
  }
  sock.bindLocks = (address !== 0 ? 4 : 0) | (port !== 0 ? 8 : 0)
  return 0
}

/**
 * Starts connecting: route, port, SYN.
 *
 * @returns -EINPROGRESS when the SYN is out, or the error; state and `sock.error` tell how it ends. 0: TCP_FASTOPEN_CONNECT
 *   leaves the SYN to the first write, which calls {@link begin}
 */
export const connect = (sock: TcpSock, address: number, port: number): number => {
  const error = choosePort(sock, address, port)
  return error === 0 ? sendFirst(sock) : error
}

/**
 * The first half of connect: route and port. The search of a port takes a while; who models that lets it pass before the
 * second half, {@link sendFirst}, and owns the socket meanwhile.
 *
 * @returns 0, or the error: then nothing has changed
 */
export const choosePort = (sock: TcpSock, address: number, port: number): number => {
  const tcp = sock.tcp
  const host = tcp.host
  if (sock.state === State.SYN_SENT || sock.state === State.SYN_RECV) return -EALREADY
  if (sock.state === State.LISTEN || sock.listen !== null) return -EISCONN
  if (sock.state !== State.CLOSE) return -EISCONN
  host.trace(Points.TCP_V4_CONNECT, sock, null)
  // What an attempt before this one chose is not a choice of the program.
  if (sock.bucket === null) sock.localPort = 0
  if ((sock.bindLocks & 4) === 0) sock.localAddress = 0
  const boundAddress = sock.localAddress
  sock.remoteAddress = address
  sock.remotePort = port
  sock.error = 0
  sock.shutdown = 0
  let error = host.route(sock)
  if (error === 0) {
    sock.writeSeq = 0
    sock.state = State.SYN_SENT
    error = hashConnect(sock)
  }
  if (error !== 0) {
    sock.state = State.CLOSE
    sock.localAddress = boundAddress
    sock.remoteAddress = 0
    sock.remotePort = 0
  }
  return error
}

/** The second half of connect: the SYN. Returns as {@link connect} does. */
export const sendFirst = (sock: TcpSock): number => {
  const { tcp } = sock
  if (sock.writeSeq === 0) {
    sock.writeSeq = tcp.initialSequence(sock.localAddress, sock.remoteAddress, sock.localPort, sock.remotePort)
  }
  sock.tsOffset = tcp.timestampOffset(sock.localAddress, sock.remoteAddress)
  if (FastOpen.defersConnect(sock)) return 0
  const error = begin(sock)
  if (error !== -EINPROGRESS && (sock.bindLocks & 4) === 0) sock.localAddress = 0
  return error
}

/** Sends the SYN of a connect() (Linux: tcp_connect). @returns -EINPROGRESS, or the error after which it is in CLOSE */
export const begin = (sock: TcpSock): number => {
  const error = sendSyn(sock)
  if (error === 0) return -EINPROGRESS
  Done.setState(sock, State.CLOSE)
  sock.remoteAddress = 0
  sock.remotePort = 0
  return error
}

/** Linux: inet_hash_connect. */
const hashConnect = (sock: TcpSock): number => {
  const tcp = sock.tcp
  tcp.host.trace(Points.INET_HASH_CONNECT, sock, null)
  if (sock.localPort === 0) return tcp.profile.portSearch.connect(tcp, sock)
  if (!checkEstablished(tcp, sock, sock.localPort)) return -EADDRNOTAVAIL
  if (sock.bucket === null) return -EADDRINUSE
  tcp.established.insert(sock)
  return 0
}

/** Linux: tcp_connect_init and tcp_connect. */
const sendSyn = (sock: TcpSock): number => {
  const tcp = sock.tcp
  const host = tcp.host
  const net = sock.net
  const sysctl = net.sysctl
  host.trace(Points.TCP_CONNECT, sock, null)
  const mtu = host.mtu(net, sock.localAddress, sock.remoteAddress, sock)
  const md5 = Options.md5Bytes(sock)
  const useTimestamps = sysctl.timestamps !== 0 && md5 === 0
  sock.headerLength = 20 + md5 + (useTimestamps ? Options.TIMESTAMP_BYTES : 0)
  sock.mssClamp = sock.options.userMss !== 0 ? Math.min(sock.options.userMss, 65_535) : 65_535
  sock.maxWindow = 0
  sock.sndWnd = 0
  MtuSearch.start(sock)
  Output.syncMss(sock, mtu)
  RouteMetric.read(sock)
  sock.advmss = advertisedMss(sock)
  const clamp = Window.initialClamp(sock, RouteMetric.get(sock, RouteMetric.RTAX_WINDOW))
  const initial = RouteMetric.get(sock, RouteMetric.RTAX_INITRWND)
  const segments = initial !== 0 ? initial : tcp.profile.initialRcvWindow
  const advertised = sock.tsRecentStamp !== 0 ? sock.advmss - Options.TIMESTAMP_BYTES : sock.advmss
  Window.selectInitial(net, Window.fullSpace(sock), advertised, clamp, sysctl.windowScaling !== 0, segments)
  sock.rcvWnd = Window.initial.rcvWnd
  sock.windowClamp = Window.initial.windowClamp
  sock.rcvWscale = Window.initial.rcvWscale
  sock.rcvSsthresh = sock.rcvWnd
  sock.error = 0
  sock.sndUna = sock.writeSeq
  sock.sndUp = sock.writeSeq
  sock.sndSml = sock.writeSeq
  sock.sndNxt = sock.writeSeq
  sock.rcvNxt = 0
  sock.rcvWup = 0
  sock.copiedSeq = 0
  sock.rtoUs = Timers.initialTimeoutMs * 1000
  sock.retransmits = 0
  sock.totalRto = 0
  sock.sndSsthresh = 0x7fff_ffff
  sock.rcvTstampMs = clockMs(sock)
  const segment = host.allocSegment(sock)
  if (segment === null || !Memory.schedule(sock, segment.truesize, 0, sysctl.wmemMin, true)) return -ENOBUFS
  segment.seq = sock.writeSeq
  segment.endSeq = (sock.writeSeq + 1) | 0
  segment.flags = Tcp.SYN
  Ecn.askInSyn(sock, segment)
  sock.writeSeq = segment.endSeq
  const now = clockMs(sock)
  sock.retransStampMs = now === 0 ? -1 : now
  SendQueue.queueRetransmit(sock, segment)
  sock.wmemQueued += segment.truesize
  Memory.charge(sock, segment.truesize)
  sock.packetsOut = 1
  if (sock.fastOpen === null) Output.transmit(sock, segment, segment.seq, segment.flags)
  else FastOpen.sendSynData(sock, segment)
  const unsent = sock.writeQueue.head
  sock.sndNxt = unsent === null ? sock.writeSeq : unsent.seq
  sock.pushedSeq = sock.sndNxt
  net.count(Counters.ACTIVE_OPENS)
  Timers.resetXmit(sock, PENDING_RETRANS, sock.rtoUs)
  return 0
}

/** MSS to tell the peer (Linux: tcp_mss_clamp of dst_metric_advmss). */
const advertisedMss = (sock: TcpSock): number => {
  const mss = RouteMetric.advmss(sock.tcp.host, sock.net, sock.localAddress, sock.remoteAddress, sock)
  const user = sock.options.userMss
  return user !== 0 && user < mss ? user : mss
}
