/**
 * TCP's sysctls, kept in the namespace's table like all others: what `sysctl -w` sets is what the machine reads.
 */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Sysctl from "@darkfiber/kernel-net/Sysctl"
import * as Congestions from "@darkfiber/tcp/Congestions"
import * as FastOpenKey from "@darkfiber/tcp/FastOpenKey"
import type { TcpProfile } from "@darkfiber/tcp/Profile"
import { type SysctlField, sysctlNames, type TcpSysctl } from "@darkfiber/tcp/Sysctl"
import { type SysctlTexts, TcpNet } from "@darkfiber/tcp/TcpNet"

const CONGESTION_CONTROL = "net.ipv4.tcp_congestion_control"
const FASTOPEN_KEY = "net.ipv4.tcp_fastopen_key"

/** Names that are one for the whole host (Linux: ipv4_table, the part that is not per namespace). */
const GLOBAL: ReadonlySet<string> = new Set(["net.ipv4.tcp_mem"])
/** Names that the kernel core's own slice has. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "net.core.somaxconn",
  "net.core.rmem_max",
  "net.core.wmem_max",
  "net.ipv4.ip_local_port_range"
])

/** What the kernel accepts, where it bounds a value (Linux: extra1, extra2 of ipv4_net_table). */
const bounds: Readonly<Record<string, readonly [min: number, max: number]>> = {
  "net.ipv4.tcp_syn_retries": [1, 127],
  "net.ipv4.tcp_syn_linear_timeouts": [0, 127],
  "net.ipv4.tcp_synack_retries": [0, 255],
  "net.ipv4.tcp_retries1": [0, 255],
  "net.ipv4.tcp_retries2": [0, 255],
  "net.ipv4.tcp_early_retrans": [0, 4],
  "net.ipv4.tcp_shrink_window": [0, 1],
  "net.ipv4.tcp_rto_min_us": [1, 2_147_483_647],
  "net.ipv4.tcp_rto_max_ms": [1000, 120_000]
}

/** Slices by profile and size of memory: hosts that are alike share one, and with it all that is made of it. */
const slices = new WeakMap<TcpProfile, Map<number, ReadonlyArray<Sysctl.SysctlDefault>>>()

/** TCP's slice of a host's sysctls, for `HostOptions.sysctls`: defaults for a machine with `memoryBytes`. */
export const slice = (profile: TcpProfile, memoryBytes: number): ReadonlyArray<Sysctl.SysctlDefault> => {
  let known = slices.get(profile)
  if (known === undefined) {
    known = new Map()
    slices.set(profile, known)
  }
  let found = known.get(memoryBytes)
  if (found === undefined) {
    found = makeSlice(profile, memoryBytes)
    known.set(memoryBytes, found)
  }
  return found
}

const makeSlice = (profile: TcpProfile, memoryBytes: number): ReadonlyArray<Sysctl.SysctlDefault> => {
  const defaults = profile.sysctl(memoryBytes)
  const entries: Array<Sysctl.SysctlDefault> = []
  for (const [name, fields] of Object.entries(sysctlNames)) {
    if (ELSEWHERE.has(name)) continue
    const values = fields.map((field) => defaults[field])
    const value = values.length === 1 ? values[0]! : values
    const [min, max] = bounds[name] ?? [-Infinity, Infinity]
    entries.push({ name, scope: GLOBAL.has(name) ? "global" : "net", value, min, max })
  }
  entries.push({
    name: FASTOPEN_KEY,
    scope: "net",
    value: "00000000-00000000-00000000-00000000",
    normalize: (text) => {
      const keys = FastOpenKey.parse(text)
      return keys === null ? null : FastOpenKey.format(keys)
    }
  })
  const names = Congestions.algorithms.map((algorithm) => algorithm.name)
  entries.push(
    {
      name: CONGESTION_CONTROL,
      scope: "net",
      value: names[defaults.congestionControl]!,
      normalize: (text) => (Congestions.find(text.trim()) < 0 ? null : text.trim())
    },
    { name: "net.ipv4.tcp_available_congestion_control", scope: "net", value: names.join(" "), readOnly: true },
    {
      name: "net.ipv4.tcp_allowed_congestion_control",
      scope: "net",
      value: names.join(" "),
      normalize: (text) => {
        const words = text.trim().split(/\s+/)
        return words.every((word) => Congestions.find(word) >= 0) ? words.join(" ") : null
      }
    }
  )
  return entries
}

/** Fields that have a place in a namespace's table. */
const places: Array<readonly [field: SysctlField, slot: number]> = []
for (const [name, fields] of Object.entries(sysctlNames)) {
  const slot = Sysctl.define(name)
  fields.forEach((field, i) => places.push([field, slot + i]))
}

/** Records by the defaults, the table's values and the algorithm: namespaces that are alike share one. */
const records = new WeakMap<ReadonlyArray<Sysctl.SysctlDefault>, WeakMap<Float64Array, Map<number, TcpSysctl>>>()

const recordOf = (table: Sysctl.SysctlTable, profile: TcpProfile, memoryBytes: number): TcpSysctl => {
  const text = table.writtenText(CONGESTION_CONTROL)
  const algorithm = text === null ? profile.sysctl(memoryBytes).congestionControl : Congestions.find(text)
  if (!table.isShared) return makeRecord(table.numbers, algorithm, profile, memoryBytes)
  const key = slice(profile, memoryBytes)
  const byValues = records.get(key) ?? new WeakMap<Float64Array, Map<number, TcpSysctl>>()
  records.set(key, byValues)
  const byAlgorithm = byValues.get(table.numbers) ?? new Map<number, TcpSysctl>()
  byValues.set(table.numbers, byAlgorithm)
  const record = byAlgorithm.get(algorithm) ?? makeRecord(table.numbers, algorithm, profile, memoryBytes)
  byAlgorithm.set(algorithm, record)
  return record
}

const makeRecord = (values: Float64Array, algorithm: number, profile: TcpProfile, memoryBytes: number): TcpSysctl => {
  const record = profile.sysctl(memoryBytes)
  for (const [field, slot] of places) record[field] = values[slot]!
  record.congestionControl = algorithm
  return record
}

/**
 * Keeps a namespace's record of TCP's sysctls to what its table says; fields without a name keep the profile's values. A
 * record is never written to: a change gives the namespace another one.
 */
class NetnsSysctls implements Sysctl.SysctlWatcher {
  private readonly tcpNet: TcpNet
  private readonly table: Sysctl.SysctlTable
  private readonly profile: TcpProfile
  private readonly memoryBytes: number

  constructor(tcpNet: TcpNet, table: Sysctl.SysctlTable, profile: TcpProfile, memoryBytes: number) {
    this.tcpNet = tcpNet
    this.table = table
    this.profile = profile
    this.memoryBytes = memoryBytes
  }

  sysctlsChanged(): void {
    this.tcpNet.sysctl = recordOf(this.table, this.profile, this.memoryBytes)
  }
}

/** The share of TCP of one namespace, whose sysctls are the table's. */
export const tcpNetOf = (net: Netns, profile: TcpProfile, memoryBytes: number): TcpNet => {
  const sysctl = recordOf(net.sysctl, profile, memoryBytes)
  const tcpNet = new TcpNet(net.id, sysctl, net, new NetnsTexts(net))
  net.sysctl.watch(new NetnsSysctls(tcpNet, net.sysctl, profile, memoryBytes))
  return tcpNet
}

/** The sysctls of one namespace that are texts. */
class NetnsTexts implements SysctlTexts {
  private readonly table: Sysctl.SysctlTable

  constructor(net: Netns) {
    this.table = net.sysctl
  }

  get fastOpenKey(): string | null {
    return this.table.writtenText(FASTOPEN_KEY)
  }

  set fastOpenKey(text: string | null) {
    if (text !== null) this.table.set(FASTOPEN_KEY, text)
  }
}
