import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import { KIND_OWN, Schedulable } from "@darkfiber/sim/Actor"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as Ethernet from "@darkfiber/wire/Ethernet"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import * as Udp from "@darkfiber/wire/Udp"
import * as Device from "../src/Device.ts"
import * as D from "../src/Dst.ts"
import { type Fib, TABLE_LOCAL, TABLE_MAIN } from "../src/Fib.ts"
import type { NetDevice } from "../src/NetDevice.ts"
import { Netns } from "../src/Netns.ts"
import { linux310, linux6x, profiles } from "../src/Profile.ts"
import * as Route from "../src/Route.ts"
import * as Snmp from "../src/Snmp.ts"
import { UdpSock } from "../src/Udp.ts"
import { Host } from "../src/Host.ts"
import { cable, checkQuiet, dummy, inFlight, inject, ip, lone, newWorld, node } from "./Bench.ts"

const make = (host: Host, name: string): Netns => {
  const net = host.createNetns(name)
  assert.ok(net instanceof Netns)
  return net
}

describe("namespaces (book 10.3)", () => {
  it("a new one has only lo, down, and no routes", () => {
    const { host } = lone(newWorld(), "h", linux310)
    const net = make(host, "net1")
    assert.deepEqual(
      net.devices.map((dev) => [dev.name, dev.isUp()]),
      [["lo", false]]
    )
    assert.equal(net.fib.list(TABLE_MAIN).length + net.fib.list(TABLE_LOCAL).length, 0)
    assert.equal(typeof Route.get(net, ip("127.0.0.1"), 0), "number")
    Device.up(net.loopback!)
    assert.equal((Route.get(net, ip("127.0.0.1"), 0) as Route.RouteAnswer).dev, net.loopback)
  })

  it("a pernet init that fails undoes the earlier ones in reverse", () => {
    const { host } = lone(newWorld(), "h", linux310)
    const log: Array<string> = []
    for (const name of ["one", "two", "three"]) {
      host.registerPernet({
        name,
        init: (net) => {
          if (net.id > 0) log.push(`+${name}`)
          return net.id > 0 && name === "three" ? -12 : 0
        },
        exit: () => log.push(`-${name}`)
      })
    }
    assert.equal(host.createNetns("x"), -12)
    assert.deepEqual(log, ["+one", "+two", "+three", "-two", "-one"])
    assert.equal(host.netns.length, 1)
  })

  it("lo may not move, a taken name is refused, a moved device is gone here and bare there", () => {
    const { host } = lone(newWorld(), "h", linux310)
    const net = make(host, "net1")
    const { dev } = dummy(host, host.init, "d0")
    Device.addAddress(dev, ip("10.0.0.1"), 24)
    assert.equal(Device.moveTo(null, host.init.loopback!, net), -22)
    dummy(host, net, "d0")
    assert.equal(Device.moveTo(null, dev, net), -17)
    assert.equal(Device.moveTo(null, dev, net, "d1"), 0)
    assert.equal(host.init.deviceByName("d0"), null)
    assert.equal(net.deviceByName("d1"), dev)
    assert.deepEqual([dev.addresses.length, dev.isUp()], [0, false])
    assert.equal(host.init.fib.list(TABLE_MAIN).length, 0)
    host.destroyNetns(null, net)
    assert.equal(net.alive, false)
    assert.equal(host.netns.length, 1)
  })

  it("sysctls: its own where the scope is net, one for all where it is global", () => {
    for (const profile of profiles) {
      const { host } = lone(newWorld(), "h", profile)
      const net = make(host, "net1")
      assert.equal(net.setSysctl("net.ipv4.ip_forward", "1"), 0)
      assert.equal(host.init.getSysctl("net.ipv4.ip_forward"), "0")
      assert.equal(net.getSysctl("net.ipv4.conf.all.forwarding"), "1")
      assert.equal(net.setSysctl("net.ipv4.ip_local_port_range", "40000 50000"), 0)
      const global = profile === linux310
      assert.equal(host.init.getSysctl("net.ipv4.ip_local_port_range"), global ? "40000\t50000" : "32768\t60999")
      assert.equal(net.setSysctl("net.ipv4.nonsense", "1"), -2)
      assert.equal(net.setSysctl("net.ipv4.ip_forward", "2"), -22)
      assert.equal(net.setSysctl("net.ipv4.neigh.lo.retrans_time_ms", "500"), 0)
      assert.equal(net.getSysctl("net.ipv4.neigh.lo.retrans_time_ms"), "500")
    }
  })
})

describe("routes", () => {
  const setUp = () => {
    const { host } = lone(newWorld(), "h", linux310)
    const { dev } = dummy(host, host.init, "eth0")
    Device.addAddress(dev, ip("10.0.0.1"), 24)
    return { host, net: host.init, dev }
  }

  it("an address brings its local, network and broadcast routes, and takes them with it (book 5.3.2)", () => {
    const { net, dev } = setUp()
    const show = (table: number): ReadonlyArray<string> =>
      net.fib
        .list(table)
        .filter((info) => info.dev === dev)
        .map((info) => `${info.type} ${info.prefix.toString(16)}/${info.length}`)
    assert.deepEqual(show(TABLE_LOCAL), ["3 a000000/32", "2 a000001/32", "3 a0000ff/32"])
    assert.deepEqual(show(TABLE_MAIN), ["1 a000000/24"])
    assert.equal(Device.removeAddress(dev, ip("10.0.0.1"), 24), 0)
    assert.deepEqual([...show(TABLE_LOCAL), ...show(TABLE_MAIN)], [])
  })

  it("own address by lo, neighbour by eth0, unknown is ENETUNREACH (book 5.3.1)", () => {
    const { net, dev } = setUp()
    const own = Route.get(net, ip("10.0.0.1"), 0) as Route.RouteAnswer
    assert.deepEqual([own.type, own.dev, own.source], [D.LOCAL, net.loopback, ip("10.0.0.1")])
    const neighbour = Route.get(net, ip("10.0.0.9"), 0) as Route.RouteAnswer
    assert.deepEqual([neighbour.type, neighbour.dev, neighbour.source], [D.UNICAST, dev, ip("10.0.0.1")])
    assert.equal(Route.get(net, ip("8.8.8.8"), 0), -101)
  })

  it("longest prefix, then metric; the refusing types have their errors", () => {
    const { net, dev } = setUp()
    assert.equal(net.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.0.254"), metric: 20 }), 0)
    assert.equal(net.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.0.253"), metric: 10 }), 0)
    assert.equal(net.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.0.252"), metric: 10 }), -17)
    assert.equal((Route.get(net, ip("8.8.8.8"), 0) as Route.RouteAnswer).gateway, ip("10.0.0.253"))
    assert.equal(net.fib.delete({ prefix: 0, length: 0, metric: 10 }), 0)
    assert.equal((Route.get(net, ip("8.8.8.8"), 0) as Route.RouteAnswer).gateway, ip("10.0.0.254"))
    const refuse = (length: number, type: number): number => net.fib.add({ prefix: ip("8.8.8.8"), length, type })
    assert.equal(refuse(16, D.UNREACHABLE), 0)
    assert.equal(Route.get(net, ip("8.8.8.8"), 0), -113)
    assert.equal(refuse(24, D.BLACKHOLE), 0)
    assert.equal(Route.get(net, ip("8.8.8.8"), 0), -22)
    assert.equal(net.fib.add({ prefix: ip("9.0.0.0"), length: 8, gateway: ip("172.16.0.1") }), -101)
    assert.equal(net.fib.add({ prefix: ip("9.0.0.0"), length: 8, gateway: ip("10.0.0.1") }), -22)
    assert.equal(net.fib.delete({ prefix: ip("1.0.0.0"), length: 8 }), -3)
    Device.down(null, dev)
    assert.equal(Route.get(net, ip("10.0.0.9"), 0), -101)
    assert.equal((Route.get(net, ip("10.0.0.1"), 0) as Route.RouteAnswer).type, D.LOCAL)
  })

  it("a connected socket looks its route up once, an unconnected one each time (book 4.4.3 a)", () => {
    const world = newWorld()
    const a = node(world, "a", linux310, "10.0.0.1")
    cable(world, a, node(world, "b", linux310, "10.0.0.2"))
    const fib: Fib = a.host.init.fib
    const counted = (run: (sock: UdpSock, n: number) => void): number => {
      const sock = new UdpSock(a.host.init)
      sock.sndbuf = 1e9
      sock.bind(0, 0)
      sock.connect(ip("10.0.0.2"), 9)
      a.host.init.flushRoutes()
      const before = fib.lookups
      for (let i = 0; i < 1000; i++) run(sock, i)
      return fib.lookups - before
    }
    let connected = 0
    let unconnected = 0
    const body = new Uint8Array(8)
    a.scripts[0]!.at(1000, (core) => {
      connected = counted((sock) => sock.send(core, 0, 0, body, 0, 8))
      unconnected = counted((sock) => {
        sock.disconnect()
        sock.send(core, ip("10.0.0.2"), 9, body, 0, 8)
      })
    })
    world.run(2000)
    assert.equal(connected, 1)
    assert.equal(unconnected, 1000)
  })

  it("source validation: rp_filter and accept_local as each kernel has them (book 10.2.1)", () => {
    const verdict = (profile: typeof linux310, filter: string, acceptLocal: string): boolean => {
      const { host } = lone(newWorld(), "h", profile)
      const { dev } = dummy(host, host.init, "v0")
      Device.addAddress(dev, ip("192.168.1.1"), 24)
      Device.addAddress(dummy(host, host.init, "v1").dev, ip("192.168.1.2"), 24)
      host.init.setSysctl("net.ipv4.conf.v0.rp_filter", filter)
      host.init.setSysctl("net.ipv4.conf.v0.accept_local", acceptLocal)
      return Route.validateSource(host.init, dev, ip("192.168.1.2")) < 0
    }
    assert.deepEqual(
      [verdict(linux310, "1", "0"), verdict(linux310, "0", "0"), verdict(linux310, "0", "1")],
      [false, true, true]
    )
    assert.deepEqual(
      [verdict(linux6x, "0", "0"), verdict(linux6x, "0", "1"), verdict(linux6x, "2", "1")],
      [false, true, true]
    )
  })
})

describe("UDP ports", () => {
  it("bind conflicts, SO_REUSEPORT shares by flow, bind(0) draws free ports of the range and ends in EADDRINUSE", () => {
    const { host } = lone(newWorld(), "h", linux6x)
    const net = host.init
    net.setSysctl("net.ipv4.ip_local_port_range", "50000 50099")
    const taken = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const sock = new UdpSock(net)
      assert.equal(sock.bind(0, 0), 0)
      taken.add(sock.localPort)
    }
    assert.equal(taken.size, 100)
    assert.ok([...taken].every((port) => port >= 50000 && port <= 50099))
    assert.equal(new UdpSock(net).bind(0, 0), -98)
    assert.equal(new UdpSock(net).bind(ip("10.9.9.9"), 99), -99)
    const shared = Array.from({ length: 4 }, () => {
      const sock = new UdpSock(net)
      sock.reusePort = true
      assert.equal(sock.bind(0, 53), 0)
      return sock
    })
    assert.equal(new UdpSock(net).bind(0, 53), -98)
    const hits = new Set<UdpSock | null>()
    for (let port = 1; port < 200; port++) {
      const chosen = net.udp.lookup(ip("10.0.0.2"), port, ip("10.0.0.1"), 53, 1)
      assert.equal(net.udp.lookup(ip("10.0.0.2"), port, ip("10.0.0.1"), 53, 1), chosen)
      hits.add(chosen)
    }
    assert.deepEqual(hits, new Set(shared))
  })
})

describe("limits and ends", () => {
  it("500 datagrams to a closed port draw 6 errors and then one a second (M618: a token bucket of 6)", () => {
    const world = newWorld()
    const a = node(world, "a", linux6x, "10.0.0.1")
    const b = node(world, "b", linux6x, "10.0.0.2")
    cable(world, a, b)
    const sock = new UdpSock(a.host.init)
    for (let i = 0; i < 500; i++) {
      a.scripts[0]!.at(1e6 + i * 1e5, (core) => sock.send(core, ip("10.0.0.2"), 9, new Uint8Array(4), 0, 4))
    }
    world.run(2e9)
    checkQuiet(world)
    assert.equal(b.host.init.mib[Snmp.ICMP_OUT_DEST_UNREACHS], 6)
    assert.equal(b.host.init.mib[Snmp.ICMP_OUT_RATE_LIMIT_HOST], 494)
  })

  it("gc_thresh3: entry 1025 is refused while the others wait for answers (book 4.4.4 e)", () => {
    const world = newWorld()
    const { host, scripts } = lone(world, "h", linux310)
    const port = dummy(host, host.init, "d0")
    Device.addAddress(port.dev, ip("10.0.0.1"), 16)
    const sock = new UdpSock(host.init)
    sock.sndbuf = 1e9
    let refused = 0
    scripts[0]!.at(1000, (core) => {
      for (let i = 0; i < 1100; i++) if (sock.send(core, ip("10.0.1.0") + i, 9, new Uint8Array(4), 0, 4) < 0) refused++
    })
    world.run(1e8)
    checkQuiet(world)
    assert.equal(port.dev.neighbours.size, 1024)
    assert.equal(refused, 76)
    assert.equal(host.neighbours.overflows, 76)
    assert.equal(host.neighbours.entries, 1024)
  })

  it("a crash drops everything inside with HOST_DOWN and returns all memory", () => {
    const world = newWorld()
    const a = node(world, "a", linux310, "10.0.0.1")
    const b = node(world, "b", linux310, "10.0.0.2")
    cable(world, a, b, 1e6)
    const sock = new UdpSock(a.host.init)
    sock.sndbuf = 1e9
    a.scripts[0]!.at(1000, (core) => {
      for (let i = 0; i < 600; i++) sock.send(core, ip("10.0.0.2"), 9, new Uint8Array(100), 0, 100)
      sock.send(core, ip("10.0.0.99"), 9, new Uint8Array(5000), 0, 5000)
    })
    world.run(5e6)
    assert.ok(inFlight(world) > 0)
    checkQuiet(world)
    a.host.crash()
    checkQuiet(world)
    assert.ok(a.host.island.ledger.byReason[DropReason.find("HOST_DOWN")]! > 0)
    assert.equal(a.host.liveSkbs, 0)
    assert.equal(a.host.memory.activeObjects("skbuff_head_cache"), 0)
    assert.equal(a.host.memory.activeObjects("kmalloc-512"), 0)
    assert.equal(a.host.pageFrags.bytes, 0)
    a.host.memory.check()
    world.run(1e9)
    checkQuiet(world)
    assert.equal(world.slab.live, 0)
  })

  it("boot without a step: no IP handler is rx_dropped, no UDP is protocol unreachable (book 2.2.2 b)", () => {
    const outcome = (skip: ReadonlyArray<string>): ReadonlyArray<number> => {
      const world = newWorld()
      const host = new Host(world, { name: "b", profile: linux310, cores: 1, memoryBytes: 1073741824 })
      assert.equal(host.boot.run(new Set(skip)), 0)
      assert.deepEqual(
        host.boot.log.filter((entry) => entry.outcome !== "done").map((entry) => entry.name),
        skip
      )
      const { dev } = dummy(host, host.init, "d0")
      Device.addAddress(dev, ip("10.0.0.2"), 24)
      host.island.input(1000, new Kick(host, udpFrame(), dev).slot, KIND_OWN, 0, 0)
      world.run(1e6)
      checkQuiet(world)
      const { mib } = host.init
      return [dev.stats.rxDropped, mib[Snmp.IP_IN_UNKNOWN_PROTOS]!, mib[Snmp.UDP_NO_PORTS]!]
    }
    assert.deepEqual(outcome([]), [0, 0, 1])
    assert.deepEqual(outcome(["dev_add_pack(ip_packet_type)"]), [1, 0, 0])
    assert.deepEqual(outcome(["inet_add_protocol(UDP)"]), [0, 1, 0])
  })

  it("an interface that opens without napi_enable or its interrupt: the ring fills and frames are missed", () => {
    for (const forgotten of ["napi_enable", "igb_request_irq"] as const) {
      const world = newWorld()
      const a = node(world, "a", linux310, "10.0.0.1")
      const b = node(world, "b", linux310, "10.0.0.2")
      b.igb.skip = new Set([forgotten])
      cable(world, a, b)
      a.host.neighbours.set(a.host.cores[0]!, a.igb.dev, ip("10.0.0.2"), b.nic.mac)
      const sock = new UdpSock(a.host.init)
      for (let i = 0; i < 300; i++) {
        a.scripts[0]!.at(1e6 + i * 1e5, (core) => sock.send(core, ip("10.0.0.2"), 9, new Uint8Array(4), 0, 4))
      }
      world.run(1e9)
      checkQuiet(world)
      assert.equal(b.host.softnet[0]!.processed, 0)
      assert.equal(b.host.island.ledger.byReason[DropReason.find("RX_MISSED")], 300 - 255)
    }
  })
})

class Kick extends Schedulable {
  private readonly host: Host
  private readonly frame: Uint8Array
  private readonly dev: NetDevice

  constructor(host: Host, frame: Uint8Array, dev: NetDevice) {
    super(host.island, "kick")
    this.host = host
    this.frame = frame
    this.dev = dev
  }

  override deliver(): void {
    inject(this.host, this.host.cores[0]!, this.dev, this.frame)
  }

  override dispatch(): void {}
}

const udpFrame = (): Uint8Array => {
  const frame = new Uint8Array(60)
  Ethernet.write(frame, 0, 0x020000000001, 0x020000000002, 0x0800)
  Ipv4.write(frame, 14, 30, 17, ip("10.0.0.1"), ip("10.0.0.2"))
  Ipv4.writeChecksum(frame, 14)
  Udp.write(frame, 34, 53, 9, 10)
  return frame
}
