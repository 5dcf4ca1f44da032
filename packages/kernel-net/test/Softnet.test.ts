import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as DropReason from "@darkfiber/sim/DropReason"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { KIND_OWN, Schedulable } from "@darkfiber/sim/Actor"
import type { Host } from "../src/Host.ts"
import { Napi, WEIGHT } from "../src/Napi.ts"
import { PingSock } from "../src/Ping.ts"
import { linux310, linux6x, profiles } from "../src/Profile.ts"
import { UdpSock } from "../src/Udp.ts"
import { cable, checkQuiet, ip, lone, newWorld, node } from "./Bench.ts"

/** A receive queue with a stock of frames, each of which costs 1 us. */
class Stock extends Napi {
  left: number
  readonly polls: Array<number> = []

  constructor(host: Host, left: number) {
    super(host, null, WEIGHT)
    this.left = left
    this.enabled = true
  }

  override begin(): void {}

  override step(core: Core): boolean {
    if (this.left === 0) return false
    this.left--
    core.charge(1000)
    return true
  }

  override finish(core: Core, work: number): number {
    this.polls.push(work)
    if (work === this.weight) return work
    this.complete(core)
    return work
  }
}

/** Raises an interrupt at a time. */
class Bell extends Schedulable {
  private readonly core: Core
  private readonly line: number

  constructor(host: Host, napi: Napi) {
    super(host.island, "bell")
    this.core = host.cores[0]!
    this.line = this.core.requestIrq({ interrupt: (core) => napi.schedule(core) })
  }

  override deliver(_kind: number, _a: number, _b: number, now: number): void {
    this.core.raiseIrq(this.line, now)
  }

  override dispatch(): void {}
}

const ring = (host: Host, napi: Napi): void => host.island.input(1000, new Bell(host, napi).slot, KIND_OWN, 0, 0)

describe("net_rx_action", () => {
  it("3.10: a flooded queue gets five polls, 320 packets, then a time squeeze (F14)", () => {
    const world = newWorld()
    const { host } = lone(world, "h", linux310)
    const stock = new Stock(host, 1000)
    ring(host, stock)
    const runs = host.cores[0]!.softirqCounts
    world.run(1000 + 320_000 + 5000)
    assert.equal(host.softnet[0]!.timeSqueeze, 1)
    assert.deepEqual(stock.polls, [64, 64, 64, 64, 64])
    world.run(1e9)
    assert.equal(host.softnet[0]!.timeSqueeze, 3)
    assert.equal(runs[3], 4)
    assert.equal(stock.left, 0)
  })

  it("3.10: with a budget of 600 it is 640 packets", () => {
    const world = newWorld()
    const { host } = lone(world, "h", linux310)
    assert.equal(host.init.setSysctl("net.core.netdev_budget", "600"), 0)
    const stock = new Stock(host, 1000)
    ring(host, stock)
    world.run(1000 + 640_000 + 5000)
    assert.equal(stock.polls.length, 10)
    assert.equal(host.softnet[0]!.timeSqueeze, 1)
  })

  it("6.x: one flooded queue is polled once a run and waits for the next, without a squeeze", () => {
    const world = newWorld()
    const { host } = lone(world, "h", linux6x)
    const stock = new Stock(host, 500)
    ring(host, stock)
    world.run(1e9)
    assert.equal(stock.left, 0)
    assert.equal(host.softnet[0]!.timeSqueeze, 0)
    assert.equal(host.cores[0]!.softirqCounts[3], Math.ceil(500 / 64))
  })

  it("ten restarts or 2 ms, then ksoftirqd", () => {
    const world = newWorld()
    const { host, scripts } = lone(world, "h", linux6x)
    ring(host, new Stock(host, 2000))
    world.run(1e9)
    assert.ok(scripts[0]!.ksoftirqdSteps > 0)
    assert.equal(host.cores[0]!.softirqCounts[3], Math.ceil(2000 / 64))
  })
})

describe("the backlog", () => {
  for (const profile of profiles) {
    it(`${profile.name}: holds 1001 packets, the rest is dropped and counted (book 5.3.4 b)`, () => {
      const world = newWorld()
      const { host, scripts } = lone(world, "h", profile)
      const server = new UdpSock(host.init)
      server.bind(0, 9)
      server.rcvbuf = 1e9
      const client = new UdpSock(host.init)
      client.connect(ip("127.0.0.1"), 9)
      client.sndbuf = 1e9
      const payload = new Uint8Array(10)
      scripts[0]!.at(1000, (core) => {
        // One step: the soft IRQ waits until its end.
        for (let i = 0; i < 2000; i++) client.send(core, 0, 0, payload, 0, 10)
      })
      world.run(1e9)
      checkQuiet(world)
      assert.equal(host.softnet[0]!.dropped, 999)
      assert.equal(server.receiveQueue.count, 1001)
      assert.equal(host.softnet[0]!.processed, 1001)
      assert.equal(host.island.ledger.byReason[DropReason.find("CPU_BACKLOG")], 999)
      assert.equal(host.cores[0]!.softirqCounts[2], 0)
    })
  }

  it("6.x: 1000 pings over lo are about 1000 runs of NET_RX and none of NET_TX", () => {
    const world = newWorld()
    const { host, scripts } = lone(world, "h", linux6x)
    const sock = new PingSock(host.init)
    sock.rcvbuf = 1e9
    for (let i = 0; i < 1000; i++) {
      scripts[0]!.at(1e6 * (i + 1), (core) => sock.send(core, ip("127.0.0.1"), i, new Uint8Array(56)))
    }
    world.run(2e9)
    checkQuiet(world)
    assert.equal(sock.receiveQueue.count, 1000)
    assert.ok(host.cores[0]!.softirqCounts[3]! <= 1005)
    assert.equal(host.cores[0]!.softirqCounts[2], 0)
  })
})

describe("the driver", () => {
  it("a slow wire stops the queue after 235 packets of one descriptor; nothing is lost in the driver (book 4.4.7)", () => {
    const world = newWorld()
    const a = node(world, "a", linux310, "10.0.0.1", { checksumOffload: false, tso: false })
    const b = node(world, "b", linux310, "10.0.0.2")
    cable(world, a, b, 1e5)
    const client = new UdpSock(a.host.init)
    client.connect(ip("10.0.0.2"), 9)
    client.sndbuf = 1e9
    const server = new UdpSock(b.host.init)
    server.bind(0, 9)
    server.rcvbuf = 1e9
    a.scripts[0]!.at(1000, (core) => client.send(core, 0, 0, new Uint8Array(10), 0, 10))
    world.run(1e9)
    const before = a.igb.dev.stats.txPackets
    a.scripts[0]!.at(1e9 + 1000, (core) => {
      for (let i = 0; i < 1500; i++) client.send(core, 0, 0, new Uint8Array(10), 0, 10)
    })
    world.run(1e9 + 1_100_000)
    const qdisc = a.igb.dev.qdiscs[0]!
    assert.equal(a.igb.dev.stats.txPackets - before, 235)
    assert.equal(qdisc.length, 1000)
    assert.equal(qdisc.dropped, 1500 - 235 - 1000)
    checkQuiet(world)
    world.run(1e12)
    checkQuiet(world)
    assert.equal(server.receiveQueue.count, 1 + 235 + 1000)
  })

  it("sending raises NET_RX for completions and no NET_TX (book 4.5)", () => {
    const world = newWorld()
    const a = node(world, "a", linux310, "10.0.0.1")
    const b = node(world, "b", linux310, "10.0.0.2")
    cable(world, a, b)
    const client = new UdpSock(a.host.init)
    client.connect(ip("10.0.0.2"), 9)
    a.host.neighbours.set(a.host.cores[0]!, a.igb.dev, ip("10.0.0.2"), b.nic.mac)
    for (let i = 0; i < 50; i++) a.scripts[0]!.at(1e6 * i, (core) => client.send(core, 0, 0, new Uint8Array(10), 0, 10))
    world.run(1e9)
    assert.ok(a.host.cores[0]!.softirqCounts[3]! > 0)
    assert.equal(a.host.cores[0]!.softirqCounts[2], 0)
    assert.equal(a.nic.txFree(0), 255)
  })
})
