import assert from "node:assert/strict"
import * as fc from "fast-check"
import { cases } from "@darkfiber/tooling/Cases"
import * as DropReason from "@darkfiber/sim/DropReason"
import { World } from "@darkfiber/sim/World"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { describe, it } from "vitest"
import * as Ecn from "../src/fabric/Ecn.ts"
import { Link, type LinkOptions } from "../src/link/Link.ts"
import * as Reasons from "../src/Reasons.ts"
import { MacTable, NOT_FOUND } from "../src/switch/MacTable.ts"
import { Switch, type SwitchOptions } from "../src/switch/Switch.ts"
import { drops, imbalance, Sink, udp } from "./Kit.ts"

const SECOND = 1_000_000_000

interface Star {
  readonly world: World
  readonly bridge: Switch
  readonly stations: ReadonlyArray<Sink>
  readonly links: ReadonlyArray<Link>
}

const star = (count: number, options: Partial<SwitchOptions> = {}, wire: Partial<LinkOptions> = {}): Star => {
  const world = new World(5)
  const bridge = new Switch(world.newIsland("switch"), "switch", options)
  const links: Array<Link> = []
  const stations = Array.from({ length: count }, (_, i) => {
    const station = new Sink(world.newIsland(`s${i}`), `s${i}`)
    const link = new Link(world, `wire${i}`, { rate: 10 * SECOND, delay: 100, overhead: 0, ...wire })
    station.plug(link.a)
    bridge.plug(link.b)
    links.push(link)
    return station
  })
  return { world, bridge, stations, links }
}

const between = (from: number, to: number, payload = 58): Uint8Array =>
  udp({ source: MacAddress.local(from), destination: to < 0 ? MacAddress.broadcast : MacAddress.local(to), payload })

describe("a switch", () => {
  it("floods what it does not know, then forwards, and forgets after the ageing time", () => {
    const { world, bridge, stations } = star(4)
    const received = (): ReadonlyArray<number> => stations.map((station) => station.arrivals.length)
    stations[0]!.send(0, between(0, 1), 0)
    world.run(10_000)
    assert.deepEqual(received(), [0, 1, 1, 1])
    stations[1]!.send(0, between(1, 0), 10_000)
    world.run(20_000)
    assert.deepEqual(received(), [1, 1, 1, 1])
    stations[0]!.send(0, between(0, 1), 20_000)
    world.run(30_000)
    assert.deepEqual(received(), [1, 2, 1, 1])
    assert.equal(bridge.flooded, 1)
    world.run(301 * SECOND)
    stations[0]!.send(0, between(0, 1), 301 * SECOND)
    world.run(302 * SECOND)
    assert.deepEqual(received(), [1, 3, 2, 2])
    assert.equal(imbalance(world), 0)
    assert.equal(world.slab.live, 0)
  })

  it("takes serialisation, delay and latency at each hop", () => {
    const { world, stations } = star(2, { latency: 777 })
    stations[0]!.send(0, between(0, 1), 0) // 100 bytes: 80 ns
    world.run(SECOND)
    assert.equal(stations[1]!.arrivals[0]!.time, 80 + 100 + 777 + 80 + 100)
  })

  it("follows a station that moves, and does not send a frame back where it came from", () => {
    const { world, bridge, stations } = star(3)
    stations[0]!.send(0, between(7, -1), 0)
    stations[2]!.send(0, between(7, -1), 1000)
    stations[1]!.send(0, between(1, 7), 2000)
    stations[2]!.send(0, between(8, 7), 3000)
    world.run(SECOND)
    assert.deepEqual(
      stations.map((station) => station.arrivals.length),
      [1, 2, 2]
    )
    assert.equal(drops(bridge.island, Reasons.SAME_PORT), 1)
    assert.equal(bridge.filtered, 1)
  })

  it("forgets the addresses behind a port that loses its light, and floods only where light is", () => {
    const { world, bridge, stations, links } = star(3)
    stations[1]!.send(0, between(1, -1), 0)
    world.run(1000)
    links[1]!.cutAt(1000)
    world.run(2000)
    stations[0]!.send(0, between(0, 1), 2000)
    world.run(SECOND)
    assert.equal(stations[2]!.arrivals.length, 2)
    assert.equal(stations[1]!.arrivals.length, 0)
    assert.equal(drops(bridge.island, DropReason.LINK_DOWN), 0)
    assert.equal(imbalance(world), 0)
  })

  it("drops at a full output queue, by port", () => {
    const { world, bridge, stations, links } = star(3, { queueLimit: 1000 })
    stations[2]!.send(0, between(2, -1), 0)
    world.run(10_000)
    // Two inputs at full rate into one output: half has nowhere to go.
    for (let i = 0; i < 100; i++) for (const s of [0, 1]) stations[s]!.send(0, between(s, 2), 10_000)
    world.run(SECOND)
    const lost = drops(bridge.island, Reasons.PORT_QUEUE_FULL)
    assert.ok(lost >= 85 && lost <= 100, `${lost}`)
    assert.equal(links[2]!.b.counters.txQueueFull, lost)
    assert.equal(stations[2]!.arrivals.length, 200 - lost)
    assert.ok(links[2]!.b.counters.maxBacklog <= 800)
    assert.equal(imbalance(world), 0)
  })

  it("marks CE above the threshold on packets that understand it, and mends the checksum", () => {
    for (const [tos, isMarked] of [
      [0, false],
      [1, true],
      [2, true],
      [3, false]
    ] as const) {
      const { world, bridge, stations } = star(3, { ecnThreshold: 1500 })
      stations[2]!.send(0, between(2, -1), 0)
      world.run(10_000)
      const bytes = udp({ destination: MacAddress.local(2), payload: 958, tos: 0x40 | tos })
      for (let i = 0; i < 20; i++) for (const s of [0, 1]) stations[s]!.send(0, bytes, 10_000)
      world.run(SECOND)
      const arrivals = stations[2]!.arrivals
      assert.equal(arrivals.length, 40)
      const marked = arrivals.filter((arrival) => Ipv4.ecn(arrival.bytes, 14) === 3 && tos !== 3)
      assert.equal(marked.length, bridge.marked[2])
      if (isMarked) assert.ok(marked.length >= 30, `${marked.length}`)
      else assert.equal(bridge.marked[2], 0)
      for (const arrival of arrivals) {
        assert.ok(Ipv4.verifyChecksum(arrival.bytes, 14))
        assert.equal(Ipv4.dscp(arrival.bytes, 14), 16)
      }
    }
  })

  it("is transparent to VLAN tags, and marks inside them", () => {
    const { world, stations } = star(2)
    const plain = udp({ tos: 2 })
    const tagged = Uint8Array.from([...plain.subarray(0, 12), 0x81, 0, 0, 5, ...plain.subarray(12)])
    stations[0]!.send(0, tagged, 0)
    world.run(SECOND)
    assert.deepEqual(stations[1]!.arrivals[0]!.bytes, tagged)
    assert.ok(Ecn.mark(tagged, 0, tagged.length))
    assert.equal(Ipv4.ecn(tagged, 18), 3)
    const six = new Uint8Array(54)
    six.set([0x86, 0xdd, 0x60, 0x20], 12)
    assert.ok(Ecn.mark(six, 0, six.length))
    assert.equal(six[15], 0x30)
    assert.ok(!Ecn.mark(six, 0, six.length))
  })

  it("never throws and loses no account, whatever the bytes and cuts (property)", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.nat(2),
            fc.oneof(
              fc.uint8Array({ maxLength: 80 }),
              fc.tuple(fc.nat(5), fc.integer({ min: -1, max: 5 })).map(([from, to]) => between(from, to))
            ),
            fc.nat(400)
          ),
          { maxLength: 40 }
        ),
        fc.nat(5000),
        (sends, cutAt) => {
          const { world, bridge, stations, links } = star(3, { queueLimit: 400, ecnThreshold: 100, addresses: 3 })
          links[1]!.cutAt(cutAt)
          links[1]!.mendAt(cutAt + 700)
          let at = 0
          for (const [station, bytes, gap] of sends) {
            at += gap
            world.run(at)
            stations[station]!.send(0, bytes, at)
            assert.equal(imbalance(world), 0)
          }
          world.run(SECOND)
          assert.equal(imbalance(world), 0)
          assert.equal(world.slab.live, 0)
          assert.deepEqual(world.defects, [])
          assert.ok(bridge.table.count <= 3)
        }
      ),
      { numRuns: cases(100) }
    ))

  it("a crash drops what is in its mailbox and darkens its ports", () => {
    const { world, bridge, stations } = star(2)
    stations[0]!.send(0, between(0, 1), 0)
    world.run(100)
    bridge.alive = false
    bridge.abandon(DropReason.HOST_DOWN)
    world.run(SECOND)
    assert.equal(drops(bridge.island, DropReason.HOST_DOWN), 1)
    assert.deepEqual(stations[1]!.carrier, [[200, false]])
    assert.equal(imbalance(world), 0)
  })
})

describe("the address table", () => {
  it("is a map with ageing and a limit (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("learn", "find", "forget"), fc.nat(60), fc.nat(3), fc.nat(300)), {
          maxLength: 150
        }),
        (steps) => {
          const table = new MacTable(1000, 20)
          const model = new Map<number, { port: number; seen: number }>()
          let now = 0
          for (const [what, id, port, gap] of steps) {
            now += gap
            const [high, low] = [id & 3, Math.imul(id, 0x10001)]
            const known = model.get(id)
            const isFresh = known !== undefined && now - known.seen <= 1000
            if (what === "find") assert.equal(table.find(high, low, now), isFresh ? known.port : NOT_FOUND)
            else if (what === "forget") {
              table.forgetPort(port)
              for (const [key, value] of model) if (value.port === port) model.delete(key)
            } else {
              table.learn(high, low, port, now)
              if (known === undefined && model.size >= 20) {
                const aged = [...model].filter(([, value]) => now - value.seen > 1000)
                aged.forEach(([key]) => model.delete(key))
              }
              if (known !== undefined || model.size < 20) model.set(id, { port, seen: now })
            }
            assert.equal(table.count, model.size)
          }
          let seen = 0
          table.forEach(now, () => seen++)
          assert.equal(seen, [...model.values()].filter((value) => now - value.seen <= 1000).length)
        }
      ),
      { numRuns: cases(200) }
    ))
})
