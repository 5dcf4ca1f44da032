/**
 * TCP's sysctls, kept in the namespace's table like all others: what `sysctl -w` sets is what the machine reads.
 */
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Sysctl from "@darkfiber/kernel-net/Sysctl"
import * as Congestions from "@darkfiber/tcp/Congestions"
import * as FastOpenKey from "@darkfiber/tcp/FastOpenKey"
import type { TcpProfile } from "@darkfiber/tcp/Profile"
import { type SysctlField, sysctlNames, type TcpSysctl } from "@darkfiber/tcp/Sysctl"
import type { SysctlTexts } from "@darkfiber/tcp/TcpNet"

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
    entries.push({ name, scope: GLOBAL.has(name) ? "global" : "net", value })
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

/** A TcpSysctl whose fields are places in a namespace's table. */
class NetnsSysctl {
  readonly table: Sysctl.SysctlTable

  constructor(net: Netns) {
    this.table = net.sysctl
  }
}

const places = new Map<SysctlField, number>()
for (const [name, fields] of Object.entries(sysctlNames)) {
  const slot = Sysctl.define(name)
  fields.forEach((field, i) => places.set(field, slot + i))
}
for (const [field, slot] of places) {
  Object.defineProperty(NetnsSysctl.prototype, field, {
    get(this: NetnsSysctl): number {
      return this.table.numbers[slot]!
    },
    set(this: NetnsSysctl, value: number) {
      this.table.put(slot, value)
    }
  })
}

/** The algorithm of new sockets: the sysctl is its name, TCP reads a place in the list. */
const linkCongestion = (linked: NetnsSysctl, fallback: number): void => {
  Object.defineProperty(linked, "congestionControl", {
    get: (): number => {
      const text = linked.table.writtenText(CONGESTION_CONTROL)
      return text === null ? fallback : Congestions.find(text)
    },
    set: (value: number) => {
      linked.table.set(CONGESTION_CONTROL, Congestions.algorithms[value]!.name)
    }
  })
}

/** The sysctls of one namespace as TCP reads them; fields without a name keep the profile's values. */
export const ofNetns = (net: Netns, profile: TcpProfile, memoryBytes: number): TcpSysctl => {
  const linked = new NetnsSysctl(net)
  const defaults = profile.sysctl(memoryBytes)
  for (const field of Object.keys(defaults) as Array<SysctlField>) {
    if (field === "congestionControl") linkCongestion(linked, defaults.congestionControl)
    else if (!places.has(field)) Object.defineProperty(linked, field, { value: defaults[field], writable: true })
  }
  return linked as unknown as TcpSysctl
}

/** The sysctls of one namespace that are texts. */
export class NetnsTexts implements SysctlTexts {
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
