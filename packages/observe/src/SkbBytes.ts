/**
 * The bytes of an sk_buff as one array: head, page fragments, merged buffers. For observers; the data path never does this.
 */
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import type { World } from "@darkfiber/sim/World"
import { u16 } from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Vlan from "@darkfiber/wire/Vlan"

/** From the Ethernet header to the last byte of payload, wherever `data` stands. */
export const frame = (world: World, skb: SkBuff): Uint8Array => {
  const pushed = skb.data > skb.macHeader ? skb.data - skb.macHeader : 0
  const bytes = new Uint8Array(pushed + skb.length)
  const start = skb.data - pushed
  bytes.set(world.slab.bytes.subarray(start, skb.data + skb.headLength))
  rest(world, skb, bytes, pushed + skb.headLength)
  return bytes
}

/** What follows the head; returns where it ends in `bytes`. */
const rest = (world: World, skb: SkBuff, bytes: Uint8Array, from: number): number => {
  let at = from
  for (let i = 0; i < skb.fragCount; i++) {
    const offset = world.pages.offset(skb.frags[i * 3]!) + skb.frags[i * 3 + 1]!
    const length = skb.frags[i * 3 + 2]!
    bytes.set(world.pages.bytes.subarray(offset, offset + length), at)
    at += length
  }
  for (let merged = skb.fragList; merged !== null; merged = merged.next) {
    bytes.set(world.slab.bytes.subarray(merged.data, merged.data + merged.headLength), at)
    at = rest(world, merged, bytes, at + merged.headLength)
  }
  return at
}

/** Offset of the IPv4 header in a frame with any number of VLAN tags; -1 for a frame of another protocol. */
export const networkOffset = (bytes: Uint8Array): number => {
  let typeAt = 12
  while (typeAt + 2 <= bytes.length && Vlan.isTag(u16(bytes, typeAt))) typeAt += Vlan.tagBytes
  return typeAt + 2 <= bytes.length && u16(bytes, typeAt) === Ethernet.ETHERTYPE_IPV4 ? typeAt + 2 : -1
}
