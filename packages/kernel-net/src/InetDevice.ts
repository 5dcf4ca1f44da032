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

/** net.ipv4.conf.<device>.*, numbers as in /proc/sys. */
export class InetConfig {
  forwarding = 0
  rp_filter = 0
  accept_local = 0
  arp_ignore = 0
  arp_announce = 0
  arp_notify = 0
  arp_accept = 0
  arp_filter = 0
  proxy_arp = 0
  route_localnet = 0
  send_redirects = 1
  accept_redirects = 1
  log_martians = 0

  copyFrom(other: InetConfig): void {
    Object.assign(this, other)
  }
}

export type InetConfigName = Exclude<keyof InetConfig, "copyFrom">

/** net.ipv4.neigh.<device>.*: times in ns, the rest as in /proc/sys. */
export class NeighbourParameters {
  baseReachable: number
  /** Drawn anew every five minutes between half and one and a half times `baseReachable`. */
  reachable: number
  retrans: number
  delayProbe: number
  gcStale: number
  ucastProbes: number
  mcastProbes: number
  appProbes: number
  unresolvedBytes: number
  lockTime: number

  constructor(unresolvedBytes: number) {
    this.baseReachable = 30e9
    this.reachable = 30e9
    this.retrans = 1e9
    this.delayProbe = 5e9
    this.gcStale = 60e9
    this.ucastProbes = 3
    this.mcastProbes = 3
    this.appProbes = 0
    this.unresolvedBytes = unresolvedBytes
    this.lockTime = 1e9
  }

  copyFrom(other: NeighbourParameters): void {
    Object.assign(this, other)
  }
}

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

export type NeighbourField = Exclude<keyof NeighbourParameters, "copyFrom" | "reachable">
