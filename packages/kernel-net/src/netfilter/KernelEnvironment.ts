/**
 * Netfilter's environment on the real kernel: routes, ICMP, resets, reassembly.
 *
 * Linux: inet_addr_type, inet_select_addr, ip_route_me_harder (net/ipv4/netfilter.c), nf_send_unreach, nf_send_reset
 * (ipt_REJECT.c, nf_reject_ipv4.c), nf_ct_ipv4_gather_frags (nf_defrag_ipv4.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as D from "../Dst.ts"
import type { Host } from "../Host.ts"
import * as Hooks from "../Hooks.ts"
import { icmpSend } from "../Icmp.ts"
import { ipRcv } from "../IpInput.ts"
import { ipSendSkb } from "../IpOutput.ts"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import * as Route from "../Route.ts"
import * as Skb from "../Skb.ts"
import { CHECKSUM_NONE, type SkBuff } from "../SkBuff.ts"
import * as Snmp from "../Snmp.ts"
import { readableEnd } from "./Conntrack.ts"
import { directionOf, INFO_RELATED, INFO_RELATED_REPLY } from "./ConntrackEntry.ts"
import type { Environment } from "./Environment.ts"
import type { AddressKind, RejectWith } from "./Rules.ts"
import { BRIDGE_NETFILTER } from "./SkbFlags.ts"
import { ORIGINAL } from "./Tuple.ts"

/** Who reassembles: netfilter, not the host itself (Linux: IP_DEFRAG_CONNTRACK_IN). */
const FRAGMENT_USER = 1
const HEADROOM = 64

const unreachableCodes: Readonly<Record<Exclude<RejectWith, "tcp-reset">, number>> = {
  "icmp-net-unreachable": Icmp.CODE_NET_UNREACHABLE,
  "icmp-host-unreachable": Icmp.CODE_HOST_UNREACHABLE,
  "icmp-proto-unreachable": Icmp.CODE_PROTOCOL_UNREACHABLE,
  "icmp-port-unreachable": Icmp.CODE_PORT_UNREACHABLE,
  "icmp-net-prohibited": Icmp.CODE_NET_PROHIBITED,
  "icmp-host-prohibited": Icmp.CODE_HOST_PROHIBITED,
  "icmp-admin-prohibited": Icmp.CODE_ADMIN_PROHIBITED
}

export class KernelEnvironment implements Environment {
  private readonly host: Host

  constructor(host: Host) {
    this.host = host
  }

  addressKind(net: Netns, address: number): AddressKind {
    switch (Route.addressType(net, address)) {
      case D.LOCAL:
        return "LOCAL"
      case D.BROADCAST:
        return "BROADCAST"
      case D.MULTICAST:
        return "MULTICAST"
      default:
        return "UNICAST"
    }
  }

  selectSource(net: Netns, skb: SkBuff, output: NetDevice): number {
    const gateway = skb.dst === null ? 0 : skb.dst.gateway
    const destination = Ipv4.destination(this.host.world.slab.bytes, skb.networkHeader)
    return Route.selectSource(net, output, gateway !== 0 ? gateway : destination)
  }

  firstAddress(_net: Netns, device: NetDevice): number {
    return device.addresses[0]?.local ?? 0
  }

  reject(core: Core, net: Netns, skb: SkBuff, how: RejectWith, _point: number): void {
    if (how === "tcp-reset") this.reset(core, net, skb)
    else icmpSend(core, skb, Icmp.TYPE_DESTINATION_UNREACHABLE, unreachableCodes[how], 0)
  }

  reroute(_core: Core, net: Netns, skb: SkBuff): number {
    const dst = Route.output(net, Ipv4.destination(this.host.world.slab.bytes, skb.networkHeader), 0, 0)
    if (dst === null) return net.routeError
    skb.dst = dst
    return 0
  }

  /**
   * The whole datagram goes its way by itself, from the start of PRE_ROUTING, because it stands in another buffer than
   * the last fragment. On a bridge, and of what the host sends, fragments are not collected.
   */
  defragment(core: Core, net: Netns, skb: SkBuff, point: number): SkBuff | null {
    if (point !== Hooks.PRE_ROUTING || (skb.flags & BRIDGE_NETFILTER) !== 0) return skb
    const dev = skb.dev!
    const whole = net.fragments.add(core, skb, FRAGMENT_USER)
    if (whole === null || whole === skb) return whole
    whole.dev = dev
    // Its fragments have been counted as they came in.
    net.mib[Snmp.IP_IN_RECEIVES] = net.mib[Snmp.IP_IN_RECEIVES]! - 1
    net.mib[Snmp.IPEXT_IN_OCTETS] = net.mib[Snmp.IPEXT_IN_OCTETS]! - whole.length
    ipRcv(core, whole, dev)
    return null
  }

  drop(core: Core, skb: SkBuff, reason: number): void {
    this.host.dropSkb(core, skb, reason)
  }

  /** Answers a TCP segment with a reset, as its receiver would (RFC 9293 §3.5.2). */
  private reset(core: Core, net: Netns, old: SkBuff): void {
    const host = this.host
    const oldBytes = host.world.slab.bytes
    const ip = old.networkHeader
    const at = ip + Ipv4.headerLength(oldBytes, ip)
    if (Ipv4.protocol(oldBytes, ip) !== Ipv4.PROTOCOL_TCP || Ipv4.fragmentOffset(oldBytes, ip) !== 0) return
    if (readableEnd(oldBytes, old) - at < Tcp.headerBytes) return
    const flags = Tcp.flags(oldBytes, at)
    if ((flags & Tcp.RST) !== 0) return
    const source = Ipv4.destination(oldBytes, ip)
    const destination = Ipv4.source(oldBytes, ip)
    const dst = Route.output(net, destination, 0, 0)
    if (dst === null) return
    const skb = Skb.alloc(host, core, HEADROOM, Tcp.headerBytes)
    if (skb === null) return
    const bytes = host.world.slab.bytes
    const to = Skb.put(skb, Tcp.headerBytes)
    const answers = (flags & Tcp.ACK) !== 0
    const spans = ((flags & Tcp.SYN) !== 0 ? 1 : 0) + ((flags & Tcp.FIN) !== 0 ? 1 : 0)
    const payload = Ipv4.payloadLength(bytes, ip) - Tcp.headerLength(bytes, at)
    const sequence = answers ? Tcp.acknowledgment(bytes, at) : 0
    const acknowledgment = answers ? 0 : (Tcp.sequence(bytes, at) + spans + payload) | 0
    const answer = answers ? Tcp.RST : Tcp.RST | Tcp.ACK
    const ports = [Tcp.destinationPort(bytes, at), Tcp.sourcePort(bytes, at)] as const
    Tcp.write(bytes, to, ports[0], ports[1], sequence, acknowledgment, answer, 0)
    const seed = Checksum.pseudoV4(source, destination, Ipv4.PROTOCOL_TCP, Tcp.headerBytes)
    Tcp.setChecksum(bytes, to, Checksum.checksum(bytes, to, Tcp.headerBytes, seed))
    skb.ipSummed = CHECKSUM_NONE
    skb.dst = dst
    if (old.conntrack !== null) {
      old.conntrack.get()
      skb.conntrack = old.conntrack
      skb.conntrackInfo = directionOf(old.conntrackInfo) === ORIGINAL ? INFO_RELATED_REPLY : INFO_RELATED
    }
    host.bornSkb(skb)
    ipSendSkb(core, skb, source, destination, Ipv4.PROTOCOL_TCP, 0, 0, true, 0)
  }
}
