/**
 * Reading an sk_buff across its head, its pages and the list of buffers behind it.
 */
import { PAGE_SIZE } from "@darkfiber/sim/DataPages"
import { add, sum, swap } from "@darkfiber/wire/Checksum"
import type { SkBuff } from "./SkBuff.ts"

/**
 * Copies `length` bytes from `offset` behind `data` on, through head, pages and list. Linux: skb_copy_bits
 *
 * @param into the target; the slab's own `bytes` is allowed
 */
export const copyBits = (skb: SkBuff, offset: number, length: number, into: Uint8Array, at: number): void => {
  const world = skb.host.world
  const slab = world.slab.bytes
  let left = length
  let to = at
  if (offset < skb.headLength) {
    const n = Math.min(left, skb.headLength - offset)
    const from = skb.data + offset
    if (into === slab) slab.copyWithin(to, from, from + n)
    else into.set(slab.subarray(from, from + n), to)
    left -= n
    to += n
    offset = 0
  } else offset -= skb.headLength
  for (let i = 0; i < skb.fragCount && left > 0; i++) {
    const size = skb.frags[i * 3 + 2]!
    if (offset >= size) {
      offset -= size
      continue
    }
    const n = Math.min(left, size - offset)
    const from = skb.frags[i * 3]! * PAGE_SIZE + skb.frags[i * 3 + 1]! + offset
    into.set(world.pages.bytes.subarray(from, from + n), to)
    left -= n
    to += n
    offset = 0
  }
  for (let part = skb.fragList; part !== null && left > 0; part = part.next) {
    const size = part.length
    if (offset >= size) {
      offset -= size
      continue
    }
    const n = Math.min(left, size - offset)
    copyBits(part, offset, n, into, to)
    left -= n
    to += n
    offset = 0
  }
  if (left > 0) throw new Error(`skb_copy_bits: ${left} bytes missing`)
}

/** The checksum sum of `length` bytes from `offset` behind `data` on, folded. Linux: skb_checksum */
export const checksum = (skb: SkBuff, offset: number, length: number, seed: number): number => {
  const world = skb.host.world
  if (offset + length <= skb.headLength) return sum(world.slab.bytes, skb.data + offset, length, seed)
  let total = seed
  let done = 0
  if (offset < skb.headLength) {
    done = skb.headLength - offset
    total = sum(world.slab.bytes, skb.data + offset, done, total)
    offset = 0
  } else offset -= skb.headLength
  for (let i = 0; i < skb.fragCount && done < length; i++) {
    const size = skb.frags[i * 3 + 2]!
    if (offset >= size) {
      offset -= size
      continue
    }
    const n = Math.min(length - done, size - offset)
    const from = skb.frags[i * 3]! * PAGE_SIZE + skb.frags[i * 3 + 1]! + offset
    const piece = sum(world.pages.bytes, from, n, 0)
    total = add(total, (done & 1) === 0 ? piece : swap(piece))
    done += n
    offset = 0
  }
  for (let part = skb.fragList; part !== null && done < length; part = part.next) {
    const size = part.length
    if (offset >= size) {
      offset -= size
      continue
    }
    const n = Math.min(length - done, size - offset)
    const piece = checksum(part, offset, n, 0)
    total = add(total, (done & 1) === 0 ? piece : swap(piece))
    done += n
    offset = 0
  }
  return total
}
