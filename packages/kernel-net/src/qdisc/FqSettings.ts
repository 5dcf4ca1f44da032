/** What `tc qdisc … fq` can set, with the defaults of Linux 6.18 (fq_init). */
import type { NetDevice } from "../NetDevice.ts"

export interface FqSettings {
  /** Packets of each band. */
  readonly limit: number
  /** Packets of one flow. */
  readonly flowLimit: number
  /** Bytes a flow may send in its turn, and a new flow in its first. */
  readonly quantum: number
  readonly initialQuantum: number
  /** Size of Linux's hash table, a power of two. It decides nothing here. */
  readonly buckets: number
  /** Flows of packets without a socket, less 1. */
  readonly orphanMask: number
  /** Sockets' pacing rates are kept. */
  readonly pacing: boolean
  /** Most bytes a second of a flow; Infinity for no limit. */
  readonly maxRate: number
  /** Flows of at most so many bytes a second are paced packet by packet. */
  readonly lowRateThreshold: number
  /** A flow that was idle for so long gets a whole quantum, ns. */
  readonly refillDelay: number
  /** A packet that leaves so much later than it could is marked CE, ns; Infinity for never. */
  readonly ceThreshold: number
  /** How much later the watchdog may fire, ns. */
  readonly timerSlack: number
  /** Packets for a later time than this are dropped, or sent then, ns. */
  readonly horizon: number
  readonly horizonDrop: boolean
}

/** Bytes a second below which sch_fq paces each packet: 550 kbit/s. */
const LOW_RATE = 68_750

export const fqDefaults = (dev: NetDevice): FqSettings => {
  // Linux: psched_mtu.
  const packet = dev.mtu + dev.headerLength
  return {
    limit: 10_000,
    flowLimit: 100,
    quantum: 2 * packet,
    initialQuantum: 10 * packet,
    buckets: 1024,
    orphanMask: 1023,
    pacing: true,
    maxRate: Infinity,
    lowRateThreshold: LOW_RATE,
    refillDelay: 40_000_000,
    ceThreshold: Infinity,
    timerSlack: 10_000,
    horizon: 10_000_000_000,
    horizonDrop: true
  }
}
