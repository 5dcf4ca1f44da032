/**
 * Reads a topology file: bytes to text to YAML to a checked document. Every complaint names file, line and column and
 * says what was expected.
 */
import { Result, Schema } from "effect"
import * as Yaml from "yaml"
import * as Complaints from "./Complaints.ts"
import { Document } from "./Document.ts"
import * as Survey from "./Survey.ts"

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
/** Values an alias may stand for again, in the whole file. */
export const ALIASES_MAX = 100

export type Path = ReadonlyArray<PropertyKey>

/** A document with the places its parts stand at. */
export interface Source {
  readonly file: string
  readonly document: Document
  /** Where the value (or with `key`, its key) at a path stands. */
  readonly locate: (path: Path, key?: boolean) => { readonly line: number; readonly column: number }
}

const decode = Schema.decodeUnknownResult(Document, { errors: "all", onExcessProperty: "error" })

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
    const before = decodeUtf8(bytes.subarray(0, text)) as string
    const place = placeIn(before, before.length)
    return Result.fail(
      new UnreadableTopology({ diagnostics: [{ file, ...place, message: "invalid UTF-8, expected text" }] })
    )
  }
  return readText(file, text)
}

/** As `read`, from text. */
export const readText = (file: string, text: string): Result.Result<Source, UnreadableTopology> => {
  if (text.trim() === "") return refuse(file, "the file is empty, expected a topology with at least `hosts`")
  const tooMuch = Survey.survey(text)
  if (tooMuch !== undefined) {
    return Result.fail(
      new UnreadableTopology({ diagnostics: [{ file, ...placeIn(text, tooMuch.offset), message: tooMuch.message }] })
    )
  }
  const lines = new Yaml.LineCounter()
  const options = { lineCounter: lines, uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const
  const parsed = Yaml.parseDocument(text, options)
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const diagnostics: Array<Diagnostic> = parsed.errors.map((error) => ({
    file,
    ...place(error.pos[0]),
    message: explain(error)
  }))
  const complain = (offset: number, message: string) => diagnostics.push({ file, ...place(offset), message })
  if (diagnostics.length === 0) checkNodes(parsed.contents, complain)
  if (diagnostics.length > 0) return fail(diagnostics)
  let value: unknown
  try {
    value = parsed.toJS({ maxAliasCount: ALIASES_MAX })
  } catch {
    complain(firstAlias(parsed), `the aliases stand for more than ${ALIASES_MAX} times what is written, expected fewer`)
    return fail(diagnostics)
  }
  const finder = new Finder(parsed)
  const locate = (path: Path, key = false) => place(finder.offset(path, key))
  const decoded = decode(value)
  if (Result.isSuccess(decoded)) return Result.succeed({ file, document: decoded.success, locate })
  for (const { message, onKey, path } of Complaints.of(decoded.failure.issue, value)) {
    const where = path.length === 0 ? "" : `${path.map(String).join(".")}: `
    diagnostics.push({ file, ...locate(path, onKey), message: where + message })
  }
  return fail(diagnostics)
}

/** What the parser has against the text, in our words where its own speak of something else. */
const explain = (error: Yaml.YAMLParseError): string => {
  if (error.code === "MULTIPLE_DOCS") return "a second document begins here, expected one"
  if (error.code === "IMPOSSIBLE") return "the text makes no sense here, expected YAML"
  return error.message
}

/** Line and column of an offset in a text. */
const placeIn = (text: string, offset: number): { readonly line: number; readonly column: number } => {
  let line = 1
  let start = 0
  for (let end = text.indexOf("\n"); end >= 0 && end < offset; end = text.indexOf("\n", start)) {
    line++
    start = end + 1
  }
  return { line, column: offset - start + 1 }
}

const refuse = (file: string, message: string): Result.Result<never, UnreadableTopology> =>
  Result.fail(new UnreadableTopology({ diagnostics: [{ file, line: 1, column: 1, message }] }))

const fail = (diagnostics: ReadonlyArray<Diagnostic>): Result.Result<never, UnreadableTopology> => {
  const sorted = diagnostics.toSorted((left, right) => left.line - right.line || left.column - right.column)
  const once = sorted.filter((each, index) => {
    const before = sorted[index - 1]
    return before === undefined || formatDiagnostic(before) !== formatDiagnostic(each)
  })
  return Result.fail(new UnreadableTopology({ diagnostics: once.slice(0, DIAGNOSTICS_MAX) }))
}

/**
 * What can be wrong with nodes before they are values: too deep, keys that stand twice in one map (the parser's own check
 * is quadratic), aliases of nothing.
 */
const checkNodes = (root: unknown, complain: (offset: number, message: string) => void): void => {
  const anchors = new Set<string>()
  const waiting: Array<{ readonly node: unknown; readonly depth: number }> = [{ node: root, depth: 0 }]
  while (waiting.length > 0) {
    const { depth, node } = waiting.pop()!
    if (Yaml.isAlias(node) && !anchors.has(node.source)) {
      complain(startOf(node), `*${node.source} stands for nothing, expected &${node.source} before it`)
      continue
    }
    if (!Yaml.isNode(node) || Yaml.isAlias(node)) continue
    if (node.anchor !== undefined) anchors.add(node.anchor)
    if (!Yaml.isCollection(node)) continue
    if (depth >= Survey.DEPTH_MAX) {
      complain(startOf(node), Survey.tooDeep)
      return
    }
    // The last one in is the first one out: the order of the text.
    for (let i = node.items.length - 1; i >= 0; i--) {
      const item: unknown = node.items[i]
      if (!Yaml.isPair(item)) waiting.push({ node: item, depth: depth + 1 })
      else waiting.push({ node: item.value, depth: depth + 1 }, { node: item.key, depth: depth + 1 })
    }
    if (Yaml.isMap(node)) checkKeys(node, complain)
  }
}

const checkKeys = (map: Yaml.YAMLMap, complain: (offset: number, message: string) => void): void => {
  const seen = new Set<string>()
  for (const pair of map.items) {
    if (!Yaml.isScalar(pair.key)) {
      complain(startOf(pair.key), "expected text as a key")
      continue
    }
    const key = keyText(pair.key)
    if (seen.has(key)) complain(startOf(pair.key), `the key ${key} stands twice in one map`)
    seen.add(key)
  }
}

const keyText = (key: unknown): string => (Yaml.isScalar(key) ? String(key.value ?? "") : "")

const startOf = (node: unknown): number => (Yaml.isNode(node) && node.range ? node.range[0] : 0)

const firstAlias = (parsed: Yaml.Document.Parsed): number => {
  let offset = 0
  Yaml.visit(parsed, {
    Alias: (_key, node) => {
      offset = startOf(node)
      return Yaml.visit.BREAK
    }
  })
  return offset
}

/** Finds places by path; each map's keys are looked through once. */
class Finder {
  private readonly parsed: Yaml.Document.Parsed
  private readonly pairs: Map<Yaml.YAMLMap, Map<string, Yaml.Pair>>

  constructor(parsed: Yaml.Document.Parsed) {
    this.parsed = parsed
    this.pairs = new Map()
  }

  /** The offset of the deepest part of `path` that exists; with `key`, of its key. */
  offset(path: Path, key: boolean): number {
    let node: unknown = this.parsed.contents
    let offset = startOf(node)
    for (let i = 0; i < path.length; i++) {
      if (Yaml.isAlias(node)) node = node.resolve(this.parsed)
      if (Yaml.isMap(node)) {
        const pair = this.pairsOf(node).get(String(path[i]))
        if (pair === undefined) return offset
        const isWritten = Yaml.isNode(pair.value) && !(Yaml.isScalar(pair.value) && pair.value.source === "")
        offset = startOf((key && i === path.length - 1) || !isWritten ? pair.key : pair.value)
        node = pair.value
      } else if (Yaml.isSeq(node)) {
        node = node.items[Number(path[i])]
        if (node === undefined) return offset
        offset = startOf(node)
      } else return offset
    }
    return offset
  }

  private pairsOf(map: Yaml.YAMLMap): ReadonlyMap<string, Yaml.Pair> {
    const known = this.pairs.get(map)
    if (known !== undefined) return known
    const pairs = new Map(map.items.map((pair) => [keyText(pair.key), pair]))
    this.pairs.set(map, pairs)
    return pairs
  }
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
