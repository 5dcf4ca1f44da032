/** Devices of a namespace as records: `ip link`, `ip addr`, /proc/net/dev, `tc qdisc`, `brctl`, `bridge fdb`. */
import * as BridgeDevice from "@darkfiber/kernel-net/bridge/BridgeDevice"
import type { Bridge } from "@darkfiber/kernel-net/bridge/Bridge"
import {
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_RUNNING,
  type NetDevice
} from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Qdisc } from "@darkfiber/kernel-net/Qdisc"
import * as Veth from "@darkfiber/kernel-net/veth/Veth"
import { isLoopback } from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import type { AddressRecord, LinkCounters, LinkRecord } from "./LinkText.ts"
import type { DeviceCounters } from "./ProcText.ts"
import { qdiscsOf } from "@darkfiber/kernel-net/Device"
import { detailsOf, optionsOf } from "./QdiscText.ts"
import { type BridgeRecord, type FdbRecord, type QdiscRecord } from "./TableText.ts"

/** All devices, by index. */
export const list = (net: Netns): ReadonlyArray<LinkRecord> => net.devices.map(record)

export const record = (dev: NetDevice): LinkRecord => {
  const peer = Veth.peerOf(dev)
  const near = peer !== null && peer.net === dev.net
  const loopback = (dev.flags & IFF_LOOPBACK) !== 0
  return {
    index: dev.index,
    name: dev.name,
    linkIndex: peer?.index ?? 0,
    linkName: near ? peer.name : "",
    linkNetns: peer === null || near || peer.net.id === 0 ? "" : peer.net.name,
    flags: flagNames(dev),
    mtu: dev.mtu,
    qdisc: qdiscName(dev),
    master: dev.master?.name ?? "",
    state: operState(dev, peer),
    txQueueLength: dev.txQueueLength,
    type: loopback ? "loopback" : dev.headerLength === 14 ? "ether" : "none",
    mac: dev.mac,
    broadcast: loopback ? 0 : MacAddress.broadcast,
    counters: counters(dev),
    addresses: dev.addresses.map((address) => addressRecord(address))
  }
}

/** In iproute2's order (print_link_flags). */
const flagNames = (dev: NetDevice): ReadonlyArray<string> => {
  const { flags } = dev
  const names: Array<string> = []
  if (dev.isUp() && (flags & IFF_RUNNING) === 0) names.push("NO-CARRIER")
  if ((flags & IFF_LOOPBACK) !== 0) names.push("LOOPBACK")
  if ((flags & IFF_BROADCAST) !== 0) names.push("BROADCAST")
  if ((flags & IFF_MULTICAST) !== 0) names.push("MULTICAST")
  if ((flags & IFF_NOARP) !== 0) names.push("NOARP")
  if ((flags & IFF_PROMISC) !== 0) names.push("PROMISC")
  if (dev.isUp()) names.push("UP")
  if (dev.isUp() && dev.carrier) names.push("LOWER_UP")
  const peer = Veth.peerOf(dev)
  if (peer !== null && !peer.isUp()) names.push("M-DOWN")
  return names
}

/** RFC 2863 state (Linux: rfc2863_policy): lo never leaves UNKNOWN. */
const operState = (dev: NetDevice, peer: NetDevice | null): LinkRecord["state"] => {
  if ((dev.flags & IFF_LOOPBACK) !== 0) return dev.isUp() ? "UNKNOWN" : "DOWN"
  if (!dev.isUp()) return "DOWN"
  if ((dev.flags & IFF_RUNNING) !== 0) return "UP"
  return peer === null ? "DOWN" : "LOWERLAYERDOWN"
}

/** `mq` over several queues; `noop` before a device was ever up. */
const qdiscName = (dev: NetDevice): string => {
  if (qdiscsOf(dev).length > 1) return "mq"
  const first = dev.qdiscs[0]
  if (first === undefined || (!dev.isUp() && first.hasQueue && first.sentPackets === 0)) return "noop"
  return first.kind
}

const addressRecord = (address: NetDevice["addresses"][number]): AddressRecord => ({
  address: address.local,
  prefixLength: address.prefixLength,
  broadcast: address.broadcast,
  scope: isLoopback(address.local) ? "host" : "global",
  secondary: address.secondary
})

const counters = (dev: NetDevice): LinkCounters => ({
  rxBytes: dev.stats.rxBytes,
  rxPackets: dev.stats.rxPackets,
  rxErrors: dev.stats.rxErrors,
  rxDropped: dev.stats.rxDropped,
  rxMissed: dev.stats.rxMissed,
  multicast: dev.stats.multicast,
  txBytes: dev.stats.txBytes,
  txPackets: dev.stats.txPackets,
  txErrors: dev.stats.txErrors,
  txDropped: dev.stats.txDropped,
  txCarrier: dev.stats.txCarrierErrors,
  collisions: 0
})

/** Rows of /proc/net/dev. */
export const devices = (net: Netns): ReadonlyArray<DeviceCounters> =>
  net.devices.map((dev) => ({
    ...counters(dev),
    name: dev.name,
    rxFifo: dev.stats.rxFifoErrors,
    rxFrame: dev.stats.rxCrcErrors
  }))

/** The qdiscs of a device, or of all: with several queues an mq root with one child a queue. */
export const qdiscs = (net: Netns, device: NetDevice | null = null): ReadonlyArray<QdiscRecord> =>
  net.devices.flatMap((dev) => (device === null || device === dev ? records(dev) : []))

const records = (dev: NetDevice): ReadonlyArray<QdiscRecord> => {
  const all = qdiscsOf(dev)
  if (all.length <= 1) return all.map((one) => qdisc(one, "root"))
  const children = all.map((one, queue) => qdisc(one, `parent :${(queue + 1).toString(16)}`))
  const sum = (pick: (record: QdiscRecord) => number): number => children.reduce((total, one) => total + pick(one), 0)
  const root: QdiscRecord = {
    kind: "mq",
    handle: "0:",
    device: dev.name,
    parent: "root",
    options: "",
    refcount: 1,
    sentBytes: sum((one) => one.sentBytes),
    sentPackets: sum((one) => one.sentPackets),
    dropped: sum((one) => one.dropped),
    overlimits: sum((one) => one.overlimits),
    requeues: sum((one) => one.requeues),
    backlogBytes: sum((one) => one.backlogBytes),
    backlogPackets: sum((one) => one.backlogPackets),
    details: ""
  }
  return [root, ...children]
}

const qdisc = (one: Qdisc, parent: string): QdiscRecord => ({
  kind: one.kind,
  handle: `${one.handle.toString(16)}:`,
  device: one.dev.name,
  parent,
  options: optionsOf(one),
  refcount: parent === "root" ? 1 + one.dev.queues : 1,
  sentBytes: one.sentBytes,
  sentPackets: one.sentPackets,
  dropped: one.dropped,
  overlimits: one.overlimits,
  requeues: one.requeues,
  backlogBytes: one.backlogBytes,
  backlogPackets: one.length,
  details: detailsOf(one)
})

/** The bridges of a namespace. */
export const bridges = (net: Netns): ReadonlyArray<BridgeRecord> =>
  net.devices.flatMap((dev) => {
    const bridge = BridgeDevice.of(dev)
    return bridge === null ? [] : [bridgeRecord(bridge)]
  })

const bridgeRecord = (bridge: Bridge): BridgeRecord => ({
  name: bridge.dev.name,
  mac: bridge.dev.mac,
  priority: bridge.priority,
  stp: bridge.stpEnabled,
  ports: bridge.ports.map((port) => port.dev.name)
})

/** The forwarding database of one bridge, without entries that have aged out. */
export const fdb = (bridge: Bridge, now: number): ReadonlyArray<FdbRecord> =>
  bridge.fdb
    .list()
    .filter((entry) => entry.isStatic || entry.updated + bridge.holdTime > now)
    .map((entry) => ({
      mac: entry.mac,
      device: entry.port?.dev.name ?? bridge.dev.name,
      bridge: bridge.dev.name,
      port: entry.port?.number ?? 0,
      isLocal: entry.isLocal,
      age: entry.isStatic ? 0 : (now - entry.updated) / 1e9
    }))
