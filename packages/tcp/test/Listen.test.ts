import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import * as Listen from "../src/Listen.ts"
import { synTableSize } from "../src/ListenRules.ts"
import { linux310, linux6x, type TcpProfile } from "../src/Profile.ts"
import { pair, type SimpleHost } from "../src/SimpleHost.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import { OBJECT_REQUEST, OBJECT_TCP } from "../src/TcpHost.ts"
import type { TcpSock } from "../src/TcpSock.ts"
import { ACK, FIN, Puppet, RST, SYN, times } from "./Puppet.ts"

const SECOND = 1e9

/** A host that listens with `backlog` and never accepts; SYNs from as many ports as wanted. */
const listener = (profile: TcpProfile, backlog: number, prepare?: (host: SimpleHost) => void): Puppet => {
  const puppet = new Puppet({ profile })
  puppet.hostPort = 80
  puppet.host.onAccept = null
  prepare?.(puppet.host)
  puppet.sock = puppet.host.listen(80, backlog)
  return puppet
}

const flood = (puppet: Puppet, count: number): void => {
  for (let port = 1; port <= count; port++) puppet.say({ flags: SYN, mss: 1460, port })
}

const queue = (sock: TcpSock | null): number => sock!.listen!.qlen

describe("accept queue (F1)", () => {
  it("holds the smaller of backlog and somaxconn, and one more", () => {
    for (const [backlog, somaxconn, limit] of [
      [0, 4096, 0],
      [5, 4096, 5],
      [5000, 4096, 4096],
      [-1, 4096, 4096],
      [511, 128, 128]
    ] as const) {
      const puppet = listener(linux6x, backlog, (host) => (host.net.sysctl.somaxconn = somaxconn))
      assert.strictEqual(puppet.sock!.listen!.maxAckBacklog, limit)
    }
    const { clock, client, server } = pair(1)
    const sock = server.listen(80, 3)
    server.onAccept = null
    for (let i = 0; i < 10; i++) client.connect(server.address, 80)
    clock.runUntil(0.9 * SECOND)
    assert.strictEqual(sock.listen!.ackBacklog, 4)
  })

  it("a second listen changes the limit", () => {
    const puppet = listener(linux6x, 3)
    assert.strictEqual(Listen.listen(puppet.sock!, 7), 0)
    assert.strictEqual(puppet.sock!.listen!.maxAckBacklog, 7)
  })
})

describe("SYN queue (F2, F3)", () => {
  it("3.10: the table's size is the limit", () => {
    assert.deepStrictEqual(
      [
        synTableSize(5, 8192),
        synTableSize(128, 1024),
        synTableSize(512, 1024),
        synTableSize(1024, 2048),
        synTableSize(1024, 8192)
      ],
      [16, 256, 1024, 2048, 2048]
    )
    const puppet = listener(linux310, 5, (host) => {
      host.net.sysctl.syncookies = 0
      host.net.sysctl.maxSynBacklog = 8192
    })
    flood(puppet, 100)
    assert.strictEqual(queue(puppet.sock), 16)
    assert.strictEqual(puppet.mib(Counters.REQ_Q_FULL_DROP), 84)
    assert.strictEqual(puppet.mib(Counters.LISTEN_DROPS), 84)
  })

  it("6.x: backlog and one more; 1000 SYNs, backlog 128", () => {
    const off = listener(linux6x, 128, (host) => {
      host.net.sysctl.syncookies = 0
      host.net.sysctl.maxSynBacklog = 4096
    })
    flood(off, 1000)
    assert.strictEqual(queue(off.sock), 129)
    assert.strictEqual(off.mib(Counters.REQ_Q_FULL_DROP), 871)
    assert.strictEqual(off.mib(Counters.LISTEN_DROPS), 871)
    const on = listener(linux6x, 128)
    flood(on, 1000)
    assert.strictEqual(queue(on.sock), 129)
    assert.strictEqual(on.mib(Counters.SYNCOOKIES_SENT), 871)
    assert.strictEqual(on.mib(Counters.REQ_Q_FULL_DO_COOKIES), 871)
    assert.strictEqual(on.mib(Counters.LISTEN_DROPS), 0)
    assert.strictEqual(on.heard.length, 1000)
  })

  it("3.10 counts a SYN answered by a cookie as dropped", () => {
    const puppet = listener(linux310, 5)
    flood(puppet, 50)
    assert.strictEqual(puppet.mib(Counters.SYNCOOKIES_SENT), 34)
    assert.strictEqual(puppet.mib(Counters.LISTEN_DROPS), 34)
  })

  it("without cookies a quarter of tcp_max_syn_backlog is kept back", () => {
    for (const [profile, backlog, most, kept] of [
      [linux6x, 4096, 128, 97],
      [linux6x, 4096, 2048, 1537],
      [linux310, 128, 128, 97],
      [linux310, 128, 1024, 256],
      [linux310, 1024, 1024, 769]
    ] as const) {
      const puppet = listener(profile, backlog, (host) => {
        host.net.sysctl.syncookies = 0
        host.net.sysctl.somaxconn = 4096
        host.net.sysctl.maxSynBacklog = most
      })
      flood(puppet, 2000)
      assert.strictEqual(queue(puppet.sock), kept)
      assert.strictEqual(puppet.host.objects[OBJECT_REQUEST], kept)
    }
  })
})

describe("SYN against a full accept queue (F4)", () => {
  const clients = (profile: TcpProfile, backlog: number, count: number): readonly [SimpleHost, Array<SimpleStream>] => {
    const { clock, client, server } = pair(1, { delay: 1e6 }, { profile })
    server.onAccept = null
    server.listen(80, backlog)
    const streams: Array<SimpleStream> = []
    for (let i = 0; i < count; i++) {
      clock.runUntil(i * 40e6)
      streams.push(client.connect(server.address, 80))
    }
    clock.runUntil(0.95 * SECOND)
    return [server, streams]
  }

  it("6.x drops each one at once", () => {
    const [server, streams] = clients(linux6x, 3, 10)
    assert.strictEqual(streams.filter((stream) => stream.sock.state === 1).length, 4)
    assert.strictEqual(server.net.mib[Counters.LISTEN_OVERFLOWS], 6)
    assert.strictEqual(server.net.mib[Counters.LISTEN_DROPS], 6)
  })

  it("3.10 answers two young ones, whose third ACK finds no room; 20 clients, backlog 4", () => {
    const [server, streams] = clients(linux310, 4, 20)
    assert.strictEqual(streams.filter((stream) => stream.sock.state === 1).length, 7)
    assert.strictEqual(server.net.mib[Counters.LISTEN_OVERFLOWS], 15)
    assert.strictEqual(server.net.mib[Counters.LISTEN_DROPS], 15)
  })
})

/** An accept queue of two places that gets full while a request waits for its third ACK. */
const overflow = (profile: TcpProfile, abort: number): Puppet => {
  const puppet = listener(profile, 1, (host) => (host.net.sysctl.abortOnOverflow = abort))
  const syn = (port: number): number => {
    puppet.say({ flags: SYN, mss: 1460, port })
    return puppet.hostIsn
  }
  const third = (port: number, isn: number): void => {
    puppet.hostIsn = isn
    puppet.say({ seq: 1, ack: 1, port })
  }
  third(1, syn(1))
  const second = syn(2)
  const ours = syn(5000)
  third(2, second)
  puppet.hostIsn = ours
  return puppet
}

describe("third ACK against a full accept queue (F5)", () => {
  it("is ignored, and the connection completes at the next SYN-ACK after room appears", () => {
    for (const profile of [linux310, linux6x]) {
      const puppet = overflow(profile, 0)
      puppet.say({ seq: 1, ack: 1 })
      assert.strictEqual(puppet.state(), "SYN_RECV")
      assert.strictEqual(puppet.mib(Counters.LISTEN_OVERFLOWS), 1)
      assert.strictEqual(puppet.mib(Counters.LISTEN_DROPS), 1)
      assert.isNotNull(Listen.accept(puppet.sock!))
      puppet.forget()
      puppet.run(2 * SECOND)
      assert.isAtLeast(puppet.heard.length, 1)
      assert.strictEqual(puppet.heard[0]!.flags, SYN | ACK)
      puppet.say({ seq: 1, ack: 1 })
      assert.strictEqual(puppet.state(), "ESTABLISHED")
    }
  })

  it("is answered with a RST under tcp_abort_on_overflow", () => {
    const puppet = overflow(linux6x, 1)
    puppet.say({ seq: 1, ack: 1 })
    assert.strictEqual(puppet.last.flags, RST)
    assert.strictEqual(puppet.mib(Counters.EMBRYONIC_RSTS), 1)
    assert.strictEqual(queue(puppet.sock), 0)
  })
})

describe("SYN-ACK timetable (F7)", () => {
  it("6.x: 1 3 7 15 31 s, gone at 63 s", () => {
    const puppet = listener(linux6x, 128)
    puppet.say({ flags: SYN, mss: 1460 })
    puppet.run(63 * SECOND - 1)
    assert.deepStrictEqual(times(puppet.heard), [0, 1, 3, 7, 15, 31])
    assert.strictEqual(queue(puppet.sock), 1)
    puppet.run(1)
    assert.strictEqual(queue(puppet.sock), 0)
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 6)
    assert.strictEqual(puppet.mib(Counters.SYN_RETRANS), 5)
    assert.strictEqual(puppet.host.objects[OBJECT_REQUEST], 0)
  })

  it("3.10: a tick of 200 ms that visits two fifths of the table makes each up to 0.6 s late", () => {
    for (let port = 1; port <= 20; port++) {
      const puppet = listener(linux310, 128)
      puppet.say({ flags: SYN, mss: 1460, port })
      puppet.run(70 * SECOND)
      const seen = times(puppet.heard)
      assert.strictEqual(seen.length, 6)
      for (const [index, nominal] of [0, 1, 3, 7, 15, 31].entries()) {
        assert.isAtLeast(seen[index]!, nominal)
        assert.isAtMost(seen[index]!, nominal + 0.6 * (index === 0 ? 0 : index))
      }
      assert.strictEqual(queue(puppet.sock), 0)
    }
  })

  it("a repeated SYN is answered, and does not count as a timeout", () => {
    const puppet = listener(linux6x, 128)
    puppet.say({ flags: SYN, mss: 1460 })
    puppet.run(0.3 * SECOND)
    puppet.say({ flags: SYN, mss: 1460 })
    assert.strictEqual(puppet.heard.length, 2)
    assert.strictEqual(puppet.heard[0]!.seq, puppet.heard[1]!.seq)
    assert.strictEqual(puppet.mib(Counters.TIMEOUTS), 0)
  })
})

describe("SYN cookies", () => {
  it("make a connection without a request, with the options that fit", () => {
    const puppet = listener(linux6x, 128, (host) => (host.net.sysctl.syncookies = 2))
    puppet.host.onAccept = (stream) => {
      puppet.sock = stream.sock
      puppet.stream = stream
    }
    puppet.say({ flags: SYN, mss: 1450, scale: 9, sackOk: true, ts: [100, 0] })
    assert.strictEqual(puppet.host.objects[OBJECT_REQUEST], 0)
    const echo = puppet.last.options.tsVal
    puppet.say({ seq: 1, ack: 1, ts: [101, echo], length: 3 })
    assert.strictEqual(puppet.state(), "ESTABLISHED")
    const sock = puppet.sock!
    assert.strictEqual(sock.mssClamp, 1440)
    assert.strictEqual(sock.sndWscale, 9)
    assert.isTrue(sock.sackOk)
    assert.strictEqual(puppet.stream!.receivedBytes, 3)
    assert.strictEqual(puppet.mib(Counters.SYNCOOKIES_RECV), 1)
  })

  it("do not take an ACK that was never a cookie", () => {
    const puppet = listener(linux6x, 128, (host) => (host.net.sysctl.syncookies = 2))
    puppet.say({ flags: SYN, mss: 1460 })
    puppet.say({ seq: 1, ack: 12_345 })
    assert.strictEqual(puppet.last.flags, RST)
    assert.strictEqual(puppet.mib(Counters.SYNCOOKIES_FAILED), 1)
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 1)
  })

  it("grow old after two minutes", () => {
    const puppet = listener(linux6x, 128, (host) => (host.net.sysctl.syncookies = 2))
    puppet.say({ flags: SYN, mss: 1460 })
    const isn = puppet.hostIsn
    puppet.run(121 * SECOND)
    puppet.say({ flags: SYN, mss: 1460, port: 9 })
    puppet.hostIsn = isn
    puppet.say({ seq: 1, ack: 1 })
    assert.strictEqual(puppet.last.flags, RST)
  })
})

describe("closing a listener", () => {
  it("resets what nobody accepted and forgets requests", () => {
    const puppet = listener(linux6x, 128)
    puppet.say({ flags: SYN, mss: 1460 })
    puppet.say({ seq: 1, ack: 1 })
    puppet.say({ flags: SYN, mss: 1460, port: 7 })
    assert.strictEqual(puppet.sock!.listen!.ackBacklog, 1)
    puppet.forget()
    ;(puppet.sock!.owner as SimpleStream).close()
    puppet.run(0)
    assert.strictEqual(puppet.last.flags, RST | ACK)
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 0)
    assert.strictEqual(puppet.host.objects[OBJECT_REQUEST], 0)
    assert.strictEqual(puppet.host.tcp.bindHash.count, 0)
    puppet.forget()
    puppet.say({ flags: FIN | ACK, seq: 1, ack: 1 })
    assert.strictEqual(puppet.last.flags, RST)
  })
})
