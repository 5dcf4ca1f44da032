/**
 * Logarithm, exponential, power and roots that every engine computes to the same bit: only + - * /, `Math.sqrt` (which
 * IEEE 754 defines exactly) and the bits of a double are used. `Math.log` and its kin may differ between engines.
 *
 * Errors: below 1 ulp for each function over its whole range of normal results (tests compare with the engine's own
 * functions, which have errors themselves, and allow 2 ulp); a subnormal result may lose its last bit.
 *
 * How: a table splits the argument so that a short series remains, and the parts are kept as sums of two doubles
 * (Tang, "Table-driven implementation of the logarithm/exponential function", ACM TOMS 1989/1990).
 */
import * as Two from "./internal/TwoFloats.ts"

/** ln 2 as a sum of two doubles. */
const LN2_HIGH = Math.LN2
const LN2_LOW = 2.3190468138462996e-17
const SQRT2 = Math.SQRT2
const OVERFLOW = 709.782712893384
const UNDERFLOW = -745.1332191019412
const TWO54 = 18014398509481984
const LOG_STEPS = 128
const EXP_STEPS = 64

const view = new DataView(new ArrayBuffer(8))

/** 2^k for -1022 ≤ k ≤ 1023. */
const powerOfTwo = (k: number): number => {
  view.setInt32(0, (k + 1023) << 20)
  view.setInt32(4, 0)
  return view.getFloat64(0)
}

/** value * 2^k, also where that is subnormal or overflows. */
const scale = (value: number, k: number): number => {
  if (k > 1023) return value * powerOfTwo(1023) * powerOfTwo(k - 1023 > 1023 ? 1023 : k - 1023)
  if (k < -1022) return value * powerOfTwo(k + 54 < -1022 ? -1022 : k + 54) * powerOfTwo(-54)
  return value * powerOfTwo(k)
}

/** 2 atanh(s) for the sum of two doubles s, by the full series: for the tables only. */
const seriesLog = (high: number, low: number): number => {
  const square = Two.multiply(high, low, high, low)
  const squareLow = Two.low
  let term = high
  let termLow = low
  let sum = high
  let sumLow = low
  for (let n = 3; n < 80; n += 2) {
    term = Two.multiply(term, termLow, square, squareLow)
    termLow = Two.low
    const part = Two.divide(term, termLow, n, 0)
    sum = Two.add(sum, sumLow, part, Two.low)
    sumLow = Two.low
  }
  Two.multiply(sum, sumLow, 2, 0)
  return sum * 2
}

/** e^(high + low) for a small argument, by the full series: for the tables only. */
const seriesExp = (high: number, low: number): number => {
  let term = 1
  let termLow = 0
  let sum = 1
  let sumLow = 0
  for (let n = 1; n < 30; n++) {
    term = Two.multiply(term, termLow, high, low)
    term = Two.divide(term, Two.low, n, 0)
    termLow = Two.low
    sum = Two.add(sum, sumLow, term, termLow)
    sumLow = Two.low
  }
  Two.twoSum(sum, sumLow)
  return sum
}

/** ln(c) for c = 0.70 … 1.42 in steps of 1/128. */
const logHigh = new Float64Array(LOG_STEPS)
const logLow = new Float64Array(LOG_STEPS)
const LOG_FIRST = 90
for (let i = 0; i < LOG_STEPS - 32; i++) {
  const c = (LOG_FIRST + i) / LOG_STEPS
  const s = Two.divide(c - 1, 0, c + 1, 0)
  logHigh[i] = seriesLog(s, Two.low)
  logLow[i] = Two.low
}
/** 2^(j/64). */
const expHigh = new Float64Array(EXP_STEPS)
const expLow = new Float64Array(EXP_STEPS)
for (let j = 0; j < EXP_STEPS; j++) {
  const product = Two.multiply(LN2_HIGH, LN2_LOW, j / EXP_STEPS, 0)
  expHigh[j] = seriesExp(product, Two.low)
  expLow[j] = Two.low
}

/** The rest of the last `logTwo` beyond its result. */
let logRest = 0

/** ln(x) for a finite x > 0 as a sum of two doubles, relative error about 2^-68. */
const logTwo = (x: number): number => {
  let k = 0
  let value = x
  if (x < 2.2250738585072014e-308) {
    value = x * TWO54
    k = -54
  }
  view.setFloat64(0, value)
  const high = view.getInt32(0)
  k += (high >>> 20) - 1023
  view.setInt32(0, (high & 0xfffff) | 0x3ff00000)
  let m = view.getFloat64(0)
  if (m > SQRT2) {
    m *= 0.5
    k++
  }
  const step = Math.round(m * LOG_STEPS)
  const c = step / LOG_STEPS
  const f = m - c
  const sum = Two.twoSum(m, c)
  const s = Two.divide(f, 0, sum, Two.low)
  const sLow = Two.low
  const z = s * s
  const tail = 2 * (sLow + s * z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9)))))
  const base = Two.multiply(LN2_HIGH, LN2_LOW, k, 0)
  const table = Two.add(base, Two.low, logHigh[step - LOG_FIRST]!, logLow[step - LOG_FIRST]!)
  const tableLow = Two.low
  const result = Two.add(table, tableLow, 2 * s, tail)
  logRest = Two.low
  return result
}

/** e^(high + low), rounded once. Precondition: within the range of doubles. */
const expTwo = (high: number, low: number): number => {
  const n = Math.round(high * (EXP_STEPS / LN2_HIGH))
  const product = Two.multiply(LN2_HIGH, LN2_LOW, -n / EXP_STEPS, 0)
  const r = Two.add(high, low, product, Two.low)
  const rLow = Two.low
  const p = r + (rLow + r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720))))))
  const j = ((n % EXP_STEPS) + EXP_STEPS) % EXP_STEPS
  const k = (n - j) / EXP_STEPS
  const table = expHigh[j]!
  return scale(table + (expLow[j]! + table * p), k)
}

/** Natural logarithm. NaN below 0, -Infinity at 0. */
export const log = (x: number): number => {
  if (!(x > 0) || x === Infinity) return x === 0 ? -Infinity : x < 0 ? Number.NaN : x
  return logTwo(x)
}

/** Logarithm to base 2, exact for powers of two. */
export const log2 = (x: number): number => {
  if (!(x > 0) || x === Infinity) return log(x)
  const high = logTwo(x)
  const product = Two.divide(high, logRest, LN2_HIGH, LN2_LOW)
  return product + Two.low
}

/** e^x. */
export const exp = (x: number): number => {
  if (!(x < OVERFLOW)) return x >= OVERFLOW ? (x === OVERFLOW ? expTwo(x, 0) : Infinity) : x
  return x < UNDERFLOW ? 0 : expTwo(x, 0)
}

/** Cube root. */
export const cbrt = (x: number): number => {
  if (x === 0 || !(x - x === 0)) return x
  const value = x < 0 ? -x : x
  // 2^54 is the cube of 2^18: keeps the products below away from both ends of the range.
  if (value < 1e-280) return cbrt(x * TWO54 * TWO54) / 68719476736
  if (value > 1e300) return cbrt(x / TWO54) * 262144
  const high = logTwo(value)
  const third = Two.divide(high, logRest, 3, 0)
  const root = expTwo(third, Two.low)
  // Newton's step gives the exact root of a cube.
  const square = Two.twoProduct(root, root)
  const cube = Two.multiply(square, Two.low, root, 0)
  const better = root - (cube - value + Two.low) / (3 * square)
  return x < 0 ? -better : better
}

/** The square root: exact in every engine. */
export const sqrt = (x: number): number => Math.sqrt(x)

/** x to the power y, with `Math.pow`'s special cases. */
export const pow = (x: number, y: number): number => {
  if (y === 0) return 1
  if (x !== x || y !== y) return Number.NaN
  const size = x < 0 ? -x : x
  if (y === Infinity || y === -Infinity) return infinitePower(size, y)
  const isOdd = y % 2 === 1 || y % 2 === -1
  if (size === 0 || size === Infinity) {
    const value = (size === 0) === y > 0 ? 0 : Infinity
    return isOdd && (x < 0 || 1 / x < 0) ? -value : value
  }
  if (x < 0 && y % 1 !== 0) return Number.NaN
  if (y === 1) return x
  if (size === 1) return x < 0 && isOdd ? -1 : 1
  const value = finitePower(size, y)
  return x < 0 && isOdd ? -value : value
}

const infinitePower = (size: number, y: number): number => {
  if (size === 1) return Number.NaN
  return size > 1 === y > 0 ? Infinity : 0
}

const finitePower = (size: number, y: number): number => {
  const high = logTwo(size)
  const rough = high * y
  if (rough > 710) return Infinity
  if (rough < -746) return 0
  const low = logRest
  const product = Two.multiply(high, low, y, 0)
  const exponent = product + Two.low
  if (exponent > OVERFLOW) return Infinity
  return exponent < UNDERFLOW ? 0 : expTwo(product, Two.low)
}
