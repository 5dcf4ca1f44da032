/**
 * The fabric alone: ns of CPU that a frame costs a hop, through switches or routers in a row.
 *
 * `tsc -b packages/hardware && node packages/hardware/bench/fabric.mjs [frames] [bytes]`; one JSON line a case. The slope
 * over the length of the row is the cost of one more hop; what is left is source and sink.
 */
import { Actor, KIND_FRAME } from "@darkfiber/sim/Actor"
import { World } from "@darkfiber/sim/World"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { Link } from "@darkfiber/hardware/link/Link"
import { Router } from "@darkfiber/hardware/router/Router"
import { Switch } from "@darkfiber/hardware/switch/Switch"

const frames = Number(process.argv[2] ?? 400_000)
const size = Number(process.argv[3] ?? 1514)
const FLOWS = 64
const WIRE = { rate: 10_000_000_000, delay: 1000 }

/** Sends a frame whenever the wire is free, and takes what comes back. */
class Station extends Actor {
  constructor(island, name) {
    super(island, name, 64)
    this.end = null
    this.left = 0
    this.got = 0
    this.template = null
  }
  start(count, template) {
    this.left = count
    this.template = template
    this.schedule(0, this.slot, 16, 0, 0)
  }
  poll(mailbox, count, now) {
    const slab = this.island.world.slab
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      if (mailbox.kind === KIND_FRAME) {
        if (!this.end.receive(mailbox.a, mailbox.b)) continue
        this.got++
        slab.free(mailbox.a)
      } else if (this.left > 0) {
        this.left--
        const frame = slab.alloc(size)
        const at = slab.start[frame]
        slab.bytes.set(this.template, at)
        slab.bytes[at + 35] = this.left % FLOWS
        this.schedule(this.end.send(frame, now), this.slot, 16, 0, 0)
      }
    }
  }
  overflow() {
    throw new Error("full")
  }
}

const template = (toMac) => {
  const bytes = new Uint8Array(size)
  bytes.set([2, 0, 0, 0, 0, toMac, 2, 0, 0, 0, 0, 1, 8, 0])
  Ipv4.write(bytes, 14, size - 14, 17, 0x0a000001, 0x14000001)
  Ipv4.writeChecksum(bytes, 14)
  return bytes
}

const run = (kind, hops, paths) => {
  const world = new World(1)
  const source = new Station(world.newIsland("source"), "source")
  const sink = new Station(world.newIsland("sink"), "sink")
  let counter = 0
  const wire = () => new Link(world, `wire${counter++}`, WIRE)
  let link = wire()
  link.a.attach(source, 0)
  source.end = link.a
  const addresses = (mac) => ({ mac: 0x020000000000 + mac, address: 0, prefixLength: 24, mtu: 1500 })
  for (let i = 0; i < hops; i++) {
    const island = world.newIsland(`node${i}`)
    const next = wire()
    if (kind === "switch") {
      const node = new Switch(island, `node${i}`)
      node.plug(link.b)
      node.plug(next.a)
    } else {
      const node = new Router(island, `node${i}`)
      node.addPort(link.b, addresses(2))
      node.addPort(next.a, addresses(3))
      node.setNeighbour(1, 0x0b000001, 0x020000000002)
      // More than one hop to the same neighbour: what choosing by hash costs.
      for (let p = 1; p < paths; p++) node.setNeighbour(1, 0x0b000001 + p, 0x020000000002)
      node.setRoute(
        0x14000000,
        8,
        Array.from({ length: paths }, (_, p) => ({ port: 1, gateway: 0x0b000001 + p }))
      )
    }
    link = next
  }
  link.b.attach(sink, 0)
  sink.end = link.b
  source.start(frames, template(2))
  const before = process.cpuUsage()
  world.run(1e15)
  const used = process.cpuUsage(before)
  if (sink.got !== frames) throw new Error(`${sink.got} of ${frames} frames arrived`)
  return ((used.user + used.system) * 1000) / frames
}

for (const [kind, paths] of [
  ["switch", 1],
  ["router", 1],
  ["router", 4]
]) {
  run(kind, 2, paths)
  const perFrame = [1, 3, 6, 11].map((hops) => ({ hops, ns: run(kind, hops, paths) }))
  const [first, last] = [perFrame[0], perFrame.at(-1)]
  const perHop = (last.ns - first.ns) / (last.hops - first.hops)
  console.log(
    JSON.stringify({
      bench: "fabric",
      kind,
      paths,
      frames,
      bytes: size,
      ns_per_hop: Math.round(perHop),
      ns_per_frame: Object.fromEntries(perFrame.map(({ hops, ns }) => [hops, Math.round(ns)]))
    })
  )
}
