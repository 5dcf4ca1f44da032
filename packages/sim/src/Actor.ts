/**
 * What an island dispatches: actors with a mailbox, and cores that take turns.
 *
 * In `poll` dispatch the island calls `dispatch` on its own stack; in `fiber` dispatch it wakes the parked fiber, which
 * calls the same function and parks again. The trace is the same.
 */
import type { Island } from "./Island.ts"
import { SEQUENCE_SPAN } from "./hot/EventQueue.ts"
import { Mailbox } from "./hot/Mailbox.ts"

/** A frame arrives: `a` is its handle, `b` the port of the actor. The only kind that reaches the fingerprint. */
export const KIND_FRAME = 0
/** A core's turn is due: `a` is its turn number. */
export const KIND_TURN = 1
/** First kind an actor may use for its own events. */
export const KIND_OWN = 16

/** Something of an island that can be scheduled and dispatched. */
export abstract class Schedulable {
  readonly island: Island
  /** Unique in the run: `host0/eth0`. Names the random streams too. */
  readonly name: string
  /** Index in the island's table; events name it. Never used again after a crash. */
  readonly slot: number
  /** False after a crash: events for it are discarded, its frames dropped with HOST_DOWN. */
  alive: boolean
  /** Wakes the parked fiber in `fiber` dispatch; null until a fiber has lent its poll. */
  wake: (() => void) | null
  private readonly keyBase: number
  private sequence: number

  constructor(island: Island, name: string) {
    this.island = island
    this.name = name
    this.slot = island.register(this)
    this.alive = true
    this.wake = null
    this.keyBase = island.newSource() * SEQUENCE_SPAN
    this.sequence = 0
  }

  /** The order key of the next event this actor sends. */
  nextKey(): number {
    return this.keyBase + this.sequence++
  }

  /** An event for this actor itself (or, by slot, for another one of the island) at `time`. */
  schedule(time: number, slot: number, kind: number, a: number, b: number): void {
    this.island.push(time, this.keyBase + this.sequence++, slot, kind, a, b)
  }

  /** An event of this actor is due: put it where `dispatch` finds it. */
  abstract deliver(kind: number, a: number, b: number, now: number): void

  /**
   * May take a frame that arrives while its core runs ahead, so that the core need not stop (a masked receive queue).
   * Returns false when the arrival has to end the turn.
   */
  absorb(_kind: number, _a: number, _b: number, _time: number): boolean {
    return false
  }

  /**
   * In poll dispatch, for the only event of an instant in which nobody has mail: does what a poll would do with it, without
   * the mailbox. Returns false when the event has to be delivered.
   */
  takeAlone(_kind: number, _a: number, _b: number, _now: number): boolean {
    return false
  }

  /** Drains what is due. Runs on the island's stack or in the actor's fiber. */
  abstract dispatch(now: number): void

  /** Visits every frame held, with its weight, for the conservation walk. */
  walkFrames(_visit: (weight: number) => void): void {}

  /** Visits every slab handle held, each once, whether or not it is in the frame account. */
  walkHandles(_visit: (handle: number) => void): void {}

  /** Gives back everything held, dropping frames with `reason`: the crash of a host. */
  abandon(_reason: number): void {}

  /** True for what belongs to the simulation and not to the host: a crash leaves it alone. */
  outlivesHost(): boolean {
    return false
  }
}

/** An actor with a mailbox: a NIC, a switch, a router. */
export abstract class Actor extends Schedulable {
  readonly mailbox: Mailbox
  /** Rows that may be taken in this round: what came in before it began. */
  batch: number
  /** True while listed for the next round. */
  queued: boolean

  constructor(island: Island, name: string, mailboxLimit: number) {
    super(island, name)
    this.mailbox = new Mailbox(mailboxLimit)
    this.batch = 0
    this.queued = false
  }

  override deliver(kind: number, a: number, b: number, now: number): void {
    if (!this.mailbox.push(kind, a, b)) {
      this.overflow(kind, a, b, now)
      return
    }
    if (!this.queued) this.island.enqueue(this)
  }

  override dispatch(now: number): void {
    this.poll(this.mailbox, this.batch, now)
  }

  /** The frames in the mailbox. An actor that holds more overrides this and calls it too. */
  override walkFrames(visit: (weight: number) => void): void {
    this.mailbox.forEach((kind) => {
      if (kind === KIND_FRAME) visit(1)
    })
  }

  override walkHandles(visit: (handle: number) => void): void {
    this.mailbox.forEach((kind, a) => {
      if (kind === KIND_FRAME) visit(a)
    })
  }

  /** Empties the mailbox. An actor that holds more overrides this and calls it too. */
  override abandon(reason: number): void {
    const mailbox = this.mailbox
    while (mailbox.size > 0) {
      mailbox.shift()
      if (mailbox.kind !== KIND_FRAME) continue
      this.island.dropFrame(reason, 1)
      this.island.world.slab.free(mailbox.a)
    }
  }

  /** Takes exactly `count` rows from the mailbox. */
  abstract poll(mailbox: Mailbox, count: number, now: number): void

  /** The mailbox was full. Only frames may be dropped, with a counted reason; anything else is a defect. */
  abstract overflow(kind: number, a: number, b: number, now: number): void
}

/** A core: takes its turns in core order after all polls of the instant. */
export abstract class Turn extends Schedulable {
  /** True while listed for this instant. */
  due: boolean

  constructor(island: Island, name: string) {
    super(island, name)
    this.due = false
    island.addTurn(this)
  }

  override dispatch(now: number): void {
    this.turn(now)
  }

  abstract turn(now: number): void
}
