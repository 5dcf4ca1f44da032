/** Match options of `iptables`: the IP part, and the modules that the simulator has. */
import * as Rules from "@darkfiber/kernel-net/netfilter/Rules"
import type { Match } from "@darkfiber/kernel-net/netfilter/Rules"
import { protocols } from "../filter/Names.ts"
import type { Reader } from "./Reader.ts"

/** A rule in the making. */
export interface Draft {
  readonly sources: Array<Match>
  readonly destinations: Array<Match>
  readonly matches: Array<Match>
  /** Of `-p`; 0 for none. */
  protocol: number
  /** Modules named by -m. */
  readonly modules: Set<string>
  /** Options of limit and statistic, until the rule is complete. */
  limit: { amount: number; periodNanos: number; burst: number } | null
  statistic: Statistic | null
}

interface Statistic {
  mode: "" | "random" | "nth"
  probability: number
  every: number
  packet: number
  invert: boolean
}

export const newDraft = (): Draft => ({
  sources: [],
  destinations: [],
  matches: [],
  protocol: 0,
  modules: new Set(),
  limit: null,
  statistic: null
})

/** Match modules that there are. */
const modules: ReadonlySet<string> = new Set([
  "tcp",
  "udp",
  "icmp",
  "conntrack",
  "state",
  "mark",
  "addrtype",
  "limit",
  "statistic",
  "comment"
])

/** Reads `option` if it is one of a match. @returns false when it is none */
export const readMatch = (reader: Reader, draft: Draft, option: string): boolean =>
  readIp(reader, draft, option) || readTransport(reader, draft, option) || readModule(reader, draft, option)

const readIp = (reader: Reader, draft: Draft, option: string): boolean => {
  switch (option) {
    case "-s":
    case "--source":
    case "--src":
      for (const one of reader.addresses(option))
        draft.sources.push({ _tag: "Source", ...one, invert: reader.inverted })
      break
    case "-d":
    case "--destination":
    case "--dst":
      for (const one of reader.addresses(option)) {
        draft.destinations.push({ _tag: "Destination", ...one, invert: reader.inverted })
      }
      break
    case "-p":
    case "--protocol":
      readProtocol(reader, draft, option)
      break
    case "-i":
    case "--in-interface":
      draft.matches.push({ _tag: "InInterface", name: deviceName(reader, option), invert: reader.inverted })
      break
    case "-o":
    case "--out-interface":
      draft.matches.push({ _tag: "OutInterface", name: deviceName(reader, option), invert: reader.inverted })
      break
    case "-m":
    case "--match":
      if (reader.inverted) reader.fail(`unexpected ! flag before --match`)
      readModuleName(reader, draft, option)
      break
    default:
      return false
  }
  reader.takeInverted()
  return true
}

const readProtocol = (reader: Reader, draft: Draft, option: string): void => {
  const name = reader.value(option).toLowerCase()
  if (name === "all" || name === "0") {
    if (reader.inverted) reader.fail("rule would never match protocol")
    return
  }
  const number = protocols.get(name) ?? (name === "ipv6" ? 41 : /^\d+$/.test(name) ? Number(name) : -1)
  if (number < 0 || number > 255) reader.fail(`unknown protocol "${name}" specified`)
  if (draft.matches.some((match) => match._tag === "Protocol")) reader.fail("multiple -p flags not allowed")
  draft.protocol = reader.inverted ? 0 : number
  draft.matches.push({ _tag: "Protocol", protocol: number, invert: reader.inverted })
}

const deviceName = (reader: Reader, option: string): string => {
  const name = reader.value(option)
  if (name.length > 15) reader.fail(`interface name \`${name}' must be shorter than 16 characters`)
  return name
}

const readModuleName = (reader: Reader, draft: Draft, option: string): void => {
  const name = reader.value(option)
  if (!modules.has(name)) reader.fail(`Couldn't load match \`${name}':No such file or directory`)
  draft.modules.add(name)
  if (name === "limit") draft.limit ??= { amount: 3, periodNanos: 3600e9, burst: 5 }
  if (name === "statistic") draft.statistic ??= { mode: "", probability: -1, every: 0, packet: 0, invert: false }
}

const TCP = 6
const UDP = 17
const ICMP = 1

const readTransport = (reader: Reader, draft: Draft, option: string): boolean => {
  const invert = reader.inverted
  const { protocol } = draft
  switch (option) {
    case "--sport":
    case "--source-port":
    case "--dport":
    case "--destination-port": {
      if (protocol !== TCP && protocol !== UDP) reader.fail(`unknown option "${option}"`)
      const _tag = option.startsWith("--s") ? "SourcePorts" : "DestinationPorts"
      draft.matches.push({ _tag, ...reader.ports(option), invert })
      break
    }
    case "--syn":
      if (protocol !== TCP) reader.fail(`unknown option "${option}"`)
      draft.matches.push({ _tag: "TcpFlags", mask: 0x17, set: 0x02, invert })
      break
    case "--tcp-flags": {
      if (protocol !== TCP) reader.fail(`unknown option "${option}"`)
      const mask = flagBits(reader, reader.value(option))
      draft.matches.push({ _tag: "TcpFlags", mask, set: flagBits(reader, reader.value(option)), invert })
      break
    }
    case "--icmp-type":
      if (protocol !== ICMP) reader.fail(`unknown option "${option}"`)
      icmpType(reader, draft, reader.value(option), invert)
      break
    default:
      return false
  }
  reader.takeInverted()
  return true
}

const flags: Readonly<Record<string, number>> = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ALL: 0x3f,
  NONE: 0
}

const flagBits = (reader: Reader, text: string): number => {
  let bits = 0
  for (const name of text.split(",")) {
    const bit = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (bit === undefined) reader.fail(`Unknown TCP flag \`${name}'`)
    else bits |= bit
  }
  return bits
}

const icmpNames: ReadonlyMap<string, readonly [type: number, code: number]> = new Map([
  ["echo-reply", [0, -1]],
  ["pong", [0, -1]],
  ["destination-unreachable", [3, -1]],
  ["network-unreachable", [3, 0]],
  ["host-unreachable", [3, 1]],
  ["protocol-unreachable", [3, 2]],
  ["port-unreachable", [3, 3]],
  ["fragmentation-needed", [3, 4]],
  ["source-quench", [4, -1]],
  ["redirect", [5, -1]],
  ["echo-request", [8, -1]],
  ["ping", [8, -1]],
  ["time-exceeded", [11, -1]],
  ["ttl-exceeded", [11, -1]],
  ["ttl-zero-during-transit", [11, 0]],
  ["parameter-problem", [12, -1]],
  ["timestamp-request", [13, -1]],
  ["timestamp-reply", [14, -1]]
])

const icmpType = (reader: Reader, draft: Draft, text: string, invert: boolean): void => {
  if (text === "any") return
  const named = icmpNames.get(text)
  const numbers = /^(\d+)(?:\/(\d+))?$/.exec(text)
  if (named === undefined && numbers === null) reader.fail(`Invalid ICMP type \`${text}'`)
  const type = named?.[0] ?? Number(numbers![1])
  const code = named?.[1] ?? (numbers![2] === undefined ? -1 : Number(numbers![2]))
  if (type > 255 || code > 255) reader.fail(`Invalid ICMP type \`${text}'`)
  draft.matches.push({ _tag: "IcmpType", type, code, invert })
}

/** Which module an option belongs to: it is known only behind its -m. */
const owners: ReadonlyMap<string, string> = new Map([
  ["--ctstate", "conntrack"],
  ["--state", "state"],
  ["--mark", "mark"],
  ["--src-type", "addrtype"],
  ["--dst-type", "addrtype"],
  ["--limit", "limit"],
  ["--limit-burst", "limit"],
  ["--mode", "statistic"],
  ["--probability", "statistic"],
  ["--every", "statistic"],
  ["--packet", "statistic"],
  ["--comment", "comment"]
])

const readModule = (reader: Reader, draft: Draft, option: string): boolean => {
  const owner = owners.get(option)
  if (owner === undefined || !draft.modules.has(owner)) return false
  if (owner === "limit") readLimit(reader, draft, option)
  else if (owner === "statistic") readStatistic(reader, draft, option)
  else draft.matches.push(moduleMatch(reader, option))
  reader.takeInverted()
  return true
}

const moduleMatch = (reader: Reader, option: string): Match => {
  const invert = reader.inverted
  switch (option) {
    case "--ctstate":
    case "--state":
      return { _tag: "State", states: stateBits(reader, reader.value(option)), invert }
    case "--mark": {
      const { value, mask } = reader.mark(option)
      return { _tag: "Mark", value, mask, invert }
    }
    case "--src-type":
    case "--dst-type": {
      const kind = reader.value(option)
      if (kind !== "LOCAL" && kind !== "UNICAST" && kind !== "BROADCAST" && kind !== "MULTICAST") {
        return reader.fail(`addrtype: bad type \`${kind}'`)
      }
      return { _tag: "AddressType", side: option === "--src-type" ? "source" : "destination", kind, invert }
    }
    default: {
      if (invert) reader.fail(`comment: option "--comment" cannot be inverted.`)
      const text = reader.value(option)
      if (text.length > 255) reader.fail("COMMENT must be shorter than 256 characters")
      return { _tag: "Comment", text }
    }
  }
}

const states: Readonly<Record<string, number>> = {
  INVALID: Rules.STATE_INVALID,
  NEW: Rules.STATE_NEW,
  RELATED: Rules.STATE_RELATED,
  ESTABLISHED: Rules.STATE_ESTABLISHED,
  UNTRACKED: Rules.STATE_UNTRACKED,
  SNAT: Rules.STATE_SNAT,
  DNAT: Rules.STATE_DNAT
}

const stateBits = (reader: Reader, text: string): number => {
  let bits = 0
  for (const name of text.split(",")) {
    const upper = name.toUpperCase()
    const bit = Object.hasOwn(states, upper) ? states[upper] : undefined
    if (bit === undefined) reader.fail(`Bad ctstate "${name}"`)
    else bits |= bit
  }
  return bits
}

const periods: ReadonlyArray<readonly [name: string, nanos: number]> = [
  ["second", 1e9],
  ["minute", 60e9],
  ["hour", 3600e9],
  ["day", 86_400e9]
]

const readLimit = (reader: Reader, draft: Draft, option: string): void => {
  const limit = draft.limit!
  if (reader.inverted) reader.fail(`limit: option "${option}" cannot be inverted.`)
  const text = reader.value(option)
  if (option === "--limit-burst") {
    limit.burst = reader.number(option, text, 1, 10_000)
    return
  }
  const match = /^(\d+)(?:\/([a-z]+))?$/i.exec(text)
  const unit = (match?.[2] ?? "second").toLowerCase()
  const period = periods.find(([name]) => name.startsWith(unit))
  if (match === null || period === undefined || Number(match[1]) < 1 || Number(match[1]) > 10_000) {
    reader.fail(`limit: bad value for option "--limit", or out of range (${text})`)
  }
  limit.amount = Number(match![1])
  limit.periodNanos = period![1]
}

const readStatistic = (reader: Reader, draft: Draft, option: string): void => {
  const statistic = draft.statistic!
  const text = reader.value(option)
  switch (option) {
    case "--mode":
      if (text !== "random" && text !== "nth") reader.fail(`Bad mode "${text}"`)
      statistic.mode = text as "random" | "nth"
      return
    case "--probability": {
      const value = /^\d*\.?\d+$/.test(text) ? Number(text) : -1
      if (!(value >= 0 && value <= 1))
        reader.fail(`statistic: bad value for option "--probability", or out of range (0-1)`)
      statistic.probability = value
      break
    }
    case "--every":
      statistic.every = reader.number(option, text, 1, 0xffff_ffff)
      break
    default:
      statistic.packet = reader.number(option, text, 0, 0xffff_ffff)
  }
  statistic.invert ||= reader.inverted
}

/** The matches of the complete rule, one list a pair of source and destination. */
export const complete = (reader: Reader, draft: Draft): ReadonlyArray<ReadonlyArray<Match>> => {
  const rest: Array<Match> = [...draft.matches]
  if (draft.limit !== null) rest.push({ _tag: "Limit", ...draft.limit })
  if (draft.statistic !== null) rest.push(statisticMatch(reader, draft.statistic))
  const sources: ReadonlyArray<ReadonlyArray<Match>> =
    draft.sources.length === 0 ? [[]] : draft.sources.map((one) => [one])
  const destinations: ReadonlyArray<ReadonlyArray<Match>> =
    draft.destinations.length === 0 ? [[]] : draft.destinations.map((one) => [one])
  return sources.flatMap((source) => destinations.map((destination) => [...source, ...destination, ...rest]))
}

const statisticMatch = (reader: Reader, statistic: Statistic): Match => {
  const { mode, probability, every, packet, invert } = statistic
  if (mode === "random") {
    if (probability < 0) reader.fail('statistic: option "--probability" must be specified')
    return { _tag: "StatisticRandom", probability, invert }
  }
  if (mode === "") reader.fail(`statistic: option "--mode" must be specified`)
  if (every === 0) reader.fail(`statistic: option "--every" must be specified`)
  if (packet >= every) reader.fail("the --packet p must be 0 <= p <= n-1")
  return { _tag: "StatisticNth", every, packet, invert }
}
