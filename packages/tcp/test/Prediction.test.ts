/**
 * Header prediction is a short cut: a control block that takes it and one that never does say the same, byte for byte and
 * at the same times, whatever the link, the programs and the options are.
 */
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Counters from "../src/Counters.ts"
import type { SimpleHost } from "../src/SimpleHost.ts"
import { runCase } from "./Swarm.ts"

/** These count how often the short cut was taken (Linux: TCPHPHits, TCPHPAcks, TCPPureAcks). */
const OF_THE_WAY: ReadonlySet<number> = new Set([Counters.HP_HITS, Counters.HP_ACKS, Counters.PURE_ACKS])

interface Record {
  /** Times and bytes of all frames, folded. */
  frames: number
  hash: number
  readonly counters: Array<ReadonlyArray<number>>
  shortCuts: number
}

const record = (seed: number, predicts: boolean): Record => {
  const made: Record = { frames: 0, hash: 0, counters: [], shortCuts: 0 }
  const fold = (value: number): void => {
    made.hash = (Math.imul(made.hash ^ value, 0x0100_0193) + 0x9e37_79b9) | 0
  }
  let ends: ReadonlyArray<SimpleHost> = []
  runCase(seed, (link, hosts) => {
    ends = hosts
    for (const host of hosts) {
      host.tcp.predicts = predicts
      // The long way forgets a D-SACK that was not told yet, the short one does not, in Linux too.
      host.net.sysctl.dsack = 0
    }
    link.filter = (frame, now) => {
      made.frames++
      fold(now % 0x7fff_ffff)
      for (let i = 0; i < frame.length; i++) fold(frame.bytes[i]!)
      return false
    }
  })
  for (const { net } of ends) {
    made.counters.push(Array.from(net.mib, (count, at) => (OF_THE_WAY.has(at) ? 0 : count)))
    made.shortCuts += net.mib[Counters.HP_HITS]!
  }
  return made
}

describe("header prediction", () => {
  it("changes nothing but the way a segment takes", () => {
    let taken = 0
    fc.assert(
      fc.property(fc.noShrink(fc.integer({ min: 0, max: 0x4000_0000 })), (seed) => {
        const short = record(seed, true)
        const long = record(seed, false)
        taken += short.shortCuts
        assert.strictEqual(long.shortCuts, 0)
        assert.deepStrictEqual({ ...long, shortCuts: 0 }, { ...short, shortCuts: 0 }, `case ${seed}`)
      }),
      { numRuns: cases(1000) }
    )
    assert.isAbove(taken, 1000)
  })
})
