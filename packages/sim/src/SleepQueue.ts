/**
 * Who sleeps on one island: a heap of deadlines with at most one useful event in the island's queue.
 *
 * What is due is resumed in the process phase of its instant, ordered by (deadline, sequence of going to sleep).
 */
import { KIND_OWN, Schedulable } from "./Actor.ts"
import { Alarm } from "./internal/Alarm.ts"
import type { Island, Resumable } from "./Island.ts"
import { SmallMap } from "./SmallMap.ts"

const NOT_QUEUED = -1
/** An input is due; the first argument is its number. */
const KIND_INPUT = KIND_OWN + 1

/** Something that is to be resumed at a time. Made by its owner and given to `SleepQueue.add`. */
export class Sleeper implements Resumable {
  readonly name: string
  due: number
  sequence: number
  /** Position in the heap, or -1. */
  at: number
  private run: ((now: number) => void) | null

  constructor(name: string, due: number, run: (now: number) => void) {
    this.name = name
    this.due = due
    this.sequence = 0
    this.at = NOT_QUEUED
    this.run = run
  }

  resume(now: number): void {
    const run = this.run
    this.run = null
    if (run !== null) run(now)
  }

  /** Will not run any more. */
  forget(): void {
    this.run = null
  }
}

export class SleepQueue extends Schedulable {
  private readonly heap: Array<Sleeper>
  private order: number
  private readonly alarm: Alarm
  private readonly inputs: SmallMap<number, Resumable>
  private inputCount: number

  constructor(island: Island) {
    super(island, `${island.name}/sleep`)
    this.heap = []
    this.order = 0
    this.alarm = new Alarm(this)
    this.inputs = new SmallMap()
    this.inputCount = 0
  }

  get size(): number {
    return this.heap.length
  }

  /** Queues a sleeper; a deadline that has passed means this instant. */
  add(sleeper: Sleeper): void {
    const now = this.island.now
    if (!(sleeper.due > now)) sleeper.due = now
    sleeper.sequence = this.order++
    sleeper.at = this.heap.length
    this.heap.push(sleeper)
    this.up(sleeper.at)
    this.arm()
  }

  /** Takes a sleeper out, in time or too late. */
  remove(sleeper: Sleeper): void {
    sleeper.forget()
    const at = sleeper.at
    if (at === NOT_QUEUED) return
    sleeper.at = NOT_QUEUED
    const last = this.heap.pop()!
    if (last === sleeper) return
    last.at = at
    this.heap[at] = last
    this.up(at)
    this.down(last.at)
  }

  /** Resumes at `time`, before everything else that this instant resumes. */
  input(time: number, resumable: Resumable): void {
    const number = this.inputCount++ | 0
    this.inputs.set(number, resumable)
    this.island.input(time, this.slot, KIND_INPUT, number, 0)
  }

  /** It brings the host back. */
  override outlivesHost(): boolean {
    return true
  }

  override deliver(kind: number, a: number, _b: number, now: number): void {
    if (kind === KIND_INPUT) {
      const input = this.inputs.get(a)
      this.inputs.delete(a)
      if (input !== undefined) this.island.resumeLater(input)
      return
    }
    this.alarm.rang(now)
    const heap = this.heap
    while (heap.length > 0 && heap[0]!.due <= now) this.island.resumeLater(this.take())
    this.arm()
  }

  override dispatch(): void {}

  private arm(): void {
    const head = this.heap[0]
    if (head !== undefined) this.alarm.set(head.due)
  }

  private take(): Sleeper {
    const first = this.heap[0]!
    const last = this.heap.pop()!
    first.at = NOT_QUEUED
    if (last !== first) {
      last.at = 0
      this.heap[0] = last
      this.down(0)
    }
    return first
  }

  private up(from: number): void {
    const heap = this.heap
    const sleeper = heap[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const other = heap[parent]!
      if (!isBefore(sleeper, other)) break
      heap[at] = other
      other.at = at
      at = parent
    }
    heap[at] = sleeper
    sleeper.at = at
  }

  private down(from: number): void {
    const heap = this.heap
    const sleeper = heap[from]!
    let at = from
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      const other = heap[child]!
      if (!isBefore(other, sleeper)) break
      heap[at] = other
      other.at = at
      at = child
    }
    heap[at] = sleeper
    sleeper.at = at
  }
}

const isBefore = (left: Sleeper, right: Sleeper): boolean =>
  left.due < right.due || (left.due === right.due && left.sequence < right.sequence)
