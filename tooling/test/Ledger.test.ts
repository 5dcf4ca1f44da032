import { assert, describe, it } from "vitest"
import { blockOf } from "../src/Block.ts"
import * as Ledger from "../src/Ledger.ts"
import { paths, read } from "../src/Sources.ts"

const HOME = "packages/tcp"
const SCRIPTS = "packages/packetdrill/test/scripts/"

const textOf = (path: string): string => read().find((source) => source.path === path)?.text ?? ""

describe("the ledger of TCP", () => {
  const entries = Ledger.read(textOf(`${HOME}/ledger.yaml`))
  const all = paths()

  it("names tests and scripts that are there, and every folder of scripts", () => {
    const folders = all
      .filter((path) => path.startsWith(SCRIPTS) && path.slice(SCRIPTS.length).includes("/"))
      .map((path) => path.slice(SCRIPTS.length).split("/")[0]!)
    assert.deepStrictEqual(Ledger.danglers(HOME, entries, new Set(all), [...new Set(folders)]), [])
  })

  it("is the table in the README (pnpm generate writes it)", () => {
    const table = blockOf(textOf(`${HOME}/README.md`), "ledger") ?? ""
    assert.strictEqual(Ledger.unaligned(table), Ledger.render(entries))
  })
})

describe("a ledger", () => {
  const yaml = (state: string, rest: string): ReadonlyArray<Ledger.Entry> =>
    Ledger.read(`- { feature: F, state: ${state}, after: RFC 1${rest} }`)
  const report = (status: string, path = `${HOME}/test/Rack.test.ts`, title = "it"): Ledger.Report =>
    Ledger.readReport(
      JSON.stringify({ testResults: [{ name: `/somewhere/${path}`, assertionResults: [{ title, status }] }] })
    )
  const recorded = "packages/packetdrill/test/Recorded.test.ts"

  it("holds when all that judges it passed", () => {
    assert.deepStrictEqual(Ledger.faults(HOME, yaml("implemented", ", tests: [Rack]"), report("passed")), [])
    const byScript = report("passed", recorded, "rack/window.pkt")
    assert.deepStrictEqual(Ledger.faults(HOME, yaml("implemented", ", scripts: [rack]"), byScript), [])
    assert.deepStrictEqual(Ledger.faults(HOME, yaml("omitted", ""), report("failed")), [])
  })

  it("does not when something failed, did not run or is not there", () => {
    const claimed = yaml("implemented", ", tests: [Rack]")
    assert.deepStrictEqual(Ledger.faults(HOME, claimed, report("failed")), ["F: 1 of Rack failed"])
    assert.deepStrictEqual(Ledger.faults(HOME, claimed, report("skipped")), ["F: Rack did not run"])
    const byScript = yaml("implemented", ", scripts: [rack]")
    assert.deepStrictEqual(Ledger.faults(HOME, byScript, report("passed", recorded, "sack/a.pkt")), [
      "F: scripts/rack did not run"
    ])
    assert.deepStrictEqual(Ledger.faults(HOME, yaml("simplified", ""), report("passed")), [
      "F: is simplified, and nothing judges it"
    ])
    assert.deepStrictEqual(Ledger.faults(HOME, yaml("omitted", ", tests: [Rack]"), report("passed")), [
      "F: is omitted, and tests judge it"
    ])
  })

  it("names tests of other packages by theirs", () => {
    assert.strictEqual(Ledger.testPath(HOME, "Rack"), `${HOME}/test/Rack.test.ts`)
    assert.strictEqual(Ledger.testPath(HOME, "sockets/Facts"), "packages/sockets/test/Facts.test.ts")
    const entries = yaml("implemented", ", tests: [Rack], scripts: [rack]")
    assert.deepStrictEqual(Ledger.danglers(HOME, entries, new Set(), ["sack"]), [
      `${HOME}/test/Rack.test.ts`,
      "scripts/rack",
      "scripts/sack is in no entry"
    ])
  })

  it("refuses unknown keys and states", () => {
    assert.throws(() => yaml("implemented", ", test: [Rack]"))
    assert.throws(() => yaml("done", ""))
  })
})
