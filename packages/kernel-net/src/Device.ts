/**
 * Configuration of devices: register, up and down, addresses, MTU, moves between namespaces. Nothing here sends, so it
 * costs no virtual time; `core` is who frees what is in the way, null outside a core.
 *
 * Linux: register_netdevice, dev_open, dev_close, dev_change_net_namespace (net/core/dev.c), fib_add_ifaddr,
 * fib_del_ifaddr (net/ipv4/fib_frontend.c), inetdev_event (net/ipv4/devinet.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { added } from "@darkfiber/sim/Exact"
import * as Notify from "./DeviceNotifier.ts"
import * as Drops from "./Drops.ts"
import * as D from "./Dst.ts"
import { EADDRNOTAVAIL, EEXIST, EINVAL } from "./Errno.ts"
import { PROTOCOL_KERNEL, SCOPE_LINK, TABLE_LOCAL, TABLE_MAIN } from "./Fib.ts"
import { maskOf } from "./hot/Lpm.ts"
import type { InterfaceAddress } from "./InetDevice.ts"
import { IFF_LOOPBACK, IFF_RUNNING, IFF_UP, type NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import { Noqueue } from "./PfifoFast.ts"
import type { Qdisc } from "./Qdisc.ts"
import * as Kinds from "./qdisc/Kinds.ts"
import type { QdiscSpec } from "./qdisc/Spec.ts"
import type { SkBuff } from "./SkBuff.ts"

const tell = (event: number, dev: NetDevice): void => dev.net.host.deviceChain.call(event, dev)

const LOOPBACK = 0x7f00_0001
const NAME_MAX = 15

/** Puts a device into its namespace. @returns 0, -EEXIST or -EINVAL */
export const register = (dev: NetDevice): number => {
  const net = dev.net
  if (dev.name.length === 0 || dev.name.length > NAME_MAX || /[\s/]/.test(dev.name)) return -EINVAL
  if (net.deviceByName(dev.name) !== null) return -EEXIST
  if (dev.index === 0 || net.deviceByIndex(dev.index) !== null) dev.index = net.newIndex()
  insert(net, dev)
  dev.activated = false
  dev.hasRoot = false
  attachQdiscs(dev)
  return 0
}

const insert = (net: Netns, dev: NetDevice): void => {
  dev.net = net
  dev.inet = net.confDefault
  dev.neigh = net.neighDefault
  dev.reachable = net.host.randomReachable(dev.neigh.baseReachable)
  let at = net.devices.findIndex((other) => other.index > dev.index)
  if (at < 0) at = net.devices.length
  net.devices = net.devices.toSpliced(at, 0, dev)
  dev.registered = true
}

/**
 * Gives each TX queue its root: noqueue for devices without a queue length, else what net.core.default_qdisc names. Linux:
 * attach_default_qdiscs
 */
const attachQdiscs = (dev: NetDevice): void => {
  const spec = Kinds.standard(dev.net)
  dev.qdiscs = dev.stopped.map((_, queue) =>
    dev.noQueue || dev.txQueueLength === 0 ? new Noqueue(dev, queue) : Kinds.make(spec, dev, queue)
  )
}

/**
 * Gives a device one root for all its TX queues, or with null what it has by itself; what the old ones hold is dropped. Linux:
 * qdisc_graft
 */
export const setQdisc = (core: Core | null, dev: NetDevice, spec: QdiscSpec | null): void => {
  purgeQdiscs(core, dev, Drops.QDISC_DROP)
  dev.hasRoot = spec !== null
  if (spec === null) {
    attachQdiscs(dev)
    return
  }
  const root = Kinds.make(spec, dev, dev.queues === 1 ? 0 : -1)
  root.handle = dev.net.host.newQdiscHandle()
  dev.qdiscs = dev.stopped.map(() => root)
}

/** Another number of TX queues: the default qdiscs are made anew, a root feeds them all. Linux: netif_set_real_num_tx_queues */
export const setQueues = (core: Core | null, dev: NetDevice, count: number): void => {
  purgeQdiscs(core, dev, Drops.QDISC_DROP)
  dev.stopped.length = 0
  for (let queue = 0; queue < count; queue++) dev.stopped.push(false)
  const root = dev.qdiscs[0]
  if (dev.hasRoot && root !== undefined) {
    root.queue = count === 1 ? 0 : -1
    dev.qdiscs = dev.stopped.map(() => root)
  } else attachQdiscs(dev)
}

/** The qdiscs of a device, each once. */
export const qdiscsOf = (dev: NetDevice): ReadonlyArray<Qdisc> => (dev.hasRoot ? [dev.qdiscs[0]!] : dev.qdiscs)

/** Takes a device away for good. */
export const unregister = (core: Core | null, dev: NetDevice): void => {
  if (!dev.registered) return
  down(core, dev)
  const net = dev.net
  for (const address of dev.addresses.slice()) removeAddress(dev, address.local, address.prefixLength)
  net.fib.flushDevice(dev, false)
  net.devices = net.devices.toSpliced(net.devices.indexOf(dev), 1)
  dev.registered = false
  net.flushRoutes()
  tell(Notify.UNREGISTER, dev)
}

/** `ip link set up`. */
export const up = (dev: NetDevice): void => {
  if (dev.isUp()) return
  dev.flags |= IFF_UP
  if (dev.carrier) dev.flags |= IFF_RUNNING
  dev.isClosed = !dev.carrier
  if (!dev.activated) {
    dev.activated = true
    if (!dev.hasRoot) attachQdiscs(dev)
  }
  dev.ops.open(dev)
  if ((dev.flags & IFF_LOOPBACK) !== 0 && dev.addresses.length === 0) addAddress(dev, LOOPBACK, 8)
  else for (const address of dev.addresses) addRoutes(dev, address)
  dev.net.flushRoutes()
  tell(Notify.UP, dev)
}

/** `ip link set down`: routes and neighbours go, queued packets are dropped; local addresses stay. */
export const down = (core: Core | null, dev: NetDevice): void => {
  if (!dev.isUp()) return
  const host = dev.net.host
  const reason = host.downReason === 0 ? Drops.DEVICE_DOWN : host.downReason
  dev.flags &= ~(IFF_UP | IFF_RUNNING)
  dev.ops.stop(dev)
  purgeQdiscs(core, dev, reason)
  host.neighbours.flush(core, dev, reason)
  dev.net.fib.flushDevice(dev, true)
  tell(Notify.DOWN, dev)
}

/** Empties the queues in front of the driver. Linux: dev_deactivate, qdisc_reset */
const purgeQdiscs = (core: Core | null, dev: NetDevice, reason: number): void => {
  for (const qdisc of qdiscsOf(dev)) qdisc.reset(core, reason)
  dev.stopped.fill(false)
}

/** The power has gone. */
export const crash = (dev: NetDevice, reason: number): void => {
  dev.flags &= ~(IFF_UP | IFF_RUNNING)
  dev.ops.stop(dev)
  purgeQdiscs(null, dev, reason)
  dev.net.host.neighbours.flush(null, dev, reason)
}

/** Light on the cable has come or gone; what follows from it may take until LinkWatch lets it. Linux: netif_carrier_on, _off */
export const setCarrier = (dev: NetDevice, on: boolean): void => {
  if (dev.carrier === on) return
  dev.carrier = on
  dev.net.host.linkWatch.fire(dev)
}

/** Queues are opened, or emptied and closed; others hear of it. Linux: linkwatch_do_dev, dev_activate, dev_deactivate */
export const carrierNoticed = (core: Core | null, dev: NetDevice): void => {
  if (!dev.isUp()) return
  dev.isClosed = !dev.carrier
  if (dev.isClosed) purgeQdiscs(core, dev, Drops.QDISC_DROP)
  dev.flags = dev.carrier ? dev.flags | IFF_RUNNING : dev.flags & ~IFF_RUNNING
  tell(Notify.CHANGE, dev)
}

/** `ip link set mtu`. @returns 0 or -EINVAL */
export const setMtu = (dev: NetDevice, mtu: number): number => {
  if (mtu < 68 || mtu > (dev.ops.mtuMax ?? 65535)) return -EINVAL
  dev.mtu = mtu
  dev.net.flushRoutes()
  tell(Notify.CHANGE_MTU, dev)
  return 0
}

/** `ip link set address`. */
export const setMac = (dev: NetDevice, mac: number): void => {
  dev.mac = mac
  tell(Notify.CHANGE_ADDRESS, dev)
}

/**
 * `ip addr add`: the address, its local route and, while the device is up, the route to its network.
 *
 * @param broadcast int32, 0 for the network's own
 * @returns 0, -EEXIST or -EINVAL
 */
export const addAddress = (dev: NetDevice, local: number, prefixLength: number, broadcast = 0): number => {
  if (prefixLength < 0 || prefixLength > 32 || local === 0) return -EINVAL
  const mask = maskOf(prefixLength)
  let secondary = false
  for (const other of dev.addresses) {
    if (other.prefixLength !== prefixLength || ((other.local ^ local) & mask) !== 0) continue
    if (other.local === local) return -EEXIST
    secondary = true
  }
  const own = prefixLength < 31 && (dev.flags & IFF_LOOPBACK) === 0 ? local | ~mask : 0
  const address: InterfaceAddress = {
    local,
    prefixLength,
    broadcast: broadcast !== 0 ? broadcast : own,
    secondary
  }
  dev.addresses = added(dev.addresses, address)
  addRoutes(dev, address)
  dev.net.flushRoutes()
  return 0
}

/** Linux: fib_add_ifaddr. */
const addRoutes = (dev: NetDevice, address: InterfaceAddress): void => {
  const fib = dev.net.fib
  const mask = maskOf(address.prefixLength)
  const network = address.local & mask
  const kernel = { dev, source: address.local, protocol: PROTOCOL_KERNEL }
  fib.add({ ...kernel, prefix: address.local, length: 32, type: D.LOCAL }, TABLE_LOCAL)
  if (!dev.isUp()) return
  if (address.broadcast !== 0) {
    fib.add({ ...kernel, prefix: address.broadcast, length: 32, type: D.BROADCAST, scope: SCOPE_LINK }, TABLE_LOCAL)
  }
  if (address.secondary) return
  const onLoopback = (dev.flags & IFF_LOOPBACK) !== 0
  if (onLoopback) fib.add({ ...kernel, prefix: network, length: address.prefixLength, type: D.LOCAL }, TABLE_LOCAL)
  else if (address.prefixLength < 32) {
    fib.add({ ...kernel, prefix: network, length: address.prefixLength, scope: SCOPE_LINK }, TABLE_MAIN)
  }
  if (address.prefixLength < 31) {
    const ends = onLoopback ? [network | ~mask] : [network]
    for (const prefix of ends) {
      fib.add({ ...kernel, prefix, length: 32, type: D.BROADCAST, scope: SCOPE_LINK }, TABLE_LOCAL)
    }
  }
}

/** `ip addr del`. @returns 0 or -EADDRNOTAVAIL */
export const removeAddress = (dev: NetDevice, local: number, prefixLength: number): number => {
  const at = dev.addresses.findIndex((own) => own.local === local && own.prefixLength === prefixLength)
  if (at < 0) return -EADDRNOTAVAIL
  const address = dev.addresses[at]!
  dev.addresses = dev.addresses.toSpliced(at, 1)
  const fib = dev.net.fib
  const mask = maskOf(prefixLength)
  if (!address.secondary) {
    // Its secondaries go with it, as without promote_secondaries.
    for (const other of dev.addresses.slice()) {
      if (other.prefixLength === prefixLength && ((other.local ^ local) & mask) === 0) {
        removeAddress(dev, other.local, prefixLength)
      }
    }
  }
  fib.delete({ prefix: local, length: 32, type: D.LOCAL, dev, source: local }, TABLE_LOCAL)
  const network = local & mask
  if (!address.secondary) {
    fib.delete({ prefix: network, length: prefixLength, type: D.LOCAL, dev, source: local }, TABLE_LOCAL)
    fib.delete({ prefix: network, length: prefixLength, dev, gateway: 0, source: local }, TABLE_MAIN)
    for (const prefix of [network, network | ~mask, address.broadcast]) {
      fib.delete({ prefix, length: 32, type: D.BROADCAST, dev, source: local }, TABLE_LOCAL)
    }
  }
  fib.flushSource(local)
  dev.net.flushRoutes()
  tell(Notify.ADDRESS_GONE, dev)
  return 0
}

/**
 * `ip link set netns`: the device leaves with its name and, if free, its index; addresses and routes stay behind.
 *
 * @param name its name there, the same when left out
 * @returns 0, -EINVAL for devices that may not move, -EEXIST when the name is taken
 */
export const moveTo = (core: Core | null, dev: NetDevice, net: Netns, name: string = dev.name): number => {
  if (dev.ops.local) return -EINVAL
  if (dev.net === net) return 0
  if (net.deviceByName(name) !== null) return -EEXIST
  unregister(core, dev)
  dev.name = name
  dev.net = net
  dev.master = null
  dev.rxHandler = null
  return register(dev)
}

/** A namespace ends: its physical devices go home to the initial one, the others are gone. Linux: default_device_exit */
export const leaveNetns = (core: Core | null, net: Netns): void => {
  const home = net.host.init
  for (const dev of net.devices.slice()) {
    if (dev.ops.local || dev.ops.virtual === true) continue
    const name = home.deviceByName(dev.name) === null ? dev.name : `dev${dev.index}`
    moveTo(core, dev, home, name)
  }
  for (const dev of net.devices.slice().reverse()) {
    if (dev !== net.loopback) unregister(core, dev)
  }
  net.fragments.clear(core, Drops.NETNS_GONE)
}

/** Visits the packets that wait at a device: its qdiscs, unresolved neighbours, and what the driver holds. */
export const walk = (dev: NetDevice, visit: (skb: SkBuff) => void): void => {
  for (const qdisc of qdiscsOf(dev)) {
    for (let skb = qdisc.requeued.head; skb !== null; skb = skb.next) visit(skb)
    qdisc.forEach(visit)
  }
  for (const neighbour of dev.neighbours.values()) {
    for (let skb = neighbour.queue.head; skb !== null; skb = skb.next) visit(skb)
  }
  dev.ops.walk?.(dev, visit)
}
