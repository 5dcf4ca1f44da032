/**
 * The igb driver: sk_buffs on one side, the NIC's descriptors on the other.
 *
 *     igb_xmit_frame → txPost ····→ completion IRQ ─┐
 *     wire → RX ring → RX IRQ ──→ igb_msix_ring → napi_schedule → igb_poll: igb_clean_tx_irq, igb_clean_rx_irq → GRO
 *
 * Linux: drivers/net/ethernet/intel/igb/igb_main.c, igb_ethtool.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { TxPacket } from "@darkfiber/hardware/nic/Descriptors"
import type { CarrierListener, Nic } from "@darkfiber/hardware/nic/Nic"
import { PageRuns } from "@darkfiber/memory/PageRuns"
import type { BootStep } from "../Boot.ts"
import * as Device from "../Device.ts"
import { stopQueue, wakeQueue } from "../DevXmit.ts"
import * as Drops from "../Drops.ts"
import { EINVAL } from "../Errno.ts"
import type { Host } from "../Host.ts"
import {
  type DeviceOps,
  FEATURE_CHECKSUM,
  FEATURE_GRO,
  FEATURE_GSO,
  FEATURE_SG,
  FEATURE_TSO,
  IFF_BROADCAST,
  IFF_MULTICAST,
  NetDevice,
  NETDEV_TX_BUSY,
  NETDEV_TX_OK
} from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { IGB_XMIT_FRAME } from "../Points.ts"
import { CHECKSUM_PARTIAL, type SkBuff } from "../SkBuff.ts"
import { stampSent } from "../SkbStamp.ts"
import { QueueVector } from "./IgbVector.ts"

/** Linux: DESC_NEEDED = MAX_SKB_FRAGS + 4. */
const DESCRIPTORS_NEEDED = 21
const HEADER_LENGTH = 14
/** The smallest and largest ring (Linux: IGB_MIN_RXD, IGB_MAX_RXD). */
const RING_MIN = 80
export const RING_MAX = 4096
const MTU_MAX = 9216
/** Linux: IGB_USECS bounds of ethtool -C: 10,000 is the largest. */
export const USECS_MAX = 10000

/** Linux 3.10: sizeof igb_tx_buffer, igb_rx_buffer, e1000_adv_*_desc, IGB_RX_BUFSZ. */
const TX_BUFFER_BYTES = 48
const RX_BUFFER_BYTES = 24
const DESCRIPTOR_BYTES = 16
const RX_DATA_BYTES = 2048

const NOTHING: ReadonlySet<"napi_enable" | "igb_request_irq" | "igb_configure_rx"> = new Set()

const pagesFor = (bytes: number): number => Math.ceil(bytes / 4096)

/** One port: a NIC, its device and its queue vectors. */
export class Igb implements CarrierListener {
  readonly host: Host
  readonly nic: Nic
  readonly dev: NetDevice
  /** Those in use; `spare` are those of queues that were taken away, with their interrupt lines. */
  vectors: ReadonlyArray<QueueVector>
  private spare: ReadonlyArray<QueueVector>
  /** What ndo_open leaves out: the lab of the forgotten step. */
  skip: ReadonlySet<"napi_enable" | "igb_request_irq" | "igb_configure_rx">
  private opened: boolean
  /** Page frames of rings and receive buffers while open. */
  private readonly ringPages: PageRuns

  /**
   * Makes the device and registers it, down. Queue `q` is served by core `q` modulo the cores. Linux: igb_probe
   *
   * @throws when the name is taken
   */
  constructor(host: Host, net: Netns, name: string, nic: Nic) {
    this.host = host
    this.nic = nic
    const queues = nic.options.txQueues
    this.dev = new NetDevice(net, name, ops, HEADER_LENGTH, queues)
    this.dev.mac = nic.mac
    this.dev.flags = IFF_BROADCAST | IFF_MULTICAST
    this.dev.features =
      FEATURE_SG |
      FEATURE_GSO |
      FEATURE_GRO |
      (nic.options.checksumOffload ? FEATURE_CHECKSUM : 0) |
      (nic.options.tso ? FEATURE_TSO : 0)
    this.dev.priv = this
    // Dark until it has been opened and light has come (Linux: igb_probe).
    this.dev.carrier = false
    this.skip = NOTHING
    this.opened = false
    this.ringPages = new PageRuns()
    this.vectors = Array.from({ length: nic.vectorCount }, (_, q) => this.newVector(q))
    this.spare = []
    nic.onCarrier = this
    nic.close(host.island.now)
    const status = Device.register(this.dev)
    if (status !== 0) throw new Error(`${host.name}: ${name} cannot be registered (${status})`)
  }

  private newVector(q: number): QueueVector {
    const { cores } = this.host
    return new QueueVector(this, q, cores[q % cores.length]!)
  }

  /** Routes a vector to another core (smp_affinity). */
  setAffinity(q: number, core: Core): void {
    const vector = this.vectors[q]!
    vector.core = core
    if (vector.line < 0) return
    vector.line = core.requestIrq(vector)
    this.nic.setVector(q, core, vector.line)
  }

  /** Linux: __igb_open. */
  open(): void {
    const nic = this.nic
    if (this.opened) return
    this.opened = true
    this.allocRings()
    for (let q = 0; q < this.vectors.length; q++) {
      const vector = this.vectors[q]!
      if (q < nic.options.rxQueues && !this.skip.has("igb_configure_rx")) nic.rxRefill(q, nic.options.rxRing - 1)
      if (!this.skip.has("napi_enable")) vector.enabled = true
      if (this.skip.has("igb_request_irq")) continue
      if (vector.line < 0) vector.line = vector.core.requestIrq(vector)
      nic.setVector(q, vector.core, vector.line)
    }
    nic.promiscuous = this.dev.promiscuity > 0
    nic.open(this.host.island.now)
    for (let q = 0; q < this.vectors.length; q++) nic.unmask(q, this.host.island.now)
    Device.setCarrier(this.dev, nic.carrier)
  }

  /** Linux: __igb_close. What is in the rings is dropped. */
  stop(): void {
    if (!this.opened) return
    this.opened = false
    const { host, nic } = this
    const reason = host.downReason === 0 ? Drops.DEVICE_DOWN : host.downReason
    const now = host.island.now
    for (let q = 0; q < this.vectors.length; q++) {
      const vector = this.vectors[q]!
      vector.enabled = false
      vector.scheduled = false
      if (!vector.polling) host.softnet[vector.core.index]!.pollList.remove(vector)
      nic.mask(q)
      nic.setVector(q, null, 0)
      vector.gro!.purge(null, reason)
      vector.refill()
    }
    this.emptyRings(null, reason)
    nic.close(now)
    this.freeRings()
  }

  /** What is in the rings is dropped, packets on the wire excepted. Linux: igb_clean_all_tx_rings, igb_clean_all_rx_rings */
  private emptyRings(core: Core | null, reason: number): void {
    const { nic } = this
    nic.clear(reason, this.host.island.now)
    for (let q = 0; q < this.dev.queues; q++) {
      for (let packet = nic.txDone(q, Infinity); packet !== null; packet = nic.txDone(q, Infinity))
        this.release(core, q, packet)
    }
  }

  private freeRings(): void {
    const { pages } = this.host.memory
    for (let frame = this.ringPages.pop(); frame >= 0; frame = this.ringPages.pop()) pages.freePage(frame, 0)
  }

  /** Two arrays a ring, and a half page a receive buffer. Linux: igb_setup_tx_resources, igb_setup_rx_resources */
  private allocRings(): void {
    const { rxQueues, txQueues, rxRing, txRing } = this.nic.options
    const { pages } = this.host.memory
    let count = txQueues * (pagesFor(txRing * TX_BUFFER_BYTES) + pagesFor(txRing * DESCRIPTOR_BYTES))
    count += rxQueues * (pagesFor(rxRing * RX_BUFFER_BYTES) + pagesFor(rxRing * DESCRIPTOR_BYTES))
    count += rxQueues * pagesFor((rxRing - 1) * RX_DATA_BYTES)
    for (let i = 0; i < count; i++) {
      const frame = pages.allocPage(0)
      if (frame >= 0) this.ringPages.push(frame)
    }
  }

  /** Pages that rings and receive buffers take while the interface is open. */
  get ringPageCount(): number {
    return this.ringPages.count
  }

  /** Hands one packet to the ring. Linux: igb_xmit_frame_ring */
  transmit(core: Core, skb: SkBuff, queue: number): number {
    const { nic, dev, host } = this
    core.visit(IGB_XMIT_FRAME, dev.net.id, dev.index, skb.traceId, skb.length)
    const offload = skb.ipSummed === CHECKSUM_PARTIAL || skb.gsoSize > 0
    const descriptors = 1 + skb.fragCount + (offload ? 1 : 0)
    if (nic.txFree(queue) < descriptors + 2) {
      stopQueue(dev, queue)
      return NETDEV_TX_BUSY
    }
    if (skb.stamp !== 0) stampSent(core, skb)
    const packet = nic.txAcquire(queue)
    packet.descriptors = descriptors
    const weight = this.fill(skb, packet, offload)
    if (skb.counted && weight !== skb.weight) host.island.ledger.created += weight - skb.weight
    host.leftSkb(skb)
    dev.stats.txPackets += weight
    dev.stats.txBytes += skb.length
    nic.txPost(queue, packet, core.time)
    if (nic.txFree(queue) < DESCRIPTORS_NEEDED) stopQueue(dev, queue)
    return NETDEV_TX_OK
  }

  /** Describes the buffer. @returns the frames it becomes. Linux: igb_tx_map, igb_tso, igb_tx_csum */
  private fill(skb: SkBuff, packet: TxPacket, offload: boolean): number {
    packet.cookie = skb
    packet.frame = skb.frame
    packet.headAt = skb.data
    packet.headLength = skb.headLength
    packet.fragCount = skb.fragCount
    for (let i = 0; i < skb.fragCount * 3; i++) packet.setFrag(i, skb.frags[i]!)
    packet.traceId = skb.traceId
    packet.giveAway = false
    packet.gsoSize = 0
    packet.segments = 1
    packet.headerLength = 0
    packet.checksumStart = offload ? skb.checksumStart - skb.data : -1
    packet.checksumOffset = offload ? skb.checksumOffset : 0
    if (skb.gsoSize > 0) {
      const tcp = skb.transportHeader
      const header = tcp - skb.data + ((this.host.world.slab.bytes[tcp + 12]! >>> 4) << 2)
      packet.headerLength = header
      packet.gsoSize = skb.gsoSize
      packet.segments = Math.max(1, Math.ceil((skb.length - header) / skb.gsoSize))
      if (packet.segments === 1) packet.gsoSize = 0
    } else if (skb.fragCount === 0) this.give(skb, packet)
    return packet.segments
  }

  /** A linear head that nobody shares goes on the wire itself. */
  private give(skb: SkBuff, packet: TxPacket): void {
    const slab = this.host.world.slab
    slab.start[skb.frame] = skb.data
    slab.length[skb.frame] = skb.headLength
    slab.flags[skb.frame] = 0
    slab.trace[skb.frame] = skb.traceId
    packet.giveAway = true
    skb.frame = -1
  }

  /** The packet has left: frees its buffer and descriptors. */
  release(core: Core | null, queue: number, packet: TxPacket): void {
    const skb = packet.cookie as SkBuff
    packet.cookie = null
    this.nic.txRelease(queue, packet)
    this.host.consumeSkb(core, skb)
  }

  carrierChanged(_nic: Nic, up: boolean): void {
    Device.setCarrier(this.dev, up)
  }

  walk(visit: (skb: SkBuff) => void): void {
    for (const vector of this.vectors) vector.gro!.forEach(visit)
  }

  // ---- ethtool ----

  /** `ethtool -K`. */
  setFeature(feature: number, on: boolean): void {
    this.dev.features = on ? this.dev.features | feature : this.dev.features & ~feature
    if (feature === FEATURE_GRO) for (const vector of this.vectors) vector.gro!.enabled = on
  }

  /** `ethtool -C rx-usecs`: 0 to 10,000, of which 1 and 3 mean adaptive. @returns 0 or -EINVAL. Linux: igb_set_coalesce */
  setCoalesce(usecs: number): number {
    if (usecs < 0 || usecs > USECS_MAX || usecs === 2 || (usecs > 3 && usecs < 10)) return -EINVAL
    const adaptive = usecs === 1 || usecs === 3
    this.nic.setModeration(adaptive ? "adaptive" : "gap", adaptive ? 0 : usecs, 0)
    return 0
  }

  /**
   * `ethtool -G`: the rings are emptied and made anew; the link stays. Sizes are clamped as by `ringSize`. Linux:
   * igb_set_ringparam
   *
   * @returns true when there was anything to change
   */
  setRings(core: Core, rx: number, tx: number): boolean {
    const { nic } = this
    const [rxRing, txRing] = [ringSize(rx), ringSize(tx)]
    if (rxRing === nic.options.rxRing && txRing === nic.options.txRing) return false
    for (const vector of this.vectors) vector.refill()
    this.emptyRings(core, Drops.RING_RESET)
    nic.resizeRings(rxRing, txRing)
    if (!this.opened) return true
    this.freeRings()
    this.allocRings()
    for (let q = 0; q < nic.options.rxQueues; q++) nic.rxRefill(q, rxRing - 1)
    for (let q = 0; q < this.dev.queues; q++) wakeQueue(core, this.dev, q)
    return true
  }

  /**
   * `ethtool -L combined`: the port closes, its queues and their qdiscs are made anew, it opens again. Linux: igb_set_channels,
   * igb_reinit_queues
   *
   * @returns 0, or -EINVAL for more than `channelsMax` or none
   */
  setChannels(core: Core, count: number): number {
    if (count < 1 || count > this.channelsMax) return -EINVAL
    if (count === this.vectors.length) return 0
    const wasOpen = this.opened
    this.stop()
    this.nic.setQueues(count)
    const all = [...this.vectors, ...this.spare]
    while (all.length < count) all.push(this.newVector(all.length))
    this.vectors = all.slice(0, count)
    this.spare = all.slice(count)
    const isMerging = (this.dev.features & FEATURE_GRO) !== 0
    for (const vector of this.vectors) vector.gro!.enabled = isMerging
    Device.setQueues(core, this.dev, count)
    if (wasOpen) this.open()
    return 0
  }

  /** Most queue pairs that `ethtool -L` gives. Linux: igb_max_channels */
  get channelsMax(): number {
    return Math.max(queueCount(this.host.cores.length), this.vectors.length)
  }

  /** `ethtool -S`: name and value of every counter. */
  statistics(): ReadonlyArray<readonly [name: string, value: number]> {
    return this.nic.statistics()
  }
}

/** The ring size that a request gives: clamped to 80 … 4096 and rounded up to a multiple of 8. Linux: igb_set_ringparam */
export const ringSize = (asked: number): number => {
  const clamped = Math.min(RING_MAX, Math.max(RING_MIN, asked))
  return Math.ceil(clamped / 8) * 8
}

/** The queues igb opens: at most 8, never more than cores. Linux: igb_init_queue_configuration */
export const queueCount = (cores: number): number => Math.min(8, cores)

const ops: DeviceOps = {
  kind: "igb",
  local: false,
  mtuMax: MTU_MAX,
  open: (dev) => (dev.priv as Igb).open(),
  stop: (dev) => (dev.priv as Igb).stop(),
  transmit: (core, skb, dev, queue) => (dev.priv as Igb).transmit(core, skb, queue),
  walk: (dev, visit) => (dev.priv as Igb).walk(visit)
}

/** The boot step that finds a NIC and registers its device. Linux: module_init, igb_probe */
export const probeStep = (net: Netns, name: string, nic: Nic, made: (igb: Igb) => void): BootStep => ({
  name: `igb_probe(${name})`,
  run: (host) => {
    made(new Igb(host, net, name, nic))
    return 0
  }
})
