/**
 * How labs set their scenes: hosts on a cable, programs on them, and what a run has left behind. A scene that breaks a law of
 * the simulator is a defect, never a finding.
 */
import { HARDIRQ, SOFTIRQ, SYSTEM, USER } from "@darkfiber/hardware/cpu/Core"
import { NET_RX } from "@darkfiber/hardware/cpu/Softirq"
import { Igb } from "@darkfiber/kernel-net/driver/Igb"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { Machine } from "@darkfiber/observe/Machine"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import * as Conservation from "@darkfiber/sim/Conservation"
import type { Process } from "@darkfiber/sockets/Process"
import type { SpawnOptions } from "@darkfiber/sockets/Processes"
import * as DataCentre from "@darkfiber/topology/DataCentre"
import type * as Document from "@darkfiber/topology/Document"
import type { Arguments } from "@darkfiber/topology/Program"
import * as Programs from "@darkfiber/topology/Programs"
import * as Resolve from "@darkfiber/topology/Resolve"
import type { SimHost } from "@darkfiber/topology/SimHost"
import { Workload } from "@darkfiber/topology/Workload"
import { type Effect, Result } from "effect"
import type { LabInput } from "./Lab.ts"

export const MILLISECOND = 1_000_000
export const SECOND = 1_000_000_000

/** Addresses of the two hosts of {@link pair}. */
export const LEFT = "10.0.0.1"
export const RIGHT = "10.0.0.2"

/** The seed, dispatch mode and profile of the lab, over this document. */
export const build = (input: LabInput, document: Document.Document): DataCentre.DataCentre => {
  const plan = Resolve.resolve({ ...document, kernel: input.kernel })
  if (Result.isFailure(plan)) throw new Error(plan.failure.map((each) => each.message).join("; "))
  return DataCentre.build(plan.success, { seed: input.seed, dispatch: input.dispatch })
}

export interface PairOptions {
  /** One way, ns; default 10 us. */
  readonly delay?: number
  /** Bits per second as the topology writes them; default 1Gbps. */
  readonly rate?: string
  readonly cores?: number
  readonly memory?: string
  /** Interrupt moderation, us; default 0: every interrupt at once. */
  readonly rxUsecs?: number
  readonly sysctls?: Document.Host["sysctls"]
}

/** Two hosts, `left` and `right`, on one cable between their eth0. */
export const pair = (input: LabInput, options: PairOptions = {}): DataCentre.DataCentre => {
  const { cores = 1, delay = 10_000, memory = "4GiB", rate = "1Gbps", rxUsecs = 0, sysctls = {} } = options
  const host = (address: string): Document.Host => ({
    cores,
    memory,
    sysctls,
    nics: { eth0: { address: `${address}/24`, rxUsecs } }
  })
  return build(input, {
    hosts: { left: host(LEFT), right: host(RIGHT) },
    links: [{ endpoints: ["left:eth0", "right:eth0"], delay: `${delay}ns`, rate }]
  })
}

/** Pulls the plug of the only cable, now. */
export const unplug = (centre: DataCentre.DataCentre): void => {
  for (const { a, b } of centre.links) {
    a.sever(centre.now)
    b.sever(centre.now)
  }
}

export const hostOf = (centre: DataCentre.DataCentre, name: string): SimHost => {
  const host = centre.host(name)
  if (host === undefined) throw new Error(`the scene has no host ${name}`)
  return host
}

/** A device of the host's own namespace. */
export const device = (host: SimHost, name: string): NetDevice => deviceIn(host.kernel.init, name)

export const deviceIn = (net: Netns, name: string): NetDevice => {
  const dev = net.deviceByName(name)
  if (dev === null) throw new Error(`there is no device ${name}`)
  return dev
}

/** What views look at. */
export const machine = (host: SimHost): Machine => ({
  host: host.kernel,
  processes: host.sockets.processes,
  tcp: host.sockets.tcp
})

/** Starts a program now, in the host's own namespace unless another one is given. */
export const spawn = (
  host: SimHost,
  name: string,
  program: Effect.Effect<unknown, unknown>,
  options: SpawnOptions & { readonly net?: Netns } = {}
): Process => {
  const { net = host.kernel.init, ...rest } = options
  const process = host.sockets.processes.spawn(name, net, program, rest)
  if (typeof process === "number") throw new Error(`${host.name}: ${name} cannot start (${process})`)
  return process
}

/** Starts a built-in program now; what it counts is in the workload. */
export const start = (
  host: SimHost,
  name: string,
  args: Arguments,
  options: SpawnOptions & { readonly net?: Netns } = {}
): { readonly process: Process; readonly workload: Workload } => {
  const program = Programs.find(name)
  if (program === undefined) throw new Error(`there is no program ${name}`)
  const place = options.net === undefined ? "" : options.net.name
  const workload = new Workload(host.name, place, name)
  const environment = { host: host.name, place, name, workload }
  return { process: spawn(host, name, program(args, environment), options), workload }
}

/** Runs `span` ns further. A broken actor or program ends the lab. */
export const run = (centre: DataCentre.DataCentre, span: number): void => {
  centre.run(centre.now + span)
  for (const defect of centre.world.defects) throw defect.error
  for (const host of centre.hosts) {
    for (const exit of host.sockets.processes.exits) {
      if (exit.reason !== "exited") throw exit.error ?? new Error(`${host.name}: ${exit.name} ${exit.reason}`)
    }
  }
}

/** Runs on in steps of `step` ns while something holds; more than `limit` ns is a defect. */
export const runWhile = (
  centre: DataCentre.DataCentre,
  holds: () => boolean,
  limit: number,
  step: number = MILLISECOND
): void => {
  const end = centre.now + limit
  while (holds()) {
    if (centre.now >= end) throw new Error(`the scene has not come to its end in ${limit} ns`)
    run(centre, step)
  }
}

/** Runs until a program has come to its end. */
export const runUntil = (
  centre: DataCentre.DataCentre,
  process: Process,
  limit: number,
  step: number = MILLISECOND
): void => runWhile(centre, () => process.exit === null, limit, step)

/** The laws of conservation hold: every frame has ended once or is somewhere. */
export const conserved = (centre: DataCentre.DataCentre): void => {
  const [broken] = Conservation.check(centre.world).violations
  if (broken !== undefined) throw new Error(`${broken.law}: expected ${broken.expected}, found ${broken.found}`)
}

// ---- traces ----

/** From now on every host writes its trace; what was written before is forgotten. */
export const trace = (centre: DataCentre.DataCentre): void => {
  for (const island of centre.world.islands) {
    island.trace.clear()
    island.trace.on = true
  }
}

/** Ends the traces; what they hold can still be read. */
export const stopTrace = (centre: DataCentre.DataCentre): void => {
  for (const island of centre.world.islands) {
    island.trace.on = false
    island.trace.watch = null
  }
}

/** All rows, in the order of time, with the names of devices and namespaces. */
export const records = (centre: DataCentre.DataCentre): ReadonlyArray<TraceReader.TraceRecord> =>
  TraceReader.read(centre.world.islands, {
    names: (island) => {
      const host = centre.hosts.find((each) => each.island === island)
      if (host === undefined) return TraceReader.numbers
      const find = (id: number): Netns | undefined => host.kernel.netns.find((net) => net.id === id)
      return {
        netns: (id) => find(id)?.name ?? "",
        device: (id, index) => find(id)?.deviceByIndex(index)?.name ?? ""
      }
    }
  })

// ---- counters ----

/** Time that a host's cores have worked, ns: everything that is not idle. */
export const busy = (host: SimHost): number =>
  host.kernel.cores.reduce((sum, core) => {
    const { usage } = core
    return sum + usage[USER]! + usage[SYSTEM]! + usage[HARDIRQ]! + usage[SOFTIRQ]!
  }, 0)

/** NET_RX soft IRQs started, over all cores. */
export const netRx = (host: SimHost): number =>
  host.kernel.cores.reduce((sum, core) => sum + core.softirqCounts[NET_RX]!, 0)

/** Hard IRQs that the vectors of a device's NIC have raised. */
export const nicInterrupts = (dev: NetDevice): number => {
  if (!(dev.priv instanceof Igb)) throw new Error(`${dev.name} is no NIC`)
  let sum = 0
  for (const { core, line } of dev.priv.vectors) if (line >= 0) sum += core.irqCounts[line]!
  return sum
}

/** Frames a device has received and sent. */
export const packets = (dev: NetDevice): { readonly rx: number; readonly tx: number } => ({
  rx: dev.stats.rxPackets,
  tx: dev.stats.txPackets
})
