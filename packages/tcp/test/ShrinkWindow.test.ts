import { assert, describe, it } from "vitest"
import { Puppet } from "./Puppet.ts"

/** Fills a small buffer that nobody reads with small segments, which take more of it than of the window, and follows the right edge that the ACKs offer. */
const edges = (shrinkWindow: number): ReadonlyArray<number> => {
  const puppet = new Puppet()
  const { sysctl } = puppet.host.net
  sysctl.shrinkWindow = shrinkWindow
  sysctl.timestamps = 0
  puppet.hostPort = 80
  puppet.establishPassive({ scale: 7 })
  puppet.stream!.readSize = 0
  const { sock } = puppet
  sock!.bufferLocks |= 2
  sock!.rcvbuf = 20_000
  sock!.rcvSsthresh = 60_000
  const found: Array<number> = []
  for (let seq = 1; seq < 1500; seq += 100) {
    puppet.forget()
    puppet.say({ seq, ack: 1, length: 100 })
    puppet.run(0.3e9)
    const last = puppet.heard.at(-1)
    if (last !== undefined) found.push(last.ack + last.window * 2 ** sock!.rcvWscale)
  }
  return found
}

describe("net.ipv4.tcp_shrink_window", () => {
  it("0: the offered right edge never moves back", () => {
    const found = edges(0)
    assert.isAbove(found.length, 3)
    assert.isTrue(found.every((edge, i) => i === 0 || edge >= found[i - 1]!))
  })

  it("1: it does when the buffer has less room than was offered", () => {
    const found = edges(1)
    assert.isTrue(found.some((edge, i) => i > 0 && edge < found[i - 1]!))
  })
})
