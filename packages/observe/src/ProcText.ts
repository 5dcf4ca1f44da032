/**
 * Files of /proc as text, from plain data (Linux: fs/proc, net/core/net-procfs.c, net/ipv4/proc.c, kernel/softirq.c).
 */
import type { BuddyInfoRow, MemInfo, SlabInfoRow, ZoneInfoRow } from "@darkfiber/memory/MemoryViews"
import { fixed, hex, left, lines, right } from "./Columns.ts"
import type { LinkCounters } from "./LinkText.ts"

/** USER_HZ: /proc/stat and ps count hundredths of a second. */
export const ticksPerSecond = 100

export interface DeviceCounters extends LinkCounters {
  readonly name: string
  readonly rxFifo: number
  readonly rxFrame: number
}

/** /proc/net/dev */
export const netDev = (devices: ReadonlyArray<DeviceCounters>): string => {
  const row = (d: DeviceCounters): string => {
    const rx = [right(d.rxBytes, 7), right(d.rxPackets, 7), right(d.rxErrors, 4), right(d.rxDropped + d.rxMissed, 4)]
    rx.push(right(d.rxFifo, 4), right(d.rxFrame, 5), right(0, 10), right(d.multicast, 9))
    const tx = [right(d.txBytes, 8), right(d.txPackets, 7), right(d.txErrors, 4), right(d.txDropped, 4), right(0, 4)]
    tx.push(right(d.collisions, 5), right(d.txCarrier, 7), right(0, 10))
    return `${right(d.name, 6)}: ${[...rx, ...tx].join(" ")}`
  }
  return lines([
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    ...devices.map(row)
  ])
}

/** /proc/softirqs: `counts[vector][cpu]`. */
export const softirqs = (names: ReadonlyArray<string>, counts: ReadonlyArray<ReadonlyArray<number>>): string =>
  lines([
    `                    ${(counts[0] ?? []).map((_, cpu) => left(`CPU${cpu}`, 11)).join("")}`,
    ...names.map(
      (name, vector) => `${right(name, 12)}:${(counts[vector] ?? []).map((n) => ` ${right(n, 10)}`).join("")}`
    )
  ])

export interface InterruptLine {
  /** `24`, `LOC` */
  readonly label: string
  readonly counts: ReadonlyArray<number>
  /** Behind the counts: `PCI-MSI-edge      eth0-TxRx-0`. */
  readonly text: string
}

/** /proc/interrupts */
export const interrupts = (cores: number, all: ReadonlyArray<InterruptLine>): string => {
  const width = Math.max(3, ...all.map((line) => line.label.length))
  return lines([
    `${" ".repeat(width + 8)}${Array.from({ length: cores }, (_, cpu) => left(`CPU${cpu}`, 11)).join("")}`,
    ...all.map(
      (line) =>
        `${right(line.label, width)}: ${line.counts.map((count) => `${right(count, 10)} `).join("")}  ${line.text}`
    )
  ])
}

export interface SoftnetRow {
  readonly processed: number
  readonly dropped: number
  readonly timeSqueeze: number
  readonly cpuCollision: number
  readonly receivedRps: number
  readonly flowLimit: number
  /** Packets in the backlog, and the core's index: printed by newer kernels. */
  readonly backlog: number
  readonly cpu: number
}

/** /proc/net/softnet_stat; eleven columns in 3.10, fifteen later. */
export const softnetStat = (rows: ReadonlyArray<SoftnetRow>, columns: 11 | 15): string =>
  lines(
    rows.map((row) => {
      const values = [row.processed, row.dropped, row.timeSqueeze, 0, 0, 0, 0, 0, row.cpuCollision, row.receivedRps]
      values.push(row.flowLimit)
      if (columns === 15) values.push(row.backlog, row.cpu, row.backlog, 0)
      return values.map((value) => hex(value >>> 0, 8)).join(" ")
    })
  )

/** Times of one core in ns. */
export interface CpuTimes {
  readonly user: number
  readonly system: number
  readonly hardirq: number
  readonly softirq: number
  readonly idle: number
}

export interface StatRecord {
  readonly cpus: ReadonlyArray<CpuTimes>
  readonly interrupts: number
  readonly contextSwitches: number
  /** Seconds since the epoch; a simulated host boots at 0. */
  readonly bootTime: number
  /** Tasks made since boot. */
  readonly forks: number
  readonly running: number
  readonly blocked: number
  /** By vector. */
  readonly softirqs: ReadonlyArray<number>
}

/** /proc/stat, times in hundredths of a second. */
export const stat = (record: StatRecord): string => {
  const sum = (pick: (cpu: CpuTimes) => number): number => record.cpus.reduce((total, cpu) => total + pick(cpu), 0)
  const all: CpuTimes = {
    user: sum((cpu) => cpu.user),
    system: sum((cpu) => cpu.system),
    hardirq: sum((cpu) => cpu.hardirq),
    softirq: sum((cpu) => cpu.softirq),
    idle: sum((cpu) => cpu.idle)
  }
  const row = (name: string, cpu: CpuTimes): string => {
    const times = [cpu.user, 0, cpu.system, cpu.idle, 0, cpu.hardirq, cpu.softirq, 0, 0, 0]
    return `${name} ${times.map(ticks).join(" ")}`
  }
  const softirqTotal = record.softirqs.reduce((total, count) => total + count, 0)
  return lines([
    row("cpu ", all),
    ...record.cpus.map((cpu, index) => row(`cpu${index}`, cpu)),
    `intr ${record.interrupts}`,
    `ctxt ${record.contextSwitches}`,
    `btime ${record.bootTime}`,
    `processes ${record.forks}`,
    `procs_running ${record.running}`,
    `procs_blocked ${record.blocked}`,
    `softirq ${softirqTotal} ${record.softirqs.join(" ")}`
  ])
}

/** Nanoseconds as ticks of USER_HZ. */
export const ticks = (nanos: number): number => Math.floor(nanos / (1_000_000_000 / ticksPerSecond))

export interface LoadRecord {
  /** Over 1, 5 and 15 minutes. */
  readonly averages: readonly [number, number, number]
  readonly running: number
  readonly tasks: number
  readonly lastPid: number
}

/** /proc/loadavg */
export const loadavg = (load: LoadRecord): string =>
  `${load.averages.map((one) => fixed(one, 2)).join(" ")} ${load.running}/${load.tasks} ${load.lastPid}\n`

/** /proc/meminfo: the rows that a host without disks has. */
export const meminfo = (info: MemInfo): string => {
  const kb = (bytes: number): string => `${right(Math.floor(bytes / 1024), 8)} kB`
  return lines([
    `MemTotal:       ${kb(info.memTotal)}`,
    `MemFree:        ${kb(info.memFree)}`,
    `MemAvailable:   ${kb(info.unused + info.sReclaimable)}`,
    `Buffers:        ${kb(0)}`,
    `Cached:         ${kb(0)}`,
    `SwapTotal:      ${kb(0)}`,
    `SwapFree:       ${kb(0)}`,
    `Slab:           ${kb(info.slab)}`,
    `SReclaimable:   ${kb(info.sReclaimable)}`,
    `SUnreclaim:     ${kb(info.sUnreclaim)}`
  ])
}

/** /proc/slabinfo, version 2.1. */
export const slabinfo = (rows: ReadonlyArray<SlabInfoRow>): string =>
  lines([
    "slabinfo - version: 2.1",
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>",
    ...rows.map((row) =>
      [
        left(row.name, 17),
        right(row.shownActiveObjects, 6),
        right(row.totalObjects, 6),
        right(row.objectBytes, 6),
        right(row.objectsPerSlab, 4),
        right(row.pagesPerSlab, 4),
        ": tunables    0    0    0 : slabdata",
        right(row.slabs, 6),
        right(row.slabs, 6),
        right(0, 6)
      ].join(" ")
    )
  ])

/** slabtop -o, sorted by memory (-s c), at most `limit` rows. */
export const slabtop = (rows: ReadonlyArray<SlabInfoRow>, limit = 20): string => {
  const sum = (pick: (row: SlabInfoRow) => number): number => rows.reduce((total, row) => total + pick(row), 0)
  const active = sum((row) => row.shownActiveObjects)
  const total = sum((row) => row.totalObjects)
  const slabs = sum((row) => row.slabs)
  const bytes = sum((row) => row.bytes)
  const used = sum((row) => row.shownActiveObjects * row.objectBytes)
  const percent = (part: number, whole: number): string => fixed(whole === 0 ? 0 : (part / whole) * 100, 1)
  const kb = (value: number): string => `${fixed(value / 1024, 2)}K`
  const sorted = [...rows].sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1)).slice(0, limit)
  return lines([
    ` Active / Total Objects (% used)    : ${active} / ${total} (${percent(active, total)}%)`,
    ` Active / Total Slabs (% used)      : ${slabs} / ${slabs} (${percent(slabs, slabs)}%)`,
    ` Active / Total Caches (% used)     : ${rows.length} / ${rows.length} (${percent(rows.length, rows.length)}%)`,
    ` Active / Total Size (% used)       : ${kb(used)} / ${kb(bytes)} (${percent(used, bytes)}%)`,
    "",
    "  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME",
    ...sorted.map((row) => {
      const use = row.totalObjects === 0 ? 0 : Math.floor((row.shownActiveObjects * 100) / row.totalObjects)
      const cells = [right(row.totalObjects, 6), right(row.shownActiveObjects, 6), `${right(use, 3)}%`]
      cells.push(right(kb(row.objectBytes), 8), right(row.slabs, 6), right(row.objectsPerSlab, 8))
      cells.push(`${right(Math.floor(row.bytes / 1024), 9)}K`, row.name)
      return cells.join(" ")
    })
  ])
}

/** /proc/buddyinfo */
export const buddyinfo = (rows: ReadonlyArray<BuddyInfoRow>): string =>
  lines(
    rows.map((row) => `Node ${row.node}, zone ${right(row.zone, 8)} ${row.free.map((n) => `${right(n, 6)} `).join("")}`)
  )

/** /proc/zoneinfo: what the page allocator knows of each zone. */
export const zoneinfo = (rows: ReadonlyArray<ZoneInfoRow>): string =>
  lines(
    rows.flatMap((row) => [
      `Node ${row.node}, zone ${right(row.zone, 8)}`,
      `  pages free     ${row.free}`,
      `        min      ${row.min}`,
      `        low      ${row.low}`,
      `        high     ${row.high}`,
      `        spanned  ${row.spanned}`,
      `        present  ${row.present}`,
      `        managed  ${row.managed}`,
      `        protection: (${row.protection.join(", ")})`,
      "  pagesets",
      ...row.pagesets.flatMap((set) => [
        `    cpu: ${set.cpu}`,
        `              count: ${set.count}`,
        `              high:  ${set.high}`,
        `              batch: ${set.batch}`
      ]),
      `  start_pfn:         ${row.startPfn}`
    ])
  )

export interface SockstatRecord {
  readonly sockets: number
  readonly tcpInUse: number
  readonly tcpOrphan: number
  readonly tcpTimeWait: number
  readonly tcpAlloc: number
  /** Pages of 4 KiB. */
  readonly tcpPages: number
  readonly udpInUse: number
  readonly udpPages: number
  readonly rawInUse: number
  readonly fragments: number
  readonly fragmentBytes: number
}

/** /proc/net/sockstat */
export const sockstat = (s: SockstatRecord): string =>
  lines([
    `sockets: used ${s.sockets}`,
    `TCP: inuse ${s.tcpInUse} orphan ${s.tcpOrphan} tw ${s.tcpTimeWait} alloc ${s.tcpAlloc} mem ${s.tcpPages}`,
    `UDP: inuse ${s.udpInUse} mem ${s.udpPages}`,
    "UDPLITE: inuse 0",
    `RAW: inuse ${s.rawInUse}`,
    `FRAG: inuse ${s.fragments} memory ${s.fragmentBytes}`
  ])
