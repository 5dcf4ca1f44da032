import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as filter from "../examples/filter.ts"
import * as shell from "../examples/shell.ts"

describe("examples", () => {
  it("filter", () => assert.equal(filter.main(), "arp: true, tcp: false"))

  it("shell", () => {
    const [device, rule] = shell.main().split("\n") as [string, string]
    assert.match(device, /^v0@if\d+ +LOWERLAYERDOWN 10\.0\.0\.1\/24 $/)
    assert.equal(rule, "-A INPUT -i v0 -p tcp -m tcp --dport 80 -j DROP")
  })
})
