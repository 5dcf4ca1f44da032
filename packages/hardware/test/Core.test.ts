import assert from "node:assert/strict"
import * as fc from "fast-check"
import { cases } from "@darkfiber/tooling/Cases"
import { Actor, KIND_OWN } from "@darkfiber/sim/Actor"
import type { Island } from "@darkfiber/sim/Island"
import { CONTEXT_HARDIRQ, CONTEXT_KSOFTIRQD, CONTEXT_PROCESS, CONTEXT_SOFTIRQ } from "@darkfiber/sim/Trace"
import { World } from "@darkfiber/sim/World"
import { describe, it } from "vitest"
import {
  Core,
  HARDIRQ,
  IDLE,
  type InterruptHandler,
  SOFTIRQ,
  STEP_IDLE,
  STEP_MORE,
  SYSTEM,
  type TaskSource
} from "../src/cpu/Core.ts"
import { LockClock } from "../src/cpu/LockClock.ts"
import * as Softirq from "../src/cpu/Softirq.ts"

type Entry = readonly [what: string, start: number, core: number]

interface Step {
  readonly cost: number
  /** Soft IRQ steps it raises itself. */
  readonly raises: number
}

interface Irq {
  readonly at: number
  readonly cost: number
  readonly raises: number
}

/** Runs a fixed list of steps, then sleeps; ksoftirqd comes before them when it has been woken. */
class Tasks implements TaskSource {
  private next = 0
  private ksoftirqd = false
  wakes = 0
  readonly steps: ReadonlyArray<Step>
  readonly bench: Bench

  constructor(bench: Bench, steps: ReadonlyArray<Step>) {
    this.bench = bench
    this.steps = steps
  }

  step(core: Core): number {
    if (this.ksoftirqd) {
      this.ksoftirqd = core.ksoftirqdStep()
      return STEP_MORE
    }
    const step = this.steps[this.next++]
    if (step === undefined) return STEP_IDLE
    assert.equal(core.context, CONTEXT_PROCESS)
    this.bench.log.push(["task", core.time, core.index])
    if (step.raises > 0) {
      this.bench.work[core.index]! += step.raises
      core.raiseSoftirq(Softirq.NET_RX)
    }
    core.charge(step.cost)
    return STEP_MORE
  }

  wakeKsoftirqd(): void {
    this.ksoftirqd = true
    this.wakes++
  }
}

/** Raises lines of cores at given times. */
class Device extends Actor {
  readonly raise: (index: number, now: number) => void

  constructor(island: Island, raise: (index: number, now: number) => void) {
    super(island, "device", 10_000)
    this.raise = raise
  }

  override poll(mailbox: Actor["mailbox"], count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      this.raise(mailbox.a, now)
    }
  }

  override overflow(): void {
    throw new Error("the device is full")
  }
}

/** Cores on one island with a soft IRQ whose steps cost a fixed time, and a log of what starts when. */
class Bench {
  readonly world = new World(1)
  readonly island = this.world.newIsland("host")
  readonly cores: Array<Core> = []
  readonly work: Array<number> = []
  readonly log: Array<Entry> = []
  readonly softCost: number

  constructor(cores: number, softCost: number) {
    this.softCost = softCost
    for (let i = 0; i < cores; i++) {
      const core = new Core(this.island, `cpu${i}`, i, new Int32Array(0))
      this.cores.push(core)
      this.work.push(0)
      core.openSoftirq(Softirq.NET_RX, { step: (on) => this.softStep(on) })
    }
  }

  private softStep(core: Core): boolean {
    if (this.work[core.index] === 0) return false
    assert.ok(core.context === CONTEXT_SOFTIRQ || core.context === CONTEXT_KSOFTIRQD)
    this.work[core.index]!--
    this.log.push([core.context === CONTEXT_SOFTIRQ ? "soft" : "ksoftirqd", core.time, core.index])
    core.charge(this.softCost)
    return this.work[core.index]! > 0
  }

  run(core: number, steps: ReadonlyArray<Step>): Tasks {
    const tasks = new Tasks(this, steps)
    this.cores[core]!.tasks = tasks
    this.cores[core]!.kick(0)
    return tasks
  }

  /** One line an interrupt, in the order of their times. */
  interrupts(core: number, irqs: ReadonlyArray<Irq>): void {
    const target = this.cores[core]!
    const lines = irqs.map((irq) => {
      const handler: InterruptHandler = {
        interrupt: (on) => {
          assert.equal(on.context, CONTEXT_HARDIRQ)
          this.log.push(["hard", on.time, on.index])
          on.charge(irq.cost)
          if (irq.raises > 0) {
            this.work[on.index]! += irq.raises
            on.raiseSoftirq(Softirq.NET_RX)
          }
        }
      }
      return target.requestIrq(handler)
    })
    const device = new Device(this.island, (index, now) => target.raiseIrq(lines[index]!, now))
    irqs.forEach((irq, index) => device.schedule(irq.at, device.slot, KIND_OWN, index, 0))
  }

  /** Every nanosecond of every core is booked once, up to its clock. */
  checkUsage(time: number): void {
    for (const core of this.cores) {
      core.settle(time)
      const sum = core.usage.reduce((total, part) => total + part, 0)
      assert.equal(sum, core.time + core.taskLeft, `core ${core.index} at ${time}`)
      assert.ok(core.time >= time, `core ${core.index} has no time behind ${time}`)
    }
  }
}

/** The same rules as plain recursive code on one core. */
const oracle = (steps: ReadonlyArray<Step>, irqs: ReadonlyArray<Irq>, softCost: number): ReadonlyArray<Entry> => {
  const log: Array<Entry> = []
  let time = 0
  let next = 0
  let work = 0
  const hard = (): void => {
    while (next < irqs.length && irqs[next]!.at <= time) {
      const irq = irqs[next++]!
      log.push(["hard", time, 0])
      time += irq.cost
      work += irq.raises
    }
  }
  const soft = (): void => {
    while (work > 0) {
      work--
      log.push(["soft", time, 0])
      spend(softCost, false)
      hard()
    }
  }
  const spend = (duration: number, nested: boolean): void => {
    let left = duration
    while (left > 0) {
      const at = next < irqs.length ? irqs[next]!.at : Infinity
      if (at >= time + left) {
        time += left
        return
      }
      if (at > time) {
        left -= at - time
        time = at
      }
      hard()
      if (nested && work > 0) soft()
    }
  }
  for (const step of steps) {
    hard()
    soft()
    log.push(["task", time, 0])
    spend(step.cost, step.raises === 0)
    work += step.raises
  }
  hard()
  soft()
  while (next < irqs.length) {
    time = Math.max(time, irqs[next]!.at)
    hard()
    soft()
  }
  return log
}

const stepArbitrary = fc.record({
  cost: fc.integer({ min: 1, max: 5000 }),
  raises: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) })
})
const irqsArbitrary = fc
  .array(
    fc.record({
      at: fc.nat(30_000),
      cost: fc.integer({ min: 1, max: 2000 }),
      raises: fc.integer({ min: 0, max: 4 })
    }),
    { maxLength: 25 }
  )
  .map((irqs) => irqs.toSorted((left, right) => left.at - right.at))

describe("one core", () => {
  it("starts every step when plain recursive code would (property)", () =>
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { maxLength: 12 }),
        irqsArbitrary,
        fc.integer({ min: 1, max: 900 }),
        (steps, irqs, softCost) => {
          const bench = new Bench(1, softCost)
          bench.interrupts(0, irqs)
          bench.run(0, steps)
          bench.world.run(10_000_000)
          assert.deepEqual(bench.log, oracle(steps, irqs, softCost))
          const spent = (what: string): number => bench.log.filter(([kind]) => kind === what).length
          const usage = bench.cores[0]!.usage
          assert.equal(
            usage[SYSTEM],
            steps.reduce((sum, step) => sum + step.cost, 0)
          )
          assert.equal(
            usage[HARDIRQ],
            irqs.reduce((sum, irq) => sum + irq.cost, 0)
          )
          assert.equal(usage[SOFTIRQ], spent("soft") * softCost)
          bench.checkUsage(10_000_000)
          assert.equal(
            usage.reduce((sum, part) => sum + part, 0),
            10_000_000
          )
          assert.deepEqual(bench.world.defects, [])
        }
      ),
      { numRuns: cases(400) }
    ))

  it("books every nanosecond once at every moment, and its starts never go back (property)", () =>
    fc.assert(
      fc.property(
        fc.array(stepArbitrary, { maxLength: 12 }),
        irqsArbitrary,
        fc.array(fc.nat(40_000), { maxLength: 20 }),
        (steps, irqs, pauses) => {
          const bench = new Bench(1, 300)
          bench.interrupts(0, irqs)
          bench.run(0, steps)
          for (const pause of pauses.toSorted((left, right) => left - right)) {
            bench.world.run(pause)
            bench.checkUsage(pause)
          }
          bench.world.run(1_000_000)
          assert.deepEqual(bench.log, oracle(steps, irqs, 300))
          const starts = bench.log.map(([, start]) => start)
          assert.deepEqual(
            starts,
            starts.toSorted((left, right) => left - right)
          )
        }
      ),
      { numRuns: cases(100) }
    ))

  it("an interrupt lengthens the step it meets by its handler and its soft IRQs, exactly", () => {
    const bench = new Bench(1, 400)
    bench.interrupts(0, [{ at: 1000, cost: 1000, raises: 2 }])
    bench.run(0, [
      { cost: 5000, raises: 0 },
      { cost: 1, raises: 0 }
    ])
    bench.world.run(1e6)
    assert.deepEqual(bench.log, [
      ["task", 0, 0],
      ["hard", 1000, 0],
      ["soft", 2000, 0],
      ["soft", 2400, 0],
      ["task", 6800, 0]
    ])
  })

  it("a line raised for the future is not taken before, and an earlier raise brings it forward", () => {
    const bench = new Bench(1, 1)
    const core = bench.cores[0]!
    const line = core.requestIrq({ interrupt: (on) => bench.log.push(["hard", on.time, 0]) })
    core.raiseIrq(line, 900)
    core.raiseIrq(line, 500)
    bench.world.run(1000)
    assert.deepEqual(bench.log, [["hard", 500, 0]])
    core.raiseIrq(line, 3000)
    core.kick(1500)
    bench.world.run(5000)
    assert.deepEqual(bench.log.at(-1), ["hard", 3000, 0])
    assert.equal(core.irqCounts[line], 2)
  })

  it("a line that the core's own step raises is taken at the end of that step", () => {
    const bench = new Bench(1, 1)
    const core = bench.cores[0]!
    const line = core.requestIrq({ interrupt: (on) => bench.log.push(["hard", on.time, 0]) })
    let done = false
    core.tasks = {
      step: (on) => {
        if (done) return STEP_IDLE
        done = true
        on.charge(700)
        on.raiseIrq(line, on.time)
        return STEP_IDLE
      },
      wakeKsoftirqd: () => {}
    }
    core.kick(0)
    bench.world.run(5000)
    assert.deepEqual(bench.log, [["hard", 700, 0]])
    assert.equal(core.usage[IDLE], 4300 - (core.time < 5000 ? 5000 - core.time : 0))
  })

  it("slowness multiplies every charge", () => {
    const bench = new Bench(1, 1)
    const core = bench.cores[0]!
    core.slowness = 2.5
    core.charge(3)
    assert.equal(core.time, 8)
  })
})

describe("soft IRQ limits", () => {
  /** Each step raises the vector again, `times` times in all. */
  const endless = (times: number, cost: number): { readonly bench: Bench; readonly tasks: Tasks } => {
    const bench = new Bench(1, 0)
    const core = bench.cores[0]!
    let left = times
    core.openSoftirq(Softirq.TASKLET, {
      step: (on) => {
        bench.log.push([on.context === CONTEXT_KSOFTIRQD ? "ksoftirqd" : "soft", on.time, 0])
        on.charge(cost)
        if (--left > 0) on.raiseSoftirq(Softirq.TASKLET)
        return false
      }
    })
    const line = core.requestIrq({ interrupt: (on) => on.raiseSoftirq(Softirq.TASKLET) })
    const tasks = bench.run(0, [])
    core.raiseIrq(line, 0)
    bench.world.run(100_000_000)
    return { bench, tasks }
  }

  it("ten rounds, then ksoftirqd has the rest", () => {
    const { bench, tasks } = endless(14, 100)
    const kinds = bench.log.map(([what]) => what)
    assert.deepEqual(kinds, [...Array(10).fill("soft"), ...Array(4).fill("ksoftirqd")])
    assert.equal(tasks.wakes, 1)
    assert.equal(bench.cores[0]!.softirqCounts[Softirq.TASKLET], 14)
    assert.equal(bench.cores[0]!.usage[SOFTIRQ], 1400)
  })

  it("two milliseconds, then ksoftirqd has the rest", () => {
    const { bench } = endless(5, 900_000)
    assert.deepEqual(
      bench.log.map(([what]) => what),
      ["soft", "soft", "soft", "ksoftirqd", "ksoftirqd"]
    )
  })

  it("need_resched ends the rounds early", () => {
    const bench = new Bench(1, 100)
    const core = bench.cores[0]!
    core.needResched = true
    let again = true
    core.openSoftirq(Softirq.TASKLET, {
      step: (on) => {
        on.charge(1)
        if (again) on.raiseSoftirq(Softirq.TASKLET)
        again = false
        return false
      }
    })
    const line = core.requestIrq({ interrupt: (on) => on.raiseSoftirq(Softirq.TASKLET) })
    const tasks = bench.run(0, [])
    core.raiseIrq(line, 0)
    bench.world.run(1000)
    assert.equal(tasks.wakes, 1)
    assert.equal(core.softirqPending, 0)
  })

  it("vectors run in the kernel's order", () => {
    const bench = new Bench(1, 1)
    const core = bench.cores[0]!
    const order: Array<string> = []
    for (let vector = 0; vector < Softirq.VECTORS; vector++) {
      core.openSoftirq(vector, {
        step: () => {
          order.push(Softirq.names[vector]!)
          return false
        }
      })
    }
    const line = core.requestIrq({
      interrupt: (on) => {
        for (let vector = Softirq.VECTORS - 1; vector >= 0; vector--) on.raiseSoftirq(vector)
      }
    })
    core.raiseIrq(line, 0)
    bench.world.run(10)
    assert.deepEqual(order, Softirq.names)
  })

  it("no other task gets the core in the middle of ksoftirqd's round", () => {
    const bench = new Bench(1, 100)
    const core = bench.cores[0]!
    core.needResched = true
    const order: Array<string> = []
    let turn = 0
    core.openSoftirq(Softirq.TASKLET, {
      step: (on) => {
        on.charge(10)
        if (turn++ === 0) on.raiseSoftirq(Softirq.NET_RX)
        return false
      }
    })
    core.openSoftirq(Softirq.NET_RX, {
      step: (on) => {
        on.charge(10)
        order.push(on.context === CONTEXT_KSOFTIRQD ? "ksoftirqd" : "soft")
        return order.filter((what) => what === "ksoftirqd").length < 3
      }
    })
    let awake = false
    let others = 2
    core.tasks = {
      step: (on) => {
        if (awake && others !== 1) {
          awake = on.ksoftirqdStep()
          if (others === 2) others = 1
          return STEP_MORE
        }
        if (others === 0) return STEP_IDLE
        others = 0
        order.push("other")
        on.charge(10)
        return STEP_MORE
      },
      wakeKsoftirqd: () => {
        awake = true
      }
    }
    const line = core.requestIrq({ interrupt: (on) => on.raiseSoftirq(Softirq.TASKLET) })
    core.raiseIrq(line, 0)
    bench.world.run(10_000)
    assert.deepEqual(order, ["ksoftirqd", "ksoftirqd", "ksoftirqd", "other"])
  })
})

describe("several cores", () => {
  it("take their steps in order of core time, ties by index (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(stepArbitrary, { minLength: 1, maxLength: 15 }), { minLength: 2, maxLength: 4 }),
        irqsArbitrary,
        (programs, irqs) => {
          const bench = new Bench(programs.length, 250)
          bench.interrupts(programs.length - 1, irqs)
          programs.forEach((steps, index) => bench.run(index, steps))
          bench.world.run(1_000_000)
          for (let i = 1; i < bench.log.length; i++) {
            const [, before, left] = bench.log[i - 1]!
            const [, after, right] = bench.log[i]!
            const isInOrder = before < after || (before === after && left <= right)
            assert.ok(isInOrder, `${bench.log[i - 1]!.join(" ")} before ${bench.log[i]!.join(" ")}`)
          }
          bench.checkUsage(1_000_000)
          // Soft IRQs run on the core that raised them: each core alone gives the same log.
          programs.forEach((steps, index) => {
            const own = bench.log.filter(([, , core]) => core === index).map(([what, start]) => [what, start])
            const alone = oracle(steps, index === programs.length - 1 ? irqs : [], 250)
            assert.deepEqual(
              own,
              alone.map(([what, start]) => [what, start])
            )
          })
        }
      ),
      { numRuns: cases(150) }
    ))

  it("a kick by another core's step is heard at its time, whatever is armed before", () => {
    const bench = new Bench(2, 1)
    const heard: Array<number> = []
    let target = true
    bench.cores[1]!.tasks = {
      step: (on) => {
        heard.push(on.time)
        if (target) {
          target = false
          on.charge(300)
          return STEP_MORE
        }
        return STEP_IDLE
      },
      wakeKsoftirqd: () => {}
    }
    bench.cores[1]!.kick(100)
    bench.cores[1]!.kick(700)
    bench.cores[1]!.kick(600)
    bench.world.run(1000)
    assert.deepEqual(heard, [100, 400, 600, 700])
  })

  it("a lock makes the core that comes earlier spin until its last holder let go", () => {
    const bench = new Bench(2, 1)
    const lock = new LockClock()
    const entered: Array<Entry> = []
    bench.cores.forEach((core, index) => {
      let left = 3
      core.tasks = {
        step: (on) => {
          if (left-- === 0) return STEP_IDLE
          on.lock(lock)
          entered.push(["in", on.time, index])
          on.charge(100)
          on.unlock(lock)
          return STEP_MORE
        },
        wakeKsoftirqd: () => {}
      }
      core.kick(index * 10)
    })
    bench.world.run(10_000)
    const starts = entered.map(([, start]) => start)
    for (let i = 1; i < starts.length; i++) assert.ok(starts[i]! - starts[i - 1]! >= 100)
    assert.ok(lock.contended > 0)
    assert.equal(
      bench.cores.reduce((sum, core) => sum + core.usage[SYSTEM]!, 0),
      600 + lock.spun
    )
  })
})
