/** Runs the statements of a code block. Integers are exact to 2^53; a larger one compares as its nearest double. */
import { BadCall, Unsupported } from "./Failure.ts"
import type { Node, Statement } from "./PythonParser.ts"

export type Value = number | string | boolean | null | ReadonlyArray<Value>

type Variables = Map<string, Value>

/** Throws BadCall when an assertion does not hold. */
export const run = (program: ReadonlyArray<Statement>, variables: Variables, output: Array<string>): void => {
  for (const statement of program) {
    switch (statement._tag) {
      case "Assert":
        if (!isTrue(evaluate(statement.test, variables, output))) {
          const message = statement.message === null ? null : evaluate(statement.message, variables, output)
          throw new BadCall(
            `assertion failed: ${statement.text}${message === null ? "" : `: ${text(message)}`} (${shown(statement.test, variables)})`
          )
        }
        break
      case "Assign":
        variables.set(statement.name, evaluate(statement.value, variables, output))
        break
      case "Expression":
        evaluate(statement.value, variables, output)
        break
      default:
        statement satisfies never
    }
  }
}

/** The names an expression uses, with their values. */
const shown = (node: Node, variables: Variables): string => {
  const names = new Set<string>()
  const walk = (each: Node): void => {
    switch (each._tag) {
      case "Name":
        names.add(each.name)
        return
      case "Unary":
        return walk(each.operand)
      case "Binary":
      case "Logic":
        walk(each.left)
        return walk(each.right)
      case "Compare":
        walk(each.first)
        return each.rest.forEach(([, right]) => walk(right))
      case "Choice":
        return [each.test, each.value, each.otherwise].forEach(walk)
      case "Call":
        return each.arguments.forEach(walk)
      case "List":
        return each.items.forEach(walk)
      case "Constant":
        return
      default:
        each satisfies never
    }
  }
  walk(node)
  return [...names].map((name) => `${name} = ${text(variables.get(name) ?? null)}`).join(", ")
}

const isTrue = (value: Value): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== null && value !== false && value !== 0 && value !== ""

const text = (value: Value): string => {
  if (value === true) return "True"
  if (value === false) return "False"
  if (value === null) return "None"
  return Array.isArray(value) ? `[${value.map(text).join(", ")}]` : String(value)
}

const number = (value: Value): number => {
  if (typeof value === "number") return value
  if (typeof value === "boolean") return value ? 1 : 0
  throw new BadCall(`TypeError: ${text(value)} is no number`)
}

const evaluate = (node: Node, variables: Variables, output: Array<string>): Value => {
  const of = (each: Node): Value => evaluate(each, variables, output)
  switch (node._tag) {
    case "Constant":
      return node.value
    case "Name": {
      const value = variables.get(node.name)
      if (value === undefined) throw unknown(node.name)
      return value
    }
    case "Unary":
      return unary(node.operator, of(node.operand))
    case "Binary":
      return binary(node.operator, of(node.left), of(node.right))
    case "Logic": {
      const left = of(node.left)
      return isTrue(left) === (node.operator === "and") ? of(node.right) : left
    }
    case "Compare": {
      let left = of(node.first)
      for (const [operator, next] of node.rest) {
        const right = of(next)
        if (!compare(operator, left, right)) return false
        left = right
      }
      return true
    }
    case "Choice":
      return isTrue(of(node.test)) ? of(node.value) : of(node.otherwise)
    case "Call":
      return call(node.name, node.arguments.map(of), output)
    case "List":
      return node.items.map(of)
    default:
      return node satisfies never
  }
}

/** A field of tcp_info that is not filled is the simulator's lack; another name the script's mistake. */
const unknown = (name: string): Error =>
  /^(tcpi|bbr|dctcp|tcpv|SK_MEMINFO)_/.test(name)
    ? new Unsupported(`${name} in code`)
    : new BadCall(`NameError: name '${name}' is not defined`)

const unary = (operator: string, value: Value): Value => {
  if (operator === "not") return !isTrue(value)
  if (operator === "~") return -number(value) - 1
  return operator === "-" ? -number(value) : number(value)
}

const integers: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  "|": (left, right) => left | right,
  "&": (left, right) => left & right,
  "^": (left, right) => left ^ right,
  "<<": (left, right) => left << right,
  ">>": (left, right) => left >> right
}

const binary = (operator: string, left: Value, right: Value): Value => {
  if (operator === "%" && typeof left === "string") return format(left, Array.isArray(right) ? right : [right])
  if (operator === "+" && typeof left === "string" && typeof right === "string") return left + right
  const a = number(left)
  const b = number(right)
  const bits = integers[operator]
  if (bits !== undefined) {
    if (!Number.isInteger(a) || !Number.isInteger(b))
      throw new BadCall(`TypeError: unsupported operand for ${operator}`)
    return Number(bits(BigInt(a), BigInt(b)))
  }
  if (b === 0 && ["/", "//", "%"].includes(operator)) throw new BadCall("ZeroDivisionError: division by zero")
  switch (operator) {
    case "+":
      return a + b
    case "-":
      return a - b
    case "*":
      return a * b
    case "/":
      return a / b
    case "//":
      return Math.floor(a / b)
    case "%":
      return a - b * Math.floor(a / b)
    case "**":
      return power(a, b)
    default:
      throw new Unsupported(`operator ${operator} in code`)
  }
}

const power = (base: number, exponent: number): number => {
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 1024)
    throw new Unsupported("a power that is no small integer")
  let value = 1
  for (let i = 0; i < Math.abs(exponent); i++) value *= base
  return exponent < 0 ? 1 / value : value
}

const isSame = (left: Value, right: Value): boolean => {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, i) => isSame(item, right[i]!))
  }
  const isNumber = (value: Value): boolean => typeof value === "number" || typeof value === "boolean"
  return isNumber(left) && isNumber(right) ? number(left) === number(right) : left === right
}

const compare = (operator: string, left: Value, right: Value): boolean => {
  switch (operator) {
    case "==":
    case "is":
      return isSame(left, right)
    case "!=":
    case "is not":
      return !isSame(left, right)
    case "in":
    case "not in": {
      const isIn = Array.isArray(right)
        ? right.some((item) => isSame(left, item))
        : typeof right === "string" && right.includes(text(left))
      return isIn === (operator === "in")
    }
    default:
      return order(operator, left, right)
  }
}

const order = (operator: string, left: Value, right: Value): boolean => {
  const isText = typeof left === "string" && typeof right === "string"
  const a = isText ? left : number(left)
  const b = isText ? right : number(right)
  if (operator === "<") return a < b
  if (operator === ">") return a > b
  return operator === "<=" ? a <= b : a >= b
}

/** `%d`, `%s` and their kin. */
const format = (pattern: string, values: ReadonlyArray<Value>): string => {
  let next = 0
  return pattern.replace(/%(?:%|[-+ 0#]*[0-9]*(?:\.([0-9]+))?[diuxXsrfge])/g, (spec, digits: string | undefined) => {
    if (spec === "%%") return "%"
    const value = values[next++] ?? null
    if (/[xX]$/.test(spec)) return number(value).toString(16)
    if (/[fge]$/.test(spec)) return number(value).toFixed(digits === undefined ? 6 : Number(digits))
    return /[diu]$/.test(spec) ? String(Math.trunc(number(value))) : text(value)
  })
}

const call = (name: string, args: ReadonlyArray<Value>, output: Array<string>): Value => {
  const list = args.length === 1 && Array.isArray(args[0]) ? (args[0] as ReadonlyArray<Value>) : args
  switch (name) {
    case "print":
      output.push(args.map(text).join(" "))
      return null
    case "abs":
      return Math.abs(number(args[0] ?? null))
    case "min":
      return Math.min(...list.map(number))
    case "max":
      return Math.max(...list.map(number))
    case "sum":
      return list.reduce<number>((sum, item) => sum + number(item), 0)
    case "int":
      return Math.trunc(typeof args[0] === "string" ? Number(args[0]) : number(args[0] ?? null))
    case "float":
      return typeof args[0] === "string" ? Number(args[0]) : number(args[0] ?? null)
    case "bool":
      return isTrue(args[0] ?? null)
    case "str":
      return text(args[0] ?? null)
    case "round":
      return Math.round(number(args[0] ?? null))
    case "len":
      return typeof args[0] === "string" ? args[0].length : list.length
    default:
      throw new Unsupported(`function ${name} in code`)
  }
}
