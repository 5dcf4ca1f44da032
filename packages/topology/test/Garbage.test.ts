/**
 * Frames that make no sense: every one is dropped with a reason or consumed, nothing throws, and the world goes on. And
 * what happens when something does throw.
 */
import assert from "node:assert/strict"
import { Effect } from "effect"
import { describe, it } from "vitest"
import { isLong } from "@darkfiber/tooling/Cases"
import { KIND_FRAME, type Schedulable } from "@darkfiber/sim/Actor"
import { RandomStream } from "@darkfiber/sim/Random"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Checksum from "@darkfiber/wire/Checksum"
import type { DataCentre } from "../src/DataCentre.ts"
import { assertLaws, build, MS, SECOND } from "./Centre.ts"
import { mixed } from "./Mixed.ts"
import { Book } from "./Streams.ts"

const open = (options: Parameters<typeof build>[1] = {}): { readonly centre: DataCentre; readonly book: Book } => {
  const book = new Book()
  return { book, centre: build(mixed({ cores: 2, loss: "0%", faults: "" }), { loader: book.loader, ...options }) }
}

/** Frames as they cross the wires of a run. */
const harvest = (): ReadonlyArray<Uint8Array> => {
  const frames: Array<Uint8Array> = []
  const { centre } = open({
    observe: ({ links, world }) => {
      const frame = (_end: unknown, _time: number, handle: number): void =>
        void frames.push(world.slab.view(handle).slice())
      for (const link of links) link.addTap({ frame })
    }
  })
  centre.run(10 * MS)
  return frames
}

const interesting = [0, 1, 2, 4, 5, 6, 8, 17, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0x81, 0xfe, 0xff]

/** A frame of a run with some of its bytes or its length changed; its checksums repaired as often as not. */
const spoil = (good: Uint8Array, random: RandomStream): Uint8Array => {
  if (random.chance(0.05)) return Uint8Array.from({ length: random.below(200) }, () => random.below(256))
  let bytes = good.slice()
  if (random.chance(0.2)) bytes = bytes.slice(0, random.below(bytes.length + 1))
  if (random.chance(0.05)) bytes = Uint8Array.from([...bytes, ...Array.from({ length: random.below(100) }, () => 7)])
  const changes = random.below(5)
  for (let i = 0; i < changes && bytes.length > 0; i++) {
    const at = random.below(Math.min(bytes.length, random.chance(0.8) ? 80 : bytes.length))
    bytes[at] = random.chance(0.5) ? random.below(256) : interesting[random.below(interesting.length)]!
  }
  if (random.chance(0.6) && bytes.length >= 34 && bytes[12] === 8 && bytes[13] === 0) {
    const header = Ipv4.headerLength(bytes, 14)
    const total = Ipv4.totalLength(bytes, 14)
    if (header >= 20 && 14 + header <= bytes.length && total >= header && 14 + total <= bytes.length) {
      Ipv4.writeChecksum(bytes, 14)
      if (!Ipv4.isFragment(bytes, 14)) Checksum.fillTransport(bytes, 14)
    }
  }
  return bytes
}

/** Sends `count` spoilt frames into every NIC, switch and router of a running centre. */
const throwAt = (good: ReadonlyArray<Uint8Array>, seed: number, count: number): DataCentre => {
  const { book, centre } = open({ seed })
  const random = new RandomStream(seed, "test/garbage")
  const targets = centre.links.flatMap((link) => [link.a, link.b])
  const step = 5000
  for (let sent = 0; sent < count;) {
    centre.run(centre.now + step)
    for (let i = 0; i < 20 && sent < count; i++, sent++) {
      const end = targets[random.below(targets.length)]!
      const { island, slot } = end.owner!
      const handle = centre.world.slab.from(spoil(good[random.below(good.length)]!, random))
      island.ledger.created++
      island.input(centre.now + 1 + random.below(step), slot, KIND_FRAME, handle, end.port)
    }
    if (sent % 2000 === 0) assertLaws(centre, `seed ${seed}, after ${sent} frames`)
  }
  centre.run(centre.now + 100 * MS)
  assertLaws(centre, `seed ${seed}, at the end`)
  assert.deepEqual(
    book.wrong.filter((each) => !each.includes("nobody sent")),
    []
  )
  assert.deepEqual(centre.panics, [])
  return centre
}

const TOTAL = isLong() ? 1_000_000 : 6000
const RUN = 2000

describe("garbage", () => {
  it(`${TOTAL} spoilt frames into hosts, switches and routers: each is dropped with a reason or consumed`, () => {
    const good = harvest()
    assert.ok(good.length > 500)
    const only = process.env["DARKFIBER_SEED"]
    if (only !== undefined) throwAt(good, Number(only), RUN)
    else for (let seed = 1; seed <= TOTAL / RUN; seed++) throwAt(good, seed, RUN)
  }, 3_600_000)
})

describe("a defect", () => {
  /** Makes the actor throw at its next poll after `time`. */
  const plant = (actor: Schedulable, time: number): void => {
    const dispatch = actor.dispatch.bind(actor)
    const takeAlone = actor.takeAlone.bind(actor)
    actor.takeAlone = (kind, a, b, now) => {
      if (now >= time) throw new Error("planted")
      return takeAlone(kind, a, b, now)
    }
    actor.dispatch = (now) => {
      if (now >= time) throw new Error("planted")
      dispatch(now)
    }
  }

  for (const dispatch of ["poll", "fiber"] as const) {
    it(`of a core makes its host panic, names actor and time, and the rest of the world goes on (${dispatch})`, () => {
      const { centre } = open({ dispatch })
      plant(centre.hosts[1]!.kernel.cores[0]!, 5 * MS)
      centre.run(30 * MS)
      assert.equal(centre.panics.length, 1)
      const panic = centre.panics[0]!
      assert.deepEqual([panic.host, panic.actor], ["h2", "h2/cpu0"])
      assert.ok(panic.time >= 5 * MS && panic.time < 6 * MS)
      assert.deepEqual(
        centre.world.defects.map((each) => [each.actor, String(each.error)]),
        [["h2/cpu0", "Error: planted"]]
      )
      assert.equal(centre.host("h2")!.isUp, false)
      const probe = centre.hosts[0]!.workloads.find((each) => each.name === "udp-probe")!
      const before = probe.completed
      centre.run(60 * MS)
      assert.ok(probe.completed > before, "h1 and h3 still talk")
    })

    it(`of a switch silences the switch alone (${dispatch})`, () => {
      const { centre } = open({ dispatch })
      plant(centre.switches[0]!, 5 * MS)
      centre.run(SECOND / 10)
      assert.deepEqual(
        centre.panics.map((each) => [each.host, each.actor]),
        [["s", "s"]]
      )
      assert.ok(centre.hosts.every((host) => host.isUp))
      const local = centre.hosts[0]!.workloads.find((each) => each.name === "ping")!
      assert.ok(local.started > 5 && local.failed > 0)
    })
  }

  it("of a program ends its process with a report; the world goes on", () => {
    const text = `
hosts:
  a:
    processes:
      - { program: "./own.ts#throws" }
      - { program: "./own.ts#dies", start: 1ms }
      - { program: "./own.ts#fails", start: 2ms }
      - { program: udp-echo-server, args: { port: 7 } }
      - { program: udp-probe, args: { to: "127.0.0.1:7", gap: 1ms } }
`
    const centre = build(text, {
      loader: (name) => {
        if (name === "./own.ts#throws") {
          return () => {
            throw new Error("while it was made")
          }
        }
        if (name === "./own.ts#dies") return () => Effect.die(new Error("while it ran"))
        return name === "./own.ts#fails" ? () => Effect.fail("a failure of its own") : undefined
      }
    })
    centre.run(20 * MS)
    const { exits } = centre.hosts[0]!.sockets.processes
    assert.deepEqual(
      exits.map((each) => [
        each.name,
        each.reason,
        each.code,
        String(each.error instanceof Error ? each.error.message : each.error)
      ]),
      [
        ["throws", "defect", 134, "while it was made"],
        ["dies", "defect", 134, "while it ran"],
        ["fails", "failed", 1, "a failure of its own"]
      ]
    )
    assertLaws(centre, "after programs that threw")
    assert.ok(centre.hosts[0]!.workloads.find((each) => each.name === "udp-probe")!.completed > 10)
  })
})
