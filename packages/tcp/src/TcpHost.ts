/**
 * What the TCP machine needs from the host it lives in, and nothing else: time, cost, memory, buffers, output, timers and
 * wake-ups. The sockets package implements it over sk_buffs; `SimpleHost` implements it over plain byte arrays.
 *
 * All calls are synchronous, and a call never leads back into the machine for the same socket: a host that wants to act
 * on a wake-up notes it and acts after the machine's function has returned.
 *
 * Who owns a segment: `allocSegment` and a received frame give it to the machine; `free`, `consumed` and `drop` take it
 * back. Each segment ends in exactly one of the three.
 */
import type { Segment } from "./Segment.ts"
import type { TcpNet } from "./TcpNet.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Kernel objects, for `allocObject` (Linux: slab caches). */
export const OBJECT_TCP = 0
export const OBJECT_REQUEST = 1
export const OBJECT_TIME_WAIT = 2
export const OBJECT_BIND_BUCKET = 3
export const OBJECT_BIND2_BUCKET = 4
/** The slab cache of each kernel object. */
export const objectCaches = ["TCP", "request_sock_TCP", "tw_sock_TCP", "tcp_bind_bucket", "tcp_bind2_bucket"] as const

/** What chance is wanted for, in `random32`: each is a stream of its own. */
export const RANDOM_SECRET = 0
export const RANDOM_PORT = 1
export const RANDOM_CYCLE = 2
/** Names of the random streams. */
export const randomPurposes = ["tcp-secret", "tcp-port", "tcp-cycle"] as const

/** Which timer it is, in `makeTimer` and `onTimer`. */
export const TIMER_RETRANSMIT = 0
export const TIMER_DELACK = 1
export const TIMER_KEEPALIVE = 2
export const TIMER_REQUEST = 3
export const TIMER_TIME_WAIT = 4
/** Exact, not at a jiffy (Linux: an hrtimer). */
export const TIMER_PACING = 5
/** Exact as well. */
export const TIMER_COMPRESSED_ACK = 6
/** The kernel function that each timer calls. */
export const timerFunctions = [
  "tcp_write_timer",
  "tcp_delack_timer",
  "tcp_keepalive_timer",
  "reqsk_timer_handler",
  "tw_timer_handler",
  "tcp_pace_kick",
  "tcp_compressed_ack_kick"
] as const

/** A kernel timer. Arming an armed one moves it. */
export interface TcpTimer {
  /** When it will fire, ns; below 0 when it is not armed. The host sets it to -1 before it calls `onTimer`. */
  readonly deadline: number
  /** @param at absolute time, ns; a time that is past means as soon as possible */
  arm(at: number): void
  cancel(): void
}

/** Answer of `transmit`: it was sent, but something of the same flow was dropped below for it (Linux: NET_XMIT_CN). */
export const SENT_CONGESTED = 2

/** What owns a timer. The host calls this when the timer is due and no system call owns the socket. */
/** A port looked at by the search of 3.10, of 6.x, and a TIME_WAIT sock on one. */
export const PORT_SEQUENTIAL = 0
export const PORT_PARITY = 1
export const PORT_TIME_WAIT = 2

export interface TimerOwner {
  onTimer(kind: number): void
}

/**
 * Where bytes to send come from and where received ones go: an array, or something of the host's own, such as pinned
 * pages or a pipe, that only `append` and `copyOut` look into.
 */
export type Bytes = Uint8Array | HostBytes

export interface HostBytes {
  readonly length: number
}

export interface TcpHost {
  /** Scratch in which the machine writes the TCP header with its options, from offset 0; 60 bytes. */
  readonly header: Uint8Array
  /** Most (super-)segments that one call from an ACK or a timer may send before it asks for `deferXmit`. */
  readonly xmitBudget: number

  /** The time of the core that runs, ns. */
  now(): number
  /** Spends the simulated CPU time of `count` steps of a port search; `kind`: PORT_*. */
  chargePorts(kind: number, count: number): void
  /** A kernel function is passed (Points.ts). The host charges the point's cost. */
  trace(point: number, sock: TcpSock | null, segment: Segment | null): void
  /** A random int32 from the stream of `purpose`, RANDOM_*. */
  random32(purpose: number): number

  /** Takes a kernel object from the slab cache of `kind`, OBJECT_*; false when there is no memory. */
  allocObject(kind: number, net: TcpNet): boolean
  freeObject(kind: number, net: TcpNet): void

  /** An empty transmit buffer; null when there is no memory. */
  allocSegment(sock: TcpSock): Segment | null
  /**
   * Copies user data behind what the segment holds (Linux: tcp_sendmsg's copy), at most `length` bytes; updates
   * `segment.length` and `segment.truesize`, nothing else.
   *
   * @returns bytes taken; less than `length` when the buffer is full (pages, 64 KB), may not share its pages with this
   *   source or memory is short; a negative errno when the source cannot be read (-EFAULT)
   */
  append(segment: Segment, source: Bytes, at: number, length: number): number
  /**
   * Cuts the payload: `segment` keeps the first `bytes`, the rest is returned, sharing pages (Linux: skb_split). Updates
   * `length` and `truesize` of both, nothing else. Null when there is no memory.
   */
  split(segment: Segment, bytes: number): Segment | null
  /** Takes the first `bytes` of the payload away (Linux: tcp_trim_head). Updates `length` and `truesize`, nothing else. */
  trimHead(segment: Segment, bytes: number): void
  /**
   * Moves the first `bytes` of the payload of `from` behind that of `to` (Linux: skb_shift). Updates `length` and `truesize` of
   * both, nothing else. False when the buffers do not allow it.
   */
  shift(to: Segment, from: Segment, bytes: number): boolean
  /**
   * Moves the payload of `segment` behind that of `tail` (Linux: skb_try_coalesce), if the buffers allow it without waste:
   * updates `length` and `truesize` of `tail`, and `segment` is gone.
   */
  coalesce(tail: Segment, segment: Segment): boolean
  /**
   * Copies payload bytes out, from `offset` into the payload on (Linux: skb_copy_datagram_iter).
   *
   * @returns bytes taken: all of them, or fewer when `into` is the host's own and is full
   */
  copyOut(segment: Segment, offset: number, into: Bytes, at: number, length: number): number
  /** A sent segment with a mark in `stamp` is acknowledged up to the byte it stands for (Linux: tcp_ack_tstamp). */
  stamped(sock: TcpSock, segment: Segment): void
  /** Reads payload bytes without taking them, of a sent or a received segment: for a digest, or one urgent byte. */
  peek(segment: Segment, offset: number, into: Uint8Array, at: number, length: number): void
  /** A copy of the headers in front of a received segment's payload, from IP's (or the link's) to TCP's. */
  headers(segment: Segment, withLink: boolean): Uint8Array
  /** A transmit segment that was acknowledged or thrown away, or a received one that was read. */
  free(segment: Segment): void
  /** A received segment goes into the receive queue: it is delivered. It ends later with `free`. */
  delivered(segment: Segment): void
  /** A received segment has been used up without going into the receive queue: delivered and freed. */
  consumed(segment: Segment): void
  /** A received segment ends here unused. `reason`: DropReason id (Drops.ts). */
  drop(segment: Segment, reason: number): void

  /**
   * Sends one (super-)segment: the header stands in `header`. The host clones the buffer (it stays in the retransmit
   * queue), puts the header in front, sets addresses, CHECKSUM_PARTIAL, the IP options of the socket and ECT(0) when
   * `sock.ect`, and routes. CWR goes on the first wire segment only, FIN and PSH on the last.
   *
   * @param segment payload, or null for a segment without any
   * @param gsoSize payload bytes of each wire segment when there are several, else 0
   * @returns 0, SENT_CONGESTED or a negative errno (local congestion: -ENOBUFS)
   */
  transmit(
    sock: TcpSock,
    segment: Segment | null,
    headerLength: number,
    payloadLength: number,
    gsoSize: number,
    gsoSegments: number
  ): number
  /**
   * Sends a segment without payload and without a full socket: RST, SYN-ACK, ACK of TIME_WAIT. The header stands in `header`.
   *
   * @param sock whose IP options it takes: the listener for a SYN-ACK, else null
   */
  sendControl(
    net: TcpNet,
    localAddress: number,
    remoteAddress: number,
    headerLength: number,
    device: number,
    mark: number,
    sock: TcpSock | null
  ): number
  /**
   * Finds the way to `sock.remoteAddress` (Linux: ip_route_connect) and, when `sock.localAddress` is 0, sets it.
   *
   * @returns 0 or a negative errno (-ENETUNREACH, -EHOSTUNREACH)
   */
  route(sock: TcpSock): number
  /**
   * MTU of the path, bytes of an IP packet. Asked for each write and each ACK that may send: for a `sock` the host should
   * have the answer at hand.
   */
  mtu(net: TcpNet, localAddress: number, remoteAddress: number, sock: TcpSock | null): number
  /** Whether the address is one that a local socket may use (Linux: inet_addr_valid_or_nonlocal). */
  isLocal(net: TcpNet, address: number): boolean
  /** Whether the peer is reached over a loopback device (tcp_tw_reuse = 2). */
  isLoopback(net: TcpNet, localAddress: number, remoteAddress: number): boolean
  /** What the route says of `which`, RTAX_* (RouteMetric.ts); 0 for nothing. */
  metric(net: TcpNet, localAddress: number, remoteAddress: number, sock: TcpSock | null, which: number): number
  /** Bytes of truesize that this socket has below TCP, in qdisc and driver (Linux: sk_wmem_alloc). */
  wmemAlloc(sock: TcpSock): number
  /** Whether what was last sent of this segment is still in qdisc or driver (Linux: skb_fclone_busy). */
  isInHostQueue(sock: TcpSock, segment: Segment): boolean
  /** What was sent of it last still exists somewhere, below the host's queues too (Linux: skb_cloned). */
  isShared(segment: Segment): boolean

  makeTimer(owner: TimerOwner, kind: number): TcpTimer
  /** More could be sent than the budget allowed: call `Output.resume(sock)` in a step of its own (also when wmemAlloc has shrunk below a limit that stopped the socket: `sock.throttled`). */
  deferXmit(sock: TcpSock): void

  /** A handshake was completed: make what the host keeps for the new socket. False when there is no memory. */
  attachChild(listener: TcpSock, child: TcpSock): boolean
  /** Data, end of file, or (on a listener) a connection to accept (Linux: sk_data_ready). */
  readable(sock: TcpSock): void
  /** There is room to send again (Linux: sk_write_space). */
  writable(sock: TcpSock): void
  /** State or shutdown bits changed (Linux: sk_state_change). */
  stateChanged(sock: TcpSock): void
  /** `sock.error` was set (Linux: sk_error_report). */
  errored(sock: TcpSock): void
  /** The machine has let go of the socket for good (Linux: sk_destruct). */
  destroyed(sock: TcpSock): void
}
