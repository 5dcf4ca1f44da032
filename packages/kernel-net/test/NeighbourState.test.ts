import * as assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { type Event, type EventTag, isValid, type State, step, type Tag, type Timing } from "../src/NeighbourState.ts"

const now = 100e9
const timing: Timing = {
  reachable: 30e9,
  retrans: 1e9,
  delayProbe: 5e9,
  ucastProbes: 3,
  mcastProbes: 3,
  usedAt: 0
}
const mac = 0x020000000001

const states: Record<Tag, State> = {
  None: { _tag: "None" },
  Incomplete: { _tag: "Incomplete", tries: 1 },
  Reachable: { _tag: "Reachable", mac, confirmedAt: now - 31e9 },
  Stale: { _tag: "Stale", mac },
  Delay: { _tag: "Delay", mac, since: now - 5e9, confirmedAt: 0 },
  Probe: { _tag: "Probe", mac, tries: 1, confirmedAt: 0 },
  Failed: { _tag: "Failed" },
  Permanent: { _tag: "Permanent", mac },
  NoArp: { _tag: "NoArp", mac }
}
/** Learn is a solicited reply from the same MAC. */
const events: Record<EventTag, Event> = {
  Send: { _tag: "Send" },
  Timer: { _tag: "Timer" },
  Learn: { _tag: "Learn", mac, solicited: true, override: true },
  Confirm: { _tag: "Confirm" },
  Set: { _tag: "Set", mac },
  Invalidate: { _tag: "Invalidate" }
}

const table: Record<Tag, Record<EventTag, Tag>> = {
  None: {
    Send: "Incomplete",
    Timer: "None",
    Learn: "Reachable",
    Confirm: "None",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Incomplete: {
    Send: "Incomplete",
    Timer: "Incomplete",
    Learn: "Reachable",
    Confirm: "Incomplete",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Reachable: {
    Send: "Reachable",
    Timer: "Stale",
    Learn: "Reachable",
    Confirm: "Reachable",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Stale: {
    Send: "Delay",
    Timer: "Stale",
    Learn: "Reachable",
    Confirm: "Stale",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Delay: {
    Send: "Delay",
    Timer: "Probe",
    Learn: "Reachable",
    Confirm: "Delay",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Probe: {
    Send: "Probe",
    Timer: "Probe",
    Learn: "Reachable",
    Confirm: "Reachable",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Failed: {
    Send: "Incomplete",
    Timer: "Failed",
    Learn: "Reachable",
    Confirm: "Failed",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  Permanent: {
    Send: "Permanent",
    Timer: "Permanent",
    Learn: "Permanent",
    Confirm: "Permanent",
    Set: "Permanent",
    Invalidate: "Failed"
  },
  NoArp: { Send: "NoArp", Timer: "NoArp", Learn: "NoArp", Confirm: "NoArp", Set: "Permanent", Invalidate: "Failed" }
}

describe("the neighbour state machine", () => {
  for (const from of Object.keys(table) as Array<Tag>) {
    for (const event of Object.keys(events) as Array<EventTag>) {
      it(`${from} on ${event} is ${table[from][event]}`, () => {
        assert.equal(step(states[from], events[event], timing, now).next._tag, table[from][event])
      })
    }
  }

  it("nobody answers: requests at 0, 1 and 2 s, failure at 3 s", () => {
    let state: State = states.None
    let time = 0
    const asked: Array<number> = []
    let taken = step(state, events.Send, timing, 1)
    for (;;) {
      state = taken.next
      if (taken.solicit === "broadcast") asked.push(time)
      if (taken.fail) break
      time = Math.round((taken.timerAt - 1) / 1e9)
      taken = step(state, events.Timer, timing, taken.timerAt)
    }
    assert.deepEqual(asked, [0, 1, 2])
    assert.equal(time, 3)
    assert.equal(state._tag, "Failed")
  })

  it("stale: used at once, five seconds later three unicast probes, then failure", () => {
    let taken = step(states.Stale, events.Send, timing, now)
    assert.equal(taken.timerAt, now + 5e9)
    assert.equal(taken.solicit, "none")
    const asked: Array<string> = []
    while (!taken.fail) {
      taken = step(taken.next, events.Timer, timing, taken.timerAt)
      asked.push(taken.solicit)
    }
    assert.deepEqual(asked, ["unicast", "unicast", "unicast", "none"])
  })

  it("a different MAC replaces a known one only with override", () => {
    const other: Event = { _tag: "Learn", mac: mac + 1, solicited: true, override: false }
    assert.equal(step(states.Reachable, other, timing, now).next, states.Reachable)
    const taken = step(states.Reachable, { ...other, override: true }, timing, now)
    assert.deepEqual(taken.next, { _tag: "Reachable", mac: mac + 1, confirmedAt: now })
  })

  it("a request or a gratuitous packet proves no way back: the entry is stale, and a proven one stays as it is", () => {
    const unsolicited: Event = { _tag: "Learn", mac, solicited: false, override: true }
    assert.equal(step(states.Incomplete, unsolicited, timing, now).next._tag, "Stale")
    assert.equal(step(states.Reachable, unsolicited, timing, now).next._tag, "Reachable")
  })

  it("after any events what waits is either sent, failed or still waiting for an armed timer", () => {
    const anyEvent = fc.constantFrom(...(Object.keys(events) as Array<EventTag>)).map((tag) => events[tag])
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (list) => {
        let state: State = states.None
        let time = now
        let armed = false
        let waiting = 0
        for (const event of list) {
          time += 1e8
          if (event._tag === "Send" && !isValid(state)) waiting++
          const taken = step(state, event, timing, time)
          state = taken.next
          if (taken.timerAt > 0) armed = true
          if (taken.timerAt === 0) armed = false
          if (taken.flush || taken.fail) waiting = 0
          if (waiting > 0) assert.ok(state._tag === "Incomplete" && armed)
        }
      }),
      { numRuns: cases(100) }
    )
  })
})
