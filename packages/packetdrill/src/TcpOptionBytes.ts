/** The options of a script as they stand in a header. The order and the padding are the script's. */
import type { TcpOption } from "./Ast.ts"

export const END = 0
export const NOP = 1
export const MSS = 2
export const WINDOW_SCALE = 3
export const SACK_PERMITTED = 4
export const SACK = 5
export const TIMESTAMP = 8
export const MD5 = 19
export const FAST_OPEN = 34
export const EXPERIMENTAL = 254

export const bytes = (options: ReadonlyArray<TcpOption>): Uint8Array => Uint8Array.from(options.flatMap(one))

export const byteLength = (options: ReadonlyArray<TcpOption>): number =>
  options.reduce((sum, each) => sum + one(each).length, 0)

const u16 = (value: number): ReadonlyArray<number> => [(value >>> 8) & 255, value & 255]
const u24 = (value: number): ReadonlyArray<number> => [(value >>> 16) & 255, ...u16(value)]
const u32 = (value: number): ReadonlyArray<number> => [(value >>> 24) & 255, ...u24(value)]

const one = (option: TcpOption): ReadonlyArray<number> => {
  switch (option._tag) {
    case "End":
      return [END]
    case "Nop":
      return [NOP]
    case "Mss":
      return [MSS, 4, ...u16(option.bytes)]
    case "WindowScale":
      return [WINDOW_SCALE, 3, option.shift]
    case "SackPermitted":
      return [SACK_PERMITTED, 2]
    case "Sack": {
      const edges = option.blocks.flatMap(([left, right]) => [...u32(left), ...u32(right)])
      return [SACK, 2 + edges.length, ...edges]
    }
    case "Timestamp":
      return [TIMESTAMP, 10, ...u32(option.val), ...u32(option.ecr)]
    case "Md5":
      return [MD5, 2 + option.digest.length, ...option.digest]
    case "FastOpen":
      return option.experimental
        ? [EXPERIMENTAL, 4 + option.cookie.length, 0xf9, 0x89, ...option.cookie]
        : [FAST_OPEN, 2 + option.cookie.length, ...option.cookie]
    case "AccurateEcn": {
      const counters = option.counters.flatMap(u24)
      return [option.kind, 2 + counters.length, ...counters]
    }
    default:
      return option satisfies never
  }
}

/** One option of a header: its kind, and where it stands. */
export interface Found {
  readonly kind: number
  readonly at: number
  readonly length: number
}

/** The options between `at` and `end`; a broken length ends the list. */
export const list = (source: Uint8Array, at: number, end: number): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  for (let i = at; i < end;) {
    const kind = source[i]!
    const length = kind === END || kind === NOP ? 1 : (source[i + 1] ?? 0)
    if (length < 1 || (length < 2 && kind > NOP) || i + length > end) return found
    found.push({ kind, at: i, length })
    if (kind === END) return found
    i += length
  }
  return found
}
