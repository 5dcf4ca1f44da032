import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import type { FiberGroup } from "../src/FiberGroup.ts"
import { Runtime } from "../src/Runtime.ts"
import { Park, type SimFiber } from "../src/SimFiber.ts"
import { World } from "../src/World.ts"

interface Host {
  readonly world: World
  readonly runtime: Runtime
  readonly group: FiberGroup
}

const host = (seed = 1): Host => {
  const world = new World(seed)
  const runtime = new Runtime(world)
  const group = runtime.group(world.newIsland("host0"), "host0")
  return { world, runtime, group }
}

/** Runs one effect as a process; its exit and the virtual time of its end. */
const run = <A, E>(effect: Effect.Effect<A, E>, until = 1e12): { exit: Exit.Exit<unknown, unknown>; at: number } => {
  const { world, runtime, group } = host()
  let exit: Exit.Exit<unknown, unknown> | undefined
  let at = -1
  runtime.fork(group, "main", effect, {
    onExit: (result) => {
      exit = result
      at = group.island.now
    }
  })
  world.run(until)
  expect(world.defects).toEqual([])
  if (exit === undefined) throw new Error("the process did not end")
  return { exit, at }
}

const millis = 1_000_000

describe("Effect in virtual time", () => {
  it("sleep takes exactly its virtual time, to the nanosecond, and no wall time", () => {
    const wall = Date.now()
    expect(run(Effect.sleep("2 hours"), 1e14).at).toBe(7_200_000 * millis)
    expect(run(Effect.sleep(Duration.nanos(1_234_567n))).at).toBe(1_234_567)
    expect(Date.now() - wall).toBeLessThan(2000)
  })

  it("timeout fires at its time and interrupts the sleeper", () => {
    const { exit, at } = run(Effect.timeout(Effect.sleep("10 seconds"), "3 seconds"))
    expect(at).toBe(3000 * millis)
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("Timeout")
  })

  it("Schedule repeats at virtual times", () => {
    const times: Array<number> = []
    run(
      Clock.currentTimeMillis.pipe(
        Effect.map((now) => times.push(now)),
        Effect.repeat({ schedule: Schedule.spaced("100 millis"), times: 4 })
      )
    )
    expect(times).toEqual([0, 100, 200, 300, 400])
  })

  it("Queue, forkChild and join work across sleeps, in order", () => {
    const seen: Array<[string, number]> = []
    const { at } = run(
      Effect.gen(function* () {
        const queue = yield* Queue.unbounded<string>()
        const child = yield* Effect.forkChild(
          Effect.gen(function* () {
            for (let i = 0; i < 3; i++) seen.push([yield* Queue.take(queue), yield* Clock.currentTimeMillis])
          })
        )
        for (const word of ["a", "b", "c"]) {
          yield* Effect.sleep("5 millis")
          yield* Queue.offer(queue, word)
        }
        yield* Fiber.join(child)
      })
    )
    expect(seen).toEqual([
      ["a", 5],
      ["b", 10],
      ["c", 15]
    ])
    expect(at).toBe(15 * millis)
  })

  it("equal deadlines wake in the order of going to sleep", () => {
    const { world, runtime, group } = host()
    const order: Array<string> = []
    const sleeper = (name: string, first: number, second: number): void => {
      const code = Effect.sleep(first).pipe(
        Effect.andThen(Effect.sleep(second)),
        Effect.andThen(Effect.sync(() => order.push(name)))
      )
      runtime.fork(group, name, code)
    }
    sleeper("late", 6, 4)
    sleeper("early", 5, 5)
    sleeper("first", 1, 9)
    world.run(1e9)
    expect(order).toEqual(["first", "early", "late"])
  })

  it("a thousand cancelled timeouts leave nothing in the sleep queue", () => {
    const { world, runtime, group } = host()
    runtime.fork(group, "main", Effect.timeout(Effect.sleep(1), "1 hour").pipe(Effect.repeat(Schedule.recurs(999))))
    world.run(1e10)
    expect(group.fibers.size).toBe(0)
    expect(group.sleepers().size).toBe(0)
  })

  it("Random draws from the stream of the process's name: another process changes nothing", () => {
    const draw = (names: ReadonlyArray<string>): Array<number> => {
      const { world, runtime, group } = host(7)
      const drawn: Array<number> = []
      for (const name of names) {
        runtime.fork(
          group,
          name,
          Effect.map(Random.next, (value) => {
            if (name === "b") drawn.push(value)
          })
        )
      }
      world.run(1)
      return drawn
    }
    expect(draw(["b"])).toEqual(draw(["a", "b", "c"]))
  })

  it("log and Console append with name and virtual time", () => {
    const { world, runtime, group } = host()
    runtime.fork(
      group,
      "main",
      Effect.sleep(5).pipe(Effect.andThen(Effect.log("hello")), Effect.andThen(Console.error("bad", 7)))
    )
    world.run(1e9)
    expect(runtime.log.entries).toMatchObject([
      { time: 5 * millis, name: "main", level: "Info", message: ["hello"] },
      { time: 5 * millis, name: "main", level: "console.error", message: ["bad", 7] }
    ])
  })

  it("the clock of a process may run ahead of its island", () => {
    const { world, runtime, group } = host()
    const core = { time: 0 }
    let woken = -1
    runtime.fork(
      group,
      "main",
      Effect.gen(function* () {
        core.time = 3 * millis
        expect(yield* Clock.currentTimeMillis).toBe(3)
        yield* Effect.sleep(2)
        woken = group.island.now
      }),
      { time: core }
    )
    world.run(1e9)
    expect(runtime.supervisor.failures).toEqual([])
    expect(woken).toBe(5 * millis)
  })

  it("100,000 fibers that wake each other directly do not overflow the stack", () => {
    const { exit } = run(
      Effect.gen(function* () {
        const count = 100_000
        const links = Array.from({ length: count + 1 }, () => Deferred.makeUnsafe<number>())
        for (let i = 0; i < count; i++) {
          const next = links[i + 1]!
          yield* Effect.forkChild(Effect.flatMap(Deferred.await(links[i]!), (n) => Deferred.succeed(next, n + 1)))
        }
        yield* Effect.yieldNow
        yield* Deferred.succeed(links[0]!, 0)
        return yield* Deferred.await(links[count]!)
      })
    )
    expect(exit).toEqual(Exit.succeed(100_000))
  })
})

describe("what must not happen", () => {
  it("a fiber that awaits a Promise is named as stuck, and as a defect when the Promise wakes it", async () => {
    const { world, runtime, group } = host()
    let went = false
    const outside = Effect.promise(() => Promise.resolve(1)).pipe(
      Effect.andThen(
        Effect.sync(() => {
          went = true
        })
      )
    )
    runtime.fork(group, "curl", outside)
    world.run(1e9)
    expect(runtime.report().stuck).toEqual([{ name: "curl", island: "host0", certain: true }])
    await new Promise((resolve) => setTimeout(resolve, 1))
    expect(went).toBe(false)
    expect(world.defects.map((defect) => [defect.actor, String(defect.error)])).toEqual([
      ["curl", "Error: curl: awaits the outside world: it was woken by something that is not the simulation"]
    ])
  })

  it("a Promise inside a forked child is blamed on its process", async () => {
    const { world, runtime, group } = host()
    runtime.fork(
      group,
      "wget",
      Effect.forkChild(Effect.promise(() => new Promise((done) => setTimeout(done, 1)))).pipe(
        Effect.flatMap(Fiber.join)
      )
    )
    world.run(1e9)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(world.defects.map((defect) => defect.actor)).toEqual(["wget"])
  })

  it("beside a running fiber the judgement is not certain; a parked process is not stuck", () => {
    const { world, runtime, group } = host()
    runtime.fork(
      group,
      "lost",
      Effect.callback<void>(() => {})
    )
    const server: SimFiber = runtime.fork(
      group,
      "server",
      Effect.suspend(() => new Park(server, null).effect)
    )
    runtime.fork(group, "ticker", Effect.forever(Effect.sleep("1 second")))
    world.run(5.5e9)
    expect(runtime.report().stuck).toEqual([{ name: "lost", island: "host0", certain: false }])
  })

  it("fibers that wake each other for ever in one instant are stopped and named", () => {
    const { world, runtime, group } = host()
    runtime.fork(group, "spinner", Effect.forever(Effect.yieldNow))
    world.run(1)
    expect(world.defects).toHaveLength(1)
    expect(String(world.defects[0]?.error)).toContain("spinner")
    expect(String(world.defects[0]?.error)).toContain("without time passing")
  })

  it("a fiber woken in a poll, outside the process phase, is a defect", () => {
    const { world, runtime, group } = host()
    let wake: () => void = () => {}
    runtime.fork(
      group,
      "main",
      Effect.callback<void>((resume) => {
        wake = () => resume(Effect.void)
      })
    )
    world.run(10)
    wake()
    expect(world.defects.map((defect) => defect.actor)).toEqual(["main"])
    expect(group.fibers.size).toBe(1)
  })
})

describe("Park", () => {
  it("wakes in the process phase of the instant, once, however often it is woken", () => {
    const { world, runtime, group } = host()
    const times: Array<number> = []
    let park: Park | undefined
    const reader: SimFiber = runtime.fork(
      group,
      "reader",
      Effect.gen(function* () {
        park = new Park(reader, null)
        for (let i = 0; i < 2; i++) {
          yield* park.effect
          times.push(group.island.now)
        }
      })
    )
    for (const time of [100, 200]) {
      runtime.at(group.island, time, "irq", () => {
        park?.wake()
        park?.wake()
      })
    }
    world.run(1000)
    expect(times).toEqual([100, 200])
  })

  it("an interrupted wait is cancelled and takes the thread off its wait queue", () => {
    let cancelled = 0
    const { world, runtime, group } = host()
    const reader: SimFiber = runtime.fork(
      group,
      "reader",
      Effect.suspend(() => Effect.timeout(new Park(reader, () => cancelled++).effect, "1 second"))
    )
    world.run(1e10)
    expect(cancelled).toBe(1)
    expect(reader.waits).toBe(0)
    expect(runtime.supervisor.failures.map((entry) => entry.time)).toEqual([1e9])
  })
})

describe("crash", () => {
  it("interrupts in the order of birth, closes the scope, takes no virtual time, and reports who wanted to wait", () => {
    const { world, runtime, group } = host()
    const order: Array<string> = []
    const says = (name: string) => Effect.sync(() => order.push(name))
    for (const name of ["p0", "p1", "p2"]) {
      runtime.fork(group, name, Effect.never.pipe(Effect.ensuring(says(name))))
    }
    runtime.fork(group, "slow", Effect.never.pipe(Effect.ensuring(Effect.sleep(1).pipe(Effect.andThen(says("slow"))))))
    runtime.fork(group, "mount", Scope.addFinalizer(group.scope, says("scope")))
    runtime.at(group.island, 5 * millis, "fault", () => {
      runtime.crash(group, () => order.push(`after ${group.island.now}`))
    })
    world.run(1e12)
    expect(order).toEqual(["p0", "p1", "p2", "scope", `after ${5 * millis}`])
    expect(runtime.report().abandoned).toEqual(["slow"])
    expect(runtime.supervisor.failures.map((entry) => [entry.name, entry.time])).toEqual(
      ["p0", "p1", "p2"].map((name) => [name, 5 * millis])
    )
    expect(group.dead).toBe(true)
    expect(runtime.report().stuck).toEqual([])
  })

  it("a dead group's sleepers never wake; the next incarnation lives on the same island", () => {
    const { world, runtime, group } = host()
    const ran: Array<string> = []
    const app = Effect.sleep(10).pipe(Effect.andThen(Effect.sync(() => ran.push("old"))))
    runtime.fork(group, "app", app)
    runtime.at(group.island, 5 * millis, "fault", () =>
      runtime.crash(group, () => {
        const next = runtime.group(group.island, "host0", 1)
        const code = Effect.sleep(10).pipe(Effect.andThen(Effect.sync(() => ran.push(`new ${group.island.now}`))))
        runtime.fork(next, "app/1", code)
      })
    )
    world.run(1e12)
    expect(ran).toEqual([`new ${15 * millis}`])
  })
})
