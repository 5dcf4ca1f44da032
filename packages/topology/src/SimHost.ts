/**
 * One host of a topology through its lives: boots, runs, crashes, boots again as a new incarnation.
 *
 * Configuration comes from the plan each time; memory does not survive. Links stay where they are.
 */
import type { CostTable } from "@darkfiber/hardware/cpu/CostTable"
import * as Container from "@darkfiber/containers/Container"
import type { LinkEnd } from "@darkfiber/hardware/link/LinkEnd"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import * as Device from "@darkfiber/kernel-net/Device"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import { Host } from "@darkfiber/kernel-net/Host"
import { FEATURE_GRO, type NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import { profiles as kernelProfiles } from "@darkfiber/kernel-net/Profile"
import * as ActorFiber from "@darkfiber/sim/ActorFiber"
import type { FiberGroup } from "@darkfiber/sim/FiberGroup"
import type { Island } from "@darkfiber/sim/Island"
import type { Runtime } from "@darkfiber/sim/Runtime"
import type { World } from "@darkfiber/sim/World"
import * as HostSockets from "@darkfiber/sockets/HostSockets"
import type { Process } from "@darkfiber/sockets/Process"
import { Effect } from "effect"
import type * as Plan from "./Plan.ts"
import type { ProgramLoader } from "./Program.ts"
import { Workload } from "./Workload.ts"

/** What all hosts of a run share. */
export interface HostSetting {
  readonly world: World
  readonly runtime: Runtime
  readonly costs: CostTable
  readonly checksums: "carried" | "filled"
  readonly loader: ProgramLoader
  /** Runs a configuration command on a host; null when it went well, else what it complained about. */
  readonly command: (host: SimHost, text: string) => string | null
  /** The host comes back after a crash: it has its new kernel, which is about to boot. */
  readonly returned: (host: SimHost) => void
}

/** A host could not be set up as the plan says. */
export class BootFailed extends Error {}

/** Time a crashed host takes from power to its first process, ns. */
export const BOOT_NS = 50_000_000

export class SimHost {
  readonly plan: Plan.HostPlan
  readonly setting: HostSetting
  readonly island: Island
  /** The kernel of the present incarnation. */
  kernel: Host
  sockets: HostSockets.HostSockets
  nics: ReadonlyArray<Nic>
  containers: ReadonlyArray<Container.Container>
  incarnation: number
  isUp: boolean
  /** Accounts of all incarnations' programs. */
  readonly workloads: Array<Workload>
  private group: FiberGroup
  private isPowered: boolean
  /** How often the power went. */
  private powerCycles: number
  private readonly ends: ReadonlyArray<LinkEnd | null>

  /** @param ends the cables of the NICs, in the plan's order; null where none is plugged in */
  constructor(plan: Plan.HostPlan, setting: HostSetting, ends: ReadonlyArray<LinkEnd | null>) {
    this.plan = plan
    this.setting = setting
    this.ends = ends
    this.workloads = []
    this.incarnation = 0
    this.isUp = false
    this.isPowered = true
    this.powerCycles = 0
    this.nics = []
    this.containers = []
    this.island = setting.world.newIsland(plan.name)
    this.kernel = this.newKernel()
    this.group = setting.runtime.group(this.island, plan.name, 0)
    this.sockets = this.newSockets()
  }

  get name(): string {
    return this.plan.name
  }

  /** Brings the host up: devices, addresses, containers, processes. At the island's present instant. */
  boot(): void {
    const { kernel, plan } = this
    kernel.boot.run()
    this.isUp = true
    if (kernel.init.loopback !== null) Device.up(kernel.init.loopback)
    this.sysctls(kernel.init, plan.sysctls)
    this.nics = plan.nics.map((nic, index) => this.bootNic(nic, index))
    this.bootBridges()
    this.containers = plan.containers.map((each) => this.bootContainer(each))
    for (const each of plan.namespaces) this.bootNamespace(each)
    for (const route of plan.routes) this.addRoute(route)
    for (const text of plan.setup) {
      const complaint = this.setting.command(this, text)
      if (complaint !== null) throw new BootFailed(`${plan.name}: ${text}: ${complaint}`)
    }
    this.startProcesses(kernel.init, "", plan.processes)
    plan.containers.forEach((each, index) =>
      this.startProcesses(this.containers[index]!.net, each.name, each.processes)
    )
    for (const each of plan.namespaces) this.startProcesses(this.netns(each.name)!, each.name, each.processes)
  }

  /** The power goes. In the process phase of an instant. */
  crash(): void {
    this.isPowered = false
    this.powerCycles++
    if (!this.isUp) return
    this.isUp = false
    const { kernel, workloads } = this
    this.setting.runtime.crash(this.group, () => {
      kernel.crash()
      for (const workload of workloads) workload.abandon()
    })
  }

  /** Power comes back: the next incarnation boots, and is up `BOOT_NS` later unless the power goes before. */
  restart(now: number): void {
    if (this.isPowered) return
    this.isPowered = true
    const { powerCycles } = this
    this.setting.runtime.at(this.island, now + BOOT_NS, `${this.name}/boot`, () => {
      if (this.powerCycles !== powerCycles) return
      this.incarnation++
      this.kernel = this.newKernel()
      this.group = this.setting.runtime.group(this.island, this.name, this.incarnation)
      this.sockets = this.newSockets()
      this.setting.returned(this)
      this.boot()
      this.lend()
    })
  }

  /** Every NIC, core, namespace and bridge gets its fiber. */
  lend(): void {
    for (const nic of this.nics) ActorFiber.lend(this.group, nic, null)
    this.kernel.lend(this.group)
  }

  netns(name: string): Netns | null {
    if (name === "") return this.kernel.init
    return this.kernel.netns.find((net) => net.name === name) ?? null
  }

  private newKernel(): Host {
    const { plan, setting } = this
    const profile = kernelProfiles.find((each) => each.name === plan.kernel)!
    return new Host(setting.world, {
      name: plan.name,
      island: this.island,
      profile,
      cores: plan.cores,
      memoryBytes: plan.memory,
      costTable: setting.costs,
      sysctls: [HostSockets.sysctls(HostSockets.profiles[plan.kernel], plan.memory)],
      incarnation: this.incarnation
    })
  }

  private newSockets(): HostSockets.HostSockets {
    const { kernel, memory: memoryBytes } = this.plan
    const profile = HostSockets.profiles[kernel]
    return HostSockets.attach(this.kernel, { profile, fibers: this.group, memoryBytes })
  }

  private bootNic(plan: Plan.NicPlan, index: number): Nic {
    const suffix = this.incarnation === 0 ? "" : `#${this.incarnation}`
    const nic = new Nic(this.island, `${this.name}/${plan.name}${suffix}`, {
      mac: plan.mac,
      rxQueues: plan.queues,
      txQueues: plan.queues,
      rxRing: plan.rxRing,
      txRing: plan.txRing,
      rxUsecs: plan.rxUsecs,
      tso: plan.tso,
      checksums: this.setting.checksums
    })
    const end = this.ends[index] ?? null
    if (end !== null) nic.connect(end)
    const igb = new Igb(this.kernel, this.kernel.init, plan.name, nic)
    const { dev } = igb
    if (!plan.gro) igb.setFeature(FEATURE_GRO, false)
    this.must(`mtu of ${plan.name}`, Device.setMtu(dev, plan.mtu))
    for (const each of plan.addresses) {
      this.must(`address of ${plan.name}`, Device.addAddress(dev, each.address, each.prefix))
    }
    if (plan.qdisc !== null) Device.setQdisc(null, dev, plan.qdisc)
    Device.up(dev)
    if (plan.gateway !== null) {
      this.must("default route", this.kernel.init.fib.add({ prefix: 0, length: 0, gateway: plan.gateway, dev }))
    }
    return nic
  }

  private bootBridges(): void {
    for (const plan of this.plan.bridges) {
      const bridge = Container.createBridge(this.kernel, plan.name, plan.address, plan.masquerade)
      for (const port of plan.ports) Container.addPort(bridge, this.device(port))
    }
  }

  private bootContainer(plan: Plan.ContainerPlan): Container.Container {
    const container = Container.createContainer(this.kernel, { ...plan, bridge: this.device(plan.bridge) })
    this.sysctls(container.net, plan.sysctls)
    return container
  }

  private bootNamespace(plan: Plan.NamespacePlan): void {
    const net = this.kernel.createNetns(plan.name)
    if (typeof net === "number") throw new BootFailed(`${this.name}: namespace ${plan.name}: errno ${-net}`)
    if (net.loopback !== null) Device.up(net.loopback)
    this.sysctls(net, plan.sysctls)
  }

  private sysctls(net: Netns, list: ReadonlyArray<readonly [string, string]>): void {
    for (const [name, value] of list) this.must(`sysctl ${name} = ${value}`, net.setSysctl(name, value))
  }

  private addRoute(route: Plan.RoutePlan): void {
    const dev = route.device === null ? null : this.device(route.device)
    const spec = { prefix: route.address, length: route.prefix, gateway: route.via ?? 0, dev }
    this.must("route", this.kernel.init.fib.add(spec))
  }

  private device(name: string): NetDevice {
    const dev = this.kernel.init.deviceByName(name)
    if (dev === null) throw new BootFailed(`${this.name}: there is no device ${name}`)
    return dev
  }

  private startProcesses(net: Netns, place: string, plans: ReadonlyArray<Plan.ProcessPlan>): void {
    for (const plan of plans) {
      const now = this.island.now
      if (plan.start <= now) this.startProcess(net, place, plan)
      else {
        const { incarnation } = this
        this.setting.runtime.at(this.island, plan.start, `${this.name}/start/${plan.name}`, () => {
          if (this.isUp && this.incarnation === incarnation) this.startProcess(net, place, plan)
        })
      }
    }
  }

  private startProcess(net: Netns, place: string, plan: Plan.ProcessPlan): Process {
    const program = this.setting.loader(plan.program)
    if (program === undefined) throw new BootFailed(`${this.name}: there is no program ${plan.program}`)
    const workload = new Workload(this.name, place, plan.name)
    this.workloads.push(workload)
    // A program that throws while it is made dies as one that throws later: in its process.
    const effect = Effect.suspend(() => program(plan.args, { host: this.name, place, name: plan.name, workload }))
    const options = { nice: plan.nice, ...(plan.core === null ? {} : { affinity: [plan.core] }) }
    const process = this.sockets.processes.spawn(plan.name, net, effect, options)
    if (typeof process === "number") throw new BootFailed(`${this.name}: ${plan.name}: errno ${-process}`)
    return process
  }

  private must(what: string, status: number): void {
    if (status < 0) throw new BootFailed(`${this.name}: ${what}: errno ${-status}`)
  }
}
