import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import * as Bytes from "@darkfiber/wire/Bytes"
import * as Tcp from "@darkfiber/wire/Tcp"
import * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { cases, dirty, i32, patience, record } from "./Arbitraries.ts"

/** What the scanner says, without what lies behind its counts. */
const view = (options: TcpOptions.TcpOptions) => ({
  mss: options.mss,
  windowScale: options.windowScale,
  sackPermitted: options.sackPermitted,
  sacks: [...options.sackEdges.subarray(0, 2 * options.sackCount)],
  timestamp: options.hasTimestamp === 1 ? [options.tsVal, options.tsEcr] : [],
  cookie: options.fastOpenLength < 0 ? "none" : options.fastOpenCookie.slice(0, options.fastOpenLength).join(),
  experimental: options.fastOpenExperimental,
  digest: options.md5At < 0 ? "none" : options.md5Digest.join()
})

const options = record({
  mss: fc.nat(0xffff),
  windowScale: fc.integer({ min: -1, max: 255 }),
  sackPermitted: fc.nat(1),
  sackCount: fc.nat(4),
  edges: fc.array(i32, { minLength: 8, maxLength: 8 }),
  hasTimestamp: fc.nat(1),
  tsVal: i32,
  tsEcr: i32,
  fastOpenLength: fc.integer({ min: -1, max: 16 }),
  fastOpenExperimental: fc.nat(1),
  cookie: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  md5At: fc.integer({ min: -1, max: 0 }),
  digest: fc.uint8Array({ minLength: 16, maxLength: 16 })
}).map((value) => {
  const made = TcpOptions.make()
  made.mss = value.mss
  made.windowScale = value.windowScale
  made.sackPermitted = value.sackPermitted
  made.sackCount = value.sackCount
  made.sackEdges.set(value.edges)
  made.hasTimestamp = value.hasTimestamp
  made.tsVal = value.tsVal
  made.tsEcr = value.tsEcr
  made.fastOpenLength = value.fastOpenLength
  made.fastOpenExperimental = value.fastOpenLength < 0 ? 0 : value.fastOpenExperimental
  made.fastOpenCookie.set(value.cookie)
  made.md5At = value.md5At
  made.md5Digest.set(value.digest)
  return made
})

describe("write and scan", () => {
  it("scanning what was written gives it back, whatever the scanner held before", () =>
    fc.assert(
      fc.property(options, options, dirty, fc.nat(40), (written, used, buffer, at) => {
        const before = buffer.slice()
        const length = TcpOptions.write(written, buffer, at)
        assert.equal(length, TcpOptions.byteLength(written))
        assert.equal(length % 4, 0)
        assert.deepEqual(buffer.subarray(0, at), before.subarray(0, at))
        assert.deepEqual(buffer.subarray(at + length), before.subarray(at + length))
        TcpOptions.reset(used)
        TcpOptions.scanRange(buffer, at, at + length, used)
        assert.deepEqual(view(used), view(written))
        assert.equal(used.malformed, 0)
      })
    ))

  it("a SYN carries them in Linux's order and alignment", () => {
    const syn = TcpOptions.make()
    syn.mss = 1460
    syn.sackPermitted = 1
    syn.hasTimestamp = 1
    syn.tsVal = 1
    syn.windowScale = 7
    const bytes = new Uint8Array(20)
    assert.equal(TcpOptions.write(syn, bytes, 0), 20)
    assert.equal(Buffer.from(bytes).toString("hex"), "020405b40402080a000000010000000001030307")
    syn.hasTimestamp = 0
    assert.equal(TcpOptions.write(syn, bytes, 0), 12)
    assert.equal(Buffer.from(bytes.subarray(0, 12)).toString("hex"), "020405b40101040201030307")
  })

  it("the timestamp of an established connection takes the fast path with the same answer", () =>
    fc.assert(
      fc.property(dirty, fc.nat(64), i32, i32, options, (buffer, at, tsVal, tsEcr, used) => {
        Tcp.setHeaderLength(buffer, at, 32)
        assert.equal(TcpOptions.writeTimestamp(buffer, at + 20, tsVal, tsEcr), 12)
        assert.equal(TcpOptions.isAlignedTimestamp(buffer, at, 32), true)
        const slow = TcpOptions.make()
        TcpOptions.scanRange(buffer, at + 20, at + 32, slow)
        TcpOptions.scan(buffer, at, used)
        assert.deepEqual(view(used), view(slow))
        assert.deepEqual(view(used).timestamp, [tsVal, tsEcr])
      })
    ))
})

/** A plain list of (kind, value bytes), and whether it broke off; made independently of the scanner. */
const plainList = (list: Uint8Array): { found: Array<readonly [number, ReadonlyArray<number>]>; broken: boolean } => {
  const found: Array<readonly [number, ReadonlyArray<number>]> = []
  let rest = [...list]
  for (;;) {
    const [kind, length] = rest
    if (kind === undefined || kind === 0) return { found, broken: false }
    if (kind === 1) rest = rest.slice(1)
    else if (length === undefined || length < 2 || length > rest.length) return { found, broken: true }
    else {
      found.push([kind, rest.slice(2, length)])
      rest = rest.slice(length)
    }
  }
}

/** Lists in which known kinds with right and wrong lengths are common. */
const list = fc
  .array(
    fc.oneof(
      fc.constantFrom([1], [1, 1], [0], [2, 4, 5, 180], [3, 3, 7], [4, 2], [34, 2], [254, 4, 0xf9, 0x89]),
      fc
        .tuple(
          fc.constantFrom(2, 3, 4, 5, 8, 19, 34, 77, 254),
          fc.nat(20),
          fc.uint8Array({ minLength: 20, maxLength: 20 })
        )
        .map(([kind, length, value]) => [kind, length, ...value.slice(0, Math.max(0, length - 2))]),
      fc.uint8Array({ maxLength: 10 }).map((value) => [...value])
    ),
    { maxLength: 8 }
  )
  .map((parts) => Uint8Array.from(parts.flat().slice(0, 40)))

describe("scan", () => {
  it(
    "never throws, sees what a plain reading sees, and nothing behind the header",
    () =>
      fc.assert(
        fc.property(list, fc.nat(30), fc.uint8Array({ minLength: 40, maxLength: 40 }), (raw, at, tail) => {
          const padded = new Uint8Array((raw.length + 3) & ~3)
          padded.set(raw)
          const buffer = new Uint8Array(at + 20 + padded.length + 40)
          Tcp.setHeaderLength(buffer, at, 20 + padded.length)
          buffer.set(padded, at + 20)
          buffer.set(tail, at + 20 + padded.length)
          const scanned = TcpOptions.make()
          TcpOptions.scan(buffer, at, scanned)
          const { found, broken } = plainList(padded)
          const last = (kind: number, length: number) =>
            found.findLast(([k, value]) => k === kind && value.length === length)?.[1]
          const number = (value: ReadonlyArray<number>, from: number) => Bytes.i32(Uint8Array.from(value), from)
          const sacks =
            found.findLast(([k, value]) => k === 5 && value.length >= 8 && value.length % 8 === 0)?.[1] ?? []
          const open = found.findLast(([k, v]) => k === 34 || (k === 254 && v[0] === 0xf9 && v[1] === 0x89))
          const timestamp = last(8, 8)
          const shown = view(scanned)
          assert.equal(shown.mss, last(2, 2) === undefined ? 0 : last(2, 2)![0]! * 256 + last(2, 2)![1]!)
          assert.equal(shown.windowScale, last(3, 1)?.[0] ?? -1)
          assert.equal(shown.sackPermitted, last(4, 0) === undefined ? 0 : 1)
          assert.deepEqual(shown.timestamp, timestamp === undefined ? [] : [number(timestamp, 0), number(timestamp, 4)])
          const edges = Array.from({ length: Math.min(8, sacks.length / 4) }, (_, i) => number(sacks, 4 * i))
          assert.deepEqual(shown.sacks, edges)
          assert.equal(shown.digest, last(19, 16)?.join() ?? "none")
          const cookie = open === undefined ? undefined : open[1].slice(open[0] === 34 ? 0 : 2)
          assert.equal(scanned.fastOpenLength, cookie?.length ?? -1)
          if (cookie !== undefined)
            assert.equal(scanned.fastOpenCookie.slice(0, cookie.length).join(), cookie.slice(0, 16).join())
          assert.equal(scanned.malformed, broken ? 1 : 0)
        }),
        { numRuns: cases }
      ),
    patience
  )

  it("names where cookie and digest stand", () => {
    const bytes = Uint8Array.from([...new Uint8Array(20), 19, 18, ...new Uint8Array(16).fill(9), 34, 6, 1, 2, 3, 4])
    Tcp.setHeaderLength(bytes, 0, 44)
    const scanned = TcpOptions.make()
    TcpOptions.scan(bytes, 0, scanned)
    assert.deepEqual([scanned.md5At, scanned.fastOpenAt, scanned.fastOpenLength], [22, 40, 4])
  })
})
