/**
 * How a NIC reads a packet out of host memory (DMA gather) and cuts a super-segment into wire frames (TSO).
 *
 *     head   | eth | ip | tcp | linear payload |      frags | page, offset, length | ...
 *     frame i: a copy of the headers, gsoSize bytes of payload, and in it
 *         IPv4: total length, identification + i, header checksum      IPv6: payload length
 *         TCP: sequence + i * gsoSize; FIN and PSH only in the last, CWR only in the first
 *
 * The transport checksum is filled, or, where checksums are only carried, the field keeps the pseudo header's sum over
 * the segment's own length and the frame is marked CHECKSUM_PARTIAL.
 *
 * Linux does the same in software in tcp_gso_segment (net/ipv4/tcp_offload.c) and inet_gso_segment (net/ipv4/af_inet.c).
 */
import type { DataPages } from "@darkfiber/sim/DataPages"
import { CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, type FrameSlab } from "@darkfiber/sim/FrameSlab"
import { setU16, u16 } from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import type { TxPacket } from "./Descriptors.ts"

const VLAN_TAG = 4
const IPV6_HEADER = 40
const IPV6_PAYLOAD_LENGTH = 4
const TCP_PROTOCOL = 6
const LAST_ONLY = Tcp.FIN | Tcp.PSH

/** Bytes of head and fragments together. */
export const packetLength = (packet: TxPacket): number => {
  let length = packet.headLength
  for (let i = 0; i < packet.fragCount; i++) length += packet.frags[i * 3 + 2]!
  return length
}

/** Frames a packet makes on the wire. */
export const segmentCount = (packet: TxPacket): number => {
  if (packet.gsoSize === 0) return 1
  const payload = packetLength(packet) - packet.headerLength
  return payload <= packet.gsoSize ? 1 : Math.ceil(payload / packet.gsoSize)
}

export class Segmenter {
  private readonly slab: FrameSlab
  private readonly pages: DataPages
  /** Fill in transport checksums instead of carrying the partial sum. */
  private readonly filled: boolean
  private packet: TxPacket | null
  private headAt: number
  private headLeft: number
  private frag: number
  private fragAt: number
  private payloadLeft: number
  private index: number

  constructor(slab: FrameSlab, pages: DataPages, filled: boolean) {
    this.slab = slab
    this.pages = pages
    this.filled = filled
    this.packet = null
    this.headAt = 0
    this.headLeft = 0
    this.frag = 0
    this.fragAt = 0
    this.payloadLeft = 0
    this.index = 0
  }

  /** The one wire frame of a packet that needs no cutting. */
  whole(packet: TxPacket): number {
    const slab = this.slab
    if (packet.giveAway && packet.fragCount === 0) return this.given(packet)
    const length = packetLength(packet)
    const frame = slab.alloc(length)
    const to = slab.start[frame]!
    slab.bytes.copyWithin(to, packet.headAt, packet.headAt + packet.headLength)
    if (packet.fragCount > 0) {
      this.begin(packet, packet.headLength)
      this.gather(to + packet.headLength, length - packet.headLength)
    }
    slab.trace[frame] = packet.traceId
    if (packet.checksumStart >= 0) this.finishOne(frame, packet)
    return frame
  }

  /** Starts cutting a super-segment. */
  cut(packet: TxPacket): void {
    this.begin(packet, packet.headerLength)
    this.payloadLeft = packetLength(packet) - packet.headerLength
    this.index = 0
  }

  /** The next wire frame of the super-segment, or -1 after the last one. */
  next(): number {
    const packet = this.packet!
    if (this.payloadLeft === 0 && this.index > 0) return -1
    const size = this.payloadLeft < packet.gsoSize ? this.payloadLeft : packet.gsoSize
    const slab = this.slab
    const length = packet.headerLength + size
    const frame = slab.alloc(length)
    const to = slab.start[frame]!
    slab.bytes.copyWithin(to, packet.headAt, packet.headAt + packet.headerLength)
    this.gather(to + packet.headerLength, size)
    this.payloadLeft -= size
    slab.trace[frame] = packet.traceId
    this.writeHeaders(frame, to, length)
    this.index++
    return frame
  }

  /** The head's own slot goes out: moved to a multiple of 4 first, because frames are hashed by words. */
  private given(packet: TxPacket): number {
    const slab = this.slab
    const frame = packet.frame
    const start = packet.headAt & ~3
    if (start !== packet.headAt) slab.bytes.copyWithin(start, packet.headAt, packet.headAt + packet.headLength)
    slab.start[frame] = start
    slab.length[frame] = packet.headLength
    slab.flags[frame] = 0
    slab.trace[frame] = packet.traceId
    if (packet.checksumStart >= 0) this.finishOne(frame, packet)
    return frame
  }

  private finishOne(frame: number, packet: TxPacket): void {
    const slab = this.slab
    if (!this.filled) {
      slab.flags[frame] = CHECKSUM_PARTIAL
      return
    }
    const at = slab.start[frame]!
    Checksum.finishPartial(slab.bytes, at + packet.checksumStart, packet.checksumOffset, at + slab.length[frame]!)
    slab.flags[frame] = CHECKSUM_VERIFIED
  }

  /** Stands at the first byte behind `skip` bytes of the head. */
  private begin(packet: TxPacket, skip: number): void {
    this.packet = packet
    this.headAt = packet.headAt + skip
    this.headLeft = packet.headLength - skip
    this.frag = 0
    this.fragAt = 0
  }

  private gather(to: number, length: number): void {
    const slab = this.slab
    let at = to
    let left = length
    if (this.headLeft > 0 && left > 0) {
      const size = left < this.headLeft ? left : this.headLeft
      slab.bytes.copyWithin(at, this.headAt, this.headAt + size)
      this.headAt += size
      this.headLeft -= size
      at += size
      left -= size
    }
    const frags = this.packet!.frags
    const pages = this.pages
    while (left > 0) {
      const row = this.frag * 3
      const rest = frags[row + 2]! - this.fragAt
      const size = left < rest ? left : rest
      const from = pages.offset(frags[row]!) + frags[row + 1]! + this.fragAt
      slab.bytes.set(pages.bytes.subarray(from, from + size), at)
      at += size
      left -= size
      this.fragAt += size
      if (size === rest) {
        this.frag++
        this.fragAt = 0
      }
    }
  }

  private writeHeaders(frame: number, at: number, length: number): void {
    const bytes = this.slab.bytes
    const packet = this.packet!
    let ip = at + Ethernet.headerBytes
    let type = Ethernet.etherType(bytes, at)
    while (type === Ethernet.ETHERTYPE_VLAN || type === Ethernet.ETHERTYPE_SERVICE_VLAN) {
      type = u16(bytes, ip + 2)
      ip += VLAN_TAG
    }
    const transport = at + packet.checksumStart
    const isV4 = type === Ethernet.ETHERTYPE_IPV4
    const end = at + length
    if (isV4) {
      Ipv4.setTotalLength(bytes, ip, end - ip)
      Ipv4.setIdentification(bytes, ip, Ipv4.identification(bytes, ip) + this.index)
      Ipv4.writeChecksum(bytes, ip)
    } else setU16(bytes, ip + IPV6_PAYLOAD_LENGTH, end - ip - IPV6_HEADER)
    let flags = Tcp.flags(bytes, transport)
    if (this.payloadLeft > 0) flags &= ~LAST_ONLY
    if (this.index > 0) flags &= ~Tcp.CWR
    Tcp.setFlags(bytes, transport, flags)
    Tcp.setSequence(bytes, transport, (Tcp.sequence(bytes, transport) + this.index * packet.gsoSize) | 0)
    const field = transport + packet.checksumOffset
    const pseudo = isV4
      ? Checksum.pseudoV4(Ipv4.source(bytes, ip), Ipv4.destination(bytes, ip), TCP_PROTOCOL, end - transport)
      : Checksum.pseudoV6(bytes, ip + 8, TCP_PROTOCOL, end - transport)
    setU16(bytes, field, pseudo)
    if (this.filled) {
      Checksum.finishPartial(bytes, transport, packet.checksumOffset, end)
      this.slab.flags[frame] = CHECKSUM_VERIFIED
    } else this.slab.flags[frame] = CHECKSUM_PARTIAL
  }
}
