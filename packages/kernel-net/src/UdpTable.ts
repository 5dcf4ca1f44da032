/**
 * UDP sockets of a namespace by local port. Linux: struct udp_table, udp4_lib_lookup2, compute_score (net/ipv4/udp.c).
 */
import { finish32 } from "@darkfiber/sim/Random"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import type { Netns } from "./Netns.ts"
import type { UdpSock } from "./Udp.ts"

export class UdpTable {
  /** Sockets by local port, newest first. */
  private readonly byPort: SmallMap<number, Array<UdpSock>>

  constructor(_net: Netns) {
    this.byPort = new SmallMap()
  }

  add(sk: UdpSock): void {
    const chain = this.byPort.get(sk.localPort)
    if (chain === undefined) this.byPort.set(sk.localPort, [sk])
    else chain.unshift(sk)
  }

  remove(sk: UdpSock): void {
    const chain = this.byPort.get(sk.localPort)
    if (chain === undefined) return
    const at = chain.indexOf(sk)
    if (at >= 0) chain.splice(at, 1)
    if (chain.length === 0) this.byPort.delete(sk.localPort)
  }

  /** Whether another socket stands in the way of binding. Linux: udp_lib_lport_inuse, inet_rcv_saddr_equal */
  conflicts(sk: UdpSock, address: number, port: number): boolean {
    const chain = this.byPort.get(port)
    if (chain === undefined) return false
    for (const other of chain) {
      if (other === sk) continue
      if (other.boundDevice !== 0 && sk.boundDevice !== 0 && other.boundDevice !== sk.boundDevice) continue
      if (address !== 0 && other.localAddress !== 0 && address !== other.localAddress) continue
      if (sk.reuseAddress && other.reuseAddress) continue
      if (sk.reusePort && other.reusePort) continue
      return true
    }
    return false
  }

  /** The socket for a datagram: the one that says most about it; among SO_REUSEPORT equals by hash of the flow. */
  lookup(source: number, sourcePort: number, destination: number, port: number, device: number): UdpSock | null {
    const chain = this.byPort.get(port)
    if (chain === undefined) return null
    let best: UdpSock | null = null
    let bestScore = -1
    let equals = 0
    for (let i = 0; i < chain.length; i++) {
      const sk = chain[i]!
      const score = scoreOf(sk, source, sourcePort, destination, device)
      if (score < 0 || score < bestScore) continue
      if (score > bestScore) {
        best = sk
        bestScore = score
        equals = 1
      } else if (sk.reusePort) equals++
    }
    if (best === null || equals === 1 || !best.reusePort) return best
    return this.choose(chain, bestScore, equals, source, sourcePort, destination, device)
  }

  private choose(
    chain: ReadonlyArray<UdpSock>,
    score: number,
    equals: number,
    source: number,
    sourcePort: number,
    destination: number,
    device: number
  ): UdpSock | null {
    const hash = finish32(source ^ Math.imul(destination, 0x9e3779b1) ^ (sourcePort << 8)) >>> 0
    let index = Math.floor((hash * equals) / 4294967296)
    for (let i = 0; i < chain.length; i++) {
      const sk = chain[i]!
      if (!sk.reusePort || scoreOf(sk, source, sourcePort, destination, device) !== score) continue
      if (index-- === 0) return sk
    }
    return null
  }

  /** Every socket that a broadcast to this port reaches, newest first. */
  forEachMatch(
    source: number,
    sourcePort: number,
    destination: number,
    port: number,
    device: number,
    visit: (sk: UdpSock) => void
  ): void {
    const chain = this.byPort.get(port)
    if (chain === undefined) return
    for (const sk of chain.slice()) if (scoreOf(sk, source, sourcePort, destination, device) >= 0) visit(sk)
  }

  /** All sockets by port, for /proc/net/udp. */
  *sockets(): Generator<UdpSock> {
    for (const port of [...this.byPort.keys()].toSorted((a, b) => a - b)) yield* this.byPort.get(port)!
  }

  clear(): void {
    for (const chain of this.byPort.values()) for (const sk of chain) sk.purge(null)
    this.byPort.clear()
  }
}

/** How well a socket fits; -1 when it does not. */
const scoreOf = (sk: UdpSock, source: number, sourcePort: number, destination: number, device: number): number => {
  let score = 1
  if (sk.localAddress !== 0) {
    if (sk.localAddress !== destination) return -1
    score += 4
  }
  if (sk.remoteAddress !== 0) {
    if (sk.remoteAddress !== source) return -1
    score += 4
  }
  if (sk.remotePort !== 0) {
    if (sk.remotePort !== sourcePort) return -1
    score += 4
  }
  if (sk.boundDevice !== 0) {
    if (sk.boundDevice !== device) return -1
    score += 4
  }
  return score
}
