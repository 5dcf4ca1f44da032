import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as CwndUse from "../src/CwndUse.ts"
import * as SockOpt from "../src/SockOpt.ts"
import * as Stream from "../src/Stream.ts"
import * as TcpInfo from "../src/TcpInfo.ts"
import { pair } from "../src/SimpleHost.ts"
import { Puppet } from "./Puppet.ts"
import { sent } from "./Sent.ts"

const MS = 1e6

describe("use of cwnd", () => {
  it("half of it at once, never more than is left", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(500), (cwnd, out) => {
        const puppet = new Puppet()
        puppet.connect()
        const sock = puppet.sock!
        sock.sndCwnd = cwnd
        sock.packetsOut = out
        const quota = CwndUse.quota(sock)
        assert.strictEqual(quota === 0, out >= cwnd)
        assert.isAtMost(quota, Math.max(1, cwnd >> 1))
        assert.isAtMost(out + quota, Math.max(cwnd, out))
        sock.packetsOut = 1
      }),
      { numRuns: cases(100) }
    ))

  it("an application that sends less leaves cwnd where it is; slow start goes on to twice what was out", () => {
    const puppet = new Puppet({ gsoMaxSize: 0 })
    puppet.establish({ mss: 1000, sackOk: true })
    const sock = puppet.sock!
    puppet.say({ seq: 1, ack: 1 })
    puppet.stream!.write(new Uint8Array(4000))
    for (let i = 1; i <= 4; i++) puppet.say({ seq: 1, ack: i * 1000 + 1 })
    assert.strictEqual(sock.sndCwnd, 10)
    puppet.stream!.write(new Uint8Array(9000))
    for (let i = 5; i <= 13; i++) puppet.say({ seq: 1, ack: i * 1000 + 1 })
    assert.strictEqual(sock.sndCwnd, 18)
  })

  it("halves for each RTO of idle time, down to the initial window (RFC 2861)", () => {
    const puppet = sent(40, { sackOk: true }, "reno", 40_000)
    const sock = puppet.sock!
    puppet.say({ seq: 1, ack: 40_001 })
    assert.strictEqual(sock.sndCwnd, 80)
    sock.sndSsthresh = 20
    puppet.run(3.5 * sock.rtoUs * 1000)
    puppet.stream!.write(new Uint8Array(1000))
    assert.strictEqual(sock.sndCwnd, 10)
    assert.strictEqual(sock.sndSsthresh, 60)
  })
})

describe("where the time goes (tcp_info)", () => {
  it("waiting for the peer's window", () => {
    const puppet = new Puppet()
    puppet.establish({ mss: 1000, window: 0 })
    puppet.stream!.write(new Uint8Array(1000))
    puppet.run(200 * MS)
    assert.strictEqual(TcpInfo.read(puppet.sock!).rwnd_limited, 200_000)
    puppet.say({ seq: 1, ack: 1, window: 2000 })
    puppet.run(30 * MS)
    const info = TcpInfo.read(puppet.sock!)
    assert.strictEqual(info.rwnd_limited, 200_000)
    assert.strictEqual(info.busy_time, 230_000)
    puppet.say({ seq: 1, ack: 1001, window: 2000 })
    puppet.run(100 * MS)
    assert.strictEqual(TcpInfo.read(puppet.sock!).busy_time, 230_000)
  })

  it("waiting for room in the send buffer", () => {
    const puppet = new Puppet({ gsoMaxSize: 0 })
    puppet.establish({ mss: 1000, scale: 8, sackOk: true })
    const sock = puppet.sock!
    puppet.say({ seq: 1, ack: 1 })
    SockOpt.setSendBuffer(sock, 5000)
    const bytes = new Uint8Array(50_000)
    let at = 0
    for (let taken = 1; taken > 0; at += Math.max(0, taken)) {
      taken = Stream.sendStep(sock, bytes, at, bytes.length - at, 0)
    }
    Stream.sendDone(sock, 0)
    assert.isTrue(sock.noSpace)
    sock.sndCwnd = 100
    puppet.say({ seq: 1, ack: 1001 })
    puppet.run(50 * MS)
    assert.strictEqual(TcpInfo.read(sock).rwnd_limited, 0)
    assert.strictEqual(TcpInfo.read(sock).busy_time, 50_000)
  })

  it("busy time is never less than its parts, and the delivery rate is what arrived in time", () => {
    const { clock, client, server } = pair(9, { delay: 10 * MS, rate: 10e6 })
    server.listen(80)
    server.onAccept = () => {}
    const stream = client.connect(server.address, 80)
    stream.write(new Uint8Array(2_000_000))
    clock.runUntil(1e9)
    const info = TcpInfo.read(stream.sock)
    assert.isAtLeast(info.busy_time, 900_000)
    assert.isAtLeast(info.busy_time, info.rwnd_limited + info.sndbuf_limited)
    assert.isAbove(info.delivery_rate, 1.0e6)
    assert.isBelow(info.delivery_rate, 1.25e6)
    assert.strictEqual(info.total_rto, 0)
  })

  it("timeouts and how long they lasted", () => {
    const puppet = sent(3, { sackOk: true }, "reno", 3000)
    puppet.run(1000 * MS)
    const during = TcpInfo.read(puppet.sock!)
    assert.isAtLeast(during.total_rto, 2)
    assert.strictEqual(during.total_rto_recoveries, 1)
    puppet.say({ seq: 1, ack: 3001 })
    const after = TcpInfo.read(puppet.sock!)
    assert.isAbove(after.total_rto_time, 500)
    assert.isBelow(after.total_rto_time, 1000)
    puppet.run(100 * MS)
    assert.strictEqual(TcpInfo.read(puppet.sock!).total_rto_time, after.total_rto_time)
  })
})
