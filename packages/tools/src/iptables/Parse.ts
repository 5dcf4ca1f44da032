/**
 * Reads an `iptables` command line into data. Never throws.
 *
 *     iptables [-t TABLE] -A|-I|-R|-D|-C CHAIN [NUMBER] [! OPTION VALUE]… [-j TARGET [OPTION VALUE]…]
 *     iptables [-t TABLE] -L|-S|-F|-Z [CHAIN]   -N|-X CHAIN   -P CHAIN POLICY
 *
 * An option that the simulator does not know is an error that names it.
 */
import { type Rule, TABLE_NAMES, type TableName } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Result from "effect/Result"
import { usageError, type IptablesCommand, type UsageError } from "./Command.ts"
import { complete, newDraft, readMatch, type Draft } from "./Matches.ts"
import { Reader, Stop } from "./Reader.ts"
import { finish, named, newTarget, readTarget, type TargetDraft } from "./Targets.ts"

/** Rules one command line may stand for (address lists). */
const maxRules = 1000

/** Everything the words have said. */
interface State {
  table: TableName
  command: string
  chain: string | null
  number: number
  policy: string
  readonly draft: Draft
  readonly target: TargetDraft
  hasRule: boolean
  verbose: boolean
  exact: boolean
  lineNumbers: boolean
}

/** @param words the arguments, without `iptables` itself */
export const parse = (words: ReadonlyArray<string>): Result.Result<IptablesCommand, UsageError> => {
  const reader = new Reader(words)
  try {
    return Result.succeed(read(reader))
  } catch (stop) {
    if (stop instanceof Stop) return Result.fail(stop.error)
    throw stop
  }
}

const read = (reader: Reader): IptablesCommand => {
  const state: State = {
    table: "filter",
    command: "",
    chain: null,
    number: 0,
    policy: "",
    draft: newDraft(),
    target: newTarget(),
    hasRule: false,
    verbose: false,
    exact: false,
    lineNumbers: false
  }
  while (!reader.isAtEnd) {
    const word = reader.next()
    if (word === "!") {
      if (reader.inverted) reader.fail("multiple consecutive ! not allowed")
      reader.inverted = true
    } else if (!readGeneral(reader, state, word) && !readCommand(reader, state, word)) readRulePart(reader, state, word)
  }
  if (reader.inverted) reader.fail("nothing appropriate following !")
  return build(reader, state)
}

const readGeneral = (reader: Reader, state: State, word: string): boolean => {
  switch (word) {
    case "-t":
    case "--table": {
      const name = reader.value(word)
      const table = TABLE_NAMES.find((one) => one === name)
      if (table === undefined) {
        reader.fail(`can't initialize iptables table \`${name}': Table does not exist (do you need to insmod?)`)
      } else state.table = table
      return true
    }
    case "-v":
    case "--verbose":
    case "-vn":
    case "-nv":
      state.verbose = true
      return true
    case "-vnx":
    case "-nvx":
      state.verbose = true
      state.exact = true
      return true
    case "-n":
    case "--numeric":
    case "-w":
    case "--wait":
      return true
    case "-x":
    case "--exact":
      state.exact = true
      return true
    case "--line-numbers":
    case "--line":
      state.lineNumbers = true
      return true
    default:
      return false
  }
}

const longCommands: ReadonlyMap<string, string> = new Map([
  ["--append", "-A"],
  ["--insert", "-I"],
  ["--replace", "-R"],
  ["--delete", "-D"],
  ["--check", "-C"],
  ["--list", "-L"],
  ["--list-rules", "-S"],
  ["--flush", "-F"],
  ["--zero", "-Z"],
  ["--new-chain", "-N"],
  ["--new", "-N"],
  ["--delete-chain", "-X"],
  ["--policy", "-P"]
])

const readCommand = (reader: Reader, state: State, word: string): boolean => {
  const bundle = /^-(L|S)([vnx]+)$/.exec(word)
  const command = longCommands.get(word) ?? (bundle === null ? word : `-${bundle[1]!}`)
  if (!/^-[AIRDCLSFZNXP]$/.test(command)) return false
  if (reader.inverted) reader.fail(`unexpected '!' flag before ${word}`)
  if (state.command !== "") reader.fail(`Cannot use ${command} with ${state.command}`)
  state.command = command
  if (bundle !== null) {
    state.verbose ||= bundle[2]!.includes("v")
    state.exact ||= bundle[2]!.includes("x")
  }
  const isOptional = "-L-S-F-Z-X".includes(command)
  const chain = isOptional ? reader.optional() : reader.value(command)
  state.chain = chain ?? null
  if (chain !== undefined && chain.length > 28) {
    reader.fail(`chain name \`${chain}' too long (must be under 29 chars)`)
  }
  if (command === "-P") state.policy = reader.value(command)
  if (command === "-I" || command === "-D" || command === "-R") readNumber(reader, state)
  return true
}

const readNumber = (reader: Reader, state: State): void => {
  const text = reader.peek()
  if (text === undefined || !/^-?\d+$/.test(text)) {
    if (state.command === "-R") reader.fail("-R requires a rule number")
    if (state.command === "-I") state.number = 1
    return
  }
  reader.at++
  state.number = reader.number(state.command, text, 1, 0x7fff_ffff)
}

const readRulePart = (reader: Reader, state: State, word: string): void => {
  state.hasRule = true
  if (word === "-j" || word === "--jump" || word === "-g" || word === "--goto") {
    if (reader.inverted) reader.fail(`unexpected ! flag before ${word}`)
    if (state.target.target !== null) reader.fail("multiple -j or -g flags not allowed")
    named(state.target, reader.value(word))
    state.target.isGoto = word === "-g" || word === "--goto"
    return
  }
  if (readMatch(reader, state.draft, word)) return
  if (!reader.inverted && readTarget(reader, state.target, word)) return
  if (!word.startsWith("-")) reader.fail(`Bad argument \`${word}'`)
  reader.fail(`unknown option "${word}"`)
}

const build = (reader: Reader, state: State): IptablesCommand => {
  const { table, chain, command, number, verbose, exact, lineNumbers } = state
  if (command === "") reader.fail("no command specified")
  if (state.hasRule && !"-A-I-R-D-C".includes(command)) reader.fail(`illegal option with ${command}`)
  switch (command) {
    case "-L":
      return { _tag: "List", table, chain, verbose, exact, lineNumbers }
    case "-S":
      return { _tag: "ListRules", table, chain, verbose }
    case "-F":
      return { _tag: "Flush", table, chain }
    case "-Z":
      return { _tag: "Zero", table, chain }
    case "-X":
      return { _tag: "DeleteChain", table, chain }
    case "-N":
      return { _tag: "NewChain", table, chain: chain! }
    case "-P":
      if (state.policy !== "ACCEPT" && state.policy !== "DROP")
        return reader.fail("Bad policy name. Run `dmesg' for more information.")
      return { _tag: "Policy", table, chain: chain!, policy: state.policy }
    case "-D":
      if (number > 0) return { _tag: "DeleteAt", table, chain: chain!, number }
      return { _tag: "DeleteRule", table, chain: chain!, rules: rulesOf(reader, state) }
    default:
      return withRules(reader, state, chain!)
  }
}

const withRules = (reader: Reader, state: State, chain: string): IptablesCommand => {
  const { table, command, number } = state
  const rules = rulesOf(reader, state)
  switch (command) {
    case "-I":
      return { _tag: "Insert", table, chain, number, rules }
    case "-C":
      return { _tag: "Check", table, chain, rules }
    case "-R":
      if (rules.length > 1) reader.fail("Replacement rule does not specify a unique address")
      return { _tag: "Replace", table, chain, number, rule: rules[0]! }
    default:
      return { _tag: "Append", table, chain, rules }
  }
}

const rulesOf = (reader: Reader, state: State): ReadonlyArray<Rule> => {
  const target = finish(reader, state.target)
  const rules = complete(reader, state.draft).map((matches) => ({ matches, target }))
  if (rules.length > maxRules) reader.fail(`more than ${maxRules} rules at once`)
  return rules
}

/** Splits a line of iptables-save: quotes and backslashes only, no shell. Undefined for an open quote. */
export const splitSaved = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let word: string | undefined
  let isQuoted = false
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!
    if (char === '"') {
      isQuoted = !isQuoted
      word ??= ""
    } else if (char === "\\" && isQuoted && at + 1 < line.length) word = (word ?? "") + line[++at]!
    else if (/\s/.test(char) && !isQuoted) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? "") + char
  }
  if (isQuoted) return undefined
  if (word !== undefined) words.push(word)
  return words
}

/** Reads one rule line of iptables-save (`-A CHAIN …`). */
export const parseSaved = (table: TableName, line: string): Result.Result<IptablesCommand, UsageError> => {
  const words = splitSaved(line)
  return words === undefined ? Result.fail(usageError("unclosed quote")) : parse(["-t", table, ...words])
}
