import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Counters from "../src/Counters.ts"
import { cubeRoot, cubic } from "../src/Cubic.ts"
import { reno } from "../src/Reno.ts"
import * as Rtt from "../src/Rtt.ts"
import { isAfter, isBefore, isBetween } from "../src/Segment.ts"
import * as Timers from "../src/Timers.ts"
import { CA_LOSS, CA_OPEN, CA_RECOVERY, INFINITE_SSTHRESH, type TcpSock } from "../src/TcpSock.ts"
import { Puppet } from "./Puppet.ts"
import { sent, seqs } from "./Sent.ts"

const MS = 1e6

describe("fast retransmit", () => {
  it("by three duplicate ACKs (RFC 5681 §3.2)", () => {
    const puppet = sent(10, { sackOk: false })
    const sock = puppet.sock!
    for (let i = 0; i < 2; i++) puppet.say({ seq: 1, ack: 1 })
    assert.strictEqual(sock.caState, 1)
    // Limited transmit (RFC 3042): each duplicate lets a new segment out.
    assert.deepStrictEqual(seqs(puppet), [10_001, 11_001])
    puppet.forget()
    puppet.say({ seq: 1, ack: 1 })
    assert.strictEqual(seqs(puppet)[0], 1)
    assert.strictEqual(sock.caState, CA_RECOVERY)
    assert.strictEqual(sock.sndSsthresh, 5)
    assert.strictEqual(puppet.mib(Counters.RENO_RECOVERY), 1)
    puppet.say({ seq: 1, ack: 13_001 })
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 0)
  })

  it("by SACK of three segments (RFC 6675), and only what is missing", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    for (let i = 1; i <= 3; i++) puppet.say({ seq: 1, ack: 1, sack: [[1001, 1001 + i * 1000]] })
    assert.strictEqual(sock.caState, CA_RECOVERY)
    assert.include(seqs(puppet), 1)
    assert.strictEqual(puppet.mib(Counters.FAST_RETRANS), 1)
    puppet.say({ seq: 1, ack: 4001, sack: [[6001, 10_001]] })
    assert.include(seqs(puppet), 4001)
    assert.include(seqs(puppet), 5001)
    assert.notInclude(seqs(puppet), 6001)
    puppet.say({ seq: 1, ack: sock.sndNxt - puppet.hostIsn })
    assert.strictEqual(sock.caState, CA_OPEN)
    // The ACK that ends it may already add one.
    assert.isAtMost(sock.sndCwnd - sock.sndSsthresh, 1)
  })

  it("cwnd comes down in proportion (RFC 6937): never more is sent than was delivered, and ssthresh is the end", () =>
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 60 }), fc.integer({ min: 1, max: 5 }), (count, lost) => {
        const puppet = sent(count)
        const sock = puppet.sock!
        const limit = Math.floor(count / 2)
        for (let i = lost; i < count; i++) {
          puppet.forget()
          puppet.say({ seq: 1, ack: 1, sack: [[lost * 1000 + 1, (i + 1) * 1000 + 1]] })
          if (sock.caState === CA_RECOVERY) assert.isAtMost(sock.prrOut, sock.prrDelivered + 1)
        }
        if (count - lost >= 3) {
          assert.strictEqual(sock.caState, CA_RECOVERY)
          assert.strictEqual(sock.sndSsthresh, Math.max(limit, 2))
        }
        puppet.say({ seq: 1, ack: sock.sndNxt - puppet.hostIsn })
        if (count - lost >= 3) assert.isAtMost(sock.sndCwnd - sock.sndSsthresh, 1)
      }),
      { numRuns: cases(40) }
    ))
})

describe("timeout", () => {
  it("makes cwnd one segment and sends all again in slow start (RFC 5681 §3.1)", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    sock.net.sysctl.earlyRetrans = 0
    sock.net.sysctl.frto = 0
    Timers.rearmRto(sock)
    puppet.run(250 * MS)
    assert.strictEqual(sock.caState, CA_LOSS)
    assert.deepStrictEqual(seqs(puppet), [1])
    assert.strictEqual(sock.sndCwnd, 1)
    assert.strictEqual(sock.sndSsthresh, 5)
    puppet.forget()
    puppet.say({ seq: 1, ack: 1001 })
    assert.deepStrictEqual(seqs(puppet), [1001, 2001])
    puppet.forget()
    puppet.say({ seq: 1, ack: 10_001 })
    assert.strictEqual(sock.caState, CA_OPEN)
  })

  it("a SACKed head that is not acknowledged means that the peer forgot: everything is lost (RFC 2018 §8)", () => {
    const puppet = sent(10)
    puppet.say({ seq: 1, ack: 1, sack: [[1001, 10_001]] })
    puppet.forget()
    puppet.say({ seq: 1, ack: 1001 })
    puppet.run(300 * MS)
    assert.isAtLeast(puppet.mib(Counters.SACK_RENEGING), 1)
    assert.include(seqs(puppet), 1001)
  })
})

const blank = (): TcpSock => {
  const puppet = new Puppet()
  puppet.connect()
  return puppet.sock!
}

describe("RTT (RFC 6298)", () => {
  it("the first sample gives srtt = R, rttvar = R/2, RTO = srtt + max(4 rttvar, 200 ms)", () => {
    const sock = blank()
    sock.srttUs = 0
    Rtt.estimate(sock, 100_000)
    Rtt.setRto(sock)
    assert.strictEqual(sock.srttUs >> 3, 100_000)
    assert.strictEqual(sock.mdevUs >> 2, 50_000)
    assert.strictEqual(sock.rtoUs, 300_000)
    Rtt.estimate(sock, 900_000)
    Rtt.setRto(sock)
    // srtt 7/8 · 100 + 1/8 · 900 = 200 ms; rttvar 3/4 · 50 + 1/4 · 800 = 237.5 ms.
    assert.strictEqual(sock.srttUs >> 3, 200_000)
    assert.strictEqual(sock.mdevUs, 4 * 237_500)
    assert.strictEqual(sock.rtoUs, 1_150_000)
  })

  it("stays within 200 ms and 120 s, whatever the samples", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000_000 }), { minLength: 1, maxLength: 50 }), (samples) => {
        const sock = blank()
        sock.srttUs = 0
        for (const sample of samples) {
          Rtt.estimate(sock, sample)
          Rtt.setRto(sock)
          assert.isAtLeast(sock.rtoUs, 200_000)
          assert.isAtMost(sock.rtoUs, 120_000_000)
          assert.isAtLeast(sock.srttUs >> 3, 0)
          assert.isAtMost(sock.srttUs >> 3, Math.max(...samples))
        }
      }),
      { numRuns: cases(100) }
    ))
})

describe("congestion avoidance", () => {
  it("Reno grows one segment a window, slow start one an ACK", () => {
    const sock = blank()
    sock.cwndLimited = true
    sock.sndCwnd = 10
    sock.sndSsthresh = INFINITE_SSTHRESH
    reno.congAvoid(sock, 0, 10)
    assert.strictEqual(sock.sndCwnd, 20)
    sock.sndSsthresh = 20
    for (let i = 0; i < 20; i++) reno.congAvoid(sock, 0, 1)
    assert.strictEqual(sock.sndCwnd, 21)
    assert.strictEqual(reno.ssthresh(sock), 10)
  })

  it("cwnd does not grow when the application is the limit (RFC 7661's concern; Linux: tcp_is_cwnd_limited)", () => {
    const sock = blank()
    sock.cwndLimited = false
    sock.maxPacketsOut = 2
    sock.sndCwnd = 10
    reno.congAvoid(sock, 0, 5)
    cubic.congAvoid(sock, 0, 5)
    assert.strictEqual(sock.sndCwnd, 10)
  })

  it("CUBIC falls to 0.7 and is back at W_max after K = cbrt(0.3 W_max / C) seconds (RFC 9438 §4.2)", () => {
    const puppet = new Puppet()
    puppet.connect()
    const sock = puppet.sock!
    sock.cwndLimited = true
    sock.sndCwnd = 1000
    sock.sndSsthresh = 1000
    sock.sndSsthresh = cubic.ssthresh(sock)
    assert.strictEqual(sock.sndSsthresh, 700)
    sock.sndCwnd = 700
    const rtt = 100 * MS
    const start = puppet.clock.now
    while (sock.sndCwnd < 1000 && puppet.clock.now - start < 60e9) {
      for (let i = 0; i < sock.sndCwnd; i++) {
        if (i % 70 === 0) puppet.clock.now += (rtt * 70) / sock.sndCwnd
        cubic.congAvoid(sock, 0, 1)
      }
    }
    const k = Math.cbrt((0.3 * 1000) / 0.4)
    // The last segment below W_max is rounded up: the plateau is reached when 0.4 (K - t)^3 falls below one.
    assert.isAtLeast((puppet.clock.now - start) / 1e9, k - Math.cbrt(1 / 0.4) - 0.1)
    assert.isAtMost((puppet.clock.now - start) / 1e9, k)
  })

  it("the cube root is exact", () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (value) => {
        const root = cubeRoot(value)
        assert.isAtMost(root ** 3, value)
        assert.isAbove((root + 1) ** 3, value)
      }),
      { numRuns: cases(300) }
    ))
})

describe("sequence numbers", () => {
  it("compare by distance, across the wrap", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (a, d) => {
          const b = (a + d) | 0
          assert.isTrue(isBefore(a, b))
          assert.isTrue(isAfter(b, a))
          assert.isFalse(isAfter(a, b))
          assert.isTrue(isBetween(a, a, b))
          assert.isTrue(isBetween(b, a, b))
          assert.isFalse(isBetween((b + 1) | 0, a, b))
        }
      ),
      { numRuns: cases(200) }
    ))
})
