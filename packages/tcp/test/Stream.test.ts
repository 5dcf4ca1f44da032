import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { objectCaches, OBJECT_TCP } from "../src/TcpHost.ts"
import * as Counters from "../src/Counters.ts"
import { type Pair, pair, type HostOptions, type SimpleHost } from "../src/SimpleHost.ts"
import { goodLink, type LinkOptions } from "../src/SimpleLink.ts"
import { linux310, linux6x } from "../src/Profile.ts"
import type { SimpleStream } from "../src/SimpleStream.ts"
import * as OptionNames from "../src/OptionNames.ts"
import * as SockOpt from "../src/SockOpt.ts"
import * as State from "../src/State.ts"

const PORT = 80
const STEPS_MAX = 3_000_000

const pattern = (length: number, key: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  let value = key | 1
  for (let i = 0; i < length; i++) {
    value = (Math.imul(value, 1_103_515_245) + 12_345) | 0
    bytes[i] = value >>> 16
  }
  return bytes
}

interface Plan {
  readonly seed: number
  readonly link: Partial<LinkOptions>
  readonly mtu: readonly [client: number, server: number]
  readonly up: number
  readonly down: number
  readonly profile310: readonly [client: boolean, server: boolean]
  readonly gso: boolean
  readonly rcvbuf: number
  readonly sndbuf: number
  readonly nodelay: boolean
  readonly sack: boolean
  readonly timestamps: boolean
  readonly windowScaling: boolean
  readonly cubic: boolean
  readonly readSize: number
}

interface Run extends Pair {
  readonly stream: SimpleStream
  readonly accepted: Array<SimpleStream>
  readonly up: Uint8Array
  readonly down: Uint8Array
}

const tune = (host: SimpleHost, plan: Plan): void => {
  const { sysctl } = host.net
  sysctl.sack = plan.sack ? 1 : 0
  sysctl.timestamps = plan.timestamps ? 1 : 0
  sysctl.windowScaling = plan.windowScaling ? 1 : 0
  sysctl.congestionControl = plan.cubic ? 1 : 0
}

const start = (plan: Plan): Run => {
  const gsoMaxSize = plan.gso ? 65_536 : 0
  const optionsOf = (side: 0 | 1): Partial<HostOptions> => ({
    mtu: plan.mtu[side],
    gsoMaxSize,
    profile: plan.profile310[side] ? linux310 : linux6x
  })
  const made = pair(plan.seed, plan.link, optionsOf(0), optionsOf(1))
  tune(made.client, plan)
  tune(made.server, plan)
  const up = pattern(plan.up, plan.seed)
  const down = pattern(plan.down, plan.seed + 1)
  const accepted: Array<SimpleStream> = []
  made.server.onAccept = (stream) => {
    accepted.push(stream)
    stream.closeWhenEnded = true
    stream.readSize = plan.readSize
    stream.write(down)
    stream.end()
  }
  const listener = made.server.listen(PORT)
  if (plan.rcvbuf > 0) SockOpt.setReceiveBuffer(listener, plan.rcvbuf)
  const stream = made.client.connect(made.server.address, PORT, (sock) => {
    if (plan.nodelay) SockOpt.set(sock, OptionNames.TCP_NODELAY, 1)
    if (plan.sndbuf > 0) SockOpt.setSendBuffer(sock, plan.sndbuf)
  })
  stream.closeWhenEnded = true
  stream.write(up)
  stream.end()
  return { ...made, stream, accepted, up, down }
}

/** Runs until nothing is left to happen; virtual seconds. */
const finish = (run: Pair): number => {
  let steps = 0
  while (run.clock.step()) if (++steps > STEPS_MAX) throw new Error(`still busy after ${STEPS_MAX} events`)
  return run.clock.now / 1e9
}

/** What must be given back when everything is over; the listener stays. */
const assertNothingLeft = (run: Pair): void => {
  for (const host of [run.client, run.server]) {
    assert.strictEqual(host.liveSegments, 0, "segments")
    assert.strictEqual(host.tcp.memoryPages, 0, "pages of tcp_mem")
    assert.strictEqual(host.tcp.orphanCount, 0, "orphans")
    assert.strictEqual(host.tcp.timeWaitCount, 0, "TIME_WAIT")
    assert.strictEqual(host.tcp.established.count, 0, "established table")
    assert.strictEqual(host.net.mib[Counters.CURR_ESTAB], 0, "CurrEstab")
  }
  assert.deepStrictEqual(
    [...run.client.objects],
    objectCaches.map(() => 0)
  )
  assert.strictEqual(run.server.objects[OBJECT_TCP], 1)
}

const assertPrefix = (received: Uint8Array, sent: Uint8Array): void => {
  assert.isAtMost(received.length, sent.length)
  assert.deepStrictEqual(received, sent.subarray(0, received.length))
}

const probability = (most: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: Math.round(most * 1000) }).map((value) => value / 1000)
  )

const anyLink: fc.Arbitrary<Partial<LinkOptions>> = fc.record({
  delay: fc.integer({ min: 0, max: 50_000_000 }),
  rate: fc.constantFrom(0, 1e6, 1e7, 1e9),
  queue: fc.integer({ min: 3, max: 200 }),
  loss: probability(0.2),
  duplicate: probability(0.2),
  corrupt: probability(0.05),
  reorder: probability(0.3),
  reorderDelay: fc.integer({ min: 0, max: 60_000_000 })
})

const size = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 150_000 }))

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(1_000_000),
  link: anyLink,
  mtu: fc.tuple(fc.integer({ min: 296, max: 1500 }), fc.integer({ min: 296, max: 1500 })),
  up: size,
  down: size,
  profile310: fc.tuple(fc.boolean(), fc.boolean()),
  gso: fc.boolean(),
  rcvbuf: fc.constantFrom(0, 1, 3000, 10_000, 60_000),
  sndbuf: fc.constantFrom(0, 1, 5000, 60_000),
  nodelay: fc.boolean(),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  windowScaling: fc.boolean(),
  cubic: fc.boolean(),
  readSize: fc.constantFrom(100, 4096, 65_536)
})

describe("a connection over a bad link", () => {
  it("brings every byte in order, or ends in an error; nothing is left over", () =>
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const run = start(plan)
        finish(run)
        const [server] = run.accepted
        if (server === undefined) {
          assert.notStrictEqual(run.stream.error, 0, "no connection and no error")
        } else {
          assertPrefix(server.received(), run.up)
          assertPrefix(run.stream.received(), run.down)
          // An orphan that gives up (tcp_orphan_retries) tells neither its program nor its peer.
          const gaveUp = [run.client, run.server].some((host) => host.net.mib[Counters.ABORT_ON_TIMEOUT]! > 0)
          if (!gaveUp && run.stream.error === 0) assert.strictEqual(run.stream.receivedBytes, plan.down)
          if (!gaveUp && server.error === 0) assert.strictEqual(server.receivedBytes, plan.up)
        }
        run.stream.close()
        for (const stream of run.accepted) stream.close()
        finish(run)
        assertNothingLeft(run)
      }),
      { numRuns: cases(120) }
    ))

  it("goes on when the link heals: no stall, no error", () =>
    fc.assert(
      fc.property(
        anyPlan,
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 1, max: 30_000 }),
        (plan, from, length) => {
          const run = start({
            ...plan,
            link: { ...plan.link, loss: 0, corrupt: 0, duplicate: 0, reorder: 0, queue: 1000 }
          })
          run.link.filter = (_frame, now) => now >= from * 1e6 && now < (from + length) * 1e6
          finish(run)
          assert.strictEqual(run.stream.error, 0)
          assert.strictEqual(run.accepted.length, 1)
          assert.strictEqual(run.accepted[0]!.error, 0)
          assert.deepStrictEqual(run.accepted[0]!.received(), run.up)
          assert.deepStrictEqual(run.stream.received(), run.down)
          assertNothingLeft(run)
        }
      ),
      { numRuns: cases(60) }
    ))

  it("keeps its counters consistent", () =>
    fc.assert(
      fc.property(anyPlan, (plan) => {
        const run = start(plan)
        finish(run)
        const { client, server, link } = run
        const sum = (counter: number): number => client.net.mib[counter]! + server.net.mib[counter]!
        // SYN-ACKs that a request sends again count as both.
        const sent = sum(Counters.OUT_SEGS) + sum(Counters.RETRANS_SEGS)
        assert.isAtMost(link.sent, sent)
        assert.isAtLeast(link.sent, sent - sum(Counters.SYN_RETRANS))
        for (const host of [client, server]) {
          const at = (counter: number): number => host.net.mib[counter]!
          assert.isAtMost(at(Counters.IN_CSUM_ERRORS), at(Counters.IN_ERRS))
          assert.isAtMost(at(Counters.FAST_RETRANS) + at(Counters.SLOW_START_RETRANS), at(Counters.RETRANS_SEGS))
          assert.isAtMost(at(Counters.SYN_RETRANS), at(Counters.RETRANS_SEGS))
          assert.isAtLeast(at(Counters.LISTEN_DROPS), at(Counters.LISTEN_OVERFLOWS))
        }
        assert.isAtMost(server.net.mib[Counters.PASSIVE_OPENS]!, client.net.mib[Counters.ACTIVE_OPENS]!)
      }),
      { numRuns: cases(40) }
    ))

  it("survives a host that is short of memory for segments", () =>
    fc.assert(
      fc.property(anyPlan, fc.integer({ min: 1, max: 40 }), (plan, percent) => {
        const run = start({ ...plan, link: goodLink })
        run.client.allocFailures = percent
        run.server.allocFailures = percent
        run.clock.runUntil(20e9)
        run.client.allocFailures = 0
        run.server.allocFailures = 0
        finish(run)
        if (run.accepted[0] !== undefined) assertPrefix(run.accepted[0].received(), run.up)
        run.stream.close()
        finish(run)
        for (const host of [run.client, run.server]) assert.strictEqual(host.liveSegments, 0)
      }),
      { numRuns: cases(30) }
    ))
})

describe("sequence numbers", () => {
  it("wrap around in the middle of a stream", () => {
    for (const distance of [0, 1, 1000, 100_000]) {
      const made = pair(3, { delay: 1e6 }, { profile: linux6x })
      const isn = (0x7fff_ffff - distance) | 0
      for (const host of [made.client, made.server]) host.tcp.initialSequence = () => isn
      const data = pattern(300_000, 9)
      let accepted: SimpleStream | null = null
      made.server.onAccept = (stream) => {
        accepted = stream
        stream.closeWhenEnded = true
        stream.write(data)
        stream.end()
      }
      made.server.listen(PORT)
      const stream = made.client.connect(made.server.address, PORT)
      stream.closeWhenEnded = true
      stream.write(data)
      stream.end()
      finish(made)
      assert.deepStrictEqual(accepted!.received(), data)
      assert.deepStrictEqual(stream.received(), data)
      assertNothingLeft(made)
    }
  })
})

describe("many connections", () => {
  it("share tables and limits, and all end", () => {
    const made = pair(5, { delay: 100_000, loss: 0.02 })
    const streams: Array<SimpleStream> = []
    made.server.onAccept = (stream) => {
      stream.closeWhenEnded = true
      stream.write(pattern(500, 1))
      stream.end()
    }
    made.server.listen(PORT, 4096)
    for (let i = 0; i < 500; i++) {
      const stream = made.client.connect(made.server.address, PORT)
      stream.closeWhenEnded = true
      stream.write(pattern(700, i))
      stream.end()
      streams.push(stream)
    }
    finish(made)
    for (const stream of streams) {
      assert.strictEqual(stream.error, 0)
      assert.strictEqual(stream.receivedBytes, 500)
      assert.strictEqual(stream.sock.state, State.CLOSE)
    }
    assertNothingLeft(made)
  })
})
