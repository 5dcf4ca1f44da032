/**
 * The forwarding database of a bridge: which MAC address is behind which port.
 *
 *     learned   from the source of a frame, dies when not refreshed for the ageing time
 *     static    set by somebody, does not age
 *     local     an address of a port or of the bridge itself: frames to it go up
 *
 * Keys are the two halves of a MAC address as int32, so that a frame's bytes are compared without an allocation. Ageing
 * is lazy: a look-up that meets an expired entry does not find it, the collector removes it.
 *
 * Linux: net/bridge/br_fdb.c (256 buckets).
 */
import type { BridgePort } from "./BridgePort.ts"

const BUCKETS = 256

export class FdbEntry {
  /** First 16 and last 32 bits of the address. */
  readonly high: number
  readonly low: number
  /** Null for an address of the bridge itself. */
  port: BridgePort | null
  isLocal: boolean
  isStatic: boolean
  /** Last time a frame came from it, ns. */
  updated: number
  /** Last time a frame went to it, ns. */
  used: number
  next: FdbEntry | null

  constructor(high: number, low: number, port: BridgePort | null, isLocal: boolean, isStatic: boolean, now: number) {
    this.high = high
    this.low = low
    this.port = port
    this.isLocal = isLocal
    this.isStatic = isStatic
    this.updated = now
    this.used = now
    this.next = null
  }

  /** 48-bit MAC address as a number. */
  get mac(): number {
    return this.high * 4294967296 + (this.low >>> 0)
  }
}

const bucketOf = (high: number, low: number): number => {
  const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b)
  return (mixed ^ (mixed >>> 15)) & (BUCKETS - 1)
}

export class Fdb {
  count: number
  /** Learned entries: while there are none, nothing ages. */
  learned: number
  private readonly buckets: Array<FdbEntry | null>

  constructor() {
    this.count = 0
    this.learned = 0
    this.buckets = Array.from({ length: BUCKETS }, () => null)
  }

  /** The entry of an address, whatever its age. */
  find(high: number, low: number): FdbEntry | null {
    let at = this.buckets[bucketOf(high, low)] ?? null
    while (at !== null && (at.low !== low || at.high !== high)) at = at.next
    return at
  }

  /** The entry of an address unless it has expired (Linux: __br_fdb_get). */
  lookup(high: number, low: number, holdTime: number, now: number): FdbEntry | null {
    const entry = this.find(high, low)
    return entry === null || (!entry.isStatic && entry.updated + holdTime <= now) ? null : entry
  }

  /**
   * A frame from this address came in by `port`: makes, refreshes or moves its entry (Linux: br_fdb_update).
   *
   * @returns true when the entry is new
   */
  learn(high: number, low: number, port: BridgePort, now: number): boolean {
    const entry = this.find(high, low)
    if (entry === null) {
      this.link(new FdbEntry(high, low, port, false, false, now))
      this.learned++
      return true
    }
    if (entry.isLocal) return false // own address as source: a loop, or a forgery
    if (entry.port !== port && !entry.isStatic) entry.port = port
    entry.updated = now
    return false
  }

  /** Adds a local or static entry, in place of a learned one. @returns false when a local one is there already */
  insert(mac: number, port: BridgePort | null, isLocal: boolean, now: number): boolean {
    const high = Math.floor(mac / 4294967296)
    const low = mac | 0
    const old = this.find(high, low)
    if (old !== null) {
      if (old.isLocal) return false
      this.remove(old)
    }
    this.link(new FdbEntry(high, low, port, isLocal, true, now))
    return true
  }

  /** Removes an entry by address. @returns false when there is none */
  delete(mac: number): boolean {
    const entry = this.find(Math.floor(mac / 4294967296), mac | 0)
    if (entry === null) return false
    this.remove(entry)
    return true
  }

  /**
   * Removes expired entries (Linux: br_fdb_cleanup).
   *
   * @returns time the next one expires, Infinity without one
   */
  collect(holdTime: number, now: number): number {
    let next = Infinity
    this.removeIf((entry) => {
      if (entry.isStatic) return false
      const expires = entry.updated + holdTime
      if (expires <= now) return true
      if (expires < next) next = expires
      return false
    })
    return next
  }

  /** Removes what is behind a port (Linux: br_fdb_delete_by_port). @param all local and static entries too */
  deletePort(port: BridgePort, all: boolean): void {
    this.removeIf((entry) => entry.port === port && (all || !entry.isStatic))
  }

  /** Removes every learned entry (Linux: br_fdb_flush). */
  flush(): void {
    this.removeIf((entry) => !entry.isStatic)
  }

  /** All entries, by bucket, newest first: the order of `bridge fdb`. */
  list(): ReadonlyArray<FdbEntry> {
    const all: Array<FdbEntry> = []
    for (const head of this.buckets) for (let at: FdbEntry | null = head; at !== null; at = at.next) all.push(at)
    return all
  }

  private link(entry: FdbEntry): void {
    const bucket = bucketOf(entry.high, entry.low)
    entry.next = this.buckets[bucket]!
    this.buckets[bucket] = entry
    this.count++
  }

  private remove(entry: FdbEntry): void {
    const bucket = bucketOf(entry.high, entry.low)
    let at = this.buckets[bucket] ?? null
    if (at === entry) this.buckets[bucket] = entry.next
    else {
      while (at !== null && at.next !== entry) at = at.next
      if (at === null) return
      at.next = entry.next
    }
    entry.next = null
    this.count--
    if (!entry.isStatic) this.learned--
  }

  private removeIf(choose: (entry: FdbEntry) => boolean): void {
    for (const entry of this.list()) if (choose(entry)) this.remove(entry)
  }
}
