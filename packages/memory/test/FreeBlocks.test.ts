import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { FreeBlocks } from "../src/hot/FreeBlocks.ts"

/** The same in the plainest way: an array an order. */
class Model {
  readonly lists: Array<Array<number>> = Array.from({ length: 11 }, () => [])

  all(): ReadonlyArray<string> {
    return this.lists.flatMap((list, order) => list.map((pfn) => `${order}:${pfn}`))
  }
}

const step = fc.record({ what: fc.constantFrom("push", "push", "pop", "remove"), order: fc.nat(10), which: fc.nat() })

describe("FreeBlocks", () => {
  it("keeps a stack an order whose holes the newest fills, with few blocks and with many", () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const nrFree = new Array<number>(11).fill(0)
        const blocks = new FreeBlocks(nrFree)
        const model = new Model()
        let next = 0
        for (const { what, order, which } of steps) {
          const list = model.lists[order]!
          if (what === "push") {
            blocks.push(++next, order)
            list.push(next)
          } else if (list.length > 0 && what === "pop") assert.strictEqual(blocks.pop(order), list.pop())
          else if (list.length > 0) {
            const at = which % list.length
            const pfn = list[at]!
            assert.strictEqual(blocks.orderAt(pfn), order)
            blocks.remove(pfn, order)
            const last = list.pop()!
            if (last !== pfn) list[at] = last
            assert.strictEqual(blocks.orderAt(pfn), -1)
          }
        }
        const all: Array<string> = []
        blocks.forEach((pfn, order) => all.push(`${order}:${pfn}`))
        assert.deepStrictEqual(all, [...model.all()])
        for (let order = 0; order < 11; order++) assert.strictEqual(blocks.length(order), model.lists[order]!.length)
      }),
      { numRuns: cases(200) }
    ))
})
