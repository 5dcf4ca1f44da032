import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Hooks from "../../src/Hooks.ts"
import { linux310, linux6x } from "../../src/netfilter/ConntrackNet.ts"
import { MANIP_DST, MANIP_SRC, rewrite } from "../../src/netfilter/NatPacket.ts"
import type { Rule } from "../../src/netfilter/Rules.ts"
import { Tuple } from "../../src/netfilter/Tuple.ts"
import { CHECKSUM_PARTIAL } from "../../src/SkBuff.ts"
import {
  address,
  device,
  echo,
  type Ends,
  endsOf,
  forwardPath,
  Harness,
  icmpError,
  inPath,
  isValid,
  outPath,
  reverse,
  tcp,
  udp
} from "./Harness.ts"

const br0 = device("br0", 3)
const eth0 = device("eth0", 2)
const host = address(192, 0, 2, 1)
const server = address(198, 51, 100, 7)
const container = (n: number): number => address(192, 168, 0, n)

const masquerade: Rule = {
  matches: [
    { _tag: "Source", address: address(192, 168, 0, 0), prefixLength: 24, invert: false },
    { _tag: "OutInterface", name: "br0", invert: true }
  ],
  target: { _tag: "Masquerade", portMin: 0, portMax: 0, random: false }
}
const dnat: Rule = {
  matches: [
    { _tag: "InInterface", name: "br0", invert: true },
    { _tag: "Protocol", protocol: 6, invert: false },
    { _tag: "DestinationPorts", from: 8088, to: 8088, invert: false }
  ],
  target: {
    _tag: "Dnat",
    addressMin: container(2),
    addressMax: container(2),
    portMin: 80,
    portMax: 80,
    random: false,
    persistent: false
  }
}

const gateway = (profile = linux310, seed = 1): Harness => {
  const h = new Harness(profile, seed)
  h.environment.sources.set("eth0", host)
  h.use("nat").append("POSTROUTING", masquerade)
  h.use("nat").append("PREROUTING", dnat)
  return h
}

const from = (n: number, sourcePort: number, destinationPort = 80): Ends => ({
  source: container(n),
  destination: server,
  sourcePort,
  destinationPort
})

describe("masquerade", () => {
  it("writes the host's address, and undoes it on the way back", () => {
    const h = gateway()
    const sent = udp(from(2, 40000))
    const out = h.forward(sent, br0, eth0)!
    assert.deepEqual(endsOf(out), { source: host, destination: server, sourcePort: 40000, destinationPort: 80 })
    assert.ok(isValid(out))
    const returned = h.forward(udp(reverse(endsOf(out))), eth0, br0)!
    assert.deepEqual(endsOf(returned), reverse(from(2, 40000)))
    assert.ok(isValid(returned))
  })

  it("asks the nat table once a flow: 1000 packets, counter 1", () => {
    const h = gateway()
    for (let i = 0; i < 1000; i++) h.forward(udp(from(2, 40000)), br0, eth0)
    assert.equal(h.use("nat").chains.get("POSTROUTING")!.rules[0]!.packets, 1)
    assert.equal(h.table.confirmed, 1)
  })

  it("on a clash 3.10 takes the rover's first port, 1024, then the next", () => {
    const h = gateway()
    const ports = [2, 3, 4].map((n) => endsOf(h.forward(udp(from(n, 45000)), br0, eth0)!).sourcePort)
    assert.deepEqual(ports, [45000, 1024, 1025])
  })

  it("on a clash 6.x takes a port of 1024 or higher at random", () => {
    const h = gateway(linux6x)
    const ports = [2, 3, 4].map((n) => endsOf(h.forward(tcp(from(n, 45000), Tcp.SYN), br0, eth0)!).sourcePort)
    assert.equal(ports[0], 45000)
    assert.equal(new Set(ports).size, 3)
    for (const port of ports) assert.ok(port >= 1024)
    assert.notEqual(ports[1]! + 1, ports[2])
  })

  it("keeps privileged ports privileged", () => {
    const h = gateway()
    const ports = [2, 3, 4].map((n) => endsOf(h.forward(udp(from(n, 100)), br0, eth0)!).sourcePort)
    assert.deepEqual(ports, [100, 1, 2])
    const higher = [2, 3].map((n) => endsOf(h.forward(udp(from(n, 700, 81)), br0, eth0)!).sourcePort)
    assert.deepEqual(higher, [700, 601])
  })

  it("gives pings of two containers with the same identifier different ones", () => {
    const h = gateway()
    const first = h.forward(echo(from(2, 0, 0), 8, 77), br0, eth0)!
    const second = h.forward(echo(from(3, 0, 0), 8, 77), br0, eth0)!
    const identifier = (packet: Uint8Array): number => (packet[24]! << 8) | packet[25]!
    assert.equal(identifier(first), 77)
    assert.notEqual(identifier(second), 77)
    assert.ok(isValid(second))
    const answer = h.forward(echo(reverse({ ...from(2, 0, 0), source: host }), 0, identifier(second)), eth0, br0)!
    assert.equal(Ipv4.destination(answer, 0), container(3))
    assert.equal(identifier(answer), 77)
  })

  it("drops without an address, and for a flow whose route has changed device", () => {
    const h = gateway()
    h.environment.sources.clear()
    assert.equal(h.forward(udp(from(2, 40000)), br0, eth0), null)
    h.environment.sources.set("eth0", host)
    assert.notEqual(h.forward(udp(from(2, 40000)), br0, eth0), null)
    assert.equal(h.forward(udp(from(2, 40000)), br0, device("eth1", 9)), null)
    assert.equal(h.table.confirmed, 0)
  })
})

describe("DNAT", () => {
  it("leads host:8088 to the container, and the client sees only the host", () => {
    const h = gateway()
    const client: Ends = { source: server, destination: host, sourcePort: 50000, destinationPort: 8088 }
    const inside = h.forward(tcp(client, Tcp.SYN), eth0, br0)!
    assert.deepEqual(endsOf(inside), { ...client, destination: container(2), destinationPort: 80 })
    assert.ok(isValid(inside))
    const answer = h.forward(tcp(reverse(endsOf(inside)), Tcp.SYN | Tcp.ACK), br0, eth0)!
    assert.deepEqual(endsOf(answer), reverse(client))
    assert.ok(isValid(answer))
    const entry = h.table.oldest!
    assert.equal(entry.original.destination, host)
    assert.equal(entry.original.destinationPort, 8088)
    assert.equal(entry.reply.source, container(2))
    assert.equal(entry.reply.sourcePort, 80)
  })

  it("forgets the route it came with, and asks for a new one on the way out", () => {
    const h = gateway()
    h.use("nat").append("OUTPUT", { matches: [], target: dnat.target })
    const skb = h.skb(tcp({ source: host, destination: server, sourcePort: 1, destinationPort: 8088 }, Tcp.SYN))
    assert.ok(h.run(skb, outPath, null, eth0))
    assert.equal(h.environment.reroutes, 1)
    h.free(skb)
  })

  it("REDIRECT leads to the device's own address", () => {
    const h = gateway()
    h.use("nat").insert("PREROUTING", 1, {
      matches: [],
      target: { _tag: "Redirect", portMin: 3128, portMax: 3128, random: false }
    })
    const skb = h.skb(tcp({ source: server, destination: container(9), sourcePort: 1, destinationPort: 80 }, Tcp.SYN))
    assert.ok(h.run(skb, inPath, eth0, null))
    assert.deepEqual(endsOf(h.bytes(skb)), { source: server, destination: host, sourcePort: 1, destinationPort: 3128 })
    h.free(skb)
  })
})

describe("ICMP errors", () => {
  it("are translated outside and inside", () => {
    const h = gateway()
    const sent = udp(from(2, 40000))
    const out = h.forward(sent, br0, eth0)!
    const router = address(198, 51, 100, 1)
    const back = h.forward(icmpError(router, host, 3, 3, out), eth0, br0)!
    assert.equal(Ipv4.destination(back, 0), container(2))
    assert.equal(Ipv4.source(back, 0), router)
    assert.ok(isValid(back))
    assert.deepEqual(endsOf(back.subarray(28)), from(2, 40000))
    assert.ok(Ipv4.verifyChecksum(back, 28))
  })
})

const i32 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const port = fc.integer({ min: 1, max: 65535 })
const anyEnds = fc.record({ source: i32, destination: i32, sourcePort: port, destinationPort: port })

describe("properties", () => {
  it("rewriting keeps checksums valid, partial ones partial, and can be undone", () =>
    fc.assert(
      fc.property(
        anyEnds,
        anyEnds,
        fc.uint8Array({ maxLength: 40 }),
        fc.constantFrom("tcp", "udp", "plain-udp"),
        fc.boolean(),
        fc.constantFrom(MANIP_SRC, MANIP_DST),
        (ends, wanted, payload, kind, partial, manip) => {
          const packet = kind === "tcp" ? tcp(ends, Tcp.ACK, payload.length) : udp(ends, payload)
          if (kind === "plain-udp" && !partial) packet.set([0, 0], 26)
          if (partial) Checksum.setPartial(packet, 0)
          const before = packet.slice()
          const there = new Tuple()
          there.set(wanted.source, wanted.destination, (wanted.sourcePort << 16) | wanted.destinationPort, 6)
          const original = new Tuple()
          original.set(ends.source, ends.destination, (ends.sourcePort << 16) | ends.destinationPort, 6)
          rewrite(packet, 0, packet.length, there, manip, partial)
          const end = endsOf(packet)
          if (manip === MANIP_SRC) assert.deepEqual([end.source, end.sourcePort], [wanted.source, wanted.sourcePort])
          else assert.deepEqual([end.destination, end.destinationPort], [wanted.destination, wanted.destinationPort])
          const finished = packet.slice()
          if (partial) Checksum.finishPartial(finished, 20, kind === "tcp" ? 16 : 6, finished.length)
          assert.ok(isValid(finished))
          rewrite(packet, 0, packet.length, original, manip, partial)
          assert.deepEqual(endsOf(packet), endsOf(before))
          if (partial) Checksum.finishPartial(packet, 20, kind === "tcp" ? 16 : 6, packet.length)
          assert.ok(isValid(packet))
        }
      ),
      { numRuns: cases(500) }
    ))

  it("no two flows leave with the same tuple, answers find their way, whatever the ports", () =>
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.nat(),
        fc.array(
          fc.tuple(
            fc.integer({ min: 2, max: 20 }),
            fc.constantFrom(80, 443, 5000, 5001, 40000),
            fc.constantFrom(53, 80)
          ),
          {
            minLength: 1,
            maxLength: 60
          }
        ),
        (old, seed, flows) => {
          const h = gateway(old ? linux310 : linux6x, seed)
          const seen = new Map<string, string>()
          for (const [n, sourcePort, destinationPort] of flows) {
            const inside = from(n, sourcePort, destinationPort)
            const out = h.forward(udp(inside), br0, eth0)!
            assert.ok(isValid(out))
            const outside = endsOf(out)
            const known = seen.get(JSON.stringify(outside))
            assert.ok(known === undefined || known === JSON.stringify(inside))
            seen.set(JSON.stringify(outside), JSON.stringify(inside))
            const back = h.forward(udp(reverse(outside)), eth0, br0)!
            assert.deepEqual(endsOf(back), reverse(inside))
            assert.ok(isValid(back))
          }
          assert.equal(h.table.confirmed, seen.size)
        }
      ),
      { numRuns: cases(60) }
    ))

  it("a range of three ports serves three flows; the fourth clashes and is dropped", () => {
    const h = new Harness()
    h.use("nat").append("POSTROUTING", {
      matches: [],
      target: {
        _tag: "Snat",
        addressMin: host,
        addressMax: host,
        portMin: 7000,
        portMax: 7002,
        random: false,
        persistent: false
      }
    })
    const ports = [2, 3, 4].map((n) => endsOf(h.forward(udp(from(n, 500)), br0, eth0)!).sourcePort)
    assert.deepEqual([...ports].sort(), [7000, 7001, 7002])
    assert.equal(h.forward(udp(from(5, 500)), br0, eth0), null)
    assert.equal(h.state.stats.insertFailed, 1)
  })

  it("leaves a partial checksum to the device", () => {
    const h = gateway()
    const packet = udp(from(2, 40000))
    Checksum.setPartial(packet, 0)
    const skb = h.skb(packet)
    skb.ipSummed = CHECKSUM_PARTIAL
    assert.ok(h.run(skb, forwardPath, br0, eth0))
    const bytes = h.bytes(skb)
    Checksum.finishPartial(bytes, 20, 6, bytes.length)
    assert.ok(isValid(bytes))
    h.free(skb)
  })

  it("hooks come in the order of their priorities", () => {
    const h = gateway()
    for (const name of ["filter", "mangle", "raw"] as const) h.use(name)
    assert.deepEqual(
      h.hooks.list(Hooks.PRE_ROUTING).map((each) => each.priority),
      [-300, -200, -150, -100]
    )
    assert.deepEqual(
      h.hooks.list(Hooks.FORWARD).map((each) => each.priority),
      [-150, 0]
    )
    assert.deepEqual(
      h.hooks.list(Hooks.POST_ROUTING).map((each) => each.priority),
      [-150, 100, 2147483647]
    )
  })
})
