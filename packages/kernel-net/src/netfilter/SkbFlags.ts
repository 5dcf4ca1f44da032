/**
 * Bits of `SkBuff.flags`.
 */

/** The bridge has run PRE_ROUTING for it already (Linux: nf_bridge, ip_sabotage_in). */
export const BRIDGE_PRE_ROUTED = 1
/** A bridged frame whose IPv4 hooks are run (Linux: skb->nf_bridge). */
export const BRIDGE_NETFILTER = 2
