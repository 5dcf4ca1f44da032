/**
 * Options of neighbour discovery's messages (RFC 4861 §4.6): type, length in units of eight bytes, value.
 */
import * as Result from "effect/Result"
import { setI32, setU16, u32 } from "./Bytes.ts"
import * as Ipv6Address from "./Ipv6Address.ts"
import * as MacAddress from "./MacAddress.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

export type NeighborOption =
  | { readonly _tag: "SourceLinkLayerAddress" | "TargetLinkLayerAddress"; readonly mac: MacAddress.MacAddress }
  | PrefixInformation
  /** Bytes, 32 bits unsigned. */
  | { readonly _tag: "Mtu"; readonly mtu: number }
  /** Any other type, or a known one of another length; `value` holds all bytes behind type and length, 6 + 8n. */
  | { readonly _tag: "Other"; readonly type: number; readonly value: Uint8Array }

export interface PrefixInformation {
  readonly _tag: "PrefixInformation"
  /** Bits, 0 to 128 as a rule; eight bits on the wire. */
  readonly prefixLength: number
  readonly isOnLink: boolean
  readonly isAutonomous: boolean
  /** Seconds, 32 bits unsigned; 0xffffffff is for ever. */
  readonly validLifetime: number
  /** Seconds, likewise. */
  readonly preferredLifetime: number
  readonly prefix: Ipv6Address.Ipv6Address
}

export const TYPE_SOURCE_LINK_LAYER_ADDRESS = 1
export const TYPE_TARGET_LINK_LAYER_ADDRESS = 2
export const TYPE_PREFIX_INFORMATION = 3
export const TYPE_MTU = 5

/**
 * Finds an option without allocating.
 *
 * @returns the offset of its first byte, or -1: not there, or the list breaks off before it
 */
export const find = (bytes: Uint8Array, at: number, end: number, wanted: number): number => {
  let i = at
  while (i + 8 <= end) {
    const length = bytes[i + 1]! << 3
    if (length === 0 || i + length > end) return -1
    if (bytes[i] === wanted) return i
    i += length
  }
  return -1
}

/** Reads all options from `at` to `end`. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<ReadonlyArray<NeighborOption>, Unreadable> => {
  const options: Array<NeighborOption> = []
  let i = at
  while (i < end) {
    if (i + 8 > end) return Result.fail(truncated(i, 8, end))
    const length = bytes[i + 1]! << 3
    if (length === 0) return Result.fail(malformed(i + 1, "neighbour discovery option of length 0"))
    if (i + length > end) return Result.fail(truncated(i, length, end))
    options.push(read(bytes, i, length))
    i += length
  }
  return Result.succeed(options)
}

const read = (bytes: Uint8Array, at: number, length: number): NeighborOption => {
  const kind = bytes[at]!
  if (length === 8 && (kind === TYPE_SOURCE_LINK_LAYER_ADDRESS || kind === TYPE_TARGET_LINK_LAYER_ADDRESS)) {
    const _tag = kind === TYPE_SOURCE_LINK_LAYER_ADDRESS ? "SourceLinkLayerAddress" : "TargetLinkLayerAddress"
    return { _tag, mac: MacAddress.get(bytes, at + 2) }
  }
  if (length === 8 && kind === TYPE_MTU) return { _tag: "Mtu", mtu: u32(bytes, at + 4) }
  if (length === 32 && kind === TYPE_PREFIX_INFORMATION) {
    return {
      _tag: "PrefixInformation",
      prefixLength: bytes[at + 2]!,
      isOnLink: (bytes[at + 3]! & 0x80) !== 0,
      isAutonomous: (bytes[at + 3]! & 0x40) !== 0,
      validLifetime: u32(bytes, at + 4),
      preferredLifetime: u32(bytes, at + 8),
      prefix: Ipv6Address.get(bytes, at + 16)
    }
  }
  return { _tag: "Other", type: kind, value: bytes.slice(at + 2, at + length) }
}

/** Writes the options one behind the other; returns where they end. */
export const encode = (options: ReadonlyArray<NeighborOption>, bytes: Uint8Array, at: number): number => {
  let i = at
  for (const option of options) i = write(option, bytes, i)
  return i
}

const write = (option: NeighborOption, bytes: Uint8Array, at: number): number => {
  switch (option._tag) {
    case "SourceLinkLayerAddress":
    case "TargetLinkLayerAddress":
      return writeLinkLayerAddress(
        bytes,
        at,
        option._tag === "SourceLinkLayerAddress" ? TYPE_SOURCE_LINK_LAYER_ADDRESS : TYPE_TARGET_LINK_LAYER_ADDRESS,
        option.mac
      )
    case "Mtu":
      setU16(bytes, at, (TYPE_MTU << 8) | 1)
      setU16(bytes, at + 2, 0)
      setI32(bytes, at + 4, option.mtu)
      return at + 8
    case "PrefixInformation":
      setU16(bytes, at, (TYPE_PREFIX_INFORMATION << 8) | 4)
      bytes[at + 2] = option.prefixLength
      bytes[at + 3] = (option.isOnLink ? 0x80 : 0) | (option.isAutonomous ? 0x40 : 0)
      setI32(bytes, at + 4, option.validLifetime)
      setI32(bytes, at + 8, option.preferredLifetime)
      setI32(bytes, at + 12, 0)
      Ipv6Address.set(bytes, at + 16, option.prefix)
      return at + 32
    case "Other": {
      const length = (option.value.length + 2 + 7) & ~7
      bytes[at] = option.type
      bytes[at + 1] = length >>> 3
      for (let i = 2; i < length; i++) bytes[at + i] = option.value[i - 2] ?? 0
      return at + length
    }
    default:
      return option satisfies never
  }
}

/** Writes a link-layer address option, eight bytes, from plain numbers; returns where it ends. */
export const writeLinkLayerAddress = (bytes: Uint8Array, at: number, optionType: number, mac: number): number => {
  bytes[at] = optionType
  bytes[at + 1] = 1
  MacAddress.set(bytes, at + 2, mac)
  return at + 8
}
