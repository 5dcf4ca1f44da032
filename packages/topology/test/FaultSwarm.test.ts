/** `kind: swarm`: faults that a file leaves to the seed. */
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as DataCentre from "../src/DataCentre.ts"
import * as Faults from "../src/Faults.ts"
import * as FaultSwarm from "../src/FaultSwarm.ts"
import { assertLaws, build, documentOf, MS, planOf, planOfDocument, SECOND } from "./Centre.ts"
import { mixed, RECEIVE, SEND } from "./Mixed.ts"
import { Book } from "./Streams.ts"

const END = 400 * MS
const swarm = "{ kind: swarm, at: 5ms, for: 200ms, longest: 50ms }"
const text = mixed({ cores: 2, loss: "0%", faults: swarm })

const run = (source: string, options: Partial<DataCentre.BuildOptions> = {}): DataCentre.DataCentre => {
  const centre = build(source, { loader: new Book().loader, ...options })
  centre.run(END)
  return centre
}

describe("a swarm of a file", () => {
  it("is the same again, in either dispatch mode and from a library call; another seed gives another one", () => {
    const expected = run(text).world.fingerprint()
    assert.equal(run(text, { dispatch: "fiber" }).world.fingerprint(), expected)
    const record = structuredClone(documentOf(text))
    const centre = DataCentre.build(planOfDocument(record), { loader: new Book().loader })
    centre.run(END)
    assert.equal(centre.world.fingerprint(), expected)
    const plan = planOf(text)
    const drawn = new Set<string>()
    for (let seed = 1; seed <= 8; seed++) {
      drawn.add(JSON.stringify([Faults.rulesOf(plan, seed), Faults.eventsOf(plan, seed)]))
    }
    assert.equal(drawn.size, 8)
  })

  it("stays inside its window, its links, its hosts and its kinds; every kind comes up", () => {
    const own = `{ kind: swarm, at: 10ms, for: 90ms, links: ["h1:eth0"], hosts: [h3], longest: 20ms, share: 5%, factor: 9 }`
    const plan = planOf(mixed({ cores: 2, loss: "0%", faults: own }))
    const seen = new Set<string>()
    for (let seed = 1; seed <= 60; seed++) {
      for (const rule of Faults.rulesOf(plan, seed)) {
        assert.ok(rule.direction === "h1:eth0->r:port1" || rule.direction === "r:port1->h1:eth0")
        assert.ok(rule.from >= 10 * MS && rule.until <= 100 * MS && rule.probability <= 0.05)
        seen.add(rule.action._tag)
      }
      for (const event of Faults.eventsOf(plan, seed)) {
        assert.ok(event.time >= 10 * MS && event.time <= 100 * MS)
        if ("host" in event) assert.equal(event.host, "h3")
        if ("slowness" in event) assert.ok(event.slowness <= 9)
        if ("link" in event) assert.ok(event.link.includes("h1:eth0"))
        seen.add(event._tag)
      }
    }
    // Five kinds of rules; links down and up, cuts and their healing, crashes and restarts, slow cores.
    assert.equal(seen.size, 5 + 7)
    const only = planOf(mixed({ cores: 1, loss: "0%", faults: "{ kind: swarm, at: 0s, for: 1s, kinds: [crash] }" }))
    const events = Array.from({ length: 20 }, (_, seed) => Faults.eventsOf(only, seed)).flat()
    assert.ok(events.length > 0 && events.every((event) => event._tag.endsWith("Host")))
    assert.ok(Array.from({ length: 20 }, (_, seed) => Faults.rulesOf(only, seed)).every((rules) => rules.length === 0))
  })

  it("without `for` lasts to the end of the run, and takes all kinds, links and hosts", () => {
    const plan = planOf(mixed({ cores: 1, loss: "0%", faults: "{ kind: swarm, at: 1ms }" }))
    const fault = plan.faults[0]!
    assert.equal(fault.until, plan.duration)
    assert.deepEqual(fault.swarm!.kinds, FaultSwarm.kinds)
    assert.deepEqual(fault.swarm!.hosts, ["h1", "h2", "h3"])
    assert.equal(fault.swarm!.links.length, 4)
  })

  it("changes nothing on hosts it may not hit", () => {
    const pairs = (faults: string): string => `
hosts:
  a: { nics: { eth0: { address: 10.0.0.1/24 } }, processes: [ ${SEND("10.0.0.2:80", 1, 100_000, 9)} ] }
  b: { nics: { eth0: { address: 10.0.0.2/24 } }, processes: [ ${RECEIVE(80)} ] }
  c: { nics: { eth0: { address: 10.0.1.1/24 } }, processes: [ ${SEND("10.0.1.2:80", 50, 100_000, 9)} ] }
  d: { nics: { eth0: { address: 10.0.1.2/24 } }, processes: [ ${RECEIVE(80)} ] }
links: [ { endpoints: ["a:eth0", "b:eth0"], loss: 1% }, { endpoints: ["c:eth0", "d:eth0"], loss: 1% } ]
faults: [ ${faults} { kind: drop, id: own, link: "c:eth0", at: 0s, share: 3% } ]
`
    const prints = (faults: string) =>
      run(pairs(faults), { seed: 3 }).hosts.map(({ island }) => island.fingerprint.value())
    const plain = prints("")
    const hit = prints(`{ kind: swarm, id: s, at: 0s, for: 300ms, hosts: [a, b], links: ["a:eth0"], longest: 100ms },`)
    assert.deepEqual(hit.slice(2), plain.slice(2))
    assert.notDeepEqual(hit.slice(0, 2), plain.slice(0, 2))
  })

  it("keeps the laws, and all hosts are up again when it is over", () => {
    for (let seed = 1; seed <= cases(6); seed++) {
      const centre = build(text, { seed, loader: new Book().loader })
      for (let time = 0; time < END; time += 40 * MS) {
        centre.run(time)
        assertLaws(centre, `seed ${seed} at ${time} ns`)
      }
      centre.run(SECOND)
      assertLaws(centre, `seed ${seed} at the end`)
      assert.ok(centre.hosts.every((host) => host.isUp))
      assert.deepEqual(centre.panics, [])
    }
  }, 3_600_000)
})
