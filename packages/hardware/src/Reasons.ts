/**
 * Why hardware ends a frame. Linux has no names for most of these, because a kernel never sees such frames: the names
 * follow the counters of ethtool where there is one.
 */
import * as DropReason from "@darkfiber/sim/DropReason"

/** Lost on the wire by the link's own loss probability. */
export const LINK_LOSS: number = DropReason.define("LINK_LOSS")
/** The frame check sequence was wrong (ethtool: rx_crc_errors). */
export const CRC_ERROR: number = DropReason.define("CRC_ERROR")
/** No free receive descriptor (ethtool: rx_missed_errors, rx_queue_N_drops). */
export const RX_MISSED: number = DropReason.define("RX_MISSED")
/** Not for this NIC's address, and not promiscuous. */
export const NIC_FILTER: number = DropReason.define("NIC_FILTER")
/** The NIC is closed. */
export const NIC_CLOSED: number = DropReason.define("NIC_CLOSED")
/** More arrivals in one instant than a port can hold: only faults that duplicate can cause it. */
export const PORT_FIFO: number = DropReason.define("PORT_FIFO")
/** The output queue of a switch or router port was full. */
export const PORT_QUEUE_FULL: number = DropReason.define("PORT_QUEUE_FULL")
/** Shorter than an Ethernet header. */
export const FRAME_TOO_SHORT: number = DropReason.define("FRAME_TOO_SHORT")
/** The station it goes to is on the port it came from. */
export const SAME_PORT: number = DropReason.define("SAME_PORT")
/** There is no other port to send it out of. */
export const NO_OUTPUT_PORT: number = DropReason.define("NO_OUTPUT_PORT")
/** Its Ethernet address is not the router's, or its protocol is none the router speaks. */
export const NOT_FOR_ROUTER: number = DropReason.define("NOT_FOR_ROUTER")
/** The kernel's own names (SKB_DROP_REASON_*, include/net/dropreason-core.h) where a router drops as a host would. */
export const IP_INHDR: number = DropReason.define("IP_INHDR")
export const IP_CSUM: number = DropReason.define("IP_CSUM")
export const IP_OUTNOROUTES: number = DropReason.define("IP_OUTNOROUTES")
/** Time to live used up (Linux: IPSTATS_MIB_INHDRERRORS in ip_forward). */
export const TTL_EXCEEDED: number = DropReason.define("TTL_EXCEEDED")
export const PKT_TOO_BIG: number = DropReason.define("PKT_TOO_BIG")
export const NEIGH_FAILED: number = DropReason.define("NEIGH_FAILED")
export const NEIGH_QUEUEFULL: number = DropReason.define("NEIGH_QUEUEFULL")
