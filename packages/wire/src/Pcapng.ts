/**
 * Writes pcapng (IETF draft-ietf-opsawg-pcapng): a section header, interface descriptions, then one enhanced packet block
 * a frame. Every function returns one chunk; a file is the chunks one behind the other. Big-endian, as everything here.
 *
 * ```
 *  0          4          8                                    length - 4
 *  +----------+----------+----- body ----- options -----------+----------+
 *  | type     | length   |  ... padded to 4 bytes             | length   |
 *  +----------+----------+------------------------------------+----------+
 * ```
 *
 * Times are nanoseconds in a number, exact to 2^53. PcapngReader.ts reads files of either byte order.
 */
import { setI32, setU16 } from "./Bytes.ts"
import * as Utf8 from "./internal/Utf8.ts"

export const BLOCK_SECTION_HEADER = 0x0a0d_0d0a
export const BLOCK_INTERFACE_DESCRIPTION = 1
export const BLOCK_SIMPLE_PACKET = 3
export const BLOCK_ENHANCED_PACKET = 6
export const BYTE_ORDER_MAGIC = 0x1a2b_3c4d

export const LINKTYPE_ETHERNET = 1
export const LINKTYPE_RAW_IP = 101

export const OPTION_END = 0
export const OPTION_COMMENT = 1
export const OPTION_SECTION_HARDWARE = 2
export const OPTION_SECTION_OS = 3
export const OPTION_SECTION_APPLICATION = 4
export const OPTION_INTERFACE_NAME = 2
export const OPTION_INTERFACE_DESCRIPTION = 3
export const OPTION_INTERFACE_SPEED = 8
export const OPTION_INTERFACE_RESOLUTION = 9
export const OPTION_INTERFACE_TIME_OFFSET = 14
export const OPTION_PACKET_FLAGS = 2

/** Direction of a packet, the low two bits of its flags. */
export const DIRECTION_UNKNOWN = 0
export const DIRECTION_INBOUND = 1
export const DIRECTION_OUTBOUND = 2

export interface Section {
  readonly hardware?: string
  readonly operatingSystem?: string
  readonly application?: string
  readonly comments?: ReadonlyArray<string>
}

export interface Interface {
  /** `host0/eth0` (if_name). */
  readonly name: string
  readonly description?: string
  /** LINKTYPE_ETHERNET when left out. */
  readonly linkType?: number
  /** Bytes of a packet that are kept; 0 (when left out) means all. */
  readonly snapLength?: number
  /** Bits per second (if_speed), below 2^53. */
  readonly speed?: number
}

export interface Packet {
  /** Index of the interface in the order of their descriptions. */
  readonly interfaceIndex: number
  /** Nanoseconds, 0 to 2^53. */
  readonly time: number
  /** The captured bytes. */
  readonly bytes: Uint8Array
  /** Bytes the packet had; as many as were captured when left out. */
  readonly originalLength?: number
  /** epb_flags, 32 bits; not written when left out. */
  readonly flags?: number
  /** opt_comment, one each: drop reasons, for example. */
  readonly comments?: ReadonlyArray<string>
}

/** Bytes an option value may have: its length field has 16 bits. Longer texts are cut. */
const maxOptionBytes = 0xffff

interface Option {
  readonly code: number
  readonly value: Uint8Array
}

/** The first block of a file. */
export const sectionHeader = (section: Section = {}): Uint8Array => {
  const options = [
    ...texts(OPTION_COMMENT, section.comments),
    ...text(OPTION_SECTION_HARDWARE, section.hardware),
    ...text(OPTION_SECTION_OS, section.operatingSystem),
    ...text(OPTION_SECTION_APPLICATION, section.application)
  ]
  const block = open(BLOCK_SECTION_HEADER, 16, options)
  setI32(block, 8, BYTE_ORDER_MAGIC)
  setU16(block, 12, 1)
  setU16(block, 14, 0)
  setI32(block, 16, -1)
  setI32(block, 20, -1)
  return close(block, 24, options)
}

/** Describes the next interface; the first has index 0. Timestamps count nanoseconds (if_tsresol 9). */
export const interfaceDescription = (description: Interface): Uint8Array => {
  const options = [
    ...text(OPTION_INTERFACE_NAME, description.name),
    ...text(OPTION_INTERFACE_DESCRIPTION, description.description),
    ...(description.speed === undefined ? [] : [{ code: OPTION_INTERFACE_SPEED, value: u64Bytes(description.speed) }]),
    { code: OPTION_INTERFACE_RESOLUTION, value: Uint8Array.of(9) }
  ]
  const block = open(BLOCK_INTERFACE_DESCRIPTION, 8, options)
  setU16(block, 8, description.linkType ?? LINKTYPE_ETHERNET)
  setU16(block, 10, 0)
  setI32(block, 12, description.snapLength ?? 0)
  return close(block, 16, options)
}

/** One packet. The bytes are copied, so the caller may reuse them. */
export const enhancedPacket = (packet: Packet): Uint8Array => {
  const options = [
    ...texts(OPTION_COMMENT, packet.comments),
    ...(packet.flags === undefined ? [] : [{ code: OPTION_PACKET_FLAGS, value: u32Bytes(packet.flags) }])
  ]
  const captured = packet.bytes.length
  const block = open(BLOCK_ENHANCED_PACKET, 20 + padded(captured), options)
  setI32(block, 8, packet.interfaceIndex)
  setI32(block, 12, Math.floor(packet.time / 0x1_0000_0000))
  setI32(block, 16, packet.time)
  setI32(block, 20, captured)
  setI32(block, 24, packet.originalLength ?? captured)
  block.set(packet.bytes, 28)
  return close(block, 28 + padded(captured), options)
}

/** The chunks as one array: a small capture as a whole. */
export const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  const file = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    file.set(chunk, at)
    at += chunk.length
  }
  return file
}

const padded = (length: number): number => (length + 3) & ~3

const text = (code: number, value: string | undefined): ReadonlyArray<Option> =>
  value === undefined ? [] : [{ code, value: cut(Utf8.encode(value)) }]

const texts = (code: number, values: ReadonlyArray<string> = []): ReadonlyArray<Option> =>
  values.flatMap((value) => text(code, value))

/** At most 65,535 bytes, never cut inside a character. */
const cut = (value: Uint8Array): Uint8Array => {
  if (value.length <= maxOptionBytes) return value
  let length = maxOptionBytes
  while ((value[length]! & 0xc0) === 0x80) length--
  return value.subarray(0, length)
}

const u32Bytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  setI32(bytes, 0, value)
  return bytes
}

const u64Bytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  setI32(bytes, 0, Math.floor(value / 0x1_0000_0000))
  setI32(bytes, 4, value)
  return bytes
}

/** A block of the right size with its type and both lengths written. */
const open = (type: number, bodyBytes: number, options: ReadonlyArray<Option>): Uint8Array => {
  let length = 12 + bodyBytes
  for (const option of options) length += 4 + padded(option.value.length)
  if (options.length > 0) length += 4
  const block = new Uint8Array(length)
  setI32(block, 0, type)
  setI32(block, 4, length)
  setI32(block, length - 4, length)
  return block
}

/** Writes the options from `at` on; the end-of-options mark is the zeros behind them. */
const close = (block: Uint8Array, at: number, options: ReadonlyArray<Option>): Uint8Array => {
  let i = at
  for (const option of options) {
    setU16(block, i, option.code)
    setU16(block, i + 2, option.value.length)
    block.set(option.value, i + 4)
    i += 4 + padded(option.value.length)
  }
  return block
}
