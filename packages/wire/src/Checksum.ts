/**
 * The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of big-endian 16-bit words.
 *
 * A **sum** is a running, uncomplemented value: a non-negative integer below 2^31 that {@link fold} brings to 16 bits. A
 * **checksum** is what stands in a header: the complement of a folded sum. Nothing here allocates.
 *
 * Linux: csum_partial, csum_fold (lib/checksum.c, include/asm-generic/checksum.h).
 */
import { i32, setU16, u16 } from "./Bytes.ts"

/** Bytes after which a running sum is folded, so that it stays within int32: 8,192 words of at most 65,535 and a fold. */
const blockBytes = 16_384

/**
 * The sum of `length` bytes from `at` on, which count as 16-bit words from `at` (a last odd byte is a high byte).
 *
 * @param seed a sum to go on from, such as a pseudo header's; it must end on an even number of bytes
 * @returns the sum folded to 16 bits, not complemented
 */
export const sum = (bytes: Uint8Array, at: number, length: number, seed = 0): number => {
  let total = fold(seed)
  let i = at | 0
  const end = (at + length) | 0
  while (end - i >= 16) {
    const whole = (end - i) & ~15
    const stop = i + (whole < blockBytes ? whole : blockBytes)
    // High and low bytes are added up apart: eight shifts fewer a round, and both stay small.
    let high = 0
    let low = 0
    for (; i < stop; i += 16) {
      high +=
        bytes[i]! +
        bytes[i + 2]! +
        bytes[i + 4]! +
        bytes[i + 6]! +
        bytes[i + 8]! +
        bytes[i + 10]! +
        bytes[i + 12]! +
        bytes[i + 14]!
      low +=
        bytes[i + 1]! +
        bytes[i + 3]! +
        bytes[i + 5]! +
        bytes[i + 7]! +
        bytes[i + 9]! +
        bytes[i + 11]! +
        bytes[i + 13]! +
        bytes[i + 15]!
    }
    total = fold(total + (high << 8) + low)
  }
  for (; i < end - 1; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!
  if (i < end) total += bytes[i]! << 8
  return fold(total)
}

/**
 * {@link sum} through a DataView over the same bytes, about twice as fast on whole frames: for owners of a slab who keep one
 * view of it.
 *
 * @param at offset in the view, of any alignment
 * @param length bytes, below 262,144
 */
export const sumView = (view: DataView, at: number, length: number, seed = 0): number => {
  let i = at | 0
  const end = (at + length) | 0
  // Both halves of the 32-bit words are added up apart and wrap at 2^32 only past the stated length.
  let high = 0
  let low = 0
  for (; i + 16 <= end; i = (i + 16) | 0) {
    const a = view.getInt32(i)
    const b = view.getInt32(i + 4)
    const c = view.getInt32(i + 8)
    const d = view.getInt32(i + 12)
    high = (high + (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16)) | 0
    low = (low + (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff)) | 0
  }
  let total = fold(seed) + fold(high >>> 0) + fold(low >>> 0)
  for (; i < end - 1; i += 2) total += view.getUint16(i)
  if (i < end) total += view.getUint8(i) << 8
  return fold(total)
}

/** A sum brought to 16 bits. Precondition: `0 <= total < 2^32`. */
export const fold = (total: number): number => {
  const once = (total & 0xffff) + (total >>> 16)
  return (once & 0xffff) + (once >>> 16)
}

/** The checksum of a sum: folded and complemented, 0 to 65,535. */
export const finish = (total: number): number => ~fold(total) & 0xffff

/** The sum of two sums, folded. */
export const add = (left: number, right: number): number => fold(fold(left) + fold(right))

/** The checksum of a run of bytes: `finish(sum(...))`. */
export const checksum = (bytes: Uint8Array, at: number, length: number, seed = 0): number =>
  ~sum(bytes, at, length, seed) & 0xffff

/** A folded sum with its bytes exchanged: the sum of the same bytes when they start at an odd offset (RFC 1071 §2 B). */
export const swap = (total: number): number => {
  const folded = fold(total)
  return ((folded & 0xff) << 8) | (folded >>> 8)
}

/**
 * The sum of the IPv4 pseudo header (RFC 9293 §3.1, RFC 768).
 *
 * @param source address as int32; `destination` likewise
 * @param length bytes of transport header and payload
 */
export const pseudoV4 = (source: number, destination: number, protocol: number, length: number): number =>
  fold(
    (source >>> 16) +
      (source & 0xffff) +
      (destination >>> 16) +
      (destination & 0xffff) +
      (protocol & 0xff) +
      (length >>> 16) +
      (length & 0xffff)
  )

/**
 * The sum of the IPv6 pseudo header (RFC 8200 §8.1).
 *
 * @param addressesAt where the source address stands in `bytes`, the destination right behind it (IPv6 header + 8)
 * @param nextHeader the upper-layer protocol, which extension headers do not change
 */
export const pseudoV6 = (bytes: Uint8Array, addressesAt: number, nextHeader: number, length: number): number =>
  sum(bytes, addressesAt, 32, (nextHeader & 0xff) + (length >>> 16) + (length & 0xffff))

/** The new checksum after a 16-bit word changed from `before` to `after` (RFC 1624 §3, equation 3). */
export const update16 = (current: number, before: number, after: number): number =>
  ~fold((~current & 0xffff) + (~before & 0xffff) + (after & 0xffff)) & 0xffff

/** The new checksum after a 32-bit value at an even offset changed; takes signed and unsigned values alike. */
export const update32 = (current: number, before: number, after: number): number =>
  ~fold((~current & 0xffff) + (~before >>> 16) + (~before & 0xffff) + ((after >>> 16) & 0xffff) + (after & 0xffff)) &
  0xffff

const TCP = 6
const UDP = 17
const ICMP = 1
const ICMP6 = 58

/** Where a protocol keeps its checksum, from the start of its header; -1 for a protocol without one that we know. */
export const fieldOffset = (protocol: number): number => {
  if (protocol === TCP) return 16
  if (protocol === UDP) return 6
  return protocol === ICMP || protocol === ICMP6 ? 2 : -1
}

/** What stands in the pseudo header for an IPv4 packet; ICMP has none. */
const seedV4 = (bytes: Uint8Array, ipAt: number, protocol: number, length: number): number =>
  protocol === ICMP ? 0 : pseudoV4(i32(bytes, ipAt + 12), i32(bytes, ipAt + 16), protocol, length)

/**
 * Whether the TCP, UDP or ICMP checksum of a whole (not fragmented) IPv4 packet is right. A UDP checksum of 0 means "none"
 * and is right; so is every packet of another protocol.
 *
 * Precondition: a readable IPv4 header at `ipAt` whose total length lies within `bytes`.
 */
export const verifyTransport = (bytes: Uint8Array, ipAt: number): boolean => {
  const headerLength = (bytes[ipAt]! & 15) << 2
  const length = u16(bytes, ipAt + 2) - headerLength
  const protocol = bytes[ipAt + 9]!
  const field = fieldOffset(protocol)
  if (field < 0 || protocol === ICMP6) return true
  if (length < field + 2) return false
  const at = ipAt + headerLength
  if (protocol === UDP && u16(bytes, at + 6) === 0) return true
  return sum(bytes, at, length, seedV4(bytes, ipAt, protocol, length)) === 0xffff
}

/**
 * Writes the TCP, UDP or ICMP checksum of a whole IPv4 packet; UDP's 0 becomes 0xffff. Leaves other protocols alone.
 *
 * Precondition: as {@link verifyTransport}, and the transport header lies within the total length.
 */
export const fillTransport = (bytes: Uint8Array, ipAt: number): void => {
  const headerLength = (bytes[ipAt]! & 15) << 2
  const length = u16(bytes, ipAt + 2) - headerLength
  const protocol = bytes[ipAt + 9]!
  const field = fieldOffset(protocol)
  if (field < 0 || protocol === ICMP6 || length < field + 2) return
  const at = ipAt + headerLength
  setU16(bytes, at + field, 0)
  const value = checksum(bytes, at, length, seedV4(bytes, ipAt, protocol, length))
  setU16(bytes, at + field, protocol === UDP && value === 0 ? 0xffff : value)
}

/**
 * Whether the checksum of an IPv6 upper-layer header is right.
 *
 * @param ipAt the IPv6 header; `at` the upper-layer header; `length` its bytes with payload; `protocol` its number
 */
export const verifyTransportV6 = (
  bytes: Uint8Array,
  ipAt: number,
  at: number,
  length: number,
  protocol: number
): boolean => {
  const field = fieldOffset(protocol)
  if (field < 0 || protocol === ICMP) return true
  if (length < field + 2 || (protocol === UDP && u16(bytes, at + 6) === 0)) return false
  return sum(bytes, at, length, pseudoV6(bytes, ipAt + 8, protocol, length)) === 0xffff
}

/** Writes the checksum of an IPv6 upper-layer header; parameters as {@link verifyTransportV6}. */
export const fillTransportV6 = (
  bytes: Uint8Array,
  ipAt: number,
  at: number,
  length: number,
  protocol: number
): void => {
  const field = fieldOffset(protocol)
  if (field < 0 || protocol === ICMP || length < field + 2) return
  setU16(bytes, at + field, 0)
  const value = checksum(bytes, at, length, pseudoV6(bytes, ipAt + 8, protocol, length))
  setU16(bytes, at + field, protocol === UDP && value === 0 ? 0xffff : value)
}

/**
 * Puts the pseudo header's sum, not complemented, where the TCP or UDP checksum of an IPv4 packet stands: the state Linux
 * calls CHECKSUM_PARTIAL, which a device completes with {@link finishPartial}.
 *
 * Linux: `__tcp_v4_send_check` (net/ipv4/tcp_ipv4.c).
 */
export const setPartial = (bytes: Uint8Array, ipAt: number): void => {
  const headerLength = (bytes[ipAt]! & 15) << 2
  const length = u16(bytes, ipAt + 2) - headerLength
  const protocol = bytes[ipAt + 9]!
  const field = fieldOffset(protocol)
  if ((protocol !== TCP && protocol !== UDP) || length < field + 2) return
  setU16(bytes, ipAt + headerLength + field, seedV4(bytes, ipAt, protocol, length))
}

/**
 * Completes a partial checksum as a device does: sums `csumStart` to `end`, partial sum included, and writes the complement
 * at `csumStart + csumOffset`; UDP's 0 becomes 0xffff (RFC 768). Linux's `skb_checksum_help` does that to TCP's too.
 */
export const finishPartial = (bytes: Uint8Array, csumStart: number, csumOffset: number, end: number): void => {
  const value = checksum(bytes, csumStart, end - csumStart)
  setU16(bytes, csumStart + csumOffset, value === 0 && csumOffset === fieldOffset(UDP) ? 0xffff : value)
}
