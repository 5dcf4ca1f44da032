/** The ICMP messages of a router: errors about packets it could not pass on (RFC 792, RFC 1812 §4.3), echo replies. */
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"

const ETHERNET = Ethernet.headerBytes
const IP = Ipv4.headerBytes
/** Longest IP packet an error makes (RFC 1812 §4.3.2.3). */
const ERROR_MAX = 576
/** Errors a second and at once (Linux: net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst). */
const PER_SECOND_NS = 1_000_000
const BURST = 50

/** Linux's global bucket for ICMP errors: 1,000 a second, 50 at once. */
export class ErrorBudget {
  private credit: number
  private at: number

  constructor() {
    this.credit = BURST
    this.at = 0
  }

  take(now: number): boolean {
    const earned = Math.floor((now - this.at) / PER_SECOND_NS)
    if (earned > 0) {
      this.credit = this.credit + earned > BURST ? BURST : this.credit + earned
      this.at += earned * PER_SECOND_NS
    }
    if (this.credit === 0) return false
    this.credit--
    return true
  }
}

/** True when an error may be sent about the packet at `ip` (RFC 1122 §3.2.2). */
export const mayComplain = (bytes: Uint8Array, frameAt: number, ip: number, end: number): boolean => {
  if ((bytes[frameAt]! & 1) !== 0 || Ipv4.fragmentOffset(bytes, ip) > 0) return false
  const source = Ipv4.source(bytes, ip)
  if (source === 0 || source === -1 || source >>> 28 === 14) return false
  const icmp = ip + Ipv4.headerLength(bytes, ip)
  return !(Ipv4.protocol(bytes, ip) === Ipv4.PROTOCOL_ICMP && end > icmp && Icmp.isError(bytes[icmp]!))
}

/** A new frame with an error about the packet at `ip` of `frame`; its Ethernet addresses are still to be written. */
export const errorFrame = (
  slab: FrameSlab,
  frame: number,
  ip: number,
  type: number,
  code: number,
  word: number,
  from: number
): number => {
  const total = Ipv4.totalLength(slab.bytes, ip)
  const quoted = total < ERROR_MAX - IP - Icmp.headerBytes ? total : ERROR_MAX - IP - Icmp.headerBytes
  const length = IP + Icmp.headerBytes + quoted
  const made = slab.alloc(ETHERNET + length)
  const bytes = slab.bytes
  const at = slab.start[made]! + ETHERNET
  Ethernet.setEtherType(bytes, slab.start[made]!, Ethernet.ETHERTYPE_IPV4)
  Ipv4.write(bytes, at, length, Ipv4.PROTOCOL_ICMP, from, Ipv4.source(bytes, ip))
  Ipv4.setTos(bytes, at, 0xc0)
  Ipv4.setFragment(bytes, at, 0, 0)
  Ipv4.writeChecksum(bytes, at)
  const icmp = Icmp.write(bytes, at + IP, type, code, word)
  bytes.copyWithin(icmp, ip, ip + quoted)
  Icmp.writeChecksum(bytes, at + IP, Icmp.headerBytes + quoted)
  slab.trace[made] = slab.trace[frame]!
  return made
}

/** Turns the echo request at `ip` into its reply, in place: addresses, type, time to live. */
export const toEchoReply = (bytes: Uint8Array, ip: number): void => {
  const source = Ipv4.source(bytes, ip)
  Ipv4.setSource(bytes, ip, Ipv4.destination(bytes, ip))
  Ipv4.setDestination(bytes, ip, source)
  Ipv4.setTimeToLive(bytes, ip, Ipv4.defaultTimeToLive)
  Ipv4.writeChecksum(bytes, ip)
  const icmp = ip + Ipv4.headerLength(bytes, ip)
  Icmp.setType(bytes, icmp, Icmp.TYPE_ECHO_REPLY)
  Icmp.writeChecksum(bytes, icmp, Ipv4.totalLength(bytes, ip) - Ipv4.headerLength(bytes, ip))
}
