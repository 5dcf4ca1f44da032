import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { longer, Lpm, maskOf } from "../../src/hot/Lpm.ts"

/** A few bits decide, so that prefixes nest and meet. */
const key = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: 0, max: 15 }).map((n) => n << 28),
  fc.integer({ min: 0, max: 255 }).map((n) => (10 << 24) | n)
)
const action = fc.record({ add: fc.boolean(), prefix: key, length: fc.integer({ min: 0, max: 32 }), value: fc.nat(99) })

/** The definition: the longest stored prefix that covers the key. */
const naive = (entries: ReadonlyMap<string, { prefix: number; length: number; value: number }>, target: number) =>
  [...entries.values()]
    .filter((entry) => ((entry.prefix ^ target) & maskOf(entry.length)) === 0)
    .toSorted((a, b) => a.length - b.length)
    .map((entry) => entry.value)

describe("Lpm", () => {
  it("finds all covering prefixes, shortest first, as a list of all prefixes would, after any additions and removals", () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.array(key, { minLength: 1, maxLength: 20 }),
        (actions, keys) => {
          const trie = new Lpm<number>()
          const entries = new Map<string, { prefix: number; length: number; value: number }>()
          for (const { add, prefix, length, value } of actions) {
            const network = prefix & maskOf(length)
            const name = `${network}/${length}`
            if (add) {
              trie.set(prefix, length, value)
              entries.set(name, { prefix: network, length, value })
            } else assert.equal(trie.delete(prefix, length), entries.delete(name))
          }
          assert.equal(trie.size, entries.size)
          for (const target of [...keys, ...actions.map((one) => one.prefix)]) {
            const found: Array<number | null> = []
            for (let node = trie.shortest(target); node !== null; node = longer(node, target)) found.push(node.value)
            assert.deepEqual(found, naive(entries, target))
          }
          for (const { prefix, length, value } of entries.values()) assert.equal(trie.get(prefix, length), value)
        }
      ),
      { numRuns: cases(100) }
    )
  })

  it("lists prefixes in ascending order, shorter before longer", () => {
    const trie = new Lpm<string>()
    trie.set(0x0a000000, 24, "b")
    trie.set(0x0a000000, 8, "a")
    trie.set(0x0a000001, 32, "c")
    trie.set(0, 0, "0")
    const seen: Array<string> = []
    trie.forEach((_prefix, _length, value) => seen.push(value))
    assert.deepEqual(seen, ["0", "a", "b", "c"])
  })
})
