/**
 * Reads pcapng files of either byte order, block by block; unknown blocks and options are passed over. Never throws on any
 * bytes: what cannot be read is an {@link Unreadable} with its offset.
 */
import * as Result from "effect/Result"
import * as Utf8 from "./internal/Utf8.ts"
import * as Pcapng from "./Pcapng.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export interface Capture {
  /** Of all sections, in the order of the file. */
  readonly interfaces: ReadonlyArray<CapturedInterface>
  readonly packets: ReadonlyArray<CapturedPacket>
  /** Comments of the section headers. */
  readonly comments: ReadonlyArray<string>
}

export interface CapturedInterface {
  /** Empty without if_name. */
  readonly name: string
  readonly description: string
  readonly linkType: number
  /** 0: no limit. */
  readonly snapLength: number
  /** The byte of if_tsresol: 9 is nanoseconds, 6 (microseconds) when the file does not say; from 128 on powers of two. */
  readonly resolution: number
  /** Seconds added to every timestamp (if_tsoffset), as a rule 0. */
  readonly timeOffset: number
}

export interface CapturedPacket {
  /** Index into {@link Capture.interfaces}. */
  readonly interfaceIndex: number
  /** Nanoseconds, rounded down; exact below 2^53, else the nearest double. 0 for simple packet blocks. */
  readonly time: number
  /** A view of the file's bytes. */
  readonly bytes: Uint8Array
  readonly originalLength: number
  /** epb_flags, unsigned; 0 when not there. */
  readonly flags: number
  readonly comments: ReadonlyArray<string>
}

/** Where the reader stands. */
interface State {
  readonly bytes: Uint8Array
  isLittle: boolean
  /** Index of the section's first interface. */
  firstInterface: number
  readonly interfaces: Array<CapturedInterface>
  readonly packets: Array<CapturedPacket>
  readonly comments: Array<string>
}

/** Reads a whole file. An empty one is truncated: the section header is missing. */
export const read = (bytes: Uint8Array): Result.Result<Capture, Unreadable> => {
  const state: State = { bytes, isLittle: false, firstInterface: 0, interfaces: [], packets: [], comments: [] }
  let at = 0
  do {
    const next = readBlock(state, at)
    if (typeof next !== "number") return Result.fail(next)
    at = next
  } while (at < bytes.length)
  return Result.succeed({ interfaces: state.interfaces, packets: state.packets, comments: state.comments })
}

const u16 = (state: State, at: number): number => {
  const first = state.bytes[at]!
  const second = state.bytes[at + 1]!
  return state.isLittle ? (second << 8) | first : (first << 8) | second
}

const u32 = (state: State, at: number): number =>
  state.isLittle ? u16(state, at + 2) * 0x1_0000 + u16(state, at) : u16(state, at) * 0x1_0000 + u16(state, at + 2)

/** Reads the block at `at`; returns where the next one starts. */
const readBlock = (state: State, at: number): number | Unreadable => {
  const end = state.bytes.length
  if (end - at < 12) return truncated(at, 12, end)
  const isSection = u32(state, at) === Pcapng.BLOCK_SECTION_HEADER
  if (isSection) {
    const order = byteOrder(state, at)
    if (order !== undefined) return order
  } else if (at === 0) return malformed(0, "the file does not start with a pcapng section header")
  const length = u32(state, at + 4)
  if (length < 12 || length % 4 !== 0) return malformed(at + 4, `block length ${length}`)
  if (end - at < length) return truncated(at, length, end)
  if (u32(state, at + length - 4) !== length) return malformed(at + length - 4, "the block's two lengths differ")
  const error = isSection ? readSection(state, at, length) : readBody(state, at, length, u32(state, at))
  return error ?? at + length
}

/** The section's byte order, from its magic number. Its block type reads the same both ways. */
const byteOrder = (state: State, at: number): Unreadable | undefined => {
  state.isLittle = false
  const magic = u32(state, at + 8)
  if (magic === Pcapng.BYTE_ORDER_MAGIC) return undefined
  state.isLittle = true
  return u32(state, at + 8) === Pcapng.BYTE_ORDER_MAGIC
    ? undefined
    : malformed(at + 8, `byte-order magic 0x${magic.toString(16)}`)
}

const readSection = (state: State, at: number, length: number): Unreadable | undefined => {
  if (length < 28) return malformed(at + 4, `section header block length ${length}`)
  const major = u16(state, at + 12)
  if (major !== 1) return malformed(at + 12, `pcapng version ${major}`)
  state.firstInterface = state.interfaces.length
  return eachOption(state, at + 24, at + length - 4, (code, valueAt, valueLength) => {
    if (code === Pcapng.OPTION_COMMENT) state.comments.push(Utf8.decode(state.bytes, valueAt, valueAt + valueLength))
  })
}

const readBody = (state: State, at: number, length: number, type: number): Unreadable | undefined => {
  switch (type) {
    case Pcapng.BLOCK_INTERFACE_DESCRIPTION:
      return readInterface(state, at, length)
    case Pcapng.BLOCK_ENHANCED_PACKET:
      return readPacket(state, at, length)
    case Pcapng.BLOCK_SIMPLE_PACKET:
      return readSimplePacket(state, at, length)
    default:
      return undefined
  }
}

const readInterface = (state: State, at: number, length: number): Unreadable | undefined => {
  if (length < 20) return malformed(at + 4, `interface description block length ${length}`)
  let name = ""
  let description = ""
  let resolution = 6
  let timeOffset = 0
  const error = eachOption(state, at + 16, at + length - 4, (code, valueAt, valueLength) => {
    const valueEnd = valueAt + valueLength
    if (code === Pcapng.OPTION_INTERFACE_NAME) name = Utf8.decode(state.bytes, valueAt, valueEnd)
    if (code === Pcapng.OPTION_INTERFACE_DESCRIPTION) description = Utf8.decode(state.bytes, valueAt, valueEnd)
    if (code === Pcapng.OPTION_INTERFACE_RESOLUTION && valueLength === 1) resolution = state.bytes[valueAt]!
    if (code === Pcapng.OPTION_INTERFACE_TIME_OFFSET && valueLength === 8) timeOffset = i64(state, valueAt)
  })
  if (error !== undefined) return error
  const linkType = u16(state, at + 8)
  const snapLength = u32(state, at + 12)
  state.interfaces.push({ name, description, linkType, snapLength, resolution, timeOffset })
  return undefined
}

const readPacket = (state: State, at: number, length: number): Unreadable | undefined => {
  if (length < 32) return malformed(at + 4, `enhanced packet block length ${length}`)
  const interfaceIndex = state.firstInterface + u32(state, at + 8)
  const device = state.interfaces[interfaceIndex]
  if (device === undefined)
    return malformed(at + 8, `packet of interface ${u32(state, at + 8)}, which was not described`)
  const captured = u32(state, at + 20)
  if (captured > length - 32) return malformed(at + 20, `captured length ${captured} exceeds the block`)
  const comments: Array<string> = []
  let flags = 0
  const bytesAt = at + 28
  const optionsAt = bytesAt + Math.ceil(captured / 4) * 4
  const error = eachOption(state, optionsAt, at + length - 4, (code, valueAt, valueLength) => {
    if (code === Pcapng.OPTION_COMMENT) comments.push(Utf8.decode(state.bytes, valueAt, valueAt + valueLength))
    if (code === Pcapng.OPTION_PACKET_FLAGS && valueLength === 4) flags = u32(state, valueAt)
  })
  if (error !== undefined) return error
  state.packets.push({
    interfaceIndex,
    time: nanosOf(u32(state, at + 12), u32(state, at + 16), device),
    bytes: state.bytes.subarray(bytesAt, bytesAt + captured),
    originalLength: u32(state, at + 24),
    flags,
    comments
  })
  return undefined
}

const readSimplePacket = (state: State, at: number, length: number): Unreadable | undefined => {
  if (length < 16) return malformed(at + 4, `simple packet block length ${length}`)
  const device = state.interfaces[state.firstInterface]
  if (device === undefined) return malformed(at, "simple packet before any interface description")
  const originalLength = u32(state, at + 8)
  const kept = device.snapLength === 0 ? originalLength : Math.min(originalLength, device.snapLength)
  if (kept > length - 16) return malformed(at + 8, `packet length ${kept} exceeds the block`)
  const bytes = state.bytes.subarray(at + 12, at + 12 + kept)
  state.packets.push({ interfaceIndex: state.firstInterface, time: 0, bytes, originalLength, flags: 0, comments: [] })
  return undefined
}

/** Calls `visit` for every option between `at` and `end` up to the end mark, which may be missing. */
const eachOption = (
  state: State,
  at: number,
  end: number,
  visit: (code: number, valueAt: number, valueLength: number) => void
): Unreadable | undefined => {
  let i = at
  while (i + 4 <= end) {
    const code = u16(state, i)
    const length = u16(state, i + 2)
    if (code === Pcapng.OPTION_END) return undefined
    if (i + 4 + length > end) return truncated(i, 4 + length, end)
    visit(code, i + 4, length)
    i += 4 + ((length + 3) & ~3)
  }
  return undefined
}

/** A signed 64-bit number, to the nearest double. */
const i64 = (state: State, at: number): number => {
  const high = u32(state, state.isLittle ? at + 4 : at)
  const low = u32(state, state.isLittle ? at : at + 4)
  return Number(BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)))
}

/** Ticks of the interface's clock as nanoseconds; computed in whole numbers, then brought to a double. */
const nanosOf = (high: number, low: number, device: CapturedInterface): number => {
  const offset = device.timeOffset * 1_000_000_000
  if (device.resolution === 9) return high * 0x1_0000_0000 + low + offset
  const ticks = (BigInt(high) << 32n) | BigInt(low)
  const exponent = device.resolution & 127
  let perSecond = 1n
  for (let i = 0; i < exponent; i++) perSecond *= device.resolution < 128 ? 10n : 2n
  return Number((ticks * 1_000_000_000n) / perSecond) + offset
}
