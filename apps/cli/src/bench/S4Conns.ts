/** s4-conns: one server, many established idle TCP connections from one client host for each ten thousand. */
import { Router } from "@darkfiber/hardware/router/Router"
import { acceptor, Connections, opener } from "./Connections.ts"
import { heapMb, type Line, round, rssMb, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { ip, MEMORY, type Machine, Testbed } from "./Testbed.ts"

export const options: Values = { ...common, conns: "10000", rate: "1e5" }

const RATE = 10_000_000_000
const DELAY = 1000
const PORT = 5000
const PER_CLIENT = 10_000
/** The first is opened after a millisecond; the run goes on for 50 ms after the last. */
const BEGIN = 1_000_000
const TAIL = 50_000_000
/** What the simulated kernel takes for an end of a connection, at most, bytes. */
const KERNEL_BYTES = 16_384
/** Descriptors of a process besides its connections. */
const OTHER_FILES = 16
const BACKLOG = 65_535

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const conns = values.int("conns", 1, 1_040_000)
  const rate = values.number("rate", 1, 1e8)
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const hub = bed.box(new Router(bed.world.newIsland("hub"), "hub", { queueLimit: bed.queueBytes }))
  const clients = Math.ceil(conns / PER_CLIENT)
  const hosts: Array<Machine> = []
  for (let i = 0; i <= clients; i++) {
    const machine = bed.machine(`h${i}`, MEMORY + (i === 0 ? conns : PER_CLIENT) * KERNEL_BYTES)
    machine.sysctl("net.core.somaxconn", String(BACKLOG))
    machine.sysctl("net.ipv4.tcp_max_syn_backlog", String(BACKLOG))
    hosts.push(machine)
    bed.edge(machine, hub, RATE, DELAY, address(i), ip(10, i >> 8, i & 255, 1))
  }
  bed.lend()
  const tally = new Connections()
  hosts[0]!.start("server", acceptor(PORT, BACKLOG, tally), conns + OTHER_FILES)
  for (let client = 0; client < clients; client++) {
    const count = Math.floor((conns - 1 - client) / clients) + 1
    const at = (i: number): number => BEGIN + Math.floor(((i * clients + client) * 1e9) / rate)
    const program = opener({ address: address(0), port: PORT, count, at }, tally)
    hosts[1 + client]!.start("client", program, count + OTHER_FILES)
  }
  const rssBefore = rssMb()
  const heapBefore = heapMb()
  const secs = (conns / rate) * 1e9 + TAIL
  watch.run(() => bed.world.run(Math.round(secs)))
  const rss = rssMb()
  const perPair = (mb: number): number => round((mb * 1048576) / conns, 1)
  const established = Math.min(tally.connected, tally.accepted)
  return watch.line("s4-conns", bed, secs / 1e9, {
    conns,
    established,
    conns_per_s: round(established / watch.seconds, 3),
    us_per_conn: round((watch.seconds * 1e6) / conns, 3),
    rss_mb: round(rss, 3),
    bytes_per_conn_pair: perPair(rss - rssBefore),
    heap_bytes_per_conn_pair: perPair(heapMb() - heapBefore)
  })
}

const address = (i: number): number => ip(10, i >> 8, i & 255, 2)
