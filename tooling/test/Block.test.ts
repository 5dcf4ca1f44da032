import { assert, describe, it } from "vitest"
import * as Block from "../src/Block.ts"

describe("the block of a README", () => {
  it("is put between the markers and read back", () => {
    const readme = "# A\n<!-- graph -->\nold\n<!-- /graph -->\nend\n"
    assert.strictEqual(Block.blockOf(Block.withBlock(readme, "graph", "new"), "graph"), "new")
    assert.match(Block.withBlock(readme, "graph", "new"), /^# A\n[^]*\nend\n$/)
  })

  it("is absent without both markers, or under another name", () => {
    assert.isUndefined(Block.blockOf("# A\n<!-- graph -->\n", "graph"))
    assert.isUndefined(Block.blockOf("# A\n<!-- /graph -->\n", "graph"))
    assert.isUndefined(Block.blockOf("# A\n<!-- graph -->\n<!-- /graph -->\n", "ledger"))
    assert.strictEqual(Block.withBlock("# A\n", "graph", "new"), "# A\n")
  })
})
