/**
 * Rules as `iptables-save` and `iptables -S` print them.
 */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as Rules from "./Rules.ts"

const protocolNames: ReadonlyArray<readonly [number, string]> = [
  [1, "icmp"],
  [2, "igmp"],
  [6, "tcp"],
  [17, "udp"],
  [41, "ipv6"],
  [47, "gre"],
  [50, "esp"],
  [132, "sctp"]
]

const stateNames: ReadonlyArray<readonly [number, string]> = [
  [Rules.STATE_INVALID, "INVALID"],
  [Rules.STATE_NEW, "NEW"],
  [Rules.STATE_RELATED, "RELATED"],
  [Rules.STATE_ESTABLISHED, "ESTABLISHED"],
  [Rules.STATE_UNTRACKED, "UNTRACKED"],
  [Rules.STATE_SNAT, "SNAT"],
  [Rules.STATE_DNAT, "DNAT"]
]

const flagNames: ReadonlyArray<readonly [number, string]> = [
  [0x01, "FIN"],
  [0x02, "SYN"],
  [0x04, "RST"],
  [0x08, "PSH"],
  [0x10, "ACK"],
  [0x20, "URG"]
]

/** `tcp` for 6, the number where there is no name. */
export const protocolName = (protocol: number): string =>
  protocolNames.find((entry) => entry[0] === protocol)?.[1] ?? String(protocol)

/** One line of `iptables-save`, without counters: `-A FORWARD -i br0 -j ACCEPT`. */
export const rule = (chain: string, value: Rules.Rule): string => {
  const protocol = value.matches.find((match) => match._tag === "Protocol")
  const name = protocol === undefined ? "tcp" : protocolName(protocol.protocol)
  const state: Printed = { parts: [`-A ${chain}`], modules: new Set(), protocol: name }
  for (const match of ordered(value.matches)) state.parts.push(matchText(match, state))
  const end = target(value.target)
  if (end !== "") state.parts.push(end)
  return state.parts.join(" ")
}

interface Printed {
  readonly parts: Array<string>
  /** Modules named already: `-m tcp` stands once. */
  readonly modules: Set<string>
  readonly protocol: string
}

/** The IP part comes first, in this order, whatever the order on the command line. */
const ipPart = ["Source", "Destination", "InInterface", "OutInterface", "Protocol"]
const rank = (match: Rules.Match): number => {
  const at = ipPart.indexOf(match._tag)
  return at < 0 ? ipPart.length : at
}
const ordered = (matches: ReadonlyArray<Rules.Match>): ReadonlyArray<Rules.Match> =>
  [...matches].sort((left, right) => rank(left) - rank(right))

const not = (invert: boolean): string => (invert ? "! " : "")
const cidr = (address: number, prefixLength: number): string => `${Ipv4Address.format(address)}/${prefixLength}`
const span = (from: number, to: number): string => (from === to ? `${from}` : `${from}:${to}`)
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`
const bits = (value: number, names: ReadonlyArray<readonly [number, string]>): string =>
  names
    .filter((entry) => (value & entry[0]) !== 0)
    .map((entry) => entry[1])
    .join(",") || "NONE"

const module = (state: Printed, name: string): string => {
  if (state.modules.has(name)) return ""
  state.modules.add(name)
  return `-m ${name} `
}

const matchText = (match: Rules.Match, state: Printed): string => {
  switch (match._tag) {
    case "Source":
      return `${not(match.invert)}-s ${cidr(match.address, match.prefixLength)}`
    case "Destination":
      return `${not(match.invert)}-d ${cidr(match.address, match.prefixLength)}`
    case "Protocol":
      return `${not(match.invert)}-p ${protocolName(match.protocol)}`
    case "InInterface":
      return `${not(match.invert)}-i ${match.name}`
    case "OutInterface":
      return `${not(match.invert)}-o ${match.name}`
    case "SourcePorts":
      return `${module(state, state.protocol)}${not(match.invert)}--sport ${span(match.from, match.to)}`
    case "DestinationPorts":
      return `${module(state, state.protocol)}${not(match.invert)}--dport ${span(match.from, match.to)}`
    case "TcpFlags":
      return `${module(state, "tcp")}${not(match.invert)}--tcp-flags ${bits(match.mask, flagNames)} ${bits(match.set, flagNames)}`
    case "IcmpType":
      return `${module(state, "icmp")}${not(match.invert)}--icmp-type ${icmpType(match.type, match.code)}`
    default:
      return moduleText(match, state)
  }
}

type ModuleMatch = Extract<
  Rules.Match,
  { readonly _tag: "State" | "Mark" | "AddressType" | "Limit" | "StatisticRandom" | "StatisticNth" | "Comment" }
>

const moduleText = (match: ModuleMatch, state: Printed): string => {
  switch (match._tag) {
    case "State":
      return `-m conntrack ${not(match.invert)}--ctstate ${bits(match.states, stateNames)}`
    case "Mark":
      return `-m mark ${not(match.invert)}--mark ${hex(match.value)}${match.mask === -1 ? "" : `/${hex(match.mask)}`}`
    case "AddressType": {
      const side = match.side === "source" ? "--src-type" : "--dst-type"
      return `${module(state, "addrtype")}${not(match.invert)}${side} ${match.kind}`
    }
    case "Limit":
      return `-m limit --limit ${match.amount}/${periodName(match.periodNanos)}${match.burst === 5 ? "" : ` --limit-burst ${match.burst}`}`
    case "StatisticRandom":
      return `-m statistic --mode random ${not(match.invert)}--probability ${match.probability.toFixed(11)}`
    case "StatisticNth":
      return `-m statistic --mode nth ${not(match.invert)}--every ${match.every} --packet ${match.packet}`
    case "Comment":
      return `-m comment --comment ${quoted(match.text)}`
    default:
      return match satisfies never
  }
}

const icmpType = (type: number, code: number): string => (code < 0 ? `${type}` : `${type}/${code}`)

const periodName = (nanos: number): string => {
  if (nanos === 1_000_000_000) return "sec"
  if (nanos === 60_000_000_000) return "min"
  return nanos === 3_600_000_000_000 ? "hour" : "day"
}

const quoted = (text: string): string => (/^[\w.-]+$/.test(text) ? text : `"${text.replace(/(["\\])/g, "\\$1")}"`)

const destination = (value: Extract<Rules.Target, { readonly _tag: "Dnat" | "Snat" }>): string => {
  const first = value.addressMin === 0 && value.addressMax === 0 ? "" : Ipv4Address.format(value.addressMin)
  const last = value.addressMin === value.addressMax ? "" : `-${Ipv4Address.format(value.addressMax)}`
  return `${first}${last}${ports(value.portMin, value.portMax, ":")}${value.random ? " --random" : ""}${value.persistent ? " --persistent" : ""}`
}

const ports = (from: number, to: number, lead: string): string =>
  from === 0 ? "" : `${lead}${from}${from === to ? "" : `-${to}`}`

/** The `-j` part of a rule, empty without a target. */
const target = (value: Rules.Target): string => {
  switch (value._tag) {
    case "Continue":
      return ""
    case "Accept":
    case "Drop":
    case "Return":
      return `-j ${value._tag.toUpperCase()}`
    case "Jump":
      return `-j ${value.chain}`
    case "Goto":
      return `-g ${value.chain}`
    case "Reject":
      return `-j REJECT --reject-with ${value.with}`
    case "Mark":
      return `-j MARK --set-xmark ${hex(value.value)}/${hex(value.mask)}`
    case "Log":
      return `-j LOG${value.prefix === "" ? "" : ` --log-prefix ${quoted(value.prefix)}`}`
    case "Notrack":
      return "-j CT --notrack"
    case "Dnat":
      return `-j DNAT --to-destination ${destination(value)}`
    case "Snat":
      return `-j SNAT --to-source ${destination(value)}`
    case "Masquerade":
    case "Redirect":
      return `-j ${value._tag.toUpperCase()}${ports(value.portMin, value.portMax, " --to-ports ")}${value.random ? " --random" : ""}`
    default:
      return value satisfies never
  }
}
