/**
 * What a hash over flows is made of (RSS, ECMP, RPS, fq): addresses, protocol, ports. {@link read} fills one reusable
 * {@link FlowKey} from a frame and allocates nothing.
 *
 * Linux: __skb_flow_dissect (net/core/flow_dissector.c) with the keys of flow_keys. Differs: no tunnels are entered.
 */
import { i32, u16 } from "./Bytes.ts"
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_SERVICE_VLAN, ETHERTYPE_VLAN, headerBytes } from "./Ethernet.ts"
import * as Ipv6 from "./Ipv6.ts"

/** The fields of a frame that name its flow. One object is made once and refilled for each frame. */
export class FlowKey {
  /** The Ethernet type behind any VLAN tags; 0 when the frame is too short. */
  etherType: number
  /** Where the network header starts; -1 when the frame is too short. */
  networkAt: number
  /** Upper-layer protocol; -1 when the frame is no readable IP packet. */
  protocol: number
  /** Int32: the IPv4 address, or the four words of the IPv6 address joined by exclusive or. */
  source: number
  /** Likewise. */
  destination: number
  /** Where source and destination address stand, one behind the other; -1 without IP. */
  addressesAt: number
  /** Bytes of both addresses: 8, 32 or 0. */
  addressesLength: number
  /** Int32, source port in the high half; 0 without ports (other protocols, every fragment). */
  ports: number
  /** Where the two ports stand; -1 without ports. */
  portsAt: number
  /** 1 when the packet is a fragment: its flow is named by the addresses alone, since only the first has ports. */
  isFragment: number

  constructor() {
    this.etherType = 0
    this.networkAt = -1
    this.protocol = -1
    this.source = 0
    this.destination = 0
    this.addressesAt = -1
    this.addressesLength = 0
    this.ports = 0
    this.portsAt = -1
    this.isFragment = 0
  }
}

export const make = (): FlowKey => new FlowKey()

const TCP = 6
const UDP = 17
const DCCP = 33
const SCTP = 132

/** Fills `key` from the Ethernet frame at `at`; passes over up to two VLAN tags. Never reads past `end`. */
export const read = (bytes: Uint8Array, at: number, end: number, key: FlowKey): void => {
  reset(key)
  if (end - at < headerBytes) return
  let typeAt = at + 12
  let etherType = u16(bytes, typeAt)
  for (let tags = 0; tags < 2; tags++) {
    if (etherType !== ETHERTYPE_VLAN && etherType !== ETHERTYPE_SERVICE_VLAN) break
    if (typeAt + 6 > end) return
    typeAt += 4
    etherType = u16(bytes, typeAt)
  }
  key.etherType = etherType
  key.networkAt = typeAt + 2
  if (etherType === ETHERTYPE_IPV4) readIpv4(bytes, typeAt + 2, end, key)
  else if (etherType === ETHERTYPE_IPV6) readIpv6(bytes, typeAt + 2, end, key)
}

const reset = (key: FlowKey): void => {
  key.etherType = 0
  key.networkAt = -1
  key.protocol = -1
  key.source = 0
  key.destination = 0
  key.addressesAt = -1
  key.addressesLength = 0
  key.ports = 0
  key.portsAt = -1
  key.isFragment = 0
}

const readIpv4 = (bytes: Uint8Array, at: number, end: number, key: FlowKey): void => {
  if (end - at < 20) return
  const headerLength = (bytes[at]! & 15) << 2
  if (bytes[at]! >>> 4 !== 4 || headerLength < 20 || end - at < headerLength) return
  key.protocol = bytes[at + 9]!
  key.source = i32(bytes, at + 12)
  key.destination = i32(bytes, at + 16)
  key.addressesAt = at + 12
  key.addressesLength = 8
  if ((u16(bytes, at + 6) & 0x3fff) !== 0) key.isFragment = 1
  else readPorts(bytes, at + headerLength, end, key)
}

const readIpv6 = (bytes: Uint8Array, at: number, end: number, key: FlowKey): void => {
  if (end - at < Ipv6.headerBytes || bytes[at]! >>> 4 !== 6) return
  key.source = fold(bytes, at + 8)
  key.destination = fold(bytes, at + 24)
  key.addressesAt = at + 8
  key.addressesLength = 32
  if (Ipv6.nextHeader(bytes, at) === Ipv6.NEXT_FRAGMENT) {
    key.isFragment = 1
    key.protocol = end - at < 41 ? Ipv6.NEXT_FRAGMENT : bytes[at + 40]!
    return
  }
  const layer = Ipv6.upperLayer(bytes, at, end)
  if (layer < 0) {
    key.protocol = Ipv6.nextHeader(bytes, at)
    return
  }
  key.protocol = Ipv6.upperLayerProtocol(layer)
  if (key.protocol === Ipv6.NEXT_FRAGMENT) key.isFragment = 1
  else readPorts(bytes, at + Ipv6.upperLayerOffset(layer), end, key)
}

const readPorts = (bytes: Uint8Array, at: number, end: number, key: FlowKey): void => {
  const protocol = key.protocol
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP && protocol !== DCCP) return
  if (end - at < 4) return
  key.ports = i32(bytes, at)
  key.portsAt = at
}

const fold = (bytes: Uint8Array, at: number): number =>
  i32(bytes, at) ^ i32(bytes, at + 4) ^ i32(bytes, at + 8) ^ i32(bytes, at + 12)
