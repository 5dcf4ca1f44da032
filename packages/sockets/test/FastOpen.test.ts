import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { MSG_FASTOPEN, SOCK_NONBLOCK, SOCK_STREAM } from "../src/Socket.ts"
import { SOL_TCP, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_KEY, TCP_INFO } from "../src/SocketOptions.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, box, newNet, settle } from "./Net.ts"

const S = 1_000_000_000
const SERVER = { address: "127.0.0.1", port: 7 }
const SYN_DATA = 32

/** Takes connections, reads one message of each, and notes its text. */
const server = (heard: Array<string>) =>
  Effect.gen(function* () {
    const fd = yield* Sys.socket(SOCK_STREAM)
    yield* Sys.setsockopt(fd, SOL_TCP, TCP_FASTOPEN, 8)
    yield* Sys.bind(fd, SERVER)
    yield* Sys.listen(fd, 16)
    for (let i = 0; i < 3; i++) {
      const child = yield* Sys.accept(fd)
      const into = new Uint8Array(4096)
      let text = ""
      for (;;) {
        const count = yield* Sys.recv(child, into)
        if (count === 0) break
        text += new TextDecoder().decode(into.subarray(0, count))
      }
      heard.push(text)
      yield* Sys.close(child)
    }
  })

describe("Fast Open through system calls", () => {
  it("sendto with MSG_FASTOPEN: a cookie first, then data in the SYN; a deferred connect does the same", () => {
    const net = newNet()
    const a = box(net, "a")
    a.host.init.sysctl.set("net.ipv4.tcp_fastopen", "3")
    const heard: Array<string> = []
    const options: Array<number> = []
    a.spawn("server", server(heard))
    a.spawn(
      "client",
      Effect.gen(function* () {
        const note = (fd: number) =>
          Effect.gen(function* () {
            const info = (yield* Sys.getsockopt(fd, SOL_TCP, TCP_INFO)) as Readonly<Record<string, number>>
            options.push(info.options! & SYN_DATA)
            yield* Sys.close(fd)
            yield* Effect.sleep(10)
          })
        for (const text of ["first", "second"]) {
          const fd = yield* Sys.socket(SOCK_STREAM)
          yield* Sys.sendto(fd, new TextEncoder().encode(text), SERVER, MSG_FASTOPEN)
          yield* note(fd)
        }
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.setsockopt(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1)
        yield* Sys.connect(fd, SERVER)
        yield* Sys.send(fd, new TextEncoder().encode("third"))
        yield* note(fd)
      })
    )
    settle(net, 5 * S)
    allWell(a)
    assert.deepStrictEqual(heard, ["first", "second", "third"])
    assert.deepStrictEqual(options, [0, SYN_DATA, SYN_DATA])
  })

  it("what does not fit into the SYN follows it; a call that must not block takes what fits", () => {
    const net = newNet()
    const a = box(net, "a")
    a.host.init.sysctl.set("net.ipv4.tcp_fastopen", "0x603")
    a.host.init.sysctl.set("net.ipv4.tcp_fastopen", "0x607")
    a.host.init.loopback!.mtu = 1500
    const heard: Array<string> = []
    const sent: Array<number> = []
    a.spawn("server", server(heard))
    a.spawn(
      "client",
      Effect.gen(function* () {
        for (const flags of [0, SOCK_NONBLOCK]) {
          const fd = yield* Sys.socket(SOCK_STREAM | flags)
          sent.push(yield* Sys.sendto(fd, new Uint8Array(5000).fill(65), SERVER, MSG_FASTOPEN))
          yield* Effect.sleep(10)
          yield* Sys.close(fd)
        }
      })
    )
    settle(net, 5 * S)
    assert.deepStrictEqual(sent, [5000, 1420])
    assert.deepStrictEqual(
      heard.map((text) => text.length),
      [5000, 1420]
    )
  })

  it("the key's sysctl takes keys only, and TCP_FASTOPEN_KEY gives back what a listener uses", () => {
    const net = newNet()
    const a = box(net, "a")
    const { sysctl } = a.host.init
    assert.isBelow(sysctl.set("net.ipv4.tcp_fastopen_key", "no key"), 0)
    assert.strictEqual(sysctl.set("net.ipv4.tcp_fastopen_key", "1-2-3-4"), 0)
    assert.strictEqual(sysctl.format("net.ipv4.tcp_fastopen_key"), "00000001-00000002-00000003-00000004")
    let key: unknown = null
    a.spawn(
      "reader",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        key = yield* Sys.getsockopt(fd, SOL_TCP, TCP_FASTOPEN_KEY)
      })
    )
    settle(net, 1 * S)
    allWell(a)
    assert.deepStrictEqual(key, Uint8Array.from([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]))
  })
})
