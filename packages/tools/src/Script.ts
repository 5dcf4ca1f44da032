/**
 * Reads a line of commands into a list of pipelines: what `;`, `&&`, `||`, `|`, `!` and redirections mean.
 *
 *     list     = pipeline { ( ";" | "&&" | "||" ) pipeline }
 *     pipeline = [ "!" ] command { "|" command }
 *     command  = word { word } { redirection }
 */
import * as Result from "effect/Result"
import { split, syntaxError } from "./Words.ts"
import type { Operator, SyntaxError, Token } from "./Words.ts"

export interface Redirection {
  /** 1 stdout, 2 stderr, 0 stdin; `2>&1` has target `&1`. */
  readonly stream: 0 | 1 | 2
  readonly appends: boolean
  readonly target: string
  readonly column: number
}

/** One command: its name, its arguments, where its output goes. */
export interface SimpleCommand {
  readonly name: string
  readonly args: ReadonlyArray<string>
  readonly redirections: ReadonlyArray<Redirection>
  /** Column of the name, from 1. */
  readonly column: number
}

/** When a pipeline runs: always, after success, after failure. */
export type Condition = ";" | "&&" | "||"

export interface Pipeline {
  readonly condition: Condition
  readonly isNegated: boolean
  readonly commands: ReadonlyArray<SimpleCommand>
}

export type Script = ReadonlyArray<Pipeline>

interface State {
  readonly tokens: ReadonlyArray<Token>
  at: number
  /** Column behind the last token, for errors at the end. */
  readonly end: number
}

/** Reads a line; empty lines and comments give an empty script. Never throws. */
export const parse = (line: string): Result.Result<Script, SyntaxError> => {
  const tokens = split(line)
  if (Result.isFailure(tokens)) return Result.fail(tokens.failure)
  const state: State = { tokens: tokens.success, at: 0, end: line.length + 1 }
  const pipelines: Array<Pipeline> = []
  let condition: Condition = ";"
  for (;;) {
    if (condition === ";") while (isOperator(state, ";")) state.at++
    if (state.at >= state.tokens.length) {
      return condition === ";" ? Result.succeed(pipelines) : Result.fail(unexpected(state))
    }
    const pipeline = readPipeline(state, condition)
    if (Result.isFailure(pipeline)) return Result.fail(pipeline.failure)
    pipelines.push(pipeline.success)
    const next = state.tokens[state.at]
    if (next === undefined) return Result.succeed(pipelines)
    if (next._tag !== "Operator" || (next.text !== ";" && next.text !== "&&" && next.text !== "||")) {
      return Result.fail(unexpected(state))
    }
    condition = next.text
    state.at++
  }
}

const isOperator = (state: State, text: Operator): boolean => {
  const token = state.tokens[state.at]
  return token !== undefined && token._tag === "Operator" && token.text === text
}

const unexpected = (state: State): SyntaxError => {
  const token = state.tokens[state.at]
  return token === undefined
    ? syntaxError(state.end, "syntax error: unexpected end of line")
    : syntaxError(token.column, `syntax error near unexpected token \`${token.text}'`)
}

const readPipeline = (state: State, condition: Condition): Result.Result<Pipeline, SyntaxError> => {
  let isNegated = false
  while (isOperator(state, "!")) {
    isNegated = !isNegated
    state.at++
  }
  const commands: Array<SimpleCommand> = []
  for (;;) {
    const command = readCommand(state)
    if (Result.isFailure(command)) return Result.fail(command.failure)
    commands.push(command.success)
    if (!isOperator(state, "|")) return Result.succeed({ condition, isNegated, commands })
    state.at++
  }
}

const readCommand = (state: State): Result.Result<SimpleCommand, SyntaxError> => {
  const words: Array<string> = []
  const redirections: Array<Redirection> = []
  let column = 0
  for (;;) {
    const token = state.tokens[state.at]
    if (token?._tag === "Word") {
      if (words.length === 0) column = token.column
      words.push(token.text)
      state.at++
      continue
    }
    const redirection = token === undefined ? undefined : redirectionOf(token.text)
    if (token === undefined || redirection === undefined) break
    state.at++
    const target = redirection.target ?? targetWord(state)
    if (target === undefined) return Result.fail(unexpected(state))
    redirections.push({ stream: redirection.stream, appends: redirection.appends, target, column: token.column })
    if (redirection.isBoth === true)
      redirections.push({ stream: 2, appends: false, target: "&1", column: token.column })
  }
  const name = words[0]
  if (name === undefined) return Result.fail(unexpected(state))
  return Result.succeed({ name, args: words.slice(1), redirections, column })
}

const targetWord = (state: State): string | undefined => {
  const token = state.tokens[state.at]
  if (token?._tag !== "Word") return undefined
  state.at++
  return token.text
}

interface RedirectionKind {
  readonly stream: 0 | 1 | 2
  readonly appends: boolean
  /** Where the operator says it itself. */
  readonly target?: string
  /** stderr goes the same way. */
  readonly isBoth?: boolean
}

const redirectionKinds: Readonly<Record<string, RedirectionKind>> = {
  ">": { stream: 1, appends: false },
  ">>": { stream: 1, appends: true },
  "2>": { stream: 2, appends: false },
  "2>>": { stream: 2, appends: true },
  "2>&1": { stream: 2, appends: false, target: "&1" },
  "&>": { stream: 1, appends: false, isBoth: true },
  "&>>": { stream: 1, appends: true, isBoth: true },
  "<": { stream: 0, appends: false }
}

const redirectionOf = (operator: string): RedirectionKind | undefined =>
  Object.hasOwn(redirectionKinds, operator) ? redirectionKinds[operator] : undefined
