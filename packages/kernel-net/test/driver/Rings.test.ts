import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Device from "../../src/Device.ts"
import * as Drops from "../../src/Drops.ts"
import { linux6x } from "../../src/Profile.ts"
import * as Spec from "../../src/qdisc/Spec.ts"
import { UdpSock } from "../../src/Udp.ts"
import { account, cable, checkQuiet, ip, newWorld, type Node, node } from "../Bench.ts"
import type { World } from "@darkfiber/sim/World"

const MS = 1_000_000

interface Traffic {
  readonly world: World
  readonly a: Node
  readonly b: Node
  readonly server: UdpSock
}

/** Four-core hosts on a cable; `a` sends 1,000-byte datagrams of eight flows for 20 ms, faster than the cable takes them. */
const traffic = (): Traffic => {
  const world = newWorld()
  const options = { rxQueues: 2, txQueues: 2 }
  const a = node(world, "a", linux6x, "10.0.0.1", options, 4)
  const b = node(world, "b", linux6x, "10.0.0.2", options, 4)
  cable(world, a, b, 1e8)
  const server = new UdpSock(b.host.init)
  server.bind(0, 9)
  server.rcvbuf = 1e9
  a.host.neighbours.set(a.host.cores[0]!, a.igb.dev, ip("10.0.0.2"), b.nic.mac)
  for (let flow = 0; flow < 8; flow++) {
    const client = new UdpSock(a.host.init)
    client.connect(ip("10.0.0.2"), 9)
    client.sndbuf = 1e9
    const script = a.scripts[flow % 4]!
    for (let at = 1000; at < 20 * MS; at += 400_000) {
      script.at(at + flow, (core) => {
        client.send(core, 0, 0, new Uint8Array(1000), 0, 1000)
      })
    }
  }
  return { world, a, b, server }
}

const finish = ({ a, b, server, world }: Traffic): number => {
  world.run(1e9)
  checkQuiet(world)
  const { created, delivered, dropped } = account(world)
  assert.equal(created, delivered + dropped)
  for (const { igb } of [a, b]) {
    for (let q = 0; q < igb.dev.queues; q++) assert.equal(igb.nic.txFree(q), igb.nic.options.txRing - 1)
  }
  return server.receiveQueue.count
}

describe("ethtool -G", () => {
  it("while frames fly: every frame ends once, the link stays, what comes later arrives (property)", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            at: fc.integer({ min: 2000, max: 25 * MS }),
            side: fc.boolean(),
            rx: fc.integer({ min: 1, max: 5000 }),
            tx: fc.integer({ min: 1, max: 5000 })
          }),
          { minLength: 1, maxLength: 6 }
        ),
        (changes) => {
          const all = traffic()
          for (const { at, rx, side, tx } of changes) {
            const { igb, scripts } = side ? all.a : all.b
            scripts[1]!.at(at, (core) => {
              igb.setRings(core, rx, tx)
              const { rxRing, txRing } = igb.nic.options
              assert.ok([rxRing, txRing].every((size) => size >= 80 && size <= 4096 && size % 8 === 0))
              assert.ok(igb.dev.carrier)
            })
          }
          for (let time = MS; time < 30 * MS; time += MS) {
            all.world.run(time)
            checkQuiet(all.world)
          }
          const got = finish(all)
          const lost =
            (all.a.host.island.ledger.byReason[Drops.RING_RESET] ?? 0) +
            (all.b.host.island.ledger.byReason[Drops.RING_RESET] ?? 0)
          assert.equal(got + lost, 8 * 50)
          const late = new UdpSock(all.a.host.init)
          late.connect(ip("10.0.0.2"), 9)
          all.a.scripts[0]!.at(1e9 + 1000, (core) => late.send(core, 0, 0, new Uint8Array(10), 0, 10))
          all.world.run(2e9)
          assert.equal(all.server.receiveQueue.count, got + 1)
        }
      ),
      { numRuns: cases(20) }
    )
  })

  it("drops what waits in the ring, and takes pages for the new one", () => {
    const all = traffic()
    all.world.run(15 * MS)
    const { igb, scripts } = all.a
    const pages = igb.ringPageCount
    let waiting = 0
    scripts[0]!.at(15 * MS + 1, (core) => {
      waiting = [0, 1].reduce((sum, q) => sum + igb.nic.options.txRing - 1 - igb.nic.txFree(q), 0)
      assert.ok(igb.setRings(core, 4096, 4096))
      assert.ok(!igb.setRings(core, 4096, 4090))
    })
    all.world.run(16 * MS)
    assert.ok(waiting > 20)
    assert.ok((all.a.host.island.ledger.byReason[Drops.RING_RESET] ?? 0) > 0)
    assert.ok(igb.ringPageCount > 8 * pages)
    Device.down(null, igb.dev)
    assert.equal(igb.ringPageCount, 0)
    checkQuiet(all.world)
  })
})

describe("ethtool -L", () => {
  it("while frames fly: every frame ends once, and traffic goes on over the new queues (property)", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            at: fc.integer({ min: 2000, max: 25 * MS }),
            side: fc.boolean(),
            count: fc.integer({ min: 1, max: 4 })
          }),
          { minLength: 1, maxLength: 6 }
        ),
        fc.boolean(),
        (changes, hasFq) => {
          const all = traffic()
          if (hasFq) Device.setQdisc(null, all.a.igb.dev, Spec.ofKind("fq"))
          for (const { at, count, side } of changes) {
            const { igb, scripts } = side ? all.a : all.b
            scripts[1]!.at(at, (core) => {
              assert.equal(igb.setChannels(core, count), 0)
              assert.equal(igb.vectors.length, count)
              assert.equal(igb.dev.qdiscs.length, count)
              assert.equal(igb.dev.qdiscs[0]!.kind, hasFq && side ? "fq" : "pfifo_fast")
            })
          }
          for (let time = MS; time < 30 * MS; time += MS) {
            all.world.run(time)
            checkQuiet(all.world)
          }
          const got = finish(all)
          const late = new UdpSock(all.a.host.init)
          late.connect(ip("10.0.0.2"), 9)
          all.a.scripts[0]!.at(1e9 + 1000, (core) => late.send(core, 0, 0, new Uint8Array(10), 0, 10))
          all.world.run(5e9)
          assert.equal(all.server.receiveQueue.count, got + 1)
          checkQuiet(all.world)
        }
      ),
      { numRuns: cases(20) }
    )
  })

  it("refuses none and more than there may be, and keeps the lines of queues that come back", () => {
    const { a, world } = traffic()
    const core = a.host.cores[0]!
    assert.ok(a.igb.setChannels(core, 0) < 0)
    assert.ok(a.igb.setChannels(core, 5) < 0)
    assert.equal(a.igb.channelsMax, 4)
    for (let i = 0; i < 40; i++) assert.equal(a.igb.setChannels(core, 1 + (i % 4)), 0)
    assert.ok(Math.max(...a.igb.vectors.map((vector) => vector.line)) < 10)
    world.run(1e9)
    checkQuiet(world)
  })
})
