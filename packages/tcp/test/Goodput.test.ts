/**
 * Goodput of one flow on a link that limits nothing but loses each 1/p-th segment, in segments a round trip, against the
 * formulas that docs/decisions/goodput-formula.md derives and against Linux 6.18.44.
 */
import { assert, describe, it } from "vitest"
import * as TcpHeader from "@darkfiber/wire/Tcp"
import { isLong } from "@darkfiber/tooling/Cases"
import { RandomStream } from "@darkfiber/sim/Random"
import * as RouteMetric from "../src/RouteMetric.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import { bulkFlow, bulkHosts } from "./Flow.ts"
import { IdealFlow } from "./IdealFlow.ts"
import { CubicRule, renoRule } from "./WindowRules.ts"

const MSS = 1448
const HZ = 250
const RATE = 1e10
/** What a segment and its ACK are on the wire, seconds. */
const WIRE = ((1500 + 38 + 52 + 38) * 8) / RATE
const WARM_UP = 20

/** Segments from loss to loss: 0.7/p to 1.3/p, so that nothing locks into step with the round trips. */
const intervals = (period: number): (() => number) => {
  const random = new RandomStream(1, "goodput/1/losses")
  return () => Math.round(period * 0.7) + random.below(Math.round(period * 0.6) + 1)
}

/** A difference over the cycles between two losses, in segments a round trip. */
const perRoundTrip = (segments: number, seconds: number, rtt: number): number => segments / (seconds / rtt)

/** @param period 1/p @param rtt seconds */
const measured = (algorithm: string, period: number, rtt: number, cycles: number): number => {
  const link = { delay: (rtt * 1e9) / 2, rate: RATE, queue: 1e6 }
  const made = bulkHosts(1, link, { gsoMaxSize: 0, jiffyNanos: 1e9 / HZ })
  // The formulas have an ACK for each segment.
  made.server.metrics.set(RouteMetric.RTAX_QUICKACK, 1)
  const interval = intervals(period)
  const at: Array<{ readonly time: number; readonly bytes: number }> = []
  let stream: SimpleStream | null = null
  let sent = 0
  let next = interval()
  made.link.filter = (frame, now) => {
    if (frame.source !== made.client.address) return false
    if (frame.length <= TcpHeader.headerLength(frame.bytes, 0) || ++sent !== next) return false
    next += interval()
    at.push({ time: now, bytes: stream!.sock.bytesAcked })
    return true
  }
  stream = bulkFlow(made, algorithm, (WARM_UP + cycles + 5) * period * 1.3 * MSS)
  while (at.length < WARM_UP + cycles) assert.isTrue(made.clock.step())
  const first = at[WARM_UP - 1]!
  const last = at.at(-1)!
  // Nothing was sent again but what was lost.
  assert.isAtMost(stream.sock.totalRetrans, at.length)
  return perRoundTrip((last.bytes - first.bytes) / MSS, (last.time - first.time) / 1e9, rtt)
}

/** Losses that the reference is followed over, after those in which it forgets how it began. */
const IDEAL_LOSSES = 1000
const IDEAL_WARM_UP = 100

const ideal = (algorithm: string, period: number, rtt: number): number => {
  const roundTrip = rtt + WIRE
  const rule = algorithm === "reno" ? renoRule() : new CubicRule(roundTrip, HZ)
  const flow = new IdealFlow({ roundTrip, hz: HZ, interval: intervals(period) }, rule)
  flow.runUntilLoss(IDEAL_WARM_UP)
  const { now, delivered } = flow
  flow.runUntilLoss(IDEAL_WARM_UP + IDEAL_LOSSES)
  return perRoundTrip(flow.delivered - delivered, flow.now - now, rtt)
}

/** Reno in whole segments: 1/p = 3/8 W^2 + 7/8 W - 13/32 in W/2 + 7/4 round trips, one of the 1/p sent again. */
const renoFormula = (period: number): number => {
  const window = (-7 / 8 + Math.sqrt(49 / 64 + 1.5 * (period + 13 / 32))) / 0.75
  return (period - 1) / (window / 2 + 7 / 4)
}

/** RFC 9438 §5.1: the greater of equations 5 and 6, with C = 0.4 and beta = 0.7. */
const cubicFormula = (period: number, rtt: number): number =>
  Math.max(Math.sqrt(1.5 * period), ((0.4 * 3.7) / 1.2) ** 0.25 * (rtt * period) ** 0.75)

/** Losses that a cell is measured over. */
const cyclesOf = (period: number): number =>
  isLong() ? (period === 100 ? 3000 : period === 1000 ? 200 : 120) : period === 100 ? 200 : 60

const near = (value: number, expected: number, what: string): void => {
  assert.closeTo(value / expected, 1, 0.05, `${value.toFixed(2)} for ${expected.toFixed(2)} by ${what}`)
}

interface Cell {
  /** 1/p. */
  readonly period: number
  /** Seconds. */
  readonly rtt: number
  /** Measured on Linux 6.18.44; null where that machine was too slow for the round trip to stay what it should be. */
  readonly reno: number | null
  readonly cubic: number | null
  /** CUBIC is near the formula of RFC 9438: nothing that Linux adds to it tells. */
  readonly isByTheBook: boolean
}

const cells: ReadonlyArray<Cell> = [
  { period: 100, rtt: 0.001, reno: 10.6, cubic: 5.77, isByTheBook: false },
  { period: 100, rtt: 0.01, reno: 10.63, cubic: 9.58, isByTheBook: false },
  { period: 100, rtt: 0.1, reno: 10.74, cubic: 10.3, isByTheBook: false },
  { period: 1000, rtt: 0.001, reno: 36.47, cubic: 39.8, isByTheBook: false },
  { period: 1000, rtt: 0.01, reno: 37.21, cubic: 35.01, isByTheBook: false },
  { period: 1000, rtt: 0.1, reno: 37, cubic: 41.07, isByTheBook: false },
  { period: 10_000, rtt: 0.001, reno: null, cubic: null, isByTheBook: false },
  { period: 10_000, rtt: 0.01, reno: 120.59, cubic: 118.31, isByTheBook: true },
  { period: 10_000, rtt: 0.1, reno: 121.2, cubic: 184.89, isByTheBook: true }
]

describe("goodput of one flow is within 5 % of", () => {
  for (const cell of isLong() ? cells : [cells[1]!, cells[4]!]) {
    const { period, rtt } = cell
    const cycles = cyclesOf(period)
    const where = `loss ${100 / period} %, RTT ${rtt * 1000} ms`

    it(`the formula for Reno and the kernel's, ${where}`, () => {
      const got = measured("reno", period, rtt, cycles)
      near(got, renoFormula(period), "whole segments")
      if (period > 100) near(got, Math.sqrt(1.5 * period), "sqrt(3/2p)")
      if (cell.reno !== null) near(got, cell.reno, "Linux")
    })

    it(`the reference for CUBIC and the kernel's, ${where}`, () => {
      const got = measured("cubic", period, rtt, cycles)
      near(got, ideal("cubic", period, rtt), "the window's rules")
      if (cell.isByTheBook) near(got, cubicFormula(period, rtt), "RFC 9438")
      if (cell.cubic !== null) near(got, cell.cubic, "Linux")
    })
  }

  it("each other: the reference's Reno and the formula in whole segments", () => {
    for (const { period, rtt } of cells) near(ideal("reno", period, rtt), renoFormula(period), "whole segments")
  })
})
