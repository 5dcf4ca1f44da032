import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import { textFilters } from "@darkfiber/tools/TextFilters"

const files: Readonly<Record<string, string>> = { one: "a 1\nb 2\n", two: "b 3\n" }
const run = (name: string, args: ReadonlyArray<string>, stdin: string) =>
  textFilters.get(name)!(args, stdin, (path) => files[path] ?? null)
const line = fc.string({ unit: fc.constantFrom(..."ab1 9:-.x".split("")), maxLength: 8 })
const text = fc.array(line, { maxLength: 8 }).map((all) => all.map((one) => `${one}\n`).join(""))

/** The machine's own tools, where there are any. */
const hasTools = spawnSync("sort", ["--version"]).status === 0
const real = (name: string, args: ReadonlyArray<string>, stdin: string): string =>
  execFileSync(name, args, { input: stdin, encoding: "utf8", env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" } })

describe("TextFilters", () => {
  const samples: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["head", ["-n", "2"]],
    ["head", ["-1"]],
    ["head", ["-n", "-1"]],
    ["tail", ["-n", "2"]],
    ["tail", ["-n", "+2"]],
    ["wc", ["-l"]],
    ["wc", []],
    ["sort", []],
    ["sort", ["-r"]],
    ["sort", ["-n"]],
    ["sort", ["-u"]],
    ["uniq", ["-c"]],
    ["cut", ["-d:", "-f2"]],
    ["cut", ["-c", "2-3"]],
    ["tr", ["a-b", "xy"]],
    ["tr", ["-d", "1"]],
    ["tr", ["-s", " "]]
  ]
  const input = "b 1\na:2:3\n\n10 x\na:2:3\na:2:3\n-9..\n  9\n"
  for (const [name, args] of samples) {
    it.runIf(hasTools)(`${name} ${args.join(" ")} prints what coreutils print`, () => {
      assert.equal(run(name, args, input).stdout, real(name, args, input))
    })
  }

  it("grep chooses the lines that the expression matches, and -v the others", () => {
    fc.assert(
      fc.property(text, fc.constantFrom("a", "^a", "1$", "a.", "[0-9]", "a\\|b"), (input, pattern) => {
        const hits = run("grep", [pattern], input).stdout
        const misses = run("grep", ["-v", pattern], input).stdout
        const expression = new RegExp(pattern.replace("\\|", "|"))
        assert.equal(
          hits,
          input.replace(/.*\n/g, (one) => (expression.test(one.slice(0, -1)) ? one : ""))
        )
        assert.equal(hits.length + misses.length, input.length)
        assert.equal(run("grep", ["-c", pattern], input).stdout, `${hits.split("\n").length - 1}\n`)
        assert.equal(run("grep", ["-q", pattern], input).code, hits === "" ? 1 : 0)
      }),
      { numRuns: cases(100) }
    )
  })

  it("grep tells basic from extended expressions", () => {
    assert.equal(run("grep", ["a+"], "a+\naa\n").stdout, "a+\n")
    assert.equal(run("grep", ["-E", "a+$"], "a+\naa\n").stdout, "aa\n")
    assert.equal(run("grep", ["-F", "."], "a\n.\n").stdout, ".\n")
    assert.equal(run("grep", ["-o", "[[:digit:]]*x"], "12x 3x\n").stdout, "12x\n3x\n")
  })

  it("files take the place of the input", () => {
    assert.deepEqual(run("grep", ["b", "one"], ""), { stdout: "b 2\n", stderr: "", code: 0 })
    assert.deepEqual(run("grep", ["-c", "b", "one", "none", "two"], ""), {
      stdout: "one:1\ntwo:1\n",
      stderr: "grep: none: No such file or directory\n",
      code: 2
    })
    assert.deepEqual(run("grep", ["-q", "b", "none", "two"], ""), { stdout: "", stderr: "", code: 0 })
    assert.equal(run("wc", ["-l", "one"], "").stdout, "2 one\n")
    assert.equal(run("tail", ["-n", "1", "one"], "").stdout, "b 2\n")
    assert.equal(run("cut", ["-d", " ", "-f2", "two"], "").stdout, "3\n")
    assert.deepEqual(run("sort", ["none"], ""), {
      stdout: "",
      stderr: "sort: none: No such file or directory\n",
      code: 2
    })
  })

  it("never throws, whatever the arguments", () => {
    const args = fc.array(
      fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom("-n", "-k", "-f", "-d", "-e", "-c", "--"))
    )
    fc.assert(
      fc.property(fc.constantFrom(...textFilters.keys()), args, text, (name, words, input) => {
        const { code } = run(name, words, input)
        assert.ok(code === 0 || code === 1 || code === 2)
      }),
      { numRuns: cases(100) }
    )
  })
})
