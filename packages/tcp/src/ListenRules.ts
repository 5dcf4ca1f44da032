/**
 * How long the SYN queue may be, when a SYN is dropped for the accept queue's sake, and who sends SYN-ACKs again (F2, F4, F7
 * of the book).
 *
 * Linux 3.10: a table of requests per listener, whose size is the limit, and one 200 ms tick per listener that visits two
 * fifths of it. Linux 6.x: no table, the backlog is the limit, and a timer for each request.
 */
import * as Listen from "./Listen.ts"
import type { ListenState } from "./ListenState.ts"
import type { RequestSock } from "./RequestSock.ts"
import { roundUpPowerOfTwo } from "./Sysctl.ts"
import { tupleHash } from "./Tables.ts"
import { TIMER_KEEPALIVE, TIMER_REQUEST } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"

export interface ListenRules {
  /** Sets up the SYN queue of a new listener; `backlog` is already cut to somaxconn. */
  start(listener: TcpSock, listen: ListenState, backlog: number): void
  isSynQueueFull(listen: ListenState): boolean
  /** Whether a new SYN is dropped because of the accept queue. */
  refusesSyn(listen: ListenState): boolean
  /** A SYN that was answered with a cookie counts as ListenDrops. */
  readonly cookieIsDrop: boolean
  /** A request was queued: see to its SYN-ACK timer. */
  added(request: RequestSock, listen: ListenState): void
  /** A request leaves the queue. */
  removed(request: RequestSock, listen: ListenState): void
  /** The listener's tick. */
  tick(listener: TcpSock, listen: ListenState): void
}

/** Nanoseconds of the first SYN-ACK timeout (TCP_TIMEOUT_INIT). */
export const TIMEOUT_INIT = 1_000_000_000
/** The tick of the 3.10 listener (TCP_SYNQ_INTERVAL). */
const SYNQ_INTERVAL = 200_000_000
/** A queue of half so many requests is never thinned (Linux: reqsk_timer_handler). */
const PRUNE_MIN = 8

/** Size of the SYN table (F2): `roundup_pow_of_two(max(min(backlog, max_syn_backlog), 8) + 1)`. */
export const synTableSize = (backlog: number, maxSynBacklog: number): number =>
  roundUpPowerOfTwo(Math.max(8, Math.min(backlog, maxSynBacklog)) + 1)

export const synTableRules: ListenRules = {
  start: (listener, listen, backlog) => {
    listen.synTableSize = synTableSize(backlog, listener.net.sysctl.maxSynBacklog)
    listen.synTable = []
  },
  isSynQueueFull: (listen) => listen.qlen >= listen.synTableSize,
  refusesSyn: (listen) => listen.isAcceptQueueFull && listen.young > 1,
  cookieIsDrop: true,
  added: (request, listen) => {
    const listener = request.listener
    const hash = tupleHash(0, 0, 0, request.remoteAddress, request.remotePort, listener.tcp.portSecret)
    request.bucket = hash & (listen.synTableSize - 1)
    request.bucketNext = listen.synTable[request.bucket] ?? null
    listen.synTable[request.bucket] = request
    const now = listener.tcp.host.now()
    request.expires = now + TIMEOUT_INIT
    if (listen.qlen === 1) keepTicking(listener, now)
  },
  removed: (request, listen) => {
    let at = listen.synTable[request.bucket] ?? null
    if (at === request) {
      listen.synTable[request.bucket] = request.bucketNext
    } else {
      while (at !== null && at.bucketNext !== request) at = at.bucketNext
      if (at !== null) at.bucketNext = request.bucketNext
    }
    request.bucketNext = null
    if (listen.qlen === 0) request.listener.keepaliveTimer?.cancel()
  },
  tick: (listener, listen) => {
    const now = listener.tcp.host.now()
    prune(listener, listen, now)
    if (listen.qlen > 0) keepTicking(listener, now)
  }
}

const keepTicking = (listener: TcpSock, now: number): void => {
  listener.keepaliveTimer ??= listener.tcp.host.makeTimer(listener, TIMER_KEEPALIVE)
  listener.keepaliveTimer.arm(now + SYNQ_INTERVAL)
}

/** Visits two fifths of the table (Linux 3.10: inet_csk_reqsk_queue_prune). */
const prune = (listener: TcpSock, listen: ListenState, now: number): void => {
  const most = listener.net.sysctl.synackRetries
  let threshold = most
  if (listen.qlen > listen.synTableSize / 2) {
    let young = listen.young * 2
    while (threshold > 2 && listen.qlen >= young) {
      threshold--
      young *= 2
    }
  }
  let visits = 2 * Math.floor(listen.synTableSize / (TIMEOUT_INIT / SYNQ_INTERVAL))
  let at = listen.clockHand
  do {
    let request: RequestSock | null = listen.synTable[at] ?? null
    while (request !== null) {
      const next: RequestSock | null = request.bucketNext
      if (now >= request.expires) timedOut(request, listen, threshold, now)
      request = next
    }
    at = (at + 1) & (listen.synTableSize - 1)
  } while (--visits > 0)
  listen.clockHand = at
}

/** One request's timeout: the SYN-ACK again, or the end (Linux: syn_ack_recalc and its callers). */
const timedOut = (request: RequestSock, listen: ListenState, threshold: number, now: number): void => {
  if (!Listen.timeout(request, threshold)) return
  if (request.timeouts++ === 0) listen.young--
  request.expires = now + retryAfter(request)
}

const TIMEOUT_MOST = 120_000_000_000

/** Nanoseconds until the next timeout: 1 s doubled for each one, at most TCP_RTO_MAX, whatever tcp_rto_max_ms is. */
const retryAfter = (request: RequestSock): number =>
  request.timeouts > 6 ? TIMEOUT_MOST : Math.min(TIMEOUT_INIT * (1 << request.timeouts), TIMEOUT_MOST)

export const backlogRules: ListenRules = {
  start: () => {},
  isSynQueueFull: (listen) => listen.qlen > listen.maxAckBacklog,
  refusesSyn: (listen) => listen.isAcceptQueueFull,
  cookieIsDrop: false,
  added: (request) => {
    const host = request.listener.tcp.host
    request.timer = host.makeTimer(request, TIMER_REQUEST)
    request.timer.arm(host.now() + TIMEOUT_INIT)
  },
  removed: (request) => {
    request.timer?.cancel()
  },
  tick: () => {}
}

/** A request's own timer is due (Linux: reqsk_timer_handler). */
export const requestTimer = (request: RequestSock): void => {
  const listen = request.listener.listen
  if (listen === null || !request.queued) return
  const threshold = prunedThreshold(request, listen)
  if (!Listen.timeout(request, threshold)) return
  if (request.timeouts++ === 0) listen.young--
  request.timer?.arm(request.listener.tcp.host.now() + retryAfter(request))
}

/** Fewer retries for old requests when the queue is more than half full of them. */
const prunedThreshold = (request: RequestSock, listen: ListenState): number => {
  let threshold = request.net.sysctl.synackRetries
  if (listen.qlen * 2 <= Math.max(PRUNE_MIN, listen.maxAckBacklog)) return threshold
  let young = listen.young * 2
  while (threshold > 2 && listen.qlen >= young) {
    threshold--
    young *= 2
  }
  return threshold
}
