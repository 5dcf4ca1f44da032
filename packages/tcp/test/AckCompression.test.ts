import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Counters from "../src/Counters.ts"
import { Puppet } from "./Puppet.ts"

const MS = 1e6

/** A receiver with an RTT of 20 ms that has lost the first segment. */
const receiver = (prepare?: (puppet: Puppet) => void): Puppet => {
  const puppet = new Puppet()
  prepare?.(puppet)
  puppet.connect()
  puppet.run(20 * MS)
  puppet.say({ flags: 0x12, ack: 1, mss: 1000, sackOk: true })
  puppet.sock!.rcvRttUs = 8 * 20_000
  puppet.sock!.ackQuick = 0
  puppet.forget()
  return puppet
}

describe("SACK compression", () => {
  it("sends three duplicates at once and one ACK for the rest, a twentieth of the RTT later", () => {
    // The first two go out because the window grows (tcp_grow_window asks for a quick ACK).
    const puppet = receiver()
    for (let i = 1; i <= 10; i++) puppet.say({ seq: 1 + i * 1000, ack: 1, length: 1000 })
    assert.strictEqual(puppet.heard.length, 5)
    puppet.run(1 * MS)
    assert.strictEqual(puppet.heard.length, 5)
    puppet.run(0.2 * MS)
    assert.strictEqual(puppet.heard.length, 6)
    assert.strictEqual(puppet.last.options.sackCount, 1)
    assert.strictEqual(puppet.last.options.sackEdges[1]! - puppet.last.options.sackEdges[0]!, 10_000)
    assert.strictEqual(puppet.mib(Counters.ACK_COMPRESSED), 4)
  })

  it("tells at once when the hole is filled", () => {
    const puppet = receiver()
    for (let i = 1; i <= 10; i++) puppet.say({ seq: 1 + i * 1000, ack: 1, length: 1000 })
    puppet.forget()
    puppet.say({ seq: 1, ack: 1, length: 1000 })
    assert.strictEqual(puppet.heard.length, 1)
    assert.strictEqual(puppet.last.ack, 11_001)
    puppet.run(5 * MS)
    assert.strictEqual(puppet.heard.length, 1)
    assert.strictEqual(puppet.mib(Counters.ACK_COMPRESSED), 5)
  })

  it("tcp_comp_sack_nr = 0 and a peer without SACK switch it off", () => {
    const off = receiver((puppet) => {
      puppet.host.net.sysctl.compSackNr = 0
    })
    for (let i = 1; i <= 10; i++) off.say({ seq: 1 + i * 1000, ack: 1, length: 1000 })
    assert.strictEqual(off.heard.length, 10)
    const without = new Puppet()
    without.establish({ mss: 1000 })
    without.forget()
    for (let i = 1; i <= 10; i++) without.say({ seq: 1 + i * 1000, ack: 1, length: 1000 })
    assert.strictEqual(without.heard.length, 10)
  })

  it("loses no ACK: those sent and those compressed are as many as segments came", () =>
    fc.assert(
      fc.property(fc.array(fc.nat(1_500_000), { maxLength: 60 }), (waits) => {
        const puppet = receiver()
        for (const [index, wait] of waits.entries()) {
          puppet.say({ seq: 1001 + index * 1000, ack: 1, length: 1000 })
          puppet.run(wait)
        }
        puppet.run(5 * MS)
        assert.strictEqual(puppet.heard.length + puppet.mib(Counters.ACK_COMPRESSED), waits.length)
        assert.strictEqual(puppet.sock!.compressedAcks, 0)
        if (waits.length > 0) {
          const edges = puppet.last.options.sackEdges
          assert.strictEqual(edges[1]! - edges[0]!, waits.length * 1000)
        }
      }),
      { numRuns: cases(60) }
    ))
})
