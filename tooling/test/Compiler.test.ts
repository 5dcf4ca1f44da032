import { readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { assert, describe, it } from "vitest"
import { withFiles } from "../src/Planted.ts"
import { root } from "../src/Sources.ts"

const base = ts.parseConfigFileTextToJson(
  "tsconfig.base.json",
  readFileSync(join(root, "tsconfig.base.json"), "utf8")
).config

/** The lines of `lines` that do not compile under tsconfig.base.json. */
const refused = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  withFiles({ "package.json": `{"type":"module"}`, "src/Bad.ts": lines.join("\n") }, (folder) => {
    const { options } = ts.parseJsonConfigFileContent(base, ts.sys, folder)
    const file = join(folder, "src/Bad.ts")
    const program = ts.createProgram([file], options)
    const source = program.getSourceFile(file)
    assert.isDefined(source)
    const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    const numbers = problems.map((one) => source.getLineAndCharacterOfPosition(one.start ?? 0).line)
    return lines.filter((_, at) => numbers.includes(at))
  })

describe("the compiler with tsconfig.base.json", () => {
  it("refuses what belongs to Node or to a browser", () => {
    const names =
      "process Buffer setTimeout setInterval setImmediate queueMicrotask performance crypto console document fetch"
    const lines = names.split(" ").map((name, at) => `export const a${at} = ${name}`)
    assert.deepStrictEqual(refused([...lines, `import "node:fs"`]), [...lines, `import "node:fs"`])
  })

  it("refuses syntax that is more than types", () => {
    const lines = [
      "export enum A { B }",
      "export class C { constructor(readonly d: number) {} }",
      "export namespace E { export const f = 1 }"
    ]
    assert.deepStrictEqual(refused(lines), lines)
  })

  it("refuses unchecked elements, undefined in optional properties and silent overrides", () => {
    const lines = [
      "export const first = (list: ReadonlyArray<number>): number => list[0]",
      "export const option: { readonly a?: number } = { a: undefined }",
      "export class Over extends Map { clear(): void {} }"
    ]
    assert.deepStrictEqual(refused(lines), lines)
  })

  it("accepts plain modules", () => {
    assert.deepStrictEqual(refused(["export const a = (b: number): number => Math.imul(b, 3)"]), [])
  })
})
