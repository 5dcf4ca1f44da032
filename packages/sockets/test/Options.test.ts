/** setsockopt, getsockopt and ioctl: the errnos and values that a 6.18 kernel gave for the same calls. */
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import * as Ioctl from "../src/Ioctl.ts"
import { SOCK_DGRAM, SOCK_STREAM } from "../src/Socket.ts"
import * as O from "../src/SocketOptions.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, box, newNet, settle } from "./Net.ts"

const S = 1_000_000_000

const run = (program: Effect.Effect<unknown, unknown>): void => {
  const net = newNet()
  const a = box(net, "a")
  a.spawn("p", program)
  settle(net, 10 * S)
  allWell(a)
}

/** The errno of a call, or its value. */
const outcome = <A>(effect: Effect.Effect<A, { readonly _tag: string }>): Effect.Effect<A | string> =>
  Effect.catch(effect, (error) => Effect.succeed(error._tag))

describe("setsockopt", () => {
  const cases: ReadonlyArray<
    readonly [
      name: string,
      level: number,
      option: number,
      value: O.OptionValue,
      length: number,
      set: string,
      got: unknown
    ]
  > = [
    ["an int that is too short", O.SOL_SOCKET, O.SO_REUSEADDR, 1, 1, "EINVAL", 0],
    ["an option there is not, too short", O.SOL_SOCKET, 999, 1, 1, "EINVAL", "ENOPROTOOPT"],
    ["an option there is not", O.SOL_SOCKET, 999, 1, 4, "ENOPROTOOPT", "ENOPROTOOPT"],
    ["a short TCP option", O.SOL_TCP, O.TCP_NODELAY, 1, 1, "EINVAL", 0],
    ["a TCP option there is not", O.SOL_TCP, 99, 1, 4, "ENOPROTOOPT", "ENOPROTOOPT"],
    ["a byte for IP", O.SOL_IP, O.IP_TOS, 4, 1, "", 4],
    ["nothing for IP", O.SOL_IP, O.IP_TOS, 4, 0, "", 0],
    ["a level of another protocol", 17, 1, 1, 4, "ENOPROTOOPT", "EOPNOTSUPP"],
    ["a level there is not", 200, 1, 1, 4, "ENOPROTOOPT", "EOPNOTSUPP"],
    ["a negative length", O.SOL_SOCKET, O.SO_REUSEADDR, 1, -1, "EINVAL", 0],
    [
      "half a struct linger",
      O.SOL_SOCKET,
      O.SO_LINGER,
      { on: true, seconds: 1 },
      4,
      "EINVAL",
      { on: false, seconds: 0 }
    ],
    ["half a time", O.SOL_SOCKET, O.SO_RCVTIMEO, 1, 4, "EINVAL", 0],
    ["no name of a congestion control", O.SOL_TCP, O.TCP_CONGESTION, "", 0, "EINVAL", "cubic"],
    ["a congestion control there is not", O.SOL_TCP, O.TCP_CONGESTION, "nonesuch", 8, "ENOENT", "cubic"],
    ["TCP_LINGER2 below 0", O.SOL_TCP, O.TCP_LINGER2, -1, 4, "", -1],
    ["TCP_LINGER2 above the most", O.SOL_TCP, O.TCP_LINGER2, 200, 4, "", 120],
    ["a small window clamp", O.SOL_TCP, O.TCP_WINDOW_CLAMP, 100, 4, "", 1152],
    ["TCP_NOTSENT_LOWAT, unsigned", O.SOL_TCP, O.TCP_NOTSENT_LOWAT, -1, 4, "", 0xffff_ffff],
    ["TCP_DEFER_ACCEPT in SYN-ACKs", O.SOL_TCP, O.TCP_DEFER_ACCEPT, 5, 4, "", 7],
    ["TCP_INQ, neither on nor off", O.SOL_TCP, O.TCP_INQ, 2, 4, "EINVAL", 0],
    ["TCP_INQ", O.SOL_TCP, O.TCP_INQ, 1, 4, "", 1],
    ["TCP_SYNCNT of 0", O.SOL_TCP, O.TCP_SYNCNT, 0, 4, "EINVAL", 6],
    ["TCP_MAXSEG too small", O.SOL_TCP, O.TCP_MAXSEG, 20, 4, "EINVAL", 536],
    ["TCP_KEEPIDLE of 0", O.SOL_TCP, O.TCP_KEEPIDLE, 0, 4, "EINVAL", 7200],
    ["TCP_USER_TIMEOUT below 0", O.SOL_TCP, O.TCP_USER_TIMEOUT, -1, 4, "EINVAL", 0],
    ["TCP_INFO", O.SOL_TCP, O.TCP_INFO, 0, 4, "ENOPROTOOPT", undefined],
    ["SO_ZEROCOPY, neither on nor off", O.SOL_SOCKET, O.SO_ZEROCOPY, 2, 4, "EINVAL", 0],
    ["SO_ZEROCOPY", O.SOL_SOCKET, O.SO_ZEROCOPY, 1, 4, "", 1],
    ["a time stamp there is not", O.SOL_SOCKET, O.SO_TIMESTAMPING, 1 << 26, 4, "EINVAL", 0],
    ["ids without a connection", O.SOL_SOCKET, O.SO_TIMESTAMPING, O.SOF_TIMESTAMPING_OPT_ID, 4, "EINVAL", 0],
    ["OPT_ID_TCP alone", O.SOL_SOCKET, O.SO_TIMESTAMPING, O.SOF_TIMESTAMPING_OPT_ID_TCP, 4, "EINVAL", 0],
    ["SO_PEEK_OFF", O.SOL_SOCKET, O.SO_PEEK_OFF, 5, 4, "", 5],
    ["SO_RCVLOWAT below 0", O.SOL_SOCKET, O.SO_RCVLOWAT, -3, 4, "", 3_145_728],
    ["SO_MAX_PACING_RATE without a limit", O.SOL_SOCKET, O.SO_MAX_PACING_RATE, -1, 4, "", -1],
    ["SO_ERROR", O.SOL_SOCKET, O.SO_ERROR, 1, 4, "ENOPROTOOPT", 0],
    ["a buffer below 0 is the largest", O.SOL_SOCKET, O.SO_SNDBUF, -5, 4, "", 425_984],
    ["SO_DEBUG is kept", O.SOL_SOCKET, O.SO_DEBUG, 7, 4, "", 1],
    ["IP_TTL of 0", O.SOL_IP, O.IP_TTL, 0, 4, "EINVAL", 64],
    ["IP_TTL of -1", O.SOL_IP, O.IP_TTL, -1, 4, "", 64],
    ["IP_MTU_DISCOVER too large", O.SOL_IP, O.IP_MTU_DISCOVER, 7, 4, "EINVAL", 1],
    ["IP_MTU without a route", O.SOL_IP, O.IP_MTU, 7, 4, "ENOPROTOOPT", "ENOTCONN"],
    ["IP_FREEBIND", O.SOL_IP, O.IP_FREEBIND, 1, 4, "", 1],
    ["IP_BIND_ADDRESS_NO_PORT", O.SOL_IP, O.IP_BIND_ADDRESS_NO_PORT, 1, 4, "", 1]
  ]
  for (const [name, level, option, value, length, set, got] of cases) {
    it(name, () =>
      run(
        Effect.gen(function* () {
          const fd = yield* Sys.socket(SOCK_STREAM)
          assert.strictEqual((yield* outcome(Sys.setsockopt(fd, level, option, value, length))) ?? "", set)
          const after = yield* outcome(Sys.getsockopt(fd, level, option))
          if (got !== undefined) assert.deepStrictEqual(after, got)
        })
      )
    )
  }

  it("lets a bind wait for its port until the peer is known", () =>
    run(
      Effect.gen(function* () {
        const listener = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(listener, { address: "127.0.0.1", port: 9 })
        yield* Sys.listen(listener, 1)
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.setsockopt(fd, O.SOL_IP, O.IP_BIND_ADDRESS_NO_PORT, 1)
        yield* Sys.bind(fd, { address: "127.0.0.1", port: 0 })
        assert.strictEqual((yield* Sys.getsockname(fd)).port, 0)
        yield* Sys.connect(fd, { address: "127.0.0.1", port: 9 })
        assert.isAbove((yield* Sys.getsockname(fd)).port, 0)
      })
    ))

  it("lets a socket have an address that is not this host's", () =>
    run(
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        const elsewhere = { address: "10.9.9.9", port: 80 }
        assert.strictEqual(yield* outcome(Sys.bind(fd, elsewhere)), "EADDRNOTAVAIL")
        yield* Sys.setsockopt(fd, O.SOL_IP, O.IP_FREEBIND, 1)
        yield* Sys.bind(fd, elsewhere)
      })
    ))
})

it("getsockopt cuts a number to the room there is", () =>
  run(
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      assert.strictEqual(yield* Sys.getsockopt(fd, O.SOL_SOCKET, O.SO_RCVBUF, 2), 131_072 & 0xffff)
      assert.strictEqual(yield* outcome(Sys.getsockopt(fd, O.SOL_SOCKET, O.SO_RCVBUF, -1)), "EINVAL")
    })
  ))

describe("ioctl", () => {
  it("on sockets without a connection", () =>
    run(
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        for (const request of [Ioctl.SIOCINQ, Ioctl.SIOCOUTQ, Ioctl.SIOCOUTQNSD]) {
          assert.strictEqual(yield* Sys.ioctl(fd, request), 0)
        }
        assert.strictEqual(yield* outcome(Sys.ioctl(fd, 0x9999)), "ENOTTY")
        assert.strictEqual(yield* outcome(Sys.ioctl(99, Ioctl.SIOCINQ)), "EBADF")
        yield* Sys.bind(fd, { address: "127.0.0.1", port: 9 })
        yield* Sys.listen(fd, 1)
        assert.strictEqual(yield* outcome(Sys.ioctl(fd, Ioctl.SIOCINQ)), "EINVAL")
        yield* Sys.ioctl(fd, Ioctl.FIONBIO, 1)
        assert.strictEqual(yield* Sys.accept(fd), Sys.AGAIN)
      })
    ))

  it("tells what can be read and what is not acknowledged; a FIN is no byte", () =>
    run(
      Effect.gen(function* () {
        const listener = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.bind(listener, { address: "127.0.0.1", port: 9 })
        yield* Sys.listen(listener, 1)
        const client = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.connect(client, { address: "127.0.0.1", port: 9 })
        const server = yield* Sys.accept(listener)
        yield* Sys.send(client, new Uint8Array(100))
        yield* Sys.close(client)
        yield* Sys.nanosleep(1_000_000)
        assert.strictEqual(yield* Sys.ioctl(server, Ioctl.SIOCINQ), 100)
        yield* Sys.send(server, new Uint8Array(0))
        assert.strictEqual(yield* Sys.ioctl(server, Ioctl.SIOCOUTQ), 0)
        yield* Sys.recv(server, new Uint8Array(100))
        assert.strictEqual(yield* Sys.ioctl(server, Ioctl.SIOCINQ), 0)
      })
    ))

  it("tells the length of the next datagram", () =>
    run(
      Effect.gen(function* () {
        const to = { address: "127.0.0.1", port: 9 }
        const server = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.bind(server, to)
        const client = yield* Sys.socket(SOCK_DGRAM)
        yield* Sys.sendto(client, new Uint8Array(30), to)
        yield* Sys.sendto(client, new Uint8Array(40), to)
        yield* Sys.nanosleep(1_000_000)
        assert.strictEqual(yield* Sys.ioctl(server, Ioctl.SIOCINQ), 30)
        assert.strictEqual(yield* outcome(Sys.ioctl(server, Ioctl.SIOCOUTQNSD)), "ENOTTY")
      })
    ))
})
