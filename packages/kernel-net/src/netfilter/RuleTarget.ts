/**
 * What rules do with a packet: verdicts and target objects.
 *
 * Linux: net/netfilter/xt_*.c, net/ipv4/netfilter/ipt_*.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Hooks from "../Hooks.ts"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import type { SkBuff } from "../SkBuff.ts"
import { entryOf } from "./Conntrack.ts"
import { INFO_UNTRACKED } from "./ConntrackEntry.ts"
import type { Environment } from "./Environment.ts"
import { addressRange, type Nat, type NatRange } from "./Nat.ts"
import { MANIP_DST, MANIP_SRC } from "./NatPacket.ts"
import type { RejectWith, TableName, Target } from "./Rules.ts"

/** The walk goes on with the next rule (Linux: XT_CONTINUE). */
export const CONTINUE = -1
export const DROP = 0
export const ACCEPT = 1
/** Back to the calling chain, or the policy. */
export const RETURN = 2
/** On to another chain: `CompiledRule.jump`. */
export const JUMP = 3
export const GOTO = 4

export interface Action {
  /** @returns a verdict */
  apply(core: Core, net: Netns, skb: SkBuff, point: number, input: NetDevice | null, output: NetDevice | null): number
}

/** Needs nothing but its verdict. */
class Verdict implements Action {
  private readonly verdict: number

  constructor(verdict: number) {
    this.verdict = verdict
  }

  apply(): number {
    return this.verdict
  }
}

const accept = new Verdict(ACCEPT)
const drop = new Verdict(DROP)
const goOn = new Verdict(CONTINUE)
const back = new Verdict(RETURN)
const jump = new Verdict(JUMP)
const goTo = new Verdict(GOTO)

class Reject implements Action {
  private readonly environment: Environment
  private readonly how: RejectWith

  constructor(environment: Environment, how: RejectWith) {
    this.environment = environment
    this.how = how
  }

  apply(core: Core, net: Netns, skb: SkBuff, point: number): number {
    this.environment.reject(core, net, skb, this.how, point)
    return DROP
  }
}

class SetMark implements Action {
  private readonly value: number
  private readonly mask: number

  constructor(value: number, mask: number) {
    this.value = value
    this.mask = mask
  }

  apply(_core: Core, _net: Netns, skb: SkBuff): number {
    skb.mark = (skb.mark & ~this.mask) ^ this.value
    return CONTINUE
  }
}

class Notrack implements Action {
  apply(_core: Core, _net: Netns, skb: SkBuff): number {
    if (skb.conntrack === null) skb.conntrackInfo = INFO_UNTRACKED
    return CONTINUE
  }
}

/** DNAT and SNAT to a fixed range. */
class Translate implements Action {
  private readonly nat: Nat
  private readonly range: NatRange
  private readonly manip: number

  constructor(nat: Nat, range: NatRange, manip: number) {
    this.nat = nat
    this.range = range
    this.manip = manip
  }

  apply(core: Core, _net: Netns, skb: SkBuff): number {
    const entry = entryOf(skb)
    if (entry !== null) this.nat.setup(core, entry, this.range, this.manip)
    return ACCEPT
  }
}

class Masquerade implements Action {
  private readonly nat: Nat
  private readonly environment: Environment
  private readonly ports: Ports

  constructor(nat: Nat, environment: Environment, ports: Ports) {
    this.nat = nat
    this.environment = environment
    this.ports = ports
  }

  apply(
    core: Core,
    net: Netns,
    skb: SkBuff,
    _point: number,
    _input: NetDevice | null,
    output: NetDevice | null
  ): number {
    const entry = entryOf(skb)
    if (entry === null || output === null) return DROP
    if (entry.original.source === 0) return ACCEPT // DHCP asks before it has an address
    const address = this.environment.selectSource(net, skb, output)
    if (address === 0) return DROP
    entry.masqueradeIndex = output.index
    this.nat.setup(core, entry, withPorts(address, this.ports), MANIP_SRC)
    return ACCEPT
  }
}

/** DNAT to this host: the incoming device's first address, or 127.0.0.1 for its own packets. */
class Redirect implements Action {
  private readonly nat: Nat
  private readonly environment: Environment
  private readonly ports: Ports

  constructor(nat: Nat, environment: Environment, ports: Ports) {
    this.nat = nat
    this.environment = environment
    this.ports = ports
  }

  apply(core: Core, net: Netns, skb: SkBuff, point: number, input: NetDevice | null): number {
    const entry = entryOf(skb)
    if (entry === null) return DROP
    let address = LOOPBACK
    if (point !== Hooks.LOCAL_OUT) {
      address = input === null ? 0 : this.environment.firstAddress(net, input)
      if (address === 0) return DROP
    }
    this.nat.setup(core, entry, withPorts(address, this.ports), MANIP_DST)
    return ACCEPT
  }
}

const LOOPBACK = 0x7f000001

interface Ports {
  readonly portMin: number
  readonly portMax: number
  readonly random: boolean
}

const withPorts = (address: number, ports: Ports): NatRange => ({
  ...addressRange(address),
  portMin: ports.portMin,
  portMax: ports.portMax,
  random: ports.random
})

/** The object for a target; `nat` is null outside the nat table. */
export const compile = (target: Target, environment: Environment, nat: Nat | null): Action => {
  switch (target._tag) {
    case "Accept":
      return accept
    case "Drop":
      return drop
    case "Continue":
    case "Log": // a log line is what the rule's counter says
      return goOn
    case "Return":
      return back
    case "Jump":
      return jump
    case "Goto":
      return goTo
    case "Reject":
      return new Reject(environment, target.with)
    case "Mark":
      return new SetMark(target.value, target.mask)
    case "Notrack":
      return new Notrack()
    case "Dnat":
    case "Snat":
      return new Translate(nat!, target, target._tag === "Dnat" ? MANIP_DST : MANIP_SRC)
    case "Masquerade":
      return new Masquerade(nat!, environment, target)
    case "Redirect":
      return new Redirect(nat!, environment, target)
    default:
      return target satisfies never
  }
}

const ALL_POINTS = 31
const at = (...points: ReadonlyArray<number>): number => points.reduce((mask, point) => mask | (1 << point), 0)

/** Hook points, a bit each, a target may be reached from in a table; 0 when the table does not take it. */
export const pointsOf = (target: Target, table: TableName): number => {
  switch (target._tag) {
    case "Dnat":
    case "Redirect":
      return table === "nat" ? at(Hooks.PRE_ROUTING, Hooks.LOCAL_OUT) : 0
    case "Snat":
      return table === "nat" ? at(Hooks.POST_ROUTING, Hooks.LOCAL_IN) : 0
    case "Masquerade":
      return table === "nat" ? at(Hooks.POST_ROUTING) : 0
    case "Reject":
      return table === "filter" ? at(Hooks.LOCAL_IN, Hooks.FORWARD, Hooks.LOCAL_OUT) : 0
    case "Notrack":
      return table === "raw" ? ALL_POINTS : 0
    default:
      return ALL_POINTS
  }
}

/** Whether a target's own numbers make sense. */
export const isSound = (target: Target): boolean => {
  switch (target._tag) {
    case "Dnat":
    case "Snat":
      return target.addressMin >>> 0 <= target.addressMax >>> 0 && areSoundPorts(target)
    case "Masquerade":
    case "Redirect":
      return areSoundPorts(target)
    default:
      return true
  }
}

const areSoundPorts = (ports: Ports): boolean =>
  ports.portMin >= 0 &&
  ports.portMax <= 65_535 &&
  ports.portMin <= ports.portMax &&
  ports.portMin > 0 === ports.portMax > 0
