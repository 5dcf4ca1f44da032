import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { mmioHoleDefault, type LayoutOptions } from "../src/MemoryLayout.ts"
import { GFP_ATOMIC, GFP_DMA, GFP_DMA32, GFP_KERNEL, GFP_THISNODE, orderOf } from "../src/Page.ts"
import { PageAllocator } from "../src/PageAllocator.ts"

const GiB = 1073741824

const layout: LayoutOptions = {
  totalBytes: 4 * GiB,
  nodes: 1,
  mmioHoleBytes: mmioHoleDefault,
  reservedBytes: 0,
  bootUsedBytes: 0,
  pcpChunkPages: 128,
  minFreeKbytes: -1,
  minFreeKbytesMax: 65536
}

const allocator = (changes: Partial<LayoutOptions> = {}, cpus = 2): PageAllocator =>
  new PageAllocator({ ...layout, ...changes }, cpus, 21)

const present = (pages: PageAllocator): ReadonlyArray<number> => pages.zones.map((zone) => zone.presentPages)
const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)
const freeOf = (pages: PageAllocator): ReadonlyArray<number> => pages.zones.map((zone) => zone.freePages)

describe("zones", () => {
  it("1, 4 and 64 GB: DMA has 4096 pages, DMA32 the rest below the hole, NORMAL what the board maps above 4 GB", () => {
    assert.deepStrictEqual(present(allocator({ totalBytes: GiB })), [4096, 258048])
    assert.deepStrictEqual(present(allocator({ totalBytes: 4 * GiB })), [4096, 782336, 262144])
    assert.deepStrictEqual(present(allocator({ totalBytes: 64 * GiB })), [4096, 782336, 15990784])
    assert.deepStrictEqual(present(allocator({ mmioHoleBytes: 0 })), [4096, 1044480])
  })

  it("DMA32 spans to 4 GB although its memory ends at the hole, as on the measured 6.18 host", () => {
    const zone = allocator({ totalBytes: 24 * GiB }).zones[1]
    assert.strictEqual((zone?.endPfn ?? 0) - (zone?.startPfn ?? 0), 1044480)
    assert.strictEqual(zone?.presentPages, 782336)
  })

  it("present pages of all zones are the host's pages, whatever its size and nodes", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 200_000 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 3 }),
        (megabytes, nodes, percent, hole) => {
          const totalBytes = megabytes * 1048576
          const reservedBytes = Math.floor((totalBytes * percent) / 100)
          const pages = allocator({
            totalBytes,
            nodes,
            reservedBytes,
            bootUsedBytes: reservedBytes,
            mmioHoleBytes: hole * GiB
          })
          assert.strictEqual(sum(present(pages)), totalBytes / 4096)
          assert.strictEqual(
            sum(pages.zones.map((zone) => zone.presentPages - zone.managedPages)),
            Math.ceil(reservedBytes / 4096)
          )
          pages.check()
        }
      ),
      { numRuns: cases(100) }
    ))

  it("lowmem_reserve is the managed memory above, divided by 256", () => {
    // Managed pages of the 6.18 host: its /proc/zoneinfo shows protection (0, 3019, 4555) and (0, 0, 1536).
    const normal = 393216
    const pages = allocator({ totalBytes: (4096 + 782336 + normal) * 4096 })
    assert.strictEqual(pages.zones[1]?.lowmemReserve[2], 1536)
    assert.strictEqual(pages.zones[0]?.lowmemReserve[1], 782336 / 256)
    assert.strictEqual(pages.zones[0]?.lowmemReserve[2], (782336 + normal) / 256)
  })

  it("watermarks follow 4 times the root of the KiB: 4 GB keeps 8192 KiB, in shares of the zones' sizes", () => {
    const pages = allocator()
    const min = sum(pages.zones.map((zone) => zone.wmarkMin))
    assert.isAtMost(min, 2048)
    assert.isAtLeast(min, 2048 - 3)
    for (const zone of pages.zones) {
      assert.strictEqual(zone.wmarkLow, zone.wmarkMin + Math.floor(zone.wmarkMin / 4))
      assert.strictEqual(zone.wmarkHigh, zone.wmarkMin + Math.floor(zone.wmarkMin / 2))
    }
  })

  it("per-CPU batches are 31 pages in 3.10 and 63 in 6.x, 1 in ZONE_DMA", () => {
    assert.deepStrictEqual(
      allocator().zones.map((zone) => zone.pcpBatch),
      [1, 31, 31]
    )
    assert.deepStrictEqual(
      allocator({ pcpChunkPages: 256 }).zones.map((zone) => zone.pcpBatch),
      [1, 63, 63]
    )
  })
})

describe("requests", () => {
  it("NORMAL is used first, then DMA32, then DMA keeps its reserve", () => {
    const pages = allocator()
    const order = 10
    const types: Array<number> = []
    for (;;) {
      const pfn = pages.allocPages(order, 0)
      if (pfn < 0) break
      const type = pages.zoneOf(pfn).type
      if (types[types.length - 1] !== type) types.push(type)
    }
    assert.deepStrictEqual(types.slice(0, 2), [2, 1])
    assert.isFalse(types.includes(0))
    pages.check()
  })

  it("flags keep a request below 16 MB and below 4 GB", () => {
    const pages = allocator()
    assert.isBelow(pages.allocPages(0, 0, GFP_DMA), 4096)
    const low = pages.allocPages(0, 0, GFP_DMA32)
    assert.isTrue(low >= 4096 && low < 1048576)
    assert.isAtLeast(pages.allocPages(0, 0), 1048576)
  })

  it("an ordinary request stops at the watermark min, an atomic one at 3/8 of it, and neither goes beyond", () => {
    const pages = allocator({ totalBytes: 64 * 1048576 })
    while (pages.allocPages(0, 0) >= 0);
    for (const zone of pages.zones) {
      assert.strictEqual(zone.freePages, zone.wmarkMin + zone.lowmemReserve[2])
    }
    const before = sum(freeOf(pages))
    while (pages.allocPages(0, 0, GFP_ATOMIC) >= 0);
    assert.isBelow(sum(freeOf(pages)), before)
    for (const zone of pages.zones) {
      const half = zone.wmarkMin - Math.floor(zone.wmarkMin / 2)
      assert.strictEqual(zone.freePages, half - Math.floor(half / 4) + zone.lowmemReserve[2])
    }
    assert.strictEqual(pages.allocPage(0, GFP_ATOMIC), -1)
    pages.check()
  })

  it("a full node sends requests to the other: remote share 0 before, above 0 after, counted as Linux counts", () => {
    const pages = allocator({ totalBytes: 2 * GiB, nodes: 2 })
    let local = 0
    while (pages.zoneOf(pages.allocPages(9, 1)).node === 1) local++
    assert.isAbove(local, 400)
    assert.deepStrictEqual(pages.numa(1), { hit: local, miss: 0, foreign: 1 })
    assert.deepStrictEqual(pages.numa(0), { hit: 0, miss: 1, foreign: 0 })
    while (pages.allocPages(9, 1, GFP_THISNODE) >= 0);
    assert.isAtLeast(pages.allocPages(9, 1, GFP_KERNEL), 0)
  })

  it("cores are divided evenly over nodes, and a remote page costs distance / 10 times the local time", () => {
    const pages = allocator({ totalBytes: 16 * GiB, nodes: 2 }, 8)
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((cpu) => pages.nodeOfCpu(cpu)),
      [0, 0, 0, 0, 1, 1, 1, 1]
    )
    const near = pages.allocPages(0, 0)
    const far = pages.allocPages(0, 1)
    assert.strictEqual(pages.accessNanos(100, 0, near), 100)
    assert.strictEqual(pages.accessNanos(100, 0, far), 210)
  })

  it("single pages move between a core's list and the buddy system in batches; draining restores the boot state", () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ take: fc.boolean(), cpu: fc.nat({ max: 3 }), which: fc.nat() }), { maxLength: 600 }),
        (steps) => {
          const pages = allocator({ totalBytes: 8 * GiB, nodes: 2 }, 4)
          const before = pages.zones.map((zone) => [...zone.nrFree])
          const held: Array<number> = []
          for (const step of steps) {
            if (step.take) held.push(pages.allocPage(step.cpu))
            else if (held.length > 0) pages.freePage(held.splice(step.which % held.length, 1)[0] as number, step.cpu)
          }
          assert.strictEqual(new Set(held).size, held.length)
          assert.strictEqual(sum(pages.zones.map((zone) => zone.usedPages)), held.length)
          pages.check()
          for (const pfn of held) pages.freePage(pfn, 0)
          pages.drainPcp()
          pages.check()
          assert.deepStrictEqual(
            pages.zones.map((zone) => [...zone.nrFree]),
            before
          )
        }
      ),
      { numRuns: cases(100) }
    ))

  it("a per-CPU list gives a batch back once it is longer than its high mark", () => {
    const pages = allocator({}, 1)
    const held: Array<number> = []
    for (let i = 0; i < 400; i++) held.push(pages.allocPage(0))
    for (const pfn of held) pages.freePage(pfn, 0)
    const zone = pages.zones[2]
    assert.isDefined(zone)
    if (zone !== undefined) assert.isAtMost(pages.pcpCount(0, zone), zone.pcpHigh)
    pages.check()
  })

  it("check finds a page that was counted wrongly and one that is free twice", () => {
    const lost = allocator()
    const zone = lost.zones[0]
    if (zone !== undefined) zone.usedPages++
    assert.throws(() => lost.check(), /used/)
    const twice = allocator()
    const page = twice.allocPage(0)
    twice.freePage(page, 0)
    twice.freePage(page, 0)
    assert.throws(() => twice.check(), /free twice|used/)
  })
})

it("orderOf rounds up to whole blocks", () => {
  assert.deepStrictEqual([0, 1, 4096, 4097, 8192, 8193, 16384, 4194304].map(orderOf), [0, 0, 0, 1, 1, 2, 2, 10])
})
