/**
 * What a run came to, as data for the tables at its end: requests and their latency, the busiest links, how each host's
 * CPUs spent their time, what was dropped where. SummaryTables.ts prints it.
 */
import type { Link } from "@darkfiber/hardware/link/Link"
import type { LinkEnd } from "@darkfiber/hardware/link/LinkEnd"
import * as DropReason from "@darkfiber/sim/DropReason"
import type { Island } from "@darkfiber/sim/Island"
import { Histogram, type Percentiles } from "./Histogram.ts"
import { allCpuTimes } from "./Hosts.ts"
import type { Machine } from "./Machine.ts"

/** What a workload counts. */
export interface WorkloadCounters {
  readonly name: string
  readonly started: number
  readonly completed: number
  readonly failed: number
  /** Latencies in ns. */
  readonly latency: Histogram
}

export interface RequestSummary {
  readonly name: string
  readonly started: number
  readonly completed: number
  readonly failed: number
  readonly inFlight: number
  /** ns */
  readonly latency: Percentiles
}

export const requests = (workloads: ReadonlyArray<WorkloadCounters>): ReadonlyArray<RequestSummary> =>
  workloads.map(({ name, started, completed, failed, latency }) => ({
    name,
    started,
    completed,
    failed,
    inFlight: started - completed - failed,
    latency: latency.percentiles()
  }))

/** All workloads as one. Precondition: histograms of one width. */
export const total = (workloads: ReadonlyArray<WorkloadCounters>): RequestSummary => {
  const latency = new Histogram(workloads[0]?.latency.bits)
  const sum = (pick: (one: WorkloadCounters) => number): number => workloads.reduce((all, one) => all + pick(one), 0)
  for (const one of workloads) latency.merge(one.latency)
  const [summary] = requests([
    {
      name: "total",
      started: sum((one) => one.started),
      completed: sum((one) => one.completed),
      failed: sum((one) => one.failed),
      latency
    }
  ])
  return summary!
}

/** One direction of a link. */
export interface LinkLoad {
  readonly name: string
  readonly frames: number
  readonly bytes: number
  readonly bitsPerSecond: number
  /** Share of the time the wire was busy, 0 to 1. */
  readonly utilisation: number
  /** Longest wait in front of the wire, ns. */
  readonly maxBacklog: number
  /** Refused by a full queue. */
  readonly refused: number
  /** Lost on the wire, taken by faults, cut, or damaged. */
  readonly lost: number
}

/** The busiest directions first; equal ones by name. @param duration of the run in ns */
export const busiestLinks = (links: ReadonlyArray<Link>, duration: number, limit = 10): ReadonlyArray<LinkLoad> =>
  links
    .flatMap((link) => [direction(link.a, duration), direction(link.b, duration)])
    .sort((a, b) => b.utilisation - a.utilisation || (a.name < b.name ? -1 : 1))
    .slice(0, limit)

const direction = (end: LinkEnd, duration: number): LinkLoad => {
  const { counters } = end
  const far = end.peer.counters
  // A frame that is still on the wire at the end has booked its whole time.
  const busy = Math.max(0, counters.busy - Math.max(0, end.freeAt - duration))
  return {
    name: end.name,
    frames: counters.txFrames,
    bytes: counters.txBytes,
    bitsPerSecond: duration > 0 ? (counters.txBytes * 8_000_000_000) / duration : 0,
    utilisation: duration > 0 ? Math.min(1, busy / duration) : 0,
    maxBacklog: counters.maxBacklog,
    refused: counters.txQueueFull,
    lost: counters.txLost + counters.txFaulted + counters.txDark + far.rxCut + far.rxCrcErrors
  }
}

/** Shares of a host's CPU time, which add up to 1. */
export interface CpuSplit {
  readonly host: string
  readonly user: number
  readonly system: number
  readonly hardirq: number
  readonly softirq: number
  readonly idle: number
}

export const cpuSplit = (machines: ReadonlyArray<Machine>): ReadonlyArray<CpuSplit> =>
  machines.map((machine) => {
    const times = allCpuTimes(machine)
    const sum = (pick: (one: (typeof times)[number]) => number): number =>
      times.reduce((all, one) => all + pick(one), 0)
    const [user, system, hardirq, softirq, idle] = [
      sum((one) => one.user),
      sum((one) => one.system),
      sum((one) => one.hardirq),
      sum((one) => one.softirq),
      sum((one) => one.idle)
    ]
    const all = user + system + hardirq + softirq + idle
    const share = (part: number): number => (all === 0 ? 0 : part / all)
    return {
      host: machine.host.name,
      user: share(user),
      system: share(system),
      hardirq: share(hardirq),
      softirq: share(softirq),
      idle: all === 0 ? 1 : idle / all
    }
  })

export interface DropCount {
  readonly reason: string
  /** The host, switch or router. */
  readonly place: string
  readonly frames: number
}

/** Dropped frames by reason and place, most first. */
export const drops = (islands: ReadonlyArray<Island>): ReadonlyArray<DropCount> =>
  islands
    .flatMap((island) =>
      island.ledger.byReason.map((frames, reason) => ({ reason: DropReason.name(reason), place: island.name, frames }))
    )
    .filter((row) => row.frames > 0)
    .sort(
      (a, b) => b.frames - a.frames || (a.reason < b.reason ? -1 : a.reason > b.reason ? 1 : a.place < b.place ? -1 : 1)
    )

/** Dropped frames by reason over all places: `frames.dropped` of `up --json`. Keys in order of their names. */
export const dropsByReason = (islands: ReadonlyArray<Island>): Readonly<Record<string, number>> => {
  const sums = new Map<string, number>()
  for (const { reason, frames } of drops(islands)) sums.set(reason, (sums.get(reason) ?? 0) + frames)
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)))
}
