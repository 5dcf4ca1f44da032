/**
 * A packetdrill script from its text to its verdict, and the report of several.
 *
 *     const report = Drill.drill({ name: "close.pkt", text, readFile: () => null }, Drill.defaults)
 */
import { Result } from "effect"
import * as Config from "./Config.ts"
import * as Parser from "./Parser.ts"
import * as Runner from "./Runner.ts"

export interface DrillOptions extends Config.ConfigDefaults {
  readonly seed: number
  readonly kernel: "3.10" | "6.x"
  /** What names of the script stand for, as its own `--define=NAME=VALUE` would say. */
  readonly defines: ReadonlyMap<string, string>
}

export const defaults: DrillOptions = {
  seed: 1,
  kernel: "6.x",
  tolerance: 1_000_000,
  tolerancePercent: 0,
  strictSegments: false,
  defines: new Map()
}

/** A script and how it finds the files its commands name. */
export interface Source {
  readonly name: string
  readonly text: string
  /** A file relative to the script; null when there is none. */
  readonly readFile: (path: string) => string | null
}

export interface Report {
  readonly script: string
  readonly result: "pass" | "fail" | "unsupported"
  /** Of the statement that failed; 0 when all passed. */
  readonly line: number
  readonly reason: string
  readonly superSegments: SuperSegments
}

/**
 * How a packet of the script that is larger than a segment was compared: `pieces`, which may be pieces in a row put together, or
 * `strict`, with exactly one packet of the host.
 */
export type SuperSegments = "pieces" | "strict"

/** A script that cannot be read: not a verdict but wrong input. */
export interface Unreadable extends Parser.Complaint {
  readonly script: string
}

export const drill = (source: Source, options: DrillOptions): Result.Result<Report, Unreadable> => {
  const script = Parser.parse(source.text, new Map([...Config.symbols, ...options.defines]))
  if (Result.isFailure(script)) return Result.fail({ script: source.name, ...script.failure })
  const verdict = Runner.run(script.success, { ...options, readFile: source.readFile })
  const isStrict = options.strictSegments || Config.asksForStrictSegments(script.success)
  const superSegments: SuperSegments = isStrict ? "strict" : "pieces"
  if (verdict.result === "pass") {
    return Result.succeed({ script: source.name, result: "pass", line: 0, reason: "", superSegments })
  }
  return Result.succeed({ script: source.name, ...verdict, superSegments })
}

/** `file:line:column: message` */
export const formatUnreadable = (one: Unreadable): string => `${one.script}:${one.line}:${one.column}: ${one.message}`

/** How many of each, and how super-segments were compared. */
export const summary = (reports: ReadonlyArray<Report>): string => {
  const count = (result: Report["result"]): number => reports.filter((each) => each.result === result).length
  return (
    `${reports.length} scripts: ${count("pass")} pass, ${count("fail")} fail, ${count("unsupported")} unsupported\n` +
    `super-segments: ${superSegments(reports)}\n`
  )
}

const folderOf = (script: string): string => script.slice(0, Math.max(0, script.lastIndexOf("/"))) || "."

/** A table with a line a folder; nothing when all are in one. */
export const byFolder = (reports: ReadonlyArray<Report>): string => {
  const folders = [...new Set(reports.map((each) => folderOf(each.script)))]
  if (folders.length < 2) return ""
  const width = Math.max(...folders.map((folder) => folder.length))
  const lines = folders.map((folder) => {
    const here = reports.filter((each) => folderOf(each.script) === folder)
    const counts = results.map((result) => here.filter((each) => each.result === result).length)
    return `${folder.padEnd(width)}${counts.map((count, at) => String(count).padStart(results[at]!.length + 2)).join("")}\n`
  })
  return `\n${"folder".padEnd(width)}  ${results.join("  ")}\n${lines.join("")}\n`
}

const results: ReadonlyArray<Report["result"]> = ["pass", "fail", "unsupported"]

const superSegments = (reports: ReadonlyArray<Report>): string => {
  const strict = reports.filter((each) => each.superSegments === "strict").length
  if (strict === reports.length) return "strict, each packet of the script is one packet of the host"
  const others = strict === 0 ? "" : `; strict in ${strict} scripts`
  return `pieces in a row are put together${others}`
}

/** A table, one script a line, with what was wrong below. */
export const format = (reports: ReadonlyArray<Report>): string => {
  const width = reports.reduce((most, each) => Math.max(most, each.script.length), 0)
  return reports
    .map((each) => {
      const head = `${each.script.padEnd(width)}  ${each.result}`
      if (each.result === "pass") return `${head}\n`
      return `${head}  line ${each.line}\n    ${each.reason.replaceAll("\n", "\n    ")}\n`
    })
    .join("")
}
