import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Sysctl from "../src/Sysctl.ts"

const NAMES = ["test.a", "test.b", "test.c"] as const
const slice: ReadonlyArray<Sysctl.SysctlDefault> = [
  { name: "test.a", scope: "net", value: 1 },
  { name: "test.b", scope: "global", value: 2 },
  { name: "test.c", scope: "net", value: [3, 4, 5] },
  { name: "test.text", scope: "global", value: "word" }
]
const module: ReadonlyArray<Sysctl.SysctlDefault> = [{ name: "test.module", scope: "net", value: 7 }]

describe("Sysctl", () => {
  it("tables that share their values do not see each other's changes", () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ table: fc.nat(3), name: fc.constantFrom(...NAMES), value: fc.nat(4) }), { maxLength: 60 }),
        (changes) => {
          const defaults = Sysctl.defaultsOf([slice])
          const tables = [0, 1, 2, 3].map(() => new Sysctl.SysctlTable(defaults, null))
          const plain = tables.map(() => new Map<string, string>([...NAMES.entries()].map(([i, n]) => [n, FRESH[i]!])))
          for (const { table, name, value } of changes) {
            const text = name === "test.c" ? `${value}\t4\t${value}` : String(value)
            assert.strictEqual(tables[table]!.set(name, text), 0)
            plain[table]!.set(name, text)
          }
          for (const [i, table] of tables.entries()) {
            for (const name of NAMES) assert.strictEqual(table.format(name), plain[i]!.get(name))
          }
        }
      ),
      { numRuns: cases(100) }
    ))

  it("hosts with the same slices share the defaults, and equal changes lead to one array of values", () => {
    assert.strictEqual(Sysctl.defaultsOf([slice]), Sysctl.defaultsOf([slice]))
    const [a, b] = [0, 1].map(() => new Sysctl.SysctlTable(Sysctl.defaultsOf([slice]), null))
    for (const table of [a!, b!]) table.set("test.a", "9")
    assert.strictEqual(a!.numbers, b!.numbers)
    b!.set("test.a", "1")
    assert.strictEqual(a!.format("test.a"), "9")
  })

  it("more changes than are kept for sharing are a table's own", () => {
    const own = [...slice]
    const tables = [0, 1].map(() => new Sysctl.SysctlTable(Sysctl.defaultsOf([own]), null))
    for (let value = 0; value < 3000; value++) tables[0]!.set("test.a", String(value))
    assert.strictEqual(tables[0]!.format("test.a"), "2999")
    assert.strictEqual(tables[1]!.format("test.a"), "1")
    tables[1]!.set("test.a", "2999")
    assert.strictEqual(tables[0]!.set("test.a", "5"), 0)
    assert.strictEqual(tables[1]!.format("test.a"), "2999")
  })

  it("a child has its parent's global values and the defaults of the rest", () => {
    const parent = new Sysctl.SysctlTable(Sysctl.defaultsOf([slice]), null)
    parent.set("test.a", "10")
    parent.set("test.b", "20")
    parent.set("test.text", "other")
    const child = new Sysctl.SysctlTable(parent.defaults, parent)
    assert.deepStrictEqual(
      ["test.a", "test.b", "test.text"].map((name) => child.format(name)),
      ["1", "20", "other"]
    )
  })

  it("a module's sysctls appear in the tables it is loaded in, and only there", () => {
    const [a, b] = [0, 1].map(() => new Sysctl.SysctlTable(Sysctl.defaultsOf([slice]), null))
    a!.register(module)
    assert.strictEqual(a!.format("test.module"), "7")
    assert.strictEqual(a!.set("test.module", "8"), 0)
    assert.strictEqual(b!.format("test.module"), null)
  })
})

const FRESH = ["1", "2", "3\t4\t5"]
