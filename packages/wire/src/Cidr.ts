/**
 * An IPv4 address with a prefix length, as `ip addr` and `ip route` write it: 10.0.0.1/24. The address may have host bits;
 * {@link network} cuts them.
 */
import * as Result from "effect/Result"
import * as Ipv4Address from "./Ipv4Address.ts"
import { invalidText } from "./Unreadable.ts"
import type { InvalidText } from "./Unreadable.ts"

export interface Cidr {
  readonly address: Ipv4Address.Ipv4Address
  /** 0 to 32. */
  readonly prefixLength: number
}

/** Precondition: `0 <= prefixLength <= 32`. */
export const make = (address: number, prefixLength: number): Cidr => ({
  address: Ipv4Address.make(address),
  prefixLength
})

/** 0.0.0.0/0 */
export const everything: Cidr = make(0, 0)

/** The mask as int32. */
export const mask = (cidr: Cidr): number => Ipv4Address.mask(cidr.prefixLength)

/** The lowest address: host bits zero. */
export const network = (cidr: Cidr): Ipv4Address.Ipv4Address => Ipv4Address.make(cidr.address & mask(cidr))

/** The highest address: host bits one. With /31 and /32 it is an ordinary address (RFC 3021). */
export const broadcastAddress = (cidr: Cidr): Ipv4Address.Ipv4Address => Ipv4Address.make(cidr.address | ~mask(cidr))

/** The same prefix without host bits. */
export const canonical = (cidr: Cidr): Cidr => ({ address: network(cidr), prefixLength: cidr.prefixLength })

/** Whether the address lies within the prefix. */
export const contains = (cidr: Cidr, address: number): boolean => ((address ^ cidr.address) & mask(cidr)) === 0

/** Whether two prefixes have an address in common: one of them lies within the other. */
export const overlaps = (left: Cidr, right: Cidr): boolean =>
  left.prefixLength <= right.prefixLength ? contains(left, right.address) : contains(right, left.address)

/** Whether no host bit is set. */
export const isNetwork = (cidr: Cidr): boolean => network(cidr) === cidr.address

/** How many addresses it holds, 1 to 2^32. */
export const size = (cidr: Cidr): number => 0x1_0000_0000 - (mask(cidr) >>> 0)

/** The `index`-th address from the network address on; wraps past 2^32. */
export const nth = (cidr: Cidr, index: number): Ipv4Address.Ipv4Address => Ipv4Address.make(network(cidr) + index)

/** `10.0.0.1/24` */
export const format = (cidr: Cidr): string => `${Ipv4Address.format(cidr.address)}/${cidr.prefixLength}`

/** Takes `address/length`, or an address alone, which means /32. */
export const parse = (text: string): Result.Result<Cidr, InvalidText> => {
  const slash = text.indexOf("/")
  const address = Ipv4Address.parse(slash < 0 ? text : text.slice(0, slash))
  if (Result.isFailure(address)) return Result.fail(invalidText(text, address.failure.reason))
  const prefix = slash < 0 ? "32" : text.slice(slash + 1)
  if (!/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) {
    return Result.fail(invalidText(text, "the prefix length is not a number from 0 to 32"))
  }
  return Result.succeed({ address: address.success, prefixLength: Number(prefix) })
}
