/**
 * What IPv4 keeps for a device (Linux: struct in_device, ipv4_devconf, neigh_parms).
 */

/** An address of an interface (Linux: struct in_ifaddr). */
export interface InterfaceAddress {
  /** Int32. */
  readonly local: number
  readonly prefixLength: number
  /** Directed broadcast address as int32; 0 for none. */
  readonly broadcast: number
  /** Another address of the same network came before it (IFA_F_SECONDARY). */
  readonly secondary: boolean
}

/** net.ipv4.conf.<device>.*, numbers as in /proc/sys. Equal ones are one object, which does not change. */
export class InetConfig {
  readonly forwarding: number = 0
  readonly rp_filter: number = 0
  readonly accept_local: number = 0
  readonly arp_ignore: number = 0
  readonly arp_announce: number = 0
  readonly arp_notify: number = 0
  readonly arp_accept: number = 0
  readonly arp_filter: number = 0
  readonly proxy_arp: number = 0
  readonly route_localnet: number = 0
  readonly send_redirects: number = 1
  readonly accept_redirects: number = 1
  readonly log_martians: number = 0

  /** The same with one number changed. */
  with(field: InetConfigName, value: number): InetConfig {
    return shared(configs, Object.assign(new InetConfig(), this, { [field]: value }))
  }
}

export type InetConfigName = Exclude<keyof InetConfig, "with">

/** net.ipv4.neigh.<device>.*: times in ns, the rest as in /proc/sys. Equal ones are one object, which does not change. */
export class NeighbourParameters {
  readonly baseReachable: number = 30e9
  readonly retrans: number = 1e9
  readonly delayProbe: number = 5e9
  readonly gcStale: number = 60e9
  readonly ucastProbes: number = 3
  readonly mcastProbes: number = 3
  readonly appProbes: number = 0
  readonly unresolvedBytes: number = 0
  readonly lockTime: number = 1e9

  /** The same with one number changed. */
  with(field: NeighbourField, value: number): NeighbourParameters {
    return shared(parameters, Object.assign(new NeighbourParameters(), this, { [field]: value }))
  }
}

/** Settings kept for sharing; beyond it a device has its own. */
const SHARED_MAX = 1024
const configs = new Map<string, InetConfig>()
const parameters = new Map<string, NeighbourParameters>()

const shared = <T extends object>(all: Map<string, T>, made: T): T => {
  const key = Object.values(made).join()
  const known = all.get(key)
  if (known !== undefined) return known
  if (all.size < SHARED_MAX) all.set(key, made)
  return made
}

export const inetDefaults: InetConfig = shared(configs, new InetConfig())
export const neighbourDefaults: NeighbourParameters = shared(parameters, new NeighbourParameters())

/** How a name under net.ipv4.neigh.<device> maps to a field: its unit in ns, or 0 for a plain number. */
export const neighbourNames: Readonly<Record<string, { readonly field: NeighbourField; readonly unit: number }>> = {
  base_reachable_time: { field: "baseReachable", unit: 1e9 },
  base_reachable_time_ms: { field: "baseReachable", unit: 1e6 },
  retrans_time_ms: { field: "retrans", unit: 1e6 },
  delay_first_probe_time: { field: "delayProbe", unit: 1e9 },
  gc_stale_time: { field: "gcStale", unit: 1e9 },
  ucast_solicit: { field: "ucastProbes", unit: 0 },
  mcast_solicit: { field: "mcastProbes", unit: 0 },
  app_solicit: { field: "appProbes", unit: 0 },
  unres_qlen_bytes: { field: "unresolvedBytes", unit: 0 }
}

export type NeighbourField = Exclude<keyof NeighbourParameters, "with">
