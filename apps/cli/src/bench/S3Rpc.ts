/** s3-rpc: closed-loop RPC over persistent TCP connections through one IP switch; half the hosts are clients. */
import { Router } from "@darkfiber/hardware/router/Router"
import { type Line, round, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import * as Rpc from "./Rpc.ts"
import { ip, type Machine, Testbed } from "./Testbed.ts"

export const options: Values = { ...common, hosts: "64", conns: "4", rpcs: "1000000", req: "100", rsp: "1000" }

const RATE = 10_000_000_000
const DELAY = 1000
/** How far the run goes before it looks at the number of RPCs, ns. */
const STEP = 20_000
const LIMIT = 600_000_000_000
const STAGGER = 997
const FIRST_PORT = 5000

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const count = values.int("hosts", 2, 60_000)
  const conns = values.int("conns", 1, 10_000)
  const target = values.int("rpcs", 1, 1e12)
  const sizes = {
    requestBytes: values.int("req", 1, 65_536),
    responseBytes: values.int("rsp", 1, 65_536)
  }
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const hub = bed.box(new Router(bed.world.newIsland("hub"), "hub", { queueLimit: bed.queueBytes }))
  const hosts: Array<Machine> = []
  for (let i = 0; i < count; i++) {
    const machine = bed.machine(`h${i}`)
    hosts.push(machine)
    bed.edge(machine, hub, RATE, DELAY, address(i), ip(10, i >> 8, i & 255, 1))
  }
  bed.lend()
  const tally = new Rpc.Tally()
  const half = count >> 1
  const buffers = hosts.map(() => Rpc.readBuffer())
  let clients = 0
  for (let i = 0; i < half; i++) {
    for (let c = 0; c < conns; c++) {
      const to = half + ((i + c) % half)
      const port = FIRST_PORT + c
      hosts[to]!.start(`server${port}`, Rpc.server(port, sizes, buffers[to]!))
      const start = STAGGER * ++clients
      const client = Rpc.client({ ...sizes, address: address(to), port, start }, tally, buffers[i]!)
      hosts[i]!.start(`client${c}`, client)
    }
  }
  let until = 0
  watch.run(() => {
    while (tally.completed < target && until < LIMIT && bed.world.defects.length === 0) bed.world.run((until += STEP))
  })
  const rpcs = tally.completed
  return watch.line("s3-rpc", bed, until / 1e9, {
    rpcs,
    rpcs_per_s: round(rpcs / watch.seconds, 1),
    us_per_rpc: round((watch.seconds * 1e6) / rpcs, 4),
    hosts: count,
    conns: clients
  })
}

const address = (i: number): number => ip(10, i >> 8, i & 255, 2)
