/** setsockopt and getsockopt: the values of scripts and those of the simulated kernel. */
import type { OptionValue } from "@darkfiber/sockets/SocketOptions"
import * as Sys from "@darkfiber/sockets/Sys"
import type { Expression } from "./Ast.ts"
import type { Planner } from "./CallState.ts"
import { Unsupported } from "./Failure.ts"
import * as Values from "./Values.ts"

/** Bytes of an int. */
const INT = 4

/** Options whose value is a name: SO_BINDTODEVICE; TCP_CONGESTION, TCP_ULP. */
const names: ReadonlySet<string> = new Set(["1/25", "6/13", "6/31"])

/** One byte a char. */
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))

const fromScript = (expression: Expression, isName: boolean): OptionValue => {
  switch (expression._tag) {
    case "List":
      return Values.bracketed(expression) | 0
    case "Text":
      return isName ? expression.text.replace(/\0.*$/s, "") : bytesOf(expression.text)
    case "Linger":
      return { on: expression.isOn !== 0, seconds: expression.seconds }
    default:
      throw new Unsupported(`setsockopt with ${Values.describe(expression)}`)
  }
}

const setsockopt: Planner = (call, state) => {
  Values.arity(call, 5)
  const [fd, level, name, value, length] = call.arguments
  const live = state.live(Values.int(fd!))
  const [levelOf, nameOf] = [Values.int(level!), Values.int(name!)]
  const wanted = fromScript(value!, names.has(`${levelOf}/${nameOf}`))
  const size = Values.int(length!)
  // A text is as long as the call says.
  const cut = wanted instanceof Uint8Array && size >= 0 && size < wanted.length ? wanted.subarray(0, size) : wanted
  return {
    effect: Sys.setsockopt(live, levelOf, nameOf, cut, size),
    mode: "exact"
  }
}

const getsockopt: Planner = (call, state) => {
  Values.arity(call, 5)
  const [fd, level, name, value, length] = call.arguments
  const expected = value!
  const size = Values.bracketed(length!)
  return {
    effect: Sys.getsockopt(state.live(Values.int(fd!)), Values.int(level!), Values.int(name!), size),
    mode: "exact",
    result: () => 0,
    after: (found) => compare(expected, size, found as OptionValue)
  }
}

const compare = (expected: Expression, size: number, found: OptionValue): string | null => {
  if (expected._tag === "Text") {
    if (found instanceof Uint8Array) {
      const bytes = bytesOf(expected.text)
      const isSame = bytes.length === found.length && bytes.every((byte, i) => byte === found[i])
      return isSame ? null : `Bad getsockopt optval: expected: ${bytes.join(" ")} actual: ${found.join(" ")}`
    }
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
