import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Frame from "@darkfiber/wire/Frame"
import type * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import { i32, ipv4, ipv6, plainSum, u16 } from "./Arbitraries.ts"

const buffer = fc.uint8Array({ minLength: 8, maxLength: 3000, size: "max" })
const ends = fc.record({
  sourceMac: fc.constant(MacAddress.local(1)),
  destinationMac: fc.constant(MacAddress.local(2)),
  source: ipv4,
  destination: ipv4
})
const ports = fc.record({ sourcePort: u16, destinationPort: u16 })
const payload = fc.uint8Array({ maxLength: 100 })
const segment = (sourcePort: number, destinationPort: number): Frame.Segment => ({
  sourcePort,
  destinationPort,
  sequence: 7,
  acknowledgment: -7,
  flags: Tcp.ACK,
  window: 512
})

describe("sum", () => {
  it("equals the word-by-word sum, for any offset, length and seed", () =>
    fc.assert(
      fc.property(buffer, fc.nat(), fc.nat(), fc.nat(0x7fff_ffff), (bytes, a, b, seed) => {
        const at = a % bytes.length
        const length = b % (bytes.length - at + 1)
        const expected = plainSum(bytes, at, length, seed)
        assert.equal(Checksum.sum(bytes, at, length, seed), expected)
        assert.equal(
          Checksum.sumView(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at, length, seed),
          expected
        )
        assert.equal(Checksum.finish(Checksum.sum(bytes, at, length, seed)), ~expected & 0xffff)
        assert.equal(Checksum.checksum(bytes, at, length, seed), ~expected & 0xffff)
      })
    ))

  it("does not overflow on the largest super-segment of all ones", () => {
    const bytes = new Uint8Array(262_143).fill(0xff)
    for (const length of [65_535, 131_071, 262_143]) {
      assert.equal(Checksum.sum(bytes, 0, length), plainSum(bytes, 0, length))
      assert.equal(Checksum.sumView(new DataView(bytes.buffer), 0, length), plainSum(bytes, 0, length))
    }
  })

  it("of parts adds up to the sum of the whole; a part at an odd offset is swapped (RFC 1071 §2 B)", () =>
    fc.assert(
      fc.property(buffer, fc.nat(), (bytes, cut) => {
        const first = cut % bytes.length
        const left = Checksum.sum(bytes, 0, first)
        const right = Checksum.sum(bytes, first, bytes.length - first)
        const whole = Checksum.add(left, first % 2 === 0 ? right : Checksum.swap(right))
        assert.equal(whole, Checksum.sum(bytes, 0, bytes.length))
      })
    ))

  it("is that of the example in RFC 1071 §3", () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    assert.equal(Checksum.sum(bytes, 0, 8), 0xddf2)
    assert.equal(Checksum.checksum(bytes, 0, 8), 0x220d)
    assert.equal(Checksum.swap(0xddf2), 0xf2dd)
  })
})

describe("incremental update", () => {
  it("gives what RFC 1624 §4 computes, where RFC 1141 goes wrong", () => {
    assert.equal(Checksum.update16(0xdd2f, 0x5555, 0x3285), 0x0000)
  })

  it("equals recomputing, for a changed word of 16 or 32 bits", () =>
    fc.assert(
      fc.property(buffer, fc.nat(), u16, i32, (bytes, place, word, double) => {
        bytes[0] = 0x45
        const at = 2 + 2 * (place % Math.floor((bytes.length - 4) / 2))
        const before = Checksum.checksum(bytes, 0, bytes.length)
        const old16 = Bytes.u16(bytes, at)
        Bytes.setU16(bytes, at, word)
        const between = Checksum.checksum(bytes, 0, bytes.length)
        assert.equal(Checksum.update16(before, old16, word), between)
        if (at + 4 > bytes.length) return
        const old32 = Bytes.i32(bytes, at)
        Bytes.setI32(bytes, at, double)
        const after = Checksum.checksum(bytes, 0, bytes.length)
        assert.equal(Checksum.update32(between, old32, double), after)
        assert.equal(Checksum.update32(between, old32 >>> 0, double >>> 0), after)
      })
    ))

  it("keeps an IPv4 header right while the time to live falls", () =>
    fc.assert(
      fc.property(ends, payload, fc.integer({ min: 1, max: 255 }), (from, data, timeToLive) => {
        const frame = Frame.udp(from, { sourcePort: 1, destinationPort: 2 }, data, { timeToLive })
        assert.equal(Ipv4.decrementTimeToLive(frame, 14), timeToLive - 1)
        assert.equal(Ipv4.timeToLive(frame, 14), timeToLive - 1)
        assert.equal(plainSum(frame, 14, 20), 0xffff)
        assert.equal(Ipv4.verifyChecksum(frame, 14), true)
      })
    ))
})

describe("transport checksums", () => {
  it("of built frames hold, and any changed bit breaks them", () =>
    fc.assert(
      fc.property(ends, ports, payload, fc.nat(), (from, { sourcePort, destinationPort }, data, place) => {
        const echo: Icmp.IcmpHeader = { _tag: "EchoRequest", identifier: sourcePort, sequence: 1, checksum: 0 }
        const frames = [
          Frame.udp(from, { sourcePort, destinationPort }, data),
          Frame.tcp(from, segment(sourcePort, destinationPort), data),
          Frame.icmp(from, echo, data)
        ]
        for (const frame of frames) {
          assert.equal(Ipv4.verifyChecksum(frame, 14), true)
          assert.equal(Checksum.verifyTransport(frame, 14), true)
          const bit = (14 + 20) * 8 + (place % ((frame.length - 34) * 8))
          frame[bit >> 3]! ^= 0x80 >> (bit & 7)
          const isUnmarkedUdp = Ipv4.protocol(frame, 14) === 17 && Udp.checksum(frame, 34) === 0
          assert.equal(Checksum.verifyTransport(frame, 14), isUnmarkedUdp)
        }
      })
    ))

  it("equal the plain sum over pseudo header and segment, for IPv4", () =>
    fc.assert(
      fc.property(ends, ports, payload, (from, { sourcePort, destinationPort }, data) => {
        const frame = Frame.tcp(from, segment(sourcePort, destinationPort), data)
        const length = frame.length - 34
        const pseudo = new Uint8Array(12)
        pseudo.set(frame.subarray(26, 34))
        pseudo[9] = 6
        Bytes.setU16(pseudo, 10, length)
        assert.equal(Checksum.pseudoV4(from.source, from.destination, 6, length), plainSum(pseudo, 0, 12))
        assert.equal(plainSum(frame, 34, length, plainSum(pseudo, 0, 12)), 0xffff)
      })
    ))

  it("hold over IPv6 too", () =>
    fc.assert(
      fc.property(ipv6, ipv6, ports, payload, fc.nat(), (source, destination, both, data, place) => {
        const from = { sourceMac: MacAddress.local(1), destinationMac: MacAddress.local(2), source, destination }
        const frames = [
          Frame.udp6(from, both, data),
          Frame.tcp6(from, segment(both.sourcePort, both.destinationPort), data),
          Frame.icmpv6(from, { _tag: "EchoReply", identifier: 1, sequence: 2, checksum: 0 }, data)
        ]
        for (const frame of frames) {
          const length = frame.length - 54
          const pseudo = new Uint8Array(40)
          pseudo.set(frame.subarray(22, 54))
          Bytes.setU16(pseudo, 34, length)
          pseudo[39] = frame[20]!
          assert.equal(Checksum.pseudoV6(frame, 22, frame[20]!, length), plainSum(pseudo, 0, 40))
          assert.equal(plainSum(frame, 54, length, plainSum(pseudo, 0, 40)), 0xffff)
          assert.equal(Checksum.verifyTransportV6(frame, 14, 54, length, frame[20]!), true)
          const bit = 54 * 8 + (place % (length * 8))
          frame[bit >> 3]! ^= 0x80 >> (bit & 7)
          assert.equal(Checksum.verifyTransportV6(frame, 14, 54, length, frame[20]!), false)
        }
      })
    ))

  it("a UDP checksum that comes out as 0 is sent as 0xffff; 0 on the wire means none", () => {
    const from: Frame.Ends = {
      sourceMac: MacAddress.local(1),
      destinationMac: MacAddress.local(2),
      source: 0 as never,
      destination: 0 as never
    }
    // 17 + 10 + 10 in pseudo header and length, so the payload word 0xffda completes the sum to 0xffff.
    const frame = Frame.udp(from, { sourcePort: 0, destinationPort: 0 }, Uint8Array.of(0xff, 0xda))
    assert.equal(Udp.checksum(frame, 34), 0xffff)
    assert.equal(Checksum.verifyTransport(frame, 14), true)
    Udp.setChecksum(frame, 34, 0)
    assert.equal(Checksum.verifyTransport(frame, 14), true)
  })

  it("partial and finished by a device equals filled in at once", () =>
    fc.assert(
      fc.property(ends, ports, payload, fc.boolean(), (from, both, data, isTcp) => {
        const frame = isTcp
          ? Frame.tcp(from, segment(both.sourcePort, both.destinationPort), data)
          : Frame.udp(from, both, data)
        const filled = frame.slice()
        Checksum.setPartial(frame, 14)
        const offset = isTcp ? Tcp.checksumOffset : Udp.checksumOffset
        assert.equal(
          Bytes.u16(frame, 34 + offset),
          Checksum.pseudoV4(from.source, from.destination, isTcp ? 6 : 17, frame.length - 34)
        )
        Checksum.finishPartial(frame, 34, offset, frame.length)
        assert.deepEqual(frame, filled)
        assert.equal(Checksum.verifyTransport(frame, 14), true)
      })
    ))

  it("a TCP checksum that comes out as 0 is sent as 0, UDP's as 0xffff, by a device too", () => {
    const from: Frame.Ends = {
      sourceMac: MacAddress.local(1),
      destinationMac: MacAddress.local(2),
      source: 1 as never,
      destination: 2 as never
    }
    for (const isTcp of [true, false]) {
      const make = (word: number): Uint8Array => {
        const data = Uint8Array.of(word >>> 8, word & 255)
        return isTcp
          ? Frame.tcp(from, segment(1, 2), data)
          : Frame.udp(from, { sourcePort: 1, destinationPort: 2 }, data)
      }
      const offset = isTcp ? Tcp.checksumOffset : Udp.checksumOffset
      // The checksum itself as payload makes the sum all ones.
      const frame = make(Bytes.u16(make(0), 34 + offset))
      assert.equal(Bytes.u16(frame, 34 + offset), isTcp ? 0 : 0xffff)
      Checksum.setPartial(frame, 14)
      Checksum.finishPartial(frame, 34, offset, frame.length)
      assert.equal(Bytes.u16(frame, 34 + offset), isTcp ? 0 : 0xffff)
    }
  })

  it("of protocols without one are left alone and never wrong", () => {
    const from: Frame.Ends = {
      sourceMac: MacAddress.local(1),
      destinationMac: MacAddress.local(2),
      source: 1 as never,
      destination: 2 as never
    }
    const frame = Frame.ipv4(from, Ipv4.PROTOCOL_SCTP, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))
    assert.deepEqual([...frame.subarray(34)], [1, 2, 3, 4, 5, 6, 7, 8])
    assert.equal(Checksum.verifyTransport(frame, 14), true)
    assert.equal(Checksum.fieldOffset(Ipv4.PROTOCOL_SCTP), -1)
  })
})
