import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { ETIMEDOUT } from "../src/Errno.ts"
import * as OptionNames from "../src/OptionNames.ts"
import * as SockOpt from "../src/SockOpt.ts"
import * as TcpInfo from "../src/TcpInfo.ts"
import { modelTimeoutMs } from "../src/Timers.ts"
import { ACK, FIN, type Heard, PSH, Puppet, RST, times } from "./Puppet.ts"

const SECOND = 1e9
const MS = 1e6

/** An established connection without timestamps, at a time of its own. */
const open = (rttMs = 0, prepare?: (puppet: Puppet) => void): Puppet => {
  const puppet = new Puppet()
  prepare?.(puppet)
  puppet.connect()
  puppet.run(rttMs * MS)
  puppet.say({ flags: 0x12, ack: 1, mss: 1460, sackOk: true })
  puppet.forget()
  return puppet
}

const data = (heard: ReadonlyArray<Heard>): ReadonlyArray<Heard> => heard.filter((segment) => segment.length > 0)

describe("retransmission timer (RFC 6298)", () => {
  it("probes the tail after srtt and 200 ms, as much later times out, doubles up to 120 s, and gives up", () => {
    const puppet = open(4)
    const stream = puppet.stream!
    assert.strictEqual(TcpInfo.read(stream.sock).rto, 204_000)
    const start = puppet.clock.now
    stream.write(new Uint8Array(100))
    puppet.run(2000 * SECOND)
    const seen = times(puppet.heard, start)
    const expected = [0]
    let wait = 0.204
    // The loss probe, and the RTO that starts anew with it: a real 6.18 shows 0.2, 0.41, 0.82, 1.65, 3.28, 6.54.
    let at = wait
    expected.push(at)
    while (expected.length < 17) {
      at += wait
      expected.push(Math.round(at * 1000) / 1000)
      wait = Math.min(wait * 2, 120)
    }
    assert.deepStrictEqual(seen, expected)
    assert.strictEqual(stream.error, ETIMEDOUT)
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 16)
    assert.strictEqual(puppet.mib(Counters.RETRANS_SEGS), 16)
    assert.strictEqual(puppet.mib(Counters.ABORT_ON_TIMEOUT), 1)
  })

  it("the model of a boundary: 127 s for 6 SYNs, 924.6 s for 15 data retries", () => {
    assert.strictEqual(modelTimeoutMs(6, 1000, 120_000), 127_000)
    assert.strictEqual(modelTimeoutMs(15, 200, 120_000), 924_600)
    assert.strictEqual(modelTimeoutMs(8, 200, 120_000), 102_200)
  })

  it("TCP_USER_TIMEOUT gives up earlier", () => {
    const puppet = open(4)
    SockOpt.set(puppet.sock!, OptionNames.TCP_USER_TIMEOUT, 3000)
    const start = puppet.clock.now
    puppet.stream!.write(new Uint8Array(100))
    puppet.run(30 * SECOND)
    assert.strictEqual(puppet.stream!.error, ETIMEDOUT)
    assert.isBelow(times(puppet.heard, start).at(-1)!, 3.3)
  })
})

describe("zero window", () => {
  it("is probed after 200 ms, doubling, with an empty segment below the window; an update ends it", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, window: 0 })
    const start = puppet.clock.now
    puppet.forget()
    puppet.stream!.write(new Uint8Array(50))
    puppet.run(6.4 * SECOND)
    assert.deepStrictEqual(times(puppet.heard, start), [0.2, 0.6, 1.4, 3, 6.2])
    assert.isTrue(puppet.heard.every((segment) => segment.length === 0 && segment.seq === 0))
    assert.strictEqual(puppet.mib(Counters.WIN_PROBE), 5)
    puppet.forget()
    puppet.say({ seq: 1, ack: 1, window: 1000 })
    assert.strictEqual(puppet.last.length, 50)
  })

  it("a peer that answers its probes is never given up", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, window: 0 })
    puppet.stream!.write(new Uint8Array(50))
    for (let i = 0; i < 40; i++) {
      puppet.run(121 * SECOND)
      puppet.say({ seq: 1, ack: 1, window: 0 })
    }
    assert.strictEqual(puppet.stream!.error, 0)
    assert.strictEqual(puppet.state(), "ESTABLISHED")
  })

  it("a reader that stops closes the window; reading opens it again", () => {
    const puppet = open()
    const stream = puppet.stream!
    stream.readSize = 0
    let seq = 1
    while (puppet.heard.length === 0 || puppet.last.window !== 0) {
      puppet.say({ seq, ack: 1, length: 1400, flags: ACK | PSH })
      seq += 1400
      puppet.run(50 * MS)
      assert.isBelow(seq, 1_000_000)
    }
    assert.strictEqual(puppet.mib(Counters.TO_ZERO_WINDOW_ADV), 1)
    puppet.forget()
    stream.readSize = 65_536
    stream.pump()
    puppet.run(0)
    assert.strictEqual(puppet.mib(Counters.FROM_ZERO_WINDOW_ADV), 1)
    assert.isAbove(puppet.last.window, 0)
  })
})

describe("delayed ACK", () => {
  it("acknowledges at once at first, after 40 ms in a conversation", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, length: 10, flags: ACK | PSH })
    assert.strictEqual(puppet.heard.length, 1)
    // Answering makes it a conversation.
    puppet.stream!.write(new Uint8Array(10))
    puppet.run(0)
    puppet.run(5 * MS)
    puppet.say({ seq: 11, ack: 11 })
    puppet.forget()
    const start = puppet.clock.now
    puppet.say({ seq: 11, ack: 11, length: 10, flags: ACK | PSH })
    assert.strictEqual(puppet.heard.length, 0)
    puppet.run(100 * MS)
    assert.deepStrictEqual(times(puppet.heard, start), [0.04])
    assert.strictEqual(puppet.mib(Counters.DELAYED_ACKS), 1)
  })

  it("rides on the answer", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, length: 10, flags: ACK | PSH })
    puppet.stream!.write(new Uint8Array(10))
    puppet.run(0)
    puppet.say({ seq: 11, ack: 11, length: 10, flags: ACK | PSH })
    puppet.forget()
    puppet.stream!.write(new Uint8Array(5))
    puppet.run(1 * SECOND)
    assert.strictEqual(puppet.heard[0]!.length, 5)
    assert.strictEqual(puppet.heard[0]!.ack, 21)
  })

  it("out-of-order data is acknowledged at once, with SACK, and so is the filling of the hole", () => {
    const puppet = open()
    puppet.say({ seq: 101, ack: 1, length: 100 })
    assert.strictEqual(puppet.last.ack, 1)
    assert.strictEqual(puppet.last.options.sackCount, 1)
    const left = puppet.last.options.sackEdges[0]!
    assert.strictEqual((left - puppet.isn) | 0, 101)
    puppet.say({ seq: 301, ack: 1, length: 50 })
    assert.strictEqual(puppet.last.options.sackCount, 2)
    assert.strictEqual((puppet.last.options.sackEdges[0]! - puppet.isn) | 0, 301)
    puppet.say({ seq: 1, ack: 1, length: 100 })
    assert.strictEqual(puppet.last.ack, 201)
    assert.strictEqual(puppet.last.options.sackCount, 1)
  })

  it("data that came twice is reported by D-SACK (RFC 2883)", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, length: 100 })
    puppet.forget()
    puppet.say({ seq: 1, ack: 1, length: 100 })
    assert.strictEqual(puppet.last.ack, 101)
    assert.deepStrictEqual(
      [...puppet.last.options.sackEdges.subarray(0, 2)].map((edge) => (edge - puppet.isn) | 0),
      [1, 101]
    )
    assert.strictEqual(puppet.mib(Counters.DSACK_OLD_SENT), 1)
  })
})

describe("small segments", () => {
  it("Nagle holds the second one back until the first is acknowledged; TCP_NODELAY does not", () => {
    for (const nodelay of [false, true]) {
      const puppet = open()
      if (nodelay) SockOpt.set(puppet.sock!, OptionNames.TCP_NODELAY, 1)
      puppet.stream!.write(new Uint8Array(10))
      puppet.stream!.write(new Uint8Array(10))
      puppet.run(0)
      assert.strictEqual(data(puppet.heard).length, nodelay ? 2 : 1)
      puppet.say({ seq: 1, ack: 11 })
      assert.strictEqual(data(puppet.heard).length, 2)
    }
  })

  it("TCP_CORK collects until it is taken off, or for 200 ms", () => {
    const puppet = open()
    SockOpt.set(puppet.sock!, OptionNames.TCP_CORK, 1)
    puppet.stream!.write(new Uint8Array(10))
    puppet.stream!.write(new Uint8Array(10))
    puppet.run(100 * MS)
    assert.strictEqual(data(puppet.heard).length, 0)
    SockOpt.set(puppet.sock!, OptionNames.TCP_CORK, 0)
    puppet.run(0)
    assert.deepStrictEqual(
      data(puppet.heard).map((segment) => segment.length),
      [20]
    )
    const waiting = open()
    SockOpt.set(waiting.sock!, OptionNames.TCP_CORK, 1)
    const start = waiting.clock.now
    waiting.stream!.write(new Uint8Array(10))
    waiting.run(1 * SECOND)
    assert.deepStrictEqual(times(data(waiting.heard), start).slice(0, 1), [0.2])
  })

  it("a full segment goes out under CORK", () => {
    const puppet = open()
    SockOpt.set(puppet.sock!, OptionNames.TCP_CORK, 1)
    puppet.stream!.write(new Uint8Array(1500))
    puppet.run(0)
    assert.deepStrictEqual(
      data(puppet.heard).map((segment) => segment.length),
      [1460]
    )
  })
})

describe("keepalive", () => {
  it("idle 2 s, every 1 s, 3 probes: RST and ETIMEDOUT when nobody answers", () => {
    const puppet = open()
    const sock = puppet.sock!
    SockOpt.setKeepalive(sock, true)
    SockOpt.set(sock, OptionNames.TCP_KEEPIDLE, 2)
    SockOpt.set(sock, OptionNames.TCP_KEEPINTVL, 1)
    SockOpt.set(sock, OptionNames.TCP_KEEPCNT, 3)
    puppet.run(2 * SECOND)
    assert.deepStrictEqual(times(puppet.heard), [2])
    assert.strictEqual(puppet.last.seq, 0)
    puppet.say({ seq: 1, ack: 1 })
    puppet.forget()
    puppet.run(20 * SECOND)
    assert.deepStrictEqual(times(puppet.heard), [4, 5, 6, 7])
    assert.strictEqual(puppet.last.flags, RST | ACK)
    assert.strictEqual(puppet.stream!.error, ETIMEDOUT)
    assert.strictEqual(puppet.mib(Counters.KEEP_ALIVE), 4)
  })

  it("defaults are 7200, 75 and 9", () => {
    const puppet = open()
    const sock = puppet.sock!
    assert.strictEqual(SockOpt.get(sock, OptionNames.TCP_KEEPIDLE), 7200)
    assert.strictEqual(SockOpt.get(sock, OptionNames.TCP_KEEPINTVL), 75)
    assert.strictEqual(SockOpt.get(sock, OptionNames.TCP_KEEPCNT), 9)
    SockOpt.setKeepalive(sock, true)
    puppet.run(7200 * SECOND)
    assert.strictEqual(puppet.heard.length, 1)
  })
})

describe("orphans", () => {
  it("an unanswered FIN is probed for once, repeated 8 times and then forgotten", () => {
    const puppet = open(4)
    puppet.stream!.close()
    puppet.run(200 * SECOND)
    assert.strictEqual(puppet.heard.filter((segment) => (segment.flags & FIN) !== 0).length, 10)
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBES), 1)
    assert.strictEqual(puppet.host.tcp.orphanCount, 0)
    assert.isTrue(puppet.stream!.isDestroyed)
    assert.strictEqual(puppet.host.liveSegments, 0)
  })

  it("beyond tcp_max_orphans a new one is reset", () => {
    const puppet = open(0, (made) => (made.host.net.sysctl.maxOrphans = 0))
    puppet.stream!.close()
    puppet.run(0)
    assert.strictEqual(puppet.last.flags & RST, RST)
    assert.strictEqual(puppet.mib(Counters.ABORT_ON_MEMORY), 1)
    assert.isTrue(puppet.stream!.isDestroyed)
  })
})
