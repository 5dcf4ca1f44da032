import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Counters from "@darkfiber/observe/Counters"
import { groupOf, netstat, nstat, procSnmp } from "@darkfiber/observe/CounterText"
import { Histogram } from "@darkfiber/observe/Histogram"
import * as Links from "@darkfiber/observe/Links"
import * as Procfs from "@darkfiber/observe/Procfs"
import * as ProcText from "@darkfiber/observe/ProcText"
import * as Sockets from "@darkfiber/observe/Sockets"
import * as SsText from "@darkfiber/observe/SsText"
import * as Summary from "@darkfiber/observe/Summary"
import * as SummaryTables from "@darkfiber/observe/SummaryTables"
import { formatConntrack } from "@darkfiber/observe/TableText"
import { pair, run, transfer } from "./Net.ts"

const ran = () => {
  const net = pair()
  transfer(net, 100_000)
  run(net, 1e9)
  return net
}

describe("views", () => {
  it("reading every file of /proc changes neither the run nor its fingerprint", () => {
    const watched = pair()
    const plain = pair()
    transfer(watched, 100_000)
    transfer(plain, 100_000)
    for (let until = 1e6; until < 1e9; until *= 3) {
      run(watched, until)
      for (const path of Procfs.paths(watched.b)) assert.notEqual(Procfs.read(watched.b, path), null, path)
      Sockets.list(watched.b)
    }
    run(watched, 1e9)
    run(plain, 1e9)
    assert.equal(watched.world.fingerprint(), plain.world.fingerprint())
    assert.equal(Procfs.read(watched.b, "/proc/net/snmp"), Procfs.read(plain.b, "/proc/net/snmp"))
  })

  it("sockets of a server: listener, connection, datagram socket, with their processes and queues", () => {
    const { a, b } = ran()
    const list = Sockets.list(b)
    assert.deepEqual(
      list.map((one) => [one.netid, one.state, one.localPort, one.processes[0]?.name]),
      [
        ["tcp", "LISTEN", 80, "server"],
        ["tcp", "CLOSE-WAIT", 80, "server"],
        ["udp", "UNCONN", 53, "server"]
      ]
    )
    assert.equal(list[0]!.sendQueue, 5)
    // The kernel counts the FIN's place in sequence space too.
    assert.equal(list[1]!.info!.bytesReceived, 100_001)
    assert.deepEqual(
      Sockets.list(a).map((one) => one.state),
      ["FIN-WAIT-2"]
    )
    const summary = Sockets.summary(b)
    assert.equal(summary.tcp.total, 2)
    assert.equal(summary.udp, 1)
    assert.match(
      Procfs.read(b, "/proc/net/sockstat")!,
      /^sockets: used 3\nTCP: inuse 2 orphan 0 tw 0 alloc 2 mem \d+\nUDP: inuse 1/
    )
    const rows = (path: string): ReadonlyArray<string> => Procfs.read(b, path)!.split("\n").slice(1, -1)
    const [listener, connection, ...more] = rows("/proc/net/tcp")
    assert.deepEqual(more, [])
    assert.match(
      listener!,
      /^ {3}0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 {5}0 +0 0 2 /
    )
    assert.match(connection!, /^ {3}1: 0200000A:0050 0100000A:[0-9A-F]{4} 08 00000000:0{8} 00:00000000 .* 10 -1 +$/)
    assert.match(rows("/proc/net/udp").join(), /^ {4}0: 00000000:0035 00000000:0000 07 [^,]*$/)
    assert.deepEqual(rows("/proc/net/icmp"), [])
    for (const row of rows("/proc/net/tcp")) assert.equal(row.length, 149)
    assert.equal(rows("/proc/net/route")[0]!.trim(), "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0")
  })

  it("counters: what the device counted, the kernel's groups, and differences", () => {
    const { a, b } = ran()
    const counters = Procfs.counters(b)
    for (const name of counters.keys()) assert.notEqual(groupOf(name), undefined, name)
    assert.ok(counters.get("TcpInSegs")! > 60)
    assert.equal(counters.get("TcpPassiveOpens"), 1)
    assert.equal(Procfs.counters(a).get("TcpActiveOpens"), 1)
    const nothing = Counters.difference(counters, counters)
    for (const [name, value] of nothing) assert.ok(value === 0 || /Forwarding|DefaultTTL|CurrEstab/.test(name), name)
    const [names, values] = procSnmp(counters).split("\n") as [string, string]
    assert.equal(names.split(" ").length, values.split(" ").length)
    assert.match(netstat(counters), /\n {4}1 passive connection openings\n/)
    assert.match(
      nstat(counters, { zeros: true, patterns: ["TcpExtListen*"] }),
      /^#kernel\nTcpExtListenOverflows +0 +0\.0\nTcpExtListenDrops +0 +0\.0\n$/
    )
  })

  it("/proc/stat: the times of all cores add up to the time that has passed", () => {
    const { b } = ran()
    const [, ...cores] = Procfs.read(b, "/proc/stat")!
      .split("\n")
      .filter((line) => line.startsWith("cpu"))
    assert.equal(cores.length, 2)
    for (const line of cores) {
      const ticks = line
        .split(" ")
        .slice(1)
        .reduce((sum, one) => sum + Number(one), 0)
      assert.ok(ticks <= 100 && ticks >= 95, line)
    }
  })

  it("summary: requests, links, CPU shares and drops", () => {
    const { a, b, link, world } = ran()
    const latency = new Histogram()
    for (const ns of [1000, 2000, 3_000_000]) latency.record(ns)
    const rows = Summary.requests([{ name: "web", started: 5, completed: 3, failed: 1, latency }])
    assert.equal(rows[0]!.inFlight, 1)
    assert.equal(Summary.total([{ name: "web", started: 5, completed: 3, failed: 1, latency }]).latency.count, 3)
    assert.match(SummaryTables.formatRequests(rows), /web +5 +3 +1 +1 +2\.0 us +3\.00 ms/)
    const links = Summary.busiestLinks([link], 1e9)
    assert.deepEqual(
      links.map((one) => one.name),
      ["a-b/a", "a-b/b"]
    )
    assert.ok(links[0]!.utilisation > links[1]!.utilisation && links[0]!.utilisation < 0.01)
    for (const split of Summary.cpuSplit([a, b])) {
      const sum = split.user + split.system + split.hardirq + split.softirq + split.idle
      assert.ok(Math.abs(sum - 1) < 1e-9)
      assert.ok(split.softirq > 0)
    }
    assert.deepEqual(Summary.drops(world.islands), [])
    assert.deepEqual(Summary.dropsByReason(world.islands), {})
  })

  it("a device's counters are the same in ip -s link and /proc/net/dev", () => {
    const { b } = ran()
    const { counters } = Links.list(b.net)[1]!
    assert.match(Procfs.read(b, "/proc/net/dev")!, new RegExp(`\n  eth0: +${counters.rxBytes} +${counters.rxPackets} `))
  })
})

describe("formats", () => {
  const socket: SsText.SocketRecord = {
    netid: "tcp",
    state: "LISTEN",
    receiveQueue: 129,
    sendQueue: 128,
    localAddress: 0,
    localPort: 8080,
    remoteAddress: 0,
    remotePort: 0,
    device: "",
    processes: [],
    timer: null,
    memory: null,
    info: null
  }

  it("ss -nlt", () => {
    assert.equal(
      SsText.format([socket]),
      "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n" +
        "LISTEN 129    128          0.0.0.0:8080      0.0.0.0:*\n"
    )
  })

  it("ss timers", () => {
    const text = (ns: number): string =>
      SsText.format([{ ...socket, timer: { name: "on", ns, count: 2 } }], { timers: true, header: false })
        .trim()
        .split(" ")
        .at(-1)!
    assert.equal(text(200e6), "timer:(on,200ms,2)")
    assert.equal(text(59e9), "timer:(on,59sec,2)")
    assert.equal(text(7140e9), "timer:(on,119min,2)")
    assert.equal(text(1.5e9), "timer:(on,1.500ms,2)")
  })

  it("/proc/net/softnet_stat has eleven or fifteen columns of eight hexadecimal digits", () => {
    const row = {
      processed: 300,
      dropped: 1,
      timeSqueeze: 2,
      cpuCollision: 3,
      receivedRps: 4,
      flowLimit: 5,
      backlog: 6,
      cpu: 7
    }
    assert.equal(
      ProcText.softnetStat([row], 11),
      "0000012c 00000001 00000002 00000000 00000000 00000000 00000000 00000000 00000003 00000004 00000005\n"
    )
    assert.equal(ProcText.softnetStat([row], 15).trim().split(" ").length, 15)
  })

  it("conntrack -L", () => {
    const flow = {
      source: 0x0a000001,
      destination: 0x0a000002,
      sourcePort: 40000,
      destinationPort: 80,
      icmp: null,
      packets: 0,
      bytes: 0
    }
    const reply = { ...flow, source: 0x0a000002, destination: 0x0a000001, sourcePort: 80, destinationPort: 40000 }
    const entry = {
      protocol: 6,
      timeout: 431999,
      state: "ESTABLISHED",
      original: flow,
      reply,
      isUnreplied: false,
      isAssured: true,
      mark: 0,
      uses: 1
    }
    assert.equal(
      formatConntrack(entry, false),
      "tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=40000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=40000 [ASSURED] mark=0 use=1\n"
    )
  })
})
