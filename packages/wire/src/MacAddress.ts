/**
 * Ethernet (EUI-48) addresses. As a value an address is a 48-bit number, a safe integer that `===` compares; inside a frame
 * it is six bytes, which {@link equalAt}, {@link copyAt} and the `...At` predicates handle without making a number at all
 * (a 48-bit number may cost a heap number; the data path prefers {@link high16} and {@link low32}).
 */
import type { Brand } from "effect/Brand"
import * as Result from "effect/Result"
import { i32, setI32, setU16, setU48, u16, u48 } from "./Bytes.ts"
import { invalidText } from "./Unreadable.ts"
import type { InvalidText } from "./Unreadable.ts"

/** A 48-bit number, 0 to 2^48 - 1; the first byte on the wire is the highest. */
export type MacAddress = number & Brand<"@darkfiber/wire/MacAddress">

export const byteLength = 6

/** ff:ff:ff:ff:ff:ff */
export const broadcast: MacAddress = 0xffff_ffff_ffff as MacAddress
/** 00:00:00:00:00:00 */
export const zero: MacAddress = 0 as MacAddress

/** Takes any number of the range as an address. Precondition: an integer, `0 <= value < 2^48`. */
export const make = (value: number): MacAddress => value as MacAddress

/** The address from its high 16 and low 32 bits; takes the low half signed or unsigned. */
export const fromHalves = (high: number, low: number): MacAddress =>
  ((high & 0xffff) * 0x1_0000_0000 + (low >>> 0)) as MacAddress

/** The locally administered unicast address 02:00 followed by 32 bits of `index`. */
export const local = (index: number): MacAddress => fromHalves(0x0200, index)

/** Reads six bytes. */
export const get = (bytes: Uint8Array, at: number): MacAddress => u48(bytes, at) as MacAddress

/** Writes six bytes. */
export const set = (bytes: Uint8Array, at: number, address: number): void => setU48(bytes, at, address)

/** The first two bytes, unsigned. */
export const high16 = (bytes: Uint8Array, at: number): number => u16(bytes, at)

/** The last four bytes, as int32. */
export const low32 = (bytes: Uint8Array, at: number): number => i32(bytes, at + 2)

/** Writes an address from its halves, without a 48-bit number. */
export const setHalves = (bytes: Uint8Array, at: number, high: number, low: number): void => {
  setU16(bytes, at, high)
  setI32(bytes, at + 2, low)
}

/** Whether the six bytes at two places are the same. */
export const equalAt = (left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number): boolean =>
  i32(left, leftAt + 2) === i32(right, rightAt + 2) && u16(left, leftAt) === u16(right, rightAt)

/** Copies six bytes; the places may overlap. */
export const copyAt = (source: Uint8Array, sourceAt: number, target: Uint8Array, targetAt: number): void => {
  const high = u16(source, sourceAt)
  const low = i32(source, sourceAt + 2)
  setU16(target, targetAt, high)
  setI32(target, targetAt + 2, low)
}

/** Group bit of the first byte: multicast or broadcast (Linux: is_multicast_ether_addr). */
export const isMulticastAt = (bytes: Uint8Array, at: number): boolean => (bytes[at]! & 1) !== 0

/** All ones (Linux: is_broadcast_ether_addr). */
export const isBroadcastAt = (bytes: Uint8Array, at: number): boolean =>
  i32(bytes, at + 2) === -1 && u16(bytes, at) === 0xffff

/** All zeros (Linux: is_zero_ether_addr). */
export const isZeroAt = (bytes: Uint8Array, at: number): boolean => i32(bytes, at + 2) === 0 && u16(bytes, at) === 0

/** Group bit of a value: multicast or broadcast. */
export const isMulticast = (address: number): boolean => (Math.floor(address / 0x100_0000_0000) & 1) !== 0

export const isBroadcast = (address: number): boolean => address === broadcast

/** The locally administered bit (Linux: is_local_ether_addr). */
export const isLocal = (address: number): boolean => (Math.floor(address / 0x100_0000_0000) & 2) !== 0

/** Fit to be a device's own address: neither multicast nor zero (Linux: is_valid_ether_addr). */
export const isValid = (address: number): boolean => address !== 0 && !isMulticast(address)

/** The Ethernet group of an IPv4 multicast address (RFC 1112 §6.4): 01:00:5e and its low 23 bits. */
export const ofIpv4Multicast = (address: number): MacAddress => fromHalves(0x0100, 0x5e00_0000 | (address & 0x7f_ffff))

/** The Ethernet group of an IPv6 multicast address (RFC 2464 §7): 33:33 and its last 32 bits. */
export const ofIpv6Multicast = (lastWord: number): MacAddress => fromHalves(0x3333, lastWord)

/** Lower case with colons: `02:00:00:00:00:01`. */
export const format = (address: number): string => {
  const digits = address.toString(16).padStart(12, "0")
  return `${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4, 6)}:${digits.slice(6, 8)}:${digits.slice(8, 10)}:${digits.slice(10, 12)}`
}

const sixPairs = /^[0-9a-fA-F]{1,2}(?:([:-])[0-9a-fA-F]{1,2})(?:\1[0-9a-fA-F]{1,2}){4}$/

/** Takes six hexadecimal bytes of one or two digits, joined by colons or by hyphens throughout. */
export const parse = (text: string): Result.Result<MacAddress, InvalidText> => {
  if (!sixPairs.test(text)) return Result.fail(invalidText(text, "not six hexadecimal bytes joined by colons"))
  let value = 0
  for (const pair of text.split(/[:-]/)) value = value * 256 + Number.parseInt(pair, 16)
  return Result.succeed(value as MacAddress)
}
