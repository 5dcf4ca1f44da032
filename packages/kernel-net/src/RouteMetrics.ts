/**
 * What a route says to TCP and others beside where it leads: a number for each RTAX_* (Linux: struct dst_metrics,
 * include/uapi/linux/rtnetlink.h). A route without any shares {@link none}.
 */

export const RTAX_LOCK = 1
export const RTAX_MTU = 2
/** Bytes. */
export const RTAX_WINDOW = 3
/** Milliseconds; 8 and 4 times that inside the kernel. */
export const RTAX_RTT = 4
export const RTAX_RTTVAR = 5
/** Segments. */
export const RTAX_SSTHRESH = 6
export const RTAX_CWND = 7
/** Bytes. */
export const RTAX_ADVMSS = 8
export const RTAX_REORDERING = 9
export const RTAX_HOPLIMIT = 10
/** Segments. */
export const RTAX_INITCWND = 11
/** Bits, {@link FEATURE_ECN}. */
export const RTAX_FEATURES = 12
/** Milliseconds. */
export const RTAX_RTO_MIN = 13
/** Segments. */
export const RTAX_INITRWND = 14
/** 1 or 0. */
export const RTAX_QUICKACK = 15
const COUNT = 18

export const FEATURE_ECN = 1

/** Indexed by RTAX_*; bit n of [RTAX_LOCK] says that value n is not to be changed by what is learned. */
export type RouteMetrics = ReadonlyArray<number>

export const none: RouteMetrics = Array.from({ length: COUNT }, () => 0)

/** Metrics with some values set: pairs of RTAX_* and number; `locked` are RTAX_*. */
export const make = (values: ReadonlyMap<number, number>, locked: ReadonlySet<number>): RouteMetrics => {
  if (values.size === 0) return none
  const metrics = [...none]
  for (const [which, value] of values) metrics[which] = value
  for (const which of locked) metrics[RTAX_LOCK]! |= 1 << which
  return metrics
}

export const isLocked = (metrics: RouteMetrics, which: number): boolean => (metrics[RTAX_LOCK]! & (1 << which)) !== 0

/** Names as `ip route` has them, in the order in which it prints them. */
export const names: ReadonlyArray<readonly [name: string, which: number]> = [
  ["mtu", RTAX_MTU],
  ["window", RTAX_WINDOW],
  ["rtt", RTAX_RTT],
  ["rttvar", RTAX_RTTVAR],
  ["ssthresh", RTAX_SSTHRESH],
  ["cwnd", RTAX_CWND],
  ["advmss", RTAX_ADVMSS],
  ["reordering", RTAX_REORDERING],
  ["hoplimit", RTAX_HOPLIMIT],
  ["initcwnd", RTAX_INITCWND],
  ["features", RTAX_FEATURES],
  ["rto_min", RTAX_RTO_MIN],
  ["initrwnd", RTAX_INITRWND],
  ["quickack", RTAX_QUICKACK]
]
