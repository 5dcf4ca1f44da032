/**
 * The fiber of an actor. It is parked and has lent its poll to the sim kernel: in `poll` dispatch the kernel calls the
 * poll itself, in `fiber` dispatch it wakes the fiber, which runs the same function and parks again.
 *
 *     park ──(frames, fiber dispatch)──> actor.dispatch ──> park
 *       └───(control, commands)───────> Effect code in the process phase ──> park
 *
 * A parked fiber has an empty stack: what wakes it hands it the effect to run, which ends in the park again.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Schedulable } from "./Actor.ts"
import type { FiberGroup } from "./FiberGroup.ts"
import type { Resumable } from "./Island.ts"
import { SimFiber } from "./SimFiber.ts"

interface Command {
  readonly effect: Effect.Effect<unknown, unknown>
  readonly onExit: ((exit: Exit.Exit<unknown, unknown>) => void) | null
}

export class ActorFiber implements Resumable {
  readonly actor: Schedulable
  readonly group: FiberGroup
  fiber: Fiber.Fiber<never> | null
  private readonly control: Effect.Effect<void> | null
  private waiter: ((effect: Effect.Effect<never>) => void) | null
  private commands: Array<Command> | null
  private owner: SimFiber | null
  private turn: Effect.Effect<never> | null
  private listed: boolean
  private thrown: { readonly error: unknown } | null
  private doom: { readonly error: unknown } | null
  private retiring: boolean

  /** Use `lend`. */
  constructor(group: FiberGroup, actor: Schedulable, control: Effect.Effect<void> | null) {
    this.actor = actor
    this.group = group
    this.fiber = null
    this.control = control
    this.waiter = null
    this.commands = null
    this.owner = null
    this.turn = null
    this.listed = false
    this.thrown = null
    this.doom = null
    this.retiring = false
  }

  get name(): string {
    return this.actor.name
  }

  /** True while the fiber runs a command that has suspended. */
  get isBusy(): boolean {
    return this.waiter === null
  }

  /** True while a command waits for something that is neither a sleep nor a park. */
  get isAstray(): boolean {
    return this.waiter === null && this.owner !== null && this.owner.waits === 0
  }

  /** Runs the actor's control effect in the process phase of this instant. For the actor's own code. */
  attention(): void {
    if (this.control !== null) this.command(this.control, null)
  }

  /** Runs `effect` in the actor's fiber, after the commands before it, in the process phase of this instant. */
  command<A, E>(effect: Effect.Effect<A, E>, onExit: ((exit: Exit.Exit<A, E>) => void) | null): void {
    if (this.fiber === null || this.fiber.pollUnsafe() !== undefined) {
      if (onExit !== null) onExit(Exit.interrupt())
      return
    }
    ;(this.commands ??= []).push({ effect, onExit: onExit as Command["onExit"] })
    this.list()
  }

  /** The actor threw: its fiber dies of it in the process phase. */
  die(error: unknown): void {
    if (this.doom !== null) return
    this.doom = { error }
    this.list()
  }

  /** The actor is deleted: its fiber ends with success in the process phase, after what it has been told to run. */
  retire(): void {
    this.retiring = true
    this.list()
  }

  /** For `fiber` dispatch: runs the actor's poll in its fiber. A throw comes out here, as it does in `poll` dispatch. */
  wake(): void {
    const waiter = this.waiter
    if (waiter === null) {
      this.actor.dispatch(this.actor.island.now)
      return
    }
    this.waiter = null
    const runtime = this.group.runtime
    this.turn ??= Effect.suspend(() => this.step())
    runtime.world.resuming = true
    runtime.scheduler.begin()
    waiter(this.turn)
    runtime.world.resuming = false
    const thrown = this.thrown
    if (thrown === null) return
    this.thrown = null
    throw thrown.error
  }

  /** The kernel's: the process phase. */
  resume(): void {
    this.listed = false
    const doom = this.doom
    if (doom !== null) {
      const waiter = this.waiter
      this.waiter = null
      if (waiter !== null) waiter(Effect.die(doom.error))
      else this.fiber?.interruptUnsafe()
      return
    }
    for (;;) {
      const waiter = this.waiter
      const command = waiter === null ? undefined : this.commands?.shift()
      if (waiter === null) return
      if (command === undefined) {
        if (!this.retiring) return
        this.waiter = null
        waiter(Effect.void as Effect.Effect<never>)
        return
      }
      this.waiter = null
      waiter(this.run(command))
    }
  }

  /** The effect has been suspended by `Runtime.park`. */
  parked(waiter: (effect: Effect.Effect<never>) => void): void {
    this.waiter = waiter
    if (this.retiring || (this.commands !== null && this.commands.length > 0)) this.list()
  }

  /** How the fiber ended: of a defect of its poll, even when it had to be interrupted for it. */
  exitOf(exit: Exit.Exit<never>): Exit.Exit<never> {
    return this.doom === null ? exit : Exit.die(this.doom.error)
  }

  private list(): void {
    if (this.listed) return
    this.listed = true
    const island = this.actor.island
    if (island.resuming) island.resumeLater(this)
    else this.group.runtime.soon(island, this.actor.name, () => this.resume())
  }

  private step(): Effect.Effect<never> {
    const runtime = this.group.runtime
    runtime.world.resuming = false
    try {
      this.actor.dispatch(this.actor.island.now)
    } catch (error) {
      this.thrown = { error }
    }
    runtime.world.resuming = true
    return runtime.parkFor(this)
  }

  private run(command: Command): Effect.Effect<never> {
    const runtime = this.group.runtime
    const owner = (this.owner ??= new SimFiber(this.group, this.actor.name, this.group.nextId(), null))
    const effect = Effect.provideContext(command.effect, runtime.contextOf(owner))
    return Effect.flatMap(Effect.exit(effect), (exit) => {
      if (command.onExit !== null) command.onExit(exit)
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) {
        const island = this.actor.island
        island.world.defect(this.actor, island, Cause.squash(exit.cause), island.now)
      }
      return runtime.parkFor(this)
    })
  }
}

/**
 * Gives an actor its fiber. Call it while the topology is built, or in the process phase.
 *
 * @param control what `attention()` runs: configuration, supervision; null when there is none
 */
export const lend = (group: FiberGroup, actor: Schedulable, control: Effect.Effect<void> | null): ActorFiber => {
  const lent = new ActorFiber(group, actor, control)
  group.runtime.start(lent)
  if (actor.island.world.fiberDispatch) actor.wake = () => lent.wake()
  return lent
}

/** Runs `effect` in the actor's fiber and waits for how it ends; for fibers of the same island. */
export const request = <A, E>(actor: ActorFiber, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const island = actor.actor.island
    actor.command(effect, (exit) => {
      // The caller goes on from the kernel's list, never on the stack of the actor's fiber.
      actor.group.runtime.soon(island, actor.name, () => resume(exit))
    })
  })
