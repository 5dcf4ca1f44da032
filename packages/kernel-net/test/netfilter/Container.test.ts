import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as BridgeDevice from "../../src/bridge/BridgeDevice.ts"
import * as Device from "../../src/Device.ts"
import * as Hooks from "../../src/Hooks.ts"
import type { NetDevice } from "../../src/NetDevice.ts"
import type { Netns } from "../../src/Netns.ts"
import { line, list } from "../../src/netfilter/ConntrackText.ts"
import type { Match, Rule, Target } from "../../src/netfilter/Rules.ts"
import { type Netfilter, of as netfilterOf, peek } from "../../src/netfilter/Setup.ts"
import { type KernelProfile, linux310, linux6x } from "../../src/Profile.ts"
import type { UdpSock } from "../../src/Udp.ts"
import { address, frame, isRight, Lab, received } from "../bridge/Lab.ts"
import { tcp } from "./Harness.ts"

const HOST = address(10, 0, 0, 1)
const SERVER = address(10, 0, 0, 2)
const GATEWAY = address(192, 168, 0, 1)
const inside = (n: number): number => address(192, 168, 0, n)
const data = new Uint8Array([1, 2, 3, 4])

interface Machine {
  readonly lab: Lab
  readonly init: Netns
  readonly netfilter: Netfilter
  readonly eth0: NetDevice
  /** The world outside, with a server at 10.0.0.2. */
  readonly outside: Netns
  readonly wire: NetDevice
  /** Containers 192.168.0.2, .3 … behind br0. */
  readonly containers: ReadonlyArray<Netns>
}

/** The container path of the book's test07, without its nat rules. */
const machine = (profile: KernelProfile, count = 2): Machine => {
  const lab = new Lab(profile)
  const init = lab.host.init
  const outside = lab.netns("outside")
  const [eth0, wire] = lab.veth(init, "eth0", outside, "wire0")
  Device.addAddress(eth0, HOST, 24)
  Device.addAddress(wire, SERVER, 24)
  const { dev: br0 } = lab.bridge(init, "br0")
  Device.addAddress(br0, GATEWAY, 24)
  const containers = Array.from({ length: count }, (_, i) => {
    const net = lab.netns(`c${i}`)
    const [end, own] = lab.veth(init, `veth${i}`, net, "eth0")
    assert.equal(BridgeDevice.addPort(br0, end), 0)
    Device.addAddress(own, inside(2 + i), 24)
    assert.equal(net.fib.add({ prefix: 0, length: 0, gateway: GATEWAY, dev: own }), 0)
    return net
  })
  init.setSysctl("net.ipv4.ip_forward", "1")
  return { lab, init, netfilter: netfilterOf(init), eth0, outside, wire, containers }
}

const rule = (target: Target, ...matches: ReadonlyArray<Match>): Rule => ({ matches, target })
const masquerade = rule(
  { _tag: "Masquerade", portMin: 0, portMax: 0, random: false },
  { _tag: "Source", address: address(192, 168, 0, 0), prefixLength: 24, invert: false },
  { _tag: "OutInterface", name: "br0", invert: true }
)
const publish = (port: number, to: number, toPort: number): Rule =>
  rule(
    {
      _tag: "Dnat",
      addressMin: to,
      addressMax: to,
      portMin: toPort,
      portMax: toPort,
      random: false,
      persistent: false
    },
    { _tag: "InInterface", name: "br0", invert: true },
    { _tag: "Protocol", protocol: 17, invert: false },
    { _tag: "DestinationPorts", from: port, to: port, invert: false }
  )

const send = (lab: Lab, sock: UdpSock, to: number, port: number, count = 1): void => {
  for (let i = 0; i < count; i++) {
    lab.run(
      (core) => assert.equal(sock.send(core, to, port, data, 0, data.length), data.length),
      count > 10 ? 1e5 : 100e6
    )
  }
}

for (const profile of [linux310, linux6x]) {
  describe(`a container, ${profile.name}`, () => {
    it("pings the outside with MASQUERADE, and gets no answer without", () => {
      const m = machine(profile)
      assert.equal(m.lab.ping(m.containers[0]!, SERVER, 2), 0)
      assert.equal(m.netfilter.append("nat", "POSTROUTING", masquerade), 0)
      const seen = m.lab.capture(m.wire)
      assert.equal(m.lab.ping(m.containers[0]!, SERVER, 3), 3)
      const requests = seen.filter((each) => !each.outgoing && each.bytes[12] === 8 && each.bytes[13] === 0)
      assert.equal(requests.length, 3)
      for (const request of requests) {
        const view = new DataView(request.bytes.buffer)
        assert.equal(view.getInt32(26), HOST)
        assert.equal(request.bytes[22], 63)
        assert.ok(isRight(request.bytes))
      }
      m.lab.conserve()
    })

    it("does not forward with ip_forward 0: no FORWARD hit, nothing leaves eth0", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "POSTROUTING", masquerade)
      m.netfilter.append(
        "filter",
        "FORWARD",
        rule({ _tag: "Continue" }, { _tag: "OutInterface", name: "eth0", invert: false })
      )
      m.init.setSysctl("net.ipv4.ip_forward", "0")
      const before = m.eth0.stats.txPackets
      assert.equal(m.lab.ping(m.containers[0]!, SERVER, 2), 0)
      assert.equal(m.netfilter.table("filter").chains.get("FORWARD")!.rules[0]!.packets, 0)
      assert.equal(m.eth0.stats.txPackets, before)
      m.lab.conserve()
    })

    it("sends 1000 datagrams of one flow: the rule counts 1, the server sees one source", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "POSTROUTING", masquerade)
      const server = m.lab.udp(m.outside, 53)
      const client = m.lab.udp(m.containers[0]!, 5000)
      send(m.lab, client, SERVER, 53)
      for (let i = 0; i < 9; i++) {
        send(m.lab, client, SERVER, 53, 111)
        received(m.lab, server)
      }
      const seen = received(m.lab, server)
      for (const each of seen) assert.deepEqual(each, { source: HOST, port: 5000 })
      const counter = m.netfilter.table("nat").chains.get("POSTROUTING")!.rules[0]!
      assert.equal(counter.packets, 1)
      assert.equal(counter.bytes, 32)
      assert.equal(m.netfilter.conntrack!.table.confirmed, 1)
      m.lab.conserve()
    })

    it("gets another port of 1024 or more when its own is taken, and its answers", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "POSTROUTING", masquerade)
      const server = m.lab.udp(m.outside, 53)
      const clients = m.containers.map((net) => m.lab.udp(net, 45000))
      for (const client of clients) send(m.lab, client, SERVER, 53)
      const seen = received(m.lab, server)
      assert.deepEqual(seen[0], { source: HOST, port: 45000 })
      assert.equal(seen[1]!.source, HOST)
      assert.notEqual(seen[1]!.port, 45000)
      assert.ok(seen[1]!.port >= 1024)
      if (profile === linux310) assert.equal(seen[1]!.port, 1024)
      for (const each of seen) send(m.lab, server, each.source, each.port)
      for (const client of clients) assert.deepEqual(received(m.lab, client), [{ source: SERVER, port: 53 }])
      m.lab.conserve()
    })

    it("serves a published port: the client sees host:8088 only, the TTL inside is one less", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "PREROUTING", publish(8088, inside(2), 80))
      const server = m.lab.udp(m.containers[0]!, 80)
      const client = m.lab.udp(m.outside, 50000)
      const seen = m.lab.capture(m.containers[0]!.deviceByName("eth0")!)
      send(m.lab, client, HOST, 8088)
      assert.deepEqual(received(m.lab, server), [{ source: SERVER, port: 50000 }])
      send(m.lab, server, SERVER, 50000)
      assert.deepEqual(received(m.lab, client), [{ source: HOST, port: 8088 }])
      const entry = m.netfilter.conntrack!.table.oldest!
      assert.deepEqual([entry.original.destination, entry.original.destinationPort], [HOST, 8088])
      assert.deepEqual([entry.reply.source, entry.reply.sourcePort], [inside(2), 80])
      const request = seen.find((each) => !each.outgoing && each.bytes[23] === 17)!
      assert.equal(request.bytes[22], 63)
      m.lab.conserve()
    })

    it("learns that a port outside is closed: the ICMP error comes back translated", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "POSTROUTING", masquerade)
      const client = m.lab.udp(m.containers[0]!, 5000)
      assert.equal(client.connect(SERVER, 9), 0)
      send(m.lab, client, 0, 0)
      assert.equal(client.takeError(), 111)
      m.lab.conserve()
    })

    it("is cut off by REJECT with an error, by DROP without", () => {
      const m = machine(profile)
      m.netfilter.append(
        "filter",
        "INPUT",
        rule({ _tag: "Reject", with: "icmp-port-unreachable" }, { _tag: "Protocol", protocol: 17, invert: false })
      )
      const client = m.lab.udp(m.containers[0]!, 5000)
      assert.equal(client.connect(GATEWAY, 53), 0)
      send(m.lab, client, 0, 0)
      assert.equal(client.takeError(), 111)
      m.netfilter.table("filter").insert("INPUT", 1, rule({ _tag: "Drop" }))
      send(m.lab, client, 0, 0)
      assert.equal(client.takeError(), 0)
      m.lab.conserve()
    })

    it("sends a datagram of several fragments through NAT", () => {
      const m = machine(profile)
      m.netfilter.append("nat", "POSTROUTING", masquerade)
      m.init.setSysctl("net.bridge.bridge-nf-call-iptables", "0")
      const server = m.lab.udp(m.outside, 53)
      const client = m.lab.udp(m.containers[0]!, 5000)
      const large = new Uint8Array(4000)
      m.lab.run((core) => assert.equal(client.send(core, SERVER, 53, large, 0, 4000), 4000))
      assert.deepEqual(received(m.lab, server), [{ source: HOST, port: 5000 }])
      m.lab.conserve()
    })

    it("reaches its own namespace's ports by DNAT on the way out", () => {
      const m = machine(profile)
      const out = publish(8088, inside(2), 80)
      m.netfilter.append("nat", "OUTPUT", {
        ...out,
        matches: out.matches.filter((each) => each._tag !== "InInterface")
      })
      const server = m.lab.udp(m.containers[0]!, 80)
      const client = m.lab.udp(m.init, 6000)
      send(m.lab, client, HOST, 8088)
      assert.equal(received(m.lab, server).length, 1)
      m.lab.conserve()
    })
  })
}

describe("modules", () => {
  it("a namespace without rules has no hooks, and a view loads nothing", () => {
    const lab = new Lab()
    const net = lab.netns("net1")
    assert.equal(peek(net), null)
    const netfilter = netfilterOf(net)
    for (let point = 0; point < Hooks.HOOKS; point++) assert.ok(net.hooks.isEmpty(point))
    netfilter.append("filter", "INPUT", rule({ _tag: "Accept" }))
    assert.equal(netfilter.conntrack, null)
    const established: Match = { _tag: "State", states: 2, invert: false }
    netfilter.append("filter", "INPUT", rule({ _tag: "Accept" }, established))
    assert.notEqual(netfilter.conntrack, null)
    assert.equal(net.getSysctl("net.netfilter.nf_conntrack_max"), "65536")
    assert.ok(lab.host.init.hooks.isEmpty(Hooks.LOCAL_IN))
  })

  it("the hooks of a forwarded packet come raw, conntrack, mangle, nat", () => {
    const lab = new Lab()
    const netfilter = netfilterOf(lab.host.init)
    for (const name of ["filter", "nat", "mangle", "raw"] as const) netfilter.table(name)
    assert.deepEqual(
      lab.host.init.hooks.list(Hooks.PRE_ROUTING).map((each) => each.name),
      ["ipv4_conntrack_defrag", "iptable_raw_hook", "ipv4_conntrack_in", "iptable_mangle_hook", "nf_nat_ipv4_fn"]
    )
  })

  it("entries expire by the host's timer and give their memory back, and go with their namespace", () => {
    const m = machine(linux310)
    const cache = m.lab.host.memory.cache("nf_conntrack")
    m.netfilter.append("nat", "POSTROUTING", masquerade)
    m.lab.ping(m.containers[0]!, SERVER, 1)
    assert.equal(cache.activeObjects, 1)
    m.lab.wait(32e9)
    assert.equal(cache.activeObjects, 0)
    const inner = netfilterOf(m.containers[0]!)
    inner.loadConntrack()
    m.lab.ping(m.containers[0]!, GATEWAY, 1)
    assert.equal(inner.conntrack!.net.count, 1)
    m.lab.host.destroyNetns(null, m.containers[0]!)
    assert.equal(inner.conntrack!.net.count, 0)
  })
})

describe("a refused connection", () => {
  it("is answered with a reset by REJECT --reject-with tcp-reset, and leaves no entry", () => {
    const m = machine(linux310)
    m.netfilter.append("nat", "POSTROUTING", masquerade)
    m.netfilter.append(
      "filter",
      "FORWARD",
      rule({ _tag: "Reject", with: "tcp-reset" }, { _tag: "Protocol", protocol: 6, invert: false })
    )
    const client = m.containers[0]!.deviceByName("eth0")!
    const br0 = m.init.deviceByName("br0")!
    m.lab.ping(m.containers[0]!, GATEWAY, 1)
    const wire = m.lab.capture(m.eth0)
    const before = m.netfilter.conntrack!.table.confirmed
    const seen = m.lab.capture(client)
    const syn = tcp(
      { source: inside(2), destination: SERVER, sourcePort: 1234, destinationPort: 80 },
      Tcp.SYN,
      0,
      99,
      0
    )
    const bytes = frame(br0.mac, client.mac, syn.length, 0x0800)
    bytes.set(syn, 14)
    m.lab.send(client, bytes, 10e6)
    const answer = seen.find((each) => !each.outgoing)!.bytes
    assert.ok(isRight(answer))
    assert.equal(Tcp.flags(answer, 34), Tcp.RST | Tcp.ACK)
    assert.equal(Tcp.acknowledgment(answer, 34), 100)
    assert.equal(Tcp.sourcePort(answer, 34), 80)
    assert.equal(m.netfilter.conntrack!.table.confirmed, before)
    assert.equal(m.netfilter.conntrack!.net.count, before)
    // No TCP leaves by eth0; the container, which has no TCP here, complains about the reset by ICMP.
    assert.ok(wire.every((each) => each.bytes[12] !== 8 || each.bytes[13] !== 0 || each.bytes[23] === 1))
  })

  it("conntrack -L shows both tuples", () => {
    const m = machine(linux310)
    m.netfilter.append("nat", "PREROUTING", publish(8088, inside(2), 80))
    const server = m.lab.udp(m.containers[0]!, 80)
    const client = m.lab.udp(m.outside, 50000)
    send(m.lab, client, HOST, 8088)
    assert.equal(received(m.lab, server).length, 1)
    const { table, net } = m.netfilter.conntrack!
    const lines = list(table, net, m.lab.host.island.now).map((entry) => line(entry, m.lab.host.island.now))
    assert.deepEqual(lines, [
      "udp      17 29 src=10.0.0.2 dst=10.0.0.1 sport=50000 dport=8088 [UNREPLIED] " +
        "src=192.168.0.2 dst=10.0.0.2 sport=80 dport=50000 mark=0"
    ])
  })
})
