import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Device from "../../src/Device.ts"
import { wakeQueue } from "../../src/DevXmit.ts"
import * as Drops from "../../src/Drops.ts"
import { NET_XMIT_CN } from "../../src/NetDevice.ts"
import { FqCodel } from "../../src/qdisc/FqCodel.ts"
import { checkQuiet, inFlight } from "../Bench.ts"
import { type Bed, bed, portOf, send, socket } from "./Bed.ts"

const MS = 1_000_000

const codelOf = (made: Bed): FqCodel => {
  assert.ok(made.qdisc instanceof FqCodel)
  return made.qdisc
}
const dropsOf = (made: Bed, reason: number): number => made.host.island.ledger.byReason[reason] ?? 0

/** The driver takes one packet each `gap` ns: a line of its own. */
const drain = (made: Bed, gap: number, from: number, to: number): void => {
  made.state.room = 0
  for (let time = from; time < to; time += gap) {
    made.script.at(time, (core) => {
      made.state.room = made.sent.length + 1
      wakeQueue(core, made.dev, 0)
    })
  }
}

/** Sends a packet each `gap` ns. */
const feed = (made: Bed, port: number, gap: number, from: number, to: number, tos = 0): void => {
  const sock = socket(made.host, port)
  sock.tos = tos
  for (let time = from; time < to; time += gap) made.script.at(time, (core) => send(core, sock, 1000))
}

const ECT0 = 2
const isCe = (frame: Uint8Array): boolean => (frame[15]! & 3) === 3

describe("fq_codel", () => {
  it("lets everything pass by while nothing waits", () => {
    const made = bed("fq_codel")
    feed(made, 9, MS, 1000, 50 * MS)
    made.world.run(1e9)
    assert.equal(made.sent.length, 50)
    assert.equal(codelOf(made).enqueued, 0)
  })

  it("drops nothing of a burst that is gone within an interval", () => {
    const made = bed("fq_codel")
    drain(made, MS / 2, 2 * MS, 200 * MS)
    feed(made, 9, 10_000, 1000, 1_500_000)
    made.world.run(1e9)
    assert.equal(made.qdisc.dropped, 0)
    assert.equal(made.qdisc.length, 0)
  })

  it("drops ever more often while packets wait longer than the target: by the square root", () => {
    const made = bed("fq_codel")
    // Twice what the line takes.
    drain(made, MS, 2 * MS, 2000 * MS)
    feed(made, 9, MS / 2, 1000, 2000 * MS)
    const times: Array<number> = []
    const drop = made.host.dropSkb.bind(made.host)
    made.host.dropSkb = (core, skb, reason) => {
      if (reason === Drops.QDISC_CONGESTED) times.push(core!.time)
      drop(core, skb, reason)
    }
    made.world.run(2000 * MS)
    checkQuiet(made.world)
    assert.ok(times.length > 20, `${times.length} drops`)
    // Above the target for an interval first.
    assert.ok(times[0]! > 100 * MS && times[0]! < 120 * MS, `first at ${times[0]}`)
    times.slice(1, 20).forEach((time, i) => {
      const gap = time - times[i]!
      const wanted = (100 * MS) / Math.sqrt(i + 1)
      // The line lets it look once a millisecond.
      assert.ok(Math.abs(gap - wanted) <= 1.1 * MS, `gap ${i}: ${gap} is not ${wanted}`)
    })
  })

  it("marks packets that understand ECN instead, with a right checksum, unless it is told noecn", () => {
    const one = (text: string, tos: number): Bed => {
      const made = bed(text)
      drain(made, MS, 2 * MS, 800 * MS)
      feed(made, 9, MS / 2, 1000, 800 * MS, tos)
      made.world.run(800 * MS)
      checkQuiet(made.world)
      return made
    }
    const marked = one("fq_codel", ECT0)
    assert.equal(dropsOf(marked, Drops.QDISC_CONGESTED), 0)
    const marks = marked.sent.filter(isCe)
    assert.ok(marks.length > 5)
    assert.equal(codelOf(marked).ecnMarks, marks.length)
    for (const frame of marks) {
      let sum = 0
      for (let at = 14; at < 34; at += 2) sum += (frame[at]! << 8) | frame[at + 1]!
      assert.equal((sum % 65_535) + 0, 0, "the IP header's checksum")
    }
    assert.ok(dropsOf(one("fq_codel", 0), Drops.QDISC_CONGESTED) > 5)
    const told = one("fq_codel noecn", ECT0)
    assert.equal(told.sent.filter(isCe).length, 0)
    assert.ok(dropsOf(told, Drops.QDISC_CONGESTED) > 5)
    const early = one("fq_codel ce_threshold 1ms", ECT0)
    assert.ok(early.sent.filter(isCe).length > 300)
  })

  it("serves a thin flow at once beside a thick one", () => {
    const made = bed("fq_codel")
    drain(made, MS, 2 * MS, 400 * MS)
    feed(made, 100, MS / 4, 1000, 400 * MS)
    feed(made, 200, 20 * MS, 100 * MS, 300 * MS)
    made.world.run(400 * MS)
    const thin = made.times.filter((_, i) => portOf(made.sent[i]!) === 200)
    assert.equal(thin.length, 10)
    thin.forEach((time, i) => {
      const late = time - (100 + 20 * i) * MS
      assert.ok(late < 3 * MS, `waited ${late}`)
    })
  })

  it("makes room in the longest queue, and tells the sender whose it was", () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), fc.integer({ min: 1, max: 100 }), (limit, batch) => {
        const made = bed(`fq_codel limit ${limit} drop_batch ${batch}`)
        made.state.room = 0
        const verdicts: Array<number> = []
        const enqueue = made.qdisc.enqueue.bind(made.qdisc)
        made.qdisc.enqueue = (core, skb) => {
          const verdict = enqueue(core, skb)
          verdicts.push(verdict)
          assert.ok(made.qdisc.length <= limit + made.qdisc.requeued.count)
          return verdict
        }
        made.script.at(1000, (core) => {
          const thick = socket(made.host, 100)
          const thin = socket(made.host, 200)
          send(core, thin, 100)
          send(core, thin, 100)
          for (let i = 0; i < 2 * limit; i++) send(core, thick, 1000)
        })
        made.world.run(MS)
        checkQuiet(made.world)
        assert.ok(verdicts.includes(NET_XMIT_CN))
        assert.equal(codelOf(made).overLimit, dropsOf(made, Drops.QDISC_OVERLIMIT))
        assert.equal(inFlight(made.world), made.qdisc.length)
        // All of the thin flow is there still.
        made.script.at(2 * MS, (core) => {
          made.state.room = Infinity
          wakeQueue(core, made.dev, 0)
        })
        made.world.run(2 * MS + 500_000)
        assert.equal(made.sent.filter((frame) => portOf(frame) === 200).length, 2)
        checkQuiet(made.world)
      }),
      { numRuns: cases(20) }
    )
  })

  it("what it holds ends with its device", () => {
    const made = bed("fq_codel")
    made.state.room = 0
    feed(made, 9, 1000, 1000, 100_000)
    made.world.run(MS)
    const { length } = made.qdisc
    assert.ok(length > 50)
    assert.equal(inFlight(made.world), length)
    Device.down(null, made.dev)
    assert.equal(dropsOf(made, Drops.DEVICE_DOWN), length)
    assert.equal(made.qdisc.length + codelOf(made).memory + made.qdisc.backlogBytes, 0)
    checkQuiet(made.world)
  })
})
