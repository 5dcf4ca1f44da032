/**
 * fabric: switches and links only. Each node sends full frames at a rate to a partner on another leaf; nodes are bare
 * ports without a kernel. What a hop through the fabric costs.
 */
import { Router } from "@darkfiber/hardware/router/Router"
import { type LinkEnd, portOf } from "@darkfiber/hardware/link/LinkEnd"
import { Actor, KIND_FRAME, KIND_OWN } from "@darkfiber/sim/Actor"
import type { Island } from "@darkfiber/sim/Island"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { type Line, round, Stopwatch } from "./Measure.ts"
import { common, Options, settingOf, type Values } from "./Options.ts"
import { ip, PEER, Testbed } from "./Testbed.ts"

export const options: Values = {
  ...common,
  nodes: "16",
  perLeaf: "4",
  spines: "4",
  ms: "20",
  load: "0.8",
  size: "1500"
}

const RATE = 10_000_000_000
const DELAY = 1000
const KIND_SEND = KIND_OWN
const HEADER = 14
const UDP_HEADER = 8
const MAILBOX = 4096
/** How long the run goes on after the last packet has been sent, until all queues are empty, ns. */
const DRAIN = 5_000_000

/** A port that sends UDP packets of one size with a steady gap, and takes what comes. */
class Node extends Actor {
  received: number
  sent: number
  private readonly gap: number
  private readonly until: number
  private readonly length: number
  private readonly template: Uint8Array
  private end: LinkEnd | null

  constructor(island: Island, name: string, length: number, gap: number, until: number) {
    super(island, name, MAILBOX)
    this.received = 0
    this.sent = 0
    this.gap = gap
    this.until = until
    this.length = length
    this.template = new Uint8Array(HEADER + length)
    this.end = null
  }

  begin(end: LinkEnd, macs: readonly [from: number, to: number], from: number, to: number, start: number): void {
    end.attach(this, 0)
    this.end = end
    const bytes = this.template
    Ethernet.write(bytes, 0, macs[1], macs[0], Ethernet.ETHERTYPE_IPV4)
    const length = this.length
    writeIpv4(bytes, HEADER, length, from, to)
    bytes[HEADER + Ipv4.headerBytes + 1] = start & 255 // the source port tells the flows apart
    bytes[HEADER + Ipv4.headerBytes + 3] = UDP_HEADER
    this.schedule(start, this.slot, KIND_SEND, 0, 0)
  }

  override poll(mailbox: Actor["mailbox"], count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      this.take(mailbox.kind, mailbox.a, mailbox.b, now)
    }
  }

  override takeAlone(kind: number, a: number, b: number, now: number): boolean {
    this.take(kind, a, b, now)
    return true
  }

  private take(kind: number, a: number, b: number, now: number): void {
    if (kind === KIND_SEND) this.send(now)
    else if (kind === KIND_FRAME && this.end!.receive(a, b) && portOf(b) === 0) {
      this.received++
      this.island.ledger.delivered++
      this.island.world.slab.free(a)
    }
  }

  override overflow(): void {
    throw new Error(`${this.name}: its mailbox is full of ${MAILBOX} rows`)
  }

  private send(now: number): void {
    const { slab } = this.island.world
    const frame = slab.alloc(this.template.length)
    slab.bytes.set(this.template, slab.start[frame]!)
    this.island.ledger.created++
    this.sent++
    this.end!.send(frame, now)
    if (now + this.gap < this.until) this.schedule(now + this.gap, this.slot, KIND_SEND, 0, 0)
  }
}

const TTL = 64

const writeIpv4 = (bytes: Uint8Array, at: number, length: number, from: number, to: number): void => {
  const view = new DataView(bytes.buffer)
  bytes[at] = 0x45
  view.setUint16(at + 2, length)
  bytes[at + 8] = TTL
  bytes[at + 9] = Ipv4.PROTOCOL_UDP
  view.setInt32(at + 12, from)
  view.setInt32(at + 16, to)
  Ipv4.writeChecksum(bytes, at)
}

export const run = (given: Values): Line => {
  const values = new Options(options, given)
  const nodes = values.int("nodes", 2, 60_000)
  const perLeaf = values.int("perLeaf", 1, 255)
  const spines = values.int("spines", 1, 64)
  const until = Math.round(values.number("ms", 0.001, 1e6) * 1e6)
  const size = values.int("size", 64, 1500)
  const gap = Math.round(((size + 2) * 8e9) / RATE / values.number("load", 0.0001, 1))
  const watch = new Stopwatch()
  const bed = new Testbed(settingOf(values))
  const router = (name: string): Router =>
    bed.box(new Router(bed.world.newIsland(name), name, { queueLimit: bed.queueBytes }))
  const tops = Array.from({ length: spines }, (_, k) => router(`spine${k}`))
  const all: Array<Node> = []
  const leaves = Math.ceil(nodes / perLeaf)
  const address = (n: number): number => ip(10, Math.floor(n / perLeaf), n % perLeaf, 2)
  for (let l = 0; l < leaves; l++) {
    const leaf = router(`leaf${l}`)
    for (let n = l * perLeaf; n < nodes && n < (l + 1) * perLeaf; n++) {
      const node = bed.box(new Node(bed.world.newIsland(`n${n}`), `n${n}`, size, gap, until))
      const link = bed.link(`n${n}--leaf${l}`, RATE, DELAY)
      const macs = [bed.newMac(), bed.newMac()] as const
      const own = { mac: macs[1], address: ip(10, l, n % perLeaf, 1), prefixLength: 24, mtu: 1500 }
      const port = leaf.addPort(link.b, own)
      leaf.setNeighbour(port, address(n), macs[0])
      node.begin(link.a, macs, address(n), address((n + perLeaf) % nodes), (n * 997) % gap)
      all.push(node)
    }
    const up = tops.map((top) => {
      const [there, back] = bed.trunk(leaf, top, RATE * 2, DELAY)
      top.setRoute(ip(10, l, 0, 0), 16, [{ port: back, gateway: PEER }])
      return { port: there, gateway: PEER }
    })
    leaf.setRoute(0, 0, up)
  }
  bed.lend()
  watch.run(() => bed.world.run(until + DRAIN))
  const sum = (of: (node: Node) => number): number => all.reduce((total, node) => total + of(node), 0)
  const received = sum((node) => node.received)
  return watch.line("fabric", bed, until / 1e9, {
    nodes,
    packets_tx: sum((node) => node.sent),
    packets_rx: received,
    goodput_gbps: round((received * size * 8) / (until / 1e9) / 1e9, 3)
  })
}
