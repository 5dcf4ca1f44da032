/**
 * IPv6's fixed header and the way over its extension headers (RFC 8200 §3, §4).
 *
 * ```
 *  0                 4        6    7    8                 24                40
 *  +-----------------+--------+----+----+-----------------+-----------------+---------
 *  |v| class | flow  | length |next|hop | source          | destination     | payload
 *  +-----------------+--------+----+----+-----------------+-----------------+---------
 * ```
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16 } from "./Bytes.ts"
import * as Ipv6Address from "./Ipv6Address.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface Ipv6Header {
  /** Eight bits: six of DSCP, two of ECN. */
  readonly trafficClass: number
  /** Twenty bits. */
  readonly flowLabel: number
  /** Bytes behind the fixed header, extension headers included. */
  readonly payloadLength: number
  /** Protocol or extension header that follows. */
  readonly nextHeader: number
  readonly hopLimit: number
  readonly source: Ipv6Address.Ipv6Address
  readonly destination: Ipv6Address.Ipv6Address
}

export const headerBytes = 40
/** The smallest MTU a link may have (RFC 8200 §5). */
export const minMtu = 1280
/** Most extension headers {@link upperLayer} walks over; a longer chain counts as unreadable. */
export const maxExtensionHeaders = 16

export const NEXT_HOP_BY_HOP = 0
export const NEXT_TCP = 6
export const NEXT_UDP = 17
export const NEXT_ROUTING = 43
export const NEXT_FRAGMENT = 44
export const NEXT_AUTHENTICATION = 51
export const NEXT_ICMPV6 = 58
export const NEXT_NONE = 59
export const NEXT_DESTINATION_OPTIONS = 60

const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SOURCE = 8
const DESTINATION = 24

/** Offset of the source address; the destination follows it. */
export const addressesOffset = SOURCE
export const destinationOffset = DESTINATION

/** Precondition of every field function: `at + headerBytes <= bytes.length`. */
export const version = (bytes: Uint8Array, at: number): number => bytes[at]! >>> 4
export const trafficClass = (bytes: Uint8Array, at: number): number => (u16(bytes, at) >>> 4) & 0xff
export const ecn = (bytes: Uint8Array, at: number): number => (bytes[at + 1]! >>> 4) & 3
export const flowLabel = (bytes: Uint8Array, at: number): number => i32(bytes, at) & 0xf_ffff
export const payloadLength = (bytes: Uint8Array, at: number): number => u16(bytes, at + PAYLOAD_LENGTH)
export const nextHeader = (bytes: Uint8Array, at: number): number => bytes[at + NEXT_HEADER]!
export const hopLimit = (bytes: Uint8Array, at: number): number => bytes[at + HOP_LIMIT]!

/** Writes version 6, traffic class and flow label. */
export const setClassAndLabel = (bytes: Uint8Array, at: number, trafficClassByte: number, label: number): void =>
  setI32(bytes, at, 0x6000_0000 | ((trafficClassByte & 0xff) << 20) | (label & 0xf_ffff))
export const setPayloadLength = (bytes: Uint8Array, at: number, length: number): void =>
  setU16(bytes, at + PAYLOAD_LENGTH, length)
export const setNextHeader = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + NEXT_HEADER] = value
}
export const setHopLimit = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + HOP_LIMIT] = value
}

/**
 * Walks over hop-by-hop, routing, destination, authentication and first-fragment headers to the upper layer, without
 * allocating. Read the answer with {@link upperLayerOffset} and {@link upperLayerProtocol}.
 *
 * A fragment that is not the first ends the walk with protocol 44 and the offset of its fragment header. Linux:
 * ipv6_skip_exthdr (net/ipv6/exthdrs_core.c).
 *
 * Precondition: `at + 40 <= end`.
 * @returns offset from `at` and protocol in one number, or -1 if a header reaches past `end` or the chain is longer than
 *   {@link maxExtensionHeaders}
 */
export const upperLayer = (bytes: Uint8Array, at: number, end: number): number => {
  let protocol = nextHeader(bytes, at)
  let i = at + headerBytes
  for (let count = 0; count < maxExtensionHeaders; count++) {
    if (!isExtension(protocol)) return ((i - at) << 8) | protocol
    if (i + 8 > end) return -1
    let length = (bytes[i + 1]! + 1) << 3
    if (protocol === NEXT_FRAGMENT) {
      if ((u16(bytes, i + 2) & 0xfff8) !== 0) return ((i - at) << 8) | NEXT_FRAGMENT
      length = 8
    } else if (protocol === NEXT_AUTHENTICATION) length = (bytes[i + 1]! + 2) << 2
    if (i + length > end) return -1
    protocol = bytes[i]!
    i += length
  }
  return -1
}

/** Bytes from the fixed header's start to the upper layer. Precondition: {@link upperLayer} did not answer -1. */
export const upperLayerOffset = (layer: number): number => layer >>> 8
/** The upper layer's protocol number. Precondition: {@link upperLayer} did not answer -1. */
export const upperLayerProtocol = (layer: number): number => layer & 0xff

const isExtension = (protocol: number): boolean =>
  protocol === NEXT_HOP_BY_HOP ||
  protocol === NEXT_ROUTING ||
  protocol === NEXT_FRAGMENT ||
  protocol === NEXT_AUTHENTICATION ||
  protocol === NEXT_DESTINATION_OPTIONS

/** Reads the fixed header; a payload length that reaches past `end` is not an error. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<Ipv6Header, Unreadable> => {
  if (end - at < headerBytes) return Result.fail(truncated(at, headerBytes, end))
  if (version(bytes, at) !== 6) return Result.fail(malformed(at, `IP version ${version(bytes, at)} is not 6`))
  return Result.succeed({
    trafficClass: trafficClass(bytes, at),
    flowLabel: flowLabel(bytes, at),
    payloadLength: payloadLength(bytes, at),
    nextHeader: nextHeader(bytes, at),
    hopLimit: hopLimit(bytes, at),
    source: Ipv6Address.get(bytes, at + SOURCE),
    destination: Ipv6Address.get(bytes, at + DESTINATION)
  })
}

/** Writes every byte of the fixed header; returns where the payload starts. */
export const encode = (header: Ipv6Header, bytes: Uint8Array, at: number): number => {
  setClassAndLabel(bytes, at, header.trafficClass, header.flowLabel)
  setPayloadLength(bytes, at, header.payloadLength)
  setNextHeader(bytes, at, header.nextHeader)
  setHopLimit(bytes, at, header.hopLimit)
  Ipv6Address.set(bytes, at + SOURCE, header.source)
  Ipv6Address.set(bytes, at + DESTINATION, header.destination)
  return at + headerBytes
}
