/**
 * The text commands of a pipeline: grep, head, tail, wc, sort, uniq, cut, tr. Each has the options people
 * use with network tools; another option is an error that names it.
 *
 * Patterns of grep are basic or extended regular expressions, run by the engine's own on one line at a time.
 */
import { failure, outcome, success, type Outcome } from "./Outcome.ts"

/** The text of a file; null for one that is not there. */
export type FileReader = (path: string) => string | null

/** A command that only reads its arguments and its input, which may be a file. */
export type TextFilter = (args: ReadonlyArray<string>, stdin: string, files: FileReader) => Outcome

/** Lines without their newlines; a last line without newline counts. */
const linesOf = (text: string): ReadonlyArray<string> => {
  if (text === "") return []
  const all = text.split("\n")
  if (all.at(-1) === "") all.pop()
  return all
}

const joined = (all: ReadonlyArray<string>): string => all.map((line) => `${line}\n`).join("")

/** Short options in bundles (`-iv`), values apart or attached, `--` ends them. */
interface Parsed {
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
  readonly rest: ReadonlyArray<string>
  readonly bad: string | undefined
}

const options = (args: ReadonlyArray<string>, flags: string, valued: string): Parsed => {
  const found = new Set<string>()
  const values = new Map<string, string>()
  const rest: Array<string> = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === "--") {
      rest.push(...args.slice(i + 1))
      break
    }
    if (!/^-[^-]/.test(arg)) {
      if (arg.startsWith("--")) return { flags: found, values, rest, bad: arg }
      rest.push(arg)
      continue
    }
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at]!
      if (flags.includes(letter)) found.add(letter)
      else if (valued.includes(letter)) {
        const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i]
        if (value === undefined) return { flags: found, values, rest, bad: `-${letter}` }
        values.set(letter, value)
        break
      } else return { flags: found, values, rest, bad: `-${letter}` }
    }
  }
  return { flags: found, values, rest, bad: undefined }
}

const wrongOption = (name: string, option: string): Outcome =>
  failure(`${name}: unrecognized option or missing argument '${option}'`, 2)

const missing = (name: string, file: string, code: number): Outcome =>
  failure(`${name}: ${file}: No such file or directory`, code)

/** What to read: the one file that is named, else the input. */
const inputOf = (
  name: string,
  named: ReadonlyArray<string>,
  stdin: string,
  files: FileReader
): { readonly text: string } | Outcome => {
  const [file, another] = named
  if (another !== undefined) return failure(`${name}: extra operand '${another}'`)
  const text = file === undefined || file === "-" ? stdin : files(file)
  return text === null ? missing(name, file!, name === "sort" ? 2 : 1) : { text }
}

const grep: TextFilter = (args, stdin, files) => {
  const { flags, values, rest, bad } = options(args, "ivcnowxEFqhsG", "em")
  if (bad !== undefined) return wrongOption("grep", bad)
  const pattern = values.get("e") ?? rest[0]
  if (pattern === undefined) return failure("Usage: grep [OPTION]... PATTERNS", 2)
  const named = values.has("e") ? rest : rest.slice(1)
  let expression: RegExp
  try {
    const source = flags.has("F") ? escape(pattern) : flags.has("E") ? posixClasses(pattern) : basic(pattern)
    const whole = flags.has("x") ? `^(?:${source})$` : flags.has("w") ? `\\b(?:${source})\\b` : source
    expression = new RegExp(whole, flags.has("i") ? "gi" : "g")
  } catch {
    return failure(`grep: Invalid regular expression: ${pattern}`, 2)
  }
  const limit = Number(values.get("m") ?? "Infinity")
  let stdout = ""
  let stderr = ""
  let hasHit = false
  for (const file of named.length === 0 ? ["-"] : named) {
    const text = file === "-" ? stdin : files(file)
    if (text === null) {
      stderr += missing("grep", file, 2).stderr
      continue
    }
    const { count, hits } = matches(expression, text, flags, limit)
    const prefix = named.length > 1 && !flags.has("h") ? `${file === "-" ? "(standard input)" : file}:` : ""
    if (count > 0) hasHit = true
    if (!flags.has("q")) stdout += joined((flags.has("c") ? [String(count)] : hits).map((line) => prefix + line))
  }
  const isSilent = flags.has("s") || (flags.has("q") && hasHit)
  const code = stderr !== "" && !(flags.has("q") && hasHit) ? 2 : hasHit ? 0 : 1
  return outcome(stdout, isSilent ? "" : stderr, code)
}

const matches = (
  expression: RegExp,
  text: string,
  flags: ReadonlySet<string>,
  limit: number
): { readonly count: number; readonly hits: ReadonlyArray<string> } => {
  const hits: Array<string> = []
  let count = 0
  linesOf(text).forEach((line, index) => {
    expression.lastIndex = 0
    if (count >= limit || expression.test(line) === flags.has("v")) return
    count++
    const number = flags.has("n") ? `${index + 1}:` : ""
    expression.lastIndex = 0
    if (flags.has("o")) for (const match of line.matchAll(expression)) hits.push(number + match[0])
    else hits.push(number + line)
  })
  return { count, hits }
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")

const classes: Readonly<Record<string, string>> = {
  "[:digit:]": "0-9",
  "[:alpha:]": "A-Za-z",
  "[:alnum:]": "A-Za-z0-9",
  "[:space:]": "\\s",
  "[:blank:]": " \\t",
  "[:upper:]": "A-Z",
  "[:lower:]": "a-z",
  "[:punct:]": "!-\\/:-@\\[-`{-~",
  "[:xdigit:]": "0-9A-Fa-f"
}

const posixClasses = (pattern: string): string => {
  let source = pattern
  for (const [name, range] of Object.entries(classes)) source = source.replaceAll(name, range)
  return source
}

/** A basic expression: `+ ? { } ( ) |` are themselves, and operators with a backslash in front. */
const basic = (pattern: string): string => {
  let source = ""
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]!
    const next = pattern[at + 1]
    if (char === "[") {
      let end = pattern.indexOf("]", at + (next === "^" ? 3 : 2))
      while (end > 0 && /\[:[a-z]+:$/.test(pattern.slice(at, end))) end = pattern.indexOf("]", end + 1)
      if (end < 0) return pattern
      source += posixClasses(pattern.slice(at, end + 1))
      at = end
    } else if (char === "\\" && next !== undefined) {
      source += "+?{}()|".includes(next) ? next : `\\${next}`
      at++
    } else source += "+?{}()|".includes(char) ? `\\${char}` : char
  }
  return source
}

/** `-n 5`, `-5`; GNU's `-n -5` (all but the last) and, for tail, `-n +5` (from the fifth on). */
const count = (
  name: string,
  args: ReadonlyArray<string>,
  stdin: string,
  files: FileReader
): { readonly text: string; readonly lines: ReadonlyArray<string> } | Outcome => {
  const plain = args.map((arg, at) => (/^-\d+$/.test(arg) && args[at - 1] !== "-n" ? `-n${arg.slice(1)}` : arg))
  const { values, rest, bad } = options(plain, "q", "nc")
  if (bad !== undefined) return wrongOption(name, bad)
  if (values.has("c")) return failure(`${name}: -c is not supported`, 2)
  const input = inputOf(name, rest, stdin, files)
  if ("code" in input) return input
  const text = values.get("n") ?? "10"
  return /^[+-]?\d+$/.test(text)
    ? { text, lines: linesOf(input.text) }
    : failure(`${name}: invalid number of lines: '${text}'`)
}

const head: TextFilter = (args, stdin, files) => {
  const wanted = count("head", args, stdin, files)
  if ("code" in wanted) return wanted
  const all = wanted.lines
  return success(joined(all.slice(0, Number(wanted.text))))
}

const tail: TextFilter = (args, stdin, files) => {
  const wanted = count("tail", args, stdin, files)
  if ("code" in wanted) return wanted
  const all = wanted.lines
  const number = Math.abs(Number(wanted.text))
  if (wanted.text.startsWith("+")) return success(joined(all.slice(Math.max(0, number - 1))))
  return success(joined(all.slice(Math.max(0, all.length - number))))
}

const wc: TextFilter = (args, stdin, files) => {
  const { flags, rest, bad } = options(args, "lwcm", "")
  if (bad !== undefined) return wrongOption("wc", bad)
  const input = inputOf("wc", rest, stdin, files)
  if ("code" in input) return input
  const numbers: ReadonlyArray<readonly [string, number]> = [
    ["l", input.text.split("\n").length - 1],
    ["w", input.text.split(/\s+/).filter((word) => word !== "").length],
    ["c", input.text.length]
  ]
  const wanted = numbers.filter(
    ([letter]) => flags.size === 0 || flags.has(letter) || (letter === "c" && flags.has("m"))
  )
  const name = rest.length === 0 ? "" : ` ${rest[0]}`
  if (wanted.length === 1) return success(`${wanted[0]![1]}${name}\n`)
  return success(`${wanted.map(([, number]) => String(number).padStart(7)).join(" ")}${name}\n`)
}

const sort: TextFilter = (args, stdin, files) => {
  const { flags, values, rest, bad } = options(args, "nruf", "kt")
  if (bad !== undefined) return wrongOption("sort", bad)
  const input = inputOf("sort", rest, stdin, files)
  if ("code" in input) return input
  const key = /^(\d+)(?:,\d+)?([nr]*)$/.exec(values.get("k") ?? "1")
  if (key === null || key[1] === "0") return failure(`sort: invalid number at field start: '${values.get("k")}'`, 2)
  const isNumeric = flags.has("n") || key[2]!.includes("n")
  const isReversed = flags.has("r") || key[2]!.includes("r")
  const separator = values.get("t")
  const keyOf = (line: string): string => {
    const text = flags.has("f") ? line.toUpperCase() : line
    if (!values.has("k")) return text
    const fields = separator === undefined ? text.trim().split(/\s+/) : text.split(separator)
    return fields.slice(Number(key[1]) - 1).join(separator ?? " ")
  }
  const numberOf = (line: string): number => Number.parseFloat(/^\s*(-?\d*\.?\d+)/.exec(keyOf(line))?.[1] ?? "0")
  const compare = (a: string, b: string): number => {
    const first = isNumeric ? numberOf(a) - numberOf(b) : byCode(keyOf(a), keyOf(b))
    return (first === 0 && !flags.has("u") ? byCode(a, b) : first) * (isReversed ? -1 : 1)
  }
  const sorted = [...linesOf(input.text)].sort(compare)
  return success(
    joined(flags.has("u") ? sorted.filter((line, i) => i === 0 || compare(sorted[i - 1]!, line) !== 0) : sorted)
  )
}

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const uniq: TextFilter = (args, stdin, files) => {
  const { flags, rest, bad } = options(args, "cdu", "")
  if (bad !== undefined) return wrongOption("uniq", bad)
  const input = inputOf("uniq", rest, stdin, files)
  if ("code" in input) return input
  const groups: Array<{ readonly line: string; count: number }> = []
  for (const line of linesOf(input.text)) {
    const last = groups.at(-1)
    if (last?.line === line) last.count++
    else groups.push({ line, count: 1 })
  }
  const kept = groups.filter((group) => (flags.has("d") ? group.count > 1 : flags.has("u") ? group.count === 1 : true))
  return success(
    joined(kept.map(({ line, count }) => (flags.has("c") ? `${String(count).padStart(7)} ${line}` : line)))
  )
}

const cut: TextFilter = (args, stdin, files) => {
  const { flags, values, rest, bad } = options(args, "s", "dfc")
  if (bad !== undefined) return wrongOption("cut", bad)
  const input = inputOf("cut", rest, stdin, files)
  if ("code" in input) return input
  const list = values.get("f") ?? values.get("c")
  if (list === undefined) return failure("cut: you must specify a list of bytes, characters, or fields")
  const isWanted = selection(list)
  if (isWanted === undefined) return failure(`cut: invalid field value '${list}'`)
  const delimiter = values.get("d") ?? "\t"
  const result: Array<string> = []
  for (const line of linesOf(input.text)) {
    if (values.has("c")) result.push([...line].filter((_, at) => isWanted(at + 1)).join(""))
    else if (!line.includes(delimiter)) {
      if (!flags.has("s")) result.push(line)
    } else
      result.push(
        line
          .split(delimiter)
          .filter((_, at) => isWanted(at + 1))
          .join(delimiter)
      )
  }
  return success(joined(result))
}

/** `1,3-5,7-` as a test. */
const selection = (list: string): ((position: number) => boolean) | undefined => {
  const ranges: Array<readonly [number, number]> = []
  for (const part of list.split(",")) {
    const match = /^(\d*)(-?)(\d*)$/.exec(part)
    if (match === null || part === "" || part === "-") return undefined
    const low = match[1] === "" ? 1 : Number(match[1])
    ranges.push([low, match[2] === "" ? low : match[3] === "" ? Infinity : Number(match[3])])
  }
  return (position) => ranges.some(([low, high]) => position >= low && position <= high)
}

const tr: TextFilter = (args, stdin) => {
  const { flags, rest, bad } = options(args, "ds", "")
  if (bad !== undefined) return wrongOption("tr", bad)
  const from = charactersOf(rest[0] ?? "")
  const to = charactersOf(rest[1] ?? "")
  if (rest.length === 0 || (rest.length === 1 && flags.size === 0)) return failure("tr: missing operand")
  let result = ""
  for (const char of stdin) {
    const at = from.lastIndexOf(char)
    if (at < 0) result += char
    else if (flags.has("d")) continue
    else {
      const mapped = rest.length === 1 ? char : (to[Math.min(at, to.length - 1)] ?? char)
      if (!flags.has("s") || !result.endsWith(mapped)) result += mapped
    }
  }
  return success(result)
}

/** `a-z`, `[:space:]`-free sets with `\n` and `\t`. */
const charactersOf = (set: string): ReadonlyArray<string> => {
  const plain = [...set.replaceAll("\\n", "\n").replaceAll("\\t", "\t").replaceAll("\\\\", "\\")]
  const result: Array<string> = []
  for (let at = 0; at < plain.length; at++) {
    const end = plain[at + 2]
    if (plain[at + 1] !== "-" || end === undefined) {
      result.push(plain[at]!)
      continue
    }
    const last = Math.min(end.codePointAt(0)!, plain[at]!.codePointAt(0)! + 255)
    for (let code = plain[at]!.codePointAt(0)!; code <= last; code++) result.push(String.fromCodePoint(code))
    at += 2
  }
  return result
}

/** The filters by name. `cat` reads files elsewhere; here it passes its input on. */
export const textFilters: ReadonlyMap<string, TextFilter> = new Map([
  ["grep", grep],
  ["egrep", (args, stdin, files) => grep(["-E", ...args], stdin, files)],
  ["fgrep", (args, stdin, files) => grep(["-F", ...args], stdin, files)],
  ["head", head],
  ["tail", tail],
  ["wc", wc],
  ["sort", sort],
  ["uniq", uniq],
  ["cut", cut],
  ["tr", tr]
])
