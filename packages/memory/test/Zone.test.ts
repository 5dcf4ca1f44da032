import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { Zone } from "../src/hot/Zone.ts"

const fresh = (pages: number): Zone => new Zone(0, 0, 0, pages, 0, 0, 0, 1)

const state = (zone: Zone): unknown => {
  const blocks: Array<string> = []
  zone.forEachFree((pfn, order) => blocks.push(`${order}:${pfn}`))
  return { free: zone.freePages, nrFree: [...zone.nrFree], blocks: blocks.sort() }
}

describe("Zone", () => {
  it("8 KB out of one block of 16 KB leaves one block of 8 KB; freeing joins them again", () => {
    const zone = fresh(4)
    assert.deepStrictEqual(zone.nrFree, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    const half = zone.take(1)
    assert.deepStrictEqual(zone.nrFree, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    const other = zone.take(1)
    assert.strictEqual(half ^ 2, other)
    assert.strictEqual(zone.take(0), -1)
    zone.give(half, 1)
    assert.deepStrictEqual(zone.nrFree, [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    zone.give(other, 1)
    assert.deepStrictEqual(zone.nrFree, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  it("takes the smallest block that fits before it splits a larger one", () => {
    const zone = fresh(1024 + 8)
    assert.strictEqual(zone.take(0), 1024)
    assert.strictEqual(zone.nrFree[10], 1)
  })

  it("any sequence of takes and gives keeps every page, and all gives in any order restore the boot state", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9000 }),
        fc.array(fc.record({ take: fc.boolean(), order: fc.integer({ min: 0, max: 10 }), which: fc.nat() }), {
          maxLength: 300
        }),
        (pages, steps) => {
          const zone = fresh(pages)
          const before = state(zone)
          const held: Array<[number, number]> = []
          let out = 0
          for (const step of steps) {
            if (step.take || held.length === 0) {
              const pfn = zone.take(step.order)
              if (pfn >= 0) {
                held.push([pfn, step.order])
                out += 1 << step.order
              }
            } else {
              const [block] = held.splice(step.which % held.length, 1)
              const [pfn, order] = block as [number, number]
              zone.give(pfn, order)
              out -= 1 << order
            }
            assert.strictEqual(zone.freePages + out, pages)
          }
          const owned = new Uint8Array(pages)
          const claim = (pfn: number, order: number): void => {
            for (let at = pfn; at < pfn + (1 << order); at++) owned[at] = (owned[at] as number) + 1
          }
          zone.forEachFree(claim)
          for (const [pfn, order] of held) claim(pfn, order)
          assert.isTrue(owned.every((count) => count === 1))
          for (const [pfn, order] of held) zone.give(pfn, order)
          assert.deepStrictEqual(state(zone), before)
        }
      ),
      { numRuns: cases(100) }
    ))

  it("no two free buddies of one order stand side by side", () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 5 }), { maxLength: 100 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        (orders, frees) => {
          const zone = fresh(2048)
          const held = orders.map((order) => [zone.take(order), order] as const).filter(([pfn]) => pfn >= 0)
          for (const which of frees) {
            const [block] = held.splice(which % Math.max(1, held.length), 1)
            if (block !== undefined) zone.give(block[0], block[1])
          }
          const free = new Set<string>()
          zone.forEachFree((pfn, order) => free.add(`${order}:${pfn}`))
          zone.forEachFree((pfn, order) => {
            if (order < 10) assert.isFalse(free.has(`${order}:${pfn ^ (1 << order)}`))
          })
        }
      ),
      { numRuns: cases(100) }
    ))

  it("100,000 random takes and gives on 4 GB end in the boot state", () => {
    const zone = fresh(1048576)
    const before = state(zone)
    const held: Array<number> = []
    let seed = 12345
    const next = (bound: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % bound
    }
    for (let i = 0; i < 100_000; i++) {
      if (held.length === 0 || next(100) < 55) {
        const order = next(11)
        const pfn = zone.take(order)
        if (pfn >= 0) held.push(pfn * 16 + order)
      } else {
        const at = next(held.length)
        const block = held[at] as number
        held[at] = held[held.length - 1] as number
        held.pop()
        zone.give((block - (block & 15)) / 16, block & 15)
      }
    }
    assert.isAbove(held.length, 100)
    for (const block of held) zone.give((block - (block & 15)) / 16, block & 15)
    assert.deepStrictEqual(state(zone), before)
  })

  it("a zone that was used and emptied hands out the same blocks in the same order as a fresh one", () => {
    const used = fresh(8 * 1024 + 100)
    const held = [9, 10, 3, 10, 0, 10, 5].map((order) => [used.take(order), order] as const)
    for (const [pfn, order] of held) used.give(pfn, order)
    const untouched = fresh(8 * 1024 + 100)
    for (const order of [10, 0, 10, 9, 2, 10, 10]) assert.strictEqual(used.take(order), untouched.take(order))
  })

  it("a second free of the same pages is a defect, merged or not", () => {
    const zone = fresh(4096)
    const page = zone.take(0)
    const buddy = zone.take(0)
    zone.give(page, 0)
    assert.throws(() => zone.give(page, 0), /freed twice/)
    zone.give(buddy, 0)
    assert.throws(() => zone.give(buddy, 0), /freed twice/)
    assert.throws(() => zone.give(5000, 0), /no block/)
    assert.throws(() => zone.give(1, 1), /no block/)
  })
})
