/**
 * veth: two devices, what one sends the other receives, through the backlog of the sending core.
 *
 *     dev_hard_start_xmit -> veth_xmit -> (scrub) -> eth_type_trans -> netif_rx(peer) -> process_backlog
 *
 * Super-segments and unfinished checksums pass as they are. There is no interrupt, and a queue in front only where the
 * kernel profile gives virtual devices one.
 *
 * Linux: drivers/net/veth.c, dev_forward_skb, is_skb_forwardable (net/core/dev.c). Not modelled: NAPI and XDP of veth.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { netifRx } from "../Backlog.ts"
import { BridgePort } from "../bridge/BridgePort.ts"
import * as Device from "../Device.ts"
import * as Drops from "../Drops.ts"
import { EINVAL } from "../Errno.ts"
import type { Host } from "../Host.ts"
import {
  type DeviceOps,
  FEATURE_CHECKSUM,
  FEATURE_GSO,
  FEATURE_LLTX,
  FEATURE_SG,
  FEATURE_TSO,
  IFF_BROADCAST,
  IFF_MULTICAST,
  NET_RX_SUCCESS,
  NetDevice,
  NETDEV_TX_OK
} from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { VETH_XMIT } from "../Points.ts"
import { ethTypeTrans } from "../Receive.ts"
import * as Skb from "../Skb.ts"
import { stampSent } from "../SkbStamp.ts"
import type { SkBuff } from "../SkBuff.ts"
import { randomMac } from "../bridge/BridgeDevice.ts"

const ETHERNET_HEADER = 14
/** A VLAN tag is let through above the MTU (Linux: VLAN_HLEN in is_skb_forwardable). */
const VLAN_ROOM = 4
const QUEUE_LENGTH = 1000
const EXTENSION = "veth"

/** The private part of one end. */
class VethEnd {
  peer: NetDevice | null = null
}

const ops: DeviceOps = {
  kind: "veth",
  local: false,
  isStacked: true,
  virtual: true,
  open: (dev: NetDevice): void => {
    const peer = peerOf(dev)
    const on = peer !== null && peer.isUp()
    carrier(dev, on)
    if (on) carrier(peer, true)
  },
  stop: (dev: NetDevice): void => {
    const peer = peerOf(dev)
    carrier(dev, false)
    if (peer !== null) carrier(peer, false)
  },
  transmit: (core: Core, skb: SkBuff, dev: NetDevice): number => {
    xmit(core, skb, dev)
    return NETDEV_TX_OK
  }
}

/** The other end, null when it is gone. */
export const peerOf = (dev: NetDevice): NetDevice | null => {
  if (dev.ops !== ops) return null
  const peer = (dev.priv as VethEnd).peer
  return peer !== null && peer.registered ? peer : null
}

export const isVeth = (dev: NetDevice): boolean => dev.ops === ops

/** A bridge port is told at once. */
const carrier = (dev: NetDevice, on: boolean): void => {
  Device.setCarrier(dev, on)
  if (dev.rxHandler instanceof BridgePort) dev.rxHandler.currentState()
}

const xmit = (core: Core, skb: SkBuff, dev: NetDevice): void => {
  const host = skb.host
  const length = skb.length
  core.visit(VETH_XMIT, dev.net.id, dev.index, skb.traceId, length)
  const peer = peerOf(dev)
  if (peer === null || !peer.isUp()) {
    dev.stats.txDropped++
    if (peer !== null) peer.stats.rxDropped++
    host.dropSkb(core, skb, Drops.DEV_READY)
    return
  }
  if (skb.stamp !== 0) stampSent(core, skb)
  Skb.orphan(core, skb)
  if (!Skb.orphanFrags(core, skb)) {
    dev.stats.txDropped++
    host.dropSkb(core, skb, Drops.NOMEM)
    return
  }
  if (length > peer.mtu + ETHERNET_HEADER + VLAN_ROOM && skb.gsoSize === 0) {
    dev.stats.txDropped++
    peer.stats.rxDropped++
    host.dropSkb(core, skb, Drops.PKT_TOO_BIG)
    return
  }
  const mark = skb.mark
  Skb.scrub(core, skb)
  if (dev.net === peer.net) skb.mark = mark
  if (!ethTypeTrans(skb, peer)) {
    dev.stats.txDropped++
    peer.stats.rxDropped++
    host.dropSkb(core, skb, Drops.PKT_TOO_SMALL)
    return
  }
  if (netifRx(core, skb) !== NET_RX_SUCCESS) {
    dev.stats.txDropped++ // the peer's rx_dropped is the backlog's
    return
  }
  dev.stats.txPackets++
  dev.stats.txBytes += length
  peer.stats.rxPackets++
  peer.stats.rxBytes += length
}

/**
 * Makes a pair, both ends down (ip link add NAME type veth peer name PEER).
 *
 * @returns the first end (`peerOf` gives the other), or a negative errno
 */
export const create = (net: Netns, name: string, peerNet: Netns, peerName: string): NetDevice | number => {
  if (net === peerNet && name === peerName) return -EINVAL
  watch(net.host)
  const peer = end(peerNet, peerName)
  if (typeof peer === "number") return peer
  const dev = end(net, name)
  if (typeof dev === "number") {
    Device.unregister(null, peer)
    return dev
  }
  ;(dev.priv as VethEnd).peer = peer
  ;(peer.priv as VethEnd).peer = dev
  pairs(net.host).add(dev)
  return dev
}

/** Deletes both ends (ip link del of either). @returns 0, or -EINVAL for no veth */
export const remove = (core: Core | null, dev: NetDevice): number => {
  if (!isVeth(dev)) return -EINVAL
  const peer = (dev.priv as VethEnd).peer
  for (const each of [dev, peer]) {
    if (each === null) continue
    Device.unregister(core, each)
    if (each.rxHandler instanceof BridgePort) each.rxHandler.bridge.portChanged(each.rxHandler)
    pairs(dev.net.host).delete(each)
  }
  return 0
}

const end = (net: Netns, name: string): NetDevice | number => {
  const dev = new NetDevice(net, name, ops, ETHERNET_HEADER, 1)
  const queues = net.host.profile.virtualDevicesQueue
  dev.flags = IFF_BROADCAST | IFF_MULTICAST
  dev.mac = randomMac(net, name)
  dev.carrier = false
  dev.txQueueLength = QUEUE_LENGTH
  dev.noQueue = !queues
  dev.features = FEATURE_SG | FEATURE_CHECKSUM | FEATURE_TSO | FEATURE_GSO | FEATURE_LLTX
  dev.priv = new VethEnd()
  const status = Device.register(dev)
  return status === 0 ? dev : status
}

/** First ends of all pairs of a host. */
const pairs = (host: Host): Set<NetDevice> => {
  const known = host.init.extensions.get(EXTENSION)
  if (known !== undefined) return known as Set<NetDevice>
  const fresh = new Set<NetDevice>()
  host.init.extensions.set(EXTENSION, fresh)
  return fresh
}

/** A namespace that ends takes the other ends of its pairs along (Linux: default_device_exit_batch, veth_dellink). */
const watch = (host: Host): void => {
  if (host.init.extensions.has(EXTENSION)) return
  pairs(host)
  host.registerPernet({
    name: "veth",
    init: () => 0,
    exit: () => {
      for (const dev of pairs(host)) {
        const peer = (dev.priv as VethEnd).peer
        if (!dev.registered || peer === null || !peer.registered) remove(null, dev)
      }
    }
  })
}
