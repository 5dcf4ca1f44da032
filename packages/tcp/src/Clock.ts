/** The host's time in the units that TCP keeps: wrapping int32 milliseconds (tcp_jiffies32, timestamps) and microseconds. */
import type { TcpSock } from "./TcpSock.ts"

export const toMs = (nanos: number): number => Math.floor(nanos / 1_000_000) | 0
export const toUs = (nanos: number): number => Math.floor(nanos / 1_000)

/** Milliseconds of the host's clock, wrapping int32. */
export const clockMs = (sock: TcpSock): number => Math.floor(sock.tcp.host.now() / 1_000_000) | 0
/** Microseconds of the host's clock, a whole number. */
export const clockUs = (sock: TcpSock): number => Math.floor(sock.tcp.host.now() / 1_000)
/** Whole microseconds from `then` to `now`, ns; 0 for a segment that a qdisc sent before its time (tcp_stamp_us_delta). */
export const usBetween = (then: number, now: number): number => (now <= then ? 0 : Math.floor((now - then) / 1_000))
/** Seconds of the host's clock; never 0, which stands for "none". */
export const clockSeconds = (nanos: number): number => 1 + Math.floor(nanos / 1_000_000_000)
