/**
 * The states of a connection, with the kernel's numbers (include/net/tcp_states.h), and the state diagram.
 *
 * ```
 *                          CLOSE
 *             listen /      | connect           SYN
 *          LISTEN           v             +---------------+
 *     SYN    |          SYN_SENT --SYN--> | SYN_RECV       |   simultaneous open
 *            v              |             +---------------+
 *       NEW_SYN_RECV        | SYN+ACK         | ACK
 *            | ACK          v                 v
 *            +-------> ESTABLISHED <----------+
 *            close    /           \  FIN
 *                    v             v
 *              FIN_WAIT1         CLOSE_WAIT
 *        ACK /    | FIN  \ FIN+ACK    | close
 *           v     v       \           v
 *    FIN_WAIT2  CLOSING    \       LAST_ACK
 *          FIN \  | ACK     v         | ACK
 *               +-+----> TIME_WAIT    v
 *                           +-----> CLOSE
 * ```
 *
 * NEW_SYN_RECV is a request sock, which is no full socket yet; tools show it as SYN_RECV.
 */

export const ESTABLISHED = 1
export const SYN_SENT = 2
export const SYN_RECV = 3
export const FIN_WAIT1 = 4
export const FIN_WAIT2 = 5
export const TIME_WAIT = 6
export const CLOSE = 7
export const CLOSE_WAIT = 8
export const LAST_ACK = 9
export const LISTEN = 10
export const CLOSING = 11
export const NEW_SYN_RECV = 12

/** Names as `ss` and /proc users know them, by number. */
export const stateNames = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT1",
  "FIN_WAIT2",
  "TIME_WAIT",
  "CLOSE",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
  "NEW_SYN_RECV"
] as const

export type StateName = Exclude<(typeof stateNames)[number], "" | "NEW_SYN_RECV">

/** Bit of a state, for sets of states (Linux: TCPF_*). */
export const bit = (state: number): number => 1 << state

/** What close does in each state (Linux: new_state): the next state, and whether a FIN goes out. */
export const closeNext: ReadonlyArray<number> = [
  CLOSE,
  FIN_WAIT1,
  CLOSE,
  FIN_WAIT1,
  FIN_WAIT1,
  FIN_WAIT2,
  CLOSE,
  CLOSE,
  LAST_ACK,
  LAST_ACK,
  CLOSE,
  CLOSING,
  CLOSE
]
export const closeSendsFin: ReadonlyArray<boolean> = [
  false,
  true,
  false,
  true,
  false,
  false,
  false,
  false,
  true,
  false,
  false,
  false,
  false
]
