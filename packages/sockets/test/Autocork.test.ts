import * as Counters from "@darkfiber/tcp/Counters"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { SOCK_STREAM } from "../src/Socket.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, newNet, pair, settle } from "./Net.ts"

const S = 1_000_000_000
const WRITES = 200
const SIZE = 50
const SOL_TCP = 6
const TCP_NODELAY = 1

interface Seen {
  readonly received: number
  readonly corked: number
  readonly segments: number
}

/** Writes small pieces without pause, Nagle off, over a slow cable. */
const write = (autocorking: string): Seen => {
  const net = newNet()
  const [a, b] = pair(net, "6.x", { rate: 10_000_000 })
  assert.strictEqual(a.host.init.setSysctl("net.ipv4.tcp_autocorking", autocorking), 0)
  let received = 0
  b.spawn(
    "sink",
    Effect.gen(function* () {
      const listener = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.bind(listener, { address: "10.0.0.2", port: 7 })
      yield* Sys.listen(listener, 1)
      const fd = yield* Sys.accept(listener)
      const buffer = new Uint8Array(65_536)
      for (;;) {
        const count = yield* Sys.recv(fd, buffer)
        if (count === 0) return
        received += count
      }
    })
  )
  a.spawn(
    "source",
    Effect.gen(function* () {
      const fd = yield* Sys.socket(SOCK_STREAM)
      yield* Sys.setsockopt(fd, SOL_TCP, TCP_NODELAY, 1)
      yield* Sys.connect(fd, { address: "10.0.0.2", port: 7 })
      for (let i = 0; i < WRITES; i++) yield* Sys.send(fd, new Uint8Array(SIZE))
      yield* Sys.close(fd)
    })
  )
  settle(net, 10 * S)
  allWell(a, b)
  const { mib } = a.tcp.netOf(a.host.init)
  return { received, corked: mib[Counters.AUTO_CORKING]!, segments: mib[Counters.OUT_SEGS]! }
}

describe("autocorking", () => {
  it("lets small writes gather while the device holds packets of the socket, and loses none", () => {
    const on = write("1")
    const off = write("0")
    assert.strictEqual(on.received, WRITES * SIZE)
    assert.strictEqual(off.received, WRITES * SIZE)
    assert.strictEqual(off.corked, 0)
    assert.isAbove(on.corked, 0)
    assert.isBelow(on.segments, off.segments)
  })
})
