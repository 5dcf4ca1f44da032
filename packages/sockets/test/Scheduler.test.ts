import { cases } from "@darkfiber/tooling/Cases"
import { IDLE, SYSTEM, USER } from "@darkfiber/hardware/cpu/Core"
import { CONTEXT_PROCESS } from "@darkfiber/sim/Trace"
import { Deferred, Effect, Exit } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { LEASE_CALL, LEASE_EXIT, type LeasedProgram } from "../src/Leased.ts"
import * as Points from "../src/Points.ts"
import { type Process, SIGKILL, SIGTERM } from "../src/Process.ts"
import * as Sys from "../src/Sys.ts"
import type { Task } from "../src/Task.ts"
import { lend } from "@darkfiber/sim/ActorFiber"
import { TID_SPAN } from "../src/RunQueue.ts"
import * as TaskCalls from "../src/TaskCalls.ts"
import { linux310, linux6x, type SocketsProfile } from "../src/SocketsProfile.ts"
import { LoadAverage } from "../src/LoadAverage.ts"
import { type Machine, machine } from "./World.ts"

/** One thing a random program does. */
type Action =
  | { readonly kind: "compute"; readonly ns: number }
  | { readonly kind: "sleep"; readonly ns: number }
  | { readonly kind: "effectSleep"; readonly ns: number }
  | { readonly kind: "yield" }
  | { readonly kind: "pid" }
  | { readonly kind: "thread"; readonly ns: number }
  | { readonly kind: "affinity"; readonly core: number }
  | { readonly kind: "nice"; readonly nice: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant("compute" as const), ns: fc.nat(5_000_000) }),
  fc.record({ kind: fc.constant("sleep" as const), ns: fc.nat(3_000_000) }),
  fc.record({ kind: fc.constant("effectSleep" as const), ns: fc.nat(3_000_000) }),
  fc.record({ kind: fc.constant("yield" as const) }),
  fc.record({ kind: fc.constant("pid" as const) }),
  fc.record({ kind: fc.constant("thread" as const), ns: fc.nat(2_000_000) }),
  fc.record({ kind: fc.constant("affinity" as const), core: fc.nat(3) }),
  fc.record({ kind: fc.constant("nice" as const), nice: fc.integer({ min: -25, max: 25 }) })
)
const program = fc.array(action, { maxLength: 12 })
const programs = fc.array(program, { minLength: 1, maxLength: 5 })
const coreCounts = fc.constantFrom(1, 2, 4)
const kernels = fc.constantFrom(linux310, linux6x)

const run = (action: Action): Effect.Effect<unknown, unknown> => {
  switch (action.kind) {
    case "compute":
      return Sys.compute(action.ns)
    case "sleep":
      return Sys.nanosleep(action.ns)
    case "effectSleep":
      return Effect.sleep(action.ns / 1_000_000)
    case "yield":
      return Sys.schedYield
    case "pid":
      return Sys.getpid
    case "thread":
      return Sys.spawnThread(Effect.andThen(Sys.compute(action.ns), Sys.nanosleep(action.ns)))
    case "affinity":
      return Effect.ignore(Sys.schedSetaffinity([action.core]))
    case "nice":
      return Sys.setpriority(0, action.nice)
    default:
      return action satisfies never
  }
}

interface Outcome {
  readonly fingerprint: string
  readonly trace: ReadonlyArray<number>
  readonly exits: ReadonlyArray<unknown>
}

const outcome = (m: Machine): Outcome => ({
  fingerprint: m.world.fingerprint(),
  trace: Array.from(m.island.trace.rows.subarray(0, m.island.trace.count * 8)),
  exits: m.processes.exits
})

const runAll = (
  list: ReadonlyArray<ReadonlyArray<Action>>,
  cores: number,
  profile: SocketsProfile,
  setUp: (m: Machine) => void = () => undefined
): Machine => {
  const m = machine(7, cores, { profile })
  m.island.trace.on = true
  setUp(m)
  list.forEach((actions, i) => {
    const body = Effect.forEach(actions, run, { discard: true })
    m.processes.spawn(`p${i}`, null, body)
  })
  m.world.run(1_000_000_000)
  assert.deepStrictEqual(m.world.defects, [])
  return m
}

describe("random programs on 1, 2 and 4 cores", () => {
  it("give the same fingerprint, trace and exits with and without the fast way", () =>
    fc.assert(
      fc.property(programs, coreCounts, kernels, (list, cores, profile) => {
        const fast = outcome(runAll(list, cores, profile))
        const slow = outcome(runAll(list, cores, profile, (m) => void (m.processes.scheduler.fastPath = false)))
        assert.deepStrictEqual(fast, slow)
        assert.deepStrictEqual(outcome(runAll(list, cores, profile)), fast)
        const fibers = runAll(list, cores, profile, (m) => {
          m.world.fiberDispatch = true
          const group = m.runtime.group(m.island, "actors")
          for (const actor of m.island.actors) lend(group, actor, null)
        })
        assert.deepStrictEqual(outcome(fibers), fast)
      }),
      { numRuns: cases(60) }
    ))

  it("all end, and every nanosecond of a core belongs to a task, the idle task, an interrupt or nobody", () =>
    fc.assert(
      fc.property(programs, coreCounts, kernels, (list, cores, profile) => {
        const m = machine(3, cores, { profile })
        const tasks: Array<Task> = []
        const scheduler = m.processes.scheduler
        scheduler.onDeath = (task) => void tasks.push(task)
        for (const actions of list) m.processes.spawn("p", null, Effect.forEach(actions, run, { discard: true }))
        m.world.run(1_000_000_000)
        assert.deepStrictEqual(m.world.defects, [])
        assert.strictEqual(m.processes.exits.length, list.length)
        let user = 0
        let system = 0
        let booked = 0
        for (const core of m.cores) {
          core.settle(1_000_000_000)
          assert.strictEqual(
            core.usage.reduce((sum, part) => sum + part),
            core.time
          )
          assert.strictEqual(core.time, 1_000_000_000)
          user += core.usage[USER]!
          system += core.usage[SYSTEM]!
          assert.isAtMost(core.usage[IDLE]!, 1_000_000_000)
        }
        for (const queue of scheduler.queues) booked += queue.idleSystem
        for (const task of tasks) booked += task.userTime + task.systemTime
        assert.strictEqual(booked, user + system)
        assert.strictEqual(scheduler.load.running, 0)
        assert.strictEqual(scheduler.waiting, 0)
        for (const { fair, load, tasks: living } of scheduler.queues) {
          assert.deepStrictEqual([living, load, fair.head, fair.current], [0, 0, null, null])
        }
        assert.strictEqual(m.processes.files.count, 0)
        m.memory.check()
      }),
      { numRuns: cases(60) }
    ))

  it("no core's process context goes back in time, and no task runs before it was woken", () =>
    fc.assert(
      fc.property(programs, coreCounts, kernels, (list, cores, profile) => {
        const m = runAll(list, cores, profile)
        const { rows, count } = m.island.trace
        const last: Array<number> = []
        const wokenAt = new Map<number, number>()
        for (let at = 0; at < count * 8; at += 8) {
          const time = rows[at]!
          const core = rows[at + 2]!
          // The code of a step runs at its start, so an interrupt in its middle may carry an earlier time.
          if (rows[at + 3] === CONTEXT_PROCESS) {
            assert.isAtLeast(time, last[core] ?? 0)
            last[core] = time
          }
          if (rows[at + 1] === Points.TRY_TO_WAKE_UP) wokenAt.set(rows[at + 7]!, time)
          if (rows[at + 1] === Points.CONTEXT_SWITCH) assert.isAtLeast(time, wokenAt.get(rows[at + 7]! % TID_SPAN) ?? 0)
        }
      }),
      { numRuns: cases(40) }
    ))
})

const leasedOf = (actions: ReadonlyArray<Action>): LeasedProgram => {
  let next = 0
  return {
    run: (_core, task) => {
      const action = actions[next++]
      task.r0 = 0
      if (action === undefined) return LEASE_EXIT
      if (action.kind === "compute") {
        task.r0 = action.ns
        task.begin(TaskCalls.COMPUTE)
      } else if (action.kind === "sleep") {
        task.r0 = action.ns
        task.begin(TaskCalls.NANOSLEEP)
      } else task.begin(action.kind === "yield" ? TaskCalls.SCHED_YIELD : TaskCalls.GETPID)
      return LEASE_CALL
    }
  }
}

it("a leased program does the same as its fiber form, in every mix of the two", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.array(action.filter(isPlain), { maxLength: 12 })), {
        minLength: 1,
        maxLength: 4
      }),
      coreCounts,
      fc.boolean(),
      kernels,
      (list, cores, fastPath, profile) => {
        const go = (leased: (i: number) => boolean): Outcome => {
          const m = machine(5, cores, { profile })
          m.island.trace.on = true
          m.processes.scheduler.fastPath = fastPath
          list.forEach(([, actions], i) => {
            if (leased(i)) m.processes.spawnLeased("p", null, leasedOf(actions))
            else m.processes.spawn("p", null, Effect.forEach(actions, run, { discard: true }))
          })
          m.world.run(1_000_000_000)
          assert.deepStrictEqual(m.world.defects, [])
          return outcome(m)
        }
        const fibers = go(() => false)
        assert.deepStrictEqual(
          go(() => true),
          fibers
        )
        assert.deepStrictEqual(
          go((i) => list[i]![0]),
          fibers
        )
      }
    ),
    { numRuns: cases(60) }
  ))

const isPlain = (action: Action): boolean =>
  action.kind === "compute" || action.kind === "sleep" || action.kind === "yield" || action.kind === "pid"

describe("one core", () => {
  it("is shared fairly by tasks that never sleep", () => {
    const m = machine(1, 1)
    const tasks: Array<Process> = []
    for (let i = 0; i < 4; i++) {
      const process = m.processes.spawn("hog", null, Effect.forever(Sys.compute(100_000)))
      if (typeof process !== "number") tasks.push(process)
    }
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    for (const process of tasks) {
      const task = process.threads[0]!
      assert.isAbove(task.userTime, 240_000_000)
      assert.isBelow(task.userTime, 252_000_000)
      assert.isAbove(task.involuntary, 100)
      assert.strictEqual(task.voluntary, 0)
    }
    assert.deepStrictEqual(m.processes.scheduler.load.read(1_000_000_000), [0, 0, 0])
  })

  it("charges 4 us for each way of a sleep: 2N switches for N sleeps, N of them voluntary", () => {
    const m = machine(1, 1)
    let task: Task | null = null
    m.processes.scheduler.onDeath = (dead) => void (task = dead)
    const sleeps = 50
    m.processes.spawn("sleeper", null, Effect.repeat(Sys.nanosleep(100_000), { times: sleeps - 1 }))
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    // One switch to begin with and one at the exit.
    assert.strictEqual(m.processes.scheduler.switches, 2 * sleeps + 2)
    assert.strictEqual((task as Task | null)?.voluntary, sleeps + 1)
    assert.strictEqual((task as Task | null)?.involuntary, 0)
  })

  it("user code that waits for something else than a system call gives the core away and gets it back", () => {
    const m = machine(1, 1)
    const log: Array<string> = []
    const gate = Deferred.makeUnsafe<void>()
    m.processes.spawn(
      "waits",
      null,
      Effect.gen(function* () {
        yield* Sys.getpid
        yield* Deferred.await(gate)
        yield* Sys.getpid
        log.push(`waiter ${yield* Sys.clockGettime}`)
      })
    )
    m.processes.spawn(
      "opens",
      null,
      Effect.gen(function* () {
        yield* Sys.compute(1_000_000)
        yield* Deferred.succeed(gate, undefined)
        yield* Sys.compute(500_000)
        log.push(`opener ${yield* Sys.clockGettime}`)
      })
    )
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    // The waiter has run less: woken, it displaces the opener.
    assert.strictEqual(log[0]?.split(" ")[0], "waiter")
    assert.strictEqual(log.length, 2)
    assert.strictEqual(m.processes.exits.length, 2)
  })
})

describe("ends", () => {
  it("a defect ends its process with a report, and the world goes on", () => {
    const m = machine(1, 2)
    m.processes.spawn("bad", null, Effect.andThen(Sys.getpid, Effect.die("broken")))
    m.processes.spawn("failed", null, Effect.andThen(Sys.getpid, Effect.fail("no")))
    m.processes.spawn("good", null, Effect.andThen(Sys.nanosleep(1_000_000), Effect.succeed(3)))
    m.processes.spawnLeased("thrower", null, {
      run: () => {
        throw new Error("leased")
      }
    })
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    assert.deepStrictEqual(m.processes.exits.map(({ name, reason, code }) => [name, reason, code]).toSorted(), [
      ["bad", "defect", 134],
      ["failed", "failed", 1],
      ["good", "exited", 3],
      ["thrower", "defect", 134]
    ])
  })

  it("SIGKILL ends all threads wherever they are, without their finalizers' system calls", () => {
    const m = machine(1, 2)
    const log: Array<string> = []
    const process = m.processes.spawn(
      "victim",
      null,
      Effect.gen(function* () {
        yield* Sys.spawnThread(Effect.forever(Sys.compute(3_000_000)))
        yield* Sys.spawnThread(Sys.nanosleep(10_000_000_000))
        yield* Effect.onExit(Effect.never, () =>
          Effect.andThen(
            Sys.getpid,
            Effect.sync(() => log.push("ran"))
          )
        )
      })
    ) as Process
    m.world.run(50_000_000)
    assert.strictEqual(process.threads.length, 3)
    assert.strictEqual(m.processes.kill(process.pid, SIGKILL), 0)
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    assert.deepStrictEqual(log, [])
    assert.strictEqual(process.exit?.reason, "killed")
    assert.strictEqual(process.exit?.code, 137)
    assert.isBelow(process.exit?.time ?? Infinity, 55_000_000)
    assert.isBelow(m.processes.kill(process.pid, SIGTERM), 0)
  })

  it("a timeout interrupts a system call, which ends in its task's turn", () => {
    const m = machine(1, 1)
    const log: Array<unknown> = []
    m.processes.spawn(
      "p",
      null,
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.timeout(Sys.nanosleep(10_000_000_000), "5 millis"))
        log.push(Exit.isFailure(exit), yield* Sys.clockGettime)
        yield* Sys.nanosleep(1000)
        log.push("again")
      })
    )
    m.world.run(1_000_000_000)
    assert.deepStrictEqual(m.world.defects, [])
    assert.strictEqual(log[0], true)
    assert.isAtLeast(log[1] as number, 5_000_000)
    assert.isBelow(log[1] as number, 5_100_000)
    assert.strictEqual(log[2], "again")
  })

  it("a program that makes system calls without end in one instant dies instead of hanging the run", () => {
    const m = machine(1, 1, { costs: { sys_getpid: 0 } })
    m.processes.spawn("spinner", null, Effect.forever(Sys.getpid))
    m.world.run(1_000_000_000)
    assert.strictEqual(m.processes.exits[0]?.reason, "defect")
  })

  it("a system call outside a process is a defect of the caller", () => {
    const m = machine(1, 1)
    const exits: Array<Exit.Exit<unknown, unknown>> = []
    const group = m.runtime.group(m.island, "other")
    m.runtime.fork(group, "other", Sys.getpid, { onExit: (exit) => exits.push(exit) })
    m.world.run(1_000_000)
    assert.strictEqual(exits.length, 1)
    assert.isTrue(Exit.isFailure(exits[0]!))
  })
})

describe("the load average", () => {
  it("rises towards the number of running tasks and falls when they are gone, as the kernel's fixed point does", () => {
    const load = new LoadAverage()
    load.change(2, 0)
    const [minute, five, fifteen] = load.read(60_000_000_000)
    assert.closeTo(minute, 2 * (1 - Math.exp(-1)), 0.011)
    assert.closeTo(five, 2 * (1 - Math.exp(-1 / 5)), 0.011)
    assert.closeTo(fifteen, 2 * (1 - Math.exp(-1 / 15)), 0.011)
    load.change(-2, 60_000_000_000)
    const [one] = load.read(120_000_000_000)
    assert.isBelow(one, 0.5)
    assert.deepStrictEqual(load.read(86_400_000_000_000), [0, 0, 0])
  })
})
