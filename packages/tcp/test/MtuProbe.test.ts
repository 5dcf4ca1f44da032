import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { pair } from "../src/SimpleHost.ts"
import * as RouteMetric from "../src/RouteMetric.ts"
import { CA_OPEN } from "../src/TcpSock.ts"
import { ACK, PSH, Puppet, SYN } from "./Puppet.ts"

const SECOND = 1e9
const HEADERS = 40

/** A host that probes from 512 bytes on, with a window of 11, and a peer that takes 1460. */
const probing = (): Puppet => {
  const puppet = new Puppet()
  const { sysctl } = puppet.host.net
  sysctl.mtuProbing = 2
  sysctl.baseMss = 512
  sysctl.timestamps = 0
  puppet.host.metrics.set(RouteMetric.RTAX_INITCWND, 11)
  puppet.establish({ flags: SYN | ACK, mss: 1460, window: 50_000, sackOk: true })
  puppet.forget()
  return puppet
}

const write = (puppet: Puppet, bytes: number): void => {
  puppet.stream!.write(new Uint8Array(bytes))
  puppet.run(0)
}

const lengths = (puppet: Puppet): ReadonlyArray<number> => puppet.heard.map(({ length }) => length)

describe("MTU probing (RFC 4821)", () => {
  it("starts at tcp_base_mss and probes in the middle; what is acknowledged is the new size", () => {
    const puppet = probing()
    assert.strictEqual(puppet.sock!.mssCache, 512)
    write(puppet, 4000)
    const probe = ((1500 + 512 + HEADERS) >> 1) - HEADERS
    assert.strictEqual(lengths(puppet)[0], probe)
    assert.isTrue(
      lengths(puppet)
        .slice(1)
        .every((length) => length <= 512)
    )
    puppet.say({ seq: 1, ack: 4001, window: 50_000 })
    assert.strictEqual(puppet.sock!.mssCache, probe)
    assert.strictEqual(puppet.mib(Counters.MTUP_SUCCESS), 1)
    assert.isAbove(puppet.sock!.mtuSearch!.searchLow, probe)
  })

  it("a probe that alone is lost makes the upper end smaller, and cwnd is not touched", () => {
    const puppet = probing()
    write(puppet, 4000)
    const before = puppet.sock!.sndCwnd + 1
    const first = lengths(puppet)[0]!
    puppet.forget()
    puppet.run(0.01 * SECOND)
    puppet.say({ seq: 1, ack: 1, window: 50_000, sack: [[1 + first, 4001]] })
    puppet.run(0.05 * SECOND)
    assert.strictEqual(puppet.mib(Counters.MTUP_FAIL), 1)
    assert.strictEqual(puppet.sock!.mtuSearch!.searchHigh, first + HEADERS - 1)
    assert.strictEqual(puppet.sock!.sndCwnd, before)
    assert.isTrue(lengths(puppet).every((length) => length <= 512))
    assert.isTrue(puppet.heard.some(({ seq }) => seq === 1))
    puppet.say({ seq: 1, ack: 4001, window: 50_000 })
    assert.strictEqual(puppet.sock!.caState, CA_OPEN)
  })

  it("finds the MTU of a path that swallows what is larger, without a word", () => {
    const { clock, client, server, link } = pair(1, { delay: 2_000_000 })
    for (const host of [client, server]) host.net.sysctl.mtuProbing = 2
    let received = 0
    server.onAccept = (stream) => {
      stream.keep = false
      clock.at(60 * SECOND, { run: () => (received = stream.receivedBytes) })
    }
    link.filter = (frame) => frame.length + 20 > 1300
    server.listen(80)
    const stream = client.connect(server.address, 80)
    stream.write(new Uint8Array(3_000_000))
    clock.runUntil(60 * SECOND)
    assert.strictEqual(received, 3_000_000)
    const size = stream.sock.mssCache + stream.sock.headerLength + 20
    assert.isAtMost(size, 1300)
    assert.isAtLeast(size, 1300 - client.net.sysctl.probeThreshold)
    assert.isAbove(client.net.mib[Counters.MTUP_FAIL]!, 0)
    assert.isAbove(client.net.mib[Counters.MTUP_SUCCESS]!, 0)
  })

  it("with 1 it begins after a black hole: tcp_retries1 timeouts' worth of silence", () => {
    const puppet = new Puppet()
    puppet.host.net.sysctl.mtuProbing = 1
    puppet.host.net.sysctl.timestamps = 0
    puppet.establish()
    write(puppet, 1460)
    puppet.run(1 * SECOND)
    assert.isNull(puppet.sock!.mtuSearch)
    puppet.forget()
    puppet.run(10 * SECOND)
    assert.isNotNull(puppet.sock!.mtuSearch)
    assert.strictEqual(puppet.sock!.mssCache, puppet.host.net.sysctl.baseMss)
    const last = puppet.heard.filter(({ flags }) => flags === ACK || flags === (PSH | ACK)).at(-1)!
    assert.isAtMost(last.length, puppet.host.net.sysctl.baseMss)
  })

  it("with 0 nothing is probed", () => {
    const puppet = new Puppet()
    puppet.establish()
    write(puppet, 20_000)
    assert.isNull(puppet.sock!.mtuSearch)
    assert.isTrue(lengths(puppet).every((length) => length <= 1460))
  })
})
