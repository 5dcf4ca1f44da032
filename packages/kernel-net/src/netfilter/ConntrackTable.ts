/**
 * The conntrack hash table of a host: all namespaces in one, each look-up names its own (Linux since 4.7; 3.10 has one
 * table a namespace, which no look-up can tell apart).
 *
 *     bucket ── TupleHash ── TupleHash ──            both directions of an entry hang in the table
 *     list   ── oldest ══ … ══ newest                confirmed entries, for the collector and for listings
 *
 * Timeouts are lazy: a packet stores a new deadline, a look-up that meets an expired entry removes it, and one collector
 * removes the rest, at most a second late. The bucket count grows with the load and shows nowhere.
 *
 * Linux: net/netfilter/nf_conntrack_core.c.
 */
import type { SlabCache } from "@darkfiber/memory/SlabCache"
import { Entry, STATUS_ASSURED, STATUS_CONFIRMED, STATUS_DYING, STATUS_NAT_MASK } from "./ConntrackEntry.ts"
import type { ConntrackNet } from "./ConntrackNet.ts"
import { hash, type Tuple, type TupleHash } from "./Tuple.ts"

/** Where the collector gets its timer from. */
export interface Collector {
  /** Calls `collect` at `time` or soon after; an earlier call replaces a later one. */
  arm(time: number): void
}

/** Buckets early_drop looks through (Linux: NF_CT_EVICTION_RANGE). */
export const EVICTION_RANGE = 8
/** Least time between two runs of the collector. */
const COLLECT_INTERVAL = 1_000_000_000
const BUCKETS_FIRST = 64

export class ConntrackTable {
  /** Confirmed entries of all namespaces. */
  confirmed: number
  oldest: Entry | null
  private newest: Entry | null
  private buckets: Array<TupleHash | null>
  private bySource: Array<Entry | null>
  private readonly seed: number
  private readonly cache: SlabCache
  private readonly collector: Collector
  private pool: Entry | null
  private armedAt: number

  constructor(seed: number, cache: SlabCache, collector: Collector) {
    this.confirmed = 0
    this.oldest = null
    this.newest = null
    this.buckets = emptyBuckets(BUCKETS_FIRST)
    this.bySource = Array.from({ length: BUCKETS_FIRST }, () => null)
    this.seed = seed
    this.cache = cache
    this.collector = collector
    this.pool = null
    this.armedAt = Infinity
  }

  /** The direction of a live entry that has this tuple (Linux: nf_conntrack_find_get, without the reference). */
  find(net: ConntrackNet, tuple: Tuple, now: number): TupleHash | null {
    let at = this.buckets[this.bucketOf(net.id, tuple)] ?? null
    while (at !== null) {
      if (at.ports === tuple.ports && at.source === tuple.source && at.equals(tuple) && at.entry.owner === net) {
        if (at.entry.deadline > now) return at
        this.remove(at.entry)
        return null // a tuple is in the table once
      }
      at = at.next
    }
    return null
  }

  /** True when another entry than `except` has this tuple in one of its directions (Linux: nf_conntrack_tuple_taken). */
  isTaken(net: ConntrackNet, tuple: Tuple, except: Entry, now: number): boolean {
    const found = this.find(net, tuple, now)
    return found !== null && found.entry !== except
  }

  /**
   * A new entry with one reference, for the buffer that asked (Linux: __nf_conntrack_alloc).
   *
   * @returns null when the table is full and nothing can be evicted, or memory is out: the packet is dropped
   */
  alloc(net: ConntrackNet, original: Tuple, cpu: number, now: number): Entry | null {
    if (net.max > 0 && net.count >= net.max && !this.earlyDrop(net, original, now)) {
      net.stats.dropped++
      return null
    }
    if (this.cache.alloc(cpu) !== 0) return null
    net.count++
    net.stats.created++
    let entry = this.pool
    if (entry === null) entry = new Entry(this)
    else this.pool = entry.following
    entry.following = null
    entry.owner = net
    entry.status = 0
    entry.state = 0
    entry.timeout = 0
    entry.deadline = Infinity
    entry.streamAt = 0
    entry.mark = 0
    entry.masqueradeIndex = 0
    entry.packets[0] = 0
    entry.packets[1] = 0
    entry.bytes[0] = 0
    entry.bytes[1] = 0
    entry.lastEvent = -1
    entry.lastDirection = 0
    entry.lastEnd = 0
    entry.closers = 0
    entry.uses = 1
    entry.cpu = cpu
    return entry
  }

  /** The last reference is gone (Linux: destroy_conntrack). */
  destroy(entry: Entry): void {
    this.unlinkSource(entry)
    const owner = entry.owner!
    owner.count--
    owner.stats.deleted++
    this.cache.free(entry.cpu)
    entry.owner = null
    entry.previous = null
    entry.following = this.pool
    this.pool = entry
  }

  /**
   * Puts an unconfirmed entry into the table (Linux: __nf_conntrack_confirm).
   *
   * @returns false when another entry has got one of its tuples meanwhile: the packet is dropped
   */
  confirm(entry: Entry, now: number): boolean {
    const net = entry.owner!
    if (this.isTaken(net, entry.original, entry, now) || this.isTaken(net, entry.reply, entry, now)) {
      net.stats.insertFailed++
      return false
    }
    entry.status |= STATUS_CONFIRMED
    entry.deadline = now + entry.timeout
    entry.uses++
    this.link(entry)
    if (++this.confirmed * 2 > this.buckets.length) this.grow()
    net.stats.inserted++
    this.arm(entry.deadline, now)
    return true
  }

  /** A packet moves the deadline of an entry; an earlier one may need the collector sooner. */
  refresh(entry: Entry, timeout: number, now: number): void {
    if (!entry.isConfirmed()) {
      entry.timeout = timeout
      return
    }
    const deadline = now + timeout
    if (deadline < entry.deadline) this.arm(deadline, now)
    entry.deadline = deadline
  }

  /** Takes an entry out of the table; buffers may still hold it (Linux: nf_ct_kill). */
  remove(entry: Entry): void {
    if ((entry.status & STATUS_CONFIRMED) === 0 || (entry.status & STATUS_DYING) !== 0) return
    entry.status |= STATUS_DYING
    this.unhash(entry.original)
    this.unhash(entry.reply)
    if (entry.previous === null) this.oldest = entry.following
    else entry.previous.following = entry.following
    if (entry.following === null) this.newest = entry.previous
    else entry.following.previous = entry.previous
    entry.previous = null
    entry.following = null
    this.unlinkSource(entry)
    this.confirmed--
    entry.put()
  }

  /** Removes every entry of `net` for which `choose` is true: conntrack -F, a namespace that ends. @returns how many */
  flush(net: ConntrackNet, choose: (entry: Entry) => boolean): number {
    let count = 0
    for (let entry = this.oldest; entry !== null;) {
      const next = entry.following
      if (entry.owner === net && choose(entry)) {
        this.remove(entry)
        count++
      }
      entry = next
    }
    return count
  }

  /** Removes what has expired and arms the next run (Linux: gc_worker). */
  collect(now: number): void {
    this.armedAt = Infinity
    let earliest = Infinity
    for (let entry = this.oldest; entry !== null;) {
      const next = entry.following
      if (entry.deadline <= now) this.remove(entry)
      else if (entry.deadline < earliest) earliest = entry.deadline
      entry = next
    }
    if (earliest < Infinity) this.arm(earliest, now)
  }

  /** Entries whose original source is the tuple's, a chain by `sourceNext`; the caller compares. */
  sourceChain(net: ConntrackNet, tuple: Tuple): Entry | null {
    return this.bySource[this.sourceBucketOf(net.id, tuple)] ?? null
  }

  /** Makes the entry findable by its original source (Linux: nf_nat_setup_info, nat_bysource). */
  linkSource(entry: Entry): void {
    if (entry.sourceBucket >= 0) return
    const bucket = this.sourceBucketOf(entry.owner!.id, entry.original)
    entry.sourceBucket = bucket
    entry.sourceNext = this.bySource[bucket] ?? null
    this.bySource[bucket] = entry
  }

  private unlinkSource(entry: Entry): void {
    if (entry.sourceBucket < 0) return
    let at = this.bySource[entry.sourceBucket] ?? null
    if (at === entry) this.bySource[entry.sourceBucket] = entry.sourceNext
    else {
      while (at !== null && at.sourceNext !== entry) at = at.sourceNext
      if (at !== null) at.sourceNext = entry.sourceNext
    }
    entry.sourceBucket = -1
    entry.sourceNext = null
  }

  /** Makes room by giving up a flow that is not assured, in the next buckets (Linux: early_drop). */
  private earlyDrop(net: ConntrackNet, tuple: Tuple, now: number): boolean {
    const mask = this.buckets.length - 1
    let bucket = this.bucketOf(net.id, tuple)
    let seen = 0
    for (let i = 0; i <= mask && seen < EVICTION_RANGE; i++) {
      let victim: Entry | null = null
      for (let at = this.buckets[bucket] ?? null; at !== null && seen < EVICTION_RANGE; at = at.next) {
        if (at.entry.owner !== net) continue
        seen++
        if ((at.entry.status & STATUS_ASSURED) === 0 || at.entry.deadline <= now) victim = at.entry
      }
      if (victim !== null) {
        this.remove(victim)
        if (net.count < net.max) {
          net.stats.earlyDropped++
          return true
        }
      }
      bucket = (bucket + 1) & mask
    }
    return false
  }

  private arm(deadline: number, now: number): void {
    const at = deadline < now + COLLECT_INTERVAL ? now + COLLECT_INTERVAL : deadline
    if (at >= this.armedAt) return
    this.armedAt = at
    this.collector.arm(at)
  }

  private bucketOf(netns: number, tuple: Tuple): number {
    return hash(this.seed, netns, tuple) & (this.buckets.length - 1)
  }

  private sourceBucketOf(netns: number, tuple: Tuple): number {
    const mixed = Math.imul(tuple.source ^ this.seed ^ (tuple.ports >>> 16) ^ Math.imul(netns, 0x9e3779b1), 0x85ebca6b)
    return (mixed ^ (mixed >>> 15)) & (this.bySource.length - 1)
  }

  private link(entry: Entry): void {
    this.hang(entry.original)
    this.hang(entry.reply)
    entry.previous = this.newest
    if (this.newest === null) this.oldest = entry
    else this.newest.following = entry
    this.newest = entry
  }

  private hang(direction: TupleHash): void {
    const bucket = this.bucketOf(direction.entry.owner!.id, direction)
    direction.bucket = bucket
    direction.next = this.buckets[bucket] ?? null
    this.buckets[bucket] = direction
  }

  private unhash(direction: TupleHash): void {
    let at = this.buckets[direction.bucket] ?? null
    if (at === direction) this.buckets[direction.bucket] = direction.next
    else {
      while (at !== null && at.next !== direction) at = at.next
      if (at !== null) at.next = direction.next
    }
    direction.bucket = -1
    direction.next = null
  }

  private grow(): void {
    const size = this.buckets.length * 4
    this.buckets = emptyBuckets(size)
    this.bySource = Array.from({ length: size }, () => null)
    for (let entry = this.oldest; entry !== null; entry = entry.following) {
      this.hang(entry.original)
      this.hang(entry.reply)
      if (entry.sourceBucket >= 0) {
        entry.sourceBucket = -1
        this.linkSource(entry)
      }
    }
  }
}

/** True when an address or port of the flow is translated. */
export const isTranslated = (entry: Entry): boolean => (entry.status & STATUS_NAT_MASK) !== 0

const emptyBuckets = (size: number): Array<TupleHash | null> => Array.from({ length: size }, () => null)
