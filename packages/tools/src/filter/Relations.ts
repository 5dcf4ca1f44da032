/** Comparisons of a capture filter. */
import type { RelationOp } from "./Ast.ts"

/** The test that stands for an operator, on unsigned numbers. */
export const comparison = (op: RelationOp): ((left: number, right: number) => boolean) => {
  switch (op) {
    case "=":
      return (left, right) => left === right
    case "!=":
      return (left, right) => left !== right
    case ">":
      return (left, right) => left > right
    case "<":
      return (left, right) => left < right
    case ">=":
      return (left, right) => left >= right
    case "<=":
      return (left, right) => left <= right
    default:
      return op satisfies never
  }
}
