/**
 * Which peers of a socket sign their segments, and with which key (TCP_MD5SIG, TCP_MD5SIG_EXT; Linux: tcp_v4_parse_md5_keys,
 * tcp_md5_do_add, tcp_md5_do_lookup, net/ipv4/tcp_ipv4.c). The longest prefix that holds the peer decides.
 */
import { EINVAL, ENOENT } from "./Errno.ts"
import type { Endpoint } from "./Endpoint.ts"
import { KIND_REQUEST, KIND_TIME_WAIT } from "./Endpoint.ts"
import type { RequestSock } from "./RequestSock.ts"
import type { TcpSock } from "./TcpSock.ts"
import type { TimeWaitSock } from "./TimeWaitSock.ts"

/** TCP_MD5SIG_MAXKEYLEN, bytes. */
const KEY_MAX = 80

export class Md5Key {
  readonly address: number
  readonly prefixLength: number
  readonly key: Uint8Array

  constructor(address: number, prefixLength: number, key: Uint8Array) {
    this.address = address
    this.prefixLength = prefixLength
    this.key = key
  }
}

const isWithin = (key: Md5Key, address: number): boolean =>
  key.prefixLength === 0 || (address ^ key.address) >>> (32 - key.prefixLength) === 0

/**
 * Sets the key of the peers within a prefix; an empty one takes it away.
 *
 * @returns 0, -EINVAL or -ENOENT
 */
export const set = (sock: TcpSock, address: number, prefixLength: number, key: Uint8Array): number => {
  if (!(prefixLength >= 0 && prefixLength <= 32) || key.length > KEY_MAX) return -EINVAL
  const known = sock.options.md5Keys ?? []
  const rest = known.filter((one) => one.address !== address || one.prefixLength !== prefixLength)
  if (key.length === 0 && rest.length === known.length) return -ENOENT
  if (key.length > 0) rest.push(new Md5Key(address, prefixLength, key.slice()))
  sock.ownOptions().md5Keys = rest.length === 0 ? null : rest
  if (key.length > 0) {
    sock.tcp.usesMd5 = true
    // Each wire segment has a digest of its own: none may be cut out of a larger one (Linux: sk_gso_disable).
    sock.gsoMaxSegs = 1
  }
  return 0
}

/** The key for a peer of the socket; null: it does not sign. */
export const find = (sock: TcpSock, address: number): Uint8Array | null => {
  const keys = sock.options.md5Keys
  if (keys === null) return null
  let best: Md5Key | null = null
  for (const one of keys) {
    if (isWithin(one, address) && (best === null || one.prefixLength > best.prefixLength)) best = one
  }
  return best === null ? null : best.key
}

/** The key for whatever a segment is for. */
export const ofEndpoint = (endpoint: Endpoint, address: number): Uint8Array | null => {
  if (endpoint.kind === KIND_TIME_WAIT) return (endpoint as TimeWaitSock).md5Key
  if (endpoint.kind === KIND_REQUEST) return find((endpoint as RequestSock).listener, address)
  return find(endpoint as TcpSock, address)
}

/** The child of a listener takes the key of its peer over (Linux: tcp_md5_key_copy). */
export const inherit = (child: TcpSock, listener: TcpSock): void => {
  const key = find(listener, child.remoteAddress)
  child.ownOptions().md5Keys = null
  if (key !== null) set(child, child.remoteAddress, 32, key)
}
