/** A generator and a sink over a cable, as fibers and leased: the same frames at the same times. */
import { Effect } from "effect"
import * as fc from "fast-check"
import { assert, it } from "vitest"
import { casesIn } from "@darkfiber/tooling/Cases"
import { LEASE_CALL, LEASE_EXIT, type LeasedProgram } from "../src/Leased.ts"
import { SOCK_DGRAM } from "../src/Socket.ts"
import * as SocketCalls from "../src/SocketCalls.ts"
import * as Sys from "../src/Sys.ts"
import type { Task } from "../src/Task.ts"
import * as TaskCalls from "../src/TaskCalls.ts"
import { ip, newNet, pair, settle } from "./Net.ts"

const PORT = 9
const SERVER = "10.0.0.2"

const openSocket = (task: Task): number => {
  task.r1 = 2
  task.r2 = SOCK_DGRAM
  task.r3 = 0
  task.begin(SocketCalls.SOCKET)
  return LEASE_CALL
}

/** Sends each size and sleeps the gap. */
const generator = (sizes: ReadonlyArray<number>, gap: number): LeasedProgram => {
  let step = 0
  let fd = -1
  return {
    run: (_core, task) => {
      const at = step++
      if (at === 0) return openSocket(task)
      if (at === 1) fd = task.result
      const size = sizes[(at - 1) >> 1]
      task.r0 = 0
      if (size === undefined) return LEASE_EXIT
      if ((at - 1) % 2 === 0) {
        task.r0 = fd
        task.argument = new Uint8Array(size)
        task.r1 = 0
        task.r2 = size
        task.r3 = 0
        task.r4 = ip(SERVER)
        task.r5 = PORT
        task.begin(SocketCalls.SENDTO)
      } else {
        task.r0 = gap
        task.begin(TaskCalls.NANOSLEEP)
      }
      return LEASE_CALL
    }
  }
}

const sink = (count: number, buffer: Uint8Array): LeasedProgram => {
  let step = 0
  let fd = -1
  return {
    run: (_core, task) => {
      const at = step++
      if (at === 0) return openSocket(task)
      if (at === 1) fd = task.result
      task.r0 = 0
      if (at - 2 === count) return LEASE_EXIT
      task.r0 = fd
      if (at === 1) {
        task.r1 = 2
        task.r4 = ip(SERVER)
        task.r5 = PORT
        task.begin(SocketCalls.BIND)
        return LEASE_CALL
      }
      task.argument = buffer
      task.r1 = 0
      task.r2 = buffer.length
      task.r3 = 0
      task.r5 = -1
      task.begin(SocketCalls.RECVFROM)
      return LEASE_CALL
    }
  }
}

const outcome = (sizes: ReadonlyArray<number>, gap: number, cores: number, leased: readonly [boolean, boolean]) => {
  const net = newNet(1)
  const [a, b] = pair(net, "6.x", {}, cores)
  for (const on of [a, b]) on.host.island.trace.on = true
  const buffer = new Uint8Array(1500)
  if (leased[1]) b.processes.spawnLeased("sink", b.host.init, sink(sizes.length, buffer))
  else {
    b.spawn(
      "sink",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(fd, { address: SERVER, port: PORT })
        for (let i = 0; i < sizes.length; i++) yield* Sys.recv(fd, buffer)
      })
    )
  }
  if (leased[0]) a.processes.spawnLeased("generator", a.host.init, generator(sizes, gap))
  else {
    a.spawn(
      "generator",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        for (const size of sizes) {
          yield* Sys.sendto(fd, new Uint8Array(size), { address: SERVER, port: PORT })
          yield* Sys.nanosleep(gap)
        }
      })
    )
  }
  settle(net, 1_000_000_000)
  const trace = [a, b].map(({ host }) => Array.from(host.island.trace.rows.subarray(0, host.island.trace.count * 8)))
  return { fingerprint: net.world.fingerprint(), trace, exits: [a.processes.exits, b.processes.exits] }
}

/** One case is four whole runs: a long run multiplies their number, with no least one. */
const mixes = casesIn({ DARKFIBER_CASES: process.env["DARKFIBER_CASES"] }, 12)

it("leased and fiber programs give the same run, in every mix", () =>
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1400 }), { minLength: 1, maxLength: 12 }),
      fc.nat(100_000),
      fc.constantFrom(1, 2),
      (sizes, gap, cores) => {
        const fibers = outcome(sizes, gap, cores, [false, false])
        assert.strictEqual(fibers.exits[0]?.length, 1)
        for (const leased of [
          [true, true],
          [true, false],
          [false, true]
        ] as const) {
          assert.deepStrictEqual(outcome(sizes, gap, cores, leased), fibers)
        }
      }
    ),
    { numRuns: mixes }
  ))
