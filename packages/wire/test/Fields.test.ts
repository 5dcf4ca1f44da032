import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Arp from "@darkfiber/wire/Arp"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Icmpv6 from "@darkfiber/wire/Icmpv6"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as Ipv6 from "@darkfiber/wire/Ipv6"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import * as Vlan from "@darkfiber/wire/Vlan"
import * as Vxlan from "@darkfiber/wire/Vxlan"
import { bits, dirty, offset } from "./Arbitraries.ts"

type Read = (bytes: Uint8Array, at: number) => number | boolean
type Write = (bytes: Uint8Array, at: number, value: number) => void

interface Field {
  readonly name: string
  /** Bits from the header's start. */
  readonly from: number
  readonly count: number
  readonly read: Read
  readonly write?: Write
  /** What the reader makes of the bits, when it is not their plain value. */
  readonly as?: (value: number) => number | boolean
}

const signed = (value: number) => value | 0
const isSet = (value: number) => value !== 0
const quadruple = (value: number) => value * 4
const eightfold = (value: number) => value * 8

const field = (name: string, from: number, count: number, read: Read, write?: Write, as?: Field["as"]): Field => ({
  name,
  from,
  count,
  read,
  ...(write === undefined ? {} : { write }),
  ...(as === undefined ? {} : { as })
})

const fields: ReadonlyArray<Field> = [
  field("Bytes u8", 0, 8, Bytes.u8, Bytes.setU8),
  field("Bytes u16", 0, 16, Bytes.u16, Bytes.setU16),
  field("Bytes u24", 0, 24, Bytes.u24, Bytes.setU24),
  field("Bytes i32", 0, 32, Bytes.i32, Bytes.setI32, signed),
  field("Bytes u32", 0, 32, Bytes.u32, Bytes.setI32),
  field("Bytes u48", 0, 48, Bytes.u48, Bytes.setU48),
  field("MacAddress value", 0, 48, MacAddress.get, MacAddress.set),
  field("MacAddress high16", 0, 16, MacAddress.high16),
  field("MacAddress low32", 16, 32, MacAddress.low32, undefined, signed),
  field("Ipv4Address value", 0, 32, Ipv4Address.get, Ipv4Address.set, signed),
  field("Ethernet destination", 0, 48, Ethernet.destination, Ethernet.setDestination),
  field("Ethernet source", 48, 48, Ethernet.source, Ethernet.setSource),
  field("Ethernet etherType", 96, 16, Ethernet.etherType, Ethernet.setEtherType),
  field("Ethernet isMulticast", 7, 1, Ethernet.isMulticast, undefined, isSet),
  field("Vlan control", 0, 16, Vlan.control, Vlan.setControl),
  field("Vlan priority", 0, 3, Vlan.priority),
  field("Vlan dropEligible", 3, 1, Vlan.dropEligible, undefined, isSet),
  field("Vlan id", 4, 12, Vlan.id, Vlan.setId),
  field("Vlan etherType", 16, 16, Vlan.etherType, Vlan.setEtherType),
  field("Arp operation", 48, 16, Arp.operation, Arp.setOperation),
  field("Arp senderMac", 64, 48, Arp.senderMac, Arp.setSenderMac),
  field("Arp senderIp", 112, 32, Arp.senderIp, Arp.setSenderIp, signed),
  field("Arp targetMac", 144, 48, Arp.targetMac, Arp.setTargetMac),
  field("Arp targetIp", 192, 32, Arp.targetIp, Arp.setTargetIp, signed),
  field("Ipv4 version", 0, 4, Ipv4.version),
  field("Ipv4 headerLength", 4, 4, Ipv4.headerLength, undefined, quadruple),
  field("Ipv4 tos", 8, 8, Ipv4.tos, Ipv4.setTos),
  field("Ipv4 dscp", 8, 6, Ipv4.dscp),
  field("Ipv4 ecn", 14, 2, Ipv4.ecn, Ipv4.setEcn),
  field("Ipv4 totalLength", 16, 16, Ipv4.totalLength, Ipv4.setTotalLength),
  field("Ipv4 identification", 32, 16, Ipv4.identification, Ipv4.setIdentification),
  field("Ipv4 flags", 48, 3, Ipv4.flags),
  field("Ipv4 dontFragment", 49, 1, Ipv4.dontFragment, undefined, isSet),
  field("Ipv4 moreFragments", 50, 1, Ipv4.moreFragments, undefined, isSet),
  field("Ipv4 isFragment", 50, 14, Ipv4.isFragment, undefined, isSet),
  field("Ipv4 fragmentOffset", 51, 13, Ipv4.fragmentOffset, undefined, eightfold),
  field("Ipv4 timeToLive", 64, 8, Ipv4.timeToLive, Ipv4.setTimeToLive),
  field("Ipv4 protocol", 72, 8, Ipv4.protocol, Ipv4.setProtocol),
  field("Ipv4 checksum", 80, 16, Ipv4.checksum, Ipv4.setChecksum),
  field("Ipv4 source", 96, 32, Ipv4.source, Ipv4.setSource, signed),
  field("Ipv4 destination", 128, 32, Ipv4.destination, Ipv4.setDestination, signed),
  field("Ipv6 version", 0, 4, Ipv6.version),
  field("Ipv6 trafficClass", 4, 8, Ipv6.trafficClass),
  field("Ipv6 ecn", 10, 2, Ipv6.ecn),
  field("Ipv6 flowLabel", 12, 20, Ipv6.flowLabel),
  field("Ipv6 payloadLength", 32, 16, Ipv6.payloadLength, Ipv6.setPayloadLength),
  field("Ipv6 nextHeader", 48, 8, Ipv6.nextHeader, Ipv6.setNextHeader),
  field("Ipv6 hopLimit", 56, 8, Ipv6.hopLimit, Ipv6.setHopLimit),
  field("Icmp type", 0, 8, Icmp.type, Icmp.setType),
  field("Icmp code", 8, 8, Icmp.code, Icmp.setCode),
  field("Icmp checksum", 16, 16, Icmp.checksum, Icmp.setChecksum),
  field("Icmp rest", 32, 32, Icmp.rest, Icmp.setRest, signed),
  field("Icmp echoIdentifier", 32, 16, Icmp.echoIdentifier, Icmp.setEchoIdentifier),
  field("Icmp echoSequence", 48, 16, Icmp.echoSequence, Icmp.setEchoSequence),
  field("Icmp nextHopMtu", 48, 16, Icmp.nextHopMtu),
  field("Icmp gateway", 32, 32, Icmp.gateway, undefined, signed),
  field("Icmp pointer", 32, 8, Icmp.pointer),
  field("Icmpv6 type", 0, 8, Icmpv6.type),
  field("Icmpv6 code", 8, 8, Icmpv6.code),
  field("Icmpv6 checksum", 16, 16, Icmpv6.checksum, Icmpv6.setChecksum),
  field("Icmpv6 rest", 32, 32, Icmpv6.rest, undefined, signed),
  field("Icmpv6 echoIdentifier", 32, 16, Icmpv6.echoIdentifier),
  field("Icmpv6 echoSequence", 48, 16, Icmpv6.echoSequence),
  field("Icmpv6 mtu", 32, 32, Icmpv6.mtu),
  field("Udp sourcePort", 0, 16, Udp.sourcePort, Udp.setSourcePort),
  field("Udp destinationPort", 16, 16, Udp.destinationPort, Udp.setDestinationPort),
  field("Udp length", 32, 16, Udp.length, Udp.setLength),
  field("Udp checksum", 48, 16, Udp.checksum, Udp.setChecksum),
  field("Tcp sourcePort", 0, 16, Tcp.sourcePort, Tcp.setSourcePort),
  field("Tcp destinationPort", 16, 16, Tcp.destinationPort, Tcp.setDestinationPort),
  field("Tcp ports", 0, 32, Tcp.ports, undefined, signed),
  field("Tcp sequence", 32, 32, Tcp.sequence, Tcp.setSequence, signed),
  field("Tcp acknowledgment", 64, 32, Tcp.acknowledgment, Tcp.setAcknowledgment, signed),
  field("Tcp headerLength", 96, 4, Tcp.headerLength, undefined, quadruple),
  field("Tcp reserved", 100, 4, Tcp.reserved, Tcp.setReserved),
  field("Tcp flags", 104, 8, Tcp.flags, Tcp.setFlags),
  field("Tcp window", 112, 16, Tcp.window, Tcp.setWindow),
  field("Tcp checksum", 128, 16, Tcp.checksum, Tcp.setChecksum),
  field("Tcp urgentPointer", 144, 16, Tcp.urgentPointer, Tcp.setUrgentPointer),
  field("Vxlan hasNetworkId", 4, 1, Vxlan.hasNetworkId, undefined, isSet),
  field("Vxlan networkId", 32, 24, Vxlan.networkId, Vxlan.setNetworkId)
]

/** Writes bits one by one. */
const plainWrite = (buffer: Uint8Array, from: number, count: number, value: number): void => {
  for (let i = 0; i < count; i++) {
    const bit = Number((BigInt(value) >> BigInt(count - 1 - i)) & 1n)
    const at = (from + i) >> 3
    const mask = 0x80 >> ((from + i) & 7)
    buffer[at] = bit === 1 ? buffer[at]! | mask : buffer[at]! & ~mask
  }
}

describe("field readers and writers", () => {
  for (const { name, from, count, read, write, as } of fields) {
    it(`${name} reads its ${count} bits as a plain reading does`, () =>
      fc.assert(
        fc.property(dirty, offset, (buffer, at) => {
          const plain = bits(buffer, 8 * at + from, count)
          assert.equal(read(buffer, at), as === undefined ? plain : as(plain))
        })
      ))
    if (write === undefined) continue
    it(`${name} writes its ${count} bits and no others`, () =>
      fc.assert(
        fc.property(dirty, offset, fc.integer({ min: 0, max: 2 ** count - 1 }), (buffer, at, value) => {
          const expected = buffer.slice()
          plainWrite(expected, 8 * at + from, count, value)
          write(buffer, at, as === undefined ? value : Number(as(value)))
          assert.deepEqual(buffer, expected)
        })
      ))
  }

  it("IPv4 and TCP header lengths are written as given", () =>
    fc.assert(
      fc.property(dirty, offset, fc.integer({ min: 5, max: 15 }), (buffer, at, words) => {
        Ipv4.setHeaderLength(buffer, at, 4 * words)
        assert.deepEqual([Ipv4.version(buffer, at), Ipv4.headerLength(buffer, at)], [4, 4 * words])
        Tcp.setHeaderLength(buffer, at, 4 * words)
        assert.deepEqual([Tcp.headerLength(buffer, at), Tcp.reserved(buffer, at)], [4 * words, 0])
      })
    ))

  it("fragment flags and offset are written as given", () =>
    fc.assert(
      fc.property(dirty, offset, fc.nat(7), fc.nat(0x1fff), (buffer, at, flags, units) => {
        Ipv4.setFragment(buffer, at, flags, 8 * units)
        assert.deepEqual([Ipv4.flags(buffer, at), Ipv4.fragmentOffset(buffer, at)], [flags, 8 * units])
      })
    ))

  it("IPv6 class and label are written as given, with version 6", () =>
    fc.assert(
      fc.property(dirty, offset, fc.nat(255), fc.nat(0xfffff), (buffer, at, trafficClass, label) => {
        Ipv6.setClassAndLabel(buffer, at, trafficClass, label)
        const read = [Ipv6.version(buffer, at), Ipv6.trafficClass(buffer, at), Ipv6.flowLabel(buffer, at)]
        assert.deepEqual(read, [6, trafficClass, label])
      })
    ))

  it("hasFlags asks for all of the flags", () => {
    const buffer = new Uint8Array(20)
    Tcp.setFlags(buffer, 0, Tcp.SYN | Tcp.ACK)
    assert.equal(Tcp.hasFlags(buffer, 0, Tcp.SYN | Tcp.ACK), true)
    assert.equal(Tcp.hasFlags(buffer, 0, Tcp.SYN | Tcp.FIN), false)
  })

  it("sequence numbers compare across the wrap", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        (a, step) => {
          const b = (a + step) | 0
          assert.deepEqual([Tcp.isBefore(a, b), Tcp.isAfter(a, b), Tcp.distance(a, b)], [true, false, step])
          assert.deepEqual([Tcp.isBefore(b, a), Tcp.isAfter(b, a)], [false, true])
        }
      )
    ))
})
