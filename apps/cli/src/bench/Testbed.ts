/**
 * What the scenarios are built of: hosts with one core and IP switches, joined by links that take the same bytes on the
 * wire as the rival's. Straight from hardware, kernel-net and sockets, without a topology file, because a scenario sets
 * what a file cannot: the framing of the wire.
 */
import * as CostTable from "@darkfiber/hardware/cpu/CostTable"
import { Link } from "@darkfiber/hardware/link/Link"
import type { LinkEnd } from "@darkfiber/hardware/link/LinkEnd"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import type { Router } from "@darkfiber/hardware/router/Router"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import { FEATURE_GRO, type NetDevice } from "@darkfiber/kernel-net/NetDevice"
import { linux6x } from "@darkfiber/kernel-net/Profile"
import type { Schedulable } from "@darkfiber/sim/Actor"
import * as ActorFiber from "@darkfiber/sim/ActorFiber"
import { added } from "@darkfiber/sim/Exact"
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import type { LeasedProgram } from "@darkfiber/sockets/Leased"
import type { Effect } from "effect"
import type { Setting } from "./Options.ts"

/** Memory of a host that says nothing else, bytes. */
export const MEMORY = 1024 ** 3
/** A point-to-point wire of the rival carries a PPP header of 2 bytes where a frame has 14 of Ethernet. */
const PPP_OVERHEAD = 2 - 14
/** Its CSMA wire carries the Ethernet header and 4 bytes of check sequence, no preamble and no gap. */
export const CSMA_OVERHEAD = 4
/** Bytes of a full packet's frame around its IP packet, PPP. */
const PPP_HEADER = 2
/** Stands for the router at the far end of a cable between routers. */
export const PEER = -1

/** A program in both forms: the same system calls, once as a fiber and once as a leased function. */
export interface Program {
  readonly fiber: () => Effect.Effect<unknown, unknown>
  readonly leased: () => LeasedProgram
}

export class Machine {
  readonly bed: Testbed
  readonly host: Host
  readonly sockets: HostSockets.HostSockets
  readonly group: FiberGroup
  nics: ReadonlyArray<Nic>

  constructor(bed: Testbed, name: string, memoryBytes: number) {
    this.bed = bed
    const profile = HostSockets.linux6x
    this.host = new Host(bed.world, {
      name,
      profile: linux6x,
      cores: 1,
      memoryBytes,
      costTable: bed.costs,
      sysctls: [HostSockets.sysctls(profile, memoryBytes)]
    })
    this.host.boot.run()
    this.group = bed.runtime.group(this.host.island, name)
    this.sockets = HostSockets.attach(this.host, { profile, fibers: this.group, memoryBytes })
    this.nics = []
    if (this.host.init.loopback !== null) Device.up(this.host.init.loopback)
    const buffer = bed.setting.buffer * 2 // half of a buffer is window (tcp_adv_win_scale 1)
    this.sysctl("net.ipv4.tcp_rmem", `4096 ${buffer} ${buffer}`)
    this.sysctl("net.ipv4.tcp_wmem", `4096 ${buffer} ${buffer}`)
  }

  sysctl(name: string, value: string): void {
    must(`${this.host.name}: ${name}`, this.host.init.setSysctl(name, value))
  }

  /** A network card on `end`, up, with an address. */
  nic(end: LinkEnd, mac: number, address: number, prefix: number): NetDevice {
    const { setting } = this.bed
    const name = `eth${this.nics.length}`
    const nic = new Nic(this.host.island, `${this.host.name}/${name}`, {
      mac,
      rxUsecs: setting.rxUsecs,
      rxFrames: setting.rxFrames,
      moderation: setting.rxFrames > 0 ? "delay" : "gap",
      checksums: setting.filled ? "filled" : "carried"
    })
    nic.connect(end)
    this.nics = added(this.nics, nic)
    const igb = new Igb(this.host, this.host.init, name, nic)
    const { dev } = igb
    if (!setting.gro) igb.setFeature(FEATURE_GRO, false)
    must(`mtu of ${this.host.name}`, Device.setMtu(dev, setting.mtu))
    must(`address of ${this.host.name}`, Device.addAddress(dev, address, prefix))
    Device.up(dev)
    return dev
  }

  /** The default route; with `mac` the gateway needs no ARP, as on the rival's point-to-point wires. */
  gateway(dev: NetDevice, address: number, mac: number | null): void {
    const { host } = this
    must(`route of ${host.name}`, host.init.fib.add({ prefix: 0, length: 0, gateway: address, dev }))
    if (mac !== null) must(`neighbour of ${host.name}`, host.neighbours.set(host.cores[0]!, dev, address, mac))
  }

  /** @param files descriptors it may have, when it needs more than usual */
  start(name: string, program: Program, files = 0): void {
    const { processes } = this.sockets
    const net = this.host.init
    const options = files === 0 ? {} : { nofile: { soft: files, hard: files } }
    const started = this.bed.setting.leased
      ? processes.spawnLeased(name, net, program.leased(), options)
      : processes.spawn(name, net, program.fiber(), options)
    if (typeof started === "number") throw new Error(`${this.host.name}: ${name}: errno ${-started}`)
  }

  lend(): void {
    for (const nic of this.nics) ActorFiber.lend(this.group, nic, null)
    this.host.lend(this.group)
  }
}

export class Testbed {
  readonly setting: Setting
  readonly world: World
  readonly runtime: Runtime
  readonly costs: CostTable.CostTable
  readonly machines: Array<Machine>
  readonly boxes: Array<Schedulable>
  readonly links: Array<Link>
  private macs: number

  constructor(setting: Setting) {
    this.setting = setting
    this.world = new World(setting.seed)
    this.world.fiberDispatch = setting.fiberDispatch
    this.runtime = new Runtime(this.world)
    const costs = CostTable.make("bench")
    if (!(costs instanceof CostTable.CostTable)) throw new Error(costs.faults.join("; "))
    this.costs = costs
    this.machines = []
    this.boxes = []
    this.links = []
    this.macs = 0x020000000000
  }

  machine(name: string, memoryBytes: number = MEMORY): Machine {
    const machine = new Machine(this, name, memoryBytes)
    this.machines.push(machine)
    return machine
  }

  /** A switch or router that has been made on an island of this world. */
  box<B extends Schedulable>(box: B): B {
    this.boxes.push(box)
    return box
  }

  link(name: string, rate: number, delay: number, overhead: number = PPP_OVERHEAD): Link {
    const link = new Link(this.world, name, { rate, delay, overhead })
    this.links.push(link)
    return link
  }

  newMac(): number {
    return ++this.macs
  }

  /** Bytes a port's queue of full packets may hold, the one on the wire included. */
  get queueBytes(): number {
    return (this.setting.queuePackets + 1) * (this.setting.mtu + PPP_HEADER)
  }

  /** Every NIC, core, switch and router gets its fiber. Call it when all is built. */
  lend(): void {
    for (const machine of this.machines) machine.lend()
    for (const box of this.boxes) {
      ActorFiber.lend(this.runtime.group(box.island, box.name), box, null)
    }
  }

  /** A cable between a host and a router that know each other: default route there, host route back. */
  edge(machine: Machine, router: Router, rate: number, delay: number, address: number, gateway: number): void {
    const link = this.link(`${machine.host.name}--${router.name}`, rate, delay)
    const mac = this.newMac()
    const routerMac = this.newMac()
    const port = router.addPort(link.a, { mac: routerMac, address: gateway, prefixLength: 24, mtu: this.setting.mtu })
    router.setNeighbour(port, address, mac)
    const dev = machine.nic(link.b, mac, address, 24)
    machine.gateway(dev, gateway, routerMac)
  }

  /** A cable between two routers. Returns the port's number at each. */
  trunk(left: Router, right: Router, rate: number, delay: number): readonly [number, number] {
    const link = this.link(`${left.name}--${right.name}`, rate, delay)
    const macs = [this.newMac(), this.newMac()] as const
    const options = { address: 0, prefixLength: 0, mtu: this.setting.mtu }
    const there = left.addPort(link.a, { ...options, mac: macs[0] })
    const back = right.addPort(link.b, { ...options, mac: macs[1] })
    left.setNeighbour(there, PEER, macs[1])
    right.setNeighbour(back, PEER, macs[0])
    return [there, back]
  }
}

const must = (what: string, status: number): void => {
  if (status < 0) throw new Error(`${what}: errno ${-status}`)
}

export const ip = (a: number, b: number, c: number, d: number): number => (a << 24) | (b << 16) | (c << 8) | d
