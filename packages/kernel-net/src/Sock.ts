/**
 * struct sock: what every socket of every family has, below the system calls. Protocols extend it.
 *
 * It belongs to one network namespace for life. Locks follow Linux: a system call owns the socket across its steps
 * (`owned`); what soft IRQs bring meanwhile goes to `backlog` and is processed when the owner lets go.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Dst } from "./Dst.ts"
import type { Netns } from "./Netns.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"
import type { SockExtra } from "./SockExtra.ts"
import * as Sysctl from "./Sysctl.ts"

const NO_PMTU_DISC = Sysctl.define("net.ipv4.ip_no_pmtu_disc")

/** What the process side does when something happens to a socket (Linux: sk_data_ready and its kin). */
export interface SockWaiters {
  /** Linux: sock_def_readable. */
  dataReady(sock: Sock, core: Core): void
  /** Linux: sk_stream_write_space, sock_def_write_space. */
  writeSpace(sock: Sock, core: Core): void
  /** Linux: sock_def_wakeup. */
  stateChange(sock: Sock, core: Core): void
  /** Linux: sock_def_error_report. */
  errorReport(sock: Sock, core: Core): void
}

export abstract class Sock {
  readonly net: Netns
  /** AF_INET = 2. */
  readonly family: number
  /** SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3. */
  readonly type: number
  /** IPPROTO_*. */
  readonly protocol: number
  /** Addresses as int32, ports as numbers; 0 is any or none. */
  localAddress: number
  localPort: number
  remoteAddress: number
  remotePort: number
  /** ifindex the socket is bound to, 0 for none (SO_BINDTODEVICE). */
  boundDevice: number
  mark: number
  priority: number
  ttl: number
  tos: number
  rcvbuf: number
  sndbuf: number
  /** Bytes of truesize on the receive queue (Linux: sk_rmem_alloc). */
  rmem: number
  /** Bytes of truesize on the way out (Linux: sk_wmem_alloc). */
  wmem: number
  /** Pending error as a positive errno, 0 for none (Linux: sk_err). */
  error: number
  softError: number
  /** RCV_SHUTDOWN = 1, SEND_SHUTDOWN = 2. */
  shutdown: number
  reuseAddress: boolean
  reusePort: boolean
  /** A system call holds lock_sock. */
  owned: boolean
  /** Core time the last holder let go of the socket lock. */
  releasedAt: number
  readonly receiveQueue: SkBuffList
  /** What few sockets have: null until it is needed. */
  extra: SockExtra | null
  readonly backlog: SkBuffList
  backlogBytes: number
  /** Route used last by a connected socket. */
  dst: Dst | null
  /** Next IP identification of a connected socket (Linux: inet_id). */
  ident: number
  /** IP_MTU_DISCOVER: 0 dont, 1 want, 2 do, 3 probe. */
  pmtuDiscover: number
  /** IP_RECVERR: errors reach unconnected sockets too. */
  receiveErrors: boolean
  broadcast: boolean
  /** The process side; null for kernel sockets and orphans. */
  waiters: SockWaiters | null
  /** The socket's object above: file, wait queue. */
  owner: unknown
  /** Packets dropped at this socket (ss -m, d). */
  drops: number

  constructor(net: Netns, family: number, type: number, protocol: number) {
    this.net = net
    this.family = family
    this.type = type
    this.protocol = protocol
    this.localAddress = 0
    this.localPort = 0
    this.remoteAddress = 0
    this.remotePort = 0
    this.boundDevice = 0
    this.mark = 0
    this.priority = 0
    this.ttl = 0
    this.tos = 0
    this.rcvbuf = 0
    this.sndbuf = 0
    this.rmem = 0
    this.wmem = 0
    this.error = 0
    this.softError = 0
    this.shutdown = 0
    this.reuseAddress = false
    this.reusePort = false
    this.owned = false
    this.releasedAt = 0
    this.receiveQueue = new SkBuffList()
    this.extra = null
    this.backlog = new SkBuffList()
    this.backlogBytes = 0
    this.dst = null
    this.ident = net.host.identStream.u32() & 0xffff
    this.pmtuDiscover = net.sysctl.numbers[NO_PMTU_DISC] === 0 ? 1 : 0
    this.receiveErrors = false
    this.broadcast = false
    this.waiters = null
    this.owner = null
    this.drops = 0
  }

  /** A buffer that held this socket's write memory is gone (Linux: sock_wfree, tcp_wfree). */
  abstract writeFreed(skb: SkBuff, core: Core | null): void

  /** Processes one buffer of the backlog at release_sock (Linux: sk_backlog_rcv). */
  abstract backlogReceive(skb: SkBuff, core: Core): void

  /** Bytes a second at which a qdisc that paces sends its packets (Linux: sk_pacing_rate). */
  get pacingRate(): number {
    return this.extra === null ? Infinity : this.extra.maxPacingRate
  }

  /** A qdisc paces its packets, so its protocol need not (Linux: SK_PACING_FQ). */
  pacedByQdisc(): void {}

  /** A system call is about to let go, its backlog is empty: what had to wait for that (Linux: release_cb). */
  released(_core: Core): void {}
}
