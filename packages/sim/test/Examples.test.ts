import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { finished } from "../examples/sleepers.ts"

it("the example gives the same order for the same seed, at once", () => {
  expect(finished(1)).toHaveLength(3)
  expect(finished(1)).toEqual(finished(1))
  expect(finished(2)).not.toEqual(finished(1))
})

it("the README shows the example as it is, and what it prints", () => {
  const here = new URL("../", import.meta.url)
  const readme = readFileSync(new URL("README.md", here), "utf8")
  expect(readme).toContain(readFileSync(new URL("examples/sleepers.ts", here), "utf8"))
  expect(readme).toContain(finished(1).join("\n"))
})
