import assert from "node:assert/strict"
import * as fc from "fast-check"
import { cases } from "@darkfiber/tooling/Cases"
import { CHECKSUM_PARTIAL, FCS_BAD } from "@darkfiber/sim/FrameSlab"
import * as DropReason from "@darkfiber/sim/DropReason"
import { type FaultAction, FaultChain, ruleDefaults } from "@darkfiber/sim/Fault"
import { describe, it } from "vitest"
import { cableAt, Link, type LinkOptions } from "../src/link/Link.ts"
import { CABLE_MEND, CABLE_SEVER, type LinkEnd } from "../src/link/LinkEnd.ts"
import * as Reasons from "../src/Reasons.ts"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Tcp from "@darkfiber/wire/Tcp"
import { drops, imbalance, type Sink, sinksOn, tcp, udp } from "./Kit.ts"
import type { World } from "@darkfiber/sim/World"

const GIGABIT = 1_000_000_000

const joined = (
  options: Partial<LinkOptions>
): { readonly world: World; readonly a: Sink; readonly b: Sink; readonly link: Link } => {
  const { world, a, b } = sinksOn(7)
  const link = new Link(world, "wire", options)
  a.plug(link.a)
  b.plug(link.b)
  return { world, a, b, link }
}

describe("a link in one direction", () => {
  it("takes serialisation with overhead and padding, then the delay", () => {
    const { world, a, b } = joined({ rate: GIGABIT, delay: 1000 })
    a.send(0, new Uint8Array(1514), 0)
    a.send(0, new Uint8Array(42), 0)
    world.run(1e9)
    // (1514 + 24) * 8 ns, then (60 + 24) * 8 ns behind it
    assert.deepEqual(
      b.arrivals.map((arrival) => arrival.time),
      [12_304 + 1000, 12_304 + 672 + 1000]
    )
  })

  it("without overhead takes the frame's own bits only, as ns-3's point-to-point", () => {
    const { world, a, b } = joined({ rate: GIGABIT, delay: 1, overhead: 0 })
    a.send(0, new Uint8Array(42), 5)
    world.run(1e9)
    assert.equal(b.arrivals[0]!.time, 5 + 336 + 1)
  })

  it("has its own rate and delay in each direction", () => {
    const { world, a, b } = joined({ rate: GIGABIT, delay: 10, overhead: 0, back: { rate: GIGABIT / 10, delay: 99 } })
    a.send(0, new Uint8Array(100), 0)
    b.send(0, new Uint8Array(100), 0)
    world.run(1e9)
    assert.equal(b.arrivals[0]!.time, 810)
    assert.equal(a.arrivals[0]!.time, 8099)
  })

  it("equals a plain queue of one server, whatever comes when (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3000), fc.integer({ min: 14, max: 1514 })), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.constantFrom(0, 24),
        fc.constantFrom(Infinity, 3000, 20_000),
        (sends, delay, overhead, queueLimit) => {
          const { world, a, b, link } = joined({ rate: 10 * GIGABIT, delay, overhead, queueLimit })
          const expected: Array<number> = []
          let now = 0
          let free = 0
          for (const [gap, length] of sends) {
            now += gap
            const wire = overhead === 0 ? length : Math.max(60, length) + overhead
            const start = Math.max(now, free)
            const end = start + Math.ceil(wire * 0.8 - 1e-9)
            const sent = a.send(0, new Uint8Array(length), now)
            if ((end - now) * 1.25 > queueLimit) {
              assert.equal(sent, -1)
              continue
            }
            free = end
            assert.equal(sent, end)
            expected.push(end + delay)
          }
          world.run(1e9)
          assert.deepEqual(
            b.arrivals.map((arrival) => arrival.time),
            expected
          )
          assert.equal(imbalance(world), 0)
          assert.equal(drops(a.island, Reasons.PORT_QUEUE_FULL), sends.length - expected.length)
          assert.equal(link.a.counters.txFrames, expected.length)
          assert.equal(link.b.counters.rxFrames, expected.length)
        }
      ),
      { numRuns: cases(60) }
    ))

  it("loses frames at its probability, from a stream of its own", () => {
    const run = (other: boolean): ReadonlyArray<number> => {
      const { world, a, b } = joined({ loss: 0.1 })
      if (other) world.stream("somebody else").u32()
      for (let i = 0; i < 2000; i++) a.send(0, new Uint8Array([i, i >> 8, ...Array.from({ length: 20 }, () => 0)]), i)
      world.run(1e9)
      assert.equal(imbalance(world), 0)
      assert.equal(drops(a.island, Reasons.LINK_LOSS), 2000 - b.arrivals.length)
      return b.arrivals.map((arrival) => arrival.bytes[0]! + arrival.bytes[1]! * 256)
    }
    const once = run(false)
    assert.ok(once.length > 1730 && once.length < 1870, `${once.length} of 2000`)
    assert.deepEqual(run(true), once)
  })

  it("drops a frame with a bad check sequence at the receiving port, as rx_crc_errors", () => {
    const { world, a, b, link } = joined({})
    a.send(0, new Uint8Array(64), 0)
    world.slab.flags[0] = FCS_BAD
    world.run(1e9)
    assert.equal(b.arrivals.length, 0)
    assert.equal(link.b.counters.rxCrcErrors, 1)
    assert.equal(drops(b.island, Reasons.CRC_ERROR), 1)
    assert.equal(imbalance(world), 0)
  })
})

describe("faults and taps", () => {
  const faulty = (action: FaultAction, every: number): ReturnType<typeof joined> => {
    const set = joined({ rate: GIGABIT, delay: 100, overhead: 0 })
    const rule = { ...ruleDefaults, id: "rule", direction: "wire/a", every, action }
    set.link.a.setFaults(new FaultChain(set.world, set.link.a.name, [rule]))
    return set
  }
  const sendFive = ({ world, a, b }: ReturnType<typeof joined>): ReadonlyArray<readonly [number, number]> => {
    for (let i = 0; i < 5; i++) a.send(0, new Uint8Array(125).fill(i), 0)
    world.run(1e9)
    assert.equal(imbalance(world), 0)
    assert.equal(world.slab.live, 0)
    return b.arrivals.map((arrival) => [arrival.time, arrival.bytes[0]!] as const)
  }

  it("a rule drops", () => {
    const set = faulty({ _tag: "Drop" }, 2)
    assert.deepEqual(
      sendFive(set).map(([, id]) => id),
      [0, 2, 4]
    )
    assert.equal(drops(set.a.island, DropReason.FAULT), 2)
    set.link.a.setFaults(null)
    set.a.send(0, new Uint8Array(125), 1e9)
    set.world.run(2e9)
    assert.equal(set.b.arrivals.length, 4)
  })

  it("a rule doubles, and the copies count as created", () => {
    const set = faulty({ _tag: "Duplicate", copies: 2 }, 5)
    assert.deepEqual(
      sendFive(set).map(([, id]) => id),
      [0, 1, 2, 3, 4, 4, 4]
    )
    assert.equal(set.a.island.ledger.created, 7)
  })

  it("a rule delays and keeps the order", () => {
    const times = sendFive(faulty({ _tag: "Delay", ns: 1700, jitter: 0 }, 2)).map(([time]) => time)
    assert.deepEqual(times, [1100, 3800, 3800, 5800, 5800])
  })

  it("a rule lets later frames overtake", () => {
    const order = sendFive(faulty({ _tag: "Reorder", ns: 100_000 }, 4)).map(([, id]) => id)
    assert.deepEqual(order, [0, 1, 2, 4, 3])
  })

  it("damage with a bad check sequence is dropped by the next port", () => {
    const set = faulty({ _tag: "Corrupt", what: "fcs" }, 5)
    assert.equal(sendFive(set).length, 4)
    assert.equal(set.link.b.counters.rxCrcErrors, 1)
    assert.equal(drops(set.b.island, Reasons.CRC_ERROR), 1)
  })

  it("damage with a good one arrives, with every checksum filled in before: only they can tell", () => {
    const set = faulty({ _tag: "Corrupt", what: "payload" }, 1)
    for (const [bytes, at] of [
      [tcp(200, Tcp.ACK, 5), 0],
      [inVxlan(tcp(200, Tcp.ACK, 5)), 1e9]
    ] as const) {
      const frame = set.world.slab.from(bytes)
      set.world.slab.flags[frame] = CHECKSUM_PARTIAL
      set.a.island.ledger.created++
      set.link.a.send(frame, at)
      set.world.run(at + 1e9)
      const arrival = set.b.arrivals.at(-1)!
      assert.equal(arrival.flags, 0)
      const whole = bytes.slice()
      Checksum.fillTransport(whole, bytes.length - 240)
      let bits = 0
      whole.forEach((byte, i) => (bits += popCount(byte ^ arrival.bytes[i]!)))
      assert.equal(bits, 1)
    }
  })

  it("taps see what is sent, at last-bit time, and change nothing", () => {
    const plain = joined({ rate: GIGABIT, delay: 100, overhead: 0 })
    const tapped = joined({ rate: GIGABIT, delay: 100, overhead: 0 })
    const seen: Array<readonly [number, number]> = []
    const slab = tapped.world.slab
    tapped.link.addTap({ frame: (_end: LinkEnd, time, frame) => seen.push([time, slab.bytes[slab.start[frame]!]!]) })
    assert.deepEqual(sendFive(tapped), sendFive(plain))
    assert.equal(tapped.world.fingerprint(), plain.world.fingerprint())
    assert.deepEqual(
      seen,
      [0, 1, 2, 3, 4].map((i) => [1000 * (i + 1), i])
    )
  })
})

const popCount = (byte: number): number => byte.toString(2).replaceAll("0", "").length

const inVxlan = (inner: Uint8Array): Uint8Array => {
  const outer = udp({ payload: 8 + inner.length, destinationPort: 4789 })
  outer[40] = 0
  outer[41] = 0
  outer.set(inner, 50)
  return outer
}

describe("carrier", () => {
  it("a cut drops what has not left, and is seen one delay later", () => {
    const { world, a, b, link } = joined({ rate: GIGABIT, delay: 10_000, overhead: 0 })
    for (let i = 0; i < 4; i++) a.send(0, new Uint8Array(125).fill(i), 0) // last bits at 1000, 2000, 3000, 4000
    link.cutAt(2500)
    link.mendAt(2600)
    world.run(2700)
    a.send(0, new Uint8Array(125).fill(9), 2700)
    world.run(1e9)
    assert.deepEqual(
      b.arrivals.map((arrival) => [arrival.time, arrival.bytes[0]]),
      [
        [11_000, 0],
        [12_000, 1],
        [13_700, 9]
      ]
    )
    assert.deepEqual(b.carrier, [
      [12_500, false],
      [12_600, true]
    ])
    assert.deepEqual(a.carrier, b.carrier)
    assert.equal(drops(b.island, DropReason.LINK_DOWN), 2)
    assert.equal(imbalance(world), 0)
  })

  it("one direction alone can be cut", () => {
    const { world, a, b, link } = joined({ rate: GIGABIT, delay: 100, overhead: 0 })
    cableAt(link.a, 0, CABLE_SEVER)
    world.run(10)
    a.send(0, new Uint8Array(125), 10)
    b.send(0, new Uint8Array(125), 10)
    world.run(5000)
    assert.equal(b.arrivals.length, 0)
    assert.equal(a.arrivals.length, 1)
    assert.deepEqual(a.carrier, [])
    assert.deepEqual(b.carrier, [[100, false]])
    assert.equal(drops(a.island, DropReason.LINK_DOWN), 1)
    cableAt(link.a, 6000, CABLE_MEND)
    world.run(7000)
    a.send(0, new Uint8Array(125), 7000)
    world.run(1e6)
    assert.equal(b.arrivals.length, 1)
    assert.equal(imbalance(world), 0)
  })

  it("exactly the frames whose last bit had left arrive, whatever is cut and mended when (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2000), fc.constantFrom("send", "send", "send", "cut", "mend")), { maxLength: 60 }),
        fc.integer({ min: 1, max: 20_000 }),
        (steps, delay) => {
          const { world, a, b, link } = joined({ rate: GIGABIT, delay, overhead: 0 })
          let now = 1
          let free = 0
          let cut = false
          let next = 0
          let queue: Array<readonly [id: number, end: number]> = []
          const expected: Array<readonly [number, number]> = []
          for (const [gap, what] of steps) {
            now += gap
            world.run(now)
            if (what === "send") {
              a.send(0, new Uint8Array(125).fill(next), now)
              if (!cut) {
                free = Math.max(free, now) + 1000
                queue.push([next, free])
              }
              next++
            } else if (what === "cut") {
              link.a.sever(now)
              if (!cut) {
                expected.push(...queue.filter(([, end]) => end <= now).map(([id, end]) => [end + delay, id] as const))
                queue = []
                free = now
              }
              cut = true
            } else {
              link.a.mend(now)
              if (cut) free = Math.max(free, now)
              cut = false
            }
            // A sender into a dark cable keeps its wire busy; the model's clock must follow.
            if (cut && what === "send") free = Math.max(free, now) + 1000
          }
          world.run(1e9)
          for (const [id, end] of queue) expected.push([end + delay, id])
          assert.deepEqual(
            b.arrivals.map((arrival) => [arrival.time, arrival.bytes[0]]),
            expected
          )
          assert.equal(imbalance(world), 0)
          assert.equal(world.slab.live, 0)
        }
      ),
      { numRuns: cases(150) }
    ))
})
