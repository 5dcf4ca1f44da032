import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, type Epoll } from "../src/Epoll.ts"
import type { PollFd } from "../src/PollCalls.ts"
import { EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, POLLIN, POLLNVAL } from "../src/Poll.ts"
import type { Process } from "../src/Process.ts"
import { linux310, linux6x, type SocketsProfile } from "../src/SocketsProfile.ts"
import * as Sys from "../src/Sys.ts"
import { Gate } from "./Gate.ts"
import { type Machine, machine } from "./World.ts"

const MS = 1_000_000

/** A process with one epoll instance that watches one gate. */
const watch = (
  m: Machine,
  gate: Gate,
  events: number,
  body: (epfd: number, fd: number) => Effect.Effect<unknown, unknown>
): Process => {
  const process = m.processes.spawn(
    "p",
    null,
    Effect.gen(function* () {
      const epfd = yield* Sys.epollCreate1
      const fd = gate.open(m, yield* Sys.self)
      yield* Sys.epollCtl(epfd, EPOLL_CTL_ADD, fd, events)
      yield* body(epfd, fd)
    })
  )
  assert.notTypeOf(process, "number")
  return process as Process
}

const finish = (m: Machine): void => {
  m.world.run(1_000 * MS)
  assert.deepStrictEqual(m.world.defects, [])
  for (const exit of m.processes.exits) assert.strictEqual(exit.error, null)
}

const epollOf = (process: Process, epfd: number): Epoll => process.files.get(epfd)!.object as Epoll

describe("epoll_wait", () => {
  it("level-triggered returns at once while something is left, edge-triggered waits for more, one-shot for MOD", () => {
    const modes = [
      { events: EPOLLIN, counts: [1, 1, 1, 1] },
      { events: EPOLLIN | EPOLLET, counts: [1, 0, 1, 0] },
      { events: EPOLLIN | EPOLLONESHOT, counts: [1, 0, 0, 1] }
    ]
    for (const { events, counts } of modes) {
      const m = machine(1, 1)
      const gate = new Gate()
      gate.fireAt(m, 5 * MS, 2)
      gate.fireAt(m, 20 * MS, 1)
      const got: Array<number> = []
      watch(m, gate, events, (epfd, fd) =>
        Effect.gen(function* () {
          got.push((yield* Sys.epollWait(epfd, 8)).length)
          gate.ready-- // reads half
          got.push((yield* Sys.epollWait(epfd, 8, 0)).length)
          yield* Sys.nanosleep(20 * MS)
          got.push((yield* Sys.epollWait(epfd, 8, 0)).length)
          if ((events & EPOLLONESHOT) !== 0) yield* Sys.epollCtl(epfd, EPOLL_CTL_MOD, fd, events)
          got.push((yield* Sys.epollWait(epfd, 8, 0)).length)
        })
      )
      finish(m)
      assert.deepStrictEqual(got, counts)
    }
  })

  it("times out after T, at once with 0, never with -1", () => {
    const m = machine(1, 1)
    const gate = new Gate()
    gate.fireAt(m, 500 * MS)
    const times: Array<number> = []
    watch(m, gate, EPOLLIN, (epfd) =>
      Effect.gen(function* () {
        const mark = Effect.map(Sys.clockGettime, (time) => times.push(time))
        yield* mark
        yield* Sys.epollWait(epfd, 1, 0)
        yield* mark
        yield* Sys.epollWait(epfd, 1, 10 * MS)
        yield* mark
        yield* Sys.epollWait(epfd, 1, -1)
        yield* mark
      })
    )
    finish(m)
    assert.isBelow(times[1]! - times[0]!, 1_000)
    assert.closeTo(times[2]! - times[1]!, 10 * MS, 10_000)
    assert.closeTo(times[3]!, 500 * MS, 10_000)
  })

  it("a busy process: k callbacks, no wake, then min(k, maxevents) events without a switch", () => {
    const m = machine(1, 1)
    const gates = Array.from({ length: 40 }, () => new Gate())
    gates.slice(0, 30).forEach((gate, i) => gate.fireAt(m, 10 * MS + i * 1000))
    let got: ReadonlyArray<number> = []
    let switches = 0
    const process = m.processes.spawn(
      "busy",
      null,
      Effect.gen(function* () {
        const epfd = yield* Sys.epollCreate1
        const self = yield* Sys.self
        for (const gate of gates) yield* Sys.epollCtl(epfd, EPOLL_CTL_ADD, gate.open(m, self), EPOLLIN)
        yield* Sys.compute(50 * MS)
        switches = m.processes.scheduler.switches
        const first = yield* Sys.epollWait(epfd, 20)
        got = [first.length, epollOf(self, epfd).callbacks, epollOf(self, epfd).wakes]
        switches = m.processes.scheduler.switches - switches
      })
    )
    assert.notTypeOf(process, "number")
    finish(m)
    assert.deepStrictEqual(got, [20, 30, 0])
    assert.strictEqual(switches, 0)
  })

  it("the last waiter is woken first: one of two with ET or ONESHOT, both with LT", () => {
    for (const [events, woken] of [
      [EPOLLIN | EPOLLET, ["late"]],
      [EPOLLIN | EPOLLONESHOT, ["late"]],
      [EPOLLIN, ["late", "early"]]
    ] as const) {
      const m = machine(1, 1)
      const gate = new Gate()
      gate.fireAt(m, 20 * MS)
      const order: Array<string> = []
      watch(m, gate, events, (epfd) =>
        Effect.gen(function* () {
          const wait = (name: string, after: number) =>
            Effect.andThen(
              Sys.nanosleep(after),
              Effect.map(Sys.epollWait(epfd, 4, 100 * MS), (list) => {
                if (list.length > 0) order.push(name)
              })
            )
          yield* Sys.spawnThread(wait("early", MS))
          yield* Sys.spawnThread(wait("late", 2 * MS))
          yield* Sys.nanosleep(300 * MS)
        })
      )
      finish(m)
      assert.deepStrictEqual(order, [...woken])
    }
  })
})

describe("registrations", () => {
  it("refuse what the kernel refuses, and a second one of a dup is another key", () => {
    const m = machine(1, 1)
    const gate = new Gate()
    const errors: Array<string> = []
    const tag = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
      Effect.match(effect, {
        onFailure: (error) => void errors.push(error._tag),
        onSuccess: () => void errors.push("ok")
      })
    watch(m, gate, EPOLLIN, (epfd, fd) =>
      Effect.gen(function* () {
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN))
        const copy = yield* Sys.dup(fd)
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_ADD, copy, EPOLLIN))
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_DEL, 99))
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_ADD, epfd, EPOLLIN))
        yield* tag(Sys.epollCtl(epfd, 9, fd, EPOLLIN))
        yield* tag(Sys.epollCtl(fd, EPOLL_CTL_ADD, copy, EPOLLIN))
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_DEL, copy))
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_DEL, copy))
        yield* tag(Sys.epollCtl(epfd, EPOLL_CTL_ADD, 0, EPOLLIN))
        yield* tag(Sys.epollWait(epfd, 0))
        yield* tag(Sys.epollWait(fd, 1))
      })
    )
    finish(m)
    assert.deepStrictEqual(errors, [
      "EEXIST",
      "ok",
      "EBADF",
      "EINVAL",
      "EINVAL",
      "EINVAL",
      "ok",
      "ENOENT",
      "EPERM",
      "EINVAL",
      "EINVAL"
    ])
    assert.strictEqual(m.processes.epollLimits.watches, 0)
  })

  it("stand on the socket's queue as ep_poll_callback, take their objects, and go when the file is closed", () => {
    const m = machine(1, 1)
    const gate = new Gate()
    const before = m.memory.activeObjects("eventpoll_epi")
    let held = 0
    watch(m, gate, EPOLLIN, (epfd, fd) =>
      Effect.gen(function* () {
        const ep = epollOf(yield* Sys.self, epfd)
        assert.deepStrictEqual(gate.wait.list(), [{ func: "ep_poll_callback", exclusive: false, owner: null }])
        assert.strictEqual(ep.size, 1)
        held = m.memory.activeObjects("eventpoll_epi") - before
        yield* Sys.close(fd)
        assert.strictEqual(gate.wait.count, 0)
        assert.strictEqual(ep.size, 0)
      })
    )
    finish(m)
    assert.strictEqual(held, 1)
    assert.strictEqual(m.memory.activeObjects("eventpoll_epi"), before)
    assert.strictEqual(gate.released, 1)
  })

  it("max_user_watches gives ENOSPC", () => {
    const m = machine(1, 1)
    m.processes.epollLimits.watchesMax = 1
    const gate = new Gate()
    let error = ""
    watch(m, gate, EPOLLIN, (epfd) =>
      Effect.gen(function* () {
        const other = new Gate().open(m, yield* Sys.self)
        error = yield* Effect.match(Sys.epollCtl(epfd, EPOLL_CTL_ADD, other, EPOLLIN), {
          onFailure: (failure) => failure._tag,
          onSuccess: () => "ok"
        })
      })
    )
    finish(m)
    assert.strictEqual(error, "ENOSPC")
  })

  it("epoll watches epoll: an event comes through two levels; a loop is ELOOP", () => {
    const m = machine(1, 1)
    const gate = new Gate()
    gate.fireAt(m, 10 * MS)
    const got: Array<unknown> = []
    watch(m, gate, EPOLLIN, (inner) =>
      Effect.gen(function* () {
        const outer = yield* Sys.epollCreate1
        yield* Sys.epollCtl(outer, EPOLL_CTL_ADD, inner, EPOLLIN)
        got.push(
          yield* Effect.match(Sys.epollCtl(inner, EPOLL_CTL_ADD, outer, EPOLLIN), {
            onFailure: (error) => error._tag,
            onSuccess: () => "ok"
          })
        )
        got.push(yield* Sys.epollWait(outer, 4))
      })
    )
    finish(m)
    assert.strictEqual(got[0], "ELOOP")
    assert.strictEqual((got[1] as ReadonlyArray<unknown>).length, 1)
  })
})

/** Wakes of `workers` instances that all watch one listener, for one event. */
const herd = (profile: SocketsProfile, workers: number, flag: number): number => {
  const m = machine(1, 4, { profile })
  const gate = new Gate()
  let wakes = 0
  let got = 0
  for (let i = 0; i < workers; i++) {
    m.processes.spawn(
      `worker${i}`,
      null,
      Effect.gen(function* () {
        const self = yield* Sys.self
        const epfd = yield* Sys.epollCreate1
        const fd = gate.open(m, self)
        yield* Sys.epollCtl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN | flag)
        const before = self.threads[0]!.wakeups
        const list = yield* Sys.epollWait(epfd, 1, 50 * MS)
        if (list.length > 0) {
          got++
          gate.ready = 0
        }
        yield* Sys.nanosleep(100 * MS)
        wakes += before === self.threads[0]!.wakeups ? 0 : epollOf(self, epfd).wakes
      })
    )
  }
  gate.fireAt(m, 20 * MS)
  finish(m)
  assert.isAtLeast(got, 1)
  return wakes
}

it("the thundering herd: w wakes without EPOLLEXCLUSIVE, 1 with it, still w on a kernel that does not know it", () => {
  assert.strictEqual(herd(linux6x, 8, 0), 8)
  assert.strictEqual(herd(linux6x, 8, EPOLLEXCLUSIVE), 1)
  assert.strictEqual(herd(linux310, 8, EPOLLEXCLUSIVE), 8)
})

describe("poll", () => {
  it("asks every descriptor, waits for the first that is ready, and knows bad ones", () => {
    const m = machine(1, 1)
    const gates = [new Gate(), new Gate()]
    gates[1]!.fireAt(m, 10 * MS)
    const got: Array<unknown> = []
    m.processes.spawn(
      "p",
      null,
      Effect.gen(function* () {
        const self = yield* Sys.self
        const fds = gates.map((gate): PollFd => ({ fd: gate.open(m, self), events: POLLIN, revents: 0 }))
        got.push(yield* Sys.poll(fds, 0))
        got.push(
          yield* Sys.poll(fds),
          fds.map((entry) => entry.revents)
        )
        assert.isAbove(yield* Sys.clockGettime, 10 * MS)
        for (const gate of gates) assert.strictEqual(gate.wait.count, 0)
        const bad: Array<PollFd> = [{ fd: 77, events: POLLIN, revents: 0 }]
        got.push(yield* Sys.select(bad), bad[0]!.revents)
      })
    )
    finish(m)
    assert.deepStrictEqual(got, [0, 1, [0, POLLIN], 1, POLLNVAL])
  })

  it("costs in proportion to what is watched, epoll does not", () =>
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 400 }), (count) => {
        const m = machine(1, 1)
        const cost: Array<number> = []
        m.processes.spawn(
          "p",
          null,
          Effect.gen(function* () {
            const self = yield* Sys.self
            const gates = Array.from({ length: count }, () => new Gate())
            const fds = gates.map((gate): PollFd => ({ fd: gate.open(m, self), events: POLLIN, revents: 0 }))
            const epfd = yield* Sys.epollCreate1
            for (const { fd } of fds) yield* Sys.epollCtl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLHUP)
            const t0 = yield* Sys.clockGettime
            yield* Sys.poll(fds, 0)
            const t1 = yield* Sys.clockGettime
            yield* Sys.epollWait(epfd, 10, 0)
            cost.push(t1 - t0, (yield* Sys.clockGettime) - t1)
          })
        )
        finish(m)
        assert.strictEqual(cost[0], 200 + 40 * count)
        assert.strictEqual(cost[1], 200)
      }),
      { numRuns: cases(10) }
    ))
})
