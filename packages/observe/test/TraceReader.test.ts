import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import * as Walk from "@darkfiber/observe/Walk"
import { CONTEXT_HARDIRQ, CONTEXT_SOFTIRQ } from "@darkfiber/sim/Trace"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import { World } from "@darkfiber/sim/World"

const SEND = TracePoint.define("test_send", 10)
const RECEIVE = TracePoint.define("test_receive", 10)
const CLONE = TracePoint.define("skb_clone", 10)

interface Row {
  readonly island: number
  readonly time: number
  readonly core: number
  readonly packet: number
}

const row = fc.record({ island: fc.nat(2), time: fc.nat(50), core: fc.nat(2), packet: fc.nat(4) })

const worldOf = (rows: ReadonlyArray<Row>): World => {
  const world = new World(1)
  for (const name of ["a", "b", "c"]) world.newIsland(name)
  for (const { island, time, core, packet } of rows) {
    world.islands[island]!.trace.record(time, SEND, core, CONTEXT_SOFTIRQ, 0, 1, packet, 7)
  }
  return world
}

describe("TraceReader", () => {
  it("merges all rows of all islands by time, then island, then as written", () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const numbered = rows.map((one, order) => ({ ...one, order }))
        const expected = [...numbered].sort((x, y) => x.time - y.time || x.island - y.island || x.order - y.order)
        const records = TraceReader.read(worldOf(rows).islands)
        assert.deepEqual(
          records.map(({ time, host, core, packet }) => [time, host, core, packet]),
          expected.map(({ time, island, core, packet }) => [time, "abc"[island], core, packet])
        )
      }),
      { numRuns: cases(100) }
    )
  })

  it("from, until and packets choose rows", () => {
    fc.assert(
      fc.property(fc.array(row), fc.nat(50), fc.nat(50), fc.nat(4), (rows, from, until, packet) => {
        const wanted = rows.filter((one) => one.time >= from && one.time <= until && one.packet === packet)
        const records = TraceReader.read(worldOf(rows).islands, { from, until, packets: new Set([packet]) })
        assert.equal(records.length, wanted.length)
        for (const record of records) assert.ok(record.time >= from && record.time <= until && record.packet === packet)
      }),
      { numRuns: cases(100) }
    )
  })

  it("reading changes nothing", () => {
    const world = worldOf([{ island: 0, time: 1, core: 0, packet: 1 }])
    const before = Array.from(world.islands[0]!.trace.rows.subarray(0, 8))
    TraceReader.read(world.islands)
    assert.deepEqual(Array.from(world.islands[0]!.trace.rows.subarray(0, 8)), before)
    assert.equal(world.islands[0]!.trace.count, 1)
  })

  it("formats a record as one line, and as one JSON document a line", () => {
    const world = new World(1)
    const island = world.newIsland("web1")
    island.trace.record(1_234_567, RECEIVE, 1, CONTEXT_HARDIRQ, 0, 2, 17, 84)
    const names: TraceReader.TraceNames = { netns: () => "init", device: () => "eth0" }
    const records = TraceReader.read([island], { names: () => names })
    assert.equal(
      TraceReader.format(records),
      "     0.001234567 web1         [001] hardirq   test_receive                 init/eth0        packet 17 detail 84\n"
    )
    assert.deepEqual(JSON.parse(TraceReader.formatJson(records)), records[0])
  })
})

describe("Walk", () => {
  it("follows a packet and its children over hosts", () => {
    const world = worldOf([])
    const [a, b] = world.islands
    a!.trace.record(10, SEND, 0, CONTEXT_SOFTIRQ, 0, 1, 5, 0)
    a!.trace.record(15, SEND, 0, CONTEXT_SOFTIRQ, 0, 1, 6, 0) // before the two were one
    a!.trace.record(20, CLONE, 0, CONTEXT_SOFTIRQ, 0, 1, 6, 5)
    a!.trace.on = true
    a!.trace.merged(6, 5, 20)
    a!.trace.record(30, SEND, 1, CONTEXT_SOFTIRQ, 0, 1, 9, 0)
    b!.trace.record(1_050, RECEIVE, 0, CONTEXT_HARDIRQ, 0, 1, 6, 0)
    const records = TraceReader.read(world.islands)
    const journey = Walk.walk(records, 5)
    assert.deepEqual(journey.packets, [5, 6])
    assert.deepEqual(journey.hosts, ["a", "b"])
    assert.equal(journey.duration, 1_040)
    assert.deepEqual(
      journey.steps.map((step) => [step.function, step.since, step.delta]),
      [
        ["test_send", 0, 0],
        ["skb_clone", 10, 10],
        ["test_receive", 1_040, 1_030]
      ]
    )
    const text = Walk.format(journey)
    assert.match(text, /^a {2}at 0\.000000010 s\n/)
    assert.match(text, /\nb {2}at 0\.000001050 s\n {2}\+ +1\.040 us \[000\] hardirq {3}test_receive/)
    assert.match(text, /3 functions, 2 hosts, 1\.040 us\n$/)
    assert.deepEqual(Walk.packetsOf(records), [5, 6, 9])
    assert.equal(Walk.format(Walk.walk(records, 77)), "no such packet in the trace\n")
  })

  it("finds exactly the places where time goes backwards on one core", () => {
    const rows = fc.array(fc.record({ time: fc.nat(20), packet: fc.integer({ min: 1, max: 3 }) }), { maxLength: 20 })
    fc.assert(
      fc.property(rows, (all) => {
        const world = worldOf(all.map((one) => ({ ...one, island: 0, core: 0 })))
        const isSound = all.every((one, at) => {
          const before = all
            .slice(0, at)
            .filter((other) => other.packet === one.packet)
            .at(-1)
          return before === undefined || before.time <= one.time
        })
        assert.equal(Walk.backwards(world.islands).length === 0, isSound)
        if (isSound) Walk.assertMonotone(world.islands)
        else assert.throws(() => Walk.assertMonotone(world.islands), /packet \d: test_send on a at \d+ ns comes after/)
      }),
      { numRuns: cases(100) }
    )
  })

  it("a packet is nowhere before its birth", () => {
    const world = worldOf([
      { island: 0, time: 40, core: 0, packet: 1 },
      { island: 1, time: 30, core: 0, packet: 1 }
    ])
    assert.throws(() => Walk.assertMonotone(world.islands))
  })
})
