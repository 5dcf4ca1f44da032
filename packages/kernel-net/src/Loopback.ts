/**
 * lo: what is sent comes back in at once, through the backlog of the core that sent it. Linux: drivers/net/loopback.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { netifRx } from "./Backlog.ts"
import * as Device from "./Device.ts"
import {
  type DeviceOps,
  FEATURE_CHECKSUM,
  FEATURE_GSO,
  FEATURE_LLTX,
  FEATURE_SG,
  FEATURE_TSO,
  IFF_LOOPBACK,
  NET_RX_SUCCESS,
  NetDevice,
  NETDEV_TX_OK
} from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { LOOPBACK_XMIT } from "./Points.ts"
import { ethTypeTrans } from "./Receive.ts"
import type { PernetOperations } from "./Protocol.ts"
import * as Drops from "./Drops.ts"
import * as Skb from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"
import { stampSent } from "./SkbStamp.ts"

const MTU_310 = 65536
const MAC_HEADER = 14

const ops: DeviceOps = {
  kind: "loopback",
  local: true,
  mtuMax: MTU_310,
  open: () => {},
  stop: () => {},
  transmit: (core: Core, skb: SkBuff, dev: NetDevice): number => {
    const length = skb.length
    core.visit(LOOPBACK_XMIT, dev.net.id, dev.index, skb.traceId, length)
    if (skb.stamp !== 0) stampSent(core, skb)
    Skb.orphan(core, skb)
    if (!Skb.orphanFrags(core, skb)) {
      skb.host.dropSkb(core, skb, Drops.NOMEM)
      return NETDEV_TX_OK
    }
    // The route was for sending; the receive path looks up its own.
    skb.dst = null
    if (!ethTypeTrans(skb, dev)) {
      skb.host.dropSkb(core, skb, Drops.PKT_TOO_SMALL)
      return NETDEV_TX_OK
    }
    dev.stats.txBytes += length
    dev.stats.txPackets++
    if (netifRx(core, skb) === NET_RX_SUCCESS) {
      dev.stats.rxBytes += length
      dev.stats.rxPackets++
    }
    return NETDEV_TX_OK
  }
}

/** Each namespace is born with a lo, down. Linux: loopback_net_ops */
export const loopbackPernet: PernetOperations = {
  name: "loopback_net_init",
  init: (net: Netns): number => {
    const dev = new NetDevice(net, "lo", ops, MAC_HEADER, 1)
    dev.flags = IFF_LOOPBACK
    dev.mtu = MTU_310
    dev.txQueueLength = 0
    dev.features = FEATURE_SG | FEATURE_CHECKSUM | FEATURE_TSO | FEATURE_GSO | FEATURE_LLTX
    const status = Device.register(dev)
    if (status === 0) net.loopback = dev
    return status
  },
  exit: (net: Netns): void => {
    if (net.loopback !== null) Device.unregister(null, net.loopback)
    net.loopback = null
  }
}
