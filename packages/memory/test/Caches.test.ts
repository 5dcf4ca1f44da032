import { assert, describe, it } from "vitest"
import { cachesFor, linux310, linux310Caches, linux6x, linux6xCaches } from "../src/Caches.ts"
import { kmallocSizes, mergeCaches, type CacheTable } from "../src/CacheTable.ts"
import { linux310Objects, linux6xObjects, objectBytes, slabBytes } from "../src/KernelObjects.ts"
import { minPartialOf, slubOrder310, slubOrder6x } from "../src/SlubOrder.ts"

/** A row of slabinfo: object size, objects per slab, pages per slab. */
type Row = readonly [bytes: number, perSlab: number, pages: number]

const row = (rule: typeof slubOrder310, bytes: number, cpus: number): Row => {
  const order = rule(bytes, cpus)
  return [bytes, Math.floor((4096 << order) / bytes), 1 << order]
}

/** F13, and /proc/slabinfo of a 3.10 host with 4 to 7 CPUs. */
const rows310: ReadonlyArray<Row> = [
  [640, 25, 4],
  [1984, 16, 8],
  [192, 21, 1],
  [256, 16, 1],
  [64, 64, 1],
  [320, 25, 2],
  [1088, 30, 8],
  [2112, 15, 8],
  [5248, 6, 8],
  [4224, 7, 8],
  [1600, 20, 8],
  [1152, 28, 8],
  [592, 27, 4],
  [216, 18, 1],
  [584, 28, 4],
  [128, 32, 1],
  [80, 51, 1],
  [24, 170, 1],
  [448, 18, 2],
  [528, 31, 4],
  [1216, 26, 8],
  [3312, 9, 8],
  [2608, 12, 8],
  [8192, 4, 8],
  [4096, 8, 8],
  [2048, 16, 8],
  [1024, 16, 4],
  [512, 16, 2],
  [96, 42, 1],
  [8, 512, 1],
  [40, 102, 1],
  [104, 39, 1]
]

/** /proc/slabinfo of the 6.18.44 host with 2 CPUs. */
const rows618: ReadonlyArray<Row> = [
  [2368, 13, 8],
  [832, 19, 4],
  [192, 21, 1],
  [1344, 12, 4],
  [320, 12, 1],
  [256, 16, 1],
  [576, 14, 2],
  [4288, 7, 8],
  [5888, 5, 8],
  [704, 23, 4],
  [1152, 14, 4],
  [2112, 15, 8],
  [2496, 13, 8],
  [1472, 22, 8],
  [392, 20, 2],
  [384, 21, 2],
  [448, 18, 2],
  [344, 23, 2],
  [312, 13, 1],
  [696, 23, 4],
  [624, 13, 2],
  [584, 14, 2],
  [1600, 20, 8],
  [984, 16, 4],
  [488, 16, 2],
  [16, 256, 1],
  [24, 170, 1],
  [32, 128, 1],
  [104, 39, 1],
  [112, 36, 1],
  [8192, 4, 8],
  [4096, 8, 8],
  [2048, 16, 8],
  [1024, 16, 4],
  [512, 16, 2],
  [96, 42, 1],
  [64, 64, 1],
  [8, 512, 1]
]

describe("SLUB's choice of order", () => {
  it("gives the rows of a 3.10 slabinfo", () => {
    for (const known of rows310) assert.deepStrictEqual(row(slubOrder310, known[0], 4), known)
  })

  it("gives the rows of the 6.18 slabinfo", () => {
    for (const known of rows618) assert.deepStrictEqual(row(slubOrder6x, known[0], 2), known)
  })

  it("more CPUs ask for larger slabs: files_cache is 12 in 8 KB with 2 CPUs, 25 in 16 KB with 4", () => {
    assert.deepStrictEqual(row(slubOrder310, 640, 2), [640, 12, 2])
    assert.deepStrictEqual(row(slubOrder310, 640, 4), [640, 25, 4])
    assert.deepStrictEqual(row(slubOrder310, 256, 8), [256, 32, 2])
  })

  it("keeps half of log2(size) empty slabs, 5 to 10, as /sys/kernel/slab shows", () => {
    assert.deepStrictEqual([8, 192, 2368, 4096, 4288, 8192].map(minPartialOf), [5, 5, 5, 6, 6, 6])
  })
})

const named = (table: CacheTable, name: string): Row => {
  const shape = table.shapes[table.indexOf(name)]
  assert.isDefined(shape, name)
  return shape === undefined ? [0, 0, 0] : [shape.objectBytes, shape.objectsPerSlab, 1 << shape.order]
}

describe("profiles", () => {
  const everywhere = [
    "TCP",
    "UDP",
    "sock_inode_cache",
    "dentry",
    "filp",
    "request_sock_TCP",
    "tw_sock_TCP",
    "tcp_bind_bucket",
    "skbuff_head_cache",
    "skbuff_fclone_cache",
    "eventpoll_epi",
    "eventpoll_pwq",
    "nf_conntrack",
    "net_namespace",
    "ip_dst_cache",
    "rtable",
    "arp_cache",
    "files_cache",
    "task_struct"
  ]
  const newer = ["tcp_bind2_bucket", "skbuff_small_head", "ep_head", "lsm_inode_cache", "lsm_file_cache"]

  it("both know every cache the book names, 3.10 none of the later ones", () => {
    for (const name of everywhere) {
      assert.isAtLeast(linux310Caches.indexOf(name), 0, name)
      assert.isAtLeast(linux6xCaches.indexOf(name), 0, name)
    }
    for (const name of newer) {
      assert.strictEqual(linux310Caches.indexOf(name), -1)
      assert.isAtLeast(linux6xCaches.indexOf(name), 0, name)
    }
    assert.deepStrictEqual(named(linux310Caches, "TCP"), [1984, 16, 8])
    assert.deepStrictEqual(named(linux310Caches, "sock_inode_cache"), [640, 25, 4])
    assert.deepStrictEqual(named(linux6xCaches, "TCP"), [2368, 13, 8])
    assert.deepStrictEqual(named(linux6xCaches, "sock_inode_cache"), [832, 19, 4])
    assert.deepStrictEqual(named(linux6xCaches, "skbuff_small_head"), [576, 14, 2])
    assert.deepStrictEqual(named(cachesFor(linux6x, 16), "sock_inode_cache"), [832, 39, 8])
  })

  it("kmalloc picks the smallest general cache that holds the block", () => {
    for (const table of [linux310Caches, linux6xCaches]) {
      for (let bytes = 1; bytes <= 8192; bytes++) {
        const wanted = kmallocSizes.find((size) => size >= bytes)
        assert.strictEqual(table.shapes[table.kmallocIndex(bytes)]?.objectBytes, wanted)
      }
      assert.strictEqual(table.kmallocIndex(8193), -1)
    }
    assert.strictEqual(linux6xCaches.shapes[linux6xCaches.kmallocIndex(2000)]?.name, "kmalloc-2k")
    assert.strictEqual(linux310Caches.shapes[linux310Caches.kmallocIndex(2000)]?.name, "kmalloc-2048")
  })

  it("3.10: an idle connection has 3.0 KB of objects and 3218 B with slab waste", () => {
    const bytes = objectBytes(linux310Caches, linux310Objects.tcpSocket)
    assert.strictEqual(bytes, 1984 + 640 + 64 + 192 + 256)
    const perConnection = slabBytes(linux310Caches, linux310Objects.tcpSocket, 1_000_000) / 1_000_000
    assert.strictEqual(Math.round(perConnection), 3218)
  })

  it("6.x: objects take what was measured", () => {
    const bytes = (names: ReadonlyArray<string>): number => objectBytes(linux6xCaches, names)
    assert.strictEqual(bytes(linux6xObjects.tcpSocket), 3640)
    assert.strictEqual(bytes([...linux6xObjects.tcpSocket, ...linux6xObjects.boundPort]), 3896)
    assert.strictEqual(bytes(linux6xObjects.inAcceptQueue), 2688)
    assert.strictEqual(bytes(linux6xObjects.udpSocket), 2680)
    assert.strictEqual(bytes(linux6xObjects.synReceived), 320)
    assert.strictEqual(bytes(linux6xObjects.timeWait), 256)
    assert.strictEqual(bytes(linux6xObjects.epollRegistration), 208)
  })

  it("3.10: a TIME_WAIT takes 192 + 64 B, 30,000 of them 7.7 MB", () => {
    const each = objectBytes(linux310Caches, [...linux310Objects.timeWait, ...linux310Objects.boundPort])
    assert.strictEqual(each, 256)
    assert.strictEqual(each * 30_000, 7_680_000)
  })

  it("merging puts bind buckets and epoll items of 6.x into one cache, as measured, and keeps every name", () => {
    const merged = mergeCaches(linux6xCaches)
    assert.isBelow(merged.shapes.length, linux6xCaches.shapes.length)
    const bucket = merged.indexOf("tcp_bind_bucket")
    assert.strictEqual(merged.indexOf("tcp_bind2_bucket"), bucket)
    assert.strictEqual(merged.indexOf("eventpoll_epi"), bucket)
    assert.notStrictEqual(merged.indexOf("dentry"), merged.indexOf("rtable"))
    for (const shape of linux6xCaches.shapes) {
      const host = merged.shapes[merged.indexOf(shape.name)]
      assert.isAtLeast(host?.objectBytes ?? 0, shape.objectBytes)
    }
    assert.strictEqual(
      mergeCaches(cachesFor(linux310, 4)).indexOf("arp_cache"),
      mergeCaches(linux310Caches).indexOf("kmalloc-512")
    )
  })
})
