import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { ECONNRESET, EPIPE } from "../src/Errno.ts"
import { linux310, linux6x } from "../src/Profile.ts"
import { pair } from "../src/SimpleHost.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as OptionNames from "../src/OptionNames.ts"
import * as SockOpt from "../src/SockOpt.ts"
import { OBJECT_TCP, OBJECT_TIME_WAIT } from "../src/TcpHost.ts"
import { ACK, FIN, Puppet, RST, SYN } from "./Puppet.ts"

const SECOND = 1e9

/** Both programs of a connection over a good link. */
const both = () => {
  const made = pair(1, { delay: 1e6 })
  const accepted: Array<SimpleStream> = []
  made.server.onAccept = (stream) => accepted.push(stream)
  made.server.listen(80)
  const stream = made.client.connect(made.server.address, 80)
  made.clock.runUntil(0.1 * SECOND)
  return { ...made, stream, peer: accepted[0]! }
}

describe("closing", () => {
  it("leaves TIME_WAIT for 60 s at the side that closed first, and only there", () => {
    const { clock, client, server, stream, peer } = both()
    stream.close()
    clock.runUntil(1 * SECOND)
    peer.close()
    clock.runUntil(2 * SECOND)
    assert.strictEqual(client.objects[OBJECT_TIME_WAIT], 1)
    assert.strictEqual(client.objects[OBJECT_TCP], 0)
    assert.strictEqual(server.objects[OBJECT_TIME_WAIT], 0)
    clock.runUntil(61 * SECOND - 1)
    assert.strictEqual(client.objects[OBJECT_TIME_WAIT], 1)
    clock.runUntil(61.1 * SECOND)
    assert.strictEqual(client.objects[OBJECT_TIME_WAIT], 0)
    assert.strictEqual(client.tcp.bindHash.count, 0)
  })

  it("from both sides at once ends in TIME_WAIT on both (RFC 9293 figure 13)", () => {
    const { clock, client, server, stream, peer } = both()
    stream.close()
    peer.close()
    clock.runUntil(1 * SECOND)
    assert.strictEqual(client.tcp.timeWaitCount, 1)
    assert.strictEqual(server.tcp.timeWaitCount, 1)
  })

  it("half of it leaves the other half open", () => {
    const { clock, stream, peer } = both()
    stream.end()
    clock.runUntil(1 * SECOND)
    assert.isTrue(peer.ended)
    peer.write(new Uint8Array(5000))
    clock.runUntil(2 * SECOND)
    assert.strictEqual(stream.receivedBytes, 5000)
  })

  it("with unread data is a RST (RFC 2525 §2.17)", () => {
    const { clock, server, stream, peer } = both()
    peer.readSize = 0
    stream.write(new Uint8Array(10))
    clock.runUntil(1 * SECOND)
    peer.close()
    clock.runUntil(2 * SECOND)
    assert.strictEqual(stream.error, ECONNRESET)
    assert.strictEqual(server.net.mib[Counters.ABORT_ON_CLOSE], 1)
    assert.strictEqual(server.tcp.timeWaitCount, 0)
  })

  it("with SO_LINGER 0 is a RST", () => {
    const { clock, client, stream, peer } = both()
    stream.close(true)
    clock.runUntil(1 * SECOND)
    assert.strictEqual(peer.error, ECONNRESET)
    assert.strictEqual(client.objects[OBJECT_TCP], 0)
  })

  it("then writing: the first write is answered by a RST, the second gives EPIPE", () => {
    const { clock, stream, peer } = both()
    peer.close()
    clock.runUntil(1 * SECOND)
    stream.write(new Uint8Array(10))
    assert.strictEqual(stream.error, 0)
    clock.runUntil(2 * SECOND)
    stream.error = 0
    stream.sock.error = 0
    stream.write(new Uint8Array(10))
    assert.strictEqual(stream.error, EPIPE)
  })
})

describe("FIN_WAIT2 without a file", () => {
  it("is a small sock for tcp_fin_timeout", () => {
    const puppet = new Puppet()
    puppet.establish()
    puppet.stream!.close()
    puppet.run(0)
    puppet.say({ seq: 1, ack: 2 })
    assert.strictEqual(puppet.state(), "FIN_WAIT2")
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 0)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 1)
    puppet.run(60 * SECOND - 1)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 1)
    puppet.run(1)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 0)
  })

  it("above 60 s the full socket stays until the last minute", () => {
    const puppet = new Puppet()
    puppet.host.net.sysctl.finTimeout = 120
    puppet.establish()
    puppet.stream!.close()
    puppet.run(0)
    puppet.say({ seq: 1, ack: 2 })
    puppet.run(59 * SECOND)
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 1)
    puppet.run(2 * SECOND)
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 0)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 1)
    puppet.run(60 * SECOND)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 0)
  })

  it("answers data that nobody can read with RST", () => {
    const puppet = new Puppet()
    puppet.establish()
    puppet.stream!.close()
    puppet.run(0)
    puppet.say({ seq: 1, ack: 2 })
    puppet.forget()
    puppet.say({ seq: 1, ack: 2, length: 5 })
    assert.strictEqual(puppet.last.flags, RST)
    assert.strictEqual(puppet.state(), "CLOSE")
  })

  it("TCP_LINGER2 below 0: no FIN_WAIT2 at all", () => {
    const puppet = new Puppet()
    puppet.establish()
    SockOpt.set(puppet.sock!, OptionNames.TCP_LINGER2, -1)
    puppet.stream!.close()
    puppet.run(0)
    puppet.say({ seq: 1, ack: 2 })
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 0)
    assert.strictEqual(puppet.host.objects[OBJECT_TIME_WAIT], 0)
  })
})

describe("TIME_WAIT", () => {
  const timeWait = (profile = linux6x): Puppet => {
    const puppet = new Puppet({ profile })
    puppet.establishPassive({ ts: [100, 0] })
    puppet.stream!.close()
    puppet.run(0)
    puppet.say({ flags: FIN | ACK, seq: 1, ack: 2, ts: [101, 0] })
    assert.strictEqual(puppet.state(), "TIME_WAIT")
    puppet.forget()
    return puppet
  }

  it("answers the FIN again and starts anew", () => {
    const puppet = timeWait()
    puppet.run(30 * SECOND)
    puppet.say({ flags: FIN | ACK, seq: 1, ack: 2, ts: [102, 0] })
    assert.strictEqual(puppet.last.flags, ACK)
    assert.strictEqual(puppet.last.ack, 2)
    puppet.run(59 * SECOND)
    assert.strictEqual(puppet.state(), "TIME_WAIT")
  })

  it("gives way to a SYN beyond its window or with a later timestamp (RFC 6191)", () => {
    for (const seq of [5000, -5000]) {
      const puppet = timeWait()
      puppet.say({ flags: SYN, seq, mss: 1460, ts: [500, 0] })
      assert.strictEqual(puppet.last.flags, SYN | ACK)
      assert.strictEqual(puppet.host.tcp.timeWaitCount, 0)
    }
  })

  it("is killed by a RST unless tcp_rfc1337 is set", () => {
    for (const rfc1337 of [0, 1]) {
      const puppet = timeWait()
      puppet.host.net.sysctl.rfc1337 = rfc1337
      puppet.say({ flags: RST, seq: 2 })
      assert.strictEqual(puppet.host.tcp.timeWaitCount, rfc1337)
    }
  })

  it("no more than tcp_max_tw_buckets of them", () => {
    const puppet = new Puppet()
    puppet.host.net.sysctl.maxTwBuckets = 3
    for (let i = 0; i < 5; i++) {
      puppet.port = 5000 + i
      puppet.establishPassive()
      puppet.stream!.close()
      puppet.run(0)
      puppet.say({ flags: FIN | ACK, seq: 1, ack: 2 })
    }
    assert.strictEqual(puppet.host.tcp.timeWaitCount, 3)
    assert.strictEqual(puppet.mib(Counters.TIME_WAIT_OVERFLOW), 2)
  })
})

describe("the 3.10 wheel (F21)", () => {
  /** Lives of TIME_WAIT socks that begin at a steady rate, s. */
  const lives = (perSecond: number, seconds: number): ReadonlyArray<number> => {
    const puppet = new Puppet({ profile: linux310 })
    const { host } = puppet
    host.net.sysctl.maxTwBuckets = 1e9
    const began = new Map<number, number>()
    const found: Array<number> = []
    puppet.host.listen(80)
    let port = 1
    for (let i = 0; i < perSecond * seconds; i++) {
      puppet.run(SECOND / perSecond)
      puppet.port = port
      puppet.establishPassive()
      puppet.stream!.close()
      puppet.run(0)
      puppet.say({ flags: FIN | ACK, seq: 1, ack: 2 })
      began.set(port, puppet.clock.now)
      puppet.forget()
      port = (port % 60_000) + 1
      if (i % 10 === 0) collect(puppet, began, found)
    }
    for (let i = 0; i < 300; i++) {
      puppet.run(SECOND / 2)
      collect(puppet, began, found)
    }
    return found
  }

  const collect = (puppet: Puppet, began: Map<number, number>, found: Array<number>): void => {
    const { host } = puppet
    for (const [port, at] of began) {
      if (host.tcp.established.find(host.net, host.address, 80, puppet.address, port, 0) !== null) continue
      began.delete(port)
      found.push((puppet.clock.now - at) / SECOND)
    }
  }

  it("at 5 a second a life is 52.5 to 60 s", () => {
    const found = lives(5, 100)
    assert.isAtLeast(Math.min(...found), 52.4)
    assert.isAtMost(Math.max(...found), 62.5)
  })

  it("at 20 a second it becomes 97.5 to 112.5 s", () => {
    const late = lives(20, 150).slice(-600)
    assert.isAtLeast(Math.min(...late), 52.4)
    assert.isAtMost(Math.max(...late), 113.5)
    assert.isAtLeast(late.filter((life) => life > 90).length, 500)
  })
})
