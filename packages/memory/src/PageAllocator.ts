import type { Zone } from "./hot/Zone.ts"
import { zonesOf, type LayoutOptions } from "./MemoryLayout.ts"
import { GFP_ATOMIC, GFP_KERNEL, GFP_THISNODE, highestZone, orders, ZONE_NORMAL } from "./Page.ts"

const HIT = 0
const MISS = 1
const FOREIGN = 2

/** Where requests of one node went (Linux: numa_hit, numa_miss, numa_foreign). */
export interface NumaCounters {
  /** Blocks taken from this node that were wanted from it. */
  readonly hit: number
  /** Blocks taken from this node that were wanted from another. */
  readonly miss: number
  /** Blocks wanted from this node that another gave. */
  readonly foreign: number
}

/**
 * The page allocator of a host: zones of all nodes, the order in which they are tried, watermarks, per-CPU lists of
 * single pages and NUMA counters. A block is named by its first page frame (pfn).
 *
 * A request tries its node's zones from NORMAL down to DMA, then the other nodes', first down to the watermark
 * `low`, then down to `min`; GFP_ATOMIC goes to 3/8 of `min`. In a zone lower than the request could have used,
 * lowmem_reserve is kept on top.
 *
 * Linux: __alloc_pages, get_page_from_freelist, __zone_watermark_ok (mm/page_alloc.c). Differs: no reclaim,
 * compaction, kswapd or OOM killer: what Linux would try after the watermark `min`, fails here at once. Nodes are
 * tried by number after the local one.
 */
export class PageAllocator {
  readonly zones: ReadonlyArray<Zone>
  readonly nodes: number
  readonly cpus: number
  /** Distance between two nodes, 10 being local (SLIT); the same for every pair. */
  readonly remoteDistance: number
  private readonly zonelists: ReadonlyArray<ReadonlyArray<Zone>>
  private readonly pcp: Array<Array<number> | undefined>
  /** Three numbers a node: hit, miss, foreign. */
  private readonly requests: Array<number>

  constructor(layout: LayoutOptions, cpus: number, remoteDistance: number) {
    this.zones = zonesOf(layout)
    this.nodes = layout.nodes
    this.cpus = cpus
    this.remoteDistance = remoteDistance
    this.zonelists = Array.from({ length: layout.nodes }, (_, node) => zonelistOf(this.zones, node, layout.nodes))
    this.pcp = new Array<Array<number> | undefined>(cpus * this.zones.length).fill(undefined)
    this.requests = new Array<number>(layout.nodes * 3).fill(0)
  }

  /** The node a core belongs to: cores are divided evenly, in order. */
  nodeOfCpu(cpu: number): number {
    return this.nodes === 1 ? 0 : Math.floor((cpu * this.nodes) / this.cpus)
  }

  /** Distance from node to node, 10 for itself. */
  distance(from: number, to: number): number {
    return from === to ? 10 : this.remoteDistance
  }

  /** Nanoseconds of an access from a core to a page that takes `localNanos` on its own node. */
  accessNanos(localNanos: number, cpu: number, pfn: number): number {
    return Math.round((localNanos * this.distance(this.nodeOfCpu(cpu), this.zoneOf(pfn).node)) / 10)
  }

  /**
   * Takes 2^order contiguous pages, past the per-CPU lists.
   *
   * @returns the first page frame, or -1 when no zone may give the block
   */
  allocPages(order: number, node: number, flags: number = GFP_KERNEL): number {
    const zone = this.pick(order, node, flags)
    if (zone === undefined) return -1
    const pfn = zone.take(order)
    zone.usedPages += 1 << order
    this.count(node, zone.node)
    return pfn
  }

  /** Gives back what `allocPages` gave; a page that is free already or was never handed out is a defect. */
  freePages(pfn: number, order: number): void {
    const zone = this.zoneOf(pfn)
    zone.give(pfn, order)
    zone.usedPages -= 1 << order
  }

  /** Takes one page through the core's list, which is refilled in batches; -1 when there is none. */
  allocPage(cpu: number, flags: number = GFP_KERNEL): number {
    const node = this.nodeOfCpu(cpu)
    const first = (this.zonelists[node] as ReadonlyArray<Zone>)[0] as Zone
    const zone =
      flags === GFP_KERNEL && first.freePages > first.wmarkLow + (first.lowmemReserve[ZONE_NORMAL] as number)
        ? first
        : this.pick(0, node, flags)
    if (zone === undefined) return -1
    const list = this.pcpList(cpu, zone)
    if (list.length === 0) this.refill(zone, list)
    zone.pcpPages--
    zone.usedPages++
    this.count(node, zone.node)
    return list.pop() as number
  }

  /** Puts one page on the core's list; a long list gives its oldest batch back to the buddy system. */
  freePage(pfn: number, cpu: number): void {
    const zone = this.zoneOf(pfn)
    const list = this.pcpList(cpu, zone)
    list.push(pfn)
    zone.pcpPages++
    zone.usedPages--
    if (list.length > zone.pcpHigh) this.drain(zone, list, zone.pcpBatch)
  }

  /** Empties every per-CPU list (Linux: drain_all_pages). */
  drainPcp(): void {
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      for (const zone of this.zones) {
        const list = this.pcp[this.pcpSlot(cpu, zone)]
        if (list !== undefined) this.drain(zone, list, list.length)
      }
    }
  }

  /** Pages on one core's list of one zone. */
  pcpCount(cpu: number, zone: Zone): number {
    return this.pcp[this.pcpSlot(cpu, zone)]?.length ?? 0
  }

  /** The zone of a page frame; a defect outside of memory. */
  zoneOf(pfn: number): Zone {
    const zones = this.zones
    for (let i = zones.length - 1; i >= 0; i--) {
      const zone = zones[i] as Zone
      if (zone.spans(pfn)) return zone
    }
    throw new Error(`page ${pfn} is not in memory`)
  }

  numa(node: number): NumaCounters {
    return {
      hit: this.requests[node * 3 + HIT] as number,
      miss: this.requests[node * 3 + MISS] as number,
      foreign: this.requests[node * 3 + FOREIGN] as number
    }
  }

  /** Walks all lists: free + per-CPU + used = managed in each zone, and no page stands twice. Throws if not so. */
  check(): void {
    for (const zone of this.zones) {
      const seen: Array<readonly [start: number, end: number]> = []
      const blocks = new Array<number>(orders).fill(0)
      zone.forEachFree((pfn, order) => {
        seen.push([pfn, pfn + (1 << order)])
        blocks[order] = (blocks[order] as number) + 1
      })
      let free = 0
      for (let order = 0; order < orders; order++) {
        if (blocks[order] !== zone.nrFree[order]) throw new Error(`nr_free of order ${order} is not what stands there`)
        free += (blocks[order] as number) << order
      }
      let pcp = 0
      for (let cpu = 0; cpu < this.cpus; cpu++) {
        for (const pfn of this.pcp[this.pcpSlot(cpu, zone)] ?? []) {
          seen.push([pfn, pfn + 1])
          pcp++
        }
      }
      seen.sort((a, b) => a[0] - b[0])
      for (let i = 1; i < seen.length; i++) {
        if ((seen[i - 1] as readonly [number, number])[1] > (seen[i] as readonly [number, number])[0]) {
          throw new Error(`page ${(seen[i] as readonly [number, number])[0]} is free twice`)
        }
      }
      if (free !== zone.freePages || pcp !== zone.pcpPages || free + pcp + zone.usedPages !== zone.managedPages) {
        throw new Error(
          `node ${zone.node} zone ${zone.type}: ${free} free + ${pcp} per CPU + ${zone.usedPages} used, ` +
            `not ${zone.managedPages}`
        )
      }
    }
  }

  private pick(order: number, node: number, flags: number): Zone | undefined {
    const list = this.zonelists[node]
    if (list === undefined) throw new Error(`there is no node ${node}`)
    const highest = highestZone(flags)
    const here = (flags & GFP_THISNODE) !== 0
    const atomic = (flags & GFP_ATOMIC) !== 0
    for (let pass = 0; pass < 2; pass++) {
      for (let i = 0; i < list.length; i++) {
        const zone = list[i] as Zone
        if (zone.type > highest || (here && zone.node !== node)) continue
        const mark = pass === 0 ? zone.wmarkLow : atomic ? atomicMark(zone.wmarkMin) : zone.wmarkMin
        const spare = zone.freePages - (1 << order) + 1
        if (spare > mark + (zone.lowmemReserve[highest] as number) && hasBlock(zone, order)) return zone
      }
    }
    return undefined
  }

  private count(wanted: number, got: number): void {
    if (wanted === got) {
      this.requests[got * 3 + HIT]!++
    } else {
      this.requests[got * 3 + MISS]!++
      this.requests[wanted * 3 + FOREIGN]!++
    }
  }

  private pcpList(cpu: number, zone: Zone): Array<number> {
    const at = this.pcpSlot(cpu, zone)
    const known = this.pcp[at]
    if (known !== undefined) return known
    const made: Array<number> = []
    this.pcp[at] = made
    return made
  }

  private pcpSlot(cpu: number, zone: Zone): number {
    return cpu * this.zones.length + this.zones.indexOf(zone)
  }

  /** Fills an empty list so that the page taken first leaves first. */
  private refill(zone: Zone, list: Array<number>): void {
    for (let i = 0; i < zone.pcpBatch; i++) {
      const pfn = zone.take(0)
      if (pfn < 0) break
      list.push(pfn)
      zone.pcpPages++
    }
    list.reverse()
  }

  private drain(zone: Zone, list: Array<number>, count: number): void {
    for (let i = 0; i < count; i++) zone.give(list[i] as number, 0)
    list.splice(0, count)
    zone.pcpPages -= count
  }
}

/** Below `min`: half by __GFP_HIGH, a quarter of the rest by not waiting (ALLOC_HIGH, ALLOC_HARDER). */
const atomicMark = (min: number): number => {
  const half = min - Math.floor(min / 2)
  return half - Math.floor(half / 4)
}

const hasBlock = (zone: Zone, order: number): boolean => {
  for (let from = order; from < orders; from++) if ((zone.nrFree[from] as number) > 0) return true
  return false
}

const zonelistOf = (zones: ReadonlyArray<Zone>, node: number, nodes: number): ReadonlyArray<Zone> => {
  const list: Array<Zone> = []
  for (let step = 0; step < nodes; step++) {
    const from = step === 0 ? node : step <= node ? step - 1 : step
    for (let i = zones.length - 1; i >= 0; i--) {
      const zone = zones[i] as Zone
      if (zone.node === from) list.push(zone)
    }
  }
  return list.slice() // a list that grew has room to spare
}
