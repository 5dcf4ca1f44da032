/** Virtual time for {@link SimpleHost}: a heap of things to do, in order of time and then of arming. */

/** Something that happens at a time. */
export interface SimpleEvent {
  run(): void
}

export class SimpleClock {
  /** Nanoseconds. */
  now: number
  private times: Array<number>
  private sequences: Array<number>
  private events: Array<SimpleEvent>
  private sequence: number

  constructor() {
    this.now = 0
    this.times = []
    this.sequences = []
    this.events = []
    this.sequence = 0
  }

  get pending(): number {
    return this.events.length
  }

  /** When the next event is due; Infinity for none. */
  get next(): number {
    return this.times[0] ?? Infinity
  }

  at(time: number, event: SimpleEvent): void {
    const sequence = this.sequence++
    let index = this.events.length
    this.times.push(time)
    this.sequences.push(sequence)
    this.events.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.times[parent]! <= time) break
      this.move(parent, index)
      index = parent
    }
    this.place(index, time, sequence, event)
  }

  /** Runs what is due until `time`, which becomes now. */
  runUntil(time: number): void {
    while (this.next <= time) this.step()
    if (time > this.now && time !== Infinity) this.now = time
  }

  /** Runs one event; false when there is none. */
  step(): boolean {
    const event = this.events[0]
    if (event === undefined) return false
    const time = this.times[0]!
    if (time > this.now) this.now = time
    this.removeFirst()
    event.run()
    return true
  }

  private removeFirst(): void {
    const time = this.times.pop()!
    const sequence = this.sequences.pop()!
    const event = this.events.pop()!
    const length = this.events.length
    if (length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && this.isBefore(child + 1, child)) child++
      const childTime = this.times[child]!
      if (childTime > time || (childTime === time && this.sequences[child]! > sequence)) break
      this.move(child, index)
      index = child
    }
    this.place(index, time, sequence, event)
  }

  private isBefore(a: number, b: number): boolean {
    const difference = this.times[a]! - this.times[b]!
    return difference < 0 || (difference === 0 && this.sequences[a]! < this.sequences[b]!)
  }

  private move(from: number, to: number): void {
    this.place(to, this.times[from]!, this.sequences[from]!, this.events[from]!)
  }

  private place(index: number, time: number, sequence: number, event: SimpleEvent): void {
    this.times[index] = time
    this.sequences[index] = sequence
    this.events[index] = event
  }
}
