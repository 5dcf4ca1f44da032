import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { cases, casesIn } from "@darkfiber/tooling/Cases"
import { KIND_FRAME } from "../src/Actor.ts"
import * as Conservation from "../src/Conservation.ts"
import * as InputLog from "../src/InputLog.ts"
import { runTwice } from "../src/RunTwice.ts"
import { Runtime } from "../src/Runtime.ts"
import * as TracePoint from "../src/TracePoint.ts"
import { World } from "../src/World.ts"
import { build, FULL } from "./Toy.ts"

const IP_RCV = TracePoint.define("toy_ip_rcv")

const entry: fc.Arbitrary<InputLog.Entry> = fc.record({
  time: fc.maxSafeInteger().map(Math.abs),
  hit: fc.option(fc.record({ actor: fc.string(), point: fc.string(), count: fc.integer({ min: 1 }) })),
  target: fc.string({ unit: "grapheme" }),
  command: fc.oneof(fc.string({ unit: "grapheme" }), fc.uint8Array())
})
const log: fc.Arbitrary<InputLog.InputLog> = fc.record({
  header: fc.record({ version: fc.constant(InputLog.version), seed: fc.maxSafeInteger(), topology: fc.string() }),
  entries: fc.array(entry).map((list) => list.toSorted((left, right) => left.time - right.time))
})

describe("InputLog", () => {
  it("decode undoes encode", () =>
    fc.assert(
      fc.property(log, (value) => {
        expect(InputLog.decode(InputLog.encode(value))).toEqual(Result.succeed(value))
      }),
      { numRuns: cases(100) }
    ))

  it("decode never throws, whatever the bytes, cut or changed", () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), log, fc.nat(), fc.nat(255), (noise, value, at, byte) => {
        const good = InputLog.encode(value)
        const changed = good.slice()
        changed[at % changed.length] = byte
        for (const bytes of [noise, good.slice(0, at % good.length), changed]) {
          const result = InputLog.decode(bytes)
          if (Result.isFailure(result)) expect(result.failure._tag).toBe("UnreadableLog")
        }
        expect(Result.isFailure(InputLog.decode(good.slice(0, good.length - 1)))).toBe(true)
      }),
      { numRuns: cases(500) }
    ))

  it("refuses what would make a decoder allocate, other headers, and time going back", () => {
    const pack = (...values: ReadonlyArray<unknown>): Uint8Array =>
      Uint8Array.from(values.flatMap((value) => [...new Packr({ useRecords: false }).pack(value)]))
    const header = ["darkfiber-input", 1, 1, "t"]
    const reason = (bytes: Uint8Array): string => {
      const result = InputLog.decode(bytes)
      return Result.isFailure(result) ? result.failure.reason : "fine"
    }
    expect(reason(pack(header))).toBe("fine")
    expect(reason(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff))).toContain("not MessagePack")
    expect(reason(Uint8Array.from({ length: 2000 }, () => 0x91))).toContain("not MessagePack")
    expect(reason(pack(header, { a: 1 }))).toContain("not MessagePack")
    expect(reason(pack(["darkfiber-input", 2, 1, "t"]))).toContain("header")
    expect(reason(pack(header, [5, "h", "ls"], [4, "h", "ls"]))).toBe("time goes back")
    expect(reason(pack(header, [5, "h", 7]))).toBe("not an entry")
    expect(reason(pack(header, [-1, "h", "ls"]))).toBe("not an entry")
    expect(reason(new Uint8Array(0))).toBe("empty")
  })

  it("the recorder refuses time going back; the cursor reads in order", () => {
    const recorder = new InputLog.Recorder({ seed: 3, topology: "x" })
    recorder.add({ time: 5, hit: null, target: "h", command: "ls" })
    expect(() => recorder.add({ time: 4, hit: null, target: "h", command: "ls" })).toThrow("after one at 5")
    const read = InputLog.decode(recorder.bytes())
    if (Result.isFailure(read)) throw new Error(read.failure.reason)
    const cursor = new InputLog.Cursor(read.success)
    expect([cursor.nextTime, cursor.next()?.command, cursor.nextTime, cursor.next()]).toEqual([5, "ls", Infinity, null])
  })

  it("replay enters commands at their time, before the processes of it, and at the n-th hit of a trace point", () => {
    const world = new World(1)
    const runtime = new Runtime(world)
    const island = world.newIsland("h")
    const group = runtime.group(island, "h")
    const seen: Array<string> = []
    runtime.fork(group, "app", Effect.sleep(1).pipe(Effect.andThen(Effect.sync(() => seen.push(`app ${island.now}`)))))
    for (const time of [10, 20, 30, 40]) {
      runtime.at(island, time, "rx", (now) => {
        if (island.trace.on) island.trace.record(now, IP_RCV, 0, 0, 0, 0, 0, 0)
      })
    }
    const missing = InputLog.replay(
      {
        header: { version: 1, seed: 1, topology: "" },
        entries: [
          { time: 15, hit: { actor: "h/eth0", point: "toy_ip_rcv", count: 2 }, target: "h", command: "drop" },
          { time: 16, hit: { actor: "h/eth0", point: "no_such_point", count: 1 }, target: "h", command: "x" },
          { time: 1_000_000, hit: null, target: "h", command: "ss" },
          { time: 2_000_000, hit: null, target: "gone", command: "ss" }
        ]
      },
      runtime,
      (name) => (name.startsWith("h") ? island : null),
      (found, now) => seen.push(`${String(found.command)} ${now}`)
    )
    world.run(1e9)
    expect(seen).toEqual(["drop 30", "ss 1000000", "app 1000000"])
    expect(missing.map((found) => found.time)).toEqual([16, 2_000_000])
    expect(island.trace.count).toBe(0)
  })
})

const toy = (seed: number) => build({ seed, islands: 3, nodes: 3, frames: 40, fibers: false })

/** One case builds some fifty worlds: a long run multiplies their number, with no least one. */
const lapses = casesIn({ DARKFIBER_CASES: process.env["DARKFIBER_CASES"] }, 10)

describe("runTwice", () => {
  it("passes a deterministic run", () =>
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(runTwice(() => toy(seed).world, { until: 50_000, checkpoints: 4 })).toBe(null)
      }),
      { numRuns: cases(10) }
    ))

  it("finds the first instant and island of a lapse", () =>
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 40_000 }), fc.nat(2), (seed, time, which) => {
        let builds = 0
        const make = (): World => {
          const made = toy(seed)
          // Every second run differs: as if code had asked the wall clock.
          if (builds++ % 2 === 1) {
            made.runtime.at(made.world.islands[which]!, time, "lapse", () => {
              made.world.islands[which]!.dropFrame(FULL, 1)
            })
          } else made.runtime.at(made.world.islands[which]!, time, "lapse", () => {})
          return made.world
        }
        expect(runTwice(make, { until: 50_000, checkpoints: 5 })).toMatchObject({
          island: `i${which}`,
          after: time - 1,
          by: time,
          what: "fingerprint",
          isStable: true
        })
      }),
      { numRuns: lapses }
    ))

  it("says when the difference moves from run to run", () => {
    let builds = 0
    const make = (): World => {
      const made = toy(1)
      const time = 1000 * ++builds
      made.runtime.at(made.world.islands[0]!, time, "lapse", () => made.world.islands[0]!.dropFrame(FULL, 1))
      return made.world
    }
    expect(runTwice(make, { until: 50_000, checkpoints: 1 })?.isStable).toBe(false)
  })
})

describe("conservation", () => {
  it("holds at any moment of a toy run, with everything found by walking", () =>
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 10 }), (seed, slices) => {
        const { world } = toy(seed)
        let until = 0
        for (const slice of slices) {
          world.run((until += slice))
          const account = Conservation.check(world)
          expect(account.violations).toEqual([])
          expect(account.created).toBe(account.delivered + account.dropped + account.inFlight)
          expect(account.slabFound).toBe(world.slab.live)
        }
      }),
      { numRuns: cases(40) }
    ))

  it("shows each kind of lapse with its numbers", () => {
    const { world, nodes } = toy(1)
    world.run(1000)
    const { inFlight } = Conservation.check(world)
    expect(inFlight).toBeGreaterThan(0)
    const leaked = world.slab.alloc(60)
    const laws = (): ReadonlyArray<string> => Conservation.check(world).violations.map((violation) => violation.law)
    expect(laws()).toEqual(["frames in the slab = frames held"])
    const held = { walkHandles: (visit: (handle: number) => void) => visit(leaked) }
    expect(Conservation.check(world, held).violations).toEqual([])
    expect(Conservation.check(world, { ...held, pages: 1 }).violations).toEqual([
      { law: "data pages alive = data pages held", expected: 0, found: 1 }
    ])
    world.islands[0]!.push(1001, 1, nodes[0]!.slot, KIND_FRAME, leaked, 0)
    world.islands[0]!.push(1001, 2, nodes[0]!.slot, KIND_FRAME, leaked, 0)
    world.islands[0]!.ledger.created += 2
    expect(laws()).toEqual(["frames held twice"])
    world.slab.free(leaked)
    expect(laws()).toEqual(["frames held after they were freed"])
    world.islands[0]!.ledger.dropped++
    expect(laws()).toHaveLength(3)
  })

  it("a crash that abandons its actors keeps the account", () => {
    const { world, nodes } = toy(4)
    world.run(1000)
    for (const node of nodes) {
      node.alive = false
      node.abandon(FULL)
    }
    world.run(2000)
    const account = Conservation.check(world)
    expect(account.violations).toEqual([])
    expect(account.droppedByReason).toHaveProperty("HOST_DOWN")
  })
})
