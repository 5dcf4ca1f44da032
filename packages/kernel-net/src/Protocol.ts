/**
 * What protocols register with the kernel (Linux: packet_type, net_protocol, net_offload, pernet_operations).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { NetDevice } from "./NetDevice.ts"
import type { Netns } from "./Netns.ts"
import type { SkBuff, SkBuffList } from "./SkBuff.ts"

/** A network protocol by EtherType (Linux: dev_add_pack). */
export interface PacketType {
  readonly name: string
  readonly etherType: number
  /** Takes the buffer over; `data` stands behind the link-layer header. Linux: packet_type.func */
  receive(core: Core, skb: SkBuff, dev: NetDevice): void
}

/** A transport protocol by IP protocol number (Linux: inet_add_protocol). */
export interface TransportProtocol {
  readonly name: string
  readonly protocol: number
  /** Takes the buffer over; `data` stands at the transport header. Linux: net_protocol.handler */
  receive(core: Core, skb: SkBuff): void
  /**
   * An ICMP error about a packet this host sent. `at` is the offset in the slab of the quoted IP header, `length` the
   * quoted bytes; `type`, `code` and `info` (next-hop MTU) are ICMP's. Linux: net_protocol.err_handler
   */
  error(core: Core, net: Netns, skb: SkBuff, at: number, length: number, type: number, code: number, info: number): void
  /** May attach a route to `skb` before the route look-up. Linux: net_protocol.early_demux */
  earlyDemux?(core: Core, skb: SkBuff): void
}

/** How a transport protocol is cut and merged (Linux: inet_add_offload). */
export interface Offload {
  readonly protocol: number
  /** Cuts a super-segment into `into`, each ready for the wire. @returns 0 or a negative errno. Linux: gso_segment */
  segment(core: Core, skb: SkBuff, into: SkBuffList): number
}

/** What runs for each namespace (Linux: register_pernet_subsys). */
export interface PernetOperations {
  readonly name: string
  /** @returns 0 or a negative errno, which undoes the earlier ones in reverse order */
  init(net: Netns): number
  exit(net: Netns): void
}

/** Sees packets of one IP protocol before its handler, keeps a clone if it wants one (Linux: raw_local_deliver). */
export interface RawTap {
  /** @returns true when it took a copy: an unknown protocol is then not an error */
  raw(core: Core, net: Netns, skb: SkBuff, protocol: number): boolean
}
