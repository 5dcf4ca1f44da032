/**
 * What a run came to: `up --json` prints it, the tables of `up` show it.
 */
import * as Conservation from "@darkfiber/sim/Conservation"
import { Histogram } from "@darkfiber/observe/Histogram"
import type { DataCentre } from "./DataCentre.ts"

export interface RequestSummary {
  readonly started: number
  readonly completed: number
  readonly failed: number
  readonly in_flight: number
  readonly failures: Readonly<Record<string, number>>
  readonly latency_us: { readonly p50: number; readonly p99: number }
}

export interface Summary {
  readonly topology: string
  readonly seed: number
  readonly kernel: string
  readonly dispatch: string
  readonly workers: number
  readonly simulated_ns: number
  readonly hosts: number
  readonly containers: number
  readonly actors: number
  readonly frame_hops: number
  readonly frames: {
    readonly created: number
    readonly delivered: number
    readonly dropped: Readonly<Record<string, number>>
    readonly in_flight: number
  }
  readonly memory: {
    readonly hosts_bytes: number
    readonly slab_bytes: number
    readonly frames_live: number
    readonly pages_live: number
  }
  readonly requests: RequestSummary
  readonly bytes_received: number
  readonly fingerprint: string
  /** Laws that do not hold; empty in a right run. */
  readonly violations: ReadonlyArray<string>
  /** Actors that threw. */
  readonly defects: ReadonlyArray<string>
}

export const summarize = (centre: DataCentre): Summary => {
  const account = Conservation.check(centre.world)
  const requests = requestsOf(centre)
  const violations = [
    ...account.violations.map((each) => `${each.law}: expected ${each.expected}, found ${each.found}`),
    ...cpuViolations(centre)
  ]
  let memory = 0
  let slab = 0
  for (const { kernel, plan } of centre.hosts) {
    memory += plan.memory
    slab += (kernel.memory.slabPages(true) + kernel.memory.slabPages(false)) * 4096
  }
  return {
    topology: centre.plan.name,
    seed: centre.options.seed,
    kernel: centre.plan.kernel,
    dispatch: centre.options.dispatch,
    workers: 1,
    simulated_ns: centre.now,
    hosts: centre.hosts.length,
    containers: centre.hosts.reduce((count, host) => count + host.plan.containers.length, 0),
    actors: centre.world.islands.reduce((count, island) => count + island.actors.length, 0),
    frame_hops: account.hops,
    frames: {
      created: account.created,
      delivered: account.delivered,
      dropped: account.droppedByReason,
      in_flight: account.inFlight
    },
    memory: { hosts_bytes: memory, slab_bytes: slab, frames_live: account.slabLive, pages_live: account.pagesLive },
    requests,
    bytes_received: workloadsOf(centre).reduce((sum, each) => sum + each.bytesReceived, 0),
    fingerprint: centre.world.fingerprint(),
    violations,
    defects: centre.world.defects.map((each) => `${each.actor} at ${each.time} ns: ${messageOf(each.error)}`)
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const workloadsOf = (centre: DataCentre) => centre.hosts.flatMap((host) => host.workloads)

const requestsOf = (centre: DataCentre): RequestSummary => {
  const all = new Histogram(7)
  const failures = new Map<string, number>()
  const sum = { started: 0, completed: 0, failed: 0, inFlight: 0 }
  for (const workload of workloadsOf(centre)) {
    sum.started += workload.started
    sum.completed += workload.completed
    sum.failed += workload.failed
    sum.inFlight += workload.inFlight
    for (const [errno, count] of workload.failures) failures.set(errno, (failures.get(errno) ?? 0) + count)
    if (workload.latency.count > 0) all.merge(workload.latency)
  }
  return {
    started: sum.started,
    completed: sum.completed,
    failed: sum.failed,
    in_flight: sum.inFlight,
    failures: Object.fromEntries([...failures].sort(([left], [right]) => (left < right ? -1 : 1))),
    latency_us: { p50: all.percentile(50) / 1000, p99: all.percentile(99) / 1000 }
  }
}

/** Every nanosecond of a core belongs to exactly one kind of time. */
const cpuViolations = (centre: DataCentre): ReadonlyArray<string> =>
  centre.hosts.flatMap((host) =>
    host.kernel.cores.flatMap((core) => {
      const booked = core.usage.reduce((sum, part) => sum + part, 0)
      const elapsed = core.time + core.taskLeft
      return booked === elapsed ? [] : [`CPU time of ${core.name}: expected ${elapsed}, found ${booked}`]
    })
  )
