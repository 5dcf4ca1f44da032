/** Arguments of system calls as values: numbers, buffers, descriptors. */
import { BadPointer, type UserBytes } from "@darkfiber/sockets/Message"
import type { Expression, SystemCall } from "./Ast.ts"
import { BadCall, Unsupported } from "./Failure.ts"
import * as Symbols from "./Symbols.ts"

/** Bytes a call may move: larger counts are refused. */
const BUFFER_MAX = 1 << 26

/** A number, a symbol, or several joined by `|`: signed 32 bits when it has them all. */
export const number = (expression: Expression): number => {
  switch (expression._tag) {
    case "Integer":
      return expression.value
    case "Word": {
      const value = Symbols.find(expression.name)
      if (value === null) throw new Unsupported(`symbol ${expression.name}`)
      return value
    }
    case "Or":
      return (number(expression.left) | number(expression.right)) >>> 0
    default:
      throw new BadCall(`a number was expected, not ${describe(expression)}`)
  }
}

/** Signed, as an int argument is. */
export const int = (expression: Expression): number => number(expression) | 0

/** `[n]`. */
export const bracketed = (expression: Expression): number => {
  if (expression._tag !== "List" || expression.items.length !== 1) {
    throw new BadCall(`a number in square brackets was expected, not ${describe(expression)}`)
  }
  return number(expression.items[0]!)
}

export const describe = (expression: Expression): string =>
  expression._tag === "Foreign" ? expression.what : expression._tag

export const isEllipsis = (expression: Expression): boolean => expression._tag === "Ellipsis"

export const arity = (call: SystemCall, ...counts: ReadonlyArray<number>): void => {
  const found = call.arguments.length
  if (!counts.includes(found)) throw new BadCall(`${call.name} expects ${counts.join(" or ")} arguments, not ${found}`)
}

export const ellipsis = (expression: Expression): void => {
  if (!isEllipsis(expression)) throw new BadCall(`... was expected, not ${describe(expression)}`)
}

/** `...` is a buffer of zeros, 0 and NULL are none. */
export const buffer = (expression: Expression, count: number): UserBytes => {
  if (isEllipsis(expression)) return bytes(count)
  if (number(expression) === 0) return new BadPointer(count)
  throw new BadCall(`... or NULL was expected, not ${describe(expression)}`)
}

export const bytes = (count: number): Uint8Array => {
  if (!(count >= 0 && count <= BUFFER_MAX)) throw new Unsupported(`a buffer of ${count} bytes`)
  return new Uint8Array(count)
}

/** `[{..., 100}, {..., 20}]`: the lengths. */
export const iovec = (expression: Expression): ReadonlyArray<number> => {
  if (expression._tag !== "List") throw new BadCall(`a list of iovecs was expected, not ${describe(expression)}`)
  return expression.items.map((item) => {
    if (item._tag !== "Iovec") throw new BadCall(`an iovec was expected, not ${describe(item)}`)
    return item.length
  })
}
