/**
 * tun: a device whose other end is a program. IP packets without a link-layer header; what the host sends is read, what is
 * written the host receives.
 *
 *     ip_finish_output2 → dev_queue_xmit → tun_net_xmit → `reader`
 *     `write` → interrupt line of one core → netif_rx → NET_RX → ip_rcv
 *
 * It takes super-segments and unfinished checksums (TUN_F_CSUM, TUN_F_TSO4), so the reader sees what TSO would have cut. A
 * packet has left its socket's write memory when it is handed over.
 *
 * Linux: drivers/net/tun.c. Differs: a write is no system call but an interrupt of the device, and nothing waits to be read.
 */
import type { Core, InterruptHandler } from "@darkfiber/hardware/cpu/Core"
import { netifRx } from "../Backlog.ts"
import * as Device from "../Device.ts"
import type { Host } from "../Host.ts"
import {
  type DeviceOps,
  FEATURE_CHECKSUM,
  FEATURE_GSO,
  FEATURE_SG,
  FEATURE_TSO,
  IFF_MULTICAST,
  IFF_NOARP,
  NET_RX_SUCCESS,
  NetDevice,
  NETDEV_TX_OK
} from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { TUN_GET_USER, TUN_NET_XMIT } from "../Points.ts"
import * as Drops from "../Drops.ts"
import * as Skb from "../Skb.ts"
import { stampSent } from "../SkbStamp.ts"
import { CHECKSUM_NONE, PACKET_HOST, type SkBuff } from "../SkBuff.ts"

const IPV4 = 0x0800
/** Linux: TUN_READQ_SIZE, the device's queue length. */
const QUEUE_LENGTH = 500
const PAGE = 4096
/** Room in front of a written packet (Linux: NET_SKB_PAD). */
const PAD = 64
/** Most that a kmalloc bucket leaves behind a packet of up to 1,500 bytes. */
const TAIL = 1024
/** Packets written and not yet taken by the core. */
export const WRITES_MAX = 500

/** Gets each packet the host sends, at its time on the core, ns. */
export interface TunReader {
  packet(bytes: Uint8Array, time: number): void
}

interface Written {
  readonly bytes: Uint8Array
  readonly gsoSize: number
}

export class Tun implements InterruptHandler {
  readonly host: Host
  readonly dev: NetDevice
  reader: TunReader | null
  private readonly core: Core
  private readonly line: number
  private readonly written: Array<Written>
  /** The last packet lies in the queue until the next one comes: the program reads one behind what it sees. */
  private unread: SkBuff | null

  private constructor(host: Host, net: Netns, name: string, ops: DeviceOps) {
    this.host = host
    this.reader = null
    this.core = host.cores[0]!
    this.line = this.core.requestIrq(this)
    this.written = []
    this.unread = null
    this.dev = new NetDevice(net, name, ops, 0, 1)
    this.dev.flags = IFF_NOARP | IFF_MULTICAST
    this.dev.txQueueLength = QUEUE_LENGTH
    this.dev.features = FEATURE_SG | FEATURE_CHECKSUM | FEATURE_TSO | FEATURE_GSO
    this.dev.priv = this
  }

  /** Makes the device, down. @returns the device, or a negative errno */
  static create(net: Netns, name: string): Tun | number {
    const tun: Tun = new Tun(net.host, net, name, {
      kind: "tun",
      local: false,
      virtual: true,
      open: () => {},
      stop: () => {},
      transmit: (core, skb, dev): number => tun.transmit(core, skb, dev)
    })
    const status = Device.register(tun.dev)
    return status === 0 ? tun : status
  }

  /**
   * The program writes an IP packet, now: inside a run, in the process phase of an instant.
   *
   * @param gsoSize payload of each segment of a merged packet, 0 for a plain one
   * @returns false when too many writes wait
   */
  write(bytes: Uint8Array, gsoSize = 0): boolean {
    if (this.written.length >= WRITES_MAX) return false
    this.written.push({ bytes, gsoSize })
    this.core.raiseIrq(this.line, this.host.island.now)
    return true
  }

  /** Packets were written that the host has not begun with. */
  get hasWrites(): boolean {
    return this.written.length > 0
  }

  interrupt(core: Core): void {
    for (let next = this.written.shift(); next !== undefined; next = this.written.shift()) this.receive(core, next)
  }

  /** Linux: tun_net_xmit. */
  private transmit(core: Core, skb: SkBuff, dev: NetDevice): number {
    const { length } = skb
    core.visit(TUN_NET_XMIT, dev.net.id, dev.index, skb.traceId, length)
    if (skb.stamp !== 0) stampSent(core, skb)
    Skb.orphan(core, skb)
    if (!Skb.orphanFrags(core, skb)) {
      dev.stats.txDropped++
      this.host.dropSkb(core, skb, Drops.NOMEM)
      return NETDEV_TX_OK
    }
    dev.stats.txPackets++
    dev.stats.txBytes += length
    const { reader } = this
    if (reader !== null) {
      const bytes = new Uint8Array(length)
      Skb.copyBits(skb, 0, length, bytes, 0)
      reader.packet(bytes, core.time)
    }
    this.host.deliverSkb(skb)
    if (this.unread !== null) this.host.consumeSkb(core, this.unread)
    this.unread = skb
    return NETDEV_TX_OK
  }

  /** Linux: tun_get_user, tun_alloc_skb. */
  private receive(core: Core, written: Written): void {
    const { dev, host } = this
    const { bytes, gsoSize } = written
    core.visit(TUN_GET_USER, dev.net.id, dev.index, 0, bytes.length)
    if (!dev.isUp()) return
    if (bytes.length === 0 || bytes[0]! >>> 4 !== 4) {
      dev.stats.rxErrors++
      return
    }
    const inHead =
      PAD + bytes.length < PAGE ? bytes.length : Math.min(bytes.length, PAGE - PAD - host.profile.sharedInfoBytes)
    const skb = Skb.alloc(host, core, PAD, bytes.length + TAIL, PAD + inHead)
    if (skb === null) {
      dev.stats.rxDropped++
      return
    }
    // The rest would lie in pages; they are counted for the socket, and not taken from the host's memory.
    skb.truesize += Math.ceil((bytes.length - inHead) / PAGE) * PAGE
    const at = Skb.put(skb, bytes.length)
    host.world.slab.bytes.set(bytes, at)
    skb.dev = dev
    skb.macHeader = at
    skb.networkHeader = at
    skb.protocol = IPV4
    skb.packetType = PACKET_HOST
    skb.ipSummed = CHECKSUM_NONE
    skb.gsoSize = gsoSize
    host.bornSkb(skb)
    if (netifRx(core, skb) === NET_RX_SUCCESS) {
      dev.stats.rxPackets++
      dev.stats.rxBytes += bytes.length
    }
  }
}
