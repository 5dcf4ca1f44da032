import { createHash } from "node:crypto"
import { lend } from "@darkfiber/sim/ActorFiber"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as Points from "../src/Points.ts"
import { EPOLLIN, POLLOUT } from "../src/Poll.ts"
import type { PollFd } from "../src/PollCalls.ts"
import { SIOCATMARK } from "../src/Ioctl.ts"
import { MSG_OOB, SOCK_NONBLOCK, SOCK_STREAM, type Socket } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, type Box, box, type Cable, type KernelName, type Net, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000
const S = 1_000 * MS
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const listen = (address: string, port: number, backlog = 16) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(fd, 1, 2, 1)
    yield* Sys.bind(fd, { address, port })
    yield* Sys.listen(fd, backlog)
    return fd
  })

const dial = (address: string, port: number) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.connect(fd, { address, port })
    return fd
  })

const sendAll = (fd: number, data: Uint8Array) =>
  Effect.gen(function* () {
    let at = 0
    while (at < data.length) at += yield* Sys.send(fd, data.subarray(at))
  })

/** Sends back what comes, until the end of the stream. */
const echo = (fd: number) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(65_536)
    for (;;) {
      const count = yield* Sys.recv(fd, buffer)
      if (count === 0) break
      yield* sendAll(fd, buffer.slice(0, count))
    }
    yield* Sys.close(fd)
  })

const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex")

describe("an echo", () => {
  for (const kernel of ["3.10", "6.x"] as const) {
    it(`over lo, Linux ${kernel}`, () => {
      const net = newNet()
      const a = box(net, "a", kernel)
      let got = ""
      a.spawn(
        "server",
        Effect.gen(function* () {
          const fd = yield* listen("127.0.0.1", 7)
          yield* echo(yield* Sys.accept(fd))
        })
      )
      a.spawn(
        "client",
        Effect.gen(function* () {
          const fd = yield* dial("127.0.0.1", 7)
          yield* Sys.send(fd, text("hello"))
          const buffer = new Uint8Array(10)
          got = new TextDecoder().decode(buffer.subarray(0, yield* Sys.recv(fd, buffer)))
          yield* Sys.close(fd)
        })
      )
      settle(net, 1 * S)
      allWell(a)
      assert.strictEqual(got, "hello")
    })
  }
})

/** Sends `bytes` from a to b and compares their hashes; the virtual time of the last byte. */
const transfer = (kernel: KernelName, bytes: number, cable: Cable, seed: number, where: "cable" | "lo"): number => {
  const net = newNet(seed)
  const [a, b]: readonly [Box, Box] = pair(net, kernel, cable)
  const server = where === "lo" ? a : b
  const address = where === "lo" ? "127.0.0.1" : "10.0.0.2"
  const data = new Uint8Array(bytes)
  net.world.stream("test/data").bytes(data)
  const hash = createHash("sha256")
  let received = 0
  let finished = 0
  server.spawn(
    "sink",
    Effect.gen(function* () {
      const fd = yield* Sys.accept(yield* listen(address, 5001))
      const buffer = new Uint8Array(131_072)
      for (;;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count === 0) break
        received += count
        hash.update(buffer.subarray(0, count))
      }
      finished = yield* Sys.clockGettime
    })
  )
  a.spawn(
    "source",
    Effect.gen(function* () {
      const fd = yield* dial(address, 5001)
      yield* sendAll(fd, data)
      yield* Sys.close(fd)
    })
  )
  settle(net, 200 * S)
  allWell(a, b)
  assert.strictEqual(received, bytes)
  assert.strictEqual(hash.digest("hex"), sha(data))
  assert.strictEqual(a.host.liveSkbs + b.host.liveSkbs, 0)
  return finished
}

describe("a stream arrives whole", () => {
  it("over a clean cable, near its rate", () => {
    const time = transfer("6.x", 1_500_000, { rate: 1e9, delay: 50_000 }, 1, "cable")
    assert.isBelow(time, 30 * MS)
    assert.isAbove(time, 12 * MS)
  })

  it("over lo", () => void transfer("3.10", 1_000_000, {}, 1, "lo"))

  it("over a cable that loses frames", () => {
    for (const seed of [1, 2, 3]) transfer("6.x", 150_000, { rate: 1e8, delay: 1_000_000, loss: 0.02 }, seed, "cable")
    transfer("3.10", 150_000, { rate: 1e8, delay: 1_000_000, loss: 0.02 }, 4, "cable")
  })
})

/** Tasks woken in the trace since the last `clear`. */
const wakesOf = (on: Box): number => {
  const { rows, count } = on.host.island.trace
  let wakes = 0
  for (let at = 0; at < count * 8; at += 8) if (rows[at + 1] === Points.TRY_TO_WAKE_UP) wakes++
  return wakes
}

describe("waiting", () => {
  it("five readers of one connection all wake for one segment; four go back to sleep", () => {
    const net = newNet()
    const [a, b] = pair(net)
    b.host.island.trace.on = true
    let got = 0
    const server = b.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* Sys.accept(yield* listen("10.0.0.2", 7))
        const read = Effect.map(Sys.recv(fd, new Uint8Array(10)), (count) => void (got += count > 0 ? 1 : 0))
        for (let i = 0; i < 5; i++) yield* Sys.spawnThread(read)
        yield* Effect.never
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const fd = yield* dial("10.0.0.2", 7)
        yield* Sys.nanosleep(20 * MS)
        yield* Sys.send(fd, text("x"))
        yield* Effect.never
      })
    )
    net.world.run(15 * MS)
    const socket = server.files.get(4)!.object as Socket
    assert.strictEqual(socket.wait.count, 5)
    assert.isTrue(socket.wait.list().every((entry) => entry.func === "autoremove_wake_function" && !entry.exclusive))
    b.host.island.trace.clear()
    settle(net, 40 * MS)
    assert.strictEqual(wakesOf(b), 5)
    assert.strictEqual(got, 1)
    assert.strictEqual(socket.wait.count, 4)
  })

  it("five processes in accept(): one wakes", () => {
    const net = newNet()
    const [a, b] = pair(net)
    b.host.island.trace.on = true
    let got = 0
    b.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* listen("10.0.0.2", 7)
        for (let i = 0; i < 5; i++) yield* Sys.spawnThread(Effect.map(Sys.accept(fd), () => void got++))
        yield* Effect.never
      })
    )
    net.world.run(10 * MS)
    b.host.island.trace.clear()
    a.spawn("client", Effect.andThen(dial("10.0.0.2", 7), Effect.never))
    settle(net, 40 * MS)
    assert.strictEqual(wakesOf(b), 1)
    assert.strictEqual(got, 1)
  })

  it("connect() that must not block: EINPROGRESS at once, EALREADY, writable after one round trip, then 0", () => {
    const net = newNet()
    const [a, b] = pair(net, "6.x", { delay: 5 * MS })
    const seen: Array<unknown> = []
    b.spawn("server", Effect.andThen(listen("10.0.0.2", 7), Effect.never))
    a.spawn(
      "client",
      Effect.gen(function* () {
        yield* Sys.nanosleep(MS)
        const fd = yield* Sys.socket(SOCK_STREAM | SOCK_NONBLOCK)
        const attempt = Effect.match(Sys.connect(fd, { address: "10.0.0.2", port: 7 }), {
          onFailure: (error) => void seen.push(error._tag),
          onSuccess: () => void seen.push("ok")
        })
        yield* attempt
        yield* attempt
        const fds: Array<PollFd> = [{ fd, events: POLLOUT, revents: 0 }]
        const t0 = yield* Sys.clockGettime
        yield* Sys.poll(fds)
        // The first packet waits for ARP: two round trips in all.
        const waited = (yield* Sys.clockGettime) - t0
        assert.isAtLeast(waited, 20 * MS)
        assert.isBelow(waited, 21 * MS)
        seen.push(fds[0]!.revents & POLLOUT, yield* Sys.getsockopt(fd, 1, 4))
        yield* attempt
        yield* attempt
      })
    )
    settle(net, 1 * S)
    allWell(a)
    assert.deepStrictEqual(seen, ["EINPROGRESS", "EALREADY", POLLOUT, 0, "ok", "EISCONN"])
  })
})

describe("errors", () => {
  it("of connections are the kernel's", () => {
    const net = newNet()
    const [a, b] = pair(net)
    const seen: Array<unknown> = []
    const tag = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
      Effect.match(effect, {
        onFailure: (error) => void seen.push(error._tag),
        onSuccess: (value) => void seen.push(value)
      })
    b.spawn(
      "server",
      Effect.gen(function* () {
        const listener = yield* listen("10.0.0.2", 7)
        yield* Sys.close(yield* Sys.accept(listener))
        const second = yield* Sys.accept(listener)
        yield* Sys.setsockopt(second, 1, 13, { on: true, seconds: 0 })
        yield* Sys.close(second)
        yield* Effect.never
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const idle = yield* Sys.socket(SOCK_STREAM)
        yield* tag(Sys.send(idle, text("x")))
        yield* tag(Sys.recv(idle, new Uint8Array(1)))
        yield* tag(Sys.accept(idle))
        yield* tag(dial("10.0.0.2", 9))
        yield* tag(dial("10.9.9.9", 9))
        const fd = yield* dial("10.0.0.2", 7)
        yield* tag(Sys.recv(fd, new Uint8Array(1)))
        yield* tag(Sys.send(fd, text("first")))
        yield* Sys.nanosleep(5 * MS)
        yield* tag(Sys.send(fd, text("second")))
        yield* tag(Sys.shutdown(idle, 1))
        const reset = yield* dial("10.0.0.2", 7)
        yield* tag(Sys.recv(reset, new Uint8Array(1)))
        yield* tag(Sys.bind(fd, { address: "10.0.0.1", port: 80 }))
      })
    )
    settle(net, 10 * S)
    allWell(a)
    assert.deepStrictEqual(seen, [
      "EPIPE",
      "ENOTCONN",
      "EINVAL",
      "ECONNREFUSED",
      "ENETUNREACH",
      0,
      5,
      "EPIPE",
      "ENOTCONN",
      "ECONNRESET",
      "EINVAL"
    ])
  })

  it("accept() without a free descriptor is EMFILE and leaves the connection in the queue", () => {
    const net = newNet()
    const [a, b] = pair(net)
    const seen: Array<unknown> = []
    b.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* listen("10.0.0.2", 7)
        yield* Sys.setrlimitNofile(4, 4)
        yield* Sys.nanosleep(20 * MS)
        const queued = Effect.map(Sys.getsockopt(fd, 6, 11), (info) => (info as Record<string, number>)["unacked"])
        seen.push(yield* queued)
        seen.push(yield* Effect.match(Sys.accept(fd), { onFailure: (e) => e._tag, onSuccess: () => "ok" }))
        seen.push(yield* queued)
        yield* Sys.setrlimitNofile(5, 10)
        seen.push(yield* Sys.accept(fd), yield* queued)
      })
    )
    a.spawn("client", Effect.andThen(dial("10.0.0.2", 7), Sys.nanosleep(100 * MS)))
    settle(net, 10 * S)
    allWell(a, b)
    assert.deepStrictEqual(seen, [1, "EMFILE", 1, 4, 0])
  })
})

/** An epoll echo server and clients over one cable: something of everything. */
const busy = (cores: number, seed: number, change: (net: Net, ...boxes: ReadonlyArray<Box>) => void) => {
  const net = newNet(seed)
  const [a, b] = pair(net, "6.x", { rate: 1e9, delay: 20_000, loss: 0.01 }, cores)
  for (const on of [a, b]) on.host.island.trace.on = true
  change(net, a, b)
  b.spawn(
    "reactor",
    Effect.gen(function* () {
      const listener = yield* listen("10.0.0.2", 80)
      yield* Sys.setNonblock(listener, true)
      const epfd = yield* Sys.epollCreate1
      yield* Sys.epollCtl(epfd, 1, listener, EPOLLIN)
      const buffer = new Uint8Array(4096)
      for (let closed = 0; closed < 4;) {
        for (const { data } of yield* Sys.epollWait(epfd, 8)) {
          if (data === listener) {
            for (let fd = yield* Sys.accept(listener); fd !== Sys.AGAIN; fd = yield* Sys.accept(listener)) {
              yield* Sys.epollCtl(epfd, 1, fd, EPOLLIN)
            }
            continue
          }
          const count = yield* Sys.recv(data, buffer)
          if (count > 0) yield* sendAll(data, buffer.slice(0, count))
          else {
            yield* Sys.close(data)
            closed++
          }
        }
      }
    })
  )
  for (let i = 0; i < 4; i++) {
    a.spawn(
      `client${i}`,
      Effect.gen(function* () {
        yield* Sys.nanosleep(1 + i * 50_000)
        const fd = yield* dial("10.0.0.2", 80)
        const buffer = new Uint8Array(4096)
        for (let n = 0; n < 5; n++) {
          yield* sendAll(fd, new Uint8Array(100 + n * 700 + i))
          for (let left = 100 + n * 700 + i; left > 0;) left -= yield* Sys.recv(fd, buffer)
          yield* Sys.compute(5_000 * i)
        }
        yield* Sys.close(fd)
      })
    )
  }
  settle(net, 20 * S)
  allWell(a, b)
  const traceOf = (on: Box) => Array.from(on.host.island.trace.rows.subarray(0, on.host.island.trace.count * 8))
  return { fingerprint: net.world.fingerprint(), a: traceOf(a), b: traceOf(b) }
}

describe("an epoll server and its clients, over a cable that loses frames", () => {
  it("run the same with and without the fast way, and in either dispatch", () => {
    for (const cores of [1, 2]) {
      for (const seed of [1, 2]) {
        const fast = busy(cores, seed, () => undefined)
        const slow = busy(cores, seed, (_net, ...boxes) => {
          for (const on of boxes) on.processes.scheduler.fastPath = false
        })
        const fiber = busy(cores, seed, (net, ...boxes) => {
          net.world.fiberDispatch = true
          for (const { host } of boxes) {
            const group = net.runtime.group(host.island, `${host.name}/actors`)
            for (const actor of host.island.actors) lend(group, actor, null)
          }
        })
        assert.strictEqual(slow.fingerprint, fast.fingerprint)
        assert.deepStrictEqual(slow, fast)
        assert.strictEqual(fiber.fingerprint, fast.fingerprint)
        assert.deepStrictEqual(fiber, fast)
      }
    }
  })

  it("another seed is another run", () => {
    assert.notStrictEqual(busy(1, 1, () => undefined).fingerprint, busy(1, 2, () => undefined).fingerprint)
  })
})

describe("urgent data", () => {
  it("one byte out of band between two reads, told by poll and SIOCATMARK", () => {
    const net = newNet()
    const a = box(net, "a")
    const seen: Array<unknown> = []
    a.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* listen("127.0.0.1", 7)
        const child = yield* Sys.accept(fd)
        const buffer = new Uint8Array(10)
        const readText = (flags: number) =>
          Effect.map(Sys.recv(child, buffer, flags), (count) => new TextDecoder().decode(buffer.subarray(0, count)))
        yield* Effect.sleep(50)
        seen.push(yield* readText(0), yield* Sys.ioctl(child, SIOCATMARK))
        seen.push(yield* readText(MSG_OOB), yield* readText(0), yield* Sys.ioctl(child, SIOCATMARK))
        yield* Sys.close(child)
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const fd = yield* dial("127.0.0.1", 7)
        yield* Sys.send(fd, text("ab"))
        yield* Sys.send(fd, text("X"), MSG_OOB)
        yield* Sys.send(fd, text("cd"))
        yield* Effect.sleep(200)
        yield* Sys.close(fd)
      })
    )
    settle(net, 2 * S)
    allWell(a)
    assert.deepStrictEqual(seen, ["ab", 1, "X", "cd", 0])
  })
})
