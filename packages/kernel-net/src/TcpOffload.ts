/**
 * Cutting a TCP super-segment in software, byte by byte as it goes on the wire, for devices that cannot. Also for merged
 * packets that are forwarded. Linux: tcp_gso_segment, skb_segment (net/ipv4/tcp_offload.c, net/core/skbuff.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { setI32, setU16, u16, i32 } from "@darkfiber/wire/Bytes"
import { finish, pseudoV4 } from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { EINVAL, ENOMEM } from "./Errno.ts"
import type { Offload } from "./Protocol.ts"
import * as Skb from "./Skb.ts"
import { CHECKSUM_NONE, type SkBuff, type SkBuffList } from "./SkBuff.ts"

const SEQUENCE = 4
const OFFSET = 12
const FLAGS = 13
const CHECKSUM = 16
const FIN_PSH = 0x09
const CWR = 0x80

/**
 * Cuts `skb` (`data` at its link-layer header) into frames of `gsoSize` payload bytes with finished checksums. The parent
 * keeps its data and loses its place in the account; the pieces weigh 1 each.
 */
const segment = (core: Core, skb: SkBuff, into: SkBuffList): number => {
  const host = skb.host
  const bytes = host.world.slab.bytes
  const ip = skb.networkHeader
  const tcp = ip + Ipv4.headerLength(bytes, ip)
  const headers = tcp - skb.data + ((bytes[tcp + OFFSET]! >>> 4) << 2)
  const size = skb.gsoSize
  const payload = skb.length - headers
  if (headers > skb.headLength || size <= 0 || payload <= 0) return -EINVAL
  const pieces = Math.ceil(payload / size)
  const counted = skb.counted
  for (let i = 0; i < pieces; i++) {
    const offset = i * size
    const length = offset + size < payload ? size : payload - offset
    const piece = Skb.alloc(host, core, headers, length)
    if (piece === null) return -ENOMEM
    fill(skb, piece, headers, offset, length, i, i === pieces - 1)
    if (skb.stamp !== 0) giveStamp(skb, piece, i32(bytes, tcp + SEQUENCE), offset, length)
    into.push(piece)
  }
  if (counted) host.island.ledger.created += pieces - skb.weight
  for (let piece = into.head; piece !== null; piece = piece.next) piece.counted = counted
  skb.counted = false
  giveMemory(skb, into, pieces)
  return 0
}

/** The stamp goes with the piece that has its byte. Linux: tcp_gso_tstamp */
const giveStamp = (skb: SkBuff, piece: SkBuff, sequence: number, offset: number, length: number): void => {
  const place = (skb.stampKey - sequence) | 0
  if (place < offset || place >= offset + length) return
  piece.stamp = skb.stamp
  piece.stampKey = skb.stampKey
}

/** Writes one piece: the headers with what differs, then the payload. */
const fill = (
  skb: SkBuff,
  piece: SkBuff,
  headers: number,
  offset: number,
  length: number,
  index: number,
  last: boolean
): void => {
  const bytes = skb.host.world.slab.bytes
  Skb.put(piece, length)
  piece.push(headers)
  const at = piece.data
  bytes.copyWithin(at, skb.data, skb.data + headers)
  Skb.copyBits(skb, headers + offset, length, bytes, at + headers)
  const ip = at + (skb.networkHeader - skb.data)
  const tcp = ip + Ipv4.headerLength(bytes, ip)
  const total = headers - (ip - at) + length
  Ipv4.setTotalLength(bytes, ip, total)
  Ipv4.setIdentification(bytes, ip, (Ipv4.identification(bytes, ip) + index) & 0xffff)
  Ipv4.writeChecksum(bytes, ip)
  setI32(bytes, tcp + SEQUENCE, (i32(bytes, tcp + SEQUENCE) + offset) | 0)
  let flags = bytes[tcp + FLAGS]!
  if (!last) flags &= ~FIN_PSH
  if (index > 0) flags &= ~CWR
  bytes[tcp + FLAGS] = flags
  setU16(bytes, tcp + CHECKSUM, 0)
  const tcpLength = total - (tcp - ip)
  const pseudo = pseudoV4(Ipv4.source(bytes, ip), Ipv4.destination(bytes, ip), Ipv4.PROTOCOL_TCP, tcpLength)
  setU16(bytes, tcp + CHECKSUM, finish(Skb.checksum(piece, tcp - at, tcpLength, pseudo)))
  piece.ipSummed = CHECKSUM_NONE
  piece.macHeader = at
  piece.networkHeader = ip
  piece.transportHeader = tcp
  piece.protocol = skb.protocol
  piece.dev = skb.dev
  piece.hash = skb.hash
  piece.priority = skb.priority
  piece.mark = skb.mark
  piece.queueMapping = skb.queueMapping
  piece.traceId = skb.traceId
}

/** The socket's charge moves to the last piece, so that it comes back when all have left. Linux: tcp_gso_segment */
const giveMemory = (skb: SkBuff, into: SkBuffList, _pieces: number): void => {
  const last = into.tail
  if (skb.sk === null || last === null) return
  last.sk = skb.sk
  last.truesize = skb.truesize
  skb.sk = null
}

/** Linux: tcpv4_offload. */
export const tcpOffload: Offload = { protocol: Ipv4.PROTOCOL_TCP, segment }

/** Bytes of a segment's TCP header. Precondition: it stands in the head. */
export const headerLength = (bytes: Uint8Array, at: number): number => (bytes[at + OFFSET]! >>> 4) << 2

/** The TCP window and flags word, for comparing headers. */
export const window = (bytes: Uint8Array, at: number): number => u16(bytes, at + 14)
