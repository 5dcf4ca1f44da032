/**
 * Congestion marking by a switch: sets CE on an IP packet of a sender that understands it (RFC 3168 §5) and mends the
 * IPv4 header checksum.
 */
import { u16 } from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Vlan from "@darkfiber/wire/Vlan"

const IPV6_HEADER = 40
/** The ECN bits in the second byte of an IPv6 header. */
const IPV6_ECN = 0x30

/**
 * Marks the frame at `at`, which ends at `end`. Never throws, whatever the bytes.
 *
 * @returns true when it is marked now and was not before
 */
export const mark = (bytes: Uint8Array, at: number, end: number): boolean => {
  let ip = at + Ethernet.headerBytes
  if (end - ip < Ipv4.headerBytes) return false
  let type = Ethernet.etherType(bytes, at)
  if (Vlan.isTag(type)) {
    type = u16(bytes, ip + 2)
    ip += Vlan.tagBytes
    if (end - ip < Ipv4.headerBytes) return false
  }
  if (type === Ethernet.ETHERTYPE_IPV4) return Ipv4.markCe(bytes, ip)
  if (type !== Ethernet.ETHERTYPE_IPV6 || end - ip < IPV6_HEADER) return false
  const ecn = bytes[ip + 1]! & IPV6_ECN
  if (ecn === 0 || ecn === IPV6_ECN) return false
  bytes[ip + 1] = bytes[ip + 1]! | IPV6_ECN
  return true
}
