/**
 * s5-bridge: 64 hosts on one bridge (an Ethernet switch of the same work), half of the flows through a router host to an
 * outside host. The rival's CSMA wires are half duplex; these are not.
 */
import { Switch } from "@darkfiber/hardware/switch/Switch"
import { Flows } from "./Bulk.ts"
import * as Udp from "./Datagrams.ts"
import { type Line, round, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { CSMA_OVERHEAD, ip, type Machine, Testbed } from "./Testbed.ts"

export const options: Values = {
  ...common,
  endpoints: "64",
  mode: "udp",
  secs: "1",
  pps: "20000",
  size: "1400",
  mb: "10"
}

const RATE = 10_000_000_000
const LAN_DELAY = 100
const WAN_DELAY = 1000
const STEP = 5_000_000
const LIMIT = 60_000_000_000
const PORT = 6000

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const count = values.int("endpoints", 1, 60_000)
  const mode = values.text("mode", ["udp", "tcp"])
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const machines = build(bed, count)
  const target = (i: number): number => (i % 2 === 1 ? count : (i * 7 + 3) % count)
  const addressOf = (i: number): number => (i === count ? OUTSIDE : lanAddress(i))
  const start = (i: number): number => 1_000_000 + 3000 * i
  const flows = new Flows()
  const datagrams = new Udp.Datagrams()
  const until = values.number("secs", 1e-6, 1e6) * 1e9
  if (mode === "tcp") {
    const bytes = Math.floor(values.number("mb", 1e-6, 1e6) * 1e6)
    for (let i = 0; i < count; i++) {
      flows.add(machines[i]!, machines[target(i)]!, addressOf(target(i)), bytes, start(i))
    }
    watch.run(() => flows.run(bed, STEP, LIMIT))
  } else {
    const size = values.int("size", 1, 1472)
    const gap = Math.floor(1e9 / values.number("pps", 0.001, 1e9))
    const buffer = new Uint8Array(Udp.DATAGRAM_MAX)
    machines.forEach((machine) => machine.start("sink", Udp.sink(PORT, datagrams, buffer)))
    for (let i = 0; i < count; i++) {
      const address = addressOf(target(i))
      const options = { size, port: PORT, start: start(i), gap, target: () => address }
      machines[i]!.start("sender", Udp.sender(options, datagrams))
    }
    watch.run(() => bed.world.run(Math.round(until)))
  }
  const seconds = mode === "tcp" ? flows.seconds : until / 1e9
  const received = flows.received + datagrams.bytes
  return watch.line(`s5-bridge-${mode}`, bed, seconds, {
    endpoints: count,
    rx_bytes: received,
    goodput_gbps: round((received * 8) / seconds / 1e9, 5),
    udp_tx: datagrams.sent,
    udp_rx: datagrams.received,
    flows_done: flows.done
  })
}

/** 10.1.0.0/16 is the LAN, 10.2.0.0/24 the wire to the outside host. */
const lanAddress = (i: number): number => ip(10, 1, (i + 1) >> 8, (i + 1) & 255)
const OUTSIDE = ip(10, 2, 0, 2)

/** The endpoints, and behind them the outside host. */
const build = (bed: Testbed, count: number): ReadonlyArray<Machine> => {
  const bridge = bed.box(new Switch(bed.world.newIsland("bridge"), "bridge", { queueLimit: bed.queueBytes }))
  const port = (name: string) => {
    const link = bed.link(`${name}--bridge`, RATE, LAN_DELAY, CSMA_OVERHEAD)
    bridge.plug(link.a)
    return link.b
  }
  const router = bed.machine("router")
  const gateway = lanAddress(count)
  const machines: Array<Machine> = []
  for (let i = 0; i < count; i++) {
    const machine = bed.machine(`ep${i}`)
    const dev = machine.nic(port(`ep${i}`), bed.newMac(), lanAddress(i), 16)
    machine.gateway(dev, gateway, null)
    machines.push(machine)
  }
  router.sysctl("net.ipv4.ip_forward", "1")
  router.nic(port("router"), bed.newMac(), gateway, 16)
  const wan = bed.link("router--outside", RATE, WAN_DELAY)
  router.nic(wan.a, bed.newMac(), ip(10, 2, 0, 1), 24)
  const outside = bed.machine("outside")
  const dev = outside.nic(wan.b, bed.newMac(), OUTSIDE, 24)
  outside.gateway(dev, ip(10, 2, 0, 1), null)
  machines.push(outside)
  bed.lend()
  return machines
}
