/** Where tasks run: wake-ups, idle cores, balance; nothing is lost, doubled or run where it may not. */
import { cases } from "@darkfiber/tooling/Cases"
import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Points from "../src/Points.ts"
import type { Process } from "../src/Process.ts"
import { TID_SPAN } from "../src/RunQueue.ts"
import { linux310, linux6x } from "../src/SocketsProfile.ts"
import * as Sys from "../src/Sys.ts"
import { RUNNING, type Task } from "../src/Task.ts"
import { type Machine, machine } from "./World.ts"

const MS = 1_000_000
const hog = Effect.forever(Sys.compute(100_000))
const spawn = (
  m: Machine,
  name: string,
  body: Effect.Effect<unknown, unknown>,
  affinity?: ReadonlyArray<number>
): Task => (m.processes.spawn(name, null, body, affinity === undefined ? {} : { affinity }) as Process).threads[0]!

const napper = (pause: number, work: number): Effect.Effect<unknown, unknown> =>
  Effect.forever(Effect.andThen(Sys.nanosleep(pause), Sys.compute(work)))

for (const profile of [linux310, linux6x]) {
  describe(`cores of a host, Linux ${profile.name}`, () => {
    it("share tasks that never sleep: three on two cores get two thirds each, in the long run", () => {
      const m = machine(1, 2, { profile })
      const tasks = [0, 1, 2].map((i) => spawn(m, `hog${i}`, hog))
      m.world.run(6_000 * MS)
      assert.deepStrictEqual(m.world.defects, [])
      for (const task of tasks) {
        assert.closeTo(task.userTime, 4_000 * MS, 700 * MS)
        assert.isAbove(task.migrations, 10)
      }
    })

    it("one that idles gets what waits elsewhere within a few ticks", () => {
      const m = machine(1, 4, { profile })
      const tasks = [0, 1, 2, 3].map((i) =>
        spawn(m, `hog${i}`, Effect.andThen(Sys.schedSetaffinity([0, 1, 2, 3]), hog), [0])
      )
      m.world.run(100 * MS)
      assert.deepStrictEqual(tasks.map((task) => task.runQueue.core.index).toSorted(), [0, 1, 2, 3])
      m.world.run(1_100 * MS)
      for (const task of tasks) assert.isAbove(task.userTime, 1_000 * MS)
    })

    it("a woken task whose core is busy takes an idle one, and stays where it was when that is idle", () => {
      const m = machine(1, 3, { profile })
      const late: Array<number> = []
      const naps = Effect.gen(function* () {
        yield* Sys.schedSetaffinity([0, 1, 2])
        for (;;) {
          const before = yield* Sys.clockGettime
          yield* Sys.nanosleep(2 * MS)
          late.push((yield* Sys.clockGettime) - before - 2 * MS)
          yield* Sys.compute(100_000)
        }
      })
      const task = spawn(m, "naps", naps, [1])
      m.world.run(50 * MS)
      assert.deepStrictEqual([task.runQueue.core.index, task.migrations], [1, 0])
      spawn(m, "hog", hog, [1])
      const seen = late.length
      m.world.run(150 * MS)
      assert.notStrictEqual(task.runQueue.core.index, 1)
      assert.strictEqual(task.migrations, 1)
      assert.isBelow(Math.max(...late.slice(seen)), 30_000)
    })

    it("have every runnable task once: running, in one list, or arriving", () =>
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 6000 })), { minLength: 1, maxLength: 10 }),
          fc.constantFrom(2, 3, 4),
          (list, cores) => {
            const m = machine(5, cores, { profile })
            m.island.trace.on = true
            const tasks = list.map(([kind, micros], i) => {
              const body = kind === 0 ? hog : napper(micros * 500, micros * 300)
              return kind === 1 ? spawn(m, `t${i}`, body, [micros % cores]) : spawn(m, `t${i}`, body)
            })
            const { queues } = m.processes.scheduler
            for (let time = 1; time < 60; time++) {
              m.world.run(time * 0.7 * MS)
              const found = new Map<Task, number>()
              for (const queue of queues) {
                if (queue.current !== null) found.set(queue.current, (found.get(queue.current) ?? 0) + 1)
                for (let task = queue.fair.head; task !== null; task = task.next) {
                  found.set(task, (found.get(task) ?? 0) + 1)
                  assert.strictEqual(task.runQueue, queue)
                }
              }
              for (const task of tasks) {
                assert.isAtMost(found.get(task) ?? 0, 1)
                if (task.state === RUNNING) assert.strictEqual(found.get(task), 1)
              }
            }
            assert.deepStrictEqual(m.world.defects, [])
            const { rows, count } = m.island.trace
            const pinned = new Map(tasks.map((task) => [task.tid, task.affinity?.[0]]))
            for (let at = 0; at < count * 8; at += 8) {
              if (rows[at + 1] !== Points.CONTEXT_SWITCH) continue
              const core = pinned.get(rows[at + 7]! % TID_SPAN)
              if (core !== undefined) assert.strictEqual(rows[at + 2], core)
            }
          }
        ),
        { numRuns: cases(15) }
      ))
  })
}

it("taskset from outside moves a task that runs, waits or sleeps", () => {
  const m = machine(1, 2)
  const tasks = [spawn(m, "runs", hog, [0]), spawn(m, "waits", hog, [0]), spawn(m, "naps", napper(MS, 10_000), [0])]
  m.world.run(10.5 * MS)
  for (const task of tasks) m.processes.scheduler.setAffinity(task, [1])
  m.world.run(20 * MS)
  assert.deepStrictEqual(m.world.defects, [])
  for (const task of tasks) assert.strictEqual(task.runQueue.core.index, 1)
  assert.deepStrictEqual(
    m.processes.scheduler.queues.map((queue) => queue.tasks),
    [0, 3]
  )
})
