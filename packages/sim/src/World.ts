/**
 * All islands of a run and the order in which they advance.
 *
 * The island with the earliest event runs alone until something could reach it from another island: the next event of
 * any other island plus the smallest delay of a link between islands. How far it runs at a stretch changes nothing but
 * speed.
 */
import type { Schedulable } from "./Actor.ts"
import { DataPages } from "./DataPages.ts"
import { Fingerprint } from "./Fingerprint.ts"
import { FrameSlab } from "./FrameSlab.ts"
import { Doubles } from "./hot/Doubles.ts"
import { Island, type Resumable } from "./Island.ts"
import { hashText, RandomStream } from "./Random.ts"

/** A throw inside the simulation: whose, when, and what. */
export interface Defect {
  readonly actor: string
  readonly island: string
  readonly time: number
  readonly error: unknown
}

export class World {
  readonly seed: number
  readonly slab: FrameSlab
  readonly pages: DataPages
  readonly islands: Array<Island>
  readonly defects: Array<Defect>
  /** Smallest delay of a link between two islands; `Infinity` without links. */
  lookahead: number
  /** True in `fiber` dispatch. */
  fiberDispatch: boolean
  /** True while the sim kernel resumes fibers; a fiber that runs at another moment was woken from outside. */
  resuming: boolean
  /** Called after each resume: drains Effect's dispatcher before anything else runs. */
  afterResume: (() => void) | null
  /** What the host's policy does about a defect; the default only records it. */
  onDefect: ((actor: Schedulable | null, island: Island, error: unknown, time: number) => void) | null

  /** Times and counters that every frame meets, of all actors, close together. */
  readonly doubles: Doubles
  /** A 4-ary heap of island indices by the time of their earliest event, and where in it each island stands. */
  private heap: Int32Array
  private times: Float64Array
  private places: Int32Array
  private running: Island | null

  constructor(seed: number) {
    this.seed = seed
    this.slab = new FrameSlab()
    this.pages = new DataPages()
    this.islands = []
    this.defects = []
    this.lookahead = Infinity
    this.fiberDispatch = false
    this.resuming = false
    this.afterResume = null
    this.onDefect = null
    this.doubles = new Doubles()
    this.heap = new Int32Array(64)
    this.times = new Float64Array(64)
    this.places = new Int32Array(64)
    this.running = null
  }

  newIsland(name: string): Island {
    const index = this.islands.length
    const island = new Island(this, name, index, hashText(name, this.seed | 0))
    this.islands.push(island)
    if (index === this.heap.length) this.grow()
    this.heap[index] = index
    this.places[index] = index
    this.times[index] = Infinity
    return island
  }

  /** The random stream of this run with this name (`component/incarnation/purpose`). */
  stream(name: string): RandomStream {
    return new RandomStream(this.seed, name)
  }

  /** A link between islands exists with this delay, at least 1 ns. */
  linkDelay(delay: number): void {
    if (!(delay >= 1)) throw new Error(`a link between islands needs a delay of at least 1 ns, not ${delay}`)
    if (delay < this.lookahead) this.lookahead = delay
  }

  /** Time of the earliest event of the run. */
  nextTime(): number {
    return this.islands.length === 0 ? Infinity : this.times[0]!
  }

  /** Runs every event up to and including `until`, then stops there. */
  run(until: number): void {
    while (this.nextTime() <= until) {
      const island = this.islands[this.heap[0]!]!
      this.running = island
      const others = this.secondTime() + this.lookahead
      island.runWindow(others < until + 1 ? others : until + 1)
      this.running = null
      this.down(0, this.heap[0]!, island.queue.nextTime)
    }
    for (const island of this.islands) if (island.now < until) island.now = until
  }

  /** The run's fingerprint: the chains of all islands in island order. */
  fingerprint(): string {
    const all = new Fingerprint(this.islands.length)
    for (const island of this.islands) all.chain(island.fingerprint)
    return all.value()
  }

  /** An island's earliest event moved forward. */
  earlier(island: Island, time: number): void {
    const running = this.running
    if (island === running) return
    this.up(island.index, time)
    if (running !== null) {
      const reply = time + this.lookahead
      if (reply < running.horizon) running.horizon = reply
    }
  }

  dispatch(actor: Schedulable, now: number): void {
    try {
      if (this.fiberDispatch && actor.wake !== null) actor.wake()
      else actor.dispatch(now)
    } catch (error) {
      this.caught(actor, actor.island, error, now)
    }
  }

  /** Gives an actor the only event of an instant without its mailbox; false when it is to be delivered. */
  takeAlone(actor: Schedulable, kind: number, a: number, b: number, now: number): boolean {
    if (this.fiberDispatch) return false
    try {
      return actor.takeAlone(kind, a, b, now)
    } catch (error) {
      this.defect(actor, actor.island, error, now)
      return true
    }
  }

  resume(resumable: Resumable, island: Island, now: number): void {
    this.resuming = true
    try {
      resumable.resume(now)
      if (this.afterResume !== null) this.afterResume()
    } catch (error) {
      this.caught(null, island, error, now)
    }
    this.resuming = false
  }

  /**
   * A throw came out of `carrier`, or of code that no actor runs. It is the defect of the lender whose function ran, if one
   * did; the carrier, whose work was cut short, is out of service as well.
   */
  caught(carrier: Schedulable | null, island: Island, error: unknown, time: number): void {
    const { inside } = island
    island.inside = null
    if (inside !== null && carrier !== null) carrier.alive = false
    this.defect(inside ?? carrier, island, error, time)
  }

  defect(actor: Schedulable | null, island: Island, error: unknown, time: number): void {
    this.defects.push({ actor: actor?.name ?? island.name, island: island.name, time, error })
    if (this.onDefect !== null) this.onDefect(actor, island, error, time)
  }

  /** Too many polls in one instant: names the actors that are still busy, and silences the island. */
  runaway(island: Island, busy: ReadonlyArray<string>, now: number): void {
    const names = [...new Set(busy)]
    for (const actor of island.actors) actor.alive = false
    this.defect(null, island, new Error(`more than 10^6 polls in one instant among ${names.join(", ")}`), now)
  }

  private secondTime(): number {
    const times = this.times
    const length = this.islands.length
    let second = Infinity
    const end = length < 5 ? length : 5
    for (let i = 1; i < end; i++) {
      const time = times[i]!
      if (time < second) second = time
    }
    return second
  }

  private grow(): void {
    const size = this.heap.length * 2
    const wider = (old: Int32Array): Int32Array => {
      const array = new Int32Array(size)
      array.set(old)
      return array
    }
    this.heap = wider(this.heap)
    this.places = wider(this.places)
    const times = new Float64Array(size)
    times.set(this.times)
    this.times = times
  }

  /** An island's earliest event is now at `time`, earlier than before. */
  private up(index: number, time: number): void {
    const { heap, places, times } = this
    let hole = places[index]!
    while (hole > 0) {
      const parent = (hole - 1) >> 2
      const parentTime = times[parent]!
      if (parentTime <= time) break
      const other = heap[parent]!
      heap[hole] = other
      times[hole] = parentTime
      places[other] = hole
      hole = parent
    }
    heap[hole] = index
    times[hole] = time
    places[index] = hole
  }

  /** The island that stands at `at` has its earliest event at `time`, later than before. */
  private down(at: number, index: number, time: number): void {
    const { heap, places, times } = this
    const length = this.islands.length
    let hole = at
    for (;;) {
      const first = hole * 4 + 1
      if (first >= length) break
      let best = first
      let bestTime = times[first]!
      const end = first + 4 < length ? first + 4 : length
      for (let child = first + 1; child < end; child++) {
        const childTime = times[child]!
        if (childTime < bestTime) {
          best = child
          bestTime = childTime
        }
      }
      if (bestTime >= time) break
      const other = heap[best]!
      heap[hole] = other
      times[hole] = bestTime
      places[other] = hole
      hole = best
    }
    heap[hole] = index
    times[hole] = time
    places[index] = hole
  }
}
