/**
 * One network namespace's share of TCP: its sysctls, its counters, its TIME_WAIT count. The look-up tables belong to the
 * host (`Tcp`) and are keyed with the namespace's id, as in the kernel.
 */
import { counterNames } from "./Counters.ts"
import type { TcpSysctl } from "./Sysctl.ts"

export class TcpNet {
  /** Below 2^16, unique within the host. */
  readonly id: number
  readonly sysctl: TcpSysctl
  /** Counters.ts gives the positions. */
  readonly mib: Float64Array
  /** The host's namespace object. */
  readonly owner: unknown
  timeWaitCount: number
  /** ip_local_reserved_ports; null when none is reserved. */
  reservedPorts: { has(port: number): boolean } | null
  /** Second in which challenge ACKs are being counted, and how many are left in it. */
  challengeSecond: number
  challengeLeft: number

  constructor(id: number, sysctl: TcpSysctl, owner: unknown = null) {
    this.id = id
    this.sysctl = sysctl
    this.mib = new Float64Array(counterNames.length)
    this.owner = owner
    this.timeWaitCount = 0
    this.reservedPorts = null
    this.challengeSecond = -1
    this.challengeLeft = 0
  }

  /** Adds to a counter. */
  count(counter: number, amount = 1): void {
    this.mib[counter] = this.mib[counter]! + amount
  }
}
