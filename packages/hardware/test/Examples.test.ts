import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, it } from "vitest"
import { lines } from "../examples/interrupt.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const block = (language: string): string => {
  const found = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)
  assert.ok(found !== null, `the README has no ${language} block`)
  return found[1]!
}

describe("the README", () => {
  it("shows the example as it is", () => {
    assert.equal(block("ts"), readFileSync(new URL("../examples/interrupt.ts", import.meta.url), "utf8"))
  })

  it("shows what the example prints", () => {
    assert.equal(block("text"), `${lines.join("\n")}\n`)
  })
})
