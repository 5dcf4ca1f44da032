/**
 * One network namespace's share of TCP: its sysctls, its counters, its TIME_WAIT count. The look-up tables belong to the
 * host (`Tcp`) and are keyed with the namespace's id, as in the kernel.
 */
import { counterNames } from "./Counters.ts"
import type { FastOpenKeys } from "./FastOpenKey.ts"
import { MetricsTable } from "./Metrics.ts"
import type { TcpSysctl } from "./Sysctl.ts"

/** Sysctls that are texts; null: never set. */
export interface SysctlTexts {
  /** net.ipv4.tcp_fastopen_key. */
  fastOpenKey: string | null
}

export class TcpNet {
  /** Below 2^16, unique within the host. */
  readonly id: number
  /** Replaced, not changed, by a host whose namespaces share such records. */
  sysctl: TcpSysctl
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
  readonly texts: SysctlTexts
  /** What was learned about peers. */
  readonly metrics: MetricsTable
  /** Keys of Fast Open cookies as read last, and the text they came from. */
  fastOpenKeys: FastOpenKeys | null
  fastOpenKeyText: string
  /** Active Fast Open: pauses so far, and when the last began, ns. */
  fastOpenPauses: number
  fastOpenPausedAt: number

  constructor(id: number, sysctl: TcpSysctl, owner: unknown = null, texts: SysctlTexts = { fastOpenKey: null }) {
    this.id = id
    this.sysctl = sysctl
    this.mib = new Float64Array(counterNames.length)
    this.owner = owner
    this.timeWaitCount = 0
    this.reservedPorts = null
    this.challengeSecond = -1
    this.challengeLeft = 0
    this.texts = texts
    this.metrics = new MetricsTable()
    this.fastOpenKeys = null
    this.fastOpenKeyText = ""
    this.fastOpenPauses = 0
    this.fastOpenPausedAt = 0
  }

  /** Adds to a counter. */
  count(counter: number, amount = 1): void {
    this.mib[counter] = this.mib[counter]! + amount
  }
}
