import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { CA_LOSS, CA_OPEN, CA_RECOVERY, INFINITE_SSTHRESH } from "../src/TcpSock.ts"
import { toMs } from "../src/Clock.ts"
import type { Puppet } from "./Puppet.ts"
import { sent, seqs } from "./Sent.ts"

const MS = 1e6

/** No loss probe in the way of the timeout. */
const withoutProbe = (puppet: Puppet): void => {
  puppet.host.net.sysctl.earlyRetrans = 0
}

/** A timestamp option that echoes the host's clock of `ms`. */
const echo = (puppet: Puppet, ms: number, value: number): readonly [number, number] => [
  value,
  (ms + puppet.sock!.tsOffset) | 0
]

describe("a spurious timeout", () => {
  it("is found by F-RTO: original data arrives after new data was sent (RFC 5682 §3.1)", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 100_000, withoutProbe)
    const sock = puppet.sock!
    puppet.run(220 * MS)
    assert.deepStrictEqual(seqs(puppet), [1])
    assert.strictEqual(sock.caState, CA_LOSS)
    puppet.forget()
    // Step 2b: the first ACK lets new data out, nothing is sent again.
    puppet.say({ seq: 1, ack: 1001 })
    assert.deepStrictEqual(seqs(puppet), [10_001, 11_001])
    // Step 3b: the second acknowledges what was sent once.
    puppet.say({ seq: 1, ack: 2001 })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.isAtLeast(sock.sndCwnd, 10)
    assert.strictEqual(sock.sndSsthresh, INFINITE_SSTHRESH)
    assert.strictEqual(puppet.mib(Counters.SPURIOUS_RTOS), 1)
    assert.strictEqual(puppet.mib(Counters.LOSS_UNDO), 1)
    assert.strictEqual(puppet.mib(Counters.RETRANS_SEGS), 1)
    assert.strictEqual(sock.lostOut, 0)
  })

  it("was none when a duplicate follows: the rest is sent again (step 3a)", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 100_000, withoutProbe)
    puppet.run(220 * MS)
    puppet.say({ seq: 1, ack: 1001 })
    puppet.forget()
    puppet.say({ seq: 1, ack: 1001, sack: [[10_001, 11_001]] })
    assert.include(seqs(puppet), 1001)
    assert.strictEqual(puppet.sock!.caState, CA_LOSS)
    assert.strictEqual(puppet.mib(Counters.SPURIOUS_RTOS), 0)
  })

  it("is found by the timestamp echoed (RFC 4015)", () => {
    const puppet = sent(10, { sackOk: true, ts: [1, 0] }, "reno", 98_800, withoutProbe)
    const sock = puppet.sock!
    const sentMs = toMs(puppet.clock.now) - 1
    puppet.run(220 * MS)
    assert.strictEqual(sock.caState, CA_LOSS)
    puppet.say({ seq: 1, ack: 989, ts: echo(puppet, sentMs, 2) })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.isAtLeast(sock.sndCwnd, 10)
    assert.strictEqual(sock.sndSsthresh, INFINITE_SSTHRESH)
    assert.strictEqual(puppet.mib(Counters.LOSS_UNDO), 1)
    assert.strictEqual(puppet.mib(Counters.SPURIOUS_RTOS), 0)
  })

  it("tcp_frto = 0 sends everything again", () => {
    const puppet = sent(10, { sackOk: true }, "reno", 100_000, (made) => {
      withoutProbe(made)
      made.host.net.sysctl.frto = 0
    })
    puppet.run(220 * MS)
    puppet.forget()
    puppet.say({ seq: 1, ack: 1001 })
    assert.deepStrictEqual(seqs(puppet), [1001, 2001])
  })
})

describe("a spurious fast retransmit", () => {
  it("is undone when D-SACKs tell of all retransmissions (RFC 3708)", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    for (let i = 1; i <= 3; i++) puppet.say({ seq: 1, ack: 1, sack: [[1001, 1001 + i * 1000]] })
    assert.strictEqual(sock.caState, CA_RECOVERY)
    assert.strictEqual(sock.sndSsthresh, 5)
    // The original arrives late, then the retransmission.
    const all = sock.sndNxt - puppet.hostIsn
    puppet.say({ seq: 1, ack: all })
    assert.strictEqual(sock.caState, CA_OPEN)
    puppet.say({ seq: 1, ack: all, sack: [[1, 1001]] })
    assert.strictEqual(puppet.mib(Counters.DSACK_UNDO), 1)
    assert.isAtLeast(sock.sndCwnd, 10)
    assert.strictEqual(sock.sndSsthresh, INFINITE_SSTHRESH)
    assert.strictEqual(sock.dsackDups, 1)
  })

  it("is undone at its end when the timestamp echoed is older than the retransmission (RFC 3522)", () => {
    const puppet = sent(10, { sackOk: true, ts: [1, 0] }, "reno", 98_800)
    const sock = puppet.sock!
    const sentMs = toMs(puppet.clock.now) - 1
    puppet.run(9 * MS)
    for (let i = 2; i <= 4; i++) {
      puppet.say({ seq: 1, ack: 1, sack: [[989, 1 + i * 988]], ts: echo(puppet, sentMs, 2) })
    }
    assert.strictEqual(sock.caState, CA_RECOVERY)
    puppet.run(2 * MS)
    puppet.say({ seq: 1, ack: sock.sndNxt - puppet.hostIsn, ts: echo(puppet, sentMs, 3) })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.strictEqual(puppet.mib(Counters.FULL_UNDO), 1)
    assert.isAtLeast(sock.sndCwnd, 10)
    assert.strictEqual(sock.sndSsthresh, INFINITE_SSTHRESH)
  })

  it("is kept when nothing speaks against it", () => {
    const puppet = sent(10)
    const sock = puppet.sock!
    puppet.run(9 * MS)
    for (let i = 1; i <= 3; i++) puppet.say({ seq: 1, ack: 1, sack: [[1001, 1001 + i * 1000]] })
    puppet.say({ seq: 1, ack: sock.sndNxt - puppet.hostIsn })
    assert.strictEqual(sock.caState, CA_OPEN)
    assert.strictEqual(sock.sndSsthresh, 5)
    assert.isAtMost(sock.sndCwnd, 6)
    for (const counter of [Counters.FULL_UNDO, Counters.DSACK_UNDO, Counters.PARTIAL_UNDO, Counters.LOSS_UNDO]) {
      assert.strictEqual(puppet.mib(counter), 0)
    }
  })
})
