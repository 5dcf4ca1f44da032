/** Numbers of the kernel's headers by name: those of the packages that act on them, and what only scripts use. */
import * as Errno from "@darkfiber/kernel-net/Errno"
import * as Epoll from "@darkfiber/sockets/Epoll"
import * as FileCalls from "@darkfiber/sockets/FileCalls"
import * as Ioctl from "@darkfiber/sockets/Ioctl"
import * as Poll from "@darkfiber/sockets/Poll"
import * as Socket from "@darkfiber/sockets/Socket"
import * as SocketOptions from "@darkfiber/sockets/SocketOptions"

type Table = Readonly<Record<string, unknown>>

const modules: ReadonlyArray<Table> = [SocketOptions, Socket, Poll, Epoll, FileCalls, Ioctl, Errno]

/** Linux: include/uapi (asm-generic/socket.h, asm-generic/ioctls.h, linux/in.h, linux/tcp.h, linux/errqueue.h …). */
const headers: Table = {
  NULL: 0,
  AF_INET6: 10,
  PF_INET: 2,
  PF_INET6: 10,
  SOCK_CLOEXEC: 0x80000,
  IPPROTO_IP: 0,
  IPPROTO_ICMP: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_ICMPV6: 58,
  IPPROTO_MPTCP: 262,
  SOL_ICMP: 1,
  SOL_UDP: 17,
  SOL_IPV6: 41,
  IPV6_RECVERR: 25,
  SO_DEBUG: 1,
  SO_OOBINLINE: 10,
  SO_NO_CHECK: 11,
  SO_TIMESTAMP: 29,
  SO_TIMESTAMPNS: 35,
  SO_TIMESTAMPING: 37,
  SO_RXQ_OVFL: 40,
  SO_PEEK_OFF: 42,
  SO_BUSY_POLL: 46,
  SO_INCOMING_CPU: 49,
  SO_MEMINFO: 55,
  SO_ZEROCOPY: 60,
  SCM_TIMESTAMP: 29,
  SCM_TIMESTAMPNS: 35,
  SCM_TIMESTAMPING: 37,
  SCM_TIMESTAMPING_OPT_STATS: 54,
  IP_FREEBIND: 15,
  IP_MTU_DISCOVER: 10,
  IP_PMTUDISC_DONT: 0,
  IP_PMTUDISC_WANT: 1,
  IP_PMTUDISC_DO: 2,
  IP_PMTUDISC_PROBE: 3,
  IP_RECVTTL: 12,
  IP_RECVTOS: 13,
  TCP_MD5SIG: 14,
  TCP_REPAIR: 19,
  TCP_FASTOPEN: 23,
  TCP_TIMESTAMP: 24,
  TCP_CC_INFO: 26,
  TCP_SAVE_SYN: 27,
  TCP_SAVED_SYN: 28,
  TCP_FASTOPEN_CONNECT: 30,
  TCP_ULP: 31,
  TCP_MD5SIG_EXT: 32,
  TCP_FASTOPEN_KEY: 33,
  TCP_FASTOPEN_NO_COOKIE: 34,
  TCP_ZEROCOPY_RECEIVE: 35,
  TCP_INQ: 36,
  TCP_CM_INQ: 36,
  TCP_TX_DELAY: 37,
  TCP_INFINITE_SSTHRESH: 0x7fff_ffff,
  TCP_CA_OPEN: 0,
  TCP_CA_DISORDER: 1,
  TCP_CA_CWR: 2,
  TCP_CA_RECOVERY: 3,
  TCP_CA_LOSS: 4,
  MSG_CONFIRM: 0x800,
  MSG_CTRUNC: 0x8,
  MSG_DONTROUTE: 0x4,
  MSG_FASTOPEN: 0x20000000,
  MSG_ZEROCOPY: 0x4000000,
  MSG_CMSG_CLOEXEC: 0x40000000,
  SIOCINQ: 0x541b,
  FIONREAD: 0x541b,
  SIOCOUTQ: 0x5411,
  TIOCOUTQ: 0x5411,
  SIOCOUTQNSD: 0x894b,
  SIOCATMARK: 0x8905,
  EPOLLRDNORM: 0x40,
  EPOLLRDBAND: 0x80,
  EPOLLWRNORM: 0x100,
  EPOLLWRBAND: 0x200,
  EPOLLMSG: 0x400,
  EWOULDBLOCK: 11,
  ENODATA: 61,
  ETIME: 62,
  ENONET: 64,
  ECOMM: 70,
  ECANCELED: 125,
  F_DUPFD_CLOEXEC: 1030,
  FD_CLOEXEC: 1,
  O_ACCMODE: 3,
  O_CREAT: 0x40,
  O_EXCL: 0x80,
  O_TRUNC: 0x200,
  O_APPEND: 0x400,
  F_GETFD: 1,
  F_SETFD: 2,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  SO_EE_ORIGIN_NONE: 0,
  SO_EE_ORIGIN_LOCAL: 1,
  SO_EE_ORIGIN_ICMP: 2,
  SO_EE_ORIGIN_ICMP6: 3,
  SO_EE_ORIGIN_TIMESTAMPING: 4,
  SO_EE_ORIGIN_TXSTATUS: 4,
  SO_EE_ORIGIN_ZEROCOPY: 5,
  SO_EE_CODE_ZEROCOPY_COPIED: 1,
  SCM_TSTAMP_SND: 0,
  SCM_TSTAMP_SCHED: 1,
  SCM_TSTAMP_ACK: 2,
  SOF_TIMESTAMPING_TX_HARDWARE: 1,
  SOF_TIMESTAMPING_TX_SOFTWARE: 2,
  SOF_TIMESTAMPING_RX_HARDWARE: 4,
  SOF_TIMESTAMPING_RX_SOFTWARE: 8,
  SOF_TIMESTAMPING_SOFTWARE: 16,
  SOF_TIMESTAMPING_SYS_HARDWARE: 32,
  SOF_TIMESTAMPING_RAW_HARDWARE: 64,
  SOF_TIMESTAMPING_OPT_ID: 128,
  SOF_TIMESTAMPING_TX_SCHED: 256,
  SOF_TIMESTAMPING_TX_ACK: 512,
  SOF_TIMESTAMPING_OPT_CMSG: 1024,
  SOF_TIMESTAMPING_OPT_TSONLY: 2048,
  SOF_TIMESTAMPING_OPT_STATS: 4096,
  SOF_TIMESTAMPING_OPT_PKTINFO: 8192,
  SOF_TIMESTAMPING_OPT_TX_SWHW: 16384,
  SPLICE_F_MOVE: 1,
  SPLICE_F_NONBLOCK: 2,
  SPLICE_F_MORE: 4,
  SPLICE_F_GIFT: 8
}

/** Attributes of SCM_TIMESTAMPING_OPT_STATS, in their order from 0 (Linux: include/uapi/linux/tcp.h). */
export const tcpNlaNames: ReadonlyArray<string> = (
  "PAD BUSY RWND_LIMITED SNDBUF_LIMITED DATA_SEGS_OUT TOTAL_RETRANS PACING_RATE DELIVERY_RATE SND_CWND REORDERING " +
  "MIN_RTT RECUR_RETRANS DELIVERY_RATE_APP_LMT SNDQ_SIZE CA_STATE SND_SSTHRESH DELIVERED DELIVERED_CE BYTES_SENT " +
  "BYTES_RETRANS DSACK_DUPS REORD_SEEN SRTT TIMEOUT_REHASH BYTES_NOTSENT EDT TTL REHASH"
)
  .split(" ")
  .map((name) => `TCP_NLA_${name}`)

/** The number of a name; null for none. */
export const find = (name: string): number | null => {
  for (const table of [...modules, headers]) {
    const value = Object.hasOwn(table, name) ? table[name] : undefined
    if (typeof value === "number") return value
  }
  const attribute = tcpNlaNames.indexOf(name)
  return attribute >= 0 ? attribute : null
}
