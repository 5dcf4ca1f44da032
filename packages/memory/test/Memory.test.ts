import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { linux310Caches, linux6xCaches } from "../src/Caches.ts"
import type { CacheTable } from "../src/CacheTable.ts"
import { linux310Objects, linux6xObjects, slabBytes } from "../src/KernelObjects.ts"
import { Memory, memoryDefaults, type MemoryOptions } from "../src/Memory.ts"
import { buddyInfo, memInfo, nodeInfo, slabInfo, zoneInfo } from "../src/MemoryViews.ts"
import { GFP_ATOMIC } from "../src/Page.ts"

const host = (changes: Partial<MemoryOptions> = {}): Memory => new Memory({ ...memoryDefaults, ...changes })

const take = (memory: Memory, names: ReadonlyArray<string>, count: number, cpu = 0): void => {
  for (let i = 0; i < count; i++) {
    for (const name of names) assert.strictEqual(memory.cache(name).alloc(cpu), 0)
  }
}

const give = (memory: Memory, names: ReadonlyArray<string>, count: number, cpu = 0): void => {
  for (let i = 0; i < count; i++) for (const name of names) memory.cache(name).free(cpu)
}

describe("slab caches", () => {
  it("a fresh run of n objects fills ceil(n / objects per slab) slabs, in every cache", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(linux310Caches, linux6xCaches),
        fc.nat(),
        fc.integer({ min: 1, max: 2000 }),
        (caches: CacheTable, which, count) => {
          const shape = caches.shapes[which % caches.shapes.length]
          if (shape === undefined) return
          const memory = host({ caches })
          take(memory, [shape.name], count)
          const cache = memory.cache(shape.name)
          const slabs = Math.ceil(count / shape.objectsPerSlab)
          assert.strictEqual(cache.slabCount, slabs)
          assert.strictEqual(memInfo(memory).slab, slabs * (4096 << shape.order))
          assert.strictEqual(memInfo(memory).used, memInfo(memory).slab)
          memory.check()
        }
      ),
      { numRuns: cases(100) }
    ))

  it("freed objects are reused before new pages are taken", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat({ max: 500 }), (count, freed) => {
        const memory = host({ caches: linux6xCaches })
        const cache = memory.cache("TCP")
        take(memory, ["TCP"], count)
        const before = cache.slabCount
        const back = Math.min(freed, count)
        give(memory, ["TCP"], back)
        take(memory, ["TCP"], back)
        assert.strictEqual(cache.slabCount, before)
        assert.strictEqual(cache.activeObjects, count)
      }),
      { numRuns: cases(100) }
    ))

  it("objects freed on another core serve the first again: a steady flow between two cores takes no more pages", () => {
    const memory = host({ cpus: 2 })
    const cache = memory.cache("skbuff_head_cache")
    for (let i = 0; i < 100; i++) {
      for (let n = 0; n < 50; n++) cache.alloc(0)
      for (let n = 0; n < 50; n++) cache.free(1)
    }
    assert.isAtMost(cache.slabCount, Math.ceil(50 / 16) + 2)
    memory.check()
  })

  it("empty slabs beyond min_partial go back to the buddy system, shrink returns the rest", () => {
    const memory = host()
    const before = buddyInfo(memory)
    take(memory, ["TCP"], 1600)
    const cache = memory.cache("TCP")
    assert.strictEqual(cache.slabCount, 100)
    give(memory, ["TCP"], 1600)
    assert.strictEqual(cache.activeObjects, 0)
    assert.isAtMost(cache.slabCount, cache.shape.minPartial + 1)
    assert.isAtLeast(cache.slabCount, 1)
    memory.check()
    const left = cache.slabCount
    assert.strictEqual(memory.shrink(), left)
    assert.strictEqual(memInfo(memory).slab, 0)
    assert.deepStrictEqual(buddyInfo(memory), before)
  })

  it("any mix of takes and frees on any core and node keeps every sum, and ends where it began", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(
          fc.record({
            cache: fc.constantFrom("TCP", "dentry", "kmalloc-64", "net_namespace"),
            count: fc.integer({ min: 1, max: 120 }),
            take: fc.boolean(),
            cpu: fc.nat({ max: 5 }),
            node: fc.integer({ min: -1, max: 2 })
          }),
          { maxLength: 60 }
        ),
        (nodes, steps) => {
          const memory = host({ totalBytes: 3 * 1073741824, nodes, cpus: 6 })
          const before = buddyInfo(memory)
          for (const step of steps) {
            const cache = memory.cache(step.cache)
            const node = Math.min(step.node, nodes - 1)
            for (let i = 0; i < step.count; i++) {
              if (!step.take) {
                if (cache.activeObjects > 0) cache.free(step.cpu, node)
              } else if (node < 0) assert.strictEqual(cache.alloc(step.cpu), 0)
              else assert.strictEqual(cache.allocOnNode(step.cpu, node), 0)
            }
            memory.check()
          }
          for (const cache of memory.usedCaches()) while (cache.activeObjects > 0) cache.free(0)
          memory.shrink()
          memory.check()
          assert.deepStrictEqual(buddyInfo(memory), before)
        }
      ),
      { numRuns: cases(40) }
    ))

  it("without pages an allocation says ENOMEM, an atomic one goes further, and freeing helps", () => {
    const memory = host({ totalBytes: 32 * 1048576 })
    const cache = memory.cache("TCP")
    let count = 0
    while (cache.alloc(0) === 0) count++
    assert.strictEqual(cache.alloc(0), -12)
    let more = 0
    while (cache.alloc(0, GFP_ATOMIC) === 0) more++
    assert.isAbove(more, 0)
    assert.strictEqual(cache.activeObjects, count + more)
    cache.free(0)
    assert.strictEqual(cache.alloc(0), 0)
    memory.check()
  })

  it("more frees than takes is a defect", () => {
    const memory = host()
    take(memory, ["dentry"], 1)
    give(memory, ["dentry"], 1)
    assert.throws(() => memory.cache("dentry").free(0), /more objects freed/)
    assert.throws(() => memory.cache("ep_head"), /no cache/)
  })

  it("an object wanted from a node comes from its pages; a full node falls back", () => {
    const memory = host({ totalBytes: 8 * 1073741824, nodes: 2, cpus: 2 })
    const cache = memory.cache("skbuff_head_cache")
    for (let i = 0; i < 100; i++) cache.allocOnNode(1, 0)
    assert.strictEqual(cache.activeOnNode(0), 100)
    assert.strictEqual(cache.slabsOnNode(1), 0)
    while (memory.pages.zoneOf(memory.pages.allocPages(10, 1)).node === 1);
    while (memory.pages.zoneOf(memory.pages.allocPages(0, 1)).node === 1);
    for (let i = 0; i < 100; i++) assert.strictEqual(cache.alloc(1), 0)
    assert.isAbove(cache.activeOnNode(0), 100)
    memory.check()
  })
})

describe("kmalloc", () => {
  it("small blocks come from general caches, large ones are whole pages outside of Slab", () => {
    const memory = host({ caches: linux6xCaches })
    assert.strictEqual(memory.kmalloc(100, 0), 0)
    assert.strictEqual(memory.activeObjects("kmalloc-128"), 1)
    assert.strictEqual(memory.kmalloc(1500, 0), 0)
    assert.strictEqual(memory.activeObjects("kmalloc-2k"), 1)
    const slab = memInfo(memory).slab
    assert.strictEqual(memory.kmalloc(40_000, 0), 0)
    assert.strictEqual(memInfo(memory).slab, slab)
    assert.strictEqual(memInfo(memory).used - slab, 65_536)
    memory.check()
    memory.kfree(40_000, 0)
    assert.strictEqual(memInfo(memory).used, slab)
    assert.throws(() => memory.kfree(40_000, 0), /nobody holds/)
    assert.strictEqual(memory.kmalloc(8_000_000, 0), -12)
  })
})

describe("the book's figures", () => {
  it("3.10: socket() adds one object to each of five caches, close() takes them away", () => {
    const memory = host()
    take(memory, linux310Objects.tcpSocket, 1)
    for (const row of slabInfo(memory)) assert.strictEqual(row.activeObjects, 1)
    assert.strictEqual(slabInfo(memory).length, 5)
    give(memory, linux310Objects.tcpSocket, 1)
    for (const row of slabInfo(memory)) assert.strictEqual(row.activeObjects, 0)
  })

  it("3.10: 50,000 accepted connections take 3.0 to 3.4 KB of Slab each", () => {
    const memory = host()
    const before = memInfo(memory).slab
    take(memory, linux310Objects.tcpSocket, 50_000)
    const each = (memInfo(memory).slab - before) / 50_000
    assert.isAtLeast(each, 3.0 * 1024)
    assert.isAtMost(each, 3.4 * 1024)
    for (const name of ["TCP", "sock_inode_cache", "dentry", "filp"]) {
      assert.strictEqual(memory.activeObjects(name), 50_000)
    }
    assert.strictEqual(memInfo(memory).slab, slabBytes(linux310Caches, linux310Objects.tcpSocket, 50_000))
    memory.check()
  })

  it("6.x: a server end is 3640 B of objects, a client end 3896 B, both 7.7 to 8.4 KB of Slab", () => {
    const memory = host({ caches: linux6xCaches })
    const count = 15_000
    const bytes = (): number => {
      let sum = 0
      for (const row of slabInfo(memory)) sum += row.activeObjects * row.objectBytes
      return sum
    }
    take(memory, linux6xObjects.tcpSocket, count)
    assert.strictEqual(bytes() / count, 3640)
    take(memory, [...linux6xObjects.tcpSocket, ...linux6xObjects.boundPort], count)
    assert.strictEqual(bytes() / count, 3640 + 3896)
    const slab = memInfo(memory).slab / count
    assert.isAtLeast(slab, 7700)
    assert.isAtMost(slab, 8400)
  })

  it("6.x: a million server ends with their slab waste are about 3.83 KB each", () => {
    const each = slabBytes(linux6xCaches, linux6xObjects.tcpSocket, 1_000_000) / 1_000_000
    assert.isAtLeast(each, 3780)
    assert.isAtMost(each, 3.83 * 1024)
  })

  it("user pages leave every slab counter as it is", () => {
    const memory = host()
    take(memory, ["dentry"], 1000)
    const before = slabInfo(memory)
    for (let i = 0; i < 1000; i++) memory.pages.allocPage(0)
    assert.deepStrictEqual(slabInfo(memory), before)
    memory.check()
  })
})

describe("views", () => {
  it("MemTotal leaves out what was reserved, and used starts with what boot uses", () => {
    const memory = host({ reservedBytes: 100 * 1048576, bootUsedBytes: 200 * 1048576 })
    const info = memInfo(memory)
    assert.strictEqual(info.memTotal, 4294967296 - 100 * 1048576)
    assert.strictEqual(info.used, 200 * 1048576)
    assert.strictEqual(info.unused + info.used, info.memTotal)
  })

  it("free pages of buddyinfo, zoneinfo and meminfo agree while pages move", () => {
    const memory = host({ cpus: 2 })
    for (let i = 0; i < 50; i++) memory.pages.allocPage(i & 1)
    take(memory, ["TCP", "dentry"], 100)
    const blocks = buddyInfo(memory).map((row) => row.free.reduce((sum, n, order) => sum + n * (1 << order), 0))
    assert.deepStrictEqual(
      zoneInfo(memory).map((row) => row.free),
      blocks
    )
    const counts = zoneInfo(memory).flatMap((row) => row.pagesets.map((set) => set.count))
    const pcp = counts.reduce((a, b) => a + b, 0)
    assert.isAbove(pcp, 0)
    const info = memInfo(memory)
    assert.strictEqual(info.memFree, blocks.reduce((a, b) => a + b, 0) * 4096)
    assert.strictEqual(info.unused, info.memFree + pcp * 4096)
    assert.strictEqual(info.unused + info.used, info.memTotal)
  })

  it("slabinfo shows as active what a core's slab holds free, as SLUB does", () => {
    const memory = host({ caches: linux6xCaches })
    take(memory, ["TCP"], 14)
    const [row] = slabInfo(memory)
    assert.deepStrictEqual(row, {
      name: "TCP",
      activeObjects: 14,
      shownActiveObjects: 26,
      totalObjects: 26,
      objectBytes: 2368,
      objectsPerSlab: 13,
      pagesPerSlab: 8,
      slabs: 2,
      bytes: 65536
    })
    assert.strictEqual(memInfo(memory).sUnreclaim, 65536)
    take(memory, ["dentry"], 1)
    assert.strictEqual(memInfo(memory).sReclaimable, 4096)
  })

  it("a node lists its cores, its memory and 10 / 21 as distances", () => {
    const nodes = nodeInfo(host({ totalBytes: 8 * 1073741824, nodes: 2, cpus: 4 }))
    assert.deepStrictEqual(
      nodes.map((node) => [node.cpus, node.totalBytes, node.distances]),
      [
        [[0, 1], 4294967296, [10, 21]],
        [[2, 3], 4294967296, [21, 10]]
      ]
    )
  })
})
