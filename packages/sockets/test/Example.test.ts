import { assert, it } from "vitest"
import { run } from "../examples/Echo.ts"

it("the example of the README says hello in the second virtual millisecond, each time alike", () => {
  const lines = run()
  assert.match(lines[0]!, /^1[01]\d{5} ns: hello$/)
  assert.match(lines[1]!, /exits: 2$/)
  assert.deepStrictEqual(run(), lines)
})
