/**
 * Captures frames on links and devices into one pcapng file. The bytes go to a sink, chunk by chunk; nothing here writes
 * files.
 *
 *     link tap      wire frames, when their last bit leaves             interface `link name`
 *     device tap    super-segments on transmit, after GRO on receive    interface `host/eth0`
 *
 * A frame's last bit may leave later than the moment it is handed to the wire, and islands do not run in step. So packets
 * wait until {@link Capture.flush} says up to which time the run is complete, and are then written in the order of time.
 *
 * Capturing changes nothing: taps only read, and copy what they see.
 */
import type { Link } from "@darkfiber/hardware/link/Link"
import type { LinkEnd, LinkTap } from "@darkfiber/hardware/link/LinkEnd"
import type { NetDevice, Tap } from "@darkfiber/kernel-net/NetDevice"
import { CHECKSUM_NONE, type SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { CHECKSUM_PARTIAL as FRAME_PARTIAL } from "@darkfiber/sim/FrameSlab"
import type { World } from "@darkfiber/sim/World"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as SkbBytes from "./SkbBytes.ts"

/** Takes chunks in order; they are not used again. */
export type Sink = (chunk: Uint8Array) => void

export interface CaptureOptions {
  /** `carried`: as the bytes are. `filled`: transport checksums that a device has yet to fill in are right in the copy. */
  readonly checksums: "carried" | "filled"
  /** Bytes kept of each packet; 0 means all. */
  readonly snapLength: number
  /** A comment for a packet, from its trace id: why it was dropped, for example. Asked when the packet is written. */
  readonly comment: ((traceId: number) => string | undefined) | null
  /** Only packets for which this is true are kept (a tcpdump filter). */
  readonly filter: ((bytes: Uint8Array) => boolean) | null
}

export const defaults: CaptureOptions = { checksums: "carried", snapLength: 0, comment: null, filter: null }

interface Waiting {
  readonly time: number
  readonly order: number
  readonly interfaceIndex: number
  readonly bytes: Uint8Array
  readonly length: number
  readonly flags: number
  readonly traceId: number
}

export class Capture {
  /** Packets written or waiting. */
  count: number
  private readonly world: World
  private readonly sink: Sink
  private readonly options: CaptureOptions
  private interfaces: number
  private order: number
  private waiting: Array<Waiting>
  private readonly undo: Array<() => void>

  constructor(world: World, sink: Sink, options: Partial<CaptureOptions> = {}) {
    this.world = world
    this.sink = sink
    this.options = { ...defaults, ...options }
    this.count = 0
    this.interfaces = 0
    this.order = 0
    this.waiting = []
    this.undo = []
    sink(Pcapng.sectionHeader({ application: "darkfiber", comments: [`seed ${world.seed}`] }))
  }

  /** Captures both directions of a link; outbound is from its end `a`. */
  addLink(link: Link): void {
    const index = this.describe(link.name, "wire frames", link.a.rate)
    const tap: LinkTap = {
      frame: (end: LinkEnd, time: number, frame: number): void => this.wireFrame(index, end === link.a, time, frame)
    }
    link.addTap(tap)
    // A link keeps its taps; one that is closed no longer keeps what it sees.
    this.undo.push(() => (tap.frame = () => {}))
  }

  /** Captures what a device sends and receives, as tcpdump on the host would. */
  addDevice(host: string, dev: NetDevice): void {
    const index = this.describe(`${host}/${dev.name}`, dev.ops.kind, 0)
    const tap: Tap = {
      frame: (_dev, skb, outgoing, time): void => this.deviceFrame(index, skb, outgoing, time)
    }
    dev.taps.push(tap)
    this.undo.push(() => {
      const at = dev.taps.indexOf(tap)
      if (at >= 0) dev.taps.splice(at, 1)
    })
  }

  /** Writes what was captured before `time`, in the order of time. Precondition: the run is complete up to there. */
  flush(time: number): void {
    const ready = this.waiting.filter((packet) => packet.time < time)
    if (ready.length === 0) return
    this.waiting = this.waiting.filter((packet) => packet.time >= time)
    ready.sort((a, b) => a.time - b.time || a.interfaceIndex - b.interfaceIndex || a.order - b.order)
    for (const packet of ready) this.write(packet)
  }

  /** Stops capturing and writes the rest. */
  close(): void {
    for (const undo of this.undo) undo()
    this.undo.length = 0
    this.flush(Infinity)
  }

  private describe(name: string, description: string, speed: number): number {
    const { snapLength } = this.options
    this.sink(Pcapng.interfaceDescription({ name, description, snapLength, ...(speed > 0 ? { speed } : {}) }))
    return this.interfaces++
  }

  private wireFrame(index: number, outbound: boolean, time: number, frame: number): void {
    const slab = this.world.slab
    const bytes = slab.view(frame).slice()
    if ((slab.flags[frame]! & FRAME_PARTIAL) !== 0 && this.options.checksums === "filled") fill(bytes)
    this.keep(index, bytes, time, outbound, slab.trace[frame]!)
  }

  private deviceFrame(index: number, skb: SkBuff, outgoing: boolean, time: number): void {
    const bytes = SkbBytes.frame(this.world, skb)
    // Known to be right, or to be filled in; a merged packet's field says nothing any more.
    if (skb.ipSummed !== CHECKSUM_NONE && this.options.checksums === "filled") fill(bytes)
    this.keep(index, bytes, time, outgoing, skb.traceId)
  }

  private keep(index: number, bytes: Uint8Array, time: number, outbound: boolean, traceId: number): void {
    const { filter, snapLength } = this.options
    if (filter !== null && !filter(bytes)) return
    this.count++
    this.waiting.push({
      time,
      order: this.order++,
      interfaceIndex: index,
      bytes: snapLength > 0 && bytes.length > snapLength ? bytes.slice(0, snapLength) : bytes,
      length: bytes.length,
      flags: outbound ? Pcapng.DIRECTION_OUTBOUND : Pcapng.DIRECTION_INBOUND,
      traceId
    })
  }

  private write(packet: Waiting): void {
    const comment = packet.traceId === 0 ? undefined : this.options.comment?.(packet.traceId)
    this.sink(
      Pcapng.enhancedPacket({
        interfaceIndex: packet.interfaceIndex,
        time: packet.time,
        bytes: packet.bytes,
        originalLength: packet.length,
        flags: packet.flags,
        ...(comment === undefined ? {} : { comments: [comment] })
      })
    )
  }
}

/** Fills in the transport checksum of a whole IPv4 packet in an untagged or tagged frame. */
const fill = (bytes: Uint8Array): void => {
  const ipAt = SkbBytes.networkOffset(bytes)
  if (ipAt < 0 || bytes.length - ipAt < Ipv4.headerBytes || Ipv4.version(bytes, ipAt) !== 4) return
  if (Ipv4.isFragment(bytes, ipAt) || ipAt + Ipv4.totalLength(bytes, ipAt) > bytes.length) return
  Checksum.fillTransport(bytes, ipAt)
}
