import type { CacheShape, CacheTable } from "./CacheTable.ts"
import { linux310Caches } from "./Caches.ts"
import { mmioHoleDefault, type LayoutOptions } from "./MemoryLayout.ts"
import { GFP_KERNEL, orderOf, outOfMemory } from "./Page.ts"
import { PageAllocator } from "./PageAllocator.ts"
import { SlabBooks } from "./SlabBooks.ts"
import { SlabCache } from "./SlabCache.ts"

/** How much memory a host has, where it lies, and which kernel keeps books. */
export interface MemoryOptions extends LayoutOptions {
  readonly cpus: number
  /** Distance of another node, 10 being local. */
  readonly remoteDistance: number
  readonly caches: CacheTable
}

/** One node of 4 GiB, one core, the kernel of the book, nothing reserved and nothing used. */
export const memoryDefaults: MemoryOptions = {
  totalBytes: 4294967296,
  nodes: 1,
  cpus: 1,
  mmioHoleBytes: mmioHoleDefault,
  reservedBytes: 0,
  bootUsedBytes: 0,
  pcpChunkPages: 128,
  minFreeKbytes: -1,
  minFreeKbytesMax: 65536,
  remoteDistance: 21,
  caches: linux310Caches
}

/**
 * The memory of one host: pages, and the slab caches above them. Bookkeeping only: no bytes stand behind a page.
 *
 * A cache comes into being when it is first asked for; ask once and keep it, `alloc` and `free` on it are the hot path.
 */
export class Memory {
  readonly pages: PageAllocator
  readonly caches: CacheTable
  private readonly books: SlabBooks
  private readonly bySlot: Array<SlabCache | undefined>
  /** First page frames of kmalloc blocks above the largest general cache, a list an order. */
  private readonly large: Array<Array<number>>

  constructor(options: MemoryOptions) {
    this.pages = new PageAllocator(options, options.cpus, options.remoteDistance)
    this.caches = options.caches
    this.books = new SlabBooks(this.pages, this.caches.shapes.length)
    this.bySlot = new Array<SlabCache | undefined>(this.caches.shapes.length).fill(undefined)
    this.large = []
  }

  /** True when this kernel has a cache, or an alias, of that name. */
  hasCache(name: string): boolean {
    return this.caches.indexOf(name) >= 0
  }

  /** The cache of that name, or the one it is an alias of. A name the kernel does not have is a defect. */
  cache(name: string): SlabCache {
    const index = this.caches.indexOf(name)
    if (index < 0) throw new Error(`this kernel has no cache ${name}`)
    return this.cacheAt(index)
  }

  /** The caches of an object that the kernel makes of several parts, by index. A name it does not have is a defect. */
  group(names: ReadonlyArray<string>): ReadonlyArray<number> {
    const indexes = this.caches.indexesOf(names)
    const missing = indexes.indexOf(-1)
    if (missing >= 0) throw new Error(`this kernel has no cache ${names[missing]}`)
    return indexes
  }

  /** Takes one object of each cache of a group; all or none. */
  allocAll(group: ReadonlyArray<number>, cpu: number): boolean {
    for (let i = 0; i < group.length; i++) {
      if (this.cacheAt(group[i]!).alloc(cpu) === 0) continue
      for (let j = 0; j < i; j++) this.cacheAt(group[j]!).free(cpu)
      return false
    }
    return true
  }

  /** Gives one object of each cache of a group back. */
  freeAll(group: ReadonlyArray<number>, cpu: number): void {
    for (let i = 0; i < group.length; i++) this.cacheAt(group[i]!).free(cpu)
  }

  /** The general cache for blocks of `bytes`, at most 8 KiB. */
  kmallocCache(bytes: number): SlabCache {
    const index = this.caches.kmallocIndex(bytes)
    if (index < 0) throw new Error(`no general cache holds ${bytes} bytes`)
    return this.cacheAt(index)
  }

  /** Takes a block of `bytes`, from a general cache or, above 8 KiB, as whole pages: 0, or -12 (ENOMEM). */
  kmalloc(bytes: number, cpu: number, flags: number = GFP_KERNEL): number {
    const index = this.caches.kmallocIndex(bytes)
    if (index >= 0) return this.cacheAt(index).alloc(cpu, flags)
    const order = orderOf(bytes)
    const pfn = this.pages.allocPages(order, this.pages.nodeOfCpu(cpu), flags)
    if (pfn < 0) return outOfMemory
    for (let missing = this.large.length; missing <= order; missing++) this.large.push([])
    ;(this.large[order] as Array<number>).push(pfn)
    return 0
  }

  /** Gives back a block of `bytes` that `kmalloc` gave; of equal large blocks the newest goes first. */
  kfree(bytes: number, cpu: number): void {
    const index = this.caches.kmallocIndex(bytes)
    if (index >= 0) return this.cacheAt(index).free(cpu)
    const order = orderOf(bytes)
    const pfn = this.large[order]?.pop()
    if (pfn === undefined) throw new Error(`kfree of ${bytes} bytes that nobody holds`)
    this.pages.freePages(pfn, order)
  }

  /** Returns every empty slab and drains the per-CPU page lists; the slabs returned. */
  shrink(): number {
    let returned = 0
    for (const cache of this.bySlot) if (cache !== undefined) returned += cache.shrink()
    this.pages.drainPcp()
    return returned
  }

  /** Pages of all slabs whose caches are reclaimable, or are not. */
  slabPages(reclaimable: boolean): number {
    let pages = 0
    for (const cache of this.bySlot) {
      if (cache !== undefined && cache.shape.reclaimable === reclaimable) pages += cache.pageCount
    }
    return pages
  }

  /** Objects handed out by a cache; 0 for one that was never used. */
  activeObjects(name: string): number {
    return this.bySlot[this.caches.indexOf(name)]?.activeObjects ?? 0
  }

  /** Caches in use so far, in the table's order. */
  *usedCaches(): Generator<SlabCache> {
    for (const cache of this.bySlot) if (cache !== undefined) yield cache
  }

  /**
   * Every sum that must hold: pages a zone, objects a cache and node; and no page belongs to two slabs, or to a slab
   * and a free list. Throws if not so.
   */
  check(): void {
    this.pages.check()
    const blocks: Array<readonly [start: number, end: number]> = []
    const add = (pfn: number, order: number): void => {
      blocks.push([pfn, pfn + (1 << order)])
    }
    for (const cache of this.bySlot) {
      cache?.check()
      cache?.forEachSlab(add)
    }
    for (let order = 0; order < this.large.length; order++) {
      for (const pfn of this.large[order] as Array<number>) add(pfn, order)
    }
    let held = 0
    for (const block of blocks) held += block[1] - block[0]
    let used = 0
    for (const zone of this.pages.zones) {
      used += zone.usedPages
      zone.forEachFree(add)
    }
    if (held > used) throw new Error(`slabs and large blocks hold ${held} pages, but ${used} are used`)
    blocks.sort((a, b) => a[0] - b[0])
    for (let i = 1; i < blocks.length; i++) {
      const page = (blocks[i] as readonly [number, number])[0]
      if (page < (blocks[i - 1] as readonly [number, number])[1]) throw new Error(`page ${page} belongs to two blocks`)
    }
  }

  /** The cache with an index of the table. */
  cacheAt(index: number): SlabCache {
    const known = this.bySlot[index]
    if (known !== undefined) return known
    const made = new SlabCache(this.caches.shapes[index] as CacheShape, this.books, index)
    this.bySlot[index] = made
    return made
  }
}
