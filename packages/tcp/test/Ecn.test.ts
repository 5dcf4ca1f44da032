import * as TcpHeader from "@darkfiber/wire/Tcp"
import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import * as Listen from "../src/Listen.ts"
import * as RouteMetric from "../src/RouteMetric.ts"
import * as Stream from "../src/Stream.ts"
import * as TcpInfo from "../src/TcpInfo.ts"
import { CA_CWR } from "../src/TcpSock.ts"
import { ACK, PSH, Puppet, SYN } from "./Puppet.ts"

const { ECE, CWR } = TcpHeader
const ECT0 = 2
const CE = 3
const SECOND = 1e9

const puppetOf = (ecn: number): Puppet => {
  const puppet = new Puppet()
  puppet.host.net.sysctl.ecn = ecn
  return puppet
}

const write = (puppet: Puppet, bytes: number): void => {
  puppet.stream!.write(new Uint8Array(bytes))
  puppet.run(0)
}

const options = (puppet: Puppet): number => TcpInfo.read(puppet.sock!).options

describe("negotiation", () => {
  it("with 1 the SYN asks; only a SYN-ACK with ECE alone agrees", () => {
    for (const [answer, agreed] of [
      [ECE, true],
      [0, false],
      [ECE | CWR, false]
    ] as const) {
      const puppet = puppetOf(1)
      puppet.connect()
      assert.strictEqual(puppet.last.flags, SYN | ECE | CWR)
      puppet.say({ flags: SYN | ACK | answer, ack: 1, mss: 1000 })
      assert.strictEqual((options(puppet) & TcpInfo.OPT_ECN) !== 0, agreed)
      write(puppet, 1000)
      assert.strictEqual(puppet.last.ecn, agreed ? ECT0 : 0)
    }
  })

  it("with 2 or 0 the SYN does not ask, unless the route says so", () => {
    for (const ecn of [0, 2]) {
      const puppet = puppetOf(ecn)
      puppet.connect()
      assert.strictEqual(puppet.last.flags, SYN)
    }
    const puppet = puppetOf(0)
    puppet.host.metrics.set(RouteMetric.RTAX_FEATURES, 1)
    puppet.connect()
    assert.strictEqual(puppet.last.flags, SYN | ECE | CWR)
  })

  it("a listener agrees with 1 and 2, not with 0, and not to a SYN that is ECT itself", () => {
    for (const [ecn, mark, answer] of [
      [0, 0, 0],
      [1, 0, ECE],
      [2, 0, ECE],
      [2, ECT0, 0]
    ] as const) {
      const puppet = puppetOf(ecn)
      puppet.hostPort = 80
      puppet.host.listen(80)
      puppet.say({ flags: SYN | ECE | CWR, mss: 1460, ecn: mark })
      assert.strictEqual(puppet.last.flags, SYN | ACK | answer)
    }
  })

  it("a SYN sent again does not ask, where the sysctl has it so", () => {
    for (const [fallback, flags] of [
      [1, SYN],
      [0, SYN | ECE | CWR]
    ] as const) {
      const puppet = puppetOf(1)
      puppet.host.net.sysctl.ecnFallback = fallback
      puppet.connect()
      puppet.run(1.1 * SECOND)
      assert.strictEqual(puppet.last.flags, flags)
    }
  })

  it("survives a SYN cookie with timestamps", () => {
    const puppet = puppetOf(2)
    puppet.host.net.sysctl.syncookies = 2
    puppet.host.onAccept = null
    puppet.hostPort = 80
    const listener = puppet.host.listen(80)
    puppet.say({ flags: SYN | ECE | CWR, mss: 1460, ts: [1, 0] })
    assert.strictEqual(puppet.last.flags, SYN | ACK | ECE)
    puppet.say({ seq: 1, ack: 1, ts: [2, puppet.last.options.tsVal] })
    puppet.sock = Listen.accept(listener)
    assert.notStrictEqual(options(puppet) & TcpInfo.OPT_ECN, 0)
  })
})

describe("receiver", () => {
  const receiving = (): Puppet => {
    const puppet = puppetOf(1)
    puppet.establish({ flags: SYN | ACK | ECE })
    puppet.forget()
    return puppet
  }

  it("echoes a mark at once and until CWR comes", () => {
    const puppet = receiving()
    puppet.say({ seq: 1, ack: 1, length: 1000, ecn: ECT0 })
    puppet.say({ seq: 1001, ack: 1, length: 1000, ecn: CE })
    assert.strictEqual(puppet.last.flags, ACK | ECE)
    puppet.say({ seq: 2001, ack: 1, length: 1000, ecn: ECT0 })
    assert.strictEqual(puppet.last.flags, ACK | ECE)
    puppet.say({ flags: ACK | CWR, seq: 3001, ack: 1, length: 1000, ecn: ECT0 })
    assert.strictEqual(puppet.last.flags, ACK)
    assert.notStrictEqual(options(puppet) & TcpInfo.OPT_ECN_SEEN, 0)
  })

  it("echoes a mark of CWR's own segment", () => {
    const puppet = receiving()
    puppet.say({ seq: 1, ack: 1, length: 1000, ecn: CE })
    puppet.say({ flags: ACK | CWR, seq: 1001, ack: 1, length: 1000, ecn: CE })
    assert.strictEqual(puppet.last.flags, ACK | ECE)
  })

  it("pays no attention to marks that were not agreed on", () => {
    const puppet = puppetOf(0)
    puppet.establish()
    puppet.say({ seq: 1, ack: 1, length: 1000, ecn: CE })
    assert.strictEqual(puppet.last.flags, ACK)
  })
})

describe("sender", () => {
  it("marks new data only: neither ACKs nor what is sent again", () => {
    const puppet = puppetOf(1)
    puppet.establish({ flags: SYN | ACK | ECE })
    assert.strictEqual(puppet.last.ecn, 0)
    write(puppet, 1000)
    assert.strictEqual(puppet.last.ecn, ECT0)
    puppet.run(1 * SECOND)
    assert.isAbove(puppet.sock!.totalRetrans, 0)
    assert.strictEqual(puppet.last.ecn, 0)
    puppet.say({ seq: 1, ack: 1001, length: 10 })
    puppet.run(1 * SECOND)
    assert.strictEqual(puppet.last.ecn, 0)
  })

  it("an echo brings cwnd down once a round trip, and the next new data says CWR", () => {
    const puppet = puppetOf(1)
    puppet.establish({ flags: SYN | ACK | ECE, sackOk: true })
    write(puppet, 14_600)
    const before = puppet.sock!.sndCwnd
    puppet.forget()
    puppet.say({ flags: ACK | ECE, seq: 1, ack: 2921 })
    assert.strictEqual(puppet.sock!.caState, CA_CWR)
    assert.isBelow(puppet.sock!.sndSsthresh, before)
    const reduced = puppet.sock!.sndSsthresh
    puppet.say({ flags: ACK | ECE, seq: 1, ack: 5841 })
    assert.strictEqual(puppet.sock!.sndSsthresh, reduced)
    write(puppet, 20_000)
    puppet.say({ flags: ACK | ECE, seq: 1, ack: 14_601 })
    const withCwr = puppet.heard.filter(({ flags }) => (flags & CWR) !== 0)
    assert.strictEqual(withCwr.length, 1)
    assert.strictEqual(withCwr[0]!.flags & ~PSH, ACK | CWR)
    assert.isAbove(puppet.mib(Counters.DELIVERED_CE), 0)
    assert.strictEqual(TcpInfo.read(puppet.sock!).delivered_ce, puppet.mib(Counters.DELIVERED_CE))
  })

  it("an echo without agreement is nothing", () => {
    const puppet = puppetOf(0)
    puppet.establish()
    write(puppet, 2000)
    puppet.say({ flags: ACK | ECE, seq: 1, ack: 1461 })
    assert.strictEqual(puppet.sock!.caState, 0)
    assert.strictEqual(Stream.poll(puppet.sock!) & 8, 0)
  })
})

describe("what the route says", () => {
  it("initial windows, MSS, and quick ACKs", () => {
    const puppet = puppetOf(0)
    puppet.host.metrics.set(RouteMetric.RTAX_INITCWND, 3)
    puppet.host.metrics.set(RouteMetric.RTAX_ADVMSS, 600)
    puppet.host.metrics.set(RouteMetric.RTAX_INITRWND, 4)
    puppet.host.metrics.set(RouteMetric.RTAX_RTO_MIN, 50)
    puppet.connect()
    assert.strictEqual(puppet.last.options.mss, 600)
    assert.strictEqual(puppet.last.window, 4 * 600)
    puppet.say({ flags: SYN | ACK, ack: 1, mss: 1460 })
    assert.strictEqual(puppet.sock!.sndCwnd, 3)
    write(puppet, 1000)
    puppet.say({ seq: 1, ack: 1001 })
    assert.isBelow(puppet.sock!.rtoUs, 100_000)
  })

  it("with quickack no ACK of data waits", () => {
    const puppet = puppetOf(0)
    puppet.host.metrics.set(RouteMetric.RTAX_QUICKACK, 1)
    puppet.establish()
    puppet.sock!.ackPingpong = 3
    puppet.forget()
    puppet.say({ seq: 1, ack: 1, length: 10 })
    assert.strictEqual(puppet.heard.length, 1)
  })
})
