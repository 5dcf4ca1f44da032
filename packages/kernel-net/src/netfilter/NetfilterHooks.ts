/**
 * The hook functions netfilter registers, under the kernel's names.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { FrameSlab } from "@darkfiber/sim/FrameSlab"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Hooks from "../Hooks.ts"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { NF_NAT_PACKET } from "../Points.ts"
import { IP_WIRE_PARTIAL } from "../Skb.ts"
import { CHECKSUM_PARTIAL, type SkBuff } from "../SkBuff.ts"
import { type Conntrack, entryOf, readableEnd } from "./Conntrack.ts"
import {
  directionOf,
  type Entry,
  INFO_NEW,
  INFO_RELATED,
  INFO_RELATED_REPLY,
  STATUS_DST_NAT,
  STATUS_DST_NAT_DONE,
  STATUS_NAT_MASK,
  STATUS_SRC_NAT,
  STATUS_SRC_NAT_DONE
} from "./ConntrackEntry.ts"
import type { ConntrackTable } from "./ConntrackTable.ts"
import type { Environment } from "./Environment.ts"
import type { IptablesTable } from "./IptablesTable.ts"
import type { Nat } from "./Nat.ts"
import { MANIP_DST, MANIP_SRC, rewrite, rewriteQuoted } from "./NatPacket.ts"
import { NETFILTER_DROP, NF_NAT_IPV4_FN } from "./Points.ts"
import * as RuleTarget from "./RuleTarget.ts"
import { BRIDGE_PRE_ROUTED } from "./SkbFlags.ts"
import { invert, ORIGINAL, REPLY, Tuple } from "./Tuple.ts"

/** Collects fragments before conntrack sees them (Linux: ipv4_conntrack_defrag). */
export class DefragHook implements Hooks.HookFunction {
  readonly name: string
  private readonly environment: Environment

  constructor(environment: Environment) {
    this.name = "ipv4_conntrack_defrag"
    this.environment = environment
  }

  hook(core: Core, net: Netns, point: number, skb: SkBuff): number {
    const bytes = skb.host.world.slab.bytes
    if (!Ipv4.isFragment(bytes, skb.networkHeader)) return Hooks.VERDICT_ACCEPT
    return this.environment.defragment(core, net, skb, point) === null ? Hooks.VERDICT_GONE : Hooks.VERDICT_ACCEPT
  }
}

/** Linux: ipv4_conntrack_in, ipv4_conntrack_local. */
export class ConntrackHook implements Hooks.HookFunction {
  readonly name: string
  private readonly conntrack: Conntrack
  private readonly environment: Environment

  constructor(conntrack: Conntrack, environment: Environment) {
    this.name = "ipv4_conntrack_in"
    this.conntrack = conntrack
    this.environment = environment
  }

  hook(core: Core, _net: Netns, point: number, skb: SkBuff): number {
    if (this.conntrack.receive(core, skb, point)) return Hooks.VERDICT_ACCEPT
    this.environment.drop(core, skb, NETFILTER_DROP)
    return Hooks.VERDICT_GONE
  }
}

/** Linux: ipv4_confirm. */
export class ConfirmHook implements Hooks.HookFunction {
  readonly name: string
  private readonly conntrack: Conntrack
  private readonly environment: Environment

  constructor(conntrack: Conntrack, environment: Environment) {
    this.name = "ipv4_confirm"
    this.conntrack = conntrack
    this.environment = environment
  }

  hook(core: Core, _net: Netns, _point: number, skb: SkBuff): number {
    if (this.conntrack.confirm(core, skb)) return Hooks.VERDICT_ACCEPT
    this.environment.drop(core, skb, NETFILTER_DROP)
    return Hooks.VERDICT_GONE
  }
}

/** A table of rules (Linux: iptable_filter_hook, iptable_mangle_hook, iptable_raw_hook). */
export class TableHook implements Hooks.HookFunction {
  readonly name: string
  private readonly table: IptablesTable
  private readonly slab: FrameSlab
  private readonly environment: Environment

  constructor(table: IptablesTable, slab: FrameSlab, environment: Environment) {
    this.name = `iptable_${table.name}_hook`
    this.table = table
    this.slab = slab
    this.environment = environment
  }

  hook(core: Core, net: Netns, point: number, skb: SkBuff, input: NetDevice | null, output: NetDevice | null): number {
    if (isSabotaged(skb, point)) return Hooks.VERDICT_ACCEPT
    const mark = skb.mark
    const verdict = this.table.walk(core, this.slab.bytes, net, point, skb, input, output)
    if (verdict === RuleTarget.ACCEPT) {
      if (point !== Hooks.LOCAL_OUT || skb.mark === mark || this.table.name !== "mangle") return Hooks.VERDICT_ACCEPT
      if (this.environment.reroute(core, net, skb) === 0) return Hooks.VERDICT_ACCEPT
    }
    this.environment.drop(core, skb, NETFILTER_DROP)
    return Hooks.VERDICT_GONE
  }
}

/**
 * Binds new flows by the nat table, rewrites all of them (Linux: nf_nat_ipv4_fn, nf_nat_ipv4_in, nf_nat_ipv4_local_fn).
 */
export class NatHook implements Hooks.HookFunction {
  readonly name: string
  private readonly nat: Nat
  private readonly table: IptablesTable
  private readonly conntracks: ConntrackTable
  private readonly slab: FrameSlab
  private readonly environment: Environment
  private readonly target: Tuple

  constructor(nat: Nat, table: IptablesTable, conntracks: ConntrackTable, slab: FrameSlab, environment: Environment) {
    this.name = "nf_nat_ipv4_fn"
    this.nat = nat
    this.table = table
    this.conntracks = conntracks
    this.slab = slab
    this.environment = environment
    this.target = new Tuple()
  }

  hook(core: Core, net: Netns, point: number, skb: SkBuff, input: NetDevice | null, output: NetDevice | null): number {
    const entry = entryOf(skb)
    if (entry === null || isSabotaged(skb, point)) return Hooks.VERDICT_ACCEPT
    core.charge(core.costs[NF_NAT_IPV4_FN]!)
    if (!this.bind(core, net, point, skb, entry, input, output)) {
      this.environment.drop(core, skb, NETFILTER_DROP)
      return Hooks.VERDICT_GONE
    }
    if ((entry.status & STATUS_NAT_MASK) === 0) return Hooks.VERDICT_ACCEPT
    return this.translate(core, net, point, skb, entry) ? Hooks.VERDICT_ACCEPT : Hooks.VERDICT_GONE
  }

  /** False when the packet has to be dropped. */
  private bind(
    core: Core,
    net: Netns,
    point: number,
    skb: SkBuff,
    entry: Entry,
    input: NetDevice | null,
    output: NetDevice | null
  ): boolean {
    const manip = manipOf(point)
    const done = manip === MANIP_SRC ? STATUS_SRC_NAT_DONE : STATUS_DST_NAT_DONE
    if (skb.conntrackInfo === INFO_NEW && (entry.status & done) === 0) {
      if (entry.isConfirmed()) return true // nat came to be after the flow: it stays as it is
      if (this.table.walk(core, this.slab.bytes, net, point, skb, input, output) !== RuleTarget.ACCEPT) return false
      if ((entry.status & done) === 0) this.nat.setupNull(core, entry, manip)
      return true
    }
    if (entry.masqueradeIndex === 0 || point !== Hooks.POST_ROUTING || output === null) return true
    if (directionOf(skb.conntrackInfo) !== ORIGINAL || output.index === entry.masqueradeIndex) return true
    this.conntracks.remove(entry) // the route has changed: the address is not that device's
    return false
  }

  private translate(core: Core, net: Netns, point: number, skb: SkBuff, entry: Entry): boolean {
    const manip = manipOf(point)
    const direction = directionOf(skb.conntrackInfo)
    let status = manip === MANIP_SRC ? STATUS_SRC_NAT : STATUS_DST_NAT
    if (direction === REPLY) status ^= STATUS_NAT_MASK
    if ((entry.status & status) === 0) return true
    core.visit(NF_NAT_PACKET, net.id, skb.dev === null ? -1 : skb.dev.index, skb.traceId, point)
    const bytes = this.slab.bytes
    const at = skb.networkHeader
    const before = Ipv4.destination(bytes, at)
    const transport = at + Ipv4.headerLength(bytes, at)
    const end = readableEnd(bytes, skb)
    const partial = skb.ipSummed === CHECKSUM_PARTIAL || (skb.ipFlags & IP_WIRE_PARTIAL) !== 0
    const target = this.target
    const isRelated = skb.conntrackInfo === INFO_RELATED || skb.conntrackInfo === INFO_RELATED_REPLY
    if (isRelated && Ipv4.protocol(bytes, at) === Ipv4.PROTOCOL_ICMP) {
      if (Icmp.type(bytes, transport) === Icmp.TYPE_REDIRECT && !this.mayRedirect(entry)) {
        this.environment.drop(core, skb, NETFILTER_DROP)
        return false
      }
      rewriteQuoted(bytes, transport, end, entry.direction(1 - direction), 1 - manip)
    }
    invert(entry.direction(1 - direction), target)
    rewrite(bytes, at, end, target, manip, partial)
    if (before === Ipv4.destination(bytes, at)) return true
    if (point === Hooks.PRE_ROUTING) skb.dst = null
    else if (point === Hooks.LOCAL_OUT && this.environment.reroute(core, net, skb) !== 0) {
      this.environment.drop(core, skb, NETFILTER_DROP)
      return false
    }
    return true
  }

  /** A redirect names a router of one side; it must not cross a translation. */
  private mayRedirect(entry: Entry): boolean {
    const done = STATUS_SRC_NAT_DONE | STATUS_DST_NAT_DONE
    return (entry.status & done) === done && (entry.status & STATUS_NAT_MASK) === 0
  }
}

/** Which end a hook point translates (Linux: HOOK2MANIP). */
const manipOf = (point: number): number =>
  point === Hooks.POST_ROUTING || point === Hooks.LOCAL_IN ? MANIP_SRC : MANIP_DST

/** PRE_ROUTING has seen it on the bridge and does not see it again (Linux: ip_sabotage_in). */
const isSabotaged = (skb: SkBuff, point: number): boolean =>
  point === Hooks.PRE_ROUTING && (skb.flags & BRIDGE_PRE_ROUTED) !== 0
