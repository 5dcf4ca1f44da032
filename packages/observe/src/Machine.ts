/**
 * What a view looks at: one host, and one of its namespaces. Views only read: a run with views gives the same fingerprint
 * as one without.
 */
import type { Host } from "@darkfiber/kernel-net/Host"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { ProcessTable } from "@darkfiber/sockets/Processes"
import type { Tcp } from "@darkfiber/tcp/Tcp"
import type { TcpNet } from "@darkfiber/tcp/TcpNet"

/** TCP of a host as views see it: sockets' TcpGlue has this shape. */
export interface TcpView {
  readonly stack: Tcp
  netOf(net: Netns): TcpNet
}

export interface Machine {
  readonly host: Host
  /** Null on a host that runs no programs. */
  readonly processes: ProcessTable | null
  /** Null on a host without TCP. */
  readonly tcp: TcpView | null
}

/** Where a command runs: a host and a namespace of it. */
export interface Place extends Machine {
  readonly net: Netns
}

/** Virtual time of the host, ns. */
export const now = (machine: Machine): number => machine.host.island.now

/** The place of a machine's initial namespace, or of a named one; null for a name nobody has. */
export const placeOf = (machine: Machine, netns: string | null = null): Place | null => {
  const net = netns === null ? machine.host.init : (machine.host.netns.find((one) => one.name === netns) ?? null)
  return net === null ? null : { ...machine, net }
}
