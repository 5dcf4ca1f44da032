/** The host's time in the units that TCP keeps: wrapping int32 milliseconds (tcp_jiffies32, timestamps) and microseconds. */
import type { TcpSock } from "./TcpSock.ts"

export const toMs = (nanos: number): number => Math.floor(nanos / 1_000_000) | 0
export const toUs = (nanos: number): number => Math.floor(nanos / 1_000)

/** Milliseconds of the host's clock, wrapping int32. */
export const clockMs = (sock: TcpSock): number => Math.floor(sock.tcp.host.now() / 1_000_000) | 0
/** Microseconds of the host's clock, a whole number. */
export const clockUs = (sock: TcpSock): number => Math.floor(sock.tcp.host.now() / 1_000)
/** Seconds of the host's clock; never 0, which stands for "none". */
export const clockSeconds = (nanos: number): number => 1 + Math.floor(nanos / 1_000_000_000)
