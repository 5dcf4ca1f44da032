/**
 * The forwarding tables of a namespace: `local` (filled by addresses) before `main` (filled by the user), as the default
 * rules have it. A look-up takes the longest prefix that has a usable entry; equal prefixes by metric.
 *
 * Linux: fib_lookup, fib_table_lookup, fib_table_insert (net/ipv4/fib_*.c).
 */
import { EEXIST, EINVAL, ENETUNREACH, ENODEV, ESRCH } from "./Errno.ts"
import * as D from "./Dst.ts"
import { longer, Lpm, maskOf } from "./hot/Lpm.ts"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"

/** Linux: RT_TABLE_*. */
export const TABLE_MAIN = 254
export const TABLE_LOCAL = 255

/** Linux: RTPROT_*: who put a route there. */
export const PROTOCOL_KERNEL = 2
export const PROTOCOL_BOOT = 3
export const PROTOCOL_STATIC = 4

/** Linux: RT_SCOPE_*. */
export const SCOPE_UNIVERSE = 0
export const SCOPE_LINK = 253
export const SCOPE_HOST = 254

/** A route (Linux: struct fib_info with its fib_alias). */
export class FibInfo {
  readonly table: number
  readonly prefix: number
  readonly length: number
  /** Dst.UNICAST, LOCAL, BROADCAST, BLACKHOLE, UNREACHABLE, PROHIBIT. */
  readonly type: number
  /** Null for the types that only refuse. */
  readonly dev: NetDevice | null
  readonly gateway: number
  /** Lower is preferred. */
  readonly metric: number
  /** Preferred source, 0 for chosen by the device's addresses. */
  readonly source: number
  readonly protocol: number
  readonly scope: number
  /** MTU of the route, 0 for the device's. */
  readonly mtu: number
  /** Segments of TCP's initial window, 0 for the kernel's (RTAX_INITCWND). */
  readonly initialCwnd: number
  /** Its device is down (RTNH_F_DEAD). */
  dead: boolean
  /** The ready route of this next hop, and those with a learned path MTU by destination. */
  output: D.Dst | null
  exceptions: Map<number, D.Dst> | null
  /** The route of the same prefix that comes after it. */
  next: FibInfo | null

  constructor(table: number, route: Required<RouteSpec>) {
    this.table = table
    this.prefix = route.prefix & maskOf(route.length)
    this.length = route.length
    this.type = route.type
    this.dev = route.dev
    this.gateway = route.gateway
    this.metric = route.metric
    this.source = route.source
    this.protocol = route.protocol
    this.scope = route.scope
    this.mtu = route.mtu
    this.initialCwnd = route.initialCwnd
    this.dead = false
    this.output = null
    this.exceptions = null
    this.next = null
  }
}

/** A route to be added. */
export interface RouteSpec {
  readonly prefix: number
  readonly length: number
  readonly type?: number
  readonly dev?: NetDevice | null
  /** Int32, 0 for none. */
  readonly gateway?: number
  readonly metric?: number
  readonly source?: number
  readonly protocol?: number
  readonly scope?: number
  readonly mtu?: number
  readonly initialCwnd?: number
}

/** Linux: fib_lookup's answers for the types that refuse. */
const refusal = (type: number): number =>
  type === D.BLACKHOLE ? -EINVAL : type === D.PROHIBIT ? -13 : type === D.UNREACHABLE ? -113 : 0

const CACHED = 8

/**
 * Answers of a table by destination, good for one generation of routes: a walk through the trie costs cache misses. The
 * array has destination and answer in turn, and is made with the first answer.
 */
class Answers {
  private entries: Array<number | FibInfo | null | undefined>
  private generation: number

  constructor() {
    this.entries = NO_ANSWERS
    this.generation = 0
  }

  /** Undefined when it is not known. */
  get(destination: number, generation: number): FibInfo | null | undefined {
    if (this.generation !== generation) {
      if (this.entries !== NO_ANSWERS) this.entries.fill(undefined)
      this.generation = generation
      return undefined
    }
    const at = placeOf(destination)
    return this.entries[at] === destination ? (this.entries[at + 1] as FibInfo | null) : undefined
  }

  set(destination: number, info: FibInfo | null): void {
    if (this.entries === NO_ANSWERS) this.entries = noAnswers()
    const at = placeOf(destination)
    this.entries[at] = destination
    this.entries[at + 1] = info
  }
}

const noAnswers = (): Array<undefined> => new Array<undefined>(2 * CACHED).fill(undefined)
const NO_ANSWERS = noAnswers()

const placeOf = (destination: number): number =>
  ((destination ^ (destination >>> 8) ^ (destination >>> 16)) & (CACHED - 1)) << 1

export class Fib {
  private readonly net: Netns
  private readonly local: Lpm<FibInfo>
  private readonly main: Lpm<FibInfo>
  private readonly answers: Answers
  private readonly localAnswers: Answers
  /** Look-ups made: what a route cache spares. */
  lookups: number
  /** Negative errno of the last look-up that found nothing or a refusing route. */
  error: number

  constructor(net: Netns) {
    this.net = net
    this.local = new Lpm()
    this.main = new Lpm()
    this.answers = new Answers()
    this.localAnswers = new Answers()
    this.lookups = 0
    this.error = 0
  }

  /**
   * The route for a destination, with entries of devices other than `oif` (0: any) passed over; null with `error`.
   */
  lookup(destination: number, oif: number): FibInfo | null {
    this.lookups++
    if (oif !== 0) return this.search(this.local, destination, oif) ?? this.searchMain(destination, oif)
    const known = this.answers.get(destination, this.net.routeGeneration)
    if (known !== undefined && known !== null) return known
    const found = this.search(this.local, destination, 0) ?? this.searchMain(destination, 0)
    if (found !== null) this.answers.set(destination, found)
    return found
  }

  /** The route for a destination in table `local` alone. */
  lookupLocal(destination: number): FibInfo | null {
    const known = this.localAnswers.get(destination, this.net.routeGeneration)
    if (known !== undefined) return known
    const found = this.search(this.local, destination, 0)
    this.localAnswers.set(destination, found)
    return found
  }

  private searchMain(destination: number, oif: number): FibInfo | null {
    this.error = -ENETUNREACH
    const found = this.search(this.main, destination, oif)
    if (found === null || found.dev !== null) return found
    this.error = refusal(found.type)
    return null
  }

  private search(table: Lpm<FibInfo>, destination: number, oif: number): FibInfo | null {
    let found: FibInfo | null = null
    for (let node = table.shortest(destination); node !== null; node = longer(node, destination)) {
      found = usable(node.value, oif) ?? found
    }
    return found
  }

  /** Adds a route; table `main` unless its type is LOCAL or BROADCAST. @returns 0 or a negative errno */
  add(spec: RouteSpec, table: number = TABLE_MAIN): number {
    if (spec.length < 0 || spec.length > 32) return -EINVAL
    const route = this.complete(spec)
    if (typeof route === "number") return route
    const info = new FibInfo(table, route)
    const trie = this.trie(table)
    let before: FibInfo | null = null
    for (let entry = trie.get(info.prefix, info.length); entry !== null; entry = entry.next) {
      if (entry.metric === info.metric && entry.type === info.type && same(entry, info, table)) return -EEXIST
      if (entry.metric <= info.metric) before = entry
    }
    if (before === null) {
      info.next = trie.get(info.prefix, info.length)
      trie.set(info.prefix, info.length, info)
    } else {
      info.next = before.next
      before.next = info
    }
    this.net.flushRoutes()
    return 0
  }

  /** Takes the first route out that matches what is given. @returns 0 or -ESRCH */
  delete(spec: RouteSpec, table: number = TABLE_MAIN): number {
    const trie = this.trie(table)
    let entry = trie.get(spec.prefix & maskOf(spec.length), spec.length)
    while (entry !== null && !matches(entry, spec)) entry = entry.next
    if (entry === null) return -ESRCH
    this.remove(trie, entry)
    return 0
  }

  /** Routes of a table in ascending order of their prefix. */
  list(table: number): ReadonlyArray<FibInfo> {
    const all: Array<FibInfo> = []
    this.trie(table).forEach((_prefix, _length, first) => {
      for (let entry: FibInfo | null = first; entry !== null; entry = entry.next) all.push(entry)
    })
    return all
  }

  /** Takes every route through a device out. With `keepLocal`, table `local` stays. Linux: fib_sync_down_dev */
  flushDevice(dev: NetDevice, keepLocal: boolean): void {
    this.removeIf(TABLE_MAIN, (entry) => entry.dev === dev)
    if (!keepLocal) this.removeIf(TABLE_LOCAL, (entry) => entry.dev === dev)
    else this.removeIf(TABLE_LOCAL, (entry) => entry.dev === dev && entry.type === D.BROADCAST)
    this.net.flushRoutes()
  }

  /** Takes routes out that prefer a source address which is gone. Linux: fib_sync_down_addr */
  flushSource(address: number): void {
    this.removeIf(TABLE_MAIN, (entry) => entry.source === address)
  }

  /** Fills in defaults and finds the device of a gateway. */
  private complete(spec: RouteSpec): Required<RouteSpec> | number {
    const type = spec.type ?? D.UNICAST
    const gateway = spec.gateway ?? 0
    let dev = spec.dev ?? null
    const refuses = type === D.BLACKHOLE || type === D.UNREACHABLE || type === D.PROHIBIT
    if (!refuses && gateway !== 0) {
      const hop = this.lookup(gateway, dev === null ? 0 : dev.index)
      // A gateway has to be on the link: a route through another gateway does not count (scope link).
      if (hop === null || hop.dev === null || hop.gateway !== 0) return -ENETUNREACH
      if (hop.type !== D.UNICAST) return -EINVAL
      dev = hop.dev
    }
    if (!refuses && dev === null) return -ENODEV
    if (dev !== null && type === D.UNICAST && !dev.isUp()) return -100
    return {
      prefix: spec.prefix,
      length: spec.length,
      type,
      dev: refuses ? null : dev,
      gateway,
      metric: spec.metric ?? 0,
      source: spec.source ?? 0,
      protocol: spec.protocol ?? PROTOCOL_BOOT,
      scope: spec.scope ?? (type === D.LOCAL ? SCOPE_HOST : gateway === 0 && !refuses ? SCOPE_LINK : SCOPE_UNIVERSE),
      mtu: spec.mtu ?? 0,
      initialCwnd: spec.initialCwnd ?? 0
    }
  }

  private trie(table: number): Lpm<FibInfo> {
    return table === TABLE_LOCAL ? this.local : this.main
  }

  private remove(trie: Lpm<FibInfo>, info: FibInfo): void {
    const first = trie.get(info.prefix, info.length)!
    if (first !== info) {
      let before = first
      while (before.next !== info) before = before.next!
      before.next = info.next
    } else if (info.next === null) trie.delete(info.prefix, info.length)
    else trie.set(info.prefix, info.length, info.next)
    info.dead = true
    this.net.flushRoutes()
  }

  private removeIf(table: number, test: (entry: FibInfo) => boolean): void {
    const trie = this.trie(table)
    for (const info of this.list(table).filter(test)) this.remove(trie, info)
  }
}

/** The first of the routes of a prefix that may be used, with devices other than `oif` (0: any) passed over. */
const usable = (first: FibInfo | null, oif: number): FibInfo | null => {
  for (let entry = first; entry !== null; entry = entry.next) {
    if (!entry.dead && (oif === 0 || entry.dev === null || entry.dev.index === oif)) return entry
  }
  return null
}

const matches = (entry: FibInfo, spec: RouteSpec): boolean =>
  (spec.type === undefined || entry.type === spec.type) &&
  (spec.dev === undefined || entry.dev === spec.dev) &&
  (spec.gateway === undefined || entry.gateway === spec.gateway) &&
  (spec.metric === undefined || entry.metric === spec.metric) &&
  (spec.source === undefined || entry.source === spec.source)

/** In table local the same address may stand on several devices. */
const same = (left: FibInfo, right: FibInfo, table: number): boolean =>
  table !== TABLE_LOCAL || (left.dev === right.dev && left.source === right.source)
