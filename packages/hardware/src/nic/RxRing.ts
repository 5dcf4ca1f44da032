/**
 * One receive ring: R descriptors, of which R-1 can hold a frame (head = tail means empty). The driver gives the hardware
 * free descriptors (`refill`), the hardware puts a frame into each, the driver takes the frames out.
 *
 *     driver refills --> | free | free | frame | frame | frame | --> driver takes
 *                               ^put                   ^take
 *
 * The array grows with use up to the ring's size, so that an idle NIC is small.
 */
const INITIAL = 8
/** Numbers a frame has in `rows`: its handle, RSS hash and arrival time. One array is one object less to touch. */
const ROW = 3

export class RxRing {
  /** Descriptors, R. May change while the ring is empty and without free ones. */
  size: number
  /** Frames held. */
  count: number
  /** Descriptors the hardware may still fill. */
  free: number
  /** What `ethtool -S` counts for the queue. */
  packets: number
  bytes: number
  drops: number
  /** Arrival time and RSS hash of the frame taken last. */
  takenAt: number
  takenHash: number

  private rows: Float64Array
  private mask: number
  private head: number

  constructor(size: number) {
    this.size = size
    this.count = 0
    this.free = 0
    this.packets = 0
    this.bytes = 0
    this.drops = 0
    this.takenAt = 0
    this.takenHash = 0
    this.rows = new Float64Array(INITIAL * ROW)
    this.mask = INITIAL - 1
    this.head = 0
  }

  /** Gives the hardware `n` more descriptors, never more than R-1 in all. */
  refill(n: number): void {
    const most = this.size - 1 - this.count
    const free = this.free + n
    this.free = free < most ? free : most
  }

  /** False when no descriptor is free. `at` must not decrease from call to call. */
  put(frame: number, at: number, hash: number): boolean {
    if (this.free <= 0) return false
    if (this.count > this.mask) this.grow()
    const row = ((this.head + this.count) & this.mask) * ROW
    this.rows[row] = frame
    this.rows[row + 1] = hash
    this.rows[row + 2] = at
    this.free--
    this.count++
    return true
  }

  /** Frames that had arrived by `at`. */
  ready(at: number): number {
    const count = this.count
    if (count === 0) return 0
    if (this.arrival(count - 1) <= at) return count
    let ready = 0
    while (this.arrival(ready) <= at) ready++
    return ready
  }

  /** Arrival time of the oldest frame. Precondition: not empty. */
  oldestAt(): number {
    return this.arrival(0)
  }

  /** Takes the oldest frame; its descriptor is the driver's until it is refilled. Precondition: not empty. */
  take(): number {
    const row = this.head * ROW
    this.takenAt = this.rows[row + 2]!
    this.takenHash = this.rows[row + 1]! | 0
    this.head = (this.head + 1) & this.mask
    this.count--
    return this.rows[row]! | 0
  }

  /** Visits the frames that the driver has not taken yet. */
  forEach(visit: (frame: number) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.rows[((this.head + i) & this.mask) * ROW]! | 0)
  }

  /** Arrival time of the `i`-th frame held. */
  private arrival(i: number): number {
    return this.rows[((this.head + i) & this.mask) * ROW + 2]!
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const rows = new Float64Array(capacity * ROW)
    const behind = this.head * ROW
    rows.set(this.rows.subarray(behind))
    rows.set(this.rows.subarray(0, behind), this.rows.length - behind)
    this.rows = rows
    this.mask = capacity - 1
    this.head = 0
  }
}
