import { assert, describe, it } from "vitest"
import { bans, check, hotReachesEffect, imports } from "../src/Bans.ts"

const below = "packages/tcp/src/Cubic.ts"
const test = "packages/tcp/test/Cubic.test.ts"
const broken = (path: string, text: string): ReadonlyArray<string> => check({ path, text }).map(({ rule }) => rule)

/** What breaks each rule, one piece of text a violation, and where. */
const violations: Readonly<Record<string, readonly [path: string, texts: ReadonlyArray<string>]>> = {
  math: [
    below,
    [
      "const a = Math.log(2)",
      "const a = Math.random()",
      "const a = Math.hypot(1, 2)",
      "const M = Math",
      "const { log } = Math",
      `const a = Math["abs"](1)`,
      "const a = { Math }",
      "f(Math)"
    ]
  ],
  power: [below, ["const a = 2 ** 3", "let a = 1; a **= 2"]],
  engine: [
    below,
    [
      "const a = new Intl.NumberFormat()",
      "const a = new WeakRef(b)",
      `const a = "a".localeCompare("b")`,
      "const a = (1).toLocaleString()",
      `const a = new Function("return 1")`
    ]
  ],
  "effect-run": [
    below,
    [
      "Effect.runSync(a)",
      "const run = Effect.runForkWith",
      `import { runPromise } from "effect/Effect"`,
      `import { runPromise as go } from "effect/Effect"`,
      `import * as ManagedRuntime from "effect/ManagedRuntime"`,
      `import { ManagedRuntime } from "effect"`
    ]
  ],
  "relative-import": [
    below,
    [
      `import "../../sim/src/Time.ts"`,
      `export { a } from "../../../tooling/src/Cases.ts"`,
      `import("../../a/src/B.ts")`
    ]
  ],
  "import-extension": [below, [`import { a } from "./Segment"`, `import { a } from "./Segment.js"`]],
  "default-export": [
    below,
    ["export default 1", "export default function a() {}", "const a = 1; export { a as default }"]
  ],
  barrel: [below, [`export * from "./Segment.ts"`]],
  enum: [below, ["enum A { B }", "export const enum A { B }"]],
  "focused-test": [
    test,
    [
      `it.only("a", () => {})`,
      `it.effect.only("a", f)`,
      `describe.skip("a", f)`,
      `test.todo("a")`,
      `it.skip.each([1])("a", f)`
    ]
  ]
}

const innocent = `
  import * as Effect from "effect/Effect"
  import { TcpHost } from "./TcpHost.ts"
  import * as Time from "@darkfiber/sim/Time"
  export { a as b } from "./Segment.ts"
  // Math.log(2), 2 ** 3, Effect.runSync(a), enum
  export const a = Math.max(Math.sqrt(2), Math.imul(3, 4), Math.PI)
  export interface Table { readonly Math: number; readonly Intl: string }
  export const text = "2 ** 3, Math.pow, localeCompare, it.only("
  export const run = Effect.fn("Cubic.run")(function* () { yield* only.skip })
  export const f: Function = g.WeakRef
  switch (a) { default: break }
`

describe("the bans on the syntax tree", () => {
  it("have a planted violation each", () => {
    assert.deepStrictEqual(Object.keys(violations).toSorted(), bans.map((ban) => ban.rule).toSorted())
  })

  for (const [rule, [path, texts]] of Object.entries(violations)) {
    it(`${rule}: each violation is found once and is nothing else`, () => {
      for (const text of texts) assert.deepStrictEqual(broken(path, text), [rule], text)
    })
  }

  it("find nothing in code that keeps them", () => {
    assert.deepStrictEqual(broken(below, innocent), [])
  })

  it("give the line", () => {
    assert.deepStrictEqual(
      check({ path: below, text: "\n\nconst a = 2 ** 3\n" }).map(({ line }) => line),
      [3]
    )
  })

  it("let tests and apps take chance and start fibers, and sim's Runtime.ts start fibers", () => {
    const text = "const a = Math.random() ** 2; Effect.runSync(a)"
    assert.deepStrictEqual(broken(test, text), [])
    assert.deepStrictEqual(broken("apps/cli/src/main.ts", text), [])
    assert.deepStrictEqual(broken("packages/sim/src/Runtime.ts", "Effect.runForkWith(a)"), [])
    assert.deepStrictEqual(broken("vitest.config.ts", "export default {}"), [])
  })
})

describe("imports", () => {
  it("tell code from types", () => {
    const text = `
      import type * as A from "a"
      import * as B from "b"
      export type { C } from "c"
      export { d } from "d"
      import { type E, e } from "e"
      const f = () => import("f")
      import { type G } from "g"`
    const ofCode = imports({ path: below, text }).flatMap((entry) => (entry.isTypeOnly ? [] : [entry.specifier]))
    // Under verbatimModuleSyntax `import { type G }` still loads the module.
    assert.deepStrictEqual(ofCode, ["b", "d", "e", "f", "g"])
  })
})

describe("hot code and effect", () => {
  const hot = (text: string) => ({ path: "packages/tcp/src/hot/Table.ts", text })
  const wire = (text: string) => ({ path: "packages/wire/src/Tcp.ts", text })
  const useWire = `import * as Tcp from "@darkfiber/wire/Tcp"`

  it("finds effect through any chain of modules, and shows the chain", () => {
    assert.deepStrictEqual(
      hotReachesEffect([hot(useWire), wire(`import * as Result from "effect/Result"`)]).map(({ message }) => message),
      ["packages/tcp/src/hot/Table.ts -> packages/wire/src/Tcp.ts -> effect/Result"]
    )
    assert.lengthOf(hotReachesEffect([hot(`import { pipe } from "effect"`)]), 1)
  })

  it("allows types of effect, modules without it, and cycles", () => {
    const types = `import type * as Result from "effect/Result"`
    assert.deepStrictEqual(hotReachesEffect([hot(useWire), wire(types)]), [])
    const back = `import * as Tcp from "@darkfiber/wire/Tcp"`
    assert.deepStrictEqual(hotReachesEffect([hot(useWire), wire(back)]), [])
  })
})
