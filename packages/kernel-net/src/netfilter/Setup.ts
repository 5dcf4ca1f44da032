/**
 * Netfilter of a host: loads its parts when they are first used, as Linux loads modules, so that a namespace without
 * rules pays nothing.
 *
 *     a rule in filter, mangle, raw          -> that table's hooks
 *     a rule that asks for a state           -> conntrack too
 *     a rule or listing of nat               -> conntrack, nat's hooks
 *
 * Linux: register_pernet_subsys of ip_tables, iptable_*, nf_conntrack_ipv4; nf_defrag_ipv4.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Schedulable } from "@darkfiber/sim/Actor"
import * as Notify from "../DeviceNotifier.ts"
import type { Host } from "../Host.ts"
import * as Hooks from "../Hooks.ts"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import type { SkBuff } from "../SkBuff.ts"
import { KernelTimer, type TimerOwner } from "../Timers.ts"
import { Conntrack } from "./Conntrack.ts"
import { ConntrackNet, type ConntrackProfile, profiles, registerSysctls } from "./ConntrackNet.ts"
import { type Collector, ConntrackTable } from "./ConntrackTable.ts"
import type { Environment } from "./Environment.ts"
import { IptablesTable, tablePoints } from "./IptablesTable.ts"
import { KernelEnvironment } from "./KernelEnvironment.ts"
import { Nat, NatRovers } from "./Nat.ts"
import { ConfirmHook, ConntrackHook, DefragHook, NatHook, TableHook } from "./NetfilterHooks.ts"
import { type Rule, TABLE_NAMES, type TableName } from "./Rules.ts"

const EXTENSION = "netfilter"

/** What all namespaces of a host share. */
export class HostNetfilter implements TimerOwner, Collector {
  readonly host: Host
  readonly profile: ConntrackProfile
  readonly environment: Environment
  readonly table: ConntrackTable
  readonly rovers: NatRovers
  private readonly timer: KernelTimer
  private sysctlsLoaded: boolean

  constructor(host: Host) {
    this.host = host
    this.profile = profiles[host.profile.name]
    this.environment = new KernelEnvironment(host)
    this.table = new ConntrackTable(host.stream("conntrack").i32(), host.memory.cache("nf_conntrack"), this)
    this.rovers = new NatRovers()
    this.timer = new KernelTimer(this)
    this.sysctlsLoaded = false
  }

  /** nf_conntrack is loaded: its sysctls appear. */
  loadSysctls(): void {
    if (this.sysctlsLoaded) return
    this.sysctlsLoaded = true
    registerSysctls(
      this.host.netns.map((net) => net.sysctl),
      this.profile.sysctls
    )
  }

  arm(time: number): void {
    this.host.timers.arm(this.timer, time, 0)
  }

  lender(): Schedulable {
    return this.host.init.actor
  }

  expire(core: Core): void {
    this.table.collect(core.time)
  }
}

/** Netfilter of one namespace. */
export class Netfilter {
  readonly net: Netns
  readonly shared: HostNetfilter
  readonly tables: Map<TableName, IptablesTable>
  /** Null until something needs it. */
  conntrack: Conntrack | null
  nat: Nat | null

  constructor(net: Netns, shared: HostNetfilter) {
    this.net = net
    this.shared = shared
    this.tables = new Map()
    this.conntrack = null
    this.nat = null
  }

  /** The table of that name, loaded by the first call. Linux: iptable_filter_table_init and its kin */
  table(name: TableName): IptablesTable {
    const known = this.tables.get(name)
    if (known !== undefined) return known
    const host = this.shared.host
    if (name === "nat") this.loadNat()
    const random = host.stream(`netns${this.net.id}/iptables/${name}`)
    const table = new IptablesTable(name, this.shared.environment, random, name === "nat" ? this.nat : null)
    this.tables.set(name, table)
    if (name === "nat") this.registerNat(table)
    else {
      const hook = new TableHook(table, host.world.slab, this.shared.environment)
      for (const point of tablePoints[name]) this.net.hooks.register(point, priorities[name], hook)
    }
    return table
  }

  /** Loads what a rule needs besides its table. */
  require(rule: Rule): void {
    if (rule.target._tag === "Notrack" || rule.matches.some((match) => match._tag === "State")) this.loadConntrack()
  }

  /** Adds a rule at the end of a chain, with the modules it needs (iptables -A). @returns 0 or a negative errno */
  append(table: TableName, chain: string, rule: Rule): number {
    const status = this.table(table).append(chain, rule)
    if (status === 0) this.require(rule)
    return status
  }

  /** Adds a rule as number `number` of a chain, from 1 (iptables -I). */
  insert(table: TableName, chain: string, number: number, rule: Rule): number {
    const status = this.table(table).insert(chain, number, rule)
    if (status === 0) this.require(rule)
    return status
  }

  /** Lines of `iptables-save`: the tables that are loaded. */
  save(counters: boolean): ReadonlyArray<string> {
    return TABLE_NAMES.flatMap((name) => this.tables.get(name)?.describe(counters) ?? [])
  }

  /** Loads nf_conntrack for this namespace. */
  loadConntrack(): Conntrack {
    if (this.conntrack !== null) return this.conntrack
    const { shared, net } = this
    shared.loadSysctls()
    const state = new ConntrackNet(net.id, net.sysctl, shared.profile.udpStreamAfter)
    const conntrack = new Conntrack(shared.table, state, shared.host.world.slab)
    this.conntrack = conntrack
    const defrag = new DefragHook(shared.environment)
    const track = new ConntrackHook(conntrack, shared.environment)
    const confirm = new ConfirmHook(conntrack, shared.environment)
    for (const point of [Hooks.PRE_ROUTING, Hooks.LOCAL_OUT]) {
      net.hooks.register(point, Hooks.PRIORITY_DEFRAG, defrag)
      net.hooks.register(point, Hooks.PRIORITY_CONNTRACK, track)
    }
    for (const point of [Hooks.LOCAL_IN, Hooks.POST_ROUTING]) {
      net.hooks.register(point, Hooks.PRIORITY_CONFIRM, confirm)
    }
    return conntrack
  }

  /** Forgets the flows that MASQUERADE gave a device's address (Linux: masq_device_event, masq_inet_event). */
  deviceDown(index: number): number {
    const conntrack = this.conntrack
    if (conntrack === null) return 0
    return conntrack.table.flush(conntrack.net, (entry) => entry.masqueradeIndex === index)
  }

  /** The namespace ends: its entries go. */
  close(): void {
    const conntrack = this.conntrack
    if (conntrack !== null) conntrack.table.flush(conntrack.net, () => true)
  }

  private loadNat(): void {
    const { shared } = this
    this.loadConntrack()
    const random = shared.host.stream(`netns${this.net.id}/nat-port`)
    this.nat = new Nat(shared.table, shared.rovers, random, shared.profile.natRover)
  }

  private registerNat(table: IptablesTable): void {
    const { shared, net } = this
    const hook = new NatHook(this.nat!, table, shared.table, shared.host.world.slab, shared.environment)
    net.hooks.register(Hooks.PRE_ROUTING, Hooks.PRIORITY_NAT_DST, hook)
    net.hooks.register(Hooks.LOCAL_OUT, Hooks.PRIORITY_NAT_DST, hook)
    net.hooks.register(Hooks.POST_ROUTING, Hooks.PRIORITY_NAT_SRC, hook)
    net.hooks.register(Hooks.LOCAL_IN, Hooks.PRIORITY_NAT_SRC, hook)
  }
}

const priorities: Readonly<Record<TableName, number>> = {
  raw: Hooks.PRIORITY_RAW,
  mangle: Hooks.PRIORITY_MANGLE,
  nat: Hooks.PRIORITY_NAT_DST,
  filter: Hooks.PRIORITY_FILTER
}

/**
 * Netfilter of a namespace; nothing is loaded by asking. The first call on a host registers the pernet operations, so
 * that a namespace that ends takes its entries along.
 */
export const of = (net: Netns): Netfilter => {
  const known = net.extensions.get(EXTENSION)
  if (known !== undefined) return known as Netfilter
  const netfilter = new Netfilter(net, ofHost(net.host))
  net.extensions.set(EXTENSION, netfilter)
  return netfilter
}

/** Netfilter of a namespace if it has been asked for, else null: for views, which load nothing. */
export const peek = (net: Netns): Netfilter | null => (net.extensions.get(EXTENSION) as Netfilter | undefined) ?? null

const ofHost = (host: Host): HostNetfilter => {
  const known = host.init.extensions.get(`${EXTENSION}/host`)
  if (known !== undefined) return known as HostNetfilter
  const shared = new HostNetfilter(host)
  host.init.extensions.set(`${EXTENSION}/host`, shared)
  host.deviceChain.register(addressEvents)
  host.registerPernet({ name: "nf_conntrack_net", init: () => 0, exit: (net) => peek(net)?.close() })
  return shared
}

/** MASQUERADE forgets what went out by a device that is down or has lost an address (Linux: masq_device_event). */
const addressEvents: Notify.DeviceNotifier = {
  changed: (event: number, dev: NetDevice): void => {
    if (event === Notify.DOWN || event === Notify.ADDRESS_GONE) peek(dev.net)?.deviceDown(dev.index)
  }
}

/** Drops the conntrack reference of a buffer: it leaves the flow (Linux: nf_reset). */
export const reset = (skb: SkBuff): void => {
  if (skb.conntrack !== null) skb.conntrack.put()
  skb.conntrack = null
  skb.conntrackInfo = 0
}
