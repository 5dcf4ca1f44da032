/** `netstat`, `nstat`, `vmstat`, `uptime`, `ps`, `slabtop`, `free`, `arp`, `route`. */
import * as MemoryViews from "@darkfiber/memory/MemoryViews"
import { right } from "@darkfiber/observe/Columns"
import { netstat as netstatText, nstat as nstatText } from "@darkfiber/observe/CounterText"
import * as Hosts from "@darkfiber/observe/Hosts"
import * as Links from "@darkfiber/observe/Links"
import { now, type Place } from "@darkfiber/observe/Machine"
import * as ProcessText from "@darkfiber/observe/ProcessText"
import * as ProcessView from "@darkfiber/observe/ProcessView"
import * as Procfs from "@darkfiber/observe/Procfs"
import * as ProcText from "@darkfiber/observe/ProcText"
import * as Routes from "@darkfiber/observe/Routes"
import { formatArp, formatRouteTable } from "@darkfiber/observe/RouteText"
import * as Sockets from "@darkfiber/observe/Sockets"
import type { SocketRecord } from "@darkfiber/observe/SsText"
import * as Ipv4Address from "@darkfiber/wire/Ipv4Address"
import { badOption, type Command } from "../Command.ts"
import { failure, success, type Outcome } from "../Outcome.ts"

/** Letters of all bundles, or the first argument that is none. */
const letters = (args: ReadonlyArray<string>, known: string): ReadonlySet<string> | string => {
  const found = new Set<string>()
  for (const arg of args) {
    if (!/^-[A-Za-z]+$/.test(arg)) return arg
    for (const letter of arg.slice(1)) {
      if (!known.includes(letter)) return `-${letter}`
      found.add(letter)
    }
  }
  return found
}

const netstatStates: Readonly<Record<string, string>> = {
  ESTAB: "ESTABLISHED",
  "SYN-SENT": "SYN_SENT",
  "SYN-RECV": "SYN_RECV",
  "FIN-WAIT-1": "FIN_WAIT1",
  "FIN-WAIT-2": "FIN_WAIT2",
  "TIME-WAIT": "TIME_WAIT",
  UNCONN: "CLOSE",
  "CLOSE-WAIT": "CLOSE_WAIT",
  "LAST-ACK": "LAST_ACK",
  LISTEN: "LISTEN",
  CLOSING: "CLOSING"
}

/** `netstat -ant` (net-tools: netstat.c). netstat shows accept queues as 0 in Send-Q, as /proc/net/tcp has them. */
const connections = (place: Place, flags: ReadonlySet<string>): Outcome => {
  const isShown = (one: SocketRecord): boolean => {
    if (one.netid === "tcp" ? flags.has("u") && !flags.has("t") : flags.has("t") && !flags.has("u")) return false
    const isListening = one.state === "LISTEN" || (one.netid !== "tcp" && one.state === "UNCONN")
    return flags.has("a") || isListening === flags.has("l")
  }
  const end = (address: number, port: number): string => `${Ipv4Address.format(address)}:${port === 0 ? "*" : port}`
  const row = (one: SocketRecord): string => {
    const state = one.netid === "udp" && one.state === "UNCONN" ? "" : (netstatStates[one.state] ?? one.state)
    const owner = one.processes[0]
    const program = flags.has("p") ? (owner === undefined ? "-" : `${owner.pid}/${owner.name}`) : ""
    const queues = `${right(one.receiveQueue, 6)} ${right(one.state === "LISTEN" ? 0 : one.sendQueue, 6)}`
    const ends = `${end(one.localAddress, one.localPort).padEnd(23)} ${end(one.remoteAddress, one.remotePort).padEnd(23)}`
    return `${one.netid.padEnd(5)} ${queues} ${ends} ${state.padEnd(11)} ${program}`.trimEnd()
  }
  const what = flags.has("a") ? "(servers and established)" : flags.has("l") ? "(only servers)" : "(w/o servers)"
  const program = flags.has("p") ? " PID/Program name" : ""
  const heading = `Proto Recv-Q Send-Q Local Address           Foreign Address         State      ${program}`.trimEnd()
  const rows = Sockets.list(place).filter(isShown).map(row)
  return success([`Active Internet connections ${what}`, heading, ...rows].map((line) => `${line}\n`).join(""))
}

export const netstat: Command = {
  name: "netstat",
  usage: "netstat -s [-t|-u] | -antulp | -rn | -i",
  run: (args, { place }) => {
    const flags = letters(args, "santulpriwe46")
    if (typeof flags === "string") return badOption("netstat", flags)
    if (flags.has("s")) {
      const only = new Set<string>()
      if (flags.has("t")) for (const group of ["Tcp", "TcpExt"]) only.add(group)
      if (flags.has("u")) for (const group of ["Udp", "UdpLite"]) only.add(group)
      return success(netstatText(Procfs.counters(place), only))
    }
    if (flags.has("r")) return success(formatRouteTable(Routes.list(place.net)))
    if (flags.has("i")) return success(ProcText.netDev(Links.devices(place.net)))
    return connections(place, flags)
  }
}

/** Without its history file nstat always prints totals; -a, -s and -r change nothing. */
export const nstat: Command = {
  name: "nstat",
  usage: "nstat [-az] [PATTERN…]",
  run: (args, { place }) => {
    const patterns = args.filter((arg) => !arg.startsWith("-"))
    const flags = letters(
      args.filter((arg) => arg.startsWith("-")),
      "azsrn"
    )
    if (typeof flags === "string") return badOption("nstat", flags)
    return success(nstatText(Procfs.counters(place), { zeros: flags.has("z"), patterns }))
  }
}

export const vmstat: Command = {
  name: "vmstat",
  usage: "vmstat",
  run: (args, { place }) =>
    args.length > 0
      ? failure(`vmstat: "${args.join(" ")}" is not supported: one line since boot is printed`)
      : success(ProcessText.vmstatHeading + ProcessText.formatVmstat(Hosts.vmstat(place)))
}

export const uptime: Command = {
  name: "uptime",
  usage: "uptime",
  run: (args, { place }) =>
    args.length > 0
      ? badOption("uptime", args[0]!)
      : success(ProcessText.formatUptime(now(place), Hosts.load(place).averages))
}

export const ps: Command = {
  name: "ps",
  usage: "ps [-e | -ef | aux]",
  run: (args, { place }) => {
    const text = args.join("").replaceAll("-", "")
    const all = ProcessView.list(place.processes)
    if (["", "e", "A", "ax"].includes(text)) return success(ProcessText.formatPs(all))
    if (["ef", "fe", "Af"].includes(text)) return success(ProcessText.formatPsFull(all))
    if (text === "aux") return success(ProcessText.formatPsAux(all, now(place)))
    return failure(`error: unsupported option (${args.join(" ")})`)
  }
}

export const slabtop: Command = {
  name: "slabtop",
  usage: "slabtop -o",
  run: (args, { place }) => {
    const flags = letters(args, "os")
    if (typeof flags === "string" && flags !== "c") return badOption("slabtop", flags)
    return success(ProcText.slabtop(MemoryViews.slabInfo(place.host.memory)))
  }
}

export const free: Command = {
  name: "free",
  usage: "free [-m]",
  run: (args, { place }) => {
    const flags = letters(args, "mkbg")
    if (typeof flags === "string") return badOption("free", flags)
    const unit = flags.has("b") ? 1 : flags.has("m") ? 1_048_576 : flags.has("g") ? 1_073_741_824 : 1024
    const memory = MemoryViews.memInfo(place.host.memory)
    const cells = [
      memory.memTotal,
      memory.used,
      memory.memFree,
      0,
      memory.sReclaimable,
      memory.unused + memory.sReclaimable
    ]
    const row = (name: string, values: ReadonlyArray<number>): string =>
      `${name.padEnd(7)} ${values.map((value) => right(Math.floor(value / unit), 11)).join(" ")}\n`
    const heading = ["total", "used", "free", "shared", "buff/cache", "available"].map((title) => right(title, 11))
    return success(`${" ".repeat(8)}${heading.join(" ")}\n${row("Mem:", cells)}${row("Swap:", [0, 0, 0])}`)
  }
}

export const arp: Command = {
  name: "arp",
  usage: "arp -n",
  run: (args, { place }) => {
    const flags = letters(args, "nae")
    return typeof flags === "string"
      ? badOption("arp", flags)
      : success(formatArp(Routes.neighbours(place.net, now(place))))
  }
}

export const route: Command = {
  name: "route",
  usage: "route -n",
  run: (args, { place }) => {
    const flags = letters(args, "ne")
    return typeof flags === "string" ? badOption("route", flags) : success(formatRouteTable(Routes.list(place.net)))
  }
}
