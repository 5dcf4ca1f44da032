import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { KIND_OWN, Actor } from "../src/Actor.ts"
import { lend, request } from "../src/ActorFiber.ts"
import { Runtime } from "../src/Runtime.ts"
import { World } from "../src/World.ts"
import { build, type Toy, type ToyOptions } from "./Toy.ts"

const options = fc.record({
  seed: fc.integer({ min: 0, max: 1e9 }),
  islands: fc.integer({ min: 1, max: 4 }),
  nodes: fc.integer({ min: 1, max: 4 }),
  frames: fc.integer({ min: 1, max: 60 })
})
const END = 100_000

const finish = (toy: Toy, end = END): string => {
  toy.world.run(end)
  return toy.world.fingerprint()
}
const fingerprint = (from: ToyOptions): string => finish(build(from))

describe("dispatch modes", () => {
  it("poll and fiber dispatch give the same fingerprint and the same counts", () =>
    fc.assert(
      fc.property(options, (from) => {
        const poll = build({ ...from, fibers: false })
        const fiber = build({ ...from, fibers: true })
        expect([fiber.nodes[0]?.wake, poll.nodes[0]?.wake]).toEqual([expect.any(Function), null])
        expect(finish(fiber)).toBe(finish(poll))
        expect(fiber.world.islands.map((island) => island.ledger)).toEqual(
          poll.world.islands.map((island) => island.ledger)
        )
        expect(poll.world.defects).toEqual([])
        expect(poll.world.islands.reduce((sum, island) => sum + island.ledger.hops, 0)).toBeGreaterThan(0)
      }),
      { numRuns: cases(60) }
    ))

  it("how far an island runs at a stretch changes nothing: run in slices of any length", () =>
    fc.assert(
      fc.property(options, fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 60 }), (from, slices) => {
        const sliced = build({ ...from, fibers: false })
        let until = 0
        for (const slice of slices) sliced.world.run((until += slice))
        expect(finish(sliced, Math.max(END, until))).toBe(
          finish(build({ ...from, fibers: false }), Math.max(END, until))
        )
      }),
      { numRuns: cases(60) }
    ))

  it("a smaller lookahead changes nothing", () =>
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 500 }), (from, delay) => {
        const narrow = build({ ...from, fibers: false })
        narrow.world.linkDelay(delay)
        expect(finish(narrow)).toBe(fingerprint({ ...from, fibers: false }))
      }),
      { numRuns: cases(60) }
    ))

  it("a defect of one actor leaves the same trace in both modes, and the rest goes on", () =>
    fc.assert(
      fc.property(options, fc.nat(15), fc.integer({ min: 1, max: 20 }), (from, which, fuse) => {
        const run = (fibers: boolean) => {
          const toy = build({ ...from, fibers })
          toy.nodes[which % toy.nodes.length]!.fuse = fuse
          const value = finish(toy)
          const exits = toy.runtime.supervisor.failures.map((entry) => ({
            ...entry,
            exit: Exit.isFailure(entry.exit) ? Cause.squash(entry.exit.cause) : "success"
          }))
          return { value, exits, defects: toy.world.defects }
        }
        const poll = run(false)
        expect(run(true)).toEqual(poll)
        expect(poll.exits).toHaveLength(poll.defects.length)
      }),
      { numRuns: cases(40) }
    ))
})

class Counter extends Actor {
  count = 0
  override poll(mailbox: { shift(): void }, count: number): void {
    for (let i = 0; i < count; i++) mailbox.shift()
    this.count += count
    if (this.count === 13) throw new Error("thirteen")
  }
  override overflow(): void {}
}

const counter = (fibers: boolean) => {
  const world = new World(1)
  world.fiberDispatch = fibers
  const runtime = new Runtime(world)
  const island = world.newIsland("host0")
  const group = runtime.group(island, "host0")
  const actor = new Counter(island, "host0/nic", 100)
  let controls = 0
  const lent = lend(
    group,
    actor,
    Effect.sync(() => void controls++)
  )
  const tick = (time: number): void => actor.schedule(time, actor.slot, KIND_OWN, 0, 0)
  return { world, runtime, island, group, actor, lent, tick, controls: () => controls }
}

describe.each([
  ["poll", false],
  ["fiber", true]
])("an actor's fiber in %s dispatch", (_name, fibers) => {
  it("runs commands in order in the process phase; polls go on while one sleeps", () => {
    const { world, runtime, actor, lent, tick } = counter(fibers)
    const seen: Array<string> = []
    runtime.at(actor.island, 100, "cli", () => {
      const say = (text: string) =>
        Effect.map(Clock.currentTimeMillis, (now) => void seen.push(`${text} ${now} ${actor.count}`))
      lent.command(Effect.andThen(say("one"), Effect.sleep(5)), () => seen.push("done"))
      lent.command(say("two"), null)
    })
    for (const time of [50, 1_000_000, 2_000_000, 9_000_000]) tick(time)
    world.run(1e8)
    expect(seen).toEqual(["one 0 1", "done", "two 5 3"])
    expect(actor.count).toBe(4)
    expect(world.defects).toEqual([])
  })

  it("runs its control effect when the actor asks for attention", () => {
    const made = counter(fibers)
    made.runtime.at(made.island, 7, "irq", () => made.lent.attention())
    made.world.run(100)
    expect(made.controls()).toBe(1)
  })

  it("a process of the island may request something of it and wait", () => {
    const { world, runtime, group, actor, lent } = counter(fibers)
    let answer: unknown
    runtime.fork(group, "ip", request(lent, Effect.sleep(1).pipe(Effect.as("up"))), {
      onExit: (exit) => (answer = [exit, actor.island.now])
    })
    world.run(1e9)
    expect(answer).toEqual([Exit.succeed("up"), 1e6])
  })

  it("a throw in its poll kills its fiber with that defect, and the actor is detached", () => {
    const { world, runtime, actor, tick } = counter(fibers)
    for (let i = 1; i <= 20; i++) tick(i * 10)
    world.run(1000)
    expect(actor.count).toBe(13)
    expect(actor.alive).toBe(false)
    expect(world.defects.map((defect) => [defect.actor, defect.time])).toEqual([["host0/nic", 130]])
    expect(
      runtime.supervisor.failures.map((entry) => [
        entry.name,
        entry.time,
        Exit.isFailure(entry.exit) && String(Cause.squash(entry.exit.cause))
      ])
    ).toEqual([["host0/nic", 130, "Error: thirteen"]])
  })

  it("a defect in a command is the actor's defect; a failure is only the command's", () => {
    const { world, runtime, actor, lent } = counter(fibers)
    const exits: Array<boolean> = []
    runtime.at(actor.island, 5, "cli", () => {
      lent.command(Effect.fail("no"), (exit) => exits.push(Exit.isSuccess(exit)))
    })
    world.run(10)
    expect([exits, actor.alive]).toEqual([[false], true])
    runtime.at(actor.island, 20, "cli", () => lent.command(Effect.die("bug"), null))
    world.run(30)
    expect(actor.alive).toBe(false)
    expect(world.defects.map((defect) => defect.error)).toEqual(["bug"])
    expect(runtime.supervisor.failures).toHaveLength(1)
  })

  it("a crash interrupts actor fibers in slot order, also in the middle of a command", () => {
    const { world, runtime, island, group, lent } = counter(fibers)
    lend(group, new Counter(island, "host0/b", 1), null)
    let finalized = false
    const long = Effect.sleep(1000).pipe(Effect.ensuring(Effect.sync(() => (finalized = true))))
    runtime.at(island, 5, "cli", () => lent.command(long, null))
    runtime.at(island, 9, "fault", () => runtime.crash(group))
    world.run(1e12)
    expect(finalized).toBe(true)
    expect(runtime.supervisor.failures.map((entry) => [entry.name, entry.time])).toEqual([
      ["host0/nic", 9],
      ["host0/b", 9]
    ])
    expect(world.defects).toEqual([])
  })
})

describe("one instant", () => {
  it("more than 10^6 polls in one instant is a defect that names the cycle", () => {
    const world = new World(1)
    const island = world.newIsland("loop")
    class Hot extends Actor {
      peer: Hot = this
      override poll(mailbox: { shift(): void }, count: number): void {
        for (let i = 0; i < count; i++) mailbox.shift()
        this.peer.deliver(KIND_OWN, 0, 0, this.island.now)
      }
      override overflow(): void {}
    }
    const a = new Hot(island, "loop/a", 4)
    const b = new Hot(island, "loop/b", 4)
    expect(new Hot(island, "loop/quiet", 4).alive).toBe(true)
    a.peer = b
    b.peer = a
    a.schedule(5, a.slot, KIND_OWN, 0, 0)
    world.run(10)
    expect(world.defects).toHaveLength(1)
    expect(String(world.defects[0]?.error)).toMatch(/10\^6 polls in one instant among loop\/[ab]$/)
  })

  it("a chain of 100,000 actors with zero delay does not overflow the stack, in fiber dispatch either", () => {
    const world = new World(1)
    world.fiberDispatch = true
    const runtime = new Runtime(world)
    const island = world.newIsland("chain")
    const group = runtime.group(island, "chain")
    let last = 0
    class Node extends Actor {
      override poll(mailbox: { shift(): void }, count: number): void {
        for (let i = 0; i < count; i++) mailbox.shift()
        last = this.slot
        const next = island.actors[this.slot + 1]
        if (next !== undefined) next.deliver(KIND_OWN, 0, 0, island.now)
      }
      override overflow(): void {}
    }
    const first = new Node(island, "chain/0", 4)
    lend(group, first, null)
    for (let i = 1; i < 100_000; i++) lend(group, new Node(island, `chain/${i}`, 4), null)
    first.schedule(1, first.slot, KIND_OWN, 0, 0)
    world.run(1)
    expect(world.defects).toEqual([])
    expect(last).toBe(100_000)
  })

  it("an event before the island's time is refused", () => {
    const world = new World(1)
    const island = world.newIsland("a")
    world.run(100)
    expect(() => island.input(99, 0, KIND_OWN, 0, 0)).toThrow("an event for 99 ns")
    expect(() => island.input(Number.NaN, 0, KIND_OWN, 0, 0)).toThrow("an event for NaN ns")
  })
})
