/**
 * IPv4 packets as bytes: what a script injects, built whole with checksums; and the fields of what the host has sent.
 */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import type { IpInfo } from "./Ast.ts"

/** TTL of a packet that says nothing about it. */
const ANY_TTL = 255
const ICMP_HEADER = 8
/** Bytes that an ICMP error carries behind the echoed IP header (RFC 792). */
const ECHOED_BYTES = 8
const AE = 1

/** Addresses as int32. */
export interface Ends {
  readonly source: number
  readonly destination: number
  readonly sourcePort: number
  readonly destinationPort: number
}

/** Of the IP information of a script, what an injected packet carries in its TOS byte. */
export const tosByte = (ip: IpInfo): number => {
  switch (ip.tos._tag) {
    case "Ecn":
      return ip.tos.bits
    case "Tos":
      return ip.tos.value
    case "None":
    case "Ect01":
      return 0
    default:
      return ip.tos satisfies never
  }
}

const ipHeader = (packet: Uint8Array, ip: IpInfo, protocol: number, ends: Ends): void => {
  Ipv4.write(packet, 0, packet.length, protocol, ends.source, ends.destination)
  Ipv4.setFragment(packet, 0, 0, 0)
  Ipv4.setTos(packet, 0, tosByte(ip))
  Ipv4.setTimeToLive(packet, 0, ip.ttl === 0 ? ANY_TTL : ip.ttl)
  Ipv4.writeChecksum(packet, 0)
}

export interface Segment {
  readonly flags: number
  readonly accurateEcn: boolean
  readonly sequence: number
  readonly acknowledgment: number
  readonly window: number
  readonly urgent: number
  readonly options: Uint8Array
  readonly payload: number
}

export const tcp = (ip: IpInfo, ends: Ends, segment: Segment): Uint8Array => {
  const header = Tcp.headerBytes + segment.options.length
  const packet = new Uint8Array(Ipv4.headerBytes + header + segment.payload)
  const at = Ipv4.headerBytes
  ipHeader(packet, ip, Ipv4.PROTOCOL_TCP, ends)
  Tcp.setSourcePort(packet, at, ends.sourcePort)
  Tcp.setDestinationPort(packet, at, ends.destinationPort)
  Tcp.setSequence(packet, at, segment.sequence)
  Tcp.setAcknowledgment(packet, at, segment.acknowledgment)
  Tcp.setHeaderLength(packet, at, header)
  if (segment.accurateEcn) Tcp.setReserved(packet, at, AE)
  Tcp.setFlags(packet, at, segment.flags)
  Tcp.setWindow(packet, at, segment.window)
  Tcp.setUrgentPointer(packet, at, segment.urgent)
  packet.set(segment.options, at + Tcp.headerBytes)
  Checksum.fillTransport(packet, 0)
  return packet
}

export const udp = (ip: IpInfo, ends: Ends, payload: number): Uint8Array => {
  const packet = new Uint8Array(Ipv4.headerBytes + Udp.headerBytes + payload)
  const at = Ipv4.headerBytes
  ipHeader(packet, ip, Ipv4.PROTOCOL_UDP, ends)
  Udp.setSourcePort(packet, at, ends.sourcePort)
  Udp.setDestinationPort(packet, at, ends.destinationPort)
  Udp.setLength(packet, at, Udp.headerBytes + payload)
  Checksum.fillTransport(packet, 0)
  return packet
}

/** The packet an ICMP error answers: its header and the first eight bytes behind. */
export interface EchoedHeader {
  readonly protocol: number
  readonly ends: Ends
  readonly totalLength: number
  /** TCP's sequence number; 0 for another protocol. */
  readonly sequence: number
}

export interface Message {
  readonly type: number
  readonly code: number
  /** The next hop's MTU, or 0. */
  readonly mtu: number
  readonly id: number
  /** Null for a message that carries `bytes` bytes instead, its header included. */
  readonly echoed: EchoedHeader | null
  readonly bytes: number
}

export const icmp = (ip: IpInfo, ends: Ends, message: Message): Uint8Array => {
  const length = message.echoed === null ? message.bytes : ICMP_HEADER + Ipv4.headerBytes + ECHOED_BYTES
  const packet = new Uint8Array(Ipv4.headerBytes + Math.max(ICMP_HEADER, length))
  const at = Ipv4.headerBytes
  ipHeader(packet, ip, Ipv4.PROTOCOL_ICMP, ends)
  packet[at] = message.type
  packet[at + 1] = message.code
  if (message.mtu !== 0) Bytes.setU16(packet, at + 6, message.mtu)
  if (message.id !== 0) Bytes.setU16(packet, at + 4, message.id)
  if (message.echoed !== null) echo(packet, at + ICMP_HEADER, message.echoed)
  Bytes.setU16(packet, at + 2, Checksum.finish(Checksum.sum(packet, at, packet.length - at, 0)))
  return packet
}

const echo = (packet: Uint8Array, at: number, echoed: EchoedHeader): void => {
  const { ends } = echoed
  Ipv4.write(packet, at, echoed.totalLength, echoed.protocol, ends.source, ends.destination)
  Ipv4.setTimeToLive(packet, at, ANY_TTL)
  Ipv4.writeChecksum(packet, at)
  const transport = at + Ipv4.headerBytes
  Bytes.setU16(packet, transport, ends.sourcePort)
  Bytes.setU16(packet, transport + 2, ends.destinationPort)
  if (echoed.protocol === Ipv4.PROTOCOL_TCP) Bytes.setI32(packet, transport + 4, echoed.sequence)
}
