/**
 * TCP options as the machine uses them: reading those of a received segment, and writing the header of a sent one (Linux:
 * tcp_parse_options, tcp_syn_options, tcp_established_options, tcp_options_write).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { clockMs, toMs } from "./Clock.ts"
import * as FastOpenCookie from "./FastOpenCookie.ts"
import * as Md5Keys from "./Md5Keys.ts"
import * as Md5Sig from "./Md5Sig.ts"
import * as RouteMetric from "./RouteMetric.ts"
import type { Segment } from "./Segment.ts"
import type { Tcp as TcpStack } from "./Tcp.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Bytes of an aligned timestamp option. */
export const TIMESTAMP_BYTES = 12
/** Bytes of SYN options with everything on: MSS, SACK permitted with timestamps, window scale. */
export const MAX_OPTION_BYTES = 40

/**
 * Fills in what the TCP header at `at` says. Options are read by {@link scan}.
 *
 * @param length bytes of header and payload
 * @returns false when it is no TCP header
 */
export const readHeader = (segment: Segment, bytes: Uint8Array, at: number, length: number): boolean => {
  if (length < Tcp.headerBytes) return false
  const headerLength = Tcp.headerLength(bytes, at)
  if (headerLength < Tcp.headerBytes || headerLength > length) return false
  const flags = Tcp.flags(bytes, at)
  segment.headerLength = headerLength
  segment.length = length - headerLength
  segment.seq = Tcp.sequence(bytes, at)
  segment.flags = flags
  segment.endSeq = (segment.seq + (flags & Tcp.FIN) + ((flags & Tcp.SYN) >> 1) + segment.length) | 0
  segment.ack = Tcp.acknowledgment(bytes, at)
  segment.window = Tcp.window(bytes, at)
  segment.urgent = Tcp.urgentPointer(bytes, at)
  segment.remotePort = Tcp.sourcePort(bytes, at)
  segment.localPort = Tcp.destinationPort(bytes, at)
  return true
}

/** Reads the options into `tcp.received`, and the timestamp into the segment. */
export const scan = (tcp: TcpStack, segment: Segment, bytes: Uint8Array, at: number): void => {
  const options = tcp.received
  TcpOptions.scan(bytes, at, options)
  segment.hasTimestamp = options.hasTimestamp
  segment.tsVal = options.tsVal
  segment.tsEcr = options.tsEcr
}

/** Notes the timestamp of the segment in hand, as far as the connection uses them (Linux: tcp_fast_parse_options). */
export const noteTimestamp = (sock: TcpSock, segment: Segment): void => {
  if (segment.hasTimestamp !== 0 && sock.tstampOk) {
    sock.sawTstamp = true
    sock.rcvTsval = segment.tsVal
    sock.rcvTsecr = segment.tsEcr === 0 ? 0 : (segment.tsEcr - sock.tsOffset) | 0
  } else {
    sock.sawTstamp = false
    sock.rcvTsecr = 0
  }
}

/** The value of our timestamp option in a segment that leaves at `paceAt`, and now. */
const departureStamp = (sock: TcpSock): number => (toMs(sock.paceAt) + sock.tsOffset) | 0
export const timestampNow = (sock: TcpSock): number => (clockMs(sock) + sock.tsOffset) | 0

/** SACK blocks that fit beside a timestamp option. */
export const sackBlocksMax = (sock: TcpSock): number => {
  if (!signs(sock)) return sock.tstampOk ? 3 : 4
  return sock.tstampOk ? 0 : 2
}

/** Whether segments to the peer carry an MD5 digest. */
const signs = (sock: TcpSock): boolean =>
  sock.options.md5Keys !== null && Md5Keys.find(sock, sock.remoteAddress) !== null
/** Bytes of the digest option, 0 without. */
export const md5Bytes = (sock: TcpSock): number => (signs(sock) ? Md5Sig.OPTION_BYTES : 0)

/** SACK blocks to send now, D-SACK included (Linux: tcp_established_options' eff_sacks). */
export const sackBlockCount = (sock: TcpSock): number => {
  const blocks = sock.sackBlocks
  if (blocks === null) return 0
  return Math.min(blocks.count + blocks.duplicate, sackBlocksMax(sock))
}

/** Bytes of the header of a segment sent now on an established connection. */
export const establishedHeaderLength = (sock: TcpSock): number => {
  const count = sackBlockCount(sock)
  return Tcp.headerBytes + md5Bytes(sock) + (sock.tstampOk ? TIMESTAMP_BYTES : 0) + (count > 0 ? 4 + 8 * count : 0)
}

/** Writes the options of an established connection behind the fixed header in `host.header`. Returns the header's length. */
export const writeEstablished = (sock: TcpSock): number => {
  const header = sock.tcp.host.header
  const count = sackBlockCount(sock)
  let at: number = Tcp.headerBytes
  if (sock.options.md5Keys !== null && signs(sock)) at += Md5Sig.reserve(header, at)
  if (count === 0) {
    if (sock.tstampOk) at += TcpOptions.writeTimestamp(header, at, departureStamp(sock), sock.tsRecent)
    return at
  }
  const options = sock.tcp.sent
  TcpOptions.reset(options)
  if (sock.tstampOk) {
    options.hasTimestamp = 1
    options.tsVal = departureStamp(sock)
    options.tsEcr = sock.tsRecent
  }
  fillSack(sock, options, count)
  return at + TcpOptions.write(options, header, at)
}

const fillSack = (sock: TcpSock, options: TcpOptions.TcpOptions, count: number): void => {
  const blocks = sock.sackBlocks!
  options.sackCount = count
  let edge = 0
  if (blocks.duplicate !== 0) {
    options.sackEdges[edge++] = blocks.duplicateStart
    options.sackEdges[edge++] = blocks.duplicateEnd
    blocks.duplicate = 0
  }
  for (let i = 0; edge < 2 * count; i++) options.sackEdges[edge++] = blocks.edges[i]!
}

/**
 * Writes the options of our SYN, also when it goes again with an ACK in a simultaneous open: all that we can do, whatever the
 * peer's SYN offered (Linux: tcp_syn_options). Returns the header's length.
 */
export const writeSyn = (sock: TcpSock): number => {
  const sysctl = sock.net.sysctl
  const options = sock.tcp.sent
  TcpOptions.reset(options)
  // The route may have shrunk since the last SYN (Linux: tcp_advertise_mss).
  const most = RouteMetric.advmss(sock.tcp.host, sock.net, sock.localAddress, sock.remoteAddress, sock)
  sock.advmss = Math.min(sock.advmss, most)
  options.mss = sock.advmss
  // A digest leaves no room for timestamps beside SACK (Linux: tcp_syn_options).
  if (signs(sock)) options.md5At = 0
  else if (sysctl.timestamps !== 0) {
    options.hasTimestamp = 1
    options.tsVal = timestampNow(sock)
    options.tsEcr = sock.tsRecent
  }
  if (sysctl.windowScaling !== 0) options.windowScale = sock.rcvWscale
  if (sysctl.sack !== 0) options.sackPermitted = 1
  FastOpenCookie.writeOption(sock, options, TcpOptions.byteLength(options))
  return Tcp.headerBytes + TcpOptions.write(options, sock.tcp.host.header, Tcp.headerBytes)
}
