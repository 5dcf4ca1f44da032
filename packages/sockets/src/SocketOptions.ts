/** Socket options by level and number (Linux: include/uapi/asm-generic/socket.h, tcp.h, in.h). */

export const SOL_IP = 0
export const SOL_SOCKET = 1
export const SOL_TCP = 6

export const SO_DEBUG = 1
export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_ERROR = 4
export const SO_DONTROUTE = 5
export const SO_BROADCAST = 6
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_NO_CHECK = 11
export const SO_OOBINLINE = 10
export const SO_PRIORITY = 12
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_RCVLOWAT = 18
export const SO_SNDLOWAT = 19
export const SO_RCVTIMEO = 20
export const SO_SNDTIMEO = 21
export const SO_BINDTODEVICE = 25
export const SO_TIMESTAMP = 29
export const SO_ACCEPTCONN = 30
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33
export const SO_TIMESTAMPNS = 35
export const SO_MARK = 36
export const SO_TIMESTAMPING = 37
export const SO_PROTOCOL = 38
export const SO_DOMAIN = 39
export const SO_RXQ_OVFL = 40
export const SO_PEEK_OFF = 42
/** A record of the SK_MEMINFO_* in bytes: rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops. */
export const SO_MEMINFO = 55
export const SO_LOCK_FILTER = 44
export const SO_SELECT_ERR_QUEUE = 45
export const SO_BUSY_POLL = 46
export const SO_MAX_PACING_RATE = 47
export const SO_INCOMING_CPU = 49
export const SO_ZEROCOPY = 60

export const IP_TOS = 1
export const IP_TTL = 2
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IP_RECVTTL = 12
export const IP_RECVTOS = 13
export const IP_MTU = 14
export const IP_FREEBIND = 15
export const IP_TRANSPARENT = 19
export const IP_BIND_ADDRESS_NO_PORT = 24
export const IP_MULTICAST_TTL = 33
export const IP_MULTICAST_LOOP = 34

/** TCP's numbers stand with TCP. */
export {
  TCP_CONGESTION,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_FASTOPEN,
  TCP_FASTOPEN_CONNECT,
  TCP_FASTOPEN_KEY,
  TCP_FASTOPEN_NO_COOKIE,
  TCP_MD5SIG,
  TCP_SAVED_SYN,
  TCP_SAVE_SYN,
  TCP_MD5SIG_EXT,
  TCP_INFO,
  TCP_INQ,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_NOTSENT_LOWAT,
  TCP_QUICKACK,
  TCP_SYNCNT,
  TCP_THIN_DUPACK,
  TCP_THIN_LINEAR_TIMEOUTS,
  TCP_TIMESTAMP,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP
} from "@darkfiber/tcp/OptionNames"

/** The control message of TCP_INQ. */
export const TCP_CM_INQ = 36

/** SOF_TIMESTAMPING_*: bits of SO_TIMESTAMPING (Linux: include/uapi/linux/net_tstamp.h). */
export const SOF_TIMESTAMPING_TX_SOFTWARE = 1 << 1
export const SOF_TIMESTAMPING_RX_SOFTWARE = 1 << 3
export const SOF_TIMESTAMPING_SOFTWARE = 1 << 4
export const SOF_TIMESTAMPING_OPT_ID = 1 << 7
export const SOF_TIMESTAMPING_TX_SCHED = 1 << 8
export const SOF_TIMESTAMPING_TX_ACK = 1 << 9
export const SOF_TIMESTAMPING_OPT_CMSG = 1 << 10
export const SOF_TIMESTAMPING_OPT_TSONLY = 1 << 11
export const SOF_TIMESTAMPING_OPT_ID_TCP = 1 << 16
export const SOF_TIMESTAMPING_MASK = (1 << 19) - 1

/** SO_LINGER. */
export interface Linger {
  readonly on: boolean
  readonly seconds: number
}

/** struct tcp_md5sig of TCP_MD5SIG and TCP_MD5SIG_EXT: the peers within a prefix sign with `key`; an empty one ends that. */
export interface Md5Signature {
  /** Int32. */
  readonly address: number
  /** TCP_MD5SIG_EXT only; 32 else. */
  readonly prefixLength?: number
  readonly key: Uint8Array
}

/**
 * Numbers for most options; times (SO_RCVTIMEO, SO_SNDTIMEO) in ns, 0 for none; texts for SO_BINDTODEVICE and
 * TCP_CONGESTION; bytes for TCP_FASTOPEN_KEY; records for SO_LINGER, TCP_MD5SIG and TCP_INFO.
 */
export type OptionValue = number | string | Uint8Array | Linger | Md5Signature | Readonly<Record<string, number>>
