/** Formats of the end-of-run tables; the data comes from Summary.ts. */
import { fixed, table } from "./Columns.ts"
import type { Percentiles } from "./Histogram.ts"
import type { CpuSplit, DropCount, LinkLoad, RequestSummary } from "./Summary.ts"

/** Nanoseconds in the unit that reads best: `850 ns`, `12.3 us`, `4.56 ms`, `1.234 s`. */
export const duration = (nanos: number): string => {
  if (nanos < 1000) return `${fixed(nanos, 0)} ns`
  if (nanos < 1_000_000) return `${fixed(nanos / 1000, 1)} us`
  if (nanos < 1_000_000_000) return `${fixed(nanos / 1_000_000, 2)} ms`
  return `${fixed(nanos / 1_000_000_000, 3)} s`
}

/** Bits a second: `9.41 Gbit/s`. */
export const rate = (bits: number): string => {
  if (bits < 1e3) return `${fixed(bits, 0)} bit/s`
  if (bits < 1e6) return `${fixed(bits / 1e3, 2)} kbit/s`
  return bits < 1e9 ? `${fixed(bits / 1e6, 2)} Mbit/s` : `${fixed(bits / 1e9, 2)} Gbit/s`
}

const latencies = (one: Percentiles): ReadonlyArray<string> =>
  one.count === 0 ? ["-", "-", "-", "-"] : [one.p50, one.p90, one.p99, one.maximum].map(duration)

export const formatRequests = (rows: ReadonlyArray<RequestSummary>): string =>
  table(
    [
      ["workload", "started", "completed", "failed", "in flight", "p50", "p90", "p99", "max"],
      ...rows.map((row) => [
        row.name,
        String(row.started),
        String(row.completed),
        String(row.failed),
        String(row.inFlight),
        ...latencies(row.latency)
      ])
    ],
    new Set([1, 2, 3, 4, 5, 6, 7, 8])
  )

export const formatLinks = (rows: ReadonlyArray<LinkLoad>): string =>
  table(
    [
      ["link", "frames", "rate", "busy", "queue max", "refused", "lost"],
      ...rows.map((row) => [
        row.name,
        String(row.frames),
        rate(row.bitsPerSecond),
        `${fixed(row.utilisation * 100, 1)}%`,
        duration(row.maxBacklog),
        String(row.refused),
        String(row.lost)
      ])
    ],
    new Set([1, 2, 3, 4, 5, 6])
  )

export const formatCpu = (rows: ReadonlyArray<CpuSplit>): string =>
  table(
    [
      ["host", "us", "sy", "hi", "si", "id"],
      ...rows.map((row) => [
        row.host,
        ...[row.user, row.system, row.hardirq, row.softirq, row.idle].map((share) => `${fixed(share * 100, 1)}%`)
      ])
    ],
    new Set([1, 2, 3, 4, 5])
  )

export const formatDrops = (rows: ReadonlyArray<DropCount>): string =>
  table(
    [["reason", "place", "frames"], ...rows.map((row) => [row.reason, row.place, String(row.frames)])],
    new Set([2])
  )
