/**
 * Reads a capture filter (pcap-filter(7)).
 *
 *     expression = term { ("and" | "or") term }          equal precedence, from left to right
 *     term       = ("not" | "!") term | "(" expression ")" | relation | primitive
 *     primitive  = [protocol] [direction] [type] id | protocol | id (with the qualifiers of the one before)
 *     relation   = arithmetic ("=" | "!=" | ">" | "<" | ">=" | "<=") arithmetic
 *
 * Differs from libpcap: addresses and the few services of Names.ts only, no host names; no gateway, MPLS, PPPoE, wireless
 * or DECnet. IPv6 has ports, protocols and `ip6[...]`, no addresses.
 */
import * as Result from "effect/Result"
import type { Arithmetic, ArithmeticOp, Base, Expression, RelationOp } from "./Ast.ts"
import { filterError, split, type FilterError, type Token } from "./Lexer.ts"
import { bases, constants } from "./Names.ts"
import { noQualifiers, readPrimitive, type Qualifiers } from "./Primitive.ts"

/** Parentheses and `not` inside each other. */
const maxDepth = 100

/** Where the parser stands. Errors are thrown inside this module and its primitives only, as {@link Stop}. */
export class Cursor {
  readonly tokens: ReadonlyArray<Token>
  at: number
  depth: number
  /** VLAN tags seen. */
  tags: number
  /** Of the last primitive with an id. */
  qualifiers: Qualifiers

  constructor(tokens: ReadonlyArray<Token>) {
    this.tokens = tokens
    this.at = 0
    this.depth = 0
    this.tags = 0
    this.qualifiers = noQualifiers
  }

  get token(): Token {
    return this.tokens[this.at]!
  }

  atEnd(): boolean {
    return this.token.kind === "end"
  }

  /** The token `ahead` places on; the end for places behind it. */
  peek(ahead: number): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!
  }

  /** Steps over a token with this text; false when it is another one. */
  take(...texts: ReadonlyArray<string>): boolean {
    if (this.token.kind === "end" || !texts.includes(this.token.text)) return false
    this.at++
    return true
  }

  fail(reason = "syntax error"): never {
    throw new Stop(filterError(this.token.column, reason))
  }
}

class Stop {
  readonly error: FilterError
  constructor(error: FilterError) {
    this.error = error
  }
}

/** Reads a filter; the empty one matches everything. Never throws. */
export const parse = (text: string): Result.Result<Expression, FilterError> => {
  const tokens = split(text)
  if (Result.isFailure(tokens)) return Result.fail(tokens.failure)
  const cursor = new Cursor(tokens.success)
  if (cursor.atEnd()) return Result.succeed({ _tag: "True" })
  try {
    const expression = readExpression(cursor)
    if (!cursor.atEnd()) cursor.fail()
    return Result.succeed(expression)
  } catch (stop) {
    if (stop instanceof Stop) return Result.fail(stop.error)
    throw stop
  }
}

const readExpression = (cursor: Cursor): Expression => {
  let left = readTerm(cursor)
  for (;;) {
    if (cursor.take("and", "&&")) left = { _tag: "And", left, right: readTerm(cursor) }
    else if (cursor.take("or", "||")) left = { _tag: "Or", left, right: readTerm(cursor) }
    else return left
  }
}

const readTerm = (cursor: Cursor): Expression => {
  if (++cursor.depth > maxDepth) cursor.fail("expression too deep")
  const term = readOne(cursor)
  cursor.depth--
  return term
}

const readOne = (cursor: Cursor): Expression => {
  if (cursor.take("not", "!")) return { _tag: "Not", of: readTerm(cursor) }
  const relation = tryRelation(cursor)
  if (relation !== undefined) return relation
  if (cursor.take("(")) {
    const inner = readExpression(cursor)
    if (!cursor.take(")")) cursor.fail()
    return inner
  }
  return readPrimitive(cursor)
}

/** A relation, or undefined with the cursor where it was when this is none. */
const tryRelation = (cursor: Cursor): Expression | undefined => {
  if (!mayBeArithmetic(cursor)) return undefined
  const { at, depth } = cursor
  try {
    const left = readArithmetic(cursor, 0)
    const op = relationOf(cursor.token.text)
    if (op !== undefined) {
      cursor.at++
      return { _tag: "Relation", op, left, right: readArithmetic(cursor, 0) }
    }
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop
    // What begins as `tcp[` can be nothing else: its own error is the better one.
    if (cursor.tokens[at + 1]?.text === "[") throw stop
  }
  cursor.at = at
  cursor.depth = depth
  return undefined
}

const mayBeArithmetic = (cursor: Cursor): boolean => {
  const { kind, text } = cursor.token
  if (kind === "number" || text === "len" || text === "-" || text === "(") return true
  return kind === "word" && (constants.has(text) || (bases.has(text) && cursor.peek(1).text === "["))
}

const relationOf = (text: string): RelationOp | undefined => {
  switch (text) {
    case "=":
    case "==":
      return "="
    case "!=":
    case ">":
    case "<":
    case ">=":
    case "<=":
      return text
    default:
      return undefined
  }
}

/** Operators by precedence, loosest first. */
const levels: ReadonlyArray<ReadonlyArray<ArithmeticOp>> = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"]
]

const readArithmetic = (cursor: Cursor, level: number): Arithmetic => {
  const ops = levels[level]
  if (ops === undefined) return readUnary(cursor)
  let left = readArithmetic(cursor, level + 1)
  for (;;) {
    const op = ops.find((one) => cursor.token.kind === "op" && cursor.token.text === one)
    if (op === undefined) return left
    cursor.at++
    left = { _tag: "Binary", op, left, right: readArithmetic(cursor, level + 1) }
  }
}

const readUnary = (cursor: Cursor): Arithmetic => {
  if (++cursor.depth > maxDepth) cursor.fail("expression too deep")
  const value = readValue(cursor)
  cursor.depth--
  return value
}

const readValue = (cursor: Cursor): Arithmetic => {
  const { kind, text } = cursor.token
  if (cursor.take("-")) return { _tag: "Negate", of: readUnary(cursor) }
  if (cursor.take("(")) {
    const inner = readArithmetic(cursor, 0)
    if (!cursor.take(")")) cursor.fail()
    return inner
  }
  if (kind === "number") {
    const value = Number(text)
    if (value > 0xffff_ffff) cursor.fail(`number ${text} is out of range`)
    cursor.at++
    return { _tag: "Number", value }
  }
  if (cursor.take("len")) return { _tag: "Length" }
  const constant = kind === "word" ? constants.get(text) : undefined
  if (constant !== undefined) {
    cursor.at++
    return { _tag: "Number", value: constant }
  }
  return bases.has(text) ? readLoad(cursor, text as Base) : cursor.fail()
}

/** `base[offset]`, `base[offset:size]` */
const readLoad = (cursor: Cursor, base: Base): Arithmetic => {
  const tags = cursor.tags
  cursor.at++
  if (!cursor.take("[")) cursor.fail()
  const offset = readArithmetic(cursor, 0)
  let size: 1 | 2 | 4 = 1
  if (cursor.take(":")) {
    const { text } = cursor.token
    if (text !== "1" && text !== "2" && text !== "4") cursor.fail("data size must be 1, 2, or 4")
    size = Number(text) as 1 | 2 | 4
    cursor.at++
  }
  if (!cursor.take("]")) cursor.fail()
  return { _tag: "Load", base, offset, size, tags }
}
