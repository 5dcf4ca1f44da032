/**
 * Fills in the checksum that a frame carries only in part, as a fault must before it changes bytes: otherwise the
 * receiver would take a damaged frame for a good one.
 */
import { CHECKSUM_PARTIAL, CHECKSUM_VERIFIED, type FrameSlab } from "@darkfiber/sim/FrameSlab"
import { u16 } from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Vlan from "@darkfiber/wire/Vlan"

const IPV6_HEADER = 40
const UDP_HEADER = 8
const VXLAN_HEADER = 8
const VXLAN_PORT = 4789

/** Completes the transport checksum and clears both marks. Never throws, whatever the bytes. */
export const fillChecksums = (slab: FrameSlab, frame: number): void => {
  const flags = slab.flags[frame]!
  const at = slab.start[frame]!
  if ((flags & CHECKSUM_PARTIAL) !== 0) fillEthernet(slab.bytes, at, at + slab.length[frame]!)
  slab.flags[frame] = flags & ~(CHECKSUM_PARTIAL | CHECKSUM_VERIFIED)
}

const fillEthernet = (bytes: Uint8Array, at: number, end: number): void => {
  let ip = at + Ethernet.headerBytes
  if (end < ip + Ipv4.headerBytes) return
  let type = Ethernet.etherType(bytes, at)
  if (Vlan.isTag(type)) {
    type = u16(bytes, ip + 2)
    ip += Vlan.tagBytes
  }
  if (type === Ethernet.ETHERTYPE_IPV4) fillV4(bytes, ip, end)
  else if (type === Ethernet.ETHERTYPE_IPV6) fillV6(bytes, ip, end)
}

const fillV4 = (bytes: Uint8Array, ip: number, end: number): void => {
  if (end - ip < Ipv4.headerBytes) return
  const header = Ipv4.headerLength(bytes, ip)
  const total = Ipv4.totalLength(bytes, ip)
  if (header < Ipv4.headerBytes || total < header || total > end - ip) return
  const transport = ip + header
  const inner = transport + UDP_HEADER + VXLAN_HEADER
  const isTunnel = Ipv4.protocol(bytes, ip) === Ipv4.PROTOCOL_UDP && total - header >= UDP_HEADER + VXLAN_HEADER
  // What is partial in a VXLAN frame is the checksum inside.
  if (isTunnel && u16(bytes, transport + 2) === VXLAN_PORT) fillEthernet(bytes, inner, ip + total)
  else Checksum.fillTransport(bytes, ip)
}

const fillV6 = (bytes: Uint8Array, ip: number, end: number): void => {
  const length = end - ip < IPV6_HEADER ? 0 : u16(bytes, ip + 4)
  if (length === 0 || length > end - ip - IPV6_HEADER) return
  Checksum.fillTransportV6(bytes, ip, ip + IPV6_HEADER, length, bytes[ip + 6]!)
}
