import { assert, describe, it } from "vitest"
import * as FastOpen from "../src/FastOpen.ts"
import * as FastOpenKey from "../src/FastOpenKey.ts"
import * as FastOpenQueue from "../src/FastOpenQueue.ts"
import * as Close from "../src/Close.ts"
import * as Counters from "../src/Counters.ts"
import { EALREADY, ECONNRESET, EINPROGRESS, EINVAL, EOPNOTSUPP } from "../src/Errno.ts"
import * as Handshake from "../src/Handshake.ts"
import * as IcmpError from "../src/IcmpError.ts"
import * as Listen from "../src/Listen.ts"
import { hash8 } from "../src/SipHash.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as State from "../src/State.ts"
import * as Stream from "../src/Stream.ts"
import * as TcpInfo from "../src/TcpInfo.ts"
import { OBJECT_REQUEST, OBJECT_TCP } from "../src/TcpHost.ts"
import type { TcpSock } from "../src/TcpSock.ts"
import { ACK, FIN, PEER, PSH, Puppet, RST, SYN, cookieOf, fromHex, times } from "./Puppet.ts"

const SECOND = 1e9
const COOKIE = "aabbccdd00112233"

/** A host without timestamps, whose peer we are. */
const puppetOf = (fastOpen: number): Puppet => {
  const puppet = new Puppet()
  puppet.host.net.sysctl.timestamps = 0
  puppet.host.net.sysctl.fastOpen = fastOpen
  return puppet
}

/** sendto(MSG_FASTOPEN) on a new socket: bytes in the SYN, or the errno. */
const sendFast = (puppet: Puppet, bytes: number, prepare?: (sock: TcpSock) => void): number => {
  const sock = puppet.host.tcp.create(puppet.host.net)!
  puppet.sock = sock
  prepare?.(sock)
  const begun = FastOpen.begin(sock, new Uint8Array(bytes).fill(7), 0, bytes)
  if (begun !== 0) return begun
  const status = Handshake.connect(sock, PEER, puppet.port)
  const copied = FastOpen.end(sock)
  puppet.run(0)
  return copied > 0 ? copied : status
}

/** The peer answers a SYN that asked for a cookie. */
const learn = (puppet: Puppet, cookie = COOKIE): void => {
  assert.strictEqual(sendFast(puppet, 0), -EINPROGRESS)
  puppet.say({ flags: SYN | ACK, ack: 1, mss: 1460, sackOk: true, cookie })
  Close.close(puppet.sock!)
  puppet.say({ flags: RST | ACK, seq: 1, ack: 2 })
  puppet.forget()
  puppet.port++
}

const synData = (sock: TcpSock | null): boolean => (TcpInfo.read(sock!).options & TcpInfo.OPT_SYN_DATA) !== 0

describe("cookies", () => {
  it("SipHash-2-4 of eight bytes: the vector of the paper's reference code", () => {
    const key = Uint8Array.from({ length: 16 }, (_, i) => i)
    const data = Uint8Array.from({ length: 8 }, (_, i) => i)
    const out = new Uint8Array(8)
    hash8(key, data, 0, out)
    assert.deepStrictEqual([...out], [0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93])
  })

  it("are what Linux 6.x makes of the same key and addresses", () => {
    const keys = FastOpenKey.parse("a0bf63f7-ed803d81-cd641d30-cebc4a90")!
    const out = new Uint8Array(8)
    FastOpenKey.cookie(keys.primary, 0x0af80002, 0xc0a80002 | 0, out)
    assert.deepStrictEqual([...out], [...fromHex("00abaaabe8e954c2")])
    FastOpenKey.cookie(keys.primary, 0x0af80003, 0xc0a80003 | 0, out)
    assert.deepStrictEqual([...out], [...fromHex("76d2c1c530f51f79")])
  })

  it("keys are read and printed as the sysctl does; bytes are those of the four words, low first", () => {
    const text = "a0bf63f7-ed803d81-cd641d30-cebc4a90"
    const keys = FastOpenKey.parse(text)!
    assert.strictEqual(FastOpenKey.format(keys), text)
    assert.deepStrictEqual([...keys.primary.subarray(0, 4)], [0xf7, 0x63, 0xbf, 0xa0])
    const both = FastOpenKey.parse(`${text},1-2-3-4`)!
    assert.strictEqual(FastOpenKey.format(both), `${text},00000001-00000002-00000003-00000004`)
    assert.deepStrictEqual(FastOpenKey.fromBytes(FastOpenKey.toBytes(both)), both)
    for (const bad of ["", "1-2-3", "1-2-3-4-5", "x-1-2-3", "1-2-3-4,", "1-2-3-4,1-2-3-4,1-2-3-4"]) {
      assert.isNull(FastOpenKey.parse(bad), bad)
    }
    assert.isNull(FastOpenKey.fromBytes(new Uint8Array(15)))
  })
})

describe("client", () => {
  it("asks for a cookie, keeps it, and sends data in the next SYN", () => {
    const puppet = puppetOf(1)
    assert.strictEqual(sendFast(puppet, 0), -EINPROGRESS)
    assert.strictEqual(cookieOf(puppet.last), "")
    puppet.say({ flags: SYN | ACK, ack: 1, mss: 1040, sackOk: true, cookie: COOKIE })
    assert.strictEqual(puppet.last.flags, ACK)
    puppet.port++
    puppet.forget()
    assert.strictEqual(sendFast(puppet, 2000), 1000)
    assert.deepInclude(puppet.last, { flags: SYN, length: 1000 })
    assert.strictEqual(cookieOf(puppet.last), COOKIE)
    puppet.say({ flags: SYN | ACK, ack: 1001, mss: 1460, sackOk: true })
    assert.deepInclude(puppet.last, { flags: ACK, seq: 1001, ack: 1, length: 0 })
    assert.isTrue(synData(puppet.sock))
    assert.strictEqual(puppet.sock!.delivered, 1)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_ACTIVE), 1)
  })

  it("sends at once again what the SYN-ACK did not take", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    sendFast(puppet, 700)
    puppet.forget()
    puppet.say({ flags: SYN | ACK, ack: 1, mss: 1040, sackOk: true })
    assert.deepInclude(puppet.last, { flags: PSH | ACK, seq: 1, ack: 1, length: 700 })
    assert.isFalse(synData(puppet.sock))
    assert.strictEqual(TcpInfo.read(puppet.sock!).fastopen_client_fail, FastOpen.FAIL_DATA_NOT_ACKED)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_ACTIVE_FAIL), 1)
    puppet.say({ seq: 1, ack: 701 })
    assert.strictEqual(puppet.sock!.delivered, 2)
    assert.strictEqual(puppet.sock!.packetsOut, 0)
  })

  it("takes part of the data for acknowledged when the SYN-ACK says so", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    sendFast(puppet, 18)
    puppet.say({ flags: SYN | ACK, ack: 10, mss: 1460, sackOk: true })
    assert.deepInclude(puppet.last, { flags: PSH | ACK, seq: 10, length: 9 })
  })

  it("a SYN sent again has neither data nor option", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    sendFast(puppet, 1000)
    const start = puppet.clock.now
    puppet.run(1.5 * SECOND)
    assert.deepStrictEqual(times(puppet.heard, start), [0, 1])
    assert.deepInclude(puppet.last, { flags: SYN, length: 0 })
    assert.isNull(cookieOf(puppet.last))
    puppet.say({ flags: SYN | ACK, ack: 1, mss: 1460, sackOk: true })
    assert.deepInclude(puppet.last, { seq: 1, length: 1000 })
    assert.strictEqual(TcpInfo.read(puppet.sock!).fastopen_client_fail, FastOpen.FAIL_SYN_RETRANSMITTED)
  })

  it("asks in the experimental form when nobody answered the other, then goes back for good", () => {
    const puppet = puppetOf(1)
    const forms: Array<number> = []
    for (let i = 0; i < 4; i++) {
      sendFast(puppet, 100)
      forms.push(puppet.last.options.fastOpenExperimental)
      puppet.say({ flags: SYN | ACK, ack: 1, mss: 1460 })
      puppet.port++
    }
    assert.deepStrictEqual(forms, [0, 1, 0, 0])
  })

  it("keeps cookies of 4 to 16 bytes of even length, and the MSS in any case", () => {
    const puppet = puppetOf(1)
    learn(puppet, "00000000")
    for (const bad of ["1122", "11223344556677889900aabbccddeeff0011", "112233"]) {
      sendFast(puppet, 100)
      assert.strictEqual(cookieOf(puppet.last), "00000000", bad)
      puppet.say({ flags: SYN | ACK, ack: 101, mss: 940, cookie: bad })
      puppet.port++
    }
    assert.strictEqual(sendFast(puppet, 2000), 900)
  })

  it("without a cookie where the sysctl or the socket says so", () => {
    const puppet = puppetOf(5)
    assert.strictEqual(sendFast(puppet, 1000), 1000)
    assert.isNull(cookieOf(puppet.last))
    puppet.host.net.sysctl.fastOpen = 1
    puppet.port++
    assert.strictEqual(
      sendFast(puppet, 1000, (sock) => assert.strictEqual(FastOpen.setNoCookie(sock, 1), 0)),
      1000
    )
  })

  it("MSG_FASTOPEN is refused where the sysctl is off, and while one is under way", () => {
    assert.strictEqual(sendFast(puppetOf(0), 10), -EOPNOTSUPP)
    const puppet = puppetOf(1)
    const sock = puppet.host.tcp.create(puppet.host.net)!
    assert.strictEqual(FastOpen.begin(sock, new Uint8Array(1), 0, 1), 0)
    assert.strictEqual(FastOpen.begin(sock, new Uint8Array(1), 0, 1), -EALREADY)
    assert.strictEqual(FastOpen.setConnect(sock, 2), -EINVAL)
  })

  it("TCP_FASTOPEN_CONNECT leaves the SYN to the first write when there is a cookie", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    const sock = puppet.host.tcp.create(puppet.host.net)!
    FastOpen.setConnect(sock, 1)
    assert.strictEqual(Handshake.connect(sock, PEER, puppet.port), 0)
    assert.strictEqual(puppet.heard.length, 0)
    assert.strictEqual(Stream.poll(sock), 0x104)
    assert.strictEqual(FastOpen.begin(sock, new Uint8Array(50), 0, 50), 0)
    assert.strictEqual(Handshake.begin(sock), -EINPROGRESS)
    assert.strictEqual(FastOpen.end(sock), 50)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: SYN, length: 50 })
  })

  it("data of a SYN-ACK counts for Fast Open only, FIN included", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    sendFast(puppet, 10)
    puppet.say({ flags: SYN | ACK | FIN, ack: 11, mss: 1460, length: 1400 })
    assert.strictEqual(puppet.sock!.state, State.CLOSE_WAIT)
    // A FIN makes it a conversation: the ACK waits for the reader.
    assert.strictEqual(puppet.last.flags, SYN)
    assert.strictEqual(Stream.recvStep(puppet.sock!, new Uint8Array(2000), 0, 2000, 0), 1400)
    Stream.recvDone(puppet.sock!, 1400)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: ACK, ack: 1402 })
    const plain = puppetOf(0)
    plain.establish({ length: 100 })
    assert.strictEqual(plain.last.ack, 1)
  })

  it("the SYN goes again at once, smaller, when a router cannot pass it", () => {
    const puppet = puppetOf(1)
    learn(puppet)
    sendFast(puppet, 1000)
    puppet.host.mtuBytes = 840
    IcmpError.mtuReduced(puppet.sock!)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: SYN, length: 0 })
    assert.strictEqual(puppet.last.options.mss, 800)
  })

  it("pauses after two timeouts in a row, longer each time, where the sysctl says so", () => {
    const puppet = puppetOf(1)
    puppet.host.net.sysctl.fastOpenBlackholeSeconds = 10
    learn(puppet)
    sendFast(puppet, 100)
    puppet.run(3.5 * SECOND)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_BLACKHOLE), 1)
    puppet.port++
    assert.strictEqual(sendFast(puppet, 100), -EINPROGRESS)
    assert.isNull(cookieOf(puppet.last))
    puppet.run(10 * SECOND)
    puppet.port++
    assert.strictEqual(sendFast(puppet, 100), 100)
  })
})

describe("server", () => {
  /** A listener, and the cookie that the host gives us. */
  const listener = (sysctl = 0x403): { puppet: Puppet; cookie: string; sock: TcpSock } => {
    const puppet = puppetOf(sysctl)
    puppet.host.net.texts.fastOpenKey = "a0bf63f7-ed803d81-cd641d30-cebc4a90"
    puppet.hostPort = 80
    puppet.host.onAccept = null
    const sock = puppet.host.listen(80, 4)
    puppet.say({ flags: SYN, mss: 1460, sackOk: true, cookie: "" })
    const cookie = cookieOf(puppet.last)!
    puppet.say({ flags: RST, seq: 1 })
    puppet.forget()
    puppet.port++
    return { puppet, cookie, sock }
  }

  /** Nobody reads from the child that waits to be accepted. */
  const unread = (sock: TcpSock): void => {
    ;(sock.listen!.acceptHead!.owner as SimpleStream).readSize = 0
  }

  it("gives a cookie to who asks, in the form asked", () => {
    const { puppet, cookie } = listener()
    assert.strictEqual(cookie.length, 16)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_COOKIE_REQD), 1)
    puppet.say({ flags: SYN, mss: 1460, cookie: "", experimental: true })
    assert.strictEqual(puppet.last.options.fastOpenExperimental, 1)
    assert.strictEqual(cookieOf(puppet.last), cookie)
  })

  it("a good cookie makes the socket at once: data can be read and written before the third ACK", () => {
    const { puppet, cookie, sock } = listener()
    puppet.say({ flags: SYN, mss: 1460, sackOk: true, cookie, length: 10 })
    assert.deepInclude(puppet.last, { flags: SYN | ACK, ack: 11 })
    assert.isNull(cookieOf(puppet.last))
    const child = Listen.accept(sock)!
    assert.strictEqual(child.state, State.SYN_RECV)
    assert.isTrue(synData(child))
    assert.strictEqual(Stream.poll(child), 0x145)
    assert.strictEqual(Stream.recvStep(child, new Uint8Array(64), 0, 64, 0), 10)
    assert.strictEqual(Stream.sendStep(child, new Uint8Array(100), 0, 100, 0), 100)
    Stream.sendDone(child, 0)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: PSH | ACK, seq: 1, ack: 11, length: 100 })
    assert.strictEqual(sock.listen!.fastOpenLength, 1)
    puppet.say({ seq: 11, ack: 1 })
    assert.strictEqual(child.state, State.ESTABLISHED)
    assert.strictEqual(sock.listen!.fastOpenLength, 0)
    puppet.say({ seq: 11, ack: 101 })
    assert.strictEqual(child.delivered, 2)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_PASSIVE), 1)
  })

  it("only the SYN-ACK is sent again until the third ACK, once more than the sysctl says; then the socket is gone", () => {
    const { puppet, cookie, sock } = listener()
    puppet.host.net.sysctl.synackRetries = 2
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    const child = Listen.accept(sock)!
    Stream.sendStep(child, new Uint8Array(100), 0, 100, 0)
    Stream.sendDone(child, 0)
    puppet.run(0)
    puppet.forget()
    const start = puppet.clock.now
    puppet.run(60 * SECOND)
    assert.deepStrictEqual(times(puppet.heard, start), [1, 3, 7])
    assert.isTrue(puppet.heard.every(({ flags }) => flags === (SYN | ACK)))
    assert.strictEqual(child.state, State.CLOSE)
    assert.strictEqual(sock.listen!.fastOpenLength, 0)
  })

  it("a wrong cookie is answered with the right one, and the data is not taken", () => {
    const { puppet, cookie } = listener()
    puppet.say({ flags: SYN, mss: 1460, cookie: "1234567812345678", length: 10 })
    assert.deepInclude(puppet.last, { flags: SYN | ACK, ack: 1 })
    assert.strictEqual(cookieOf(puppet.last), cookie)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_PASSIVE_FAIL), 1)
  })

  it("a cookie of the backup key is taken, and answered with one of the new key", () => {
    const { puppet, cookie } = listener()
    puppet.host.net.texts.fastOpenKey = "1-2-3-4,a0bf63f7-ed803d81-cd641d30-cebc4a90"
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    assert.strictEqual(puppet.last.ack, 11)
    assert.notStrictEqual(cookieOf(puppet.last), cookie)
    assert.strictEqual(cookieOf(puppet.last)!.length, 16)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_PASSIVE_ALT_KEY), 1)
  })

  it("a listener's own key counts before the namespace's", () => {
    const { puppet, cookie, sock } = listener()
    assert.strictEqual(FastOpenQueue.setKeys(sock, new Uint8Array(16)), 0)
    assert.strictEqual(FastOpenQueue.setKeys(sock, new Uint8Array(3)), -EINVAL)
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    assert.strictEqual(puppet.last.ack, 1)
  })

  it("without the option of the socket or the sysctl there is no Fast Open", () => {
    const puppet = puppetOf(2)
    puppet.hostPort = 80
    const sock = puppet.host.listen(80)
    puppet.say({ flags: SYN, mss: 1460, cookie: "" })
    assert.isNull(cookieOf(puppet.last))
    assert.strictEqual(FastOpenQueue.tune(sock, 5), 0)
    puppet.port++
    puppet.say({ flags: SYN, mss: 1460, cookie: "" })
    assert.strictEqual(cookieOf(puppet.last)!.length, 16)
  })

  it("no cookie is needed where the sysctl says so", () => {
    const puppet = puppetOf(0x602)
    puppet.hostPort = 80
    puppet.host.onAccept = null
    puppet.host.listen(80)
    puppet.say({ flags: SYN, mss: 1460, length: 1000 })
    assert.strictEqual(puppet.last.ack, 1001)
  })

  it("a RST before the third ACK leaves data and error to the acceptor", () => {
    const { puppet, cookie, sock } = listener()
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    unread(sock)
    puppet.say({ flags: RST | ACK, seq: 11, ack: 0 })
    const child = Listen.accept(sock)!
    assert.strictEqual(child.state, State.CLOSE)
    const into = new Uint8Array(64)
    assert.strictEqual(Stream.recvStep(child, into, 0, 64, 0), 10)
    assert.strictEqual(Stream.recvStep(child, into, 0, 64, 0), -ECONNRESET)
  })

  it("requests of reset, accepted children count for a minute", () => {
    const { puppet, cookie, sock } = listener()
    FastOpenQueue.tune(sock, 1)
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    const child = Listen.accept(sock)!
    puppet.say({ flags: RST | ACK, seq: 11, ack: 0 })
    Close.close(child)
    puppet.port++
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    assert.strictEqual(puppet.last.ack, 1)
    assert.strictEqual(puppet.mib(Counters.FAST_OPEN_LISTEN_OVERFLOW), 1)
    puppet.run(61 * SECOND)
    puppet.port++
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    assert.strictEqual(puppet.last.ack, 11)
  })

  it("a listener that closes resets what nobody accepted, and nothing leaks", () => {
    const { puppet, cookie, sock } = listener()
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    Close.close(sock)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: RST | ACK, seq: 1, ack: 11 })
    assert.strictEqual(puppet.host.objects[OBJECT_REQUEST], 0)
    assert.strictEqual(puppet.host.objects[OBJECT_TCP], 0)
    assert.strictEqual(puppet.host.liveSegments, 0)
  })

  it("FIN with the third ACK: CLOSE_WAIT with the SYN's data to read", () => {
    const { puppet, cookie, sock } = listener()
    puppet.say({ flags: SYN, mss: 1460, cookie, length: 10 })
    unread(sock)
    puppet.say({ flags: FIN | ACK, seq: 11, ack: 1 })
    assert.deepInclude(puppet.last, { flags: ACK, ack: 12 })
    const child = Listen.accept(sock)!
    assert.strictEqual(child.state, State.CLOSE_WAIT)
    Close.close(child)
    puppet.run(0)
    assert.deepInclude(puppet.last, { flags: RST | ACK, seq: 1, ack: 12 })
  })
})
