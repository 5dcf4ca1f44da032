/**
 * struct net: one view of the network on a host, with its own devices, addresses, routes, hooks, counters and sysctls.
 *
 * Linux: include/net/net_namespace.h, net/core/net_namespace.c. What is global there (neighbour entry limits, and the
 * sysctls of scope `global` in the profile) is global here.
 */
import type { Lender } from "@darkfiber/sim/Lender"
import type { Dst } from "./Dst.ts"
import { EINVAL, ENOENT } from "./Errno.ts"
import { Fib } from "./Fib.ts"
import { FragmentTable } from "./Fragments.ts"
import { Hooks } from "./Hooks.ts"
import type { Host } from "./Host.ts"
import { InetConfig, type InetConfigName, neighbourNames, NeighbourParameters } from "./InetDevice.ts"
import { IcmpState } from "./IcmpState.ts"
import type { NetDevice } from "./NetDevice.ts"
import { PingTable } from "./PingTable.ts"
import { ReservedPorts } from "./ReservedPorts.ts"
import * as Snmp from "./Snmp.ts"
import * as Sysctl from "./Sysctl.ts"
import { UdpTable } from "./UdpTable.ts"

const IP_FORWARD = Sysctl.define("net.ipv4.ip_forward")
const DEFAULT_RP_FILTER = Sysctl.define("net.ipv4.conf.default.rp_filter")
const DEFAULT_UNRES_BYTES = Sysctl.define("net.ipv4.neigh.default.unres_qlen_bytes")

const RESERVED = "net.ipv4.ip_local_reserved_ports"

export class Netns {
  readonly host: Host
  /** Its fiber: configuration, life cycle; its receive, send and timer functions are lent to the cores. */
  readonly actor: Lender
  /** 0 for the initial namespace; numbers are never used again on a host. */
  readonly id: number
  name: string
  alive: boolean
  readonly sysctl: Sysctl.SysctlTable
  /** SNMP counters by slot (`Snmp.define`). */
  mib: Float64Array
  readonly hooks: Hooks
  /** Devices in the order of their index. */
  readonly devices: Array<NetDevice>
  /** Set by the loopback's pernet init. */
  loopback: NetDevice | null
  readonly fib: Fib
  /** Changes with every route, address or device change: cached routes compare. */
  routeGeneration: number
  /** Negative errno of the last route look-up that found nothing. */
  routeError: number
  /** Route the last input look-up found. */
  routeFound: Dst | null
  readonly confAll: InetConfig
  readonly confDefault: InetConfig
  readonly neighDefault: NeighbourParameters
  readonly fragments: FragmentTable
  readonly icmp: IcmpState
  readonly udp: UdpTable
  readonly ping: PingTable
  /** Next IP identification for packets without a socket (Linux: ip_idents). */
  ipIdent: number
  /** State of other packages by name: conntrack, sockets. */
  readonly extensions: Map<string, unknown>
  /** /proc/net files by name, added by whoever owns the data. */
  readonly proc: Map<string, () => string>
  /** Ports that no automatic choice takes. */
  readonly reservedPorts: ReservedPorts
  private nextIndex: number

  constructor(host: Host, id: number, name: string) {
    this.host = host
    this.actor = host.newLender(id === 0 ? `netns/${name}` : `netns/${name}#${id}`)
    this.id = id
    this.name = name
    this.alive = true
    const parent = id === 0 ? null : host.init.sysctl
    this.sysctl = new Sysctl.SysctlTable(parent === null ? host.sysctlDefaults : parent.defaults, parent)
    this.mib = new Float64Array(Snmp.count())
    this.hooks = new Hooks()
    this.devices = []
    this.loopback = null
    this.routeGeneration = 1
    this.routeError = 0
    this.routeFound = null
    this.confAll = new InetConfig()
    this.confDefault = new InetConfig()
    this.confDefault.rp_filter = this.sysctl.get(DEFAULT_RP_FILTER)
    this.neighDefault = new NeighbourParameters(this.sysctl.get(DEFAULT_UNRES_BYTES))
    this.fib = new Fib(this)
    this.fragments = new FragmentTable(this)
    this.icmp = new IcmpState(this)
    this.udp = new UdpTable(this)
    this.ping = new PingTable()
    this.ipIdent = host.identStream.u32() & 0xffff
    this.extensions = new Map()
    this.proc = new Map()
    this.reservedPorts = new ReservedPorts()
    this.nextIndex = 1
  }

  deviceByName(name: string): NetDevice | null {
    return this.devices.find((dev) => dev.name === name) ?? null
  }

  deviceByIndex(index: number): NetDevice | null {
    const devices = this.devices
    for (let i = 0; i < devices.length; i++) if (devices[i]!.index === index) return devices[i]!
    return null
  }

  /** Linux: dev_new_index. */
  newIndex(): number {
    while (this.deviceByIndex(this.nextIndex) !== null) this.nextIndex++
    return this.nextIndex++
  }

  /** Makes every cached route look itself up again. Linux: rt_cache_flush */
  flushRoutes(): void {
    this.routeGeneration++
  }

  /** Value of a sysctl as /proc/sys prints it; null when this kernel has no such name. */
  getSysctl(name: string): string | null {
    const target = this.deviceSysctl(name)
    if (target !== null) return target.kind === "missing" ? null : String(readTarget(target))
    return this.sysctl.format(name)
  }

  /** Sets a sysctl from the text a user writes. @returns 0 or a negative errno */
  setSysctl(name: string, text: string): number {
    const target = this.deviceSysctl(name)
    if (target !== null) return this.setTarget(target, text)
    if (name === RESERVED && !this.reservedPorts.set(text)) return -EINVAL
    const status = this.sysctl.set(name, text)
    if (status !== 0) return status
    if (this.sysctl.defaults.entries.get(name)!.scope === "global") {
      for (const net of this.host.netns) if (net !== this) net.sysctl.set(name, text)
    }
    if (name === "net.ipv4.ip_forward") this.setForwarding(this.sysctl.get(IP_FORWARD))
    return 0
  }

  /** Adds 1 to a counter. */
  count(slot: number): void {
    this.mib[slot] = this.mib[slot]! + 1
  }

  /** Linux: devinet_sysctl_forward, inet_forward_change. */
  private setForwarding(on: number): void {
    this.confAll.forwarding = on
    this.confDefault.forwarding = on
    for (const dev of this.devices) dev.inet.forwarding = on
    this.flushRoutes()
  }

  private setTarget(target: DeviceSysctl, text: string): number {
    if (target.kind === "missing") return -ENOENT
    const value = Number(text.trim())
    if (text.trim() === "" || !Number.isInteger(value)) return -EINVAL
    if (target.kind === "neigh") {
      target.parameters[target.field] = target.unit === 0 ? value : value * target.unit
      if (target.field === "baseReachable") target.parameters.reachable = this.host.randomReachable(value * target.unit)
      return 0
    }
    target.config[target.field] = value
    if (target.field === "forwarding" && target.config === this.confAll) this.setForwarding(value)
    this.flushRoutes()
    return 0
  }

  /** A name under net.ipv4.conf or net.ipv4.neigh; null for any other name. */
  private deviceSysctl(name: string): DeviceSysctl | null {
    const match = /^net\.ipv4\.(conf|neigh)\.(.+)\.([a-z_0-9]+)$/.exec(name)
    if (match === null) return null
    const [, kind, owner, field] = match as unknown as [string, string, string, string]
    const dev = this.deviceByName(owner)
    if (kind === "conf") {
      const config = owner === "all" ? this.confAll : owner === "default" ? this.confDefault : dev?.inet
      if (config === undefined || !Object.hasOwn(config, field)) return { kind: "missing" }
      return { kind: "conf", config, field: field as InetConfigName }
    }
    const entry = neighbourNames[field]
    const parameters = owner === "default" ? this.neighDefault : dev?.neigh
    if (entry === undefined) return owner === "default" && this.sysctl.has(name) ? null : { kind: "missing" }
    if (parameters === undefined || parameters === null) return { kind: "missing" }
    return { kind: "neigh", parameters, field: entry.field, unit: entry.unit }
  }
}

type DeviceSysctl =
  | { readonly kind: "missing" }
  | { readonly kind: "conf"; readonly config: InetConfig; readonly field: InetConfigName }
  | {
      readonly kind: "neigh"
      readonly parameters: NeighbourParameters
      readonly field: (typeof neighbourNames)[string]["field"]
      readonly unit: number
    }

const readTarget = (target: Exclude<DeviceSysctl, { kind: "missing" }>): number => {
  if (target.kind === "conf") return target.config[target.field]
  const value = target.parameters[target.field]
  return target.unit === 0 ? value : Math.floor(value / target.unit)
}
