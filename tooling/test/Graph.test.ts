import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { cases } from "../src/Cases.ts"
import * as Block from "../src/Block.ts"
import * as Graph from "../src/Graph.ts"
import { read } from "../src/Sources.ts"

const names = ["a", "b", "c", "d", "e", "f"]

/** Any graph in which a package needs only earlier ones. */
const anyGraph: fc.Arbitrary<Graph.Graph> = fc
  .tuple(...names.map((_, at) => fc.subarray(names.slice(0, at))))
  .map((needs) => new Map(names.map((name, at) => [name, needs[at] ?? []])))

/** The pairs (from, to) with a way between them, by trying every way. */
const ways = (graph: Graph.Graph): ReadonlyArray<string> => {
  const from = (name: string): ReadonlyArray<string> => (graph.get(name) ?? []).flatMap((need) => [need, ...from(need)])
  return names.flatMap((name) => [...new Set(from(name))].map((to) => `${name} ${to}`)).toSorted()
}

describe("the graph in README.md", () => {
  it("is the packages' (pnpm generate writes it)", () => {
    const sources = read()
    const readme = sources.find((source) => source.path === "README.md")?.text ?? ""
    assert.strictEqual(Block.blockOf(readme, "graph"), Graph.render(Graph.graph(sources)))
  })
})

describe("a graph", () => {
  it("is read from manifests and imports", () => {
    const manifest = (path: string, ...own: ReadonlyArray<string>) => ({
      path: `${path}/package.json`,
      text: JSON.stringify({
        dependencies: Object.fromEntries(own.map((name) => [`@darkfiber/${name}`, "workspace:*"]))
      })
    })
    const sources = [
      manifest("packages/wire"),
      manifest("packages/sim"),
      manifest("packages/tcp", "sim"),
      manifest("apps/cli"),
      { path: "packages/tcp/src/A.ts", text: `import type * as Udp from "@darkfiber/wire/Udp"` },
      { path: "packages/tcp/test/A.test.ts", text: `import * as A from "@darkfiber/cli/A"` }
    ]
    const expected = new Map<string, ReadonlyArray<string>>([
      ["cli", []],
      ["sim", []],
      ["tcp", ["sim", "wire"]],
      ["wire", []]
    ])
    assert.deepStrictEqual(Graph.graph(sources), expected)
    assert.strictEqual(Graph.render(expected), "```mermaid\ngraph TD\n  cli\n  tcp --> sim\n  tcp --> wire\n```")
  })

  it("loses no way when it is reduced, and each arrow left is needed", () => {
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const reduced = Graph.reduce(graph)
        assert.deepStrictEqual(ways(reduced), ways(graph))
        for (const [name, needs] of reduced) {
          for (const need of needs) {
            const without = new Map(reduced).set(
              name,
              needs.filter((other) => other !== need)
            )
            assert.notDeepEqual(ways(without), ways(graph))
          }
        }
      }),
      { numRuns: cases(200) }
    )
  })
})
