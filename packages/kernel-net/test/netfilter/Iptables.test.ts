import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Tcp from "@darkfiber/wire/Tcp"
import { E2BIG, EEXIST, EINVAL, ELOOP, ENOENT, ENOTEMPTY } from "../../src/Errno.ts"
import * as Hooks from "../../src/Hooks.ts"
import { EMLINK } from "../../src/netfilter/IptablesTable.ts"
import { IP_PACKET_MATCH } from "../../src/netfilter/Points.ts"
import * as Rules from "../../src/netfilter/Rules.ts"
import * as RuleText from "../../src/netfilter/RuleText.ts"
import { address, device, echo, type Ends, Harness, tcp, udp } from "./Harness.ts"

const eth0 = device("eth0", 2)
const veth7 = device("veth7", 7)
const ends: Ends = {
  source: address(10, 1, 2, 3),
  destination: address(10, 9, 9, 9),
  sourcePort: 1000,
  destinationPort: 80
}

const rule = (target: Rules.Target, ...matches: ReadonlyArray<Rules.Match>): Rules.Rule => ({ matches, target })
const drop: Rules.Target = { _tag: "Drop" }
const accept: Rules.Target = { _tag: "Accept" }
const goOn: Rules.Target = { _tag: "Continue" }
const isTcp: Rules.Match = { _tag: "Protocol", protocol: 6, invert: false }
const isUdp: Rules.Match = { _tag: "Protocol", protocol: 17, invert: false }

/** Whether the filter table's INPUT chain lets the packet pass. */
const passes = (h: Harness, packet: Uint8Array, input = eth0): boolean => {
  const skb = h.skb(packet)
  const passed = h.run(skb, [Hooks.PRE_ROUTING, Hooks.LOCAL_IN], input, null)
  h.free(skb)
  return passed
}

describe("matches", () => {
  const syn = tcp(ends, Tcp.SYN)
  const table: ReadonlyArray<readonly [string, Rules.Match, Uint8Array, boolean]> = [
    ["source network", { _tag: "Source", address: address(10, 1, 0, 0), prefixLength: 16, invert: false }, syn, true],
    [
      "other source network",
      { _tag: "Source", address: address(10, 2, 0, 0), prefixLength: 16, invert: false },
      syn,
      false
    ],
    [
      "not source network",
      { _tag: "Source", address: address(10, 1, 0, 0), prefixLength: 16, invert: true },
      syn,
      false
    ],
    [
      "destination host",
      { _tag: "Destination", address: ends.destination, prefixLength: 32, invert: false },
      syn,
      true
    ],
    ["destination 0.0.0.0/0", { _tag: "Destination", address: 0, prefixLength: 0, invert: false }, syn, true],
    ["protocol", isTcp, syn, true],
    ["other protocol", isUdp, syn, false],
    ["not protocol", { _tag: "Protocol", protocol: 17, invert: true }, syn, true],
    ["interface", { _tag: "InInterface", name: "eth0", invert: false }, syn, true],
    ["interface prefix", { _tag: "InInterface", name: "et+", invert: false }, syn, true],
    ["any interface", { _tag: "InInterface", name: "+", invert: false }, syn, true],
    ["other interface", { _tag: "InInterface", name: "eth1", invert: false }, syn, false],
    ["no output interface on input", { _tag: "OutInterface", name: "eth0", invert: false }, syn, false],
    ["destination ports", { _tag: "DestinationPorts", from: 79, to: 81, invert: false }, syn, true],
    ["source ports", { _tag: "SourcePorts", from: 0, to: 999, invert: false }, syn, false],
    ["not source ports", { _tag: "SourcePorts", from: 0, to: 999, invert: true }, syn, true],
    ["--syn", { _tag: "TcpFlags", mask: 0x17, set: 0x02, invert: false }, syn, true],
    ["--syn on an ACK", { _tag: "TcpFlags", mask: 0x17, set: 0x02, invert: false }, tcp(ends, Tcp.ACK), false],
    ["icmp type", { _tag: "IcmpType", type: 8, code: -1, invert: false }, echo(ends, 8, 1), true],
    ["other icmp type", { _tag: "IcmpType", type: 0, code: -1, invert: false }, echo(ends, 8, 1), false],
    ["state NEW", { _tag: "State", states: Rules.STATE_NEW, invert: false }, syn, true],
    ["state INVALID", { _tag: "State", states: Rules.STATE_INVALID, invert: false }, echo(ends, 0, 1), true],
    ["local address", { _tag: "AddressType", side: "destination", kind: "LOCAL", invert: false }, syn, true],
    ["local source", { _tag: "AddressType", side: "source", kind: "LOCAL", invert: false }, syn, false],
    ["mark", { _tag: "Mark", value: 1, mask: 255, invert: false }, syn, false],
    ["comment", { _tag: "Comment", text: "hello" }, syn, true],
    ["probability 1", { _tag: "StatisticRandom", probability: 1, invert: false }, syn, true],
    ["probability 0", { _tag: "StatisticRandom", probability: 0, invert: false }, syn, false]
  ]
  for (const [name, match, packet, expected] of table) {
    it(`${name}: ${expected ? "matches" : "does not match"}`, () => {
      const h = new Harness()
      h.environment.local.add(ends.destination)
      const protocol: Rules.Match = { _tag: "Protocol", protocol: packet[9]!, invert: false }
      const all = match._tag === "Protocol" ? [match] : [protocol, match]
      assert.equal(h.use("filter").append("INPUT", rule(drop, ...all)), 0)
      assert.equal(passes(h, packet), !expected)
      assert.equal(h.use("filter").chains.get("INPUT")!.rules[0]!.packets, expected ? 1 : 0)
    })
  }

  it("limit lets the burst pass, then its rate", () => {
    const h = new Harness()
    const limit: Rules.Match = { _tag: "Limit", amount: 10, periodNanos: 1e9, burst: 5 }
    h.use("filter").append("INPUT", rule(accept, limit))
    h.use("filter").policy("INPUT", "DROP")
    let passed = 0
    for (let i = 0; i < 50; i++) if (passes(h, udp(ends))) passed++
    assert.equal(passed, 5)
    h.core.time += 1e9
    passed = 0
    for (let i = 0; i < 50; i++) if (passes(h, udp(ends))) passed++
    assert.equal(passed, 5)
    h.core.time += 2e8
    passed = 0
    for (let i = 0; i < 50; i++) if (passes(h, udp(ends))) passed++
    assert.equal(passed, 2)
  })

  it("each third packet, and about a tenth at random, the same ones for the same seed", () => {
    const hits = (match: Rules.Match): ReadonlyArray<number> => {
      const h = new Harness()
      h.use("filter").append("INPUT", rule(drop, match))
      return Array.from({ length: 1000 }, (_, i) => i).filter(() => !passes(h, udp(ends)))
    }
    const nth = hits({ _tag: "StatisticNth", every: 3, packet: 0, invert: false })
    assert.deepEqual(nth.slice(0, 4), [2, 5, 8, 11])
    const random: Rules.Match = { _tag: "StatisticRandom", probability: 0.1, invert: false }
    const first = hits(random)
    assert.ok(first.length > 70 && first.length < 130)
    assert.deepEqual(hits(random), first)
  })
})

describe("chains", () => {
  it("run in order: the first verdict counts, each rule looked at is paid for", () => {
    const h = new Harness()
    const table = h.use("filter")
    table.append("INPUT", rule(goOn))
    table.append("INPUT", rule(accept, isTcp))
    table.append("INPUT", rule(drop))
    const before = h.core.time
    assert.ok(passes(h, tcp(ends, Tcp.SYN)))
    const two = h.core.time - before
    assert.ok(!passes(h, udp(ends)))
    const counters = table.chains.get("INPUT")!.rules.map((each) => each.packets)
    assert.deepEqual(counters, [2, 1, 1])
    assert.equal(table.chains.get("INPUT")!.rules[0]!.bytes, 40 + 32)
    for (let i = 0; i < 1000; i++)
      table.insert("INPUT", 1, rule(drop, { _tag: "InInterface", name: "no", invert: false }))
    const start = h.core.time
    assert.ok(passes(h, tcp({ ...ends, sourcePort: 2 }, Tcp.SYN)))
    assert.equal(h.core.time - start, two + 1000 * h.core.costs[IP_PACKET_MATCH]!)
  })

  it("RETURN goes back to the caller, the end of a user chain too, a GOTO to the caller's caller", () => {
    const h = new Harness()
    const table = h.use("filter")
    for (const name of ["a", "b"]) assert.equal(table.newChain(name), 0)
    table.append("a", rule({ _tag: "Return" }, isTcp))
    table.append("a", rule({ _tag: "Jump", chain: "b" }))
    table.append("a", rule(goOn))
    table.append("b", rule(goOn))
    table.append("INPUT", rule({ _tag: "Jump", chain: "a" }))
    table.append("INPUT", rule(goOn))
    passes(h, tcp(ends, Tcp.SYN))
    passes(h, udp(ends))
    const counts = (chain: string): ReadonlyArray<number> => table.chains.get(chain)!.rules.map((each) => each.packets)
    assert.deepEqual([counts("INPUT"), counts("a"), counts("b")], [[2, 2], [1, 1, 1], [1]])
    table.replace("a", 2, rule({ _tag: "Goto", chain: "b" }))
    passes(h, udp(ends))
    assert.deepEqual([counts("INPUT"), counts("a"), counts("b")], [[3, 3], [1, 1, 1], [2]])
  })

  it("the policy decides and counts what no rule has", () => {
    const h = new Harness()
    const table = h.use("filter")
    table.policy("INPUT", "DROP")
    assert.ok(!passes(h, udp(ends)))
    assert.equal(table.chains.get("INPUT")!.packets, 1)
    assert.equal(h.environment.drops.length, 1)
  })

  it("REJECT answers and drops, MARK marks, Notrack keeps conntrack away", () => {
    const h = new Harness()
    h.use("filter").append("INPUT", rule({ _tag: "Reject", with: "tcp-reset" }, isTcp))
    h.use("mangle").append("PREROUTING", rule({ _tag: "Mark", value: 5, mask: 255 }))
    h.use("raw").append("PREROUTING", rule({ _tag: "Notrack" }, isUdp))
    assert.ok(!passes(h, tcp(ends, Tcp.SYN)))
    assert.deepEqual(h.environment.rejects, ["tcp-reset"])
    const skb = h.skb(udp(ends))
    assert.ok(h.run(skb, [Hooks.PRE_ROUTING, Hooks.LOCAL_IN], eth0, null))
    assert.equal(skb.mark, 5)
    assert.equal(skb.conntrack, null)
    assert.equal(h.state.count, 0)
    h.free(skb)
  })

  it("a changed mark makes a packet of the host look for its route again", () => {
    const h = new Harness()
    h.use("mangle").append("OUTPUT", rule({ _tag: "Mark", value: 5, mask: 255 }))
    const skb = h.skb(udp(ends))
    assert.ok(h.run(skb, [Hooks.LOCAL_OUT], null, eth0))
    assert.equal(h.environment.reroutes, 1)
    h.free(skb)
  })
})

describe("changes", () => {
  it("are refused with the errors iptables shows", () => {
    const h = new Harness()
    const table = h.use("filter")
    assert.equal(table.append("NONE", rule(drop)), -ENOENT)
    assert.equal(table.append("INPUT", rule({ _tag: "Jump", chain: "none" })), -ENOENT)
    assert.equal(table.insert("INPUT", 2, rule(drop)), -E2BIG)
    assert.equal(table.deleteAt("INPUT", 1), -E2BIG)
    assert.equal(table.deleteRule("INPUT", rule(drop)), -ENOENT)
    assert.equal(table.newChain("INPUT"), -EEXIST)
    assert.equal(table.policy("none", "DROP"), -ENOENT)
    assert.equal(
      table.append("INPUT", rule(drop, { _tag: "DestinationPorts", from: 1, to: 2, invert: false })),
      -EINVAL
    )
    table.newChain("user")
    assert.equal(table.policy("user", "DROP"), -EINVAL)
    table.append("user", rule(drop))
    assert.equal(table.deleteChain("user"), -ENOTEMPTY)
    table.append("INPUT", rule({ _tag: "Jump", chain: "user" }))
    table.flush("user")
    assert.equal(table.deleteChain("user"), -EMLINK)
    assert.equal(table.deleteChain("INPUT"), -EINVAL)
    table.flush("INPUT")
    assert.equal(table.deleteChain("user"), 0)
  })

  it("a loop is refused, also one through other chains", () => {
    const table = new Harness().use("filter")
    for (const name of ["a", "b", "c"]) table.newChain(name)
    assert.equal(table.append("a", rule({ _tag: "Jump", chain: "b" })), 0)
    assert.equal(table.append("b", rule({ _tag: "Jump", chain: "c" })), 0)
    assert.equal(table.append("c", rule({ _tag: "Jump", chain: "a" })), -ELOOP)
    assert.equal(table.chains.get("c")!.rules.length, 0)
  })

  it("NAT targets belong to nat and to their hooks, also behind a jump", () => {
    const h = new Harness()
    const masquerade: Rules.Target = { _tag: "Masquerade", portMin: 0, portMax: 0, random: false }
    assert.equal(h.use("filter").append("INPUT", rule(masquerade)), -EINVAL)
    const nat = h.use("nat")
    assert.equal(nat.append("PREROUTING", rule(masquerade)), -EINVAL)
    nat.newChain("DOCKER")
    assert.equal(nat.append("DOCKER", rule(masquerade)), 0)
    assert.equal(nat.append("PREROUTING", rule({ _tag: "Jump", chain: "DOCKER" })), -EINVAL)
    assert.equal(nat.append("POSTROUTING", rule({ _tag: "Jump", chain: "DOCKER" })), 0)
  })

  it("insert, append and delete act as on a list", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom("A", "I", "D"), fc.nat(20), fc.nat(65535)), { maxLength: 40 }),
        (steps) => {
          const table = new Harness().use("filter")
          const plain: Array<number> = []
          for (const [kind, at, port] of steps) {
            const added = rule(goOn, isTcp, { _tag: "DestinationPorts", from: port, to: port, invert: false })
            if (kind === "A") {
              assert.equal(table.append("INPUT", added), 0)
              plain.push(port)
            } else if (kind === "I") {
              const fits = at >= 1 && at <= plain.length + 1
              assert.equal(table.insert("INPUT", at, added), fits ? 0 : -E2BIG)
              if (fits) plain.splice(at - 1, 0, port)
            } else {
              const fits = at >= 1 && at <= plain.length
              assert.equal(table.deleteAt("INPUT", at), fits ? 0 : -E2BIG)
              if (fits) plain.splice(at - 1, 1)
            }
          }
          const ports = table.chains
            .get("INPUT")!
            .rules.map((each) => RuleText.rule("INPUT", each.rule).split(" ").at(-1))
          assert.deepEqual(ports, plain.map(String))
        }
      ),
      { numRuns: cases(50) }
    ))
})

describe("text", () => {
  it("is what iptables-save prints", () => {
    const h = new Harness()
    const nat = h.use("nat")
    nat.append("POSTROUTING", {
      matches: [
        { _tag: "Source", address: address(192, 168, 0, 0), prefixLength: 24, invert: false },
        { _tag: "OutInterface", name: "br0", invert: true }
      ],
      target: { _tag: "Masquerade", portMin: 0, portMax: 0, random: false }
    })
    nat.append("PREROUTING", {
      matches: [
        { _tag: "DestinationPorts", from: 8088, to: 8088, invert: false },
        isTcp,
        { _tag: "InInterface", name: "br0", invert: true }
      ],
      target: {
        _tag: "Dnat",
        addressMin: address(192, 168, 0, 2),
        addressMax: address(192, 168, 0, 2),
        portMin: 80,
        portMax: 80,
        random: false,
        persistent: false
      }
    })
    assert.deepEqual(nat.describe(false), [
      "*nat",
      ":PREROUTING ACCEPT [0:0]",
      ":INPUT ACCEPT [0:0]",
      ":OUTPUT ACCEPT [0:0]",
      ":POSTROUTING ACCEPT [0:0]",
      "-A PREROUTING ! -i br0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 192.168.0.2:80",
      "-A POSTROUTING -s 192.168.0.0/24 ! -o br0 -j MASQUERADE",
      "COMMIT"
    ])
    const state: Rules.Match = { _tag: "State", states: Rules.STATE_RELATED | Rules.STATE_ESTABLISHED, invert: false }
    assert.equal(
      RuleText.rule("FORWARD", rule(accept, state)),
      "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    )
    const flags: Rules.Match = { _tag: "TcpFlags", mask: 0x17, set: 2, invert: false }
    assert.equal(
      RuleText.rule("INPUT", rule({ _tag: "Reject", with: "tcp-reset" }, isTcp, flags)),
      "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with tcp-reset"
    )
    h.use("filter").append("INPUT", rule(drop, { _tag: "InInterface", name: "veth+", invert: false }))
    passes(h, udp(ends), veth7)
    assert.ok(h.use("filter").describe(true).includes("[1:32] -A INPUT -i veth+ -j DROP"))
  })
})
