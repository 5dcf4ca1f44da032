import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as FMath from "../src/FMath.ts"
import { hashText, RandomStream } from "../src/Random.ts"
import * as Variates from "../src/Variates.ts"

const first = (seed: number, name: string, count = 8): Array<number> => {
  const random = new RandomStream(seed, name)
  return Array.from({ length: count }, () => random.u32())
}

/** Chi-square of counts against equal shares. */
const chiSquare = (counts: ReadonlyArray<number>): number => {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const share = total / counts.length
  return counts.reduce((sum, count) => sum + ((count - share) * (count - share)) / share, 0)
}

describe("RandomStream", () => {
  it("is pinned: the same draws for ever", () => {
    expect(first(1, "host0/eth0/isn", 4)).toEqual([2471433490, 1520064390, 2700266003, 209033281])
  })

  it("other names and seeds, high halves too, give other streams", () =>
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.string(), fc.string(), (seed, one, other) => {
        expect(first(seed, one)).toEqual(first(seed, one))
        if (one !== other) expect(first(seed, one)).not.toEqual(first(seed, other))
        const far = seed > 0 ? seed - 4294967296 : seed + 4294967296
        expect(first(seed, one)).not.toEqual(first(far, one))
      }),
      { numRuns: cases(100) }
    ))

  it("two streams are uncorrelated", () => {
    const one = new RandomStream(9, "a")
    const other = new RandomStream(9, "b")
    let sum = 0
    const count = 100_000
    for (let i = 0; i < count; i++) sum += (one.unit() - 0.5) * (other.unit() - 0.5)
    // Standard deviation of the mean is 1/12/sqrt(n) = 0.00026.
    expect(Math.abs(sum / count)).toBeLessThan(0.001)
  })

  it.each([2, 3, 7, 10, 100, 4093])("below(%i) is unbiased (chi-square below 5 sigma)", (bound) => {
    const random = new RandomStream(5, `below/${bound}`)
    const counts = Array.from({ length: bound }, () => 0)
    for (let i = 0; i < 100 * bound + 20_000; i++) counts[random.below(bound)]!++
    expect(chiSquare(counts)).toBeLessThan(bound - 1 + 5 * Math.sqrt(2 * bound))
  })

  it("below keeps its bounds, also where the modulo bias would be largest", () => {
    const random = new RandomStream(1, "edge")
    let high = 0
    for (let i = 0; i < 2000; i++) {
      const value = random.below(3_000_000_000)
      expect(value).toBeLessThan(3_000_000_000)
      if (value >= 1_500_000_000) high++
    }
    expect(Math.abs(high - 1000)).toBeLessThan(120)
    expect(random.below(1)).toBe(0)
    expect(random.below(4294967296)).toBeGreaterThanOrEqual(0)
  })

  it("bytes are even (chi-square below 5 sigma)", () => {
    const ours = new Uint8Array(65_536)
    new RandomStream(3, "bytes").bytes(ours)
    const spread = (bytes: Uint8Array): number => {
      const counts = Array.from({ length: 256 }, () => 0)
      for (const byte of bytes) counts[byte]!++
      return chiSquare(counts)
    }
    expect(spread(ours)).toBeLessThan(255 + 5 * Math.sqrt(510))
  })

  it("hashText tells apart texts that share their low bytes", () => {
    expect(hashText("\u0141", 0)).not.toBe(hashText("A", 0))
  })
})

const bits = new DataView(new ArrayBuffer(8))
const ordinal = (value: number): bigint => {
  bits.setFloat64(0, value)
  const word = bits.getBigInt64(0)
  return word < 0n ? -(word & 0x7fffffffffffffffn) : word
}
const ulps = (ours: number, theirs: number): number =>
  Object.is(ours, theirs) || (Number.isNaN(ours) && Number.isNaN(theirs))
    ? 0
    : Math.abs(Number(ordinal(ours) - ordinal(theirs)))
const any = fc.double({ noNaN: false })
const positive = fc.double({ min: 0, noNaN: true })

describe("FMath", () => {
  it.each([
    ["log", FMath.log, Math.log, fc.oneof(any, fc.double({ min: 0.5, max: 2, noNaN: true }))],
    ["log2", FMath.log2, Math.log2, fc.oneof(any, fc.double({ min: 0.5, max: 2, noNaN: true }))],
    ["exp", FMath.exp, Math.exp, fc.oneof(any, fc.double({ min: -708, max: 710, noNaN: true }))],
    ["cbrt", FMath.cbrt, Math.cbrt, any],
    ["sqrt", FMath.sqrt, Math.sqrt, any]
  ])("%s is within 2 ulp of the engine's", (_name, ours, theirs, argument) =>
    fc.assert(
      fc.property(argument, (x) => {
        expect(ulps(ours(x), theirs(x))).toBeLessThanOrEqual(2)
      }),
      { numRuns: cases(2000) }
    )
  )

  it("pow is within 2 ulp of the engine's, with its special cases", () => {
    const base = fc.oneof(
      any,
      positive,
      fc.double({ min: 0.9, max: 1.1, noNaN: true }),
      fc.integer({ min: -20, max: 20 })
    )
    const exponent = fc.oneof(any, fc.double({ min: -300, max: 300, noNaN: true }), fc.integer({ min: -20, max: 20 }))
    fc.assert(
      fc.property(base, exponent, (x, y) => {
        expect(ulps(FMath.pow(x, y), x ** y)).toBeLessThanOrEqual(2)
      }),
      { numRuns: cases(5000) }
    )
  })

  it("is exact where it can be", () => {
    for (let k = -1074; k < 1024; k++) {
      expect(FMath.pow(2, k)).toBe(2 ** k)
      expect(FMath.log2(2 ** k)).toBe(k)
    }
    for (let i = 0; i < 2000; i++) expect(FMath.cbrt(i * i * i)).toBe(i)
    for (let i = 0; i <= 22; i++) expect(FMath.pow(10, i)).toBe(Number(`1e${i}`))
  })

  it("is pinned: the same bits on every engine", () => {
    let hash = 0
    const random = new RandomStream(1, "pin")
    for (let i = 0; i < 20_000; i++) {
      const x = random.unit() * 1000 + 1e-9
      const y = random.unit() * 20 - 10
      for (const value of [FMath.log(x), FMath.log2(x), FMath.exp(y), FMath.cbrt(x), FMath.pow(x, y)]) {
        bits.setFloat64(0, value)
        hash = (Math.imul(hash ^ bits.getInt32(0), 0x01000193) ^ bits.getInt32(4)) | 0
      }
    }
    expect(hash).toBe(-3584149)
  })
})

describe("Variates", () => {
  const sample = (draw: (random: RandomStream) => number, count = 50_000): Array<number> => {
    const random = new RandomStream(2, "sample")
    return Array.from({ length: count }, () => draw(random))
  }
  const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const share = (values: ReadonlyArray<number>, test: (value: number) => boolean): number =>
    values.filter(test).length / values.length

  it("exponential has its mean and its tail", () => {
    const values = sample((random) => Variates.exponential(random, 100))
    expect(Math.abs(mean(values) - 100)).toBeLessThan(2)
    expect(share(values, (value) => value > 300)).toBeCloseTo(Math.exp(-3), 2)
  })

  it("pareto has its scale, its mean and its tail; the bounded one its bounds", () => {
    const values = sample((random) => Variates.pareto(random, 3, 10))
    expect(Math.min(...values)).toBeGreaterThanOrEqual(10)
    expect(Math.abs(mean(values) - 15)).toBeLessThan(0.3)
    expect(share(values, (value) => value > 20)).toBeCloseTo(1 / 8, 2)
    const bounded = sample((random) => Variates.boundedPareto(random, 1.1, 2, 50))
    expect(Math.min(...bounded)).toBeGreaterThanOrEqual(2)
    expect(Math.max(...bounded)).toBeLessThanOrEqual(50)
  })

  it("normal and log-normal have their mean and deviation", () => {
    const values = sample((random) => Variates.normal(random, 5, 2))
    expect(mean(values)).toBeCloseTo(5, 1)
    expect(Math.sqrt(mean(values.map((value) => (value - 5) * (value - 5))))).toBeCloseTo(2, 1)
    expect(share(values, (value) => Math.abs(value - 5) < 2)).toBeCloseTo(0.6827, 2)
    const logs = sample((random) => Math.log(Variates.logNormal(random, 1, 0.5)))
    expect(mean(logs)).toBeCloseTo(1, 1)
  })

  it("geometric counts the failures before a success", () => {
    expect(mean(sample((random) => Variates.geometric(random, 0.1)))).toBeCloseTo(9, 0)
    expect(Variates.geometric(new RandomStream(1, "x"), 1)).toBe(0)
    expect(Variates.geometric(new RandomStream(1, "x"), 0)).toBe(Infinity)
  })
})
