/**
 * The frames that went over the cables of a scene, as bytes, in the order in which their last bits left.
 */
import type { LinkEnd } from "@darkfiber/hardware/link/LinkEnd"
import * as Arp from "@darkfiber/wire/Arp"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import type { DataCentre } from "@darkfiber/topology/DataCentre"

export interface WireFrame {
  /** When its last bit leaves, ns. */
  readonly time: number
  /** When it arrives, ns. */
  readonly arrival: number
  /** The host that sends it. */
  readonly from: string
  /** From its first bit's leaving to its last one's arrival, ns: what the link's rate and length make of its size. */
  readonly delay: number
  readonly bytes: Uint8Array
}

/** Watches all cables from now on. What it returns grows as the scene runs. */
export const tap = (centre: DataCentre): ReadonlyArray<WireFrame> => {
  const frames: Array<WireFrame> = []
  const { slab } = centre.world
  for (const link of centre.links) {
    link.addTap({
      frame(end, time, frame) {
        const start = slab.start[frame]!
        const bytes = slab.bytes.slice(start, start + slab.length[frame]!)
        const delay = serialization(end, bytes.length) + end.delay
        frames.push({ time, arrival: time + end.delay, from: end.owner!.island.name, delay, bytes })
      }
    })
  }
  return frames
}

/** Time that the bits of a frame take to leave, ns. */
const serialization = (end: LinkEnd, length: number): number => {
  const padded = Math.max(Ethernet.minFrameBytes, length) + end.overhead
  return Math.round((padded * 8_000_000_000) / end.rate)
}

/** Frames in the order of time. */
export const ordered = (frames: ReadonlyArray<WireFrame>): ReadonlyArray<WireFrame> =>
  [...frames].sort((before, after) => before.time - after.time)

const PAYLOAD = Ethernet.headerBytes

export const isArp = ({ bytes }: WireFrame): boolean => Ethernet.etherType(bytes, 0) === Ethernet.ETHERTYPE_ARP

/** `Arp.REQUEST`, `Arp.REPLY`. Precondition: it is ARP. */
export const arpOperation = ({ bytes }: WireFrame): number => Arp.operation(bytes, PAYLOAD)

const isIp = ({ bytes }: WireFrame, protocol: number): boolean =>
  Ethernet.etherType(bytes, 0) === Ethernet.ETHERTYPE_IPV4 && Ipv4.protocol(bytes, PAYLOAD) === protocol

const transport = (bytes: Uint8Array): number => PAYLOAD + Ipv4.headerLength(bytes, PAYLOAD)

export const isUdp = (frame: WireFrame): boolean => isIp(frame, Ipv4.PROTOCOL_UDP)
export const isTcp = (frame: WireFrame): boolean => isIp(frame, Ipv4.PROTOCOL_TCP)

/** Where a UDP datagram's payload begins in the frame. */
export const udpPayload = ({ bytes }: WireFrame): number => transport(bytes) + Udp.headerBytes

/** Payload bytes of a TCP segment. Precondition: it is TCP. */
export const tcpPayload = ({ bytes }: WireFrame): number => {
  const at = transport(bytes)
  return PAYLOAD + Ipv4.totalLength(bytes, PAYLOAD) - at - Tcp.headerLength(bytes, at)
}

/** Flags of a TCP segment. */
export const tcpFlags = ({ bytes }: WireFrame): number => Tcp.flags(bytes, transport(bytes))
