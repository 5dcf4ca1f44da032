/**
 * The option list of an IPv4 header (RFC 791 §3.1, RFC 2113).
 *
 * Linux: __ip_options_compile (net/ipv4/ip_options.c).
 */
import * as Result from "effect/Result"
import { i32 } from "./Bytes.ts"
import type { Ipv4Address } from "./Ipv4Address.ts"
import * as Ipv4 from "./Ipv4.ts"
import { malformed, truncated } from "./Unreadable.ts"
import type { Unreadable } from "./Unreadable.ts"

/** One option; end of list and no-operation do not show. Offsets are into the bytes that were read. */
export type Ipv4Option =
  /** `kind` says which: 7 record route, 131 loose, 137 strict source route. */
  | {
      readonly _tag: "Route"
      readonly kind: number
      readonly at: number
      /** From the option's start to the next free slot, counted from 1, as on the wire. */
      readonly pointer: number
      readonly addresses: ReadonlyArray<Ipv4Address>
    }
  | {
      readonly _tag: "Timestamp"
      readonly at: number
      readonly pointer: number
      readonly overflow: number
      readonly flags: number
    }
  | { readonly _tag: "RouterAlert"; readonly at: number; readonly value: number }
  /** Any other kind; `length` bytes from `at`, kind and length included. */
  | { readonly _tag: "Other"; readonly kind: number; readonly at: number; readonly length: number }

export const KIND_END = 0
export const KIND_NOP = 1
export const KIND_RECORD_ROUTE = 7
export const KIND_TIMESTAMP = 68
export const KIND_LOOSE_SOURCE_ROUTE = 131
export const KIND_STRICT_SOURCE_ROUTE = 137
export const KIND_ROUTER_ALERT = 148

/** Reads the options of the header at `at`. Never throws, whatever the bytes. */
export const decode = (
  bytes: Uint8Array,
  at: number,
  end: number = bytes.length
): Result.Result<ReadonlyArray<Ipv4Option>, Unreadable> => {
  if (end - at < Ipv4.headerBytes) return Result.fail(truncated(at, Ipv4.headerBytes, end))
  const headerLength = Ipv4.headerLength(bytes, at)
  if (headerLength < Ipv4.headerBytes) {
    return Result.fail(malformed(at, `IPv4 header length ${headerLength} is below 20`))
  }
  if (end - at < headerLength) return Result.fail(truncated(at, headerLength, end))
  return decodeRange(bytes, at + Ipv4.headerBytes, at + headerLength)
}

/** Reads an option list from `at` to `end`. */
export const decodeRange = (
  bytes: Uint8Array,
  at: number,
  end: number
): Result.Result<ReadonlyArray<Ipv4Option>, Unreadable> => {
  const options: Array<Ipv4Option> = []
  let i = at
  while (i < end && bytes[i] !== KIND_END) {
    if (bytes[i] === KIND_NOP) {
      i++
      continue
    }
    if (i + 1 >= end) return Result.fail(truncated(i, 2, end))
    const length = bytes[i + 1]!
    if (length < 2) return Result.fail(malformed(i + 1, `IPv4 option length ${length} is below 2`))
    if (i + length > end) return Result.fail(truncated(i, length, end))
    const option = read(bytes, i, bytes[i]!, length)
    if (option._tag === "Malformed") return Result.fail(option)
    options.push(option)
    i += length
  }
  return Result.succeed(options)
}

const read = (
  bytes: Uint8Array,
  at: number,
  kind: number,
  length: number
): Ipv4Option | Extract<Unreadable, { _tag: "Malformed" }> => {
  switch (kind) {
    case KIND_RECORD_ROUTE:
    case KIND_LOOSE_SOURCE_ROUTE:
    case KIND_STRICT_SOURCE_ROUTE: {
      if (length < 3 || (length - 3) % 4 !== 0) return malformed(at + 1, `route option length ${length} is not 3 + 4n`)
      const addresses: Array<Ipv4Address> = []
      for (let i = 3; i < length; i += 4) addresses.push(i32(bytes, at + i) as Ipv4Address)
      return { _tag: "Route", kind, at, pointer: bytes[at + 2]!, addresses }
    }
    case KIND_TIMESTAMP:
      if (length < 4) return malformed(at + 1, `timestamp option length ${length} is below 4`)
      return {
        _tag: "Timestamp",
        at,
        pointer: bytes[at + 2]!,
        overflow: bytes[at + 3]! >>> 4,
        flags: bytes[at + 3]! & 15
      }
    case KIND_ROUTER_ALERT:
      if (length !== 4) return malformed(at + 1, `router alert length ${length} is not 4`)
      return { _tag: "RouterAlert", at, value: (bytes[at + 2]! << 8) | bytes[at + 3]! }
    default:
      return { _tag: "Other", kind, at, length }
  }
}
