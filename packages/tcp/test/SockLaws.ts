/** What holds of a connection at every moment between two events, whatever the network and the program do. */
import { isAfter } from "../src/Segment.ts"
import * as State from "../src/State.ts"
import type { TcpSock } from "../src/TcpSock.ts"

const equal = (name: string, actual: number, expected: number): void => {
  if (actual !== expected) throw new Error(`${name} is ${actual}, counted ${expected}`)
}

const atMost = (name: string, actual: number, most: number): void => {
  if (!(actual <= most)) throw new Error(`${name} is ${actual}, more than ${most}`)
}

/** Counts of segments and bytes are those of the queues. */
export const countsHold = (sock: TcpSock): void => {
  let packets = 0
  let sacked = 0
  let lost = 0
  let retransmitted = 0
  let bytes = 0
  for (let at = sock.rtxQueue.head; at !== null; at = at.next) {
    packets += at.gsoSegments
    bytes += at.truesize
    if ((at.sacked & 1) !== 0) sacked += at.gsoSegments
    if ((at.sacked & 2) !== 0) retransmitted += at.gsoSegments
    if ((at.sacked & 4) !== 0) lost += at.gsoSegments
  }
  for (let at = sock.writeQueue.head; at !== null; at = at.next) bytes += at.truesize
  equal("packets_out", sock.packetsOut, packets)
  if (sock.sackOk) equal("sacked_out", sock.sackedOut, sacked)
  else atMost("sacked_out of NewReno", sock.sackedOut, packets)
  equal("lost_out", sock.lostOut, lost)
  equal("retrans_out", sock.retransOut, retransmitted)
  atMost("sacked_out + lost_out", sock.sackedOut + sock.lostOut, packets)
  equal("wmem_queued", sock.wmemQueued, bytes)
  atMost("1", 1, sock.sndCwnd)
  let rmem = 0
  for (let at = sock.receiveQueue.head; at !== null; at = at.next) rmem += at.truesize
  for (let at = sock.ofoQueue.head; at !== null; at = at.next) rmem += at.truesize
  equal("rmem_alloc", sock.rmemAlloc, rmem)
  atMost("0", 0, sock.forwardAlloc)
}

const inOrder = (name: string, first: number, second: number): void => {
  if (isAfter(first, second)) throw new Error(`${name}: ${first >>> 0} is after ${second >>> 0}`)
}

/** Sequence numbers stand in their order (RFC 9293 section 3.3.1). */
export const sequenceHolds = (sock: TcpSock): void => {
  inOrder("snd_una, snd_nxt", sock.sndUna, sock.sndNxt)
  inOrder("snd_nxt, write_seq", sock.sndNxt, sock.writeSeq)
  inOrder("copied_seq, rcv_nxt", sock.copiedSeq, sock.rcvNxt)
  inOrder("rcv_wup, rcv_nxt", sock.rcvWup, sock.rcvNxt)
  let last = sock.sndUna
  for (let at = sock.rtxQueue.head; at !== null; at = at.next) {
    inOrder("retransmit queue", last, at.endSeq)
    last = at.endSeq
  }
  if (sock.ofoQueue.head !== null) inOrder("out-of-order queue", sock.rcvNxt, sock.ofoQueue.head.seq)
}

const SENDS =
  State.bit(State.SYN_SENT) |
  State.bit(State.ESTABLISHED) |
  State.bit(State.CLOSE_WAIT) |
  State.bit(State.FIN_WAIT1) |
  State.bit(State.CLOSING) |
  State.bit(State.LAST_ACK)

/** Whoever has something to send has sent it and waits with a timer, or waits for the window with a timer. */
export const cannotStall = (sock: TcpSock): void => {
  if ((State.bit(sock.state) & SENDS) === 0) return
  if (sock.packetsOut === 0 && sock.writeQueue.head === null) return
  const timer = sock.retransmitTimer
  if (sock.pending === 0 || timer === null || timer.deadline < 0) {
    throw new Error(`stalls in ${State.stateNames[sock.state]}: ${sock.packetsOut} out, no timer`)
  }
}
