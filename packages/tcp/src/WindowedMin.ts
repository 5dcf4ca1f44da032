/**
 * The least of the values of a sliding window of time, from three samples: the best, the second best of what came after it,
 * the third likewise (Kathleen Nichols' algorithm; Linux: lib/win_minmax.c). The greatest is the least of negated values.
 *
 * Times are of any unit that wraps at int32.
 */
export class WindowedMin {
  private time0 = 0
  private value0 = 0
  private time1 = 0
  private value1 = 0
  private time2 = 0
  private value2 = 0

  constructor(time: number, value: number) {
    this.reset(time, value)
  }

  get least(): number {
    return this.value0
  }

  reset(time: number, value: number): number {
    this.time0 = this.time1 = this.time2 = time
    this.value0 = this.value1 = this.value2 = value
    return value
  }

  /** Takes a value in; the least of the window that ends at `time`. */
  update(window: number, time: number, value: number): number {
    if (value <= this.value0 || ((time - this.time2) | 0) > window) return this.reset(time, value)
    if (value <= this.value1) {
      this.time1 = this.time2 = time
      this.value1 = this.value2 = value
    } else if (value <= this.value2) {
      this.time2 = time
      this.value2 = value
    }
    this.expire(window, time, value)
    return this.value0
  }

  /** A sample that left the window gives way to the next; a quarter or half of the window without one makes a new one. */
  private expire(window: number, time: number, value: number): void {
    const age = (time - this.time0) | 0
    if (age > window) {
      this.shift(time, value)
      if (((time - this.time0) | 0) > window) this.shift(time, value)
    } else if (this.time1 === this.time0 && age > window / 4) {
      this.time1 = this.time2 = time
      this.value1 = this.value2 = value
    } else if (this.time2 === this.time1 && age > window / 2) {
      this.time2 = time
      this.value2 = value
    }
  }

  private shift(time: number, value: number): void {
    this.time0 = this.time1
    this.value0 = this.value1
    this.time1 = this.time2
    this.value1 = this.value2
    this.time2 = time
    this.value2 = value
  }
}
