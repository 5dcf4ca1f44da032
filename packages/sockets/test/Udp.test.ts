import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as Snmp from "@darkfiber/kernel-net/Snmp"
import * as Points from "../src/Points.ts"
import { MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, SOCK_DGRAM, SOCK_NONBLOCK, type Socket } from "../src/Socket.ts"
import { IPPROTO_ICMP } from "../src/SocketIcmp.ts"
import * as Sys from "../src/Sys.ts"
import { INTERRUPTIBLE } from "../src/Task.ts"
import { allWell, box, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const LO = "127.0.0.1"

describe("a blocking read", () => {
  it("puts one exclusive entry with the reader on the socket's queue, and costs 2 switches a message", () => {
    const net = newNet()
    const a = box(net, "a")
    const messages = 20
    const reader = a.spawn(
      "reader",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(fd, { address: LO, port: 7 })
        const buffer = new Uint8Array(100)
        for (let i = 0; i < messages; i++) assert.strictEqual(yield* Sys.recv(fd, buffer), 5)
      })
    )
    net.world.run(MS)
    const task = reader.threads[0]!
    const socket = reader.files.get(3)!.object as Socket
    assert.strictEqual(task.state, INTERRUPTIBLE)
    assert.deepStrictEqual(socket.wait.list(), [{ func: "autoremove_wake_function", exclusive: true, owner: task }])
    assert.strictEqual(task.voluntary, 1)
    const before = a.processes.scheduler.switches
    a.spawn(
      "writer",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        for (let i = 0; i < messages; i++) {
          yield* Sys.sendto(fd, text("hello"), { address: LO, port: 7 })
          yield* Sys.nanosleep(MS)
        }
      })
    )
    settle(net, 500 * MS)
    allWell(a)
    // The reader goes away after each message but the last, after which it exits: as many switches.
    assert.strictEqual(task.voluntary, messages + 1)
    assert.isAtLeast(a.processes.scheduler.switches - before, 2 * messages)
    assert.strictEqual(a.host.init.mib[Snmp.UDP_IN_DATAGRAMS], messages)
  })

  it("that must not block gives AGAIN without a switch; a receive timeout gives AGAIN at its time", () => {
    const net = newNet()
    const a = box(net, "a")
    const seen: Array<unknown> = []
    const reader = a.spawn(
      "reader",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM | SOCK_NONBLOCK)
        yield* Sys.bind(fd, { address: LO, port: 7 })
        const buffer = new Uint8Array(10)
        const start = yield* Sys.self
        seen.push(yield* Sys.recv(fd, buffer), start.threads[0]!.voluntary)
        yield* Sys.setNonblock(fd, false)
        seen.push(yield* Sys.recv(fd, buffer, MSG_DONTWAIT), start.threads[0]!.voluntary)
        yield* Sys.setsockopt(fd, 1, 20, 5 * MS)
        const t0 = yield* Sys.clockGettime
        seen.push(yield* Sys.recv(fd, buffer))
        const waited = (yield* Sys.clockGettime) - t0
        assert.isAtLeast(waited, 5 * MS)
        assert.isBelow(waited, 5.1 * MS)
      })
    )
    settle(net, 100 * MS)
    allWell(a)
    assert.deepStrictEqual(seen, [Sys.AGAIN, 0, Sys.AGAIN, 0, Sys.AGAIN])
    assert.strictEqual(reader.exit?.code, 0)
  })

  it("of five readers one datagram wakes exactly one, the first that came", () => {
    const net = newNet()
    const a = box(net, "a")
    a.host.island.trace.on = true
    const got: Array<number> = []
    const process = a.spawn(
      "readers",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(fd, { address: LO, port: 7 })
        for (let i = 0; i < 5; i++) {
          yield* Sys.spawnThread(Effect.map(Sys.recv(fd, new Uint8Array(10)), () => void got.push(i)))
        }
        yield* Sys.nanosleep(50 * MS)
      })
    )
    net.world.run(10 * MS)
    assert.strictEqual(process.threads.length, 6)
    a.host.island.trace.clear()
    a.spawn(
      "writer",
      Effect.flatMap(Sys.socket(SOCK_DGRAM), (fd) => Sys.sendto(fd, text("x"), { address: LO, port: 7 }))
    )
    settle(net, 20 * MS)
    assert.deepStrictEqual(got, [0])
    const { rows, count } = a.host.island.trace
    let wakes = 0
    for (let at = 0; at < count * 8; at += 8) if (rows[at + 1] === Points.TRY_TO_WAKE_UP) wakes++
    assert.strictEqual(wakes, 1)
    settle(net, 200 * MS)
  })
})

describe("datagrams", () => {
  it("keep their borders and senders; a short buffer cuts, MSG_TRUNC tells, MSG_PEEK leaves", () => {
    const net = newNet()
    const [a, b] = pair(net)
    const seen: Array<unknown> = []
    b.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(fd, { address: "10.0.0.2", port: 53 })
        const buffer = new Uint8Array(4)
        const peeked = yield* Sys.recvfrom(fd, buffer, MSG_PEEK | MSG_TRUNC)
        assert.notStrictEqual(peeked, Sys.AGAIN)
        if (peeked === Sys.AGAIN) return
        seen.push(peeked.count, peeked.address >>> 0)
        seen.push(yield* Sys.recv(fd, buffer), new TextDecoder().decode(buffer))
        yield* Sys.sendto(fd, text("pong"), peeked)
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.connect(fd, { address: "10.0.0.2", port: 53 })
        yield* Sys.send(fd, text("question"))
        seen.push(new TextDecoder().decode((yield* Sys.recvBytes(fd, 100)) as Uint8Array))
        const peer = yield* Sys.getpeername(fd)
        seen.push(peer.port)
      })
    )
    settle(net, 100 * MS)
    allWell(a, b)
    assert.deepStrictEqual(seen, [8, 0x0a000001, 4, "ques", "pong", 53])
    assert.strictEqual(a.host.liveSkbs + b.host.liveSkbs, 0)
  })

  it("errors are the kernel's", () => {
    const net = newNet()
    const a = box(net, "a")
    const seen: Array<string> = []
    const tag = (effect: Effect.Effect<unknown, { readonly _tag: string }>) =>
      Effect.match(effect, {
        onFailure: (error) => void seen.push(error._tag),
        onSuccess: () => void seen.push("ok")
      })
    a.spawn(
      "p",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_DGRAM)
        yield* tag(Sys.send(fd, text("x")))
        yield* tag(Sys.sendto(fd, text("x"), { address: "10.9.9.9", port: 1 }))
        yield* tag(Sys.bind(fd, { address: LO, port: 1 })) // has been bound by sending
        yield* tag(Sys.bind(yield* Sys.socket(SOCK_DGRAM), { address: "10.9.9.9", port: 1 }))
        yield* tag(Sys.bind(fd, { address: "not an address", port: 1 }))
        yield* tag(Sys.listen(fd, 1))
        yield* tag(Sys.accept(fd))
        yield* tag(Sys.getpeername(fd))
        yield* tag(Sys.sendto(fd, new Uint8Array(70_000), { address: LO, port: 9 }))
        yield* Sys.connect(fd, { address: LO, port: 9 })
        yield* tag(Sys.send(fd, text("nobody there")))
        yield* Sys.nanosleep(MS)
        yield* tag(Sys.recv(fd, new Uint8Array(1)))
        yield* tag(Sys.socket(SOCK_DGRAM, 77))
        yield* tag(Sys.socket(9))
        yield* tag(Sys.socket(SOCK_DGRAM, 0, 10))
        yield* tag(Sys.recv(0, new Uint8Array(1)))
        yield* tag(Sys.recv(99, new Uint8Array(1)))
      })
    )
    settle(net, 100 * MS)
    allWell(a)
    assert.deepStrictEqual(seen, [
      "EDESTADDRREQ",
      "ENETUNREACH",
      "EINVAL",
      "EADDRNOTAVAIL",
      "EINVAL",
      "EOPNOTSUPP",
      "EOPNOTSUPP",
      "ENOTCONN",
      "EMSGSIZE",
      "ok",
      "ECONNREFUSED",
      "EPROTONOSUPPORT",
      "ESOCKTNOSUPPORT",
      "EAFNOSUPPORT",
      "ENOTSOCK",
      "EBADF"
    ])
  })

  it("one socket() takes one object of each of its caches, and gives them back", () => {
    const net = newNet()
    const a = box(net, "a", "3.10")
    const caches = ["UDP", "sock_inode_cache", "dentry", "filp"]
    const count = () => caches.map((name) => a.host.memory.activeObjects(name))
    const before = count()
    let during: ReadonlyArray<number> = []
    a.spawn(
      "p",
      Effect.map(Sys.socket(SOCK_DGRAM), () => void (during = count()))
    )
    settle(net, 10 * MS)
    assert.deepStrictEqual(
      during.map((value, i) => value - before[i]!),
      [1, 1, 1, 1]
    )
    assert.deepStrictEqual(count(), before)
  })
})

it("a ping socket gets its echo, over lo and over a cable", () => {
  const net = newNet()
  const [a, b] = pair(net)
  const echo = Uint8Array.from([8, 0, 0, 0, 0, 0, 0, 7, 1, 2, 3, 4])
  const seen: Array<unknown> = []
  a.spawn(
    "ping",
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_DGRAM, IPPROTO_ICMP)
      for (const address of [LO, "10.0.0.2"]) {
        yield* Sys.sendto(fd, echo, { address, port: 0 })
        const reply = new Uint8Array(64)
        const count = yield* Sys.recv(fd, reply)
        seen.push(count, reply[0], reply[7], [...reply.subarray(8, 12)])
      }
    })
  )
  settle(net, 100 * MS)
  allWell(a, b)
  assert.deepStrictEqual(seen, [12, 0, 7, [1, 2, 3, 4], 12, 0, 7, [1, 2, 3, 4]])
})
