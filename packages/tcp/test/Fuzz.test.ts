import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { linux310, linux6x } from "../src/Profile.ts"
import { countsHold, sequenceHolds } from "./SockLaws.ts"
import * as IcmpError from "../src/IcmpError.ts"
import * as Stream from "../src/Stream.ts"
import * as Urgent from "../src/Urgent.ts"
import type { StateName } from "../src/State.ts"
import { ACK, FIN, Puppet, RST, type Say, SYN } from "./Puppet.ts"
import { ways } from "./Ways.ts"

/** Numbers near the edges that the machine compares with, and any others. */
const number = fc.oneof(
  fc.integer({ min: -3, max: 5 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
)

const say: fc.Arbitrary<Say> = fc.record(
  {
    flags: fc.oneof(
      fc.constantFrom(ACK, ACK, SYN, SYN | ACK, FIN | ACK, RST, RST | ACK),
      fc.integer({ min: 0, max: 255 })
    ),
    seq: number,
    ack: number,
    window: fc.oneof(fc.constantFrom(0, 1, 65_535), fc.integer({ min: 0, max: 65_535 })),
    length: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1400 })),
    mss: fc.constantFrom(0, 1, 40, 536, 1460, 65_535),
    scale: fc.constantFrom(-1, 0, 7, 14, 255),
    sackOk: fc.boolean(),
    ts: fc.tuple(number, number),
    sack: fc.array(fc.tuple(number, number), { maxLength: 2 }),
    urgent: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 65_535 })),
    ecn: fc.integer({ min: 0, max: 3 }),
    raw: fc.integer({ min: 0, max: 10 }).chain((words) => fc.uint8Array({ minLength: 4 * words, maxLength: 4 * words }))
  },
  { requiredKeys: [] }
)

type Step =
  | { readonly _tag: "say"; readonly what: Say }
  | { readonly _tag: "wait"; readonly ms: number }
  | { readonly _tag: "write"; readonly bytes: number }
  | { readonly _tag: "close"; readonly linger: boolean }
  | { readonly _tag: "shutdown" }
  | { readonly _tag: "read"; readonly size: number }
  | { readonly _tag: "urgent" }
  | { readonly _tag: "path"; readonly mtu: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: say.map((what): Step => ({ _tag: "say", what })) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 3000 }).map((ms): Step => ({ _tag: "wait", ms })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((bytes): Step => ({ _tag: "write", bytes })) },
  { weight: 1, arbitrary: fc.boolean().map((linger): Step => ({ _tag: "close", linger })) },
  { weight: 1, arbitrary: fc.constant<Step>({ _tag: "shutdown" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ _tag: "urgent" }) },
  { weight: 1, arbitrary: fc.constantFrom(68, 576, 1500, 9000).map((mtu): Step => ({ _tag: "path", mtu })) },
  { weight: 1, arbitrary: fc.constantFrom(0, 10, 65_536).map((size): Step => ({ _tag: "read", size })) }
)

const perform = (puppet: Puppet, what: Step): void => {
  const stream = puppet.stream
  switch (what._tag) {
    case "say":
      puppet.say(what.what)
      break
    case "wait":
      puppet.run(what.ms * 1e6)
      break
    case "write":
      stream?.write(new Uint8Array(what.bytes))
      break
    case "close":
      stream?.close(what.linger)
      break
    case "shutdown":
      stream?.end()
      break
    case "urgent":
      if (stream === null) break
      if (Stream.sendStep(stream.sock, new Uint8Array(3), 0, 3, Stream.MSG_OOB) > 0) {
        Stream.sendDone(stream.sock, Stream.MSG_OOB)
      }
      Urgent.read(stream.sock, new Uint8Array(1), 0, 1, false)
      break
    case "path":
      puppet.host.mtuBytes = what.mtu
      if (stream !== null && !stream.isDestroyed) IcmpError.mtuReduced(stream.sock)
      break
    case "read":
      if (stream !== null) stream.readSize = what.size
      stream?.pump()
      break
  }
}

/** What must hold at every moment. */
const assertSane = (puppet: Puppet): void => {
  if (puppet.sock === null) return
  countsHold(puppet.sock)
  sequenceHolds(puppet.sock)
}

/** Sysctls that open ways which are shut by default. */
const daring = (puppet: Puppet): void => {
  const { sysctl, texts } = puppet.host.net
  texts.fastOpenKey = "1-2-3-4"
  sysctl.fastOpen = 0x607
  sysctl.ecn = 1
  sysctl.mtuProbing = 2
  sysctl.syncookies = 2
}

const start: Record<"active" | "passive" | "opening" | "listening", (puppet: Puppet) => void> = {
  active: (puppet) => puppet.establish({ sackOk: true, scale: 7 }),
  passive: (puppet) => puppet.establishPassive({ sackOk: true, ts: [5, 0] }),
  opening: (puppet) => puppet.connect(),
  listening: (puppet) => {
    puppet.host.listen(80)
    puppet.hostPort = 80
  }
}

describe("arbitrary segments", () => {
  it("in each of the eleven states, with every option there is: never a throw, counts hold, nothing leaks", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(ways) as Array<StateName>)),
        fc.boolean(),
        fc.array(say, { minLength: 1, maxLength: 8 }),
        (state, isDaring, segments) => {
          const { puppet, seq, ack } = ways[state](isDaring ? daring : undefined)
          for (const what of segments) {
            puppet.say({ ...what, seq: seq + (what.seq ?? 0), ack: ack + (what.ack ?? 0) })
            assertSane(puppet)
          }
          puppet.stream?.close(true)
          puppet.run(400e9)
          if (puppet.host.tcp.socketCount - puppet.host.tcp.listening.all().length === 0) {
            assert.strictEqual(puppet.host.liveSegments, 0)
            assert.strictEqual(puppet.host.tcp.memoryPages, 0)
          }
        }
      ),
      { numRuns: cases(600) }
    ))

  it("in any state never throw, never break a count, never leak", () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(start) as Array<keyof typeof start>)),
        fc.boolean(),
        fc.array(step, { minLength: 1, maxLength: 25 }),
        (way, is310, steps) => {
          const puppet = new Puppet({ profile: is310 ? linux310 : linux6x })
          start[way](puppet)
          for (const what of steps) {
            perform(puppet, what)
            assertSane(puppet)
          }
          puppet.stream?.close(true)
          puppet.run(400e9)
          for (const listener of puppet.host.tcp.listening.all()) {
            assert.isAtLeast(listener.listen!.qlen, 0)
            assert.isAtLeast(listener.listen!.young, 0)
          }
          if (puppet.host.tcp.socketCount - puppet.host.tcp.listening.all().length === 0) {
            assert.strictEqual(puppet.host.liveSegments, 0)
            assert.strictEqual(puppet.host.tcp.memoryPages, 0)
          }
        }
      ),
      { numRuns: cases(600) }
    ))
})
