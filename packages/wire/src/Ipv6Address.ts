/**
 * IPv6 addresses. In a frame an address is sixteen bytes, which {@link equalAt}, {@link copyAt} and the `...At` predicates
 * handle in place. As a value it is its canonical text (RFC 5952), so that `===` compares and maps can be keyed by it.
 */
import type { Brand } from "effect/Brand"
import * as Result from "effect/Result"
import { copy, i32, setU16, u16 } from "./Bytes.ts"
import * as Ipv4Address from "./Ipv4Address.ts"
import { invalidText } from "./Unreadable.ts"
import type { InvalidText } from "./Unreadable.ts"

/** Canonical text: lower case, no leading zeros, the first longest run of zero groups as `::`. */
export type Ipv6Address = string & Brand<"@darkfiber/wire/Ipv6Address">

export const byteLength = 16

/** :: */
export const any: Ipv6Address = "::" as Ipv6Address
/** ::1 */
export const loopback: Ipv6Address = "::1" as Ipv6Address
/** ff02::1 */
export const allNodes: Ipv6Address = "ff02::1" as Ipv6Address
/** ff02::2 */
export const allRouters: Ipv6Address = "ff02::2" as Ipv6Address

/** Reads sixteen bytes; makes a string, so not for the data path. */
export const get = (bytes: Uint8Array, at: number): Ipv6Address => format(groupsAt(bytes, at))

/** Writes sixteen bytes. Precondition: a canonical text, as {@link get} and {@link parse} give it. */
export const set = (bytes: Uint8Array, at: number, address: Ipv6Address): void => {
  const groups = groupsOf(address)
  for (let i = 0; i < 8; i++) setU16(bytes, at + 2 * i, groups?.[i] ?? 0)
}

/** The last 32 bits as int32, of which a multicast MAC address is made (RFC 2464 §7). */
export const lastWordAt = (bytes: Uint8Array, at: number): number => i32(bytes, at + 12)

export const equalAt = (left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number): boolean =>
  i32(left, leftAt + 12) === i32(right, rightAt + 12) &&
  i32(left, leftAt + 8) === i32(right, rightAt + 8) &&
  i32(left, leftAt + 4) === i32(right, rightAt + 4) &&
  i32(left, leftAt) === i32(right, rightAt)

/** Copies sixteen bytes; the places must not overlap. */
export const copyAt = (source: Uint8Array, sourceAt: number, target: Uint8Array, targetAt: number): void =>
  copy(source, sourceAt, target, targetAt, byteLength)

/** ff00::/8 (RFC 4291 §2.7). */
export const isMulticastAt = (bytes: Uint8Array, at: number): boolean => bytes[at] === 0xff
/** fe80::/10 (RFC 4291 §2.5.6). */
export const isLinkLocalAt = (bytes: Uint8Array, at: number): boolean => (u16(bytes, at) & 0xffc0) === 0xfe80
/** :: */
export const isAnyAt = (bytes: Uint8Array, at: number): boolean =>
  (i32(bytes, at) | i32(bytes, at + 4) | i32(bytes, at + 8) | i32(bytes, at + 12)) === 0
/** ::1 */
export const isLoopbackAt = (bytes: Uint8Array, at: number): boolean =>
  (i32(bytes, at) | i32(bytes, at + 4) | i32(bytes, at + 8)) === 0 && i32(bytes, at + 12) === 1

const firstGroup = (address: Ipv6Address): number =>
  address.startsWith(":") ? 0 : Number.parseInt(address.slice(0, address.indexOf(":")), 16)

/** ff00::/8 */
export const isMulticast = (address: Ipv6Address): boolean => firstGroup(address) >>> 8 === 0xff
/** fe80::/10 */
export const isLinkLocal = (address: Ipv6Address): boolean => (firstGroup(address) & 0xffc0) === 0xfe80
/** fc00::/7: unique local addresses, the private ones of IPv6 (RFC 4193 §3.1). */
export const isPrivate = (address: Ipv6Address): boolean => (firstGroup(address) & 0xfe00) === 0xfc00
export const isLoopback = (address: Ipv6Address): boolean => address === loopback
export const isAny = (address: Ipv6Address): boolean => address === any

/** The solicited-node group of an address: ff02::1:ff00:0/104 and its last 24 bits (RFC 4291 §2.7.1). */
export const solicitedNode = (address: Ipv6Address): Ipv6Address => {
  const groups = groupsOf(address) ?? []
  return format([0xff02, 0, 0, 0, 0, 1, 0xff00 | ((groups[6] ?? 0) & 0xff), groups[7] ?? 0])
}

/** The link-local address a MAC address gives: fe80:: and the modified EUI-64 (RFC 4291 appendix A). */
export const linkLocalOf = (mac: number): Ipv6Address => {
  const high = Math.floor(mac / 0x1_0000_0000)
  const low = mac >>> 0
  return format([
    0xfe80,
    0,
    0,
    0,
    high ^ 0x0200,
    ((low >>> 24) << 8) | 0xff,
    0xfe00 | ((low >>> 16) & 0xff),
    low & 0xffff
  ])
}

/** Whether the first `prefixLength` bits (0 to 128) of two addresses are the same. */
export const samePrefix = (left: Ipv6Address, right: Ipv6Address, prefixLength: number): boolean => {
  const a = groupsOf(left) ?? []
  const b = groupsOf(right) ?? []
  for (let i = 0; i < 8; i++) {
    const bits = Math.min(16, Math.max(0, prefixLength - 16 * i))
    const groupMask = (0xffff << (16 - bits)) & 0xffff
    if ((((a[i] ?? 0) ^ (b[i] ?? 0)) & groupMask) !== 0) return false
  }
  return true
}

/** Takes every form of RFC 4291 §2.2 (`::`, IPv4 tail, either case); no zone (`%eth0`), no prefix length. */
export const parse = (text: string): Result.Result<Ipv6Address, InvalidText> => {
  const groups = groupsOf(text)
  return groups === undefined ? Result.fail(invalidText(text, "not an IPv6 address")) : Result.succeed(format(groups))
}

const groupsAt = (bytes: Uint8Array, at: number): ReadonlyArray<number> => {
  const groups: Array<number> = []
  for (let i = 0; i < 8; i++) groups.push(u16(bytes, at + 2 * i))
  return groups
}

/** RFC 5952 §4: the first of the longest runs of at least two zero groups becomes `::`. */
const format = (groups: ReadonlyArray<number>): Ipv6Address => {
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${Ipv4Address.format((groups[6]! << 16) | groups[7]!)}` as Ipv6Address
  }
  let bestAt = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) {
      bestAt = i
      bestLength = length
    }
  }
  const texts = groups.map((group) => group.toString(16))
  if (bestAt < 0) return texts.join(":") as Ipv6Address
  return `${texts.slice(0, bestAt).join(":")}::${texts.slice(bestAt + bestLength).join(":")}` as Ipv6Address
}

/** The eight 16-bit groups of a text, or undefined when it is none. */
const groupsOf = (text: string): ReadonlyArray<number> | undefined => {
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const front = groupsOfHalf(halves[0]!, halves.length === 1)
  if (halves.length === 1) return front?.length === 8 ? front : undefined
  const back = groupsOfHalf(halves[1]!, true)
  if (front === undefined || back === undefined || front.length + back.length > 7) return undefined
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back]
}

const hexGroup = /^[0-9a-fA-F]{1,4}$/

const groupsOfHalf = (text: string, mayEndInIpv4: boolean): ReadonlyArray<number> | undefined => {
  if (text === "") return []
  const groups: Array<number> = []
  const parts = text.split(":")
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!
    if (hexGroup.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const tail = mayEndInIpv4 && i === parts.length - 1 ? Ipv4Address.parse(part) : undefined
    if (tail === undefined || Result.isFailure(tail)) return undefined
    groups.push(tail.success >>> 16, tail.success & 0xffff)
  }
  return groups
}
