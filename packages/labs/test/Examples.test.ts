import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { lines } from "../examples/roundTrip.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const block = (language: string): string => {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)
  assert.isNotNull(found, `the README has no ${language} block`)
  return found![1]!
}

describe("the README", () => {
  it("shows the example as it is", () => {
    assert.strictEqual(block("ts"), readFileSync(new URL("../examples/roundTrip.ts", import.meta.url), "utf8"))
  })

  it("shows what the example prints", () => {
    assert.strictEqual(block("text"), `${lines.join("\n")}\n`)
  })
})
