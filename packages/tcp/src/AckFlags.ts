/** What one ACK brought (Linux: FLAG_*, net/ipv4/tcp_input.c). */

export const DATA = 0x01
export const WIN_UPDATE = 0x02
export const DATA_ACKED = 0x04
export const RETRANS_DATA_ACKED = 0x08
export const SYN_ACKED = 0x10
export const DATA_SACKED = 0x20
export const ECE = 0x40
export const LOST_RETRANS = 0x80
export const SLOWPATH = 0x100
/** Data that was never sent again, from before the loss, arrived (F-RTO). */
export const ORIG_SACK_ACKED = 0x200
export const SND_UNA_ADVANCED = 0x400
export const DSACKING_ACK = 0x800
export const SET_XMIT_TIMER = 0x1000
export const SACK_RENEGING = 0x2000
export const UPDATE_TS_RECENT = 0x4000
export const NO_CHALLENGE_ACK = 0x8000
export const ACK_MAYBE_DELAYED = 0x1_0000
/** The D-SACK is of a tail loss probe. */
export const DSACK_TLP = 0x2_0000

export const ACKED = 0x14
export const NOT_DUP = 0x17
/** It says that not all is well: SACK, ECE, D-SACK. */
export const CA_ALERT = 0x860
/** It brought something forward: data or SYN acknowledged, or SACKed. */
export const FORWARD_PROGRESS = 0x34
