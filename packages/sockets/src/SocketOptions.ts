/** Socket options by level and number (Linux: include/uapi/asm-generic/socket.h, tcp.h, in.h). */

export const SOL_IP = 0
export const SOL_SOCKET = 1
export const SOL_TCP = 6

export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_ERROR = 4
export const SO_DONTROUTE = 5
export const SO_BROADCAST = 6
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_PRIORITY = 12
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_RCVLOWAT = 18
export const SO_RCVTIMEO = 20
export const SO_SNDTIMEO = 21
export const SO_BINDTODEVICE = 25
export const SO_ACCEPTCONN = 30
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_MARK = 36
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_MAX_PACING_RATE = 47

export const IP_TOS = 1
export const IP_TTL = 2
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IP_MTU = 14
export const IP_BIND_ADDRESS_NO_PORT = 24

export const TCP_NODELAY = 1
export const TCP_MAXSEG = 2
export const TCP_CORK = 3
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_SYNCNT = 7
export const TCP_LINGER2 = 8
export const TCP_DEFER_ACCEPT = 9
export const TCP_WINDOW_CLAMP = 10
export const TCP_INFO = 11
export const TCP_QUICKACK = 12
export const TCP_CONGESTION = 13
export const TCP_USER_TIMEOUT = 18
export const TCP_FASTOPEN = 23
export const TCP_NOTSENT_LOWAT = 25
export const TCP_FASTOPEN_CONNECT = 30
export const TCP_FASTOPEN_KEY = 33
export const TCP_FASTOPEN_NO_COOKIE = 34

/** SO_LINGER. */
export interface Linger {
  readonly on: boolean
  readonly seconds: number
}

/**
 * Numbers for most options; times (SO_RCVTIMEO, SO_SNDTIMEO) in ns, 0 for none; texts for SO_BINDTODEVICE and
 * TCP_CONGESTION; bytes for TCP_FASTOPEN_KEY; records for SO_LINGER and TCP_INFO.
 */
export type OptionValue = number | string | Uint8Array | Linger | Readonly<Record<string, number>>
