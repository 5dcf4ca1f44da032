import assert from "node:assert/strict"
import { describe, it } from "vitest"
import type { Island } from "@darkfiber/sim/Island"
import * as TraceReader from "@darkfiber/observe/TraceReader"
import * as Walk from "@darkfiber/observe/Walk"
import { TID_SPAN } from "@darkfiber/sockets/RunQueue"
import { build, MS } from "./Centre.ts"
import { mixed } from "./Mixed.ts"
import { Book } from "./Streams.ts"

describe("time never decreases", () => {
  for (const cores of [1, 2, 4]) {
    for (const faults of [
      "",
      `{ kind: slow-core, host: h3, core: 0, factor: 20, at: 1ms }, { kind: crash, host: h2, at: 6ms, for: 1ms }`
    ]) {
      it(`along every packet's journey and from a wake-up to what it wakes, on ${cores} cores${faults === "" ? "" : ", with faults"}`, () => {
        const centre = build(mixed({ cores, loss: "0.5%", faults }), {
          loader: new Book().loader,
          observe: ({ world }) => {
            for (const island of world.islands) island.trace.on = true
          }
        })
        centre.run(10 * MS)
        Walk.assertMonotone(centre.world.islands)
        assert.equal(TraceReader.lost(centre.world.islands), 0)
        const journeys = Walk.packetsOf(TraceReader.read(centre.world.islands)).length
        const { early, followed } = wakeups(centre.hosts.map((host) => host.island))
        assert.deepEqual(early, [])
        assert.ok(journeys > 200 && followed > 100, `${journeys} journeys, ${followed} wake-ups`)
      })
    }
  }
})

describe("packets of a trace", () => {
  it("name their parents, and are there before their children; a walk of a merged one ends in its reader", () => {
    const centre = build(mixed({ cores: 2, loss: "2%", faults: "" }), {
      loader: new Book().loader,
      observe: ({ world }) => {
        for (const island of world.islands) island.trace.on = true
      }
    })
    centre.run(40 * MS)
    const records = TraceReader.read(centre.world.islands)
    const seen = new Set<number>()
    const kinds = { caused: 0, merged: 0 }
    const merged = new Set<number>()
    for (const { packet, parents } of records) {
      for (const parent of parents) {
        assert.ok(seen.has(parent), `packet ${packet} names ${parent}, which nobody has seen`)
        if (!seen.has(packet)) kinds.caused++
        else if (!merged.has(parent)) merged.add(parent)
      }
      if (packet !== 0) seen.add(packet)
    }
    assert.ok(kinds.caused > 10 && merged.size > 10, `${kinds.caused} caused, ${merged.size} merged`)
    // One that was merged is read as part of the other.
    const read = [...merged].filter((packet) => {
      const { packets, steps } = Walk.walk(records, packet)
      return packets.length > 1 && steps.some((step) => step.function === "skb_copy_datagram_iter")
    })
    assert.ok(read.length > 5, `${read.length} of ${merged.size}`)
    const names = new Set(records.map((record) => record.function))
    assert.ok(names.has("neigh_hh_output") && names.has("neigh_resolve_output"))
  })
})

/** Wake-ups that were followed by a switch to what they woke, and switches that came before their wake-up. */
const wakeups = (islands: ReadonlyArray<Island>) => {
  const early: Array<string> = []
  let followed = 0
  for (const island of islands) {
    const woken = new Map<number, number>()
    for (const { detail, function: name, host, time } of TraceReader.readUnsorted(island)) {
      if (name === "try_to_wake_up") woken.set(detail, time)
      if (name !== "context_switch") continue
      // A switch between tasks states both: the one that goes times the span, plus the one that comes.
      const task = detail % TID_SPAN
      const since = woken.get(task)
      if (since === undefined) continue
      followed++
      if (time < since) early.push(`${host}: task ${task} runs at ${time} ns, woken at ${since} ns`)
      woken.delete(task)
    }
  }
  return { early, followed }
}
