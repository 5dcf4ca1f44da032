/**
 * Rate limits of ICMP errors: a token bucket a peer (`icmp_ratelimit`), and one for the whole namespace in kernels that
 * have `icmp_msgs_per_sec`. Linux: icmpv4_xrlim_allow, inet_peer_xrlim_allow, icmp_global_allow.
 */
import type { Netns } from "./Netns.ts"
import * as Sysctl from "./Sysctl.ts"

const RATELIMIT = Sysctl.define("net.ipv4.icmp_ratelimit")
const RATEMASK = Sysctl.define("net.ipv4.icmp_ratemask")
const MSGS_PER_SEC = Sysctl.define("net.ipv4.icmp_msgs_per_sec")
const MSGS_BURST = Sysctl.define("net.ipv4.icmp_msgs_burst")

/** Errors a peer that was quiet for long may get at once (Linux: XRLIM_BURST_FACTOR). */
const BURST = 6
/** Peers remembered; the oldest goes (Linux: inet_peer_threshold). */
const PEERS_MAX = 4096
const UNREACHABLE = 3
const FRAGMENTATION_NEEDED = 4

interface Peer {
  tokens: number
  lastAt: number
}

export class IcmpState {
  private readonly net: Netns
  /** Made with the first error. */
  private peers: Map<number, Peer> | null
  private globalCredit: number
  private globalAt: number

  constructor(net: Netns) {
    this.net = net
    this.peers = null
    this.globalCredit = 0
    this.globalAt = -1e18
  }

  /** True for types that the limits do not touch. Linux: icmpv4_mask_allow */
  isExempt(type: number, code: number): boolean {
    if (type === UNREACHABLE && code === FRAGMENTATION_NEEDED) return true
    return type > 31 || (this.net.sysctl.numbers[RATEMASK]! & (1 << type)) === 0
  }

  /** Takes a token of the namespace. */
  globalAllows(now: number): boolean {
    if (!this.net.host.profile.icmpGlobalLimit) return true
    const numbers = this.net.sysctl.numbers
    const elapsed = Math.min(now - this.globalAt, 1e9)
    const earned = Math.floor((numbers[MSGS_PER_SEC]! * elapsed) / 1e9)
    if (earned > 0) this.globalAt = now
    this.globalCredit = Math.min(this.globalCredit + earned, numbers[MSGS_BURST]!)
    if (this.globalCredit === 0) return false
    this.globalCredit--
    return true
  }

  /** Takes a token of the peer. */
  peerAllows(address: number, now: number): boolean {
    const timeout = this.net.sysctl.numbers[RATELIMIT]! * 1e6
    if (timeout === 0) return true
    this.peers ??= new Map()
    let peer = this.peers.get(address)
    if (peer === undefined) {
      peer = { tokens: BURST * timeout, lastAt: now }
      if (this.peers.size >= PEERS_MAX) this.peers.delete(this.peers.keys().next().value!)
      this.peers.set(address, peer)
    }
    peer.tokens = Math.min(peer.tokens + (now - peer.lastAt), BURST * timeout)
    peer.lastAt = now
    if (peer.tokens < timeout) return false
    peer.tokens -= timeout
    return true
  }
}
