/**
 * Look-up tables of a host (Linux: struct inet_hashinfo): established connections with their TIME_WAIT and request socks by
 * the four-tuple, listeners by port. Both are keyed with the namespace's id.
 *
 * The established table is an array of chains that doubles when it is as full as it is long, so that a look-up walks one or
 * two entries; the modelled size of the kernel's table only sets limits (Sysctl.ehashEntries).
 */
import { finish32 } from "@darkfiber/sim/Random"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import { type Endpoint, KIND_SOCK } from "./Endpoint.ts"
import type { TcpNet } from "./TcpNet.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Hash of a four-tuple within a namespace, int32. */
export const tupleHash = (
  netId: number,
  localAddress: number,
  localPort: number,
  remoteAddress: number,
  remotePort: number,
  secret: number
): number => {
  let hash = Math.imul(localAddress ^ secret, 0x9e3779b1)
  hash = Math.imul(hash ^ remoteAddress ^ (hash >>> 15), 0x85ebca6b)
  hash = Math.imul(hash ^ ((localPort << 16) | remotePort) ^ (hash >>> 13), 0xc2b2ae35)
  return finish32(hash ^ netId)
}

/** Many hosts have no connection at all. */
const START_BUCKETS = 1

export class EstablishedTable {
  count: number
  private buckets: Array<Endpoint | null>
  private mask: number
  private readonly secret: number

  constructor(secret: number) {
    this.count = 0
    this.mask = START_BUCKETS - 1
    this.buckets = new Array<Endpoint | null>(START_BUCKETS).fill(null)
    this.secret = secret
  }

  /** The endpoint of these addresses and ports (Linux: __inet_lookup_established); null for none. */
  find(
    net: TcpNet,
    localAddress: number,
    localPort: number,
    remoteAddress: number,
    remotePort: number,
    device: number
  ): Endpoint | null {
    const hash = tupleHash(net.id, localAddress, localPort, remoteAddress, remotePort, this.secret)
    let entry: Endpoint | null = this.buckets[hash & this.mask]!
    while (entry !== null) {
      if (
        entry.hash === hash &&
        entry.remotePort === remotePort &&
        entry.localPort === localPort &&
        entry.remoteAddress === remoteAddress &&
        entry.localAddress === localAddress &&
        entry.net === net &&
        (entry.device === 0 || entry.device === device || device === 0)
      ) {
        return entry
      }
      entry = entry.hashNext
    }
    return null
  }

  /** Precondition: nothing with the same addresses and ports is in the table. */
  insert(entry: Endpoint): void {
    if (this.count > this.mask) this.grow()
    entry.hash = tupleHash(
      entry.net.id,
      entry.localAddress,
      entry.localPort,
      entry.remoteAddress,
      entry.remotePort,
      this.secret
    )
    const index = entry.hash & this.mask
    entry.hashNext = this.buckets[index]!
    this.buckets[index] = entry
    entry.hashed = true
    this.count++
  }

  remove(entry: Endpoint): void {
    if (!entry.hashed) return
    const index = entry.hash & this.mask
    let at: Endpoint | null = this.buckets[index]!
    if (at === entry) {
      this.buckets[index] = entry.hashNext
    } else {
      while (at !== null && at.hashNext !== entry) at = at.hashNext
      if (at === null) throw new Error("endpoint is hashed but not in its chain")
      at.hashNext = entry.hashNext
    }
    entry.hashNext = null
    entry.hashed = false
    this.count--
  }

  /** Puts `entry` where `old` stood: same addresses and ports. */
  replace(old: Endpoint, entry: Endpoint): void {
    this.remove(old)
    this.insert(entry)
  }

  /** Every endpoint, sorted by addresses and ports, so that the order depends on nothing else. */
  all(): Array<Endpoint> {
    const found: Array<Endpoint> = []
    for (const head of this.buckets) for (let at = head; at !== null; at = at.hashNext) found.push(at)
    return found.sort(
      (a, b) =>
        a.net.id - b.net.id ||
        a.localPort - b.localPort ||
        a.localAddress - b.localAddress ||
        a.remoteAddress - b.remoteAddress ||
        a.remotePort - b.remotePort
    )
  }

  private grow(): void {
    const size = (this.mask + 1) * 2
    const buckets = new Array<Endpoint | null>(size).fill(null)
    for (const head of this.buckets) {
      let entry = head
      while (entry !== null) {
        const next: Endpoint | null = entry.hashNext
        const index = entry.hash & (size - 1)
        entry.hashNext = buckets[index]!
        buckets[index] = entry
        entry = next
      }
    }
    this.buckets = buckets
    this.mask = size - 1
  }
}

const portKey = (net: TcpNet, port: number): number => net.id * 65_536 + port

/** Listening sockets by namespace and port. */
export class ListenTable {
  private readonly byPort = new SmallMap<number, Array<TcpSock>>()

  insert(sock: TcpSock): void {
    const key = portKey(sock.net, sock.localPort)
    const known = this.byPort.get(key)
    if (known === undefined) this.byPort.set(key, [sock])
    else known.push(sock)
  }

  remove(sock: TcpSock): void {
    const key = portKey(sock.net, sock.localPort)
    const known = this.byPort.get(key)
    const at = known?.indexOf(sock) ?? -1
    if (known === undefined || at < 0) return
    known.splice(at, 1)
    if (known.length === 0) this.byPort.delete(key)
  }

  /**
   * The listener that fits best: one bound to the address before one bound to any, one bound to the device before one
   * that is not; among equals with SO_REUSEPORT by the flow's hash, else the youngest (Linux: compute_score,
   * inet_lookup_reuseport).
   */
  find(net: TcpNet, localAddress: number, localPort: number, device: number, flowHash: number): TcpSock | null {
    const known = this.byPort.get(portKey(net, localPort))
    if (known === undefined) return null
    let best: TcpSock | null = null
    let bestScore = 0
    let equals = 0
    for (let i = 0; i < known.length; i++) {
      const sock = known[i]!
      const score = listenScore(sock, localAddress, device)
      if (score === 0 || score < bestScore) continue
      equals = score > bestScore ? 1 : equals + 1
      bestScore = score
      best = sock
    }
    if (best === null || equals === 1 || !best.reusePort) return best
    let skip = (Math.imul(flowHash, 0x9e3779b1) >>> 0) % equals
    for (let i = 0; i < known.length; i++) {
      const sock = known[i]!
      if (listenScore(sock, localAddress, device) === bestScore && skip-- === 0) return sock
    }
    return best
  }

  /** Every listener, by namespace and port. */
  all(): Array<TcpSock> {
    return this.byPort
      .entries()
      .slice()
      .sort(([a], [b]) => a - b)
      .flatMap(([, socks]) => socks)
  }
}

/** 0: it does not fit. */
const listenScore = (sock: TcpSock, localAddress: number, device: number): number => {
  if (sock.localAddress !== 0 && sock.localAddress !== localAddress) return 0
  if (sock.device !== 0 && sock.device !== device) return 0
  return 1 + (sock.localAddress !== 0 ? 2 : 0) + (sock.device !== 0 ? 4 : 0)
}

export const isFullSock = (entry: Endpoint | null): entry is TcpSock => entry !== null && entry.kind === KIND_SOCK
