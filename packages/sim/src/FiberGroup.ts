/**
 * The fibers of one incarnation of a host (or of a switch): they are born in it and die with it.
 *
 * A crash happens in the process phase of an instant and takes no virtual time: the group is marked dead first, so that
 * finalizers which reach for a system call or a sleep get nothing; then its actor fibers are interrupted in slot order,
 * its other fibers in the order of their birth, and its scope is closed.
 */
import * as Scope from "effect/Scope"
import type { ActorFiber } from "./ActorFiber.ts"
import type { Island } from "./Island.ts"
import type { Runtime } from "./Runtime.ts"
import type { SimFiber } from "./SimFiber.ts"
import type { SleepQueue } from "./SleepQueue.ts"

export class FiberGroup {
  readonly runtime: Runtime
  readonly island: Island
  readonly name: string
  /** 0 for the first life of a host, 1 after its first restart. */
  readonly incarnation: number
  readonly scope: Scope.Closeable
  dead: boolean
  /** Fibers alive, in the order of their birth. */
  readonly fibers: Set<SimFiber>
  /** Actor fibers alive. */
  readonly actors: Set<ActorFiber>
  private born: number
  private readonly queue: SleepQueue

  /** Use `Runtime.group`. */
  constructor(runtime: Runtime, island: Island, name: string, incarnation: number, queue: SleepQueue) {
    this.runtime = runtime
    this.island = island
    this.name = name
    this.incarnation = incarnation
    this.scope = Scope.makeUnsafe("sequential")
    this.dead = false
    this.fibers = new Set()
    this.actors = new Set()
    this.born = 0
    this.queue = queue
  }

  nextId(): number {
    return this.born++
  }

  sleepers(): SleepQueue {
    return this.queue
  }
}
