import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { Fdb } from "@darkfiber/kernel-net/bridge/Fdb"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import { Effect, Exit, Result } from "effect"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import * as Cli from "../src/Cli.ts"

interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

let folder = ""

const two = `
duration: 60ms
hosts:
  a:
    nics: { eth0: { address: 10.0.0.1/24 } }
    processes:
      - { program: http-client, args: { to: "10.0.0.2:8080", connections: 2, gap: 1ms } }
  b:
    nics: { eth0: { address: 10.0.0.2/24 } }
    bridges: { br0: { address: 172.17.0.1/16 } }
    containers:
      web: { publish: ["8080:80"], processes: [{ program: http-server, args: { port: 80, body: 5000 } }] }
links: [{ endpoints: ["a:eth0", "b:eth0"] }]
`

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

/** Runs a command line in this process and keeps what it says. */
const run = async (...args: ReadonlyArray<string>): Promise<Said> => {
  const out: Array<string> = []
  const err: Array<string> = []
  const spies = [
    vi.spyOn(console, "log").mockImplementation((...parts) => void out.push(`${parts.join(" ")}\n`)),
    vi.spyOn(console, "error").mockImplementation((...parts) => void err.push(`${parts.join(" ")}\n`)),
    vi.spyOn(process.stdout, "write").mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, "write").mockImplementation((text) => err.push(String(text)) > 0)
  ]
  try {
    const exit = await Effect.runPromiseExit(Cli.run(args))
    return { code: Cli.exitCode(exit), stdout: out.join(""), stderr: err.join("") + failureText(exit) }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

const failureText = (exit: Exit.Exit<unknown, unknown>): string => (Exit.isSuccess(exit) ? "" : String(exit.cause))

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "darkfiber-"))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("check and schema", () => {
  it("a good file is fine, a bad one is named by file, line and column, exit 2", async () => {
    const good = await run("check", file("good.yaml", two))
    assert.strictEqual(good.code, 0)
    assert.match(good.stdout, /fine: 2 hosts, 1 containers/)
    const path = file("bad.yaml", "hosts:\n  a:\n    cores: 0\n")
    const bad = await run("check", path)
    assert.strictEqual(bad.code, 2)
    assert.include(bad.stderr, `${path}:3:12: hosts.a.cores`)
  })

  it.each([
    ["empty", "", /1:1: .*empty/],
    ["invalid UTF-8", new Uint8Array([0x68, 0x3a, 0x0a, 0xff, 0xfe]), /2:1: .*UTF-8/],
    ["over 1 MiB", new Uint8Array(1_048_577).fill(0x20), /1048577 bytes/],
    ["a cable to a missing port", `${two}\nfaults: [{ kind: link-down, link: "a:eth7", at: 1ms }]`, /a:eth7/],
    ["an MTU below 68", two.replace("10.0.0.1/24 }", "10.0.0.1/24, mtu: 60 }"), /mtu/],
    ["a duplicate address", two.replace("10.0.0.2/24", "10.0.0.1/24"), /10\.0\.0\.1/]
  ])("%s: one clear message and exit 2", async (_, content, expected) => {
    const said = await run("check", file("input.yaml", content))
    assert.strictEqual(said.code, 2)
    assert.match(said.stderr, expected)
    assert.strictEqual(said.stdout, "")
  })

  it("the schema is one JSON document with the topology at its root", async () => {
    const said = await run("schema")
    const schema = JSON.parse(said.stdout) as { readonly $ref: string; readonly $defs: Record<string, unknown> }
    assert.strictEqual(schema.$ref, "#/$defs/Topology")
    assert.containsAllKeys(schema.$defs, ["Host", "Link", "Fault", "Container"])
  })
})

describe("up", () => {
  it("prints exactly one JSON document whose parts agree", async () => {
    const said = await run("up", file("two.yaml", two), "--json")
    assert.strictEqual(said.code, 0, said.stderr)
    const summary = JSON.parse(said.stdout)
    assert.strictEqual(summary.simulated_ns, 60_000_000)
    const { created, delivered, dropped, in_flight } = summary.frames
    const lost = Object.values(dropped as Record<string, number>).reduce((sum, each) => sum + each, 0)
    assert.strictEqual(created, delivered + lost + in_flight)
    const { requests } = summary
    assert.isAbove(requests.completed, 50)
    assert.strictEqual(requests.started, requests.completed + requests.failed + requests.in_flight)
    assert.deepStrictEqual(summary.violations, [])
  })

  it("the same seed gives the same fingerprint, in fiber dispatch too and with captures and trace on; another does not", async () => {
    const path = file("two.yaml", two)
    const print = async (...more: ReadonlyArray<string>): Promise<string> =>
      (JSON.parse((await run("up", path, "--json", ...more)).stdout) as { readonly fingerprint: string }).fingerprint
    const first = await print()
    assert.strictEqual(await print("--dispatch", "fiber"), first)
    assert.strictEqual(await print("--pcap", join(folder, "pcap"), "--trace", join(folder, "trace")), first)
    assert.notStrictEqual(await print("--seed", "2"), first)
    const capture = PcapngReader.read(new Uint8Array(readFileSync(join(folder, "pcap", "links.pcapng"))))
    assert.isTrue(Result.isSuccess(capture) && capture.success.packets.length > 100)
  })

  it("a host's capture has its devices, its cable, what is made later and its next life, each as an interface", async () => {
    const path = file("lives.yaml", `${two}faults: [{ kind: crash, host: b, at: 10ms, for: 1ms }]\n`)
    const late = "ip netns add x && ip link add v0 type veth peer name v1 && ip link set v0 up"
    const said = await run("up", path, "--for", "300ms", "--pcap", join(folder, "lives"), "--at", `5ms=b:${late}`)
    assert.strictEqual(said.code, 0, said.stderr)
    const read = PcapngReader.read(new Uint8Array(readFileSync(join(folder, "lives", "b.pcapng"))))
    const capture = Result.getOrThrow(read)
    const names = capture.interfaces.map((each) => each.name)
    const life = (name: string): ReadonlyArray<string> => ["lo", "eth0", "br0"].map((device) => `${name}/${device}`)
    const cable = "a:eth0--b:eth0"
    assert.includeMembers(names, [
      ...life("b"),
      "b/web/lo",
      "b/web/eth0",
      cable,
      "b/v0",
      ...life("b#1"),
      "b#1/web/eth0"
    ])
    assert.strictEqual(new Set(names).size, names.length)
    const on = (name: string) => capture.packets.filter((each) => each.interfaceIndex === names.indexOf(name))
    assert.isAbove(on("b/eth0").length, 10)
    assert.isAbove(on("b#1/eth0").length, 3)
    assert.isTrue(on("b#1/eth0").every((each) => Number(each.time) > 60_000_000))
    // The device hands over super-segments, the wire carries frames.
    assert.isTrue(on("b/eth0").some((each) => each.bytes.length > 1514))
    assert.isTrue(on(cable).length > 20 && on(cable).every((each) => each.bytes.length <= 1514))
  })

  it("commands that come in are answered, recorded and replayed with the same fingerprint", async () => {
    const path = file("two.yaml", two)
    const log = join(folder, "inputs")
    const recorded = await run(
      "up",
      path,
      "--at",
      "10ms=a:ping -c 2 -i 0.01 10.0.0.2",
      "--at",
      "20ms=b/web:ip addr",
      "--record",
      log
    )
    assert.strictEqual(recorded.code, 0, recorded.stderr)
    assert.include(recorded.stdout, "2 packets transmitted, 2 received, 0% packet loss")
    assert.include(recorded.stdout, "172.17.0.2/16")
    const replayed = await run("up", path, "--replay", log)
    const fingerprint = /fingerprint [0-9a-f]{16}/
    assert.strictEqual(fingerprint.exec(replayed.stdout)?.[0], fingerprint.exec(recorded.stdout)?.[0])
    const other = await run("up", path, "--replay", log, "--seed", "2")
    assert.strictEqual(other.code, 2)
    assert.include(other.stderr, "--seed 1")
  })

  it("wrong use is exit 2", async () => {
    const path = file("two.yaml", two)
    assert.strictEqual((await run("up", path, "--workers", "2")).code, 2)
    assert.strictEqual((await run("up", path, "--for", "soon")).code, 2)
    assert.strictEqual((await run("up", path, "--at", "1ms=nobody:ip addr")).code, 2)
    assert.strictEqual((await run("up", join(folder, "missing.yaml"))).code, 2)
    assert.strictEqual((await run("upp")).code, 2)
  })

  it("a user's program that throws dies with a reported exit, and the world goes on", async () => {
    file("mine.mjs", "export const main = () => { throw new Error('mine broke') }\n")
    const path = file(
      "mine.yaml",
      `${two.replace("processes:\n      -", 'processes:\n      - { program: "./mine.mjs#main" }\n      -')}`
    )
    const said = await run("up", path)
    assert.strictEqual(said.code, 0, said.stderr)
    assert.match(said.stdout, /a: main \(pid \d+\) defect at \d+ ns: mine broke/)
    assert.match(said.stdout, /http-client +\d+/)
  })

  it("a defect in a bridge's frame path is exit 3; the run ends and the report names actor, time and seed", async () => {
    const spy = vi.spyOn(Fdb.prototype, "learn").mockImplementation(() => {
      throw new Error("planted")
    })
    const said = await run("up", file("two.yaml", two), "--seed", "7").finally(() => spy.mockRestore())
    assert.strictEqual(said.code, 3, said.stderr)
    assert.match(said.stdout, /b\/br0 at \d+ ns: planted; replay with --seed 7/)
    assert.match(said.stderr, /b\/br0 at \d+ ns: .*--seed 7/)
  })
})

describe("exec and walk", () => {
  it("runs tools on a simulated host and in a container", async () => {
    const path = file("two.yaml", two)
    const ping = await run("exec", path, "a", "--at", "10ms", "--", "ping", "-c", "1", "10.0.0.2")
    assert.strictEqual(ping.code, 0, ping.stderr)
    assert.include(ping.stdout, "1 packets transmitted, 1 received")
    const listening = await run("exec", path, "b/web", "--at", "10ms", "--", "ss -nltp | grep :80")
    assert.match(listening.stdout, /LISTEN.*:80/)
    assert.strictEqual((await run("exec", path, "c", "--", "ip", "addr")).code, 2)
    const unknown = await run("exec", path, "a", "--", "nosuchtool")
    assert.strictEqual(unknown.code, 1)
    assert.include(unknown.stderr, "nosuchtool")
  })

  it("follows a packet through the resolution of its next hops, over a router; the packets it caused name their parents", async () => {
    const routed = file(
      "routed.yaml",
      `hosts:
  a: { nics: { eth0: { address: 10.0.1.2/24, gateway: 10.0.1.1 } } }
  b: { nics: { eth0: { address: 10.0.2.2/24, gateway: 10.0.2.1 } } }
routers: { r: { ports: 2, addresses: { port1: 10.0.1.1/24, port2: 10.0.2.1/24 } } }
links: [{ endpoints: ["a:eth0", "r:port1"] }, { endpoints: ["r:port2", "b:eth0"] }]
`
    )
    const text = (await run("walk", routed, "--from", "a", "--to", "10.0.2.2")).stdout
    const line = (name: string): string | undefined => text.split("\n").find((each) => each.includes(` ${name} `))
    assert.match(line("neigh_resolve_output") ?? "", /packet 1$/)
    assert.match(line("arp_send") ?? "", /packet 2 of 1$/)
    assert.notInclude(text, "neigh_hh_output")
    const said = await run("walk", routed, "--from", "a", "--to", "10.0.2.2", "--json")
    const journey = JSON.parse(said.stdout) as {
      readonly packets: ReadonlyArray<number>
      readonly steps: ReadonlyArray<{
        readonly function: string
        readonly host: string
        readonly packet: number
        readonly parents: ReadonlyArray<number>
      }>
    }
    // The packet; a's request and r's answer; r's request and b's answer.
    assert.lengthOf(journey.packets, 5)
    const [first, request, answer, second, reply] = journey.packets as [number, number, number, number, number]
    const parents = new Map(journey.steps.map((step) => [step.packet, step.parents]))
    assert.deepStrictEqual(
      [first, request, answer, second, reply].map((each) => parents.get(each)),
      [[], [first], [request], [first], [second]]
    )
    const arps = journey.steps.filter((step) => step.function === "arp_rcv").map((step) => step.host)
    assert.deepStrictEqual(arps, ["a", "b"])
    assert.strictEqual(journey.steps.at(-1)!.function, "icmp_rcv")
  })

  it("follows one packet over both hosts, and time never goes back", async () => {
    const said = await run("walk", file("two.yaml", two), "--from", "a", "--to", "10.0.0.2", "--at", "10ms", "--json")
    assert.strictEqual(said.code, 0, said.stderr)
    const journey = JSON.parse(said.stdout) as {
      readonly hosts: ReadonlyArray<string>
      readonly steps: ReadonlyArray<{ readonly function: string; readonly time: number }>
    }
    assert.deepStrictEqual(journey.hosts, ["a", "b"])
    const names = journey.steps.map((step) => step.function)
    let at = -1
    for (const name of [
      "ip_send_skb",
      "dev_queue_xmit",
      "igb_xmit_frame",
      "dma",
      "netif_receive_skb",
      "ip_rcv",
      "icmp_rcv"
    ]) {
      const found = names.indexOf(name, at + 1)
      assert.isAbove(found, at, `${name} after ${names[at]}`)
      at = found
    }
    journey.steps.reduce((before, { time }) => {
      assert.isAtLeast(time, before)
      return time
    }, 0)
  })
})

describe("drill", () => {
  const pieces = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0
+0 write(4, ..., 1000) = 1000
+0 write(4, ..., 1000) = 1000
+0 > P. 1:2001(2000) ack 1
`

  it("says how super-segments were compared, and with --strict-segments takes no pieces for one", async () => {
    const script = file("pieces.pkt", pieces)
    const loose = await run("drill", script, "--json")
    assert.deepStrictEqual(JSON.parse(loose.stdout), [
      { script, result: "pass", line: 0, reason: "", superSegments: "pieces" }
    ])
    const strict = await run("drill", script, "--json", "--strict-segments")
    const [report] = JSON.parse(strict.stdout)
    assert.deepInclude(report, { result: "fail", line: 11, superSegments: "strict" })
    assert.include((await run("drill", script)).stdout, "super-segments: pieces in a row are put together\n")
  })
})

describe("drill of a folder", () => {
  const passes = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"

  it("runs all scripts below it and counts by folder", async () => {
    const drills = file("drills/b/two.pkt", passes).replace(/\/b\/two\.pkt$/, "")
    file("drills/a/one.pkt", passes)
    file("drills/a/other.pkt", passes.replace("= 3", "= -1 EINVAL (Invalid argument)"))
    file("drills/a/notes.txt", "")
    const said = await run("drill", drills)
    assert.strictEqual(said.code, 1)
    const lines = said.stdout.split("\n")
    assert.match(
      lines.find((line) => line.endsWith("unsupported"))!,
      /^folder +pass {2}fail {2}unsupported$/
    )
    assert.match(
      lines.find((line) => line.startsWith(`${drills}/a `))!,
      / 1 +1 +0$/
    )
    assert.match(
      lines.find((line) => line.startsWith(`${drills}/b `))!,
      / 1 +0 +0$/
    )
    assert.include(said.stdout, "3 scripts: 2 pass, 1 fail, 0 unsupported")
  })

  it("with no script is wrong use", async () => {
    const drills = file("empty/notes.txt", "").replace(/\/notes\.txt$/, "")
    const said = await run("drill", drills)
    assert.strictEqual(said.code, 2)
    assert.include(said.stderr, "no .pkt file below")
  })
})

describe("lab and bench", () => {
  it("lists every lab of the table and marks those not built yet", async () => {
    const said = await run("lab", "--list")
    assert.match(said.stdout, /^6\.4\.6-a/m)
    assert.match(said.stdout, /later/)
    assert.strictEqual(said.stdout.trim().split("\n").length, 268)
    assert.strictEqual((await run("lab", "99.9")).code, 2)
    assert.strictEqual((await run("lab")).code, 2)
  })

  it("a scenario prints one JSON line; a wrong setting is exit 2", async () => {
    const said = await run("bench", "s1-bulk", "gb=0.001")
    assert.strictEqual(said.code, 0, said.stderr)
    assert.strictEqual((JSON.parse(said.stdout) as { readonly flows_done: number }).flows_done, 1)
    assert.strictEqual((await run("bench", "s1-bulk", "giga=1")).code, 2)
    assert.strictEqual((await run("bench", "s99")).code, 2)
  })
})
