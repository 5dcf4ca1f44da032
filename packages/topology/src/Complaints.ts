/**
 * What a schema has against a value, in words: where, what was expected there, and what was found.
 */
import type { SchemaIssue } from "effect"

type Issue = SchemaIssue.Issue
type Ast = Extract<Issue, { readonly _tag: "UnexpectedKey" }>["ast"]

/** One complaint; `onKey` when it is about the last key of the path and not about its value. */
export interface Complaint {
  readonly path: ReadonlyArray<PropertyKey>
  readonly onKey: boolean
  readonly message: string
}

/** Complaints collected, at most. */
export const COLLECTED_MAX = 1000

/**
 * @param issue why decoding failed
 * @param value what was decoded
 */
export const of = (issue: SchemaIssue.Issue, value: unknown): ReadonlyArray<Complaint> => {
  const found: Array<Complaint> = []
  collect(issue, [], value, found, undefined)
  return found
}

const collect = (
  issue: Issue,
  path: ReadonlyArray<PropertyKey>,
  value: unknown,
  into: Array<Complaint>,
  wanted: string | undefined
): void => {
  const add = (message: string, onKey = false): void => void into.push({ path, onKey, message })
  if (into.length >= COLLECTED_MAX) return
  switch (issue._tag) {
    case "Filter":
      collect(issue.issue, path, value, into, wanted ?? wantedBy(issue))
      return
    case "Encoding":
      collect(issue.issue, path, value, into, wanted)
      return
    case "Pointer":
      collect(issue.issue, [...path, ...issue.path], inside(value, issue.path), into, wanted)
      return
    case "Composite":
      for (const each of issue.issues) collect(each, path, value, into, wanted)
      return
    case "AnyOf": {
      const kinds = kindsOf(issue.ast)
      if (issue.issues.length > 0) for (const each of issue.issues) collect(each, path, value, into, wanted)
      else if (kinds === undefined) add(expected(wanted ?? describe(issue), value))
      else into.push(wrongKind(kinds, path, value))
      return
    }
    case "UnexpectedKey":
      add(unknownKey(issue.ast, path[path.length - 1]), true)
      return
    case "MissingKey":
      add(missing(path[path.length - 1]))
      return
    default:
      add(expected(wanted ?? describe(issue), value))
  }
}

/** The value at `path` inside `value`; undefined when there is none. */
const inside = (value: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key)
        ? (at as Record<PropertyKey, unknown>)[key]
        : undefined,
    value
  )

const expected = (what: string, value: unknown): string => {
  const quotes =
    typeof value === "number" && /"|\btext\b/.test(what) ? "; text that looks like a number needs quotes" : ""
  return `expected ${what}, found ${show(value)}${quotes}`
}

/** What a check wants: its message, or else what it expects. */
const wantedBy = (issue: Extract<Issue, { readonly _tag: "Filter" }>): string | undefined => {
  const { annotations } = issue.filter
  const text = annotations?.["message"] ?? annotations?.["expected"]
  return typeof text === "string" ? text : undefined
}

/** What a leaf of the tree of issues wants. */
const describe = (issue: Issue): string => {
  if ("ast" in issue) return describeAst(issue.ast)
  if (issue._tag === "InvalidValue") return String(issue.annotations?.expected ?? "another value")
  return "another value"
}

const describeAst = (ast: Ast): string => {
  const message = ast.checks?.[0]?.annotations?.["message"]
  switch (ast._tag) {
    case "Objects":
      return `a map${keysText(ast)}`
    case "Arrays":
      return ast.elements.length > 0 ? `a list of ${ast.elements.length}` : "a list"
    case "Union":
      return [...new Set(ast.types.map(describeAst))].join(" or ")
    case "Literal":
      return JSON.stringify(ast.literal)
    case "String":
      return typeof message === "string" ? message : "text"
    case "Number":
      return "a number"
    case "Boolean":
      return "true or false"
    default:
      return "a value of JSON"
  }
}

type MapAst = Extract<Ast, { readonly _tag: "Objects" }>
const isMap = (ast: unknown): ast is MapAst =>
  typeof ast === "object" && ast !== null && (ast as { readonly _tag?: string })._tag === "Objects"

const keysText = (ast: MapAst): string => {
  const keys = ast.propertySignatures.map((each) => String(each.name))
  return keys.length === 0 ? "" : ` with the keys ${keys.join(", ")}`
}

const unknownKey = (ast: Ast, key: PropertyKey | undefined): string => {
  const name = JSON.stringify(String(key))
  const keys = isMap(ast) ? ast.propertySignatures.map((each) => String(each.name)) : []
  if (keys.length > 0) return `unknown key ${name}, expected one of ${keys.join(", ")}`
  return `${name} is no name, expected 1 to 15 letters, digits, _ . -`
}

const missing = (key: PropertyKey | undefined): string =>
  typeof key === "number" ? `entry ${key + 1} of the list is missing` : `the key ${String(key)} is missing`

/** The values of `kind` in a union of maps that each have one of their own. */
const kindsOf = (ast: unknown): ReadonlyArray<string> | undefined => {
  const members = (ast as { readonly types?: ReadonlyArray<unknown> }).types ?? []
  const kinds = members.map((member) => {
    const kind = isMap(member) ? member.propertySignatures.find((each) => each.name === "kind")?.type : undefined
    return kind !== undefined && kind._tag === "Literal" ? String(kind.literal) : undefined
  })
  return kinds.length > 0 && kinds.every((kind) => kind !== undefined) ? kinds : undefined
}

const wrongKind = (kinds: ReadonlyArray<string>, path: ReadonlyArray<PropertyKey>, value: unknown): Complaint => {
  const list = kinds.join(", ")
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { path, onKey: false, message: `expected a map with a \`kind\` (one of ${list}), found ${show(value)}` }
  }
  if (!Object.hasOwn(value, "kind")) return { path, onKey: false, message: `the key kind is missing, one of ${list}` }
  const kind = (value as { readonly kind: unknown }).kind
  return { path: [...path, "kind"], onKey: false, message: `expected a kind, one of ${list}, found ${show(kind)}` }
}

/** Longest text shown in a complaint. */
const SHOWN_MAX = 40

const show = (value: unknown): string => {
  if (value === null || value === undefined) return "nothing"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a map"
  if (typeof value !== "string") return `the ${typeof value} ${String(value)}`
  return JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value)
}
