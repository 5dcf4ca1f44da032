/**
 * What was learned about a peer and outlives a connection (Linux: net/ipv4/tcp_metrics.c): an entry for each pair of local
 * and remote address, and in it what Fast Open needs: the peer's MSS and its cookie.
 *
 * Linux keeps a hash with chains of at most five and takes the oldest of a chain over; here one table of
 * {@link entriesMax}, of which the oldest goes.
 */
import { COOKIE_MAX } from "./FastOpenKey.ts"

/** Entries of a namespace. */
export const entriesMax = 1024

export class PeerMetrics {
  readonly local: number
  readonly remote: number
  /** When it was last written, ns. */
  stampedAt: number
  /** Fast Open: the peer's MSS, 0 for none; the cookie; which option form to ask with (try_exp). */
  fastOpenMss: number
  readonly cookie: Uint8Array
  cookieLength: number
  cookieExperimental: boolean
  tryExperimental: number
  /** SYN-data drops in a row, and when the last was, ns. */
  synLoss: number
  lastSynLossAt: number

  constructor(local: number, remote: number) {
    this.local = local
    this.remote = remote
    this.stampedAt = 0
    this.fastOpenMss = 0
    this.cookie = new Uint8Array(COOKIE_MAX)
    this.cookieLength = 0
    this.cookieExperimental = false
    this.tryExperimental = 0
    this.synLoss = 0
    this.lastSynLossAt = 0
  }
}

export class MetricsTable {
  /** By remote address; rarely more than one local address each. */
  private readonly chains: Map<number, Array<PeerMetrics>>
  private count: number

  constructor() {
    this.chains = new Map()
    this.count = 0
  }

  find(local: number, remote: number): PeerMetrics | null {
    return this.chains.get(remote)?.find((entry) => entry.local === local) ?? null
  }

  /** The entry of the pair, made when there is none. */
  take(local: number, remote: number, now: number): PeerMetrics {
    const known = this.find(local, remote)
    if (known !== null) {
      known.stampedAt = now
      return known
    }
    if (this.count >= entriesMax) this.removeOldest()
    const entry = new PeerMetrics(local, remote)
    entry.stampedAt = now
    const chain = this.chains.get(remote)
    if (chain === undefined) this.chains.set(remote, [entry])
    else chain.push(entry)
    this.count++
    return entry
  }

  /** Forgets everything (`ip tcp_metrics flush`). */
  flush(): void {
    this.chains.clear()
    this.count = 0
  }

  /** Forgets one peer (`ip tcp_metrics delete`). Whether there was an entry. */
  remove(remote: number): boolean {
    const chain = this.chains.get(remote)
    if (chain === undefined) return false
    this.count -= chain.length
    return this.chains.delete(remote)
  }

  /** All entries, in the order they were made. */
  all(): ReadonlyArray<PeerMetrics> {
    return [...this.chains.values()].flat()
  }

  private removeOldest(): void {
    let oldest: PeerMetrics | null = null
    for (const entry of this.all()) if (oldest === null || entry.stampedAt < oldest.stampedAt) oldest = entry
    if (oldest !== null) this.drop(oldest)
  }

  private drop(entry: PeerMetrics): void {
    const rest = this.chains.get(entry.remote)!.filter((other) => other !== entry)
    if (rest.length === 0) this.chains.delete(entry.remote)
    else this.chains.set(entry.remote, rest)
    this.count--
  }
}
