import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Close from "../src/Close.ts"
import * as Counters from "../src/Counters.ts"
import { EADDRINUSE, EADDRNOTAVAIL, EINPROGRESS } from "../src/Errno.ts"
import * as Handshake from "../src/Handshake.ts"
import { linux310, linux6x, type TcpProfile } from "../src/Profile.ts"
import { pair, type SimpleHost } from "../src/SimpleHost.ts"
import { Puppet } from "./Puppet.ts"

const PEER = 0x0a000002

const hostWith = (profile: TcpProfile, low: number, high: number): SimpleHost => {
  const { client } = pair(1, {}, { profile })
  client.net.sysctl.portLow = low
  client.net.sysctl.portHigh = high
  return client
}

const connect = (host: SimpleHost, port = 80, address = PEER): readonly [result: number, port: number] => {
  const sock = host.tcp.create(host.net)!
  const result = Handshake.connect(sock, address, port)
  return [result, sock.localPort]
}

describe("connect() looks for a port (F8)", () => {
  for (const profile of [linux310, linux6x]) {
    it(`${profile.name}: uses each port of the range once for one destination, then EADDRNOTAVAIL`, () => {
      const host = hostWith(profile, 40_000, 40_099)
      const ports = new Set<number>()
      for (let i = 0; i < 100; i++) {
        const [result, port] = connect(host)
        assert.strictEqual(result, -EINPROGRESS)
        assert.isTrue(port >= 40_000 && port <= 40_099)
        ports.add(port)
      }
      assert.strictEqual(ports.size, 100)
      assert.strictEqual(connect(host)[0], -EADDRNOTAVAIL)
      assert.strictEqual(host.tcp.lastPortIterations, 100)
      // Another destination has its own four-tuples.
      assert.strictEqual(connect(host, 81)[0], -EINPROGRESS)
    })
  }

  it("3.10: one destination finds its port at the first look until the range is exhausted", () => {
    const host = hostWith(linux310, 32_768, 33_767)
    let previous = -1
    for (let i = 0; i < 1000; i++) {
      const [, port] = connect(host)
      assert.strictEqual(host.tcp.lastPortIterations, 1)
      if (previous >= 0) assert.strictEqual((port - previous + 1000) % 1000, 1)
      previous = port
    }
    assert.strictEqual(connect(host)[0], -EADDRNOTAVAIL)
    assert.strictEqual(host.tcp.lastPortIterations, 1000)
  })

  it("6.x: the parity of the low end first, rising by 2 to 16; then the rest", () => {
    const host = hostWith(linux6x, 32_768, 60_999)
    let previous = -1
    for (let i = 0; i < 400; i++) {
      const [, port] = connect(host)
      assert.strictEqual(port % 2, 0)
      const step = (port - previous + 28_232) % 28_232
      if (previous >= 0) assert.isTrue(step >= 2 && step <= 16, `step ${step}`)
      previous = port
    }
    const small = hostWith(linux6x, 50_001, 50_100)
    const parities = Array.from({ length: 100 }, () => connect(small)[1] % 2)
    assert.deepStrictEqual(parities, [...Array<number>(50).fill(1), ...Array<number>(50).fill(0)])
  })

  it("6.x: the cost jumps when the first parity is used up", () => {
    const host = hostWith(linux6x, 45_000, 59_999)
    for (let i = 0; i < 7500; i++) connect(host)
    const before = host.charged
    connect(host)
    assert.isAtLeast(host.charged - before, 7500 * 50)
    assert.isAtMost(host.charged - before, 7500 * 70)
  })

  it("3.10: a search through the whole default range costs 2.5 ms (F10)", () => {
    const host = hostWith(linux310, 32_768, 61_000)
    for (let i = 0; i < 28_233; i++) connect(host)
    const before = host.charged
    assert.strictEqual(connect(host)[0], -EADDRNOTAVAIL)
    assert.closeTo(host.charged - before, 2_500_000, 5000)
  })

  it("skips reserved ports", () => {
    const host = hostWith(linux6x, 40_000, 40_009)
    host.net.reservedPorts = new Set([40_000, 40_003, 40_008])
    const ports = Array.from({ length: 7 }, () => connect(host)[1]).sort()
    assert.deepStrictEqual(ports, [40_001, 40_002, 40_004, 40_005, 40_006, 40_007, 40_009])
    assert.strictEqual(connect(host)[0], -EADDRNOTAVAIL)
  })

  it("does not share a port that bind() took", () => {
    fc.assert(
      fc.property(fc.constantFrom(linux310, linux6x), fc.integer({ min: 40_000, max: 40_009 }), (profile, taken) => {
        const host = hostWith(profile, 40_000, 40_009)
        const sock = host.tcp.create(host.net)!
        assert.strictEqual(Handshake.bind(sock, 0, taken), 0)
        const ports = Array.from({ length: 9 }, () => connect(host)[1])
        assert.isFalse(ports.includes(taken))
        assert.strictEqual(connect(host)[0], -EADDRNOTAVAIL)
      }),
      { numRuns: cases(20) }
    )
  })
})

describe("bind()", () => {
  it("6.x: port 0 gives the other parity first, then EADDRINUSE", () => {
    const host = hostWith(linux6x, 40_000, 40_099)
    const bind = (): readonly [number, number] => {
      const sock = host.tcp.create(host.net)!
      return [Handshake.bind(sock, 0, 0), sock.localPort]
    }
    const parities = Array.from({ length: 100 }, () => bind()[1] % 2)
    assert.deepStrictEqual(parities, [...Array<number>(50).fill(1), ...Array<number>(50).fill(0)])
    assert.strictEqual(bind()[0], -EADDRINUSE)
  })

  it("conflicts unless SO_REUSEADDR or SO_REUSEPORT is on both", () => {
    for (const [first, second, expected] of [
      ["none", "none", -EADDRINUSE],
      ["address", "none", -EADDRINUSE],
      ["address", "address", 0],
      ["port", "port", 0],
      ["port", "address", -EADDRINUSE]
    ] as const) {
      const host = hostWith(linux6x, 40_000, 40_099)
      const bind = (how: string): number => {
        const sock = host.tcp.create(host.net)!
        sock.reuseAddress = how === "address"
        sock.reusePort = how === "port"
        return Handshake.bind(sock, 0, 8080)
      }
      assert.strictEqual(bind(first), 0)
      assert.strictEqual(bind(second), expected, `${first} then ${second}`)
    }
  })
})

describe("tcp_tw_reuse", () => {
  const timeWait = (profile: TcpProfile, reuse: number): Puppet => {
    const puppet = new Puppet({ profile })
    puppet.host.net.sysctl.twReuse = reuse
    puppet.host.net.sysctl.portLow = 40_000
    puppet.host.net.sysctl.portHigh = 40_001
    puppet.run(5e9)
    for (let i = 0; i < 2; i++) {
      puppet.establish({ ts: [100, 0] })
      const stream = puppet.stream!
      stream.end()
      puppet.run(0)
      puppet.say({ flags: 0x11, seq: 1, ack: 2, ts: [101, 0] })
      stream.close()
      assert.strictEqual(puppet.state(), "TIME_WAIT")
    }
    return puppet
  }

  for (const profile of [linux310, linux6x]) {
    it(`${profile.name}: 1 reuses after more than a second, never before`, () => {
      const puppet = timeWait(profile, 1)
      puppet.run(0.5e9)
      assert.strictEqual(connect(puppet.host, puppet.port)[0], -EADDRNOTAVAIL)
      puppet.run(1.6e9)
      assert.strictEqual(connect(puppet.host, puppet.port)[0], -EINPROGRESS)
      assert.strictEqual(puppet.mib(Counters.TW_RECYCLED), 1)
    })

    it(`${profile.name}: 0 and 2 (not over loopback) do not`, () => {
      for (const reuse of [0, 2]) {
        const puppet = timeWait(profile, reuse)
        puppet.run(5e9)
        assert.strictEqual(connect(puppet.host, puppet.port)[0], -EADDRNOTAVAIL)
        puppet.run(120e9)
        const sock = puppet.host.tcp.create(puppet.host.net)!
        assert.strictEqual(Handshake.connect(sock, PEER, puppet.port), -EINPROGRESS)
        Close.close(sock)
      }
    })
  }
})
