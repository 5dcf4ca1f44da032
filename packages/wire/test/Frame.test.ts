import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as FlowKey from "@darkfiber/wire/FlowKey"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv6 from "@darkfiber/wire/Ipv6"
import * as Ipv6Address from "@darkfiber/wire/Ipv6Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import * as Vlan from "@darkfiber/wire/Vlan"
import { bytes, cases, dirty, i32, ipv4, ipv6, mac, patience, record, u16, u8 } from "./Arbitraries.ts"

const ends = record({ sourceMac: mac, destinationMac: mac, source: ipv4, destination: ipv4 })
const ends6 = record({ sourceMac: mac, destinationMac: mac, source: ipv6, destination: ipv6 })
const ports = record({ sourcePort: u16, destinationPort: u16 })
const payload = fc.uint8Array({ maxLength: 50 })

describe("Frame", () => {
  it("a TCP frame carries what it was built from", () =>
    fc.assert(
      fc.property(
        ends,
        ports,
        i32,
        i32,
        u8,
        u16,
        payload,
        (from, both, sequence, acknowledgment, flags, window, data) => {
          const options = TcpOptions.make()
          options.mss = 1400
          const frame = Frame.tcp(from, { ...both, sequence, acknowledgment, flags, window }, data, options, {
            timeToLive: 9,
            tos: 3
          })
          assert.equal(Ethernet.destination(frame, 0), from.destinationMac)
          assert.equal(Ethernet.source(frame, 0), from.sourceMac)
          assert.equal(Ethernet.etherType(frame, 0), Ethernet.ETHERTYPE_IPV4)
          assert.deepEqual([Ipv4.source(frame, 14), Ipv4.destination(frame, 14)], [from.source, from.destination])
          assert.deepEqual(
            [Ipv4.timeToLive(frame, 14), Ipv4.ecn(frame, 14), Ipv4.dontFragment(frame, 14)],
            [9, 3, true]
          )
          assert.equal(Ipv4.totalLength(frame, 14), frame.length - 14)
          assert.deepEqual(
            [Tcp.sourcePort(frame, 34), Tcp.destinationPort(frame, 34)],
            [both.sourcePort, both.destinationPort]
          )
          assert.deepEqual([Tcp.sequence(frame, 34), Tcp.acknowledgment(frame, 34)], [sequence, acknowledgment])
          assert.deepEqual(
            [Tcp.flags(frame, 34), Tcp.window(frame, 34), Tcp.headerLength(frame, 34)],
            [flags, window, 24]
          )
          assert.deepEqual(frame.subarray(58), data)
        }
      )
    ))

  it("short frames are padded with zeros to 60 bytes, long ones left alone", () =>
    fc.assert(
      fc.property(dirty, fc.nat(100), fc.nat(100), (buffer, at, length) => {
        const before = buffer.slice()
        const padded = Ethernet.pad(buffer, at, length)
        assert.equal(padded, Math.max(60, length))
        assert.deepEqual(buffer.subarray(at + length, at + padded), new Uint8Array(padded - length))
        assert.deepEqual(buffer.subarray(0, at + length), before.subarray(0, at + length))
        assert.deepEqual(buffer.subarray(at + padded), before.subarray(at + padded))
        assert.equal(Ethernet.wireBytes(length), padded + 24)
      })
    ))

  it("a pushed VLAN tag reads as given, and popping it restores the frame", () =>
    fc.assert(
      fc.property(ends, ports, fc.nat(4095), fc.nat(7), fc.boolean(), (from, both, id, priority, isDropEligible) => {
        const frame = Frame.udp(from, both)
        const buffer = new Uint8Array(4 + frame.length)
        buffer.set(frame, 4)
        const at = Vlan.push(buffer, 4, Ethernet.ETHERTYPE_VLAN, Vlan.controlOf(id, priority, isDropEligible))
        assert.equal(at, 0)
        assert.equal(Vlan.isTag(Ethernet.etherType(buffer, at)), true)
        assert.deepEqual(
          [Ethernet.destination(buffer, at), Ethernet.source(buffer, at)],
          [from.destinationMac, from.sourceMac]
        )
        const tag = [
          Vlan.id(buffer, 14),
          Vlan.priority(buffer, 14),
          Vlan.dropEligible(buffer, 14),
          Vlan.etherType(buffer, 14)
        ]
        assert.deepEqual(tag, [id, priority, isDropEligible, Ethernet.ETHERTYPE_IPV4])
        assert.equal(Vlan.pop(buffer, at), 4)
        assert.deepEqual(buffer.subarray(4), frame)
      })
    ))

  it("a cached header is copied byte for byte", () =>
    fc.assert(
      fc.property(dirty, dirty, (from, to) => {
        const before = to.slice()
        Ethernet.copyHeader(from, 3, to, 40)
        before.set(from.subarray(3, 17), 40)
        assert.deepEqual(to, before)
        assert.equal(Bytes.equal(from, 3, to, 40, 14), true)
        Bytes.clear(to, 40, 14)
        assert.deepEqual(to.subarray(40, 54), new Uint8Array(14))
      })
    ))
})

const keyOf = (frame: Uint8Array, at = 0, end = frame.length): FlowKey.FlowKey => {
  const key = FlowKey.make()
  Frame.flowHashFields(frame, at, end, key)
  return key
}

describe("flow keys", () => {
  it("of IPv4 name addresses, protocol and ports, behind any VLAN tags", () =>
    fc.assert(
      fc.property(ends, ports, fc.nat(2), (from, both, tags) => {
        const frame = Frame.udp(from, both)
        const buffer = new Uint8Array(8 + frame.length)
        buffer.set(frame, 8)
        let at = 8
        for (let i = 0; i < tags; i++) at = Vlan.push(buffer, at, Ethernet.ETHERTYPE_VLAN, 5)
        const key = keyOf(buffer, at)
        assert.deepEqual([key.source, key.destination, key.protocol], [from.source, from.destination, 17])
        assert.deepEqual([key.ports >>> 16, key.ports & 0xffff], [both.sourcePort, both.destinationPort])
        assert.deepEqual([key.networkAt, key.addressesAt, key.addressesLength, key.portsAt], [22, 34, 8, 42])
        assert.deepEqual([key.etherType, key.isFragment], [Ethernet.ETHERTYPE_IPV4, 0])
      })
    ))

  it("of every fragment of a datagram are the same, without ports", () =>
    fc.assert(
      fc.property(ends, payload, (from, data) => {
        const first = keyOf(Frame.ipv4(from, 17, data, { flags: Ipv4.FLAG_MORE_FRAGMENTS }))
        const second = keyOf(Frame.ipv4(from, 17, data, { flags: 0, fragmentOffset: 64 }))
        assert.deepEqual({ ...first }, { ...second })
        assert.deepEqual([first.isFragment, first.ports, first.portsAt], [1, 0, -1])
      })
    ))

  it("of IPv6 fold the addresses and look behind extension headers", () =>
    fc.assert(
      fc.property(ends6, ports, (from, both) => {
        const plain = keyOf(Frame.tcp6(from, { ...both, sequence: 0, acknowledgment: 0, flags: 0, window: 0 }))
        const words = new Uint8Array(16)
        Ipv6Address.set(words, 0, from.source)
        const folded = [0, 4, 8, 12].reduce((value, at) => value ^ Bytes.i32(words, at), 0)
        assert.deepEqual([plain.source, plain.protocol, plain.addressesLength], [folded, 6, 32])
        assert.equal(plain.ports, (both.sourcePort << 16) | both.destinationPort)
        const inner = Frame.udp6(from, both).subarray(54)
        const hopByHop = keyOf(Frame.ipv6(from, 0, Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0, ...inner)))
        assert.deepEqual([hopByHop.protocol, hopByHop.ports, hopByHop.portsAt], [17, plain.ports, 62])
        const fragment = keyOf(Frame.ipv6(from, 44, Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 9, ...inner)))
        assert.deepEqual([fragment.protocol, fragment.isFragment, fragment.portsAt], [17, 1, -1])
      })
    ))

  it(
    "never throw, see nothing past the end, and forget what they held",
    () =>
      fc.assert(
        fc.property(
          bytes,
          fc.constantFrom(0x0800, 0x86dd, 0x8100),
          fc.constantFrom(0x45, 0x46, 0x60),
          fc.nat(160),
          (buffer, type, first, kept) => {
            if (buffer.length > 14) buffer.set([type >> 8, type & 255, first], 12)
            const end = Math.min(kept, buffer.length)
            const used = keyOf(Frame.arpRequest(MacAddress.local(1), 1 as never, 2 as never))
            used.ports = used.portsAt = used.source = 77
            FlowKey.read(buffer, 0, end, used)
            assert.deepEqual(used, keyOf(buffer.slice(0, end)))
          }
        ),
        { numRuns: cases }
      ),
    patience
  )
})

describe("Ipv6.upperLayer", () => {
  /** [protocol, bytes of the header, encoded length field] */
  const extension = fc.oneof(
    fc
      .tuple(fc.constantFrom(0, 43, 60), fc.nat(3))
      .map(([kind, units]) => ({ kind, length: 8 * (units + 1), field: units })),
    fc.nat(3).map((units) => ({ kind: 51, length: 4 * (units + 2), field: units })),
    fc.constant({ kind: 44, length: 8, field: 0 })
  )

  it("walks over any chain of up to fifteen extension headers to the protocol behind it", () =>
    fc.assert(
      fc.property(
        fc.array(extension, { maxLength: 15 }),
        fc.constantFrom(6, 17, 58, 59, 200),
        fc.nat(9),
        (chain, last, at) => {
          const total = 40 + chain.reduce((sum, header) => sum + header.length, 0)
          const buffer = new Uint8Array(at + total + 8)
          let i = at + 40
          Ipv6.setNextHeader(buffer, at, chain[0]?.kind ?? last)
          chain.forEach((header, index) => {
            buffer[i] = chain[index + 1]?.kind ?? last
            buffer[i + 1] = header.field
            i += header.length
          })
          const layer = Ipv6.upperLayer(buffer, at, buffer.length)
          assert.deepEqual([Ipv6.upperLayerOffset(layer), Ipv6.upperLayerProtocol(layer)], [total, last])
          if (chain.length > 0) assert.equal(Ipv6.upperLayer(buffer, at, at + total - 1), -1)
        }
      )
    ))

  it("stops at a fragment that is not the first, and at a chain that is too long", () => {
    const buffer = new Uint8Array(400)
    Ipv6.setNextHeader(buffer, 0, 44)
    Bytes.setU16(buffer, 42, 8)
    const layer = Ipv6.upperLayer(buffer, 0, 400)
    assert.deepEqual([Ipv6.upperLayerOffset(layer), Ipv6.upperLayerProtocol(layer)], [40, 44])
    Ipv6.setNextHeader(buffer, 0, 0)
    Bytes.clear(buffer, 40, 360)
    assert.equal(Ipv6.upperLayer(buffer, 0, 400), -1)
  })
})

describe("ICMP message kinds", () => {
  it("sources of ND and hop limit 255 are the caller's; a solicitation is 24 bytes and its option", () => {
    const from: Frame.Ends6 = {
      sourceMac: MacAddress.local(1),
      destinationMac: MacAddress.broadcast,
      source: Ipv6Address.linkLocalOf(1),
      destination: Ipv6Address.allNodes
    }
    const frame = Frame.icmpv6(
      from,
      { _tag: "NeighborSolicitation", target: from.source, checksum: 0 },
      new Uint8Array(8),
      { timeToLive: 255 }
    )
    assert.deepEqual([frame.length, Ipv6.hopLimit(frame, 14), Ipv6.payloadLength(frame, 14)], [14 + 40 + 32, 255, 32])
  })
})
