import type { PageAllocator } from "./PageAllocator.ts"

/** Numbers a slab has in `chain`: its first page frame, and the link of the slab below it. */
const LINK = 2
/** Slabs there is room for at first; a host of 6.x has about twenty when it has booted. */
const FIRST_SLABS = 24

/**
 * The numbers behind all slab caches of one host, in two arrays: a data centre has a hundred thousand caches, and an
 * array of its own for each would cost more than what it counts. A slab's link is its place in `chain`.
 *
 * ```
 * counts, at a cache's base:
 *   0                     objects handed out
 *   cpuFree + core        free objects of each core's slab, -1 without a slab
 *   nodeFree + node       free objects outside the cores' slabs
 *   slabCount + node      slabs
 *   newest + node         link of the slab that came last, -1 without
 *   cpuNode + core        node of each core's slab; only with several nodes
 *   nodeActive + node     objects handed out; only with several nodes
 * ```
 */
export class SlabBooks {
  readonly pages: PageAllocator
  readonly counts: Int32Array
  readonly cpuFree: number
  readonly nodeFree: number
  readonly slabCount: number
  readonly newest: number
  readonly cpuNode: number
  readonly nodeActive: number
  private readonly stride: number
  private chain: Int32Array
  /** Links never used so far begin here; those given back are chained from `spare`. */
  private fresh: number
  private spare: number

  constructor(pages: PageAllocator, caches: number) {
    const { cpus, nodes } = pages
    this.pages = pages
    this.cpuFree = 1
    this.nodeFree = 1 + cpus
    this.slabCount = this.nodeFree + nodes
    this.newest = this.slabCount + nodes
    this.cpuNode = this.newest + nodes
    this.nodeActive = this.cpuNode + cpus
    this.stride = nodes > 1 ? this.nodeActive + nodes : this.cpuNode
    this.counts = new Int32Array(caches * this.stride)
    this.chain = new Int32Array(FIRST_SLABS * LINK)
    this.fresh = 0
    this.spare = -1
  }

  /** Where the numbers of the `index`-th cache begin, cleared. */
  open(index: number): number {
    const base = index * this.stride
    const { cpus, nodes } = this.pages
    this.counts.fill(-1, base + this.cpuFree, base + this.cpuFree + cpus)
    this.counts.fill(-1, base + this.newest, base + this.newest + nodes)
    return base
  }

  /** Puts a slab on top of a node's stack. `base` is the cache's. */
  push(base: number, node: number, pfn: number): void {
    let link = this.spare
    if (link >= 0) this.spare = this.chain[link + 1] as number
    else {
      link = this.fresh
      if (link === this.chain.length) this.grow()
      this.fresh = link + LINK
    }
    const top = base + this.newest + node
    this.chain[link] = pfn
    this.chain[link + 1] = this.counts[top] as number
    this.counts[top] = link
    this.counts[base + this.slabCount + node]!++
  }

  /** Takes the slab that came last from a node's stack; its first page frame. The stack is not empty. */
  pop(base: number, node: number): number {
    const top = base + this.newest + node
    const link = this.counts[top] as number
    if (link < 0) throw new Error(`node ${node} has no slab to give back`)
    const pfn = this.chain[link] as number
    this.counts[top] = this.chain[link + 1] as number
    this.chain[link + 1] = this.spare
    this.spare = link
    this.counts[base + this.slabCount + node]!--
    return pfn
  }

  /** First page frames of a node's slabs, newest first; for checks only. */
  forEach(base: number, node: number, visit: (pfn: number) => void): void {
    for (let link = this.counts[base + this.newest + node] as number; link >= 0;) {
      visit(this.chain[link] as number)
      link = this.chain[link + 1] as number
    }
  }

  private grow(): void {
    const larger = new Int32Array(this.chain.length * 2)
    larger.set(this.chain)
    this.chain = larger
  }
}
