import assert from "node:assert/strict"
import { Result } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cases, isLong } from "@darkfiber/tooling/Cases"
import * as Read from "../src/Read.ts"

const complaintsAbout = (content: string | Uint8Array): ReadonlyArray<string> => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  const outcome = Read.read("f.yaml", bytes)
  return Result.isSuccess(outcome) ? [] : outcome.failure.message.split("\n")
}

const host = (inside: string): string => `hosts:\n  web:\n    ${inside}\n`
const fault = (inside: string): string => `hosts: {}\nfaults:\n  - ${inside}\n`
const topKeys = "name, description, kernel, duration, costs, checksums, hosts, switches, routers, links, faults"

const table: ReadonlyArray<readonly [what: string, content: string, complaints: ReadonlyArray<string>]> = [
  ["an empty file", "", ["1:1: the file is empty, expected a topology with at least `hosts`"]],
  ["a blank file", " \n\n", ["1:1: the file is empty, expected a topology with at least `hosts`"]],
  ["only a comment", "# nothing\n", [`1:1: expected a map with the keys ${topKeys}, found nothing`]],
  ["a list", "- a\n", [`1:1: expected a map with the keys ${topKeys}, found a list`]],
  ["no hosts", "name: x\n", ["1:1: hosts: the key hosts is missing"]],
  ["hosts of nothing", "hosts:\n", ["1:1: hosts: expected a map, found nothing"]],
  ["an unknown key at the top", "hosts: {}\nhots: {}\n", [`2:1: hots: unknown key "hots", expected one of ${topKeys}`]],
  [
    "an unknown key of a NIC",
    host("nics: { eth0: { adress: 10.0.0.1/24 } }"),
    [
      '3:21: hosts.web.nics.eth0.adress: unknown key "adress", expected one of address, gateway, mac, mtu, queues, ' +
        "rxRing, txRing, rxUsecs, tso, gro, qdisc"
    ]
  ],
  [
    "a name too long for an interface",
    "hosts: { a-name-that-is-too-long: {} }\n",
    [
      '1:10: hosts.a-name-that-is-too-long: "a-name-that-is-too-long" is no name, expected 1 to 15 letters, digits, _ . -'
    ]
  ],
  [
    "a wrong unit",
    "hosts: {}\nlinks:\n  - endpoints: [a:b, c:d]\n    rate: 10GBps\n",
    ['4:11: links.0.rate: expected a rate with its unit, such as 100Mbps or 10Gbps, found "10GBps"']
  ],
  [
    "no unit",
    "duration: 5\nhosts: {}\n",
    ["1:11: duration: expected a duration with its unit, such as 5us, 10ms or 2s, found the number 5"]
  ],
  [
    "a duration beyond exact times",
    "duration: 9999h\nhosts: {}\n",
    ['1:11: duration: expected a duration of at most 50 days, found "9999h"']
  ],
  [
    "an MTU below 68",
    host("nics: { eth0: { mtu: 67 } }"),
    ["3:26: hosts.web.nics.eth0.mtu: expected a value between 68 and 9000, found the number 67"]
  ],
  ["half a core", host("cores: 1.5"), ["3:12: hosts.web.cores: expected an integer, found the number 1.5"]],
  [
    "a kernel without quotes",
    "kernel: 3.10\nhosts: {}\n",
    ['1:9: kernel: expected "3.10" or "6.x", found the number 3.1; text that looks like a number needs quotes']
  ],
  [
    "an address without its prefix",
    host("nics: { eth0: { address: 10.0.0.1 } }"),
    [
      "3:30: hosts.web.nics.eth0.address: expected an address with its prefix, such as 10.0.0.2/24, " +
        'found "10.0.0.1"'
    ]
  ],
  [
    "a published port without the container's",
    host('containers: { c: { publish: ["80"] } }'),
    [
      "3:34: hosts.web.containers.c.publish.0: expected a published port host:container, such as 8080:80 or 5353:53/udp, " +
        'found "80"'
    ]
  ],
  [
    "one endpoint",
    "hosts: {}\nlinks: [ { endpoints: [a:eth0] } ]\n",
    ["2:23: links.0.endpoints.1: entry 2 of the list is missing"]
  ],
  [
    "an unknown kind of fault",
    fault("{ kind: explode, at: 1s }"),
    [
      "3:13: faults.0.kind: expected a kind, one of drop, delay, duplicate, corrupt, reorder, cut, link-down, crash, " +
        'slow-core, swarm, found "explode"'
    ]
  ],
  [
    "a fault without a kind",
    fault("{ at: 1s }"),
    [
      "3:5: faults.0: the key kind is missing, one of drop, delay, duplicate, corrupt, reorder, cut, link-down, crash, slow-core, swarm"
    ]
  ],
  ["a fault without a link", fault("{ kind: drop, at: 1s }"), ["3:5: faults.0.link: the key link is missing"]],
  [
    "a fault with another kind's key",
    fault("{ kind: cut, at: 1s, link: 'a:b', by: 1ms }"),
    ['3:39: faults.0.by: unknown key "by", expected one of kind, id, at, for, link, direction']
  ],
  ["a key twice", "hosts: {}\nname: x\nhosts: {}\n", ["3:1: the key hosts stands twice in one map"]],
  ["a number and a text that are one key", "hosts: { 1: {}, '1': {} }\n", ["1:17: the key 1 stands twice in one map"]],
  ["a list as a key", "? [a]\n: b\n", ["1:3: expected text as a key"]],
  ["an alias of nothing", "hosts:\n  a: *base\n", ["2:6: *base stands for nothing, expected &base before it"]],
  [
    "an alias bomb",
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nhosts: *d\n",
    ["2:8: the aliases stand for more than 100 times what is written, expected fewer"]
  ],
  ["two documents", "hosts: {}\n---\nhosts: {}\n", ["2:1: a second document begins here, expected one"]],
  ["a tab", "hosts:\n\ta: 1\n", ["2:1: Tabs are not allowed as indentation"]],
  [
    "an open brace",
    "hosts: { a: {\n",
    ["2:1: Flow map in block collection must be sufficiently indented and end with a }"]
  ]
]

describe("a file that is no topology", () => {
  for (const [what, content, complaints] of table) {
    it(`${what}: says where, and what was expected`, () =>
      assert.deepEqual(
        complaintsAbout(content),
        complaints.map((each) => `f.yaml:${each}`)
      ))
  }

  it("too many complaints: the first twenty, in the order of the file", () => {
    const found = complaintsAbout(`hosts:\n${Array.from({ length: 50 }, (_, at) => `  h${at}: { x: 1 }\n`).join("")}`)
    assert.equal(found.length, Read.DIAGNOSTICS_MAX)
    found.forEach((each, at) => assert.ok(each.startsWith(`f.yaml:${at + 2}:`), each))
  })

  it("invalid UTF-8: the place of the first byte that is none", () => {
    const bad: ReadonlyArray<readonly [bytes: ReadonlyArray<number>, place: string]> = [
      [[0xff], "1:1"],
      [[0x61, 0x0a, 0x62, 0x63, 0x80], "2:3"],
      [[0xc0, 0x80], "1:1"],
      [[0xed, 0xa0, 0x80], "1:1"],
      [[0x61, 0xf4, 0x90, 0x80, 0x80], "1:2"],
      [[0x0a, 0x0a, 0xe2, 0x82], "3:1"]
    ]
    for (const [bytes, place] of bad) {
      assert.deepEqual(complaintsAbout(new Uint8Array(bytes)), [`f.yaml:${place}: invalid UTF-8, expected text`])
    }
  })

  it("a column counts characters, also behind those of several bytes", () =>
    assert.deepEqual(complaintsAbout(new Uint8Array([0xc3, 0xa9, 0xff])), ["f.yaml:1:2: invalid UTF-8, expected text"]))

  it("a byte order mark and other line ends are no complaint", () => {
    assert.deepEqual(
      complaintsAbout(new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode("hosts: {}\r\n")])),
      []
    )
  })
})

describe("a file of a megabyte", () => {
  const full = (piece: string): string => piece.repeat(Math.floor(Read.FILE_MAX / piece.length))
  const numbered = (line: (at: number) => string): string => {
    let text = ""
    for (let at = 0; text.length < Read.FILE_MAX - 64; at++) text += line(at)
    return text
  }
  const shapes: ReadonlyArray<readonly [what: string, content: string, complaint: RegExp]> = [
    ["brackets", full("["), /:1:65: maps and lists stand inside each other here/],
    ["braces", full("{a: "), /:1:257: maps and lists stand/],
    ["dashes", full("- "), /:1:129: maps and lists stand/],
    ["lines of a list", full("-\n"), /more than 900000 words/],
    ["unknown keys", numbered((at) => `k${at}: 1\n`), /:1:1: k0: unknown key "k0"/],
    ["one key again and again", full("name: something\n"), /:2:1: the key name stands twice/],
    [
      "wrong hosts",
      `hosts:\n${numbered((at) => ` h${at}: 1\n`)}`.slice(0, Read.FILE_MAX - 9),
      /:2:6: hosts.h0: expected a map/
    ],
    ["one long text", `name: ${"x".repeat(Read.FILE_MAX - 6)}`, /the key hosts is missing/],
    ["aliases", `a: &a 1\nb: [${full("*a,").slice(0, -64)}]`, /aliases stand for|unknown key/],
    ["anchors", numbered((at) => `- &a${at} x\n`), /:1:1: expected a map/],
    ["comments", full("# a\n"), /:1:1: expected a map/],
    ["quotes", full("'"), /./],
    ["colons", full(": "), /./],
    ["question marks", full("? "), /./]
  ]
  // The others take as long as these, and are tried in a long run.
  const usual = new Set(["brackets", "dashes", "unknown keys", "wrong hosts", "quotes"])
  for (const [what, content, complaint] of shapes) {
    it.runIf(isLong() || usual.has(what))(`of ${what} is refused within 5 seconds`, () => {
      assert.ok(content.length <= Read.FILE_MAX)
      const begin = process.cpuUsage()
      const found = complaintsAbout(content)
      const { system, user } = process.cpuUsage(begin)
      assert.match(found[0] ?? "", complaint)
      assert.ok(user + system < 5_000_000, `took ${(user + system) / 1e6} s`)
    })
  }

  it("and one byte more is refused unread", () =>
    assert.deepEqual(complaintsAbout(new Uint8Array(Read.FILE_MAX + 1)), [
      "f.yaml:1:1: the file has 1048577 bytes, a topology has at most 1048576"
    ]))
})

describe("whatever the bytes", () => {
  const check = (bytes: Uint8Array): void => {
    const outcome = Read.read("f", bytes)
    if (Result.isSuccess(outcome)) return
    const { diagnostics } = outcome.failure
    expect(diagnostics.length).toBeGreaterThan(0)
    for (const { column, line, message } of diagnostics) {
      assert.ok(line >= 1 && column >= 1 && message !== "")
    }
  }
  it("random bytes never throw and always have a place", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => check(bytes)),
      { numRuns: cases(1000) }
    )
  })

  it("nor do random pieces of YAML, nor a topology with a byte changed", () => {
    const words = [
      "hosts",
      ": ",
      "\n",
      "  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      ",",
      "&a ",
      "*a",
      "? ",
      "!!map ",
      "'",
      '"',
      "|\n",
      "1",
      "a",
      "#",
      "<<",
      "---\n",
      "%",
      "\t",
      "null",
      "kind: drop"
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 40 }), (pieces) =>
        check(new TextEncoder().encode(pieces.join("")))
      ),
      { numRuns: cases(1000) }
    )
    const good = new TextEncoder().encode(
      "hosts:\n  a: { nics: { eth0: { address: 10.0.0.1/24 } }, processes: [ { program: ping, args: { to: 10.0.0.2 } } ] }\n" +
        "links: [ { endpoints: ['a:eth0', 's:port1'], rate: 1Gbps } ]\nswitches: { s: { ports: 2 } }\n" +
        "faults: [ { kind: drop, at: 1s, link: 'a:eth0', share: 1% } ]\n"
    )
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = good.slice()
        bytes[at] = byte
        check(bytes)
      }),
      { numRuns: cases(500) }
    )
  })
})
