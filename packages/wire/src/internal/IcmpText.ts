/** ICMP and ICMPv6 messages in tcpdump's words (tcpdump 4.99, `-n`). */
import * as Icmp from "../Icmp.ts"
import * as Icmpv6 from "../Icmpv6.ts"
import * as Ipv4 from "../Ipv4.ts"
import { format as address } from "../Ipv4Address.ts"
import * as Ipv6 from "../Ipv6.ts"
import * as Ipv6Address from "../Ipv6Address.ts"
import * as Udp from "../Udp.ts"

const cut = " [|icmp]"

/** Everything behind `source > destination: `; `length` by the IP header, `end` of the captured bytes. */
export const icmp = (bytes: Uint8Array, at: number, length: number, end: number): string => {
  if (end - at < Icmp.headerBytes) return cut
  const text = message(bytes, at, end)
  return text === cut ? cut : `ICMP ${text}, length ${length}`
}

const message = (bytes: Uint8Array, at: number, end: number): string => {
  const type = Icmp.type(bytes, at)
  switch (type) {
    case Icmp.TYPE_ECHO_REQUEST:
    case Icmp.TYPE_ECHO_REPLY: {
      const kind = type === Icmp.TYPE_ECHO_REQUEST ? "request" : "reply"
      return `echo ${kind}, id ${Icmp.echoIdentifier(bytes, at)}, seq ${Icmp.echoSequence(bytes, at)}`
    }
    case Icmp.TYPE_DESTINATION_UNREACHABLE:
      return end - at < Icmp.headerBytes + Ipv4.headerBytes ? cut : unreachable(bytes, at, end)
    case Icmp.TYPE_REDIRECT:
      return end - at < Icmp.headerBytes + Ipv4.headerBytes ? cut : redirect(bytes, at)
    case Icmp.TYPE_TIME_EXCEEDED:
      return timeExceeded(Icmp.code(bytes, at))
    case Icmp.TYPE_PARAMETER_PROBLEM: {
      const code = Icmp.code(bytes, at)
      return `parameter problem - ${code === 0 ? `octet ${Icmp.pointer(bytes, at)}` : `code ${code}`}`
    }
    case Icmp.TYPE_SOURCE_QUENCH:
      return "source quench"
    default:
      return `type-#${type}`
  }
}

const timeExceeded = (code: number): string => {
  if (code === Icmp.CODE_TTL_EXCEEDED) return "time exceeded in-transit"
  return code === Icmp.CODE_REASSEMBLY_EXCEEDED ? "ip reassembly time exceeded" : `time exceeded-#${code}`
}

const redirect = (bytes: Uint8Array, at: number): string => {
  const code = Icmp.code(bytes, at)
  const ends = `${address(Ipv4.destination(bytes, at + Icmp.headerBytes))} to`
  const gateway = address(Icmp.gateway(bytes, at))
  if (code > 3) return `redirect-#${code} ${ends} ${gateway}`
  return `${code >= 2 ? "redirect-tos" : "redirect"} ${ends} ${code % 2 === 0 ? "net" : "host"} ${gateway}`
}

/** What follows the address for each code of destination unreachable; `net` and `host` stand before it. */
const unreachableTexts: ReadonlyArray<readonly [string, string]> = [
  ["net ", ""],
  ["host ", ""],
  ["", ""],
  ["", ""],
  ["", " - need to frag"],
  ["", " - source route failed"],
  ["net ", " - unknown"],
  ["host ", " - unknown"],
  ["", " - source host isolated"],
  ["net ", " - admin prohibited"],
  ["host ", " - admin prohibited"],
  ["net ", " - tos prohibited"],
  ["host ", " - tos prohibited"],
  ["host ", " - admin prohibited filter"],
  ["host ", " - host precedence violation"],
  ["host ", " - precedence cutoff"]
]

const unreachable = (bytes: Uint8Array, at: number, end: number): string => {
  const code = Icmp.code(bytes, at)
  const quoted = at + Icmp.headerBytes
  const target = address(Ipv4.destination(bytes, quoted))
  const protocol = Ipv4.protocol(bytes, quoted)
  if (code === Icmp.CODE_PROTOCOL_UNREACHABLE) return `${target} protocol ${protocol} unreachable`
  if (code === Icmp.CODE_PORT_UNREACHABLE) {
    const transport = quoted + Ipv4.headerLength(bytes, quoted)
    if (end - transport < 4) return cut
    return `${target} ${protocolName(protocol)} port ${Udp.destinationPort(bytes, transport)} unreachable`
  }
  const [before, after] = unreachableTexts[code] ?? ["", ` - #${code}`]
  const mtu = code === Icmp.CODE_FRAGMENTATION_NEEDED ? Icmp.nextHopMtu(bytes, at) : 0
  return `${before}${target} unreachable${after}${mtu === 0 ? "" : ` (mtu ${mtu})`}`
}

const protocolName = (protocol: number): string => {
  if (protocol === Ipv4.PROTOCOL_TCP) return "tcp"
  return protocol === Ipv4.PROTOCOL_UDP ? "udp" : `protocol ${protocol}`
}

/** As {@link icmp}, for IPv6. */
export const icmpv6 = (bytes: Uint8Array, at: number, length: number, end: number): string => {
  if (end - at < Icmpv6.headerBytes || end - at < Icmpv6.lengthOf(Icmpv6.type(bytes, at))) return " [|icmp6]"
  const text = message6(bytes, at, end)
  return text === cut ? " [|icmp6]" : `ICMP6, ${text}, length ${length}`
}

const message6 = (bytes: Uint8Array, at: number, end: number): string => {
  const type = Icmpv6.type(bytes, at)
  switch (type) {
    case Icmpv6.TYPE_ECHO_REQUEST:
    case Icmpv6.TYPE_ECHO_REPLY: {
      const kind = type === Icmpv6.TYPE_ECHO_REQUEST ? "request" : "reply"
      return `echo ${kind}, id ${Icmpv6.echoIdentifier(bytes, at)}, seq ${Icmpv6.echoSequence(bytes, at)}`
    }
    case Icmpv6.TYPE_NEIGHBOR_SOLICITATION:
      return `neighbor solicitation, who has ${Ipv6Address.get(bytes, at + Icmpv6.targetOffset)}`
    case Icmpv6.TYPE_NEIGHBOR_ADVERTISEMENT:
      return `neighbor advertisement, tgt is ${Ipv6Address.get(bytes, at + Icmpv6.targetOffset)}`
    case Icmpv6.TYPE_ROUTER_SOLICITATION:
      return "router solicitation"
    case Icmpv6.TYPE_ROUTER_ADVERTISEMENT:
      return "router advertisement"
    case Icmpv6.TYPE_PACKET_TOO_BIG:
      return `packet too big, mtu ${Icmpv6.mtu(bytes, at)}`
    case Icmpv6.TYPE_DESTINATION_UNREACHABLE:
      return unreachable6(bytes, at, end)
    case Icmpv6.TYPE_TIME_EXCEEDED:
      return timeExceeded6(bytes, at, end)
    case Icmpv6.TYPE_PARAMETER_PROBLEM:
      return `parameter problem, ${parameterProblem6(Icmpv6.code(bytes, at))} - octet ${Icmpv6.mtu(bytes, at)}`
    default:
      return otherTypes.get(type) ?? `unknown icmp6 type (${type})`
  }
}

const otherTypes: ReadonlyMap<number, string> = new Map([
  [130, "multicast listener query"],
  [131, "multicast listener report"],
  [132, "multicast listener done"],
  [Icmpv6.TYPE_REDIRECT, "redirect"],
  [143, "multicast listener report v2"]
])

const parameterProblem6 = (code: number): string =>
  ["erroneous", "next header", "option", "incomplete header chain"][code] ?? `code #${code}`

const hasQuote = (at: number, end: number): boolean => end - at >= Icmpv6.headerBytes + Ipv6.headerBytes

const quotedTarget = (bytes: Uint8Array, at: number): string =>
  Ipv6Address.get(bytes, at + Icmpv6.headerBytes + Ipv6.destinationOffset)

const timeExceeded6 = (bytes: Uint8Array, at: number, end: number): string => {
  const code = Icmpv6.code(bytes, at)
  if (code === 0) return hasQuote(at, end) ? `time exceeded in-transit for ${quotedTarget(bytes, at)}` : cut
  return `time exceeded in-transit${code === 1 ? " (reassembly)" : `, unknown code (${code})`}`
}

const unreachable6 = (bytes: Uint8Array, at: number, end: number): string => {
  const code = Icmpv6.code(bytes, at)
  const text = "destination unreachable,"
  if (code > 4) return `${text} unknown unreach code (${code})`
  if (!hasQuote(at, end)) return cut
  const quoted = at + Icmpv6.headerBytes
  const target = quotedTarget(bytes, at)
  if (code === 0) return `${text} unreachable route ${target}`
  if (code === 1) return `${text}  unreachable prohibited ${target}`
  if (code === 2) {
    return `${text} beyond scope ${target}, source address ${Ipv6Address.get(bytes, quoted + Ipv6.addressesOffset)}`
  }
  if (code === 3) return `${text} unreachable address ${target}`
  const layer = Ipv6.upperLayer(bytes, quoted, end)
  const transport = quoted + Ipv6.upperLayerOffset(layer)
  if (layer < 0 || end - transport < 4) return cut
  const protocol = protocolName(Ipv6.upperLayerProtocol(layer))
  return `${text} unreachable port, ${target} ${protocol} port ${Udp.destinationPort(bytes, transport)}`
}
