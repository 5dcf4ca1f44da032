import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Process } from "@darkfiber/sockets/Process"
import { Effect } from "effect"
import { box, fails, newNet, ok, settle } from "./Net.ts"

const hog = Effect.forever(Sys.compute(100_000))

describe("renice, taskset, chrt and /proc/PID/sched", () => {
  it("print what util-linux prints, and do it", () => {
    const net = newNet()
    const a = box(net, "a", "6.x", 4)
    const [one, two] = ["one", "two"].map((name) => a.processes!.spawn(name, null, hog) as Process) as [
      Process,
      Process
    ]
    settle(net, 5_000_000)
    const { pid } = one
    assert.equal(ok(a, `renice -n 5 -p ${pid}`), `${pid} (process ID) old priority 0, new priority 5\n`)
    assert.equal(ok(a, `renice 30 ${pid}`), `${pid} (process ID) old priority 5, new priority 19\n`)
    assert.equal(ok(a, `taskset -p ${pid}`), `pid ${pid}'s current affinity mask: f\n`)
    assert.equal(
      ok(a, `taskset -pc 0,2-3 ${pid}`),
      `pid ${pid}'s current affinity list: 0-3\npid ${pid}'s new affinity list: 0,2,3\n`
    )
    assert.equal(
      ok(a, `taskset -p 4 ${two.pid}`),
      `pid ${two.pid}'s current affinity mask: f\npid ${two.pid}'s new affinity mask: 4\n`
    )
    ok(a, `taskset -p 4 ${pid}`)
    assert.equal(
      ok(a, `chrt -p ${pid}`),
      `pid ${pid}'s current scheduling policy: SCHED_OTHER\npid ${pid}'s current scheduling priority: 0\n`
    )
    const used = [one, two].map((process) => process.threads[0]!.userTime)
    settle(net, 2_000_000_000)
    for (const process of [one, two]) assert.equal(process.threads[0]!.runQueue.core.index, 2)
    const gained = [one, two].map((process, i) => process.threads[0]!.userTime - used[i]!)
    assert.ok(Math.abs(gained[1]! / gained[0]! / (1024 / 15) - 1) < 0.2, gained.join(" "))
    const sched = ok(a, `cat /proc/${pid}/sched`)
    assert.match(sched, new RegExp(`^one \\(${pid}, #threads: 1\\)\n-{67}\nse\\.vruntime {34}: +\\d+\\.\\d{6}\n`))
    assert.match(sched, /\nse\.load\.weight {31}: {16}15360\npolicy {39}: {20}0\nprio {41}: {18}139\n/)
    assert.match(sched, /\nse\.slice {37}: {14}2100000\n$/)
    assert.equal(ok(a, `cat /proc/${pid}/stat`).split(" ").slice(17, 19).join(" "), "39 19")
    assert.match(ok(a, "ps aux"), / RN /)
  })

  it("refuse what is not there or makes no sense, as util-linux does", () => {
    const net = newNet()
    const a = box(net, "a")
    const { pid } = a.processes!.spawn("one", null, hog) as Process
    settle(net, 5_000_000)
    for (const [line, message] of [
      ["renice -n 1 -p 9999", "renice: failed to get priority for 9999 (process ID): No such process\n"],
      ["taskset -p 9999", "taskset: failed to get pid 9999's affinity: No such process\n"],
      ["chrt -p 9999", "chrt: failed to get pid 9999's policy: No such process\n"],
      [`taskset -p 8 ${pid}`, `taskset: failed to set pid ${pid}'s affinity: Invalid argument\n`],
      [`taskset -p xyz ${pid}`, "taskset: failed to parse CPU mask: xyz\n"]
    ] as const) {
      assert.deepEqual(fails(a, line), [1, message])
    }
  })
})
