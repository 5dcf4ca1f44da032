/**
 * IPv4 send: header, LOCAL_OUT, POST_ROUTING, fragmentation, next hop.
 *
 *     ip_queue_xmit / ip_send_skb → ip_local_out → LOCAL_OUT → ip_output → POST_ROUTING → ip_finish_output
 *          → ip_fragment if too long → ip_finish_output2 → neighbour
 *
 * Linux: net/ipv4/ip_output.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { checksumHelp } from "./DevXmit.ts"
import * as Drops from "./Drops.ts"
import type { Dst } from "./Dst.ts"
import { EHOSTUNREACH, EMSGSIZE, EPERM } from "./Errno.ts"
import * as Hooks from "./Hooks.ts"
import { NET_XMIT_CN } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { finishOutput2 } from "./IpFinish.ts"
import { fragment } from "./IpFragment.ts"
import { IP_FINISH_OUTPUT, IP_LOCAL_OUT, IP_OUTPUT, IP_QUEUE_XMIT, IP_SEND_SKB } from "./Points.ts"
import * as Route from "./Route.ts"
import { CHECKSUM_PARTIAL, type SkBuff } from "./SkBuff.ts"
import * as Snmp from "./Snmp.ts"
import type { Sock } from "./Sock.ts"
import * as Sysctl from "./Sysctl.ts"

const DEFAULT_TTL = Sysctl.define("net.ipv4.ip_default_ttl")
const NO_PMTU_DISC = Sysctl.define("net.ipv4.ip_no_pmtu_disc")
const IPV4 = 0x0800

/** Linux: IP_PMTUDISC_*. */
export const PMTUDISC_DONT = 0
export const PMTUDISC_WANT = 1
export const PMTUDISC_DO = 2
export const PMTUDISC_PROBE = 3

/**
 * The route of a connected socket: the cached one while it is valid, else looked up anew and kept. Null with a negative
 * errno in `sk.net.routeError`. Linux: __sk_dst_check, ip_route_output_ports
 */
export const sockRoute = (sk: Sock): Dst | null => {
  const cached = sk.dst
  if (cached !== null && cached.isValid()) return cached
  const dst = Route.output(sk.net, sk.remoteAddress, sk.localAddress, sk.boundDevice)
  sk.dst = dst
  return dst
}

/**
 * Sends a segment of a connected socket: `data` stands at the transport header. Takes the buffer over; the packet must be
 * counted (`Host.bornSkb`).
 *
 * @returns 0, NET_XMIT_CN, NET_XMIT_DROP's errno, or another negative errno. Linux: ip_queue_xmit
 */
export const ipQueueXmit = (core: Core, sk: Sock, skb: SkBuff): number => {
  core.visit(IP_QUEUE_XMIT, sk.net.id, -1, skb.traceId, skb.length)
  const dst = sockRoute(sk)
  if (dst === null) {
    sk.net.count(Snmp.IP_OUT_NO_ROUTES)
    skb.host.dropSkb(core, skb, Drops.IP_OUTNOROUTES)
    return -EHOSTUNREACH
  }
  skb.dst = dst
  // A locked MTU is not to be discovered (Linux: ip_dont_fragment).
  const df = sk.pmtuDiscover === PMTUDISC_DO || (sk.pmtuDiscover !== PMTUDISC_DONT && !dst.isMtuLocked)
  const segments = skb.gsoSegments > 1 ? skb.gsoSegments : 1
  const ident = sk.ident
  sk.ident = (sk.ident + segments) & 0xffff
  pushHeader(skb, sk.localAddress, sk.remoteAddress, sk.protocol, sk.ttl, sk.tos, df, ident)
  skb.priority = sk.priority
  skb.mark = sk.mark
  return ipLocalOut(core, sk.net, skb)
}

/**
 * Sends a datagram of any protocol: `data` stands at the transport header, `skb.dst` is set.
 *
 * @param ttl 0 for the default
 * @returns 0 or a negative errno. Linux: ip_push_pending_frames, ip_send_skb
 */
export const ipSendSkb = (
  core: Core,
  skb: SkBuff,
  source: number,
  destination: number,
  protocol: number,
  ttl: number,
  tos: number,
  df: boolean,
  ident: number
): number => {
  const net = skb.dst!.net
  core.visit(IP_SEND_SKB, net.id, -1, skb.traceId, skb.length)
  pushHeader(skb, source, destination, protocol, ttl, tos, df, ident)
  const status = ipLocalOut(core, net, skb)
  // It is on its way; only TCP wants to know what it cost (Linux: net_xmit_errno).
  return status === NET_XMIT_CN ? 0 : status
}

/** Puts an IP header without options in front. */
const pushHeader = (
  skb: SkBuff,
  source: number,
  destination: number,
  protocol: number,
  ttl: number,
  tos: number,
  df: boolean,
  ident: number
): void => {
  skb.transportHeader = skb.data
  skb.push(Ipv4.headerBytes)
  skb.networkHeader = skb.data
  skb.protocol = IPV4
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  Ipv4.write(bytes, at, skb.length, protocol, source, destination)
  if (tos !== 0) Ipv4.setTos(bytes, at, tos)
  if (!df) Ipv4.setFragment(bytes, at, 0, 0)
  Ipv4.setTimeToLive(bytes, at, ttl > 0 ? ttl : skb.dst!.net.sysctl.numbers[DEFAULT_TTL]!)
  Ipv4.setIdentification(bytes, at, ident)
}

/** The next IP identification for packets that no connected socket numbers. Linux: ip_select_ident */
export const nextIdent = (net: Netns): number => {
  net.ipIdent = (net.ipIdent + 1) & 0xffff
  return net.ipIdent
}

/** Whether a packet that fits should carry DF. Linux: ip_dont_fragment */
export const wantsDf = (net: Netns, pmtuDiscover: number): boolean =>
  pmtuDiscover !== PMTUDISC_DONT && net.sysctl.numbers[NO_PMTU_DISC] === 0

/** The header is written but for length and checksum. @returns 0 or a negative errno. Linux: ip_local_out */
export const ipLocalOut = (core: Core, net: Netns, skb: SkBuff): number => {
  const { island } = core
  const before = island.inside
  island.inside = net.actor
  const status = localOut(core, net, skb)
  island.inside = before
  return status
}

const localOut = (core: Core, net: Netns, skb: SkBuff): number => {
  core.visit(IP_LOCAL_OUT, net.id, -1, skb.traceId, skb.length)
  const bytes = skb.host.world.slab.bytes
  net.count(Snmp.IP_OUT_REQUESTS)
  Ipv4.setTotalLength(bytes, skb.networkHeader, skb.length)
  Ipv4.writeChecksum(bytes, skb.networkHeader)
  const dst = skb.dst!
  if (
    !net.hooks.isEmpty(Hooks.LOCAL_OUT) &&
    net.hooks.run(core, net, Hooks.LOCAL_OUT, skb, null, dst.dev) === Hooks.VERDICT_GONE
  ) {
    return -EPERM
  }
  return ipOutput(core, net, skb, skb.dst ?? dst)
}

/** Linux: ip_output. */
export const ipOutput = (core: Core, net: Netns, skb: SkBuff, dst: Dst): number => {
  const dev = dst.dev
  core.visit(IP_OUTPUT, net.id, dev.index, skb.traceId, 0)
  net.count(Snmp.IP_OUT_TRANSMITS)
  net.mib[Snmp.IPEXT_OUT_OCTETS] = net.mib[Snmp.IPEXT_OUT_OCTETS]! + skb.length
  const input = skb.dev
  skb.dev = dev
  skb.protocol = IPV4
  if (
    !net.hooks.isEmpty(Hooks.POST_ROUTING) &&
    net.hooks.run(core, net, Hooks.POST_ROUTING, skb, input, dev) === Hooks.VERDICT_GONE
  ) {
    return -EPERM
  }
  return finishOutput(core, net, skb, skb.dst ?? dst)
}

/** Linux: ip_finish_output. */
const finishOutput = (core: Core, net: Netns, skb: SkBuff, dst: Dst): number => {
  core.visit(IP_FINISH_OUTPUT, net.id, dst.dev.index, skb.traceId, 0)
  const mtu = dst.mtuAt(core.time)
  if (skb.length <= mtu || skb.gsoSize > 0) return finishOutput2(core, skb, dst)
  if (Ipv4.dontFragment(skb.host.world.slab.bytes, skb.networkHeader)) {
    net.count(Snmp.IP_FRAG_FAILS)
    skb.host.dropSkb(core, skb, Drops.PKT_TOO_BIG)
    return -EMSGSIZE
  }
  if (skb.ipSummed === CHECKSUM_PARTIAL) checksumHelp(core, skb)
  return fragment(core, net, skb, dst, mtu)
}
