/**
 * Rows of doubles for many objects, close together.
 *
 * A number that is not a small integer is, as a field of an object, a heap object of its own: one more cache line for
 * each time or counter a cold host touches. Objects that every frame meets keep such numbers in a row of a chunk that
 * all of them share: `row.f[row.at + FIELD]`. A row stays where it is for ever; what was built together lies together.
 */

/** Doubles of one cache line: rows begin at multiples of it. */
const LINE = 8
/** Doubles of a chunk. */
const CHUNK = 16_384
/** Doubles before the first row, so that rows begin on cache lines where an allocator puts 16 bytes before a block. */
const SKEW = 6

/** A row: its chunk, the same memory as int32, and the index of its first double. */
export interface Row {
  readonly f: Float64Array
  readonly i: Int32Array
  readonly at: number
}

export class Doubles {
  private f: Float64Array
  private i: Int32Array
  private used: number

  constructor() {
    this.f = new Float64Array(0)
    this.i = new Int32Array(0)
    this.used = CHUNK
  }

  /** A row of `count` doubles, all 0. */
  take(count: number): Row {
    const span = Math.ceil(count / LINE) * LINE
    if (this.used + span > this.f.length) {
      const buffer = new ArrayBuffer(8 * Math.max(CHUNK, span + LINE))
      this.f = new Float64Array(buffer)
      this.i = new Int32Array(buffer)
      this.used = SKEW
    }
    const at = this.used
    this.used += span
    return { f: this.f, i: this.i, at }
  }
}
