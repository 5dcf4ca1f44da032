import assert from "node:assert/strict"
import * as Sys from "@darkfiber/sockets/Sys"
import { Effect } from "effect"
import { describe, it } from "vitest"
import type { DataCentre } from "../src/DataCentre.ts"
import { assertLaws, build, MS, runWithLaws, SECOND } from "./Centre.ts"
import { mixed, RECEIVE, SEND } from "./Mixed.ts"
import { Book } from "./Streams.ts"

const open = (text: string, seed = 1): { readonly centre: DataCentre; readonly book: Book } => {
  const book = new Book()
  return { book, centre: build(text, { seed, loader: book.loader }) }
}

describe("frames, memory and CPU time add up at every moment", () => {
  for (const cores of [1, 2, 4]) {
    it(`of a run on hosts of ${cores} cores`, () => {
      const { centre } = open(mixed({ cores, loss: "0.5%", faults: "" }))
      runWithLaws(centre, 20 * MS, 150)
    })
  }

  const link = `link: "s:port3"`
  const faults: Readonly<Record<string, string>> = {
    drop: `{ kind: drop, ${link}, at: 1ms, share: 10% }`,
    delay: `{ kind: delay, ${link}, at: 1ms, by: 1ms }`,
    reorder: `{ kind: reorder, ${link}, at: 1ms, share: 10%, by: 500us }`,
    duplicate: `{ kind: duplicate, ${link}, at: 1ms, share: 20% }`,
    "corrupt fcs": `{ kind: corrupt, ${link}, at: 1ms, share: 10% }`,
    "corrupt payload": `{ kind: corrupt, what: payload, ${link}, at: 1ms, share: 10% }`,
    cut: `{ kind: cut, direction: to, link: "h3:eth0", at: 3ms, for: 4ms }`,
    "link-down": `{ kind: link-down, link: "h1:eth0", at: 3ms, for: 4ms }`,
    "slow-core": `{ kind: slow-core, host: h3, core: 0, factor: 50, at: 2ms, for: 8ms }`,
    crash: `{ kind: crash, host: h3, at: 5ms, for: 1ms }`,
    "crash of all": ["h1", "h2", "h3"].map((host) => `{ kind: crash, host: ${host}, at: 5ms, for: 2ms }`).join(", ")
  }
  for (const [kind, text] of Object.entries(faults)) {
    it(`under the fault ${kind}`, () => {
      const { book, centre } = open(mixed({ cores: 2, loss: "0%", faults: text }))
      runWithLaws(centre, 16 * MS, 60)
      runWithLaws(centre, 90 * MS, 8)
      assert.deepEqual(book.wrong, [])
    })
  }

  it("with qdiscs that hold frames back, also over a crash", () => {
    const text = mixed({ cores: 2, loss: "0%", faults: `{ kind: crash, host: h1, at: 30ms, for: 5ms }` })
    const { book, centre } = open(
      text
        .replaceAll("eth0: { address: 10.0.1", `eth0: { qdisc: fq maxrate 20mbit, address: 10.0.1`)
        .replaceAll("eth0: { address: 10.0.2", `eth0: { qdisc: fq_codel limit 20 target 10us, address: 10.0.2`)
    )
    runWithLaws(centre, 36 * MS, 60)
    runWithLaws(centre, 120 * MS, 12)
    assert.deepEqual(book.wrong, [])
  })

  it("in the instants around a crash, and after the next life has begun", () => {
    const { centre } = open(mixed({ cores: 2, loss: "0%", faults: `{ kind: crash, host: h2, at: 6ms, for: 1ms }` }))
    for (let time = 6 * MS - 2000; time < 6 * MS + 2000; time += 37) {
      centre.run(time)
      assertLaws(centre, `at ${time} ns`)
    }
    runWithLaws(centre, 100 * MS, 20)
    const host = centre.host("h2")!
    assert.ok(host.isUp && host.incarnation === 1)
  })

  it("a host that crashes while it boots boots once: one life a restart that is not cut short", () => {
    const faults = [5, 8, 11].map((at) => `{ kind: crash, host: h2, at: ${at}ms, for: 1ms }`).join(", ")
    const { centre } = open(mixed({ cores: 1, loss: "0%", faults }))
    runWithLaws(centre, 200 * MS, 40)
    const host = centre.host("h2")!
    assert.ok(host.isUp)
    assert.equal(host.incarnation, 1)
  })
})

describe("requests", () => {
  it("started = completed + failed + in flight, each failure with its errno, and none in flight on a host that is down", () => {
    const { centre } = open(
      mixed({
        cores: 2,
        loss: "2%",
        faults: `{ kind: crash, host: h1, at: 40ms }, { kind: cut, link: "h2:eth0", at: 20ms, for: 5ms }`
      })
    )
    runWithLaws(centre, 60 * MS, 30)
    const own = centre.hosts[0]!.workloads
    assert.ok(own.length >= 5)
    for (const each of own) assert.equal(each.inFlight, 0, each.name)
    assert.ok(own.some((each) => (each.failures.get("EHOSTDOWN") ?? 0) > 0))
  })
})

describe("a TCP stream", () => {
  const LENGTH = 150_000
  const wire: Readonly<Record<string, string>> = {
    loss: `{ kind: drop, share: 3%, `,
    "loss of every frame for a while": `{ kind: drop, for: 300ms, `,
    reorder: `{ kind: reorder, share: 10%, by: 1ms, `,
    duplicate: `{ kind: duplicate, share: 30%, `,
    "corrupt fcs": `{ kind: corrupt, share: 5%, `,
    "corrupt payload": `{ kind: corrupt, what: payload, direction: from, share: 5%, `,
    delay: `{ kind: delay, by: 5ms, for: 50ms, `
  }
  const text = (fault: string): string => `
hosts:
  a: { nics: { eth0: { address: 10.0.0.1/24 } }, processes: [ ${SEND("10.0.0.2:80", 1, LENGTH, 3)} ] }
  b: { nics: { eth0: { address: 10.0.0.2/24 } }, processes: [ ${RECEIVE(80)} ] }
links: [ { endpoints: ["a:eth0", "b:eth0"], delay: 100us, rate: 1Gbps } ]
faults: [ ${fault === "" ? "" : `${fault}at: 300us, link: "a:eth0" }`} ]
`
  for (const [what, fault] of Object.entries(wire)) {
    it(`arrives whole through ${what}`, () => {
      const { book, centre } = open(text(fault))
      centre.run(4 * SECOND)
      assertLaws(centre, what)
      assert.deepEqual(book.wrong, [])
      assert.deepEqual(
        book.streams.map((each) => [each.outcome, each.received.map((one) => one.bytes)]),
        Array.from({ length: 3 }, () => ["whole", [LENGTH]])
      )
      // The fault did something to it.
      const plain = open(text(""))
      plain.centre.run(4 * SECOND)
      assert.notEqual(centre.world.fingerprint(), plain.centre.world.fingerprint())
    })
  }
})

describe("a process's nice value", () => {
  it("is its share of a busy core: 1024 to 335 with nice 5", () => {
    const hog = (name: string, nice: number): string =>
      `{ name: ${name}, program: "./hog.ts#main", core: 0, nice: ${nice} }`
    const centre = build(`hosts:\n  a: { processes: [ ${hog("plain", 0)}, ${hog("nicer", 5)} ] }\n`, {
      loader: () => () => Effect.forever(Sys.compute(50_000))
    })
    centre.run(1000 * MS)
    assertLaws(centre, "at the end")
    const used = centre.hosts[0]!.sockets.processes.list().map((process) => process.threads[0]!.userTime)
    assert.ok(Math.abs(used[0]! / used[1]! - 1024 / 335) < 0.1, used.join(" "))
  })
})
