import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import * as Drops from "../src/Drops.ts"
import { ECONNRESET } from "../src/Errno.ts"
import * as IcmpError from "../src/IcmpError.ts"
import { linux310 } from "../src/Profile.ts"
import { ACK, FIN, Puppet, RST, SYN } from "./Puppet.ts"

const MS = 1e6

const open = (puppet = new Puppet()): Puppet => {
  puppet.establish({ sackOk: true, ts: [1000, 0] })
  puppet.forget()
  return puppet
}

describe("RST (RFC 5961 §3)", () => {
  it("counts only at exactly the next sequence number; elsewhere in the window it is challenged", () => {
    const exact = open()
    exact.say({ flags: RST, seq: 1 })
    assert.strictEqual(exact.stream!.error, ECONNRESET)
    assert.strictEqual(exact.mib(Counters.ESTAB_RESETS), 1)
    const near = open()
    near.say({ flags: RST, seq: 100 })
    assert.strictEqual(near.state(), "ESTABLISHED")
    assert.strictEqual(near.last.flags, ACK)
    assert.strictEqual(near.mib(Counters.CHALLENGE_ACK), 1)
    const far = open()
    far.say({ flags: RST, seq: -5_000_000 })
    assert.strictEqual(far.heard.length, 0)
  })

  it("goes to whoever sends to no socket: seq from the ACK, or ACK of what came", () => {
    const puppet = new Puppet()
    puppet.hostPort = 4444
    puppet.say({ flags: ACK, seq: 7, ack: 1234 })
    assert.deepInclude(puppet.last, { flags: RST, seq: 1234, window: 0 })
    puppet.say({ flags: SYN, seq: 7 })
    assert.deepInclude(puppet.last, { flags: RST | ACK, seq: 0, ack: 8 })
    puppet.forget()
    puppet.say({ flags: RST, seq: 7 })
    assert.strictEqual(puppet.heard.length, 0)
    assert.strictEqual(puppet.mib(Counters.OUT_RSTS), 2)
  })
})

describe("SYN in a connection (RFC 5961 §4)", () => {
  it("is challenged, at most once in half a second", () => {
    const puppet = open()
    puppet.say({ flags: SYN, seq: 1 })
    puppet.say({ flags: SYN, seq: 1 })
    assert.strictEqual(puppet.heard.length, 1)
    assert.strictEqual(puppet.mib(Counters.SYN_CHALLENGE), 2)
    assert.strictEqual(puppet.mib(Counters.ACK_SKIPPED_CHALLENGE), 1)
    puppet.run(501 * MS)
    puppet.say({ flags: SYN, seq: 1 })
    assert.strictEqual(puppet.heard.length, 2)
  })

  it("3.10: a hundred challenges a second for the whole host", () => {
    const puppet = open(new Puppet({ profile: linux310 }))
    puppet.host.net.sysctl.invalidRatelimit = 0
    puppet.run(1000 * MS)
    for (let i = 0; i < 150; i++) puppet.say({ flags: SYN, seq: 1 })
    assert.strictEqual(puppet.mib(Counters.CHALLENGE_ACK), 100)
  })
})

describe("ACK (RFC 5961 §5)", () => {
  it("of what was not sent is challenged, what it carries dropped (as Linux does)", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 99, length: 10, ts: [1001, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 0)
    assert.strictEqual(puppet.heard.length, 1)
    assert.strictEqual(puppet.mib(Counters.CHALLENGE_ACK), 1)
    assert.strictEqual(puppet.host.drops.get(Drops.TCP_ACK_UNSENT_DATA), 1)
  })

  it("far below what is acknowledged is challenged", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: -1_000_000, length: 10, ts: [1001, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 0)
    assert.strictEqual(puppet.mib(Counters.CHALLENGE_ACK), 1)
  })
})

describe("PAWS (RFC 7323 §5)", () => {
  it("refuses data with an older timestamp and says so by a duplicate ACK", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, length: 10, ts: [2000, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 10)
    puppet.forget()
    puppet.say({ seq: 11, ack: 1, length: 10, ts: [1500, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 10)
    assert.strictEqual(puppet.last.ack, 11)
    assert.strictEqual(puppet.mib(Counters.PAWS_ESTAB), 1)
    puppet.say({ seq: 11, ack: 1, length: 10, ts: [2001, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 20)
  })

  it("lets a RST pass", () => {
    const puppet = open()
    puppet.say({ flags: RST, seq: 1, ts: [1, 0] })
    assert.strictEqual(puppet.state(), "CLOSE")
  })
})

describe("the window", () => {
  it("data beyond it is not taken and is answered", () => {
    const puppet = open()
    puppet.say({ seq: 10_000_000, ack: 1, length: 10, ts: [1001, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 0)
    assert.strictEqual(puppet.last.ack, 1)
  })

  it("data that overlaps what was read is taken from where it is new", () => {
    const puppet = open()
    puppet.say({ seq: 1, ack: 1, length: 100, ts: [1001, 0] })
    puppet.say({ seq: 51, ack: 1, length: 100, ts: [1002, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 150)
    puppet.say({ flags: FIN | ACK, seq: 101, ack: 1, length: 100, ts: [1003, 0] })
    assert.strictEqual(puppet.stream!.receivedBytes, 200)
    assert.strictEqual(puppet.state(), "CLOSE_WAIT")
  })

  it("the offered right edge never moves back", () => {
    const puppet = open()
    puppet.stream!.readSize = 0
    let edge = 0
    for (let i = 0; i < 200; i++) {
      puppet.say({ seq: 1 + i * 500, ack: 1, length: 500, ts: [1001 + i, 0] })
      puppet.run(50 * MS)
      const now = puppet.last.ack + puppet.last.window
      assert.isAtLeast(now, edge)
      edge = now
    }
  })
})

describe("ICMP", () => {
  it("ends a connection attempt, and only marks an established connection", () => {
    const opening = new Puppet()
    opening.connect()
    IcmpError.unreachable(opening.sock!, opening.sock!.sndUna, 113, true, true)
    opening.host.settle()
    assert.strictEqual(opening.stream!.error, 113)
    const puppet = open()
    IcmpError.unreachable(puppet.sock!, puppet.sock!.sndUna, 113, true, true)
    assert.strictEqual(puppet.state(), "ESTABLISHED")
    assert.strictEqual(puppet.sock!.softError, 113)
    IcmpError.unreachable(puppet.sock!, (puppet.sock!.sndNxt + 100) | 0, 113, true, true)
    assert.strictEqual(puppet.mib(Counters.OUT_OF_WINDOW_ICMPS), 1)
  })

  it("fragmentation needed: sends what was too large again in smaller segments", () => {
    const puppet = open()
    puppet.stream!.write(new Uint8Array(4000))
    puppet.run(0)
    puppet.forget()
    puppet.host.mtuBytes = 1000
    IcmpError.mtuReduced(puppet.sock!)
    puppet.run(0)
    assert.isAbove(puppet.heard.length, 0)
    assert.isTrue(puppet.heard.every((segment) => segment.length <= 948))
    assert.strictEqual(puppet.heard[0]!.seq, 1)
  })
})
