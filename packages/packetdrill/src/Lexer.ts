/**
 * Cuts a script into tokens: the longest match counts, of equal ones the first rule (as flex does it; lexer.l of
 * google/packetdrill). Comments and white space vanish.
 */
import type { Position } from "./Ast.ts"

/** What can be wrong with a script: where, and in words. */
export class ScriptSyntaxError extends Error {
  readonly position: Position

  constructor(position: Position, message: string) {
    super(message)
    this.position = position
  }
}

export type TokenKind =
  | "option"
  | "float"
  | "integer"
  | "hex"
  | "word"
  | "keyword"
  | "text"
  | "command"
  | "code"
  | "ipv4"
  | "ipv6"
  | "ellipsis"
  | "sign"
  | "end"

export interface Token extends Position {
  readonly kind: TokenKind
  /** As written; without the quotes of `text`, `command`, `code` and the dashes of `option`. */
  readonly text: string
}

/** Words that are part of the grammar: no function, symbol or flag has such a name. */
const keywords: ReadonlySet<string> = new Set(
  (
    "sa_family sin_port sin_addr msg_name msg_iov msg_flags msg_control cmsg_data cmsg_level cmsg_type " +
    "ee_errno ee_origin ee_type ee_code ee_info ee_data scm_sec scm_nsec fd u32 u64 ptr events revents onoff " +
    "linger htons ipv4 ipv6 icmp udp GREv0 gre raw sum off key seq none checksum sequence# present encap psp spi " +
    "mpls label tc ttl inet_addr inet6_addr ack eol ecr mss mtu nop sack sackOK md5 TS FO FOEXP ECN e0b e1b ceb " +
    "tos flowlabel flags Flags val win urg wscale ect01 ect0 ect1 noecn ce id"
  ).split(" ")
)

interface Rule {
  readonly kind: TokenKind | "nothing"
  readonly pattern: RegExp
  /** Characters of quotes at either end. */
  readonly quotes: number
}

const rule = (kind: Rule["kind"], pattern: RegExp, quotes = 0): Rule => ({ kind, pattern, quotes })

const rules: ReadonlyArray<Rule> = [
  rule("nothing", /[ \t\n\r]+/y),
  rule("nothing", /\/\/[^\n]*(?:\n|$)/y),
  rule("nothing", /\/\*(?:[^*]|\*[^/])*\*\//y),
  rule("code", /%\{(?:[^}]|\}[^%])*\}%/y, 2),
  rule("ellipsis", /\.\.\./y),
  rule("option", /--[a-zA-Z0-9_]+/y),
  rule("float", /-?[0-9]*\.[0-9]+/y),
  rule("integer", /-?[0-9]+/y),
  rule("hex", /0x[0-9a-fA-F]+/y),
  rule("word", /[a-zA-Z0-9_]+#?/y),
  rule("text", /"(?:\\[^]|[^"\\])*"/y, 1),
  rule("command", /`(?:\\[^]|[^`\\])*`/y, 1),
  rule("ipv4", /[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/y),
  rule("ipv6", /[0-9a-fA-F:]*::[0-9a-fA-F:.]*|(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}/y)
]

/** Beginnings that a rule would have taken had it found its end. */
const openings: ReadonlyArray<readonly [string, string]> = [
  ["/*", "a comment that does not end"],
  ["%{", "a code block that does not end"],
  ['"', "a string that does not end"],
  ["`", "a command that does not end"]
]

/** All tokens; the last one is `end`. Throws a {@link ScriptSyntaxError}. */
export const tokens = (source: string): ReadonlyArray<Token> => {
  const found: Array<Token> = []
  let at = 0
  let line = 1
  let lineStart = 0
  const move = (to: number): void => {
    for (let i = at; i < to; i++) {
      if (source.charCodeAt(i) !== 10) continue
      line++
      lineStart = i + 1
    }
    at = to
  }
  while (at < source.length) {
    const position = { line, column: at - lineStart + 1 }
    const { best, length } = longest(source, at)
    if (best === null) {
      const open = openings.find(([text]) => source.startsWith(text, at))
      if (open !== undefined) throw new ScriptSyntaxError(position, open[1])
      found.push({ kind: "sign", text: source[at]!, ...position })
      move(at + 1)
      continue
    }
    if (best.kind !== "nothing") found.push(token(best, source.slice(at, at + length), position))
    move(at + length)
  }
  found.push({ kind: "end", text: "", line, column: at - lineStart + 1 })
  return found
}

const longest = (source: string, at: number): { readonly best: Rule | null; readonly length: number } => {
  let best: Rule | null = null
  let length = 0
  for (const each of rules) {
    each.pattern.lastIndex = at
    const match = each.pattern.exec(source)
    if (match !== null && match[0].length > length) {
      best = each
      length = match[0].length
    }
  }
  return { best, length }
}

const token = (found: Rule, text: string, position: Position): Token => {
  const kind = found.kind as TokenKind
  if (kind === "option") return { kind, text: text.slice(2), ...position }
  if (kind === "code") return { kind, text: text.slice(2, -2).replace(/^[ \t]+|[ \t]+$/g, ""), ...position }
  if (found.quotes > 0) return { kind, text: text.slice(1, -1), ...position }
  if (kind === "word" && keywords.has(text)) return { kind: "keyword", text, ...position }
  return { kind, text, ...position }
}
