import { Effect } from "effect"
import { assert, it } from "vitest"
import { SOCK_DGRAM, SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import { box, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000

it("a host that crashes in the middle of everything ends its processes in pid order and loses no frame unnoticed", () => {
  const net = newNet(3)
  const [a, b] = pair(net, "6.x", { rate: 1e8 })
  const log: Array<string> = []
  b.spawn(
    "sink",
    Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.bind(listener, { address: "10.0.0.2", port: 7 })
      yield* Sys.listen(listener, 8)
      const fd = yield* Sys.accept(listener)
      const buffer = new Uint8Array(10_000)
      for (;;) {
        yield* Sys.recv(fd, buffer)
        yield* Sys.nanosleep(MS)
      }
    })
  )
  b.spawn(
    "sleeper",
    Effect.onExit(Effect.never, () => Effect.sync(() => void log.push("finalizer")))
  )
  b.spawn(
    "caller",
    Effect.onExit(Sys.nanosleep(1e12), () =>
      Effect.andThen(
        Sys.getpid,
        Effect.sync(() => log.push("call"))
      )
    )
  )
  a.spawn(
    "source",
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.connect(fd, { address: "10.0.0.2", port: 7 })
      yield* Effect.forever(Sys.send(fd, new Uint8Array(20_000)))
    })
  )
  net.world.run(30 * MS)
  const pids = b.processes.list().map((process) => process.pid)
  const { fibers } = b.processes
  if (fibers === null) throw new Error("no fibers")
  net.runtime.crash(fibers, () => b.host.crash())
  settle(net, 500 * MS)
  assert.deepStrictEqual(
    b.processes.exits.map((exit) => exit.pid),
    pids
  )
  assert.isTrue(b.processes.exits.every((exit) => exit.reason === "host down"))
  // A finalizer runs, its system calls do not.
  assert.deepStrictEqual(log, ["finalizer"])
  assert.strictEqual(b.host.liveSkbs, 0)
  assert.strictEqual(a.processes.list().length, 1)
})

it("unshare gives a process a namespace of its own, in which nothing is reachable; others than root may not", () => {
  const net = newNet()
  const a = box(net, "a")
  const seen: Array<unknown> = []
  const program = Effect.gen(function* () {
    seen.push(yield* Effect.match(Sys.unshareNetwork, { onFailure: (e) => e._tag, onSuccess: () => "ok" }))
    const fd = yield* Sys.socket(SOCK_DGRAM)
    const sent = Sys.sendto(fd, new Uint8Array(1), { address: "127.0.0.1", port: 9 })
    seen.push(yield* Effect.match(sent, { onFailure: (e) => e._tag, onSuccess: () => "sent" }))
  })
  a.spawn("root", program)
  a.spawn("user", program, { uid: 1000 })
  settle(net, 10 * MS)
  assert.deepStrictEqual(seen, ["ok", "ENETUNREACH", "EPERM", "sent"])
  assert.strictEqual(a.host.netns.length, 2)
})
