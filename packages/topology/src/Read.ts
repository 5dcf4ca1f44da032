/**
 * Reads a topology file: bytes to text to YAML to a checked document. Every complaint names file, line and column and
 * says what was expected.
 */
import { Result, Schema, SchemaIssue } from "effect"
import * as Yaml from "yaml"
import { Document } from "./Document.ts"

/** One complaint about a file. Lines and columns count from 1. */
export interface Diagnostic {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** `file:line:column: message`, as editors jump to. */
export const formatDiagnostic = (diagnostic: Diagnostic): string =>
  `${diagnostic.file}:${diagnostic.line}:${diagnostic.column}: ${diagnostic.message}`

/** The file is no topology. */
export class UnreadableTopology extends Schema.TaggedError<UnreadableTopology>()("topology/UnreadableTopology", {
  diagnostics: Schema.Array(
    Schema.Struct({ file: Schema.String, line: Schema.Int, column: Schema.Int, message: Schema.String })
  )
}) {
  override get message(): string {
    return this.diagnostics.map(formatDiagnostic).join("\n")
  }
}

/** Files above this are refused before parsing. */
export const FILE_MAX = 1_048_576
/** Complaints reported at most. */
export const DIAGNOSTICS_MAX = 20

export type Path = ReadonlyArray<PropertyKey>

/** A document with the places its parts stand at. */
export interface Source {
  readonly file: string
  readonly document: Document
  /** Where the value (or with `key`, its key) at a path stands. */
  readonly locate: (path: Path, key?: boolean) => { readonly line: number; readonly column: number }
}

const decode = Schema.decodeUnknownResult(Document, { errors: "all", onExcessProperty: "error" })
const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * @param file its name, for complaints
 * @param bytes its content, UTF-8
 */
export const read = (file: string, bytes: Uint8Array): Result.Result<Source, UnreadableTopology> => {
  if (bytes.length > FILE_MAX) {
    return refuse(file, `the file has ${bytes.length} bytes, a topology has at most ${FILE_MAX}`)
  }
  const text = decodeUtf8(bytes)
  if (typeof text === "number") {
    const before = bytes.subarray(0, text)
    const line = before.reduce((count, byte) => (byte === 10 ? count + 1 : count), 1)
    const column = text - before.lastIndexOf(10)
    return Result.fail(
      new UnreadableTopology({ diagnostics: [{ file, line, column, message: "invalid UTF-8, expected text" }] })
    )
  }
  return readText(file, text)
}

/** As `read`, from text. */
export const readText = (file: string, text: string): Result.Result<Source, UnreadableTopology> => {
  if (text.trim() === "") return refuse(file, "the file is empty, expected a topology with at least `hosts`")
  const lines = new Yaml.LineCounter()
  const parsed = Yaml.parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: false,
    prettyErrors: false,
    maxAliasCount: 100
  } as Yaml.ParseOptions)
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const diagnostics: Array<Diagnostic> = parsed.errors.map((error) => ({
    file,
    ...place(error.pos[0]),
    message: error.message
  }))
  if (diagnostics.length === 0) duplicates(file, parsed.contents, place, diagnostics)
  if (diagnostics.length > 0) return fail(diagnostics)
  const locate = (path: Path, key = false) => place(offsetOf(parsed, path, key))
  let value: unknown
  try {
    value = parsed.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return refuse(file, `the aliases cannot be resolved: ${error instanceof Error ? error.message : String(error)}`)
  }
  const decoded = decode(value)
  if (Result.isSuccess(decoded)) return Result.succeed({ file, document: decoded.success, locate })
  for (const issue of issues(decoded.failure.issue).issues) {
    const path = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
    const unexpected = /unexpected|excess/i.test(issue.message)
    const { line, column } = locate(path, unexpected)
    const where = path.length === 0 ? "" : `${path.map(String).join(".")}: `
    diagnostics.push({ file, line, column, message: where + issue.message })
  }
  return fail(diagnostics)
}

const refuse = (file: string, message: string): Result.Result<never, UnreadableTopology> =>
  Result.fail(new UnreadableTopology({ diagnostics: [{ file, line: 1, column: 1, message }] }))

const fail = (diagnostics: ReadonlyArray<Diagnostic>): Result.Result<never, UnreadableTopology> => {
  const sorted = [...diagnostics].sort((left, right) => left.line - right.line || left.column - right.column)
  return Result.fail(new UnreadableTopology({ diagnostics: sorted.slice(0, DIAGNOSTICS_MAX) }))
}

/** Keys that stand twice in one map: the parser's own check is quadratic. */
const duplicates = (
  file: string,
  node: unknown,
  place: (offset: number) => { readonly line: number; readonly column: number },
  into: Array<Diagnostic>
): void => {
  const waiting: Array<unknown> = [node]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (Yaml.isSeq(next)) waiting.push(...next.items)
    if (!Yaml.isMap(next)) continue
    const seen = new Set<unknown>()
    for (const pair of next.items) {
      const key = Yaml.isScalar(pair.key) ? pair.key.value : pair.key
      if (seen.has(key)) {
        into.push({ file, ...place(startOf(pair.key)), message: `the key ${String(key)} stands twice in one map` })
      }
      seen.add(key)
      waiting.push(pair.value)
    }
  }
}

const startOf = (node: unknown): number => (Yaml.isNode(node) && node.range ? node.range[0] : 0)

/** The offset of the deepest part of `path` that exists. */
const offsetOf = (parsed: Yaml.Document.Parsed, path: Path, key: boolean): number => {
  let node: unknown = parsed.contents
  let offset = startOf(node)
  for (let i = 0; i < path.length; i++) {
    if (Yaml.isAlias(node)) node = node.resolve(parsed)
    if (Yaml.isMap(node)) {
      const wanted = String(path[i])
      const pair = node.items.find((item) => String(Yaml.isScalar(item.key) ? item.key.value : item.key) === wanted)
      if (pair === undefined) return offset
      offset = startOf(key && i === path.length - 1 ? pair.key : (pair.value ?? pair.key))
      if (offset === 0) offset = startOf(pair.key)
      node = pair.value
    } else if (Yaml.isSeq(node)) {
      node = node.items[Number(path[i])]
      if (node === undefined) return offset
      offset = startOf(node)
    } else return offset
  }
  return offset
}

/** The text, or the offset of the first byte that is not UTF-8 (RFC 3629). */
const decodeUtf8 = (bytes: Uint8Array): string | number => {
  const parts: Array<string> = []
  let codes: Array<number> = []
  let at = 0
  while (at < bytes.length) {
    const first = bytes[at]!
    const extra = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1
    if (extra < 0 || at + extra >= bytes.length + (extra === 0 ? 1 : 0)) return at
    let code = extra === 0 ? first : first & (0x3f >> extra)
    for (let i = 1; i <= extra; i++) {
      const next = bytes[at + i]!
      if ((next & 0xc0) !== 0x80) return at
      code = (code << 6) | (next & 0x3f)
    }
    if (
      (extra === 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
      (extra === 3 && (code < 0x10000 || code > 0x10ffff))
    )
      return at
    codes.push(code)
    if (codes.length === 4096) {
      parts.push(String.fromCodePoint(...codes))
      codes = []
    }
    at += extra + 1
  }
  parts.push(String.fromCodePoint(...codes))
  const text = parts.join("")
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
