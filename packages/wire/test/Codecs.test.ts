import assert from "node:assert/strict"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Arp from "@darkfiber/wire/Arp"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Icmpv6 from "@darkfiber/wire/Icmpv6"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Options from "@darkfiber/wire/Ipv4Options"
import * as Ipv6 from "@darkfiber/wire/Ipv6"
import * as NeighborOptions from "@darkfiber/wire/NeighborOptions"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"
import * as Unreadable from "@darkfiber/wire/Unreadable"
import * as Vlan from "@darkfiber/wire/Vlan"
import * as Vxlan from "@darkfiber/wire/Vxlan"
import { bytes, cases, dirty, i32, ipv4, ipv6, mac, offset, patience, record, u16, u32, u8 } from "./Arbitraries.ts"

interface Codec<A> {
  readonly name: string
  readonly value: fc.Arbitrary<A>
  readonly encode: (value: A, bytes: Uint8Array, at: number) => number
  readonly decode: (bytes: Uint8Array, at: number, end?: number) => Result.Result<A, Unreadable.Unreadable>
  /** Encoding what was decoded gives the same bytes back, reserved bits and all. */
  readonly isExact: boolean
}

const options = fc.nat(10).chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words }))
const bits = (count: number) => fc.nat(2 ** count - 1)
const tag = <const T extends string>(...tags: ReadonlyArray<T>) => fc.constantFrom(...tags)

const icmp: fc.Arbitrary<Icmp.IcmpHeader> = fc.oneof(
  record({ _tag: tag("EchoRequest", "EchoReply"), identifier: u16, sequence: u16, checksum: u16 }),
  record({ _tag: tag("DestinationUnreachable"), code: u8, nextHopMtu: u16, checksum: u16 }),
  record({ _tag: tag("TimeExceeded"), code: u8, checksum: u16 }),
  record({ _tag: tag("ParameterProblem"), code: u8, pointer: u8, checksum: u16 }),
  record({ _tag: tag("Redirect"), code: u8, gateway: ipv4, checksum: u16 }),
  record({ _tag: tag("Other"), type: fc.constantFrom(4, 13, 14, 40, 255), code: u8, rest: i32, checksum: u16 })
)

const icmpv6: fc.Arbitrary<Icmpv6.Icmpv6Header> = fc.oneof(
  record({ _tag: tag("EchoRequest", "EchoReply"), identifier: u16, sequence: u16, checksum: u16 }),
  record({ _tag: tag("DestinationUnreachable", "TimeExceeded"), code: u8, checksum: u16 }),
  record({ _tag: tag("PacketTooBig"), mtu: u32, checksum: u16 }),
  record({ _tag: tag("ParameterProblem"), code: u8, pointer: u32, checksum: u16 }),
  record({ _tag: tag("RouterSolicitation"), checksum: u16 }),
  record({
    _tag: tag("RouterAdvertisement"),
    hopLimit: u8,
    isManaged: fc.boolean(),
    isOther: fc.boolean(),
    routerLifetime: u16,
    reachableTime: u32,
    retransmitTimer: u32,
    checksum: u16
  }),
  record({ _tag: tag("NeighborSolicitation"), target: ipv6, checksum: u16 }),
  record({
    _tag: tag("NeighborAdvertisement"),
    isRouter: fc.boolean(),
    isSolicited: fc.boolean(),
    isOverride: fc.boolean(),
    target: ipv6,
    checksum: u16
  }),
  record({ _tag: tag("Other"), type: fc.constantFrom(0, 100, 137, 143), code: u8, rest: i32, checksum: u16 })
)

const codec = <A>(
  name: string,
  value: fc.Arbitrary<A>,
  module: Pick<Codec<A>, "encode" | "decode">,
  isExact: boolean
): Codec<unknown> => ({ name, value, encode: module.encode, decode: module.decode, isExact }) as Codec<unknown>

const codecs: ReadonlyArray<Codec<unknown>> = [
  codec("Ethernet", record({ destination: mac, source: mac, etherType: u16 }), Ethernet, true),
  codec("Vlan", record({ id: bits(12), priority: bits(3), dropEligible: fc.boolean(), etherType: u16 }), Vlan, true),
  codec("Arp", record({ operation: u16, senderMac: mac, senderIp: ipv4, targetMac: mac, targetIp: ipv4 }), Arp, true),
  codec(
    "Ipv4",
    record({
      tos: u8,
      totalLength: fc.integer({ min: 60, max: 0xffff }),
      identification: u16,
      flags: bits(3),
      fragmentOffset: bits(13).map((units) => 8 * units),
      timeToLive: u8,
      protocol: u8,
      checksum: u16,
      source: ipv4,
      destination: ipv4,
      options
    }),
    Ipv4,
    true
  ),
  codec(
    "Ipv6",
    record({
      trafficClass: u8,
      flowLabel: bits(20),
      payloadLength: u16,
      nextHeader: u8,
      hopLimit: u8,
      source: ipv6,
      destination: ipv6
    }),
    Ipv6,
    true
  ),
  codec("Icmp", icmp, Icmp, false),
  codec("Icmpv6", icmpv6, Icmpv6, false),
  codec(
    "Udp",
    record({
      sourcePort: u16,
      destinationPort: u16,
      length: fc.oneof(fc.constant(0), fc.integer({ min: 8, max: 0xffff })),
      checksum: u16
    }),
    Udp,
    true
  ),
  codec(
    "Tcp",
    record({
      sourcePort: u16,
      destinationPort: u16,
      sequence: i32,
      acknowledgment: i32,
      reserved: bits(4),
      flags: u8,
      window: u16,
      checksum: u16,
      urgentPointer: u16,
      options
    }),
    Tcp,
    true
  ),
  codec("Vxlan", record({ networkId: bits(24) }), Vxlan, false)
]

/** Random bytes whose first byte often makes sense as the start of some header. */
const plausible = fc
  .tuple(bytes, fc.constantFrom(-1, 0x45, 0x46, 0x4f, 0x60, 0x08, 0x80, 3, 134, 136))
  .map(([buffer, first]) => {
    if (first >= 0 && buffer.length > 0) buffer[0] = first
    return buffer
  })

for (const { name, value, encode, decode, isExact } of codecs) {
  describe(name, () => {
    it("decode undoes encode, at any offset and over any old bytes", () =>
      fc.assert(
        fc.property(value, offset, dirty, (header, at, buffer) => {
          const before = buffer.slice()
          const end = encode(header, buffer, at)
          const read = decode(buffer, at)
          assert.ok(Result.isSuccess(read))
          assert.deepStrictEqual(read.success, header)
          assert.deepEqual(buffer.subarray(0, at), before.subarray(0, at))
          assert.deepEqual(buffer.subarray(end), before.subarray(end))
        })
      ))

    it("encode writes every byte of the header", () =>
      fc.assert(
        fc.property(value, offset, dirty, dirty, (header, at, left, right) => {
          const end = encode(header, left, at)
          encode(header, right, at)
          assert.deepEqual(left.subarray(at, end), right.subarray(at, end))
        })
      ))

    it(
      "decode never throws, sees nothing past the end, and names an offset where it fails",
      () =>
        fc.assert(
          fc.property(plausible, fc.nat(32), fc.nat(160), (buffer, at, kept) => {
            const end = Math.min(kept, buffer.length)
            const read = decode(buffer, at, end)
            assert.deepStrictEqual(read, decode(buffer.slice(0, end), at))
            if (Result.isFailure(read)) {
              assert.ok(read.failure.at >= at && read.failure.at <= at + 60)
              assert.match(Unreadable.describe(read.failure), /offset \d+/)
              return
            }
            if (!isExact) return
            const copy = buffer.slice(0, end)
            encode(read.success, copy, at)
            assert.deepEqual(copy, buffer.subarray(0, end))
          }),
          { numRuns: cases }
        ),
      patience
    )
  })
}

describe("write from plain numbers", () => {
  const writers: ReadonlyArray<readonly [string, (bytes: Uint8Array, at: number) => number, number]> = [
    ["Ethernet", (bytes, at) => Ethernet.write(bytes, at, 1, 2, 3), 14],
    ["Arp", (bytes, at) => Arp.write(bytes, at, 1, 2, 3, 4, 5), 28],
    ["Ipv4", (bytes, at) => Ipv4.write(bytes, at, 20, 6, -1, 1), 20],
    ["Icmp", (bytes, at) => Icmp.write(bytes, at, 8, 0, -1), 8],
    ["Icmpv6", (bytes, at) => (Icmpv6.write(bytes, at, 128, 0, -1), at + 8), 8],
    ["Udp", (bytes, at) => Udp.write(bytes, at, 1, 2, 8), 8],
    ["Tcp", (bytes, at) => Tcp.write(bytes, at, 1, 2, -3, 4, 16, 5), 20],
    ["Vxlan", (bytes, at) => Vxlan.write(bytes, at, 42), 8]
  ]
  for (const [name, write, length] of writers) {
    it(`${name} sets all ${length} bytes and no others`, () =>
      fc.assert(
        fc.property(offset, dirty, (at, buffer) => {
          const before = buffer.slice()
          const clean = new Uint8Array(256)
          assert.equal(write(buffer, at), at + length)
          write(clean, at)
          assert.deepEqual(buffer.subarray(at, at + length), clean.subarray(at, at + length))
          assert.deepEqual(buffer.subarray(0, at), before.subarray(0, at))
          assert.deepEqual(buffer.subarray(at + length), before.subarray(at + length))
        })
      ))
  }
})

describe("what decode refuses", () => {
  const refusals: ReadonlyArray<
    readonly [string, Result.Result<unknown, Unreadable.Unreadable>, Unreadable.Unreadable]
  > = [
    ["a cut Ethernet header", Ethernet.decode(new Uint8Array(20), 10), Unreadable.truncated(10, 14, 20)],
    ["IP version 5", Ipv4.decode(new Uint8Array(20).fill(0x55), 0), Unreadable.malformed(0, "IP version 5 is not 4")],
    [
      "an IPv4 header of 16 bytes",
      Ipv4.decode(new Uint8Array(20).fill(0x44), 0),
      Unreadable.malformed(0, "IPv4 header length 16 is below 20")
    ],
    ["cut IPv4 options", Ipv4.decode(new Uint8Array(22).fill(0x46), 0), Unreadable.truncated(0, 24, 22)],
    [
      "an IPv4 packet shorter than its header",
      Ipv4.decode(Uint8Array.of(0x45, 0, 0, 19, ...new Uint8Array(16)), 0),
      Unreadable.malformed(2, "IPv4 total length 19 is below the header's 20")
    ],
    [
      "a UDP length of 7",
      Udp.decode(Uint8Array.of(0, 1, 0, 2, 0, 7, 0, 0), 0),
      Unreadable.malformed(4, "UDP length 7 is below 8")
    ],
    [
      "a TCP header of 16 bytes",
      Tcp.decode(new Uint8Array(20).fill(0x40), 0),
      Unreadable.malformed(12, "TCP header length 16 is below 20")
    ],
    [
      "ARP for a token ring",
      Arp.decode(new Uint8Array(28).fill(6), 0),
      Unreadable.malformed(0, "ARP is not for IPv4 over Ethernet")
    ],
    [
      "VXLAN without an id",
      Vxlan.decode(new Uint8Array(8), 0),
      Unreadable.malformed(0, "VXLAN header without a network id")
    ]
  ]
  for (const [name, read, expected] of refusals) {
    it(name, () => {
      assert.ok(Result.isFailure(read))
      assert.deepEqual(read.failure, expected)
    })
  }
})

describe("IPv4 options", () => {
  it(
    "never throw, and lie within the header",
    () =>
      fc.assert(
        fc.property(bytes, fc.nat(16), fc.constantFrom(0x46, 0x4a, 0x4f), (buffer, at, first) => {
          if (at < buffer.length) buffer[at] = first
          const read = Ipv4Options.decode(buffer, at)
          if (Result.isFailure(read)) return assert.ok(read.failure.at >= at)
          for (const option of read.success) assert.ok(option.at >= at + 20 && option.at < at + 60)
        }),
        { numRuns: cases }
      ),
    patience
  )

  it("are read as RFC 791 writes them", () => {
    const list = Uint8Array.of(1, 7, 7, 4, 10, 0, 0, 1, 148, 4, 0, 0, 68, 4, 5, 0x31, 130, 3, 9, 0)
    const read = Ipv4Options.decodeRange(list, 0, list.length)
    assert.ok(Result.isSuccess(read))
    assert.deepEqual(read.success, [
      { _tag: "Route", kind: Ipv4Options.KIND_RECORD_ROUTE, at: 1, pointer: 4, addresses: [0x0a00_0001] },
      { _tag: "RouterAlert", at: 8, value: 0 },
      { _tag: "Timestamp", at: 12, pointer: 5, overflow: 3, flags: 1 },
      { _tag: "Other", kind: 130, at: 16, length: 3 }
    ])
  })

  it("of a length below 2 are malformed, of one past the header truncated", () => {
    assert.deepEqual(
      Ipv4Options.decodeRange(Uint8Array.of(130, 1), 0, 2),
      Result.fail(Unreadable.malformed(1, "IPv4 option length 1 is below 2"))
    )
    assert.deepEqual(Ipv4Options.decodeRange(Uint8Array.of(130, 9), 0, 2), Result.fail(Unreadable.truncated(0, 9, 2)))
  })
})

describe("neighbour discovery options", () => {
  const option: fc.Arbitrary<NeighborOptions.NeighborOption> = fc.oneof(
    record({ _tag: tag("SourceLinkLayerAddress", "TargetLinkLayerAddress"), mac }),
    record({ _tag: tag("Mtu"), mtu: u32 }),
    record({
      _tag: tag("PrefixInformation"),
      prefixLength: u8,
      isOnLink: fc.boolean(),
      isAutonomous: fc.boolean(),
      validLifetime: u32,
      preferredLifetime: u32,
      prefix: ipv6
    }),
    record({
      _tag: tag("Other"),
      type: fc.constantFrom(4, 14, 25),
      value: fc.nat(3).chain((units) => fc.uint8Array({ minLength: 6 + 8 * units, maxLength: 6 + 8 * units }))
    })
  )

  it("decode undoes encode", () =>
    fc.assert(
      fc.property(fc.array(option, { maxLength: 4 }), offset, dirty, (list, at, buffer) => {
        const read = NeighborOptions.decode(buffer, at, NeighborOptions.encode(list, buffer, at))
        assert.ok(Result.isSuccess(read))
        assert.deepEqual(read.success, list)
      })
    ))

  it(
    "never throw, and find sees what decode sees",
    () =>
      fc.assert(
        fc.property(bytes, fc.nat(16), (buffer, at) => {
          const read = NeighborOptions.decode(buffer, at)
          const found = NeighborOptions.find(buffer, at, buffer.length, NeighborOptions.TYPE_MTU)
          if (found >= 0) assert.equal(buffer[found], NeighborOptions.TYPE_MTU)
          if (Result.isFailure(read)) return
          const expected = read.success.some(
            (value) => value._tag === "Mtu" || (value._tag === "Other" && value.type === NeighborOptions.TYPE_MTU)
          )
          assert.equal(found >= 0, expected)
        }),
        { numRuns: cases }
      ),
    patience
  )
})
