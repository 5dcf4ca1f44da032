/**
 * Generic receive offload: consecutive TCP segments of a flow become one packet before they go up the stack.
 *
 *     segment ── same flow held? ──yes── fits behind it? ── merge
 *                   │ no                     │ no: the held one goes up
 *                   └── hold (8 flows at most, the oldest goes up)
 *
 * A held packet goes up with PSH or another flag, a short segment, a change in ACK or options, 17 pieces, 64 KB, or the
 * end of the poll. Only TCP over IPv4 without fragments merges.
 *
 * Linux: dev_gro_receive, inet_gro_receive, tcp_gro_receive, skb_gro_receive.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { i32, u16 } from "@darkfiber/wire/Bytes"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { pseudoV4 } from "@darkfiber/wire/Checksum"
import { NAPI_GRO_RECEIVE } from "./Points.ts"
import { netifReceiveSkb } from "./Receive.ts"
import * as Skb from "./Skb.ts"
import { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, FRAGS_MAX, PACKET_HOST, type SkBuff } from "./SkBuff.ts"
import { headerLength } from "./TcpOffload.ts"

/** Linux: MAX_GRO_SKBS. */
const FLOWS_MAX = 8
const LENGTH_MAX = 65535
const IPV4 = 0x0800
const TCP = 6
const FIN = 0x01
const SYN = 0x02
const RST = 0x04
const PSH = 0x08
const URG = 0x20
const CWR = 0x80

export class Gro {
  /** Held packets, oldest first. */
  private readonly held: Array<SkBuff>
  /** Jiffy each was held in. */
  private readonly ages: Array<number>
  /** Off: everything goes straight up (ethtool -K gro off). */
  enabled: boolean
  /** Segments merged into others. */
  merged: number

  constructor() {
    this.held = []
    this.ages = []
    this.enabled = true
    this.merged = 0
  }

  /** `data` stands at the IP header. Takes the buffer over. Linux: napi_gro_receive */
  receive(core: Core, skb: SkBuff): void {
    const dev = skb.dev!
    core.visit(NAPI_GRO_RECEIVE, dev.net.id, dev.index, skb.traceId, skb.length)
    if (!this.enabled || skb.protocol !== IPV4 || skb.packetType !== PACKET_HOST || !isCandidate(skb)) {
      netifReceiveSkb(core, skb)
      return
    }
    const bytes = skb.host.world.slab.bytes
    const at = this.find(bytes, skb)
    const tcp = skb.data + Ipv4.headerBytes
    const payload = skb.length - Ipv4.headerBytes - headerLength(bytes, tcp)
    const ends = (bytes[tcp + 13]! & (URG | PSH | RST | SYN | FIN)) !== 0
    if (at >= 0) {
      const head = this.held[at]!
      if (canFollow(bytes, head, skb, payload)) {
        this.merge(head, skb, payload)
        core.island.trace.merged(head.traceId, skb.traceId, core.time)
        if (ends || payload < head.gsoSize) this.release(core, at)
        return
      }
      this.release(core, at)
    }
    if (payload <= 0 || ends) {
      netifReceiveSkb(core, skb)
      return
    }
    this.hold(core, skb, payload)
  }

  /** Everything goes up: the poll is done. Linux: napi_gro_flush */
  flush(core: Core): void {
    while (this.held.length > 0) this.release(core, 0)
  }

  /** What was held before this jiffy goes up: the poll used its weight and will be called again. */
  flushOld(core: Core, jiffy: number): void {
    for (let i = this.held.length - 1; i >= 0; i--) if (this.ages[i]! < jiffy) this.release(core, i)
  }

  forEach(visit: (skb: SkBuff) => void): void {
    this.held.forEach(visit)
  }

  /** Drops what is held: the device closes. */
  purge(core: Core | null, reason: number): void {
    for (const skb of this.held) skb.host.dropSkb(core, skb, reason)
    this.held.length = 0
    this.ages.length = 0
  }

  private find(bytes: Uint8Array, skb: SkBuff): number {
    const at = skb.data
    for (let i = 0; i < this.held.length; i++) {
      const other = this.held[i]!.data
      if (
        i32(bytes, other + 12) === i32(bytes, at + 12) &&
        i32(bytes, other + 16) === i32(bytes, at + 16) &&
        i32(bytes, other + 20) === i32(bytes, at + 20)
      ) {
        return i
      }
    }
    return -1
  }

  private hold(core: Core, skb: SkBuff, payload: number): void {
    if (this.held.length >= FLOWS_MAX) this.release(core, 0)
    skb.gsoSize = payload
    skb.gsoSegments = 1
    this.held.push(skb)
    this.ages.push(skb.host.timers.jiffyAt(core.time))
  }

  /** Appends a segment's payload. */
  private merge(head: SkBuff, skb: SkBuff, payload: number): void {
    const bytes = skb.host.world.slab.bytes
    const tcp = skb.data + Ipv4.headerBytes
    const headTcp = head.data + Ipv4.headerBytes
    bytes[headTcp + 13] = bytes[headTcp + 13]! | (bytes[tcp + 13]! & (FIN | PSH))
    skb.pull(skb.length - payload)
    Skb.appendPart(head, skb)
    head.dataLength += payload
    head.truesize += skb.truesize
    head.weight += skb.weight
    head.gsoSegments++
    skb.counted = false
    this.merged++
  }

  private release(core: Core, at: number): void {
    const skb = this.held[at]!
    this.held.splice(at, 1)
    this.ages.splice(at, 1)
    if (skb.gsoSegments === 1) {
      skb.gsoSize = 0
      skb.gsoSegments = 0
    } else {
      const bytes = skb.host.world.slab.bytes
      Ipv4.setTotalLength(bytes, skb.data, skb.length)
      Ipv4.writeChecksum(bytes, skb.data)
      skb.ipSummed = CHECKSUM_UNNECESSARY
    }
    netifReceiveSkb(core, skb)
  }
}

/** A whole TCP segment over IPv4 without options, with right checksums. Padding is cut off. */
const isCandidate = (skb: SkBuff): boolean => {
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  if (skb.headLength < Ipv4.headerBytes + 20 || skb.dataLength > 0) return false
  if (bytes[at] !== 0x45 || bytes[at + 9] !== TCP || Ipv4.isFragment(bytes, at)) return false
  const length = Ipv4.totalLength(bytes, at)
  const tcp = at + Ipv4.headerBytes
  const tcpHeader = headerLength(bytes, tcp)
  if (length > skb.length || tcpHeader < 20 || length < Ipv4.headerBytes + tcpHeader) return false
  if (!Ipv4.verifyChecksum(bytes, at)) return false
  if (skb.ipSummed === CHECKSUM_NONE && !verify(skb, length)) return false
  skb.headLength = length
  return true
}

const verify = (skb: SkBuff, length: number): boolean => {
  const bytes = skb.host.world.slab.bytes
  const at = skb.data
  const tcpLength = length - Ipv4.headerBytes
  const pseudo = pseudoV4(i32(bytes, at + 12), i32(bytes, at + 16), TCP, tcpLength)
  if (Skb.checksum(skb, Ipv4.headerBytes, tcpLength, pseudo) !== 0xffff) return false
  skb.ipSummed = CHECKSUM_UNNECESSARY
  return true
}

/** Whether `skb` is the direct continuation of `head`. */
const canFollow = (bytes: Uint8Array, head: SkBuff, skb: SkBuff, payload: number): boolean => {
  const a = head.data
  const b = skb.data
  const ta = a + Ipv4.headerBytes
  const tb = b + Ipv4.headerBytes
  if (bytes[a + 1] !== bytes[b + 1] || bytes[a + 8] !== bytes[b + 8]) return false
  if ((u16(bytes, a + 6) & 0x4000) !== (u16(bytes, b + 6) & 0x4000)) return false
  if (((u16(bytes, a + 4) + head.gsoSegments) & 0xffff) !== u16(bytes, b + 4)) return false
  if (payload <= 0 || payload > head.gsoSize || head.gsoSegments >= FRAGS_MAX) return false
  if (head.length + payload > LENGTH_MAX) return false
  const headerBytes = headerLength(bytes, ta)
  if (headerBytes !== headerLength(bytes, tb) || i32(bytes, ta + 8) !== i32(bytes, tb + 8)) return false
  const flags = bytes[tb + 13]!
  if ((flags & CWR) !== 0 || ((flags ^ bytes[ta + 13]!) & ~(CWR | FIN | PSH) & 0xff) !== 0) return false
  for (let i = 20; i < headerBytes; i++) if (bytes[ta + i] !== bytes[tb + i]) return false
  const held = head.length - Ipv4.headerBytes - headerBytes
  return ((i32(bytes, ta + 4) + held) | 0) === i32(bytes, tb + 4)
}
