/**
 * What the matches of iptables rules look at.
 */
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import type { Netns } from "../Netns.ts"
import type { SkBuff } from "../SkBuff.ts"
import { readableEnd } from "./Conntrack.ts"

/** A packet as the matches see it; one scratch a table, filled once a walk. */
export class PacketView {
  bytes: Uint8Array
  skb: SkBuff | null
  net: Netns | null
  source: number
  destination: number
  protocol: number
  /** Offset of the transport header, and first byte that may not be read. */
  transport: number
  end: number
  /** Behind the first fragment: no transport header here. */
  isLaterFragment: boolean
  inName: string
  outName: string
  time: number
  /** A match found the packet broken: it is dropped at once. */
  hotDrop: boolean

  constructor() {
    this.bytes = none
    this.skb = null
    this.net = null
    this.source = 0
    this.destination = 0
    this.protocol = 0
    this.transport = 0
    this.end = 0
    this.isLaterFragment = false
    this.inName = ""
    this.outName = ""
    this.time = 0
    this.hotDrop = false
  }

  fill(bytes: Uint8Array, net: Netns, skb: SkBuff, inName: string, outName: string, time: number): void {
    const at = skb.networkHeader
    this.bytes = bytes
    this.skb = skb
    this.net = net
    this.source = Ipv4.source(bytes, at)
    this.destination = Ipv4.destination(bytes, at)
    this.protocol = Ipv4.protocol(bytes, at)
    this.transport = at + Ipv4.headerLength(bytes, at)
    this.end = readableEnd(bytes, skb)
    this.isLaterFragment = Ipv4.fragmentOffset(bytes, at) !== 0
    this.inName = inName
    this.outName = outName
    this.time = time
    this.hotDrop = false
  }

  /** True when `length` bytes of the transport header are there; else, in a whole packet, it is broken. */
  hasTransport(length: number): boolean {
    if (this.isLaterFragment) return false
    if (this.end - this.transport >= length) return true
    this.hotDrop = true
    return false
  }
}

const none = new Uint8Array(0)

export interface Extension {
  matches(packet: PacketView): boolean
}
