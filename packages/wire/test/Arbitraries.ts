import { Result } from "effect"
import * as fc from "fast-check"
import * as Cases from "@darkfiber/tooling/Cases"
import type { MacAddress } from "@darkfiber/wire/MacAddress"
import type { Ipv4Address } from "@darkfiber/wire/Ipv4Address"
import * as Ipv6Address from "@darkfiber/wire/Ipv6Address"

/** Cases a random-buffer property takes: `DARKFIBER_LONG_CASES=1000000` makes the long run. */
export const cases = Cases.cases(2000)

/** Milliseconds a test with {@link cases} may take. */
export const patience = 5_000 + cases

export const u8 = fc.nat(0xff)
export const u16 = fc.nat(0xffff)
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
export const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
export const mac = fc.integer({ min: 0, max: 0xffff_ffff_ffff }).map((value) => value as MacAddress)
export const ipv4 = i32.map((value) => value as Ipv4Address)

/** Plain objects, as the decoders make them. */
export const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true })

/** Zero groups are common, so that every place of `::` comes up. */
const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: u16 })
export const ipv6Groups = fc.array(group, { minLength: 8, maxLength: 8 })
export const ipv6 = ipv6Groups.map((groups) =>
  Result.getOrThrow(Ipv6Address.parse(groups.map((value) => value.toString(16)).join(":")))
)

export const offset = fc.nat(64)
/** Old bytes that an encoder writes over. */
export const dirty = fc.uint8Array({ minLength: 256, maxLength: 256 })
export const bytes = fc.uint8Array({ maxLength: 160, size: "max" })

/** `count` bits from bit `from` on, read one by one: the plain oracle for every field reader. */
export const bits = (buffer: Uint8Array, from: number, count: number): number => {
  let value = 0n
  for (let i = from; i < from + count; i++) value = (value << 1n) | BigInt((buffer[i >> 3]! >> (7 - (i & 7))) & 1)
  return Number(value)
}

/** The complement sum of RFC 1071, word by word: the plain oracle for every checksum. */
export const plainSum = (buffer: Uint8Array, at: number, length: number, seed = 0): number => {
  let sum = BigInt(seed)
  for (let i = 0; i < length; i += 2) {
    sum += BigInt(buffer[at + i]! * 256 + (i + 1 < length ? buffer[at + i + 1]! : 0))
  }
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n)
  return Number(sum)
}
