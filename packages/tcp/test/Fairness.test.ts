import { assert, describe, it } from "vitest"
import { isLong } from "@darkfiber/tooling/Cases"
import { RandomStream } from "@darkfiber/sim/Random"
import type { SimpleStream } from "../src/SimpleStream.ts"
import { bulkFlow, bulkHosts } from "./Flow.ts"

const S = 1e9
const RATE = 1e8
const WARM_UP = 5
const SECONDS = 30

/** Jain's index of what flows brought over: (sum x)^2 / (n sum x^2), 1 when all are equal. */
const jain = (shares: ReadonlyArray<number>): number => {
  const sum = shares.reduce((total, share) => total + share, 0)
  return (sum * sum) / (shares.length * shares.reduce((total, share) => total + share * share, 0))
}

/** What each of `count` flows brought over a 100 Mbit/s link, RTT 10 ms, queue of 100 frames; they start within a second. */
const shares = (seed: number, algorithm: string, count: number): ReadonlyArray<number> => {
  const made = bulkHosts(seed, { delay: 5e6, rate: RATE, queue: 100 })
  const random = new RandomStream(seed, "fairness/1/starts")
  const streams: Array<SimpleStream> = []
  const bytes = ((WARM_UP + SECONDS) * RATE) / 8
  for (let i = 0; i < count; i++) {
    made.clock.at(random.below(1000) * 1e6, { run: () => void streams.push(bulkFlow(made, algorithm, bytes)) })
  }
  made.clock.runUntil(WARM_UP * S)
  const before = streams.map(({ sock }) => sock.bytesAcked)
  made.clock.runUntil((WARM_UP + SECONDS) * S)
  return streams.map(({ sock }, at) => sock.bytesAcked - before[at]!)
}

/** BBR paces a hundredth below what it takes for the bandwidth, and stops for 200 ms each ten seconds. */
const fullOf = (algorithm: string): number => (algorithm === "bbr" ? 0.915 : 0.93)

/** Eight flows of BBR are not among them: on Linux 6.18.44 their index over 25 s is 0.71 to 0.84, over 120 s 0.91. */
const cells = [
  ["cubic", 2],
  ["cubic", 8],
  ["cubic", 32],
  ["reno", 2],
  ["reno", 8],
  ["reno", 32],
  ["bbr", 2],
  ["bbr", 32]
] as const

describe("equal flows share a bottleneck", () => {
  for (const [algorithm, count] of isLong() ? cells : cells.slice(1, 2)) {
    it(`${count} of ${algorithm}: Jain's index at least 0.95, the link full`, () => {
      const seeds = isLong() ? [1, 2, 3] : [1]
      for (const seed of seeds) {
        const all = shares(seed, algorithm, count)
        const total = all.reduce((sum, share) => sum + share, 0)
        assert.strictEqual(all.length, count)
        assert.isAtLeast(jain(all), 0.95, `seed ${seed}`)
        // Headers leave 94.1 %.
        assert.isAtLeast((total * 8) / SECONDS / RATE, fullOf(algorithm), `seed ${seed}`)
      }
    })
  }
})
