/**
 * One line for a frame, in the form of `tcpdump -n -t -S` (tcpdump 4.99). Never throws, whatever the bytes, and never
 * reads past `end`.
 *
 * Differs from tcpdump: what TCP and UDP carry is not decoded (no `: HTTP`), except VXLAN, whose inner frame follows on the
 * same line; protocols outside this package show as `ip-proto-N`; there are no hexadecimal dumps.
 */
import * as Arp from "./Arp.ts"
import { u16 } from "./Bytes.ts"
import * as Ethernet from "./Ethernet.ts"
import * as IcmpText from "./internal/IcmpText.ts"
import * as TcpText from "./internal/TcpText.ts"
import * as Ipv4 from "./Ipv4.ts"
import { format as address } from "./Ipv4Address.ts"
import * as Ipv6 from "./Ipv6.ts"
import * as Ipv6Address from "./Ipv6Address.ts"
import * as MacAddress from "./MacAddress.ts"
import * as Tcp from "./Tcp.ts"
import * as Udp from "./Udp.ts"
import * as Vlan from "./Vlan.ts"
import * as Vxlan from "./Vxlan.ts"

/** What is taken from sequence numbers before they are shown; see {@link frame}. */
export type SequenceOrigin = TcpText.SequenceOrigin

/** Both zero: numbers as they stand on the wire. */
export const absolute: SequenceOrigin = TcpText.absolute

/** Packets inside packets that are entered; deeper ones show as `ip-proto-N`. */
const maxDepth = 4

/**
 * Describes the Ethernet frame from `at` to `end`.
 *
 * @param origin initial sequence numbers of both directions, for relative numbers as tcpdump shows them without `-S`
 */
export const frame = (
  bytes: Uint8Array,
  at = 0,
  end: number = bytes.length,
  origin: SequenceOrigin = absolute
): string => frameAt(bytes, at, end, origin, 0)

/** Describes the IPv4 or IPv6 packet from `at` to `end`, as on a device without link headers. */
export const packet = (
  bytes: Uint8Array,
  at = 0,
  end: number = bytes.length,
  origin: SequenceOrigin = absolute
): string => {
  if (end - at < 1) return " [|ip]"
  return bytes[at]! >>> 4 === 6 ? ipv6(bytes, at, end, origin, 0) : ipv4(bytes, at, end, origin, 0)
}

/** TCP flag letters as tcpdump writes them: `S.`, `P.`, `none`. */
export const tcpFlags = (flags: number): string => TcpText.flags(flags)

const frameAt = (bytes: Uint8Array, at: number, end: number, origin: SequenceOrigin, depth: number): string => {
  if (end - at < Ethernet.headerBytes) return " [|ether]"
  let typeAt = at + 12
  let type = u16(bytes, typeAt)
  while (Vlan.isTag(type) && typeAt + 6 <= end) {
    typeAt += Vlan.tagBytes
    type = u16(bytes, typeAt)
  }
  const payloadAt = typeAt + 2
  switch (type) {
    case Ethernet.ETHERTYPE_IPV4:
      return ipv4(bytes, payloadAt, end, origin, depth)
    case Ethernet.ETHERTYPE_IPV6:
      return ipv6(bytes, payloadAt, end, origin, depth)
    case Ethernet.ETHERTYPE_ARP:
      return arp(bytes, payloadAt, end)
    default:
      return other(bytes, at, end, type)
  }
}

const other = (bytes: Uint8Array, at: number, end: number, type: number): string => {
  const ends = `${MacAddress.format(Ethernet.source(bytes, at))} > ${MacAddress.format(Ethernet.destination(bytes, at))}`
  if (type <= Ethernet.defaultMtu) return `${ends}, 802.3, length ${type}`
  return `${ends}, ethertype Unknown (0x${type.toString(16).padStart(4, "0")}), length ${end - at}`
}

const arp = (bytes: Uint8Array, at: number, end: number): string => {
  if (end - at < 8) return " [|arp]"
  const length = `length ${end - at}`
  if (!Arp.isIpv4OverEthernet(bytes, at)) {
    const hardware = u16(bytes, at) === 1 ? "Ethernet" : `Unknown Hardware (${u16(bytes, at)})`
    const protocol =
      u16(bytes, at + 2) === Ethernet.ETHERTYPE_IPV4
        ? "IPv4"
        : `Unknown Protocol (0x${u16(bytes, at + 2)
            .toString(16)
            .padStart(4, "0")})`
    return `ARP, ${hardware} (len ${bytes[at + 4]!}), ${protocol} (len ${bytes[at + 5]!}), ${length}`
  }
  if (end - at < Arp.packetBytes) return " [|arp]"
  return `ARP, ${arpOperation(bytes, at)}, ${length}`
}

const arpOperation = (bytes: Uint8Array, at: number): string => {
  const operation = Arp.operation(bytes, at)
  const senderIp = address(Arp.senderIp(bytes, at))
  const targetIp = address(Arp.targetIp(bytes, at))
  const senderMac = MacAddress.format(Arp.senderMac(bytes, at))
  const targetMac = MacAddress.format(Arp.targetMac(bytes, at))
  switch (operation) {
    case Arp.REQUEST: {
      const known = MacAddress.isZeroAt(bytes, at + Arp.targetMacOffset) ? "" : ` (${targetMac})`
      return `Request who-has ${targetIp}${known} tell ${senderIp}`
    }
    case Arp.REPLY:
      return `Reply ${senderIp} is-at ${senderMac}`
    case 3:
      return `Reverse Request who-is ${targetMac} tell ${senderMac}`
    case 4:
      return `Reverse Reply ${targetMac} at ${targetIp}`
    case 8:
      return `Inverse Request who-is ${targetMac} tell ${senderMac}`
    case 9:
      return `Inverse Reply ${senderMac} at ${senderIp}`
    default:
      return `Unknown (${operation})`
  }
}

const ipv4 = (bytes: Uint8Array, at: number, end: number, origin: SequenceOrigin, depth: number): string => {
  if (end - at < 1) return "IP  [|ip]"
  if (Ipv4.version(bytes, at) !== 4) return `IP${Ipv4.version(bytes, at)} (invalid)`
  if (end - at < Ipv4.headerBytes) return "IP  [|ip]"
  const headerLength = Ipv4.headerLength(bytes, at)
  if (headerLength < Ipv4.headerBytes) return `IP bad-hlen ${headerLength}`
  const total = Ipv4.totalLength(bytes, at)
  if (total < headerLength) return `IP bad-len ${total}`
  const captured = Math.min(end, at + total)
  const missing = at + total - captured
  const start = missing > 0 ? `IP truncated-ip - ${missing} bytes missing! ` : "IP "
  const source = address(Ipv4.source(bytes, at))
  const destination = address(Ipv4.destination(bytes, at))
  const protocol = Ipv4.protocol(bytes, at)
  if (Ipv4.fragmentOffset(bytes, at) > 0) return `${start}${source} > ${destination}: ip-proto-${protocol}`
  const upper: Upper = {
    protocol,
    at: at + headerLength,
    length: total - headerLength,
    end: captured,
    isFragment: Ipv4.isFragment(bytes, at),
    depth
  }
  return start + withPorts(bytes, upper, source, destination, origin)
}

const ipv6 = (bytes: Uint8Array, at: number, end: number, origin: SequenceOrigin, depth: number): string => {
  if (end - at < 1) return " [|ip6]"
  if (Ipv6.version(bytes, at) !== 6) return `IP6 version error: ${Ipv6.version(bytes, at)} != 6`
  if (end - at < Ipv6.headerBytes) return " [|ip6]"
  const total = Ipv6.headerBytes + Ipv6.payloadLength(bytes, at)
  const captured = Math.min(end, at + total)
  const missing = at + total - captured
  const start = missing > 0 ? `IP6 truncated-ip6 - ${missing} bytes missing!` : "IP6 "
  const source = Ipv6Address.get(bytes, at + Ipv6.addressesOffset)
  const destination = Ipv6Address.get(bytes, at + Ipv6.destinationOffset)
  const protocol = Ipv6.nextHeader(bytes, at)
  const upperAt = at + Ipv6.headerBytes
  const upper: Upper = { protocol, at: upperAt, length: total - 40, end: captured, isFragment: false, depth }
  if (!extensionNames.has(protocol)) return start + withPorts(bytes, upper, source, destination, origin)
  return `${start}${source} > ${destination}: ${extensions(bytes, upper, origin)}`
}

/** What an IP header leaves to be described. */
interface Upper {
  readonly protocol: number
  readonly at: number
  /** Bytes by the IP header. */
  readonly length: number
  /** Where the captured bytes end. */
  readonly end: number
  readonly isFragment: boolean
  readonly depth: number
}

const hasPorts = (upper: Upper): boolean =>
  (upper.protocol === Ipv4.PROTOCOL_TCP || upper.protocol === Ipv4.PROTOCOL_UDP) && upper.end - upper.at >= 4

const withPorts = (
  bytes: Uint8Array,
  upper: Upper,
  source: string,
  destination: string,
  origin: SequenceOrigin
): string =>
  hasPorts(upper)
    ? `${source}.${Tcp.sourcePort(bytes, upper.at)} > ${destination}.${Tcp.destinationPort(bytes, upper.at)}: ${body(bytes, upper, origin)}`
    : `${source} > ${destination}: ${body(bytes, upper, origin)}`

const body = (bytes: Uint8Array, upper: Upper, origin: SequenceOrigin): string => {
  switch (upper.protocol) {
    case Ipv4.PROTOCOL_TCP:
      return TcpText.segment(bytes, upper.at, upper.length, upper.end, origin)
    case Ipv4.PROTOCOL_UDP:
      return udp(bytes, upper, origin)
    case Ipv4.PROTOCOL_ICMP:
      return IcmpText.icmp(bytes, upper.at, upper.length, upper.end)
    case Ipv4.PROTOCOL_ICMPV6:
      return IcmpText.icmpv6(bytes, upper.at, upper.length, upper.end)
    case Ipv6.NEXT_NONE:
      return "no next header"
    case Ipv4.PROTOCOL_IPIP:
      if (upper.depth < maxDepth) return ipv4(bytes, upper.at, upper.end, origin, upper.depth + 1)
      break
    case Ipv4.PROTOCOL_IPV6:
      if (upper.depth < maxDepth) return ipv6(bytes, upper.at, upper.end, origin, upper.depth + 1)
      break
    default:
  }
  return ` ip-proto-${upper.protocol} ${upper.length}`
}

const udp = (bytes: Uint8Array, upper: Upper, origin: SequenceOrigin): string => {
  const { at, end, length } = upper
  if (end - at < Udp.headerBytes) return " [|udp]"
  const claimed = Udp.length(bytes, at)
  if (claimed < Udp.headerBytes) return `truncated-udplength ${claimed}`
  if (claimed > length && !upper.isFragment) return `UDP, bad length ${claimed - 8} > ${length - 8}`
  const port = Udp.destinationPort(bytes, at)
  const innerAt = at + Udp.headerBytes
  const isVxlan = port === Vxlan.port || port === Vxlan.linuxPort
  if (isVxlan && upper.depth < maxDepth && end - innerAt >= Vxlan.headerBytes && Vxlan.hasNetworkId(bytes, innerAt)) {
    const inner = frameAt(bytes, innerAt + Vxlan.headerBytes, end, origin, upper.depth + 1)
    return `VXLAN, flags [I] (0x08), vni ${Vxlan.networkId(bytes, innerAt)}: ${inner}`
  }
  return `UDP, length ${claimed - Udp.headerBytes}`
}

const extensionNames: ReadonlyMap<number, string> = new Map([
  [Ipv6.NEXT_HOP_BY_HOP, "HBH"],
  [Ipv6.NEXT_ROUTING, "RT6"],
  [Ipv6.NEXT_FRAGMENT, "frag"],
  [Ipv6.NEXT_AUTHENTICATION, "AH"],
  [Ipv6.NEXT_DESTINATION_OPTIONS, "DSTOPT"]
])

/** Walks over at most sixteen extension headers, naming each. */
const extensions = (bytes: Uint8Array, first: Upper, origin: SequenceOrigin): string => {
  let text = ""
  let upper = first
  for (let count = 0; count < Ipv6.maxExtensionHeaders; count++) {
    const name = extensionNames.get(upper.protocol)
    if (name === undefined) {
      const ports = `${Tcp.sourcePort(bytes, upper.at)} > ${Tcp.destinationPort(bytes, upper.at)}: `
      return `${text}${hasPorts(upper) ? ports : ""}${body(bytes, upper, origin)}`
    }
    if (upper.end - upper.at < 8) return `${text} [|ip6]`
    let skip = (bytes[upper.at + 1]! + 1) << 3
    if (upper.protocol === Ipv6.NEXT_FRAGMENT) {
      const offset = u16(bytes, upper.at + 2) & 0xfff8
      text += `frag (${offset}|${upper.length - 8}) `
      if (offset > 0) return text.trimEnd()
      skip = 8
    } else {
      if (upper.protocol === Ipv6.NEXT_AUTHENTICATION) skip = (bytes[upper.at + 1]! + 2) << 2
      text += `${name} `
    }
    if (upper.at + skip > upper.end) return `${text} [|ip6]`
    const isFragment = upper.isFragment || upper.protocol === Ipv6.NEXT_FRAGMENT
    upper = { ...upper, protocol: bytes[upper.at]!, at: upper.at + skip, length: upper.length - skip, isFragment }
  }
  return `${text} [|ip6]`
}
