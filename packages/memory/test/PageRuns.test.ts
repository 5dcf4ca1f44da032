import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { PageRuns } from "../src/PageRuns.ts"

describe("PageRuns", () => {
  it("is a stack", () =>
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(3), fc.constant(-1)), { maxLength: 100 }), (steps) => {
        const runs = new PageRuns()
        const plain: Array<number> = []
        for (const step of steps) {
          if (step < 0) assert.strictEqual(runs.pop(), plain.pop() ?? -1)
          else {
            const pfn = (plain.at(-1) ?? 0) + step
            runs.push(pfn)
            plain.push(pfn)
          }
          assert.strictEqual(runs.count, plain.length)
        }
        while (plain.length > 0) assert.strictEqual(runs.pop(), plain.pop())
        assert.strictEqual(runs.pop(), -1)
      }),
      { numRuns: cases(200) }
    ))
})
