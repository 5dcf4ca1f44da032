/**
 * The error queue of a socket: reports of ICMP errors, time stamps of what was sent, and ends of MSG_ZEROCOPY sends, that
 * a process reads with MSG_ERRQUEUE (Linux: sk_error_queue, struct sock_extended_err; net/core/skbuff.c).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Sock } from "./Sock.ts"
import { SockExtra } from "./SockExtra.ts"

/** Linux: SO_EE_ORIGIN_* (include/uapi/linux/errqueue.h). */
export const ORIGIN_LOCAL = 1
export const ORIGIN_ICMP = 2
export const ORIGIN_TIMESTAMPING = 4
export const ORIGIN_ZEROCOPY = 5
/** The data was copied after all. */
export const CODE_ZEROCOPY_COPIED = 1

/** Bytes one report counts (Linux: SKB_TRUESIZE(0) of 6.x). */
export const REPORT_BYTES = 768

/** One report (Linux: struct sock_extended_err on an sk_buff of its own). */
export class SockReport {
  next: SockReport | null
  readonly errno: number
  readonly origin: number
  readonly type: number
  code: number
  info: number
  data: number
  /** Time that goes with it, ns; 0 for none. */
  readonly time: number
  /** Bytes of the packet it is about. */
  readonly payload: Uint8Array
  /** Who reported it (an ICMP error), int32; 0 for nobody. */
  readonly offender: number
  /** Bytes counted against the receive buffer; 0 for a report whose buffer is of the option memory. */
  readonly truesize: number

  constructor(
    errno: number,
    origin: number,
    type: number,
    code: number,
    info: number,
    data: number,
    time: number,
    payload: Uint8Array,
    offender = 0,
    truesize = REPORT_BYTES + payload.length
  ) {
    this.next = null
    this.errno = errno
    this.origin = origin
    this.type = type
    this.code = code
    this.info = info
    this.data = data
    this.time = time
    this.payload = payload
    this.offender = offender
    this.truesize = truesize
  }
}

export class SockErrors {
  head: SockReport | null
  tail: SockReport | null
  count: number
  /** Sum of truesizes. */
  bytes: number

  constructor() {
    this.head = null
    this.tail = null
    this.count = 0
    this.bytes = 0
  }

  push(report: SockReport): void {
    if (this.tail === null) this.head = report
    else this.tail.next = report
    this.tail = report
    this.count++
    this.bytes += report.truesize
  }

  shift(): SockReport | null {
    const report = this.head
    if (report === null) return null
    this.head = report.next
    if (this.head === null) this.tail = null
    this.count--
    this.bytes -= report.truesize
    return report
  }
}

/** The socket's extra state, made when it has none. */
export const extraOf = (sk: Sock): SockExtra => (sk.extra ??= new SockExtra())

/** Whether the error queue holds something: POLLERR. */
export const hasReports = (sk: Sock): boolean =>
  sk.extra !== null && sk.extra.errors !== null && sk.extra.errors.count > 0

/**
 * Queues a report and tells who waits (Linux: sock_queue_err_skb).
 *
 * @param held bytes on the receive queue, which share the receive buffer's limit
 * @returns false when the receive buffer has no room for it
 */
export const report = (core: Core, sk: Sock, entry: SockReport, held: number): boolean => {
  const errors = (extraOf(sk).errors ??= new SockErrors())
  if (held + errors.bytes + entry.truesize >= sk.rcvbuf) {
    sk.drops++
    return false
  }
  errors.push(entry)
  if (sk.waiters !== null) sk.waiters.errorReport(sk, core)
  return true
}

/**
 * Takes the oldest report; the next one of ICMP becomes the pending error (Linux: sock_dequeue_err_skb).
 *
 * @returns null when there is none
 */
export const takeReport = (sk: Sock): SockReport | null => {
  const errors = sk.extra === null ? null : sk.extra.errors
  const first = errors === null ? null : errors.shift()
  if (errors === null || first === null) return null
  if (first.truesize === 0) (sk.extra as SockExtra).optionMemory -= REPORT_BYTES
  const next = errors.head
  if (next !== null && next.origin === ORIGIN_ICMP) sk.error = next.errno
  else if (first.origin === ORIGIN_ICMP) sk.error = 0
  return first
}
