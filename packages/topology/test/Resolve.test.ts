import assert from "node:assert/strict"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import type { Document } from "../src/Document.ts"
import * as Read from "../src/Read.ts"
import * as Resolve from "../src/Resolve.ts"
import { documentOf, planOf, planOfDocument } from "./Centre.ts"

/** Complaints with their places, as `check` prints them. */
const complaintsAbout = (text: string): ReadonlyArray<string> => {
  const source = Read.readText("f", text)
  if (Result.isFailure(source)) throw new Error(`the schema complains: ${source.failure.message}`)
  const plan = Resolve.resolve(source.success.document)
  if (Result.isSuccess(plan)) return []
  return plan.failure.map(({ message, onKey, path }) => {
    const { column, line } = source.success.locate(path, onKey)
    return `${line}:${column}: ${message}`
  })
}

const two = (a: string, b: string): string => `hosts:\n  a: ${a}\n  b: ${b}\n`
const nic = (inside: string): string => `{ nics: { eth0: { ${inside} } } }`
const bridged = (containers: string, bridge = "{ address: 172.17.0.1/24 }"): string =>
  `hosts:\n  a:\n    bridges: { br0: ${bridge} }\n    containers:\n${containers}`
const program = (inside: string): string => `hosts:\n  a: { processes: [ { ${inside} } ] }\n`

const table: ReadonlyArray<readonly [what: string, text: string, complaints: ReadonlyArray<string>]> = [
  [
    "an address twice",
    two(nic("address: 10.0.0.1/24"), nic("address: [10.0.0.2/24, 10.0.0.1/24]")),
    ["3:47: 10.0.0.1 is the address of a:eth0 already"]
  ],
  [
    "an address twice, of a host and a router",
    `${two(nic("address: 10.0.0.1/24"), "{}")}routers: { r: { addresses: { port1: 10.0.0.1/24 } } }\n`,
    ["4:37: 10.0.0.1 is the address of a:eth0 already"]
  ],
  [
    "a MAC address twice",
    two(nic("mac: '02:00:00:00:00:01'"), nic("mac: '02:00:00:00:00:01'")),
    ["3:29: a:eth0 has this MAC address already"]
  ],
  [
    "an address that is none",
    two(nic("address: 10.0.0.256/24"), "{}"),
    ["2:33: 10.0.0.256 is no IPv4 address: each part is 0 to 255"]
  ],
  ["a prefix that is none", two(nic("address: 10.0.0.1/33"), "{}"), ["2:33: /33 is no prefix, expected /0 to /32"]],
  [
    "a qdisc that is none, and a word that none takes",
    two(nic("qdisc: htb"), nic("qdisc: fq speed 3")),
    ["2:31: Specified qdisc kind is unknown. in the qdisc htb", '3:31: What is "speed"? in the qdisc fq speed 3']
  ],
  [
    "an MTU of a port without a cable",
    `${two("{}", "{}")}routers: { r: { mtus: { port3: 1400 } } }\n`,
    ["4:32: no link ends at r:port3"]
  ],
  [
    "the network's own address",
    two(nic("address: 10.0.0.0/24"), "{}"),
    ["2:33: 10.0.0.0/24 is the address of the network itself, expected one inside it"]
  ],
  [
    "the broadcast address",
    two(nic("address: 10.0.0.255/24"), "{}"),
    ["2:33: 10.0.0.255/24 is the broadcast address of the network, expected one inside it"]
  ],
  [
    "a gateway outside",
    two(nic("address: 10.0.0.2/24, gateway: 10.0.1.1"), "{}"),
    ["2:55: the gateway 10.0.1.1 is in no network of the NIC"]
  ],
  ["too little memory", two("{ memory: 1MiB }", "{}"), ["2:16: a host needs at least 64MiB of memory"]],
  [
    "a name for two things",
    "hosts: { a: {} }\nswitches: { a: {} }\n",
    ["2:13: the name a is taken by one of the hosts"]
  ],
  [
    "a cable to a missing NIC",
    `${two(nic(""), nic(""))}links: [ { endpoints: ["a:eth0", "b:eth1"] } ]\n`,
    ["4:34: host b has no NIC eth1, expected eth0"]
  ],
  [
    "a cable to a missing port",
    `${two(nic(""), "{}")}switches: { s: { ports: 4 } }\nlinks: [ { endpoints: ["a:eth0", "s:port5"] } ]\n`,
    ["5:34: switch s has no port5, expected port1 to port4"]
  ],
  [
    "a cable to nobody",
    `${two(nic(""), "{}")}links: [ { endpoints: ["a:eth0", "c:eth0"] } ]\n`,
    ["4:34: there is no host, switch or router c"]
  ],
  [
    "a cable to no port at all",
    `${two(nic(""), "{}")}links: [ { endpoints: ["a:eth0", "b"] } ]\n`,
    ['4:34: "b" is no endpoint, expected node:port, such as web1:eth0']
  ],
  [
    "two cables in one port",
    `${two(nic(""), nic(""))}switches: { s: {} }\nlinks:\n  - { endpoints: ["a:eth0", "s:port1"] }\n` +
      `  - { endpoints: ["b:eth0", "s:port1"] }\n`,
    ["7:29: s:port1 has a cable already, that of link 1"]
  ],
  [
    "a link without delay",
    `${two(nic(""), nic(""))}links: [ { endpoints: ["a:eth0", "b:eth0"], delay: 0us, rate: 10bps, loss: 101% } ]\n`,
    [
      "4:52: a link needs a delay of at least 1ns",
      "4:63: a link needs a rate of at least 1kbps",
      "4:76: a share of at most 100%"
    ]
  ],
  [
    "a route that leads nowhere",
    "hosts: { a: { routes: [ { to: everywhere, via: 10.0.0.1 }, { to: default } ] } }\n",
    ['1:31: "everywhere" is no prefix, expected such as 10.1.0.0/16, or default', "1:60: expected `via` or `device`"]
  ],
  [
    "a program that does not exist",
    program("program: pong"),
    [
      "2:32: there is no program pong, expected one of tcp-echo-server, udp-echo-server, http-server, http-client, " +
        "bulk-sender, bulk-sink, udp-probe, udp-sink, ping, or ./file.ts#export"
    ]
  ],
  [
    "an argument the program does not take",
    program("program: ping, args: { to: 10.0.0.1, speed: 3 }"),
    ['2:60: speed: unknown key "speed", expected one of to, interval, size, count']
  ],
  [
    "an argument of the wrong form",
    program("program: http-client, args: { to: 10.0.0.1 }"),
    ['2:57: to: expected an address with a port, such as 10.0.0.1:80, found "10.0.0.1"']
  ],
  ["an argument left out", program("program: udp-sink"), ["2:21: port: the key port is missing"]],
  [
    "a core the host does not have",
    program("program: udp-sink, args: { port: 1 }, core: 2"),
    ["2:67: the host has 2 cores, counted from 0"]
  ],
  [
    "more processes than a host has numbers for",
    program("program: udp-sink, args: { port: 1 }, count: 32769"),
    ["2:21: more than 32768 processes, expected fewer"]
  ],
  [
    "two containers with one address",
    bridged("      x: { address: 172.17.0.2/24 }\n      y: { address: 172.17.0.2/24 }\n"),
    ["6:21: 172.17.0.2 is taken on bridge br0"]
  ],
  [
    "a container with the bridge's address",
    bridged("      x: { address: 172.17.0.1/24 }\n"),
    ["5:21: 172.17.0.1 is taken on bridge br0"]
  ],
  [
    "a container outside its bridge's network",
    bridged("      x: { address: 172.18.0.2/24 }\n"),
    ["5:21: 172.18.0.2 is not in the network of bridge br0"]
  ],
  [
    "more containers than addresses",
    bridged("      x: {}\n      y: {}\n", "{ address: 172.17.0.1/30 }"),
    ["6:10: the network of bridge br0 is full"]
  ],
  [
    "a container without a bridge",
    "hosts: { a: { containers: { c: {} } } }\n",
    ["1:32: expected `bridge`: the host has none"]
  ],
  [
    "a container on a bridge that is not there",
    bridged("      x: { bridge: br1 }\n"),
    ["5:20: the host has no bridge br1"]
  ],
  [
    "two bridges with overlapping networks",
    "hosts:\n  a:\n    bridges:\n      x: { address: 172.17.0.1/16 }\n      y: { address: 172.17.5.1/24 }\n",
    ["5:21: overlaps the network of bridge x, expected another one"]
  ],
  [
    "a port published twice, and one that is none",
    bridged('      x: { publish: ["80:80", "80:81/udp"] }\n      y: { publish: ["80:8080", "70000:1"] }\n'),
    [
      "6:22: port 80/tcp of the host is published for container x already",
      "6:33: 70000 is no port, expected 1 to 65535"
    ]
  ],
  [
    "a bridge with a port that is not there",
    "hosts: { a: { bridges: { br0: { ports: [eth9] } } } }\n",
    ["1:41: the host has no NIC eth9"]
  ],
  [
    "a container and a namespace of one name",
    bridged("      x: {}\n") + "    namespaces: { x: {} }\n",
    ["5:10: the host has a namespace x already"]
  ],
  [
    "a fault on a link that is not there",
    `${two(nic(""), nic(""))}links: [ { endpoints: ["a:eth0", "b:eth0"] } ]\nfaults: [ { kind: drop, at: 1s, link: "a:eth1" } ]\n`,
    ["5:39: no cable is plugged into a:eth1, expected one of a:eth0, b:eth0"]
  ],
  [
    "a fault of a host that is not there",
    `${two("{}", "{}")}faults: [ { kind: crash, at: 1s, host: c }, { kind: slow-core, at: 0s, host: a, core: 2, factor: 2 } ]\n`,
    ["4:40: there is no host c, expected one of a, b", "4:87: host a has 2 cores, counted from 0"]
  ],
  [
    "a swarm of faults on what is not there, with times that contradict each other",
    `${two(nic(""), nic(""))}links: [ { endpoints: ["a:eth0", "b:eth0"] } ]\nduration: 1s\nfaults:\n` +
      `  - { kind: swarm, at: 0s, hosts: [a, c], links: ["a:eth0", "a:eth1"], shortest: 2s, longest: 1s }\n` +
      `  - { kind: swarm, at: 1s }\n`,
    [
      "7:39: there is no host c, expected one of a, b",
      "7:61: no cable is plugged into a:eth1, expected one of a:eth0, b:eth0",
      "7:82: a time of at most `longest`",
      "8:24: a time before the end of the run"
    ]
  ],
  [
    "a route of a router that no port leads to",
    "hosts: {}\nrouters: { r: { routes: [ { to: 10.0.0.0/8, via: 10.0.0.1 } ] } }\n",
    ["2:27: no port of the router leads there, expected `via` an address on one of its wires or `device` portN"]
  ]
]

describe("a document that fits the schema and is no data centre", () => {
  for (const [what, text, complaints] of table) {
    it(`${what}: says where, and what was expected`, () => assert.deepEqual(complaintsAbout(text), complaints))
  }
})

describe("a plan", () => {
  it("gives containers the lowest free addresses, the bridge as gateway, and every device its own MAC address", () => {
    const plan = planOf(
      `${bridged("      x: { address: 172.17.0.3/24 }\n      y: {}\n      z: {}\n")}    nics: { eth0: {}, eth1: {} }\n`
    )
    const { containers, nics } = plan.hosts[0]!
    assert.deepEqual(
      containers.map((each) => each.address.address & 255),
      [3, 2, 4]
    )
    for (const each of containers) assert.equal(each.gateway! & 255, 1)
    const macs = [...nics, ...containers].map((each) => each.mac)
    assert.equal(new Set(macs).size, macs.length)
  })

  it("routes over all equally short ways, and not over longer ones", () => {
    const plan = planOf(`
hosts:
  a: { nics: { eth0: { address: 10.1.0.2/24, gateway: 10.1.0.1 } } }
  b: { nics: { eth0: { address: 10.2.0.2/24, gateway: 10.2.0.1 } } }
routers: { l1: {}, l2: {}, s1: {}, s2: {}, far: {} }
links:
  - { endpoints: ["a:eth0", "l1:port1"] }
  - { endpoints: ["b:eth0", "l2:port1"] }
  - { endpoints: ["l1:port2", "s1:port1"] }
  - { endpoints: ["l1:port3", "s2:port1"] }
  - { endpoints: ["s1:port2", "l2:port2"] }
  - { endpoints: ["s2:port2", "l2:port3"] }
  - { endpoints: ["l1:port4", "far:port1"] }
`)
    const routesOf = (name: string) =>
      plan.routers
        .find((each) => each.name === name)!
        .routes.map((route) => `${route.address >>> 16} ${route.ports.map((port) => port + 1).join(",")}`)
    assert.deepEqual(routesOf("l1"), ["2561 1", "2562 2,3"])
    assert.deepEqual(routesOf("far"), ["2561 1", "2562 1"])
    assert.deepEqual(routesOf("s1"), ["2561 1", "2562 2"])
  })

  it("is the same from a file and from a library call", () => {
    const text = `${two(nic("address: 10.0.0.1/24"), nic("address: 10.0.0.2/24"))}links: [ { endpoints: ["a:eth0", "b:eth0"] } ]\n`
    const written = {
      hosts: {
        a: { nics: { eth0: { address: "10.0.0.1/24" } } },
        b: { nics: { eth0: { address: "10.0.0.2/24" } } }
      },
      links: [{ endpoints: ["a:eth0", "b:eth0"] as const }]
    }
    assert.deepEqual(documentOf(text), written)
    assert.deepEqual(planOf(text), planOfDocument(written))
  })

  it("or complaints: whatever the document, nothing is thrown", () => {
    const name = fc.constantFrom("a", "b", "s", "r", "eth0", "port1", "__proto__", "constructor")
    const address = fc.constantFrom("10.0.0.1/24", "10.0.0.2/24", "10.0.0.0/0", "1.2.3.4/32", "999.1.1.1/99")
    const end = fc.tuple(name, name).map((pair) => pair.join(":"))
    const process = fc.record({
      program: fc.constantFrom("ping", "toString", "./x.ts#y"),
      args: fc.dictionary(name, fc.jsonValue())
    })
    const host = fc.record({
      nics: fc.dictionary(name, fc.record({ address, gateway: fc.constantFrom("10.0.0.9", "0.0.0.0") })),
      bridges: fc.dictionary(name, fc.record({ address })),
      containers: fc.dictionary(
        name,
        fc.record({ publish: fc.array(fc.constantFrom("80:80", "0:1/udp"), { maxLength: 2 }) })
      ),
      routes: fc.array(fc.record({ to: fc.string(), via: fc.constantFrom("10.0.0.7", "256.0.0.1") }), { maxLength: 2 }),
      processes: fc.array(process, { maxLength: 2 })
    })
    const document = fc.record({
      hosts: fc.dictionary(name, host),
      switches: fc.dictionary(name, fc.record({ ports: fc.integer({ min: 1, max: 4 }) })),
      routers: fc.dictionary(name, fc.record({ addresses: fc.dictionary(name, address) })),
      links: fc.array(fc.record({ endpoints: fc.tuple(end, end) }), { maxLength: 4 }),
      faults: fc.array(fc.record({ kind: fc.constant("drop" as const), at: fc.constant("1s"), link: end }), {
        maxLength: 2
      })
    })
    fc.assert(
      fc.property(document, (each) => {
        const outcome = Resolve.resolve(each as Document)
        if (Result.isFailure(outcome)) assert.ok(outcome.failure.length > 0)
      }),
      { numRuns: cases(300) }
    )
  })
})
