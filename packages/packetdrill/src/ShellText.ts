/** Text of shell scripts: lines without comments, variables, arithmetic. What is left over is for the tools' shell. */

/** Lines that hold commands; a backslash at the end joins two, a quote may span several. */
export const lines = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let current = ""
  let quote = ""
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (quote !== "") {
      if (char === quote) quote = ""
      current += char
    } else if (char === "\\" && text[at + 1] === "\n") {
      current += " "
      at++
    } else if (char === "'" || char === '"') {
      quote = char
      current += char
    } else if (char === "#" && (current === "" || /[\s;]$/.test(current))) {
      while (at + 1 < text.length && text[at + 1] !== "\n") at++
    } else if (char === "\n") {
      found.push(current)
      current = ""
    } else current += char
  }
  found.push(current)
  return found.map((line) => line.trim()).filter((line) => line !== "")
}

/**
 * Replaces `$NAME`, `${NAME}` and `$((…))` outside single quotes, and keeps assignments (`NAME=value`) in `variables`.
 *
 * @returns null for what a shell could do and this one cannot (command substitution, control structures)
 */
export const expand = (line: string, variables: Record<string, string>): string | null => {
  if (/^(if|for|while|case|function|until)\b/.test(line)) return null
  let out = ""
  let at = 0
  let quote = ""
  while (at < line.length) {
    const char = line[at]!
    if (quote !== "'" && char === "$") {
      const piece = substitute(line, at, variables)
      if (piece === null) return null
      out += piece.text
      at = piece.end
      continue
    }
    if (quote === "" && (char === "'" || char === '"')) quote = char
    else if (char === quote) quote = ""
    out += char
    at++
  }
  const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(\S*|"[^"]*")$/.exec(out)
  if (assignment === null) return out
  variables[assignment[1]!] = assignment[2]!.replace(/^"(.*)"$/, "$1")
  return "true"
}

interface Piece {
  readonly text: string
  readonly end: number
}

const substitute = (line: string, at: number, variables: Readonly<Record<string, string>>): Piece | null => {
  const rest = line.slice(at)
  if (rest.startsWith("$((")) {
    const end = closing(line, at + 3)
    if (end < 0) return null
    const value = arithmetic(line.slice(at + 3, end), variables)
    return value === null ? null : { text: String(value), end: end + 2 }
  }
  if (rest.startsWith("$(")) return null
  const match = /^\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*|[0-9?$]))/.exec(rest)
  if (match === null) return { text: "$", end: at + 1 }
  return { text: variables[match[1] ?? match[2]!] ?? "", end: at + match[0].length }
}

/** Where `))` closes what begins at `from`; -1 without one. */
const closing = (line: string, from: number): number => {
  let depth = 0
  for (let at = from; at < line.length; at++) {
    if (line[at] === "(") depth++
    else if (line[at] === ")") {
      if (depth === 0) return line[at + 1] === ")" ? at : -1
      depth--
    }
  }
  return -1
}

const binary: ReadonlyArray<Readonly<Record<string, (left: number, right: number) => number>>> = [
  { "|": (left, right) => left | right },
  { "&": (left, right) => left & right },
  {
    "<<": (left, right) => shift(left, right, false),
    ">>": (left, right) => shift(left, right, true)
  },
  { "+": (left, right) => left + right, "-": (left, right) => left - right },
  {
    "*": (left, right) => left * right,
    "/": (left, right) => Math.trunc(left / right),
    "%": (left, right) => left % right
  }
]

/** Longest shift. */
const SHIFT_MAX = 52

const shift = (left: number, right: number, isRight: boolean): number => {
  if (!Number.isSafeInteger(left) || !(right >= 0 && right <= SHIFT_MAX)) return Number.NaN
  const [value, by] = [BigInt(left), BigInt(Math.trunc(right))]
  return Number(isRight ? value >> by : value << by)
}

/** The value of an arithmetic expression; null for none. */
export const arithmetic = (text: string, variables: Readonly<Record<string, string>>): number | null => {
  const tokens = text.match(/0x[0-9a-fA-F]+|[0-9]+|[A-Za-z_][A-Za-z0-9_]*|<<|>>|\S/g) ?? []
  let at = 0
  const primary = (): number => {
    const token = tokens[at++]
    if (token === "(") {
      const value = level(0)
      if (tokens[at++] !== ")") return Number.NaN
      return value
    }
    if (token === "-") return -primary()
    if (token === "+") return primary()
    if (token === "~") return ~primary()
    if (token === undefined) return Number.NaN
    if (/^[0-9]/.test(token)) return Number(token)
    return /^[A-Za-z_]/.test(token) ? Number(variables[token] ?? "0") : Number.NaN
  }
  const level = (depth: number): number => {
    const operators = binary[depth]
    if (operators === undefined) return primary()
    let left = level(depth + 1)
    for (let token = tokens[at]; token !== undefined && Object.hasOwn(operators, token); token = tokens[at]) {
      at++
      left = operators[token]!(left, level(depth + 1))
    }
    return left
  }
  const value = level(0)
  return Number.isFinite(value) && at === tokens.length ? value : null
}
