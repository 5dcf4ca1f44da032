/**
 * A stack of page frames, kept as runs of ascending ones: what is taken at once is mostly in one piece, and a ring of 255
 * buffers is a few numbers.
 */
export class PageRuns {
  /** First frame and length of each run. */
  private runs: ReadonlyArray<number>
  count: number

  constructor() {
    this.runs = []
    this.count = 0
  }

  push(pfn: number): void {
    this.count++
    const { runs } = this
    const at = runs.length - 2
    if (at >= 0 && pfn === runs[at]! + runs[at + 1]!) this.runs = runs.with(at + 1, runs[at + 1]! + 1)
    else this.runs = runs.concat([pfn, 1])
  }

  /** The frame pushed last; -1 when there is none. */
  pop(): number {
    const { runs } = this
    const at = runs.length - 2
    if (at < 0) return -1
    this.count--
    const length = runs[at + 1]! - 1
    this.runs = length === 0 ? runs.slice(0, at) : runs.with(at + 1, length)
    return runs[at]! + length
  }
}
