import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Device from "../../src/Device.ts"
import { wakeQueue } from "../../src/DevXmit.ts"
import * as Drops from "../../src/Drops.ts"
import { Fq } from "../../src/qdisc/Fq.ts"
import { account, checkQuiet, inFlight, node, newWorld } from "../Bench.ts"
import { linux6x } from "../../src/Profile.ts"
import { type Bed, bed, portOf, send, socket, spec } from "./Bed.ts"

const fqOf = (made: Bed): Fq => {
  assert.ok(made.qdisc instanceof Fq)
  return made.qdisc
}
const dropsOf = (made: Bed, reason: number): number => made.host.island.ledger.byReason[reason] ?? 0

/** Gives each packet a departure time as TCP does: its socket counts as one of TCP's. */
const timed = (made: Bed, time: () => number): void => {
  const enqueue = made.qdisc.enqueue.bind(made.qdisc)
  made.qdisc.enqueue = (core, skb) => {
    Object.assign(skb.sk!, { protocol: 6 })
    skb.timestamp = time()
    return enqueue(core, skb)
  }
}

/** How late a packet may leave after its time: the timer's slack and what the host does until then. */
const LATE_MAX = 20_000

describe("fq", () => {
  it("keeps a socket to its rate from the end of its first quantum on, and sends all in order", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100_000, max: 100_000_000 }),
        fc.array(fc.integer({ min: 64, max: 1514 }), { minLength: 20, maxLength: 90 }),
        (rate, sizes) => {
          const made = bed("fq")
          const sock = socket(made.host, 9, rate)
          made.script.at(1000, (core) => sizes.forEach((bytes) => send(core, sock, bytes)))
          made.world.run(1e10)
          checkQuiet(made.world)
          assert.deepEqual(
            made.sent.map((frame) => frame.length),
            sizes
          )
          // Whole quanta are charged (a low rate: each packet), what is left of the first one is free.
          const { initialQuantum, quantum } = fqOf(made).settings
          let bytes = 0
          for (let i = 0; i < sizes.length; i++) {
            const allowed = ((made.times[i]! - made.times[0]!) * rate) / 1e9 + initialQuantum + 2 * quantum
            bytes += sizes[i]!
            assert.ok(bytes <= allowed, `packet ${i}: ${bytes} bytes where ${allowed} were allowed`)
          }
          const whole = (sizes.reduce((sum, size) => sum + size, 0) / rate) * 1e9
          assert.ok(made.times.at(-1)! - made.times[0]! <= whole + (sizes.length + 5) * LATE_MAX + 2e6)
        }
      ),
      { numRuns: cases(30) }
    )
  })

  it("is not held up without a rate: every packet takes the short way", () => {
    const made = bed("fq")
    const sock = socket(made.host, 9)
    made.script.at(1000, (core) => {
      for (let i = 0; i < 50; i++) send(core, sock, 1514)
    })
    made.world.run(1e9)
    assert.equal(made.sent.length, 50)
    assert.equal(fqOf(made).fastPackets, 50)
    assert.equal(fqOf(made).flows.size, 0)
  })

  it("shares the line between sockets that all have something: never a quantum and a packet apart", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 64, max: 1514 }), { minLength: 40, maxLength: 80 }), {
          minLength: 2,
          maxLength: 5
        }),
        (flows) => {
          const made = bed("fq")
          made.state.room = 0
          made.script.at(1000, (core) => {
            flows.forEach((sizes, flow) => {
              const sock = socket(made.host, 100 + flow)
              for (const size of sizes) send(core, sock, size)
            })
          })
          made.script.at(1_000_000, (core) => {
            made.state.room = Infinity
            wakeQueue(core, made.dev, 0)
          })
          made.world.run(1e9)
          checkQuiet(made.world)
          assert.equal(
            made.sent.length,
            flows.reduce((sum, sizes) => sum + sizes.length, 0)
          )
          const { initialQuantum, quantum } = fqOf(made).settings
          const got = flows.map(() => 0)
          const left = flows.map((sizes) => sizes.length)
          for (const frame of made.sent) {
            const flow = portOf(frame) - 100
            got[flow] = got[flow]! + frame.length
            left[flow] = left[flow]! - 1
            // The first ones may pass on the short way before there are flows.
            if (left.every((count) => count > 0)) {
              const spread = Math.max(...got) - Math.min(...got)
              assert.ok(spread <= initialQuantum + 2 * quantum + 8 * 1514, `apart by ${spread}`)
            }
          }
        }
      ),
      { numRuns: cases(20) }
    )
  })

  it("gives the bands 9 : 3 : 1 of the line", () => {
    const made = bed("fq flow_limit 4000 limit 8000")
    made.state.room = 0
    made.script.at(1000, (core) => {
      // One flow fills the short way first.
      const first = socket(made.host, 1)
      for (let i = 0; i < 9; i++) send(core, first, 1514)
      for (const [port, priority] of [
        [100, 6],
        [101, 0],
        [102, 2]
      ] as const) {
        const sock = socket(made.host, port)
        sock.priority = priority
        for (let i = 0; i < 2000; i++) send(core, sock, 1514)
      }
    })
    made.script.at(20_000_000, (core) => {
      made.state.room = 1800
      wakeQueue(core, made.dev, 0)
    })
    made.world.run(1e9)
    const counts = [100, 101, 102].map((port) => made.sent.filter((frame) => portOf(frame) === port).length)
    assert.ok(Math.abs(counts[0]! / counts[2]! - 9) < 1, counts.join(" "))
    assert.ok(Math.abs(counts[1]! / counts[2]! - 3) < 0.5, counts.join(" "))
  })

  it("sends a packet with a departure time then, neither before nor late, whatever the order of sockets", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 40 }), (times) => {
        const made = bed("fq")
        made.script.at(1000, (core) => {
          times.forEach((time, i) => {
            departs = 1_000_000 + time
            send(core, socket(made.host, 1 + i), 200)
          })
        })
        let departs = 0
        timed(made, () => departs)
        made.world.run(1e9)
        checkQuiet(made.world)
        assert.equal(made.times.length, times.length)
        made.times.forEach((time, i) => {
          const wanted = 1_000_000 + times[portOf(made.sent[i]!) - 1]!
          assert.ok(time >= wanted, `${time} is before ${wanted}`)
          assert.ok(time <= wanted + LATE_MAX, `${time} is too late for ${wanted}`)
        })
      }),
      { numRuns: cases(30) }
    )
  })

  it("drops beyond the limits of a flow, of a band and of the horizon, each with its reason", () => {
    const flows = bed("fq flow_limit 5 maxrate 8kbit")
    flows.script.at(1000, (core) => {
      const sock = socket(flows.host, 9)
      for (let i = 0; i < 30; i++) send(core, sock, 1514)
    })
    flows.world.run(1_000_000)
    assert.equal(dropsOf(flows, Drops.FQ_FLOW_LIMIT), 30 - 5 - flows.sent.length)
    assert.equal(fqOf(flows).flowLimitDrops, 30 - 5 - flows.sent.length)

    const bands = bed("fq limit 20 maxrate 8kbit")
    bands.script.at(1000, (core) => {
      const sock = socket(bands.host, 9)
      for (let i = 0; i < 60; i++) send(core, sock, 1514)
    })
    bands.world.run(1_000_000)
    assert.ok(bands.sent.length >= 1)
    assert.equal(dropsOf(bands, Drops.FQ_BAND_LIMIT), 60 - 20 - bands.sent.length)
    assert.equal(fqOf(bands).bandDrops[1], 60 - 20 - bands.sent.length)

    const horizon = bed("fq horizon 1s")
    timed(horizon, () => 5_000_000_000)
    horizon.script.at(1000, (core) => send(core, socket(horizon.host, 9), 100))
    horizon.world.run(1e9)
    assert.equal(dropsOf(horizon, Drops.FQ_HORIZON_LIMIT), 1)
    fqOf(horizon).change(horizon.host.cores[0]!, { ...fqOf(horizon).settings, horizonDrop: false })
    horizon.script.at(1_000_001_000, (core) => send(core, socket(horizon.host, 9), 100))
    horizon.world.run(3e9)
    assert.equal(fqOf(horizon).horizonCaps, 1)
    assert.ok(Math.abs(horizon.times[0]! - 2_000_001_000) < LATE_MAX)
    for (const each of [flows, bands, horizon]) checkQuiet(each.world)
  })

  it("paces flows that have no rate of their own at maxrate, and nothing with nopacing", () => {
    const times = (text: string): ReadonlyArray<number> => {
      const made = bed(text)
      made.script.at(1000, (core) => {
        const sock = socket(made.host, 9)
        for (let i = 0; i < 40; i++) send(core, sock, 1514)
      })
      made.world.run(1e9)
      assert.equal(made.sent.length, 40)
      return made.times
    }
    const paced = times("fq maxrate 80mbit")
    // 10 MB a second: a quantum of 3,028 bytes each 302.8 us, after ten free packets.
    assert.ok(paced.at(-1)! - paced[0]! > 14 * 302_800 && paced.at(-1)! - paced[0]! < 16 * 320_000)
    const free = times("fq maxrate 80mbit nopacing")
    assert.ok(free.at(-1)! - free[0]! < 200_000)
  })

  it("forgets flows that were idle for three seconds when another one comes", () => {
    const made = bed("fq maxrate 80mbit")
    for (let second = 0; second < 10; second++) {
      made.script.at(1000 + second * 1e9, (core) => {
        const sock = socket(made.host, 100 + second)
        for (let i = 0; i < 20; i++) send(core, sock, 1514)
      })
    }
    made.world.run(1e10)
    const fq = fqOf(made)
    assert.equal(fq.flows.size + fq.collected, 10)
    assert.ok(fq.flows.size <= 5, `${fq.flows.size} flows`)
    assert.equal(fq.inactive, fq.flows.size)
  })

  it("all TX queues of a device share it as root; the packets keep their queues", () => {
    const world = newWorld()
    const a = node(world, "a", linux6x, "10.0.0.1", { txQueues: 4, rxQueues: 4 }, 4)
    Device.setQdisc(null, a.igb.dev, spec("fq"))
    assert.equal(Device.qdiscsOf(a.igb.dev).length, 1)
    assert.equal(new Set(a.igb.dev.qdiscs).size, 1)
    Device.setQdisc(null, a.igb.dev, null)
    assert.equal(new Set(a.igb.dev.qdiscs).size, 4)
  })
})

describe("frames that fq holds", () => {
  const full = (): Bed => {
    const made = bed("fq maxrate 80kbit")
    made.script.at(1000, (core) => {
      const sock = socket(made.host, 9)
      for (let i = 0; i < 40; i++) send(core, sock, 1514)
    })
    made.world.run(50_000_000)
    assert.ok(made.qdisc.length > 20)
    return made
  }

  it("are in flight when the run ends", () => {
    const made = full()
    checkQuiet(made.world)
    assert.equal(inFlight(made.world), made.qdisc.length)
    made.world.run(60e9)
    assert.equal(made.sent.length, 40)
    assert.equal(inFlight(made.world), 0)
  })

  const ends: Readonly<Record<string, readonly [number, (made: Bed) => void]>> = {
    "the device goes down": [Drops.DEVICE_DOWN, ({ dev }) => Device.down(null, dev)],
    "the cable is pulled": [Drops.QDISC_DROP, ({ dev }) => Device.setCarrier(dev, false)],
    "another qdisc takes its place": [Drops.QDISC_DROP, ({ dev }) => Device.setQdisc(null, dev, spec("pfifo"))],
    "the device is gone": [Drops.DEVICE_DOWN, ({ dev }) => Device.unregister(null, dev)],
    "the host loses its power": [DropReason.HOST_DOWN, ({ host }) => host.crash()]
  }
  for (const [what, [reason, end]] of Object.entries(ends)) {
    it(`end when ${what}`, () => {
      const made = full()
      const { length } = made.qdisc
      end(made)
      checkQuiet(made.world)
      assert.equal(dropsOf(made, reason), length)
      assert.equal(made.qdisc.length, 0)
      assert.equal(inFlight(made.world), 0)
      made.world.run(60e9)
      checkQuiet(made.world)
      const { created, delivered, dropped } = account(made.world)
      assert.equal(created, delivered + dropped)
    })
  }

  it("end with their namespace", () => {
    const made = full()
    const net = made.host.createNetns("other")
    assert.ok(typeof net !== "number")
    const { length } = made.qdisc
    assert.equal(Device.moveTo(null, made.dev, net), 0)
    assert.equal(dropsOf(made, Drops.DEVICE_DOWN), length)
    assert.equal(made.dev.qdiscs[0]!.kind, "pfifo_fast")
    made.host.destroyNetns(null, net)
    checkQuiet(made.world)
  })
})
