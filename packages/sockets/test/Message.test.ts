/** sendmsg and recvmsg: buffers, flags, control messages. */
import { cases } from "@darkfiber/tooling/Cases"
import { Effect, Fiber } from "effect"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Ioctl from "../src/Ioctl.ts"
import { BadPointer, MSG_CTRUNC } from "../src/Message.ts"
import {
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  MSG_WAITFORONE,
  SOCK_DGRAM,
  SOCK_STREAM
} from "../src/Socket.ts"
import * as O from "../src/SocketOptions.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, box, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000
const S = 1_000 * MS
const LISTENER = { address: "127.0.0.1", port: 9 }

const run = (program: Effect.Effect<unknown, unknown>): void => {
  const net = newNet()
  const a = box(net, "a")
  a.spawn("p", program)
  settle(net, 100 * S)
  allWell(a)
  assert.strictEqual(a.host.liveSkbs, 0)
}

const connected = Effect.gen(function* () {
  const listener = yield* Sys.socket(SOCK_STREAM)
  yield* Sys.bind(listener, LISTENER)
  yield* Sys.listen(listener, 1)
  const client = yield* Sys.socket(SOCK_STREAM)
  yield* Sys.connect(client, LISTENER)
  const server = yield* Sys.accept(listener)
  yield* Sys.close(listener)
  return [client, server] as const
})

const outcome = <A>(effect: Effect.Effect<A, { readonly _tag: string }>): Effect.Effect<A | string> =>
  Effect.catch(effect, (error) => Effect.succeed(error._tag))

const numbered = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

const received = (count: number | typeof Sys.AGAIN | Sys.ReceivedMessage): Sys.ReceivedMessage =>
  count as Sys.ReceivedMessage

/** Cuts `bytes` into pieces of these lengths, and the rest. */
const pieces = (bytes: Uint8Array, lengths: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const list: Array<Uint8Array> = []
  let at = 0
  for (const length of lengths) {
    list.push(bytes.subarray(at, at + length))
    at = Math.min(bytes.length, at + length)
  }
  list.push(bytes.subarray(at))
  return list
}

describe("several buffers", () => {
  it("carry the same stream, however it is cut", () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(700), { maxLength: 8 }),
        fc.array(fc.nat(700), { maxLength: 8 }),
        fc.integer({ min: 1, max: 3000 }),
        (cuts, holes, total) =>
          run(
            Effect.gen(function* () {
              const [client, server] = yield* connected
              const data = numbered(total)
              assert.strictEqual(yield* Sys.sendmsg(client, { iov: pieces(data, cuts) }), total)
              const into = new Uint8Array(total)
              const got = received(yield* Sys.recvmsg(server, { iov: pieces(into, holes) }, MSG_WAITALL))
              assert.strictEqual(got.count, total)
              assert.deepStrictEqual(into, data)
              assert.strictEqual(yield* Sys.writev(server, pieces(data, holes)), total)
              const back = new Uint8Array(total)
              assert.strictEqual(yield* Sys.readv(client, pieces(back, cuts)), total)
              assert.deepStrictEqual(back, data)
              yield* Sys.close(client)
              yield* Sys.close(server)
            })
          )
      ),
      { numRuns: cases(40) }
    ))

  it("make one datagram", () =>
    run(
      Effect.gen(function* () {
        const server = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(server, LISTENER)
        const client = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.sendmsg(client, { iov: [numbered(3), numbered(4)], to: LISTENER })
        const a = new Uint8Array(2)
        const b = new Uint8Array(4)
        const got = received(yield* Sys.recvmsg(server, { iov: [a, b] }))
        assert.deepStrictEqual([got.count, got.flags, got.name?.address], [6, MSG_TRUNC, 0x7f00_0001])
        assert.deepStrictEqual([...a, ...b], [0, 1, 2, 0, 1, 2])
      })
    ))

  it("are at most 1024", () =>
    run(
      Effect.gen(function* () {
        const [client] = yield* connected
        const iov = Array.from({ length: 1025 }, () => new Uint8Array(1))
        assert.strictEqual(yield* outcome(Sys.sendmsg(client, { iov })), "EMSGSIZE")
        assert.strictEqual(yield* outcome(Sys.writev(client, iov)), "EINVAL")
      })
    ))
})

describe("a pointer that points nowhere", () => {
  it("is EFAULT when bytes would move, and takes none of them", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        const bad = new BadPointer(1000)
        assert.strictEqual(yield* outcome(Sys.write(client, bad)), "EFAULT")
        assert.strictEqual(yield* outcome(Sys.send(client, bad)), "EFAULT")
        assert.strictEqual(yield* Sys.send(client, new BadPointer(0)), 0)
        assert.strictEqual(yield* outcome(Sys.recv(server, bad, MSG_DONTWAIT)), Sys.AGAIN)
        assert.strictEqual(yield* Sys.sendmsg(client, { iov: [numbered(5), bad] }), 5)
        yield* Sys.nanosleep(MS)
        assert.strictEqual(yield* outcome(Sys.read(server, bad)), "EFAULT")
        assert.strictEqual(yield* Sys.ioctl(server, Ioctl.SIOCINQ), 5)
        yield* Sys.shutdown(client, 1)
        assert.strictEqual(yield* outcome(Sys.send(client, bad)), "EPIPE")
      })
    ))
})

describe("flags of a receive", () => {
  it("MSG_PEEK leaves the bytes; SO_PEEK_OFF goes on from peek to peek, and back with a read", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        yield* Sys.send(client, numbered(100))
        yield* Sys.nanosleep(MS)
        const into = new Uint8Array(10)
        const peek = Effect.map(Sys.recv(server, into, MSG_PEEK | MSG_DONTWAIT), (count) => [count, into[0]])
        assert.deepStrictEqual(yield* peek, [10, 0])
        assert.deepStrictEqual(yield* peek, [10, 0])
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_PEEK_OFF, 20)
        assert.deepStrictEqual(yield* peek, [10, 20])
        assert.deepStrictEqual(yield* peek, [10, 30])
        yield* Sys.recv(server, new Uint8Array(15))
        assert.strictEqual(yield* Sys.getsockopt(server, O.SOL_SOCKET, O.SO_PEEK_OFF), 25)
        assert.deepStrictEqual(yield* peek, [10, 40])
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_PEEK_OFF, 85)
        assert.deepStrictEqual(yield* peek, [Sys.AGAIN, 40])
      })
    ))

  it("MSG_TRUNC throws bytes of a stream away and tells the length of a datagram", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        yield* Sys.send(client, numbered(100))
        yield* Sys.nanosleep(MS)
        const copied = new Uint8Array(60)
        assert.strictEqual(yield* Sys.recv(server, copied, MSG_TRUNC), 60)
        assert.deepStrictEqual(copied, new Uint8Array(60))
        assert.strictEqual(yield* Sys.recv(server, copied), 40)
        assert.strictEqual(copied[0], 60)
        const datagrams = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(datagrams, LISTENER)
        yield* Sys.sendto(datagrams, numbered(70), LISTENER)
        assert.strictEqual(yield* Sys.recv(datagrams, new Uint8Array(5), MSG_TRUNC), 70)
      })
    ))

  it("MSG_WAITALL and SO_RCVLOWAT wait for more; the end of the stream ends the wait", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_RCVLOWAT, 20)
        const reader = yield* Effect.forkChild(Sys.recv(server, new Uint8Array(50)))
        yield* Sys.nanosleep(MS)
        yield* Sys.send(client, numbered(10))
        yield* Sys.nanosleep(MS)
        yield* Sys.send(client, numbered(10))
        assert.strictEqual(yield* Fiber.join(reader), 20)
        const waiter = yield* Effect.forkChild(Sys.recv(server, new Uint8Array(50), MSG_WAITALL))
        yield* Sys.send(client, numbered(30))
        yield* Sys.nanosleep(MS)
        yield* Sys.close(client)
        assert.strictEqual(yield* Fiber.join(waiter), 30)
      })
    ))
})

describe("control messages", () => {
  it("TCP_INQ tells what is left, and 1 at the end of the stream", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        yield* Sys.setsockopt(server, O.SOL_TCP, O.TCP_INQ, 1)
        yield* Sys.send(client, numbered(100))
        yield* Sys.nanosleep(MS)
        const first = received(yield* Sys.recvmsg(server, { iov: [new Uint8Array(30)] }))
        assert.deepStrictEqual(first.control, [{ level: O.SOL_TCP, type: O.TCP_CM_INQ, data: 70 }])
        yield* Sys.close(client)
        yield* Sys.nanosleep(MS)
        const last = received(yield* Sys.recvmsg(server, { iov: [new Uint8Array(70)] }))
        assert.strictEqual(last.control[0]?.data, 1)
        const tight = received(yield* Sys.recvmsg(server, { iov: [new Uint8Array(9)], controlLength: 19 }))
        assert.deepStrictEqual([tight.count, tight.flags, tight.control.length], [0, MSG_CTRUNC, 0])
      })
    ))

  it("say when the data came", () =>
    run(
      Effect.gen(function* () {
        const [client, server] = yield* connected
        yield* Sys.nanosleep(2 * S)
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_TIMESTAMPNS, 1)
        yield* Sys.send(client, numbered(10))
        yield* Sys.nanosleep(S)
        const got = received(yield* Sys.recvmsg(server, { iov: [new Uint8Array(30)] }))
        const stamp = got.control[0]
        assert.strictEqual(stamp?.type, O.SO_TIMESTAMPNS)
        assert.include(stamp?.data, { seconds: 2 })
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_TIMESTAMP, 1)
        assert.strictEqual(yield* Sys.getsockopt(server, O.SOL_SOCKET, O.SO_TIMESTAMPNS), 0)
        const wanted = O.SOF_TIMESTAMPING_SOFTWARE | O.SOF_TIMESTAMPING_RX_SOFTWARE
        yield* Sys.setsockopt(server, O.SOL_SOCKET, O.SO_TIMESTAMPING, wanted)
        yield* Sys.send(client, numbered(10))
        yield* Sys.nanosleep(S)
        const both = received(yield* Sys.recvmsg(server, { iov: [new Uint8Array(30)] }))
        assert.deepStrictEqual(
          both.control.map(({ type }) => type),
          [O.SO_TIMESTAMP, O.SO_TIMESTAMPING]
        )
      })
    ))

  it("that nobody knows are EINVAL on SOL_SOCKET and looked over elsewhere", () =>
    run(
      Effect.gen(function* () {
        const [client] = yield* connected
        const iov = [numbered(5)]
        const send = (level: number, type: number) => Sys.sendmsg(client, { iov, control: [{ level, type, data: 1 }] })
        assert.strictEqual(yield* outcome(send(O.SOL_SOCKET, 99)), "EINVAL")
        assert.strictEqual(yield* outcome(send(O.SOL_IP, 99)), 5)
      })
    ))

  it("of an empty error queue are EAGAIN, also when the call might block", () =>
    run(
      Effect.gen(function* () {
        const [client] = yield* connected
        assert.strictEqual(yield* Sys.recvmsg(client, { iov: [] }, MSG_ERRQUEUE), Sys.AGAIN)
      })
    ))
})

it("sendmmsg and recvmmsg move many datagrams", () =>
  run(
    Effect.gen(function* () {
      const server = yield* Sys.socket(SOCK_DGRAM)
      yield* Sys.bind(server, LISTENER)
      const client = yield* Sys.socket(SOCK_DGRAM)
      yield* Sys.connect(client, LISTENER)
      const three = [1, 2, 3].map((n) => ({ iov: [numbered(n)] }))
      assert.strictEqual(yield* Sys.sendmmsg(client, three), 3)
      yield* Sys.nanosleep(MS)
      const room = [1, 2, 3, 4].map(() => ({ iov: [new Uint8Array(9)] }))
      const got = yield* Sys.recvmmsg(server, room, MSG_WAITFORONE)
      assert.deepStrictEqual(
        (got as ReadonlyArray<Sys.ReceivedMessage>).map(({ count }) => count),
        [1, 2, 3]
      )
      assert.strictEqual(yield* Sys.recvmmsg(server, room, MSG_DONTWAIT), Sys.AGAIN)
    })
  ))

describe("the end of a connection", () => {
  it("close waits for the peer as long as SO_LINGER says", () => {
    for (const [seconds, loss, least, most] of [
      [5, 0, 0.0001, 0.01],
      [2, 1, 1.9, 2.1]
    ] as const) {
      const net = newNet()
      const [a, b] = pair(net, "6.x", { delay: 100_000 })
      let waited = -1
      b.spawn(
        "sink",
        Effect.gen(function* () {
          const listener = yield* Sys.socket(SOCK_STREAM)
          yield* Sys.bind(listener, { address: "10.0.0.2", port: 9 })
          yield* Sys.listen(listener, 1)
          const fd = yield* Sys.accept(listener)
          yield* Sys.recv(fd, new Uint8Array(1), MSG_WAITALL)
          if (loss === 1) yield* Sys.nanosleep(60 * S)
          yield* Sys.close(fd)
        })
      )
      a.spawn(
        "source",
        Effect.gen(function* () {
          const fd = yield* Sys.socket(SOCK_STREAM)
          yield* Sys.connect(fd, { address: "10.0.0.2", port: 9 })
          yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_LINGER, { on: true, seconds })
          // More than the peer takes, when it does not read.
          let left = loss === 1 ? 120_000 : 1000
          while (left > 0) left -= yield* Sys.send(fd, new Uint8Array(Math.min(left, 65_536)))
          const before = yield* Sys.clockGettime
          yield* Sys.close(fd)
          waited = ((yield* Sys.clockGettime) - before) / S
        })
      )
      settle(net, 2000 * S)
      allWell(a, b)
      assert.isAtLeast(waited, least)
      assert.isAtMost(waited, most)
    }
  })

  it("connect to AF_UNSPEC gives the connection up: RST, ECONNRESET once, and the socket may connect again", () =>
    run(
      Effect.gen(function* () {
        const listener = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(listener, LISTENER)
        yield* Sys.listen(listener, 2)
        const client = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.connect(client, LISTENER)
        const server = yield* Sys.accept(listener)
        yield* Sys.connect(client, { address: 0, port: 0 }, 0)
        yield* Sys.nanosleep(MS)
        assert.strictEqual(yield* outcome(Sys.recv(server, new Uint8Array(1))), "ECONNRESET")
        assert.strictEqual(yield* Sys.getsockopt(client, O.SOL_SOCKET, O.SO_ERROR), 104)
        assert.strictEqual(yield* Sys.getsockopt(client, O.SOL_SOCKET, O.SO_ERROR), 0)
        assert.strictEqual(yield* outcome(Sys.getpeername(client)), "ENOTCONN")
        yield* Sys.connect(client, LISTENER)
        const again = yield* Sys.accept(listener)
        yield* Sys.send(client, numbered(7))
        assert.strictEqual(yield* Sys.recv(again, new Uint8Array(9)), 7)
      })
    ))
})
