/**
 * Every script of `scripts/` is run. What is expected stands in its first line: `// pass`, `// fail LINE TEXT`,
 * `// unsupported LINE TEXT` or `// syntax LINE:COLUMN TEXT`.
 */
import { readdirSync, readFileSync } from "node:fs"
import * as Drill from "@darkfiber/packetdrill/Drill"
import { Result } from "effect"
import { assert, describe, it } from "vitest"

const folder = new URL("./scripts/", import.meta.url)
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".pkt"))
  .toSorted()

const textOf = (path: string): string | null => {
  try {
    return readFileSync(new URL(path, folder), "utf8")
  } catch {
    return null
  }
}

const outcomeOf = (name: string): string => {
  const outcome = Drill.drill({ name, text: textOf(name)!, readFile: textOf }, Drill.defaults)
  if (Result.isFailure(outcome)) {
    const { column, line, message } = outcome.failure
    return `syntax ${line}:${column} ${message}`
  }
  const { line, reason, result } = outcome.success
  return result === "pass" ? "pass" : `${result} ${line} ${reason}`
}

describe("scripts", () => {
  for (const name of files) {
    const wanted = textOf(name)!
      .split("\n")[0]!
      .replace(/^\/\/ /, "")
    it(`${name}: ${wanted}`, () => {
      assert.isTrue(
        /^(pass|(fail|unsupported) \d+ .+|syntax \d+:\d+ .+)$/.test(wanted),
        "the first line says what is expected"
      )
      const outcome = outcomeOf(name)
      if (wanted === "pass") assert.strictEqual(outcome, "pass")
      else assert.include(outcome, wanted)
    })
  }
})
