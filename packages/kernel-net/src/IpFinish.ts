/**
 * The last step of IPv4 send, for whole packets and for fragments: the next hop, then its neighbour entry.
 * Linux: net/ipv4/ip_output.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import type { Dst } from "./Dst.ts"
import { IP_FINISH_OUTPUT2 } from "./Points.ts"
import type { SkBuff } from "./SkBuff.ts"

/** Linux: ip_finish_output2. */
export const finishOutput2 = (core: Core, skb: SkBuff, dst: Dst): number => {
  const dev = dst.dev
  const net = dst.net
  core.visit(IP_FINISH_OUTPUT2, net.id, dev.index, skb.traceId, 0)
  skb.dev = dev
  const nextHop = dst.gateway !== 0 ? dst.gateway : Ipv4.destination(skb.host.world.slab.bytes, skb.networkHeader)
  return skb.host.neighbours.output(core, skb, dev, nextHop)
}
