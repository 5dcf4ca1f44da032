/**
 * What few sockets have: options that nearly nobody sets, and the error queue with what feeds it. Hangs off a `Sock` from the
 * first use on, and a child of a listener gets a copy of the options (Linux: the fields of struct sock that sk_clone_lock
 * copies).
 */
import type { SockErrors } from "./SockErrors.ts"

/** Bits of `flags` (Linux: enum sock_flags). */
export const SOCK_RCVTSTAMP = 1
export const SOCK_RCVTSTAMPNS = 2
export const SOCK_ZEROCOPY = 4

export class SockExtra {
  /** SOCK_*. */
  flags: number
  /** SOF_TIMESTAMPING_* (sk_tsflags), and the sequence number that stands for id 0 (sk_tskey). */
  tsFlags: number
  tsKey: number
  /** Number of the next MSG_ZEROCOPY send (sk_zckey). */
  zerocopyKey: number
  /** Bytes of the error queue's and the zerocopy bookkeeping's buffers (sk_omem_alloc). */
  optionMemory: number
  /** SO_PEEK_OFF; -1 for off. */
  peekOffset: number
  /** SO_MAX_PACING_RATE of a datagram socket, bytes a second; Infinity for none. */
  maxPacingRate: number
  /** Options that are kept for who asks and change nothing here, by level and name. */
  kept: Map<number, number> | null
  errors: SockErrors | null

  constructor() {
    this.flags = 0
    this.tsFlags = 0
    this.tsKey = 0
    this.zerocopyKey = 0
    this.optionMemory = 0
    this.peekOffset = -1
    this.maxPacingRate = Infinity
    this.kept = null
    this.errors = null
  }

  /** The options for a child: its queues and counts begin at nothing. */
  inherit(): SockExtra {
    const child = new SockExtra()
    child.flags = this.flags
    child.tsFlags = this.tsFlags
    child.peekOffset = this.peekOffset
    if (this.kept !== null) child.kept = new Map(this.kept)
    return child
  }
}
