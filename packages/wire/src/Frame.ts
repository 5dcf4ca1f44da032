/**
 * Whole frames with right lengths and checksums, for tests and tools. Each function makes one new array that holds exactly
 * the frame, not padded to 60 bytes (`Ethernet.pad` does that); the data path writes into its own slab instead.
 */
import * as Arp from "./Arp.ts"
import * as Checksum from "./Checksum.ts"
import * as Ethernet from "./Ethernet.ts"
import * as FlowKey from "./FlowKey.ts"
import * as Icmp from "./Icmp.ts"
import * as Icmpv6 from "./Icmpv6.ts"
import * as Ipv4 from "./Ipv4.ts"
import type { Ipv4Address } from "./Ipv4Address.ts"
import * as Ipv6 from "./Ipv6.ts"
import type { Ipv6Address } from "./Ipv6Address.ts"
import * as MacAddress from "./MacAddress.ts"
import * as Tcp from "./Tcp.ts"
import * as TcpOptions from "./TcpOptions.ts"
import * as Udp from "./Udp.ts"

/** Who sends to whom over IPv4; addresses as int32. */
export interface Ends {
  readonly sourceMac: MacAddress.MacAddress
  readonly destinationMac: MacAddress.MacAddress
  readonly source: Ipv4Address
  readonly destination: Ipv4Address
}

/** Who sends to whom over IPv6. */
export interface Ends6 {
  readonly sourceMac: MacAddress.MacAddress
  readonly destinationMac: MacAddress.MacAddress
  readonly source: Ipv6Address
  readonly destination: Ipv6Address
}

/** What may differ in the IP header. */
export interface IpChoices {
  readonly tos: number
  readonly identification: number
  /** Three bits, see `Ipv4.FLAG_...`. */
  readonly flags: number
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number
  /** Time to live, or hop limit. */
  readonly timeToLive: number
}

export const ipDefaults: IpChoices = {
  tos: 0,
  identification: 0,
  flags: Ipv4.FLAG_DONT_FRAGMENT,
  fragmentOffset: 0,
  timeToLive: Ipv4.defaultTimeToLive
}

export interface Ports {
  readonly sourcePort: number
  readonly destinationPort: number
}

/** A TCP segment without its payload. Sequence numbers take any number; the low 32 bits count. */
export interface Segment extends Ports {
  readonly sequence: number
  readonly acknowledgment: number
  readonly flags: number
  readonly window: number
}

const empty = new Uint8Array(0)
const noOptions = TcpOptions.make()

/** An ARP packet in a frame from the packet's sender. */
export const arp = (packet: Arp.ArpPacket, destinationMac: MacAddress.MacAddress): Uint8Array => {
  const bytes = new Uint8Array(Ethernet.headerBytes + Arp.packetBytes)
  Arp.encode(packet, bytes, Ethernet.write(bytes, 0, destinationMac, packet.senderMac, Ethernet.ETHERTYPE_ARP))
  return bytes
}

/** The broadcast question "who has `targetIp`?". */
export const arpRequest = (
  senderMac: MacAddress.MacAddress,
  senderIp: Ipv4Address,
  targetIp: Ipv4Address
): Uint8Array =>
  arp({ operation: Arp.REQUEST, senderMac, senderIp, targetMac: MacAddress.zero, targetIp }, MacAddress.broadcast)

/** The answer to a question, sent to the one who asked. */
export const arpReply = (
  senderMac: MacAddress.MacAddress,
  senderIp: Ipv4Address,
  targetMac: MacAddress.MacAddress,
  targetIp: Ipv4Address
): Uint8Array => arp({ operation: Arp.REPLY, senderMac, senderIp, targetMac, targetIp }, targetMac)

/** An IPv4 packet with the given payload; the transport checksum is filled in for a whole TCP, UDP or ICMP packet. */
export const ipv4 = (
  ends: Ends,
  protocol: number,
  payload: Uint8Array,
  choices: Partial<IpChoices> = {}
): Uint8Array => {
  const ip: IpChoices = { ...ipDefaults, ...choices }
  const at = Ethernet.headerBytes
  const bytes = new Uint8Array(at + Ipv4.headerBytes + payload.length)
  Ethernet.write(bytes, 0, ends.destinationMac, ends.sourceMac, Ethernet.ETHERTYPE_IPV4)
  Ipv4.write(bytes, at, Ipv4.headerBytes + payload.length, protocol, ends.source, ends.destination)
  Ipv4.setTos(bytes, at, ip.tos)
  Ipv4.setIdentification(bytes, at, ip.identification)
  Ipv4.setFragment(bytes, at, ip.flags, ip.fragmentOffset)
  Ipv4.setTimeToLive(bytes, at, ip.timeToLive)
  Ipv4.writeChecksum(bytes, at)
  bytes.set(payload, at + Ipv4.headerBytes)
  if (!Ipv4.isFragment(bytes, at)) Checksum.fillTransport(bytes, at)
  return bytes
}

/** A UDP datagram over IPv4. */
export const udp = (
  ends: Ends,
  ports: Ports,
  payload: Uint8Array = empty,
  choices: Partial<IpChoices> = {}
): Uint8Array => ipv4(ends, Ipv4.PROTOCOL_UDP, datagram(ports, payload), choices)

/** A TCP segment over IPv4; `options` are written in Linux's order. Precondition: they take at most 40 bytes. */
export const tcp = (
  ends: Ends,
  segment: Segment,
  payload: Uint8Array = empty,
  options: TcpOptions.TcpOptions = noOptions,
  choices: Partial<IpChoices> = {}
): Uint8Array => ipv4(ends, Ipv4.PROTOCOL_TCP, segmentBytes(segment, payload, options), choices)

/** An ICMP message over IPv4; the header's own checksum field is ignored. */
export const icmp = (
  ends: Ends,
  header: Icmp.IcmpHeader,
  payload: Uint8Array = empty,
  choices: Partial<IpChoices> = {}
): Uint8Array => {
  const message = new Uint8Array(Icmp.headerBytes + payload.length)
  message.set(payload, Icmp.encode(header, message, 0))
  return ipv4(ends, Ipv4.PROTOCOL_ICMP, message, choices)
}

/** An IPv6 packet with the given payload and its checksum; `tos` and `timeToLive` count, the other choices do not exist. */
export const ipv6 = (
  ends: Ends6,
  nextHeader: number,
  payload: Uint8Array,
  choices: Partial<IpChoices> = {}
): Uint8Array => {
  const ip: IpChoices = { ...ipDefaults, ...choices }
  const at = Ethernet.headerBytes
  const bytes = new Uint8Array(at + Ipv6.headerBytes + payload.length)
  Ethernet.write(bytes, 0, ends.destinationMac, ends.sourceMac, Ethernet.ETHERTYPE_IPV6)
  const header: Ipv6.Ipv6Header = {
    trafficClass: ip.tos,
    flowLabel: 0,
    payloadLength: payload.length,
    nextHeader,
    hopLimit: ip.timeToLive,
    source: ends.source,
    destination: ends.destination
  }
  const payloadAt = Ipv6.encode(header, bytes, at)
  bytes.set(payload, payloadAt)
  Checksum.fillTransportV6(bytes, at, payloadAt, payload.length, nextHeader)
  return bytes
}

/** A UDP datagram over IPv6. */
export const udp6 = (
  ends: Ends6,
  ports: Ports,
  payload: Uint8Array = empty,
  choices: Partial<IpChoices> = {}
): Uint8Array => ipv6(ends, Ipv6.NEXT_UDP, datagram(ports, payload), choices)

/** A TCP segment over IPv6. */
export const tcp6 = (
  ends: Ends6,
  segment: Segment,
  payload: Uint8Array = empty,
  options: TcpOptions.TcpOptions = noOptions,
  choices: Partial<IpChoices> = {}
): Uint8Array => ipv6(ends, Ipv6.NEXT_TCP, segmentBytes(segment, payload, options), choices)

/** An ICMPv6 message; the header's own checksum field is ignored. Neighbour discovery wants a hop limit of 255. */
export const icmpv6 = (
  ends: Ends6,
  header: Icmpv6.Icmpv6Header,
  payload: Uint8Array = empty,
  choices: Partial<IpChoices> = {}
): Uint8Array => {
  const longest = new Uint8Array(24 + payload.length)
  const payloadAt = Icmpv6.encode(header, longest, 0)
  longest.set(payload, payloadAt)
  return ipv6(ends, Ipv6.NEXT_ICMPV6, longest.subarray(0, payloadAt + payload.length), choices)
}

/** Fills `key` with what a flow hash takes from the frame at `at` (see FlowKey.ts); allocates nothing. */
export const flowHashFields = (bytes: Uint8Array, at: number, end: number, key: FlowKey.FlowKey): void =>
  FlowKey.read(bytes, at, end, key)

const datagram = (ports: Ports, payload: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(Udp.headerBytes + payload.length)
  bytes.set(payload, Udp.write(bytes, 0, ports.sourcePort, ports.destinationPort, bytes.length))
  return bytes
}

const segmentBytes = (segment: Segment, payload: Uint8Array, options: TcpOptions.TcpOptions): Uint8Array => {
  const headerLength = Tcp.headerBytes + TcpOptions.byteLength(options)
  const bytes = new Uint8Array(headerLength + payload.length)
  Tcp.write(
    bytes,
    0,
    segment.sourcePort,
    segment.destinationPort,
    segment.sequence,
    segment.acknowledgment,
    segment.flags,
    segment.window
  )
  Tcp.setHeaderLength(bytes, 0, headerLength)
  TcpOptions.write(options, bytes, Tcp.headerBytes)
  bytes.set(payload, headerLength)
  return bytes
}
