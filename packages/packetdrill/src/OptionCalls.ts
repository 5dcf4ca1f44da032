/** setsockopt and getsockopt: the values of scripts and those of the simulated kernel. */
import type { OptionValue } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Expression } from "./Ast.ts"
import type { Planner } from "./CallState.ts"
import { Unsupported } from "./Failure.ts"
import * as Values from "./Values.ts"

/** Bytes of an int. */
const INT = 4

const fromScript = (expression: Expression): OptionValue => {
  switch (expression._tag) {
    case "List":
      return Values.bracketed(expression) | 0
    case "Text":
      return expression.text.replace(/\0.*$/s, "")
    case "Linger":
      return { on: expression.isOn !== 0, seconds: expression.seconds }
    default:
      throw new Unsupported(`setsockopt with ${Values.describe(expression)}`)
  }
}

const setsockopt: Planner = (call, state) => {
  Values.arity(call, 5)
  const [fd, level, name, value, length] = call.arguments
  Values.int(length!)
  const live = state.live(Values.int(fd!))
  return {
    effect: Sys.setsockopt(live, Values.int(level!), Values.int(name!), fromScript(value!)),
    mode: "exact"
  }
}

const getsockopt: Planner = (call, state) => {
  Values.arity(call, 5)
  const [fd, level, name, value, length] = call.arguments
  const expected = value!
  const size = Values.bracketed(length!)
  return {
    effect: Sys.getsockopt(state.live(Values.int(fd!)), Values.int(level!), Values.int(name!)),
    mode: "exact",
    result: () => 0,
    after: (found) => compare(expected, size, found as OptionValue)
  }
}

const compare = (expected: Expression, size: number, found: OptionValue): string | null => {
  if (expected._tag === "Text") {
    const wanted = expected.text.replace(/\0.*$/s, "")
    if (typeof found !== "string") throw new Unsupported("a text of this option")
    return wanted === found ? null : `Bad getsockopt optval: expected: '${wanted}' actual: '${found}'`
  }
  if (expected._tag !== "List") throw new Unsupported(`getsockopt with ${Values.describe(expected)}`)
  if (typeof found !== "number") throw new Unsupported("a number of this option")
  if (size !== INT) return `Bad getsockopt optlen: expected: ${size} actual: ${INT}`
  const wanted = Values.bracketed(expected) | 0
  return wanted === (found | 0) ? null : `Bad getsockopt optval: expected: ${wanted} actual: ${found | 0}`
}

export const planners: Readonly<Record<string, Planner>> = { setsockopt, getsockopt }
