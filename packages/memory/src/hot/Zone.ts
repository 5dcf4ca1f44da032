import { maxBlockPages, orderMax, orders } from "../Page.ts"
import { FreeBlocks } from "./FreeBlocks.ts"

/**
 * One zone of one node: the buddy system over a range of page frames.
 *
 * Free blocks stand in one list an order ([FreeBlocks](./FreeBlocks.ts)). Memory that was never split is no list entry but the range [tailStart, tailEnd), so that a host of 64 GB costs a few hundred bytes
 * until it is used. Blocks of the largest order that touch the range go back into it, so a zone from which
 * everything was freed looks exactly as it did at boot.
 *
 * Linux: struct zone, __rmqueue_smallest, expand, __free_one_page (mm/page_alloc.c). Differs: one list an order,
 * no migrate types; a list is a stack with holes filled by its last entry, so the order of reuse is fixed but
 * not Linux's.
 */
export class Zone {
  readonly node: number
  readonly type: number
  /** First page frame and the one behind the last, holes included (spanned). */
  readonly startPfn: number
  readonly endPfn: number
  /** Pages that exist (present) and those handed to the allocator (managed). */
  readonly presentPages: number
  readonly managedPages: number
  /** Pages in buddy blocks (NR_FREE_PAGES). */
  freePages: number
  /** Pages in per-CPU lists. */
  pcpPages: number
  /** Pages in use. */
  usedPages: number
  /** Watermarks in pages (WMARK_MIN, WMARK_LOW, WMARK_HIGH), set once at boot. */
  wmarkMin: number
  wmarkLow: number
  wmarkHigh: number
  /** Pages kept from requests that could have used a higher zone, by that zone (lowmem_reserve). */
  readonly lowmemReserve: [number, number, number]
  /** Pages moved at once between the buddy lists and a per-CPU list, and the length that starts a drain. */
  readonly pcpBatch: number
  readonly pcpHigh: number
  /** Free blocks an order, the never split ones included (free_area[].nr_free). */
  readonly nrFree: Array<number>
  private readonly blocks: FreeBlocks
  private tailStart: number
  private tailEnd: number

  /**
   * @param holePages pages of the span without memory, at its upper end
   * @param reservedPages pages below the hole that never reach the allocator
   * @param bootUsedPages pages below those in use from boot on, never freed
   */
  constructor(
    node: number,
    type: number,
    startPfn: number,
    endPfn: number,
    holePages: number,
    reservedPages: number,
    bootUsedPages: number,
    batch: number
  ) {
    this.node = node
    this.type = type
    this.startPfn = startPfn
    this.endPfn = endPfn
    this.presentPages = endPfn - startPfn - holePages
    this.managedPages = this.presentPages - reservedPages
    this.freePages = 0
    this.pcpPages = 0
    this.usedPages = bootUsedPages
    this.wmarkMin = 0
    this.wmarkLow = 0
    this.wmarkHigh = 0
    this.lowmemReserve = [0, 0, 0]
    this.pcpBatch = batch
    this.pcpHigh = 6 * batch
    this.nrFree = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    this.blocks = new FreeBlocks(this.nrFree)
    this.tailStart = 0
    this.tailEnd = 0
    this.addBootMemory(startPfn, startPfn + this.managedPages - bootUsedPages)
  }

  /** True when a page frame lies in this zone's span. */
  spans(pfn: number): boolean {
    return pfn >= this.startPfn && pfn < this.endPfn
  }

  /** Takes a block of 2^order pages out of the lists; -1 when there is none. Watermarks are the caller's. */
  take(order: number): number {
    for (let from = order; from < orderMax; from++) {
      if ((this.nrFree[from] as number) > 0) return this.split(this.pop(from), from, order)
    }
    if ((this.nrFree[orderMax] as number) === 0) return -1
    if (this.blocks.length(orderMax) > 0) return this.split(this.pop(orderMax), orderMax, order)
    const pfn = this.tailStart
    this.tailStart = pfn + maxBlockPages
    this.nrFree[orderMax] = (this.nrFree[orderMax] as number) - 1
    this.freePages -= maxBlockPages
    return this.split(pfn, orderMax, order)
  }

  /** Gives a block back; merges it with its buddy as long as the buddy is free and of the same order. */
  give(pfn: number, order: number): void {
    this.assertGivable(pfn, order)
    let head = pfn
    let size = order
    while (size < orderMax) {
      const buddy = head ^ (1 << size)
      if (this.blocks.orderAt(buddy) !== size) break
      this.unlink(buddy, size)
      head &= ~(1 << size)
      size++
    }
    this.push(head, size)
    if (size === orderMax) this.absorb()
  }

  /** Free blocks from the lists and the never split range, as (pfn, order); for checks only. */
  forEachFree(visit: (pfn: number, order: number) => void): void {
    this.blocks.forEach(visit)
    for (let pfn = this.tailStart; pfn < this.tailEnd; pfn += maxBlockPages) visit(pfn, orderMax)
  }

  private addBootMemory(start: number, end: number): void {
    const low = Math.min(end, Math.ceil(start / maxBlockPages) * maxBlockPages)
    const high = Math.max(low, Math.floor(end / maxBlockPages) * maxBlockPages)
    this.addRange(start, low)
    this.tailStart = low
    this.tailEnd = high
    this.nrFree[orderMax] = (high - low) / maxBlockPages
    this.freePages += high - low
    this.addRange(high, end)
  }

  private addRange(start: number, end: number): void {
    let pfn = start
    while (pfn < end) {
      let order = 0
      while (order < orderMax - 1 && (pfn & (1 << order)) === 0 && pfn + (2 << order) <= end) order++
      this.push(pfn, order)
      pfn += 1 << order
    }
  }

  private split(pfn: number, from: number, to: number): number {
    for (let order = from - 1; order >= to; order--) this.push(pfn + (1 << order), order)
    return pfn
  }

  private push(pfn: number, order: number): void {
    this.blocks.push(pfn, order)
    this.freePages += 1 << order
  }

  private pop(order: number): number {
    this.freePages -= 1 << order
    return this.blocks.pop(order)
  }

  private unlink(pfn: number, order: number): void {
    this.blocks.remove(pfn, order)
    this.freePages -= 1 << order
  }

  /** Joins listed blocks of the largest order right below the never split range to it. */
  private absorb(): void {
    while (this.blocks.orderAt(this.tailStart - maxBlockPages) === orderMax) {
      this.tailStart -= maxBlockPages
      this.unlink(this.tailStart, orderMax)
      this.nrFree[orderMax] = (this.nrFree[orderMax] as number) + 1
      this.freePages += maxBlockPages
    }
  }

  private assertGivable(pfn: number, order: number): void {
    const size = 1 << order
    const end = this.startPfn + this.managedPages
    if ((pfn & (size - 1)) !== 0 || pfn < this.startPfn || pfn + size > end) {
      throw new Error(`page ${pfn} of order ${order} is no block of this zone`)
    }
    if (pfn >= this.tailStart && pfn < this.tailEnd) throw new Error(`page ${pfn} was freed twice`)
    for (let above = 0; above < orders; above++) {
      const head = pfn & ~((1 << above) - 1)
      if (this.blocks.orderAt(head) >= above) throw new Error(`page ${pfn} was freed twice`)
    }
  }
}
