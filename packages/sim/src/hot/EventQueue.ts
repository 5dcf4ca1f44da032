/**
 * The event queue of one island: a 4-ary heap over typed arrays, ordered by (time, key).
 *
 * `key` is `source * 2^33 + sequence within the source`, so the order of equal times never depends on insertion
 * order. 2^20 sources of 2^33 events each fit the 53 exact bits of a number. Events are rows of numbers; there are
 * no event objects and no closures.
 */

/** Sequence numbers a source may use: 2^33. */
export const SEQUENCE_SPAN = 8_589_934_592

const PAYLOAD = 4
const INITIAL = 8

export class EventQueue {
  /** Number of events held. */
  size: number
  /** Time of the earliest event, `Infinity` when there is none. */
  nextTime: number
  /** The last event taken by `pop`. */
  target: number
  kind: number
  a: number
  b: number

  private times: Float64Array
  private keys: Float64Array
  private payload: Int32Array

  constructor() {
    this.size = 0
    this.nextTime = Infinity
    this.target = 0
    this.kind = 0
    this.a = 0
    this.b = 0
    this.times = new Float64Array(INITIAL)
    this.keys = new Float64Array(INITIAL)
    this.payload = new Int32Array(INITIAL * PAYLOAD)
  }

  push(time: number, key: number, target: number, kind: number, a: number, b: number): void {
    if (this.size === this.times.length) this.grow()
    const times = this.times
    const keys = this.keys
    const payload = this.payload
    let hole = this.size++
    while (hole > 0) {
      const parent = (hole - 1) >> 2
      const parentTime = times[parent]!
      if (parentTime < time || (parentTime === time && keys[parent]! <= key)) break
      times[hole] = parentTime
      keys[hole] = keys[parent]!
      const to = hole << 2
      const from = parent << 2
      payload[to] = payload[from]!
      payload[to + 1] = payload[from + 1]!
      payload[to + 2] = payload[from + 2]!
      payload[to + 3] = payload[from + 3]!
      hole = parent
    }
    times[hole] = time
    keys[hole] = key
    const at = hole << 2
    payload[at] = target
    payload[at + 1] = kind
    payload[at + 2] = a
    payload[at + 3] = b
    if (time < this.nextTime) this.nextTime = time
  }

  /** Looks at the target and kind of the earliest event. Precondition: not empty. */
  headTarget(): number {
    return this.payload[0]!
  }
  headKind(): number {
    return this.payload[1]!
  }
  headA(): number {
    return this.payload[2]!
  }
  headB(): number {
    return this.payload[3]!
  }

  /** Takes the earliest event into `target`, `kind`, `a`, `b`. Precondition: not empty. */
  pop(): void {
    const payload = this.payload
    this.target = payload[0]!
    this.kind = payload[1]!
    this.a = payload[2]!
    this.b = payload[3]!
    const last = --this.size
    if (last === 0) {
      this.nextTime = Infinity
      return
    }
    const times = this.times
    const keys = this.keys
    const time = times[last]!
    const key = keys[last]!
    let hole = 0
    for (;;) {
      const first = (hole << 2) + 1
      if (first >= last) break
      let best = first
      let bestTime = times[first]!
      const end = first + 4 < last ? first + 4 : last
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child]!
        if (childTime < bestTime || (childTime === bestTime && keys[child]! < keys[best]!)) {
          best = child
          bestTime = childTime
        }
      }
      if (time < bestTime || (time === bestTime && key <= keys[best]!)) break
      times[hole] = bestTime
      keys[hole] = keys[best]!
      const to = hole << 2
      const from = best << 2
      payload[to] = payload[from]!
      payload[to + 1] = payload[from + 1]!
      payload[to + 2] = payload[from + 2]!
      payload[to + 3] = payload[from + 3]!
      hole = best
    }
    times[hole] = time
    keys[hole] = key
    const to = hole << 2
    const from = last << 2
    payload[to] = payload[from]!
    payload[to + 1] = payload[from + 1]!
    payload[to + 2] = payload[from + 2]!
    payload[to + 3] = payload[from + 3]!
    this.nextTime = times[0]!
  }

  /** Visits every waiting event in no particular order: for walking frames in flight. */
  forEach(visit: (time: number, target: number, kind: number, a: number, b: number) => void): void {
    for (let i = 0; i < this.size; i++) {
      const at = i << 2
      visit(this.times[i]!, this.payload[at]!, this.payload[at + 1]!, this.payload[at + 2]!, this.payload[at + 3]!)
    }
  }

  private grow(): void {
    const capacity = this.times.length * 2
    const times = new Float64Array(capacity)
    times.set(this.times)
    this.times = times
    const keys = new Float64Array(capacity)
    keys.set(this.keys)
    this.keys = keys
    const payload = new Int32Array(capacity * PAYLOAD)
    payload.set(this.payload)
    this.payload = payload
  }
}
