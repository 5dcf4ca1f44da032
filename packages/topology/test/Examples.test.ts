import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { it } from "vitest"
import { lossy } from "../examples/lossy.ts"

it("the example gives the same run for the same seed, and keeps the laws", () => {
  const first = lossy(1)
  assert.deepEqual([first.violations, first.defects], [[], []])
  assert.equal(lossy(1).fingerprint, first.fingerprint)
  assert.notEqual(lossy(2).fingerprint, first.fingerprint)
})

it("the README shows the example as it is", () => {
  const here = new URL("../", import.meta.url)
  const readme = readFileSync(new URL("README.md", here), "utf8")
  assert.ok(readme.includes(readFileSync(new URL("examples/lossy.ts", here), "utf8")))
  const { completed, failed, in_flight, started } = lossy(1).requests
  assert.equal(started, completed + failed + in_flight)
  assert.equal(failed, 0)
  assert.ok(readme.includes(`completes ${completed} requests and fails none`), `${completed} requests`)
})
