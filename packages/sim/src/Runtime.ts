/**
 * Effect inside the simulation: the one place below the applications that starts fibers.
 *
 * Each root fiber gets a Context with the run's Scheduler, Logger and Console, and with itself as Clock and Random.
 * Fibers are started and woken in the process phase of an instant only (docs/DETERMINISM.md).
 */
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import type { Schedulable } from "./Actor.ts"
import type { ActorFiber } from "./ActorFiber.ts"
import * as DropReason from "./DropReason.ts"
import { FiberGroup } from "./FiberGroup.ts"
import type { Island } from "./Island.ts"
import { SimFiber, type TimeSource } from "./SimFiber.ts"
import { type LogOrigin, SimLog } from "./SimLog.ts"
import { type FiberNames, SimScheduler } from "./SimScheduler.ts"
import { Sleeper, SleepQueue } from "./SleepQueue.ts"
import { type FiberExit, Supervisor } from "./Supervisor.ts"
import type { Defect, World } from "./World.ts"

/** The root fiber that the running fiber belongs to; null outside the simulation. */
export const Owner: Context.Reference<SimFiber | null> = Context.Reference<SimFiber | null>("@darkfiber/sim/Owner", {
  defaultValue: () => null
})

export interface ForkOptions {
  /** The clock of the core the process runs on; the island's without it. */
  readonly time?: TimeSource
  /** Replaces the root fiber as Clock: a process whose sleep is a system call. */
  readonly clock?: Clock.Clock
  /** Called after the fiber has ended, when no fiber is on the stack. */
  readonly onExit?: (exit: Exit.Exit<unknown, unknown>) => void
}

/** A fiber that nothing in the simulation can wake any more, or seems to be one. */
export interface StuckFiber {
  readonly name: string
  readonly island: string
  /** False when other fibers of its island still run, one of which might wake it. */
  readonly certain: boolean
}

/** What a run's fibers have to say at its end. */
export interface EndReport {
  readonly stuck: ReadonlyArray<StuckFiber>
  readonly failures: ReadonlyArray<FiberExit>
  readonly defects: ReadonlyArray<Defect>
  /** Fibers of crashed hosts whose finalizers wanted to wait; they never will. */
  readonly abandoned: ReadonlyArray<string>
}

/** What a host does when one of its actors has a defect; runs in the process phase, after the actor's fiber died. */
export type DefectPolicy = (actor: Schedulable, error: unknown) => void

const nobody: LogOrigin = { name: "-", now: () => 0 }

export class Runtime implements FiberNames {
  readonly world: World
  /** Milliseconds since 1970 at virtual time 0. */
  readonly epoch: number
  readonly scheduler: SimScheduler
  readonly supervisor: Supervisor
  readonly log: SimLog
  /** The default detaches the actor: its frames are dropped with HOST_DOWN and the rest goes on. */
  policy: DefectPolicy
  private readonly base: Context.Context<never>
  private readonly groups: Array<FiberGroup>
  private readonly queues: Array<SleepQueue | undefined>
  private readonly lent: Map<Schedulable, ActorFiber>
  private readonly onExits: Map<SimFiber, (exit: Exit.Exit<unknown, unknown>) => void>
  private ended: Array<SimFiber>
  private readonly abandoned: Array<string>
  private readonly park: Effect.Effect<never>
  private parking: ActorFiber | null

  /** Takes over the world's `afterResume` and `onDefect`. */
  constructor(world: World, options: { readonly epoch?: number } = {}) {
    this.world = world
    this.epoch = options.epoch ?? 0
    this.scheduler = new SimScheduler(world, this)
    this.supervisor = new Supervisor()
    this.log = new SimLog(() => ownerOf(Fiber.getCurrent()) ?? nobody)
    this.policy = (actor) => actor.abandon(DropReason.HOST_DOWN)
    this.groups = []
    this.queues = []
    this.lent = new Map()
    this.onExits = new Map()
    this.ended = []
    this.abandoned = []
    this.parking = null
    this.park = Effect.callback<never>((resume) => {
      const parking = this.parking
      this.parking = null
      parking?.parked(resume)
    })
    this.base = Context.empty().pipe(
      Context.add(Scheduler.Scheduler, this.scheduler),
      Context.add(Logger.CurrentLoggers, new Set([this.log.logger])),
      Context.add(Console.Console, this.log.console)
    )
    world.afterResume = () => this.afterResume()
    world.onDefect = (actor, _island, error) => this.onDefect(actor, error)
  }

  /** The fibers of one incarnation of a host or switch. */
  group(island: Island, name: string, incarnation = 0): FiberGroup {
    const group = new FiberGroup(this, island, name, incarnation, this.queueOf(island))
    this.groups.push(group)
    return group
  }

  /**
   * A root fiber: starts in the process phase of the island's present instant.
   *
   * @param name unique in the run, with the incarnation if there is more than one: names its random stream too
   */
  fork<A, E>(group: FiberGroup, name: string, effect: Effect.Effect<A, E>, options: ForkOptions = {}): SimFiber {
    const owner = new SimFiber(group, name, group.nextId(), options.time ?? null)
    if (options.onExit !== undefined) this.onExits.set(owner, options.onExit)
    group.fibers.add(owner)
    owner.waits++
    this.soon(group.island, name, () => {
      owner.waits--
      if (!group.dead) this.begin(owner, effect, options.clock ?? owner)
    })
    return owner
  }

  /** Runs `run` in the process phase of the island's present instant. */
  soon(island: Island, name: string, run: (now: number) => void): void {
    const sleeper = new Sleeper(name, island.now, run)
    if (island.resuming) island.resumeLater(sleeper)
    else this.queueOf(island).add(sleeper)
  }

  /**
   * An input: runs `run` in the process phase at `time`, before the processes of that instant. From outside a run, or
   * for the running island.
   */
  at(island: Island, time: number, name: string, run: (now: number) => void): void {
    this.queueOf(island).input(time, new Sleeper(name, time, run))
  }

  /** Interrupts one root fiber in the process phase of this instant. */
  interrupt(fiber: SimFiber): void {
    this.soon(fiber.island, fiber.name, () => fiber.fiber?.interruptUnsafe())
  }

  /** Ends all fibers of a group in the process phase of this instant; then calls `after`, in the same phase. */
  crash(group: FiberGroup, after: (() => void) | null = null): void {
    this.soon(group.island, group.name, () => {
      if (group.dead) return
      this.endGroup(group)
      if (after !== null) after()
    })
  }

  /** Who is stuck and what failed. Applications should let the host's event loop turn once before they ask. */
  report(): EndReport {
    const quiet = this.world.nextTime() === Infinity
    const stuck: Array<StuckFiber> = []
    const active = new Set<Island>()
    for (const group of this.groups) {
      if (group.dead) continue
      for (const fiber of group.fibers) if (fiber.waits > 0) active.add(group.island)
    }
    for (const group of this.groups) {
      if (group.dead) continue
      for (const fiber of group.fibers) {
        if (fiber.waits > 0) continue
        stuck.push({ name: fiber.name, island: group.island.name, certain: quiet || !active.has(group.island) })
      }
      for (const lent of group.actors) {
        if (!lent.isAstray || !this.lent.has(lent.actor)) continue
        stuck.push({ name: lent.name, island: group.island.name, certain: quiet || !active.has(group.island) })
      }
    }
    const { failures } = this.supervisor
    return { stuck, failures, defects: this.world.defects, abandoned: this.abandoned }
  }

  /** The actor fiber that was lent for `actor`. */
  fiberOf(actor: Schedulable): ActorFiber | undefined {
    return this.lent.get(actor)
  }

  // ---- for ActorFiber and SimScheduler ----

  /** The services of fibers that belong to `owner`. */
  contextOf(owner: SimFiber, clock: Clock.Clock = owner): Context.Context<never> {
    return this.base.pipe(
      Context.add(Owner, owner),
      Context.add(Clock.Clock, clock),
      Context.add(Random.Random, owner)
    ) as Context.Context<never>
  }

  /** Starts the fiber of an actor: it parks at once. */
  start(lent: ActorFiber): void {
    const actor = lent.actor
    if (this.lent.has(actor)) throw new Error(`${actor.name} has a fiber already`)
    this.lent.set(actor, lent)
    lent.group.actors.add(lent)
    const before = this.world.resuming
    this.world.resuming = true
    const fiber = Effect.runForkWith(this.base)(this.parkFor(lent))
    this.world.resuming = before
    lent.fiber = fiber
    fiber.addObserver((exit) => {
      this.supervisor.append(actor.name, actor.island.name, lent.exitOf(exit), actor.island.now)
      this.lent.delete(actor)
      lent.group.actors.delete(lent)
    })
  }

  /** Precondition: evaluated at once by the fiber of `lent`. */
  parkFor(lent: ActorFiber): Effect.Effect<never> {
    this.parking = lent
    return this.park
  }

  nameOf(fiber: Fiber.Fiber<unknown, unknown> | undefined): string {
    return ownerOf(fiber)?.name ?? "a fiber of no actor or process"
  }

  defect(fiber: Fiber.Fiber<unknown, unknown> | undefined, message: string): void {
    const owner = ownerOf(fiber)
    const name = this.nameOf(fiber)
    const time = owner?.island.now ?? this.latest()
    this.world.defects.push({
      actor: name,
      island: owner?.island.name ?? "-",
      time,
      error: new Error(owner === null ? message : `${name}: ${message}`)
    })
  }

  private begin(owner: SimFiber, effect: Effect.Effect<unknown, unknown>, clock: Clock.Clock): void {
    const fiber = Effect.runForkWith(this.contextOf(owner, clock))(effect)
    owner.fiber = fiber
    fiber.addObserver((exit) => {
      owner.exit = exit
      owner.group.fibers.delete(owner)
      this.ended.push(owner)
      this.supervisor.append(owner.name, owner.island.name, exit, owner.island.now)
    })
  }

  private afterResume(): void {
    this.scheduler.drain()
    while (this.ended.length > 0) {
      const ended = this.ended
      this.ended = []
      for (const owner of ended) {
        const onExit = this.onExits.get(owner)
        this.onExits.delete(owner)
        if (onExit !== undefined && owner.exit !== null) onExit(owner.exit)
      }
      this.scheduler.drain()
    }
  }

  private onDefect(actor: Schedulable | null, error: unknown): void {
    if (actor === null || !actor.alive) return
    actor.alive = false
    this.lent.get(actor)?.die(error)
    this.soon(actor.island, actor.name, () => this.policy(actor, error))
  }

  private endGroup(group: FiberGroup): void {
    group.dead = true
    const actors = [...group.actors].filter((lent) => lent.fiber?.pollUnsafe() === undefined)
    actors.sort((left, right) => left.actor.slot - right.actor.slot)
    for (const lent of actors) {
      lent.fiber?.interruptUnsafe()
      this.scheduler.drain()
    }
    const fibers = [...group.fibers]
    for (const owner of fibers) {
      owner.fiber?.interruptUnsafe()
      this.scheduler.drain()
    }
    const closing = new SimFiber(group, `${group.name}/scope`, group.nextId(), null)
    this.begin(closing, Scope.close(group.scope, Exit.void), closing)
    this.scheduler.drain()
    for (const owner of [...fibers, closing]) {
      if (owner.fiber !== null && owner.exit === null) this.abandoned.push(owner.name)
    }
    group.fibers.clear()
  }

  private queueOf(island: Island): SleepQueue {
    return (this.queues[island.index] ??= new SleepQueue(island))
  }

  private latest(): number {
    let time = 0
    for (const island of this.world.islands) if (island.now > time) time = island.now
    return time
  }
}

const ownerOf = (fiber: Fiber.Fiber<unknown, unknown> | undefined): SimFiber | null =>
  fiber === undefined ? null : fiber.getRef(Owner)

/** The root fiber of the calling fiber. Dies outside the simulation. */
export const self: Effect.Effect<SimFiber> = Effect.withFiber((fiber) => {
  const owner = fiber.getRef(Owner)
  return owner === null ? Effect.die(new Error("not a fiber of the simulation")) : Effect.succeed(owner)
})
