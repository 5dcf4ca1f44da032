import * as assert from "node:assert/strict"
import { it } from "vitest"
import { run } from "../examples/ping.ts"

it("the README's example pings, and its four packets are accounted for", () => {
  assert.match(run(), /^64 bytes after \d+ ns; created 4, delivered 4, dropped 0$/)
})
