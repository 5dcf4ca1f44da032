/** Bits of `sk.shutdown` (Linux: RCV_SHUTDOWN, SEND_SHUTDOWN): shutdown(how) sets how + 1. */
export const RCV_SHUTDOWN = 1
export const SEND_SHUTDOWN = 2
