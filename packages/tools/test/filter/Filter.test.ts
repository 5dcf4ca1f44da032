import assert from "node:assert/strict"
import * as fc from "fast-check"
import { Result } from "effect"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { compile } from "@darkfiber/tools/filter/Filter"
import { describe as describeError } from "@darkfiber/tools/filter/Lexer"
import { parse } from "@darkfiber/tools/filter/Parser"
import * as Arp from "@darkfiber/wire/Arp"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Frame from "@darkfiber/wire/Frame"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Udp from "@darkfiber/wire/Udp"

const address = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.1.1", "192.168.1.9", "10.255.0.1")
const port = fc.constantFrom(22, 53, 80, 443, 8080, 40000)
const ip = (text: string) => Result.getOrThrow(Ipv4Address.parse(text))
const macs = [MacAddress.local(1), MacAddress.local(2), MacAddress.broadcast] as const

const ends = fc.record({
  from: address,
  to: address,
  fromMac: fc.constantFrom(macs[0], macs[1]),
  toMac: fc.constantFrom(...macs)
})
type Ends = typeof ends extends fc.Arbitrary<infer T> ? T : never
const ipEnds = ({ from, to, fromMac, toMac }: Ends) => ({
  sourceMac: fromMac,
  destinationMac: toMac,
  source: ip(from),
  destination: ip(to)
})
const payload = fc.uint8Array({ maxLength: 40 })

const tcpFrame = fc
  .tuple(ends, port, port, fc.nat(255), payload)
  .map(([all, sourcePort, destinationPort, flags, bytes]) =>
    Frame.tcp(ipEnds(all), { sourcePort, destinationPort, sequence: 1, acknowledgment: 2, flags, window: 100 }, bytes)
  )
const udpFrame = fc
  .tuple(ends, port, port, payload, fc.constantFrom(0, 0, 0, 8))
  .map(([all, sourcePort, destinationPort, bytes, fragmentOffset]) =>
    Frame.udp(ipEnds(all), { sourcePort, destinationPort }, bytes, { fragmentOffset, flags: 0 })
  )
const icmpFrame = fc
  .tuple(ends, fc.constantFrom("EchoRequest" as const, "EchoReply" as const))
  .map(([all, _tag]) => Frame.icmp(ipEnds(all), { _tag, identifier: 1, sequence: 2, checksum: 0 }))
const arpFrame = ends.map(({ from, to, fromMac }) => Frame.arpRequest(fromMac, ip(from), ip(to)))
const frame = fc.oneof(tcpFrame, udpFrame, icmpFrame, arpFrame)

// ---- the naive evaluator: decodes the whole packet, then asks a tree of primitives ----

interface Packet {
  readonly length: number
  readonly etherType: number
  readonly sourceMac: number
  readonly destinationMac: number
  readonly source?: number
  readonly destination?: number
  readonly protocol?: number
  readonly ports?: readonly [number, number]
  readonly flags?: number
}

const dissect = (bytes: Uint8Array): Packet => {
  const ether = Result.getOrThrow(Ethernet.decode(bytes, 0))
  const base = {
    length: bytes.length,
    etherType: ether.etherType,
    sourceMac: ether.source,
    destinationMac: ether.destination
  }
  if (ether.etherType === Ethernet.ETHERTYPE_ARP) {
    const arp = Result.getOrThrow(Arp.decode(bytes, 14))
    return { ...base, source: arp.senderIp, destination: arp.targetIp }
  }
  const header = Result.getOrThrow(Ipv4.decode(bytes, 14))
  const common = { ...base, source: header.source, destination: header.destination, protocol: header.protocol }
  if (header.fragmentOffset > 0 || bytes.length < 38) return common
  if (header.protocol === 6) {
    const tcp = Result.getOrThrow(Tcp.decode(bytes, 34))
    return { ...common, ports: [tcp.sourcePort, tcp.destinationPort], flags: tcp.flags }
  }
  if (header.protocol !== 17) return common
  return { ...common, ports: [Udp.sourcePort(bytes, 34), Udp.destinationPort(bytes, 34)] }
}

type Judge = (packet: Packet) => boolean
interface Sample {
  readonly text: string
  readonly judge: Judge
}

type Side = "src" | "dst" | "src or dst" | "src and dst" | ""
const side = fc.constantFrom<Side>("src", "dst", "src or dst", "src and dst", "")
const onSide = (which: Side, source: boolean, destination: boolean): boolean =>
  which === "src"
    ? source
    : which === "dst"
      ? destination
      : which === "src and dst"
        ? source && destination
        : source || destination

const host = fc.tuple(side, address).map(([which, text]): Sample => {
  const wanted = ip(text)
  return { text: `${which} host ${text}`, judge: (p) => onSide(which, p.source === wanted, p.destination === wanted) }
})
const net = fc
  .tuple(side, fc.constantFrom("10.0.0.0/8", "10.0.0.0/24", "192.168.0.0/16", "10"))
  .map(([which, text]): Sample => {
    const [base, length] = text === "10" ? [ip("10.0.0.0"), 8] : [ip(text.split("/")[0]!), Number(text.split("/")[1])]
    const within = (value: number | undefined): boolean =>
      value !== undefined && value >>> (32 - length) === base >>> (32 - length)
    return { text: `${which} net ${text}`, judge: (p) => onSide(which, within(p.source), within(p.destination)) }
  })
const ports = fc
  .tuple(fc.constantFrom("", "tcp ", "udp "), side, port, port, fc.boolean())
  .map(([proto, which, a, b, isRange]): Sample => {
    const [low, high] = isRange ? [Math.min(a, b), Math.max(a, b)] : [a, a]
    const within = (value: number): boolean => value >= low && value <= high
    return {
      text: `${proto}${which} ${isRange ? `portrange ${low}-${high}` : `port ${a}`}`,
      judge: (p) =>
        p.ports !== undefined &&
        (proto === "" || (proto === "tcp " ? p.protocol === 6 : p.protocol === 17)) &&
        onSide(which, within(p.ports[0]), within(p.ports[1]))
    }
  })
const protocol = fc.constantFrom<Sample>(
  { text: "tcp", judge: (p) => p.protocol === 6 },
  { text: "udp", judge: (p) => p.protocol === 17 },
  { text: "icmp", judge: (p) => p.protocol === 1 },
  { text: "ip proto 6", judge: (p) => p.protocol === 6 },
  { text: "arp", judge: (p) => p.etherType === 0x806 },
  { text: "ip", judge: (p) => p.etherType === 0x800 },
  { text: "ip6", judge: () => false },
  { text: "broadcast", judge: (p) => p.destinationMac === MacAddress.broadcast },
  { text: "ether src 02:00:00:00:00:01", judge: (p) => p.sourceMac === macs[0] },
  { text: "less 60", judge: (p) => p.length <= 60 },
  { text: "greater 60", judge: (p) => p.length >= 60 },
  { text: "len - 10 > 50", judge: (p) => p.length - 10 > 50 || p.length < 10 }
)
const flag = fc.tuple(fc.nat(255), fc.constantFrom("!=", "=")).map(([mask, op]): Sample => ({
  text: `tcp[tcpflags] & ${mask} ${op} 0`,
  judge: (p) => p.flags !== undefined && (op === "=") === ((p.flags & mask) === 0)
}))
const leaf = fc.oneof(host, net, ports, protocol, flag)
const expression = fc.letrec<{ node: Sample }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    tie("node").map(({ text, judge }): Sample => ({ text: `not (${text})`, judge: (p) => !judge(p) })),
    fc
      .tuple(tie("node"), tie("node"), fc.constantFrom("and", "&&"))
      .map(([a, b, op]): Sample => ({ text: `(${a.text}) ${op} (${b.text})`, judge: (p) => a.judge(p) && b.judge(p) })),
    fc
      .tuple(tie("node"), tie("node"), fc.constantFrom("or", "||"))
      .map(([a, b, op]): Sample => ({ text: `(${a.text}) ${op} (${b.text})`, judge: (p) => a.judge(p) || b.judge(p) }))
  )
})).node

const matches = (text: string, bytes: Uint8Array): boolean =>
  Result.getOrThrow(compile(text)).matches(bytes, 0, bytes.length, bytes.length)

describe("capture filter", () => {
  it("agrees with an evaluator that decodes the whole packet", () => {
    fc.assert(
      fc.property(expression, frame, ({ text, judge }, bytes) => {
        assert.equal(matches(text, bytes), judge(dissect(bytes)), text)
      }),
      { numRuns: cases(1500) }
    )
  })

  it("looks only between the offsets it is given", () => {
    fc.assert(
      fc.property(expression, frame, fc.nat(40), ({ text }, bytes, at) => {
        const padded = new Uint8Array(at + bytes.length + 7).fill(0xff)
        padded.set(bytes, at)
        const filter = Result.getOrThrow(compile(text))
        assert.equal(filter.matches(padded, at, at + bytes.length, bytes.length), matches(text, bytes))
      }),
      { numRuns: cases(100) }
    )
  })

  it("never throws, whatever the text and the bytes", () => {
    const token = fc.constantFrom(
      "tcp",
      "udp",
      "port",
      "host",
      "net",
      "src",
      "dst",
      "or",
      "and",
      "not",
      "(",
      ")",
      "[",
      "]",
      "&",
      "!=",
      "=",
      "0",
      "80",
      "10.0.0.1",
      "10.0.0.0/8",
      "vlan",
      "len",
      "ether",
      "proto",
      "portrange",
      "1-2",
      "tcpflags",
      ":",
      "-",
      "<<",
      "ip",
      "less",
      "mask",
      "0x800"
    )
    const text = fc.oneof(
      fc.array(token, { maxLength: 12 }).map((all) => all.join(" ")),
      fc.string()
    )
    fc.assert(
      fc.property(text, fc.uint8Array({ maxLength: 80 }), (source, bytes) => {
        const filter = compile(source)
        if (Result.isSuccess(filter)) filter.success.matches(bytes, 0, bytes.length, bytes.length)
        else assert.ok(filter.failure.column >= 1 && filter.failure.column <= source.length + 1)
      }),
      { numRuns: cases(2000) }
    )
  })

  it("and and or have equal precedence and bind to the left; not binds closest", () => {
    const tcp80 = Frame.tcp(
      { sourceMac: macs[0], destinationMac: macs[1], source: ip("10.0.0.1"), destination: ip("10.0.0.2") },
      { sourcePort: 80, destinationPort: 5, sequence: 0, acknowledgment: 0, flags: 2, window: 1 }
    )
    assert.equal(matches("tcp or udp and icmp", tcp80), false)
    assert.equal(matches("tcp or (udp and icmp)", tcp80), true)
    assert.equal(matches("not udp and tcp", tcp80), true)
    assert.equal(matches("", tcp80), true)
    // A bare id takes over the qualifiers before it.
    assert.equal(matches("src port 22 or 80", tcp80), true)
    assert.equal(matches("dst port 22 or 80", tcp80), false)
    assert.equal(matches("tcp[13] & 2 != 0 and tcp[tcpflags] = tcp-syn", tcp80), true)
    assert.equal(matches("ip[2:2] = 40 and (tcp[0:2] + 1) / 81 = 1", tcp80), true)
    // A field outside the packet ends the filter, whatever stands around it.
    assert.equal(matches("not tcp[200] = 1", tcp80), false)
    assert.equal(matches("not udp[200] = 1", tcp80), true)
    assert.equal(matches("tcp[0] / 0 = 1 or tcp", tcp80), false)
  })

  it("vlan moves what follows behind the tag", () => {
    const inner = Frame.arpRequest(macs[0], ip("10.0.0.1"), ip("10.0.0.2"))
    const tagged = new Uint8Array(inner.length + 4)
    tagged.set(inner.subarray(0, 12))
    tagged.set([0x81, 0x00, 0x00, 0x05], 12)
    tagged.set(inner.subarray(12), 16)
    assert.equal(matches("arp", tagged), false)
    assert.equal(matches("vlan and arp", tagged), true)
    assert.equal(matches("vlan 5 and host 10.0.0.2", tagged), true)
    assert.equal(matches("vlan 6", tagged), false)
  })

  it("says what is wrong and where", () => {
    const message = (text: string): string => {
      const result = parse(text)
      assert.ok(Result.isFailure(result), `${text} was accepted`)
      return describeError(result.failure)
    }
    assert.equal(message("port"), "can't parse filter expression: syntax error (column 5)")
    assert.equal(message("tcp and"), "can't parse filter expression: syntax error (column 8)")
    assert.equal(message("port 70000"), "can't parse filter expression: illegal port number 70000 > 65535 (column 6)")
    assert.equal(message("host example"), "can't parse filter expression: unknown host 'example' (column 6)")
    assert.equal(
      message("net 10.0.0.1/8"),
      `can't parse filter expression: non-network bits set in "10.0.0.1/8" (column 15)`
    )
    assert.equal(message("tcp[0:3] = 1"), "can't parse filter expression: data size must be 1, 2, or 4 (column 7)")
    assert.equal(message("(tcp"), "can't parse filter expression: syntax error (column 5)")
    assert.equal(message("tcp ~"), "can't parse filter expression: illegal token: ~ (column 5)")
    assert.match(message("(".repeat(300)), /too deep/)
  })
})
