/** s6-scale: many hosts on a leaf-spine, each sending light UDP to random hosts. */
import { Datagrams, DATAGRAM_MAX, sender, sink } from "./Datagrams.ts"
import { LeafSpine } from "./LeafSpine.ts"
import { type Line, peakRssMb, round, rssMb, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { Testbed } from "./Testbed.ts"

export const options: Values = { ...common, hosts: "1024", perLeaf: "32", pps: "100", size: "200", secs: "5" }

const SPINES = 8
const EDGE = 10_000_000_000
const UPLINK = 40_000_000_000
const PORT = 6000

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const perLeaf = values.int("perLeaf", 1, 255)
  const leaves = Math.ceil(values.int("hosts", 1, 60_000) / perLeaf)
  const secs = values.number("secs", 1e-6, 1e6)
  const pps = values.number("pps", 0.001, 1e9)
  const size = values.int("size", 1, 1472)
  const rssBefore = rssMb()
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const net = new LeafSpine(bed, { spines: SPINES, leaves, perLeaf, edge: EDGE, uplink: UPLINK })
  bed.lend()
  const count = net.hosts.length
  const datagrams = new Datagrams()
  const buffer = new Uint8Array(DATAGRAM_MAX)
  const gap = Math.floor(1e9 / pps)
  net.hosts.forEach((machine, i) => {
    const random = bed.world.stream(`${machine.host.name}/targets`)
    const target = (): number => net.address(Math.floor(random.unit() * count))
    const start = Math.floor((i * (1e9 / pps)) / count)
    machine.start("sink", sink(PORT, datagrams, buffer))
    machine.start("sender", sender({ size, port: PORT, start, gap, target }, datagrams))
  })
  const rssBuilt = rssMb()
  watch.run(() => bed.world.run(Math.round(secs * 1e9)))
  const perHost = (mb: number): number => round(((mb - rssBefore) * 1024) / count, 2)
  return watch.line("s6-scale", bed, secs, {
    hosts: count,
    udp_tx: datagrams.sent,
    udp_rx: datagrams.received,
    cpu_per_sim_s: round(watch.seconds / secs, 4),
    kb_per_host_built: perHost(rssBuilt),
    kb_per_host_peak: perHost(peakRssMb())
  })
}
