/**
 * The load average (Linux: kernel/sched/loadavg.c): the number of runnable and uninterruptible tasks, sampled every 5 s
 * and smoothed in fixed point over 1, 5 and 15 minutes.
 *
 * Differs: the samples are taken when the number changes or somebody looks, for the times that have passed, so that an
 * idle host needs no event.
 */

const FSHIFT = 11
const FIXED_1 = 1 << FSHIFT
/** 1/exp(5 s / 1, 5, 15 min) in fixed point. */
const EXPONENTS: ReadonlyArray<number> = [1884, 2014, 2037]
/** Linux samples every 5 s and one tick. */
const PERIOD = 5_000_000_000

export class LoadAverage {
  private readonly loads: Array<number>
  private active: number
  private nextSample: number

  constructor() {
    this.loads = [0, 0, 0]
    this.active = 0
    this.nextSample = PERIOD
  }

  /** Tasks that count now. */
  get running(): number {
    return this.active
  }

  /** The number of tasks that count changes by `by` at `time`. */
  change(by: number, time: number): void {
    if (time >= this.nextSample) this.catchUp(time)
    this.active += by
  }

  /** The averages of 1, 5 and 15 minutes at `time`, as /proc/loadavg has them. */
  read(time: number): readonly [number, number, number] {
    this.catchUp(time)
    const value = (load: number): number => Math.floor(((load + FIXED_1 / 200) * 100) / FIXED_1) / 100
    return [value(this.loads[0]!), value(this.loads[1]!), value(this.loads[2]!)]
  }

  private catchUp(time: number): void {
    const target = this.active * FIXED_1
    while (this.nextSample <= time) {
      this.nextSample += PERIOD
      let steady = true
      for (let i = 0; i < 3; i++) {
        const old = this.loads[i]!
        const exponent = EXPONENTS[i]!
        let load = old * exponent + target * (FIXED_1 - exponent)
        if (target >= old) load += FIXED_1 - 1
        const next = Math.floor(load / FIXED_1)
        if (next !== old) steady = false
        this.loads[i] = next
      }
      if (steady && this.nextSample <= time) {
        this.nextSample += Math.floor((time - this.nextSample) / PERIOD + 1) * PERIOD
      }
    }
  }
}
