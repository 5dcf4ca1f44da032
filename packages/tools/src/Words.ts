/**
 * Splits a command line into words and operators as sh does: blanks, single and double quotes, backslashes, comments.
 *
 *     ip addr add '10.0.0.1/24' dev eth0 && ping -c 1 10.0.0.2 | tail -n 2   # comment
 *
 * Not there: variables, command substitution, globbing, here-documents, background jobs. Each of them is an error that
 * names its column, never a silent difference. Nothing here throws.
 */
import * as Result from "effect/Result"

/** What stands between words. */
export type Operator = "|" | "&&" | "||" | ";" | ">" | ">>" | "2>" | "2>>" | "2>&1" | "&>" | "&>>" | "<" | "!"

export type Token =
  | { readonly _tag: "Word"; readonly text: string; readonly column: number; readonly isQuoted: boolean }
  | { readonly _tag: "Operator"; readonly text: Operator; readonly column: number }

/** A line that cannot be read. Columns count from 1. */
export interface SyntaxError {
  readonly _tag: "SyntaxError"
  readonly column: number
  readonly reason: string
}

/** `column 12: unterminated quoted string` */
export const describe = (error: SyntaxError): string => `column ${error.column}: ${error.reason}`

export const syntaxError = (column: number, reason: string): SyntaxError => ({ _tag: "SyntaxError", column, reason })

/** Longest line that is read. */
export const maxLineLength = 65_536

/** Where the splitter stands: a word in the making. */
interface State {
  readonly line: string
  at: number
  readonly tokens: Array<Token>
  word: string
  wordAt: number
  quoted: boolean
}

/** Splits a line (or several; a newline ends a command as `;` does). */
export const split = (line: string): Result.Result<ReadonlyArray<Token>, SyntaxError> => {
  if (line.length > maxLineLength) {
    return Result.fail(syntaxError(maxLineLength + 1, `line longer than ${maxLineLength} characters`))
  }
  const state: State = { line, at: 0, tokens: [], word: "", wordAt: -1, quoted: false }
  while (state.at < line.length) {
    const error = step(state, line[state.at]!)
    if (error !== undefined) return Result.fail(error)
  }
  endWord(state)
  return Result.succeed(state.tokens)
}

const step = (state: State, char: string): SyntaxError | undefined => {
  switch (char) {
    case " ":
    case "\t":
    case "\r":
      endWord(state)
      state.at++
      return undefined
    case "'":
      return singleQuotes(state)
    case '"':
      return doubleQuotes(state)
    case "\\":
      return backslash(state)
    case "#":
      if (state.wordAt >= 0) return append(state, char)
      while (state.at < state.line.length && state.line[state.at] !== "\n") state.at++
      return undefined
    case "$":
      return substitution(state)
    case "`":
      return syntaxError(state.at + 1, "command substitution is not supported")
    case "(":
    case ")":
      return syntaxError(state.at + 1, `syntax error near unexpected token \`${char}'`)
    default:
      return operator(state)
  }
}

const append = (state: State, char: string): undefined => {
  if (state.wordAt < 0) state.wordAt = state.at
  state.word += char
  state.at++
  return undefined
}

const endWord = (state: State): void => {
  if (state.wordAt < 0) return
  state.tokens.push({ _tag: "Word", text: state.word, column: state.wordAt + 1, isQuoted: state.quoted })
  state.word = ""
  state.wordAt = -1
  state.quoted = false
}

const begin = (state: State): number => {
  if (state.wordAt < 0) state.wordAt = state.at
  state.quoted = true
  return state.at
}

const singleQuotes = (state: State): SyntaxError | undefined => {
  const start = begin(state)
  const end = state.line.indexOf("'", start + 1)
  if (end < 0) return syntaxError(start + 1, "unterminated quoted string")
  state.word += state.line.slice(start + 1, end)
  state.at = end + 1
  return undefined
}

/** In double quotes a backslash keeps its meaning before `"`, `\`, `$`, a back quote and a newline only. */
const doubleQuotes = (state: State): SyntaxError | undefined => {
  const start = begin(state)
  const { line } = state
  let at = start + 1
  for (; at < line.length && line[at] !== '"'; at++) {
    const char = line[at]!
    const next = line[at + 1]
    if (char === "\\" && next !== undefined && '"\\$`\n'.includes(next)) {
      if (next !== "\n") state.word += next
      at++
    } else if (char === "`") return syntaxError(at + 1, "command substitution is not supported")
    else if (char === "$" && isSubstitution(next)) return syntaxError(at + 1, "variables are not supported")
    else state.word += char
  }
  if (at >= line.length) return syntaxError(start + 1, "unterminated quoted string")
  state.at = at + 1
  return undefined
}

const backslash = (state: State): SyntaxError | undefined => {
  const next = state.line[state.at + 1]
  if (next === undefined) return syntaxError(state.at + 1, "backslash at the end of the line")
  if (next === "\n") {
    state.at += 2
    return undefined
  }
  begin(state)
  state.word += next
  state.at += 2
  return undefined
}

const isSubstitution = (next: string | undefined): boolean => next !== undefined && /[A-Za-z0-9_({?$!@*#-]/.test(next)

const substitution = (state: State): SyntaxError | undefined =>
  isSubstitution(state.line[state.at + 1])
    ? syntaxError(state.at + 1, "variables are not supported")
    : append(state, "$")

const operators: ReadonlyArray<Operator> = ["2>&1", "2>>", "2>", "&>>", "&>", "&&", "||", ">>", "|", ";", ">", "<"]

const operator = (state: State): SyntaxError | undefined => {
  const { line, at } = state
  if (line[at] === "\n") {
    endWord(state)
    state.tokens.push({ _tag: "Operator", text: ";", column: at + 1 })
    state.at++
    return undefined
  }
  for (const text of operators) {
    if (!line.startsWith(text, at)) continue
    // `2>` redirects only where the 2 is a word of its own.
    if (text.startsWith("2") && state.wordAt >= 0) continue
    endWord(state)
    state.tokens.push({ _tag: "Operator", text, column: at + 1 })
    state.at += text.length
    return undefined
  }
  if (line[at] === "&") return syntaxError(at + 1, "background jobs are not supported")
  if (line[at] === "!" && state.wordAt < 0 && /^!\s/.test(line.slice(at)) && isCommandStart(state)) {
    state.tokens.push({ _tag: "Operator", text: "!", column: at + 1 })
    state.at++
    return undefined
  }
  return append(state, line[at]!)
}

/** `!` negates only in front of a command; elsewhere it is a word (iptables has it). */
const isCommandStart = (state: State): boolean => {
  const last = state.tokens.at(-1)
  return last === undefined || (last._tag === "Operator" && ["&&", "||", ";", "!"].includes(last.text))
}

/** Writes a word so that {@link split} reads it back as it is. */
export const quote = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
