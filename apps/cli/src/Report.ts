/**
 * The end of a run for people: tables of requests, links, CPUs and drops, and what went wrong.
 */
import * as ObserveSummary from "@darkfiber/observe/Summary"
import * as Tables from "@darkfiber/observe/SummaryTables"
import type { DataCentre } from "@darkfiber/topology/DataCentre"
import type { Summary } from "@darkfiber/topology/Summary"
import type { RunOutcome } from "./Run.ts"
import { machinesOf } from "./Shell.ts"

const LINKS_SHOWN = 8
const EXITS_SHOWN = 10

export const text = (centre: DataCentre, summary: Summary, outcome: RunOutcome): string => {
  const seconds = summary.simulated_ns / 1e9
  const speed = summary.frame_hops / Math.max(outcome.cpuMs / 1000, 0.001)
  const parts = [
    `${summary.topology}: ${summary.hosts} hosts, ${summary.containers} containers, kernel ${summary.kernel}, seed ${summary.seed}`,
    `${seconds.toFixed(3)} s simulated in ${(outcome.wallMs / 1000).toFixed(1)} s; ` +
      `${summary.frame_hops} frame hops, ${Math.round(speed)} a CPU second`,
    section("Requests", Tables.formatRequests(requestRows(centre))),
    section(
      "Busiest links",
      Tables.formatLinks(ObserveSummary.busiestLinks(centre.links, summary.simulated_ns, LINKS_SHOWN))
    ),
    section("CPU", Tables.formatCpu(ObserveSummary.cpuSplit(machinesOf(centre)))),
    section("Drops", dropTable(centre)),
    ...failures(centre, summary),
    `frames: ${summary.frames.created} created = ${summary.frames.delivered} delivered + ` +
      `${sum(summary.frames.dropped)} dropped + ${summary.frames.in_flight} in flight`,
    `fingerprint ${summary.fingerprint}`
  ]
  return parts.join("\n")
}

const sum = (record: Readonly<Record<string, number>>): number =>
  Object.values(record).reduce((total, each) => total + each, 0)

const section = (title: string, table: string): string => `\n${title}\n${table}`

/** One row a program name, and the total. */
const requestRows = (centre: DataCentre): ReadonlyArray<ObserveSummary.RequestSummary> => {
  const byName = new Map<string, Array<ObserveSummary.WorkloadCounters>>()
  for (const host of centre.hosts) {
    for (const workload of host.workloads) {
      if (workload.started === 0) continue
      const list = byName.get(workload.name) ?? []
      list.push(workload)
      byName.set(workload.name, list)
    }
  }
  const rows = [...byName].map(([name, list]) => ({ ...ObserveSummary.total(list), name }))
  const all = [...byName.values()].flat()
  return all.length === 0 ? [] : [...rows, ObserveSummary.total(all)]
}

const dropTable = (centre: DataCentre): string => {
  const rows = ObserveSummary.drops(centre.world.islands)
  return rows.length === 0 ? "none" : Tables.formatDrops(rows)
}

const failures = (centre: DataCentre, summary: Summary): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const errnos = Object.entries(summary.requests.failures)
  if (errnos.length > 0) {
    lines.push(section("Failed requests", errnos.map(([name, count]) => `${name} ${count}`).join("\n")))
  }
  const exits = centre.hosts.flatMap((host) =>
    host.sockets.processes.exits
      .filter((exit) => exit.reason === "defect" || exit.reason === "failed")
      .map(
        (exit) =>
          `${host.name}: ${exit.name} (pid ${exit.pid}) ${exit.reason} at ${exit.time} ns: ${messageOf(exit.error)}`
      )
  )
  if (exits.length > 0) lines.push(section("Processes that died", exits.slice(0, EXITS_SHOWN).join("\n")))
  if (summary.defects.length > 0) {
    lines.push(
      section("Defects", summary.defects.map((each) => `${each}; replay with --seed ${summary.seed}`).join("\n"))
    )
  }
  if (summary.violations.length > 0) lines.push(section("Broken laws", summary.violations.join("\n")))
  return [...lines, ""]
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
