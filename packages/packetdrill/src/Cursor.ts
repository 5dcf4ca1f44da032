/** A place in the tokens of a script, with the words of its `--define` options replaced. */
import type { Position } from "./Ast.ts"
import { ScriptSyntaxError, type Token, type TokenKind } from "./Lexer.ts"

const U32_MAX = 0xffff_ffff
const U16_MAX = 0xffff

export class Cursor {
  /** Values of `--define=SYMBOL=VALUE`, as written. */
  readonly defines: Map<string, string>
  private readonly tokens: ReadonlyArray<Token>
  private at: number

  constructor(tokens: ReadonlyArray<Token>, symbols: ReadonlyMap<string, string>) {
    this.tokens = tokens
    this.at = 0
    this.defines = new Map(symbols)
  }

  /** The token `ahead` of the next one. */
  peek(ahead = 0): Token {
    const token = this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!
    const value = token.kind === "word" ? this.defines.get(token.text) : undefined
    return value === undefined ? token : defined(value, token)
  }

  next(): Token {
    const token = this.peek()
    if (this.at < this.tokens.length - 1) this.at++
    return token
  }

  /** True when the next token is this sign or keyword. */
  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token.text === text && (token.kind === "sign" || token.kind === "keyword")
  }

  isKind(kind: TokenKind, ahead = 0): boolean {
    return this.peek(ahead).kind === kind
  }

  /** Steps over the sign or keyword if it comes next. */
  accept(text: string): boolean {
    const found = this.is(text)
    if (found) this.next()
    return found
  }

  expect(text: string): Token {
    if (!this.is(text)) this.unexpected(`'${text}'`)
    return this.next()
  }

  expectKind(kind: TokenKind, what: string): Token {
    if (!this.isKind(kind)) this.unexpected(what)
    return this.next()
  }

  /** A decimal number. */
  integer(what: string): number {
    return Number(this.expectKind("integer", what).text)
  }

  /** A decimal or hexadecimal number. */
  anyInteger(what: string): number {
    if (this.isKind("hex")) return Number(this.next().text)
    return this.integer(what)
  }

  u32(what: string): number {
    return this.ranged(what, U32_MAX)
  }

  u16(what: string): number {
    return this.ranged(what, U16_MAX)
  }

  ranged(what: string, most: number): number {
    const token = this.peek()
    const value = this.integer(what)
    if (value < 0 || value > most) this.fail(`${what} out of range`, token)
    return value
  }

  fail(message: string, position: Position = this.peek()): never {
    throw new ScriptSyntaxError({ line: position.line, column: position.column }, message)
  }

  unexpected(wanted: string): never {
    const token = this.peek()
    const found = token.kind === "end" ? "the end of the script" : `'${token.text}'`
    this.fail(`expected ${wanted}, found ${found}`, token)
  }
}

/** What a defined symbol stands for: a string, a command, a number or another word. */
const defined = (value: string, token: Token): Token => {
  const { column, line } = token
  if (value.startsWith('"')) return { kind: "text", text: value.slice(1, -1), line, column }
  if (value.startsWith("`")) return { kind: "command", text: value.slice(1, -1), line, column }
  if (/^-?[0-9]+$/.test(value)) return { kind: "integer", text: value, line, column }
  if (/^0x[0-9a-fA-F]+$/.test(value)) return { kind: "hex", text: value, line, column }
  return { kind: "word", text: value, line, column }
}
