/** A sender in the middle of things: what the tests of loss recovery start from. */
import { assert } from "vitest"
import * as SockOpt from "../src/SockOpt.ts"
import { Puppet, type Say } from "./Puppet.ts"

const MS = 1e6

/** A connection with MSS 1000 and an RTT of 10 ms that has `count` segments out; the peer is silent. */
export const sent = (
  count: number,
  options: Say = { sackOk: true },
  algorithm = "reno",
  bytes = 100_000,
  prepare?: (puppet: Puppet) => void
): Puppet => {
  const puppet = new Puppet({ gsoMaxSize: 0 })
  prepare?.(puppet)
  puppet.connect((sock) => {
    SockOpt.setCongestion(sock, algorithm)
    SockOpt.setSendBuffer(sock, 212_992)
  })
  puppet.run(10 * MS)
  puppet.say({ flags: 0x12, ack: 1, mss: 1000, ...options })
  // The first ACK after the SYN-ACK is a window update, not a duplicate.
  puppet.say({ ...options, mss: 0, sackOk: false, seq: 1, ack: 1 })
  puppet.sock!.sndCwnd = count
  puppet.forget()
  puppet.stream!.write(new Uint8Array(bytes))
  puppet.run(1 * MS)
  assert.strictEqual(puppet.heard.length, Math.min(count, bytes / 1000))
  puppet.forget()
  return puppet
}

export const seqs = (puppet: Puppet): ReadonlyArray<number> => puppet.heard.map((segment) => segment.seq)
