/**
 * struct net_device: an interface of one namespace, whatever drives it (igb, lo, veth, bridge).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import { type InetConfig, inetDefaults, type InterfaceAddress, type NeighbourParameters } from "./InetDevice.ts"
import type { Neighbour } from "./Neighbour.ts"
import type { Netns } from "./Netns.ts"
import type { Qdisc } from "./Qdisc.ts"
import type { SkBuff } from "./SkBuff.ts"

/** Linux: IFF_* (include/uapi/linux/if.h). */
export const IFF_UP = 0x1
export const IFF_BROADCAST = 0x2
export const IFF_LOOPBACK = 0x8
export const IFF_RUNNING = 0x40
export const IFF_NOARP = 0x80
export const IFF_PROMISC = 0x100
export const IFF_MULTICAST = 0x1000

/** Offloads a device does (Linux: NETIF_F_*), one bit each. */
export const FEATURE_SG = 1
export const FEATURE_CHECKSUM = 2
export const FEATURE_TSO = 4
export const FEATURE_GSO = 8
export const FEATURE_GRO = 16
export const FEATURE_LLTX = 32

/** Verdicts of `transmit` (Linux: NETDEV_TX_*) and of the queueing layer (NET_XMIT_*). */
export const NETDEV_TX_OK = 0
export const NETDEV_TX_BUSY = 16
export const NET_XMIT_SUCCESS = 0
export const NET_XMIT_DROP = 1
/** It is queued, but another packet of its flow had to go for it. */
export const NET_XMIT_CN = 2
/** Verdicts of receiving (Linux: NET_RX_*). */
export const NET_RX_SUCCESS = 0
export const NET_RX_DROP = 1

/** rtnl_link_stats64, the counters `ip -s link` prints. */
export class DeviceStats {
  rxPackets = 0
  rxBytes = 0
  txPackets = 0
  txBytes = 0
  rxErrors = 0
  txErrors = 0
  rxDropped = 0
  txDropped = 0
  multicast = 0
  rxCrcErrors = 0
  rxMissed = 0
  rxFifoErrors = 0
  txCarrierErrors = 0
}

/** What drives a device (Linux: net_device_ops). */
export interface DeviceOps {
  /** `igb`, `veth`, `bridge`, `loopback`: what `ip -d link` and `ethtool -i` name. */
  readonly kind: string
  open(dev: NetDevice): void
  stop(dev: NetDevice): void
  /**
   * Linux: ndo_start_xmit. Takes the buffer over, unless it returns NETDEV_TX_BUSY.
   *
   * @returns NETDEV_TX_OK or NETDEV_TX_BUSY
   */
  transmit(core: Core, skb: SkBuff, dev: NetDevice, queue: number): number
  /** Namespace-local devices (lo, bridge) may not move. */
  readonly local: boolean
  /** The largest MTU it takes; 65,535 when left out (Linux: dev->max_mtu). */
  readonly mtuMax?: number
  /** On top of another device, or bound to one (veth): its carrier is no news from a cable (Linux: dev_get_iflink). */
  readonly isStacked?: boolean
  /** Made by software and gone with its namespace (veth, bridge ...). */
  readonly virtual?: boolean
  /** Visits packets the driver itself holds (GRO). */
  walk?(dev: NetDevice, visit: (skb: SkBuff) => void): void
}

/** Takes a received buffer before the protocols (Linux: rx_handler; a bridge port has one). */
export interface RxHandler {
  /** @returns true when it has taken the buffer, false to pass it on */
  receive(core: Core, skb: SkBuff, dev: NetDevice): boolean
}

/** Sees each frame a device sends or receives (Linux: ptype_all, what tcpdump opens). May not change anything. */
export interface Tap {
  frame(dev: NetDevice, skb: SkBuff, outgoing: boolean, time: number): void
}

export class NetDevice {
  /** Unique in its namespace. */
  name: string
  /** The namespace it is in; changes when it is moved. */
  net: Netns
  index: number
  /** The MAC address's first 16 and last 32 bits, for comparing with bytes. */
  macHigh: number
  macLow: number
  mtu: number
  flags: number
  features: number
  /** Link-layer header bytes: 14 for Ethernet. */
  readonly headerLength: number
  txQueueLength: number
  /** Never queues, whatever `txQueueLength` says (Linux: IFF_NO_QUEUE). */
  noQueue: boolean
  readonly ops: DeviceOps
  readonly stats: DeviceStats
  /** The qdisc of each TX queue. */
  qdiscs: Array<Qdisc>
  /** All TX queues share a qdisc that was set as root. */
  hasRoot: boolean
  /** It was up once, and has had its default qdiscs since (Linux: dev_activate of a device with noop_qdisc). */
  activated: boolean
  /** True while the driver has no room: the queue is stopped (Linux: netif_tx_stop_queue). */
  readonly stopped: Array<boolean>
  /** Light on the cable, or what stands for it. */
  carrier: boolean
  /** Its queues take nothing, because it had no carrier when that was last looked at (Linux: noop_qdisc). */
  isClosed: boolean
  rxHandler: RxHandler | null
  /** The bridge it is a port of. */
  master: NetDevice | null
  readonly taps: Array<Tap>
  promiscuity: number
  /** Largest super-segment payload the stack may hand over. */
  gsoMaxSize: number
  /** IPv4 addresses, primary ones before secondary ones of the same network (Linux: in_device). */
  addresses: ReadonlyArray<InterfaceAddress>
  /** net.ipv4.conf.<name>.* */
  inet: InetConfig
  /** net.ipv4.neigh.<name>.*; null before it is registered. */
  neigh: NeighbourParameters | null
  /** How long a neighbour counts as reachable, ns: drawn every five minutes from 0.5 to 1.5 times `baseReachable`. */
  reachable: number
  /** Neighbours by IPv4 address as int32. */
  readonly neighbours: SmallMap<number, Neighbour>
  /** Core that may use a TX queue (XPS), by core index; null for choice by hash. */
  xps: Int32Array | null
  /** True while it is in its namespace's list. */
  registered: boolean
  /** The driver's own. */
  priv: unknown
  private address: number

  constructor(net: Netns, name: string, ops: DeviceOps, headerLength: number, queues: number) {
    this.name = name
    this.net = net
    this.index = 0
    this.address = 0
    this.macHigh = 0
    this.macLow = 0
    this.mtu = 1500
    this.flags = 0
    this.features = 0
    this.headerLength = headerLength
    this.txQueueLength = 1000
    this.noQueue = false
    this.ops = ops
    this.stats = new DeviceStats()
    this.qdiscs = []
    this.hasRoot = false
    this.activated = false
    this.stopped = Array.from({ length: queues }, () => false)
    this.carrier = true
    this.isClosed = false
    this.rxHandler = null
    this.master = null
    this.taps = []
    this.promiscuity = 0
    this.gsoMaxSize = 65536
    this.addresses = []
    this.inet = inetDefaults
    this.neigh = null
    this.reachable = 0
    this.neighbours = new SmallMap()
    this.xps = null
    this.registered = false
    this.priv = null
  }

  /** 48-bit MAC address as a number. */
  get mac(): number {
    return this.address
  }

  set mac(address: number) {
    this.address = address
    this.macHigh = Math.floor(address / 4294967296)
    this.macLow = address | 0
  }

  get queues(): number {
    return this.stopped.length
  }

  isUp(): boolean {
    return (this.flags & IFF_UP) !== 0
  }
}
