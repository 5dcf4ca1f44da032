/**
 * How the root fibers of a run ended. The observers only append; what an end means is decided afterwards, when no fiber
 * is on the stack. Effect's scopes do not notice a dead child by themselves, so this list is the only witness.
 */
import * as Exit from "effect/Exit"

export interface FiberExit {
  readonly name: string
  readonly island: string
  readonly exit: Exit.Exit<unknown, unknown>
  /** Virtual time of the island, ns. */
  readonly time: number
}

/** Failures kept; later ones are counted. */
const LIMIT = 10_000

export class Supervisor {
  /** Ends that were not a success, oldest first. */
  readonly failures: Array<FiberExit>
  /** Failures beyond the limit. */
  lost: number
  /** Fibers that ended with success. */
  succeeded: number
  private fresh: Array<FiberExit>

  constructor() {
    this.failures = []
    this.lost = 0
    this.succeeded = 0
    this.fresh = []
  }

  append(name: string, island: string, exit: Exit.Exit<unknown, unknown>, time: number): void {
    const entry = { name, island, exit, time }
    this.fresh.push(entry)
    if (Exit.isSuccess(exit)) this.succeeded++
    else if (this.failures.length < LIMIT) this.failures.push(entry)
    else this.lost++
  }

  /** Whether ends wait to be looked at. */
  get hasFresh(): boolean {
    return this.fresh.length > 0
  }

  /** The ends since the last call. */
  take(): ReadonlyArray<FiberExit> {
    const fresh = this.fresh
    this.fresh = []
    return fresh
  }
}
