import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { withFiles, type Files } from "../src/Planted.ts"
import { root } from "../src/Sources.ts"

interface Report {
  readonly diagnostics: ReadonlyArray<{
    readonly code: string
    readonly filename: string
    readonly severity: string
    readonly labels: ReadonlyArray<{ readonly span: { readonly line: number } }>
  }>
}

/** Runs oxlint with the real configuration over `files`; each error as `path:line rule`, once and in order. */
const lint = (files: Files): ReadonlyArray<string> =>
  withFiles({ ...files, ".oxlintrc.json": readFileSync(join(root, ".oxlintrc.json"), "utf8") }, (folder) => {
    const run = spawnSync(process.execPath, [join(root, "node_modules/oxlint/bin/oxlint"), "--format", "json"], {
      cwd: folder,
      encoding: "utf8"
    })
    assert.match(run.stdout, /^\s*\{/, run.stdout + run.stderr)
    const found = (JSON.parse(run.stdout) as Report).diagnostics
      .filter((diagnostic) => diagnostic.severity === "error")
      .map(({ code, filename, labels }) => `${filename}:${labels[0]?.span.line ?? 0} ${code}`)
    return [...new Set(found)].toSorted()
  })

const globals =
  "Date setTimeout setInterval setImmediate queueMicrotask performance process Buffer crypto globalThis console fetch"
const approximated =
  "log log2 log10 log1p exp expm1 pow cbrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh hypot"
const runs = "runFork runForkWith runCallback runPromise runPromiseExit runSync runSyncExit"

const below = "packages/wire/src/Bad.ts"
const onLines = (path: string, lines: ReadonlyArray<string>): Files => ({ [path]: `${lines.join("\n")}\n` })

/** Expects oxlint to report `rule` on every line of `lines`, and nothing else. */
const everyLineBreaks = (rule: string, lines: ReadonlyArray<string>): void => {
  const found = lint(onLines(below, lines))
  const expected = lines.map((_, at) => `${below}:${at + 1} eslint(${rule})`).toSorted()
  // no-console reports a use of the console as well.
  assert.deepStrictEqual(
    found.filter((line) => !line.endsWith("(no-console)")),
    expected
  )
}

describe("oxlint with this configuration", () => {
  it("reports each global that is banned below apps", () =>
    everyLineBreaks(
      "no-restricted-globals",
      globals.split(" ").map((name, at) => `export const a${at} = () => ${name}.now`)
    ))

  it("reports each function that engines approximate, chance, and a destructured one", () =>
    everyLineBreaks("no-restricted-properties", [
      ...["random", ...approximated.split(" ")].map((name, at) => `export const a${at} = Math.${name}(1)`),
      `export const b = Math["log"](1)`,
      "export const { pow } = Math",
      "export const c = DateTime.nowUnsafe()"
    ]))

  it("reports each way to start a fiber, except in sim's Runtime.ts", () => {
    const lines = runs.split(" ").map((name, at) => `export const a${at} = Effect.${name}(1)`)
    everyLineBreaks("no-restricted-properties", lines)
    assert.deepStrictEqual(lint(onLines("packages/sim/src/Runtime.ts", lines)), [])
    assert.deepStrictEqual(lint(onLines("packages/sim/src/Runtime.ts", ["export const a = Math.random()"])), [
      "packages/sim/src/Runtime.ts:1 eslint(no-restricted-properties)"
    ])
  })

  it("reports imports of Node and of its platform below apps, subpaths too", () => {
    const lines = ["node:fs", "node:fs/promises", "@effect/platform-node/NodeServices"].map(
      (name) => `export * from "${name}"`
    )
    everyLineBreaks("no-restricted-imports", lines)
  })

  it("reports effect and Node in hot code, and only Node elsewhere", () => {
    const lines = ["effect", "effect/Effect", "node:fs", "@effect/platform-node/A"].map(
      (name) => `export * from "${name}"`
    )
    const path = "packages/sim/src/hot/Bad.ts"
    assert.deepStrictEqual(
      lint(onLines(path, lines)),
      lines.map((_, at) => `${path}:${at + 1} eslint(no-restricted-imports)`)
    )
    assert.deepStrictEqual(lint(onLines("packages/sim/src/Good.ts", lines.slice(0, 2))), [])
  })

  it("reports default exports, any, loose equality and imports of types as values", () => {
    const found = lint({
      "packages/wire/src/A.ts": "export default 1\n",
      "packages/wire/src/B.ts": "export const b = (a: any) => a\n",
      "packages/wire/src/C.ts": "export const c = (a: number) => a == 1\n",
      "packages/wire/src/D.ts": `import { A } from "./A.ts"\nexport type D = A\n`
    })
    assert.deepStrictEqual(found, [
      "packages/wire/src/A.ts:1 import(no-default-export)",
      "packages/wire/src/B.ts:1 typescript(no-explicit-any)",
      "packages/wire/src/C.ts:1 eslint(eqeqeq)",
      "packages/wire/src/D.ts:1 typescript(consistent-type-imports)"
    ])
  })

  it("leaves apps and tests their Node, clock and chance, and configurations their default export", () => {
    const text = [
      `import { readFileSync } from "node:fs"`,
      "export const a = [readFileSync, Date.now(), Math.random(), Math.log(2), process.argv, Effect.runPromise]"
    ].join("\n")
    const files: Files = {
      "apps/cli/src/main.ts": text,
      "packages/wire/test/A.test.ts": text,
      "vitest.config.ts": "export default {}\n"
    }
    assert.deepStrictEqual(lint(files), [])
  })
})
