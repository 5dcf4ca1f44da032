/** What setsockopt sets of a connection, as far as few sockets have it set. */
import type { FastOpenKeys } from "./FastOpenKey.ts"
import type { Md5Key } from "./Md5Keys.ts"

/** Options that few sockets set, and their values when they are not set. */
export class SockOptions {
  /** SO_KEEPALIVE and its times, seconds; 0: the sysctl's. */
  keepOpen = 0
  keepaliveTime = 0
  keepaliveInterval = 0
  keepaliveProbes = 0
  /** TCP_SYNCNT, 0: the sysctl's. */
  synRetries = 0
  /** TCP_THIN_LINEAR_TIMEOUTS. 1 or 0. */
  thinLinear = 0
  /** TCP_USER_TIMEOUT, ms; 0: none. */
  userTimeoutMs = 0
  /** TCP_LINGER2, seconds; 0: the sysctl's; below 0: no FIN_WAIT2 for orphans. */
  linger2 = 0
  /** TCP_DEFER_ACCEPT, as a number of SYN-ACK timeouts. */
  deferAccept = 0
  /** TCP_NOTSENT_LOWAT, bytes; 0: none. */
  notsentLowat = 0
  /** TCP_MAXSEG, 0: none. */
  userMss = 0
  /** TCP_WINDOW_CLAMP set by the user, 0: none. */
  windowClamp = 0
  /** SO_RCVLOWAT. */
  rcvLowat = 1
  /** TCP_INQ: recvmsg tells how much more there is. 1 or 0. */
  inq = 0
  /** IP_BIND_ADDRESS_NO_PORT: bind() to an address alone leaves the port to connect(). 1 or 0. */
  bindAddressNoPort = 0
  /** FREEBIND, TRANSPARENT (SockOpt.ts): bind() takes addresses that are not local. */
  anyAddress = 0
  /** SO_MAX_PACING_RATE, bytes a second. */
  maxPacingRate = Infinity
  /** TCP_FASTOPEN, unconfirmed connections; 0: none. */
  fastOpenBacklog = 0
  /** TCP_FASTOPEN_KEY; null: the namespace's. */
  fastOpenKeys: FastOpenKeys | null = null
  /** TCP_MD5SIG: peers that sign; null: none. */
  md5Keys: ReadonlyArray<Md5Key> | null = null
  /** TCP_SAVE_SYN: 1 keeps IP and TCP header of a child's SYN, 2 the link's too. */
  saveSyn = 0
  /** SO_OOBINLINE. */
  oobInline = 0
}

export const defaultOptions: SockOptions = new SockOptions()
