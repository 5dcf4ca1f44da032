/** /proc: the text of each file that the simulator has, by its path; and what `sysctl` and `cat` read. */
import { names as softirqNames } from "@darkfiber/hardware/cpu/Softirq"
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as MemoryViews from "@darkfiber/memory/MemoryViews"
import { fixed } from "./Columns.ts"
import * as Conntracks from "./Conntracks.ts"
import * as Counters from "./Counters.ts"
import { procNetstat, procSnmp, type Counters as CounterMap } from "./CounterText.ts"
import * as Hosts from "./Hosts.ts"
import * as Links from "./Links.ts"
import { now, type Place } from "./Machine.ts"
import { driverOf } from "./Nics.ts"
import * as ProcessText from "./ProcessText.ts"
import * as ProcessView from "./ProcessView.ts"
import * as ProcSockets from "./ProcSockets.ts"
import * as ProcText from "./ProcText.ts"
import * as Routes from "./Routes.ts"
import { formatArp, procRoute } from "./RouteText.ts"
import * as Sockets from "./Sockets.ts"
import * as Sysctls from "./Sysctls.ts"
import { formatConntrack } from "./TableText.ts"

/** The namespace's SNMP counters. */
export const counters = (place: Place): CounterMap => Counters.read(place.net, place.tcp?.netOf(place.net) ?? null)

type Reader = (place: Place) => string

const files: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["/proc/net/dev", (place) => ProcText.netDev(Links.devices(place.net))],
  ["/proc/net/snmp", (place) => procSnmp(counters(place))],
  ["/proc/net/netstat", (place) => procNetstat(counters(place))],
  ["/proc/net/sockstat", (place) => ProcText.sockstat(Sockets.sockstat(place))],
  ["/proc/net/tcp", ProcSockets.tcp],
  ["/proc/net/udp", ProcSockets.udp],
  ["/proc/net/icmp", ProcSockets.icmp],
  ["/proc/net/route", (place) => procRoute(Routes.list(place.net))],
  ["/proc/net/softnet_stat", (place) => ProcText.softnetStat(Hosts.softnet(place), isOld(place) ? 11 : 15)],
  ["/proc/net/arp", (place) => formatArp(Routes.neighbours(place.net, now(place)))],
  ["/proc/net/nf_conntrack", conntrack],
  ["/proc/softirqs", (place) => ProcText.softirqs(softirqNames, Hosts.softirqCounts(place))],
  ["/proc/interrupts", (place) => ProcText.interrupts(place.host.cores.length, interruptLines(place))],
  ["/proc/stat", (place) => ProcText.stat(Hosts.stat(place))],
  ["/proc/loadavg", (place) => ProcText.loadavg(Hosts.load(place))],
  ["/proc/uptime", uptime],
  ["/proc/meminfo", (place) => ProcText.meminfo(MemoryViews.memInfo(place.host.memory))],
  ["/proc/slabinfo", (place) => ProcText.slabinfo(MemoryViews.slabInfo(place.host.memory))],
  ["/proc/buddyinfo", (place) => ProcText.buddyinfo(MemoryViews.buddyInfo(place.host.memory))],
  ["/proc/zoneinfo", (place) => ProcText.zoneinfo(MemoryViews.zoneInfo(place.host.memory))],
  ["/proc/version", (place) => `Linux version ${place.host.profile.release} (darkfiber)\n`]
])

/** softnet_stat has eleven columns where polls wait for the next run of NET_RX no longer than a jiffy count says. */
const isOld = (place: Place): boolean => !place.net.sysctl.has("net.core.netdev_budget_usecs")

function conntrack(place: Place): string {
  const accounting = place.net.getSysctl("net.netfilter.nf_conntrack_acct") === "1"
  return Conntracks.list(place.net, now(place))
    .map((one) => `ipv4     2 ${formatConntrack(one, accounting)}`)
    .join("")
}

function uptime(place: Place): string {
  const time = now(place)
  const idle = Hosts.allCpuTimes(place).reduce((sum, cpu) => sum + cpu.idle, 0)
  return `${fixed(time / 1e9, 2)} ${fixed(idle / 1e9, 2)}\n`
}

/** A line for each interrupt line of each core that names what it serves. */
const interruptLines = (place: Place): ReadonlyArray<ProcText.InterruptLine> => {
  const { cores } = place.host
  const found: Array<ProcText.InterruptLine> = []
  let number = 24
  const counted = cores.map(() => new Set<number>())
  for (const net of place.host.netns) {
    for (const dev of net.devices) {
      const driver = driverOf(dev)
      if (driver === null) continue
      driver.vectors.forEach((vector, queue) => {
        if (vector.line < 0) return
        counted[vector.core.index]!.add(vector.line)
        const counts = cores.map((core) => (core === vector.core ? irqs(core, vector.line) : 0))
        found.push({ label: String(number++), counts, text: `PCI-MSI-edge      ${dev.name}-TxRx-${queue}` })
      })
    }
  }
  const rest = cores.map((core) =>
    core.irqCounts.reduce((sum, n, line) => (counted[core.index]!.has(line) ? sum : sum + n), 0)
  )
  found.push({ label: "LOC", counts: rest, text: "Local timer interrupts" })
  return found
}

const irqs = (core: Core, line: number): number => core.irqCounts[line] ?? 0

const processFile = /^\/proc\/(\d+)\/(status|stat|sched|fd|comm|limits)$/

/** The text of a file; null for a path that is not there. */
export const read = (place: Place, path: string): string | null => {
  const reader = files.get(path.replace(/^\/proc\/self\/net\//, "/proc/net/"))
  if (reader !== undefined) return reader(place)
  if (path.startsWith("/proc/sys/")) {
    const value = Sysctls.read(place, place.net, Sysctls.canonical(path.slice("/proc/sys/".length)))
    return value === null ? null : `${value}\n`
  }
  const match = processFile.exec(path)
  if (match !== null) return readProcess(place, Number(match[1]), match[2]!)
  const own = place.net.proc.get(path.replace(/^\/proc\/net\//, ""))
  return own === undefined ? null : own()
}

const readProcess = (place: Place, pid: number, file: string): string | null => {
  const process = ProcessView.find(place.processes, pid)
  if (process === null) return null
  switch (file) {
    case "status":
      return ProcessText.formatStatus(process)
    case "stat":
      return ProcessText.formatStat(process)
    case "sched":
      return ProcessText.formatSched(process, isOld(place))
    case "fd":
      return ProcessText.formatFiles(process)
    case "comm":
      return `${process.name}\n`
    default: {
      const table = place.processes!.get(pid)!.files
      return `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${String(table.soft).padEnd(20)} ${String(table.hard).padEnd(20)} files     \n`
    }
  }
}

/** Paths of the files that do not name a process, sorted: for completion and listings. */
export const paths = (place: Place): ReadonlyArray<string> =>
  [
    ...files.keys(),
    ...[...place.net.proc.keys()].map((name) => `/proc/net/${name}`),
    ...Sysctls.names(place, place.net).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`)
  ].sort()
