/**
 * What the tests of this package share: hosts with a scripted task on each core, cables, and the conservation walk.
 */
import { type Core, STEP_IDLE, STEP_MORE, type TaskSource } from "@darkfiber/hardware/cpu/Core"
import { Link } from "@darkfiber/hardware/link/Link"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import type { NicOptions } from "@darkfiber/hardware/nic/NicOptions"
import { KIND_OWN, Schedulable } from "@darkfiber/sim/Actor"
import * as Conservation from "@darkfiber/sim/Conservation"
import { World } from "@darkfiber/sim/World"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import { contextNames, ROW } from "@darkfiber/sim/Trace"
import { make } from "@darkfiber/wire/MacAddress"
import { Igb } from "../src/driver/Igb.ts"
import * as Device from "../src/Device.ts"
import * as Drops from "../src/Drops.ts"
import { Host } from "../src/Host.ts"
import { type DeviceOps, FEATURE_SG, IFF_BROADCAST, NetDevice, NETDEV_TX_BUSY, NETDEV_TX_OK } from "../src/NetDevice.ts"
import type { Netns } from "../src/Netns.ts"
import { ethTypeTrans, netifReceiveSkb } from "../src/Receive.ts"
import * as Skb from "../src/Skb.ts"
import type { SkBuff } from "../src/SkBuff.ts"
import type { KernelProfile } from "../src/Profile.ts"

/** Runs functions as task steps of a core, at given times. */
export class Script extends Schedulable implements TaskSource {
  private readonly core: Core
  private readonly jobs: Array<{ readonly at: number; readonly run: (core: Core) => void }> = []
  private ksoftirqd = false
  /** Steps that ksoftirqd took. */
  ksoftirqdSteps = 0

  constructor(host: Host, core: Core) {
    super(host.island, `${host.name}/script${core.index}`)
    this.core = core
    core.tasks = this
  }

  at(time: number, run: (core: Core) => void): void {
    this.jobs.push({ at: time, run })
    this.jobs.sort((a, b) => a.at - b.at)
    this.island.input(time, this.slot, KIND_OWN, 0, 0)
  }

  step(core: Core): number {
    if (this.ksoftirqd) {
      this.ksoftirqdSteps++
      this.ksoftirqd = core.ksoftirqdStep()
      return STEP_MORE
    }
    const job = this.jobs[0]
    if (job === undefined || job.at > core.time) return STEP_IDLE
    this.jobs.shift()
    job.run(core)
    return STEP_MORE
  }

  wakeKsoftirqd(): void {
    this.ksoftirqd = true
  }

  override deliver(_kind: number, _a: number, _b: number, now: number): void {
    this.core.kick(now)
  }

  override dispatch(): void {}
}

export interface Node {
  readonly host: Host
  readonly nic: Nic
  readonly igb: Igb
  readonly scripts: ReadonlyArray<Script>
}

export const ip = (text: string): number => text.split(".").reduce((sum, part) => (sum << 8) | Number(part), 0)

/** A booted host with one igb port eth0, up, with an address. */
export const node = (
  world: World,
  name: string,
  profile: KernelProfile,
  address: string,
  options: Partial<NicOptions> = {},
  cores = 1
): Node => {
  const host = new Host(world, { name, profile, cores, memoryBytes: 4294967296 })
  if (host.boot.run() !== 0) throw new Error("boot failed")
  const scripts = host.cores.map((core) => new Script(host, core))
  const nic = new Nic(host.island, `${name}/eth0`, { mac: make(0x020000000000 + (ip(address) & 0xffff)), ...options })
  const igb = new Igb(host, host.init, "eth0", nic)
  Device.up(host.init.loopback!)
  if (Device.addAddress(igb.dev, ip(address), 24) !== 0) throw new Error("no address")
  return { host, nic, igb, scripts }
}

/** Joins two nodes with a cable and brings the ports up. */
export const cable = (world: World, a: Node, b: Node, rate = 1e9, delay = 1000, loss = 0): Link => {
  const link = new Link(world, `${a.host.name}-${b.host.name}`, { rate, delay, loss })
  a.nic.connect(link.a)
  b.nic.connect(link.b)
  Device.up(a.igb.dev)
  Device.up(b.igb.dev)
  return link
}

/** Frames in flight, by weight, by walking everything that holds frames. */
export const inFlight = (world: World): number => Conservation.check(world).inFlight

export const account = (world: World): { created: number; delivered: number; dropped: number } => {
  const { created, delivered, dropped } = Conservation.check(world)
  return { created, delivered, dropped }
}

/** The laws of conservation, and no defect. Holds at any moment between two runs. */
export const checkQuiet = (world: World): void => {
  if (world.defects.length > 0) throw world.defects[0]!.error
  const { violations } = Conservation.check(world)
  for (const { law, expected, found } of violations) throw new Error(`${law}: ${expected} is not ${found}`)
}

/** Names of the traced functions of a host in order of time, with their context. */
export const trace = (host: Host): ReadonlyArray<{ name: string; time: number; context: string; id: number }> => {
  const { rows, count } = host.island.trace
  const list = []
  for (let i = 0; i < count; i++) {
    const at = i * ROW
    list.push({
      name: TracePoint.name(rows[at + 1]!),
      time: rows[at]!,
      context: contextNames[rows[at + 3]!]!,
      id: rows[at + 6]!
    })
  }
  return list.toSorted((a, b) => a.time - b.time)
}

export const newWorld = (seed = 1): World => new World(seed)

/** A device whose driver keeps what it is given: the other end of the tests. */
export const dummy = (host: Host, net: Netns, name: string, queueLength = 0): Dummy => {
  const sent: Array<Uint8Array> = []
  const times: Array<number> = []
  const state = { room: Infinity }
  const ops: DeviceOps = {
    kind: "dummy",
    local: false,
    virtual: true,
    open: () => {},
    stop: () => {},
    transmit: (core, skb, dev) => {
      if (sent.length >= state.room) {
        dev.stopped[0] = true
        return NETDEV_TX_BUSY
      }
      const bytes = new Uint8Array(skb.length)
      Skb.copyBits(skb, 0, skb.length, bytes, 0)
      sent.push(bytes)
      times.push(core.time)
      host.deliverSkb(skb)
      host.consumeSkb(core, skb)
      return NETDEV_TX_OK
    }
  }
  const dev = new NetDevice(net, name, ops, 14, 1)
  dev.mac = 0x020000000001
  dev.flags = IFF_BROADCAST
  dev.txQueueLength = queueLength
  dev.features = FEATURE_SG
  if (Device.register(dev) !== 0) throw new Error("register")
  Device.up(dev)
  return { dev, sent, times, state }
}

export interface Dummy {
  readonly dev: NetDevice
  readonly sent: Array<Uint8Array>
  /** Core time at which each was taken. */
  readonly times: Array<number>
  /** Frames the driver takes before it is busy. */
  readonly state: { room: number }
}

/** A buffer with a received frame, born on this host and past eth_type_trans; null for one that is too short. */
export const received = (host: Host, core: Core, dev: NetDevice, frame: Uint8Array): SkBuff | null => {
  const skb = Skb.fromFrame(host, core, host.world.slab.from(frame), 2304)!
  host.bornSkb(skb)
  if (ethTypeTrans(skb, dev)) return skb
  host.dropSkb(core, skb, Drops.DEV_HDR)
  return null
}

/** Sends a frame up the stack as a driver would. */
export const inject = (host: Host, core: Core, dev: NetDevice, frame: Uint8Array): void => {
  const skb = received(host, core, dev, frame)
  if (skb !== null) netifReceiveSkb(core, skb)
}

/** A booted host without ports; its first core runs `scripts[0]`. */
export const lone = (
  world: World,
  name: string,
  profile: KernelProfile,
  cores = 1
): { host: Host; scripts: ReadonlyArray<Script> } => {
  const host = new Host(world, { name, profile, cores, memoryBytes: 4294967296 })
  if (host.boot.run() !== 0) throw new Error("boot failed")
  Device.up(host.init.loopback!)
  return { host, scripts: host.cores.map((core) => new Script(host, core)) }
}
