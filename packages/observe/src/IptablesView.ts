/** The rules of a table as records for `iptables -L`: what matches and targets say in a listing. */
import { type Chain, type CompiledRule, type IptablesTable } from "@darkfiber/kernel-net/netfilter/IptablesTable"
import * as RuleTarget from "@darkfiber/kernel-net/netfilter/RuleTarget"
import * as RuleText from "@darkfiber/kernel-net/netfilter/RuleText"
import * as Rules from "@darkfiber/kernel-net/netfilter/Rules"
import * as Setup from "@darkfiber/kernel-net/netfilter/Setup"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import type { ChainRecord, RuleRecord } from "./TableText.ts"

/** The chains of a table, or one of them; empty for a chain that is not there. */
export const chains = (table: IptablesTable, only: string | null = null): ReadonlyArray<ChainRecord> =>
  [...table.chains.values()]
    .filter((chain) => only === null || chain.name === only)
    .map((chain) => record(chain, table))

/** Chains of a table that nothing has loaded: the built-in ones, empty. Loading it would add hooks. */
export const blankChains = (names: ReadonlyArray<string>): ReadonlyArray<ChainRecord> =>
  names.map((name) => ({ name, policy: "ACCEPT", packets: 0, bytes: 0, references: 0, rules: [] }))

/** The table if it is loaded. */
export const peek = (net: Netns, name: Rules.TableName): IptablesTable | null =>
  Setup.peek(net)?.tables.get(name) ?? null

const record = (chain: Chain, table: IptablesTable): ChainRecord => ({
  name: chain.name,
  policy: chain.point < 0 ? null : chain.policy === RuleTarget.ACCEPT ? "ACCEPT" : "DROP",
  packets: chain.packets,
  bytes: chain.bytes,
  references: table.references(chain.name),
  rules: chain.rules.map(ruleRecord)
})

const ruleRecord = (compiled: CompiledRule): RuleRecord => {
  const { matches, target } = compiled.rule
  const find = <Tag extends Rules.Match["_tag"]>(tag: Tag): Extract<Rules.Match, { readonly _tag: Tag }> | undefined =>
    matches.find((match) => match._tag === tag) as Extract<Rules.Match, { readonly _tag: Tag }> | undefined
  const protocol = find("Protocol")
  const input = find("InInterface")
  const output = find("OutInterface")
  const name = protocol === undefined ? "all" : RuleText.protocolName(protocol.protocol)
  return {
    packets: compiled.packets,
    bytes: compiled.bytes,
    target: targetName(target),
    protocol: `${protocol?.invert === true ? "!" : ""}${name}`,
    isGoto: target._tag === "Goto",
    input: input === undefined ? "*" : `${bang(input.invert)}${input.name}`,
    output: output === undefined ? "*" : `${bang(output.invert)}${output.name}`,
    source: addressText(find("Source")),
    destination: addressText(find("Destination")),
    text: [...transportTexts(matches, name), ...matches.flatMap(matchText), targetText(target)]
      .filter((part) => part !== "")
      .join(" ")
  }
}

const bang = (invert: boolean): string => (invert ? "!" : "")

const addressText = (
  match: { readonly address: number; readonly prefixLength: number; readonly invert: boolean } | undefined
): string => {
  if (match === undefined) return "0.0.0.0/0"
  const length = match.prefixLength === 32 ? "" : `/${match.prefixLength}`
  return `${bang(match.invert)}${Ipv4Address.format(match.address)}${length}`
}

const targetName = (target: Rules.Target): string => {
  switch (target._tag) {
    case "Continue":
      return ""
    case "Jump":
    case "Goto":
      return target.chain
    case "Notrack":
      return "CT"
    case "Accept":
    case "Drop":
    case "Return":
    case "Reject":
    case "Mark":
    case "Log":
    case "Dnat":
    case "Snat":
    case "Masquerade":
    case "Redirect":
      return target._tag.toUpperCase()
    default:
      return target satisfies never
  }
}

const span = (from: number, to: number): string => (from === to ? String(from) : `${from}:${to}`)
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`

/** `tcp spt:1 dpt:2 flags:0x17/0x02`: ports and flags of one protocol stand behind its name once. */
const transportTexts = (matches: ReadonlyArray<Rules.Match>, protocol: string): ReadonlyArray<string> => {
  const parts: Array<string> = []
  for (const match of matches) {
    if (match._tag === "SourcePorts" || match._tag === "DestinationPorts") {
      const side = match._tag === "SourcePorts" ? "spt" : "dpt"
      parts.push(`${side}${match.from === match.to ? "" : "s"}:${bang(match.invert)}${span(match.from, match.to)}`)
    } else if (match._tag === "TcpFlags") {
      const flags = `0x${match.mask.toString(16).padStart(2, "0")}/0x${match.set.toString(16).padStart(2, "0")}`
      parts.push(`flags:${bang(match.invert)}${flags}`)
    }
  }
  return parts.length === 0 ? [] : [protocol, ...parts]
}

const stateNames: ReadonlyArray<readonly [number, string]> = [
  [Rules.STATE_INVALID, "INVALID"],
  [Rules.STATE_NEW, "NEW"],
  [Rules.STATE_RELATED, "RELATED"],
  [Rules.STATE_ESTABLISHED, "ESTABLISHED"],
  [Rules.STATE_UNTRACKED, "UNTRACKED"],
  [Rules.STATE_SNAT, "SNAT"],
  [Rules.STATE_DNAT, "DNAT"]
]

const periods: ReadonlyMap<number, string> = new Map([
  [1e9, "sec"],
  [60e9, "min"],
  [3600e9, "hour"],
  [86_400e9, "day"]
])

const matchText = (match: Rules.Match): ReadonlyArray<string> => {
  switch (match._tag) {
    case "State": {
      const names = stateNames.filter(([bit]) => (match.states & bit) !== 0).map(([, name]) => name)
      return [`${match.invert ? "! " : ""}ctstate ${names.join(",")}`]
    }
    case "IcmpType":
      return [`${bang(match.invert)}icmptype ${match.type}${match.code < 0 ? "" : ` code ${match.code}`}`]
    case "Mark":
      return [`mark match ${bang(match.invert)}${hex(match.value)}${match.mask === -1 ? "" : `/${hex(match.mask)}`}`]
    case "AddressType":
      return [`ADDRTYPE match ${match.side === "source" ? "src" : "dst"}-type ${bang(match.invert)}${match.kind}`]
    case "Limit":
      return [`limit: avg ${match.amount}/${periods.get(match.periodNanos) ?? "day"} burst ${match.burst}`]
    case "StatisticRandom":
      return [`statistic mode random${match.invert ? " !" : ""} probability ${match.probability.toFixed(11)}`]
    case "StatisticNth":
      return [
        `statistic mode nth${match.invert ? " !" : ""} every ${match.every}${match.packet === 0 ? "" : ` packet ${match.packet}`}`
      ]
    case "Comment":
      return [`/* ${match.text} */`]
    default:
      return []
  }
}

const ports = (low: number, high: number): string =>
  low === 0 && high === 0 ? "" : low === high ? `${low}` : `${low}-${high}`

const targetText = (target: Rules.Target): string => {
  switch (target._tag) {
    case "Reject":
      return `reject-with ${target.with}`
    case "Mark":
      return target.mask === -1 ? `MARK set ${hex(target.value)}` : `MARK xset ${hex(target.value)}/${hex(target.mask)}`
    case "Log":
      return `LOG flags 0 level 4${target.prefix === "" ? "" : ` prefix "${target.prefix}"`}`
    case "Notrack":
      return "notrack"
    case "Dnat":
    case "Snat": {
      const low = target.addressMin === 0 ? "" : Ipv4Address.format(target.addressMin)
      const high = target.addressMax === target.addressMin ? "" : `-${Ipv4Address.format(target.addressMax)}`
      const range = ports(target.portMin, target.portMax)
      return `to:${low}${high}${range === "" ? "" : `:${range}`}${target.random ? " random" : ""}${target.persistent ? " persistent" : ""}`
    }
    case "Masquerade": {
      const range = ports(target.portMin, target.portMax)
      return `${range === "" ? "" : `masq ports: ${range}`}${target.random ? " random" : ""}`.trim()
    }
    case "Redirect": {
      const range = ports(target.portMin, target.portMax)
      return `${range === "" ? "" : `redir ports ${range}`}${target.random ? " random" : ""}`.trim()
    }
    default:
      return ""
  }
}
