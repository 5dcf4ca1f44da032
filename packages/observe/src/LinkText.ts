/**
 * `ip link`, `ip -s link` and `ip addr` as text (iproute2: ip/ipaddress.c).
 */
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { right } from "./Columns.ts"

/** rtnl_link_stats64, what `ip -s link` prints. */
export interface LinkCounters {
  readonly rxBytes: number
  readonly rxPackets: number
  readonly rxErrors: number
  readonly rxDropped: number
  readonly rxMissed: number
  readonly multicast: number
  readonly txBytes: number
  readonly txPackets: number
  readonly txErrors: number
  readonly txDropped: number
  readonly txCarrier: number
  readonly collisions: number
}

/** An interface as netlink describes it. */
export interface LinkRecord {
  readonly index: number
  readonly name: string
  /** Index of the peer (veth) or the device below (vlan); 0 for none. */
  readonly linkIndex: number
  /** Its name, when it is in the same namespace. */
  readonly linkName: string
  /** Name of the peer's namespace when it is another one. */
  readonly linkNetns: string
  readonly flags: ReadonlyArray<string>
  readonly mtu: number
  /** Empty for none. */
  readonly qdisc: string
  /** The bridge it is a port of; empty for none. */
  readonly master: string
  readonly state: "UP" | "DOWN" | "UNKNOWN" | "LOWERLAYERDOWN"
  readonly txQueueLength: number
  readonly type: "ether" | "loopback" | "none"
  readonly mac: number
  readonly broadcast: number
  readonly counters: LinkCounters
  readonly addresses: ReadonlyArray<AddressRecord>
}

export interface AddressRecord {
  /** Int32. */
  readonly address: number
  readonly prefixLength: number
  /** Int32; 0 for none. */
  readonly broadcast: number
  readonly scope: "host" | "link" | "global"
  readonly secondary: boolean
}

/** One device of `ip addr`. */
export const formatAddress = (link: LinkRecord): string =>
  `${headLine(link)}${link.addresses.map((address) => addressLines(link, address)).join("")}`

/** One device of `ip link`; `statistics` for -s. */
export const formatLink = (link: LinkRecord, statistics = false): string =>
  `${headLine(link)}${statistics ? counterLines(link.counters) : ""}`

/** `ip -br addr` and `ip -br link`. */
export const formatBrief = (link: LinkRecord, what: "addr" | "link"): string => {
  const rest =
    what === "link"
      ? `${MacAddress.format(link.mac)} <${link.flags.join(",")}> `
      : link.addresses.map((one) => `${Ipv4Address.format(one.address)}/${one.prefixLength} `).join("")
  return `${fullName(link).padEnd(16)} ${link.state.padEnd(14)} ${rest}\n`
}

/** `veth0@if5`, `eth0.10@eth0`, `eth0` */
const fullName = (link: LinkRecord): string => {
  if (link.linkIndex === 0) return link.name
  return `${link.name}@${link.linkName === "" ? `if${link.linkIndex}` : link.linkName}`
}

const headLine = (link: LinkRecord): string => {
  const parts = [`${link.index}: ${fullName(link)}: <${link.flags.join(",")}> mtu ${link.mtu}`]
  if (link.qdisc !== "") parts.push(`qdisc ${link.qdisc}`)
  if (link.master !== "") parts.push(`master ${link.master}`)
  parts.push(`state ${link.state} group default`)
  if (link.txQueueLength > 0) parts.push(`qlen ${link.txQueueLength}`)
  const mac = MacAddress.format(link.mac)
  const peer = link.linkNetns === "" ? "" : ` link-netns ${link.linkNetns}`
  return `${parts.join(" ")}\n    link/${link.type} ${mac} brd ${MacAddress.format(link.broadcast)}${peer}\n`
}

const addressLines = (link: LinkRecord, address: AddressRecord): string => {
  const brd = address.broadcast === 0 ? "" : ` brd ${Ipv4Address.format(address.broadcast)}`
  const secondary = address.secondary ? " secondary" : ""
  const inet = `${Ipv4Address.format(address.address)}/${address.prefixLength}${brd} scope ${address.scope}${secondary} ${link.name}`
  return `    inet ${inet}\n       valid_lft forever preferred_lft forever\n`
}

/** Columns are as wide as their widest number (size_columns), and never narrower than their heading. */
const counterLines = (c: LinkCounters): string => {
  const rx = [c.rxBytes, c.rxPackets, c.rxErrors, c.rxDropped, c.rxMissed, c.multicast]
  const tx = [c.txBytes, c.txPackets, c.txErrors, c.txDropped, c.txCarrier, c.collisions]
  const widths = minimumWidths.map((width, at) => Math.max(width, String(rx[at]!).length, String(tx[at]!).length))
  const heading = (name: string, words: ReadonlyArray<string>): string =>
    `    ${name}: ${words.map((word, at) => right(word, at === 0 ? widths[0]! - 4 : widths[at]!)).join(" ")}           \n`
  const numbers = (values: ReadonlyArray<number>): string =>
    `    ${values.map((value, at) => `${right(value, widths[at]!)} `).join("")}\n`
  return (
    heading("RX", ["bytes", "packets", "errors", "dropped", "missed", "mcast"]) +
    numbers(rx) +
    heading("TX", ["bytes", "packets", "errors", "dropped", "carrier", "collsns"]) +
    numbers(tx)
  )
}

const minimumWidths: ReadonlyArray<number> = [10, 7, 6, 7, 7, 7]
