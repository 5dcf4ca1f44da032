/** s1-bulk: one TCP flow, two hosts, three IP switches in a line, 10 Gb/s. */
import { Router } from "@darkfiber/hardware/router/Router"
import { Flows } from "./Bulk.ts"
import { type Line, round, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { ip, PEER, Testbed } from "./Testbed.ts"

export const options: Values = { ...common, gb: "1", switches: "3", delay: "5us" }

const RATE = 10_000_000_000
const STEP = 10_000_000
const LIMIT = 60_000_000_000

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const bytes = Math.floor(values.number("gb", 1e-6, 1000) * 1e9)
  const switches = values.int("switches", 1, 200)
  const delay = values.duration("delay")
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const queueLimit = bed.queueBytes
  const line = Array.from({ length: switches }, (_, i) => {
    const name = `switch${i + 1}`
    return bed.box(new Router(bed.world.newIsland(name), name, { queueLimit }))
  })
  const left = bed.machine("left")
  const right = bed.machine("right")
  bed.edge(left, line[0]!, RATE, delay, ip(10, 0, 0, 1), ip(10, 0, 0, 2))
  for (let i = 1; i < switches; i++) {
    const [there, back] = bed.trunk(line[i - 1]!, line[i]!, RATE, delay)
    line[i - 1]!.setRoute(ip(10, 1, 0, 0), 24, [{ port: there, gateway: PEER }])
    line[i]!.setRoute(ip(10, 0, 0, 0), 24, [{ port: back, gateway: PEER }])
  }
  bed.edge(right, line[switches - 1]!, RATE, delay, ip(10, 1, 0, 1), ip(10, 1, 0, 2))
  bed.lend()
  const flows = new Flows()
  flows.add(left, right, ip(10, 1, 0, 1), bytes, 0)
  watch.run(() => flows.run(bed, STEP, LIMIT))
  const received = flows.received
  return watch.line("s1-tcp-bulk", bed, flows.seconds, {
    rx_bytes: received,
    goodput_gbps: round((received * 8) / flows.seconds / 1e9, 5),
    flows_done: flows.done,
    goodput_mb_per_cpu_s: round(received / watch.seconds / 1e6, 3)
  })
}
