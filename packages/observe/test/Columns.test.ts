import assert from "node:assert/strict"
import * as fc from "fast-check"
import { describe, it } from "vitest"
import { cases } from "@darkfiber/tooling/Cases"
import * as Columns from "@darkfiber/observe/Columns"

describe("Columns", () => {
  it("fixed agrees with toFixed where the value has no tie", () => {
    fc.assert(
      fc.property(fc.integer({ min: -9_999_999, max: 9_999_999 }), fc.nat(3), (thousandths, digits) => {
        const value = thousandths / 1000
        // A tie lies in the middle of two shown values; toFixed decides it by the binary value, Columns upwards.
        const unit = [1000, 100, 10, 1][digits]!
        const isTie = Math.abs(thousandths % unit) * 2 === unit
        if (!isTie) assert.equal(Columns.fixed(Math.abs(value), digits), Math.abs(value).toFixed(digits))
        assert.match(Columns.fixed(value, digits), digits === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${digits}}$`))
        if (digits === 3) assert.equal(Number(Columns.fixed(value, 3)), value === 0 ? 0 : value)
      }),
      { numRuns: cases(100) }
    )
  })

  it("general keeps six significant digits and no zeros behind", () => {
    const samples: ReadonlyArray<readonly [number, string]> = [
      [0, "0"],
      [1, "1"],
      [0.05, "0.05"],
      [204, "204"],
      [1.5, "1.5"],
      [1234.56789, "1234.57"],
      [0.000123456789, "0.000123457"]
    ]
    for (const [value, text] of samples) assert.equal(Columns.general(value), text)
  })

  it("counter is five places wide at least and never loses more than its unit", () => {
    fc.assert(
      fc.property(fc.nat(2_000_000_000), (value) => {
        const text = Columns.counter(value)
        const unit = text.endsWith("K") ? 1e3 : text.endsWith("M") ? 1e6 : text.endsWith("G") ? 1e9 : 1
        assert.ok(text.length === 5)
        assert.ok(Math.abs(Number.parseInt(text, 10) * unit - value) <= unit)
      }),
      { numRuns: cases(100) }
    )
    assert.equal(Columns.counter(99_999), "99999")
    assert.equal(Columns.counter(100_000), " 100K")
  })

  it("seconds cuts nanoseconds, never rounds", () => {
    assert.equal(Columns.seconds(1_999_999_999), "1.999999")
    assert.equal(Columns.seconds(5, 9), "0.000000005")
    assert.equal(Columns.seconds(3_000_000_000, 0), "3")
  })

  it("table has columns as wide as their widest cell and no blanks at line ends", () => {
    assert.equal(
      Columns.table(
        [
          ["name", "n"],
          ["a", "10"],
          ["longer", "7"]
        ],
        new Set([1])
      ),
      "name     n\na       10\nlonger   7\n"
    )
    assert.equal(Columns.table([]), "")
  })
})
