import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { it } from "vitest"
import { lines } from "../examples/capture.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
const example = readFileSync(new URL("../examples/capture.ts", import.meta.url), "utf8")

it("the README's example is the one in examples/, and prints what the README says", () => {
  const [, code, output] = /```ts\n([^]*?)```[^]*?```text\n([^]*?)```/.exec(readme) ?? []
  assert.equal(code, example)
  assert.equal(output, lines.map((line) => `${line}\n`).join(""))
})
