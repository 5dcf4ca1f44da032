/**
 * Netfilter hooks of one namespace (Linux: NF_HOOK, net/netfilter/core.c): functions by hook point, in priority order.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { added } from "@darkfiber/sim/Exact"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import type { SkBuff } from "./SkBuff.ts"

export const PRE_ROUTING = 0
export const LOCAL_IN = 1
export const FORWARD = 2
export const LOCAL_OUT = 3
export const POST_ROUTING = 4
export const HOOKS = 5

/** Priorities (Linux: include/uapi/linux/netfilter_ipv4.h). */
export const PRIORITY_DEFRAG = -400
export const PRIORITY_RAW = -300
export const PRIORITY_CONNTRACK = -200
export const PRIORITY_MANGLE = -150
export const PRIORITY_NAT_DST = -100
export const PRIORITY_FILTER = 0
export const PRIORITY_NAT_SRC = 100
export const PRIORITY_CONFIRM = 2147483647

/** The hook has taken the buffer, or dropped and freed it (Linux: NF_STOLEN, NF_DROP: the hook drops with its reason). */
export const VERDICT_GONE = 0
/** Go on (Linux: NF_ACCEPT). */
export const VERDICT_ACCEPT = 1

export interface HookFunction {
  readonly name: string
  /** @returns VERDICT_ACCEPT, or VERDICT_GONE when `skb` no longer belongs to the caller */
  hook(core: Core, net: Netns, point: number, skb: SkBuff, input: NetDevice | null, output: NetDevice | null): number
}

interface Entry {
  readonly priority: number
  readonly order: number
  readonly fn: HookFunction
}

/** What every namespace has until a hook is registered. */
const NONE: ReadonlyArray<ReadonlyArray<Entry>> = Array.from({ length: HOOKS }, () => [])

export class Hooks {
  /** A function's registration replaces its chain, so that those without any are shared. */
  private chains: ReadonlyArray<ReadonlyArray<Entry>>
  private order: number

  constructor() {
    this.chains = NONE
    this.order = 0
  }

  /** Registers `fn`; equal priorities run in the order of their registration. */
  register(point: number, priority: number, fn: HookFunction): void {
    const chain = added(this.chains[point]!, { priority, order: this.order++, fn })
    chain.sort((left, right) => left.priority - right.priority || left.order - right.order)
    this.chains = this.chains.with(point, chain)
  }

  unregister(point: number, fn: HookFunction): void {
    const chain = this.chains[point]!
    const at = chain.findIndex((entry) => entry.fn === fn)
    if (at >= 0) this.chains = this.chains.with(point, chain.toSpliced(at, 1))
  }

  isEmpty(point: number): boolean {
    return this.chains[point]!.length === 0
  }

  /** Names of the functions of a point with their priorities, in order. */
  list(point: number): ReadonlyArray<{ readonly name: string; readonly priority: number }> {
    return this.chains[point]!.map((entry) => ({ name: entry.fn.name, priority: entry.priority }))
  }

  /** Runs the chain. @returns VERDICT_ACCEPT or VERDICT_GONE */
  run(core: Core, net: Netns, point: number, skb: SkBuff, input: NetDevice | null, output: NetDevice | null): number {
    const chain = this.chains[point]!
    for (let i = 0; i < chain.length; i++) {
      if (chain[i]!.fn.hook(core, net, point, skb, input, output) === VERDICT_GONE) return VERDICT_GONE
    }
    return VERDICT_ACCEPT
  }
}
