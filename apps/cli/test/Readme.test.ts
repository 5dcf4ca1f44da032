import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as DataCentre from "@darkfiber/topology/DataCentre"
import * as Read from "@darkfiber/topology/Read"
import * as Resolve from "@darkfiber/topology/Resolve"
import * as Summary from "@darkfiber/topology/Summary"
import { Result } from "effect"
import { assert, describe, it } from "vitest"

const root = fileURLToPath(new URL("../../../", import.meta.url))
const text = (path: string): string => readFileSync(join(root, path), "utf8")
const readme = text("README.md")

/** The content of the only fenced block of a language. */
const block = (language: string): string => {
  const found = [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))]
  assert.lengthOf(found, 1, `blocks of ${language}`)
  return found[0]![1]!
}

/** README.md shows these lines; a test below says so. */
const simulate = (yaml: string, seed: number): Summary.Summary => {
  const source = Result.getOrThrow(Read.readText("mine.yaml", yaml))
  const centre = DataCentre.build(Result.getOrThrow(Resolve.resolve(source.document)), { seed })
  centre.run(50_000_000)
  return Summary.summarize(centre)
}

describe("the topology in README.md", () => {
  it("runs, serves requests through a container's published port, and breaks no law", () => {
    const summary = simulate(block("yaml"), 1)
    assert.deepStrictEqual([summary.violations, summary.defects], [[], []])
    assert.strictEqual(summary.containers, 1)
    assert.isAbove(summary.requests.completed, 20)
    assert.strictEqual(summary.requests.failed, 0)
  })

  it("gives the same fingerprint with the same seed, and another one with another", () => {
    const first = simulate(block("yaml"), 7).fingerprint
    assert.strictEqual(simulate(block("yaml"), 7).fingerprint, first)
    assert.notStrictEqual(simulate(block("yaml"), 8).fingerprint, first)
  })
})

describe("README.md", () => {
  it("shows a library call that this file makes, line by line", () => {
    const own = new Set(readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n"))
    const lines = block("ts").split("\n")
    assert.isAbove(lines.length, 10)
    assert.deepStrictEqual(
      lines.filter((line) => !own.has(line)),
      []
    )
  })

  it("names only commands that the command line has", () => {
    const sources = readdirSync(join(root, "apps/cli/src"))
      .filter((file) => file.endsWith(".ts"))
      .map((file) => text(`apps/cli/src/${file}`))
      .join("\n")
    const named = [...readme.matchAll(/pnpm -s darkfiber ([a-z]+)/g)].map((match) => match[1]!)
    assert.isAbove(named.length, 3)
    for (const name of named) assert.match(sources, new RegExp(`Command\\.make\\(\\s*"${name}"`))
  })
})

/** Targets of relative links, without anchors. */
const links = (path: string): ReadonlyArray<string> =>
  [...text(path).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1]!)

const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`)
]

describe("links to files", () => {
  it.each(pages)("in %s lead somewhere", (page) => {
    const broken = links(page).filter((link) => !existsSync(join(root, dirname(page), link)))
    assert.deepStrictEqual(broken, [])
  })

  it("are found at all", () => assert.isAbove(links("docs/ARCHITECTURE.md").length, 100))
})
