import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Exact from "../src/Exact.ts"
import { SmallMap } from "../src/SmallMap.ts"

describe("SmallMap", () => {
  it("is a Map, whatever its size", () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ what: fc.constantFrom("set", "set", "delete", "clear"), key: fc.nat(14) }), {
          maxLength: 80
        }),
        (steps) => {
          const small = new SmallMap<number, number>()
          const plain = new Map<number, number>()
          for (const [i, { what, key }] of steps.entries()) {
            if (what === "delete") assert.strictEqual(small.delete(key), plain.delete(key))
            else if (what === "clear" && key === 0) {
              small.clear()
              plain.clear()
            } else {
              small.set(key, i)
              plain.set(key, i)
            }
            assert.strictEqual(small.size, plain.size)
            assert.strictEqual(small.get(key), plain.get(key))
            assert.strictEqual(small.has(key + 1), plain.has(key + 1))
          }
          assert.deepStrictEqual(
            small.entries().map(([key, value]) => [key, value]),
            [...plain]
          )
          assert.deepStrictEqual([...small.keys()], [...plain.keys()])
          assert.deepStrictEqual([...small.values()], [...plain.values()])
        }
      ),
      { numRuns: cases(200) }
    ))
})

describe("Exact", () => {
  it("adds at the end and at a place, and leaves the old list as it was", () => {
    const list = [1, 2]
    assert.deepStrictEqual(Exact.added(list, 3), [1, 2, 3])
    assert.deepStrictEqual(Exact.placed(list, 4, 9), [1, 2, undefined, undefined, 9])
    assert.deepStrictEqual(Exact.placed(list, 0, 9), [9, 2])
    assert.deepStrictEqual(list, [1, 2])
  })

  it("grows to any length", () => {
    let list: Array<number> = []
    for (let i = 0; i < 1000; i++) list = Exact.added(list, i)
    assert.deepStrictEqual(
      list,
      Array.from({ length: 1000 }, (_, i) => i)
    )
  })
})
