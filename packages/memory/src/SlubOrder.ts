import { orderMax, orderOf, pageBytes } from "./Page.ts"

/** How a kernel chooses the order of a cache's slabs from the object size and the number of CPUs. */
export type SlubOrderRule = (objectBytes: number, cpus: number) => number

/** Largest order SLUB chooses by itself (slub_max_order = PAGE_ALLOC_COSTLY_ORDER). */
export const slubOrderMax = 3

/**
 * Objects a slab should at least hold: 4 * (fls(cpus) + 1), so 12 with 2 or 3 CPUs and 16 with 4 to 7, but never more
 * than the largest slab holds.
 */
const objectsWanted = (objectBytes: number, cpus: number): number =>
  Math.min(4 * (33 - Math.clz32(cpus)), Math.max(1, Math.floor((pageBytes << slubOrderMax) / objectBytes)))

/** Smallest order from `order` on that wastes at most 1/fraction of the slab; above `slubOrderMax` when none does. */
const orderWithin = (objectBytes: number, order: number, fraction: number): number => {
  for (let at = order; at <= slubOrderMax; at++) {
    const slab = pageBytes << at
    if (slab % objectBytes <= Math.floor(slab / fraction)) return at
  }
  return slubOrderMax + 1
}

const orderOfOne = (objectBytes: number): number => {
  const order = orderOf(objectBytes)
  if (order > orderMax) throw new Error(`an object of ${objectBytes} bytes fits no slab`)
  return order
}

/**
 * The order of 3.10: waste of 1/16, 1/8, then 1/4 is accepted before one object less is asked for.
 *
 * Linux: calculate_order, slab_order (mm/slub.c, 3.10).
 */
export const slubOrder310: SlubOrderRule = (objectBytes, cpus) => {
  for (let wanted = objectsWanted(objectBytes, cpus); wanted > 1; wanted--) {
    for (let fraction = 16; fraction >= 4; fraction >>= 1) {
      const order = orderWithin(objectBytes, orderOf(wanted * objectBytes), fraction)
      if (order <= slubOrderMax) return order
    }
  }
  return orderOfOne(objectBytes)
}

/**
 * The order of 6.x: waste down to 1/2 is accepted, the number of objects stays.
 *
 * Linux: calculate_order, calc_slab_order (mm/slub.c, since 6.8).
 */
export const slubOrder6x: SlubOrderRule = (objectBytes, cpus) => {
  const smallest = orderOf(objectsWanted(objectBytes, cpus) * objectBytes)
  for (let fraction = 16; fraction > 1; fraction >>= 1) {
    const order = orderWithin(objectBytes, smallest, fraction)
    if (order <= slubOrderMax) return order
  }
  return orderOfOne(objectBytes)
}

/** Empty slabs a node keeps: half of log2(size), between 5 and 10 (Linux: set_min_partial). */
export const minPartialOf = (objectBytes: number): number =>
  Math.min(10, Math.max(5, (31 - Math.clz32(objectBytes)) >> 1))
