/** What a real 6.18 kernel did with a connection, done again on whole hosts: counts exactly, times as measured and 4 % more. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as Sys from "../src/Sys.ts"
import {
  acceptAndStay,
  ACK,
  after,
  counter,
  dialled,
  established,
  FIN,
  forever,
  listening,
  MS,
  play,
  RST,
  S,
  SYN,
  text,
  timetable,
  told,
  watched,
  within
} from "./Watch.ts"

describe("timetables", () => {
  for (const [linear, nominal, end] of [
    ["4", [1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131],
    ["0", [1, 3, 7, 15, 31, 63], 127]
  ] as const) {
    it(`SYN with tcp_syn_linear_timeouts ${linear}: ${nominal.join(" ")}, ETIMEDOUT at ${end} s`, () => {
      const watch = watched({ "net.ipv4.tcp_syn_linear_timeouts": linear })
      watch.drop = () => true
      const ended: Array<unknown> = []
      play(watch, 150, told(dialled, ended))
      timetable(after(watch.seen), nominal)
      assert.strictEqual(ended[0], "ETIMEDOUT")
      within((ended[1] as number) - watch.seen[0]!.at, end)
    })
  }

  it("SYN-ACK: 1 3 7 15 31, the sixth timeout frees the request; TCPTimeouts 6, TCPSynRetrans 5", () => {
    const watch = watched({ "net.ipv4.tcp_syn_retries": "1" })
    let syns = 0
    watch.drop = ({ from, flags }) => from === "b" || ((flags & SYN) !== 0 && ++syns > 1)
    play(watch, 100, told(dialled, []), Effect.andThen(listening(), forever))
    timetable(after(watch.seen.filter(({ from }) => from === "b")), [1, 3, 7, 15, 31])
    assert.strictEqual(counter(watch.b, "TcpExtTCPTimeouts"), 6)
    assert.strictEqual(counter(watch.b, "TcpExtTCPSynRetrans"), 5)
  })

  it("third ACK lost: SYN-ACK again at 1 and 3 s, accept() returns with the first data", () => {
    const watch = watched()
    watch.drop = ({ from, flags, length, at }) => from === "a" && flags === ACK && length === 0 && at < 5
    const accepted: Array<unknown> = []
    play(
      watch,
      10,
      Effect.gen(function* () {
        const fd = yield* dialled
        yield* Sys.nanosleep(5 * S)
        yield* Sys.send(fd, text(10))
      }),
      Effect.flatMap(listening(), (fd) => told(Sys.accept(fd), accepted))
    )
    const synAcks = watch.seen.filter(({ from, flags }) => from === "b" && flags === (SYN | ACK))
    timetable(after(synAcks), [1, 3])
    within(accepted[1] as number, 5)
  })

  it("RTO on a LAN with everything lost: the probe first, then 0.4 0.8 1.6 3.2 6.4; RTO 200 ms + RTT", () => {
    const watch = watched()
    let isDead = false
    watch.drop = ({ from, length }) => from === "a" && length > 0 && isDead
    const rto: Array<unknown> = []
    const client = established((fd) =>
      Effect.gen(function* () {
        isDead = true
        rto.push(yield* Sys.getsockopt(fd, 6, 11))
        yield* Sys.send(fd, text(10))
        yield* forever
      })
    )
    play(watch, 10, client, acceptAndStay)
    timetable(after(watch.seen.filter(({ length }) => length > 0)), [0.2, 0.41, 0.82, 1.65, 3.28, 6.54])
    assert.isAtLeast((rto[0] as { rto: number }).rto, 200_000)
    assert.isAtMost((rto[0] as { rto: number }).rto, 208_000)
  })

  it("keepalive 2/1/3: probes at 2 and 4 answered, then 6 7 8, RST and ETIMEDOUT at 9", () => {
    const watch = watched()
    watch.drop = ({ from, at }) => from === "b" && at > 5
    const ended: Array<unknown> = []
    const client = Effect.gen(function* () {
      const fd = yield* dialled
      yield* Sys.setsockopt(fd, 1, 9, 1)
      yield* Sys.setsockopt(fd, 6, 4, 2)
      yield* Sys.setsockopt(fd, 6, 5, 1)
      yield* Sys.setsockopt(fd, 6, 6, 3)
      yield* told(Sys.recv(fd, new Uint8Array(1)), ended)
    })
    play(watch, 20, client, acceptAndStay)
    const probes = watch.seen.filter(({ from, at }) => from === "a" && at > 1)
    timetable(
      probes.map(({ at }) => at),
      [2, 4, 6, 7, 8, 9]
    )
    assert.isTrue((probes.at(-1)!.flags & RST) !== 0)
    assert.strictEqual(ended[0], "ETIMEDOUT")
    within(ended[1] as number, 9)
    assert.strictEqual(counter(watch.a, "TcpExtTCPKeepAlive"), 5)
  })

  it("zero window: probes 0.2 0.6 1.5 3.2 6.7 after, each one byte before the window, until it opens", () => {
    const watch = watched()
    const client = established((fd) => Effect.andThen(Sys.send(fd, text(1_000_000)), forever))
    play(watch, 8, client, acceptAndStay)
    const full = watch.seen.find(({ from, window, at }) => from === "b" && window === 0 && at > 0.1)!
    const probes = watch.seen.filter(({ from, length, at }) => from === "a" && length === 0 && at > full.at)
    timetable(
      probes.map(({ at }) => at - full.at),
      [0.21, 0.63, 1.5, 3.19, 6.71]
    )
    for (const probe of probes) assert.strictEqual((full.ack - 1) | 0, probe.seq | 0)
    assert.isAtLeast(counter(watch.b, "TcpExtTCPToZeroWindowAdv"), 1)
  })
})

describe("closing", () => {
  it("TIME_WAIT stays 60 s at the first closer", () => {
    const watch = watched()
    play(
      watch,
      59,
      Effect.flatMap(dialled, Sys.close),
      Effect.gen(function* () {
        const fd = yield* Sys.accept(yield* listening())
        yield* Sys.recv(fd, new Uint8Array(1))
        yield* Sys.close(fd)
      })
    )
    assert.strictEqual(watch.a.tcp.stack.timeWaitCount, 1)
    assert.strictEqual(watch.b.tcp.stack.timeWaitCount, 0)
    watch.net.world.run(62.5 * S)
    assert.strictEqual(watch.a.tcp.stack.timeWaitCount, 0)
    assert.strictEqual(counter(watch.a, "TcpExtTW"), 1)
  })

  it("an orphan in FIN_WAIT2 is a TIME_WAIT sock at once, gone after 60 s", () => {
    const watch = watched()
    play(watch, 1, Effect.flatMap(dialled, Sys.close), acceptAndStay)
    assert.strictEqual(watch.a.tcp.stack.timeWaitCount, 1)
    assert.strictEqual(watch.a.tcp.stack.orphanCount, 0)
    watch.net.world.run(59.5 * S)
    assert.strictEqual(watch.a.tcp.stack.timeWaitCount, 1)
    watch.net.world.run(63 * S)
    assert.strictEqual(watch.a.tcp.stack.timeWaitCount, 0)
  })

  it("close() with unread data is RST and TCPAbortOnClose", () => {
    const watch = watched()
    const client = Effect.flatMap(dialled, (fd) => Effect.andThen(Sys.nanosleep(100 * MS), Sys.close(fd)))
    const server = Effect.gen(function* () {
      yield* Sys.send(yield* Sys.accept(yield* listening()), text(5))
      yield* forever
    })
    play(watch, 1, client, server)
    assert.isTrue(watch.seen.some(({ from, flags }) => from === "a" && (flags & RST) !== 0))
    assert.isFalse(watch.seen.some(({ from, flags }) => from === "a" && (flags & FIN) !== 0))
    assert.strictEqual(counter(watch.a, "TcpExtTCPAbortOnClose"), 1)
  })

  it("a closed port answers RST+ACK with sequence number 0: ECONNREFUSED", () => {
    const watch = watched()
    const ended: Array<unknown> = []
    play(watch, 1, told(dialled, ended))
    const [syn, answer] = watch.seen
    assert.strictEqual(ended[0], "ECONNREFUSED")
    assert.strictEqual(answer!.flags, RST | ACK)
    assert.strictEqual(answer!.seq, 0)
    assert.strictEqual(answer!.ack | 0, (syn!.seq + 1) | 0)
    assert.strictEqual(counter(watch.a, "TcpAttemptFails"), 1)
    assert.strictEqual(counter(watch.b, "TcpOutRsts"), 1)
  })

  it("a listener closed with connections that nobody accepted sends RST to each", () => {
    const watch = watched()
    const server = Effect.gen(function* () {
      const fd = yield* listening()
      yield* Sys.nanosleep(500 * MS)
      yield* Sys.close(fd)
    })
    const client = Effect.andThen(Effect.andThen(dialled, Effect.andThen(dialled, dialled)), forever)
    play(watch, 2, client, server)
    assert.strictEqual(watch.seen.filter(({ from, flags }) => from === "b" && (flags & RST) !== 0).length, 3)
  })
})

describe("windows and small writes", () => {
  it("SO_RCVBUF 2048 becomes 4096, and the SYN-ACK offers 1448", () => {
    const watch = watched()
    const got: Array<unknown> = []
    const server = Effect.gen(function* () {
      const fd = yield* listening()
      yield* Sys.setsockopt(fd, 1, 8, 2048)
      got.push(yield* Sys.getsockopt(fd, 1, 8))
      yield* forever
    })
    play(watch, 1, dialled, server)
    assert.deepStrictEqual(got, [4096])
    assert.strictEqual(watch.seen[1]!.window, 1448)
  })

  it("the SYN offers 64240, the SYN-ACK 65160", () => {
    const watch = watched()
    play(watch, 1, dialled, acceptAndStay)
    const [syn, synAck] = watch.seen
    assert.strictEqual(syn!.window, 64_240)
    assert.strictEqual(synAck!.window, 65_160)
  })

  it("ten segments of 1448 first; a probe carries the eleventh; then the first again at 0.21 0.64 1.47 3.13", () => {
    const watch = watched()
    let isDead = false
    watch.drop = ({ from, length }) => from === "a" && length > 0 && isDead
    const client = established((fd) => {
      isDead = true
      return Effect.andThen(Sys.send(fd, text(100_000)), forever)
    })
    play(watch, 4, client, acceptAndStay)
    const data = watch.seen.filter(({ length }) => length > 0)
    const start = data[0]!
    const offset = (seq: number): number => ((seq - start.seq) | 0) / 1448
    const burst = data.filter(({ at }) => at - start.at < 0.003)
    assert.strictEqual(
      burst.reduce((sum, { length }) => sum + length, 0),
      10 * 1448
    )
    const later = data.filter(({ at }) => at - start.at >= 0.003)
    assert.strictEqual(offset(later[0]!.seq), 10)
    assert.isAtLeast(later[0]!.at - start.at, 0.004)
    assert.isAtMost(later[0]!.at - start.at, 0.012)
    assert.deepStrictEqual(
      later.slice(1).map(({ seq }) => offset(seq)),
      [0, 0, 0, 0]
    )
    timetable(
      later.slice(1).map(({ at }) => at - start.at),
      [0.21, 0.63, 1.46, 3.09]
    )
  })

  for (const nodelay of [0, 1]) {
    it(`the second of two small writes, from the second round on, ${nodelay === 1 ? "at once" : "after 40 to 48 ms"}`, () => {
      const watch = watched()
      const client = Effect.gen(function* () {
        const fd = yield* dialled
        yield* Sys.setsockopt(fd, 6, 1, nodelay)
        for (let round = 0; round < 3; round++) {
          yield* Sys.nanosleep(300 * MS)
          yield* Sys.send(fd, text(5))
          yield* Sys.send(fd, text(6))
          yield* Sys.recv(fd, new Uint8Array(100))
        }
        yield* forever
      })
      const server = Effect.gen(function* () {
        const fd = yield* Sys.accept(yield* listening())
        for (;;) {
          let got = 0
          while (got < 11) got += yield* Sys.recv(fd, new Uint8Array(100))
          yield* Sys.send(fd, text(11))
        }
      })
      play(watch, 3, client, server)
      const firsts = watch.seen.filter(({ from, length }) => from === "a" && length === 5)
      const seconds = watch.seen.filter(({ from, length }) => from === "a" && length === 6)
      const gaps = seconds.map(({ at }, round) => at - firsts[round]!.at)
      assert.isBelow(gaps[0]!, 0.001)
      for (const gap of gaps.slice(1)) {
        if (nodelay === 1) assert.isBelow(gap, 0.001)
        else {
          assert.isAtLeast(gap, 0.0395)
          assert.isAtMost(gap, 0.048)
        }
      }
      assert.strictEqual(gaps.length, 3)
    })
  }
})
