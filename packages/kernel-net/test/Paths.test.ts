import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as DropReason from "@darkfiber/sim/DropReason"
import { Nic } from "@darkfiber/hardware/nic/Nic"
import type { NicOptions } from "@darkfiber/hardware/nic/NicOptions"
import type { World } from "@darkfiber/sim/World"
import * as Device from "../src/Device.ts"
import { Igb } from "../src/driver/Igb.ts"
import { IFF_UP } from "../src/NetDevice.ts"
import { PingSock } from "../src/Ping.ts"
import { linux310, profiles } from "../src/Profile.ts"
import * as Skb from "../src/Skb.ts"
import { payloadLength, UdpSock } from "../src/Udp.ts"
import * as Snmp from "../src/Snmp.ts"
import * as Route from "../src/Route.ts"
import { account, cable, checkQuiet, ip, newWorld, type Node, node, trace } from "./Bench.ts"

const A = "10.0.0.1"
const B = "10.0.0.2"

for (const profile of profiles) {
  describe(`two hosts, ${profile.name}`, () => {
    it("ping: the request waits for ARP, the reply comes back, every packet ends once", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const sock = new PingSock(a.host.init)
      let sent = -1
      a.scripts[0]!.at(1000, (core) => (sent = sock.send(core, ip(B), 1, new Uint8Array(56))))
      world.run(1e9)
      assert.equal(sent, 56)
      assert.equal(sock.receiveQueue.count, 1)
      checkQuiet(world)
      assert.deepEqual(account(world), { created: 4, delivered: 4, dropped: 0 })
      assert.equal(a.host.init.mib[Snmp.ICMP_IN_ECHO_REPS], 1)
      assert.equal(b.host.init.mib[Snmp.ICMP_OUT_ECHO_REPS], 1)
      sock.close(null)
      assert.equal(a.host.liveSkbs + b.host.liveSkbs, 0)
      assert.equal(world.slab.live, 0)
    })

    for (const end of ["down", "dark"] as const) {
      it(`UDP into a device that goes ${end}: the sender hears no error, the datagram is dropped with a reason`, () => {
        const world = newWorld()
        const a = node(world, "a", profile, A)
        const b = node(world, "b", profile, B)
        cable(world, a, b)
        const { dev } = a.igb
        const sock = new UdpSock(a.host.init)
        const send = (core: Core) => sock.send(core, ip(B), 9000, new Uint8Array(10), 0, 10)
        const results: Array<number> = []
        a.scripts[0]!.at(1000, (core) => results.push(send(core)))
        a.scripts[0]!.at(3_500_000_000, (core) => {
          // Long after the light has come (LinkWatch), and behind the routes' back: they would refuse first.
          if (end === "dark") Device.setCarrier(dev, false)
          else dev.flags &= ~IFF_UP
          results.push(send(core))
        })
        world.run(3_499_000_000)
        const before = { ...account(world), errors: a.host.init.mib[Snmp.UDP_SNDBUF_ERRORS] }
        world.run(4e9)
        assert.deepEqual(results, [10, 10])
        const after = account(world)
        assert.equal(after.dropped - before.dropped, 1)
        assert.equal(after.delivered, before.delivered)
        assert.equal(dev.stats.txDropped, profile.name === "6.x" ? 1 : 0)
        assert.equal(a.host.init.mib[Snmp.UDP_SNDBUF_ERRORS], before.errors)
        assert.equal(a.host.liveSkbs, 0)
      })
    }

    it("UDP: 100 datagrams arrive whole and in order", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const server = new UdpSock(b.host.init)
      assert.equal(server.bind(0, 9000), 0)
      server.rcvbuf = 1e6
      const client = new UdpSock(a.host.init)
      assert.equal(client.connect(ip(B), 9000), 0)
      for (let i = 0; i < 100; i++) {
        const payload = new Uint8Array(i * 10).fill(i)
        a.scripts[0]!.at(1000 + i * 20_000, (core) => {
          assert.equal(client.send(core, 0, 0, payload, 0, payload.length), payload.length)
        })
      }
      world.run(1e9)
      checkQuiet(world)
      for (let i = 0; i < 100; i++) {
        const skb = server.receive()!
        assert.equal(payloadLength(skb), i * 10)
        const bytes = new Uint8Array(i * 10)
        Skb.copyBits(skb, 8, bytes.length, bytes, 0)
        assert.ok(bytes.every((byte) => byte === i))
        b.host.consumeSkb(null, skb)
      }
      assert.equal(server.receive(), null)
      assert.equal(client.wmem, 0)
      assert.equal(server.rmem, 0)
      assert.equal(a.host.liveSkbs + b.host.liveSkbs, 0)
      assert.equal(world.slab.live, 0)
    })

    it("a ping of 65,507 + 8 bytes is 45 fragments and one ReasmOK (M618)", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const sock = new PingSock(a.host.init)
      a.scripts[0]!.at(1000, (core) => sock.send(core, ip(B), 1, new Uint8Array(8)))
      a.scripts[0]!.at(1e8, (core) => assert.equal(sock.send(core, ip(B), 2, new Uint8Array(65507).fill(7)), 65507))
      world.run(2e9)
      checkQuiet(world)
      assert.equal(a.host.init.mib[Snmp.IP_FRAG_CREATES], 45)
      assert.equal(b.host.init.mib[Snmp.IP_REASM_REQDS], 45)
      assert.equal(b.host.init.mib[Snmp.IP_REASM_OKS], 1)
      assert.equal(a.host.init.mib[Snmp.IP_REASM_OKS], 1)
      assert.equal(sock.receiveQueue.count, 2)
      assert.equal(sock.receiveQueue.tail!.length, 65515)
      assert.deepEqual(account(world).dropped, 0)
      assert.equal(b.host.init.fragments.memory, 0)
    })

    it("the own address and 127.0.0.1 go over lo, the NIC sees nothing (book 1.1.5)", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const sock = new PingSock(a.host.init)
      for (let i = 0; i < 10; i++) {
        a.scripts[0]!.at(1000 + i * 1e6, (core) => sock.send(core, ip("127.0.0.1"), i, new Uint8Array(56)))
        a.scripts[0]!.at(5e8 + i * 1e6, (core) => sock.send(core, ip(A), i, new Uint8Array(56)))
      }
      world.run(1e9)
      checkQuiet(world)
      const lo = a.host.init.loopback!
      assert.equal(lo.stats.rxPackets, 40)
      assert.equal(lo.stats.txPackets, 40)
      assert.equal(a.igb.dev.stats.txPackets, 0)
      assert.equal(sock.receiveQueue.count, 20)
      assert.ok(a.host.cores[0]!.softirqCounts[3]! > 0)
      assert.equal(a.host.cores[0]!.softirqCounts[2], 0)
      sock.close(null)
    })

    it("nobody answers ARP: three requests, then EHOSTUNREACH after three seconds", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const client = new UdpSock(a.host.init)
      assert.equal(client.connect(ip("10.0.0.77"), 9), 0)
      client.receiveErrors = true
      a.scripts[0]!.at(1000, (core) => client.send(core, 0, 0, new Uint8Array(10), 0, 10))
      let failedAt = 0
      client.waiters = {
        dataReady: () => {},
        writeSpace: () => {},
        stateChange: () => {},
        errorReport: (_sk, core) => (failedAt = core.time)
      }
      world.run(10e9)
      checkQuiet(world)
      assert.equal(client.error, 113)
      assert.ok(failedAt >= 2.99e9 && failedAt <= 3.12e9, `failed at ${failedAt}`)
      assert.equal(a.igb.dev.stats.txPackets, 3)
      assert.equal(a.igb.dev.neighbours.get(ip("10.0.0.77"))!.state._tag, "Failed")
    })

    it("the ARP queue keeps the newest datagrams that fit (book 4.4.4 c)", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const client = new UdpSock(a.host.init)
      client.sndbuf = 1e9
      a.scripts[0]!.at(1000, (core) => {
        for (let i = 0; i < 400; i++) client.send(core, ip("10.0.0.77"), 9, new Uint8Array(1000), 0, 1000)
      })
      world.run(5e8)
      checkQuiet(world)
      const neighbour = a.igb.dev.neighbours.get(ip("10.0.0.77"))!
      const limit = profile === linux310 ? 65536 : 212992
      assert.equal(neighbour.queue.head!.truesize, 2304)
      assert.equal(neighbour.queue.count, Math.floor(limit / 2304))
      assert.equal(neighbour.discards, 400 - neighbour.queue.count)
    })

    it("a closed port answers with port unreachable: ECONNREFUSED", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const client = new UdpSock(a.host.init)
      client.connect(ip(B), 9)
      a.scripts[0]!.at(1000, (core) => client.send(core, 0, 0, new Uint8Array(10), 0, 10))
      world.run(1e9)
      checkQuiet(world)
      assert.equal(client.error, 111)
      assert.equal(b.host.init.mib[Snmp.UDP_NO_PORTS], 1)
      assert.equal(b.host.init.mib[Snmp.ICMP_OUT_DEST_UNREACHS], 1)
      assert.equal(b.host.island.ledger.byReason[DropReason.find("NO_SOCKET")], 1)
    })

    it("a checksum left to the sender's NIC is still right behind a router and a NIC without offload", () => {
      for (const options of [{}, { checksumOffload: false, tso: false }, { checksums: "filled" as const }]) {
        const world = newWorld()
        const a = node(world, "a", profile, A)
        const r = node(world, "r", profile, "10.0.0.254")
        const c = node(world, "c", profile, "10.0.1.2", { checksumOffload: false })
        const r2 = secondPort(world, r, "10.0.1.254", options)
        cable(world, a, r)
        cable(world, { ...r, nic: r2.nic, igb: r2.igb }, c)
        r.host.init.setSysctl("net.ipv4.ip_forward", "1")
        a.host.init.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.0.254") })
        // Without a way back rp_filter would refuse it.
        c.host.init.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.1.254") })
        const server = new UdpSock(c.host.init)
        server.bind(0, 9000)
        const client = new UdpSock(a.host.init)
        a.scripts[0]!.at(1000, (core) => client.send(core, ip("10.0.1.2"), 9000, new Uint8Array(333).fill(9), 0, 333))
        world.run(1e9)
        checkQuiet(world)
        assert.equal(server.receiveQueue.count, 1)
        assert.equal(c.host.init.mib[Snmp.UDP_IN_CSUM_ERRORS], 0)
      }
    })

    it("a full socket drops by truesize with RcvbufErrors", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const server = new UdpSock(b.host.init)
      server.bind(0, 9000)
      server.rcvbuf = 10_000
      const client = new UdpSock(a.host.init)
      client.connect(ip(B), 9000)
      for (let i = 0; i < 30; i++) {
        a.scripts[0]!.at(1000 + i * 1e5, (core) => client.send(core, 0, 0, new Uint8Array(1000), 0, 1000))
      }
      world.run(1e9)
      checkQuiet(world)
      const kept = Math.ceil(10_000 / profile.igbTruesize(1042))
      assert.equal(server.receiveQueue.count, kept)
      assert.equal(b.host.init.mib[Snmp.UDP_RCVBUF_ERRORS], 30 - kept)
      assert.equal(server.drops, 30 - kept)
    })

    it("the events of one datagram come in the book's order (2.2.1, 4.2)", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const b = node(world, "b", profile, B)
      cable(world, a, b)
      const server = new UdpSock(b.host.init)
      server.bind(0, 9000)
      const client = new UdpSock(a.host.init)
      client.connect(ip(B), 9000)
      const send = (at: number): void =>
        a.scripts[0]!.at(at, (core) => client.send(core, 0, 0, new Uint8Array(100), 0, 100))
      send(1000)
      world.run(1e8)
      a.host.island.trace.on = true
      b.host.island.trace.on = true
      const irqs = b.host.cores[0]!.irqCounts.reduce((x, y) => x + y, 0)
      const runs = b.host.cores[0]!.softirqCounts[3]!
      send(1e8 + 1000)
      world.run(2e8)
      checkQuiet(world)
      const out = trace(a.host)
      const path = ["udp_sendmsg", "ip_send_skb", "ip_local_out", "ip_output", "ip_finish_output", "ip_finish_output2"]
      const device = ["neigh_hh_output", "dev_queue_xmit", "sch_direct_xmit", "dev_hard_start_xmit", "igb_xmit_frame"]
      const done = ["igb_msix_ring", "napi_schedule", "net_rx_action", "igb_poll", "igb_clean_tx_irq"]
      assert.deepEqual(
        out.map((row) => row.name),
        [...path, ...device, ...done]
      )
      assert.ok(out.slice(0, 11).every((row) => row.context === "process"))
      const into = trace(b.host).map((row) => row.name)
      assert.deepEqual(into, [
        "dma",
        "igb_msix_ring",
        "napi_schedule",
        "net_rx_action",
        "igb_poll",
        "igb_clean_rx_irq",
        "napi_gro_receive",
        "netif_receive_skb",
        "ip_rcv",
        "ip_rcv_finish",
        "ip_local_deliver",
        "udp_rcv",
        "udp_queue_rcv_skb"
      ])
      assert.equal(b.host.cores[0]!.irqCounts.reduce((x, y) => x + y, 0) - irqs, 1)
      assert.equal(b.host.cores[0]!.softirqCounts[3]! - runs, 1)
    })

    it("a router between: TTL 63, time exceeded, fragmentation needed, then EMSGSIZE here (M618)", () => {
      const world = newWorld()
      const a = node(world, "a", profile, A)
      const r = node(world, "r", profile, "10.0.0.254")
      const c = node(world, "c", profile, "10.0.1.2")
      const r2 = secondPort(world, r, "10.0.1.254")
      cable(world, a, r)
      cable(world, { ...r, nic: r2.nic, igb: r2.igb }, c)
      r.host.init.setSysctl("net.ipv4.ip_forward", "1")
      assert.equal(a.host.init.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.0.254") }), 0)
      assert.equal(c.host.init.fib.add({ prefix: 0, length: 0, gateway: ip("10.0.1.254") }), 0)
      const sock = new PingSock(a.host.init)
      sock.pmtuDiscover = 2
      const script = a.scripts[0]!
      script.at(1000, (core) => assert.equal(sock.send(core, ip("10.0.1.2"), 1, new Uint8Array(56)), 56))
      world.run(1e9)
      const reply = sock.takeReceived()!
      assert.equal(world.slab.bytes[reply.networkHeader + 8], 63)
      a.host.consumeSkb(null, reply)
      sock.ttl = 1
      script.at(1e9 + 1000, (core) => sock.send(core, ip("10.0.1.2"), 2, new Uint8Array(56)))
      world.run(2e9)
      assert.equal(sock.lastError!.type, 11)
      assert.equal(sock.lastError!.from, ip("10.0.0.254"))
      sock.ttl = 0
      assert.equal(deviceMtu(r2.igb, 1200), 0)
      script.at(2e9 + 1000, (core) => assert.equal(sock.send(core, ip("10.0.1.2"), 3, new Uint8Array(1400)), 1400))
      world.run(3e9)
      assert.deepEqual([sock.lastError!.type, sock.lastError!.code], [3, 4])
      let second = 0
      script.at(3e9 + 1000, (core) => (second = sock.send(core, ip("10.0.1.2"), 4, new Uint8Array(1400))))
      world.run(4e9)
      assert.equal(second, -90)
      const answer = Route.get(a.host.init, ip("10.0.1.2"), world.islands[0]!.now)
      assert.ok(typeof answer !== "number" && answer.pmtu === 1200 && Math.floor(answer.pmtuLeft / 1e9) === 598)
      checkQuiet(world)
    })
  })
}

const secondPort = (
  _world: World,
  r: Node,
  address: string,
  options: Partial<NicOptions> = {}
): { nic: Nic; igb: Igb } => {
  const nic = new Nic(r.host.island, `${r.host.name}/eth1`, { mac: 0x02000000ee01, ...options })
  const igb = new Igb(r.host, r.host.init, "eth1", nic)
  Device.addAddress(igb.dev, ip(address), 24)
  return { nic, igb }
}
const deviceMtu = (igb: Igb, mtu: number): number => Device.setMtu(igb.dev, mtu)
