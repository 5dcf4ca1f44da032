/**
 * `ip route`, `ip route get`, `ip neigh`, `ip rule`, `arp -n`, `route -n` as text (iproute2: ip/iproute.c, ip/ipneigh.c).
 */
import * as RouteMetrics from "@darkfiber/kernel-net/RouteMetrics"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { hex, left, lines, machineHex } from "./Columns.ts"

export type RouteType = "unicast" | "local" | "broadcast" | "multicast" | "blackhole" | "unreachable" | "prohibit"

export interface RouteRecord {
  readonly type: RouteType
  /** Int32 and length; length 0 is `default`. */
  readonly destination: number
  readonly prefixLength: number
  /** Int32; 0 for none. */
  readonly gateway: number
  /** Empty for routes without a device. */
  readonly device: string
  readonly protocol: "kernel" | "boot" | "static" | ""
  readonly scope: "global" | "link" | "host"
  /** Preferred source, int32; 0 for none. */
  readonly source: number
  /** 0 is not printed. */
  readonly metric: number
  /** Those that are 0 are not printed. */
  readonly metrics: RouteMetrics.RouteMetrics
  readonly flags: ReadonlyArray<"linkdown" | "dead" | "onlink">
}

/** One line of `ip route`. The blank at its end is the tool's. */
export const formatRoute = (route: RouteRecord): string => {
  const parts: Array<string> = []
  if (route.type !== "unicast") parts.push(route.type)
  parts.push(destination(route.destination, route.prefixLength))
  if (route.gateway !== 0) parts.push(`via ${Ipv4Address.format(route.gateway)}`)
  if (route.device !== "") parts.push(`dev ${route.device}`)
  if (route.protocol !== "" && route.protocol !== "boot") parts.push(`proto ${route.protocol}`)
  if (route.scope !== "global") parts.push(`scope ${route.scope}`)
  if (route.source !== 0) parts.push(`src ${Ipv4Address.format(route.source)}`)
  if (route.metric !== 0) parts.push(`metric ${route.metric}`)
  parts.push(...route.flags)
  parts.push(...metricWords(route.metrics))
  return `${parts.join(" ")} \n`
}

/** `mtu lock 1400`, `initcwnd 20`, `features ecn` …, in iproute2's order. */
const metricWords = (metrics: RouteMetrics.RouteMetrics): ReadonlyArray<string> => {
  const words: Array<string> = []
  for (const [name, which] of RouteMetrics.names) {
    const value = metrics[which]!
    if (value === 0) continue
    const text = which === RouteMetrics.RTAX_FEATURES ? "ecn" : `${value}${MILLISECONDS.has(which) ? "ms" : ""}`
    words.push(`${name} ${RouteMetrics.isLocked(metrics, which) ? "lock " : ""}${text}`)
  }
  return words
}

const MILLISECONDS: ReadonlySet<number> = new Set([
  RouteMetrics.RTAX_RTT,
  RouteMetrics.RTAX_RTTVAR,
  RouteMetrics.RTAX_RTO_MIN
])

/** `default`, `10.0.0.0/8`, and no length for a host route. */
const destination = (address: number, prefixLength: number): string => {
  if (prefixLength === 0) return "default"
  const text = Ipv4Address.format(address)
  return prefixLength === 32 ? text : `${text}/${prefixLength}`
}

/** What `ip route get` found. */
export interface RouteResult {
  readonly type: RouteType
  readonly destination: number
  /** Source the question named; 0 for none. */
  readonly from: number
  readonly gateway: number
  readonly device: string
  readonly source: number
  readonly mtu: number
  /** `iif` the question named; empty for none. */
  readonly input: string
}

export const formatResult = (result: RouteResult): string => {
  const parts: Array<string> = []
  if (result.type !== "unicast") parts.push(result.type)
  parts.push(Ipv4Address.format(result.destination))
  if (result.from !== 0) parts.push(`from ${Ipv4Address.format(result.from)}`)
  if (result.gateway !== 0) parts.push(`via ${Ipv4Address.format(result.gateway)}`)
  parts.push(`dev ${result.device}`)
  if (result.source !== 0 && result.from === 0) parts.push(`src ${Ipv4Address.format(result.source)}`)
  parts.push("uid 0")
  const cache = result.type === "unicast" ? "cache" : `cache <${result.type === "local" ? "local" : result.type}>`
  const rest = [cache, result.mtu === 0 ? "" : `mtu ${result.mtu}`, result.input === "" ? "" : `iif ${result.input}`]
  return `${parts.join(" ")} \n    ${rest.filter((part) => part !== "").join(" ")} \n`
}

export type NeighbourState = "INCOMPLETE" | "REACHABLE" | "STALE" | "DELAY" | "PROBE" | "FAILED" | "NOARP" | "PERMANENT"

export interface NeighbourRecord {
  /** Int32. */
  readonly address: number
  readonly device: string
  /** 0 for none yet. */
  readonly mac: number
  readonly state: NeighbourState
  /** `-s`: references, seconds since used, confirmed and updated, probes. */
  readonly uses: number
  readonly used: number
  readonly confirmed: number
  readonly updated: number
  readonly probes: number
}

/** One line of `ip neigh`; `statistics` for -s. */
export const formatNeighbour = (neighbour: NeighbourRecord, statistics = false): string => {
  const parts = [`${Ipv4Address.format(neighbour.address)} dev ${neighbour.device}`]
  if (neighbour.mac !== 0) parts.push(`lladdr ${MacAddress.format(neighbour.mac)}`)
  if (statistics) {
    if (neighbour.uses > 0) parts.push(`ref ${neighbour.uses}`)
    parts.push(`used ${neighbour.used}/${neighbour.confirmed}/${neighbour.updated}`)
    if (neighbour.probes > 0) parts.push(`probes ${neighbour.probes}`)
  }
  return `${parts.join(" ")} ${neighbour.state}\n`
}

/** `arp -n` (net-tools: arp.c). */
export const formatArp = (neighbours: ReadonlyArray<NeighbourRecord>): string => {
  if (neighbours.length === 0) return ""
  const heading = "Address                  HWtype  HWaddress           Flags Mask            Iface\n"
  const row = (one: NeighbourRecord): string => {
    const address = left(Ipv4Address.format(one.address), 23)
    if (one.mac === 0 || one.state === "FAILED" || one.state === "INCOMPLETE") {
      return `${address}          ${left("(incomplete)", 40)}${one.device}\n`
    }
    const flags = one.state === "PERMANENT" ? "CM" : "C"
    return `${address}  ether   ${left(MacAddress.format(one.mac), 18)}  ${left(flags, 22)}${one.device}\n`
  }
  return heading + neighbours.map(row).join("")
}

/** `route -n` and `netstat -rn` (net-tools: lib/inet_gr.c). */
export const formatRouteTable = (routes: ReadonlyArray<RouteRecord>): string => {
  const heading = `Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n`
  const row = (route: RouteRecord): string => {
    const isReject = route.type === "unreachable" || route.type === "prohibit" || route.type === "blackhole"
    const flags = `${isReject ? "!" : "U"}${route.gateway === 0 ? "" : "G"}${route.prefixLength === 32 ? "H" : ""}`
    const cells = [
      left(Ipv4Address.format(route.destination), 15),
      left(isReject ? "-" : Ipv4Address.format(route.gateway), 15),
      left(Ipv4Address.format(Ipv4Address.mask(route.prefixLength)), 15),
      left(flags, 5),
      left(route.metric, 6),
      left(isReject ? "-" : 0, 2),
      `      0 ${route.device === "" ? "*" : route.device}`
    ]
    return `${cells.join(" ")}\n`
  }
  return heading + routes.map(row).join("")
}

const RTF_UP = 1
const RTF_GATEWAY = 2
const RTF_HOST = 4
const RTF_REJECT = 0x200
/** Header bytes that /proc/net/route adds to advmss, and the width of its lines. */
const ADVMSS_HEADERS = 40
const PROC_WIDTH = 127

/** /proc/net/route (Linux: fib_route_seq_show). */
export const procRoute = (routes: ReadonlyArray<RouteRecord>): string => {
  const names = [
    "Iface",
    "Destination",
    "Gateway ",
    "Flags",
    "RefCnt",
    "Use",
    "Metric",
    "Mask",
    "",
    "MTU",
    "Window",
    "IRTT"
  ]
  const row = (route: RouteRecord): string => {
    const isReject = route.type === "unreachable" || route.type === "prohibit"
    const flags =
      RTF_UP |
      (route.gateway === 0 ? 0 : RTF_GATEWAY) |
      (route.prefixLength === 32 ? RTF_HOST : 0) |
      (isReject ? RTF_REJECT : 0)
    const advmss = route.metrics[RouteMetrics.RTAX_ADVMSS]!
    return [
      route.device === "" ? "*" : route.device,
      machineHex(route.destination),
      machineHex(route.gateway),
      hex(flags, 4).toUpperCase(),
      0,
      0,
      route.metric,
      machineHex(Ipv4Address.mask(route.prefixLength)),
      advmss === 0 ? 0 : advmss + ADVMSS_HEADERS,
      route.metrics[RouteMetrics.RTAX_WINDOW]!,
      0
    ].join("\t")
  }
  return lines([names.join("\t"), ...routes.map(row)].map((line) => line.padEnd(PROC_WIDTH)))
}
