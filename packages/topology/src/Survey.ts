/**
 * A look at a text before it is parsed, in one pass over its tokens: the parser is recursive, and takes seconds for a
 * megabyte of brackets.
 */
import * as Yaml from "yaml"

/** Maps and lists inside each other, at most. */
export const DEPTH_MAX = 64
/** Tokens of a text, blanks and ends of lines among them: a megabyte of hosts has two thirds of that. */
export const TOKENS_MAX = 900_000

export interface TooMuch {
  /** Offset in the text. */
  readonly offset: number
  readonly message: string
}

export const tooDeep = `maps and lists stand inside each other here, expected at most ${DEPTH_MAX} of them`

const NEITHER = 0
const OPENS = 1
const CLOSES = -1
const INDICATOR = 2
const LINE_END = 3
const kinds: Readonly<Record<string, number>> = {
  "[": OPENS,
  "{": OPENS,
  "]": CLOSES,
  "}": CLOSES,
  "-": INDICATOR,
  "?": INDICATOR,
  ":": INDICATOR,
  "\n": LINE_END,
  "\r\n": LINE_END
}

/** What makes a text too much for the parser; undefined when nothing does. */
export const survey = (text: string): TooMuch | undefined => {
  let offset = 0
  let tokens = 0
  let flows = 0
  let indicators = 0
  for (const token of new Yaml.Lexer().lex(text)) {
    if (++tokens > TOKENS_MAX) return { offset, message: `more than ${TOKENS_MAX} words and signs, expected fewer` }
    const kind = kinds[token] ?? NEITHER
    if (kind === OPENS) flows++
    else if (kind === CLOSES && flows > 0) flows--
    else if (kind === INDICATOR && flows === 0) indicators++
    else if (kind === LINE_END) indicators = 0
    if (flows + indicators > DEPTH_MAX) return { offset, message: tooDeep }
    if (!isMark(token)) offset += token.length
  }
  return undefined
}

/** The lexer's own marks, which stand for no text. */
const isMark = (token: string): boolean => token === "\u0002" || token === "\u0018" || token === "\u001f"
