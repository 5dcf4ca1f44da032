import assert from "node:assert/strict"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import { describe, it } from "vitest"
import * as CostTable from "../src/cpu/CostTable.ts"

const POINT = TracePoint.define("cost_table_test", 120)
const FREE = TracePoint.define("cost_table_test_free", 0)

const table = (profile: CostTable.Profile, overrides: Record<string, number> = {}): CostTable.CostTable => {
  const made = CostTable.make(profile, overrides)
  assert.ok(made instanceof CostTable.CostTable, JSON.stringify(made))
  return made
}

describe("cost table", () => {
  it("default: the figures of the cost model", () => {
    const costs = table("default")
    assert.equal(costs.knobs.contextSwitch, 4000)
    assert.equal(costs.copy(10_000), 1000)
    assert.equal(costs.copy(1), 1)
    assert.equal(costs.copiedIn(5000), 50_000)
    assert.equal(costs.checksum(50_000), 2000)
    assert.equal(costs.portSearch("portSearchPs", 28_233), 2_498_621) // 2,500 us for an exhausted range
    assert.equal(costs.points[POINT], 120)
  })

  it("bench: every hand-over takes 1 ns, what was free stays free", () => {
    const costs = table("bench")
    for (const value of Object.values(costs.knobs)) assert.ok(value >= 1)
    assert.equal(costs.points[POINT], 1)
    assert.equal(costs.points[FREE], 0)
    assert.equal(costs.copy(65_536), 1)
    assert.equal(costs.portSearch("portSearchPs", 1), 1)
  })

  it("takes overrides by name and says what is wrong with others", () => {
    const costs = table("default", { syscall: 500, "point.cost_table_test": 7 })
    assert.equal(costs.knobs.syscall, 500)
    assert.equal(costs.points[POINT], 7)
    const tied = TracePoint.define("cost_table_test_tied", 200, "syscall")
    assert.equal(table("default").points[tied], 200)
    assert.equal(table("default", { syscall: 500 }).points[tied], 500)
    assert.equal(table("bench", { syscall: 500 }).points[tied], 500)
    // A point's own figure stands above its knob's.
    assert.equal(table("default", { "point.cost_table_test_tied": 7, syscall: 500 }).points[tied], 7)
    assert.deepEqual(CostTable.make("default", { syscal: 1, "point.nothing": 1, hardIrq: 0, syscall: 1.5 }), {
      faults: [
        "there is no cost named syscal",
        "hardIrq is a whole number from 1 to 1000000, not 0",
        "syscall is a whole number from 1 to 1000000, not 1.5",
        "there is no cost named point.nothing"
      ]
    })
  })
})
