/**
 * Rules made ready for the data path: the IP part as numbers, every other match as an object with one method.
 *
 * Linux: ip_packet_match (net/ipv4/netfilter/ip_tables.c), net/netfilter/xt_*.c.
 */
import type { RandomStream } from "@darkfiber/sim/Random"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import type { Environment } from "./Environment.ts"
import * as Matches from "./Matches.ts"
import type { Extension, PacketView } from "./PacketView.ts"
import type * as Rules from "./Rules.ts"

/** The IP part of a rule. */
export class IpPart {
  source = 0
  sourceMask = 0
  sourceInvert = false
  destination = 0
  destinationMask = 0
  destinationInvert = false
  /** 0 for any. */
  protocol = 0
  protocolInvert = false

  matches(packet: PacketView): boolean {
    if (((packet.source & this.sourceMask) === this.source) === this.sourceInvert) return false
    if (((packet.destination & this.destinationMask) === this.destination) === this.destinationInvert) return false
    return this.protocol === 0 || (packet.protocol === this.protocol) !== this.protocolInvert
  }
}

/**
 * Compiles the matches of a rule: the IP part into `part`, the rest into `extensions`.
 *
 * @returns false for a match that contradicts the rule: ports without `-p tcp` or `-p udp`, a value out of range
 */
export const compile = (
  matches: ReadonlyArray<Rules.Match>,
  part: IpPart,
  extensions: Array<Extension>,
  environment: Environment,
  random: RandomStream
): boolean => {
  const protocol = matches.find((match) => match._tag === "Protocol")
  const only = protocol === undefined || protocol.invert ? 0 : protocol.protocol
  for (const match of matches) {
    if (!compileIp(match, part) && !compileTransport(match, only, extensions)) {
      if (!compileOther(match, extensions, environment, random)) return false
    }
  }
  return matches.every((match) => isAllowed(match, only))
}

const compileIp = (match: Rules.Match, part: IpPart): boolean => {
  switch (match._tag) {
    case "Source":
      part.sourceMask = Ipv4Address.mask(match.prefixLength)
      part.source = match.address & part.sourceMask
      part.sourceInvert = match.invert
      return true
    case "Destination":
      part.destinationMask = Ipv4Address.mask(match.prefixLength)
      part.destination = match.address & part.destinationMask
      part.destinationInvert = match.invert
      return true
    case "Protocol":
      part.protocol = match.protocol
      part.protocolInvert = match.invert
      return true
    default:
      return false
  }
}

const compileTransport = (match: Rules.Match, protocol: number, extensions: Array<Extension>): boolean => {
  if (!isAllowed(match, protocol)) return false
  switch (match._tag) {
    case "SourcePorts":
      extensions.push(new Matches.PortsMatch(0, match.from, match.to, match.invert))
      return true
    case "DestinationPorts":
      extensions.push(new Matches.PortsMatch(2, match.from, match.to, match.invert))
      return true
    case "TcpFlags":
      extensions.push(new Matches.TcpFlagsMatch(match.mask, match.set, match.invert))
      return true
    case "IcmpType":
      extensions.push(new Matches.IcmpMatch(match.type, match.code, match.invert))
      return true
    default:
      return false
  }
}

const compileOther = (
  match: Rules.Match,
  extensions: Array<Extension>,
  environment: Environment,
  random: RandomStream
): boolean => {
  switch (match._tag) {
    case "InInterface":
    case "OutInterface":
      extensions.push(new Matches.InterfaceMatch(match.name, match._tag === "InInterface", match.invert))
      return true
    case "State":
      extensions.push(new Matches.StateMatch(match.states, match.invert))
      return true
    case "Mark":
      extensions.push(new Matches.MarkMatch(match.value, match.mask, match.invert))
      return true
    case "AddressType":
      extensions.push(new Matches.AddressTypeMatch(environment, match.side === "source", match.kind, match.invert))
      return true
    case "Limit":
      extensions.push(new Matches.LimitMatch(match.amount, match.periodNanos, match.burst))
      return match.amount > 0 && match.periodNanos > 0
    case "StatisticRandom":
      extensions.push(new Matches.RandomMatch(random, match.probability, match.invert))
      return match.probability >= 0 && match.probability <= 1
    case "StatisticNth":
      extensions.push(new Matches.NthMatch(match.every, match.packet, match.invert))
      return match.every >= 1 && match.packet >= 0 && match.packet < match.every
    case "Comment":
      return true
    default:
      return false
  }
}

/** Matches on transport headers need their protocol named. */
const isAllowed = (match: Rules.Match, protocol: number): boolean => {
  switch (match._tag) {
    case "SourcePorts":
    case "DestinationPorts":
      return protocol === Ipv4.PROTOCOL_TCP || protocol === Ipv4.PROTOCOL_UDP
    case "TcpFlags":
      return protocol === Ipv4.PROTOCOL_TCP
    case "IcmpType":
      return protocol === Ipv4.PROTOCOL_ICMP
    default:
      return true
  }
}
