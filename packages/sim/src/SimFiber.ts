/**
 * A root fiber of the simulation: an actor's control code or a process. It is its own Clock and Random, so that all
 * fibers forked inside it know whose time and whose chance they use.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Random from "effect/Random"
import type { FiberGroup } from "./FiberGroup.ts"
import type { Island, Resumable } from "./Island.ts"
import type { RandomStream } from "./Random.ts"
import { Sleeper } from "./SleepQueue.ts"

/** A clock of the simulation, in ns: a core has one. */
export interface TimeSource {
  readonly time: number
}

export class SimFiber implements Clock.Clock, Random.Random {
  readonly name: string
  readonly group: FiberGroup
  readonly island: Island
  /** Order of forking within the group: fibers are interrupted in this order. */
  readonly id: number
  /** Null until the fiber has started. */
  fiber: Fiber.Fiber<unknown, unknown> | null
  exit: Exit.Exit<unknown, unknown> | null
  /** Waits in the kernel of this fiber and those forked inside it: sleeps and parks. */
  waits: number
  /** Its core's clock; null means the island's. A thread that migrates changes it. */
  time: TimeSource | null
  private stream: RandomStream | null

  constructor(group: FiberGroup, name: string, id: number, time: TimeSource | null) {
    this.name = name
    this.group = group
    this.island = group.island
    this.id = id
    this.fiber = null
    this.exit = null
    this.waits = 0
    this.time = time
    this.stream = null
  }

  /** Virtual time in ns as this fiber sees it. */
  now(): number {
    const time = this.time
    const now = this.island.now
    return time === null || time.time < now ? now : time.time
  }

  // ---- Clock ----

  /** Milliseconds since 1970, which is where virtual time begins plus the runtime's epoch. */
  currentTimeMillisUnsafe(): number {
    return this.group.runtime.epoch + Math.floor(this.now() / 1_000_000)
  }

  get currentTimeMillis(): Effect.Effect<number> {
    return Effect.sync(() => this.currentTimeMillisUnsafe())
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.group.runtime.epoch) * 1_000_000n + BigInt(this.now())
  }

  get currentTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.currentTimeNanosUnsafe())
  }

  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(this.now())
  }

  get monotonicTimeNanos(): Effect.Effect<bigint> {
    return Effect.sync(() => this.monotonicTimeNanosUnsafe())
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const nanos = Math.round(Duration.toMillis(duration) * 1_000_000)
    if (nanos === Infinity) return Effect.never
    if (!(nanos > 0)) return Effect.yieldNow
    return Effect.suspend(() => this.sleepUntil(this.now() + nanos))
  }

  /** Suspends the calling fiber until virtual time `due`, in ns. */
  sleepUntil(due: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.group.dead) return undefined
      const queue = this.group.sleepers()
      const sleeper = new Sleeper(this.name, due, () => {
        this.waits--
        if (!this.group.dead) resume(Effect.void)
      })
      this.waits++
      queue.add(sleeper)
      return Effect.sync(() => {
        this.waits--
        queue.remove(sleeper)
      })
    })
  }

  // ---- Random ----

  /** The stream `name/random`, made at the first draw. */
  random(): RandomStream {
    return (this.stream ??= this.island.world.stream(`${this.name}/random`))
  }

  nextIntUnsafe(): number {
    const random = this.random()
    return (random.i32() >> 11) * 4294967296 + random.u32()
  }

  nextDoubleUnsafe(): number {
    return this.random().unit()
  }
}

/**
 * Where one thread waits in the kernel. `effect` suspends the calling fiber; `wake` lists it for the process phase of
 * the instant. One thread, one park, used again and again.
 */
export class Park implements Resumable {
  readonly owner: SimFiber
  readonly effect: Effect.Effect<void>
  private waiter: ((effect: Effect.Effect<void>) => void) | null
  private listed: boolean

  /** @param onCancel called when the waiting fiber is interrupted: takes it off wait queues */
  constructor(owner: SimFiber, onCancel: (() => void) | null) {
    this.owner = owner
    this.waiter = null
    this.listed = false
    const cancel = Effect.sync(() => {
      if (this.waiter === null) return
      this.waiter = null
      owner.waits--
      if (onCancel !== null) onCancel()
    })
    this.effect = Effect.callback<void>((resume) => {
      this.waiter = resume
      owner.waits++
      return cancel
    })
  }

  get name(): string {
    return this.owner.name
  }

  /** True while a fiber is suspended here. */
  get isParked(): boolean {
    return this.waiter !== null
  }

  /** Lists the parked fiber for the process phase of this instant; again or without a fiber it does nothing. */
  wake(): void {
    if (this.listed || this.waiter === null) return
    this.listed = true
    this.owner.island.resumeLater(this)
  }

  resume(): void {
    this.listed = false
    const waiter = this.waiter
    if (waiter === null || this.owner.group.dead) return
    this.waiter = null
    this.owner.waits--
    waiter(Effect.void)
  }
}
