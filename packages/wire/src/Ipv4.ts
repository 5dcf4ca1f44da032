/**
 * IPv4 (RFC 791 §3.1; traffic class as RFC 2474 and RFC 3168 have it).
 *
 * ```
 *  0    1    2         4         6         8    9    10        12        16        20
 *  +----+----+---------+---------+---------+----+----+---------+---------+---------+---------
 *  |v|hl| tos| length  | ident   |fl|offset| ttl| pr | check   | source  | dest.   | options
 *  +----+----+---------+---------+---------+----+----+---------+---------+---------+---------
 * ```
 *
 * Addresses are signed int32 numbers (see Ipv4Address.ts). Options are read by Ipv4Options.ts.
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16 } from "./Bytes.ts"
import * as Checksum from "./Checksum.ts"
import type { Ipv4Address } from "./Ipv4Address.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface Ipv4Header {
  /** The whole byte: six bits of DSCP, two of ECN. */
  readonly tos: number
  /** Bytes of header and payload. */
  readonly totalLength: number
  readonly identification: number
  /** Three bits: reserved 4, don't fragment 2, more fragments 1. */
  readonly flags: number
  /** Bytes, a multiple of 8. */
  readonly fragmentOffset: number
  readonly timeToLive: number
  readonly protocol: number
  /** As it stands on the wire; {@link encode} does not compute it. */
  readonly checksum: number
  readonly source: Ipv4Address
  readonly destination: Ipv4Address
  /** 0 to 40 bytes, a multiple of 4. */
  readonly options: Uint8Array
}

/** Bytes of a header without options. */
export const headerBytes = 20
export const maxHeaderBytes = 60
export const maxTotalLength = 65_535
/** Linux: IPDEFTTL, net.ipv4.ip_default_ttl. */
export const defaultTimeToLive = 64

/** Protocol numbers (Linux: IPPROTO_*). */
export const PROTOCOL_ICMP = 1
export const PROTOCOL_IGMP = 2
export const PROTOCOL_IPIP = 4
export const PROTOCOL_TCP = 6
export const PROTOCOL_UDP = 17
export const PROTOCOL_IPV6 = 41
export const PROTOCOL_GRE = 47
export const PROTOCOL_ESP = 50
export const PROTOCOL_ICMPV6 = 58
export const PROTOCOL_SCTP = 132

export const FLAG_RESERVED = 4
export const FLAG_DONT_FRAGMENT = 2
export const FLAG_MORE_FRAGMENTS = 1

/** The two ECN bits of `tos` (RFC 3168 §5). */
export const ECN_MASK = 3
export const ECN_NOT_ECT = 0
export const ECN_ECT_1 = 1
export const ECN_ECT_0 = 2
export const ECN_CE = 3

const TOS = 1
const TOTAL_LENGTH = 2
const IDENTIFICATION = 4
const FRAGMENT = 6
const TIME_TO_LIVE = 8
const PROTOCOL = 9
const CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16

/** Offset of the source address; the destination follows it. */
export const addressesOffset = SOURCE

/** Precondition of every field function: `at + 20 <= bytes.length`. */
export const version = (bytes: Uint8Array, at: number): number => bytes[at]! >>> 4
/** Bytes of the header with options, 0 to 60; below 20 it is no header. */
export const headerLength = (bytes: Uint8Array, at: number): number => (bytes[at]! & 15) << 2
export const tos = (bytes: Uint8Array, at: number): number => bytes[at + TOS]!
export const dscp = (bytes: Uint8Array, at: number): number => bytes[at + TOS]! >>> 2
export const ecn = (bytes: Uint8Array, at: number): number => bytes[at + TOS]! & ECN_MASK
export const totalLength = (bytes: Uint8Array, at: number): number => u16(bytes, at + TOTAL_LENGTH)
/** Bytes behind the header; negative if the lengths contradict each other. */
export const payloadLength = (bytes: Uint8Array, at: number): number => totalLength(bytes, at) - headerLength(bytes, at)
export const identification = (bytes: Uint8Array, at: number): number => u16(bytes, at + IDENTIFICATION)
export const flags = (bytes: Uint8Array, at: number): number => bytes[at + FRAGMENT]! >>> 5
/** Bytes from the start of the datagram's payload. */
export const fragmentOffset = (bytes: Uint8Array, at: number): number => (u16(bytes, at + FRAGMENT) & 0x1fff) << 3
export const dontFragment = (bytes: Uint8Array, at: number): boolean => (bytes[at + FRAGMENT]! & 0x40) !== 0
export const moreFragments = (bytes: Uint8Array, at: number): boolean => (bytes[at + FRAGMENT]! & 0x20) !== 0
/** Whether this is a part of a datagram: more to come, or not the first (Linux: ip_is_fragment). */
export const isFragment = (bytes: Uint8Array, at: number): boolean => (u16(bytes, at + FRAGMENT) & 0x3fff) !== 0
export const timeToLive = (bytes: Uint8Array, at: number): number => bytes[at + TIME_TO_LIVE]!
export const protocol = (bytes: Uint8Array, at: number): number => bytes[at + PROTOCOL]!
export const checksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM)
/** Int32. */
export const source = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at + SOURCE) as Ipv4Address
/** Int32. */
export const destination = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at + DESTINATION) as Ipv4Address

/** Writes version 4 and the header length, bytes, a multiple of 4 from 20 to 60. */
export const setHeaderLength = (bytes: Uint8Array, at: number, length: number): void => {
  bytes[at] = 0x40 | (length >>> 2)
}
export const setTos = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + TOS] = value
}
/** Writes the two ECN bits and leaves DSCP; the header checksum is the caller's. */
export const setEcn = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + TOS] = (bytes[at + TOS]! & ~ECN_MASK) | (value & ECN_MASK)
}
/**
 * Marks the header at `at` CE if its sender understands that (RFC 3168 §5), and mends the checksum.
 *
 * @returns true when it is marked now and was not before
 */
export const markCe = (bytes: Uint8Array, at: number): boolean => {
  const before = ecn(bytes, at)
  if (before === ECN_NOT_ECT || before === ECN_CE) return false
  const word = u16(bytes, at)
  setEcn(bytes, at, ECN_CE)
  setChecksum(bytes, at, Checksum.update16(checksum(bytes, at), word, u16(bytes, at)))
  return true
}
export const setTotalLength = (bytes: Uint8Array, at: number, length: number): void =>
  setU16(bytes, at + TOTAL_LENGTH, length)
export const setIdentification = (bytes: Uint8Array, at: number, value: number): void =>
  setU16(bytes, at + IDENTIFICATION, value)
/** Writes the three flag bits and the offset, bytes, a multiple of 8. */
export const setFragment = (bytes: Uint8Array, at: number, flagBits: number, offset: number): void =>
  setU16(bytes, at + FRAGMENT, ((flagBits & 7) << 13) | ((offset >>> 3) & 0x1fff))
export const setTimeToLive = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + TIME_TO_LIVE] = value
}
export const setProtocol = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + PROTOCOL] = value
}
export const setChecksum = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + CHECKSUM, value)
export const setSource = (bytes: Uint8Array, at: number, address: number): void => setI32(bytes, at + SOURCE, address)
export const setDestination = (bytes: Uint8Array, at: number, address: number): void =>
  setI32(bytes, at + DESTINATION, address)

/** Computes and writes the header checksum over the header with its options (Linux: ip_send_check). */
export const writeChecksum = (bytes: Uint8Array, at: number): void => {
  setChecksum(bytes, at, 0)
  setChecksum(bytes, at, Checksum.checksum(bytes, at, headerLength(bytes, at)))
}

/** Whether the header's words sum up as they should (Linux: ip_fast_csum in ip_rcv_core). */
export const verifyChecksum = (bytes: Uint8Array, at: number): boolean =>
  Checksum.sum(bytes, at, headerLength(bytes, at)) === 0xffff

/**
 * Takes one from the time to live and mends the checksum incrementally (RFC 1624; Linux: ip_decrease_ttl).
 *
 * @returns the new time to live. Precondition: it was above 0
 */
export const decrementTimeToLive = (bytes: Uint8Array, at: number): number => {
  const before = u16(bytes, at + TIME_TO_LIVE)
  const after = before - 0x100
  bytes[at + TIME_TO_LIVE] = after >>> 8
  setChecksum(bytes, at, Checksum.update16(checksum(bytes, at), before, after))
  return after >>> 8
}

/** Reads the header's own consistency: version, header length, total length. */
const fault = (bytes: Uint8Array, at: number, end: number): Unreadable | undefined => {
  if (end - at < headerBytes) return truncated(at, headerBytes, end)
  if (version(bytes, at) !== 4) return malformed(at, `IP version ${version(bytes, at)} is not 4`)
  const length = headerLength(bytes, at)
  if (length < headerBytes) return malformed(at, `IPv4 header length ${length} is below 20`)
  if (end - at < length) return truncated(at, length, end)
  if (totalLength(bytes, at) < length) {
    return malformed(at + TOTAL_LENGTH, `IPv4 total length ${totalLength(bytes, at)} is below the header's ${length}`)
  }
  return undefined
}

/**
 * Reads a header. The checksum is not verified, and a total length that reaches past `end` is not an error here, because
 * packets quoted by ICMP are cut. Never throws, whatever the bytes.
 */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<Ipv4Header, Unreadable> => {
  const error = fault(bytes, at, end)
  if (error !== undefined) return Result.fail(error)
  return Result.succeed({
    tos: tos(bytes, at),
    totalLength: totalLength(bytes, at),
    identification: identification(bytes, at),
    flags: flags(bytes, at),
    fragmentOffset: fragmentOffset(bytes, at),
    timeToLive: timeToLive(bytes, at),
    protocol: protocol(bytes, at),
    checksum: checksum(bytes, at),
    source: source(bytes, at),
    destination: destination(bytes, at),
    options: bytes.slice(at + headerBytes, at + headerLength(bytes, at))
  })
}

/**
 * Writes every byte of the header; options are filled up with zeros (end of list) to a multiple of 4.
 *
 * @returns where the payload starts. Precondition: at most 40 bytes of options
 */
export const encode = (header: Ipv4Header, bytes: Uint8Array, at: number): number => {
  const optionsLength = (header.options.length + 3) & ~3
  write(bytes, at, header.totalLength, header.protocol, header.source, header.destination)
  setHeaderLength(bytes, at, headerBytes + optionsLength)
  setTos(bytes, at, header.tos)
  setIdentification(bytes, at, header.identification)
  setFragment(bytes, at, header.flags, header.fragmentOffset)
  setTimeToLive(bytes, at, header.timeToLive)
  setChecksum(bytes, at, header.checksum)
  for (let i = 0; i < optionsLength; i++) bytes[at + headerBytes + i] = header.options[i] ?? 0
  return at + headerBytes + optionsLength
}

/**
 * Writes every byte of a header without options from plain numbers: tos 0, identification 0, don't fragment, TTL 64,
 * checksum 0. What differs is set afterwards, {@link writeChecksum} last.
 *
 * @param length total length, bytes
 * @returns where the payload starts
 */
export const write = (
  bytes: Uint8Array,
  at: number,
  length: number,
  protocolNumber: number,
  sourceAddress: number,
  destinationAddress: number
): number => {
  bytes[at] = 0x45
  bytes[at + TOS] = 0
  setTotalLength(bytes, at, length)
  setIdentification(bytes, at, 0)
  setFragment(bytes, at, FLAG_DONT_FRAGMENT, 0)
  bytes[at + TIME_TO_LIVE] = defaultTimeToLive
  bytes[at + PROTOCOL] = protocolNumber
  setChecksum(bytes, at, 0)
  setSource(bytes, at, sourceAddress)
  setDestination(bytes, at, destinationAddress)
  return at + headerBytes
}
