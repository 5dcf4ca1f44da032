import assert from "node:assert/strict"
import * as fc from "fast-check"
import { cases } from "@darkfiber/tooling/Cases"
import * as DropReason from "@darkfiber/sim/DropReason"
import { CHECKSUM_PARTIAL, CHECKSUM_VERIFIED } from "@darkfiber/sim/FrameSlab"
import { World } from "@darkfiber/sim/World"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import { describe, it } from "vitest"
import { IDLE } from "../src/cpu/Core.ts"
import { Link, type LinkOptions } from "../src/link/Link.ts"
import { Nic } from "../src/nic/Nic.ts"
import type { NicOptions } from "../src/nic/NicOptions.ts"
import { nextLevel } from "../src/nic/Vector.ts"
import * as Reasons from "../src/Reasons.ts"
import { Driver, FRAME_COST, IRQ_COST } from "./Driver.ts"
import { drops, imbalance, ip, Sink, statistic as value, tcp, udp } from "./Kit.ts"

const GIGABIT = 1_000_000_000

interface Setting {
  readonly world: World
  readonly nic: Nic
  readonly driver: Driver
  readonly peer: Sink
  readonly link: Link
}

const setting = (options: Partial<NicOptions>, wire: Partial<LinkOptions> = {}, cores = 1): Setting => {
  const world = new World(3)
  const host = world.newIsland("host")
  const nic = new Nic(host, "host/eth0", { mac: MacAddress.local(2), ...options })
  const driver = new Driver(host, nic, cores)
  const peer = new Sink(world.newIsland("peer"), "peer")
  const link = new Link(world, "wire", { rate: 10 * GIGABIT, delay: 1000, overhead: 0, ...wire })
  nic.connect(link.a)
  peer.plug(link.b)
  return { world, nic, driver, peer, link }
}

describe("receiving", () => {
  it("goes from the wire through hard IRQ and poll to the driver, one interrupt for an isolated frame", () => {
    const { world, nic, driver, peer } = setting({})
    const bytes = udp({ payload: 58 }) // 100 bytes: 80 ns
    peer.send(0, bytes, 0)
    world.run(1e9)
    assert.deepEqual(driver.taken[0]!.bytes, bytes)
    assert.equal(driver.taken[0]!.arrivedAt, 1080)
    assert.equal(driver.taken[0]!.takenAt, 1080 + IRQ_COST)
    assert.equal(nic.interrupts(0), 1)
    assert.equal(value(nic, "rx_packets"), 1)
    assert.equal(value(nic, "rx_bytes"), 104)
    assert.equal(value(nic, "rx_queue_0_packets"), 1)
    assert.equal(imbalance(world), 0)
    assert.equal(world.slab.live, 0)
  })

  it("polls a burst with one interrupt, because the vector is masked meanwhile", () => {
    const { world, nic, driver, peer } = setting({})
    for (let i = 0; i < 100; i++) peer.send(0, udp({ payload: 58 }), 0)
    world.run(1e9)
    assert.equal(driver.taken.length, 100)
    assert.equal(nic.interrupts(0), 1)
    for (const taken of driver.taken) assert.ok(taken.takenAt >= taken.arrivedAt)
    // The poll never waits: the frames come faster than it takes them.
    assert.equal(driver.taken.at(-1)!.takenAt, 1080 + IRQ_COST + 99 * FRAME_COST)
  })

  it("a ring of R has R-1 places: a burst loses what F16 says (property)", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 80, max: 300 }),
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 100, max: 900 }),
        (ring, burst, cost) => {
          const { world, nic, driver, peer } = setting({ rxRing: ring })
          driver.frameCost = cost
          for (let i = 0; i < burst; i++) peer.send(0, udp({ payload: 58 }), 0) // 80 ns each
          world.run(1e9)
          const lost = burst - driver.taken.length
          const lambda = 1 / 80
          const mu = 1 / cost
          // The drain starts one hard IRQ late.
          const predicted = Math.max(0, burst * (1 - mu / lambda) + IRQ_COST / cost - (ring - 1))
          assert.ok(Math.abs(lost - predicted) <= 3, `${lost} lost, ${predicted} predicted`)
          assert.equal(drops(nic.island, Reasons.RX_MISSED), lost)
          assert.equal(value(nic, "rx_missed_errors"), lost)
          assert.equal(value(nic, "rx_fifo_errors"), lost)
          assert.equal(value(nic, "rx_queue_0_drops"), lost)
          assert.equal(imbalance(world), 0)
        }
      ),
      { numRuns: cases(30) }
    ))

  it("with several queues drops count as rx_fifo_errors only", () => {
    const { world, nic, driver, peer } = setting({ rxRing: 80, rxQueues: 2 })
    driver.refills = false
    for (let i = 0; i < 400; i++) peer.send(0, udp({ from: i }), i)
    world.run(1e9)
    assert.equal(driver.taken.length, 2 * 79)
    assert.equal(value(nic, "rx_fifo_errors"), 400 - 158)
    assert.equal(value(nic, "rx_missed_errors"), 0)
    assert.equal(value(nic, "rx_queue_0_drops") + value(nic, "rx_queue_1_drops"), 400 - 158)
  })

  it("without a handler for its vector the ring fills and the rest is missed", () => {
    const { world, nic, peer } = setting({ rxRing: 80 })
    nic.setVector(0, null, -1)
    for (let i = 0; i < 100; i++) peer.send(0, udp(), i)
    world.run(1e9)
    assert.equal(value(nic, "rx_missed_errors"), 21)
    assert.equal(nic.rxReady(0, 1e9), 79)
    assert.equal(imbalance(world), 0)
  })

  it("filters by address unless promiscuous; groups and broadcast pass", () => {
    const { world, nic, driver, peer } = setting({})
    peer.send(0, udp({ destination: MacAddress.local(77) }), 0)
    peer.send(0, udp({ destination: MacAddress.broadcast }), 0)
    peer.send(0, udp({ destination: MacAddress.ofIpv4Multicast(ip("224.0.0.1")) }), 0)
    world.run(1e6)
    assert.equal(driver.taken.length, 2)
    assert.equal(drops(nic.island, Reasons.NIC_FILTER), 1)
    nic.promiscuous = true
    peer.send(0, udp({ destination: MacAddress.local(77) }), 1e6)
    nic.mac = MacAddress.local(78)
    world.run(2e6)
    assert.equal(driver.taken.length, 3)
    assert.equal(value(nic, "rx_broadcast"), 1)
    assert.equal(value(nic, "rx_multicast"), 1)
  })

  it("spreads flows over queues and keeps each flow in one", () => {
    const { world, driver, peer } = setting({ rxQueues: 4, rssUdpPorts: true }, {}, 4)
    for (let i = 0; i < 400; i++) peer.send(0, udp({ sourcePort: 1000 + (i % 100) }), i * 1000)
    world.run(1e9)
    const queueOf = new Map<number, number>()
    const perQueue = [0, 0, 0, 0]
    for (const taken of driver.taken) {
      const port = (taken.bytes[34]! << 8) | taken.bytes[35]!
      assert.equal(queueOf.get(port) ?? taken.queue, taken.queue)
      queueOf.set(port, taken.queue)
      perQueue[taken.queue]!++
    }
    assert.equal(driver.taken.length, 400)
    for (const count of perQueue) assert.ok(count >= 50, perQueue.join())
  })

  it("verifies checksums and says so; a wrong one is handed on unverified and counted", () => {
    const { world, nic, driver, peer } = setting({})
    const wrong = udp()
    wrong[50]! ^= 1
    peer.send(0, udp(), 0)
    peer.send(0, wrong, 0)
    world.run(1e9)
    assert.deepEqual(
      driver.taken.map((taken) => taken.flags & CHECKSUM_VERIFIED),
      [CHECKSUM_VERIFIED, 0]
    )
    assert.equal(value(nic, "rx_csum_errors"), 1)
  })

  it("survives any bytes (property)", () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 120 }), { maxLength: 20 }), (frames) => {
        const { world, nic, peer } = setting({ rxQueues: 4 }, {}, 2)
        nic.promiscuous = true
        frames.forEach((bytes, i) => peer.send(0, bytes, i * 10))
        world.run(1e9)
        assert.equal(imbalance(world), 0)
        assert.equal(world.slab.live, 0)
        assert.deepEqual(world.defects, [])
      }),
      { numRuns: cases(100) }
    ))

  it("arrivals for a masked queue do not stop the core, and nothing is lost or late (property)", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 80 }), (gaps) => {
        const { world, nic, driver, peer } = setting({})
        let at = 0
        for (const gap of gaps) peer.send(0, udp({ payload: 58 }), (at += gap))
        world.run(1e9)
        // One server: each frame is taken at its arrival plus an interrupt, or right behind the one before.
        let free = 0
        let wire = 0
        let sent = 0
        driver.taken.forEach((taken, i) => {
          sent += gaps[i]!
          wire = Math.max(wire, sent) + 80
          const arrival = wire + 1000
          assert.equal(taken.arrivedAt, arrival)
          const start = arrival <= free ? free : arrival + IRQ_COST
          assert.equal(taken.takenAt, start)
          free = start + FRAME_COST
        })
        assert.equal(driver.taken.length, gaps.length)
        const core = driver.cores[0]!
        core.settle(1e9)
        assert.equal(
          core.usage.reduce((sum, part) => sum + part, 0),
          1e9
        )
        assert.equal(1e9 - core.usage[IDLE]!, nic.interrupts(0) * IRQ_COST + gaps.length * FRAME_COST)
      }),
      { numRuns: cases(100) }
    ))
})

describe("interrupt moderation", () => {
  const every = (gapNs: number, count: number, options: Partial<NicOptions>): { nic: Nic; driver: Driver } => {
    const { world, nic, driver, peer } = setting(options)
    for (let i = 0; i < count; i++) peer.send(0, udp({ payload: 58 }), i * gapNs)
    world.run(1e10)
    assert.equal(driver.taken.length, count)
    return { nic, driver }
  }

  it("rx-usecs 0 gives one interrupt a packet at a rate the core keeps up with", () => {
    assert.equal(every(10_000, 200, {}).nic.interrupts(0), 200)
  })

  it("F17: min(pps, 10^6 / rx-usecs) interrupts a second, and no frame waits longer than rx-usecs", () => {
    for (const moderation of ["gap", "delay"] as const) {
      const { nic, driver } = every(10_000, 1000, { moderation, rxUsecs: 50 })
      // 10 ms of traffic at 100,000 a second; 20,000 interrupts a second.
      const interrupts = nic.interrupts(0)
      assert.ok(interrupts >= 160 && interrupts <= 201, `${moderation}: ${interrupts}`)
      for (const taken of driver.taken) {
        const waited = taken.takenAt - taken.arrivedAt
        assert.ok(waited <= 50_000 + IRQ_COST + 6 * FRAME_COST, `${waited}`)
      }
    }
  })

  it("an isolated frame is not held by a gap, and is held rx-usecs by a delay", () => {
    const gap = every(1_000_000, 5, { moderation: "gap", rxUsecs: 100 })
    const delay = every(1_000_000, 5, { moderation: "delay", rxUsecs: 100 })
    assert.deepEqual(
      gap.driver.taken.map((taken) => taken.takenAt - taken.arrivedAt),
      Array(5).fill(IRQ_COST)
    )
    assert.deepEqual(
      delay.driver.taken.map((taken) => taken.takenAt - taken.arrivedAt),
      Array(5).fill(100_000 + IRQ_COST)
    )
  })

  it("rx-frames raises it before the time is up", () => {
    const { nic } = every(2000, 100, { moderation: "delay", rxUsecs: 1000, rxFrames: 10 })
    const interrupts = nic.interrupts(0)
    assert.ok(interrupts >= 8 && interrupts <= 11, `${interrupts}`)
  })

  it("adaptive: bulk traffic comes down to about 4,000 interrupts a second", () => {
    const { world, nic, peer } = setting({ moderation: "adaptive" })
    // 32 full frames in a gap of 245 us: between the bounds of both levels.
    for (let i = 0; i < 8000; i++) peer.send(0, udp({ payload: 1458 }), i * 7700)
    world.run(1e10)
    const perSecond = nic.interrupts(0) / (8000 * 7700e-9)
    assert.ok(perSecond > 3000 && perSecond < 5500, `${perSecond}`)
    assert.equal(nextLevel(1, 2, 200), 0)
    assert.equal(nextLevel(1, 5, 8000), 1)
    assert.equal(nextLevel(1, 40, 40 * 1400), 2)
    assert.equal(nextLevel(2, 1, 200), 1)
    assert.equal(nextLevel(0, 2, 20_000), 2)
  })
})

describe("sending", () => {
  it("sends the head's bytes and completes at the last bit", () => {
    const { world, nic, driver, peer } = setting({})
    const bytes = udp({ payload: 58 })
    driver.post(0, bytes, 500, (packet) => (packet.cookie = "first"))
    world.run(1e9)
    assert.deepEqual(peer.arrivals[0]!.bytes, bytes)
    assert.equal(peer.arrivals[0]!.time, 500 + 80 + 1000)
    assert.deepEqual(driver.completions, [["first", 580, 580 + IRQ_COST]])
    assert.equal(value(nic, "tx_packets"), 1)
    assert.equal(nic.txFree(0), 255)
  })

  it("takes queues in turn, packet by packet, and keeps the order within a queue", () => {
    const { world, driver, peer } = setting({ txQueues: 3 }, {}, 1)
    const send = (q: number, id: number): void => {
      driver.post(q, udp({ sourcePort: id, payload: 958 }), 0) // 800 ns each
    }
    for (const id of [0, 1, 2]) send(0, id)
    for (const id of [10, 11]) send(1, id)
    for (const id of [20]) send(2, id)
    world.run(1e9)
    const order = peer.arrivals.map(({ bytes }) => (bytes[34]! << 8) | bytes[35]!)
    assert.deepEqual(order, [0, 10, 20, 1, 11, 2])
    assert.deepEqual(
      peer.arrivals.map(({ time }) => time),
      [1800, 2600, 3400, 4200, 5000, 5800]
    )
    assert.equal(imbalance(world), 0)
  })

  it("keeps the wire busy without gaps and completes each packet, whatever is posted when (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2000), fc.nat(1), fc.integer({ min: 18, max: 1400 })), { maxLength: 60 }),
        (posts) => {
          const { world, nic, driver, peer } = setting({ txQueues: 2, rxQueues: 2, txRing: 300 }, {}, 1)
          let now = 0
          let free = 0
          const ends: Array<number> = []
          for (const [gap, queue, payload] of posts) {
            now += gap
            world.run(now)
            driver.post(queue, udp({ payload }), now)
          }
          // The wire is work conserving: its busy periods do not depend on the order of service.
          let busy = 0
          now = 0
          for (const [gap, , payload] of posts) {
            now += gap
            const time = Math.ceil((payload + 42) * 0.8 - 1e-9)
            free = Math.max(free, now) + time
            busy += time
            ends.push(free)
          }
          world.run(1e9)
          assert.equal(peer.arrivals.length, posts.length)
          assert.equal(driver.completions.length, posts.length)
          if (posts.length > 0) assert.equal(peer.arrivals.at(-1)!.time, ends.at(-1)! + 1000)
          assert.equal(nic.link!.counters.busy, busy)
          assert.equal(nic.txFree(0), 299)
          assert.equal(nic.txFree(1), 299)
          for (const [, doneAt, seenAt] of driver.completions) assert.ok(seenAt >= doneAt)
          assert.equal(imbalance(world), 0)
        }
      ),
      { numRuns: cases(80) }
    ))

  it("a stream while masked completes without any interrupt", () => {
    const { world, nic, driver } = setting({})
    nic.mask(0)
    for (let i = 0; i < 50; i++) driver.post(0, udp(), i)
    world.run(1e6)
    assert.equal(driver.completions.length, 0)
    assert.equal(nic.interrupts(0), 0)
    nic.unmask(0, 1e6)
    world.run(2e6)
    assert.equal(nic.interrupts(0), 1)
    assert.equal(driver.completions.length, 50)
  })

  it("unmasking before the last bit has left waits for it", () => {
    const { world, nic, driver } = setting({})
    nic.mask(0)
    driver.post(0, udp({ payload: 958 }), 0)
    nic.unmask(0, 0)
    world.run(1e6)
    assert.deepEqual(
      driver.completions.map(([, doneAt, seenAt]) => [doneAt, seenAt]),
      [[800, 800 + IRQ_COST]]
    )
  })

  it("a given-away head goes out without a copy, at an aligned start", () => {
    const { world, driver, peer } = setting({})
    const bytes = udp({ payload: 31 })
    const slab = world.slab
    const shifted = new Uint8Array(bytes.length + 2)
    shifted.set(bytes, 2)
    driver.post(0, shifted, 0, (packet) => {
      packet.headAt += 2
      packet.headLength -= 2
      packet.giveAway = true
    })
    assert.equal(slab.live, 1)
    assert.equal(slab.start[0]! % 4, 0)
    world.run(1e9)
    assert.deepEqual(peer.arrivals[0]!.bytes, bytes)
    assert.equal(slab.live, 0)
  })

  it("refuses more descriptors than are free, and a wrong segment count", () => {
    const { driver, nic } = setting({ txRing: 80 })
    assert.throws(() => driver.post(0, udp(), 0, (packet) => (packet.segments = 2)), /2 segments stated, 1 to cut/)
    assert.throws(() => driver.post(0, udp(), 0, (packet) => (packet.descriptors = 80)), /80 descriptors, 79 free/)
    assert.equal(nic.txFree(0), 79)
  })

  it("drops what it has to send while it hears no light, and completes it", () => {
    const { world, nic, driver, link, peer } = setting({})
    link.cutAt(0)
    world.run(5000)
    for (let i = 0; i < 3; i++) driver.post(0, udp(), 5000)
    world.run(1e6)
    assert.equal(driver.completions.length, 3)
    assert.equal(peer.arrivals.length, 0)
    assert.equal(value(nic, "tx_carrier_errors"), 3)
    assert.equal(drops(nic.island, DropReason.LINK_DOWN), 3)
    assert.equal(imbalance(world), 0)
  })

  it("tells the driver about the carrier, and goes dark when closed", () => {
    const { world, nic, link, peer } = setting({})
    const seen: Array<readonly [boolean, number]> = []
    nic.onCarrier = { carrierChanged: (_nic, up, now) => seen.push([up, now]) }
    link.cutAt(100)
    link.mendAt(300)
    world.run(5000)
    assert.deepEqual(seen, [
      [false, 1100],
      [true, 1300]
    ])
    nic.close(5000)
    peer.send(0, udp(), 5000)
    world.run(8000)
    assert.deepEqual(peer.carrier.at(-1), [6000, false])
    assert.equal(drops(nic.island, Reasons.NIC_CLOSED), 1)
    nic.open(8000)
    world.run(10_000)
    assert.deepEqual(peer.carrier.at(-1), [9000, true])
    assert.equal(imbalance(world), 0)
  })

  it("a crash drops what it holds, and a new card takes the cable over", () => {
    const { world, nic, driver, peer, link } = setting({})
    nic.setVector(0, null, -1)
    for (let i = 0; i < 5; i++) peer.send(0, udp(), i)
    for (let i = 0; i < 4; i++) driver.post(0, udp({ payload: 1400 }), 0)
    world.run(1300)
    nic.alive = false
    nic.abandon(DropReason.HOST_DOWN)
    assert.equal(imbalance(world), 0)
    assert.equal(drops(nic.island, DropReason.HOST_DOWN), 5 + 2)
    world.run(1e6)
    assert.equal(drops(peer.island, DropReason.LINK_DOWN), 1) // cut in mid-serialisation
    assert.equal(peer.arrivals.length, 1)
    const again = new Nic(nic.island, "host/eth0/1", { mac: MacAddress.local(2) })
    again.connect(link.a)
    again.rxRefill(0, 10)
    peer.send(0, udp(), 2e6)
    world.run(3e6)
    assert.equal(again.rxReady(0, 3e6), 1)
    assert.deepEqual(peer.carrier.at(-1)?.[1], true)
    assert.equal(imbalance(world), 0)
  })
})

describe("TSO", () => {
  const PAGE = 4096

  /** Posts a super-segment whose payload lies partly in the head and partly in pages cut at random places. */
  const superSegment = (
    set: Setting,
    payload: Uint8Array,
    inHead: number,
    cuts: ReadonlyArray<number>,
    mss: number,
    flags: number
  ): Uint8Array => {
    const header = tcp(0, flags, 0xffff_f000 | 0).slice()
    Ipv4.setTotalLength(header, 14, Math.min(65_535, 40 + payload.length))
    Ipv4.writeChecksum(header, 14)
    const head = new Uint8Array(54 + inHead)
    head.set(header)
    head.set(payload.subarray(0, inHead), 54)
    const pages = set.world.pages
    set.driver.post(0, head, 0, (packet) => {
      let at = inHead
      let cut = 0
      while (at < payload.length) {
        const page = pages.alloc()
        const offset = cuts[cut % cuts.length]! % 2000
        const last = packet.fragCount === 16
        const room = PAGE - offset
        const size = Math.min(
          payload.length - at,
          last ? room : Math.min(room, 800 + (cuts[cut % cuts.length]! % 2500))
        )
        pages.bytes.set(payload.subarray(at, at + size), pages.offset(page) + offset)
        const row = packet.fragCount * 3
        packet.setFrag(row, page)
        packet.setFrag(row + 1, offset)
        packet.setFrag(row + 2, size)
        packet.fragCount++
        at += size
        cut++
        if (last) break
      }
      assert.equal(at, payload.length)
      packet.gsoSize = mss
      packet.segments = Math.ceil(payload.length / mss)
      packet.headerLength = 54
      packet.checksumStart = 34
      packet.checksumOffset = Tcp.checksumOffset
      packet.descriptors = 2 + packet.fragCount
    })
    return header
  }

  const checkSegments = (
    arrivals: ReadonlyArray<{ readonly bytes: Uint8Array; readonly flags: number }>,
    payload: Uint8Array,
    mss: number,
    flags: number,
    filled: boolean
  ): void => {
    assert.equal(arrivals.length, Math.ceil(payload.length / mss))
    arrivals.forEach(({ bytes, flags: frameFlags }, i) => {
      const part = payload.subarray(i * mss, (i + 1) * mss)
      const isLast = i === arrivals.length - 1
      assert.deepEqual(bytes.subarray(54), part)
      assert.equal(Ipv4.totalLength(bytes, 14), 40 + part.length)
      assert.equal(Ipv4.identification(bytes, 14), (0xfffe + i) & 0xffff)
      assert.ok(Ipv4.verifyChecksum(bytes, 14))
      assert.equal(Tcp.sequence(bytes, 34), (0xffff_f000 + i * mss) | 0)
      let want = flags
      if (!isLast) want &= ~(Tcp.FIN | Tcp.PSH)
      if (i > 0) want &= ~Tcp.CWR
      assert.equal(Tcp.flags(bytes, 34), want)
      const copy = bytes.slice()
      if (!filled) {
        assert.equal(frameFlags & CHECKSUM_PARTIAL, CHECKSUM_PARTIAL)
        Checksum.finishPartial(copy, 34, Tcp.checksumOffset, copy.length)
      } else assert.equal(frameFlags & CHECKSUM_PARTIAL, 0)
      assert.ok(Checksum.verifyTransport(copy, 14), `segment ${i}`)
    })
  }

  it("cuts any super-segment into the frames a software stack would send (property)", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12_000 }),
        fc.integer({ min: 100, max: 1460 }),
        fc.nat(300),
        fc.array(fc.nat(10_000), { minLength: 1, maxLength: 6 }),
        fc.nat(255),
        fc.boolean(),
        (length, mss, inHead, cuts, flags, filled) => {
          const set = setting({ checksums: filled ? "filled" : "carried" })
          const payload = Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8))
          superSegment(set, payload, Math.min(inHead, length), cuts, mss, flags)
          set.world.run(1e9)
          checkSegments(set.peer.arrivals, payload, mss, flags, filled)
          assert.equal(imbalance(set.world), 0)
        }
      ),
      { numRuns: cases(150) }
    ))

  it("frames leave back to back, and the completion comes with the last one", () => {
    const set = setting({})
    const payload = new Uint8Array(14_480)
    superSegment(set, payload, 0, [2999], 1448, Tcp.ACK)
    set.world.run(1e9)
    const times = set.peer.arrivals.map(({ time }) => time)
    for (let i = 0; i < 10; i++) assert.equal(times[i], Math.ceil(1502 * 0.8) * (i + 1) + 1000)
    assert.equal(set.driver.completions[0]![1], Math.ceil(1502 * 0.8) * 10)
    assert.equal(value(set.nic, "tx_packets"), 10)
    assert.equal(value(set.nic, "tx_tcp_seg_good"), 1)
    assert.equal(value(set.nic, "tx_queue_0_bytes"), 10 * 1502)
  })

  it("cuts when the wire is free, not at the doorbell: what is not started is one packet in flight", () => {
    const set = setting({})
    superSegment(set, new Uint8Array(14_480), 0, [2999], 1448, Tcp.ACK)
    superSegment(set, new Uint8Array(14_480), 0, [2999], 1448, Tcp.ACK)
    let weight = 0
    set.nic.walkFrames((part) => (weight += part))
    assert.equal(weight, 10)
    // heads of both, and the wire frames of the first only
    assert.equal(set.world.slab.live, 2 + 10)
    assert.equal(imbalance(set.world), 0)
  })

  it("carries or fills the checksum of a packet that needs no cutting", () => {
    for (const checksums of ["carried", "filled"] as const) {
      const set = setting({ checksums })
      const bytes = tcp(100, Tcp.ACK, 1)
      set.driver.post(0, bytes, 0, (packet) => {
        packet.checksumStart = 34
        packet.checksumOffset = Tcp.checksumOffset
      })
      set.world.run(1e9)
      const arrival = set.peer.arrivals[0]!
      if (checksums === "carried") {
        assert.deepEqual(arrival.bytes, bytes)
        assert.equal(arrival.flags, CHECKSUM_PARTIAL)
      } else {
        assert.ok(Checksum.verifyTransport(arrival.bytes, 14))
        assert.equal(arrival.flags, CHECKSUM_VERIFIED)
      }
    }
  })
})
