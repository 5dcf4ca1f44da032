/**
 * What it means that a sent range was SACKed: its tags, the counts of the connection, RACK, and whether it came late (Linux:
 * tcp_sacktag_one, net/ipv4/tcp_input.c). The table of tags is in SackTag.ts.
 */
import * as Flags from "./AckFlags.ts"
import type { AckSample } from "./AckSample.ts"
import * as Rack from "./Rack.ts"
import type { TcpSock } from "./TcpSock.ts"
import { LOST, RETRANS, SACKED_ACKED, SACKED_RETRANS, type Segment, isAfter, isBefore } from "./Segment.ts"

/**
 * Accounts for `count` wire segments of `segment` from its start to `endSeq`. Its own tags stay as they are: what the range
 * has become is left in `sample.tags`.
 *
 * @param isDuplicate a D-SACK reports it
 * @returns Flags of AckFlags.ts
 */
export const markRange = (
  sock: TcpSock,
  segment: Segment,
  endSeq: number,
  count: number,
  isDuplicate: boolean,
  sample: AckSample
): number => {
  const { sacked, seq } = segment
  let flag = 0
  sample.tags = sacked
  if (isDuplicate && (sacked & RETRANS) !== 0) {
    if (sock.undoMarked && sock.undoRetrans > 0 && isAfter(endSeq, sock.undoMarker)) {
      sock.undoRetrans = Math.max(0, sock.undoRetrans - count)
    }
    if ((sacked & SACKED_ACKED) !== 0 && isBefore(seq, sample.reorderSeq)) sample.reorderSeq = seq
  }
  // About to be freed: the ACK has it.
  if (!isAfter(endSeq, sock.sndUna)) return flag
  if ((sacked & SACKED_ACKED) === 0) {
    Rack.advance(sock, sacked, endSeq, segment.sentAt)
    flag = Flags.DATA_SACKED | noteArrival(sock, segment, endSeq, count, sample)
    sample.tags |= SACKED_ACKED
    sock.sackedOut += count
    sock.delivered += count
  }
  if (isDuplicate && (sample.tags & SACKED_RETRANS) !== 0) {
    sample.tags &= ~SACKED_RETRANS
    sock.retransOut -= count
  }
  return flag
}

/** It was not SACKed before: takes its other tags off, and sees whether it came late. */
const noteArrival = (sock: TcpSock, segment: Segment, endSeq: number, count: number, sample: AckSample): number => {
  const { sacked, sentAt, seq } = segment
  let flag = 0
  if ((sacked & SACKED_RETRANS) !== 0) {
    // Not lost and sent again: that one is believed to be on its way.
    if ((sacked & LOST) !== 0) {
      sample.tags &= ~(LOST | SACKED_RETRANS)
      sock.lostOut -= count
      sock.retransOut -= count
    }
    return 0
  }
  if ((sacked & RETRANS) === 0) {
    if (isBefore(seq, sock.highestSack) && isBefore(seq, sample.reorderSeq)) sample.reorderSeq = seq
    if (!isAfter(endSeq, sock.highSeq)) flag |= Flags.ORIG_SACK_ACKED
    if (sample.firstSackAt < 0) sample.firstSackAt = sentAt
    sample.lastSackAt = sentAt
  }
  if ((sacked & LOST) !== 0) {
    sample.tags &= ~LOST
    sock.lostOut -= count
  }
  return flag
}
