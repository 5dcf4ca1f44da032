import { createHash } from "node:crypto"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Counters from "../src/Counters.ts"
import { EINVAL, ENOENT } from "../src/Errno.ts"
import { DIGEST_BYTES, Md5 } from "../src/Md5.ts"
import * as Md5Keys from "../src/Md5Keys.ts"
import { pair, type SimpleHost } from "../src/SimpleHost.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as State from "../src/State.ts"
import type { TcpSock } from "../src/TcpSock.ts"

const SECOND = 1e9
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const hex = (pieces: ReadonlyArray<Uint8Array>): string => {
  const md5 = new Md5()
  const out = new Uint8Array(DIGEST_BYTES)
  md5.start()
  for (const piece of pieces) md5.update(piece, 0, piece.length)
  md5.finish(out, 0)
  return [...out].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

describe("MD5", () => {
  it("of RFC 1321's test suite", () => {
    const suite: ReadonlyArray<readonly [string, string]> = [
      ["", "d41d8cd98f00b204e9800998ecf8427e"],
      ["a", "0cc175b9c0f1b6a831c399e269772661"],
      ["abc", "900150983cd24fb0d6963f7d28e17f72"],
      ["message digest", "f96b697d7cb7938d525a2f31aaf161d0"],
      ["abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"],
      ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"],
      [
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
        "57edf4a22be3c955ac49da2e2107b67a"
      ]
    ]
    for (const [message, digest] of suite) assert.strictEqual(hex([text(message)]), digest)
  })

  it("is the platform's MD5 of any bytes, in whatever pieces they come", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (pieces) => {
        const hash = createHash("md5")
        for (const piece of pieces) hash.update(piece)
        assert.strictEqual(hex(pieces), hash.digest("hex"))
      })
    )
  })
})

/** Two hosts; the server listens with `serverKey` for the client, the client connects with `clientKey`; empty for none. */
const talk = (serverKey: string, clientKey: string, bytes = 50_000) => {
  const { clock, client, server, link } = pair(1)
  let accepted: SimpleStream | null = null
  server.onAccept = (stream) => {
    accepted = stream
  }
  const listener = server.listen(80)
  if (serverKey !== "") Md5Keys.set(listener, client.address, 32, text(serverKey))
  const stream = client.connect(server.address, 80, (sock: TcpSock) => {
    if (clientKey !== "") Md5Keys.set(sock, server.address, 24, text(clientKey))
  })
  stream.write(Uint8Array.from({ length: bytes }, (_, i) => i * 7))
  stream.end()
  clock.runUntil(20 * SECOND)
  return { clock, client, server, link, stream, accepted: accepted as SimpleStream | null }
}

const count = (host: SimpleHost, counter: number): number => host.net.mib[counter]!

describe("RFC 2385", () => {
  it("two ends with the same key talk, and every byte arrives", () => {
    const { accepted, server, client } = talk("secret", "secret")
    assert.strictEqual(accepted!.receivedBytes, 50_000)
    assert.isTrue(accepted!.received().every((byte, i) => byte === ((i * 7) & 0xff)))
    for (const host of [server, client]) {
      assert.strictEqual(count(host, Counters.MD5_FAILURE) + count(host, Counters.MD5_NOT_FOUND), 0)
    }
    // No timestamps beside a digest, and the option is counted in each segment's size.
    assert.isFalse(accepted!.sock.tstampOk)
    assert.strictEqual(accepted!.sock.headerLength, 40)
    assert.strictEqual(accepted!.sock.mssCache, 1440)
  })

  it("a wrong key, no key, a key too many: nothing gets through, each counted", () => {
    const wrong = talk("secret", "other")
    assert.notStrictEqual(wrong.stream.sock.state, State.ESTABLISHED)
    assert.isAbove(count(wrong.server, Counters.MD5_FAILURE), 0)
    const unsigned = talk("secret", "")
    assert.isAbove(count(unsigned.server, Counters.MD5_NOT_FOUND), 0)
    const unexpected = talk("", "secret")
    assert.isAbove(count(unexpected.server, Counters.MD5_UNEXPECTED), 0)
    for (const { stream } of [unsigned, unexpected]) assert.strictEqual(stream.sock.state, State.SYN_SENT)
  })

  it("a forged RST ends nothing", () => {
    const { clock, client, server, stream } = talk("secret", "secret", 10)
    const { sock } = stream
    const frame = client.link!.frame()
    frame.bytes.fill(0, 0, 20)
    const header = [server.address, client.address]
    frame.source = header[0]!
    frame.destination = header[1]!
    frame.length = 20
    frame.bytes.set([0, 80, sock.localPort >> 8, sock.localPort & 0xff])
    for (let i = 0; i < 4; i++) frame.bytes[4 + i] = sock.rcvNxt >>> (24 - 8 * i)
    frame.bytes[12] = 0x50
    frame.bytes[13] = 0x04
    const before = sock.state
    const failures = count(client, Counters.MD5_NOT_FOUND)
    deliver(client, frame.bytes, server.address)
    clock.runUntil(21 * SECOND)
    assert.strictEqual(count(client, Counters.MD5_NOT_FOUND), failures + 1)
    assert.strictEqual(sock.state, before)
  })

  it("keys: the longest prefix decides, an empty key takes one away", () => {
    const { client } = pair(1)
    const sock = client.tcp.create(client.net)!
    assert.strictEqual(Md5Keys.set(sock, 0x0a000000, 8, text("wide")), 0)
    assert.strictEqual(Md5Keys.set(sock, 0x0a000002, 32, text("narrow")), 0)
    assert.deepStrictEqual(Md5Keys.find(sock, 0x0a000002), text("narrow"))
    assert.deepStrictEqual(Md5Keys.find(sock, 0x0a000003), text("wide"))
    assert.isNull(Md5Keys.find(sock, 0x0b000003))
    assert.strictEqual(Md5Keys.set(sock, 0x0a000002, 32, text("")), 0)
    assert.strictEqual(Md5Keys.set(sock, 0x0a000002, 32, text("")), -ENOENT)
    assert.deepStrictEqual(Md5Keys.find(sock, 0x0a000002), text("wide"))
    assert.strictEqual(Md5Keys.set(sock, 0, 33, text("x")), -EINVAL)
    assert.strictEqual(Md5Keys.set(sock, 0, 0, new Uint8Array(81)), -EINVAL)
  })
})

/** Hands a frame to a host past the link, without a checksum. */
const deliver = (host: SimpleHost, bytes: Uint8Array, source: number): void => {
  const segment = host.allocSegment()!
  segment.localAddress = host.address
  segment.remoteAddress = source
  if (!host.tcp.readHeader(host.net, segment, bytes, 0, 20)) return
  host.tcp.deliver(host.net, host.tcp.lookup(host.net, segment), segment, bytes, 0)
  host.settle()
}
