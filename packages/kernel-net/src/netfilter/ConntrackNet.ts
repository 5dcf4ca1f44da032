/**
 * Conntrack's share of one namespace: its count, counters and settings (Linux: struct netns_ct).
 *
 * The settings are sysctls, `net.netfilter.nf_conntrack_*`; as on Linux they come into being with the module
 * (`Setup.load`), not with the host.
 */
import * as Sysctl from "../Sysctl.ts"

const SECOND = 1_000_000_000
const PREFIX = "net.netfilter.nf_conntrack_"

const MAX = Sysctl.define(`${PREFIX}max`)
const TCP_LOOSE = Sysctl.define(`${PREFIX}tcp_loose`)
const ACCOUNTING = Sysctl.define(`${PREFIX}acct`)
const UDP = Sysctl.define(`${PREFIX}udp_timeout`)
const UDP_STREAM = Sysctl.define(`${PREFIX}udp_timeout_stream`)
const ICMP = Sysctl.define(`${PREFIX}icmp_timeout`)
const GENERIC = Sysctl.define(`${PREFIX}generic_timeout`)
const UNACKNOWLEDGED = Sysctl.define(`${PREFIX}tcp_timeout_unacknowledged`)

/** Name behind `nf_conntrack_tcp_timeout_` and default in seconds, by TCP state. SYN_SENT2 shares SYN_SENT's. */
const tcpDefaults: ReadonlyArray<readonly [string, number]> = [
  ["syn_sent", 120],
  ["syn_sent", 120],
  ["syn_recv", 60],
  ["established", 432_000],
  ["fin_wait", 120],
  ["close_wait", 60],
  ["last_ack", 30],
  ["time_wait", 120],
  ["close", 10],
  ["syn_sent", 120]
]
const tcpSlots: ReadonlyArray<number> = tcpDefaults.map(([name]) => Sysctl.define(`${PREFIX}tcp_timeout_${name}`))

/** What differs between kernels and is no sysctl. */
export interface ConntrackProfile {
  readonly sysctls: ReadonlyArray<Sysctl.SysctlDefault>
  /** UDP packets both ways make a stream only from this age on, ns. */
  readonly udpStreamAfter: number
  /** NAT looks for a port from a rover upwards (true), or from random starts with halving attempts (false). */
  readonly natRover: boolean
}

const sysctls = (
  max: number,
  buckets: number,
  udpStream: number,
  maxScope: Sysctl.Scope
): ReadonlyArray<Sysctl.SysctlDefault> => {
  const tcp = new Map(tcpDefaults.map(([name, seconds]) => [`tcp_timeout_${name}`, seconds]))
  const seconds: ReadonlyArray<readonly [string, number]> = [
    ["generic_timeout", 600],
    ["icmp_timeout", 30],
    ...tcp,
    ["tcp_timeout_unacknowledged", 300],
    ["udp_timeout", 30],
    ["udp_timeout_stream", udpStream]
  ]
  return [
    { name: `${PREFIX}max`, scope: maxScope, value: max, min: 0 },
    { name: `${PREFIX}buckets`, scope: "global", value: buckets, readOnly: true },
    { name: `${PREFIX}acct`, scope: "net", value: 0, min: 0, max: 1 },
    { name: `${PREFIX}tcp_loose`, scope: "net", value: 1, min: 0, max: 1 },
    ...seconds.map(([name, value]) => ({ name: PREFIX + name, scope: "net" as const, value, min: 0 }))
  ]
}

/** Linux 3.10 with more than 1 GB of memory (net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_*.c). */
export const linux310: ConntrackProfile = {
  sysctls: sysctls(65_536, 16_384, 180, "global"),
  udpStreamAfter: 0,
  natRover: true
}

/** Linux 6.18. */
export const linux6x: ConntrackProfile = {
  sysctls: sysctls(65_536, 65_536, 120, "global"),
  udpStreamAfter: 2 * SECOND,
  natRover: false
}

/** By `KernelProfile.name`. */
export const profiles: Readonly<Record<"3.10" | "6.x", ConntrackProfile>> = { "3.10": linux310, "6.x": linux6x }

/** Counters of /proc/net/stat/nf_conntrack. */
export class ConntrackStats {
  found = 0
  created = 0
  invalid = 0
  ignored = 0
  inserted = 0
  insertFailed = 0
  dropped = 0
  earlyDropped = 0
  deleted = 0
  icmpErrors = 0
}

export class ConntrackNet {
  /** The namespace's number. */
  readonly id: number
  readonly stats: ConntrackStats
  /** Entries, confirmed or not. */
  count: number
  /** ns. */
  readonly udpStreamAfter: number
  private readonly sysctl: Sysctl.SysctlTable

  constructor(id: number, sysctl: Sysctl.SysctlTable, udpStreamAfter: number) {
    this.id = id
    this.stats = new ConntrackStats()
    this.count = 0
    this.udpStreamAfter = udpStreamAfter
    this.sysctl = sysctl
  }

  /** nf_conntrack_max, 0 for no limit. */
  get max(): number {
    return this.sysctl.numbers[MAX]!
  }

  /** nf_conntrack_tcp_loose: a connection may be picked up in the middle. */
  get tcpLoose(): boolean {
    return this.sysctl.numbers[TCP_LOOSE] !== 0
  }

  /** nf_conntrack_acct: count packets and bytes. */
  get accounting(): boolean {
    return this.sysctl.numbers[ACCOUNTING] !== 0
  }

  /** Life of a TCP entry in a state, ns. */
  tcpTimeout(state: number): number {
    return this.sysctl.numbers[tcpSlots[state]!]! * SECOND
  }

  /** Life of a connection picked up in the middle that has had no answer, ns. */
  get unacknowledgedTimeout(): number {
    return this.sysctl.numbers[UNACKNOWLEDGED]! * SECOND
  }

  get udpTimeout(): number {
    return this.sysctl.numbers[UDP]! * SECOND
  }

  get udpStreamTimeout(): number {
    return this.sysctl.numbers[UDP_STREAM]! * SECOND
  }

  get icmpTimeout(): number {
    return this.sysctl.numbers[ICMP]! * SECOND
  }

  get genericTimeout(): number {
    return this.sysctl.numbers[GENERIC]! * SECOND
  }
}

/** Puts the sysctls of a module that is loaded into the tables of a host's namespaces (Linux: register_net_sysctl). */
export const registerSysctls = (
  tables: ReadonlyArray<Sysctl.SysctlTable>,
  entries: ReadonlyArray<Sysctl.SysctlDefault>
): void => {
  for (const table of tables) table.register(entries)
}
