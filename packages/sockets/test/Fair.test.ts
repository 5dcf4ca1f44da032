/** What the fair classes promise, on one core: shares, lag, latency, bounds. Figures are the kernel's. */
import { cases } from "@darkfiber/tooling/Cases"
import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { WOKEN } from "../src/FairQueue.ts"
import { fairDelta, NICE_MAX, NICE_MIN, scaling, weightOf } from "../src/Nice.ts"
import type { Process } from "../src/Process.ts"
import { linux310, linux6x, type SocketsProfile } from "../src/SocketsProfile.ts"
import * as Sys from "../src/Sys.ts"
import { DELAYED, INTERRUPTIBLE, NOWHERE, RUNNING, Task } from "../src/Task.ts"
import { type Machine, machine } from "./World.ts"

const MS = 1_000_000
const profiles = [linux310, linux6x] as const
const tickOf = (profile: SocketsProfile): number => 1_000_000_000 / profile.scheduler.hz
/** What a task may be ahead or behind in real time while `count` of them share a core: its turn, and a tick. */
const turnOf = (profile: SocketsProfile, count: number): number => {
  const { fair } = profile.scheduler
  return fair.kind === "cfs" ? Math.max(fair.latencyNs, fair.granularityNs * count) : fair.sliceNs
}

const hog = Effect.forever(Sys.compute(100_000))
const spawn = (m: Machine, name: string, body: Effect.Effect<unknown, unknown>, nice = 0): Task =>
  (m.processes.spawn(name, null, body, { nice }) as Process).threads[0]!

/** A sleeper's wake-ups: how long after the time it asked for it ran, in ns. */
const sleeper = (late: Array<number>, pause: number, work: number): Effect.Effect<unknown, unknown> =>
  Effect.forever(
    Effect.gen(function* () {
      const before = yield* Sys.clockGettime
      yield* Sys.nanosleep(pause)
      late.push((yield* Sys.clockGettime) - before - pause)
      yield* Sys.compute(work)
    })
  )

describe("nice values", () => {
  it("weigh as sched_prio_to_weight: 88761, 1024 and 15, about 1.25 a level", () => {
    assert.deepStrictEqual([weightOf(NICE_MIN), weightOf(0), weightOf(NICE_MAX)], [88_761, 1024, 15])
    for (let nice = NICE_MIN; nice < NICE_MAX; nice++) {
      const ratio = weightOf(nice) / weightOf(nice + 1)
      assert.isAbove(ratio, 1.15, `${nice}`)
      assert.isBelow(ratio, 1.31, `${nice}`)
    }
    assert.strictEqual(fairDelta(1_000_000, weightOf(5)), Math.floor((1_000_000 * 1024) / 335))
  })

  it("scale tunables by 1 + log2 of the cores, up to 8", () => {
    assert.deepStrictEqual([1, 2, 3, 4, 7, 8, 64].map(scaling), [1, 2, 2, 3, 3, 4, 4])
    const slices = [1, 2, 8].map(
      (cores) => machine(1, cores, { profile: linux6x }).processes.scheduler.queues[0]!.fair.slice
    )
    // 1.4 ms is what sched_getattr says on a machine with two CPUs (6.18).
    assert.deepStrictEqual(slices, [700_000, 1_400_000, 2_800_000])
  })
})

for (const profile of profiles) {
  describe(`tasks that never sleep, Linux ${profile.name}`, () => {
    const levels = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 2, maxLength: 6 })

    it("get the core by weight, each within a turn and a tick", () =>
      fc.assert(
        fc.property(levels, (nices) => {
          const m = machine(1, 1, { profile })
          const tasks = nices.map((nice, i) => spawn(m, `hog${i}`, hog, nice))
          m.world.run(3_000 * MS)
          assert.deepStrictEqual(m.world.defects, [])
          const weight = tasks.reduce((sum, task) => sum + task.weight, 0)
          const used = tasks.reduce((sum, task) => sum + task.userTime + task.systemTime, 0)
          const bound = 2 * turnOf(profile, tasks.length) + 2 * tickOf(profile)
          for (const task of tasks) {
            const due = (used * task.weight) / weight
            assert.closeTo(task.userTime + task.systemTime, due, bound, `nice ${task.nice} among ${nices.join(" ")}`)
          }
        }),
        { numRuns: cases(15) }
      ))

    it("never starve: whoever waits has its turn after the others' shares", () =>
      fc.assert(
        fc.property(levels, (nices) => {
          const m = machine(1, 1, { profile })
          const tasks = nices.map((nice, i) => spawn(m, `hog${i}`, hog, nice))
          const before = tasks.map(() => 0)
          const weight = nices.reduce((sum, nice) => sum + weightOf(nice), 0)
          const least = Math.min(...nices.map(weightOf))
          // Even the lightest moves on by a tick's worth of service in this time.
          const step = Math.ceil(((turnOf(profile, nices.length) + 2 * tickOf(profile)) * 2 * weight) / least)
          for (let time = step; time <= 8 * step; time += step) {
            m.world.run(time)
            tasks.forEach((task, i) => {
              assert.isAbove(task.userTime, before[i]!, `nice ${task.nice} among ${nices.join(" ")} at ${time}`)
              before[i] = task.userTime
            })
          }
        }),
        { numRuns: cases(6) }
      ))

    it("change their share with setpriority, at once", () => {
      const m = machine(1, 1, { profile })
      const first = spawn(m, "first", hog)
      const second = spawn(
        m,
        "second",
        Effect.andThen(Effect.andThen(Sys.compute(500 * MS), Sys.setpriority(0, 5)), hog)
      )
      m.world.run(1_000 * MS)
      const before = [first.userTime, second.userTime] as const
      m.world.run(5_000 * MS)
      const ratio = (first.userTime - before[0]) / (second.userTime - before[1])
      assert.closeTo(ratio, 1024 / 335, 0.03)
      assert.strictEqual(second.nice, 5)
    })
  })

  describe(`a sleeper among tasks that never sleep, Linux ${profile.name}`, () => {
    it("runs soon after it wakes: at once under CFS, after a slice and a tick at most under EEVDF", () =>
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 20, max: 400 }), (hogs, micros) => {
          const m = machine(1, 1, { profile })
          for (let i = 0; i < hogs; i++) spawn(m, `hog${i}`, hog)
          const late: Array<number> = []
          spawn(m, "sleeper", sleeper(late, 20 * MS, micros * 1000))
          m.world.run(2_000 * MS)
          assert.deepStrictEqual(m.world.defects, [])
          assert.isAbove(late.length, 50)
          const cfs = profile.scheduler.fair.kind === "cfs"
          const bound = cfs ? 40_000 : hogs * (turnOf(profile, 1) + 2 * tickOf(profile))
          // The first ones still pay for the start.
          assert.isBelow(Math.max(...late.slice(3)), bound, `${hogs} hogs, ${micros} us of work`)
          const at = late.toSorted((left, right) => left - right)[Math.floor(late.length / 2)]!
          if (hogs === 1) assert.isBelow(at, 40_000)
        }),
        { numRuns: cases(10) }
      ))
  })
}

describe("min_vruntime", () => {
  it("never decreases, whoever comes and goes (3.10)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.nat(4000)), { minLength: 1, maxLength: 6 }),
        (list) => {
          const m = machine(2, 2, { profile: linux310 })
          const dead: Array<number> = []
          list.forEach(([nice, micros], i) =>
            spawn(m, `s${i}`, micros % 3 === 0 ? hog : sleeper(dead, 1 + micros * 500, micros * 700), nice)
          )
          const before = m.processes.scheduler.queues.map(() => -1)
          for (let time = 1; time < 400; time++) {
            m.world.run(time * 0.25 * MS)
            m.processes.scheduler.queues.forEach(({ fair }, i) => {
              assert.isAtLeast(fair.virtualTime, before[i]!)
              before[i] = fair.virtualTime
            })
          }
        }
      ),
      { numRuns: cases(15) }
    ))
})

describe("EEVDF", () => {
  const lists = (idle: boolean) =>
    fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), idle ? fc.nat(4000) : fc.constant(0)), {
      minLength: 2,
      maxLength: 6
    })
  /** What the runnable tasks are owed, and have had too much, at most, over 400 ms; in real time, in ns. */
  const lags = (list: ReadonlyArray<readonly [number, number]>, hz: number) => {
    const m = machine(3, 1, { profile: { ...linux6x, scheduler: { ...linux6x.scheduler, hz } } })
    const tasks = list.map(([nice, micros], i) =>
      spawn(m, `t${i}`, micros % 2 === 0 ? hog : sleeper([], 1 + micros * 2000, micros * 700), nice)
    )
    const { fair } = m.processes.scheduler.queues[0]!
    let credit = 0
    let debt = 0
    for (let time = 1; time < 400; time++) {
      m.world.run(time * MS)
      for (const task of tasks) {
        if (task !== fair.current && !inList(fair.head, task)) continue
        const lag = ((fair.virtualTime - task.vruntime) * task.weight) / 1024
        credit = Math.max(credit, lag)
        debt = Math.max(debt, -lag)
      }
    }
    return { credit, debt }
  }

  it("bounds what a task is owed, or has had too much, by a slice and a tick (HZ 1000)", () =>
    fc.assert(
      fc.property(lists(false), (list) => {
        const { credit, debt } = lags(list, 1000)
        assert.isAtMost(Math.max(credit, debt), 1_700_000)
      }),
      { numRuns: cases(10) }
    ))

  it("bounds what it has had too much so with HZ 250 too, where turns are longer than slices", () =>
    fc.assert(
      fc.property(lists(false), (list) => {
        const { credit, debt } = lags(list, 250)
        assert.isAtMost(debt, 4_700_000)
        assert.isAtMost(credit, 2 * 4_700_000)
      }),
      { numRuns: cases(10) }
    ))

  it("bounds both when tasks come and go, by what may be kept over a sleep more", () =>
    fc.assert(
      fc.property(lists(true), (list) => {
        const { credit, debt } = lags(list, 1000)
        assert.isAtMost(Math.max(credit, debt), 1_700_000 + 1_400_000)
      }),
      { numRuns: cases(10) }
    ))

  it("sched_yield forfeits the rest of the slice: one that only yields gets next to nothing, as measured on 6.18", () => {
    const m = machine(1, 1, { profile: linux6x })
    const yields = spawn(m, "yields", Effect.forever(Sys.schedYield))
    const works = spawn(m, "works", hog)
    m.world.run(1_000 * MS)
    assert.isAbove(works.userTime, 980 * MS)
    assert.isAbove(yields.involuntary, 100)
  })

  it("keeps a task that falls asleep with a debt in line until others have had what it owes", () => {
    const m = machine(1, 1, { profile: linux6x })
    const queue = m.processes.scheduler.queues[0]!
    const { fair } = queue
    const [one, two] = [1, 2].map((tid) => new Task(tid, "t", null, null, null, queue)) as [Task, Task]
    fair.enqueue(one, WOKEN)
    fair.enqueue(two, WOKEN)
    fair.take(one)
    fair.update(600_000)
    one.state = INTERRUPTIBLE
    fair.leave(true)
    assert.deepStrictEqual([one.where, fair.ready, m.processes.scheduler.waiting], [DELAYED, 1, 1])
    assert.strictEqual(fair.virtualTime, 300_000)
    assert.strictEqual(fair.choose(), two)
    fair.take(two)
    fair.update(700_000)
    // Both are at or behind V now, and the debt of the first is paid: it is taken out when it is its turn.
    assert.strictEqual(fair.choose(), two)
    assert.deepStrictEqual([one.where, one.vlag, fair.head], [NOWHERE, 0, null])
    one.state = RUNNING
    fair.enqueue(one, WOKEN)
    assert.strictEqual(one.vruntime, two.vruntime)
  })
})

const inList = (head: Task | null, task: Task): boolean => {
  for (let at = head; at !== null; at = at.next) if (at === task) return true
  return false
}
