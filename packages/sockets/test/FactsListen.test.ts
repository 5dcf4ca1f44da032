/** What a real 6.18 kernel did with the queues of a listener and with ports, done again on whole hosts. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import {
  ACK,
  after,
  counter,
  dialled,
  forever,
  listening,
  many,
  MS,
  play,
  RST,
  S,
  SYN,
  text,
  timetable,
  told,
  watched
} from "./Watch.ts"

describe("queues of a listener", () => {
  it("backlog 3, ten clients: four established; six go on with SYNs at 1, 2, 3 …; overflows and drops count each", () => {
    const watch = watched()
    play(watch, 6, many(10, MS), Effect.andThen(listening(3), forever))
    assert.strictEqual(counter(watch.b, "TcpPassiveOpens"), 4)
    const syns = watch.seen.filter(({ from, flags }) => from === "a" && flags === SYN)
    const lost = syns.filter(({ seq }) => syns.filter((other) => other.seq === seq).length > 1)
    assert.strictEqual(new Set(lost.map(({ seq }) => seq)).size, 6)
    assert.strictEqual(counter(watch.b, "TcpExtListenOverflows"), lost.length)
    assert.strictEqual(counter(watch.b, "TcpExtListenDrops"), lost.length)
    timetable(after(lost.filter(({ seq }) => seq === lost[0]!.seq)), [1, 2, 3, 4, 5])
  })

  it("third ACK meets a full accept queue: the client is established, the SYN-ACK comes again at 1 3 7 15 31", () => {
    const watch = watched()
    // The first connection's ACK is lost, and four others fill the queue before the SYN-ACK comes again.
    let first: number | null = null
    watch.drop = ({ from, flags, seq, at }) => {
      if (from === "a" && flags === SYN) first ??= (seq + 1) | 0
      return from === "a" && flags === ACK && (seq | 0) === first && at < 0.5
    }
    play(watch, 60, many(5, MS), Effect.andThen(listening(3), forever))
    const synAcks = watch.seen.filter(({ from, flags }) => from === "b" && flags === (SYN | ACK))
    const again = synAcks.filter(({ ack }) => (ack | 0) === first)
    timetable(after(again), [1, 3, 7, 15, 31])
    const acks = watch.seen.filter(({ from, flags, seq }) => from === "a" && flags === ACK && (seq | 0) === first)
    assert.strictEqual(acks.length, 6)
    assert.strictEqual(counter(watch.b, "TcpPassiveOpens"), 4)
    assert.strictEqual(counter(watch.b, "TcpExtListenOverflows"), 5)
    assert.strictEqual(counter(watch.b, "TcpExtListenDrops"), 5)
  })

  it("the same with tcp_abort_on_overflow 1: RST, SO_ERROR ECONNRESET, then EPIPE", () => {
    const watch = watched({ "net.ipv4.tcp_abort_on_overflow": "1" })
    let first: number | null = null
    watch.drop = ({ from, flags, seq, at }) => {
      if (from === "a" && flags === SYN) first ??= (seq + 1) | 0
      return from === "a" && flags === ACK && (seq | 0) === first && at < 0.5
    }
    const ended: Array<unknown> = []
    const client = Effect.gen(function* () {
      const fd = yield* dialled
      yield* Sys.spawnThread(many(4, MS))
      yield* Sys.nanosleep(2 * S)
      yield* told(Sys.send(fd, text(1)), ended)
      yield* told(Sys.send(fd, text(1)), ended)
    })
    play(watch, 3, client, Effect.andThen(listening(3), forever))
    assert.isTrue(watch.seen.some(({ from, flags }) => from === "b" && (flags & RST) !== 0))
    assert.deepStrictEqual([ended[0], ended[2]], ["ECONNRESET", "EPIPE"])
  })

  for (const cookies of [0, 1]) {
    it(`1000 SYNs, backlog 128, tcp_syncookies ${cookies}: 129 wait, ${cookies === 1 ? "871 cookies" : "871 dropped"}`, () => {
      const watch = watched({ "net.ipv4.tcp_syncookies": String(cookies), "net.ipv4.tcp_max_syn_backlog": "4096" })
      watch.drop = ({ from }) => from === "b"
      play(watch, 0.9, many(1000, 100_000), Effect.andThen(listening(128), forever))
      assert.strictEqual(counter(watch.b, "TcpExtTCPReqQFullDrop"), cookies === 1 ? 0 : 871)
      assert.strictEqual(counter(watch.b, "TcpExtListenDrops"), cookies === 1 ? 0 : 871)
      assert.strictEqual(counter(watch.b, "TcpExtTCPReqQFullDoCookies"), cookies === 1 ? 871 : 0)
      assert.strictEqual(counter(watch.b, "TcpExtSyncookiesSent"), cookies === 1 ? 871 : 0)
      assert.strictEqual(watch.b.tcp.stack.listening.all()[0]!.listen!.qlen, 129)
    })
  }

  it("backlog 0 1 5 128 511 4096 5000 -1 becomes 0 1 5 128 511 4096 4096 4096; again with 7: 7", () => {
    const watch = watched()
    const limits: Array<number> = []
    const server = Effect.gen(function* () {
      const fd = yield* listening(1)
      for (const backlog of [0, 1, 5, 128, 511, 4096, 5000, -1, 7]) {
        yield* Sys.listen(fd, backlog)
        limits.push(watch.b.tcp.stack.listening.all()[0]!.listen!.maxAckBacklog)
      }
    })
    play(watch, 1, Effect.void, server)
    assert.deepStrictEqual(limits, [0, 1, 5, 128, 511, 4096, 4096, 4096, 7])
  })
})

describe("ports", () => {
  const portOf = (fd: number) => Effect.map(Sys.getsockname(fd), ({ port }) => port)

  it("connect() takes even ones, rising by 2 to 16; bind(0) takes odd ones", () => {
    const watch = watched()
    const connected: Array<number> = []
    const bound: Array<number> = []
    const client = Effect.gen(function* () {
      for (let i = 0; i < 100; i++) {
        connected.push(yield* portOf(yield* dialled))
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(fd, { address: "10.0.0.1", port: 0 })
        bound.push(yield* portOf(fd))
      }
      yield* forever
    })
    play(watch, 2, client, Effect.andThen(listening(4096), forever))
    assert.strictEqual(connected.length, 100)
    for (const port of [...connected, ...bound]) assert.isTrue(port >= 32_768 && port <= 60_999)
    assert.isTrue(connected.every((port) => port % 2 === 0))
    assert.isTrue(bound.every((port) => port % 2 === 1))
    const steps = connected.slice(1).map((port, at) => port - connected[at]!)
    // One step may go round the end of the range.
    assert.isAtLeast(steps.filter((step) => step >= 2 && step <= 16).length, 98)
  })

  it("of a range of 10 to one destination even ones go first, and the eleventh connect() is EADDRNOTAVAIL", () => {
    const watch = watched({ "net.ipv4.ip_local_port_range": "40000 40009" })
    const ports: Array<number> = []
    const ended: Array<unknown> = []
    const client = Effect.gen(function* () {
      for (let i = 0; i < 10; i++) ports.push(yield* portOf(yield* dialled))
      yield* told(dialled, ended)
    })
    play(watch, 2, client, Effect.andThen(listening(64), forever))
    assert.isTrue(ports.slice(0, 5).every((port) => port % 2 === 0))
    assert.strictEqual(new Set(ports).size, 10)
    assert.strictEqual(ended[0], "EADDRNOTAVAIL")
  })

  for (const [reuse, early, late] of [
    ["0", 0, 0],
    ["1", 0, 10],
    ["2", 0, 0]
  ] as const) {
    it(`10 ports, all in TIME_WAIT, tcp_tw_reuse ${reuse}: ${early} come back after 0.5 s, ${late} after 1.3 s`, () => {
      const watch = watched({ "net.ipv4.ip_local_port_range": "40000 40009", "net.ipv4.tcp_tw_reuse": reuse })
      const ended: Array<unknown> = []
      const client = Effect.gen(function* () {
        for (let i = 0; i < 10; i++) yield* Sys.close(yield* dialled)
        yield* Sys.nanosleep(500 * MS)
        yield* told(dialled, ended)
        yield* Sys.nanosleep(800 * MS)
        for (let i = 0; i < 10; i++) yield* told(dialled, ended)
      })
      const server = Effect.gen(function* () {
        const listener = yield* listening(64)
        for (;;) {
          const fd = yield* Sys.accept(listener)
          yield* Effect.ignore(Sys.recv(fd, new Uint8Array(1)))
          yield* Sys.close(fd)
        }
      })
      play(watch, 3, client, server)
      const outcomes = ended.filter((_, at) => at % 2 === 0)
      assert.strictEqual(outcomes[0] === "EADDRNOTAVAIL" ? 0 : 1, early)
      assert.strictEqual(outcomes.slice(1).filter((one) => one !== "EADDRNOTAVAIL").length, late)
      assert.strictEqual(counter(watch.a, "TcpExtTWRecycled"), late)
    })
  }
})
