/** s2-leafspine: TCP over 4 spines and 8 leaves of 8 hosts: a random permutation, all to all, or incast to host 0. */
import { Flows } from "./Bulk.ts"
import { LeafSpine } from "./LeafSpine.ts"
import { type Line, round, Stopwatch } from "./Measure.ts"
import { Mersenne } from "./Mersenne.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { Testbed } from "./Testbed.ts"

export const options: Values = {
  ...common,
  pattern: "perm",
  mb: "50",
  fan: "32",
  spines: "4",
  leaves: "8",
  perLeaf: "8",
  uplink: "20Gbps"
}

const EDGE = 10_000_000_000
const STEP = 5_000_000
const LIMIT = 30_000_000_000
/** From one flow's start to the next one's, ns. */
const STAGGER = 997

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const pattern = values.text("pattern", ["perm", "alltoall", "incast"])
  const bytes = Math.floor(values.number("mb", 1e-6, 1e6) * 1e6)
  const fan = values.int("fan", 1, 65_535)
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const net = new LeafSpine(bed, {
    spines: values.int("spines", 1, 64),
    leaves: values.int("leaves", 1, 255),
    perLeaf: values.int("perLeaf", 1, 255),
    edge: EDGE,
    uplink: values.rate("uplink")
  })
  bed.lend()
  const flows = new Flows()
  const add = (from: number, to: number): void =>
    flows.add(net.hosts[from]!, net.hosts[to]!, net.address(to), bytes, STAGGER * (flows.flows.length + 1))
  const count = net.hosts.length
  if (pattern === "incast") for (let i = 1; i <= fan && i < count; i++) add(((i * 37) % (count - 1)) + 1, 0)
  else if (pattern === "alltoall") {
    for (let i = 0; i < count; i++) for (let j = 1; j < count; j++) add(i, (i + j) % count)
  } else cycle(count, bed.setting.seed).forEach((to, from) => add(from, to))
  watch.run(() => flows.run(bed, STEP, LIMIT))
  const received = flows.received
  return watch.line(`s2-${pattern}`, bed, flows.seconds, {
    hosts: count,
    flows: flows.flows.length,
    flows_done: flows.done,
    rx_bytes: received,
    goodput_gbps: round((received * 8) / flows.seconds / 1e9, 3)
  })
}

/** A permutation of one cycle (Sattolo), so that nobody sends to itself; with seed 1 that of bench/ns3. */
const cycle = (count: number, seed: number): ReadonlyArray<number> => {
  const random = new Mersenne(seed)
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const other = random.next() % i
    const value = order[i]!
    order[i] = order[other]!
    order[other] = value
  }
  return order
}
