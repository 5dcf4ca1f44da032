/**
 * A data centre that runs: the plan built, its world, and what a user does with it.
 *
 *     const centre = DataCentre.build(plan, { seed: 1 })
 *     centre.run(2_000_000_000)
 *     centre.summary().fingerprint
 */
import { Link } from "@darkfiber/hardware/link/Link"
import type { LinkEnd } from "@darkfiber/hardware/link/LinkEnd"
import * as CostTable from "@darkfiber/hardware/cpu/CostTable"
import { Router } from "@darkfiber/hardware/router/Router"
import { Switch } from "@darkfiber/hardware/switch/Switch"
import * as ActorFiber from "@darkfiber/sim/ActorFiber"
import type { Schedulable } from "@darkfiber/sim/Actor"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Fault from "@darkfiber/sim/Fault"
import * as FaultPlan from "@darkfiber/sim/FaultPlan"
import type { Island } from "@darkfiber/sim/Island"
import { Runtime } from "@darkfiber/sim/Runtime"
import { World } from "@darkfiber/sim/World"
import * as Faults from "./Faults.ts"
import type * as Plan from "./Plan.ts"
import type { ProgramLoader } from "./Program.ts"
import * as Programs from "./Programs.ts"
import { type HostSetting, SimHost } from "./SimHost.ts"

export interface BuildOptions {
  readonly seed: number
  readonly dispatch: "poll" | "fiber"
  /** Finds a user's own programs; built-in ones are known. */
  readonly loader: ProgramLoader
  /** Runs a configuration command on a host at boot; null, or what it complained about. */
  readonly command: HostSetting["command"]
  /** Called when all actors stand and before the first event: taps, traces. */
  readonly observe: (centre: DataCentre) => void
}

export const buildDefaults: BuildOptions = {
  seed: 1,
  dispatch: "poll",
  loader: () => undefined,
  command: (_host, text) => `there is nobody to run ${text}`,
  observe: () => undefined
}

/** A host panicked: one of its actors threw. */
export interface Panic {
  readonly host: string
  readonly actor: string
  readonly time: number
  readonly error: unknown
}

export class DataCentre implements FaultPlan.FaultTargets {
  readonly plan: Plan.Plan
  readonly options: BuildOptions
  readonly world: World
  readonly runtime: Runtime
  readonly hosts: ReadonlyArray<SimHost>
  readonly switches: ReadonlyArray<Switch>
  readonly routers: ReadonlyArray<Router>
  readonly links: ReadonlyArray<Link>
  readonly panics: Array<Panic>
  /** Called with each host that comes back: it has a new kernel, which is about to boot. */
  readonly onReturn: Array<(host: SimHost) => void>
  /** Virtual time up to which the run is complete. */
  now: number

  constructor(plan: Plan.Plan, options: BuildOptions) {
    this.plan = plan
    this.options = options
    this.now = 0
    this.panics = []
    this.onReturn = []
    this.world = new World(options.seed)
    this.world.fiberDispatch = options.dispatch === "fiber"
    this.runtime = new Runtime(this.world)
    this.runtime.policy = (actor, error) => this.panic(actor, error)
    this.links = plan.links.map((link) => newLink(this.world, link))
    const setting: HostSetting = {
      world: this.world,
      runtime: this.runtime,
      costs: costsOf(plan.costs),
      checksums: plan.checksums,
      loader: (program) => Programs.find(program) ?? options.loader(program),
      command: options.command,
      returned: (host) => {
        for (const hear of this.onReturn) hear(host)
      }
    }
    this.hosts = plan.hosts.map((host) => new SimHost(host, setting, this.cablesOf(host)))
    this.switches = plan.switches.map((each) => this.newSwitch(each))
    this.routers = plan.routers.map((each) => this.newRouter(each))
    for (const host of this.hosts) host.boot()
    this.installFaults()
    this.lendAll()
    options.observe(this)
  }

  /** Runs up to and including virtual time `until`, ns. */
  run(until: number): void {
    this.world.run(until)
    this.now = until
    for (const host of this.hosts) for (const core of host.kernel.cores) core.settle(until)
  }

  host(name: string): SimHost | undefined {
    return this.hosts.find((host) => host.name === name)
  }

  // ---- faults ----

  islandsOf(event: FaultPlan.FaultEvent): ReadonlyArray<Island> {
    switch (event._tag) {
      case "CrashHost":
      case "RestartHost":
      case "SlowCore": {
        const host = this.host(event.host)
        return host === undefined ? [] : [host.island]
      }
      case "LinkDown":
      case "LinkUp": {
        const link = this.links.find((each) => each.name === event.link)
        return link === undefined ? [] : [islandOf(link.a), islandOf(link.b)]
      }
      case "Cut":
      case "Heal": {
        const end = this.directionEnd(event.direction)
        return end === undefined ? [] : [islandOf(end)]
      }
      default:
        return event satisfies never
    }
  }

  apply(event: FaultPlan.FaultEvent, island: Island, now: number): void {
    switch (event._tag) {
      case "CrashHost":
        this.host(event.host)!.crash()
        return
      case "RestartHost":
        this.host(event.host)!.restart(now)
        return
      case "SlowCore": {
        const core = this.host(event.host)!.kernel.cores[event.core]
        if (core !== undefined) core.slowness = event.slowness
        return
      }
      case "LinkDown":
      case "LinkUp": {
        const link = this.links.find((each) => each.name === event.link)!
        for (const end of [link.a, link.b]) {
          if (islandOf(end) !== island) continue
          if (event._tag === "LinkDown") end.sever(now)
          else end.mend(now)
        }
        return
      }
      case "Cut":
        this.directionEnd(event.direction)!.sever(now)
        return
      case "Heal":
        this.directionEnd(event.direction)!.mend(now)
        return
      default:
        event satisfies never
    }
  }

  // ---- building ----

  private cablesOf(host: Plan.HostPlan): ReadonlyArray<LinkEnd | null> {
    return host.nics.map((_, index) => this.endAt("host", host.name, index))
  }

  /** The end of the cable in a port; null where none is. */
  private endAt(kind: Plan.EndPlan["kind"], node: string, index: number): LinkEnd | null {
    for (let i = 0; i < this.plan.links.length; i++) {
      const { ends } = this.plan.links[i]!
      for (const side of [0, 1] as const) {
        const end = ends[side]
        if (end.kind === kind && end.node === node && end.index === index) {
          return side === 0 ? this.links[i]!.a : this.links[i]!.b
        }
      }
    }
    return null
  }

  private newSwitch(plan: Plan.SwitchPlan): Switch {
    const box = new Switch(this.world.newIsland(plan.name), plan.name, {
      queueLimit: plan.queue,
      ecnThreshold: plan.ecn ?? Infinity,
      latency: plan.latency,
      ageing: plan.ageing
    })
    this.runtime.group(box.island, plan.name)
    for (let port = 0; port < plan.ports; port++) {
      const end = this.endAt("switch", plan.name, port)
      if (end !== null) box.plug(end, port)
    }
    return box
  }

  private newRouter(plan: Plan.RouterPlan): Router {
    const box = new Router(this.world.newIsland(plan.name), plan.name, {
      queueLimit: plan.queue,
      ecnThreshold: plan.ecn ?? Infinity,
      latency: plan.latency
    })
    this.runtime.group(box.island, plan.name)
    const numbers = new Map<number, number>()
    for (const port of plan.ports) {
      const address = port.addresses[0]
      const number = box.addPort(this.endAt("router", plan.name, port.port)!, {
        mac: port.mac,
        address: address?.address ?? 0,
        prefixLength: address?.prefix ?? 0,
        mtu: port.mtu
      })
      numbers.set(port.port, number)
      if (port.peerMac !== null) box.setNeighbour(number, peerGateway, port.peerMac)
    }
    const facesRouter = new Set(plan.ports.filter((port) => port.peerMac !== null).map((port) => port.port))
    for (const route of plan.routes) {
      box.setRoute(
        route.address,
        route.prefix,
        route.ports.map((port) => ({
          port: numbers.get(port)!,
          gateway: facesRouter.has(port) ? peerGateway : (route.via ?? 0)
        }))
      )
    }
    return box
  }

  private installFaults(): void {
    const rules = Faults.rulesOf(this.plan, this.options.seed)
    this.plan.links.forEach((link, index) => {
      for (const side of [0, 1] as const) {
        const direction = Faults.directionName(link, side)
        const own = rules.filter((rule) => rule.direction === direction)
        if (own.length === 0) continue
        const end = side === 0 ? this.links[index]!.a : this.links[index]!.b
        end.setFaults(new Fault.FaultChain(this.world, direction, own))
      }
    })
    FaultPlan.install(Faults.eventsOf(this.plan, this.options.seed), this.runtime, this)
  }

  private directionEnd(direction: string): LinkEnd | undefined {
    for (let i = 0; i < this.plan.links.length; i++) {
      if (Faults.directionName(this.plan.links[i]!, 0) === direction) return this.links[i]!.a
      if (Faults.directionName(this.plan.links[i]!, 1) === direction) return this.links[i]!.b
    }
    return undefined
  }

  /** Every NIC, core, switch and router gets its fiber. */
  private lendAll(): void {
    for (const host of this.hosts) host.lend()
    for (const box of [...this.switches, ...this.routers]) {
      ActorFiber.lend(this.runtime.group(box.island, box.name), box, null)
    }
  }

  /** An actor threw: its host panics, or its box goes dark; the rest of the world goes on. */
  private panic(actor: Schedulable, error: unknown): void {
    const { island } = actor
    const host = this.hosts.find((each) => each.island === island)
    this.panics.push({ host: island.name, actor: actor.name, time: island.now, error })
    if (host !== undefined) host.crash()
    else actor.abandon(DropReason.HOST_DOWN)
  }
}

/** Stands for the router at the far end of a cable between routers, which needs no address. */
const peerGateway = -1

const costsOf = (profile: Plan.Plan["costs"]): CostTable.CostTable => {
  const table = CostTable.make(profile)
  if (!(table instanceof CostTable.CostTable)) throw new Error(`cost profile ${profile}: ${JSON.stringify(table)}`)
  return table
}

const islandOf = (end: LinkEnd): Island => end.owner!.island

const newLink = (world: World, plan: Plan.LinkPlan): Link =>
  new Link(world, plan.name, { rate: plan.rate, delay: plan.delay, loss: plan.loss })

/** Builds a data centre, ready to run from time 0. */
export const build = (plan: Plan.Plan, options: Partial<BuildOptions> = {}): DataCentre =>
  new DataCentre(plan, { ...buildDefaults, ...options })
