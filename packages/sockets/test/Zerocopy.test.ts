/** MSG_ZEROCOPY and SO_TIMESTAMPING: what comes on the error queue, and what is copied. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { EPOLLERR, EPOLLET, EPOLLOUT, POLLERR } from "../src/Poll.ts"
import type { ExtendedError } from "../src/Message.ts"
import { MSG_ERRQUEUE, MSG_TRUNC, MSG_WAITALL, MSG_ZEROCOPY, SOCK_STREAM } from "../src/Socket.ts"
import * as O from "../src/SocketOptions.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, type Box, newNet, pair, settle } from "./Net.ts"

const MS = 1_000_000
const S = 1_000 * MS
const PORT = 9

/** Runs `client` against a server that reads all and calls `check` with it. */
const run = (
  where: "cable" | "lo",
  client: (fd: number, a: Box) => Effect.Effect<void, unknown>,
  check: (bytes: Uint8Array) => void = () => undefined
): void => {
  const net = newNet()
  const [a, b] = pair(net, "6.x", { rate: 1e9, delay: MS })
  const address = where === "lo" ? "127.0.0.1" : "10.0.0.2"
  const all: Array<number> = []
  const server = where === "lo" ? a : b
  server.spawn(
    "server",
    Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.bind(listener, { address, port: PORT })
      yield* Sys.listen(listener, 1)
      const fd = yield* Sys.accept(listener)
      const buffer = new Uint8Array(65_536)
      for (;;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count === 0) return
        for (let i = 0; i < count; i++) all.push(buffer[i]!)
      }
    })
  )
  a.spawn(
    "client",
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_ZEROCOPY, 1)
      yield* Sys.connect(fd, { address, port: PORT })
      yield* client(fd, a)
    })
  )
  settle(net, 100 * S)
  allWell(a, b)
  assert.strictEqual(a.host.liveSkbs + b.host.liveSkbs, 0)
  check(Uint8Array.from(all))
}

/** The oldest report, or null. */
const report = (fd: number) =>
  Effect.map(Sys.recvmsg(fd, { iov: [new Uint8Array(0)] }, MSG_ERRQUEUE), (got) => {
    if (got === Sys.AGAIN) return null
    const message = got as Sys.ReceivedMessage
    const error = message.control.find(({ type }) => type === O.IP_RECVERR)?.data as ExtendedError
    const stamp = message.control.find(({ type }) => type === O.SO_TIMESTAMPING)?.data
    return { flags: message.flags, error, stamp }
  })

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7)

describe("MSG_ZEROCOPY", () => {
  it("sends the program's pages without a copy; ranges of sends come back as one report", () =>
    run(
      "cable",
      (fd, a) =>
        Effect.gen(function* () {
          const copied = a.host.copiedBytes
          const data = bytes(9000)
          for (let i = 0; i < 3; i++) assert.strictEqual(yield* Sys.send(fd, data, MSG_ZEROCOPY), 9000)
          assert.isNull(yield* report(fd))
          yield* Sys.nanosleep(S)
          assert.strictEqual(a.host.copiedBytes, copied)
          const got = yield* report(fd)
          assert.deepStrictEqual(got?.error, { errno: 0, origin: 5, type: 0, code: 0, info: 0, data: 2, offender: 0 })
          assert.strictEqual(got?.flags, MSG_ERRQUEUE)
          assert.isNull(yield* report(fd))
        }),
      (all) => assert.deepStrictEqual(all, Uint8Array.from([...bytes(9000), ...bytes(9000), ...bytes(9000)]))
    ))

  it("over lo the data is copied after all, and the report says so", () =>
    run("lo", (fd, a) =>
      Effect.gen(function* () {
        const copied = a.host.copiedBytes
        yield* Sys.send(fd, bytes(4000), MSG_ZEROCOPY)
        yield* Sys.nanosleep(S)
        assert.strictEqual((yield* report(fd))?.error.code, 1)
        // Once for the receiver's packet, once for the reader.
        assert.strictEqual(a.host.copiedBytes - copied, 8000)
      })
    ))

  it("shows the peer what the program writes before the data has gone", () =>
    run(
      "cable",
      (fd) =>
        Effect.gen(function* () {
          yield* Sys.setsockopt(fd, O.SOL_TCP, O.TCP_CORK, 1)
          const data = new Uint8Array(100)
          yield* Sys.send(fd, data, MSG_ZEROCOPY)
          data.fill(9)
          yield* Sys.setsockopt(fd, O.SOL_TCP, O.TCP_CORK, 0)
        }),
      (all) => assert.deepStrictEqual(all, new Uint8Array(100).fill(9))
    ))

  it("one buffer a fragment: 18 of them need two segments", () =>
    run("cable", (fd) =>
      Effect.gen(function* () {
        const iov = Array.from({ length: 18 }, () => new Uint8Array(1))
        const before = (yield* Sys.getsockopt(fd, O.SOL_TCP, O.TCP_INFO)) as Record<string, number>
        assert.strictEqual(yield* Sys.sendmsg(fd, { iov }, MSG_ZEROCOPY), 18)
        yield* Sys.nanosleep(S)
        const after = (yield* Sys.getsockopt(fd, O.SOL_TCP, O.TCP_INFO)) as Record<string, number>
        assert.strictEqual(after["data_segs_out"]! - before["data_segs_out"]!, 2)
        assert.strictEqual((yield* report(fd))?.error.data, 0)
      })
    ))

  it("is a plain send where the socket has not asked for it, and takes no number when it fails", () =>
    run("cable", (fd) =>
      Effect.gen(function* () {
        yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_ZEROCOPY, 0)
        yield* Sys.send(fd, bytes(100), MSG_ZEROCOPY)
        yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_ZEROCOPY, 1)
        yield* Sys.nanosleep(S)
        assert.isNull(yield* report(fd))
        const other = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.setsockopt(other, O.SOL_SOCKET, O.SO_ZEROCOPY, 1)
        const failed = yield* Effect.catch(Sys.send(other, bytes(10), MSG_ZEROCOPY), (error) =>
          Effect.succeed(error._tag)
        )
        assert.strictEqual(failed, "EPIPE")
        assert.isNull(yield* report(other))
        assert.strictEqual(yield* Sys.sendmsg(fd, { iov: [bytes(0)] }, MSG_ZEROCOPY), 0)
        yield* Sys.send(fd, bytes(100), MSG_ZEROCOPY)
        yield* Sys.nanosleep(S)
        assert.strictEqual((yield* report(fd))?.error.info, 0)
      })
    ))

  it("ends with ENOBUFS when the option memory is in use, until the report is read", () =>
    run("cable", (fd, a) =>
      Effect.gen(function* () {
        assert.strictEqual(a.host.init.sysctl.set("net.core.optmem_max", "1000"), 0)
        const send = Effect.catch(Sys.send(fd, bytes(10), MSG_ZEROCOPY), (error) => Effect.succeed(error._tag))
        assert.strictEqual(yield* send, 10)
        assert.strictEqual(yield* send, "ENOBUFS")
        yield* Sys.nanosleep(S)
        assert.strictEqual(yield* send, "ENOBUFS")
        assert.strictEqual((yield* report(fd))?.error.data, 0)
        assert.strictEqual(yield* send, 10)
      })
    ))

  it("EPOLLERR comes once for each news with EPOLLET; poll says POLLERR as long as there is a report", () =>
    run("cable", (fd) =>
      Effect.gen(function* () {
        const ep = yield* Sys.epollCreate1
        yield* Sys.epollCtl(ep, 1, fd, EPOLLOUT | EPOLLET)
        const events = Effect.map(Sys.epollWait(ep, 1, 0), (list) => list.map((event) => event.events))
        assert.deepStrictEqual(yield* events, [EPOLLOUT])
        yield* Sys.send(fd, bytes(4000), MSG_ZEROCOPY)
        yield* Sys.nanosleep(S)
        assert.deepStrictEqual(yield* events, [EPOLLOUT | EPOLLERR])
        assert.deepStrictEqual(yield* events, [])
        const fds = [{ fd, events: 0, revents: 0 }]
        yield* Sys.poll(fds, 0)
        assert.strictEqual(fds[0]!.revents & POLLERR, POLLERR)
        yield* Sys.send(fd, bytes(4000), MSG_ZEROCOPY)
        yield* Sys.nanosleep(S)
        assert.deepStrictEqual(yield* events, [EPOLLOUT | EPOLLERR])
        yield* report(fd)
        yield* Sys.poll(fds, 0)
        assert.strictEqual(fds[0]!.revents & POLLERR, 0)
      })
    ))

  it("a process that ends in the middle gives everything back", () =>
    run("cable", (fd) => Effect.asVoid(Sys.send(fd, bytes(60_000), MSG_ZEROCOPY))))
})

describe("SO_TIMESTAMPING", () => {
  const all = O.SOF_TIMESTAMPING_TX_SCHED | O.SOF_TIMESTAMPING_TX_SOFTWARE | O.SOF_TIMESTAMPING_TX_ACK
  const told = O.SOF_TIMESTAMPING_SOFTWARE | O.SOF_TIMESTAMPING_OPT_ID

  it("tells when the last byte of each send was queued, sent and acknowledged", () =>
    run("cable", (fd) =>
      Effect.gen(function* () {
        yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_TIMESTAMPING, all | told)
        for (const id of [1999, 3999]) {
          const before = yield* Sys.clockGettime
          yield* Sys.send(fd, bytes(2000))
          yield* Sys.nanosleep(S)
          const seen: Array<readonly [number, number, boolean]> = []
          for (let got = yield* report(fd); got !== null; got = yield* report(fd)) {
            const { fraction, seconds } = got.stamp as { readonly seconds: number; readonly fraction: number }
            const after = seconds * S + fraction - before
            seen.push([got.error.info, got.error.data, after > 2 * MS])
            assert.strictEqual(got.flags, MSG_ERRQUEUE | MSG_TRUNC)
            assert.deepStrictEqual([got.error.errno, got.error.origin], [42, 4])
            assert.isBelow(after, 3 * MS)
          }
          assert.deepStrictEqual(seen, [
            [1, id, false],
            [0, id, false],
            [2, id, true]
          ])
        }
      })
    ))

  it("an accepted socket has room for stamps, too", () => {
    const net = newNet()
    const [a, b] = pair(net, "6.x", { delay: MS })
    b.spawn(
      "server",
      Effect.gen(function* () {
        const listener = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(listener, { address: "10.0.0.2", port: PORT })
        yield* Sys.listen(listener, 1)
        const fd = yield* Sys.accept(listener)
        yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_TIMESTAMPING, all | told)
        yield* Sys.send(fd, bytes(5000))
        yield* Sys.nanosleep(S)
        const seen: Array<number | undefined> = []
        for (let i = 0; i < 3; i++) seen.push((yield* report(fd))?.error.data)
        assert.deepStrictEqual(seen, [4999, 4999, 4999])
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.connect(fd, { address: "10.0.0.2", port: PORT })
        yield* Sys.recv(fd, new Uint8Array(5000), MSG_WAITALL)
        yield* Sys.nanosleep(2 * S)
      })
    )
    settle(net, 100 * S)
    allWell(a, b)
  })

  it("OPT_TSONLY brings no bytes; a control message asks for one send", () =>
    run("cable", (fd) =>
      Effect.gen(function* () {
        const only = O.SOF_TIMESTAMPING_OPT_TSONLY | O.SOF_TIMESTAMPING_OPT_ID_TCP
        yield* Sys.setsockopt(fd, O.SOL_SOCKET, O.SO_TIMESTAMPING, told | only)
        yield* Sys.send(fd, bytes(10))
        const control = [{ level: O.SOL_SOCKET, type: O.SO_TIMESTAMPING, data: O.SOF_TIMESTAMPING_TX_ACK }]
        yield* Sys.sendmsg(fd, { iov: [bytes(10)], control })
        yield* Sys.nanosleep(S)
        const got = yield* report(fd)
        assert.deepStrictEqual([got?.flags, got?.error.info, got?.error.data], [MSG_ERRQUEUE, 2, 19])
        assert.isNull(yield* report(fd))
      })
    ))
})
