import assert from "node:assert/strict"
import { isIPv6 } from "node:net"
import { Result } from "effect"
import * as fc from "fast-check"
import ipaddr from "ipaddr.js"
import { describe, it } from "vitest"
import * as Cidr from "@darkfiber/wire/Cidr"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as Ipv6Address from "@darkfiber/wire/Ipv6Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { dirty, ipv4, ipv6, ipv6Groups, mac, offset } from "./Arbitraries.ts"

const parsed = <A>(result: Result.Result<A, unknown>): A => Result.getOrThrow(result)
const textOf = (groups: ReadonlyArray<number>) => groups.map((group) => group.toString(16)).join(":")

describe("MacAddress", () => {
  it("parse undoes format", () =>
    fc.assert(
      fc.property(mac, (address) => assert.equal(parsed(MacAddress.parse(MacAddress.format(address))), address))
    ))

  it("takes hyphens, upper case and short bytes, and refuses the rest", () => {
    assert.equal(parsed(MacAddress.parse("02-00-00-00-00-AB")), 0x0200_0000_00ab)
    assert.equal(parsed(MacAddress.parse("2:0:0:0:0:1")), 0x0200_0000_0001)
    for (const text of [
      "",
      "02:00:00:00:00",
      "02:00:00:00:00:01:02",
      "02:00-00:00:00:01",
      "02:00:00:00:00:0g",
      "020:0:0:0:0:1"
    ]) {
      assert.ok(Result.isFailure(MacAddress.parse(text)), text)
    }
  })

  it("compares and copies in place as its bytes do", () =>
    fc.assert(
      fc.property(dirty, offset, offset, (bytes, left, right) => {
        const same = bytes.subarray(left, left + 6).toString() === bytes.subarray(right, right + 6).toString()
        assert.equal(MacAddress.equalAt(bytes, left, bytes, right), same)
        const expected = bytes.slice().copyWithin(right, left, left + 6)
        MacAddress.copyAt(bytes, left, bytes, right)
        assert.deepEqual(bytes, expected)
        assert.equal(MacAddress.equalAt(expected, right, bytes, right), true)
      })
    ))

  it("predicates agree between value and frame", () =>
    fc.assert(
      fc.property(
        fc.oneof(mac, fc.constantFrom(MacAddress.broadcast, MacAddress.zero)),
        dirty,
        offset,
        (address, bytes, at) => {
          MacAddress.set(bytes, at, address)
          assert.equal(MacAddress.isMulticastAt(bytes, at), MacAddress.isMulticast(address))
          assert.equal(MacAddress.isBroadcastAt(bytes, at), MacAddress.isBroadcast(address))
          assert.equal(MacAddress.isZeroAt(bytes, at), address === 0)
          assert.equal(MacAddress.isMulticast(address), (bytes[at]! & 1) === 1)
          assert.equal(MacAddress.isLocal(address), (bytes[at]! & 2) === 2)
          assert.equal(MacAddress.isValid(address), address !== 0 && (bytes[at]! & 1) === 0)
          const halves = bytes.slice()
          MacAddress.setHalves(halves, at, MacAddress.high16(bytes, at), MacAddress.low32(bytes, at))
          assert.deepEqual(halves, bytes)
          assert.equal(MacAddress.fromHalves(MacAddress.high16(bytes, at), MacAddress.low32(bytes, at)), address)
        }
      )
    ))

  it("of a multicast group follows RFC 1112 and RFC 2464", () => {
    assert.equal(MacAddress.format(MacAddress.ofIpv4Multicast(Ipv4Address.of(239, 129, 2, 3))), "01:00:5e:01:02:03")
    const bytes = new Uint8Array(16)
    Ipv6Address.set(bytes, 0, Ipv6Address.solicitedNode(parsed(Ipv6Address.parse("fe80::2aa:ff:fe28:9c5a"))))
    assert.equal(MacAddress.format(MacAddress.ofIpv6Multicast(Ipv6Address.lastWordAt(bytes, 0))), "33:33:ff:28:9c:5a")
  })
})

describe("Ipv4Address", () => {
  it("parse undoes format, and both agree with ipaddr.js", () =>
    fc.assert(
      fc.property(ipv4, (address) => {
        const text = Ipv4Address.format(address)
        assert.equal(parsed(Ipv4Address.parse(text)), address)
        assert.equal(ipaddr.IPv4.parse(text).toString(), text)
        assert.deepEqual(
          ipaddr.IPv4.parse(text).octets,
          [24, 16, 8, 0].map((shift) => (address >>> shift) & 255)
        )
      })
    ))

  it("refuses every text that is not four plain numbers", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.0.0.1",
      "01.2.3.4",
      "1.2.3.4 ",
      "0x1.2.3.4",
      "1..2.3",
      "-1.2.3.4"
    ]) {
      assert.ok(Result.isFailure(Ipv4Address.parse(text)), text)
    }
  })

  it("predicates agree with ipaddr.js on every range's edge and on random addresses", () => {
    const edges = [
      [9, 255, 255, 255],
      [10, 0, 0, 0],
      [10, 255, 255, 255],
      [11, 0, 0, 0],
      [126, 255, 255, 255],
      [127, 0, 0, 0],
      [127, 255, 255, 255],
      [128, 0, 0, 0],
      [169, 253, 255, 255],
      [169, 254, 0, 0],
      [169, 254, 255, 255],
      [169, 255, 0, 0],
      [172, 15, 255, 255],
      [172, 16, 0, 0],
      [172, 31, 255, 255],
      [172, 32, 0, 0],
      [192, 167, 255, 255],
      [192, 168, 0, 0],
      [192, 168, 255, 255],
      [192, 169, 0, 0],
      [223, 255, 255, 255],
      [224, 0, 0, 0],
      [239, 255, 255, 255],
      [240, 0, 0, 0],
      [255, 255, 255, 254],
      [255, 255, 255, 255],
      [0, 0, 0, 0]
    ].map(([a, b, c, d]) => Ipv4Address.of(a!, b!, c!, d!))
    const check = (address: number) => {
      const range = ipaddr.IPv4.parse(Ipv4Address.format(address)).range()
      assert.equal(Ipv4Address.isLoopback(address), range === "loopback")
      assert.equal(Ipv4Address.isMulticast(address), range === "multicast")
      assert.equal(Ipv4Address.isPrivate(address), range === "private")
      assert.equal(Ipv4Address.isLinkLocal(address), range === "linkLocal")
      assert.equal(Ipv4Address.isBroadcast(address), range === "broadcast")
      assert.equal(Ipv4Address.isAny(address), address === 0)
    }
    edges.forEach(check)
    fc.assert(fc.property(ipv4, check))
  })

  it("masks and prefix lengths turn into each other; other masks have no length", () => {
    for (let length = 0; length <= 32; length++) {
      const mask = Ipv4Address.mask(length)
      assert.equal(mask >>> 0, 2 ** 32 - 2 ** (32 - length))
      assert.equal(Ipv4Address.prefixLength(mask), length)
    }
    assert.equal(Ipv4Address.prefixLength(0xff00_ff00), -1)
    assert.equal(Ipv4Address.prefixLength(1), -1)
  })

  it("counts unsigned", () => {
    const addresses = [Ipv4Address.broadcast, Ipv4Address.of(128, 0, 0, 0), Ipv4Address.loopback, Ipv4Address.any]
    assert.deepEqual(addresses.toSorted(Ipv4Address.compare), addresses.toReversed())
    assert.equal(Ipv4Address.unsigned(Ipv4Address.broadcast), 2 ** 32 - 1)
    assert.equal(Ipv4Address.make(0xc0a8_0001), Ipv4Address.of(192, 168, 0, 1))
  })
})

describe("Cidr", () => {
  const cidr = fc.tuple(ipv4, fc.nat(32)).map(([address, length]) => Cidr.make(address, length))

  it("parse undoes format; network, broadcast and contains agree with ipaddr.js", () =>
    fc.assert(
      fc.property(cidr, ipv4, (block, address) => {
        const text = Cidr.format(block)
        assert.deepEqual(parsed(Cidr.parse(text)), block)
        assert.equal(Ipv4Address.format(Cidr.network(block)), ipaddr.IPv4.networkAddressFromCIDR(text).toString())
        assert.equal(
          Ipv4Address.format(Cidr.broadcastAddress(block)),
          ipaddr.IPv4.broadcastAddressFromCIDR(text).toString()
        )
        const inside = ipaddr.IPv4.parse(Ipv4Address.format(address)).match(ipaddr.IPv4.parseCIDR(text))
        assert.equal(Cidr.contains(block, address), inside)
        assert.equal(Cidr.contains(block, Cidr.nth(block, Cidr.size(block) - 1)), true)
        assert.equal(Cidr.isNetwork(Cidr.canonical(block)), true)
        assert.equal(Cidr.overlaps(block, Cidr.make(address, 32)), inside)
        assert.equal(Cidr.overlaps(Cidr.make(address, 32), block), inside)
      })
    ))

  it("takes a bare address as /32 and refuses other lengths", () => {
    assert.deepEqual(parsed(Cidr.parse("10.0.0.1")), Cidr.make(0x0a00_0001, 32))
    for (const text of ["10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0/8", "10.0.0.1/8/8", "10.0.0.1/ 8"]) {
      assert.ok(Result.isFailure(Cidr.parse(text)), text)
    }
    assert.equal(Cidr.size(Cidr.everything), 2 ** 32)
  })
})

describe("Ipv6Address", () => {
  it("text agrees with ipaddr.js's RFC 5952 form, IPv4-mapped addresses apart", () =>
    fc.assert(
      fc.property(ipv6Groups, (groups) => {
        const address = parsed(Ipv6Address.parse(textOf(groups)))
        const oracle = ipaddr.IPv6.parse(textOf(groups))
        if (oracle.isIPv4MappedAddress()) return assert.equal(address, `::ffff:${oracle.toIPv4Address().toString()}`)
        assert.equal(address, oracle.toRFC5952String())
      })
    ))

  it("get undoes set, and parse leaves a canonical text as it is", () =>
    fc.assert(
      fc.property(ipv6, dirty, offset, (address, bytes, at) => {
        Ipv6Address.set(bytes, at, address)
        assert.equal(Ipv6Address.get(bytes, at), address)
        assert.equal(parsed(Ipv6Address.parse(address)), address)
        assert.deepEqual([...bytes.subarray(at, at + 16)], ipaddr.IPv6.parse(address).toByteArray())
      })
    ))

  it("takes the forms of RFC 4291 §2.2", () => {
    const forms: ReadonlyArray<readonly [string, string]> = [
      ["ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"],
      ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
      ["FF01:0:0:0:0:0:0:101", "ff01::101"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["0:0:0:0:0:0:0:0", "::"],
      ["0:0:0:0:0:FFFF:129.144.52.38", "::ffff:129.144.52.38"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
      ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"]
    ]
    for (const [text, canonical] of forms) assert.equal(parsed(Ipv6Address.parse(text)), canonical)
  })

  it("accepts exactly what the platform's inet_pton accepts, on texts that are nearly addresses", () =>
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("0", "1", "ab", "ffff", "12345", ":", "::", ":", "1.2.3.4", "g"), { maxLength: 18 }),
        (parts) => {
          const text = parts.join("")
          assert.equal(Result.isSuccess(Ipv6Address.parse(text)), isIPv6(text), text)
        }
      ),
      { numRuns: 5000 }
    ))

  it("predicates agree with ipaddr.js and between value and frame", () =>
    fc.assert(
      fc.property(
        fc.oneof(
          ipv6,
          ipv6,
          fc
            .constantFrom("ff02::1", "fe80::1", "fc00::1", "fd12::1", "::1", "::", "febf::", "fec0::")
            .map((text) => parsed(Ipv6Address.parse(text)))
        ),
        dirty,
        offset,
        (address, bytes, at) => {
          Ipv6Address.set(bytes, at, address)
          const range = ipaddr.IPv6.parse(address).range()
          assert.equal(Ipv6Address.isMulticast(address), range === "multicast")
          assert.equal(Ipv6Address.isLinkLocal(address), range === "linkLocal")
          assert.equal(Ipv6Address.isPrivate(address), range === "uniqueLocal")
          assert.equal(Ipv6Address.isMulticastAt(bytes, at), range === "multicast")
          assert.equal(Ipv6Address.isLinkLocalAt(bytes, at), range === "linkLocal")
          assert.equal(Ipv6Address.isLoopbackAt(bytes, at), Ipv6Address.isLoopback(address))
          assert.equal(Ipv6Address.isAnyAt(bytes, at), Ipv6Address.isAny(address))
        }
      )
    ))

  it("prefixes compare as ipaddr.js compares them; bytes compare and copy in place", () =>
    fc.assert(
      fc.property(ipv6, ipv6, fc.nat(128), dirty, (left, right, length, bytes) => {
        const expected = ipaddr.IPv6.parse(left).match(ipaddr.IPv6.parse(right), length)
        assert.equal(Ipv6Address.samePrefix(left, right, length), expected)
        Ipv6Address.set(bytes, 0, left)
        Ipv6Address.set(bytes, 21, right)
        assert.equal(Ipv6Address.equalAt(bytes, 0, bytes, 21), left === right)
        Ipv6Address.copyAt(bytes, 0, bytes, 21)
        assert.equal(Ipv6Address.get(bytes, 21), left)
      })
    ))

  it("link-local addresses come from MAC addresses as RFC 4291 appendix A has it", () => {
    const address = Ipv6Address.linkLocalOf(parsed(MacAddress.parse("34:56:78:9a:bc:de")))
    assert.equal(address, "fe80::3656:78ff:fe9a:bcde")
  })
})
