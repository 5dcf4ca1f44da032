/**
 * The tuples of conntrack: what names one direction of a flow. IPv4 only.
 *
 *     TCP, UDP   ports = source port << 16 | destination port
 *     ICMP       ports = identifier << 16 | type << 8 | code      (the type of the other direction when inverted)
 *     others     ports = 0                                        (one flow a pair of addresses and protocol)
 *
 * Linux: struct nf_conntrack_tuple (include/net/netfilter/nf_conntrack_tuple.h).
 */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import type { Entry } from "./ConntrackEntry.ts"

export const ORIGINAL = 0
export const REPLY = 1

/** A tuple read from a packet; one scratch of it serves all packets. */
export class Tuple {
  source: number
  destination: number
  /** int32, see above. */
  ports: number
  protocol: number

  constructor() {
    this.source = 0
    this.destination = 0
    this.ports = 0
    this.protocol = 0
  }

  set(source: number, destination: number, ports: number, protocol: number): void {
    this.source = source | 0
    this.destination = destination | 0
    this.ports = ports | 0
    this.protocol = protocol
  }

  copy(from: Tuple): void {
    this.source = from.source
    this.destination = from.destination
    this.ports = from.ports
    this.protocol = from.protocol
  }

  equals(other: Tuple): boolean {
    return (
      this.source === other.source &&
      this.destination === other.destination &&
      this.ports === other.ports &&
      this.protocol === other.protocol
    )
  }

  get sourcePort(): number {
    return this.ports >>> 16
  }

  get destinationPort(): number {
    return this.ports & 0xffff
  }
}

/** One direction of an entry, chained in the hash table (Linux: struct nf_conntrack_tuple_hash). */
export class TupleHash extends Tuple {
  readonly entry: Entry
  /** ORIGINAL or REPLY. */
  readonly direction: number
  next: TupleHash | null
  /** Bucket it hangs in, -1 for none. */
  bucket: number

  constructor(entry: Entry, direction: number) {
    super()
    this.entry = entry
    this.direction = direction
    this.next = null
    this.bucket = -1
  }
}

/** The ICMP type that answers `type`, or -1 (Linux: invmap of nf_conntrack_proto_icmp.c). */
export const icmpAnswer = (type: number): number => {
  switch (type) {
    case 8:
      return 0
    case 0:
      return 8
    case 13:
      return 14
    case 14:
      return 13
    case 15:
      return 16
    case 16:
      return 15
    case 17:
      return 18
    case 18:
      return 17
    default:
      return -1
  }
}

/**
 * Writes into `into` what packets of the other direction of `from` look like.
 *
 * @returns false when there is no such thing (an ICMP message that asks and answers nothing)
 */
export const invert = (from: Tuple, into: Tuple): boolean => {
  const source = from.source
  const ports = from.ports
  into.source = from.destination
  into.destination = source
  into.protocol = from.protocol
  if (from.protocol === Ipv4.PROTOCOL_ICMP) {
    const answer = icmpAnswer((ports >>> 8) & 0xff)
    if (answer < 0) return false
    into.ports = (ports & 0xffff00ff) | (answer << 8)
    return true
  }
  into.ports = (ports << 16) | (ports >>> 16)
  return true
}

/**
 * Reads the tuple of the IPv4 packet at `at`. Fragments behind the first have none: defragmentation comes before.
 *
 * @param end first byte that may not be read
 * @returns offset of the transport header, or -1 when the packet has no tuple
 */
export const read = (bytes: Uint8Array, at: number, end: number, into: Tuple): number => {
  if (end - at < Ipv4.headerBytes) return -1
  const headerLength = Ipv4.headerLength(bytes, at)
  const transport = at + headerLength
  if (Ipv4.version(bytes, at) !== 4 || headerLength < Ipv4.headerBytes || end < transport) return -1
  if (Ipv4.fragmentOffset(bytes, at) !== 0) return -1
  into.source = Ipv4.source(bytes, at)
  into.destination = Ipv4.destination(bytes, at)
  const protocol = Ipv4.protocol(bytes, at)
  into.protocol = protocol
  into.ports = 0
  if (protocol === Ipv4.PROTOCOL_TCP || protocol === Ipv4.PROTOCOL_UDP) {
    if (end - transport < 8) return -1
    into.ports = Bytes.i32(bytes, transport)
  } else if (protocol === Ipv4.PROTOCOL_ICMP) {
    if (end - transport < Icmp.headerBytes) return -1
    into.ports = (Icmp.echoIdentifier(bytes, transport) << 16) | Bytes.u16(bytes, transport)
  }
  return transport
}

/** A hash of one direction in one namespace, 32 bits. */
export const hash = (seed: number, netns: number, tuple: Tuple): number => {
  let value = (seed ^ Math.imul(netns, 0x9e3779b1)) | 0
  value = Math.imul(value ^ tuple.source, 0x85ebca6b)
  value = ((value << 13) | (value >>> 19)) ^ Math.imul(tuple.destination, 0xc2b2ae35)
  value = Math.imul(value ^ (value >>> 15), 0x27d4eb2f) ^ Math.imul(tuple.ports, 0x165667b1)
  value = Math.imul(value ^ (value >>> 16) ^ tuple.protocol, 0x85ebca6b)
  return (value ^ (value >>> 13)) >>> 0
}
