import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import { lossy } from "../examples/lossy.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

describe("README", () => {
  it("shows the example as it stands", () => {
    const example = readFileSync(new URL("../examples/lossy.ts", import.meta.url), "utf8")
    assert.include(readme, example.trim())
  })

  it("prints what it says", () => {
    assert.include(readme, lossy(7))
    assert.strictEqual(lossy(7), lossy(7))
  })
})
