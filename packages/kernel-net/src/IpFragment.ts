/**
 * Cutting a datagram that does not fit: every piece but the last carries a multiple of 8 bytes (RFC 791 §3.2).
 * Linux: ip_fragment, its slow path (net/ipv4/ip_output.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Drops from "./Drops.ts"
import type { Dst } from "./Dst.ts"
import { ENOMEM } from "./Errno.ts"
import { finishOutput2 } from "./IpFinish.ts"
import type { Netns } from "./Netns.ts"
import { IP_FRAGMENT } from "./Points.ts"
import * as Skb from "./Skb.ts"
import type { SkBuff } from "./SkBuff.ts"
import * as Snmp from "./Snmp.ts"

const LINK_HEADER = 14

/** Takes `skb` over; its transport checksum is complete. @returns 0 or the first error of a piece */
export const fragment = (core: Core, net: Netns, skb: SkBuff, dst: Dst, mtu: number): number => {
  const host = skb.host
  core.visit(IP_FRAGMENT, net.id, dst.dev.index, skb.traceId, skb.length)
  const headerLength = Ipv4.headerLength(host.world.slab.bytes, skb.networkHeader)
  const room = (mtu - headerLength) & ~7
  const total = skb.length - headerLength
  if (room <= 0) {
    net.count(Snmp.IP_FRAG_FAILS)
    host.dropSkb(core, skb, Drops.PKT_TOO_BIG)
    return -90
  }
  const pieces = Math.ceil(total / room)
  // One packet becomes `pieces`: the account gains what was not there before.
  const counted = skb.counted
  if (counted) host.island.ledger.created += pieces - skb.weight
  skb.counted = false
  let status = 0
  for (let i = 0; i < pieces; i++) {
    const offset = i * room
    const length = offset + room < total ? room : total - offset
    const piece = cut(core, skb, headerLength, offset, length)
    if (piece === null) {
      net.count(Snmp.IP_FRAG_FAILS)
      if (counted) host.island.dropFrame(Drops.NOMEM, pieces - i)
      Skb.free(core, skb)
      return -ENOMEM
    }
    piece.counted = counted
    net.count(Snmp.IP_FRAG_CREATES)
    const sent = finishOutput2(core, piece, dst)
    if (sent !== 0 && status === 0) status = sent
  }
  net.count(Snmp.IP_FRAG_OKS)
  Skb.free(core, skb)
  return status
}

/** One piece with its own header, charged to the same socket. */
const cut = (core: Core, skb: SkBuff, headerLength: number, offset: number, length: number): SkBuff | null => {
  const host = skb.host
  const piece = Skb.alloc(host, core, LINK_HEADER, headerLength + length)
  if (piece === null) return null
  const at = Skb.put(piece, headerLength + length)
  const bytes = host.world.slab.bytes
  const from = skb.networkHeader
  bytes.copyWithin(at, from, from + headerLength)
  Skb.copyBits(skb, headerLength + offset, length, bytes, at + headerLength)
  const base = Ipv4.fragmentOffset(bytes, from)
  const last = offset + length === skb.length - headerLength && !Ipv4.moreFragments(bytes, from)
  Ipv4.setTotalLength(bytes, at, headerLength + length)
  Ipv4.setFragment(bytes, at, last ? 0 : Ipv4.FLAG_MORE_FRAGMENTS, base + offset)
  Ipv4.writeChecksum(bytes, at)
  piece.networkHeader = at
  piece.transportHeader = at + headerLength
  piece.protocol = skb.protocol
  piece.dev = skb.dev
  piece.dst = skb.dst
  piece.priority = skb.priority
  piece.mark = skb.mark
  piece.traceId = skb.traceId
  piece.conntrackInfo = skb.conntrackInfo
  if (skb.sk !== null) {
    piece.sk = skb.sk
    skb.sk.wmem += piece.truesize
  }
  return piece
}
