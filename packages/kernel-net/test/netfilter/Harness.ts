/**
 * Netfilter without a kernel around it: a core, the slab, conntrack's cache, and an environment that only records.
 */
import { Core } from "@darkfiber/hardware/cpu/Core"
import { Memory, memoryDefaults } from "@darkfiber/memory/Memory"
import { costTable } from "@darkfiber/sim/TracePoint"
import { World } from "@darkfiber/sim/World"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import type { Host } from "../../src/Host.ts"
import * as Hooks from "../../src/Hooks.ts"
import type { NetDevice } from "../../src/NetDevice.ts"
import type { Netns } from "../../src/Netns.ts"
import { Conntrack } from "../../src/netfilter/Conntrack.ts"
import { ConntrackNet, type ConntrackProfile, linux310, registerSysctls } from "../../src/netfilter/ConntrackNet.ts"
import { ConntrackTable } from "../../src/netfilter/ConntrackTable.ts"
import type { Environment } from "../../src/netfilter/Environment.ts"
import { IptablesTable, tablePoints } from "../../src/netfilter/IptablesTable.ts"
import { Nat, NatRovers } from "../../src/netfilter/Nat.ts"
import { ConfirmHook, ConntrackHook, NatHook, TableHook } from "../../src/netfilter/NetfilterHooks.ts"
import type { AddressKind, RejectWith, TableName } from "../../src/netfilter/Rules.ts"
import { SkBuff } from "../../src/SkBuff.ts"
import * as Sysctl from "../../src/Sysctl.ts"

export const device = (name: string, index: number): NetDevice => ({ name, index }) as NetDevice

/** Addresses the namespace has, as int32. */
export class FakeEnvironment implements Environment {
  readonly local: Set<number> = new Set()
  readonly sources: Map<string, number> = new Map()
  readonly drops: Array<number> = []
  readonly rejects: Array<RejectWith> = []
  reroutes = 0

  addressKind(_net: Netns, address: number): AddressKind {
    return this.local.has(address) ? "LOCAL" : "UNICAST"
  }
  selectSource(_net: Netns, _skb: SkBuff, output: NetDevice): number {
    return this.sources.get(output.name) ?? 0
  }
  firstAddress(_net: Netns, of: NetDevice): number {
    return this.sources.get(of.name) ?? 0
  }
  reject(_core: Core, _net: Netns, _skb: SkBuff, how: RejectWith): void {
    this.rejects.push(how)
  }
  reroute(): number {
    this.reroutes++
    return 0
  }
  defragment(_core: Core, _net: Netns, skb: SkBuff): SkBuff | null {
    return skb
  }
  drop(_core: Core, skb: SkBuff, reason: number): void {
    this.drops.push(reason)
    if (skb.conntrack !== null) skb.conntrack.put()
    skb.conntrack = null
  }
}

export class Harness {
  readonly world: World
  readonly core: Core
  readonly net: Netns
  readonly memory: Memory
  readonly environment: FakeEnvironment
  readonly table: ConntrackTable
  readonly state: ConntrackNet
  readonly conntrack: Conntrack
  readonly nat: Nat
  readonly hooks: Hooks.Hooks
  readonly tables: Map<TableName, IptablesTable>
  readonly sysctl: Sysctl.SysctlTable
  /** When the collector was asked for. */
  collectAt = Infinity
  private readonly host: Host

  constructor(profile: ConntrackProfile = linux310, seed = 1) {
    this.world = new World(seed)
    const island = this.world.newIsland("host")
    this.core = new Core(island, "host/cpu0", 0, costTable().costs)
    this.memory = new Memory(memoryDefaults)
    this.environment = new FakeEnvironment()
    this.sysctl = new Sysctl.SysctlTable(Sysctl.defaultsOf([]), null)
    registerSysctls([this.sysctl], profile.sysctls)
    this.table = new ConntrackTable(7, this.memory.cache("nf_conntrack"), {
      arm: (time) => {
        this.collectAt = time
      }
    })
    this.state = new ConntrackNet(0, this.sysctl, profile.udpStreamAfter)
    this.conntrack = new Conntrack(this.table, this.state, this.world.slab)
    this.nat = new Nat(this.table, new NatRovers(), this.world.stream("nat"), profile.natRover)
    this.hooks = new Hooks.Hooks()
    this.tables = new Map()
    this.net = { id: 0, hooks: this.hooks } as unknown as Netns
    this.host = { world: this.world } as unknown as Host
    this.registerConntrack()
  }

  private registerConntrack(): void {
    const track = new ConntrackHook(this.conntrack, this.environment)
    const confirm = new ConfirmHook(this.conntrack, this.environment)
    this.hooks.register(Hooks.PRE_ROUTING, Hooks.PRIORITY_CONNTRACK, track)
    this.hooks.register(Hooks.LOCAL_OUT, Hooks.PRIORITY_CONNTRACK, track)
    this.hooks.register(Hooks.LOCAL_IN, Hooks.PRIORITY_CONFIRM, confirm)
    this.hooks.register(Hooks.POST_ROUTING, Hooks.PRIORITY_CONFIRM, confirm)
  }

  use(name: TableName): IptablesTable {
    const known = this.tables.get(name)
    if (known !== undefined) return known
    const random = this.world.stream(`iptables/${name}`)
    const table = new IptablesTable(name, this.environment, random, name === "nat" ? this.nat : null)
    this.tables.set(name, table)
    if (name === "nat") {
      const hook = new NatHook(this.nat, table, this.table, this.world.slab, this.environment)
      for (const point of [Hooks.PRE_ROUTING, Hooks.LOCAL_OUT]) this.hooks.register(point, -100, hook)
      for (const point of [Hooks.POST_ROUTING, Hooks.LOCAL_IN]) this.hooks.register(point, 100, hook)
    } else {
      const priority = name === "raw" ? -300 : name === "mangle" ? -150 : 0
      const hook = new TableHook(table, this.world.slab, this.environment)
      for (const point of tablePoints[name]) this.hooks.register(point, priority, hook)
    }
    return table
  }

  /** A buffer with the given IP packet, `data` at the IP header. */
  skb(packet: Uint8Array): SkBuff {
    const skb = new SkBuff(this.host)
    skb.live = true
    skb.frame = this.world.slab.from(packet)
    skb.data = this.world.slab.start[skb.frame]!
    skb.headLength = packet.length
    skb.networkHeader = skb.data
    skb.transportHeader = skb.data + 20
    skb.protocol = 0x0800
    return skb
  }

  /** The packet's bytes as they are now. */
  bytes(skb: SkBuff): Uint8Array {
    return this.world.slab.bytes.slice(skb.data, skb.data + skb.headLength)
  }

  free(skb: SkBuff): void {
    if (skb.conntrack !== null) skb.conntrack.put()
    skb.conntrack = null
    this.world.slab.free(skb.frame)
  }

  /** Runs the hooks of a path; false when the packet was dropped. */
  run(skb: SkBuff, points: ReadonlyArray<number>, input: NetDevice | null, output: NetDevice | null): boolean {
    for (const point of points) {
      const out = point === Hooks.PRE_ROUTING || point === Hooks.LOCAL_IN ? null : output
      const into = point === Hooks.LOCAL_OUT || point === Hooks.POST_ROUTING ? null : input
      if (this.hooks.run(this.core, this.net, point, skb, into, out) === Hooks.VERDICT_GONE) return false
    }
    return true
  }

  /** Sends a packet through the host and gives back what comes out; null when it was dropped. */
  forward(packet: Uint8Array, input: NetDevice, output: NetDevice): Uint8Array | null {
    const skb = this.skb(packet)
    const passed = this.run(skb, forwardPath, input, output)
    const result = passed ? this.bytes(skb) : null
    this.free(skb)
    return result
  }
}

export const forwardPath: ReadonlyArray<number> = [Hooks.PRE_ROUTING, Hooks.FORWARD, Hooks.POST_ROUTING]
export const inPath: ReadonlyArray<number> = [Hooks.PRE_ROUTING, Hooks.LOCAL_IN]
export const outPath: ReadonlyArray<number> = [Hooks.LOCAL_OUT, Hooks.POST_ROUTING]

export interface Ends {
  readonly source: number
  readonly destination: number
  readonly sourcePort: number
  readonly destinationPort: number
}

export const reverse = (ends: Ends): Ends => ({
  source: ends.destination,
  destination: ends.source,
  sourcePort: ends.destinationPort,
  destinationPort: ends.sourcePort
})

const ipPacket = (ends: Ends, protocol: number, transport: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(20 + transport.length)
  bytes.set(transport, 20)
  Ipv4.setHeaderLength(bytes, 0, 20)
  Ipv4.setTotalLength(bytes, 0, bytes.length)
  Ipv4.setTimeToLive(bytes, 0, 64)
  Ipv4.setProtocol(bytes, 0, protocol)
  Ipv4.setSource(bytes, 0, ends.source)
  Ipv4.setDestination(bytes, 0, ends.destination)
  Ipv4.writeChecksum(bytes, 0)
  Checksum.fillTransport(bytes, 0)
  return bytes
}

export const tcp = (ends: Ends, flags: number, payload = 0, sequence = 1, acknowledgment = 1): Uint8Array => {
  const bytes = new Uint8Array(20 + payload)
  Tcp.write(bytes, 0, ends.sourcePort, ends.destinationPort, sequence, acknowledgment, flags, 1000)
  return ipPacket(ends, 6, bytes)
}

export const udp = (ends: Ends, payload: Uint8Array = new Uint8Array(4)): Uint8Array => {
  const bytes = new Uint8Array(8 + payload.length)
  Udp.write(bytes, 0, ends.sourcePort, ends.destinationPort, bytes.length)
  bytes.set(payload, 8)
  return ipPacket(ends, 17, bytes)
}

export const echo = (ends: Ends, type: number, identifier: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  Icmp.write(bytes, 0, type, 0, (identifier << 16) | 1)
  return ipPacket(ends, 1, bytes)
}

/** An ICMP error of `source` to `destination` that quotes a packet's header and first eight bytes. */
export const icmpError = (
  source: number,
  destination: number,
  type: number,
  code: number,
  quoted: Uint8Array
): Uint8Array => {
  const bytes = new Uint8Array(8 + 28)
  Icmp.write(bytes, 0, type, code, 0)
  bytes.set(quoted.subarray(0, 28), 8)
  return ipPacket({ source, destination, sourcePort: 0, destinationPort: 0 }, 1, bytes)
}

export const address = (a: number, b: number, c: number, d: number): number => (a << 24) | (b << 16) | (c << 8) | d

export const endsOf = (packet: Uint8Array): Ends => ({
  source: Ipv4.source(packet, 0),
  destination: Ipv4.destination(packet, 0),
  sourcePort: (packet[20]! << 8) | packet[21]!,
  destinationPort: (packet[22]! << 8) | packet[23]!
})

/** Whether both checksums of a packet are right. */
export const isValid = (packet: Uint8Array): boolean =>
  Ipv4.verifyChecksum(packet, 0) && Checksum.verifyTransport(packet, 0)
