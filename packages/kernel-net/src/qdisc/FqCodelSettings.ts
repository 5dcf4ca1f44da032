/** What `tc qdisc … fq_codel` can set, with the defaults of Linux 6.18 (fq_codel_init). */
import type { NetDevice } from "../NetDevice.ts"

export interface FqCodelSettings {
  /** Packets of all flows. */
  readonly limit: number
  /** Number of queues; fixed once it is made. */
  readonly flows: number
  /** Bytes a flow may send in its turn; 256 at least. */
  readonly quantum: number
  /** Waiting that is tolerated, and for how long more is, ns. */
  readonly target: number
  readonly interval: number
  /** Bytes of truesize of all flows. */
  readonly memoryLimit: number
  /** Packets that may understand ECN are marked instead of dropped. */
  readonly ecn: boolean
  /** A packet that waited longer is marked CE at once, ns; Infinity for never. */
  readonly ceThreshold: number
  /** Most packets dropped at once when there are too many. */
  readonly dropBatch: number
}

export const QUANTUM_MIN = 256

export const fqCodelDefaults = (dev: NetDevice): FqCodelSettings => ({
  limit: 10_240,
  flows: 1024,
  quantum: Math.max(QUANTUM_MIN, dev.mtu + dev.headerLength),
  target: 5_000_000,
  interval: 100_000_000,
  memoryLimit: 32 * 1024 * 1024,
  ecn: true,
  ceThreshold: Infinity,
  dropBatch: 64
})
