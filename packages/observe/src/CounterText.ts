/**
 * The SNMP counters of a namespace as text: `nstat`, `netstat -s`, /proc/net/snmp, /proc/net/netstat.
 *
 * Counters are named as nstat does: group and name in one word, `IpInReceives`, `TcpExtListenOverflows`.
 */
import { fixed, left, lines } from "./Columns.ts"
import { sentences } from "./NetstatSentences.ts"

/** Counters by name, in the kernel's order. */
export type Counters = ReadonlyMap<string, number>

/** Groups in the order of /proc/net/snmp, then of /proc/net/netstat. Longer names first where one begins another. */
const groups = ["Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt"] as const
type Group = (typeof groups)[number]

const byLength = [...groups].sort((a, b) => b.length - a.length)

/** The group of a counter; undefined for a name of none. */
export const groupOf = (name: string): Group | undefined =>
  byLength.find((group) => name.startsWith(group) && /^[A-Z]/.test(name.slice(group.length)))

const membersOf = (counters: Counters, group: Group): ReadonlyArray<readonly [name: string, value: number]> =>
  [...counters].filter(([name]) => groupOf(name) === group).map(([name, value]) => [name.slice(group.length), value])

/** Two lines a group: names, then values. */
const pairs = (counters: Counters, wanted: ReadonlyArray<Group>): string =>
  lines(
    wanted.flatMap((group) => {
      const members = membersOf(counters, group)
      if (members.length === 0) return []
      return [
        `${group}: ${members.map(([name]) => name).join(" ")}`,
        `${group}: ${members.map(([, value]) => value).join(" ")}`
      ]
    })
  )

/** /proc/net/snmp */
export const procSnmp = (counters: Counters): string =>
  pairs(counters, ["Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite"])
/** /proc/net/netstat */
export const procNetstat = (counters: Counters): string => pairs(counters, ["TcpExt", "IpExt"])

export interface NstatOptions {
  /** -z: counters that are 0 too. */
  readonly zeros: boolean
  /** Shell patterns: only counters that one of them matches. */
  readonly patterns: ReadonlyArray<string>
}

/** Settings and levels that /proc shows among the counters; nstat leaves them out unless they are asked for. */
const isSetting = (name: string): boolean =>
  name === "IpForwarding" || name === "IpDefaultTTL" || /^Tcp(RtoAlgorithm|RtoMin|RtoMax|MaxConn|CurrEstab)$/.test(name)

/** `nstat -a` (iproute2: misc/nstat.c): name, value, rate; the rate is 0 without the daemon. */
export const nstat = (counters: Counters, options: NstatOptions = { zeros: false, patterns: [] }): string => {
  const patterns = options.patterns.map(globOf)
  const rows: Array<string> = ["#kernel"]
  for (const [name, value] of counters) {
    if (groupOf(name) === undefined || (value === 0 && !options.zeros)) continue
    if (patterns.length > 0 ? !patterns.some((one) => one.test(name)) : isSetting(name)) continue
    rows.push(`${left(name, 32)}${left(value, 16)}${fixed(0, 1).padStart(6)}`)
  }
  return lines(rows)
}

/** `*` and `?` of a shell pattern. */
const globOf = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`
  )

const headings: ReadonlyArray<readonly [heading: string, wanted: ReadonlyArray<Group>]> = [
  ["Ip:", ["Ip"]],
  ["Icmp:", ["Icmp"]],
  ["IcmpMsg:", ["IcmpMsg"]],
  ["Tcp:", ["Tcp"]],
  ["Udp:", ["Udp"]],
  ["UdpLite:", ["UdpLite"]],
  ["TcpExt:", ["TcpExt"]],
  ["IpExt:", ["IpExt"]]
]

/** Sections that are left out when they have nothing to say. */
const optional: ReadonlySet<string> = new Set(["IcmpMsg:"])

/** Counters of one type of ICMP message stand below a heading of their own. */
const histogram = /^(In|Out)(DestUnreachs|TimeExcds|ParmProbs|SrcQuenchs|Redirects|Echos|EchoReps)$/

/** `netstat -s` (net-tools: statistics.c). Counters that are 0 and not important are left out, as there. */
export const netstat = (counters: Counters, only: ReadonlySet<string> = new Set()): string => {
  let text = ""
  for (const [heading, wanted] of headings) {
    if (only.size > 0 && !wanted.some((group) => only.has(group))) continue
    const body = wanted.map((group) => section(counters, group)).join("")
    if (body !== "" || !optional.has(heading)) text += `${heading}\n${body}`
  }
  return text
}

const section = (counters: Counters, group: Group): string => {
  let text = ""
  let side = ""
  for (const [name, value] of membersOf(counters, group)) {
    const line = sentence(group, name, value)
    if (line === "") continue
    const type = group === "Icmp" ? histogram.exec(name) : null
    if (type !== null && type[1] !== side) {
      side = type[1]!
      text += `    ICMP ${side === "In" ? "input" : "output"} histogram:\n`
    }
    text += `${type === null ? "    " : "        "}${line}\n`
  }
  return text
}

const sentence = (group: Group, name: string, value: number): string => {
  const known = sentences.get(group + name)
  if (known === undefined) return value > 0 ? `${name}: ${value}` : ""
  if (value === 0 && !known.isAlways) return ""
  if (known.text === "") return ""
  if (known.values !== undefined) return known.values[value] ?? ""
  return known.text.replace("%u", String(value))
}
