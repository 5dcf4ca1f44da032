import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { ECONNREFUSED, ETIMEDOUT } from "../src/Errno.ts"
import { linux310, linux6x } from "../src/Profile.ts"
import { pair } from "../src/SimpleHost.ts"
import * as OptionNames from "../src/OptionNames.ts"
import * as SockOpt from "../src/SockOpt.ts"
import * as State from "../src/State.ts"
import * as TcpInfo from "../src/TcpInfo.ts"
import { ACK, Puppet, RST, SYN, times } from "./Puppet.ts"

const SECOND = 1e9

describe("opening", () => {
  it("takes three segments and one round trip", () => {
    const { clock, link, client, server } = pair(1, { delay: 5e6 })
    server.listen(80)
    const stream = client.connect(server.address, 80)
    clock.runUntil(9.9e6)
    assert.strictEqual(stream.sock.state, State.SYN_SENT)
    clock.runUntil(10e6)
    assert.strictEqual(stream.sock.state, State.ESTABLISHED)
    clock.runUntil(1 * SECOND)
    assert.strictEqual(link.sent, 3)
    assert.strictEqual(client.net.mib[Counters.ACTIVE_OPENS], 1)
    assert.strictEqual(server.net.mib[Counters.PASSIVE_OPENS], 1)
    assert.strictEqual(server.net.mib[Counters.CURR_ESTAB], 1)
  })

  it("offers what each kernel offers in SYN and SYN-ACK", () => {
    // 6.x: 44 segments of 1460 and 45 of 1448 fit in half of 131,072 bytes (measured); 3.10: ten segments.
    const figures = [
      [linux6x, 64_240, 65_160],
      [linux310, 14_600, 14_480]
    ] as const
    for (const [profile, inSyn, inSynAck] of figures) {
      const puppet = new Puppet({ profile })
      puppet.connect()
      assert.strictEqual(puppet.last.flags, SYN)
      assert.strictEqual(puppet.last.window, inSyn)
      assert.strictEqual(puppet.last.options.mss, 1460)
      assert.strictEqual(puppet.last.options.windowScale, 7)
      assert.strictEqual(puppet.last.options.sackPermitted, 1)
      assert.strictEqual(puppet.last.options.hasTimestamp, 1)
      const passive = new Puppet({ profile })
      passive.hostPort = 80
      passive.host.listen(80)
      passive.say({ flags: SYN, mss: 1460, sackOk: true, scale: 7, ts: [1, 0] })
      assert.strictEqual(passive.last.flags, SYN | ACK)
      assert.strictEqual(passive.last.window, inSynAck)
    }
  })

  it("uses only what the peer's SYN-ACK grants", () => {
    const puppet = new Puppet()
    const { sock } = puppet.establish({ mss: 1000, scale: 3 })
    const info = TcpInfo.read(sock)
    assert.strictEqual(info.snd_mss, 1000)
    assert.strictEqual(info.options, TcpInfo.OPT_WSCALE)
    assert.strictEqual(info.snd_wscale, 3)
    const timestamps = new Puppet()
    assert.strictEqual(TcpInfo.read(timestamps.establish({ mss: 1000, ts: [1, 0] }).sock).snd_mss, 988)
    const silent = new Puppet()
    assert.strictEqual(TcpInfo.read(silent.establish({ mss: 0 }).sock).snd_mss, 536)
  })

  it("TCP_MAXSEG bounds both directions", () => {
    const puppet = new Puppet()
    const stream = puppet.establish({ mss: 1460 }, (sock) => SockOpt.set(sock, OptionNames.TCP_MAXSEG, 700))
    assert.strictEqual(puppet.heard[0]!.options.mss, 700)
    assert.strictEqual(TcpInfo.read(stream.sock).snd_mss, 700)
  })

  it("sends ten segments first (RFC 6928)", () => {
    const puppet = new Puppet()
    const stream = puppet.establish({ sackOk: true, ts: [1, 0], scale: 7 })
    puppet.forget()
    stream.write(new Uint8Array(100_000))
    puppet.run(0)
    assert.strictEqual(puppet.heard.length, 10)
    assert.isTrue(puppet.heard.every((segment) => segment.length === 1448))
  })

  it("is refused by a RST", () => {
    const puppet = new Puppet()
    const stream = puppet.connect()
    puppet.say({ flags: RST | ACK, ack: 1 })
    assert.strictEqual(stream.error, ECONNREFUSED)
    assert.strictEqual(stream.sock.state, State.CLOSE)
    assert.strictEqual(puppet.mib(Counters.ATTEMPT_FAILS), 1)
  })

  it("answers an ACK of nothing we sent with RST, and goes on", () => {
    const puppet = new Puppet()
    puppet.connect()
    puppet.say({ flags: SYN | ACK, ack: 77, mss: 1460 })
    assert.strictEqual(puppet.last.flags, RST)
    assert.strictEqual(puppet.last.seq, 77)
    assert.strictEqual(puppet.state(), "SYN_SENT")
  })

  it("from both sides at once ends ESTABLISHED on both (RFC 9293 figure 7)", () => {
    const { clock, client, server } = pair(1, { delay: 5e6 })
    const bind = 1000
    const left = client.connect(server.address, bind, (sock) => {
      sock.tcp.bindHash.create(client.net, bind)
      sock.tcp.bindHash.add(sock.tcp.bindHash.find(client.net, bind)!, sock)
    })
    const right = server.connect(client.address, bind, (sock) => {
      sock.tcp.bindHash.create(server.net, bind)
      sock.tcp.bindHash.add(sock.tcp.bindHash.find(server.net, bind)!, sock)
    })
    clock.runUntil(6e6)
    assert.strictEqual(left.sock.state, State.SYN_RECV)
    assert.strictEqual(right.sock.state, State.SYN_RECV)
    clock.runUntil(20e6)
    assert.strictEqual(left.sock.state, State.ESTABLISHED)
    assert.strictEqual(right.sock.state, State.ESTABLISHED)
    left.write(new Uint8Array([1, 2, 3]))
    right.write(new Uint8Array([4, 5]))
    clock.runUntil(1 * SECOND)
    assert.deepStrictEqual([...right.received()], [1, 2, 3])
    assert.deepStrictEqual([...left.received()], [4, 5])
  })
})

describe("SYN timetable (F6)", () => {
  const table: ReadonlyArray<
    readonly [
      name: string,
      profile: typeof linux6x,
      retries: number,
      linear: number,
      repeats: ReadonlyArray<number>,
      end: number
    ]
  > = [
    ["3.10", linux310, 6, 0, [1, 3, 7, 15, 31, 63], 127],
    ["3.10, 1 retry", linux310, 1, 0, [1], 3],
    ["3.10, 2 retries", linux310, 2, 0, [1, 3], 7],
    ["6.x", linux6x, 6, 4, [1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131],
    ["6.x, not linear", linux6x, 6, 0, [1, 3, 7, 15, 31, 63], 127],
    ["6.x, 2 retries", linux6x, 2, 4, [1, 2, 3, 4, 5], 7],
    ["6.x, 1 retry", linux6x, 1, 4, [1, 2], 3]
  ]
  for (const [name, profile, retries, linear, repeats, end] of table) {
    it(name, () => {
      const puppet = new Puppet({ profile })
      puppet.host.net.sysctl.synRetries = retries
      puppet.host.net.sysctl.synLinearTimeouts = linear
      const stream = puppet.connect()
      puppet.run(end * SECOND - 1)
      assert.strictEqual(stream.error, 0)
      assert.deepStrictEqual(times(puppet.heard), [0, ...repeats])
      puppet.run(1)
      assert.strictEqual(stream.error, ETIMEDOUT)
      assert.strictEqual(puppet.mib(Counters.SYN_RETRANS), repeats.length)
      assert.strictEqual(puppet.mib(Counters.TIMEOUTS), repeats.length + 1)
      assert.strictEqual(puppet.host.liveSegments, 0)
    })
  }
})
