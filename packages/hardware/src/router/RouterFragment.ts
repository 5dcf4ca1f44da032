/**
 * Cutting a packet that is longer than the next link takes: each piece but the last carries a multiple of 8 bytes, and options
 * that need not be copied are in the first one only, NOPs in the others (RFC 791 §3.2, RFC 1812 §5.2.6; Linux: ip_do_fragment,
 * ip_options_fragment).
 */
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { KIND_END, KIND_NOP } from "@darkfiber/wire/Ipv4Options"
import { fillChecksums } from "../link/FillChecksums.ts"

const ETHERNET = Ethernet.headerBytes
/** Of an option's first byte: it goes into every piece. */
const COPIED = 0x80

/** Bytes of payload in each piece but the last; 0 or less when the MTU leaves no room. */
export const room = (bytes: Uint8Array, ip: number, mtu: number): number => (mtu - Ipv4.headerLength(bytes, ip)) & ~7

/**
 * New frames with the pieces of the packet in `frame`, which stays the caller's; their Ethernet addresses are still to be
 * written. Precondition: `room` is positive and the header is good.
 */
export const cut = (slab: FrameSlab, frame: number, mtu: number): ReadonlyArray<number> => {
  // The checksum behind the header spans all pieces: nobody can finish it later.
  fillChecksums(slab, frame)
  const ip = slab.start[frame]! + ETHERNET
  const header = Ipv4.headerLength(slab.bytes, ip)
  const payload = Ipv4.payloadLength(slab.bytes, ip)
  const step = room(slab.bytes, ip, mtu)
  const pieces: Array<number> = []
  for (let offset = 0; offset < payload; offset += step) {
    pieces.push(piece(slab, frame, header, offset, Math.min(step, payload - offset), payload))
  }
  return pieces
}

const piece = (
  slab: FrameSlab,
  frame: number,
  header: number,
  offset: number,
  length: number,
  payload: number
): number => {
  const made = slab.alloc(ETHERNET + header + length)
  const { bytes } = slab
  const from = slab.start[frame]!
  const to = slab.start[made]!
  bytes.copyWithin(to, from, from + ETHERNET + header)
  bytes.copyWithin(
    to + ETHERNET + header,
    from + ETHERNET + header + offset,
    from + ETHERNET + header + offset + length
  )
  const ip = to + ETHERNET
  if (offset > 0) blankOptions(bytes, ip + Ipv4.headerBytes, ip + header)
  const isLast = offset + length === payload && !Ipv4.moreFragments(bytes, ip)
  Ipv4.setTotalLength(bytes, ip, header + length)
  Ipv4.setFragment(bytes, ip, isLast ? 0 : Ipv4.FLAG_MORE_FRAGMENTS, Ipv4.fragmentOffset(bytes, ip) + offset)
  Ipv4.writeChecksum(bytes, ip)
  slab.trace[made] = slab.trace[frame]!
  return made
}

const blankOptions = (bytes: Uint8Array, start: number, end: number): void => {
  for (let at = start; at < end;) {
    const type = bytes[at]!
    if (type === KIND_END) return
    const length = type === KIND_NOP ? 1 : bytes[at + 1]!
    if (type !== KIND_NOP && (length < 2 || at + length > end)) return
    if ((type & COPIED) === 0) bytes.fill(KIND_NOP, at, at + length)
    at += length
  }
}
