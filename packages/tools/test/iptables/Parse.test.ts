import assert from "node:assert/strict"
import * as fc from "fast-check"
import { Result } from "effect"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as RuleText from "@darkfiber/kernel-net/netfilter/RuleText"
import type { Match, Rule, Target } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { parse, parseSaved } from "@darkfiber/tools/iptables/Parse"

const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
const invert = fc.boolean()
const cidr = fc.tuple(i32, fc.integer({ min: 0, max: 32 })).map(([address, prefixLength]) => ({
  address: address & Ipv4Address.mask(prefixLength),
  prefixLength
}))
const ports = fc.tuple(fc.nat(65_535), fc.nat(65_535)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))
const device = fc.constantFrom("eth0", "veth1", "br+", "lo")

const source = fc.tuple(cidr, invert).map(([one, inv]): Match => ({ _tag: "Source", ...one, invert: inv }))
const destination = fc.tuple(cidr, invert).map(([one, inv]): Match => ({ _tag: "Destination", ...one, invert: inv }))
const input = fc.tuple(device, invert).map(([name, inv]): Match => ({ _tag: "InInterface", name, invert: inv }))
const output = fc.tuple(device, invert).map(([name, inv]): Match => ({ _tag: "OutInterface", name, invert: inv }))

const portMatch = fc
  .tuple(fc.constantFrom("SourcePorts" as const, "DestinationPorts" as const), ports, invert)
  .map(([_tag, range, inv]): Match => ({ _tag, ...range, invert: inv }))
const flags = fc
  .tuple(fc.integer({ min: 1, max: 0x3f }), fc.nat(0x3f), invert)
  .map(([mask, set, inv]): Match => ({ _tag: "TcpFlags", mask, set, invert: inv }))
const icmp = fc
  .tuple(fc.nat(255), fc.integer({ min: -1, max: 15 }), invert)
  .map(([type, code, inv]): Match => ({ _tag: "IcmpType", type, code, invert: inv }))

const transport: fc.Arbitrary<ReadonlyArray<Match>> = fc.oneof(
  fc.constant([]),
  fc
    .constantFrom(6, 17)
    .chain((protocol) =>
      fc
        .array(protocol === 6 ? fc.oneof(portMatch, flags) : portMatch, { maxLength: 2 })
        .map((rest): ReadonlyArray<Match> => [{ _tag: "Protocol", protocol, invert: false }, ...rest])
    ),
  icmp.map((one): ReadonlyArray<Match> => [{ _tag: "Protocol", protocol: 1, invert: false }, one]),
  fc.constantFrom(47, 132, 99).map((protocol): ReadonlyArray<Match> => [{ _tag: "Protocol", protocol, invert: true }])
)

const mark = i32.filter((one) => one !== -1)
const extra: fc.Arbitrary<Match> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 1, max: 127 }), invert)
    .map(([states, inv]): Match => ({ _tag: "State", states, invert: inv })),
  fc
    .tuple(i32, fc.oneof(fc.constant(-1), mark), invert)
    .map(([value, mask, inv]): Match => ({ _tag: "Mark", value, mask, invert: inv })),
  fc
    .tuple(
      fc.constantFrom("source" as const, "destination" as const),
      fc.constantFrom("LOCAL" as const, "BROADCAST" as const),
      invert
    )
    .map(([side, kind, inv]): Match => ({ _tag: "AddressType", side, kind, invert: inv })),
  fc
    .string({ unit: fc.constantFrom(..."ab \"\\-'$#".split("")), minLength: 1, maxLength: 12 })
    .map((text): Match => ({ _tag: "Comment", text }))
)
const limit = fc
  .tuple(
    fc.integer({ min: 1, max: 10_000 }),
    fc.constantFrom(1e9, 60e9, 3600e9, 86_400e9),
    fc.integer({ min: 1, max: 100 })
  )
  .map(([amount, periodNanos, burst]): Match => ({ _tag: "Limit", amount, periodNanos, burst }))
const statistic = fc.oneof(
  fc
    .tuple(fc.nat(1000), invert)
    .map(([n, inv]): Match => ({ _tag: "StatisticRandom", probability: n / 1000, invert: inv })),
  fc
    .tuple(fc.integer({ min: 1, max: 50 }), fc.nat(49), invert)
    .map(([every, packet, inv]): Match => ({ _tag: "StatisticNth", every, packet: packet % every, invert: inv }))
)

const port = fc.integer({ min: 1, max: 65_535 })
const portRange = fc.oneof(
  fc.constant({ portMin: 0, portMax: 0 }),
  fc.tuple(port, port).map(([a, b]) => ({ portMin: Math.min(a, b), portMax: Math.max(a, b) }))
)
const target: fc.Arbitrary<Target> = fc.oneof(
  fc.constantFrom<Target>(
    { _tag: "Continue" },
    { _tag: "Accept" },
    { _tag: "Drop" },
    { _tag: "Return" },
    { _tag: "Notrack" }
  ),
  fc.constantFrom<Target>({ _tag: "Jump", chain: "DOCKER" }, { _tag: "Goto", chain: "my-chain" }),
  fc.constantFrom<Target>({ _tag: "Reject", with: "tcp-reset" }, { _tag: "Reject", with: "icmp-admin-prohibited" }),
  fc.tuple(i32, i32).map(([value, mask]): Target => ({ _tag: "Mark", value, mask })),
  fc.constantFrom<Target>({ _tag: "Log", prefix: "" }, { _tag: "Log", prefix: "drop: " }),
  fc
    .tuple(fc.constantFrom("Dnat" as const, "Snat" as const), mark, fc.nat(3), portRange, fc.boolean(), fc.boolean())
    .filter(([, address, more]) => address !== 0 && address >>> 0 < 0xffff_fff0 && more >= 0)
    .map(([_tag, address, more, range, random, persistent]): Target => {
      return { _tag, addressMin: address, addressMax: (address + more) | 0, ...range, random, persistent }
    }),
  fc
    .tuple(fc.constantFrom("Masquerade" as const, "Redirect" as const), portRange, fc.boolean())
    .map(([_tag, range, random]): Target => ({ _tag, ...range, random }))
)

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<ReadonlyArray<T>> =>
  fc.option(arbitrary, { nil: undefined }).map((one) => (one === undefined ? [] : [one]))
const rule: fc.Arbitrary<Rule> = fc
  .tuple(
    maybe(source),
    maybe(destination),
    maybe(input),
    maybe(output),
    transport,
    fc.array(extra, { maxLength: 3 }),
    maybe(limit),
    maybe(statistic),
    target
  )
  .map(([a, b, c, d, e, f, g, h, end]) => ({ matches: [...a, ...b, ...c, ...d, ...e, ...f, ...g, ...h], target: end }))

const ok = (line: string) => Result.getOrThrow(parse(line.split(" ")))
const message = (line: string): string => {
  const result = parse(line.split(" "))
  assert.ok(Result.isFailure(result), `${line} was accepted`)
  return result.failure.message
}

describe("iptables", () => {
  it("what iptables-save prints parses back to the same rule", () => {
    fc.assert(
      fc.property(rule, (one) => {
        const text = RuleText.rule("INPUT", one)
        const command = Result.getOrThrow(parseSaved("filter", text))
        assert.ok(command._tag === "Append" && command.chain === "INPUT")
        assert.equal(command.rules.length, 1, text)
        assert.equal(RuleText.rule("INPUT", command.rules[0]!), text)
        assert.deepEqual(command.rules[0]!.target, one.target, text)
      }),
      { numRuns: cases(1000) }
    )
  })

  it("never throws, whatever the words", () => {
    const word = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom(
        "-A",
        "-I",
        "-D",
        "-L",
        "-t",
        "nat",
        "INPUT",
        "-s",
        "10.0.0.0/8",
        "!",
        "-p",
        "tcp",
        "--dport",
        "80",
        "-j",
        "DNAT",
        "--to-destination",
        "-m",
        "limit",
        "--limit",
        "statistic",
        "--mode",
        "MARK",
        "--set-mark",
        "0x1/0xff",
        "3",
        "-g",
        "conntrack"
      )
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 12 }), (words) => void parse(words)),
      { numRuns: cases(2000) }
    )
  })

  it("reads the lines of tutorials", () => {
    const nat = ok("-t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE")
    assert.ok(nat._tag === "Append" && nat.table === "nat")
    assert.equal(
      RuleText.rule("POSTROUTING", nat.rules[0]!),
      "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE"
    )
    const dnat = ok("-t nat -A PREROUTING ! -i br0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 192.168.0.2:80")
    assert.ok(dnat._tag === "Append")
    assert.equal(
      RuleText.rule("PREROUTING", dnat.rules[0]!),
      "-A PREROUTING ! -i br0 -p tcp -m tcp --dport 8088 -j DNAT --to-destination 192.168.0.2:80"
    )
    assert.deepEqual(ok("-I INPUT -j DROP"), {
      _tag: "Insert",
      table: "filter",
      chain: "INPUT",
      number: 1,
      rules: [{ matches: [], target: { _tag: "Drop" } }]
    })
    assert.deepEqual(ok("-D INPUT 3"), { _tag: "DeleteAt", table: "filter", chain: "INPUT", number: 3 })
    assert.deepEqual(ok("-t nat -L -n -v"), {
      _tag: "List",
      table: "nat",
      chain: null,
      verbose: true,
      exact: false,
      lineNumbers: false
    })
    assert.deepEqual(ok("-P FORWARD ACCEPT"), { _tag: "Policy", table: "filter", chain: "FORWARD", policy: "ACCEPT" })
    assert.deepEqual(
      ok("-nvL INPUT".replace("-nvL", "-L INPUT -nv").replace(" INPUT -nv INPUT", " INPUT -nv")).table,
      "filter"
    )
  })

  it("an address list stands for several rules", () => {
    const command = ok("-A INPUT -s 10.0.0.1,10.0.0.2 -d 10.1.0.0/16,10.2.0.0/16 -j DROP")
    assert.ok(command._tag === "Append")
    assert.deepEqual(
      command.rules.map((one) => RuleText.rule("INPUT", one)),
      [
        "10.0.0.1/32 -d 10.1.0.0/16",
        "10.0.0.1/32 -d 10.2.0.0/16",
        "10.0.0.2/32 -d 10.1.0.0/16",
        "10.0.0.2/32 -d 10.2.0.0/16"
      ].map((part) => `-A INPUT -s ${part} -j DROP`)
    )
  })

  it("says what it does not understand", () => {
    assert.match(message("-A INPUT --nonsense 3"), /unknown option "--nonsense"/)
    assert.match(message("-A INPUT -m hashlimit"), /Couldn't load match `hashlimit'/)
    assert.match(message("-A INPUT --dport 80"), /unknown option "--dport"/)
    assert.match(message("-A INPUT -p tcp --dport 99999"), /invalid port\/service `99999'/)
    assert.match(message("-A INPUT -s 10.0.0.300"), /host\/network `10\.0\.0\.300' not found/)
    assert.match(message("-t foo -L"), /can't initialize iptables table `foo'/)
    assert.match(message("-A INPUT -j DNAT"), /must be specified/)
    assert.match(message("-A INPUT -j"), /option "-j" requires an argument/)
    assert.match(message("-L -s 10.0.0.1"), /illegal option with -L/)
    assert.match(message("-v"), /no command specified/)
    assert.match(message("-A INPUT -m limit --limit 5/fortnight"), /bad value for option "--limit"/)
  })
})
