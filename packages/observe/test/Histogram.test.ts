import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { defaultBits, Histogram } from "@darkfiber/observe/Histogram"

const value = fc.oneof(
  fc.nat(5000),
  fc.integer({ min: 0, max: 2_000_000_000 }),
  fc.maxSafeInteger().map((one) => Math.abs(one)),
  fc.nat(53).map((bit) => 2 ** bit - 1)
)
const values = fc.array(value, { minLength: 1, maxLength: 60 })
const bits = fc.integer({ min: 2, max: 16 })

/** The plain rule: sort, and take the value that at least `percent` of all do not exceed. */
const sorted = (all: ReadonlyArray<number>, percent: number): number => {
  const ascending = [...all].sort((a, b) => a - b)
  return ascending[Math.max(1, Math.ceil((percent / 100) * all.length - 1e-9)) - 1]!
}
const filled = (all: ReadonlyArray<number>, width?: number): Histogram => {
  const histogram = new Histogram(width)
  for (const one of all) histogram.record(one)
  return histogram
}

describe("Histogram", () => {
  it("a percentile is never below the sorted value, and above it by less than the stated error", () => {
    fc.assert(
      fc.property(values, bits, fc.double({ min: 0, max: 100, noNaN: true }), (all, width, percent) => {
        const exact = sorted(all, percent)
        const shown = filled(all, width).percentile(percent)
        assert.ok(shown >= exact, `${shown} < ${exact}`)
        assert.ok(shown - exact <= exact * 2 ** (1 - width), `${shown} is too far from ${exact}`)
      }),
      { numRuns: cases(100) }
    )
  })

  it("values below 2^bits are exact", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 ** defaultBits - 1), { minLength: 1 }), fc.nat(100), (all, percent) => {
        assert.equal(filled(all).percentile(percent), sorted(all, percent))
      }),
      { numRuns: cases(100) }
    )
  })

  it("two merged histograms are one that has seen all values", () => {
    fc.assert(
      fc.property(fc.array(value), fc.array(value), bits, (left, right, width) => {
        const merged = filled(left, width)
        merged.merge(filled(right, width))
        const whole = filled([...left, ...right], width)
        assert.equal(merged.count, whole.count)
        assert.equal(merged.minimum, whole.minimum)
        assert.equal(merged.maximum, whole.maximum)
        for (const percent of [0, 10, 50, 90, 99, 99.9, 100]) {
          assert.equal(merged.percentile(percent), whole.percentile(percent))
        }
      }),
      { numRuns: cases(100) }
    )
  })

  it("buckets cover all values once: counts add up, ranges ascend without overlap and hold their values", () => {
    fc.assert(
      fc.property(values, bits, (all, width) => {
        let total = 0
        let above = -1
        filled(all, width).forEach((lowest, highest, count) => {
          assert.ok(lowest > above && highest >= lowest)
          assert.equal(all.filter((one) => one >= lowest && one <= highest).length, count)
          above = highest
          total += count
        })
        assert.equal(total, all.length)
      }),
      { numRuns: cases(100) }
    )
  })

  it("0 and 100 percent are the smallest bucket and the largest value; an empty one has zeros", () => {
    const histogram = filled([3, 5, 1_000_000_007])
    assert.equal(histogram.percentile(0), 3)
    assert.equal(histogram.percentile(100), 1_000_000_007)
    assert.deepEqual(new Histogram().percentiles(), {
      count: 0,
      minimum: 0,
      mean: 0,
      p50: 0,
      p90: 0,
      p99: 0,
      p999: 0,
      maximum: 0
    })
  })

  it("refuses what it cannot hold", () => {
    for (const wrong of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) assert.throws(() => new Histogram().record(wrong))
    assert.throws(() => new Histogram(1))
    assert.throws(() => new Histogram(4).merge(new Histogram(5)))
  })
})
