import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { it } from "vitest"
import { rules } from "../examples/published.ts"

it("the README shows the example as it is, and what it prints", () => {
  const here = new URL("../", import.meta.url)
  const readme = readFileSync(new URL("README.md", here), "utf8")
  assert.ok(readme.includes(readFileSync(new URL("examples/published.ts", here), "utf8")))
  assert.ok(readme.includes(rules().join("\n")), rules().join("\n"))
})
