/**
 * The Fast Open option, and what a program wants in its SYN (RFC 7413 §4.1.1, RFC 6994 for the experimental form; Linux:
 * tcp_parse_fastopen_option, tcp_syn_options).
 */
import type { Bytes } from "./TcpHost.ts"
import type * as TcpOptions from "@darkfiber/wire/TcpOptions"
import { COOKIE_MAX, COOKIE_MIN } from "./FastOpenKey.ts"
import { SYN_FASTOPEN, SYN_FASTOPEN_EXP, type TcpSock } from "./TcpSock.ts"

/** Bits of net.ipv4.tcp_fastopen (Linux: TFO_*). */
export const CLIENT_ENABLE = 1
export const SERVER_ENABLE = 2
export const CLIENT_NO_COOKIE = 4
export const SERVER_COOKIE_NOT_REQUIRED = 0x200
export const SERVER_WITHOUT_OPTION = 0x400

/** Option room that a SYN with data keeps for middleboxes (MAX_TCP_OPTION_SPACE). */
export const OPTION_SPACE = 40

/** A cookie: -1 bytes for no option at all, 0 to ask for one. */
export class Cookie {
  length: number
  experimental: boolean
  readonly bytes: Uint8Array

  constructor() {
    this.length = -1
    this.experimental = false
    this.bytes = new Uint8Array(COOKIE_MAX)
  }

  copy(bytes: Uint8Array, length: number, experimental: boolean): void {
    this.length = length
    this.experimental = experimental
    for (let i = 0; i < length; i++) this.bytes[i] = bytes[i]!
  }
}

/** Data that a program wants in the SYN, and what became of it (Linux: struct tcp_fastopen_request). */
export class FastOpenRequest {
  readonly data: Bytes
  readonly at: number
  readonly size: number
  copied: number
  readonly cookie: Cookie

  constructor(data: Bytes, at: number, size: number) {
    this.data = data
    this.at = at
    this.size = size
    this.copied = 0
    this.cookie = new Cookie()
    this.cookie.length = 0
  }
}

/** The cookie option of a received SYN or SYN-ACK (Linux: tcp_parse_fastopen_option). */
export const readCookie = (options: TcpOptions.TcpOptions, into: Cookie): void => {
  const length = options.fastOpenLength
  into.length = -1
  into.experimental = options.fastOpenExperimental !== 0
  if (length < 0 || (length & 1) !== 0) return
  if (length === 0) into.length = 0
  else if (length >= COOKIE_MIN && length <= COOKIE_MAX) into.copy(options.fastOpenCookie, length, into.experimental)
}

/** Puts the option into a SYN, when it fits (Linux: the Fast Open part of tcp_syn_options). */
export const writeOption = (sock: TcpSock, options: TcpOptions.TcpOptions, used: number): void => {
  const cookie = sock.fastOpen === null ? null : sock.fastOpen.cookie
  if (cookie === null || cookie.length < 0) return
  if (!putCookie(options, cookie, used)) return
  sock.synBits |= SYN_FASTOPEN
  sock.synBits = cookie.experimental ? sock.synBits | SYN_FASTOPEN_EXP : sock.synBits & ~SYN_FASTOPEN_EXP
}

/** Puts a cookie option beside `used` bytes of others; whether it fits. */
export const putCookie = (options: TcpOptions.TcpOptions, cookie: Cookie, used: number): boolean => {
  const need = (cookie.length + (cookie.experimental ? 4 : 2) + 3) & ~3
  if (used + need > OPTION_SPACE) return false
  options.fastOpenLength = cookie.length
  options.fastOpenExperimental = cookie.experimental ? 1 : 0
  for (let i = 0; i < cookie.length; i++) options.fastOpenCookie[i] = cookie.bytes[i]!
  return true
}
