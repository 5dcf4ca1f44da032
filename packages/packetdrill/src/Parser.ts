/**
 * Reads a packetdrill script.
 *
 *     script    = { option } [ command ] statement { statement } [ command ]
 *     option    = "--" name [ "=" value ]
 *     statement = time ( packet | system call | command | code )
 *     time      = "+" seconds | seconds | "*" | seconds "~" seconds | "+" seconds "~" "+" seconds
 *
 * A command is a line of a shell in backquotes, code stands between %{ and }%.
 */
import { Result } from "effect"
import type { Action, Expression, Option, Position, Script, Statement, SystemCall, Time } from "./Ast.ts"
import { Cursor } from "./Cursor.ts"
import { ScriptSyntaxError, tokens } from "./Lexer.ts"
import * as ParseExpression from "./ParseExpression.ts"
import * as ParsePacket from "./ParsePacket.ts"

/** What is wrong with a script. */
export interface Complaint extends Position {
  readonly message: string
}

/** A script larger than this is refused: bytes. */
export const SOURCE_MAX = 1 << 20

/**
 * Never throws, whatever the text.
 *
 * @param symbols what words stand for that the script does not `--define` itself
 */
export const parse = (
  source: string,
  symbols: ReadonlyMap<string, string> = new Map()
): Result.Result<Script, Complaint> => {
  if (source.length > SOURCE_MAX) {
    return Result.fail({ line: 1, column: 1, message: `a script has at most ${SOURCE_MAX} characters` })
  }
  try {
    return Result.succeed(script(new Cursor(tokens(source), symbols)))
  } catch (error) {
    if (!(error instanceof ScriptSyntaxError)) throw error
    return Result.fail({ ...error.position, message: error.message })
  }
}

const script = (cursor: Cursor): Script => {
  const options: Array<Option> = []
  while (cursor.isKind("option")) options.push(option(cursor))
  const init = command(cursor)
  const statements: Array<Statement> = []
  while (!cursor.isKind("end") && !cursor.isKind("command")) statements.push(statement(cursor))
  if (statements.length === 0) cursor.unexpected("a statement")
  const cleanup = command(cursor)
  if (!cursor.isKind("end")) cursor.unexpected("the end of the script")
  return { options, init, statements, cleanup }
}

const command = (cursor: Cursor): Script["init"] => {
  if (!cursor.isKind("command")) return null
  const { column, line, text } = cursor.next()
  return { line: text, position: { line, column } }
}

const option = (cursor: Cursor): Option => {
  const { column, line, text: name } = cursor.next()
  if (!cursor.accept("=")) return { name, value: null, line, column }
  const value = optionValue(cursor)
  if (name === "define") define(cursor, value, { line, column })
  return { name, value, line, column }
}

const optionValue = (cursor: Cursor): string => {
  const token = cursor.peek()
  const isAddress = token.kind === "keyword" && (token.text === "ipv4" || token.text === "ipv6")
  const isPlain = token.kind === "integer" || token.kind === "text" || token.kind === "ipv4" || token.kind === "ipv6"
  if (!isAddress && !isPlain && token.kind !== "word") return cursor.unexpected("a value")
  cursor.next()
  if (token.kind !== "word" || !cursor.accept("=")) return token.text
  const right = cursor.next()
  if (right.kind === "text") return `${token.text}="${right.text}"`
  if (right.kind === "command") return `${token.text}=\`${right.text}\``
  if (right.kind !== "word" && right.kind !== "integer" && right.kind !== "hex") cursor.fail("expected a value", right)
  return `${token.text}=${right.text}`
}

const define = (cursor: Cursor, value: string, position: Position): void => {
  const at = value.indexOf("=")
  if (at <= 0) cursor.fail("--define wants SYMBOL=VALUE", position)
  cursor.defines.set(value.slice(0, at), value.slice(at + 1))
}

const statement = (cursor: Cursor): Statement => {
  const { column, line } = cursor.peek()
  const time = when(cursor)
  const action = act(cursor)
  const isOutbound = action._tag === "Packet" && action.packet.direction === "out"
  if (!isOutbound && time._tag === "Any") {
    cursor.fail("event time <star> can only be used with outbound packets", { line, column })
  }
  if (!isOutbound && time._tag !== "Absolute" && time._tag !== "Relative") {
    cursor.fail("event time range can only be used with outbound packets", { line, column })
  }
  return { time, action, line, column }
}

const when = (cursor: Cursor): Time => {
  const start = cursor.peek()
  if (cursor.accept("*")) return { _tag: "Any" }
  const isRelative = cursor.accept("+")
  const from = seconds(cursor)
  if (!cursor.accept("~")) return isRelative ? { _tag: "Relative", after: from } : { _tag: "Absolute", at: from }
  if (isRelative) cursor.expect("+")
  const to = seconds(cursor)
  if (to < from) cursor.fail("time range is backwards", start)
  return { _tag: isRelative ? "RelativeRange" : "AbsoluteRange", from, to }
}

/** A number of seconds, in ns; the language counts whole microseconds. */
const seconds = (cursor: Cursor): number => {
  const token = cursor.peek()
  if (token.kind !== "float" && token.kind !== "integer") return cursor.unexpected("a time in seconds")
  cursor.next()
  const value = Number(token.text)
  if (value < 0) cursor.fail("negative time", token)
  return Math.round(value * 1_000_000) * 1000
}

const act = (cursor: Cursor): Action => {
  if (cursor.is("<") || cursor.is(">")) return { _tag: "Packet", packet: ParsePacket.packet(cursor) }
  if (cursor.isKind("command")) return { _tag: "Command", line: cursor.next().text }
  if (cursor.isKind("code")) {
    const { line, text } = cursor.next()
    return { _tag: "Code", text, line }
  }
  if (cursor.isKind("word") || cursor.isKind("ellipsis")) return { _tag: "SystemCall", call: systemCall(cursor) }
  return cursor.unexpected("a packet, a system call, a command or code")
}

const systemCall = (cursor: Cursor): SystemCall => {
  let end: number | null = null
  if (cursor.isKind("ellipsis")) {
    cursor.next()
    end = seconds(cursor)
  }
  const name = cursor.expectKind("word", "the name of a system call").text
  cursor.expect("(")
  const list: ReadonlyArray<Expression> = cursor.is(")") ? [] : ParseExpression.expressions(cursor)
  cursor.expect(")")
  cursor.expect("=")
  const result = ParseExpression.expression(cursor)
  let errno: string | null = null
  if (cursor.isKind("word")) {
    errno = cursor.next().text
    if (!cursor.is("(")) cursor.unexpected("the text of the error in brackets")
  }
  while (cursor.is("(")) note(cursor)
  return { name, arguments: list, result, errno, end }
}

/** What strace prints behind a result, in brackets. */
const note = (cursor: Cursor): void => {
  cursor.expect("(")
  if (cursor.is(")")) cursor.unexpected("a word")
  while (!cursor.is(")")) {
    if (!cursor.isKind("word") && !cursor.isKind("keyword")) cursor.unexpected("a word or ')'")
    cursor.next()
  }
  cursor.next()
}
