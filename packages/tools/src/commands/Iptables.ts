/** `iptables`, `iptables-save`, `iptables-restore`, `conntrack`. */
import * as Errno from "@darkfiber/kernel-net/Errno"
import { chainNames, EMLINK, tablePoints } from "@darkfiber/kernel-net/netfilter/IptablesTable"
import * as RuleText from "@darkfiber/kernel-net/netfilter/RuleText"
import { TABLE_NAMES, type Rule, type TableName } from "@darkfiber/kernel-net/netfilter/Rules"
import * as Setup from "@darkfiber/kernel-net/netfilter/Setup"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Conntracks from "@darkfiber/observe/Conntracks"
import * as IptablesView from "@darkfiber/observe/IptablesView"
import { now, type Place } from "@darkfiber/observe/Machine"
import { conntrackSummary, formatChains, formatConntrack } from "@darkfiber/observe/TableText"
import { Result } from "effect"
import type { Command } from "../Command.ts"
import { failure, outcome, success, type Outcome } from "../Outcome.ts"
import { strerror } from "../Strerror.ts"
import type { IptablesCommand } from "../iptables/Command.ts"
import { parse, parseSaved } from "../iptables/Parse.ts"

/** What iptables says to an errno of the kernel (libiptc: TC_STRERROR). */
const explain = (status: number, command: IptablesCommand["_tag"]): string => {
  switch (-status) {
    case Errno.ENOENT:
      if (command === "DeleteRule" || command === "Check")
        return "Bad rule (does a matching rule exist in that chain?)."
      return "No chain/target/match by that name."
    case Errno.EEXIST:
      return "Chain already exists."
    case Errno.E2BIG:
      if (command === "Insert") return "Index of insertion too big."
      return command === "Replace" ? "Index of replacement too big." : "Index of deletion too big."
    case Errno.ENOTEMPTY:
      return "Directory not empty."
    case EMLINK:
      return "Too many links."
    case Errno.ELOOP:
      return "Too many levels of symbolic links."
    default:
      return `${strerror(status)}. Run \`dmesg' for more information.`
  }
}

const answer = (status: number, command: IptablesCommand["_tag"]): Outcome =>
  status >= 0 ? success() : failure(`iptables: ${explain(status, command)}`)

/** Carries the command out. */
export const execute = (command: IptablesCommand, net: Netns): Outcome => {
  const { _tag, table } = command
  switch (_tag) {
    case "List":
      return list(command, net)
    case "ListRules":
      return listRules(command, net)
    case "Append":
    case "Insert":
    case "Check":
    case "DeleteRule":
      return each(command, net)
    case "Replace": {
      const netfilter = Setup.of(net)
      const status = netfilter.table(table).replace(command.chain, command.number, command.rule)
      if (status === 0) netfilter.require(command.rule)
      return answer(status, _tag)
    }
    case "DeleteAt":
      return answer(Setup.of(net).table(table).deleteAt(command.chain, command.number), _tag)
    case "Flush":
      return answer(Setup.of(net).table(table).flush(command.chain), _tag)
    case "Zero":
      return answer(Setup.of(net).table(table).zero(command.chain), _tag)
    case "NewChain":
      return answer(Setup.of(net).table(table).newChain(command.chain), _tag)
    case "DeleteChain":
      return answer(Setup.of(net).table(table).deleteChain(command.chain), _tag)
    case "Policy":
      return answer(Setup.of(net).table(table).policy(command.chain, command.policy), _tag)
    default:
      return _tag satisfies never
  }
}

type RuleCommand = Extract<IptablesCommand, { readonly _tag: "Append" | "Insert" | "Check" | "DeleteRule" }>

const each = (command: RuleCommand, net: Netns): Outcome => {
  // Insertion goes backwards, so that several rules stand in the order in which they were written.
  const rules = command._tag === "Insert" ? [...command.rules].reverse() : command.rules
  for (const rule of rules) {
    const status = one(command, net, rule)
    if (status < 0) return answer(status, command._tag)
  }
  return success()
}

const one = (command: RuleCommand, net: Netns, rule: Rule): number => {
  const netfilter = Setup.of(net)
  switch (command._tag) {
    case "Append":
      return netfilter.append(command.table, command.chain, rule)
    case "Insert":
      return netfilter.insert(command.table, command.chain, command.number, rule)
    case "DeleteRule":
      return netfilter.table(command.table).deleteRule(command.chain, rule)
    case "Check":
      return netfilter.table(command.table).find(command.chain, rule) > 0 ? 0 : -Errno.ENOENT
    default:
      return command satisfies never
  }
}

/** Built-in chains of a table, for one that is not loaded: a listing loads nothing. */
const builtIn = (table: TableName): ReadonlyArray<string> => tablePoints[table].map((point) => chainNames[point]!)

const list = (command: Extract<IptablesCommand, { readonly _tag: "List" }>, net: Netns): Outcome => {
  const table = IptablesView.peek(net, command.table)
  const { chain } = command
  const chains =
    table === null
      ? IptablesView.blankChains(builtIn(command.table).filter((name) => chain === null || name === chain))
      : IptablesView.chains(table, chain)
  if (chains.length === 0) return answer(-Errno.ENOENT, "List")
  return success(formatChains(chains, command))
}

const listRules = (command: Extract<IptablesCommand, { readonly _tag: "ListRules" }>, net: Netns): Outcome => {
  const table = IptablesView.peek(net, command.table)
  const isWanted = (name: string): boolean => command.chain === null || name === command.chain
  if (table === null) {
    const names = builtIn(command.table).filter(isWanted)
    if (names.length === 0) return answer(-Errno.ENOENT, "ListRules")
    return success(names.map((name) => `-P ${name} ACCEPT\n`).join(""))
  }
  const chains = [...table.chains.values()].filter((chain) => isWanted(chain.name))
  if (chains.length === 0) return answer(-Errno.ENOENT, "ListRules")
  const counters = (packets: number, bytes: number): string => (command.verbose ? ` -c ${packets} ${bytes}` : "")
  const records = IptablesView.chains(table)
  const heads = chains.map((chain) => {
    const policy = records.find((record) => record.name === chain.name)?.policy ?? null
    return policy === null
      ? `-N ${chain.name}\n`
      : `-P ${chain.name} ${policy}${counters(chain.packets, chain.bytes)}\n`
  })
  const rules = chains.flatMap((chain) =>
    chain.rules.map((rule) => `${RuleText.rule(chain.name, rule.rule)}${counters(rule.packets, rule.bytes)}\n`)
  )
  return success([...heads, ...rules].join(""))
}

export const iptables: Command = {
  name: "iptables",
  usage: "iptables [-t TABLE] -A|-I|-D|-R|-C|-L|-S|-F|-Z|-N|-X|-P …",
  run: (args, { place }) => {
    const command = parse(args)
    return Result.isFailure(command) ? failure(command.failure.message, 2) : execute(command.success, place.net)
  }
}

export const iptablesSave: Command = {
  name: "iptables-save",
  usage: "iptables-save [-c] [-t TABLE]",
  run: (args, { place }) => {
    let counters = false
    let only: string | undefined
    for (let at = 0; at < args.length; at++) {
      if (args[at] === "-c" || args[at] === "--counters") counters = true
      else if (args[at] === "-t" || args[at] === "--table") only = args[++at]
      else return failure(`iptables-save: unknown option "${args[at]!}"`, 2)
    }
    const netfilter = Setup.peek(place.net)
    const lines = TABLE_NAMES.filter((name) => only === undefined || name === only).flatMap(
      (name) => netfilter?.tables.get(name)?.describe(counters) ?? []
    )
    return success(lines.map((line) => `${line}\n`).join(""))
  }
}

/** `iptables-restore [-n]`: reads what iptables-save prints; each table is emptied first, unless -n. */
export const iptablesRestore: Command = {
  name: "iptables-restore",
  usage: "iptables-restore [-n] < RULES",
  run: (args, { place, stdin }) => {
    const keeps = args.some((arg) => arg === "-n" || arg === "--noflush")
    const bad = args.find((arg) => !["-n", "--noflush", "-c", "--counters"].includes(arg))
    if (bad !== undefined) return failure(`iptables-restore: unknown option "${bad}"`, 2)
    let table: TableName | undefined
    const lines = stdin.split("\n")
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at]!.trim()
      if (line === "" || line.startsWith("#")) continue
      if (line.startsWith("*")) {
        table = TABLE_NAMES.find((name) => name === line.slice(1))
        if (table === undefined) return failed(at + 1, `unknown table '${line.slice(1)}'`)
        if (!keeps) clear(place.net, table)
      } else if (line === "COMMIT") table = undefined
      else if (table === undefined) return failed(at + 1, "no table before this line")
      else {
        const error = restoreLine(line, table, place.net)
        if (error !== "") return failed(at + 1, error)
      }
    }
    return table === undefined ? success() : failed(lines.length, "COMMIT expected")
  }
}

const failed = (line: number, reason: string): Outcome => failure(`iptables-restore: line ${line} failed: ${reason}`)

const clear = (net: Netns, name: TableName): void => {
  const table = Setup.of(net).table(name)
  table.flush(null)
  table.deleteChain(null)
}

const restoreLine = (line: string, name: TableName, net: Netns): string => {
  const table = Setup.of(net).table(name)
  const chain = /^:(\S+) (\S+)(?: \[\d+:\d+\])?$/.exec(line)
  if (chain !== null) {
    const isUser = chain[2] === "-"
    const status = isUser
      ? table.newChain(chain[1]!)
      : chain[2] === "ACCEPT" || chain[2] === "DROP"
        ? table.policy(chain[1]!, chain[2])
        : -Errno.EINVAL
    return status < 0 && status !== -Errno.EEXIST ? strerror(status) : ""
  }
  const command = parseSaved(name, line.replace(/^\[\d+:\d+\] /, ""))
  if (Result.isFailure(command)) return command.failure.message
  return execute(command.success, net).stderr.trim()
}

export const conntrack: Command = {
  name: "conntrack",
  usage: "conntrack -L [-p PROTO] | -C | -F | -S",
  run: (args, { place }) => {
    const [verb, ...rest] = args
    switch (verb) {
      case "-L":
      case "--dump":
        return listFlows(rest, place)
      case "-C":
      case "--count":
        return success(`${Conntracks.count(place.net)}\n`)
      case "-F":
      case "--flush": {
        const tracker = Setup.peek(place.net)?.conntrack ?? null
        if (tracker !== null) tracker.table.flush(tracker.net, () => true)
        return outcome("", "conntrack v1.4.6 (conntrack-tools): connection tracking table has been emptied.\n")
      }
      case "-S":
      case "--stats":
        return statistics(place)
      default:
        return failure(
          "conntrack v1.4.6 (conntrack-tools): Wrong argument. Try `conntrack -h' or 'conntrack --help'",
          2
        )
    }
  }
}

const protocolNumbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, icmp: 1 }

const listFlows = (args: ReadonlyArray<string>, place: Place): Outcome => {
  let protocol: number | undefined
  for (let at = 0; at < args.length; at++) {
    const name = args[at] === "-p" || args[at] === "--proto" ? args[++at] : undefined
    protocol = name !== undefined && Object.hasOwn(protocolNumbers, name) ? protocolNumbers[name] : undefined
    if (protocol === undefined)
      return failure(`conntrack v1.4.6 (conntrack-tools): unknown argument '${args[at] ?? ""}'`, 2)
  }
  const accounting = Setup.peek(place.net)?.conntrack?.net.accounting === true
  const found = Conntracks.list(place.net, now(place)).filter(
    (one) => protocol === undefined || one.protocol === protocol
  )
  return outcome(found.map((one) => formatConntrack(one, accounting)).join(""), conntrackSummary(found.length))
}

const statistics = (place: Place): Outcome => {
  const stats = Setup.peek(place.net)?.conntrack?.net.stats
  if (stats === undefined) return success()
  const { found, invalid, inserted, insertFailed, dropped, earlyDropped } = stats
  return success(
    `cpu=0   \tfound=${found} invalid=${invalid} insert=${inserted} insert_failed=${insertFailed} drop=${dropped} early_drop=${earlyDropped} error=0 search_restart=0 \n`
  )
}
