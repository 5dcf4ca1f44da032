/**
 * Qdiscs, bridges, netfilter tables and conntrack entries as text (tc, brctl, bridge, iptables, conntrack).
 */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { counter, fixed, left, lines, right } from "./Columns.ts"

export interface QdiscRecord {
  readonly kind: string
  /** `0:` or `8001:` */
  readonly handle: string
  readonly device: string
  /** `root`, or `parent :1` below mq. */
  readonly parent: string
  /** What stands behind: `bands 3 priomap …`, `limit 1000p`. */
  readonly options: string
  readonly refcount: number
  readonly sentBytes: number
  readonly sentPackets: number
  readonly dropped: number
  readonly overlimits: number
  readonly requeues: number
  readonly backlogBytes: number
  readonly backlogPackets: number
  /** Lines of its own statistics, each with its end. */
  readonly details: string
}

/** `tc qdisc show`, with -s the counters (iproute2: tc/tc_qdisc.c). */
export const formatQdisc = (q: QdiscRecord, statistics: boolean): string => {
  const parts = [`qdisc ${q.kind} ${q.handle} dev ${q.device} ${q.parent}`]
  if (q.refcount !== 1) parts.push(`refcnt ${q.refcount}`)
  if (q.options !== "") parts.push(q.options)
  const head = `${parts.join(" ")} \n`
  if (!statistics) return head
  return (
    `${head} Sent ${q.sentBytes} bytes ${q.sentPackets} pkt (dropped ${q.dropped}, overlimits ${q.overlimits} requeues ${q.requeues}) \n` +
    ` backlog ${q.backlogBytes}b ${q.backlogPackets}p requeues ${q.requeues}\n${q.details}`
  )
}

export interface BridgeRecord {
  readonly name: string
  readonly mac: number
  readonly priority: number
  readonly stp: boolean
  readonly ports: ReadonlyArray<string>
}

/** `brctl show` (bridge-utils: brctl_cmd.c). */
export const formatBridges = (bridges: ReadonlyArray<BridgeRecord>): string => {
  let text = "bridge name\tbridge id\t\tSTP enabled\tinterfaces\n"
  for (const bridge of bridges) {
    const id = `${bridge.priority.toString(16).padStart(4, "0")}.${bridge.mac.toString(16).padStart(12, "0")}`
    text += `${bridge.name}\t\t${id}\t${bridge.stp ? "yes" : "no"}\t\t${bridge.ports[0] ?? ""}\n`
    for (const port of bridge.ports.slice(1)) text += `\t\t\t\t\t\t\t${port}\n`
  }
  return text
}

export interface FdbRecord {
  readonly mac: number
  readonly device: string
  readonly bridge: string
  /** Number of the port, from 1. */
  readonly port: number
  /** The bridge's or a port's own address. */
  readonly isLocal: boolean
  /** Seconds since it was seen. */
  readonly age: number
}

/** `brctl showmacs` */
export const formatMacs = (entries: ReadonlyArray<FdbRecord>): string =>
  "port no\tmac addr\t\tis local?\tageing timer\n" +
  [...entries]
    .sort((a, b) => a.mac - b.mac || a.port - b.port)
    .map(
      (e) =>
        `${right(e.port, 3)}\t${MacAddress.format(e.mac)}\t${e.isLocal ? "yes" : "no"}\t\t${right(fixed(e.age, 2), 7)}\n`
    )
    .join("")

/** `bridge fdb show` */
export const formatFdb = (entries: ReadonlyArray<FdbRecord>): string =>
  entries
    .map((e) => `${MacAddress.format(e.mac)} dev ${e.device} master ${e.bridge} ${e.isLocal ? "permanent" : ""}\n`)
    .join("")

/** A rule of `iptables -L -v -n`. */
export interface RuleRecord {
  readonly packets: number
  readonly bytes: number
  /** Empty for a rule without target. */
  readonly target: string
  /** `tcp`, `all`, `!udp` */
  readonly protocol: string
  readonly isGoto: boolean
  readonly input: string
  readonly output: string
  readonly source: string
  readonly destination: string
  /** What the matches and the target say: `tcp dpt:80 to:10.0.0.2:80`. */
  readonly text: string
}

export interface ChainRecord {
  readonly name: string
  /** Null for a user chain. */
  readonly policy: string | null
  readonly packets: number
  readonly bytes: number
  readonly references: number
  readonly rules: ReadonlyArray<RuleRecord>
}

export interface ListOptions {
  readonly verbose: boolean
  /** Exact counters instead of K and M. */
  readonly exact: boolean
  readonly lineNumbers: boolean
}

/** `iptables -L -n` (iptables: iptables.c, print_firewall). */
export const formatChains = (chains: ReadonlyArray<ChainRecord>, options: ListOptions): string =>
  chains.map((chain) => formatChain(chain, options)).join("\n")

const formatChain = (chain: ChainRecord, options: ListOptions): string => {
  const count = (value: number): string => (options.exact ? String(value) : counter(value).trim())
  const policy = options.verbose
    ? `policy ${chain.policy} ${count(chain.packets)} packets, ${count(chain.bytes)} bytes`
    : `policy ${chain.policy}`
  const end = chain.policy === null ? `${chain.references} references` : policy
  const columns = options.verbose
    ? " pkts bytes target     prot opt in     out     source               destination         "
    : "target     prot opt source               destination         "
  const numbered = options.lineNumbers ? "num  " : ""
  return (
    `Chain ${chain.name} (${end})\n${numbered}${columns}\n` +
    chain.rules.map((rule, at) => formatRule(rule, at + 1, options)).join("")
  )
}

const formatRule = (rule: RuleRecord, number: number, options: ListOptions): string => {
  const cell = (value: number): string => (options.exact ? right(value, 8) : counter(value))
  let text = options.lineNumbers ? `${left(number, 4)} ` : ""
  if (options.verbose) text += `${cell(rule.packets)} ${cell(rule.bytes)} `
  text += `${left(rule.target, 10)} ${left(rule.protocol, 4)} -- `
  if (options.verbose) text += ` ${left(rule.input, 6)} ${left(rule.output, 7)}`
  text += ` ${left(rule.source, 20)} ${left(rule.destination, 20)}`
  if (rule.isGoto) text += " [goto] "
  return `${text}${rule.text === "" ? "" : ` ${rule.text}`}\n`
}

export interface ConntrackRecord {
  /** IP protocol number. */
  readonly protocol: number
  /** Seconds left. */
  readonly timeout: number
  /** TCP's state; empty for the others. */
  readonly state: string
  readonly original: FlowRecord
  readonly reply: FlowRecord
  readonly isUnreplied: boolean
  readonly isAssured: boolean
  readonly mark: number
  readonly uses: number
}

/** One direction. Ports for TCP and UDP; type, code and id for ICMP. */
export interface FlowRecord {
  readonly source: number
  readonly destination: number
  readonly sourcePort: number
  readonly destinationPort: number
  readonly icmp: { readonly type: number; readonly code: number; readonly id: number } | null
  /** Counted only with nf_conntrack_acct. */
  readonly packets: number
  readonly bytes: number
}

const protocolNames: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"]
])

/** One line of `conntrack -L` (libnetfilter_conntrack: snprintf_default.c). */
export const formatConntrack = (c: ConntrackRecord, accounting: boolean): string => {
  const parts = [`${left(protocolNames.get(c.protocol) ?? "unknown", 8)} ${c.protocol} ${c.timeout}`]
  if (c.state !== "") parts.push(c.state)
  parts.push(flowText(c.original, c.protocol, accounting))
  if (c.isUnreplied) parts.push("[UNREPLIED]")
  parts.push(flowText(c.reply, c.protocol, accounting))
  if (c.isAssured) parts.push("[ASSURED]")
  parts.push(`mark=${c.mark}`, `use=${c.uses}`)
  return `${parts.join(" ")}\n`
}

const flowText = (flow: FlowRecord, protocol: number, accounting: boolean): string => {
  const parts = [`src=${Ipv4Address.format(flow.source)} dst=${Ipv4Address.format(flow.destination)}`]
  if (flow.icmp !== null) parts.push(`type=${flow.icmp.type} code=${flow.icmp.code} id=${flow.icmp.id}`)
  else if (protocol === 6 || protocol === 17) parts.push(`sport=${flow.sourcePort} dport=${flow.destinationPort}`)
  if (accounting) parts.push(`packets=${flow.packets} bytes=${flow.bytes}`)
  return parts.join(" ")
}

/** What `conntrack -L` says on stderr when it is done. */
export const conntrackSummary = (count: number): string =>
  `conntrack v1.4.6 (conntrack-tools): ${count} flow entries have been shown.\n`

/** `ip netns list`: newest first, ids where the asking namespace knows them. */
export const formatNetns = (names: ReadonlyArray<string>): string => lines([...names].reverse())
