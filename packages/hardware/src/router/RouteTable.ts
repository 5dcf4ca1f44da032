/**
 * Routes of a router: longest prefix first, groups of equal-cost hops, and a cache from destination to result, because a
 * fabric sees the same few destinations all the time.
 */
import { finish32 } from "@darkfiber/sim/Random"

/** Where a packet goes next: out of a port, to a gateway or (0) straight to its destination. */
export interface Hop {
  readonly port: number
  /** Int32 address, 0 for a network that the port is in. */
  readonly gateway: number
}

/** What a route leads to. `live` are the hops whose port is up. */
export interface Group {
  readonly hops: ReadonlyArray<Hop>
  live: ReadonlyArray<Hop>
}

const CACHE_MAX = 65_536

export class RouteTable {
  /** Prefixes held. */
  count: number
  private readonly byLength: Array<Map<number, Group> | null>
  private keys: Int32Array
  private values: Array<Group | null>
  private used: number
  private mask: number
  private isUp: (port: number) => boolean

  /** @param isUp tells whether a port has light */
  constructor(isUp: (port: number) => boolean) {
    this.count = 0
    this.byLength = Array.from({ length: 33 }, () => null)
    this.keys = new Int32Array(16)
    this.values = Array.from({ length: 16 }, () => null)
    this.used = 0
    this.mask = 15
    this.isUp = isUp
  }

  /** Sets the route to `prefix/length` (int32, 0 to 32 bits); with no hops it is taken away. */
  set(prefix: number, length: number, hops: ReadonlyArray<Hop>): void {
    if (!Number.isInteger(length) || length < 0 || length > 32) throw new Error(`a prefix length of ${length}`)
    if (hops.length > 1 && hops.some((hop) => hop.gateway === 0)) throw new Error("equal-cost hops need gateways")
    const routes = (this.byLength[length] ??= new Map<number, Group>())
    const key = prefix & maskOf(length)
    if (routes.has(key)) this.count--
    if (hops.length === 0) routes.delete(key)
    else {
      routes.set(key, { hops, live: hops.filter((hop) => this.isUp(hop.port)) })
      this.count++
    }
    this.forget()
  }

  /** A port went up or down: groups are hashed over the hops that are left. */
  refresh(): void {
    for (const routes of this.byLength) {
      if (routes === null) continue
      for (const group of routes.values()) group.live = group.hops.filter((hop) => this.isUp(hop.port))
    }
    this.forget()
  }

  /** The group of the longest prefix that holds `destination` and has a live hop, or null. */
  lookup(destination: number): Group | null {
    const mask = this.mask
    let slot = finish32(destination) & mask
    for (;;) {
      const group = this.values[slot]!
      if (group === null) return this.miss(destination)
      if (this.keys[slot] === destination) return group
      slot = (slot + 1) & mask
    }
  }

  private miss(destination: number): Group | null {
    for (let length = 32; length >= 0; length--) {
      const group = this.byLength[length]?.get(destination & maskOf(length))
      if (group === undefined || group.live.length === 0) continue
      this.remember(destination, group)
      return group
    }
    return null
  }

  private remember(destination: number, group: Group): void {
    if ((this.used + 1) * 2 > this.mask) {
      if (this.mask + 1 >= CACHE_MAX) this.forget()
      else this.widen()
    }
    this.insert(destination, group)
  }

  private insert(destination: number, group: Group): void {
    let slot = finish32(destination) & this.mask
    while (this.values[slot] !== null) slot = (slot + 1) & this.mask
    this.keys[slot] = destination
    this.values[slot] = group
    this.used++
  }

  private widen(): void {
    const { keys, values } = this
    const capacity = (this.mask + 1) * 2
    this.keys = new Int32Array(capacity)
    this.values = Array.from({ length: capacity }, () => null)
    this.mask = capacity - 1
    this.used = 0
    values.forEach((group, slot) => {
      if (group !== null) this.insert(keys[slot]!, group)
    })
  }

  private forget(): void {
    if (this.used === 0) return
    this.values.fill(null)
    this.used = 0
  }
}

/** The network mask of a length, int32. */
export const maskOf = (length: number): number => (length === 0 ? 0 : -1 << (32 - length))
