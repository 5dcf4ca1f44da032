import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import * as OptionNames from "../src/OptionNames.ts"
import * as SockOpt from "../src/SockOpt.ts"
import * as Stream from "../src/Stream.ts"
import { Puppet } from "./Puppet.ts"

const MS = 1e6

/** Five writes of 100 bytes, each a segment of its own, unanswered; the last may end a record. */
const small = (collapse: number, flags: number): Puppet => {
  const puppet = new Puppet()
  puppet.host.net.sysctl.retransCollapse = collapse
  puppet.host.net.sysctl.earlyRetrans = 0
  puppet.establish({ sackOk: true })
  SockOpt.set(puppet.sock!, OptionNames.TCP_NODELAY, 1)
  puppet.forget()
  for (let i = 0; i < 5; i++) {
    Stream.sendStep(puppet.sock!, new Uint8Array(100).fill(i), 0, 100, flags)
    Stream.sendDone(puppet.sock!, flags)
  }
  puppet.run(1 * MS)
  assert.deepStrictEqual(
    puppet.heard.map((segment) => segment.length),
    [100, 100, 100, 100, 100]
  )
  puppet.forget()
  return puppet
}

describe("collapse on retransmission", () => {
  it("small neighbours ride on the first, and the counts follow", () => {
    const puppet = small(1, 0)
    const sock = puppet.sock!
    puppet.run(300 * MS)
    assert.strictEqual(puppet.heard[0]!.length, 500)
    assert.strictEqual(sock.packetsOut, 1)
    assert.strictEqual(sock.lostOut, 1)
    assert.strictEqual(sock.retransOut, 1)
    assert.strictEqual(puppet.mib(Counters.RETRANS_SEGS), 1)
    puppet.say({ seq: 1, ack: 501 })
    assert.strictEqual(sock.packetsOut, 0)
    assert.strictEqual(sock.wmemQueued, 0)
    assert.strictEqual(puppet.host.liveSegments, 0)
  })

  it("not over the end of a record, not when tcp_retrans_collapse is 0", () => {
    for (const puppet of [small(1, Stream.MSG_EOR), small(0, 0)]) {
      puppet.run(300 * MS)
      assert.strictEqual(puppet.heard[0]!.length, 100)
    }
  })
})
