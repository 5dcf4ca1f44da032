import type { CacheShape } from "./CacheTable.ts"
import type { PageAllocator } from "./PageAllocator.ts"
import { GFP_KERNEL, outOfMemory } from "./Page.ts"

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
  readonly objectsPerSlab: number
  /** Objects handed out and not yet freed. */
  activeObjects: number
  private readonly pages: PageAllocator
  private readonly numa: boolean
  /**
   * One array, because a host has many caches and a data centre many hosts:
   *
   * ```
   * 0 … cpus - 1         free objects of each core's slab, -1 without a slab
   * cpuNode + core       node of each core's slab
   * nodeFree + node      free objects outside the cores' slabs
   * nodeActive + node    objects handed out; kept only with several nodes
   * ```
   */
  private readonly counts: Array<number>
  private readonly cpuNode: number
  private readonly nodeFree: number
  private readonly nodeActive: number
  /** First page frames of the slabs, a node, oldest first. */
  private readonly slabs: Array<Array<number> | undefined>

  constructor(shape: CacheShape, pages: PageAllocator) {
    this.shape = shape
    this.objectsPerSlab = shape.objectsPerSlab
    this.activeObjects = 0
    this.pages = pages
    this.numa = pages.nodes > 1
    this.cpuNode = pages.cpus
    this.nodeFree = 2 * pages.cpus
    this.nodeActive = 2 * pages.cpus + pages.nodes
    this.counts = new Array<number>(2 * (pages.cpus + pages.nodes)).fill(0).fill(-1, 0, pages.cpus)
    this.slabs = new Array<Array<number> | undefined>(pages.nodes).fill(undefined)
  }

  get name(): string {
    return this.shape.name
  }

  /** Takes one object for a core: 0, or -12 (ENOMEM). */
  alloc(cpu: number, flags: number = GFP_KERNEL): number {
    const free = this.counts[cpu] as number
    if (free <= 0) return this.allocSlow(cpu, flags)
    this.counts[cpu] = free - 1
    this.activeObjects++
    if (this.numa) this.move(this.counts[this.cpuNode + cpu] as number, 1)
    return 0
  }

  /**
   * Gives one object back on a core. With several nodes, `home` is the node whose page held it; left out, it is the
   * core's own node or, when that has no object out, the first that has.
   */
  free(cpu: number, home: number = -1): void {
    if (this.activeObjects === 0) throw new Error(`${this.shape.name}: more objects freed than taken`)
    if (this.numa) return this.freeNuma(cpu, home)
    this.activeObjects--
    const free = this.counts[cpu] as number
    if (free >= 0 && free < this.objectsPerSlab) this.counts[cpu] = free + 1
    else this.freeToNode(0)
  }

  /** Takes one object from a given node's pages (kmem_cache_alloc_node): 0, or -12. */
  allocOnNode(cpu: number, node: number, flags: number = GFP_KERNEL): number {
    const free = this.counts[cpu] as number
    if (free > 0 && this.counts[this.cpuNode + cpu] === node) return this.alloc(cpu, flags)
    let from = node
    if ((this.counts[this.nodeFree + node] as number) === 0) {
      from = this.newSlab(node, flags)
      if (from < 0) from = this.nodeWithFree()
      else this.counts[this.nodeFree + from] = (this.counts[this.nodeFree + from] as number) + this.objectsPerSlab
      if (from < 0) return outOfMemory
    }
    this.counts[this.nodeFree + from] = (this.counts[this.nodeFree + from] as number) - 1
    this.activeObjects++
    if (this.numa) this.move(from, 1)
    return 0
  }

  /** Takes the cores' slabs back and returns every empty slab (Linux: kmem_cache_shrink); the slabs returned. */
  shrink(): number {
    for (let cpu = 0; cpu < this.pages.cpus; cpu++) {
      const free = this.counts[cpu] as number
      const node = this.counts[this.cpuNode + cpu] as number
      if (free > 0) this.counts[this.nodeFree + node] = (this.counts[this.nodeFree + node] as number) + free
      this.counts[cpu] = -1
    }
    let returned = 0
    for (let node = 0; node < this.pages.nodes; node++) {
      while ((this.counts[this.nodeFree + node] as number) >= this.objectsPerSlab) {
        this.discard(node)
        returned++
      }
    }
    return returned
  }

  /** Slabs of one node. */
  slabsOnNode(node: number): number {
    return this.slabs[node]?.length ?? 0
  }

  get slabCount(): number {
    let count = 0
    for (let node = 0; node < this.slabs.length; node++) count += this.slabsOnNode(node)
    return count
  }

  /** Objects the slabs hold, free ones included. */
  get totalObjects(): number {
    return this.slabCount * this.objectsPerSlab
  }

  /** Pages of all slabs. */
  get pageCount(): number {
    return this.slabCount << this.shape.order
  }

  /** Free objects outside the cores' slabs; SLUB's slabinfo counts all others as active. */
  get partialFreeObjects(): number {
    let free = 0
    for (let node = 0; node < this.pages.nodes; node++) free += this.counts[this.nodeFree + node] as number
    return free
  }

  /** Objects handed out from one node's pages. */
  activeOnNode(node: number): number {
    return this.numa ? (this.counts[this.nodeActive + node] as number) : this.activeObjects
  }

  /** Every slab as (pfn, order); for checks only. */
  forEachSlab(visit: (pfn: number, order: number) => void): void {
    for (const list of this.slabs) if (list !== undefined) for (const pfn of list) visit(pfn, this.shape.order)
  }

  /** Objects in slabs = handed out + free in the cores' slabs + free elsewhere, on each node. Throws if not so. */
  check(): void {
    let active = 0
    for (let node = 0; node < this.slabs.length; node++) {
      let free = this.counts[this.nodeFree + node] as number
      for (let cpu = 0; cpu < this.pages.cpus; cpu++) {
        if (this.counts[this.cpuNode + cpu] === node) free += Math.max(0, this.counts[cpu] as number)
      }
      const out = this.activeOnNode(node)
      active += out
      if (free < 0 || out + free !== this.slabsOnNode(node) * this.objectsPerSlab) {
        throw new Error(`${this.shape.name}: node ${node} has ${out} objects out and ${free} free`)
      }
    }
    if (active !== this.activeObjects) throw new Error(`${this.shape.name}: the nodes' objects do not add up`)
  }

  private allocSlow(cpu: number, flags: number): number {
    let node = this.pages.nodeOfCpu(cpu)
    if ((this.counts[this.nodeFree + node] as number) === 0) {
      const got = this.newSlab(node, flags)
      node = got >= 0 ? got : this.nodeWithFree()
      if (node < 0) return outOfMemory
      if (got >= 0)
        this.counts[this.nodeFree + node] = (this.counts[this.nodeFree + node] as number) + this.objectsPerSlab
    }
    const free = this.counts[this.nodeFree + node] as number
    const taken = free < this.objectsPerSlab ? free : this.objectsPerSlab
    this.counts[this.nodeFree + node] = free - taken
    this.counts[cpu] = taken - 1
    this.counts[this.cpuNode + cpu] = node
    this.activeObjects++
    if (this.numa) this.move(node, 1)
    return 0
  }

  private freeNuma(cpu: number, home: number): void {
    let node = home >= 0 ? home : this.pages.nodeOfCpu(cpu)
    if ((this.counts[this.nodeActive + node] as number) === 0) {
      node = 0
      while ((this.counts[this.nodeActive + node] as number) === 0) node++
    }
    this.activeObjects--
    this.move(node, -1)
    const free = this.counts[cpu] as number
    if (this.counts[this.cpuNode + cpu] === node && free >= 0 && free < this.objectsPerSlab) this.counts[cpu] = free + 1
    else this.freeToNode(node)
  }

  private freeToNode(node: number): void {
    const free = (this.counts[this.nodeFree + node] as number) + 1
    this.counts[this.nodeFree + node] = free
    if (free >= (this.shape.minPartial + 1) * this.objectsPerSlab) this.discard(node)
  }

  private discard(node: number): void {
    this.pages.freePages((this.slabs[node] as Array<number>).pop() as number, this.shape.order)
    this.counts[this.nodeFree + node] = (this.counts[this.nodeFree + node] as number) - this.objectsPerSlab
  }

  /** The node a new slab came from, -1 without memory. */
  private newSlab(node: number, flags: number): number {
    const pfn = this.pages.allocPages(this.shape.order, node, flags)
    if (pfn < 0) return -1
    const got = this.pages.zoneOf(pfn).node
    const list = this.slabs[got]
    if (list === undefined) this.slabs[got] = [pfn]
    else list.push(pfn)
    return got
  }

  private nodeWithFree(): number {
    for (let node = 0; node < this.pages.nodes; node++)
      if ((this.counts[this.nodeFree + node] as number) > 0) return node
    return -1
  }

  private move(node: number, by: number): void {
    this.counts[this.nodeActive + node] = (this.counts[this.nodeActive + node] as number) + by
  }
}
