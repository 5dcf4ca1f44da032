/** A histogram of latencies: what a run's summary prints. */
import { Histogram } from "@darkfiber/observe/Histogram"
import * as SummaryTables from "@darkfiber/observe/SummaryTables"

export const main = (): string => {
  const latency = new Histogram()
  for (let microseconds = 1; microseconds <= 1000; microseconds++) latency.record(microseconds * 1000)
  const { p50, p99, maximum } = latency.percentiles()
  return `p50 ${SummaryTables.duration(p50)}, p99 ${SummaryTables.duration(p99)}, max ${SummaryTables.duration(maximum)}`
}
