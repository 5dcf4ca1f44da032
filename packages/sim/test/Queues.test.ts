import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { DataPages, PAGE_SIZE } from "../src/DataPages.ts"
import { FrameSlab, HEADROOM, SLOT_FRAME, STRIDE } from "../src/FrameSlab.ts"
import { Doubles } from "../src/hot/Doubles.ts"
import { EventQueue, SEQUENCE_SPAN } from "../src/hot/EventQueue.ts"
import { Mailbox } from "../src/hot/Mailbox.ts"
import { build } from "./Toy.ts"

interface Event {
  readonly time: number
  readonly key: number
  readonly a: number
}

const before = (left: Event, right: Event): number => left.time - right.time || left.key - right.key

const take = (queue: EventQueue): readonly [number, number] => {
  const time = queue.nextTime
  queue.pop()
  return [time, queue.a]
}

describe("EventQueue", () => {
  const event = fc.record({ time: fc.nat(20), source: fc.nat(3), pop: fc.nat(2) })

  it("pops what a sorted list pops, whatever is pushed in between", () =>
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (script) => {
        const queue = new EventQueue(new Doubles())
        const oracle: Array<Event> = []
        const check = (): void => {
          expect(queue.size).toBe(oracle.length)
          oracle.sort(before)
          expect(queue.nextTime).toBe(oracle[0]?.time ?? Infinity)
          const expected = oracle.shift()
          if (expected !== undefined) expect(take(queue)).toEqual([expected.time, expected.a])
        }
        script.forEach(({ time, source, pop }, index) => {
          const key = source * SEQUENCE_SPAN + index
          queue.push(time, key, 1, 2, index, 3)
          oracle.push({ time, key, a: index })
          if (pop === 0) check()
        })
        while (oracle.length > 0) check()
        check()
      }),
      { numRuns: cases(100) }
    ))

  it("the order of equal times never depends on the order of pushing", () =>
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: 60 }, (_, i) => i),
          { minLength: 60 }
        ),
        (order) => {
          const queue = new EventQueue(new Doubles())
          for (const i of order) queue.push(i % 4, (i % 7) * SEQUENCE_SPAN + i, 0, 0, i, 0)
          const popped = Array.from(order, () => take(queue)[1])
          const sorted = order.toSorted((l, r) => (l % 4) - (r % 4) || (l % 7) - (r % 7) || l - r)
          expect(popped).toEqual(sorted)
        }
      ),
      { numRuns: cases(100) }
    ))

  it("a whole run does not depend on it either", () =>
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        // Timers of different sources at equal times, entered in both orders.
        const run = (reversed: boolean): string => {
          const toy = build({ seed, islands: 3, nodes: 2, frames: 0, fibers: false })
          const nodes = reversed ? toy.nodes.toReversed() : toy.nodes
          for (const node of nodes) for (let t = 0; t < 5; t++) node.schedule(t * 500, node.slot, 16, 0, 0)
          toy.world.run(50_000)
          return toy.world.fingerprint()
        }
        expect(run(true)).toBe(run(false))
      }),
      { numRuns: cases(20) }
    ))
})

describe("Mailbox", () => {
  it("is a first-in-first-out queue that refuses beyond its limit", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(fc.boolean(), { maxLength: 300 }), (limit, script) => {
        const mailbox = new Mailbox(limit)
        const model: Array<number> = []
        script.forEach((isPush, i) => {
          if (isPush) {
            expect(mailbox.push(0, i, -i)).toBe(model.length < limit)
            if (model.length < limit) model.push(i)
          } else if (model.length > 0) {
            mailbox.shift()
            const expected = model.shift()!
            expect([mailbox.kind, mailbox.a, mailbox.b]).toEqual([0, expected, -expected | 0])
          }
          expect(mailbox.size).toBe(model.length)
        })
        const seen: Array<number> = []
        mailbox.forEach((_kind, a) => seen.push(a))
        expect(seen).toEqual(model)
      }),
      { numRuns: cases(100) }
    ))
})

describe("FrameSlab", () => {
  const length = fc.oneof(fc.integer({ min: 1, max: SLOT_FRAME }), fc.integer({ min: SLOT_FRAME + 1, max: 20_000 }))

  it("frames never overlap and keep their bytes through growth, copies, jumbo frames and reuse", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(length, fc.nat(3)), { maxLength: 120 }), (script) => {
        const slab = new FrameSlab(4)
        const held: Array<{ handle: number; fill: number; length: number }> = []
        script.forEach(([size, action], i) => {
          if (action === 0 && held.length > 0) {
            slab.free(held.splice(i % held.length, 1)[0]!.handle)
            return
          }
          const from = held[i % Math.max(1, held.length)]
          if (action === 1 && from !== undefined) {
            held.push({ ...from, handle: slab.copy(from.handle) })
            return
          }
          const handle = slab.from(new Uint8Array(size).fill(i))
          expect(slab.start[handle]! % STRIDE).toBe(HEADROOM)
          held.push({ handle, fill: i & 255, length: size })
        })
        for (const { handle, fill, length: size } of held) {
          const view = slab.view(handle)
          expect(view.length).toBe(size)
          expect(view.every((byte) => byte === fill)).toBe(true)
        }
        expect(slab.live).toBe(held.length)
        for (const { handle } of held) slab.free(handle)
        expect(slab.live).toBe(0)
      }),
      { numRuns: cases(60) }
    ))

  it("refuses a double free, a free of what was never given, and a frame beyond 255 slots", () => {
    const slab = new FrameSlab()
    const handle = slab.alloc(100)
    slab.free(handle)
    expect(slab.isLive(handle)).toBe(false)
    expect(() => slab.free(handle)).toThrow("freed twice")
    expect(() => slab.free(99)).toThrow("never allocated")
    expect(() => slab.free(-1)).toThrow("never allocated")
    expect(() => slab.alloc(255 * STRIDE)).toThrow("does not fit")
  })

  it("a copy keeps flags and trace id, a new frame has none", () => {
    const slab = new FrameSlab()
    const frame = slab.alloc(60)
    slab.flags[frame] = 5
    slab.trace[frame] = 4294967297
    const copy = slab.copy(frame)
    expect([slab.flags[copy], slab.trace[copy]]).toEqual([5, 4294967297])
    slab.free(copy)
    const fresh = slab.alloc(60)
    expect([fresh, slab.flags[fresh], slab.trace[fresh]]).toEqual([copy, 0, 0])
  })
})

describe("DataPages", () => {
  it("the last reference frees, whoever drops it, and growth keeps the bytes", () =>
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 200 }), (script) => {
        const pages = new DataPages(2)
        const refs: Array<number> = []
        const live: Array<number> = []
        script.forEach((action, i) => {
          const page = live[i % Math.max(1, live.length)]
          if (page === undefined || action === 0) {
            const fresh = pages.alloc()
            pages.bytes[pages.offset(fresh) + PAGE_SIZE - 1] = fresh & 255
            refs[fresh] = 1
            live.push(fresh)
          } else if (action === 1) {
            pages.get(page)
            refs[page]!++
          } else {
            pages.put(page)
            if (--refs[page]! === 0) live.splice(live.indexOf(page), 1)
          }
          expect(pages.live).toBe(live.length)
        })
        for (const page of live) expect(pages.bytes[pages.offset(page) + PAGE_SIZE - 1]).toBe(page & 255)
      }),
      { numRuns: cases(100) }
    ))

  it("refuses use after free and double free", () => {
    const pages = new DataPages()
    const page = pages.alloc()
    pages.put(page)
    expect(() => pages.put(page)).toThrow("freed twice")
    expect(() => pages.get(page)).toThrow("used after free")
    expect(() => pages.put(12345)).toThrow("freed twice")
  })
})
