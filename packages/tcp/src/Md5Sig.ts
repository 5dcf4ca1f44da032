/**
 * Segments signed with MD5 (RFC 2385): the digest covers the pseudo header, the TCP header without options and with a checksum
 * of zero, the payload and the key (Linux: tcp_v4_md5_hash_skb, tcp_inbound_md5_hash).
 */
import * as Counters from "./Counters.ts"
import * as Drops from "./Drops.ts"
import { DIGEST_BYTES, Md5 } from "./Md5.ts"
import * as Md5Keys from "./Md5Keys.ts"
import type { Endpoint } from "./Endpoint.ts"
import { KIND_TIME_WAIT } from "./Endpoint.ts"
import type { Segment } from "./Segment.ts"
import type { TcpHost } from "./TcpHost.ts"
import type { Tcp } from "./Tcp.ts"
import type { TcpNet } from "./TcpNet.ts"

/** Bytes of the aligned option, and where its digest stands in a header that it comes first in. */
export const OPTION_BYTES = 20
const DIGEST_AT = 24
const FIXED_HEADER = 20
const CHECKSUM_AT = 16
const PSEUDO_BYTES = 12
const CHUNK = 2048

const md5 = new Md5()
const front = new Uint8Array(PSEUDO_BYTES + FIXED_HEADER)
const chunk = new Uint8Array(CHUNK)
const computed = new Uint8Array(DIGEST_BYTES)

const putAddress = (address: number, at: number): void => {
  for (let i = 0; i < 4; i++) front[at + i] = address >>> (24 - 8 * i)
}

const addPayload = (host: TcpHost, segment: Segment, payload: number): void => {
  for (let offset = 0; offset < payload; offset += CHUNK) {
    const count = Math.min(CHUNK, payload - offset)
    host.peek(segment, offset, chunk, 0, count)
    md5.update(chunk, 0, count)
  }
}

/** @param at where the TCP header stands in `header` */
const digest = (
  host: TcpHost,
  key: Uint8Array,
  source: number,
  destination: number,
  header: Uint8Array,
  at: number,
  headerLength: number,
  segment: Segment | null,
  payload: number,
  into: Uint8Array,
  intoAt: number
): void => {
  putAddress(source, 0)
  putAddress(destination, 4)
  const length = headerLength + payload
  front[8] = 0
  front[9] = 6
  front[10] = length >>> 8
  front[11] = length
  for (let i = 0; i < FIXED_HEADER; i++) front[PSEUDO_BYTES + i] = header[at + i]!
  front[PSEUDO_BYTES + CHECKSUM_AT] = 0
  front[PSEUDO_BYTES + CHECKSUM_AT + 1] = 0
  md5.start()
  md5.update(front, 0, front.length)
  if (segment !== null) addPayload(host, segment, payload)
  md5.update(key, 0, key.length)
  md5.finish(into, intoAt)
}

/**
 * Writes the digest of the segment whose header stands in `host.header`, option first.
 *
 * @param segment payload, or null without any
 */
export const sign = (
  host: TcpHost,
  key: Uint8Array,
  source: number,
  destination: number,
  headerLength: number,
  segment: Segment | null,
  payload: number
): void => {
  const header = host.header
  digest(host, key, source, destination, header, 0, headerLength, segment, payload, header, DIGEST_AT)
}

/** Writes an option with an empty digest behind the fixed header. Returns its bytes. */
export const reserve = (header: Uint8Array, at: number): number => {
  header[at] = 1
  header[at + 1] = 1
  header[at + 2] = 19
  header[at + 3] = 18
  header.fill(0, at + 4, at + OPTION_BYTES)
  return OPTION_BYTES
}

/**
 * Whether a received segment is signed as the peer of `endpoint` should sign; one that is not is counted and dropped. `tcp.received`
 * holds its options. TIME_WAIT does not look.
 */
export const accepts = (
  tcp: Tcp,
  net: TcpNet,
  endpoint: Endpoint,
  segment: Segment,
  bytes: Uint8Array,
  at: number
): boolean => {
  if (endpoint.kind === KIND_TIME_WAIT) return true
  const isSigned = tcp.received.md5At >= 0
  const key = Md5Keys.ofEndpoint(endpoint, segment.remoteAddress)
  if (key === null && !isSigned) return true
  if (key === null) return refuse(tcp, net, segment, Counters.MD5_UNEXPECTED, Drops.TCP_MD5UNEXPECTED)
  if (!isSigned) return refuse(tcp, net, segment, Counters.MD5_NOT_FOUND, Drops.TCP_MD5NOTFOUND)
  const { localAddress, remoteAddress, headerLength, length } = segment
  digest(tcp.host, key, remoteAddress, localAddress, bytes, at, headerLength, segment, length, computed, 0)
  for (let i = 0; i < DIGEST_BYTES; i++) {
    if (computed[i] !== tcp.received.md5Digest[i]) {
      return refuse(tcp, net, segment, Counters.MD5_FAILURE, Drops.TCP_MD5FAILURE)
    }
  }
  return true
}

const refuse = (tcp: Tcp, net: TcpNet, segment: Segment, counter: number, reason: number): boolean => {
  net.count(counter)
  tcp.host.drop(segment, reason)
  return false
}
