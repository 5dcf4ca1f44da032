import { Zone } from "./hot/Zone.ts"
import { dma32EndPfn, dmaEndPfn, maxBlockPages, pageBytes, ZONE_DMA, ZONE_DMA32, ZONE_NORMAL } from "./Page.ts"

/** What the board and the boot have made of a host's memory. */
export interface LayoutOptions {
  /** Memory of the host in bytes; whole pages of it are used. */
  readonly totalBytes: number
  /** NUMA nodes; memory is divided evenly in units of 4 MiB, the last node takes the rest. */
  readonly nodes: number
  /** Bytes below 4 GiB that the board keeps for devices; the memory that would lie there is mapped above 4 GiB. */
  readonly mmioHoleBytes: number
  /** Bytes that never reach the allocator (kernel image, page structs), spread over the nodes. */
  readonly reservedBytes: number
  /** Bytes in use when the simulation starts (kernel and user), spread over the nodes; never freed. */
  readonly bootUsedBytes: number
  /** Largest number of pages a per-CPU list takes in at once, a power of two (Linux: zone_batchsize). */
  readonly pcpChunkPages: number
  /** Sets the watermarks (vm.min_free_kbytes), 0 for none; -1: the square root rule. */
  readonly minFreeKbytes: number
  /** Largest value the square root rule gives, KiB (3.10: 65536; 6.x: 262144). */
  readonly minFreeKbytesMax: number
}

/** The hole of the board measured for profile 6.x: 3 GiB to 4 GiB. */
export const mmioHoleDefault = 1073741824

/**
 * Divides a host's memory into zones, nodes ascending and zones in address order; zones without memory are left out.
 *
 * ZONE_DMA is the first 16 MiB, ZONE_DMA32 the rest below 4 GiB, ZONE_NORMAL what lies above. A host of 4 GiB with
 * the default hole has 4096, 782336 and 262144 pages.
 *
 * Linux: zone_sizes_init (arch/x86/mm/init.c), free_area_init. Differs: the holes of the first MiB are not modelled
 * (ZONE_DMA has all of its 4096 pages), nodes are contiguous, reserved and boot memory lies at the upper end of the
 * highest zones.
 *
 * @throws when the reserved and used bytes do not leave room or a node would be empty
 */
export const zonesOf = (options: LayoutOptions): ReadonlyArray<Zone> => {
  const totalPages = Math.floor(options.totalBytes / pageBytes)
  const hole = Math.floor(options.mmioHoleBytes / pageBytes)
  const zones: Array<Zone> = []
  const share = Math.floor(totalPages / options.nodes / maxBlockPages) * maxBlockPages
  if (share === 0 && options.nodes > 1) throw new Error("not enough memory for that many nodes")
  for (let node = 0; node < options.nodes; node++) {
    const first = node * share
    const last = node === options.nodes - 1 ? totalPages : first + share
    addNode(zones, options, node, first, last, dma32EndPfn - hole)
  }
  setWatermarks(zones, options)
  return zones
}

/** `first` and `last` count pages of memory; `holeStart` is the page frame at which the hole begins. */
const addNode = (
  zones: Array<Zone>,
  options: LayoutOptions,
  node: number,
  first: number,
  last: number,
  holeStart: number
): void => {
  const above = Math.max(last, holeStart) - Math.max(first, holeStart)
  const aboveStart = dma32EndPfn + Math.max(0, first - holeStart)
  const pieces: Array<readonly [type: number, start: number, end: number, hole: number]> = []
  if (first < dmaEndPfn) pieces.push([ZONE_DMA, first, Math.min(last, dmaEndPfn), 0])
  const low = Math.max(first, dmaEndPfn)
  const high = Math.min(last, holeStart)
  if (low < high) {
    const reachesHole = last >= holeStart && above > 0
    pieces.push([ZONE_DMA32, low, reachesHole ? dma32EndPfn : high, reachesHole ? dma32EndPfn - high : 0])
  }
  if (above > 0) pieces.push([ZONE_NORMAL, aboveStart, aboveStart + above, 0])
  let reserved = nodeShare(options.reservedBytes, options.nodes, node)
  let used = nodeShare(options.bootUsedBytes, options.nodes, node)
  const made: Array<Zone> = []
  for (let i = pieces.length - 1; i >= 0; i--) {
    const [type, start, end, holePages] = pieces[i] as readonly [number, number, number, number]
    const present = end - start - holePages
    const reservedHere = Math.min(reserved, present)
    const usedHere = Math.min(used, present - reservedHere)
    reserved -= reservedHere
    used -= usedHere
    const batch = pcpBatch(present - reservedHere, options.pcpChunkPages)
    made.unshift(new Zone(node, type, start, end, holePages, reservedHere, usedHere, batch))
  }
  if (reserved + used > 0) throw new Error(`node ${node} has too little memory for what is reserved and used at boot`)
  zones.push(...made)
}

const nodeShare = (bytes: number, nodes: number, node: number): number => {
  const pages = Math.ceil(bytes / pageBytes)
  const share = Math.floor(pages / nodes)
  return node === nodes - 1 ? pages - share * (nodes - 1) : share
}

/** Linux: zone_batchsize; 31 pages in 3.10 and 63 in 6.x for all but small zones. */
const pcpBatch = (managedPages: number, chunkPages: number): number => {
  const chunk = Math.max(1, Math.floor(Math.min(Math.floor(managedPages / 1024), chunkPages) / 4))
  const rounded = 1 << (31 - Math.clz32(chunk + Math.floor(chunk / 2)))
  return Math.max(1, rounded - 1)
}

/**
 * Linux: init_per_zone_wmark_min (4 * sqrt of the KiB, clamped), __setup_per_zone_wmarks,
 * setup_per_zone_lowmem_reserve (ratio 256).
 */
const setWatermarks = (zones: ReadonlyArray<Zone>, options: LayoutOptions): void => {
  let managed = 0
  for (const zone of zones) managed += zone.managedPages
  const bySize = Math.floor(Math.sqrt(managed * 4 * 16))
  const kbytes =
    options.minFreeKbytes >= 0
      ? options.minFreeKbytes
      : Math.min(Math.max(bySize, Math.min(128, managed)), options.minFreeKbytesMax)
  const minPages = Math.floor(kbytes / 4)
  for (const zone of zones) {
    zone.wmarkMin = managed === 0 ? 0 : Math.floor((minPages * zone.managedPages) / managed)
    zone.wmarkLow = zone.wmarkMin + Math.floor(zone.wmarkMin / 4)
    zone.wmarkHigh = zone.wmarkMin + Math.floor(zone.wmarkMin / 2)
    let above = 0
    for (let type = zone.type + 1; type <= ZONE_NORMAL; type++) {
      for (const other of zones) if (other.node === zone.node && other.type === type) above += other.managedPages
      zone.lowmemReserve[type] = Math.floor(above / 256)
    }
  }
}
