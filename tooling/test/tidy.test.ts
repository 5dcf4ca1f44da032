import { assert, describe, it } from "vitest"
import { check, hotReachesEffect } from "../src/Bans.ts"
import { read, type Source } from "../src/Sources.ts"
import * as Tidy from "../src/Tidy.ts"

const sources = read()
const clean = (findings: Parameters<typeof Tidy.show>[0]): void => assert.strictEqual(Tidy.show(findings), "")

describe("this repository", () => {
  it("has sources to check", () => {
    assert.isTrue(sources.some((source) => source.path === "tooling/src/Tidy.ts"))
    assert.isFalse(sources.some((source) => source.path.includes("node_modules/")))
  })

  it("keeps the bans", () => clean(sources.flatMap(check)))

  it("has no effect in what hot code loads", () => clean(hotReachesEffect(sources)))

  it(`has no source file over ${Tidy.linesMax} lines`, () => {
    const warned = Tidy.longFiles(sources, Tidy.linesUsual)
    if (warned.length > 0) console.warn(`over ${Tidy.linesUsual} lines:\n${warned.join("\n")}`)
    assert.deepStrictEqual(Tidy.longFiles(sources, Tidy.linesMax), [])
  })

  it("has no machine's path or word, and no task without an issue", () => clean(sources.flatMap(Tidy.checkLines)))

  it("names its files well", () => clean(sources.flatMap((source) => Tidy.checkName(source.path))))

  it("has a README with the five heads in every package with sources", () => clean(Tidy.checkReadmes(sources)))

  it("has manifests that agree with the layers and the project references", () => {
    clean(Tidy.checkManifests(sources))
    clean(Tidy.checkRootReferences(sources))
  })
})

const line = (path: string, text: string): ReadonlyArray<string> =>
  Tidy.checkLines({ path, text }).map(({ rule }) => rule)
const name = (path: string): ReadonlyArray<string> => Tidy.checkName(path).map(({ rule }) => rule)
const messages = (findings: Parameters<typeof Tidy.show>[0]): ReadonlyArray<string> =>
  findings.map(({ message }) => message)
/** Put together here, so that this file keeps the rules it tests. */
const cut = (text: string): string => text.replaceAll("|", "")

describe("a planted violation", () => {
  it("of the sizes is found", () => {
    const source = (lines: number): Source => ({ path: "packages/wire/src/Udp.ts", text: "//\n".repeat(lines) })
    assert.deepStrictEqual(Tidy.longFiles([source(400)], 400), [])
    assert.deepStrictEqual(Tidy.longFiles([source(401)], 400), ["packages/wire/src/Udp.ts (401 lines)"])
    assert.deepStrictEqual(Tidy.longFiles([{ ...source(401), path: "docs/A.md" }], 400), [])
  })

  it("of the words is found in any file", () => {
    for (const text of ["see /wo|rk/main", "`/tm|p/a`", "(/ro|ot/.npmrc)"]) {
      assert.deepStrictEqual(line("docs/A.md", cut(text)), ["machine-path"], text)
    }
    for (const text of ["by Cla|ude", "an L|LM", "ask chat|gpt", "a sub-ag|ent"]) {
      assert.deepStrictEqual(line("README.md", cut(text)), ["machine-word"], text)
    }
    assert.deepStrictEqual(line("pnpm-lock.yaml", cut("http://10.0.0.1.regi|stry.local/a.tgz")), ["registry-host"])
    const innocent = "net/work/a docs/tmp/b file.tmp an agent's session https://registry.npmjs.org/a llms.txt"
    assert.deepStrictEqual(line("docs/A.md", innocent), [])
  })

  it("of the open tasks is found, and one that names its issue is none", () => {
    const path = "packages/wire/src/Udp.ts"
    assert.deepStrictEqual(line(path, cut("// TO|DO: later")), ["todo"])
    assert.deepStrictEqual(line(path, cut("// FIX|ME later")), ["todo"])
    assert.deepStrictEqual(line(path, cut("// TO|DO(#12): later")), [])
    assert.deepStrictEqual(line(path, cut("// TO|DO https://example.org/issues/12")), [])
  })

  it("of the names is found", () => {
    assert.deepStrictEqual(name("packages/wire/src/index.ts"), ["barrel"])
    assert.deepStrictEqual(name("apps/cli/src/index.js"), ["barrel"])
    assert.deepStrictEqual(name("packages/wire/src/utils.ts"), ["name"])
    assert.deepStrictEqual(name("packages/wire/src/udp.ts"), ["name"])
    assert.deepStrictEqual(name("packages/wire/src/hot/udp-reader.ts"), ["name"])
    assert.deepStrictEqual(name("packages/labs/src/table/chapter1.ts"), ["name"])
    assert.deepStrictEqual(name("packages/labs/src/chapter01.ts"), ["name"])
    assert.deepStrictEqual(name("packages/labs/src/table/chapter01.ts"), [])
    assert.deepStrictEqual(name("packages/labs/src/table/chapter10b.ts"), [])
    assert.deepStrictEqual(name("packages/wire/src/hot/IPv4.ts"), [])
    assert.deepStrictEqual(name("apps/cli/src/main.ts"), [])
  })

  it("of the READMEs is found", () => {
    const code: Source = { path: "packages/wire/src/Udp.ts", text: "" }
    const readme = (heads: ReadonlyArray<string>): Source => ({
      path: "packages/wire/README.md",
      text: heads.map((head) => `## ${head}\n`).join("\n")
    })
    assert.deepStrictEqual(messages(Tidy.checkReadmes([code])), ["is missing"])
    assert.deepStrictEqual(Tidy.checkReadmes([code, readme(Tidy.readmeHeads)]), [])
    assert.lengthOf(Tidy.checkReadmes([code, readme(Tidy.readmeHeads.slice(1))]), 1)
    assert.lengthOf(Tidy.checkReadmes([code, readme(Tidy.readmeHeads.toReversed())]), 1)
    assert.deepStrictEqual(Tidy.checkReadmes([{ path: "packages/wire/package.json", text: "{}" }]), [])
  })

  it("of the manifests is found", () => {
    const files = (folder: string, own: ReadonlyArray<string>, referred: ReadonlyArray<string>, as = folder) => [
      {
        path: `packages/${folder}/package.json`,
        text: JSON.stringify({
          name: `@darkfiber/${as}`,
          dependencies: Object.fromEntries(own.map((other) => [`@darkfiber/${other}`, "workspace:*"]))
        })
      },
      {
        path: `packages/${folder}/tsconfig.json`,
        text: JSON.stringify({ references: referred.map((other) => ({ path: `../${other}` })) })
      }
    ]
    assert.deepStrictEqual(Tidy.checkManifests(files("tcp", ["sim", "wire"], ["wire", "sim"])), [])
    const upward = files("tcp", ["kernel-net"], ["kernel-net"])
    assert.deepStrictEqual(messages(Tidy.checkManifests(upward)), ["may not depend on kernel-net"])
    const unreferred = files("tcp", ["sim", "wire"], ["wire"])
    assert.match(messages(Tidy.checkManifests(unreferred)).join("\n"), /^tsconfig.json refers to \[wire\]/)
    assert.lengthOf(Tidy.checkManifests(files("tcp", [], [], "udp")), 1)
    assert.match(messages(Tidy.checkManifests(files("stray", [], []))).join("\n"), /not in the table/)
    const rootProject = { path: "tsconfig.json", text: `{"references":[{"path":"packages/sim"}]}` }
    const tcp = files("tcp", [], [])
    assert.deepStrictEqual(messages(Tidy.checkRootReferences([rootProject, ...tcp])), [
      "does not refer to packages/tcp"
    ])
  })
})
