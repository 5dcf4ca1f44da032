/**
 * struct net: one view of the network on a host, with its own devices, addresses, routes, hooks, counters and sysctls.
 *
 * Linux: include/net/net_namespace.h, net/core/net_namespace.c. What is global there (neighbour entry limits, and the
 * sysctls of scope `global` in the profile) is global here.
 */
import type { Lender } from "@darkfiber/sim/Lender"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import type { Dst } from "./Dst.ts"
import { EINVAL, ENOENT } from "./Errno.ts"
import { Fib } from "./Fib.ts"
import { FragmentTable } from "./Fragments.ts"
import { Hooks } from "./Hooks.ts"
import type { Host } from "./Host.ts"
import {
  type InetConfig,
  type InetConfigName,
  inetDefaults,
  neighbourDefaults,
  type NeighbourField,
  neighbourNames,
  type NeighbourParameters
} from "./InetDevice.ts"
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
  devices: ReadonlyArray<NetDevice>
  /** Set by the loopback's pernet init. */
  loopback: NetDevice | null
  readonly fib: Fib
  /** Changes with every route, address or device change: cached routes compare. */
  routeGeneration: number
  /** Negative errno of the last route look-up that found nothing. */
  routeError: number
  /** Route the last input look-up found. */
  routeFound: Dst | null
  confAll: InetConfig
  confDefault: InetConfig
  neighDefault: NeighbourParameters
  /** Drawn like a device's; nobody is reached through it. */
  reachable: number
  readonly fragments: FragmentTable
  readonly icmp: IcmpState
  readonly udp: UdpTable
  readonly ping: PingTable
  /** Next IP identification for packets without a socket (Linux: ip_idents). */
  ipIdent: number
  /** State of other packages by name: conntrack, sockets. */
  readonly extensions: SmallMap<string, unknown>
  /** /proc/net files by name, added by whoever owns the data. */
  readonly proc: SmallMap<string, () => string>
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
    this.confAll = inetDefaults
    this.confDefault = inetDefaults.with("rp_filter", this.sysctl.get(DEFAULT_RP_FILTER))
    this.neighDefault = neighbourDefaults.with("unresolvedBytes", this.sysctl.get(DEFAULT_UNRES_BYTES))
    this.reachable = this.neighDefault.baseReachable
    this.fib = new Fib(this)
    this.fragments = new FragmentTable(this)
    this.icmp = new IcmpState(this)
    this.udp = new UdpTable(this)
    this.ping = new PingTable()
    this.ipIdent = host.identStream.u32() & 0xffff
    this.extensions = new SmallMap()
    this.proc = new SmallMap()
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
    this.confAll = this.confAll.with("forwarding", on)
    this.confDefault = this.confDefault.with("forwarding", on)
    for (const dev of this.devices) dev.inet = dev.inet.with("forwarding", on)
    this.flushRoutes()
  }

  private setTarget(target: DeviceSysctl, text: string): number {
    if (target.kind === "missing") return -ENOENT
    const value = Number(text.trim())
    if (text.trim() === "" || !Number.isInteger(value)) return -EINVAL
    const { owner } = target
    if (target.kind === "neigh") {
      this.setNeighbour(owner, target.parameters.with(target.field, target.unit === 0 ? value : value * target.unit))
      if (target.field === "baseReachable") this.redraw(owner, value * target.unit)
      return 0
    }
    const config = target.config.with(target.field, value)
    if (owner === "all") this.confAll = config
    else if (owner === "default") this.confDefault = config
    else owner.inet = config
    if (target.field === "forwarding" && owner === "all") this.setForwarding(value)
    this.flushRoutes()
    return 0
  }

  private setNeighbour(owner: ConfigOwner, parameters: NeighbourParameters): void {
    if (typeof owner === "string") this.neighDefault = parameters
    else owner.neigh = parameters
  }

  private redraw(owner: ConfigOwner, base: number): void {
    const reachable = this.host.randomReachable(base)
    if (typeof owner === "string") this.reachable = reachable
    else owner.reachable = reachable
  }

  /** A name under net.ipv4.conf or net.ipv4.neigh; null for any other name. */
  private deviceSysctl(name: string): DeviceSysctl | null {
    const match = /^net\.ipv4\.(conf|neigh)\.(.+)\.([a-z_0-9]+)$/.exec(name)
    if (match === null) return null
    const [, kind, word, field] = match as unknown as [string, string, string, string]
    const owner = word === "all" || word === "default" ? word : this.deviceByName(word)
    if (kind === "conf") {
      const config = owner === "all" ? this.confAll : owner === "default" ? this.confDefault : owner?.inet
      if (owner === null || config === undefined || !Object.hasOwn(config, field)) return { kind: "missing" }
      return { kind: "conf", owner, config, field: field as InetConfigName }
    }
    const entry = neighbourNames[field]
    if (entry === undefined) return owner === "default" && this.sysctl.has(name) ? null : { kind: "missing" }
    if (owner === null || owner === "all") return { kind: "missing" }
    const parameters = owner === "default" ? this.neighDefault : owner.neigh
    if (parameters === null) return { kind: "missing" }
    return { kind: "neigh", owner, parameters, field: entry.field, unit: entry.unit }
  }
}

/** Whose settings they are: the namespace's own two, or a device's. */
type ConfigOwner = "all" | "default" | NetDevice

type DeviceSysctl =
  | { readonly kind: "missing" }
  | {
      readonly kind: "conf"
      readonly owner: ConfigOwner
      readonly config: InetConfig
      readonly field: InetConfigName
    }
  | {
      readonly kind: "neigh"
      readonly owner: ConfigOwner
      readonly parameters: NeighbourParameters
      readonly field: NeighbourField
      readonly unit: number
    }

const readTarget = (target: Exclude<DeviceSysctl, { kind: "missing" }>): number => {
  if (target.kind === "conf") return target.config[target.field]
  const value = target.parameters[target.field]
  return target.unit === 0 ? value : Math.floor(value / target.unit)
}
