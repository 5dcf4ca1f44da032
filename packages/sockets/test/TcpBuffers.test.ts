/** Payload moves between the buffers of two segments without a byte or a page being lost. */
import * as Skb from "@darkfiber/kernel-net/Skb"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import type { Segment } from "@darkfiber/tcp/Segment"
import { cases } from "@darkfiber/tooling/Cases"
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as TcpBuffers from "../src/TcpBuffers.ts"
import { box, newNet } from "./Net.ts"

const payload = (segment: Segment): Uint8Array => {
  const into = new Uint8Array(segment.length)
  Skb.copyBits(segment.buffer as SkBuff, 0, segment.length, into, 0)
  return into
}

/** MAX_TCP_HEADER. */
const ROOM = 256

describe("shift", () => {
  const size = fc.integer({ min: 1, max: 9000 })
  const writes = fc.array(fc.record({ toFirst: fc.boolean(), size }), { minLength: 1, maxLength: 12 })

  it("moves the first bytes of one segment behind those of another; all pages come back", () =>
    fc.assert(
      fc.property(writes, fc.nat(60_000), fc.boolean(), (all, wanted, isShared) => {
        const kernel = box(newNet(), "a").host
        const core = kernel.cores[0]!
        const { pages } = kernel.world
        const before = pages.live
        const open = new TcpBuffers.OpenPage()
        const to = TcpBuffers.alloc(kernel, core, ROOM)!
        const from = TcpBuffers.alloc(kernel, core, ROOM)!
        let next = 0
        for (const { size: length, toFirst } of all) {
          const bytes = Uint8Array.from({ length }, () => next++ % 251)
          TcpBuffers.append(kernel, core, open, toFirst ? to : from, bytes, 0, length)
        }
        const clone = isShared ? Skb.clone(core, from.buffer as SkBuff) : null
        const [first, second] = [payload(to), payload(from)]
        const truesize = to.truesize + from.truesize
        const count = Math.min(wanted, from.length)
        const moved = count > 0 && TcpBuffers.shift(kernel, core.index, to, from, count) ? count : 0
        assert.deepStrictEqual(payload(to), Uint8Array.from([...first, ...second.subarray(0, moved)]))
        assert.deepStrictEqual(payload(from), second.slice(moved))
        assert.strictEqual(to.truesize + from.truesize, truesize)
        if (clone !== null) {
          const seen = new Uint8Array(second.length)
          Skb.copyBits(clone, 0, second.length, seen, 0)
          assert.deepStrictEqual(seen, second)
          Skb.free(core, clone)
        }
        Skb.free(core, to.buffer as SkBuff)
        Skb.free(core, from.buffer as SkBuff)
        TcpBuffers.closePage(kernel, core.index, open)
        assert.strictEqual(pages.live, before)
      }),
      { numRuns: cases(50) }
    ))
})
