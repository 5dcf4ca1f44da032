import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { Fq } from "@darkfiber/kernel-net/qdisc/Fq"
import * as Procfs from "@darkfiber/observe/Procfs"
import * as Sockets from "@darkfiber/observe/Sockets"
import * as Walk from "@darkfiber/observe/Walk"
import * as Pcapng from "@darkfiber/wire/Pcapng"
import * as PcapngReader from "@darkfiber/wire/PcapngReader"
import { Result } from "effect"
import { cases } from "@darkfiber/tooling/Cases"
import * as DataCentre from "../src/DataCentre.ts"
import * as Summary from "../src/Summary.ts"
import { build, captureAll, documentOf, MS, planOfDocument } from "./Centre.ts"
import { mixed, RECEIVE, SEND } from "./Mixed.ts"
import { Book } from "./Streams.ts"

const END = 60 * MS
const crash = "{ kind: crash, host: h2, at: 15ms, for: 5ms }"
const rules =
  `{ kind: reorder, link: "s:port3", at: 0s, share: 5%, by: 200us }, ` +
  `{ kind: duplicate, link: "h1:eth0", at: 5ms, share: 5% }, { kind: corrupt, link: "s:port2", at: 0s, share: 2% }`
const text = mixed({ cores: 2, loss: "1%", faults: `${rules}, ${crash}` })

type Options = Partial<DataCentre.BuildOptions>
const made = (options: Options = {}, document = text): DataCentre.DataCentre =>
  build(document, { seed: 1, loader: new Book().loader, ...options })

/** Everything a run has to say, but for how it was run. */
const factsOf = (centre: DataCentre.DataCentre): string => {
  const { dispatch: _, ...facts } = Summary.summarize(centre)
  assert.deepEqual([facts.violations, facts.defects], [[], []])
  return JSON.stringify(facts)
}

const run = (options: Options = {}, document = text): string => {
  const centre = made(options, document)
  centre.run(END)
  return factsOf(centre)
}

const expected = run()

describe("a run", () => {
  it("has something of everything in it", () => {
    const { frames, requests } = JSON.parse(expected) as Summary.Summary
    assert.ok(requests.completed > 10 && requests.failed > 0)
    assert.ok(frames.created > 1000)
    assert.ok(Object.keys(frames.dropped).length > 2, JSON.stringify(frames.dropped))
  })

  it("is the same again with the same seed, and another one with another", () => {
    assert.equal(run(), expected)
    assert.notEqual(run({ seed: 2 }), expected)
  })

  it("is the same by poll and by fiber", () => assert.equal(run({ dispatch: "fiber" }), expected))

  it("is the same again, by fiber and in slices with qdiscs that hold frames back", () => {
    const paced = mixed({ cores: 2, loss: "1%", faults: `${rules}, ${crash}` })
      .replace("eth0: { address: 10.0.1.2/24", `eth0: { qdisc: fq maxrate 100mbit, address: 10.0.1.2/24`)
      .replace("  h2:\n", "  h2:\n    sysctls: { net.core.default_qdisc: fq_codel }\n")
    const whole = made({}, paced)
    whole.run(END)
    const qdisc = whole.host("h1")!.kernel.init.deviceByName("eth0")!.qdiscs[0]!
    assert.ok(qdisc instanceof Fq && qdisc.throttles > 10)
    assert.equal(whole.host("h2")!.kernel.init.deviceByName("eth0")!.qdiscs[0]!.kind, "fq_codel")
    const facts = factsOf(whole)
    assert.equal(run({}, paced), facts)
    assert.equal(run({ dispatch: "fiber" }, paced), facts)
    const sliced = made({}, paced)
    while (sliced.now < END) sliced.run(Math.min(END, sliced.now + 777_777))
    assert.equal(factsOf(sliced), facts)
  })

  it("is the same in one piece and in slices of any size", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: END / 4 }), { minLength: 1, maxLength: 30 }), (slices) => {
        const centre = made()
        for (const slice of slices) centre.run(Math.min(END, centre.now + slice))
        centre.run(END)
        assert.equal(factsOf(centre), expected)
      }),
      { numRuns: cases(4) }
    )
    const fine = made()
    while (fine.now < END) fine.run(fine.now + 7_919)
    const coarse = made()
    coarse.run(fine.now)
    assert.equal(factsOf(fine), factsOf(coarse))
  })

  it("is the same from a file and from a library call", () => {
    // What a caller would write: the same record, without a text.
    const record = structuredClone(documentOf(text))
    const centre = DataCentre.build(planOfDocument(record), { seed: 1, loader: new Book().loader })
    centre.run(END)
    assert.equal(factsOf(centre), expected)
  })
})

describe("observers change nothing", () => {
  it("captures of all links and devices, all traces, and views read in the middle", () => {
    const chunks: Array<Uint8Array> = []
    const centre = made({
      observe: (each) => {
        for (const island of each.world.islands) island.trace.on = true
      }
    })
    const capture = captureAll(centre, (chunk) => chunks.push(chunk), "filled")
    let read = 0
    while (centre.now < END) {
      centre.run(Math.min(END, centre.now + 3 * MS))
      capture.flush(centre.now)
      for (const { kernel, sockets } of centre.hosts) {
        for (const net of kernel.netns) {
          const place = { host: kernel, processes: sockets.processes, tcp: sockets.tcp, net }
          for (const path of Procfs.paths(place)) read += Procfs.read(place, path)?.length ?? 0
          read += Sockets.list(place).length
        }
      }
      Summary.summarize(centre)
    }
    capture.close()
    assert.ok(read > 10_000 && chunks.length > 1000)
    assert.equal(factsOf(centre), expected)
    Walk.assertMonotone(centre.world.islands)
  })
})

describe("a new fault", () => {
  const pairs = (link: string, faults: string): string => `
hosts:
  a: { nics: { eth0: { address: 10.0.0.1/24 } }, processes: [ ${SEND("10.0.0.2:80", 1, 100_000, 3)} ] }
  b: { nics: { eth0: { address: 10.0.0.2/24 } }, processes: [ ${RECEIVE(80)} ] }
  c: { nics: { eth0: { address: 10.0.1.1/24 } }, processes: [ ${SEND("10.0.1.2:80", 50, 100_000, 3)} ] }
  d: { nics: { eth0: { address: 10.0.1.2/24 } }, processes: [ ${RECEIVE(80)} ] }
${link}
faults: [ ${faults} ]
`
  const chance = `{ kind: drop, id: own, link: "c:eth0", at: 0s, share: 3% }`
  const added = `{ kind: drop, link: "a:eth0", at: 0s, share: 10%, id: new }, { kind: delay, link: "b:eth0", at: 0s, by: 1ms, id: newer }`
  const apart = `links: [ { endpoints: ["a:eth0", "b:eth0"], loss: 1% }, { endpoints: ["c:eth0", "d:eth0"], loss: 1% } ]`
  const together =
    `switches: { s: { ports: 4 } }\n` +
    `links: [ ${["a", "b", "c", "d"].map((host, at) => `{ endpoints: ["${host}:eth0", "s:port${at + 1}"] }`).join(", ")} ]`

  it("changes nothing on hosts its link does not reach: every event, draw and loss is the same", () => {
    const [plain, faulty] = [chance, `${added}, ${chance}`].map((faults) => {
      const centre = made({}, pairs(apart, faults))
      centre.run(400 * MS)
      return centre
    }) as [DataCentre.DataCentre, DataCentre.DataCentre]
    const prints = (centre: DataCentre.DataCentre) => centre.hosts.map(({ island }) => island.fingerprint.value())
    assert.deepEqual(prints(faulty).slice(2), prints(plain).slice(2))
    assert.notDeepEqual(prints(faulty).slice(0, 2), prints(plain).slice(0, 2))
  })

  it("leaves initial sequence numbers and ports of other flows alone where a switch is shared", () => {
    const synsOf = (faults: string): ReadonlyArray<string> => {
      const chunks: Array<Uint8Array> = []
      const centre = made({}, pairs(together, faults))
      const capture = captureAll(centre, (chunk) => chunks.push(chunk), "filled")
      centre.run(400 * MS)
      capture.close()
      const file = Result.getOrThrow(PcapngReader.read(Pcapng.concat(chunks)))
      const wire = file.interfaces.findIndex((each) => each.name === "c:eth0--s:port3")
      return file.packets
        .filter((each) => each.interfaceIndex === wire && each.bytes[23] === 6 && (each.bytes[47]! & 2) !== 0)
        .map((each) => Buffer.from(each.bytes.subarray(26, 42)).toString("hex"))
    }
    const plain = synsOf("")
    assert.equal(plain.length, 6)
    assert.deepEqual(synsOf(added), plain)
  })
})
