/**
 * Keys of Fast Open cookies, and the cookies (RFC 7413 §4.1.2; Linux: tcp_fastopen_reset_cipher, __tcp_fastopen_cookie_gen,
 * proc_tcp_fastopen_key). A cookie is the SipHash of the client's and the server's address; a second key lets a server take
 * cookies of the key before, and hand out new ones.
 */
import { hash8 } from "./SipHash.ts"

/** Bytes of a key, and of a cookie that we make. */
export const KEY_BYTES = 16
export const COOKIE_BYTES = 8
/** Shortest and longest cookie of others. */
export const COOKIE_MIN = 4
export const COOKIE_MAX = 16

export class FastOpenKeys {
  readonly primary: Uint8Array
  readonly backup: Uint8Array | null

  constructor(primary: Uint8Array, backup: Uint8Array | null) {
    this.primary = primary
    this.backup = backup
  }
}

/** Keys from 16 or 32 bytes, as TCP_FASTOPEN_KEY takes them; null for another length. */
export const fromBytes = (bytes: Uint8Array): FastOpenKeys | null => {
  if (bytes.length !== KEY_BYTES && bytes.length !== 2 * KEY_BYTES) return null
  const backup = bytes.length === KEY_BYTES ? null : bytes.slice(KEY_BYTES)
  return new FastOpenKeys(bytes.slice(0, KEY_BYTES), backup)
}

/** As TCP_FASTOPEN_KEY gives them back. */
export const toBytes = (keys: FastOpenKeys): Uint8Array => {
  const bytes = new Uint8Array(keys.backup === null ? KEY_BYTES : 2 * KEY_BYTES)
  bytes.set(keys.primary)
  if (keys.backup !== null) bytes.set(keys.backup, KEY_BYTES)
  return bytes
}

const ONE = /^([0-9a-f]{1,8})-([0-9a-f]{1,8})-([0-9a-f]{1,8})-([0-9a-f]{1,8})$/i

const keyOf = (text: string): Uint8Array | null => {
  const match = ONE.exec(text.trim())
  if (match === null) return null
  const key = new Uint8Array(KEY_BYTES)
  for (let i = 0; i < 4; i++) {
    const value = Number.parseInt(match[i + 1]!, 16)
    for (let j = 0; j < 4; j++) key[4 * i + j] = value >>> (8 * j)
  }
  return key
}

/** Keys from the text of net.ipv4.tcp_fastopen_key, `a-b-c-d` or `a-b-c-d,e-f-g-h`; null when it is none. */
export const parse = (text: string): FastOpenKeys | null => {
  const parts = text.split(",")
  if (parts.length > 2) return null
  const primary = keyOf(parts[0]!)
  const backup = parts.length === 2 ? keyOf(parts[1]!) : null
  if (primary === null || (parts.length === 2 && backup === null)) return null
  return new FastOpenKeys(primary, backup)
}

const textOf = (key: Uint8Array): string => {
  const words: Array<string> = []
  for (let i = 0; i < KEY_BYTES; i += 4) {
    const value = (key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24)) >>> 0
    words.push(value.toString(16).padStart(8, "0"))
  }
  return words.join("-")
}

/** The text of net.ipv4.tcp_fastopen_key. */
export const format = (keys: FastOpenKeys): string =>
  keys.backup === null ? textOf(keys.primary) : `${textOf(keys.primary)},${textOf(keys.backup)}`

const addresses = new Uint8Array(8)

const putAddress = (address: number, at: number): void => {
  for (let i = 0; i < 4; i++) addresses[at + i] = address >>> (24 - 8 * i)
}

/** The cookie of a client at `remote` for a server at `local`, 8 bytes into `into`. */
export const cookie = (key: Uint8Array, remote: number, local: number, into: Uint8Array): void => {
  putAddress(remote, 0)
  putAddress(local, 4)
  hash8(key, addresses, 0, into)
}
