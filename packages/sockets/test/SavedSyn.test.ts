import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import { Effect } from "effect"
import { assert, describe, it } from "vitest"
import { SOCK_STREAM } from "../src/Socket.ts"
import { SOL_TCP, TCP_SAVED_SYN, TCP_SAVE_SYN } from "../src/SocketOptions.ts"
import * as Sys from "../src/Sys.ts"
import { allWell, box, newNet, settle } from "./Net.ts"

const SERVER = { address: "127.0.0.1", port: 7 }

describe("TCP_SAVE_SYN", () => {
  it("keeps the IP and TCP header of a connection's SYN, to be read once", () => {
    const net = newNet()
    const a = box(net, "a")
    const saved: Array<Uint8Array> = []
    a.spawn(
      "server",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.setsockopt(fd, SOL_TCP, TCP_SAVE_SYN, 1)
        yield* Sys.bind(fd, SERVER)
        yield* Sys.listen(fd, 16)
        const child = yield* Sys.accept(fd)
        for (let i = 0; i < 2; i++) saved.push((yield* Sys.getsockopt(child, SOL_TCP, TCP_SAVED_SYN)) as Uint8Array)
      })
    )
    a.spawn(
      "client",
      Effect.gen(function* () {
        const fd = yield* Sys.socket(SOCK_STREAM)
        yield* Sys.connect(fd, SERVER)
      })
    )
    settle(net, 1e9)
    allWell(a)
    const [first, second] = saved
    assert.strictEqual(second!.length, 0)
    assert.strictEqual(Ipv4.destination(first!, 0), 0x7f00_0001)
    const tcp = Ipv4.headerLength(first!, 0)
    assert.strictEqual(TcpHeader.flags(first!, tcp), TcpHeader.SYN)
    assert.strictEqual(TcpHeader.destinationPort(first!, tcp), 7)
    assert.strictEqual(first!.length, tcp + TcpHeader.headerLength(first!, tcp))
  })
})
