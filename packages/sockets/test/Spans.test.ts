/** What takes longer than 5 us is a span: interrupts come in its middle, and what follows it happens when it is over. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { CostTable, defaultKnobs, knobs, make, STEP_MAX } from "@darkfiber/hardware/cpu/CostTable"
import * as Trace from "@darkfiber/sim/Trace"
import * as TracePoint from "@darkfiber/sim/TracePoint"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { CONTEXT_SWITCH } from "../src/Points.ts"
import { POLLIN } from "../src/Poll.ts"
import { SOCK_DGRAM, SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, type Box, box, ip, newNet, type Net, pair, settle } from "./Net.ts"

const IRQ_NS = 30_000

/** Raises a line of the core at `at`; its handler takes `IRQ_NS`. Returns when it was entered. */
const interruptAt = (net: Net, on: Box, at: number): { entered: number } => {
  const seen = { entered: -1 }
  const core = on.host.cores[0]!
  const line = core.requestIrq({
    interrupt(running: Core) {
      seen.entered = running.time
      running.charge(IRQ_NS)
    }
  })
  net.runtime.at(on.host.island, at, "test/irq", () => core.raiseIrq(line, at))
  return seen
}

/** Times at which the host was in a kernel function. */
const timesOf = (on: Box, name: string): ReadonlyArray<number> => {
  const { count, rows } = on.host.island.trace
  const point = TracePoint.find(name)
  const times: Array<number> = []
  for (let row = 0; row < count; row++) {
    if (rows[row * Trace.ROW + 1] === point) times.push(rows[row * Trace.ROW]!)
  }
  return times
}

/** Runs a program on a host with an interrupt at `irqAt`, if any: when the interrupt came, and when `name` did. */
const withInterrupt = (program: Effect.Effect<unknown, unknown>, name: string, irqAt: number | null) => {
  const net = newNet()
  const [a, b] = pair(net)
  a.host.island.trace.on = true
  const seen = irqAt === null ? null : interruptAt(net, a, irqAt)
  assert.strictEqual(a.host.init.setSysctl("net.ipv4.ip_local_reserved_ports", "32768-60990"), 0)
  a.spawn("program", program)
  settle(net, 1_000_000_000)
  allWell(b)
  return { entered: seen?.entered ?? -1, times: timesOf(a, name) }
}

describe("the cost table", () => {
  it("has a knob for each point that names one, with the same default; the switch of tasks costs what its knob says", () => {
    const tied = TracePoint.all().flatMap((name) => {
      const id = TracePoint.find(name)
      const knob = TracePoint.knobOf(id)
      return knob === "" ? [] : [[knob, TracePoint.defaultCost(id)] as const]
    })
    for (const [knob, cost] of tied) assert.strictEqual(cost, defaultKnobs[knob as keyof typeof defaultKnobs], knob)
    const inNanos = Object.entries(knobs).filter(([, { unit }]) => unit === "ns")
    assert.deepStrictEqual([...new Set(tied.map(([knob]) => knob))].sort(), inNanos.map(([name]) => name).sort())
    const made = make("default", { contextSwitch: 5555 })
    assert.instanceOf(made, CostTable)
    assert.strictEqual((made as CostTable).points[CONTEXT_SWITCH], 5555)
  })
})

describe("a span", () => {
  const connects = Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Effect.ignore(Sys.connect(fd, { address: ip("10.0.0.2"), port: 80 }))
  })

  it("a search over thousands of ports is interrupted where the interrupt arrives, and the SYN goes when it ends", () => {
    const plain = withInterrupt(connects, "tcp_connect", null)
    const begin = withInterrupt(connects, "__inet_hash_connect", null).times[0] ?? 0
    assert.strictEqual(plain.times.length, 1)
    assert.isAbove(plain.times[0]! - begin, 100_000, "the search is long")
    const at = plain.times[0]! - 50_000
    const hit = withInterrupt(connects, "tcp_connect", at)
    assert.strictEqual(hit.entered, at)
    assert.deepStrictEqual(hit.times, [plain.times[0]! + IRQ_NS])
  })

  it("a copy of a large datagram likewise: it is sent when the copy ends", () => {
    const sends = Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_DGRAM)
      yield* Sys.sendto(fd, new Uint8Array(60_000), { address: ip("10.0.0.2"), port: 9 })
    })
    const plain = withInterrupt(sends, "ip_send_skb", null)
    assert.strictEqual(plain.times.length, 1)
    const at = plain.times[0]! - 3000
    const hit = withInterrupt(sends, "ip_send_skb", at)
    assert.strictEqual(hit.entered, at)
    assert.deepStrictEqual(hit.times, [plain.times[0]! + IRQ_NS])
  })

  it("no step of a large copy over TCP or of a poll of 1,000 descriptors takes longer than 5 us", () => {
    const net = newNet()
    const a = box(net, "a")
    const { scheduler } = a.processes
    scheduler.fastPath = false
    let longest = 0
    let polled = 0
    for (const queue of scheduler.queues) {
      const step = queue.step.bind(queue)
      queue.step = (core) => {
        const begin = core.time
        const name = queue.current?.call?.name
        const verdict = step(core)
        longest = Math.max(longest, core.time - begin)
        if (name === "poll") polled++
        return verdict
      }
    }
    const size = 200_000
    let got = 0
    a.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(fd, { address: 0, port: 80 })
        yield* Sys.listen(fd, 1)
        const child = yield* Sys.accept(fd)
        const into = new Uint8Array(size)
        for (let read = -1; read !== 0;) {
          read = yield* Sys.read(child, into)
          got += read
        }
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        yield* Sys.nanosleep(1_000_000)
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.connect(fd, { address: ip("127.0.0.1"), port: 80 })
        yield* Sys.write(fd, new Uint8Array(size))
        yield* Sys.close(fd)
      })
    )
    a.spawn(
      "poller",
      Effect.gen(function* () {
        yield* Sys.nanosleep(5_000_000)
        const fds: Array<number> = []
        for (let i = 0; i < 1000; i++) fds.push(yield* Sys.socket(SOCK_DGRAM))
        yield* Sys.poll(
          fds.map((fd) => ({ fd, events: POLLIN, revents: 0 })),
          0
        )
      })
    )
    settle(net, 2_000_000_000)
    allWell(a)
    assert.strictEqual(got, size)
    assert.isAbove(polled, 8)
    assert.isAtMost(longest, STEP_MAX)
  })
})
