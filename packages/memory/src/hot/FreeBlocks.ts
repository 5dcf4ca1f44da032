import { orderMax, orders } from "../Page.ts"

/** Blocks up to which one sorted array is the whole book. */
const FEW = 48

/**
 * The free blocks of a zone, a stack an order, each findable by its first page frame. Taking one out of the middle of a
 * stack fills the hole with the newest of it.
 *
 * Few blocks, which is all that most zones ever have, stand in one array, the stack of order 0 first. Beyond that each
 * order has an array, and a map finds a block.
 */
export class FreeBlocks {
  /** Blocks an order; of the largest the zone counts its never split range too. */
  private readonly nrFree: Array<number>
  private count: number
  private few: Array<number>
  private lists: Array<Array<number>> | undefined
  /** First page frame -> place in its list * 16 + order. */
  private heads: Map<number, number> | undefined

  constructor(nrFree: Array<number>) {
    this.nrFree = nrFree
    this.count = 0
    this.few = []
    this.lists = undefined
    this.heads = undefined
  }

  length(order: number): number {
    return order === orderMax ? this.count - this.firstOf(orderMax) : (this.nrFree[order] as number)
  }

  push(pfn: number, order: number): void {
    const { lists } = this
    if (lists === undefined) {
      const at = this.endOf(order)
      if (this.count === this.few.length) this.widen()
      for (let i = this.count; i > at; i--) this.few[i] = this.few[i - 1] as number
      this.few[at] = pfn
    } else {
      const list = lists[order] as Array<number>
      ;(this.heads as Map<number, number>).set(pfn, list.length * 16 + order)
      list.push(pfn)
    }
    this.nrFree[order]!++
    this.count++
    if (lists === undefined && this.count > FEW) this.spread()
  }

  /** The newest block of an order that has one. */
  pop(order: number): number {
    const { lists } = this
    let pfn: number
    if (lists === undefined) {
      const at = this.endOf(order) - 1
      pfn = this.few[at] as number
      for (let i = at + 1; i < this.count; i++) this.few[i - 1] = this.few[i] as number
    } else {
      pfn = (lists[order] as Array<number>).pop() as number
      ;(this.heads as Map<number, number>).delete(pfn)
    }
    this.nrFree[order]!--
    this.count--
    return pfn
  }

  /** The order of the block that begins at `pfn`, -1 when none does. */
  orderAt(pfn: number): number {
    const { heads } = this
    if (heads !== undefined) {
      const entry = heads.get(pfn)
      return entry === undefined ? -1 : entry & 15
    }
    let at = this.count - 1
    while (at >= 0 && this.few[at] !== pfn) at--
    if (at < 0) return -1
    let order = 0
    for (let end = this.length(0); at >= end; end += this.length(order)) order++
    return order
  }

  /** Takes out a block that `orderAt` has found. */
  remove(pfn: number, order: number): void {
    const newest = this.pop(order)
    if (newest === pfn) return
    if (this.lists === undefined) {
      const start = this.firstOf(order)
      let at = start
      while (this.few[at] !== pfn) at++
      this.few[at] = newest
      return
    }
    const heads = this.heads as Map<number, number>
    const entry = heads.get(pfn) as number
    ;(this.lists[order] as Array<number>)[(entry - order) / 16] = newest
    heads.set(newest, entry)
    heads.delete(pfn)
  }

  forEach(visit: (pfn: number, order: number) => void): void {
    let at = 0
    for (let order = 0; order < orders; order++) {
      const list = this.lists === undefined ? this.few.slice(at, at + this.length(order)) : this.lists[order]!
      for (const pfn of list) visit(pfn, order)
      at += this.length(order)
    }
  }

  /** Where the stack of an order begins in `few`. */
  private firstOf(order: number): number {
    let at = 0
    for (let below = 0; below < order; below++) at += this.nrFree[below] as number
    return at
  }

  private endOf(order: number): number {
    return order === orderMax ? this.count : this.firstOf(order + 1)
  }

  /** Four places more: an array that grows by itself gets at least sixteen. */
  private widen(): void {
    const wider = new Array<number>(this.count + 4).fill(0)
    for (let i = 0; i < this.count; i++) wider[i] = this.few[i] as number
    this.few = wider
  }

  /** From one array to one an order. */
  private spread(): void {
    const lists: Array<Array<number>> = []
    const heads = new Map<number, number>()
    let at = 0
    for (let order = 0; order < orders; order++) {
      const list = this.few.slice(at, at + this.length(order))
      for (let i = 0; i < list.length; i++) heads.set(list[i] as number, i * 16 + order)
      at += list.length
      lists.push(list)
    }
    this.lists = lists
    this.heads = heads
    this.few = []
  }
}
