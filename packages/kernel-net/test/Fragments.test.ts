import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Udp from "@darkfiber/wire/Udp"
import * as Device from "../src/Device.ts"
import { linux310, linux6x } from "../src/Profile.ts"
import * as Skb from "../src/Skb.ts"
import * as Snmp from "../src/Snmp.ts"
import { UdpSock } from "../src/Udp.ts"
import { checkQuiet, dummy, inFlight, inject, ip, lone, newWorld } from "./Bench.ts"

/** One piece of a UDP datagram without checksum: `start` to `end` of header and payload. */
const piece = (datagram: Uint8Array, start: number, end: number, ident: number): Uint8Array => {
  const frame = new Uint8Array(34 + end - start)
  Ethernet.write(frame, 0, 0x020000000001, 0x020000000002, 0x0800)
  Ipv4.write(frame, 14, 20 + end - start, 17, ip("10.0.0.2"), ip("10.0.0.1"))
  Ipv4.setIdentification(frame, 14, ident)
  Ipv4.setFragment(frame, 14, end < datagram.length ? 1 : 0, start)
  Ipv4.writeChecksum(frame, 14)
  frame.set(datagram.subarray(start, end), 34)
  return frame
}

const datagramOf = (payload: Uint8Array): Uint8Array => {
  const datagram = new Uint8Array(8 + payload.length)
  Udp.write(datagram, 0, 53, 9, datagram.length)
  datagram.set(payload, 8)
  return datagram
}

const setUp = (profile = linux6x) => {
  const world = newWorld()
  const { host, scripts } = lone(world, "h", profile)
  const port = dummy(host, host.init, "d0")
  Device.addAddress(port.dev, ip("10.0.0.1"), 24)
  const sock = new UdpSock(host.init)
  sock.bind(0, 9)
  sock.rcvbuf = 1e9
  return { world, host, script: scripts[0]!, port, sock }
}

/** How often `arrivals` make the datagram of `count` different pieces whole: a piece after the last begins it anew. */
const timesComplete = (arrivals: ReadonlyArray<Uint8Array>, count: number): number => {
  const seen = new Set<Uint8Array>()
  let times = 0
  for (const frame of arrivals) {
    seen.add(frame)
    if (seen.size < count) continue
    times++
    seen.clear()
  }
  return times
}

describe("reassembly", () => {
  it("gives the datagram back from its pieces in any order, with any of them sent twice", () => {
    const shape = fc.record({
      payload: fc.uint8Array({ minLength: 1, maxLength: 3000 }),
      cuts: fc.array(fc.integer({ min: 1, max: 374 }), { maxLength: 8 }),
      order: fc.infiniteStream(fc.nat()),
      again: fc.array(fc.nat(8), { maxLength: 3 })
    })
    fc.assert(
      fc.property(shape, ({ payload, cuts, order, again }) => {
        const { world, host, script, port, sock } = setUp()
        const datagram = datagramOf(payload)
        const ends = [...new Set(cuts.map((cut) => cut * 8))]
          .filter((end) => end < datagram.length)
          .toSorted((a, b) => a - b)
        const starts = [0, ...ends]
        const pieces = starts.map((start, i) => piece(datagram, start, ends[i] ?? datagram.length, 7))
        const list = [...pieces]
        for (const i of again) if (i < pieces.length && pieces.length > 1) list.push(pieces[i]!)
        const shuffled = list
          .map((frame) => ({ frame, rank: order.next().value as number }))
          .toSorted((a, b) => a.rank - b.rank)
        shuffled.forEach(({ frame }, i) => script.at(1000 * (i + 1), (core) => inject(host, core, port.dev, frame)))
        world.run(1e9)
        checkQuiet(world)
        const expected = timesComplete(
          shuffled.map(({ frame }) => frame),
          pieces.length
        )
        assert.ok(expected >= 1)
        for (let i = 0; i < expected; i++) {
          const skb = sock.receive()!
          const bytes = new Uint8Array(skb.length)
          Skb.copyBits(skb, 0, skb.length, bytes, 0)
          assert.deepEqual(bytes, datagram)
          host.consumeSkb(null, skb)
        }
        assert.equal(sock.receive(), null)
        // What came after the last complete one began another one, which times out.
        world.run(60e9)
        checkQuiet(world)
        assert.equal(inFlight(world), 0)
        assert.equal(host.init.fragments.memory, 0)
        assert.equal(host.liveSkbs, 0)
      }),
      { numRuns: cases(100) }
    )
  })

  it("an overlap that says something else ends the datagram and counts (RFC 5722)", () => {
    const { world, host, script, port, sock } = setUp()
    const datagram = datagramOf(new Uint8Array(800))
    const frames = [piece(datagram, 0, 400, 1), piece(datagram, 392, 600, 1), piece(datagram, 600, 808, 1)]
    frames.forEach((frame, i) => script.at(1000 * (i + 1), (core) => inject(host, core, port.dev, frame)))
    world.run(60e9)
    checkQuiet(world)
    assert.equal(sock.receive(), null)
    assert.equal(host.init.mib[Snmp.IPEXT_REASM_OVERLAPS], 1)
    assert.equal(host.island.ledger.byReason[DropReason.find("FRAG_OVERLAP")], 2)
  })

  it("after 30 s without the rest the pieces go, and the sender of the first one hears of it", () => {
    const { world, host, script, port } = setUp(linux310)
    const datagram = datagramOf(new Uint8Array(800))
    host.neighbours.set(host.cores[0]!, port.dev, ip("10.0.0.2"), 0x020000000002)
    script.at(1000, (core) => inject(host, core, port.dev, piece(datagram, 0, 400, 1)))
    world.run(29.9e9)
    assert.equal(inFlight(world), 1)
    assert.equal(host.init.mib[Snmp.IP_REASM_TIMEOUT], 0)
    world.run(30.1e9)
    checkQuiet(world)
    assert.equal(host.init.mib[Snmp.IP_REASM_TIMEOUT], 1)
    assert.equal(host.island.ledger.byReason[DropReason.find("FRAG_REASM_TIMEOUT")], 1)
    assert.deepEqual([port.sent[0]![34], port.sent[0]![35]], [11, 1])
  })

  for (const profile of [linux310, linux6x]) {
    it(`${profile.name}: never holds much more than 4 MiB`, () => {
      const { world, host, script, port } = setUp(profile)
      const datagram = datagramOf(new Uint8Array(800))
      script.at(1000, (core) => {
        for (let i = 0; i < 2500; i++) inject(host, core, port.dev, piece(datagram, 0, 400, i))
      })
      world.run(1e9)
      checkQuiet(world)
      const { memory, count } = host.init.fragments
      assert.ok(memory > 3e6 && memory <= 4194304 + 2304)
      assert.equal(memory, count * 2304)
      assert.equal(host.island.ledger.byReason[DropReason.find("FRAG_MEMORY")], 2500 - count)
    })
  }
})
