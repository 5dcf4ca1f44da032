/**
 * SYN cookies: a SYN-ACK whose sequence number holds what the SYN said, so that nothing need be kept (Linux:
 * net/ipv4/syncookies.c). The MSS goes in as one of four, window scale and SACK ride in the timestamp's low six bits.
 */
import { finish32 } from "@darkfiber/sim/Random"
import type { Tcp } from "./Tcp.ts"
import type { Segment } from "./Segment.ts"

const MSS_TABLE = [536, 1300, 1440, 1460] as const
const COOKIE_BITS = 24
const COOKIE_MASK = (1 << COOKIE_BITS) - 1
/** Minutes that a cookie is good for. */
const AGE_MAX = 2
const MINUTE = 60_000_000_000

const cookieHash = (tcp: Tcp, segment: Segment, count: number, which: number): number => {
  let hash = finish32(tcp.cookieSecret ^ Math.imul(which, 0x9e3779b1))
  hash = finish32(hash ^ segment.remoteAddress)
  hash = finish32(hash ^ segment.localAddress)
  hash = finish32(hash ^ ((segment.remotePort << 16) | segment.localPort))
  return finish32(hash ^ count)
}

/** MSS that a cookie for `mss` gives back. */
export const cookieMss = (mss: number): number => MSS_TABLE[mssIndex(mss)]!

const mssIndex = (mss: number): number => {
  let index = MSS_TABLE.length - 1
  while (index > 0 && mss < MSS_TABLE[index]!) index--
  return index
}

/** The initial sequence number that answers `segment`, a SYN (Linux: cookie_v4_init_sequence). */
export const make = (tcp: Tcp, segment: Segment, mss: number): number => {
  const count = Math.floor(tcp.host.now() / MINUTE)
  const data = (cookieHash(tcp, segment, count, 2) + mssIndex(mss)) & COOKIE_MASK
  return (cookieHash(tcp, segment, 0, 1) + segment.seq + (count << COOKIE_BITS) + data) | 0
}

/** The MSS that the ACK of a cookie stands for; 0 when it is none of ours, or too old (Linux: __cookie_v4_check). */
export const check = (tcp: Tcp, segment: Segment): number => {
  const cookie = (segment.ack - 1) | 0
  const isn = (segment.seq - 1) | 0
  const rest = (cookie - cookieHash(tcp, segment, 0, 1) - isn) | 0
  const now = Math.floor(tcp.host.now() / MINUTE)
  const age = ((now & 0xff) - (rest >>> COOKIE_BITS)) & 0xff
  if (age >= AGE_MAX) return 0
  const index = (rest - cookieHash(tcp, segment, now - age, 2)) & COOKIE_MASK
  return index < MSS_TABLE.length ? MSS_TABLE[index]! : 0
}

const SCALE_BITS = 0x0f
const SACK_BIT = 0x10
const ECN_BIT = 0x20

/** A timestamp not later than `tsVal` whose low bits hold the options (Linux: cookie_init_timestamp). */
export const timestamp = (tsVal: number, windowScale: number, sackOk: boolean, ecnOk: boolean): number => {
  const options = (windowScale < 0 ? SCALE_BITS : windowScale) | (sackOk ? SACK_BIT : 0) | (ecnOk ? ECN_BIT : 0)
  let value = (tsVal & ~0x3f) | options
  if (((value - tsVal) | 0) > 0) value = (value - 0x40) | 0
  return value
}

/** Window scale in an echoed timestamp, -1 for none. */
export const timestampScale = (tsEcr: number): number => ((tsEcr & SCALE_BITS) === SCALE_BITS ? -1 : tsEcr & SCALE_BITS)
export const timestampSack = (tsEcr: number): boolean => (tsEcr & SACK_BIT) !== 0
export const timestampEcn = (tsEcr: number): boolean => (tsEcr & ECN_BIT) !== 0
