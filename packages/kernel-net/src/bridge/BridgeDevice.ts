/**
 * The bridge's own device: how the host sends through it, and how bridges are made and deleted.
 *
 * Linux: br_dev_xmit, br_dev_open, br_dev_stop (net/bridge/br_device.c), br_add_bridge, br_del_bridge (br_if.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Device from "../Device.ts"
import * as Notify from "../DeviceNotifier.ts"
import * as Drops from "../Drops.ts"
import { EBUSY, EINVAL, ENXIO } from "../Errno.ts"
import {
  type DeviceOps,
  FEATURE_CHECKSUM,
  FEATURE_GSO,
  FEATURE_LLTX,
  FEATURE_SG,
  FEATURE_TSO,
  IFF_BROADCAST,
  IFF_MULTICAST,
  NetDevice,
  NETDEV_TX_OK
} from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { registerSysctls } from "../netfilter/ConntrackNet.ts"
import type { SkBuff } from "../SkBuff.ts"
import { Bridge } from "./Bridge.ts"
import { BridgePort } from "./BridgePort.ts"
import { flood, forward } from "./BridgeForward.ts"
import { sysctls } from "./BridgeNetfilter.ts"
import { BR_DEV_XMIT } from "./Points.ts"

const ETHERNET_HEADER = 14
/** Whether a bridge has an entry for its own address, by kernel. */
const ownEntries: Readonly<Record<"3.10" | "6.x", boolean>> = { "3.10": false, "6.x": true }

/** The bridge behind a device, null for any other device. */
export const of = (dev: NetDevice): Bridge | null => (dev.ops === ops ? (dev.priv as Bridge) : null)

const ops: DeviceOps = {
  kind: "bridge",
  local: true,
  virtual: true,
  open: (dev: NetDevice): void => (dev.priv as Bridge).allPortsChanged(),
  stop: (dev: NetDevice): void => (dev.priv as Bridge).allPortsChanged(),
  transmit: (core: Core, skb: SkBuff, dev: NetDevice): number => {
    const { island } = core
    const before = island.inside
    island.inside = (dev.priv as Bridge).actor
    xmit(core, skb, dev)
    island.inside = before
    return NETDEV_TX_OK
  }
}

/** A frame of the host: to the port its destination is behind, or to all. */
const xmit = (core: Core, skb: SkBuff, dev: NetDevice): void => {
  const bridge = dev.priv as Bridge
  core.visit(BR_DEV_XMIT, dev.net.id, dev.index, skb.traceId, skb.length)
  if (skb.headLength < ETHERNET_HEADER) {
    dev.stats.txDropped++
    skb.host.dropSkb(core, skb, Drops.PKT_TOO_SMALL)
    return
  }
  dev.stats.txPackets++
  dev.stats.txBytes += skb.length
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  skb.macHeader = at
  skb.pull(ETHERNET_HEADER)
  if ((bytes[at]! & 1) !== 0) {
    flood(core, skb, bridge, null, false)
    return
  }
  const entry = bridge.fdb.lookup(Bytes.u16(bytes, at), Bytes.i32(bytes, at + 2), bridge.holdTime, core.time)
  if (entry === null || entry.port === null) flood(core, skb, bridge, null, false)
  else {
    entry.used = core.time
    forward(core, skb, entry.port, null, false)
  }
}

/**
 * Makes a bridge, down and without ports (ip link add type bridge, brctl addbr).
 *
 * @param mac chosen by the user, 0 for a random one until the first port
 * @returns its device, or a negative errno
 */
export const create = (net: Netns, name: string, mac = 0): NetDevice | number => {
  registerSysctlsOnce(net)
  net.host.deviceChain.register(portEvents)
  const dev = new NetDevice(net, name, ops, ETHERNET_HEADER, 1)
  dev.flags = IFF_BROADCAST | IFF_MULTICAST
  dev.txQueueLength = 0
  dev.carrier = false
  dev.features = FEATURE_SG | FEATURE_CHECKSUM | FEATURE_TSO | FEATURE_GSO | FEATURE_LLTX
  const bridge = new Bridge(dev, ownEntries[net.host.profile.name])
  dev.priv = bridge
  const status = Device.register(dev)
  if (status !== 0) {
    bridge.actor.retire()
    return status
  }
  if (mac !== 0) bridge.setAddress(mac)
  else bridge.changeAddress(randomMac(net, name))
  return dev
}

/** Linux: br_device_event. */
const portEvents: Notify.DeviceNotifier = {
  changed: (event: number, dev: NetDevice): void => {
    const own = of(dev)
    if (own !== null) {
      if (event === Notify.CHANGE_ADDRESS) own.setAddress(dev.mac)
      else if (event === Notify.UNREGISTER) own.close()
      return
    }
    const port = dev.rxHandler
    if (!(port instanceof BridgePort)) return
    if (event === Notify.CHANGE_MTU) port.bridge.followPorts()
    else if (event === Notify.CHANGE_ADDRESS) port.bridge.addressChanged(port)
    else if (event !== Notify.ADDRESS_GONE) port.bridge.portChanged(port)
  }
}

/** Makes a device a port of a bridge (brctl addif). @returns 0 or a negative errno, see Bridge.addPort */
export const addPort = (dev: NetDevice, port: NetDevice): number => of(dev)?.addPort(port, ops) ?? -EINVAL

/** `ip link set PORT master BRIDGE`: moves the device when it is another bridge's port. */
export const setMaster = (port: NetDevice, master: NetDevice | null): number => {
  if (port.master !== null) {
    if (port.master === master) return 0
    of(port.master)?.removePort(port)
  }
  return master === null ? 0 : addPort(master, port)
}

/** Takes a port out (brctl delif). */
export const removePort = (dev: NetDevice, port: NetDevice): number => of(dev)?.removePort(port) ?? -EINVAL

/**
 * Deletes a bridge.
 *
 * @param force as `ip link del` does, also while it is up; brctl delbr gives -EBUSY then
 * @returns 0, -ENXIO for no bridge, -EBUSY
 */
export const remove = (core: Core | null, dev: NetDevice, force: boolean): number => {
  const bridge = of(dev)
  if (bridge === null) return -ENXIO
  if (dev.isUp() && !force) return -EBUSY
  bridge.close()
  Device.unregister(core, dev)
  return 0
}

/** Unicast, locally administered, from a stream of its own (Linux: eth_hw_addr_random). */
export const randomMac = (net: Netns, name: string): number => {
  const random = net.host.stream(`netns${net.id}/${name}/mac`)
  const high = (random.below(65_536) & 0xfcff) | 0x0200
  return high * 4294967296 + random.u32()
}

const registerSysctlsOnce = (net: Netns): void => {
  const entries = sysctls[net.host.profile.name]
  if (entries.every((entry) => net.sysctl.has(entry.name))) return
  registerSysctls(
    net.host.netns.map((each) => each.sysctl),
    entries
  )
}
