/**
 * An island: what shares memory (one host with its devices, cores, namespaces and processes; or one switch). Inside it,
 * talk costs no virtual time; between islands there are only links with a delay above zero.
 *
 * One instant: deliver every event due, in order; poll actors with mail in ascending slot, round by round, until no mail
 * is left; run the cores' due turns in core order and go back if they made mail; then resume processes and go back if
 * they made work. docs/DETERMINISM.md states this once.
 */
import { added } from "./Exact.ts"
import { type Actor, KIND_FRAME, type Schedulable, type Turn } from "./Actor.ts"
import { EventQueue, SEQUENCE_SPAN } from "./hot/EventQueue.ts"
import { Fingerprint, hashFrame } from "./Fingerprint.ts"
import { Ledger } from "./Ledger.ts"
import { Trace } from "./Trace.ts"
import type { World } from "./World.ts"
import * as DropReason from "./DropReason.ts"

/** Something the process phase resumes: a process whose system call ended, an actor's control fiber. */
export interface Resumable {
  /** Named in reports, when it has a name. */
  readonly name?: string
  resume(now: number): void
}

/** More polls than this in one instant is a defect that names the cycle. */
export const POLLS_PER_INSTANT = 1_000_000

/** Places of an island's numbers in its row. */
const NOW = 0
const HORIZON = 1
const NUMBERS = 2

export class Island {
  readonly world: World
  readonly name: string
  readonly index: number
  readonly queue: EventQueue
  readonly trace: Trace
  readonly ledger: Ledger
  readonly fingerprint: Fingerprint
  actors: ReadonlyArray<Schedulable>
  /** Whose lent function runs on the stack of a core (Lender); null while none does. */
  inside: Schedulable | null
  /** True in the process phase of an instant. */
  resuming: boolean
  private turns: ReadonlyArray<Turn>
  private dueTurns: number
  private waiting: Array<Actor>
  private batch: Array<Actor>
  private resumables: Array<Resumable>
  private nextResumables: Array<Resumable>
  private resumeIndex: number
  private readonly f: Float64Array
  private readonly at: number
  private sources: number
  private inputs: number

  constructor(world: World, name: string, index: number, seed: number) {
    this.world = world
    this.name = name
    this.index = index
    const { f, at } = world.doubles.take(NUMBERS)
    this.f = f
    this.at = at
    this.queue = new EventQueue(world.doubles)
    this.trace = new Trace(index)
    this.ledger = new Ledger()
    this.fingerprint = new Fingerprint(seed)
    this.actors = []
    this.inside = null
    this.resuming = false
    this.turns = []
    this.dueTurns = 0
    this.waiting = []
    this.batch = []
    this.resumables = []
    this.nextResumables = []
    this.resumeIndex = 0
    this.sources = 1 // source 0 is the world's input: before all others of its time
    this.inputs = 0
  }

  /** Time of the instant in progress, or of the last one. */
  get now(): number {
    return this.f[this.at + NOW]!
  }

  set now(time: number) {
    this.f[this.at + NOW] = time
  }

  /** Nothing can arrive from outside before this time while the island runs; 0 while it does not. */
  get horizon(): number {
    return this.f[this.at + HORIZON]!
  }

  set horizon(time: number) {
    this.f[this.at + HORIZON] = time
  }

  /** Gives an actor its slot. */
  register(actor: Schedulable): number {
    this.actors = added(this.actors, actor)
    return this.actors.length - 1
  }

  addTurn(turn: Turn): void {
    this.turns = added(this.turns, turn)
  }

  /** A source of events: an actor of this island, or the far end of a link into it. */
  newSource(): number {
    return this.sources++
  }

  /** The order key base of a new source. */
  newKeyBase(): number {
    return this.newSource() * SEQUENCE_SPAN
  }

  /** Adds an event, at the island's time or later. `key` comes from its source. */
  push(time: number, key: number, slot: number, kind: number, a: number, b: number): void {
    if (!(time >= this.now)) throw new Error(`an event for ${time} ns on ${this.name}, where it is ${this.now} ns`)
    const queue = this.queue
    const first = queue.nextTime
    queue.push(time, key, slot, kind, a, b)
    if (time < first) this.world.earlier(this, time)
  }

  /** An event from outside the simulation: before all other events of its time. */
  input(time: number, slot: number, kind: number, a: number, b: number): void {
    this.push(time, this.inputs++, slot, kind, a, b)
  }

  /** Lists an actor that has mail for the next round. */
  enqueue(actor: Actor): void {
    actor.queued = true
    this.waiting.push(actor)
  }

  /** Lists a core's turn for this instant. */
  turnDue(turn: Turn): void {
    if (turn.due) return
    turn.due = true
    this.dueTurns++
  }

  /** Lists something to resume in the process phase of this instant. */
  resumeLater(resumable: Resumable): void {
    this.nextResumables.push(resumable)
  }

  /** True when nothing but the caller is to run in this instant and nothing is due up to and including `time`. */
  quietUntil(time: number): boolean {
    return (
      time < this.horizon &&
      this.queue.nextTime > time &&
      this.dueTurns === 0 &&
      this.waiting.length === 0 &&
      this.nextResumables.length === 0
    )
  }

  /**
   * For a core at `time`: true when it may take its next step, which means nothing else comes first. Arrivals that a
   * masked queue can take are applied on the way.
   */
  mayStep(time: number): boolean {
    if (time >= this.horizon) return false
    if (time > this.now && (this.dueTurns > 0 || this.waiting.length > 0 || this.nextResumables.length > 0))
      return false
    while (this.queue.nextTime <= time) {
      if (!this.absorbHead()) return false
    }
    return true
  }

  /** Runs every event before `horizon`, which may shrink on the way. */
  runWindow(horizon: number): void {
    this.horizon = horizon
    while (this.queue.nextTime < this.horizon) {
      this.now = this.queue.nextTime
      this.instant()
    }
    this.horizon = 0
  }

  /** A frame that ends here. Called by whoever holds it, before it frees it. */
  dropFrame(reason: number, weight: number): void {
    this.ledger.drop(reason, weight)
    this.fingerprint.word(DropReason.hash(reason))
    this.fingerprint.word(weight)
  }

  /**
   * For the one process that runs in this instant: goes on to `time` at once, when nothing else comes first. The same
   * order as an event at `time` would give, without the event.
   *
   * @returns false when something else comes first
   */
  advance(time: number): boolean {
    if (!this.quietUntil(time) || this.resumeIndex < this.resumables.length) return false
    this.now = time
    return true
  }

  /** True while the caller, in the process phase, is all that is left to do in this instant. */
  isLastToResume(): boolean {
    return (
      this.dueTurns === 0 &&
      this.waiting.length === 0 &&
      this.nextResumables.length === 0 &&
      this.resumeIndex >= this.resumables.length
    )
  }

  private instant(): void {
    this.inside = null
    let polls = this.deliverDue(this.now)
    for (;;) {
      polls += this.pollAll()
      if (this.dueTurns > 0) {
        polls += this.runTurns()
      } else if (this.nextResumables.length > 0) {
        polls += this.resumeAll()
      } else if (this.queue.nextTime === this.now) {
        polls += this.deliverDue(this.now)
      } else if (this.waiting.length === 0) {
        return
      }
      if (polls > POLLS_PER_INSTANT) {
        this.world.runaway(this, this.busy(), this.now)
        return
      }
    }
  }

  /** Delivers the events of `now`. Returns how many were taken without a mailbox: that ends the delivery, as a poll would. */
  private deliverDue(now: number): number {
    const queue = this.queue
    while (queue.nextTime === now) {
      queue.pop()
      if (this.deliver(queue.target, queue.kind, queue.a, queue.b, now)) return 1
    }
    return 0
  }

  private deliver(slot: number, kind: number, a: number, b: number, now: number): boolean {
    const actor = this.actors[slot]!
    if (kind === KIND_FRAME) {
      if (!actor.alive) {
        this.discard(a)
        return false
      }
      this.arrived(slot, a, now)
    } else if (!actor.alive) return false
    if (this.queue.nextTime > now && this.waiting.length === 0 && this.world.takeAlone(actor, kind, a, b, now)) {
      return true
    }
    actor.deliver(kind, a, b, now)
    return false
  }

  private arrived(slot: number, frame: number, now: number): void {
    const slab = this.world.slab
    const length = slab.length[frame]!
    const fingerprint = this.fingerprint
    fingerprint.time(now)
    fingerprint.word((slot << 16) ^ length)
    fingerprint.word(hashFrame(slab.words, slab.start[frame]!, length))
    this.ledger.hops++
  }

  private discard(frame: number): void {
    this.dropFrame(DropReason.HOST_DOWN, 1)
    this.world.slab.free(frame)
  }

  private absorbHead(): boolean {
    const queue = this.queue
    if (queue.headKind() !== KIND_FRAME) return false
    const slot = queue.headTarget()
    const actor = this.actors[slot]!
    const time = queue.nextTime
    const frame = queue.headA()
    if (!actor.alive || !actor.absorb(KIND_FRAME, frame, queue.headB(), time)) return false
    queue.pop()
    return true
  }

  /** Called by an actor that absorbs a frame, before it may free it. */
  absorbed(slot: number, frame: number, time: number): void {
    this.arrived(slot, frame, time)
  }

  /** Who would go on in this instant: the names for a report. */
  private busy(): Array<string> {
    const names: Array<string> = []
    for (const actor of this.waiting) names.push(actor.name)
    for (const turn of this.turns) if (turn.due) names.push(turn.name)
    for (const resumable of this.nextResumables) if (resumable.name !== undefined) names.push(resumable.name)
    return names
  }

  private pollAll(): number {
    const now = this.now
    let polls = 0
    while (this.waiting.length > 0) {
      const batch = this.waiting
      this.waiting = this.batch
      this.batch = batch
      if (batch.length > 1) batch.sort(bySlot)
      for (let i = 0; i < batch.length; i++) {
        const actor = batch[i]!
        actor.batch = actor.mailbox.size
        actor.queued = false
      }
      for (let i = 0; i < batch.length; i++) {
        const actor = batch[i]!
        if (actor.alive && actor.batch > 0) this.world.dispatch(actor, now)
        polls++
      }
      while (batch.length > 0) batch.pop() // setting the length would leave compiled code
      if (polls > POLLS_PER_INSTANT) return polls
    }
    return polls
  }

  private runTurns(): number {
    const now = this.now
    let count = 0
    const turns = this.turns
    for (let i = 0; i < turns.length && this.dueTurns > 0; i++) {
      const turn = turns[i]!
      if (!turn.due) continue
      turn.due = false
      this.dueTurns--
      count++
      if (turn.alive) this.world.dispatch(turn, now)
    }
    return count
  }

  private resumeAll(): number {
    const list = this.nextResumables
    this.nextResumables = this.resumables
    this.resumables = list
    this.resuming = true
    for (this.resumeIndex = 0; this.resumeIndex < list.length;) {
      const resumable = list[this.resumeIndex++]!
      this.world.resume(resumable, this, this.now)
    }
    this.resuming = false
    const count = list.length
    while (list.length > 0) list.pop()
    return count
  }
}

const bySlot = (left: Schedulable, right: Schedulable): number => left.slot - right.slot
