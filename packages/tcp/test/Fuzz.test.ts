import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { linux310, linux6x } from "../src/Profile.ts"
import { countsHold, sequenceHolds } from "./SockLaws.ts"
import { ACK, FIN, Puppet, RST, type Say, SYN } from "./Puppet.ts"

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
    sack: fc.array(fc.tuple(number, number), { maxLength: 2 })
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

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: say.map((what): Step => ({ _tag: "say", what })) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 3000 }).map((ms): Step => ({ _tag: "wait", ms })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((bytes): Step => ({ _tag: "write", bytes })) },
  { weight: 1, arbitrary: fc.boolean().map((linger): Step => ({ _tag: "close", linger })) },
  { weight: 1, arbitrary: fc.constant<Step>({ _tag: "shutdown" }) },
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
