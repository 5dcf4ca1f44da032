/** Every script in a folder of `scripts/` records what Linux 6.18 does (see its README); the simulator does the same. */
import { assert, describe, it } from "vitest"
import * as KnownFailures from "./known-failures/KnownFailures.ts"
import { outcomeOf, scriptsIn, textOf } from "./recorded.ts"

const SCRIPTS_MIN = 120
const LINES_MAX = 70

const folder = "scripts"
const known = "known-failures"
const scripts = scriptsIn(folder)

describe("recorded scripts", () => {
  it(`there are at least ${SCRIPTS_MIN}, in folders by subject`, () => {
    assert.isAtLeast(scripts.length, SCRIPTS_MIN)
  })

  it("each begins with its claim and names its source, asserts something, and is short", () => {
    for (const [place, path] of [
      ...scripts.map((each) => [folder, each]),
      ...scriptsIn(known).map((each) => [known, each])
    ]) {
      const text = textOf(place!, path!)
      const [first = "", second = ""] = text.split("\n")
      assert.match(first, /^\/\/ \S.*\.$/, path)
      assert.match(second, /^\/\/ .*(RFC|Linux|draft)/, path)
      assert.match(text, /^\+?[.0-9~+]* +(>|%\{|`nstat|[a-z_]+\(.*\) = )/m, path)
      assert.isAtMost(text.split("\n").length, LINES_MAX, path)
    }
  })

  for (const path of scripts) {
    it(path, () => {
      assert.strictEqual(outcomeOf(folder, path), "pass")
    })
  }
})

describe("scripts that a real kernel passes and the simulator does not", () => {
  it("are exactly those with a reason", () => {
    assert.deepStrictEqual(scriptsIn(known), Object.keys(KnownFailures.reasons).toSorted())
  })

  for (const [path, cause] of Object.entries(KnownFailures.reasons)) {
    it(`${path}: ${cause}`, () => {
      assert.notStrictEqual(outcomeOf(known, path), "pass", "it passes now: move it to scripts and delete its entry")
    })
  }
})
