/**
 * What conntrack makes of a TCP connection it sees go by, from the flags alone.
 *
 *     NONE ─SYN→ SYN_SENT ─SYN+ACK←→ SYN_RECV ─ACK→ ESTABLISHED ─FIN→ FIN_WAIT ─ACK→ CLOSE_WAIT ─FIN→ LAST_ACK ─ACK→ TIME_WAIT
 *     any ─RST→ CLOSE        SYN_SENT ─SYN←→ SYN_SENT2 (simultaneous open)
 *
 * Linux: tcp_conntracks, tcp_packet, tcp_new, tcp_error (net/netfilter/nf_conntrack_proto_tcp.c). Simplified: no
 * window tracking (every packet is taken to be in the window, as with nf_conntrack_tcp_be_liberal and no RST check), and
 * so no shorter timeouts for unacknowledged data or repeated retransmissions.
 */
import * as Tcp from "@darkfiber/wire/Tcp"

export const NONE = 0
export const SYN_SENT = 1
export const SYN_RECV = 2
export const ESTABLISHED = 3
export const FIN_WAIT = 4
export const CLOSE_WAIT = 5
export const LAST_ACK = 6
export const TIME_WAIT = 7
export const CLOSE = 8
export const SYN_SENT2 = 9
export const STATES = 10
/** The packet does not fit the connection: it passes as INVALID and changes nothing. */
export const INVALID = 10
/** The packet may be what it seems or not: it passes and changes nothing. */
export const IGNORED = 11

/** Names as `conntrack -L` prints them. */
export const names: ReadonlyArray<string> = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2"
]

export const EVENT_SYN = 0
export const EVENT_SYNACK = 1
export const EVENT_FIN = 2
export const EVENT_ACK = 3
export const EVENT_RST = 4
export const EVENT_NONE = 5
const EVENTS = 6

/** A letter a state: what the rows below are written in. */
const LETTERS = "-SRefclTC2!~"

/**
 * New state by direction, event, old state; columns in the order of the state numbers.
 *
 * `-` NONE, S SYN_SENT, R SYN_RECV, e ESTABLISHED, f FIN_WAIT, c CLOSE_WAIT, l LAST_ACK, T TIME_WAIT, C CLOSE,
 * 2 SYN_SENT2, ! invalid, ~ ignored.
 */
const rows: ReadonlyArray<string> = [
  "SS~~~~~SS2", // original, SYN
  "!!R!!!!!!R", // original, SYN+ACK: only a simultaneous open has it
  "!!fflllTC!", // original, FIN
  "e!eeccTTC!", // original, ACK: picks up a connection in the middle
  "!CCCCCCCCC", // original, RST
  "!!!!!!!!!!", // original, no flag at all
  "!2!!!!!S!2", // reply, SYN
  "!R~~~~~~~R", // reply, SYN+ACK
  "!!fflllTC!", // reply, FIN
  "!~ReccTTC~", // reply, ACK
  "!CCCCCCCCC", // reply, RST
  "!!!!!!!!!!" // reply, no flag at all
]

const transitions = new Uint8Array(2 * EVENTS * STATES)
rows.forEach((row, index) => {
  for (let state = 0; state < STATES; state++) transitions[index * STATES + state] = LETTERS.indexOf(row[state]!)
})

/** EVENT_* of a set of TCP flags; RST outranks SYN, SYN outranks FIN (Linux: get_conntrack_index). */
export const eventOf = (flags: number): number => {
  if ((flags & Tcp.RST) !== 0) return EVENT_RST
  if ((flags & Tcp.SYN) !== 0) return (flags & Tcp.ACK) !== 0 ? EVENT_SYNACK : EVENT_SYN
  if ((flags & Tcp.FIN) !== 0) return EVENT_FIN
  return (flags & Tcp.ACK) !== 0 ? EVENT_ACK : EVENT_NONE
}

/** The state after `event` from `direction` in `state`, or INVALID, or IGNORED. */
export const next = (direction: number, event: number, state: number): number =>
  transitions[(direction * EVENTS + event) * STATES + state]!

/**
 * Whether a packet may carry this set of flags (Linux: tcp_valid_flags): ECE, CWR and PSH do not count; one of SYN, FIN,
 * RST, ACK must lead, and FIN never without ACK.
 */
export const areFlagsValid = (flags: number): boolean => {
  switch (flags & ~(Tcp.ECE | Tcp.CWR | Tcp.PSH)) {
    case Tcp.SYN:
    case Tcp.SYN | Tcp.URG:
    case Tcp.SYN | Tcp.ACK:
    case Tcp.RST:
    case Tcp.RST | Tcp.ACK:
    case Tcp.FIN | Tcp.ACK:
    case Tcp.FIN | Tcp.ACK | Tcp.URG:
    case Tcp.ACK:
    case Tcp.ACK | Tcp.URG:
      return true
    default:
      return false
  }
}
