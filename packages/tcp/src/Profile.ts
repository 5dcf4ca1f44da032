/**
 * TCP's slice of the kernel profiles: constants, sysctl defaults and the few rules that differ between Linux 3.10 (the
 * book's kernel) and 6.x. The data path is today's in both.
 */
import { paritySearch, type PortSearch, sequentialSearch } from "./PortSearch.ts"
import { backlogRules, type ListenRules, synTableRules } from "./ListenRules.ts"
import { sizeToMemory, TcpSysctl } from "./Sysctl.ts"
import { type TimeWaitReaper, timerReaper, wheelReaper } from "./TimeWaitReaper.ts"

export interface TcpProfile {
  readonly name: string
  /** Jiffies a second: CUBIC's clock. All other times of TCP are milliseconds or microseconds. */
  readonly hz: number
  /** The defaults of a machine with `memoryBytes`. */
  sysctl(memoryBytes: number): TcpSysctl
  /** Bytes that a sent buffer keeps for headers (MAX_TCP_HEADER, by the build's devices and tunnels). */
  readonly headerRoom: number
  /** Segments in the window of SYN and SYN-ACK; 0: as much as the buffer holds. */
  readonly initialRcvWindow: number
  /** Each connection's timestamps start elsewhere (since 4.10). */
  readonly timestampOffset: boolean
  /** The share of payload in a buffer is measured (6.x), else it is fixed by tcp_adv_win_scale. */
  readonly measuredScaling: boolean
  readonly portSearch: PortSearch
  /** A TIME_WAIT sock on a port costs the search extra time (measured in 6.x; in 3.10's figure it is in). */
  readonly chargesTimeWait: boolean
  readonly listen: ListenRules
  readonly timeWait: TimeWaitReaper
  /** Two buckets a port (tcp_bind2_bucket, since 6.2). */
  readonly hasBind2: boolean
  /** TIME_WAIT socks of all namespaces share one limit. */
  readonly timeWaitIsGlobal: boolean
  /** A segment about to go takes from the next one what it still has room for (tcp_grow_skb; not in 3.10). */
  readonly growsSegments: boolean
  /** tcp_tw_reuse waits for a whole second of the timestamp's clock, else tcp_tw_reuse_delay. */
  readonly twReuseBySecond: boolean
}

/** Linux 3.10. */
export const linux310: TcpProfile = {
  name: "3.10",
  hz: 1000,
  sysctl: (memoryBytes) => {
    const sysctl = new TcpSysctl()
    sysctl.somaxconn = 128
    sysctl.portHigh = 61_000
    sysctl.synLinearTimeouts = 0
    sysctl.twReuse = 0
    sysctl.rmemDefault = 87_380
    sysctl.limitOutputBytes = 131_072
    sysctl.challengeAckLimit = 100
    sysctl.autocorking = 0
    sizeToMemory(sysctl, memoryBytes)
    return sysctl
  },
  headerRoom: 320,
  initialRcvWindow: 10,
  timestampOffset: false,
  measuredScaling: false,
  portSearch: sequentialSearch,
  chargesTimeWait: false,
  listen: synTableRules,
  timeWait: wheelReaper,
  hasBind2: false,
  timeWaitIsGlobal: true,
  growsSegments: false,
  twReuseBySecond: true
}

/** Linux 6.x, measured on 6.18. */
export const linux6x: TcpProfile = {
  name: "6.x",
  hz: 250,
  sysctl: (memoryBytes) => {
    const sysctl = new TcpSysctl()
    sizeToMemory(sysctl, memoryBytes)
    return sysctl
  },
  headerRoom: 256,
  initialRcvWindow: 0,
  timestampOffset: true,
  measuredScaling: true,
  portSearch: paritySearch,
  chargesTimeWait: true,
  listen: backlogRules,
  timeWait: timerReaper,
  hasBind2: true,
  timeWaitIsGlobal: false,
  growsSegments: true,
  twReuseBySecond: false
}

export const profiles: Readonly<Record<"3.10" | "6.x", TcpProfile>> = { "3.10": linux310, "6.x": linux6x }
