/** Numbers of the socket options of level IPPROTO_TCP (Linux: include/uapi/linux/tcp.h). The one table of them. */

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
export const TCP_MD5SIG = 14
export const TCP_THIN_LINEAR_TIMEOUTS = 16
/** Taken and without effect (since Linux 4.19). */
export const TCP_THIN_DUPACK = 17
export const TCP_USER_TIMEOUT = 18
export const TCP_FASTOPEN = 23
export const TCP_TIMESTAMP = 24
export const TCP_NOTSENT_LOWAT = 25
export const TCP_SAVE_SYN = 27
export const TCP_SAVED_SYN = 28
export const TCP_FASTOPEN_CONNECT = 30
export const TCP_FASTOPEN_KEY = 33
export const TCP_FASTOPEN_NO_COOKIE = 34
export const TCP_INQ = 36
export const TCP_MD5SIG_EXT = 32
