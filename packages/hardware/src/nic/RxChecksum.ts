/**
 * What a NIC's receive checksum unit finds: the transport checksum of a whole TCP or UDP packet over IPv4, or over IPv6
 * without extension headers. It says nothing about anything else.
 */
import { u16 } from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Vlan from "@darkfiber/wire/Vlan"

/** Not a packet the unit knows. */
export const UNKNOWN = 0
export const GOOD = 1
export const BAD = 2

const IPV6_HEADER = 40

/**
 * @param at the frame's first byte; `end` is behind its last one
 * @returns GOOD, BAD or UNKNOWN; never throws, whatever the bytes
 */
export const verify = (bytes: Uint8Array, at: number, end: number): number => {
  if (end - at < Ethernet.headerBytes + Ipv4.headerBytes) return UNKNOWN
  let ip = at + Ethernet.headerBytes
  let type = Ethernet.etherType(bytes, at)
  if (Vlan.isTag(type)) {
    type = u16(bytes, ip + 2)
    ip += Vlan.tagBytes
  }
  if (type === Ethernet.ETHERTYPE_IPV4) return verifyV4(bytes, ip, end)
  if (type === Ethernet.ETHERTYPE_IPV6) return verifyV6(bytes, ip, end)
  return UNKNOWN
}

const isKnown = (protocol: number): boolean => protocol === Ipv4.PROTOCOL_TCP || protocol === Ipv4.PROTOCOL_UDP

const verifyV4 = (bytes: Uint8Array, ip: number, end: number): number => {
  if (end - ip < Ipv4.headerBytes || Ipv4.version(bytes, ip) !== 4) return UNKNOWN
  const header = Ipv4.headerLength(bytes, ip)
  const total = Ipv4.totalLength(bytes, ip)
  if (header < Ipv4.headerBytes || total < header || total > end - ip) return UNKNOWN
  const protocol = Ipv4.protocol(bytes, ip)
  if (Ipv4.isFragment(bytes, ip) || !isKnown(protocol)) return UNKNOWN
  if (protocol === Ipv4.PROTOCOL_UDP && total - header >= 8 && u16(bytes, ip + header + 6) === 0) return UNKNOWN
  return Checksum.verifyTransport(bytes, ip) ? GOOD : BAD
}

const verifyV6 = (bytes: Uint8Array, ip: number, end: number): number => {
  if (end - ip < IPV6_HEADER) return UNKNOWN
  const protocol = bytes[ip + 6]!
  const length = u16(bytes, ip + 4)
  if (!isKnown(protocol) || length > end - ip - IPV6_HEADER) return UNKNOWN
  return Checksum.verifyTransportV6(bytes, ip, ip + IPV6_HEADER, length, protocol) ? GOOD : BAD
}
