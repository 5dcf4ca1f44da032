/** Files and pipes: open, pipe, splice, sendfile. */
import * as Sys from "@darkfiber/sockets/Sys"
import type { Expression } from "./Ast.ts"
import type { CallState, Planner } from "./CallState.ts"
import { BadCall } from "./Failure.ts"
import * as Values from "./Values.ts"

const text = (expression: Expression): string => {
  if (expression._tag !== "Text") throw new BadCall(`a string was expected, not ${Values.describe(expression)}`)
  return expression.text
}

const open: Planner = (call, state) => {
  Values.arity(call, 2, 3)
  return {
    effect: Sys.open(text(call.arguments[0]!), Values.int(call.arguments[1]!)),
    mode: "fd",
    after: (_value, live) => {
      const script = Values.int(call.result)
      state.mustBeNew(script, live)
      state.add(script, live)
      return null
    }
  }
}

/** `pipe([5, 6])`: the ends that are read from and written to. */
const pipe: Planner = (call, state) => {
  Values.arity(call, 1)
  const ends = call.arguments[0]!
  if (ends._tag !== "List" || ends.items.length !== 2) throw new BadCall("pipe expects a list of two descriptors")
  const [read, write] = ends.items.map((item) => Values.int(item))
  return {
    effect: Sys.pipe(),
    mode: "exact",
    after: (value) => {
      const made = value as Sys.PipeEnds
      for (const [script, live] of [[read!, made.read] as const, [write!, made.write] as const]) {
        state.mustBeNew(script, live)
        state.add(script, live)
      }
      return null
    }
  }
}

/** An offset: NULL for the file's own position, or `[n]`. */
const offset = (expression: Expression): number => {
  if (expression._tag === "List") return Values.bracketed(expression)
  const isNull = expression._tag === "Word" && expression.name === "NULL"
  if (isNull || Values.int(expression) === 0) return -1
  throw new BadCall("an offset is NULL or a number in square brackets")
}

const live = (expression: Expression, state: CallState): number => state.live(Values.int(expression))

const splice: Planner = (call, state) => {
  Values.arity(call, 6)
  const [from, fromAt, to, toAt, length, flags] = call.arguments
  const source = live(from!, state)
  const target = live(to!, state)
  const bytes = Values.int(length!)
  return {
    effect: Sys.splice(source, target, bytes, Values.int(flags!), offset(fromAt!), offset(toAt!)),
    mode: "exact"
  }
}

const sendfile: Planner = (call, state) => {
  Values.arity(call, 4)
  const [to, from, at, length] = call.arguments
  const effect = Sys.sendfile(live(to!, state), live(from!, state), Values.int(length!), offset(at!))
  return { effect, mode: "exact" }
}

export const planners: Readonly<Record<string, Planner>> = { open, pipe, splice, sendfile }
