/** Splits a capture filter into tokens. Never throws. */
import * as Result from "effect/Result"

export interface Token {
  readonly kind: "word" | "number" | "address" | "mac" | "op" | "end"
  readonly text: string
  /** From 1. */
  readonly column: number
}

export interface FilterError {
  readonly _tag: "FilterError"
  readonly column: number
  readonly reason: string
}

/** `tcpdump: can't parse filter expression: syntax error (column 5)` */
export const describe = (error: FilterError): string =>
  `can't parse filter expression: ${error.reason} (column ${error.column})`

export const filterError = (column: number, reason: string): FilterError => ({ _tag: "FilterError", column, reason })

/** Longest filter that is read. */
export const maxLength = 4096

const mac = /^[0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2}){5}(?![0-9a-zA-Z:])/
const address = /^\d+(?:\.\d+){1,3}(?:\/\d+)?(?![0-9a-zA-Z.])/
const prefix = /^\d+\/\d+(?![0-9a-zA-Z.])/
const range = /^\d+-\d+(?![0-9a-zA-Z])/
const number = /^(?:0[xX][0-9a-fA-F]+|\d+)(?![0-9a-zA-Z_])/
const word = /^[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*/
const operator = /^(?:&&|\|\||<<|>>|>=|<=|!=|==|[!()[\]:&|^+\-*/%<>=])/

/** The forms in the order in which they are tried. */
const forms: ReadonlyArray<readonly [RegExp, Token["kind"]]> = [
  [mac, "mac"],
  [address, "address"],
  [number, "number"],
  [word, "word"],
  [operator, "op"]
]

export const split = (text: string): Result.Result<ReadonlyArray<Token>, FilterError> => {
  if (text.length > maxLength) return Result.fail(filterError(maxLength + 1, `longer than ${maxLength} characters`))
  const tokens: Array<Token> = []
  let at = 0
  while (at < text.length) {
    if (/\s/.test(text[at]!)) {
      at++
      continue
    }
    const token = next(text, at, tokens.at(-1))
    if (token === undefined) return Result.fail(filterError(at + 1, `illegal token: ${text[at]!}`))
    tokens.push(token)
    at += token.text.length
  }
  tokens.push({ kind: "end", text: "", column: text.length + 1 })
  return Result.succeed(tokens)
}

const next = (text: string, at: number, before: Token | undefined): Token | undefined => {
  const rest = text.slice(at)
  const column = at + 1
  // A range only follows its keyword, and `10/8` only a net: elsewhere they are arithmetic.
  if (before?.text === "portrange") {
    const match = range.exec(rest)
    if (match !== null) return { kind: "word", text: match[0], column }
  }
  if (before?.text === "net") {
    const match = prefix.exec(rest)
    if (match !== null) return { kind: "address", text: match[0], column }
  }
  for (const [form, kind] of forms) {
    const match = form.exec(rest)
    if (match !== null) return { kind, text: match[0], column }
  }
  return undefined
}
