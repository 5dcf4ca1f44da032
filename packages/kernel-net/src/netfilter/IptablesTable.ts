/**
 * One table of one namespace: built-in chains with policies, user chains, rules in order, counters.
 *
 *     hook ──> built-in chain: rule, rule, jump ──> user chain: rule, RETURN ──> back … ──> policy
 *
 * A walk costs `ipt_do_table` and `ip_packet_match` for each rule looked at. Changes are checked as a whole before they
 * count, as Linux's do_replace does: a loop gives ELOOP, a target that a hook must not reach EINVAL.
 *
 * Linux: ipt_do_table, mark_source_chains (net/ipv4/netfilter/ip_tables.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { RandomStream } from "@darkfiber/sim/Random"
import { E2BIG, EEXIST, EINVAL, ELOOP, ENOENT, ENOTEMPTY } from "../Errno.ts"
import * as Hooks from "../Hooks.ts"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import { IPT_DO_TABLE } from "../Points.ts"
import type { SkBuff } from "../SkBuff.ts"
import type { Environment } from "./Environment.ts"
import type { Nat } from "./Nat.ts"
import { IP_PACKET_MATCH } from "./Points.ts"
import { type Extension, PacketView } from "./PacketView.ts"
import * as RuleMatch from "./RuleMatch.ts"
import type { Rule, TableName } from "./Rules.ts"
import * as RuleTarget from "./RuleTarget.ts"
import * as RuleText from "./RuleText.ts"

/** A chain that others jump to cannot go (Linux: EMLINK, "Too many links"). */
export const EMLINK = 31

/** Names of the built-in chains by hook point. */
export const chainNames: ReadonlyArray<string> = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]

/** Hook points of each table, in the order iptables prints them. */
export const tablePoints: Readonly<Record<TableName, ReadonlyArray<number>>> = {
  raw: [Hooks.PRE_ROUTING, Hooks.LOCAL_OUT],
  mangle: [Hooks.PRE_ROUTING, Hooks.LOCAL_IN, Hooks.FORWARD, Hooks.LOCAL_OUT, Hooks.POST_ROUTING],
  nat: [Hooks.PRE_ROUTING, Hooks.LOCAL_IN, Hooks.LOCAL_OUT, Hooks.POST_ROUTING],
  filter: [Hooks.LOCAL_IN, Hooks.FORWARD, Hooks.LOCAL_OUT]
}

/** A rule with its counters, ready to run. */
export class CompiledRule {
  readonly rule: Rule
  readonly part: RuleMatch.IpPart
  readonly extensions: Array<Extension>
  readonly action: RuleTarget.Action
  /** Where Jump and Goto lead. */
  jump: Chain | null
  packets: number
  bytes: number

  constructor(rule: Rule, part: RuleMatch.IpPart, extensions: Array<Extension>, action: RuleTarget.Action) {
    this.rule = rule
    this.part = part
    this.extensions = extensions
    this.action = action
    this.jump = null
    this.packets = 0
    this.bytes = 0
  }

  matches(packet: PacketView): boolean {
    if (!this.part.matches(packet)) return false
    const extensions = this.extensions
    for (let i = 0; i < extensions.length; i++) if (!extensions[i]!.matches(packet)) return false
    return true
  }
}

export class Chain {
  readonly name: string
  /** Hook point, -1 for a user chain. */
  readonly point: number
  /** ACCEPT or DROP of RuleTarget; a user chain returns. */
  policy: number
  rules: Array<CompiledRule>
  /** What the policy decided. */
  packets: number
  bytes: number

  constructor(name: string, point: number) {
    this.name = name
    this.point = point
    this.policy = RuleTarget.ACCEPT
    this.rules = []
    this.packets = 0
    this.bytes = 0
  }
}

export class IptablesTable {
  readonly name: TableName
  /** Built-in chains in their order, then user chains in order of creation. */
  readonly chains: Map<string, Chain>
  private readonly byPoint: Array<Chain | null>
  private readonly environment: Environment
  private readonly random: RandomStream
  private readonly nat: Nat | null
  private readonly packet: PacketView
  /** Where to go on after a user chain; shared by nested walks (a REJECT sends packets), each above its base. */
  private readonly stackChains: Array<Chain>
  private readonly stackIndexes: Array<number>
  private depth: number

  constructor(name: TableName, environment: Environment, random: RandomStream, nat: Nat | null) {
    this.name = name
    this.chains = new Map()
    this.byPoint = chainNames.map(() => null)
    this.environment = environment
    this.random = random
    this.nat = nat
    this.packet = new PacketView()
    this.stackChains = []
    this.stackIndexes = []
    this.depth = 0
    for (const point of tablePoints[name]) {
      const chain = new Chain(chainNames[point]!, point)
      this.chains.set(chain.name, chain)
      this.byPoint[point] = chain
    }
  }

  /**
   * Walks the built-in chain of a hook point.
   *
   * @param bytes the slab
   * @returns RuleTarget.ACCEPT or DROP; the buffer stays the caller's
   */
  walk(
    core: Core,
    bytes: Uint8Array,
    net: Netns,
    point: number,
    skb: SkBuff,
    input: NetDevice | null,
    output: NetDevice | null
  ): number {
    const packet = this.packet
    const deviceIndex = input === null ? (output === null ? -1 : output.index) : input.index
    core.visit(IPT_DO_TABLE, 0, deviceIndex, skb.traceId, point)
    packet.fill(bytes, net, skb, input === null ? "" : input.name, output === null ? "" : output.name, core.time)
    const length = skb.length - (skb.networkHeader - skb.data)
    const base = this.depth
    const cost = core.costs[IP_PACKET_MATCH]!
    let chain = this.byPoint[point]!
    const builtIn = chain
    let index = 0
    for (;;) {
      const rule = chain.rules[index]
      if (rule === undefined) {
        if (this.depth > base) {
          this.depth--
          chain = this.stackChains[this.depth]!
          index = this.stackIndexes[this.depth]!
          continue
        }
        builtIn.packets++
        builtIn.bytes += length
        return builtIn.policy
      }
      index++
      core.charge(cost)
      if (!rule.matches(packet)) {
        if (!packet.hotDrop) continue
        this.depth = base
        return RuleTarget.DROP
      }
      rule.packets++
      rule.bytes += length
      const verdict = rule.action.apply(core, net, skb, point, input, output)
      if (verdict === RuleTarget.ACCEPT || verdict === RuleTarget.DROP) {
        this.depth = base
        return verdict
      }
      if (verdict === RuleTarget.CONTINUE) continue
      if (verdict === RuleTarget.RETURN) index = chain.rules.length
      else {
        if (verdict === RuleTarget.JUMP) this.push(chain, index)
        chain = rule.jump!
        index = 0
      }
    }
  }

  private push(chain: Chain, index: number): void {
    this.stackChains[this.depth] = chain
    this.stackIndexes[this.depth] = index
    this.depth++
  }

  /** True when no packet can be treated in any way but passing. */
  isBlank(): boolean {
    for (const chain of this.chains.values()) {
      if (chain.rules.length > 0 || chain.policy !== RuleTarget.ACCEPT) return false
    }
    return true
  }

  /** Appends a rule (-A). @returns 0 or a negative errno */
  append(chain: string, rule: Rule): number {
    const at = this.chains.get(chain)
    return at === undefined ? -ENOENT : this.place(at, rule, at.rules.length, 0)
  }

  /** Inserts a rule as number `number`, from 1 (-I). */
  insert(chain: string, number: number, rule: Rule): number {
    const at = this.chains.get(chain)
    if (at === undefined) return -ENOENT
    if (number < 1 || number > at.rules.length + 1) return -E2BIG
    return this.place(at, rule, number - 1, 0)
  }

  /** Replaces rule `number` (-R); its counters start again. */
  replace(chain: string, number: number, rule: Rule): number {
    const at = this.chains.get(chain)
    if (at === undefined) return -ENOENT
    if (number < 1 || number > at.rules.length) return -E2BIG
    return this.place(at, rule, number - 1, 1)
  }

  /** Deletes rule `number` (-D CHAIN n). */
  deleteAt(chain: string, number: number): number {
    const at = this.chains.get(chain)
    if (at === undefined) return -ENOENT
    if (number < 1 || number > at.rules.length) return -E2BIG
    at.rules.splice(number - 1, 1)
    return 0
  }

  /** Number of the first rule that says the same, from 1; 0 when there is none (-C, -D CHAIN rule). */
  find(chain: string, rule: Rule): number {
    const text = RuleText.rule(chain, rule)
    return (this.chains.get(chain)?.rules.findIndex((other) => RuleText.rule(chain, other.rule) === text) ?? -1) + 1
  }

  /** Deletes the first rule that says the same (-D CHAIN rule). */
  deleteRule(chain: string, rule: Rule): number {
    const number = this.find(chain, rule)
    return number === 0 ? -ENOENT : this.deleteAt(chain, number)
  }

  /** Empties a chain, or all of them (-F). */
  flush(chain: string | null): number {
    if (chain !== null && !this.chains.has(chain)) return -ENOENT
    for (const at of this.chains.values()) if (chain === null || at.name === chain) at.rules = []
    return 0
  }

  /** Sets the counters of a chain, or of all, to 0 (-Z). */
  zero(chain: string | null): number {
    if (chain !== null && !this.chains.has(chain)) return -ENOENT
    for (const at of this.chains.values()) {
      if (chain !== null && at.name !== chain) continue
      at.packets = 0
      at.bytes = 0
      for (const rule of at.rules) {
        rule.packets = 0
        rule.bytes = 0
      }
    }
    return 0
  }

  /** Sets the policy of a built-in chain (-P). */
  policy(chain: string, policy: "ACCEPT" | "DROP"): number {
    const at = this.chains.get(chain)
    if (at === undefined) return -ENOENT
    if (at.point < 0) return -EINVAL
    at.policy = policy === "ACCEPT" ? RuleTarget.ACCEPT : RuleTarget.DROP
    return 0
  }

  /** Makes a user chain (-N). */
  newChain(name: string): number {
    if (this.chains.has(name)) return -EEXIST
    if (name.length === 0 || name.length > 28 || /[\s!]/.test(name) || name.startsWith("-")) return -EINVAL
    this.chains.set(name, new Chain(name, -1))
    return 0
  }

  /** Deletes a user chain that is empty and that nothing leads to, or all such chains (-X). */
  deleteChain(name: string | null): number {
    if (name === null) {
      for (const chain of this.chains.values()) if (chain.point < 0) this.deleteChain(chain.name)
      return 0
    }
    const chain = this.chains.get(name)
    if (chain === undefined) return -ENOENT
    if (chain.point >= 0) return -EINVAL
    if (chain.rules.length > 0) return -ENOTEMPTY
    if (this.references(name) > 0) return -EMLINK
    this.chains.delete(name)
    return 0
  }

  /** Rules that lead to a chain. */
  references(name: string): number {
    let count = 0
    for (const chain of this.chains.values()) for (const rule of chain.rules) if (rule.jump?.name === name) count++
    return count
  }

  /** The lines of `iptables-save` for this table, with counters if wanted. */
  describe(counters: boolean): ReadonlyArray<string> {
    const lines = [`*${this.name}`]
    for (const chain of this.chains.values()) {
      const policy = chain.point < 0 ? "-" : chain.policy === RuleTarget.ACCEPT ? "ACCEPT" : "DROP"
      lines.push(`:${chain.name} ${policy} [${chain.packets}:${chain.bytes}]`)
    }
    for (const chain of this.chains.values()) {
      for (const rule of chain.rules) {
        const text = RuleText.rule(chain.name, rule.rule)
        lines.push(counters ? `[${rule.packets}:${rule.bytes}] ${text}` : text)
      }
    }
    return [...lines, "COMMIT"]
  }

  /** Compiles and places a rule, taking `remove` old ones out; undone when the table would not be sound. */
  private place(chain: Chain, rule: Rule, index: number, remove: number): number {
    const part = new RuleMatch.IpPart()
    const extensions: Array<Extension> = []
    if (RuleTarget.pointsOf(rule.target, this.name) === 0 || !RuleTarget.isSound(rule.target)) return -EINVAL
    if (!RuleMatch.compile(rule.matches, part, extensions, this.environment, this.random)) return -EINVAL
    const compiled = new CompiledRule(
      rule,
      part,
      extensions,
      RuleTarget.compile(rule.target, this.environment, this.nat)
    )
    if (rule.target._tag === "Jump" || rule.target._tag === "Goto") {
      const jump = this.chains.get(rule.target.chain)
      if (jump === undefined) return -ENOENT
      if (jump.point >= 0) return -EINVAL
      compiled.jump = jump
    }
    const before = chain.rules
    chain.rules = before.toSpliced(index, remove, compiled)
    const verdict = this.check()
    if (verdict !== 0) chain.rules = before
    return verdict
  }

  /** Follows every jump from every built-in chain. @returns 0, -ELOOP or -EINVAL */
  private check(): number {
    for (const point of tablePoints[this.name]) {
      const verdict = this.follow(this.byPoint[point]!, point, new Set(), new Set())
      if (verdict !== 0) return verdict
    }
    for (const chain of this.chains.values()) {
      const verdict = chain.point < 0 ? this.follow(chain, -1, new Set(), new Set()) : 0
      if (verdict !== 0) return verdict
    }
    return 0
  }

  private follow(chain: Chain, point: number, path: Set<Chain>, done: Set<Chain>): number {
    if (path.has(chain)) return -ELOOP
    if (done.has(chain)) return 0
    path.add(chain)
    for (const rule of chain.rules) {
      if (point >= 0 && (RuleTarget.pointsOf(rule.rule.target, this.name) & (1 << point)) === 0) return -EINVAL
      const verdict = rule.jump === null ? 0 : this.follow(rule.jump, point, path, done)
      if (verdict !== 0) return verdict
    }
    path.delete(chain)
    done.add(chain)
    return 0
  }
}
