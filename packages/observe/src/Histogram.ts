/**
 * A histogram of latencies or sizes with a bounded relative error: log-linear buckets, as HdrHistogram has them.
 *
 *     values below 2^bits:  one bucket each, exact
 *     above:                each power of two is cut into 2^(bits-1) equal buckets
 *
 * A value and the one that stands for it differ by less than 2^(1-bits) of the value: with the default of 11 bits by less
 * than 0.1 %. Values are whole numbers from 0 to 2^53 - 1; anything else is a defect of the caller.
 *
 * Histograms of the same `bits` can be merged: the result is that of one histogram that had seen all values.
 */

/** 2048 exact values, then 1024 buckets a power of two: below 0.1 % error. */
export const defaultBits = 11

/** What a report prints. Values in the unit that was recorded. */
export interface Percentiles {
  readonly count: number
  readonly minimum: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly maximum: number
}

export class Histogram {
  readonly bits: number
  /** Values recorded. */
  count: number
  /** Smallest and largest value recorded; `Infinity` and 0 for none. */
  minimum: number
  maximum: number
  /** Sum of all values. Exact below 2^53. */
  total: number
  private counts: Float64Array

  /** @param bits 2 to 16: the relative error is below 2^(1-bits) */
  constructor(bits: number = defaultBits) {
    if (!Number.isInteger(bits) || bits < 2 || bits > 16) throw new Error(`a histogram has 2 to 16 bits, not ${bits}`)
    this.bits = bits
    this.count = 0
    this.minimum = Infinity
    this.maximum = 0
    this.total = 0
    this.counts = new Float64Array(1 << bits)
  }

  /** @param times how often the value was seen */
  record(value: number, times = 1): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER) || value !== Math.floor(value)) {
      throw new Error(`a histogram records whole numbers from 0 to 2^53 - 1, not ${value}`)
    }
    const at = bucketOf(value, this.bits)
    if (at >= this.counts.length) this.grow(at)
    this.counts[at] = this.counts[at]! + times
    this.count += times
    this.total += value * times
    if (value < this.minimum) this.minimum = value
    if (value > this.maximum) this.maximum = value
  }

  /** Adds what `other` has seen. Precondition: the same `bits`. */
  merge(other: Histogram): void {
    if (other.bits !== this.bits) throw new Error(`cannot merge histograms of ${this.bits} and ${other.bits} bits`)
    if (other.counts.length > this.counts.length) this.grow(other.counts.length - 1)
    for (let at = 0; at < other.counts.length; at++) this.counts[at] = this.counts[at]! + other.counts[at]!
    this.count += other.count
    this.total += other.total
    if (other.minimum < this.minimum) this.minimum = other.minimum
    if (other.maximum > this.maximum) this.maximum = other.maximum
  }

  /** 0 for an empty histogram. */
  mean(): number {
    return this.count === 0 ? 0 : this.total / this.count
  }

  /**
   * The smallest value that at least `percent` of all values do not exceed, as the highest value of its bucket, never above
   * the largest value seen; 0 for an empty histogram.
   *
   * @param percent 0 to 100
   */
  percentile(percent: number): number {
    if (this.count === 0) return 0
    const wanted = Math.max(1, Math.ceil((percent / 100) * this.count - 1e-9))
    let seen = 0
    for (let at = 0; at < this.counts.length; at++) {
      seen += this.counts[at]!
      if (seen >= wanted) return Math.min(highestOf(at, this.bits), this.maximum)
    }
    return this.maximum
  }

  percentiles(): Percentiles {
    return {
      count: this.count,
      minimum: this.count === 0 ? 0 : this.minimum,
      mean: this.mean(),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      maximum: this.maximum
    }
  }

  /** Visits the buckets that are not empty, from low to high values. */
  forEach(visit: (lowest: number, highest: number, count: number) => void): void {
    for (let at = 0; at < this.counts.length; at++) {
      const count = this.counts[at]!
      if (count > 0) visit(lowestOf(at, this.bits), highestOf(at, this.bits), count)
    }
  }

  private grow(at: number): void {
    const half = 1 << (this.bits - 1)
    const counts = new Float64Array(Math.ceil((at + 1) / half) * half)
    counts.set(this.counts)
    this.counts = counts
  }
}

/** Number of binary digits of a whole number below 2^53. */
const digits = (value: number): number => {
  const high = Math.floor(value / 0x1_0000_0000)
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value)
}

/** 2^exponent, exact; `exponent` from 0 to 53. */
const powerOfTwo = (exponent: number): number => (exponent < 31 ? 1 << exponent : (1 << (exponent - 30)) * 0x4000_0000)

const bucketOf = (value: number, bits: number): number => {
  const shift = digits(value) - bits
  if (shift <= 0) return value
  const half = 1 << (bits - 1)
  return shift * half + Math.floor(value / powerOfTwo(shift))
}

const lowestOf = (at: number, bits: number): number => {
  const half = 1 << (bits - 1)
  const shift = Math.floor(at / half) - 1
  return shift <= 0 ? at : (at - shift * half) * powerOfTwo(shift)
}

const highestOf = (at: number, bits: number): number => lowestOf(at + 1, bits) - 1
