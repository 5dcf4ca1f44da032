/**
 * The part of Python that code blocks use: assertions, assignments, print; comparison chains, and, or, not, arithmetic, bits,
 * conditional expressions, calls of a few functions, lists and strings. Statements stand on lines of their own or are
 * separated by semicolons; blocks of statements (if, for, def) are not understood.
 */
import { Unsupported } from "./Failure.ts"

export type Node =
  | { readonly _tag: "Constant"; readonly value: number | string | boolean | null }
  | { readonly _tag: "Name"; readonly name: string }
  | { readonly _tag: "Unary"; readonly operator: string; readonly operand: Node }
  | { readonly _tag: "Binary"; readonly operator: string; readonly left: Node; readonly right: Node }
  | { readonly _tag: "Logic"; readonly operator: "and" | "or"; readonly left: Node; readonly right: Node }
  | { readonly _tag: "Compare"; readonly first: Node; readonly rest: ReadonlyArray<readonly [string, Node]> }
  | { readonly _tag: "Choice"; readonly test: Node; readonly value: Node; readonly otherwise: Node }
  | { readonly _tag: "Call"; readonly name: string; readonly arguments: ReadonlyArray<Node> }
  | { readonly _tag: "List"; readonly items: ReadonlyArray<Node> }

export type Statement =
  | {
      readonly _tag: "Assert"
      readonly test: Node
      readonly message: Node | null
      readonly line: number
      readonly text: string
    }
  | { readonly _tag: "Assign"; readonly name: string; readonly value: Node }
  | { readonly _tag: "Expression"; readonly value: Node }

interface Token {
  readonly kind: "number" | "string" | "name" | "operator" | "newline" | "end"
  readonly text: string
  readonly line: number
  readonly at: number
}

const PATTERN = new RegExp(
  [
    /(?<space>[ \t\r]+|\\\n|#[^\n]*)/,
    /(?<newline>\n|;)/,
    /(?<number>0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)/,
    /(?<string>[rRbBfFuU]{0,2}(?:"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'))/,
    /(?<name>[A-Za-z_][A-Za-z0-9_]*)/,
    /(?<operator>\*\*|\/\/|<<|>>|<=|>=|==|!=|[-+*/%<>=&|^~()[\],.])/
  ]
    .map((part) => part.source)
    .join("|"),
  "y"
)

const tokenize = (text: string, firstLine: number): ReadonlyArray<Token> => {
  const tokens: Array<Token> = []
  let line = firstLine
  let depth = 0
  let at = 0
  while (at < text.length) {
    PATTERN.lastIndex = at
    const match = PATTERN.exec(text)
    if (match === null) throw new Unsupported(`'${text[at]!}' in code`)
    const groups = match.groups!
    const [piece] = match
    const kind = (["newline", "number", "string", "name", "operator"] as const).find(
      (each) => groups[each] !== undefined
    )
    if (kind === "operator" && (piece === "(" || piece === "[")) depth++
    if (kind === "operator" && (piece === ")" || piece === "]")) depth--
    if (kind !== undefined && (kind !== "newline" || depth === 0)) tokens.push({ kind, text: piece, line, at })
    for (const char of piece) if (char === "\n") line++
    at += piece.length
  }
  tokens.push({ kind: "end", text: "", line, at })
  return tokens
}

/** Throws Unsupported for what it does not understand. @param line of the block in the script */
export const parse = (text: string, line: number): ReadonlyArray<Statement> =>
  new Parser(text, tokenize(text, line)).program()

const KEYWORDS = new Set(
  "if elif else for while def class import from return lambda try with del global raise pass".split(" ")
)

/** Operators by how tightly they bind, loosest first. */
const levels: ReadonlyArray<ReadonlyArray<string>> = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "//", "%"]
]
const comparisons = ["<", ">", "<=", ">=", "==", "!="]

class Parser {
  private readonly text: string
  private readonly tokens: ReadonlyArray<Token>
  private at: number

  constructor(text: string, tokens: ReadonlyArray<Token>) {
    this.text = text
    this.tokens = tokens
    this.at = 0
  }

  program(): ReadonlyArray<Statement> {
    const statements: Array<Statement> = []
    for (;;) {
      while (this.peek().kind === "newline") this.at++
      if (this.peek().kind === "end") return statements
      statements.push(this.statement())
      const next = this.peek()
      if (next.kind !== "newline" && next.kind !== "end") this.unexpected()
    }
  }

  private peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!
  }

  private is(text: string): boolean {
    const token = this.peek()
    return token.text === text && (token.kind === "operator" || token.kind === "name")
  }

  private accept(text: string): boolean {
    const found = this.is(text)
    if (found) this.at++
    return found
  }

  private expect(text: string): void {
    if (!this.accept(text)) this.unexpected()
  }

  private unexpected(): never {
    const token = this.peek()
    throw new Unsupported(`'${token.text === "" ? "end of block" : token.text}' in code`, token.line)
  }

  private statement(): Statement {
    const token = this.peek()
    if (this.accept("assert")) {
      const begin = this.peek().at
      const test = this.expression()
      const text = this.text.slice(begin, this.peek().at).trim()
      const message = this.accept(",") ? this.expression() : null
      return { _tag: "Assert", test, message, line: token.line, text }
    }
    if (token.kind === "name" && KEYWORDS.has(token.text)) this.unexpected()
    const next = this.peek(1)
    if (token.kind === "name" && next.kind === "operator" && next.text === "=") {
      this.at += 2
      return { _tag: "Assign", name: token.text, value: this.expression() }
    }
    return { _tag: "Expression", value: this.expression() }
  }

  private expression(): Node {
    const value = this.or()
    if (!this.accept("if")) return value
    const test = this.or()
    this.expect("else")
    return { _tag: "Choice", test, value, otherwise: this.expression() }
  }

  private or(): Node {
    let left = this.and()
    while (this.accept("or")) left = { _tag: "Logic", operator: "or", left, right: this.and() }
    return left
  }

  private and(): Node {
    let left = this.not()
    while (this.accept("and")) left = { _tag: "Logic", operator: "and", left, right: this.not() }
    return left
  }

  private not(): Node {
    return this.accept("not") ? { _tag: "Unary", operator: "not", operand: this.not() } : this.comparison()
  }

  private comparison(): Node {
    const first = this.level(0)
    const rest: Array<readonly [string, Node]> = []
    for (let operator = this.comparer(); operator !== null; operator = this.comparer()) {
      rest.push([operator, this.level(0)])
    }
    return rest.length === 0 ? first : { _tag: "Compare", first, rest }
  }

  private comparer(): string | null {
    const token = this.peek()
    if (token.kind === "operator" && comparisons.includes(token.text)) {
      this.at++
      return token.text
    }
    if (this.accept("in")) return "in"
    if (this.accept("is")) return this.accept("not") ? "is not" : "is"
    if (this.is("not") && this.peek(1).text === "in") {
      this.at += 2
      return "not in"
    }
    return null
  }

  private level(depth: number): Node {
    const operators = levels[depth]
    if (operators === undefined) return this.unary()
    let left = this.level(depth + 1)
    for (let token = this.peek(); token.kind === "operator" && operators.includes(token.text); token = this.peek()) {
      this.at++
      left = { _tag: "Binary", operator: token.text, left, right: this.level(depth + 1) }
    }
    return left
  }

  private unary(): Node {
    const token = this.peek()
    if (token.kind === "operator" && ["-", "+", "~"].includes(token.text)) {
      this.at++
      return { _tag: "Unary", operator: token.text, operand: this.unary() }
    }
    const base = this.primary()
    return this.accept("**") ? { _tag: "Binary", operator: "**", left: base, right: this.unary() } : base
  }

  private primary(): Node {
    const token = this.peek()
    this.at++
    if (token.kind === "number") return { _tag: "Constant", value: Number(token.text) }
    if (token.kind === "string") return { _tag: "Constant", value: this.strings(token) }
    if (token.kind === "name") return this.name(token)
    if (token.text === "[") return { _tag: "List", items: this.list("]") }
    if (token.text !== "(") {
      this.at--
      return this.unexpected()
    }
    const items = this.list(")")
    return items.length === 1 && this.tokens[this.at - 2]!.text !== "," ? items[0]! : { _tag: "List", items }
  }

  private name(token: Token): Node {
    const constant = constants[token.text]
    if (Object.hasOwn(constants, token.text)) return { _tag: "Constant", value: constant! }
    if (KEYWORDS.has(token.text)) {
      this.at--
      return this.unexpected()
    }
    if (!this.accept("(")) return { _tag: "Name", name: token.text }
    return { _tag: "Call", name: token.text, arguments: this.list(")") }
  }

  private list(close: string): ReadonlyArray<Node> {
    const items: Array<Node> = []
    while (!this.accept(close)) {
      items.push(this.expression())
      if (!this.accept(",") && !this.is(close)) this.unexpected()
    }
    return items
  }

  /** Neighbouring strings are one. */
  private strings(first: Token): string {
    let text = unquote(first.text)
    while (this.peek().kind === "string") {
      text += unquote(this.peek().text)
      this.at++
    }
    return text
  }
}

const constants: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null }

const unquote = (text: string): string => {
  const quote = text.search(/["']/)
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t" }
  return text.slice(quote + 1, -1).replace(/\\([^])/g, (_, char: string) => escapes[char] ?? char)
}
