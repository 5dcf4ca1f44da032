/**
 * What netfilter needs from the rest of IPv4: one object a host. `Setup` builds it on the kernel.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { NetDevice } from "../NetDevice.ts"
import type { Netns } from "../Netns.ts"
import type { SkBuff } from "../SkBuff.ts"
import type { AddressKind, RejectWith } from "./Rules.ts"

export interface Environment {
  /** What an address is to this namespace (Linux: inet_addr_type). */
  addressKind(net: Netns, address: number): AddressKind
  /** The source address for what leaves by `output` on this buffer's route; 0 for none (Linux: inet_select_addr). */
  selectSource(net: Netns, skb: SkBuff, output: NetDevice): number
  /** First address of a device as int32, 0 for none. */
  firstAddress(net: Netns, device: NetDevice): number
  /** Answers the packet as REJECT does; the buffer stays the caller's (Linux: nf_send_unreach, nf_send_reset). */
  reject(core: Core, net: Netns, skb: SkBuff, how: RejectWith, point: number): void
  /** Finds the route of an outgoing packet anew (Linux: ip_route_me_harder). @returns 0 or a negative errno */
  reroute(core: Core, net: Netns, skb: SkBuff): number
  /**
   * Collects the fragments of a datagram (Linux: nf_ct_ipv4_gather_frags).
   *
   * @returns the buffer to go on with, or null while fragments are missing
   */
  defragment(core: Core, net: Netns, skb: SkBuff, point: number): SkBuff | null
  /** Drops a buffer (Linux: kfree_skb_reason). */
  drop(core: Core, skb: SkBuff, reason: number): void
}
