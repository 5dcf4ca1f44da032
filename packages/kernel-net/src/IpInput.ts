/**
 * IPv4 receive: checks, PRE_ROUTING, route, then local delivery or forwarding.
 *
 *     ip_rcv → PRE_ROUTING → ip_rcv_finish → route ─┬─ ip_local_deliver → defragment → LOCAL_IN → protocol
 *                                                   └─ ip_forward → FORWARD → ip_output
 *
 * Linux: net/ipv4/ip_input.c. IP options are carried but not acted upon.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Drops from "./Drops.ts"
import * as Hooks from "./Hooks.ts"
import { icmpSend } from "./Icmp.ts"
import { forward } from "./IpForward.ts"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { IP_LOCAL_DELIVER, IP_RCV, IP_RCV_FINISH } from "./Points.ts"
import type { PacketType } from "./Protocol.ts"
import * as Route from "./Route.ts"
import { PACKET_BROADCAST, PACKET_OTHERHOST, type SkBuff } from "./SkBuff.ts"
import { trim } from "./SkbTrim.ts"
import * as Snmp from "./Snmp.ts"

const UNREACHABLE = 3
const NET = 0
const HOST = 1
const PROTOCOL = 2

/** Linux: ip_packet_type. */
export const ipPacketType: PacketType = {
  name: "ip_rcv",
  etherType: 0x0800,
  receive: (core, skb, dev) => ipRcv(core, skb, dev)
}

/** Linux: ip_rcv. */
export const ipRcv = (core: Core, skb: SkBuff, dev: NetDevice): void => {
  const net = dev.net
  const host = skb.host
  core.visit(IP_RCV, net.id, dev.index, skb.traceId, skb.length)
  if (skb.packetType === PACKET_OTHERHOST) {
    host.dropSkb(core, skb, Drops.OTHERHOST)
    return
  }
  const wrong = check(core, net, skb)
  if (wrong >= 0) {
    host.dropSkb(core, skb, wrong)
    return
  }
  if (
    !net.hooks.isEmpty(Hooks.PRE_ROUTING) &&
    net.hooks.run(core, net, Hooks.PRE_ROUTING, skb, dev, null) === Hooks.VERDICT_GONE
  ) {
    return
  }
  finish(core, net, skb, dev)
}

/** By the header's ECN bits: none, ECT(1), ECT(0), CE. */
const ecnCounters = [
  Snmp.IPEXT_IN_NO_ECT_PKTS,
  Snmp.IPEXT_IN_ECT1_PKTS,
  Snmp.IPEXT_IN_ECT0_PKTS,
  Snmp.IPEXT_IN_CE_PKTS
] as const

const countEcn = (net: Netns, ecn: number, segments: number): void => {
  const counter = ecnCounters[ecn]!
  net.mib[counter] = net.mib[counter]! + segments
}

/** Validates the header and cuts padding off. @returns -1 or a drop reason */
const check = (core: Core, net: Netns, skb: SkBuff): number => {
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  net.count(Snmp.IP_IN_RECEIVES)
  net.mib[Snmp.IPEXT_IN_OCTETS] = net.mib[Snmp.IPEXT_IN_OCTETS]! + skb.length
  if (skb.headLength < Ipv4.headerBytes) return headerError(net, Drops.PKT_TOO_SMALL)
  const headerLength = Ipv4.headerLength(bytes, at)
  if (bytes[at]! >>> 4 !== 4 || headerLength < Ipv4.headerBytes) return headerError(net, Drops.IP_INHDR)
  if (skb.headLength < headerLength) return headerError(net, Drops.PKT_TOO_SMALL)
  countEcn(net, Ipv4.ecn(bytes, at), skb.gsoSegments > 1 ? skb.gsoSegments : 1)
  if (!Ipv4.verifyChecksum(bytes, at)) {
    net.count(Snmp.IPEXT_IN_CSUM_ERRORS)
    return headerError(net, Drops.IP_CSUM)
  }
  const length = Ipv4.totalLength(bytes, at)
  if (skb.length < length) {
    net.count(Snmp.IPEXT_IN_TRUNCATED_PKTS)
    return Drops.PKT_TOO_SMALL
  }
  if (length < headerLength) return headerError(net, Drops.IP_INHDR)
  if (skb.length > length) trim(core, skb, length)
  skb.networkHeader = at
  skb.transportHeader = at + headerLength
  return -1
}

const headerError = (net: Netns, reason: number): number => {
  net.count(Snmp.IP_IN_HDR_ERRORS)
  return reason
}

/** Linux: ip_rcv_finish. A hook that has changed the destination clears `skb.dst`. */
const finish = (core: Core, net: Netns, skb: SkBuff, dev: NetDevice): void => {
  core.visit(IP_RCV_FINISH, net.id, dev.index, skb.traceId, 0)
  const bytes = skb.host.world.slab.bytes
  const at = skb.networkHeader
  const protocol = skb.host.protocols[bytes[at + 9]!]
  if (skb.dst === null && protocol?.earlyDemux !== undefined && !Ipv4.isFragment(bytes, at))
    protocol.earlyDemux(core, skb)
  let verdict: number = Route.INPUT_LOCAL
  if (skb.dst === null) {
    verdict = Route.input(net, dev, Ipv4.source(bytes, at), Ipv4.destination(bytes, at))
    if (verdict === Route.INPUT_LOCAL || verdict === Route.INPUT_FORWARD) skb.dst = net.routeFound
  }
  if (skb.packetType === PACKET_BROADCAST) net.count(Snmp.IPEXT_IN_BCAST_PKTS)
  if (verdict === Route.INPUT_LOCAL) localDeliver(core, net, skb, dev)
  else if (verdict === Route.INPUT_FORWARD) forward(core, net, skb, dev)
  else refuse(core, net, skb, verdict)
}

/** Linux: ip_error, and the error returns of ip_route_input. */
const refuse = (core: Core, net: Netns, skb: SkBuff, verdict: number): void => {
  if (verdict === Route.INPUT_UNREACHABLE) {
    const host = net.fib.error === -113
    if (!host) net.count(Snmp.IPEXT_IN_NO_ROUTES)
    icmpSend(core, skb, UNREACHABLE, net.fib.error === -13 ? 13 : host ? HOST : NET, 0)
    skb.host.dropSkb(core, skb, Drops.IP_INNOROUTES)
    return
  }
  if (verdict === Drops.IP_INADDRERRORS) net.count(Snmp.IP_IN_ADDR_ERRORS)
  else if (verdict === Drops.IP_RPFILTER) net.count(Snmp.TCPEXT_IP_RP_FILTER)
  skb.host.dropSkb(core, skb, verdict)
}

/** Linux: ip_local_deliver. */
export const localDeliver = (core: Core, net: Netns, skb: SkBuff, dev: NetDevice): void => {
  core.visit(IP_LOCAL_DELIVER, net.id, dev.index, skb.traceId, 0)
  let whole: SkBuff | null = skb
  if (Ipv4.isFragment(skb.host.world.slab.bytes, skb.networkHeader)) {
    whole = net.fragments.add(core, skb, 0)
    if (whole === null) return
  }
  if (
    !net.hooks.isEmpty(Hooks.LOCAL_IN) &&
    net.hooks.run(core, net, Hooks.LOCAL_IN, whole, dev, null) === Hooks.VERDICT_GONE
  ) {
    return
  }
  deliverFinish(core, net, whole)
}

/** Hands the packet to its protocol, `data` at the transport header. Linux: ip_local_deliver_finish */
const deliverFinish = (core: Core, net: Netns, skb: SkBuff): void => {
  const host = skb.host
  const bytes = host.world.slab.bytes
  const number = bytes[skb.networkHeader + 9]!
  skb.pull(skb.transportHeader - skb.networkHeader)
  let raw = false
  const taps = host.rawTaps
  for (let i = 0; i < taps.length; i++) if (taps[i]!.raw(core, net, skb, number)) raw = true
  const protocol = host.protocols[number]
  if (protocol !== undefined) {
    net.count(Snmp.IP_IN_DELIVERS)
    protocol.receive(core, skb)
    return
  }
  if (raw) {
    net.count(Snmp.IP_IN_DELIVERS)
    host.deliverSkb(skb)
    host.consumeSkb(core, skb)
    return
  }
  net.count(Snmp.IP_IN_UNKNOWN_PROTOS)
  icmpSend(core, skb, UNREACHABLE, PROTOCOL, 0)
  host.dropSkb(core, skb, Drops.IP_NOPROTO)
}
