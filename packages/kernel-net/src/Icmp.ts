/**
 * ICMP: echo replies, errors about packets that cannot go on, and errors for our own packets handed to their protocols.
 * Linux: net/ipv4/icmp.c. Redirects, timestamps and address masks are counted and dropped.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Drops from "./Drops.ts"
import * as D from "./Dst.ts"
import { ipSendSkb, nextIdent } from "./IpOutput.ts"
import { IFF_LOOPBACK } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { pingReceive, pingError } from "./Ping.ts"
import { ICMP_RCV } from "./Points.ts"
import type { TransportProtocol } from "./Protocol.ts"
import * as Route from "./Route.ts"
import * as Skb from "./Skb.ts"
import { CHECKSUM_NONE, PACKET_HOST, type SkBuff } from "./SkBuff.ts"
import * as Snmp from "./Snmp.ts"
import * as Sysctl from "./Sysctl.ts"

const IGNORE_ALL = Sysctl.define("net.ipv4.icmp_echo_ignore_all")
const IGNORE_BROADCASTS = Sysctl.define("net.ipv4.icmp_echo_ignore_broadcasts")

/** Largest ICMP error with its IP header (RFC 1812 §4.3.2.3). */
const ERROR_MAX = 576
const HEADERS = 14 + Ipv4.headerBytes
const INTERNETWORK_CONTROL = 0xc0

/**
 * Sends an error about `skb`, which stays the caller's; nothing is sent where RFC 1122 §3.2.2 or a rate limit forbids it.
 *
 * @param info the next-hop MTU for "fragmentation needed", else 0. Linux: icmp_send
 */
export const icmpSend = (core: Core, skb: SkBuff, type: number, code: number, info: number): void => {
  const dev = skb.dst !== null ? skb.dst.dev : skb.dev
  if (dev === null || skb.networkHeader === 0 || skb.packetType !== PACKET_HOST) return
  const net = dev.net
  const bytes = skb.host.world.slab.bytes
  const at = skb.networkHeader
  const source = Ipv4.source(bytes, at)
  const destination = Ipv4.destination(bytes, at)
  if (Route.addressType(net, destination) === D.BROADCAST || destination >>> 28 === 14) return
  if (source === 0 || Route.addressType(net, source) === D.BROADCAST || source >>> 28 === 14) return
  if (Ipv4.fragmentOffset(bytes, at) !== 0 || isIcmpError(skb, at)) return
  const exempt = net.icmp.isExempt(type, code)
  const toLoopback = dev.ops.kind === "loopback"
  if (!exempt && !toLoopback && !net.icmp.globalAllows(core.time)) {
    net.count(Snmp.ICMP_OUT_RATE_LIMIT_GLOBAL)
    return
  }
  const from = Route.addressType(net, destination) === D.LOCAL ? destination : 0
  const dst = Route.output(net, source, from, 0)
  if (dst === null) {
    net.count(Snmp.ICMP_OUT_ERRORS)
    return
  }
  if (!exempt && (dst.dev.flags & IFF_LOOPBACK) === 0 && !net.icmp.peerAllows(source, core.time)) {
    net.count(Snmp.ICMP_OUT_RATE_LIMIT_HOST)
    return
  }
  sendError(core, net, skb, dst, from !== 0 ? from : dst.source, source, type, code, info)
}

/** Never an error about an error; a message too short to tell counts as one. */
const isIcmpError = (skb: SkBuff, at: number): boolean => {
  const bytes = skb.host.world.slab.bytes
  if (bytes[at + 9] !== Ipv4.PROTOCOL_ICMP) return false
  const message = at + Ipv4.headerLength(bytes, at)
  if (message >= skb.data + skb.headLength) return true
  const type = bytes[message]!
  return Icmp.isError(type) || type > Icmp.TYPE_TIMESTAMP_REPLY + 4
}

const sendError = (
  core: Core,
  net: Netns,
  about: SkBuff,
  dst: D.Dst,
  from: number,
  to: number,
  type: number,
  code: number,
  info: number
): void => {
  const host = about.host
  const back = about.networkHeader - about.data
  const available = about.length - back
  const room = Math.min(dst.mtuAt(core.time), ERROR_MAX) - Ipv4.headerBytes - Icmp.headerBytes
  const quoted = available < room ? available : room
  const skb = Skb.alloc(host, core, HEADERS, Icmp.headerBytes + quoted)
  if (skb === null) {
    net.count(Snmp.ICMP_OUT_ERRORS)
    return
  }
  const at = Skb.put(skb, Icmp.headerBytes + quoted)
  const bytes = host.world.slab.bytes
  Icmp.write(bytes, at, type, code, info & 0xffff)
  if (back < 0) {
    // The header has been pulled: it still stands in front of `data`.
    const pulled = Math.min(-back, quoted)
    bytes.copyWithin(at + Icmp.headerBytes, about.networkHeader, about.networkHeader + pulled)
    Skb.copyBits(about, 0, quoted - pulled, bytes, at + Icmp.headerBytes + pulled)
  } else Skb.copyBits(about, back, quoted, bytes, at + Icmp.headerBytes)
  Icmp.writeChecksum(bytes, at, Icmp.headerBytes + quoted)
  const tos = (bytes[about.networkHeader + 1]! & 0x1e) | INTERNETWORK_CONTROL
  countOut(net, type)
  skb.traceId = host.island.trace.child(about.traceId)
  push(core, net, skb, dst, from, to, tos)
}

const countOut = (net: Netns, type: number): void => {
  net.count(Snmp.ICMP_OUT_MSGS)
  if (type === Icmp.TYPE_DESTINATION_UNREACHABLE) net.count(Snmp.ICMP_OUT_DEST_UNREACHS)
  else if (type === Icmp.TYPE_TIME_EXCEEDED) net.count(Snmp.ICMP_OUT_TIME_EXCDS)
  else if (type === Icmp.TYPE_ECHO_REPLY) net.count(Snmp.ICMP_OUT_ECHO_REPS)
  else if (type === Icmp.TYPE_ECHO_REQUEST) net.count(Snmp.ICMP_OUT_ECHOS)
}

const push = (core: Core, net: Netns, skb: SkBuff, dst: D.Dst, from: number, to: number, tos: number): void => {
  skb.dst = dst
  skb.ipSummed = CHECKSUM_NONE
  skb.host.bornSkb(skb)
  ipSendSkb(core, skb, from, to, Ipv4.PROTOCOL_ICMP, 0, tos, false, nextIdent(net))
}

/** Linux: icmp_rcv. `data` stands at the ICMP header. */
const receive = (core: Core, skb: SkBuff): void => {
  const host = skb.host
  const dev = skb.dev!
  const net = dev.net
  core.visit(ICMP_RCV, net.id, dev.index, skb.traceId, 0)
  net.count(Snmp.ICMP_IN_MSGS)
  if (skb.headLength < Icmp.headerBytes) {
    net.count(Snmp.ICMP_IN_ERRORS)
    host.dropSkb(core, skb, Drops.HDR_TRUNC)
    return
  }
  if (skb.ipSummed === CHECKSUM_NONE && Skb.checksum(skb, 0, skb.length, 0) !== 0xffff) {
    net.count(Snmp.ICMP_IN_CSUM_ERRORS)
    net.count(Snmp.ICMP_IN_ERRORS)
    host.dropSkb(core, skb, Drops.ICMP_CSUM)
    return
  }
  const type = host.world.slab.bytes[skb.data]!
  if (skb.dst !== null && skb.dst.type === D.BROADCAST && ignoresBroadcast(net, type)) {
    net.count(Snmp.ICMP_IN_ERRORS)
    host.dropSkb(core, skb, Drops.INVALID_PROTO)
    return
  }
  if (type === Icmp.TYPE_ECHO_REQUEST) echo(core, net, skb)
  else if (type === Icmp.TYPE_ECHO_REPLY) {
    net.count(Snmp.ICMP_IN_ECHO_REPS)
    pingReceive(core, net, skb)
    return
  } else if (!handleError(core, net, skb, type)) {
    net.count(Snmp.ICMP_IN_ERRORS)
    host.dropSkb(core, skb, Drops.HDR_TRUNC)
    return
  }
  host.deliverSkb(skb)
  host.consumeSkb(core, skb)
}

const ignoresBroadcast = (net: Netns, type: number): boolean =>
  (type === Icmp.TYPE_ECHO_REQUEST || type === Icmp.TYPE_TIMESTAMP_REQUEST) &&
  net.sysctl.numbers[IGNORE_BROADCASTS] !== 0

/** Linux: icmp_echo, icmp_reply. */
const echo = (core: Core, net: Netns, request: SkBuff): void => {
  net.count(Snmp.ICMP_IN_ECHOS)
  if (net.sysctl.numbers[IGNORE_ALL] !== 0) return
  const host = request.host
  const before = host.world.slab.bytes
  const at = request.networkHeader
  const destination = Ipv4.destination(before, at)
  const source = Ipv4.source(before, at)
  const from = request.dst !== null && request.dst.type === D.LOCAL ? destination : 0
  const dst = Route.output(net, source, from, 0)
  if (dst === null) return
  const length = request.length
  const skb = Skb.alloc(host, core, HEADERS, length)
  if (skb === null) return
  const to = Skb.put(skb, length)
  const bytes = host.world.slab.bytes
  Skb.copyBits(request, 0, length, bytes, to)
  Icmp.setType(bytes, to, Icmp.TYPE_ECHO_REPLY)
  Icmp.writeChecksum(bytes, to, length)
  countOut(net, Icmp.TYPE_ECHO_REPLY)
  push(core, net, skb, dst, from !== 0 ? from : dst.source, source, bytes[at + 1]!)
}

/** Linux: icmp_unreach. @returns false when it is malformed */
const handleError = (core: Core, net: Netns, skb: SkBuff, type: number): boolean => {
  if (type === Icmp.TYPE_DESTINATION_UNREACHABLE) net.count(Snmp.ICMP_IN_DEST_UNREACHS)
  else if (type === Icmp.TYPE_TIME_EXCEEDED) net.count(Snmp.ICMP_IN_TIME_EXCDS)
  else if (type === Icmp.TYPE_PARAMETER_PROBLEM) net.count(Snmp.ICMP_IN_PARM_PROBS)
  else if (type === Icmp.TYPE_SOURCE_QUENCH) net.count(Snmp.ICMP_IN_SRC_QUENCHS)
  else if (type === Icmp.TYPE_REDIRECT) net.count(Snmp.ICMP_IN_REDIRECTS)
  if (!Icmp.isError(type) || type === Icmp.TYPE_REDIRECT) return true
  const bytes = skb.host.world.slab.bytes
  const inner = skb.data + Icmp.headerBytes
  const quoted = skb.headLength - Icmp.headerBytes
  if (quoted < Ipv4.headerBytes) return false
  const headerLength = Ipv4.headerLength(bytes, inner)
  if (headerLength < Ipv4.headerBytes || quoted < headerLength + 8) return false
  const code = Icmp.code(bytes, skb.data)
  let info = 0
  if (type === Icmp.TYPE_DESTINATION_UNREACHABLE && code === Icmp.CODE_FRAGMENTATION_NEEDED) {
    info = Icmp.nextHopMtu(bytes, skb.data)
    if (info === 0) info = plateau(Ipv4.totalLength(bytes, inner))
    // TCP looks first whether the packet can be one of its own.
    if (bytes[inner + 9] !== Ipv4.PROTOCOL_TCP) Route.updatePmtu(net, Ipv4.destination(bytes, inner), info, core.time)
  }
  const protocol = skb.host.protocols[bytes[inner + 9]!]
  if (protocol !== undefined) protocol.error(core, net, skb, inner, quoted, type, code, info)
  return true
}

/** The next lower common MTU for routers that do not say theirs (RFC 1191 §7). */
const plateau = (length: number): number => {
  for (const mtu of [32000, 17914, 8166, 4352, 2002, 1492, 576, 296]) if (mtu < length) return mtu
  return 68
}

/** Linux: icmp_protocol. Its errors are about echo requests of ping sockets (icmp_err). */
export const icmpProtocol: TransportProtocol = {
  name: "icmp_rcv",
  protocol: Ipv4.PROTOCOL_ICMP,
  receive,
  error: (core, net, skb, at, length, type, code, info) => pingError(core, net, skb, at, length, type, code, info)
}
