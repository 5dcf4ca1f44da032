import { Effect, Result } from "effect"
import { assert, describe } from "vitest"
import type * as Runner from "../src/Runner.ts"
import { run } from "../src/Runner.ts"
import { effectTest, living, outcome, report, small } from "./Report.ts"

const refused = (result: Result.Result<Runner.LabReport, Runner.LabProblem>): string => {
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? result.failure.message : ""
}

describe("a wrong setting", () => {
  const cases: ReadonlyArray<readonly [id: string, setting: string, message: string]> = [
    ["5.2.3", "rtt", "--set rtt: expected name=value"],
    ["5.2.3", "delay=1ms", "--set delay=1ms: lab 5.2.3 has no knob delay, expected rtt"],
    ["5.2.3", "rtt=1", "--set rtt=1: expected a time with its unit, such as 10ms"],
    ["Q1.1.5-a", "cable=cut", "--set cable=cut: expected one of plugged, unplugged"],
    ["2.2.1", "reader=none", "--set reader=none: expected one of blocked, busy"],
    ["2.2.1", "payload=2000", "--set payload=2000: expected 1 to 1472"],
    ["3.3.1", "mode=lazy", "--set mode=lazy: expected one of blocking, nonblocking"],
    ["4.4.4-a", "packets=many", "--set packets=many: expected a whole number"],
    ["6.4.6-a", "requests=0", "--set requests=0: expected 1 to 10000"],
    ["7.4.3", "connections=-1", "--set connections=-1: expected a whole number"],
    ["8.4.1", "ip_local_port_range=40000", "--set ip_local_port_range=40000: expected two bounds, such as 32768-60999"],
    ["8.4.1", "ip_local_port_range=80-90", "--set ip_local_port_range=80-90: expected 1024 to 65535"],
    ["9.1-1", "mode=neither", "--set mode=neither: expected one of both, before, after"]
  ]
  for (const [id, setting, message] of cases) {
    effectTest(`${setting} of ${id} says what was expected`, () =>
      Effect.gen(function* () {
        assert.strictEqual(refused(yield* outcome(living(id), { settings: [setting] })), message)
      })
    )
  }

  effectTest("an unknown lab, a lab to come and a kernel of no profile are named", () =>
    Effect.gen(function* () {
      const options = { seed: 1, dispatch: "poll", settings: [] } as const
      assert.match(refused(yield* run("0.0", options)), /^there is no lab 0\.0/)
      assert.match(refused(yield* run("9.1-3", options)), /^lab 9\.1-3 is not built yet/)
      assert.strictEqual(
        refused(yield* run("2.2.1", { ...options, kernel: "6.x" })),
        "lab 2.2.1 runs under kernel 3.10, not 6.x"
      )
    })
  )
})

/** The numbers of a report's answer. */
const numbers = (answer: string): ReadonlyArray<number> => (answer.match(/\d+(?:\.\d+)?/g) ?? []).map(Number)

const check = ({ checks }: Runner.LabReport, id: string): Runner.CheckReport => checks.find((each) => each.id === id)!

describe("a knob", () => {
  const reported = (id: string, ...settings: ReadonlyArray<string>) => report(living(id), { kernel: "3.10", settings })

  effectTest("cable: the host lives without a carrier", () =>
    Effect.gen(function* () {
      assert.match((yield* reported("Q1.1.5-a")).answer, /cable plugged/)
      const unplugged = yield* reported("Q1.1.5-a", "cable=unplugged")
      assert.match(unplugged.answer, /cable unplugged/)
      assert.isTrue(unplugged.checks.every((each) => each.pass))
    })
  )

  effectTest("payload: each 10 bytes more are 1 ns more of copying", () =>
    Effect.gen(function* () {
      const short = /(\d+) bytes are with the reader (\d+) ns/.exec((yield* reported("2.2.1")).answer)!
      const long = /(\d+) bytes are with the reader (\d+) ns/.exec((yield* reported("2.2.1", "payload=1100")).answer)!
      assert.deepStrictEqual([short[1], long[1]], ["100", "1100"])
      assert.strictEqual(Number(long[2]) - Number(short[2]), 100)
    })
  )

  effectTest("reader: a busy one is not woken, and the order fails at the wake", () =>
    Effect.gen(function* () {
      const busy = yield* reported("2.2.1", "reader=busy")
      assert.isFalse(check(busy, "a").pass)
      assert.strictEqual(check(busy, "a").measured, "wake is missing or out of order")
      assert.isTrue(check(busy, "b").pass)
    })
  )

  effectTest("timeout: recv of the waiting reader ends in EAGAIN at its end", () =>
    Effect.gen(function* () {
      assert.match((yield* reported("3.3.1")).answer, /recv gives 1 byte/)
      const answer = (yield* reported("3.3.1", "timeout=10ms")).answer
      const waited = Number(/recv gives EAGAIN after (\d+) ns/.exec(answer)![1])
      assert.isAtLeast(waited, 10_000_000)
      assert.isBelow(waited, 10_100_000)
      assert.match((yield* reported("3.3.1", "mode=nonblocking")).answer, /does not wait/)
    })
  )

  effectTest("packets: as many wait for the answer, in their order", () =>
    Effect.gen(function* () {
      const { answer, checks } = yield* reported("4.4.4-a", "packets=6")
      assert.match(answer, /^ARP request, ARP reply, packet 1, packet 2, packet 3, packet 4, packet 5, packet 6;/)
      assert.isTrue(checks.every((each) => each.pass))
    })
  )

  effectTest("rtt: a round trip grows by what the cable grows", () =>
    Effect.gen(function* () {
      const measured = (answer: string): number => Number(/client measures (\d+) ns/.exec(answer)![1])
      const near = measured((yield* reported("5.2.3", "rtt=1ms")).answer)
      const far = measured((yield* reported("5.2.3", "rtt=30ms")).answer)
      assert.strictEqual(far - near, 29_000_000)
    })
  )

  effectTest("rtt and requests: connect() grows by the RTT, k requests by twice that each", () =>
    Effect.gen(function* () {
      const near = numbers((yield* reported("6.4.6-a", "rtt=5ms", "requests=3")).answer)
      const far = numbers((yield* reported("6.4.6-a", "rtt=20ms", "requests=3")).answer)
      assert.strictEqual(far[0]! - near[0]!, 15_000_000)
      assert.strictEqual(far[2]!, near[2]!)
      const more = yield* reported("6.4.6-a", "rtt=5ms", "requests=6")
      const total = (report: Runner.LabReport): number => parseInt(check(report, "c").measured, 10)
      const grown = total(more) - total(yield* reported("6.4.6-a", "rtt=5ms", "requests=3"))
      assert.isAtLeast(grown, 3 * 2 * 5_000_000)
      assert.isBelow(grown, 3 * 2 * 5_000_000 * 1.02)
    })
  )

  effectTest("connections: the bytes of each do not depend on how many there are", () =>
    Effect.gen(function* () {
      const few = yield* report(living("7.4.3"), { kernel: "6.x", settings: ["connections=100"] })
      const more = yield* report(living("7.4.3"), { kernel: "6.x", settings: ["connections=700"] })
      assert.strictEqual(numbers(few.answer)[0], 100)
      assert.strictEqual(numbers(more.answer)[0], 700)
      assert.strictEqual(check(few, "c").measured, check(more, "c").measured)
    })
  )

  effectTest("range: the maximum is its width; a search of 6.x covers an even number of ports", () =>
    Effect.gen(function* () {
      const { lab } = small(living("8.4.1"))
      const count = (kernel: "3.10" | "6.x", range: string) =>
        Effect.map(report(lab, { kernel, settings: [`ip_local_port_range=${range}`] }), (found) => {
          assert.isTrue(check(found, "a").pass)
          return numbers(found.answer)[0]
        })
      assert.strictEqual(yield* count("3.10", "50000-50100"), 101)
      assert.strictEqual(yield* count("6.x", "50000-50100"), 100)
      assert.strictEqual(yield* count("6.x", "50000-50099"), 100)
    })
  )

  effectTest("reserved: so many connections fewer, under either kernel", () =>
    Effect.gen(function* () {
      const { lab } = small(living("8.4.1"))
      for (const kernel of ["3.10", "6.x"] as const) {
        const settings = ["ip_local_port_range=40000-40199", "reserved=50"]
        const found = yield* report(lab, { kernel, settings })
        assert.isTrue(check(found, "a").pass)
        assert.strictEqual(numbers(found.answer)[0], 150)
      }
    })
  )

  effectTest("callsPerRequest and appWork: each call costs its exchange, work costs itself", () =>
    Effect.gen(function* () {
      const figures = (...settings: ReadonlyArray<string>) =>
        Effect.map(reported("9.1-1", ...settings), ({ answer }) => {
          const found = /from ([\d.]+) ns over lo to ([\d.]+) ns/.exec(answer)!
          return { before: Number(found[1]), after: Number(found[2]) }
        })
      const one = yield* figures()
      const four = yield* figures("callsPerRequest=4")
      assert.strictEqual(one.after, 52_000)
      assert.strictEqual(four.after, 58_000)
      assert.approximately((four.before - four.after) / (one.before - one.after), 4, 0.05)
      const idle = yield* figures("appWork=0")
      assert.approximately(one.before - idle.before, 50_000, 1_000)
      assert.match((yield* reported("9.1-1", "mode=after")).answer, /in process costs 52000 ns/)
    })
  )

  effectTest("name: the namespace bears it", () =>
    Effect.gen(function* () {
      assert.match((yield* reported("10.3.1", "name=blue")).answer, /^blue is born with lo DOWN/)
    })
  )
})
