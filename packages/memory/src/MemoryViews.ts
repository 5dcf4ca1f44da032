import type { Memory } from "./Memory.ts"
import { pageBytes, zoneNames, type ZoneName } from "./Page.ts"
import type { NumaCounters } from "./PageAllocator.ts"

/** A row of /proc/slabinfo and slabtop. */
export interface SlabInfoRow {
  readonly name: string
  /** Objects handed out and not freed. */
  readonly activeObjects: number
  /** What /proc/slabinfo prints as active_objs: SLUB counts the free objects of the cores' slabs as active. */
  readonly shownActiveObjects: number
  readonly totalObjects: number
  readonly objectBytes: number
  readonly objectsPerSlab: number
  readonly pagesPerSlab: number
  readonly slabs: number
  readonly bytes: number
}

/** /proc/meminfo in bytes. */
export interface MemInfo {
  /** Pages handed to the allocator at boot. */
  readonly memTotal: number
  /** Buddy blocks only, as NR_FREE_PAGES counts. */
  readonly memFree: number
  /** Buddy blocks and per-CPU lists: everything nobody uses. */
  readonly unused: number
  readonly used: number
  readonly slab: number
  readonly sReclaimable: number
  readonly sUnreclaim: number
}

/** A row of /proc/buddyinfo: free blocks of orders 0 to 10. */
export interface BuddyInfoRow {
  readonly node: number
  readonly zone: ZoneName
  readonly free: ReadonlyArray<number>
}

/** A zone of /proc/zoneinfo, in pages. */
export interface ZoneInfoRow {
  readonly node: number
  readonly zone: ZoneName
  readonly startPfn: number
  readonly spanned: number
  readonly present: number
  readonly managed: number
  readonly free: number
  readonly min: number
  readonly low: number
  readonly high: number
  /** lowmem_reserve for requests of DMA, DMA32, Normal. */
  readonly protection: ReadonlyArray<number>
  readonly pagesets: ReadonlyArray<{
    readonly cpu: number
    readonly count: number
    readonly high: number
    readonly batch: number
  }>
}

/** A node of numactl -H and numastat. */
export interface NodeInfo extends NumaCounters {
  readonly node: number
  readonly cpus: ReadonlyArray<number>
  readonly totalBytes: number
  readonly freeBytes: number
  readonly distances: ReadonlyArray<number>
}

/** Caches in use, in the profile's order. */
export const slabInfo = (memory: Memory): ReadonlyArray<SlabInfoRow> => {
  const rows: Array<SlabInfoRow> = []
  for (const cache of memory.usedCaches()) {
    rows.push({
      name: cache.name,
      activeObjects: cache.activeObjects,
      shownActiveObjects: cache.totalObjects - cache.partialFreeObjects,
      totalObjects: cache.totalObjects,
      objectBytes: cache.shape.objectBytes,
      objectsPerSlab: cache.objectsPerSlab,
      pagesPerSlab: 1 << cache.shape.order,
      slabs: cache.slabCount,
      bytes: cache.pageCount * pageBytes
    })
  }
  return rows
}

export const memInfo = (memory: Memory): MemInfo => {
  let managed = 0
  let free = 0
  let pcp = 0
  let used = 0
  for (const zone of memory.pages.zones) {
    managed += zone.managedPages
    free += zone.freePages
    pcp += zone.pcpPages
    used += zone.usedPages
  }
  const reclaimable = memory.slabPages(true) * pageBytes
  const unreclaimable = memory.slabPages(false) * pageBytes
  return {
    memTotal: managed * pageBytes,
    memFree: free * pageBytes,
    unused: (free + pcp) * pageBytes,
    used: used * pageBytes,
    slab: reclaimable + unreclaimable,
    sReclaimable: reclaimable,
    sUnreclaim: unreclaimable
  }
}

export const buddyInfo = (memory: Memory): ReadonlyArray<BuddyInfoRow> =>
  memory.pages.zones.map((zone) => ({
    node: zone.node,
    zone: zoneNames[zone.type] as ZoneName,
    free: [...zone.nrFree]
  }))

export const zoneInfo = (memory: Memory): ReadonlyArray<ZoneInfoRow> =>
  memory.pages.zones.map((zone) => ({
    node: zone.node,
    zone: zoneNames[zone.type] as ZoneName,
    startPfn: zone.startPfn,
    spanned: zone.endPfn - zone.startPfn,
    present: zone.presentPages,
    managed: zone.managedPages,
    free: zone.freePages,
    min: zone.wmarkMin,
    low: zone.wmarkLow,
    high: zone.wmarkHigh,
    protection: [...zone.lowmemReserve],
    pagesets: cpus(memory).map((cpu) => ({
      cpu,
      count: memory.pages.pcpCount(cpu, zone),
      high: zone.pcpHigh,
      batch: zone.pcpBatch
    }))
  }))

export const nodeInfo = (memory: Memory): ReadonlyArray<NodeInfo> => {
  const nodes: Array<NodeInfo> = []
  for (let node = 0; node < memory.pages.nodes; node++) {
    let total = 0
    let free = 0
    for (const zone of memory.pages.zones) {
      if (zone.node !== node) continue
      total += zone.managedPages
      free += zone.freePages
    }
    const distances: Array<number> = []
    for (let other = 0; other < memory.pages.nodes; other++) distances.push(memory.pages.distance(node, other))
    nodes.push({
      node,
      cpus: cpus(memory).filter((cpu) => memory.pages.nodeOfCpu(cpu) === node),
      totalBytes: total * pageBytes,
      freeBytes: free * pageBytes,
      distances,
      ...memory.pages.numa(node)
    })
  }
  return nodes
}

const cpus = (memory: Memory): ReadonlyArray<number> => {
  const all: Array<number> = []
  for (let cpu = 0; cpu < memory.pages.cpus; cpu++) all.push(cpu)
  return all
}
