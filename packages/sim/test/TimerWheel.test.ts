import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import type { Island } from "../src/Island.ts"
import { KernelTimer, linuxDefaults, type TimerOptions, type TimerOwner, TimerWheel } from "../src/TimerWheel.ts"
import { World } from "../src/World.ts"

type Log = Array<readonly [number, number]>

class Named extends KernelTimer<Log> {
  readonly id: number
  constructor(id: number) {
    super()
    this.id = id
  }
  override fire(log: Log): void {
    log.push([this.id, this.expires])
  }
}

class Owner implements TimerOwner<Log> {
  wheel: TimerWheel<Log> | null = null
  readonly log: Log = []
  calls = 0
  expire(jiffy: number, due: ReadonlyArray<KernelTimer<Log>>): void {
    this.calls++
    for (const timer of due) {
      expect(timer.expires).toBeLessThanOrEqual(jiffy)
      this.wheel!.run(timer, this.log)
    }
  }
}

const make = (options: TimerOptions = linuxDefaults, seed = 1) => {
  const world = new World(seed)
  const island: Island = world.newIsland("host0")
  const owner = new Owner()
  const wheel = new TimerWheel(island, "host0/timers", owner, options)
  owner.wheel = wheel
  return { world, island, owner, wheel }
}

const delay = fc.oneof(
  fc.integer({ min: -2, max: 130 }),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 0, max: 300_000 }),
  fc.integer({ min: 0, max: 20_000_000 }),
  fc.integer({ min: 2 ** 30 - 5, max: 2 ** 31 })
)
const action = fc.record({
  timer: fc.nat(15),
  what: fc.constantFrom("arm", "arm", "arm", "disarm", "remove", "run"),
  delay,
  core: fc.nat(3),
  pause: fc.oneof(fc.nat(3), fc.nat(100), fc.nat(10_000), fc.nat(5_000_000))
})

describe("TimerWheel", () => {
  it("fires what a sorted list fires, at the same ticks in the same order", () =>
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), fc.nat(), (script, seed) => {
        const { world, island, owner, wheel } = make(linuxDefaults, seed)
        const timers = Array.from({ length: 16 }, (_, id) => new Named(id))
        const oracle = new Map<number, { expires: number; core: number; sequence: number }>()
        const expected: Log = []
        let sequence = 0
        const runTo = (time: number): void => {
          world.run(time)
          const due = [...oracle].filter(([, timer]) => wheel.timeOf(timer.expires) <= time)
          due.sort(([, l], [, r]) => l.expires - r.expires || l.core - r.core || l.sequence - r.sequence)
          for (const [id, timer] of due) {
            expected.push([id, timer.expires])
            oracle.delete(id)
          }
          expect(owner.log).toEqual(expected)
        }
        for (const step of script) {
          const timer = timers[step.timer]!
          const now = wheel.jiffies(island.now)
          if (step.what === "arm") {
            wheel.arm(timer, now + step.delay, step.core, island.now)
            oracle.set(step.timer, { expires: now + Math.max(1, step.delay), core: step.core, sequence: sequence++ })
          } else if (step.what === "run") runTo(island.now + step.pause * 1_000_000)
          else {
            wheel[step.what](timer)
            oracle.delete(step.timer)
          }
          expect(timer.isArmed).toBe(oracle.has(step.timer))
          expect(wheel.count).toBe(oracle.size)
        }
        runTo(wheel.timeOf(wheel.jiffies(island.now) + 2 ** 31 + 5))
        expect(wheel.count).toBe(0)
      }),
      { numRuns: cases(300) }
    ))

  it("never fires early, and at a tick of the host", () => {
    const { world, owner, wheel } = make({ hz: 250, rounding: "exact" })
    expect(wheel.tick).toBe(4_000_000)
    wheel.arm(new Named(1), wheel.jiffies(0) + 50, 0, 0)
    world.run(wheel.phase + 49 * wheel.tick - 1)
    expect(owner.log).toEqual([])
    world.run(wheel.phase + 49 * wheel.tick)
    expect(owner.log).toEqual([[1, 50]])
  })

  it("the boot phase comes from the seed and the name", () => {
    const phases = new Set(Array.from({ length: 20 }, (_, seed) => make(linuxDefaults, seed).wheel.phase))
    expect(phases.size).toBeGreaterThan(15)
    for (const phase of phases) expect(phase > 0 && phase <= 1_000_000).toBe(true)
  })

  it("levels rounding is late by a tick at first and by at most an eighth further out", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (jiffies) => {
        const { world, island, owner, wheel } = make({ hz: 1000, rounding: "levels" })
        wheel.arm(new Named(1), jiffies, 0, 0)
        world.run(wheel.timeOf(jiffies * 2 + 100))
        expect(island.queue.size).toBe(0)
        const late = owner.log[0]![1] - jiffies
        expect(late).toBeGreaterThanOrEqual(1)
        expect(late).toBeLessThanOrEqual(jiffies < 63 ? 1 : jiffies / 7.8 + 1)
      }),
      { numRuns: cases(100) }
    ))

  it("arming the same timer again and again costs no events", () => {
    const { world, island, owner, wheel } = make()
    const timer = new Named(1)
    for (let ms = 0; ms < 1000; ms++) {
      world.run(ms * 1_000_000)
      for (let i = 0; i < 10; i++) wheel.arm(timer, wheel.jiffies(island.now) + 200, 0, island.now)
      expect(island.queue.size).toBeLessThanOrEqual(2)
    }
    expect(owner.calls).toBe(0)
    world.run(2e9)
    expect(owner.log).toHaveLength(1)
  })

  it("a timer that was handed out and then disarmed or armed again does not run for the old deadline", () => {
    const world = new World(1)
    const island = world.newIsland("host0")
    const held: Array<KernelTimer<Log>> = []
    const log: Log = []
    const wheel = new TimerWheel<Log>(island, "t", { expire: (_jiffy, due) => held.push(...due) }, linuxDefaults)
    const [a, b, c] = [new Named(1), new Named(2), new Named(3)]
    for (const timer of [a, b, c]) wheel.arm(timer, 5, 0, 0)
    world.run(1e7)
    expect(held).toEqual([a, b, c])
    wheel.disarm(a)
    wheel.arm(b, 100, 0, island.now)
    for (const timer of held) wheel.run(timer, log)
    expect(log).toEqual([[3, 5]])
    expect(wheel.count).toBe(1)
  })

  it("a million timers over two hours", () => {
    const { world, owner, wheel } = make()
    let last = 0
    let fired = 0
    class Quiet extends KernelTimer<Log> {
      override fire(): void {
        expect(this.expires >= last).toBe(true)
        last = this.expires
        fired++
      }
    }
    const random = world.stream("delays")
    for (let i = 0; i < 1_000_000; i++) wheel.arm(new Quiet(), random.below(7_200_000), i & 3, 0)
    expect(world.islands[0]!.queue.size).toBeLessThan(200)
    world.run(7.3e12 / 20)
    expect(fired).toBeGreaterThan(45_000)
    expect(owner.wheel!.count).toBe(1_000_000 - fired)
  })
})
