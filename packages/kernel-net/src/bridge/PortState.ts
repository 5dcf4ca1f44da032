/**
 * Spanning tree states of a bridge port (Linux: BR_STATE_*, include/uapi/linux/if_bridge.h).
 */
export const DISABLED = 0
export const LISTENING = 1
export const LEARNING = 2
export const FORWARDING = 3
export const BLOCKING = 4

/** Names as `bridge link` prints them, by state number. */
export const stateNames: ReadonlyArray<string> = ["disabled", "listening", "learning", "forwarding", "blocking"]
