import { assert, describe, it } from "vitest"
import { hashSizes, linux310HashRules, linux6xHashRules, tcpMem } from "../src/HashSizes.ts"

const GiB = 1073741824

describe("sizes chosen at boot", () => {
  it("3.10: the table of F12", () => {
    const table: ReadonlyArray<readonly [gib: number, ehash: number, tw: number, backlog: number]> = [
      [4, 32_768, 16_384, 128],
      [32, 262_144, 131_072, 1024],
      [64, 524_288, 262_144, 2048],
      [256, 524_288, 262_144, 2048]
    ]
    for (const [gib, ehash, tw, backlog] of table) {
      const sizes = hashSizes(gib * GiB, linux310HashRules)
      assert.strictEqual(sizes.ehash, ehash)
      assert.strictEqual(sizes.bhash, Math.min(65_536, ehash))
      assert.strictEqual(sizes.maxTwBuckets, tw)
      assert.strictEqual(sizes.maxOrphans, tw)
      assert.strictEqual(sizes.maxSynBacklog, backlog)
    }
  })

  it("6.18 with 24 GB: what its boot log and sysctls say", () => {
    const sizes = hashSizes(24 * GiB, linux6xHashRules, 383_867 * 16)
    assert.strictEqual(sizes.ehash, 262_144)
    assert.strictEqual(sizes.bhash, 65_536)
    assert.strictEqual(sizes.maxTwBuckets, 131_072)
    assert.strictEqual(sizes.maxOrphans, 131_072)
    assert.strictEqual(sizes.maxSynBacklog, 2048)
    assert.deepStrictEqual(sizes.tcpMem, [287_898, 383_867, 575_796])
  })

  it("3.10: tcp_mem of 4 GB is about 384, 512 and 768 MB; a tiny host keeps 128 pages", () => {
    assert.deepStrictEqual(tcpMem(1_048_576, linux310HashRules), [98_304, 131_072, 196_608])
    assert.deepStrictEqual(tcpMem(100, linux310HashRules), [96, 128, 192])
  })

  it("tables are powers of two, never smaller than a page, and file-max is a tenth of the KiB", () => {
    for (const megabytes of [1, 16, 100, 1000, 3000, 5000, 100_000]) {
      const sizes = hashSizes(megabytes * 1_048_576, linux310HashRules)
      assert.strictEqual(sizes.ehash & (sizes.ehash - 1), 0)
      assert.isAtLeast(sizes.ehash, 256)
      assert.isAtLeast(sizes.ehash, Math.min(524_288, megabytes * 8))
      assert.strictEqual(sizes.fileMax, Math.max(8192, Math.floor((megabytes * 1024) / 10)))
    }
  })
})
