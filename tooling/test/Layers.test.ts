import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { json, layers, reachable, rules } from "../src/Layers.ts"
import { linkPackages, withFiles, type Files } from "../src/Planted.ts"
import { root } from "../src/Sources.ts"

const exported = JSON.stringify({
  "./internal/*": null,
  "./hot/*": null,
  "./*": { "@darkfiber/source": "./src/*.ts", types: "./dist/*.d.ts", default: "./dist/*.js" }
})
const manifest = (name: string): string =>
  `{"name":"@darkfiber/${name}","type":"module","exports":${exported},"dependencies":{${layers
    .filter((layer) => layer.name !== name)
    .map((layer) => `"@darkfiber/${layer.name}":"workspace:*"`)
    .join()},"effect":"4.1.0"},"devDependencies":{"fast-check":"4.10.2"}}`
const names = layers.map((layer) => layer.name)
const folders = [...names, "stray"]

/** Every package with the modules the planted imports name, and what they import from outside. */
const ground: Files = Object.fromEntries([
  ...folders.flatMap((name) => [
    [`packages/${name}/package.json`, manifest(name)],
    ...["A", "cpu/A", "nic/A", "link/A", "internal/A", "hot/A"].map((module) => [
      `packages/${name}/src/${module}.ts`,
      "export const a = 1\n"
    ])
  ]),
  ["tooling/package.json", `{"name":"@darkfiber/tooling"}`],
  ["tooling/src/A.ts", "export const a = 1\n"],
  ["apps/one/package.json", manifest("one")],
  ["apps/two/package.json", manifest("two")],
  ["apps/two/src/A.ts", "export const a = 1\n"],
  ["packages/sim/test/Help.ts", "export const a = 1\n"],
  ...["effect", "fast-check", "@effect/platform-node"].map((name) => [
    `node_modules/${name}/package.json`,
    `{"name":"${name}","exports":{".":"./a.js","./*":"./a.js"}}`
  ]),
  ...["effect", "fast-check", "@effect/platform-node"].map((name) => [
    `node_modules/${name}/a.js`,
    "export const a = 1\n"
  ])
])

interface Report {
  readonly summary: {
    readonly violations: ReadonlyArray<{ readonly rule: { readonly name: string }; readonly from: string }>
  }
}

/** Runs the real configuration over the ground and `planted`; the names of the rules each planted file breaks. */
const cruise = (planted: Files): Readonly<Record<string, string>> =>
  withFiles({ ...ground, ...planted }, (folder) => {
    linkPackages(folder, folders)
    const run = spawnSync(
      process.execPath,
      [
        join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
        `--config=${join(root, ".dependency-cruiser.cjs")}`,
        "--output-type=json",
        "packages",
        "apps",
        "tooling"
      ],
      { cwd: folder, encoding: "utf8", maxBuffer: 1 << 26 }
    )
    assert.notStrictEqual(run.stdout, "", run.stderr)
    const broken = new Map<string, Set<string>>()
    for (const { rule, from } of (JSON.parse(run.stdout) as Report).summary.violations) {
      broken.set(from, (broken.get(from) ?? new Set()).add(rule.name))
    }
    return Object.fromEntries([...broken].map(([from, found]) => [from, [...found].toSorted().join(" ")]))
  })

const importing = (...specifiers: ReadonlyArray<string>): string =>
  specifiers.map((specifier, at) => `export { a as a${at} } from "${specifier}"\n`).join("")
/** A cycle is reported at its first module. */
const reportedOnce = ""
const publicModule = (name: string): string =>
  name === "hardware" ? "@darkfiber/hardware/cpu/A" : `@darkfiber/${name}/A`

describe("the table of the layers", () => {
  it("is what layers.json holds (pnpm generate writes it)", () => {
    assert.deepStrictEqual(JSON.parse(readFileSync(join(root, "tooling/layers.json"), "utf8")), JSON.parse(json()))
  })

  it("names only packages that stand above in it, so that no two can need each other", () => {
    layers.forEach((layer, at) => {
      const above = names.slice(0, at)
      assert.deepStrictEqual(
        reachable(layer).filter((name) => !above.includes(name)),
        [],
        layer.name
      )
    })
  })

  it("gives each rule a name of its own", () => {
    assert.strictEqual(new Set(rules.map((rule) => rule.name)).size, rules.length)
  })
})

describe("dependency-cruiser with these rules", () => {
  it("passes every import the table allows, from src and from test", () => {
    const allowed = layers.map((layer) => {
      const text = importing(...reachable(layer).map(publicModule), "effect/Effect")
      return { [`packages/${layer.name}/src/Good.ts`]: text, [`packages/${layer.name}/test/Good.test.ts`]: text }
    })
    const others: Files = {
      "packages/kernel-net/src/driver/Good.ts": importing("@darkfiber/hardware/nic/A"),
      ...Object.fromEntries(
        ["test/Good.test.ts", "bench/Good.ts", "examples/Good.ts"].map((path) => [
          `packages/kernel-net/${path}`,
          importing("@darkfiber/hardware/nic/A", "@darkfiber/hardware/link/A", "@darkfiber/hardware/A")
        ])
      ),
      "packages/wire/src/Uses.ts": importing("./internal/A.ts", "./hot/A.ts"),
      "packages/sim/src/hot/Good.ts": importing("../A.ts"),
      "packages/wire/test/Uses.test.ts": importing("../src/internal/A.ts", "../src/hot/A.ts", "fast-check", "node:fs"),
      "packages/sim/test/Uses.test.ts": importing("../../../tooling/src/A.ts"),
      "packages/wire/src/TypesLeft.ts": `import type { Right } from "./TypesRight.ts"\nexport type Left = Right | 1\n`,
      "packages/wire/src/TypesRight.ts": `import type { Left } from "./TypesLeft.ts"\nexport type Right = Left | 2\n`,
      "apps/one/src/Good.ts": importing(...names.map(publicModule), "@effect/platform-node", "node:fs")
    }
    assert.deepStrictEqual(cruise(Object.assign({}, ...allowed, others)), {})
  })

  it("reports every import of a package that the table does not allow, from src and from test, types too", () => {
    const planted: Record<string, string> = {}
    const expected: Record<string, string> = {}
    const plant = (path: string, text: string, rule: string): void => {
      planted[path] = text
      expected[path] = rule
    }
    for (const layer of layers) {
      const forbidden = names.filter((name) => name !== layer.name && !reachable(layer).includes(name))
      for (const name of forbidden) {
        const rule = `layer-${layer.name}`
        plant(`packages/${layer.name}/src/Bad-${name}.ts`, importing(publicModule(name)), rule)
        plant(`packages/${layer.name}/test/Bad-${name}.test.ts`, importing(publicModule(name)), rule)
        const typed = `import type { a } from "${publicModule(name)}"\nexport type A = typeof a\n`
        plant(`packages/${layer.name}/src/BadType-${name}.ts`, typed, rule)
      }
    }
    assert.isAbove(Object.keys(planted).length, 150)
    assert.deepStrictEqual(cruise(planted), expected)
  })

  it("reports a planted violation of each other rule", () => {
    const planted: Readonly<Record<string, readonly [text: string, rules: string]>> = {
      "packages/kernel-net/src/BadNic.ts": [importing("@darkfiber/hardware/nic/A"), "gate-kernel-net-hardware-nic"],
      "packages/kernel-net/src/BadLink.ts": [importing("@darkfiber/hardware/link/A"), "part-kernel-net-hardware"],
      "packages/kernel-net/src/driver/BadLink.ts": [
        importing("@darkfiber/hardware/link/A"),
        "part-kernel-net-hardware"
      ],
      "packages/kernel-net/src/driver/BadTop.ts": [importing("@darkfiber/hardware/A"), "part-kernel-net-hardware"],
      "packages/memory/src/BadInternal.ts": [importing("../../sim/src/internal/A.ts"), "private-sim"],
      "packages/memory/test/BadHot.test.ts": [importing("../../sim/src/hot/A.ts"), "private-sim"],
      "packages/memory/src/BadExports.ts": [importing("@darkfiber/sim/internal/A"), "could-not-resolve"],
      "apps/one/src/BadInternal.ts": [importing("../../../packages/tcp/src/internal/A.ts"), "private-tcp"],
      "packages/wire/src/BadName.ts": [importing("not-installed"), "could-not-resolve"],
      "packages/wire/src/BadTooling.ts": [importing("../../../tooling/src/A.ts"), "tooling-is-for-tests"],
      "tooling/test/Bad.test.ts": [importing("../../packages/wire/src/A.ts"), "tooling-stands-alone"],
      "packages/sim/src/BadTest.ts": [importing("../test/Help.ts"), "tests-stay-outside"],
      "packages/sim/src/BadNode.ts": [importing("fs"), "no-node-below-apps"],
      "packages/sim/src/BadPlatform.ts": [importing("@effect/platform-node/NodeServices"), "no-platform-below-apps"],
      "packages/sim/src/hot/Bad.ts": [importing("effect/Result"), "no-effect-in-hot"],
      "packages/sim/src/BadDev.ts": [importing("fast-check"), "no-dev-dependency-in-src"],
      "packages/labs/src/BadStray.ts": [importing("../../stray/src/A.ts"), "known-packages layer-labs"],
      "apps/one/src/BadApp.ts": [importing("../../two/src/A.ts"), "apps-are-apart"],
      "packages/tcp/src/Left.ts": [importing("./Right.ts"), "no-cycles"],
      "packages/tcp/src/Right.ts": [importing("./Left.ts"), reportedOnce]
    }
    const files = Object.fromEntries(Object.entries(planted).map(([path, [text]]) => [path, text]))
    const expected = Object.fromEntries(
      Object.entries(planted).flatMap(([path, [, broken]]) => (broken === reportedOnce ? [] : [[path, broken]]))
    )
    assert.deepStrictEqual(cruise(files), expected)
    const proven = new Set(Object.values(expected).flatMap((broken) => broken.split(" ")))
    const kinds = rules.map((rule) => rule.name).filter((name) => !/^(layer|private)-/.test(name))
    assert.deepStrictEqual(
      kinds.filter((name) => !proven.has(name)),
      []
    )
  })
})
