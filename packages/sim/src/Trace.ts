/**
 * The trace of one island: rows of numbers, read by observers after or during the run. Writing it changes nothing else.
 *
 * Row: time ns, trace point id, core index (-1 none), context, netns id, device index, trace id of the packet, detail.
 *
 * A packet keeps its id across links, clones, segmentation and fragmentation. A packet that another one caused (the ARP
 * request for the next hop, an ICMP error, a retransmission) has an id of its own and names its parent; so does the one
 * into which others were merged, from that time on.
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
const NO_ROWS = new Float64Array(0)
/** Child, parent, the time from which on it holds. */
export const KIN = 3
const KIN_MAX = 1_000_000

export class Trace {
  /** One branch in hot code: off costs nothing else. */
  on: boolean
  rows: Float64Array
  count: number
  /** Most rows kept; later ones are counted in `lost`. */
  limit: number
  lost: number
  /** Rows of KIN numbers: which packet was made from which. */
  kin: Float64Array
  kinCount: number
  /** Told of each hit while tracing is on, whether or not a row is kept: inputs that wait for a trace point. */
  watch: ((point: number, time: number) => void) | null
  private nextId: number
  private readonly idBase: number

  /** @param islandIndex makes trace ids unique over islands */
  constructor(islandIndex: number) {
    this.on = false
    this.rows = NO_ROWS
    this.count = 0
    this.limit = 4_000_000
    this.lost = 0
    this.kin = NO_ROWS
    this.kinCount = 0
    this.watch = null
    this.idBase = islandIndex * 4294967296
    this.nextId = 1
  }

  /** A fresh trace id for a packet born here; 0 while tracing is off. */
  newId(): number {
    return this.on ? this.idBase + this.nextId++ : 0
  }

  /** A fresh trace id for a packet that `parent` caused; 0 while tracing is off. */
  child(parent: number): number {
    const id = this.newId()
    if (id !== 0 && parent !== 0) this.relate(id, parent, 0)
    return id
  }

  /** From `time` on, the packet `into` holds the bytes of `from` too. */
  merged(into: number, from: number, time: number): void {
    if (this.on && into !== 0 && from !== 0 && into !== from) this.relate(into, from, time)
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

  private relate(child: number, parent: number, since: number): void {
    if (this.kinCount >= KIN_MAX) {
      this.lost++
      return
    }
    const at = this.kinCount * KIN
    if (at === this.kin.length) {
      const kin = new Float64Array(Math.max(INITIAL_ROWS * KIN, this.kin.length * 2))
      kin.set(this.kin)
      this.kin = kin
    }
    this.kin[at] = child
    this.kin[at + 1] = parent
    this.kin[at + 2] = since
    this.kinCount++
  }

  private grow(): void {
    const rows = new Float64Array(Math.max(INITIAL_ROWS * ROW, this.rows.length * 2))
    rows.set(this.rows)
    this.rows = rows
  }
}
