import type { CacheShape } from "./CacheTable.ts"
import { GFP_KERNEL, outOfMemory } from "./Page.ts"
import type { SlabBooks } from "./SlabBooks.ts"

/**
 * One slab cache of one host: how many objects are out, and which pages they take.
 *
 * Objects have no identity, so this counts and does not place:
 *
 * ```
 *   core     its slab: free objects 0 … objectsPerSlab, taken and refilled without a look at anything else
 *   node     free objects of all other slabs, always thought of as gathered in as few slabs as possible
 *   pages    one stack of slabs a node; the slab that came last leaves first
 * ```
 *
 * alloc: the core's slab, else up to a slab's worth from the node, else a new slab, else another node's free objects.
 * free: into the core's slab, when that is wholly free into the node; when the node's free objects make up more than
 * `minPartial` empty slabs, one slab goes back to the buddy system.
 *
 * Linux: slab_alloc_node, slab_free, __slab_free, discard_slab (mm/slub.c). Simplified: a freed object always joins the
 * freeing core's slab, so a node's slabs are never thinly filled (no fragmentation inside slabs); there are no
 * per-CPU partial lists; a slab that cannot have its order is not tried at a smaller one.
 */
export class SlabCache {
  readonly shape: CacheShape
  private readonly books: SlabBooks
  /** Of `books`, where this cache's numbers begin at `base`. */
  private readonly counts: Int32Array
  private readonly base: number

  /** @param index place in the host's table of caches */
  constructor(shape: CacheShape, books: SlabBooks, index: number) {
    this.shape = shape
    this.books = books
    this.counts = books.counts
    this.base = books.open(index)
  }

  get name(): string {
    return this.shape.name
  }

  get objectsPerSlab(): number {
    return this.shape.objectsPerSlab
  }

  /** Objects handed out and not yet freed. */
  get activeObjects(): number {
    return this.counts[this.base] as number
  }

  /** Takes one object for a core: 0, or -12 (ENOMEM). */
  alloc(cpu: number, flags: number = GFP_KERNEL): number {
    const { counts, base, books } = this
    const at = base + books.cpuFree + cpu
    const free = counts[at] as number
    if (free <= 0) return this.allocSlow(cpu, flags)
    counts[at] = free - 1
    counts[base]!++
    if (books.pages.nodes > 1) this.move(counts[base + books.cpuNode + cpu] as number, 1)
    return 0
  }

  /**
   * Gives one object back on a core. With several nodes, `home` is the node whose page held it; left out, it is the
   * core's own node or, when that has no object out, the first that has.
   */
  free(cpu: number, home: number = -1): void {
    const { counts, base, books } = this
    if (counts[base] === 0) throw new Error(`${this.shape.name}: more objects freed than taken`)
    if (books.pages.nodes > 1) return this.freeNuma(cpu, home)
    counts[base]!--
    const at = base + books.cpuFree + cpu
    const free = counts[at] as number
    if (free >= 0 && free < this.shape.objectsPerSlab) counts[at] = free + 1
    else this.freeToNode(0)
  }

  /** Takes one object from a given node's pages (kmem_cache_alloc_node): 0, or -12. */
  allocOnNode(cpu: number, node: number, flags: number = GFP_KERNEL): number {
    const { counts, base, books } = this
    const free = counts[base + books.cpuFree + cpu] as number
    if (free > 0 && this.nodeOfSlab(cpu) === node) return this.alloc(cpu, flags)
    let from = node
    if (this.freeOnNode(node) === 0) {
      from = this.newSlab(node, flags)
      if (from < 0) from = this.nodeWithFree()
      else this.addFree(from, this.shape.objectsPerSlab)
      if (from < 0) return outOfMemory
    }
    this.addFree(from, -1)
    counts[base]!++
    this.move(from, 1)
    return 0
  }

  /** Takes the cores' slabs back and returns every empty slab (Linux: kmem_cache_shrink); the slabs returned. */
  shrink(): number {
    const { pages } = this.books
    for (let cpu = 0; cpu < pages.cpus; cpu++) {
      const at = this.base + this.books.cpuFree + cpu
      const free = this.counts[at] as number
      if (free > 0) this.addFree(this.nodeOfSlab(cpu), free)
      this.counts[at] = -1
    }
    let returned = 0
    for (let node = 0; node < pages.nodes; node++) {
      while (this.freeOnNode(node) >= this.shape.objectsPerSlab) {
        this.discard(node)
        returned++
      }
    }
    return returned
  }

  /** Slabs of one node. */
  slabsOnNode(node: number): number {
    return this.counts[this.base + this.books.slabCount + node] as number
  }

  get slabCount(): number {
    let count = 0
    for (let node = 0; node < this.books.pages.nodes; node++) count += this.slabsOnNode(node)
    return count
  }

  /** Objects the slabs hold, free ones included. */
  get totalObjects(): number {
    return this.slabCount * this.shape.objectsPerSlab
  }

  /** Pages of all slabs. */
  get pageCount(): number {
    return this.slabCount << this.shape.order
  }

  /** Free objects outside the cores' slabs; SLUB's slabinfo counts all others as active. */
  get partialFreeObjects(): number {
    let free = 0
    for (let node = 0; node < this.books.pages.nodes; node++) free += this.freeOnNode(node)
    return free
  }

  /** Objects handed out from one node's pages. */
  activeOnNode(node: number): number {
    const { books } = this
    return books.pages.nodes > 1 ? (this.counts[this.base + books.nodeActive + node] as number) : this.activeObjects
  }

  /** Every slab as (pfn, order); for checks only. */
  forEachSlab(visit: (pfn: number, order: number) => void): void {
    const { order } = this.shape
    for (let node = 0; node < this.books.pages.nodes; node++) {
      this.books.forEach(this.base, node, (pfn) => visit(pfn, order))
    }
  }

  /** Objects in slabs = handed out + free in the cores' slabs + free elsewhere, on each node. Throws if not so. */
  check(): void {
    const { pages, cpuFree } = this.books
    let active = 0
    for (let node = 0; node < pages.nodes; node++) {
      let free = this.freeOnNode(node)
      for (let cpu = 0; cpu < pages.cpus; cpu++) {
        if (this.nodeOfSlab(cpu) === node) free += Math.max(0, this.counts[this.base + cpuFree + cpu] as number)
      }
      const out = this.activeOnNode(node)
      active += out
      if (free < 0 || out + free !== this.slabsOnNode(node) * this.shape.objectsPerSlab) {
        throw new Error(`${this.shape.name}: node ${node} has ${out} objects out and ${free} free`)
      }
    }
    if (active !== this.activeObjects) throw new Error(`${this.shape.name}: the nodes' objects do not add up`)
  }

  private allocSlow(cpu: number, flags: number): number {
    const { counts, base, books } = this
    let node = books.pages.nodeOfCpu(cpu)
    if (this.freeOnNode(node) === 0) {
      const got = this.newSlab(node, flags)
      node = got >= 0 ? got : this.nodeWithFree()
      if (node < 0) return outOfMemory
      if (got >= 0) this.addFree(node, this.shape.objectsPerSlab)
    }
    const free = this.freeOnNode(node)
    const taken = free < this.shape.objectsPerSlab ? free : this.shape.objectsPerSlab
    this.addFree(node, -taken)
    counts[base + books.cpuFree + cpu] = taken - 1
    if (books.pages.nodes > 1) counts[base + books.cpuNode + cpu] = node
    counts[base]!++
    this.move(node, 1)
    return 0
  }

  private freeNuma(cpu: number, home: number): void {
    const { counts, base, books } = this
    let node = home >= 0 ? home : books.pages.nodeOfCpu(cpu)
    if (this.activeOnNode(node) === 0) {
      node = 0
      while (this.activeOnNode(node) === 0) node++
    }
    counts[base]!--
    this.move(node, -1)
    const at = base + books.cpuFree + cpu
    const free = counts[at] as number
    if (this.nodeOfSlab(cpu) === node && free >= 0 && free < this.shape.objectsPerSlab) counts[at] = free + 1
    else this.freeToNode(node)
  }

  private freeToNode(node: number): void {
    this.addFree(node, 1)
    if (this.freeOnNode(node) >= (this.shape.minPartial + 1) * this.shape.objectsPerSlab) this.discard(node)
  }

  private discard(node: number): void {
    this.books.pages.freePages(this.books.pop(this.base, node), this.shape.order)
    this.addFree(node, -this.shape.objectsPerSlab)
  }

  /** The node a new slab came from, -1 without memory. */
  private newSlab(node: number, flags: number): number {
    const { pages } = this.books
    const pfn = pages.allocPages(this.shape.order, node, flags)
    if (pfn < 0) return -1
    const got = pages.zoneOf(pfn).node
    this.books.push(this.base, got, pfn)
    return got
  }

  private nodeWithFree(): number {
    for (let node = 0; node < this.books.pages.nodes; node++) if (this.freeOnNode(node) > 0) return node
    return -1
  }

  private freeOnNode(node: number): number {
    return this.counts[this.base + this.books.nodeFree + node] as number
  }

  private addFree(node: number, count: number): void {
    const at = this.base + this.books.nodeFree + node
    this.counts[at] = (this.counts[at] as number) + count
  }

  private nodeOfSlab(cpu: number): number {
    const { books } = this
    return books.pages.nodes > 1 ? (this.counts[this.base + books.cpuNode + cpu] as number) : 0
  }

  private move(node: number, by: number): void {
    const { books } = this
    if (books.pages.nodes === 1) return
    const at = this.base + books.nodeActive + node
    this.counts[at] = (this.counts[at] as number) + by
  }
}
