import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import * as Counters from "../src/Counters.ts"
import { pair } from "../src/SimpleHost.ts"
import { CA_DISORDER, CA_OPEN, CA_RECOVERY } from "../src/TcpSock.ts"
import { WindowedMin } from "../src/WindowedMin.ts"
import { sent, seqs } from "./Sent.ts"

const MS = 1e6

describe("RACK (RFC 8985)", () => {
  it("finds a lost retransmission by what was sent after it and arrived, without a timeout", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    for (let i = 1; i <= 3; i++) puppet.say({ seq: 1, ack: 1, sack: [[1001, 1001 + i * 1000]] })
    assert.strictEqual(sock.caState, CA_RECOVERY)
    assert.include(seqs(puppet), 1)
    puppet.forget()
    puppet.run(1 * MS)
    for (let i = 5; i <= 9; i++) puppet.say({ seq: 1, ack: 1, sack: [[1001, i * 1000 + 1]] })
    assert.notInclude(seqs(puppet), 1)
    assert.include(seqs(puppet), 12_001)
    puppet.forget()
    // New data, sent after the retransmission, arrives a round trip later.
    puppet.run(11 * MS)
    puppet.say({
      seq: 1,
      ack: 1,
      sack: [
        [1001, 10_001],
        [12_001, 13_001]
      ]
    })
    assert.include(seqs(puppet), 1)
    assert.strictEqual(puppet.mib(Counters.LOST_RETRANSMIT), 1)
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 0)
  })

  it("waits a quarter of the least RTT when only one segment overtook another, then takes it as lost", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 1, sack: [[1001, 2001]] })
    assert.strictEqual(sock.caState, CA_DISORDER)
    assert.notInclude(seqs(puppet), 1)
    puppet.run(2 * MS)
    assert.notInclude(seqs(puppet), 1)
    // srtt / 8 caps the window at 1.25 ms; the kernel adds two jiffies.
    puppet.run(3 * MS)
    assert.include(seqs(puppet), 1)
    assert.strictEqual(sock.caState, CA_RECOVERY)
  })

  it("a segment that was only late is no loss, and reordering is remembered", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 1, sack: [[1001, 2001]] })
    puppet.run(1 * MS)
    puppet.say({ seq: 1, ack: 2001 })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.strictEqual(sock.reordSeen, 1)
    assert.strictEqual(puppet.mib(Counters.SACK_REORDER), 1)
    assert.strictEqual(puppet.mib(Counters.RETRANS_SEGS), 0)
    // From now on three SACKed segments are no proof: time decides.
    for (let i = 3; i <= 6; i++) puppet.say({ seq: 1, ack: 2001, sack: [[3001, i * 1000 + 1]] })
    assert.strictEqual(sock.caState, CA_DISORDER)
    puppet.run(5 * MS)
    assert.strictEqual(sock.caState, CA_RECOVERY)
  })

  it("is there with tcp_recovery = 0 as well (since Linux 6.17)", () => {
    const puppet = sent(10)
    puppet.sock!.net.sysctl.recovery = 0
    puppet.say({ seq: 1, ack: 1, sack: [[1001, 3001]] })
    assert.notInclude(seqs(puppet), 1)
    puppet.run(8 * MS)
    assert.include(seqs(puppet), 1)
  })
})

describe("tail loss probe (RFC 8985 §7)", () => {
  it("turns the loss of the tail into fast recovery", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 5000)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 3001 })
    // Two round trips and two jiffies.
    puppet.run(23 * MS)
    assert.deepStrictEqual(seqs(puppet), [4001])
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBES), 1)
    puppet.forget()
    puppet.run(10 * MS)
    puppet.say({ seq: 1, ack: 3001, sack: [[4001, 5001]] })
    puppet.run(5 * MS)
    assert.deepStrictEqual(seqs(puppet), [3001])
    assert.strictEqual(sock.caState, CA_RECOVERY)
    puppet.say({ seq: 1, ack: 5001 })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 0)
  })

  it("that repairs the only loss lowers cwnd once (RFC 8985 §7.4)", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 5000)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 4001 })
    const cwnd = sock.sndCwnd
    puppet.run(300 * MS)
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBES), 1)
    puppet.stream!.write(new Uint8Array(1000))
    puppet.say({ seq: 1, ack: 6001 })
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBE_RECOVERY), 1)
    assert.strictEqual(sock.sndSsthresh, cwnd >> 1)
  })

  it("whose D-SACK says that both copies arrived changes nothing", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 5000)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    puppet.say({ seq: 1, ack: 4001 })
    const cwnd = sock.sndCwnd
    puppet.run(214 * MS)
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBES), 1)
    puppet.say({ seq: 1, ack: 5001 })
    puppet.say({ seq: 1, ack: 5001, sack: [[4001, 5001]] })
    assert.strictEqual(puppet.mib(Counters.LOSS_PROBE_RECOVERY), 0)
    assert.strictEqual(sock.sndCwnd, cwnd)
    assert.strictEqual(sock.caState, CA_OPEN)
  })

  it("sends new data when there is some, and not when tcp_early_retrans is 0", () => {
    const puppet = sent(10)
    puppet.run(30 * MS)
    assert.deepStrictEqual(seqs(puppet), [10_001])
    const without = sent(10, { sackOk: true }, "reno", 100_000, (made) => {
      made.host.net.sysctl.earlyRetrans = 0
    })
    without.run(30 * MS)
    assert.deepStrictEqual(seqs(without), [])
  })
})

describe("over a link", () => {
  /** Sends 200 kB; `isLost(seq, time)` of the n-th transmission decides. What the sender's counters say then. */
  const run = (isLost: (first: number, times: number) => boolean): ReadonlyMap<number, number> => {
    const { clock, link, client, server } = pair(3, { delay: 5 * MS, rate: 50e6 }, { gsoMaxSize: 0 })
    const times = new Map<number, number>()
    const base = { seq: 0 }
    link.filter = (frame) => {
      if (frame.source !== client.address) return false
      const seq = TcpHeader.sequence(frame.bytes, 0)
      if ((TcpHeader.flags(frame.bytes, 0) & TcpHeader.SYN) !== 0) base.seq = seq
      if (frame.length <= TcpHeader.headerLength(frame.bytes, 0)) return false
      const count = (times.get(seq) ?? 0) + 1
      times.set(seq, count)
      return isLost((seq - base.seq) | 0, count)
    }
    let received = 0
    server.onAccept = (stream) => {
      stream.closeWhenEnded = true
      clock.at(20e9, { run: () => (received = stream.receivedBytes) })
    }
    server.listen(80)
    const stream = client.connect(server.address, 80)
    stream.write(new Uint8Array(200_000))
    clock.runUntil(20e9)
    assert.strictEqual(received, 200_000)
    return new Map([...client.net.mib].map((value, index) => [index, value]))
  }

  it("a segment whose retransmission is lost too comes through without a timeout", () => {
    const mib = run((seq, times) => seq === 57_921 && times <= 2)
    assert.strictEqual(mib.get(Counters.TIMEOUTS), 0)
    assert.isAtLeast(mib.get(Counters.LOST_RETRANSMIT)!, 1)
  })

  it("whatever burst is lost once, no timeout is needed", () =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 5 }), (first, count) => {
        const mib = run((seq, times) => {
          const index = Math.floor((seq - 1) / 1448)
          return times === 1 && index >= first && index < first + count
        })
        assert.strictEqual(mib.get(Counters.TIMEOUTS), 0)
      }),
      { numRuns: cases(30) }
    ))
})

describe("windowed minimum", () => {
  it("is never below the true one of the window, nor above that of its last quarter", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 1000 })), {
          minLength: 1,
          maxLength: 60
        }),
        (steps) => {
          const window = 100
          let time = 0
          let filter: WindowedMin | null = null
          const seen: Array<readonly [number, number]> = []
          for (const [step, value] of steps) {
            time += step
            seen.push([time, value])
            let least = value
            if (filter === null) filter = new WindowedMin(time, value)
            else least = filter.update(window, time, value)
            const all = seen.filter(([at]) => at >= time - window).map(([, known]) => known)
            assert.isAtLeast(least, Math.min(...all))
            assert.isAtMost(least, value)
            assert.include(all, least)
          }
        }
      ),
      { numRuns: cases(200) }
    ))
})
