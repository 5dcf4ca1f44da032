/**
 * The receive side of the device layer: taps, then the device's rx_handler (bridge), then the protocol by EtherType.
 * Linux: __netif_receive_skb_core (net/core/dev.c), eth_type_trans (net/ethernet/eth.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { headerBytes } from "@darkfiber/wire/Ethernet"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { u16 } from "@darkfiber/wire/Bytes"
import * as Drops from "./Drops.ts"
import type { NetDevice } from "./NetDevice.ts"
import { NETIF_RECEIVE_SKB } from "./Points.ts"
import { PACKET_BROADCAST, PACKET_HOST, PACKET_MULTICAST, PACKET_OTHERHOST, type SkBuff } from "./SkBuff.ts"

const IPV6 = 0x86dd

/**
 * Reads the Ethernet header at `data`, steps over it and says whom the frame is for. Linux: eth_type_trans
 *
 * @returns false when the frame is too short for one; it is untouched then
 */
export const ethTypeTrans = (skb: SkBuff, dev: NetDevice): boolean => {
  skb.dev = dev
  if (skb.headLength < headerBytes) return false
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  skb.macHeader = at
  if (MacAddress.isMulticastAt(bytes, at)) {
    skb.packetType = MacAddress.isBroadcastAt(bytes, at) ? PACKET_BROADCAST : PACKET_MULTICAST
  } else {
    skb.packetType =
      MacAddress.low32(bytes, at) === dev.macLow && MacAddress.high16(bytes, at) === dev.macHigh
        ? PACKET_HOST
        : PACKET_OTHERHOST
  }
  const type = u16(bytes, at + 12)
  skb.protocol = type
  skb.pull(headerBytes)
  return true
}

/** From a driver without GRO, and from GRO. Linux: netif_receive_skb */
export const netifReceiveSkb = (core: Core, skb: SkBuff): void => {
  netifReceiveCore(core, skb)
}

/** Takes the buffer over; `data` stands behind the link-layer header. */
export const netifReceiveCore = (core: Core, skb: SkBuff): void => {
  const host = skb.host
  const dev = skb.dev!
  const net = dev.net
  core.visit(NETIF_RECEIVE_SKB, net.id, dev.index, skb.traceId, skb.length)
  host.softnet[core.index]!.processed++
  if (skb.timestamp === 0) skb.timestamp = core.time
  skb.inputIndex = dev.index
  skb.networkHeader = skb.data
  skb.transportHeader = skb.data
  if (!net.alive) {
    host.dropSkb(core, skb, Drops.NETNS_GONE)
    return
  }
  const taps = dev.taps
  for (let i = 0; i < taps.length; i++) taps[i]!.frame(dev, skb, false, core.time)
  const handler = dev.rxHandler
  if (handler !== null && handler.receive(core, skb, dev)) return
  const type = host.packetTypes.get(skb.protocol)
  if (type !== undefined) {
    const { island } = core
    const before = island.inside
    island.inside = net.actor
    type.receive(core, skb, dev)
    island.inside = before
    return
  }
  dev.stats.rxDropped++
  host.dropSkb(core, skb, skb.protocol === IPV6 ? Drops.IPV6_NOT_MODELLED : Drops.UNHANDLED_PROTO)
}
