/**
 * An actor whose frame path others run: a bridge, a network namespace. It has no mailbox and takes no turns; the core that
 * carries a packet calls its functions, is charged for them, and gets their verdict.
 *
 *     core ── enter ──> function of the lender ── leave ──> core        the same in both dispatch modes
 *     fiber: parked; runs configuration (`command`), ends when the thing is deleted (`retire`)
 *
 * While such a function runs the island knows whose it is (`Island.inside`), so that a throw is the lender's defect and
 * not that of the core that happened to call it.
 */
import * as Effect from "effect/Effect"
import { Schedulable } from "./Actor.ts"
import * as ActorFiber from "./ActorFiber.ts"
import type { FiberGroup } from "./FiberGroup.ts"

export class Lender extends Schedulable {
  /** Null until a group of fibers has taken it in, and after its end. */
  fiber: ActorFiber.ActorFiber | null

  /** @param group the fibers of its host's present life; null while the host is being built */
  constructor(island: Lender["island"], name: string, group: FiberGroup | null) {
    super(island, name)
    this.fiber = null
    if (group !== null) group.runtime.soon(island, name, () => this.lend(group))
  }

  /** Gets its fiber, unless it has one or is over. While the world is built, or in the process phase. */
  lend(group: FiberGroup): void {
    if (this.alive && !group.dead && this.fiber === null) this.fiber = ActorFiber.lend(group, this, null)
  }

  /** The thing is deleted: its fiber ends well, in the process phase of this instant. */
  retire(): void {
    this.alive = false
    this.fiber?.retire()
    this.fiber = null
  }

  /**
   * Runs plain configuration code in its fiber and waits for it: for fibers of the same island. A throw is a defect of this
   * actor. Without a fiber the code runs at once.
   */
  configure<A>(run: () => A): Effect.Effect<A> {
    return Effect.suspend(() => {
      const { fiber } = this
      return fiber === null ? Effect.sync(run) : ActorFiber.request(fiber, Effect.sync(run))
    })
  }

  override deliver(): void {
    throw new Error(`${this.name} takes no events`)
  }

  override dispatch(): void {}
}
