/**
 * The trace of one island: rows of numbers, read by observers after or during the run. Writing it changes nothing else.
 *
 * Row: time ns, trace point id, core index (-1 none), context, netns id, device index, trace id of the packet, detail.
 */
export const ROW = 8

/** Who ran the function. */
export const CONTEXT_NONE = 0
export const CONTEXT_PROCESS = 1
export const CONTEXT_SOFTIRQ = 2
export const CONTEXT_HARDIRQ = 3
export const CONTEXT_KSOFTIRQD = 4
export const contextNames: ReadonlyArray<string> = ["-", "process", "softirq", "hardirq", "ksoftirqd"]

const INITIAL_ROWS = 256

export class Trace {
  /** One branch in hot code: off costs nothing else. */
  on: boolean
  rows: Float64Array
  count: number
  /** Most rows kept; later ones are counted in `lost`. */
  limit: number
  lost: number
  /** Told of each hit while tracing is on, whether or not a row is kept: inputs that wait for a trace point. */
  watch: ((point: number, time: number) => void) | null
  private nextId: number
  private readonly idBase: number

  /** @param islandIndex makes trace ids unique over islands */
  constructor(islandIndex: number) {
    this.on = false
    this.rows = new Float64Array(0)
    this.count = 0
    this.limit = 4_000_000
    this.lost = 0
    this.watch = null
    this.idBase = islandIndex * 4294967296
    this.nextId = 1
  }

  /** A fresh trace id for a packet born here; 0 while tracing is off. */
  newId(): number {
    return this.on ? this.idBase + this.nextId++ : 0
  }

  record(
    time: number,
    point: number,
    core: number,
    context: number,
    netns: number,
    device: number,
    id: number,
    detail: number
  ): void {
    if (this.watch !== null) this.watch(point, time)
    if (this.count >= this.limit) {
      this.lost++
      return
    }
    const at = this.count * ROW
    if (at === this.rows.length) this.grow()
    const rows = this.rows
    rows[at] = time
    rows[at + 1] = point
    rows[at + 2] = core
    rows[at + 3] = context
    rows[at + 4] = netns
    rows[at + 5] = device
    rows[at + 6] = id
    rows[at + 7] = detail
    this.count++
  }

  /** Forgets the rows after a reader has taken them. */
  clear(): void {
    this.count = 0
  }

  private grow(): void {
    const rows = new Float64Array(Math.max(INITIAL_ROWS * ROW, this.rows.length * 2))
    rows.set(this.rows)
    this.rows = rows
  }
}
