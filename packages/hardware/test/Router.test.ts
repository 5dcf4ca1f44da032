import assert from "node:assert/strict"
import * as fc from "fast-check"
import { cases } from "@darkfiber/tooling/Cases"
import { World } from "@darkfiber/sim/World"
import * as Arp from "@darkfiber/wire/Arp"
import * as Checksum from "@darkfiber/wire/Checksum"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Icmp from "@darkfiber/wire/Icmp"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { describe, it } from "vitest"
import type { FabricOptions } from "../src/fabric/Fabric.ts"
import { Link } from "../src/link/Link.ts"
import * as Reasons from "../src/Reasons.ts"
import { Router } from "../src/router/Router.ts"
import { maskOf, RouteTable } from "../src/router/RouteTable.ts"
import { drops, type FrameParts, imbalance, ip, Sink, udp } from "./Kit.ts"

const SECOND = 1_000_000_000
const routerMac = (port: number): number => MacAddress.local(0x100 + port)
const stationMac = (port: number): number => MacAddress.local(0x200 + port)

interface Setting {
  readonly world: World
  readonly router: Router
  readonly stations: ReadonlyArray<Sink>
  readonly links: ReadonlyArray<Link>
}

/** Port i is 10.0.i.1/24 with a station 10.0.i.2 behind it, known without ARP unless `arp`. */
const setting = (
  ports: number,
  arp = false,
  options: Partial<FabricOptions> = {},
  seed = 5,
  mtus: ReadonlyArray<number> = []
): Setting => {
  const world = new World(seed)
  const router = new Router(world.newIsland("router"), "router", options)
  const links: Array<Link> = []
  const stations = Array.from({ length: ports }, (_, i) => {
    const station = new Sink(world.newIsland(`s${i}`), `s${i}`)
    const link = new Link(world, `wire${i}`, { rate: 10 * SECOND, delay: 100, overhead: 0 })
    station.plug(link.a)
    router.addPort(link.b, { mac: routerMac(i), address: ip(`10.0.${i}.1`), prefixLength: 24, mtu: mtus[i] ?? 1500 })
    if (!arp) router.setNeighbour(i, ip(`10.0.${i}.2`), stationMac(i))
    links.push(link)
    return station
  })
  return { world, router, stations, links }
}

const packet = (from: number, parts: FrameParts = {}): Uint8Array =>
  udp({ source: stationMac(from), destination: routerMac(from), from: ip(`10.0.${from}.2`), payload: 58, ...parts })

const arpFrame = (to: number, operation: number, mac: number, from: string, target: string): Uint8Array => {
  const bytes = new Uint8Array(42)
  Ethernet.write(bytes, 0, to, mac, Ethernet.ETHERTYPE_ARP)
  Arp.write(bytes, 14, operation, mac, ip(from), 0, ip(target))
  return bytes
}

describe("forwarding", () => {
  it("takes one from the time to live, mends the checksum and writes new Ethernet addresses", () => {
    const { world, router, stations } = setting(2)
    const sent = packet(0, { to: ip("10.0.1.2"), ttl: 9 })
    stations[0]!.send(0, sent, 0)
    world.run(SECOND)
    const got = stations[1]!.arrivals[0]!
    assert.equal(got.time, 80 + 100 + 80 + 100)
    assert.equal(Ethernet.destination(got.bytes, 0), stationMac(1))
    assert.equal(Ethernet.source(got.bytes, 0), routerMac(1))
    assert.equal(Ipv4.timeToLive(got.bytes, 14), 8)
    assert.ok(Ipv4.verifyChecksum(got.bytes, 14))
    assert.ok(Checksum.verifyTransport(got.bytes, 14))
    assert.deepEqual(got.bytes.subarray(26), sent.subarray(26))
    assert.equal(router.forwarded, 1)
    assert.equal(imbalance(world), 0)
  })

  it("looks up the longest prefix, as a plain search does (property)", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer(), fc.integer({ min: 0, max: 32 }), fc.nat(4)), { maxLength: 40 }),
        fc.array(fc.integer(), { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(4), { maxLength: 2 }),
        (routes, destinations, down) => {
          const table = new RouteTable((port) => !down.includes(port))
          const model = new Map<string, { prefix: number; length: number; port: number }>()
          for (const [address, length, port] of routes) {
            const prefix = address & maskOf(length)
            table.set(address, length, [{ port, gateway: 0 }])
            model.set(`${prefix}/${length}`, { prefix, length, port })
          }
          assert.equal(table.count, model.size)
          const near = routes.map(([address]) => address ^ 1)
          for (const destination of [...destinations, ...near, ...destinations]) {
            const best = [...model.values()]
              .filter((route) => !down.includes(route.port) && (destination & maskOf(route.length)) === route.prefix)
              .toSorted((left, right) => right.length - left.length)[0]
            assert.equal(table.lookup(destination)?.live[0]?.port, best?.port)
          }
          for (const { prefix, length } of model.values()) table.set(prefix, length, [])
          assert.equal(table.lookup(destinations[0]!), null)
        }
      ),
      { numRuns: cases(150) }
    ))

  it("spreads flows over equal hops, keeps each flow on one, and differs by seed", () => {
    const spread = (seed: number): ReadonlyArray<ReadonlyArray<number>> => {
      const { world, router, stations } = setting(5, false, {}, seed)
      const hops = [1, 2, 3, 4].map((port) => ({ port, gateway: ip(`10.0.${port}.2`) }))
      router.setRoute(ip("20.0.0.0"), 8, hops)
      for (let i = 0; i < 400; i++) {
        stations[0]!.send(0, packet(0, { to: ip("20.1.2.3"), sourcePort: 2000 + (i % 200) }), i * 100)
      }
      world.run(SECOND)
      return [1, 2, 3, 4].map((s) => stations[s]!.arrivals.map(({ bytes }) => (bytes[34]! << 8) | bytes[35]!))
    }
    const first = spread(1)
    for (const flows of first) {
      assert.ok(flows.length >= 60, `${flows.length}`)
      // Both packets of each flow took the same way.
      for (const port of flows) assert.equal(flows.filter((other) => other === port).length, 2)
    }
    assert.deepEqual(spread(1), first)
    assert.notDeepEqual(spread(2), first)
  })

  it("leaves out hops that have lost their light, and falls back to a shorter prefix", () => {
    const { world, router, stations, links } = setting(4)
    const hop = (port: number): { port: number; gateway: number } => ({ port, gateway: ip(`10.0.${port}.2`) })
    router.setRoute(ip("20.0.0.0"), 8, [hop(1), hop(2)])
    router.setRoute(0, 0, [hop(3)])
    const burst = (at: number): void => {
      for (let i = 0; i < 50; i++) stations[0]!.send(0, packet(0, { to: ip("20.1.2.3"), sourcePort: i }), at)
      world.run(at + 100_000)
    }
    burst(0)
    const before = [1, 2].map((s) => stations[s]!.arrivals.length)
    assert.ok(before[0]! > 10 && before[1]! > 10)
    links[1]!.cutAt(100_000)
    burst(200_000)
    assert.equal(stations[1]!.arrivals.length, before[0])
    assert.equal(stations[2]!.arrivals.length, before[1]! + 50)
    links[2]!.cutAt(300_000)
    burst(400_000)
    assert.equal(stations[3]!.arrivals.length, 50)
    assert.equal(imbalance(world), 0)
  })

  it("cuts what is too long unless it says don't fragment: the pieces make the packet again (property)", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 76, max: 1500 }),
        fc.constantFrom<ReadonlyArray<number>>(
          [],
          [7, 7, 4, 1, 2, 3, 4, 1],
          [0x94, 4, 0, 0],
          [1, 0x44, 4, 5, 0, 0x94, 4, 0]
        ),
        fc.boolean(),
        (payload, mtu, ipOptions, isFragment) => {
          const { world, router, stations } = setting(2, false, {}, 5, [4000, mtu])
          const plain = packet(0, { to: ip("10.0.1.2"), payload, ttl: 7 })
          const header = 20 + ipOptions.length
          const sent = new Uint8Array([...plain.subarray(0, 34), ...ipOptions, ...plain.subarray(34)])
          Ipv4.setTotalLength(sent, 14, sent.length - 14)
          sent[14] = 0x40 | (header >> 2)
          Ipv4.setFragment(sent, 14, isFragment ? Ipv4.FLAG_MORE_FRAGMENTS : 0, isFragment ? 800 : 0)
          Ipv4.writeChecksum(sent, 14)
          stations[0]!.send(0, sent, 0)
          world.run(SECOND)
          const got = stations[1]!.arrivals.map(({ bytes }) => bytes)
          const whole = sent.length - 14 - header
          const room = (mtu - header) & ~7
          const fits = sent.length - 14 <= mtu
          assert.equal(got.length, fits ? 1 : Math.ceil(whole / room))
          const again = new Uint8Array(whole)
          got.forEach((bytes, i) => {
            const offset = Ipv4.fragmentOffset(bytes, 14) - (isFragment ? 800 : 0)
            const length = Ipv4.payloadLength(bytes, 14)
            assert.ok(Ipv4.totalLength(bytes, 14) <= mtu)
            assert.equal(bytes.length, 14 + header + length)
            assert.ok(Ipv4.verifyChecksum(bytes, 14))
            assert.equal(Ipv4.timeToLive(bytes, 14), 6)
            assert.equal(Ipv4.identification(bytes, 14), Ipv4.identification(sent, 14))
            assert.equal(Ipv4.moreFragments(bytes, 14), i < got.length - 1 || isFragment)
            const kept = ipOptions[0] === 0x94 || i === 0
            if (kept) assert.deepEqual([...bytes.subarray(34, 14 + header)], ipOptions)
            again.set(bytes.subarray(14 + header), offset)
          })
          assert.deepEqual(again, sent.subarray(14 + header))
          assert.equal(router.fragmented, fits ? 0 : 1)
          assert.equal(router.errorsSent, 0)
          assert.equal(imbalance(world), 0)
          assert.equal(world.slab.live, 0)
        }
      ),
      { numRuns: cases(60) }
    ))

  it("keeps an option of a later piece only if it is to be copied", () => {
    const { world, stations } = setting(2, false, {}, 5, [1500, 100])
    const plain = packet(0, { to: ip("10.0.1.2"), payload: 200 })
    const sent = new Uint8Array([...plain.subarray(0, 34), 0x44, 4, 5, 0, 0x94, 4, 0, 0, ...plain.subarray(34)])
    Ipv4.setTotalLength(sent, 14, sent.length - 14)
    sent[14] = 0x47
    Ipv4.setFragment(sent, 14, 0, 0)
    Ipv4.writeChecksum(sent, 14)
    stations[0]!.send(0, sent, 0)
    world.run(SECOND)
    const options = stations[1]!.arrivals.map(({ bytes }) => [...bytes.subarray(34, 42)])
    assert.deepEqual(options[0], [0x44, 4, 5, 0, 0x94, 4, 0, 0])
    for (const each of options.slice(1)) assert.deepEqual(each, [1, 1, 1, 1, 0x94, 4, 0, 0])
  })

  it("drops what is no good, with its reason", () => {
    const { world, router, stations } = setting(2)
    const spoilers: ReadonlyArray<readonly [(bytes: Uint8Array) => Uint8Array, number]> = [
      [(bytes) => bytes.slice(0, 10), Reasons.FRAME_TOO_SHORT],
      [(bytes) => bytes.slice(0, 30), Reasons.IP_INHDR],
      [(bytes) => bytes.with(14, 0x65), Reasons.IP_INHDR],
      [(bytes) => bytes.with(14, 0x44), Reasons.IP_INHDR],
      [(bytes) => bytes.slice(0, 60), Reasons.IP_INHDR],
      [(bytes) => bytes.with(24, bytes[24]! ^ 1), Reasons.IP_CSUM],
      [(bytes) => bytes.with(5, 0x77), Reasons.NOT_FOR_ROUTER],
      [(bytes) => bytes.with(13, 0x01), Reasons.NOT_FOR_ROUTER]
    ]
    let at = 0
    for (const [spoil, reason] of spoilers) {
      const before = drops(router.island, reason)
      stations[0]!.send(0, spoil(packet(0, { to: ip("10.0.1.2") })), at)
      world.run((at += 10_000))
      assert.equal(drops(router.island, reason), before + 1)
    }
    assert.equal(router.errorsSent, 0)
    assert.equal(stations[1]!.arrivals.length, 0)
    assert.equal(imbalance(world), 0)
  })

  it("survives any bytes (property)", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 90 }),
            fc.tuple(fc.nat(99), fc.nat(255)).map(([at, value]) => packet(0, { to: ip("10.0.1.9") }).with(at, value)),
            fc
              .tuple(fc.nat(41), fc.nat(255))
              .map(([at, value]) =>
                arpFrame(MacAddress.broadcast, Arp.REQUEST, stationMac(0), "10.0.0.2", "10.0.0.1").with(at, value)
              )
          ),
          { maxLength: 40 }
        ),
        (frames) => {
          const { world, stations } = setting(2, true)
          frames.forEach((bytes, i) => stations[0]!.send(0, bytes, i * 100))
          world.run(100)
          assert.equal(imbalance(world), 0)
          world.run(20 * SECOND)
          assert.equal(imbalance(world), 0)
          assert.equal(world.slab.live, 0)
          assert.deepEqual(world.defects, [])
        }
      ),
      { numRuns: cases(150) }
    ))
})

describe("ICMP", () => {
  const errorOf = (parts: FrameParts, prepare: (bytes: Uint8Array) => void = () => {}) => {
    const { world, router, stations } = setting(2)
    const sent = packet(0, parts)
    prepare(sent)
    stations[0]!.send(0, sent, 0)
    world.run(SECOND)
    assert.equal(imbalance(world), 0)
    const got = stations[0]!.arrivals[0]?.bytes
    return { router, sent, got }
  }

  it("time exceeded quotes the packet and comes from the port's address", () => {
    const { router, sent, got } = errorOf({ to: ip("10.0.1.2"), ttl: 1 })
    assert.ok(got !== undefined)
    assert.equal(Ipv4.source(got, 14), ip("10.0.0.1"))
    assert.equal(Ipv4.destination(got, 14), ip("10.0.0.2"))
    assert.equal(Icmp.type(got, 34), Icmp.TYPE_TIME_EXCEEDED)
    assert.ok(Ipv4.verifyChecksum(got, 14))
    assert.ok(Icmp.verifyChecksum(got, 34, got.length - 34))
    assert.deepEqual(got.subarray(42), sent.subarray(14))
    assert.equal(drops(router.island, Reasons.TTL_EXCEEDED), 1)
  })

  it("no route: network unreachable", () => {
    const { router, got } = errorOf({ to: ip("99.0.0.1") })
    assert.ok(got !== undefined)
    assert.deepEqual([got[34], got[35]], [Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_NET_UNREACHABLE])
    assert.equal(drops(router.island, Reasons.IP_OUTNOROUTES), 1)
  })

  it("too big: fragmentation needed with the next hop's MTU", () => {
    const { router, got } = errorOf({ to: ip("10.0.1.2"), payload: 1480 })
    assert.ok(got !== undefined)
    assert.deepEqual([got[34], got[35]], [Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_FRAGMENTATION_NEEDED])
    assert.equal(Icmp.nextHopMtu(got, 34), 1500)
    assert.equal(Ipv4.totalLength(got, 14), 576)
    assert.equal(drops(router.island, Reasons.PKT_TOO_BIG), 1)
  })

  it("none about fragments behind the first, about errors, or from no unicast source", () => {
    const spoil: ReadonlyArray<(bytes: Uint8Array) => void> = [
      (bytes) => Ipv4.setFragment(bytes, 14, 0, 800),
      (bytes) => {
        Ipv4.setProtocol(bytes, 14, Ipv4.PROTOCOL_ICMP)
        bytes[34] = Icmp.TYPE_TIME_EXCEEDED
      },
      (bytes) => Ipv4.setSource(bytes, 14, ip("224.0.0.1"))
    ]
    for (const change of spoil) {
      const { router, got } = errorOf({ to: ip("99.0.0.1") }, (bytes) => {
        change(bytes)
        Ipv4.writeChecksum(bytes, 14)
      })
      assert.equal(got, undefined)
      assert.equal(router.errorsSent, 0)
    }
  })

  it("at most 50 errors at once and 1,000 a second", () => {
    const { world, router, stations } = setting(2)
    for (let i = 0; i < 200; i++) stations[0]!.send(0, packet(0, { to: ip("99.0.0.1") }), 0)
    world.run(500_000)
    assert.equal(router.errorsSent, 50)
    for (let i = 0; i < 200; i++) stations[0]!.send(0, packet(0, { to: ip("99.0.0.1") }), SECOND / 2)
    world.run(SECOND)
    assert.equal(router.errorsSent, 100)
  })

  it("answers an echo request to any of its addresses", () => {
    const { world, stations } = setting(2)
    const bytes = packet(0, { to: ip("10.0.1.1") })
    Ipv4.setProtocol(bytes, 14, Ipv4.PROTOCOL_ICMP)
    Ipv4.writeChecksum(bytes, 14)
    Icmp.write(bytes, 34, Icmp.TYPE_ECHO_REQUEST, 0, 0x12340001)
    Icmp.writeChecksum(bytes, 34, bytes.length - 34)
    stations[0]!.send(0, bytes, 0)
    world.run(SECOND)
    const got = stations[0]!.arrivals[0]!.bytes
    assert.equal(Icmp.type(got, 34), Icmp.TYPE_ECHO_REPLY)
    assert.equal(Icmp.rest(got, 34), 0x12340001)
    assert.equal(Ipv4.source(got, 14), ip("10.0.1.1"))
    assert.ok(Ipv4.verifyChecksum(got, 14))
    assert.ok(Icmp.verifyChecksum(got, 34, got.length - 34))
    assert.equal(imbalance(world), 0)
  })
})

describe("ARP", () => {
  it("asks for a next hop, holds a few frames meanwhile and sends them in order", () => {
    const { world, router, stations } = setting(2, true)
    for (let i = 0; i < 20; i++) stations[0]!.send(0, packet(0, { to: ip("10.0.1.2"), sourcePort: i }), 0)
    world.run(100_000)
    const request = stations[1]!.arrivals[0]!.bytes
    assert.equal(stations[1]!.arrivals.length, 1)
    assert.equal(Arp.targetIp(request, 14), ip("10.0.1.2"))
    assert.equal(Arp.senderIp(request, 14), ip("10.0.1.1"))
    assert.equal(drops(router.island, Reasons.NEIGH_QUEUEFULL), 4)
    assert.equal(imbalance(world), 0)
    stations[1]!.send(0, arpFrame(routerMac(1), Arp.REPLY, stationMac(1), "10.0.1.2", "10.0.1.1"), 100_000)
    world.run(SECOND)
    const ids = stations[1]!.arrivals.slice(1).map(({ bytes }) => (bytes[34]! << 8) | bytes[35]!)
    assert.deepEqual(
      ids,
      Array.from({ length: 16 }, (_, i) => i)
    )
    assert.equal(imbalance(world), 0)
  })

  it("asks three times, then drops and says host unreachable", () => {
    const { world, router, stations } = setting(2, true)
    router.setNeighbour(0, ip("10.0.0.2"), stationMac(0))
    stations[0]!.send(0, packet(0, { to: ip("10.0.1.9") }), 0)
    world.run(10 * SECOND)
    assert.equal(stations[1]!.arrivals.length, 3)
    assert.equal(drops(router.island, Reasons.NEIGH_FAILED), 1)
    const got = stations[0]!.arrivals[0]!.bytes
    assert.deepEqual([got[34], got[35]], [Icmp.TYPE_DESTINATION_UNREACHABLE, Icmp.CODE_HOST_UNREACHABLE])
    assert.equal(imbalance(world), 0)
  })

  it("answers for its own address only, and learns who asked", () => {
    const { world, stations, router } = setting(2, true)
    stations[0]!.send(0, arpFrame(MacAddress.broadcast, Arp.REQUEST, stationMac(0), "10.0.0.2", "10.0.0.1"), 0)
    stations[0]!.send(0, arpFrame(MacAddress.broadcast, Arp.REQUEST, stationMac(0), "10.0.0.2", "10.0.0.9"), 0)
    stations[1]!.send(0, packet(1, { to: ip("10.0.0.2") }), 1000)
    world.run(SECOND)
    assert.equal(stations[0]!.arrivals.length, 2)
    const reply = stations[0]!.arrivals[0]!.bytes
    assert.equal(Arp.operation(reply, 14), Arp.REPLY)
    assert.equal(Arp.senderMac(reply, 14), routerMac(0))
    assert.equal(Ethernet.destination(stations[0]!.arrivals[1]!.bytes, 0), stationMac(0))
    // A known neighbour that moves to another card is followed.
    stations[0]!.send(
      0,
      arpFrame(MacAddress.broadcast, Arp.REQUEST, MacAddress.local(0x999), "10.0.0.2", "10.0.0.2"),
      SECOND
    )
    stations[1]!.send(0, packet(1, { to: ip("10.0.0.2") }), SECOND + 1000)
    world.run(2 * SECOND)
    assert.equal(Ethernet.destination(stations[0]!.arrivals[2]!.bytes, 0), MacAddress.local(0x999))
    assert.equal(router.neighbours.find(0, ip("10.0.0.9")), undefined)
    assert.equal(imbalance(world), 0)
  })
})
