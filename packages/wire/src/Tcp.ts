/**
 * TCP's header (RFC 9293 §3.1). Options are read and written by TcpOptions.ts.
 *
 * ```
 *  0        2        4             8             12   13   14       16       18       20
 *  +--------+--------+-------------+-------------+----+----+--------+--------+--------+--------
 *  | source | dest.  | sequence    | acknowledg. |of|r|flag| window | check  | urgent | options
 *  +--------+--------+-------------+-------------+----+----+--------+--------+--------+--------
 * ```
 *
 * Sequence numbers are **signed int32 numbers**: they wrap, `(b - a) | 0` is the distance, never `a < b`.
 */
import * as Result from "effect/Result"
import { i32, setI32, setU16, u16 } from "./Bytes.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface TcpHeader {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Int32. */
  readonly sequence: number
  /** Int32. */
  readonly acknowledgment: number
  /** Four bits, the lowest of them AE (accurate ECN). */
  readonly reserved: number
  /** Eight bits: FIN ... CWR. */
  readonly flags: number
  /** As it stands on the wire, not scaled. */
  readonly window: number
  readonly checksum: number
  readonly urgentPointer: number
  /** 0 to 40 bytes, a multiple of 4. */
  readonly options: Uint8Array
}

/** Bytes of a header without options. */
export const headerBytes = 20
export const maxHeaderBytes = 60
/** Where the checksum stands in the header: `csum_offset` of a partial checksum. */
export const checksumOffset = 16

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const PSH = 0x08
export const ACK = 0x10
export const URG = 0x20
export const ECE = 0x40
export const CWR = 0x80

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const SEQUENCE = 4
const ACKNOWLEDGMENT = 8
const OFFSET = 12
const FLAGS = 13
const WINDOW = 14
const CHECKSUM = 16
const URGENT = 18

/** Precondition of every field function: `at + 20 <= bytes.length`. */
export const sourcePort = (bytes: Uint8Array, at: number): number => u16(bytes, at + SOURCE_PORT)
export const destinationPort = (bytes: Uint8Array, at: number): number => u16(bytes, at + DESTINATION_PORT)
/** Both ports as one int32, source in the high half: a key for tables and hashes. */
export const ports = (bytes: Uint8Array, at: number): number => i32(bytes, at)
/** Int32. */
export const sequence = (bytes: Uint8Array, at: number): number => i32(bytes, at + SEQUENCE)
/** Int32. */
export const acknowledgment = (bytes: Uint8Array, at: number): number => i32(bytes, at + ACKNOWLEDGMENT)
/** Bytes of the header with options, 0 to 60; below 20 it is no header. */
export const headerLength = (bytes: Uint8Array, at: number): number => (bytes[at + OFFSET]! >>> 4) << 2
export const reserved = (bytes: Uint8Array, at: number): number => bytes[at + OFFSET]! & 15
export const flags = (bytes: Uint8Array, at: number): number => bytes[at + FLAGS]!
export const window = (bytes: Uint8Array, at: number): number => u16(bytes, at + WINDOW)
export const checksum = (bytes: Uint8Array, at: number): number => u16(bytes, at + CHECKSUM)
export const urgentPointer = (bytes: Uint8Array, at: number): number => u16(bytes, at + URGENT)
/** Whether all of the given flags are set. */
export const hasFlags = (bytes: Uint8Array, at: number, wanted: number): boolean =>
  (bytes[at + FLAGS]! & wanted) === wanted

export const setSourcePort = (bytes: Uint8Array, at: number, port: number): void =>
  setU16(bytes, at + SOURCE_PORT, port)
export const setDestinationPort = (bytes: Uint8Array, at: number, port: number): void =>
  setU16(bytes, at + DESTINATION_PORT, port)
export const setSequence = (bytes: Uint8Array, at: number, value: number): void => setI32(bytes, at + SEQUENCE, value)
export const setAcknowledgment = (bytes: Uint8Array, at: number, value: number): void =>
  setI32(bytes, at + ACKNOWLEDGMENT, value)
/** Writes the data offset, bytes, a multiple of 4 from 20 to 60, and clears the reserved bits. */
export const setHeaderLength = (bytes: Uint8Array, at: number, length: number): void => {
  bytes[at + OFFSET] = (length >>> 2) << 4
}
export const setReserved = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + OFFSET] = (bytes[at + OFFSET]! & 0xf0) | (value & 15)
}
export const setFlags = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at + FLAGS] = value
}
export const setWindow = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + WINDOW, value)
export const setChecksum = (bytes: Uint8Array, at: number, value: number): void => setU16(bytes, at + CHECKSUM, value)
export const setUrgentPointer = (bytes: Uint8Array, at: number, value: number): void =>
  setU16(bytes, at + URGENT, value)

/** Distance from `a` to `b` in sequence space, int32: above zero when `b` is later. */
export const distance = (a: number, b: number): number => (b - a) | 0
/** Whether `a` comes before `b` in sequence space (Linux: before). */
export const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0
/** Whether `a` comes after `b` in sequence space (Linux: after). */
export const isAfter = (a: number, b: number): boolean => ((b - a) | 0) < 0

/** Reads a header; its options stay bytes. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<TcpHeader, Unreadable> => {
  if (end - at < headerBytes) return Result.fail(truncated(at, headerBytes, end))
  const length = headerLength(bytes, at)
  if (length < headerBytes) return Result.fail(malformed(at + OFFSET, `TCP header length ${length} is below 20`))
  if (end - at < length) return Result.fail(truncated(at, length, end))
  return Result.succeed({
    sourcePort: sourcePort(bytes, at),
    destinationPort: destinationPort(bytes, at),
    sequence: sequence(bytes, at),
    acknowledgment: acknowledgment(bytes, at),
    reserved: reserved(bytes, at),
    flags: flags(bytes, at),
    window: window(bytes, at),
    checksum: checksum(bytes, at),
    urgentPointer: urgentPointer(bytes, at),
    options: bytes.slice(at + headerBytes, at + length)
  })
}

/**
 * Writes every byte of the header; options are filled up with zeros (end of list) to a multiple of 4.
 *
 * @returns where the payload starts. Precondition: at most 40 bytes of options
 */
export const encode = (header: TcpHeader, bytes: Uint8Array, at: number): number => {
  const optionsLength = (header.options.length + 3) & ~3
  write(
    bytes,
    at,
    header.sourcePort,
    header.destinationPort,
    header.sequence,
    header.acknowledgment,
    header.flags,
    header.window
  )
  setHeaderLength(bytes, at, headerBytes + optionsLength)
  setReserved(bytes, at, header.reserved)
  setChecksum(bytes, at, header.checksum)
  setUrgentPointer(bytes, at, header.urgentPointer)
  for (let i = 0; i < optionsLength; i++) bytes[at + headerBytes + i] = header.options[i] ?? 0
  return at + headerBytes + optionsLength
}

/**
 * Writes every byte of a header without options from plain numbers: checksum 0, urgent pointer 0.
 *
 * @returns where options or payload start
 */
export const write = (
  bytes: Uint8Array,
  at: number,
  source: number,
  destination: number,
  sequenceNumber: number,
  acknowledgmentNumber: number,
  flagBits: number,
  windowField: number
): number => {
  setSourcePort(bytes, at, source)
  setDestinationPort(bytes, at, destination)
  setSequence(bytes, at, sequenceNumber)
  setAcknowledgment(bytes, at, acknowledgmentNumber)
  bytes[at + OFFSET] = 0x50
  bytes[at + FLAGS] = flagBits
  setWindow(bytes, at, windowField)
  setChecksum(bytes, at, 0)
  setUrgentPointer(bytes, at, 0)
  return at + headerBytes
}
