/**
 * UDP (RFC 768).
 *
 * ```
 *  0        2        4        6        8
 *  +--------+--------+--------+--------+---------
 *  | source | dest.  | length | check  | payload
 *  +--------+--------+--------+--------+---------
 * ```
 */
import * as Result from "effect/Result"
import { setU16, u16 } from "./Bytes.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface UdpHeader {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Bytes of header and payload: 8 to 65,535, or 0 for a jumbogram (RFC 2675 §4). */
  readonly length: number
  /** 0: the sender made none (IPv4 only). */
  readonly checksum: number
}

export const headerBytes = 8

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const LENGTH = 4
const CHECKSUM = 6
/** Where the checksum stands in the header: `csum_offset` of a partial checksum. */
export const checksumOffset = 6

/** Precondition of every field function: `at + headerBytes <= bytes.length`. */
export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at + SOURCE_PORT)
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + DESTINATION_PORT)
/** Bytes of header and payload. */
export const length = (bytes: Uint8Array, at: number): number => u16(bytes, at + LENGTH)
export const checksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM)

export const setSourcePort = (bytes: Uint8Array, at: number, port: number): void =>
  setU16(bytes, at + SOURCE_PORT, port)
export const setDestinationPort = (bytes: Uint8Array, at: number, port: number): void =>
  setU16(bytes, at + DESTINATION_PORT, port)
export const setLength = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + LENGTH, value)
export const setChecksum = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + CHECKSUM, value)

/**
 * Reads a header. A length that reaches past `end` is not an error here, because packets quoted by ICMP are cut.
 * Never throws, whatever the bytes.
 */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<UdpHeader, Unreadable> => {
  if (end - at < headerBytes) return Result.fail(truncated(at, headerBytes, end))
  const datagramLength = length(bytes, at)
  if (datagramLength !== 0 && datagramLength < headerBytes) {
    return Result.fail(malformed(at + LENGTH, `UDP length ${datagramLength} is below 8`))
  }
  return Result.succeed({
    sourcePort: sourcePort(bytes, at),
    destinationPort: destinationPort(bytes, at),
    length: datagramLength,
    checksum: checksum(bytes, at)
  })
}

/** Writes every byte of the header; returns where the payload starts. */
export const encode = (header: UdpHeader, bytes: Uint8Array, at: number): number => {
  write(bytes, at, header.sourcePort, header.destinationPort, header.length)
  setChecksum(bytes, at, header.checksum)
  return at + headerBytes
}

/** Writes every byte of the header from plain numbers, with a checksum of 0; returns where the payload starts. */
export const write = (
  bytes: Uint8Array,
  at: number,
  source: number,
  destination: number,
  datagramLength: number
): number => {
  setSourcePort(bytes, at, source)
  setDestinationPort(bytes, at, destination)
  setLength(bytes, at, datagramLength)
  setChecksum(bytes, at, 0)
  return at + headerBytes
}
