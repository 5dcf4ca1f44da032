/**
 * Forwarding: TTL, MTU, the FORWARD hook, and out again. Linux: ip_forward (net/ipv4/ip_forward.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Drops from "./Drops.ts"
import * as Hooks from "./Hooks.ts"
import { icmpSend } from "./Icmp.ts"
import { ipOutput } from "./IpOutput.ts"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { IP_FORWARD } from "./Points.ts"
import * as Skb from "./Skb.ts"
import { PACKET_HOST, type SkBuff } from "./SkBuff.ts"
import * as Snmp from "./Snmp.ts"

const TIME_EXCEEDED = 11
const UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4

export const forward = (core: Core, net: Netns, skb: SkBuff, dev: NetDevice): void => {
  const host = skb.host
  core.visit(IP_FORWARD, net.id, dev.index, skb.traceId, 0)
  if (skb.packetType !== PACKET_HOST) {
    host.dropSkb(core, skb, Drops.OTHERHOST)
    return
  }
  const dst = skb.dst!
  const at = skb.networkHeader
  if (Ipv4.timeToLive(host.world.slab.bytes, at) <= 1) {
    net.count(Snmp.IP_IN_HDR_ERRORS)
    icmpSend(core, skb, TIME_EXCEEDED, 0, 0)
    host.dropSkb(core, skb, Drops.IP_INHDR)
    return
  }
  const mtu = dst.mtuAt(core.time)
  if (exceeds(skb, mtu) && Ipv4.dontFragment(host.world.slab.bytes, at)) {
    net.count(Snmp.IP_FRAG_FAILS)
    icmpSend(core, skb, UNREACHABLE, FRAGMENTATION_NEEDED, mtu)
    host.dropSkb(core, skb, Drops.PKT_TOO_BIG)
    return
  }
  Skb.ensureHeadroom(host, skb, dst.dev.headerLength + 2)
  Ipv4.decrementTimeToLive(host.world.slab.bytes, skb.networkHeader)
  skb.ipFlags |= Skb.IP_FORWARDED
  // Linux: rt_tos2priority
  skb.priority = 0
  if (
    !net.hooks.isEmpty(Hooks.FORWARD) &&
    net.hooks.run(core, net, Hooks.FORWARD, skb, dev, dst.dev) === Hooks.VERDICT_GONE
  ) {
    return
  }
  net.count(Snmp.IP_FORW_DATAGRAMS)
  ipOutput(core, net, skb, skb.dst ?? dst)
}

/** A merged packet is cut again to the segments it came in, so these count. Linux: ip_exceeds_mtu */
const exceeds = (skb: SkBuff, mtu: number): boolean => {
  if (skb.length <= mtu) return false
  if (skb.gsoSize === 0) return true
  return skb.transportHeader - skb.networkHeader + transportHeaderLength(skb) + skb.gsoSize > mtu
}

const transportHeaderLength = (skb: SkBuff): number => (skb.host.world.slab.bytes[skb.transportHeader + 12]! >>> 4) << 2
