/**
 * A route ready for use (Linux: struct rtable, dst_entry). One object a next hop (or a next hop and destination with a
 * learned path MTU); buffers and sockets only point at it, so the data path allocates none.
 */
import type { FibInfo } from "./Fib.ts"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import * as RouteMetrics from "./RouteMetrics.ts"

/** Route types (Linux: RTN_*, include/uapi/linux/rtnetlink.h). */
export const UNICAST = 1
export const LOCAL = 2
export const BROADCAST = 3
export const MULTICAST = 5
export const BLACKHOLE = 6
export const UNREACHABLE = 7
export const PROHIBIT = 8

export class Dst {
  readonly net: Netns
  /** UNICAST, LOCAL, BROADCAST, MULTICAST. */
  readonly type: number
  /** Where output goes: the loopback device for LOCAL. */
  readonly dev: NetDevice
  /** Int32; 0 when the destination is on the link. */
  readonly gateway: number
  /** Preferred source address as int32. */
  readonly source: number
  readonly info: FibInfo | null
  /** Generation of the namespace's routes it was made in; another one makes it stale. */
  generation: number
  /** MTU from the route or the device, without what was learned. */
  readonly linkMtu: number
  /** `mtu lock`: what routers say does not count. */
  readonly isMtuLocked: boolean
  /** Learned path MTU, 0 for none, and until when (ns). */
  pmtu: number
  pmtuExpires: number

  constructor(net: Netns, type: number, dev: NetDevice, gateway: number, source: number, info: FibInfo | null) {
    this.net = net
    this.type = type
    this.dev = dev
    this.gateway = gateway
    this.source = source
    this.info = info
    this.generation = net.routeGeneration
    this.linkMtu = info !== null && info.mtu > 0 ? info.mtu : dev.mtu
    this.isMtuLocked = info !== null && RouteMetrics.isLocked(info.metrics, RouteMetrics.RTAX_MTU)
    this.pmtu = 0
    this.pmtuExpires = 0
  }

  /** False when routes, addresses or devices have changed since: look the route up again. Linux: dst_check */
  isValid(): boolean {
    return this.generation === this.net.routeGeneration
  }

  /** Largest IP packet for this route at `now`. Linux: ipv4_mtu */
  mtuAt(now: number): number {
    if (this.pmtu !== 0 && now < this.pmtuExpires) return this.pmtu
    return this.linkMtu
  }

  get mtu(): number {
    return this.pmtu !== 0 ? this.pmtu : this.linkMtu
  }

  /** Makes cached holders look again (Linux: DST_OBSOLETE_KILL). */
  kill(): void {
    this.generation = -1
  }
}
