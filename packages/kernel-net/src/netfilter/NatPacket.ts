/**
 * Rewrites a packet as NAT wants it: one address, one port (or ICMP identifier), and the checksums by difference
 * (RFC 1624 §3). A partial checksum holds only the pseudo header's sum, so ports do not touch it.
 *
 * Linux: nf_nat_ipv4_manip_pkt, tcp_manip_pkt, nf_nat_icmp_reply_translation (net/ipv4/netfilter/nf_nat_*.c).
 */
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import type { Tuple } from "./Tuple.ts"

/** Which end is rewritten (Linux: enum nf_nat_manip_type). */
export const MANIP_SRC = 0
export const MANIP_DST = 1

const SOURCE = 12
const DESTINATION = 16

/**
 * Gives the IPv4 packet at `at` the source (MANIP_SRC) or destination (MANIP_DST) of `target`.
 *
 * @param end first byte that is not there: of a packet quoted by ICMP only the ports may be
 * @param partial the transport checksum is a partial one
 */
export const rewrite = (
  bytes: Uint8Array,
  at: number,
  end: number,
  target: Tuple,
  manip: number,
  partial: boolean
): void => {
  const transport = at + Ipv4.headerLength(bytes, at)
  const field = at + (manip === MANIP_SRC ? SOURCE : DESTINATION)
  const before = Bytes.i32(bytes, field)
  const after = manip === MANIP_SRC ? target.source : target.destination
  if (Ipv4.fragmentOffset(bytes, at) === 0) {
    rewriteTransport(bytes, Ipv4.protocol(bytes, at), transport, end, target, manip, before, after, partial)
  }
  if (before === after) return
  Bytes.setI32(bytes, field, after)
  Ipv4.setChecksum(bytes, at, Checksum.update32(Ipv4.checksum(bytes, at), before, after))
}

const rewriteTransport = (
  bytes: Uint8Array,
  protocol: number,
  at: number,
  end: number,
  target: Tuple,
  manip: number,
  before: number,
  after: number,
  partial: boolean
): void => {
  if (protocol === Ipv4.PROTOCOL_TCP || protocol === Ipv4.PROTOCOL_UDP) {
    if (end - at < 4) return
    const portAt = manip === MANIP_SRC ? at : at + 2
    const port = Bytes.u16(bytes, portAt)
    const wanted = manip === MANIP_SRC ? target.ports >>> 16 : target.ports & 0xffff
    Bytes.setU16(bytes, portAt, wanted)
    const checkAt = at + (protocol === Ipv4.PROTOCOL_TCP ? Tcp.checksumOffset : Udp.checksumOffset)
    if (end - checkAt < 2) return
    const check = Bytes.u16(bytes, checkAt)
    const isUdp = protocol === Ipv4.PROTOCOL_UDP
    if (isUdp && check === 0 && !partial) return
    Bytes.setU16(bytes, checkAt, updated(check, before, after, port, wanted, partial, isUdp))
  } else if (protocol === Ipv4.PROTOCOL_ICMP) {
    if (end - at < Icmp.headerBytes || Icmp.isError(Icmp.type(bytes, at))) return
    const identifier = Icmp.echoIdentifier(bytes, at)
    const wanted = target.ports >>> 16
    if (identifier === wanted) return
    Icmp.setEchoIdentifier(bytes, at, wanted)
    if (!partial) Icmp.setChecksum(bytes, at, Checksum.update16(Icmp.checksum(bytes, at), identifier, wanted))
  }
}

const updated = (
  check: number,
  before: number,
  after: number,
  port: number,
  wanted: number,
  partial: boolean,
  isUdp: boolean
): number => {
  if (partial) return ~Checksum.update32(~check & 0xffff, before, after) & 0xffff
  const value = Checksum.update16(Checksum.update32(check, before, after), port, wanted)
  return isUdp && value === 0 ? 0xffff : value
}

/**
 * Rewrites the packet that an ICMP error quotes, and the error's checksum.
 *
 * @param at the ICMP header; `end` first byte that is not there
 * @param target what the quoted packet's `manip` end shall be
 */
export const rewriteQuoted = (bytes: Uint8Array, at: number, end: number, target: Tuple, manip: number): void => {
  const quoted = at + Icmp.headerBytes
  const before = Checksum.sum(bytes, quoted, end - quoted)
  rewrite(bytes, quoted, end, target, manip, false)
  const after = Checksum.sum(bytes, quoted, end - quoted)
  Icmp.setChecksum(
    bytes,
    at,
    ~Checksum.fold((~Icmp.checksum(bytes, at) & 0xffff) + (~before & 0xffff) + after) & 0xffff
  )
}
