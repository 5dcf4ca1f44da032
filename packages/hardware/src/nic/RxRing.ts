/**
 * One receive ring: R descriptors, of which R-1 can hold a frame (head = tail means empty). The driver gives the hardware
 * free descriptors (`refill`), the hardware puts a frame into each, the driver takes the frames out.
 *
 *     driver refills --> | free | free | frame | frame | frame | --> driver takes
 *                               ^put                   ^take
 *
 * The arrays grow with use up to the ring's size, so that an idle NIC is small.
 */
const INITIAL = 8

export class RxRing {
  /** Descriptors, R. */
  readonly size: number
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

  private frames: Int32Array
  private hashes: Int32Array
  private arrivals: Float64Array
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
    this.frames = new Int32Array(INITIAL)
    this.hashes = new Int32Array(INITIAL)
    this.arrivals = new Float64Array(INITIAL)
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
    const slot = (this.head + this.count) & this.mask
    this.frames[slot] = frame
    this.hashes[slot] = hash
    this.arrivals[slot] = at
    this.free--
    this.count++
    return true
  }

  /** Frames that had arrived by `at`. */
  ready(at: number): number {
    const count = this.count
    if (count === 0) return 0
    if (this.arrivals[(this.head + count - 1) & this.mask]! <= at) return count
    let ready = 0
    while (this.arrivals[(this.head + ready) & this.mask]! <= at) ready++
    return ready
  }

  /** Arrival time of the oldest frame. Precondition: not empty. */
  oldestAt(): number {
    return this.arrivals[this.head]!
  }

  /** Takes the oldest frame; its descriptor is the driver's until it is refilled. Precondition: not empty. */
  take(): number {
    const head = this.head
    this.takenAt = this.arrivals[head]!
    this.takenHash = this.hashes[head]!
    this.head = (head + 1) & this.mask
    this.count--
    return this.frames[head]!
  }

  /** Visits the frames that the driver has not taken yet. */
  forEach(visit: (frame: number) => void): void {
    for (let i = 0; i < this.count; i++) visit(this.frames[(this.head + i) & this.mask]!)
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const frames = new Int32Array(capacity)
    const hashes = new Int32Array(capacity)
    const arrivals = new Float64Array(capacity)
    for (let i = 0; i < this.count; i++) {
      const from = (this.head + i) & this.mask
      frames[i] = this.frames[from]!
      hashes[i] = this.hashes[from]!
      arrivals[i] = this.arrivals[from]!
    }
    this.frames = frames
    this.hashes = hashes
    this.arrivals = arrivals
    this.mask = capacity - 1
    this.head = 0
  }
}
