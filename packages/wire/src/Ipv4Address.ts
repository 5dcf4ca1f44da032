/**
 * IPv4 addresses. As a value an address is a **signed int32**: 10.0.0.1 is 0x0a000001, 192.168.0.1 is a negative number.
 * That is the form in which frames, routes and sockets hold it; `===` compares, {@link unsigned} gives the order in which
 * people count, {@link format} the text.
 */
import type { Brand } from "effect/Brand"
import * as Result from "effect/Result"
import { i32, setI32 } from "./Bytes.ts"
import { invalidText } from "./Unreadable.ts"
import type { InvalidText } from "./Unreadable.ts"

/** A signed 32-bit number; the first byte on the wire is the highest. */
export type Ipv4Address = number & Brand<"@darkfiber/wire/Ipv4Address">

export const byteLength = 4

/** 0.0.0.0 (INADDR_ANY) */
export const any: Ipv4Address = 0 as Ipv4Address
/** 127.0.0.1 */
export const loopback: Ipv4Address = 0x7f00_0001 as Ipv4Address
/** 255.255.255.255 */
export const broadcast: Ipv4Address = -1 as Ipv4Address

/** Takes the low 32 bits of any number, signed or unsigned, as an address. */
export const make = (value: number): Ipv4Address => (value | 0) as Ipv4Address

/** The address a.b.c.d; each part's low 8 bits count. */
export const of = (a: number, b: number, c: number, d: number): Ipv4Address =>
  (((a & 255) << 24) | ((b & 255) << 16) | ((c & 255) << 8) | (d & 255)) as Ipv4Address

/** Reads four bytes. */
export const get = (bytes: Uint8Array, at: number): Ipv4Address => i32(bytes, at) as Ipv4Address

/** Writes four bytes. */
export const set = (bytes: Uint8Array, at: number, address: number): void => setI32(bytes, at, address)

/** 0 to 4,294,967,295: for ordering and display. */
export const unsigned = (address: number): number => address >>> 0

/** Lower than, level with or above zero as `left` comes before, is or comes after `right` in the order of counting. */
export const compare = (left: number, right: number): number => (left >>> 0) - (right >>> 0)

/** 127.0.0.0/8 (RFC 1122 §3.2.1.3). */
export const isLoopback = (address: number): boolean => address >>> 24 === 127

/** 224.0.0.0/4 (RFC 1112 §4). */
export const isMulticast = (address: number): boolean => address >>> 28 === 14

/** 255.255.255.255 (RFC 919 §7). A subnet's broadcast address is `Cidr.broadcastAddress`. */
export const isBroadcast = (address: number): boolean => (address | 0) === -1

/** 0.0.0.0 */
export const isAny = (address: number): boolean => (address | 0) === 0

/** 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 (RFC 1918 §3). */
export const isPrivate = (address: number): boolean =>
  address >>> 24 === 10 || address >>> 20 === 0xac1 || address >>> 16 === 0xc0a8

/** 169.254.0.0/16 (RFC 3927 §2.1). */
export const isLinkLocal = (address: number): boolean => address >>> 16 === 0xa9fe

/** The mask of a prefix length 0 to 32, as int32: 24 gives 255.255.255.0. */
export const mask = (prefixLength: number): number => (prefixLength <= 0 ? 0 : -1 << (32 - prefixLength))

/** The prefix length of a mask, or -1 if its ones are not all in front. */
export const prefixLength = (maskValue: number): number => {
  const length = Math.clz32(~maskValue)
  return mask(length) === (maskValue | 0) ? length : -1
}

/** Dotted decimal. */
export const format = (address: number): string =>
  `${(address >>> 24) & 255}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`

const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/

/** Takes four decimal numbers 0 to 255 without leading zeros (as `inet_pton` does; no shortened or octal forms). */
export const parse = (text: string): Result.Result<Ipv4Address, InvalidText> => {
  const parts = dotted.exec(text)
  if (parts === null) return Result.fail(invalidText(text, "not an IPv4 address: four numbers joined by dots"))
  let value = 0
  for (let i = 1; i <= 4; i++) {
    const part = parts[i]!
    const byte = Number(part)
    if (byte > 255) return Result.fail(invalidText(text, `not an IPv4 address: ${part} is above 255`))
    if (part.length > 1 && part.startsWith("0")) {
      return Result.fail(invalidText(text, `not an IPv4 address: ${part} has a leading zero`))
    }
    value = (value << 8) | byte
  }
  return Result.succeed(value as Ipv4Address)
}
