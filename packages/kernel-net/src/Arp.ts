/**
 * ARP for IPv4 over Ethernet (RFC 826). Linux: net/ipv4/arp.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Arp from "@darkfiber/wire/Arp"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { devQueueXmit } from "./DevXmit.ts"
import * as Drops from "./Drops.ts"
import * as D from "./Dst.ts"
import type { Neighbour } from "./Neighbour.ts"
import { macOf } from "./NeighbourState.ts"
import { IFF_LOOPBACK, IFF_NOARP, type NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { ARP_RCV, ARP_SEND } from "./Points.ts"
import type { PacketType } from "./Protocol.ts"
import * as Route from "./Route.ts"
import * as Skb from "./Skb.ts"
import { PACKET_HOST, PACKET_OTHERHOST, type SkBuff } from "./SkBuff.ts"

/** Linux: arp_packet_type. */
export const arpPacketType: PacketType = {
  name: "arp_rcv",
  etherType: Ethernet.ETHERTYPE_ARP,
  receive: (core, skb, dev) => arpRcv(core, skb, dev)
}

const arpRcv = (core: Core, skb: SkBuff, dev: NetDevice): void => {
  const host = skb.host
  core.visit(ARP_RCV, dev.net.id, dev.index, skb.traceId, 0)
  if ((dev.flags & (IFF_NOARP | IFF_LOOPBACK)) !== 0 || skb.packetType === PACKET_OTHERHOST) {
    host.dropSkb(core, skb, Drops.OTHERHOST)
    return
  }
  const bytes = host.world.slab.bytes
  const at = skb.data
  if (skb.headLength < Arp.packetBytes || !Arp.isIpv4OverEthernet(bytes, at)) {
    host.dropSkb(core, skb, Drops.ARP_INVALID)
    return
  }
  const operation = Arp.operation(bytes, at)
  const target = Arp.targetIp(bytes, at)
  if ((operation !== Arp.REQUEST && operation !== Arp.REPLY) || target >>> 28 === 14 || target >>> 24 === 127) {
    host.dropSkb(core, skb, Drops.ARP_INVALID)
    return
  }
  process(core, dev.net, dev, skb, operation)
  host.deliverSkb(skb)
  host.consumeSkb(core, skb)
}

/** Linux: arp_process. */
const process = (core: Core, net: Netns, dev: NetDevice, skb: SkBuff, operation: number): void => {
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  const sender = Arp.senderIp(bytes, at)
  const target = Arp.targetIp(bytes, at)
  const senderMac = Arp.senderMac(bytes, at)
  const table = skb.host.neighbours
  if (sender === 0) {
    // Duplicate address detection (RFC 2131 §2.2): answered to nobody in particular.
    if (operation === Arp.REQUEST && Route.addressType(net, target) === D.LOCAL && !ignores(dev, net, target, sender)) {
      send(core, dev, Arp.REPLY, senderMac, target, senderMac, sender, skb.traceId)
    }
    return
  }
  if (operation === Arp.REQUEST) {
    const verdict = Route.input(net, dev, sender, target)
    const local = verdict === Route.INPUT_LOCAL && net.routeFound!.type === D.LOCAL
    const proxied = verdict === Route.INPUT_FORWARD && isProxied(net, dev)
    if (local ? !ignores(dev, net, target, sender) : proxied) {
      const neighbour = table.find(core, dev, sender)
      if (neighbour !== null) table.learn(core, neighbour, senderMac, false, true)
      send(core, dev, Arp.REPLY, senderMac, target, senderMac, sender, skb.traceId)
      return
    }
    if (local) return
  }
  let neighbour = dev.neighbours.get(sender) ?? null
  if (neighbour === null && accepts(dev, net) && isGratuitous(operation, sender, target, senderMac, bytes, at)) {
    if (Route.addressType(net, sender) === D.UNICAST) neighbour = table.find(core, dev, sender)
  }
  if (neighbour === null) return
  // Of several answers the first one counts, for locktime.
  const override = core.time > neighbour.updatedAt + dev.neigh!.lockTime
  const solicited = operation === Arp.REPLY && skb.packetType === PACKET_HOST
  table.learn(core, neighbour, senderMac, solicited, override)
}

const accepts = (dev: NetDevice, net: Netns): boolean => dev.inet.arp_accept !== 0 || net.confAll.arp_accept !== 0

const isGratuitous = (
  operation: number,
  sender: number,
  target: number,
  senderMac: number,
  bytes: Uint8Array,
  at: number
): boolean =>
  sender === target &&
  (operation === Arp.REQUEST || Arp.targetMac(bytes, at) === senderMac || Arp.targetMac(bytes, at) === 0)

const isProxied = (net: Netns, dev: NetDevice): boolean => {
  const on = dev.inet.proxy_arp !== 0 || net.confAll.proxy_arp !== 0
  return on && net.routeFound!.dev !== dev
}

/** Linux: arp_ignore. */
const ignores = (dev: NetDevice, net: Netns, target: number, _sender: number): boolean => {
  const level = Math.max(dev.inet.arp_ignore, net.confAll.arp_ignore)
  if (level === 0) return false
  if (level === 8) return true
  return !dev.addresses.some((own) => own.local === target)
}

/**
 * Asks for a neighbour's address, naming a source of ours: the one of the packet that waits, when it is local.
 * Linux: arp_solicit
 */
export const arpSolicit = (core: Core, neighbour: Neighbour, unicast: boolean): void => {
  const dev = neighbour.dev
  const waiting = neighbour.queue.head
  let source = 0
  if (
    waiting !== null &&
    waiting.networkHeader > 0 &&
    Math.max(dev.inet.arp_announce, dev.net.confAll.arp_announce) < 2
  ) {
    const candidate = Ipv4.source(waiting.host.world.slab.bytes, waiting.networkHeader)
    if (Route.addressType(dev.net, candidate) === D.LOCAL) source = candidate
  }
  if (source === 0) source = Route.selectSource(dev.net, dev, neighbour.address)
  const to = unicast ? macOf(neighbour.state) : MacAddress.broadcast
  send(core, dev, Arp.REQUEST, to, source, 0, neighbour.address, waiting === null ? 0 : waiting.traceId)
}

/** Announces an address of ours (Linux: inetdev_send_gratuitous_arp). */
export const announce = (core: Core, dev: NetDevice, address: number): void => {
  send(core, dev, Arp.REQUEST, MacAddress.broadcast, address, 0, address, 0)
}

/** @param cause trace id of the packet that is why. Linux: arp_send */
const send = (
  core: Core,
  dev: NetDevice,
  operation: number,
  toMac: number,
  source: number,
  targetMac: number,
  target: number,
  cause: number
): void => {
  const host = dev.net.host
  const traceId = host.island.trace.child(cause)
  core.visit(ARP_SEND, dev.net.id, dev.index, traceId, operation)
  const skb = Skb.alloc(host, core, Ethernet.headerBytes, Arp.packetBytes)
  if (skb === null) return
  const at = Skb.put(skb, Arp.packetBytes)
  const bytes = host.world.slab.bytes
  Arp.write(bytes, at, operation, dev.mac, source, targetMac, target)
  skb.networkHeader = at
  skb.protocol = Ethernet.ETHERTYPE_ARP
  skb.dev = dev
  skb.push(Ethernet.headerBytes)
  skb.macHeader = skb.data
  Ethernet.write(bytes, skb.data, toMac, dev.mac, Ethernet.ETHERTYPE_ARP)
  skb.traceId = traceId
  host.bornSkb(skb)
  devQueueXmit(core, skb)
}
