/** Routes and neighbours of a namespace as records: `ip route`, `ip route get`, `ip neigh`, `arp -n`. */
import * as Dst from "@darkfiber/kernel-net/Dst"
import * as Fib from "@darkfiber/kernel-net/Fib"
import type { FibInfo } from "@darkfiber/kernel-net/Fib"
import { type Neighbour } from "@darkfiber/kernel-net/Neighbour"
import type { NetDevice } from "@darkfiber/kernel-net/NetDevice"
import { IFF_RUNNING } from "@darkfiber/kernel-net/NetDevice"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import * as Route from "@darkfiber/kernel-net/Route"
import type { NeighbourRecord, NeighbourState, RouteRecord, RouteResult, RouteType } from "./RouteText.ts"

const types: ReadonlyMap<number, RouteType> = new Map([
  [Dst.UNICAST, "unicast"],
  [Dst.LOCAL, "local"],
  [Dst.BROADCAST, "broadcast"],
  [Dst.MULTICAST, "multicast"],
  [Dst.BLACKHOLE, "blackhole"],
  [Dst.UNREACHABLE, "unreachable"],
  [Dst.PROHIBIT, "prohibit"]
])

/** Name of a route type (Linux: RTN_*). */
export const typeName = (type: number): RouteType => types.get(type) ?? "unicast"
/** Number of a route type; -1 for a name that is none. */
export const typeOf = (name: string): number => [...types].find(([, one]) => one === name)?.[0] ?? -1

const protocols: ReadonlyMap<number, RouteRecord["protocol"]> = new Map([
  [Fib.PROTOCOL_KERNEL, "kernel"],
  [Fib.PROTOCOL_BOOT, "boot"],
  [Fib.PROTOCOL_STATIC, "static"]
])

const scopeName = (scope: number): RouteRecord["scope"] =>
  scope === Fib.SCOPE_HOST ? "host" : scope === Fib.SCOPE_LINK ? "link" : "global"

/** A route of a table. */
export const record = (info: FibInfo): RouteRecord => ({
  type: typeName(info.type),
  destination: info.prefix,
  prefixLength: info.length,
  gateway: info.gateway,
  device: info.dev?.name ?? "",
  protocol: protocols.get(info.protocol) ?? "",
  scope: scopeName(info.scope),
  source: info.source,
  metric: info.metric,
  metrics: info.metrics,
  flags: info.dead
    ? ["dead", "linkdown"]
    : info.dev !== null && info.dev.isUp() && (info.dev.flags & IFF_RUNNING) === 0
      ? ["linkdown"]
      : []
})

/** The routes of a table in the order of `ip route`. */
export const list = (net: Netns, table: number = Fib.TABLE_MAIN): ReadonlyArray<RouteRecord> =>
  net.fib.list(table).map(record)

/** `ip route get`: the result, or a negative errno. */
export const get = (net: Netns, destination: number, now: number): RouteResult | number => {
  const answer = Route.get(net, destination, now)
  if (typeof answer === "number") return answer
  return {
    type: typeName(answer.type),
    destination,
    from: 0,
    gateway: answer.gateway,
    device: answer.dev.name,
    source: answer.source,
    mtu: answer.pmtu,
    input: ""
  }
}

const states: Readonly<Record<Neighbour["state"]["_tag"], NeighbourState | null>> = {
  None: null,
  Incomplete: "INCOMPLETE",
  Reachable: "REACHABLE",
  Stale: "STALE",
  Delay: "DELAY",
  Probe: "PROBE",
  Failed: "FAILED",
  Permanent: "PERMANENT",
  NoArp: "NOARP"
}

/** Neighbours by device, then in order of their making. Entries that were never used, and NOARP ones, are left out. */
export const neighbours = (
  net: Netns,
  now: number,
  device: NetDevice | null = null
): ReadonlyArray<NeighbourRecord> => {
  const found: Array<NeighbourRecord> = []
  for (const dev of net.devices) {
    if (device !== null && dev !== device) continue
    for (const one of dev.neighbours.values()) {
      const state = states[one.state._tag]
      if (state === null || state === "NOARP") continue
      found.push(neighbour(one, state, now))
    }
  }
  return found
}

const neighbour = (one: Neighbour, state: NeighbourState, now: number): NeighbourRecord => {
  const age = (since: number): number => (since < 0 ? 0 : Math.max(0, Math.floor((now - since) / 1e9)))
  return {
    address: one.address,
    device: one.dev.name,
    mac: one.valid ? one.macHigh * 4294967296 + (one.macLow >>> 0) : 0,
    state,
    uses: 1,
    used: age(one.usedAt),
    confirmed: age("confirmedAt" in one.state ? one.state.confirmedAt : one.updatedAt),
    updated: age(one.updatedAt),
    probes: "tries" in one.state ? one.state.tries : 0
  }
}
