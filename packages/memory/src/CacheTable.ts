import { pageBytes } from "./Page.ts"
import { minPartialOf, type SlubOrderRule } from "./SlubOrder.ts"

/** A slab cache as the kernel asks for it (kmem_cache_create). */
export interface CacheSpec {
  /** The kernel's name, as in /proc/slabinfo. */
  readonly name: string
  /** Bytes an object takes in a slab, alignment included (slabinfo's objsize under SLUB). */
  readonly objectBytes: number
  /** Counted as SReclaimable (SLAB_RECLAIM_ACCOUNT). */
  readonly reclaimable: boolean
  /** May share another cache's slabs: no constructor, not typesafe by RCU, no user-copy window of its own. */
  readonly mergeable: boolean
}

/** A cache with the layout of its slabs. */
export interface CacheShape extends CacheSpec {
  /** log2 of the pages of a slab. */
  readonly order: number
  readonly objectsPerSlab: number
  /** Empty slabs a node keeps. */
  readonly minPartial: number
}

/** Sizes of the general caches, ascending; larger requests get whole pages (KMALLOC_MAX_CACHE_SIZE under SLUB). */
export const kmallocSizes: ReadonlyArray<number> = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]
export const kmallocMax = 8192

/** Place in `kmallocSizes` of the smallest size that holds 8 * i bytes, up to 192 (Linux: size_index). */
const smallPlaces: ReadonlyArray<number> = [0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6]

/** What distinguishes the general caches of two kernels: how they write 1024, 2048, 4096 and 8192. */
export type KmallocNames = "kmalloc-1k" | "kmalloc-1024"

/**
 * The caches of one kernel, shared by all hosts of a profile.
 *
 * `aliases` maps a name that has no slabs of its own to the cache that serves it.
 */
export class CacheTable {
  readonly shapes: ReadonlyArray<CacheShape>
  readonly aliases: ReadonlyMap<string, string>
  private readonly indexes: ReadonlyMap<string, number>
  private readonly kmallocIndexes: ReadonlyArray<number>
  private readonly groups: WeakMap<ReadonlyArray<string>, ReadonlyArray<number>>

  constructor(shapes: ReadonlyArray<CacheShape>, aliases: ReadonlyMap<string, string>) {
    this.shapes = shapes
    this.aliases = aliases
    const indexes = new Map<string, number>()
    for (let i = 0; i < shapes.length; i++) {
      const name = (shapes[i] as CacheShape).name
      if (indexes.has(name)) throw new Error(`cache ${name} stands twice in the table`)
      indexes.set(name, i)
    }
    for (const [alias, name] of aliases) {
      const index = indexes.get(name)
      if (index === undefined || indexes.has(alias)) throw new Error(`alias ${alias} of ${name} does not fit the table`)
      indexes.set(alias, index)
    }
    this.indexes = indexes
    this.groups = new WeakMap()
    this.kmallocIndexes = kmallocSizes.map((bytes) => indexes.get(`kmalloc-${bytes}`) ?? -1)
  }

  /** Index of a cache or alias; -1 for a name this kernel does not have. */
  indexOf(name: string): number {
    return this.indexes.get(name) ?? -1
  }

  /** Indexes of several names, one array for all hosts that ask with the same list. */
  indexesOf(names: ReadonlyArray<string>): ReadonlyArray<number> {
    let known = this.groups.get(names)
    if (known === undefined) {
      known = names.map((name) => this.indexOf(name))
      this.groups.set(names, known)
    }
    return known
  }

  /** Index of the general cache for `bytes`; -1 above `kmallocMax`. Linux: kmalloc_slab. */
  kmallocIndex(bytes: number): number {
    if (bytes > kmallocMax) return -1
    const place = bytes <= 192 ? (smallPlaces[(bytes + 7) >> 3] as number) : 31 - Math.clz32(bytes - 1)
    return this.kmallocIndexes[place] as number
  }
}

/** Lays out one cache; `cpus` decides how many objects a slab should hold. */
export const shapeOf = (spec: CacheSpec, rule: SlubOrderRule, cpus: number): CacheShape => {
  const order = rule(spec.objectBytes, cpus)
  // No spread: it would give every shape a hidden class of its own, and the slab path would be slow for it.
  return {
    name: spec.name,
    objectBytes: spec.objectBytes,
    reclaimable: spec.reclaimable,
    mergeable: spec.mergeable,
    order,
    objectsPerSlab: Math.floor((pageBytes << order) / spec.objectBytes),
    minPartial: minPartialOf(spec.objectBytes)
  }
}

/** The general caches; 6.x writes 1024 as 1k, `makeTable` keeps the number as an alias. */
const kmallocSpecs = (names: KmallocNames): ReadonlyArray<CacheSpec> =>
  kmallocSizes.map((objectBytes) => ({
    name: kmallocName(objectBytes, names),
    objectBytes,
    reclaimable: false,
    mergeable: false
  }))

const kmallocName = (bytes: number, names: KmallocNames): string =>
  names === "kmalloc-1k" && bytes >= 1024 ? `kmalloc-${bytes >> 10}k` : `kmalloc-${bytes}`

/** A table from the specs of a kernel, its general caches included, laid out for hosts with `cpus` CPUs. */
export const makeTable = (
  specs: ReadonlyArray<CacheSpec>,
  aliases: ReadonlyArray<readonly [alias: string, name: string]>,
  kmalloc: KmallocNames,
  rule: SlubOrderRule,
  cpus: number
): CacheTable => {
  const all = [...specs, ...kmallocSpecs(kmalloc)]
  const names = new Map(aliases)
  for (const bytes of kmallocSizes) {
    const name = kmallocName(bytes, kmalloc)
    if (name !== `kmalloc-${bytes}`) names.set(`kmalloc-${bytes}`, name)
  }
  return new CacheTable(
    all.map((spec) => shapeOf(spec, rule, cpus)),
    names
  )
}

/**
 * The same table after SLUB's cache merging: a mergeable cache goes into an earlier one whose objects are less than 8
 * bytes larger and whose pages are accounted alike, and becomes its alias; its objects then show under that name.
 *
 * Linux: find_mergeable (mm/slab_common.c; 3.10: mm/slub.c). Differs: which cache comes first follows this table's
 * order, not the boot's; the general caches take no part.
 */
export const mergeCaches = (table: CacheTable): CacheTable => {
  const kept: Array<CacheShape> = []
  const aliases = new Map(table.aliases)
  for (const shape of table.shapes) {
    const host = kept.find(
      (other) =>
        shape.mergeable &&
        other.mergeable &&
        other.reclaimable === shape.reclaimable &&
        other.objectBytes >= shape.objectBytes &&
        other.objectBytes - shape.objectBytes < 8
    )
    if (host === undefined) kept.push(shape)
    else aliases.set(shape.name, host.name)
  }
  for (const [alias, name] of aliases) aliases.set(alias, aliases.get(name) ?? name)
  return new CacheTable(kept, aliases)
}
