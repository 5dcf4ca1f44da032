/**
 * IPv4 hooks for bridged frames: bridge-nf-call-iptables (Linux: net/bridge/br_netfilter.c).
 *
 *     PRE_ROUTING   in = the bridge            a new destination sends the frame up, to be routed
 *     FORWARD       in = out = the bridge
 *     POST_ROUTING  out = the bridge
 *
 * Not modelled: ARP tables, VLAN and PPPoE frames, the physdev match, DNAT to another port of the same bridge without a
 * detour through the host's routing.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Drops from "../Drops.ts"
import * as Hooks from "../Hooks.ts"
import { PACKET_HOST, type SkBuff } from "../SkBuff.ts"
import { trim } from "../SkbTrim.ts"
import * as Sysctl from "../Sysctl.ts"
import { BRIDGE_NETFILTER, BRIDGE_PRE_ROUTED } from "../netfilter/SkbFlags.ts"
import type { BridgePort } from "./BridgePort.ts"
import { BR_NF_PRE_ROUTING } from "./Points.ts"

export const CALL_IPTABLES_NAME = "net.bridge.bridge-nf-call-iptables"
const CALL_IPTABLES = Sysctl.define(CALL_IPTABLES_NAME)

/**
 * Sysctls of the bridge by kernel: in 3.10 they belong to the bridge itself and are on; later to the module
 * br_netfilter, which is not loaded: setting the sysctl stands for loading it.
 */
export const sysctls: Readonly<Record<"3.10" | "6.x", ReadonlyArray<Sysctl.SysctlDefault>>> = {
  "3.10": [{ name: CALL_IPTABLES_NAME, scope: "global", value: 1, min: 0, max: 1 }],
  "6.x": [{ name: CALL_IPTABLES_NAME, scope: "net", value: 0, min: 0, max: 1 }]
}

/**
 * `data` stands behind the Ethernet header.
 *
 * @returns false when the frame is gone
 */
export const preRouting = (core: Core, skb: SkBuff, port: BridgePort): boolean => {
  const bridge = port.bridge.dev
  const net = bridge.net
  if (skb.protocol !== Ethernet.ETHERTYPE_IPV4 || net.sysctl.numbers[CALL_IPTABLES] !== 1) return true
  const host = skb.host
  core.charge(core.costs[BR_NF_PRE_ROUTING]!)
  const bytes = host.world.slab.bytes
  if (!parse(core, bytes, skb)) {
    host.dropSkb(core, skb, Drops.IP_INHDR)
    return false
  }
  skb.flags |= BRIDGE_NETFILTER
  if (net.hooks.isEmpty(Hooks.PRE_ROUTING)) return true
  const destination = Ipv4.destination(bytes, skb.networkHeader)
  const dst = skb.dst
  skb.dev = bridge
  if (net.hooks.run(core, net, Hooks.PRE_ROUTING, skb, bridge, null) === Hooks.VERDICT_GONE) return false
  skb.dev = port.dev
  skb.dst = dst
  skb.flags |= BRIDGE_PRE_ROUTED
  const after = host.world.slab.bytes
  if (Ipv4.destination(after, skb.networkHeader) !== destination) {
    Bytes.setU48(after, skb.macHeader, bridge.mac)
    skb.packetType = PACKET_HOST
  }
  return true
}

/** @returns false when the frame is gone */
export const forwardHook = (core: Core, skb: SkBuff, port: BridgePort): boolean => {
  if ((skb.flags & BRIDGE_NETFILTER) === 0) return true
  const bridge = port.bridge.dev
  const hooks = bridge.net.hooks
  return (
    hooks.isEmpty(Hooks.FORWARD) ||
    hooks.run(core, bridge.net, Hooks.FORWARD, skb, bridge, bridge) === Hooks.VERDICT_ACCEPT
  )
}

/** @returns false when the frame is gone */
export const postRouting = (core: Core, skb: SkBuff, port: BridgePort): boolean => {
  if ((skb.flags & BRIDGE_NETFILTER) === 0) return true
  const bridge = port.bridge.dev
  const hooks = bridge.net.hooks
  return (
    hooks.isEmpty(Hooks.POST_ROUTING) ||
    hooks.run(core, bridge.net, Hooks.POST_ROUTING, skb, null, bridge) === Hooks.VERDICT_ACCEPT
  )
}

/** Checks the header as ip_rcv would, cuts padding off, sets the header offsets (Linux: br_parse_ip_options). */
const parse = (core: Core, bytes: Uint8Array, skb: SkBuff): boolean => {
  const at = skb.data
  if (skb.headLength < Ipv4.headerBytes || Ipv4.version(bytes, at) !== 4) return false
  const headerLength = Ipv4.headerLength(bytes, at)
  if (headerLength < Ipv4.headerBytes || skb.headLength < headerLength) return false
  if (Checksum.sum(bytes, at, headerLength) !== 0xffff) return false
  const length = Ipv4.totalLength(bytes, at)
  if (length < headerLength || (skb.length < length && skb.gsoSize === 0)) return false
  if (skb.gsoSize === 0) trim(core, skb, length)
  skb.networkHeader = at
  skb.transportHeader = at + headerLength
  return true
}
