/**
 * The event queue of one island: a 4-ary heap of rows in shared memory, ordered by (time, key).
 *
 * `key` is `source * 2^33 + sequence within the source`, so the order of equal times never depends on insertion
 * order. 2^20 sources of 2^33 events each fit the 53 exact bits of a number. Events are rows of numbers; there are
 * no event objects and no closures.
 */
import type { Doubles } from "./Doubles.ts"

/** Sequence numbers a source may use: 2^33. */
export const SEQUENCE_SPAN = 8_589_934_592

/** Doubles of an event: time, key, then four int32: target, kind, a, b. */
const EVENT = 4
const KEY = 1
/** Index of the first int32 in an event. */
const PAYLOAD = 4
const INITIAL = 6

export class EventQueue {
  /** Number of events held. */
  size: number
  /** The last event taken by `pop`. */
  target: number
  kind: number
  a: number
  b: number

  private f: Float64Array
  private i: Int32Array
  /** Index of the earliest event's time, which is `Infinity` when there is none. */
  private at: number
  private capacity: number
  private readonly doubles: Doubles

  constructor(doubles: Doubles) {
    this.size = 0
    this.target = 0
    this.kind = 0
    this.a = 0
    this.b = 0
    const { f, i, at } = doubles.take(INITIAL * EVENT)
    this.f = f
    this.i = i
    this.at = at
    this.capacity = INITIAL
    this.doubles = doubles
    f[at] = Infinity
  }

  /** Time of the earliest event, `Infinity` when there is none. */
  get nextTime(): number {
    return this.f[this.at]!
  }

  push(time: number, key: number, target: number, kind: number, a: number, b: number): void {
    if (this.size === this.capacity) this.grow()
    const f = this.f
    const i = this.i
    const base = this.at
    let hole = this.size++
    while (hole > 0) {
      const parent = (hole - 1) >> 2
      const from = base + parent * EVENT
      const parentTime = f[from]!
      if (parentTime < time || (parentTime === time && f[from + KEY]! <= key)) break
      move(f, i, from, base + hole * EVENT)
      hole = parent
    }
    const to = base + hole * EVENT
    f[to] = time
    f[to + KEY] = key
    const payload = to * 2 + PAYLOAD
    i[payload] = target
    i[payload + 1] = kind
    i[payload + 2] = a
    i[payload + 3] = b
  }

  /** Looks at the target and kind of the earliest event. Precondition: not empty. */
  headTarget(): number {
    return this.i[this.at * 2 + PAYLOAD]!
  }
  headKind(): number {
    return this.i[this.at * 2 + PAYLOAD + 1]!
  }
  headA(): number {
    return this.i[this.at * 2 + PAYLOAD + 2]!
  }
  headB(): number {
    return this.i[this.at * 2 + PAYLOAD + 3]!
  }

  /** Takes the earliest event into `target`, `kind`, `a`, `b`. Precondition: not empty. */
  pop(): void {
    const f = this.f
    const i = this.i
    const base = this.at
    const payload = base * 2 + PAYLOAD
    this.target = i[payload]!
    this.kind = i[payload + 1]!
    this.a = i[payload + 2]!
    this.b = i[payload + 3]!
    const last = --this.size
    if (last === 0) {
      f[base] = Infinity
      return
    }
    const lastAt = base + last * EVENT
    const time = f[lastAt]!
    const key = f[lastAt + KEY]!
    let hole = 0
    for (;;) {
      const first = (hole << 2) + 1
      if (first >= last) break
      let best = base + first * EVENT
      let bestTime = f[best]!
      const end = base + (first + 4 < last ? first + 4 : last) * EVENT
      for (let child = best + EVENT; child < end; child += EVENT) {
        const childTime = f[child]!
        if (childTime < bestTime || (childTime === bestTime && f[child + KEY]! < f[best + KEY]!)) {
          best = child
          bestTime = childTime
        }
      }
      if (time < bestTime || (time === bestTime && key <= f[best + KEY]!)) break
      move(f, i, best, base + hole * EVENT)
      hole = (best - base) / EVENT
    }
    if (hole !== last) move(f, i, lastAt, base + hole * EVENT)
  }

  /** Visits every waiting event in no particular order: for walking frames in flight. */
  forEach(visit: (time: number, target: number, kind: number, a: number, b: number) => void): void {
    for (let event = 0; event < this.size; event++) {
      const at = this.at + event * EVENT
      const payload = at * 2 + PAYLOAD
      const { i } = this
      visit(this.f[at]!, i[payload]!, i[payload + 1]!, i[payload + 2]!, i[payload + 3]!)
    }
  }

  private grow(): void {
    this.capacity *= 2
    const { f, i, at } = this.doubles.take(this.capacity * EVENT)
    for (let event = 0; event < this.size; event++) {
      const from = this.at + event * EVENT
      const to = at + event * EVENT
      f[to] = this.f[from]!
      f[to + KEY] = this.f[from + KEY]!
      for (let word = PAYLOAD; word < PAYLOAD + 4; word++) i[to * 2 + word] = this.i[from * 2 + word]!
    }
    this.f = f
    this.i = i
    this.at = at
  }
}

/** Moves an event within its chunk. The payload goes as integers: as doubles some bit patterns would not survive. */
const move = (f: Float64Array, i: Int32Array, from: number, to: number): void => {
  f[to] = f[from]!
  f[to + KEY] = f[from + KEY]!
  const source = from * 2 + PAYLOAD
  const target = to * 2 + PAYLOAD
  i[target] = i[source]!
  i[target + 1] = i[source + 1]!
  i[target + 2] = i[source + 2]!
  i[target + 3] = i[source + 3]!
}
