import assert from "node:assert/strict"
import * as fc from "fast-check"
import { Result } from "effect"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Script from "@darkfiber/tools/Script"
import * as Words from "@darkfiber/tools/Words"

const words = (line: string): ReadonlyArray<string> => Result.getOrThrow(Words.split(line)).map((token) => token.text)
const error = (line: string): string => {
  const result = Script.parse(line)
  assert.ok(Result.isFailure(result), `${line} was accepted`)
  return Words.describe(result.failure)
}
/** Text in which everything that means something to a shell is common. */
const shellText = fc.string({ unit: fc.constantFrom(..."ab1 '\"\\$`|&;><()#!\n\t=2".split("")), maxLength: 30 })

describe("Words", () => {
  it("never throws, and an error names a column of the line", () => {
    fc.assert(
      fc.property(fc.oneof(shellText, fc.string()), (line) => {
        const result = Words.split(line)
        if (Result.isFailure(result)) assert.ok(result.failure.column >= 1 && result.failure.column <= line.length + 1)
      }),
      { numRuns: cases(100) }
    )
  })

  it("reads quoted words back as they were", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 6 }), (all) => {
        assert.deepEqual(words(all.map(Words.quote).join(" ")), all)
      }),
      { numRuns: cases(100) }
    )
  })

  it("follows sh on quotes, backslashes and comments", () => {
    assert.deepEqual(words(`ip addr  add '10.0.0.1/24' dev "eth0" # up`), [
      "ip",
      "addr",
      "add",
      "10.0.0.1/24",
      "dev",
      "eth0"
    ])
    assert.deepEqual(words(`a'b'"c"\\ d`), ["abc d"])
    assert.deepEqual(words(`"a\\"b\\\\\\n$"`), [`a"b\\\\n$`])
    assert.deepEqual(words("a#b ''"), ["a#b", ""])
    assert.deepEqual(words("a\\\nb"), ["ab"])
    assert.deepEqual(words("iptables ! -s 1.1.1.1"), ["iptables", "!", "-s", "1.1.1.1"])
    assert.deepEqual(words("echo 2>&1 2>x a2>y"), ["echo", "2>&1", "2>", "x", "a2", ">", "y"])
    assert.deepEqual(words("a&>b &>>c&&d"), ["a", "&>", "b", "&>>", "c", "&&", "d"])
  })

  it("says what is not there, and where", () => {
    assert.equal(error("echo 'a"), "column 6: unterminated quoted string")
    assert.equal(error('echo "$HOME"'), "column 7: variables are not supported")
    assert.equal(error("echo $(date)"), "column 6: variables are not supported")
    assert.equal(error("echo `date`"), "column 6: command substitution is not supported")
    assert.equal(error("ping x &"), "column 8: background jobs are not supported")
    assert.equal(error("(a)"), "column 1: syntax error near unexpected token `('")
  })
})

describe("Script", () => {
  it("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(shellText, fc.string()), (line) => void Script.parse(line)),
      { numRuns: cases(100) }
    )
  })

  it("reads pipelines, conditions, negation and redirections", () => {
    const script = Result.getOrThrow(Script.parse("a 1 | b && ! c 2>/dev/null || echo 1 > /proc/x; d\n# end"))
    assert.deepEqual(
      script.map((one) => [
        one.condition,
        one.isNegated,
        one.commands.map((command) => [command.name, ...command.args])
      ]),
      [
        [";", false, [["a", "1"], ["b"]]],
        ["&&", true, [["c"]]],
        ["||", false, [["echo", "1"]]],
        [";", false, [["d"]]]
      ]
    )
    assert.deepEqual(script[1]!.commands[0]!.redirections, [
      { stream: 2, appends: false, target: "/dev/null", column: 16 }
    ])
    assert.equal(script[2]!.commands[0]!.redirections[0]!.target, "/proc/x")
  })

  it("an empty line is an empty script", () => {
    for (const line of ["", "  ", "# nothing", ";;\n"]) assert.deepEqual(Script.parse(line), Result.succeed([]))
  })

  it("names the column of what cannot be", () => {
    assert.equal(error("a |"), "column 4: syntax error: unexpected end of line")
    assert.equal(error("a && | b"), "column 6: syntax error near unexpected token `|'")
    assert.equal(error("| b"), "column 1: syntax error near unexpected token `|'")
    assert.equal(error("a >"), "column 4: syntax error: unexpected end of line")
  })
})
