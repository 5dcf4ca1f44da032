/**
 * Pages, orders, zones and the flags of a page request: the vocabulary of the page allocator.
 *
 * Linux: include/linux/mmzone.h, include/linux/gfp.h (x86-64).
 */

/** Bytes of a page (PAGE_SIZE). */
export const pageBytes = 4096
/** log2 of `pageBytes` (PAGE_SHIFT). */
export const pageShift = 12
/** Largest order of a free block: 2^10 pages = 4 MiB. */
export const orderMax = 10
/** Free lists of a zone: orders 0 to 10 (Linux 3.10: MAX_ORDER = 11; 6.x: NR_PAGE_ORDERS). */
export const orders = 11
/** Pages of a block of the largest order. */
export const maxBlockPages = 1024

/** The error every failed allocation returns: -ENOMEM. */
export const outOfMemory = -12

/** Zones in address order; the index is the kernel's `enum zone_type` without HIGHMEM and MOVABLE. */
export type ZoneName = "DMA" | "DMA32" | "Normal"
export const zoneNames: ReadonlyArray<ZoneName> = ["DMA", "DMA32", "Normal"]
export const ZONE_DMA = 0
export const ZONE_DMA32 = 1
export const ZONE_NORMAL = 2

/** First page frame above ZONE_DMA (16 MiB) and above ZONE_DMA32 (4 GiB). */
export const dmaEndPfn = 4096
export const dma32EndPfn = 1048576

/** An ordinary request: any zone, stops at the watermark `min` (GFP_KERNEL, without reclaim). */
export const GFP_KERNEL = 0
/** May use most of the reserve below `min` (GFP_ATOMIC: __GFP_HIGH and no waiting). */
export const GFP_ATOMIC = 1
/** Only below 16 MiB (GFP_DMA). */
export const GFP_DMA = 2
/** Only below 4 GiB (GFP_DMA32). */
export const GFP_DMA32 = 4
/** No other node (__GFP_THISNODE). */
export const GFP_THISNODE = 8

/** Highest zone a request may use. */
export const highestZone = (flags: number): number =>
  (flags & GFP_DMA) !== 0 ? ZONE_DMA : (flags & GFP_DMA32) !== 0 ? ZONE_DMA32 : ZONE_NORMAL

/** Smallest order whose block holds `bytes` (Linux: get_order); 0 for anything up to one page. */
export const orderOf = (bytes: number): number =>
  bytes <= pageBytes ? 0 : 32 - Math.clz32(Math.ceil(bytes / pageBytes) - 1)
