/**
 * The sender's scoreboard: what an ACK's SACK blocks say about each sent segment (RFC 2018 §5, RFC 2883, RFC 6675; Linux:
 * tcp_sacktag_write_queue and what it calls, net/ipv4/tcp_input.c). The receiver's side is Sack.ts.
 *
 * ```
 * tags      in the network
 *  -          1   the original
 *  S          0   it arrived
 *  L          0   it is lost
 *  R          2   original and retransmission
 *  L R        1   the retransmission
 *  S R        1   it arrived, the retransmission is on its way
 * ```
 */
import type { TcpOptions } from "@darkfiber/wire/TcpOptions"
import * as Flags from "./AckFlags.ts"
import type { AckSample } from "./AckSample.ts"
import * as Counters from "./Counters.ts"
import * as Rate from "./Rate.ts"
import * as Reordering from "./Reordering.ts"
import * as SackMark from "./SackMark.ts"
import * as SackShift from "./SackShift.ts"
import * as SendQueue from "./SendQueue.ts"
import * as TimeOrder from "./TimeOrder.ts"
import { CA_LOSS, type TcpSock } from "./TcpSock.ts"
import { SACKED_ACKED, type Segment, isAfter, isBefore } from "./Segment.ts"

/** Linux: TCP_NUM_SACKS. */
const BLOCKS_MAX = 4

const starts = new Int32Array(BLOCKS_MAX)
const ends = new Int32Array(BLOCKS_MAX)

/**
 * Marks what the blocks of `options` report. Blocks that lie below the ACK or outside what was sent are passed over.
 *
 * @param ack of the segment that carries them
 * @param priorUna what was acknowledged before it
 * @returns Flags of AckFlags.ts; the rest goes into the machine's AckSample
 */
export const tagWriteQueue = (sock: TcpSock, options: TcpOptions, ack: number, priorUna: number): number => {
  const sample = sock.tcp.ackSample
  sample.reorderSeq = sock.sndNxt
  if (sock.sackedOut === 0) sock.highestSack = sock.sndUna
  let flag = checkDuplicate(sock, options, ack, priorUna)
  const isDuplicate = (flag & Flags.DSACKING_ACK) !== 0
  if (isBefore(ack, (priorUna - sock.maxWindow) | 0)) return 0
  if (sock.packetsOut === 0) return flag
  if (isDuplicate) flag |= tagDuplicate(sock, options, priorUna, sample)
  const count = sortBlocks(sock, options, isDuplicate ? 1 : 0, ack, priorUna)
  if (count > 0) flag |= walk(sock, count, false, sample)
  if (sock.caState !== CA_LOSS || sock.undoMarked) Reordering.check(sock, sample.reorderSeq, false)
  return flag
}

/** Tags the segments that lie in the sorted blocks. */
const walk = (sock: TcpSock, count: number, isDuplicate: boolean, sample: AckSample): number => {
  let flag = 0
  let block = 0
  let segment = firstToTag(sock)
  while (segment !== null && block < count) {
    if (!isAfter(ends[block]!, segment.seq)) {
      block++
      continue
    }
    if (isAfter(segment.endSeq, starts[block]!)) {
      const before = segment.previous
      const mayShift = !isDuplicate && (segment.sacked & SACKED_ACKED) === 0
      const shifted = mayShift
        ? SackShift.shift(sock, segment, starts[block]!, ends[block]!, sample)
        : SackShift.NOT_POSSIBLE
      if (shifted >= 0) {
        flag |= shifted
        segment = before!.next
        continue
      }
      if (shifted === SackShift.NOT_POSSIBLE && matches(sock, segment, starts[block]!, ends[block]!)) {
        flag |= tagOne(sock, segment, isDuplicate, sample)
      }
    }
    segment = segment.next
  }
  return flag
}

/** The first segment that the lowest block can touch: from the end when it lies beyond all that was SACKed before. */
const firstToTag = (sock: TcpSock): Segment | null => {
  const low = starts[0]!
  if (isBefore(low, sock.highestSack)) return sock.rtxQueue.head
  let segment = sock.rtxQueue.tail
  while (segment !== null && isAfter(segment.seq, low)) segment = segment.previous
  return segment ?? sock.rtxQueue.head
}

// ── D-SACK ──

/** Whether the first block is a D-SACK that can be ours (RFC 2883 §4; Linux: tcp_check_dsack, tcp_dsack_seen). */
const checkDuplicate = (sock: TcpSock, options: TcpOptions, ack: number, priorUna: number): number => {
  const start = options.sackEdges[0]!
  const end = options.sackEdges[1]!
  if (isBefore(start, ack)) {
    sock.net.count(Counters.DSACK_RECV)
  } else if (options.sackCount > 1 && !isAfter(end, options.sackEdges[3]!) && !isBefore(start, options.sackEdges[2]!)) {
    sock.net.count(Counters.DSACK_OFO_RECV)
  } else {
    return 0
  }
  const length = (end - start) | 0
  if (length <= 0 || length > sock.maxWindow) {
    sock.net.count(Counters.DSACK_IGNORED_DUBIOUS)
    return 0
  }
  const count = length > sock.mssCache ? Math.ceil(length / sock.mssCache) : 1
  const ofProbe = length <= sock.mssCache && sock.probeOut && sock.probeHighSeq === end
  sock.dsackDups += count
  // More duplicates than we made: not by us.
  if (sock.dsackDups > sock.totalRetrans) {
    sock.net.count(Counters.DSACK_IGNORED_DUBIOUS)
    return ofProbe ? Flags.DSACK_TLP : 0
  }
  if (sock.reordSeen > 0 && !ofProbe) sock.rackDsackSeen = true
  sock.delivered += count
  sock.net.count(Counters.DSACK_RECV_SEGS, count)
  if (sock.undoMarked && sock.undoRetrans > 0 && !isAfter(end, priorUna) && isAfter(end, sock.undoMarker)) {
    sock.undoRetrans = Math.max(0, sock.undoRetrans - count)
  }
  return Flags.DSACKING_ACK | (ofProbe ? Flags.DSACK_TLP : 0)
}

/** The D-SACK's own range, as far as it is still in the queue. */
const tagDuplicate = (sock: TcpSock, options: TcpOptions, priorUna: number, sample: AckSample): number => {
  const start = options.sackEdges[0]!
  const end = options.sackEdges[1]!
  if (!isValid(sock, true, start, end)) {
    sock.net.count(sock.undoMarked ? Counters.DSACK_IGNORED_OLD : Counters.DSACK_IGNORED_NO_UNDO)
    return 0
  }
  if (!isAfter(end, priorUna)) return 0
  starts[0] = start
  ends[0] = end
  return walk(sock, 1, true, sample)
}

/** Linux: tcp_is_sackblock_valid. */
const isValid = (sock: TcpSock, isDuplicate: boolean, start: number, end: number): boolean => {
  if (isAfter(end, sock.sndNxt) || !isBefore(start, end) || !isBefore(start, sock.sndNxt)) return false
  if (isAfter(start, sock.sndUna)) return true
  if (!isDuplicate || !sock.undoMarked) return false
  if (isAfter(end, sock.sndUna)) return false
  if (!isBefore(start, sock.undoMarker)) return true
  if (!isAfter(end, sock.undoMarker)) return false
  return !isBefore(start, (end - sock.maxWindow) | 0)
}

// ── Blocks and segments ──

/** Valid blocks from `first` on, in order of their start, into `starts` and `ends`. */
const sortBlocks = (sock: TcpSock, options: TcpOptions, first: number, ack: number, priorUna: number): number => {
  let count = 0
  for (let i = first; i < options.sackCount; i++) {
    const start = options.sackEdges[2 * i]!
    const end = options.sackEdges[2 * i + 1]!
    if (!isValid(sock, false, start, end)) {
      // An ACK that was overtaken brings old blocks.
      if (ack === sock.sndUna || isAfter(end, sock.sndUna)) sock.net.count(Counters.SACK_DISCARD)
      continue
    }
    if (!isAfter(end, priorUna)) continue
    let at = count++
    for (; at > 0 && isAfter(starts[at - 1]!, start); at--) {
      starts[at] = starts[at - 1]!
      ends[at] = ends[at - 1]!
    }
    starts[at] = start
    ends[at] = end
  }
  return count
}

/** Whether the segment, cut at a segment boundary if need be, lies in the block (Linux: tcp_match_skb_to_sack). */
const matches = (sock: TcpSock, segment: Segment, start: number, end: number): boolean => {
  const startsIn = !isAfter(start, segment.seq)
  if (startsIn && !isBefore(end, segment.endSeq)) return true
  const mss = segment.gsoSize
  if (segment.gsoSegments === 1 || mss === 0) return false
  let length: number
  if (startsIn) {
    length = (end - segment.seq) | 0
    length -= length % mss
    if (length <= 0 || length >= segment.length) return false
  } else {
    length = Math.ceil(((start - segment.seq) | 0) / mss) * mss
    if (length >= segment.length) return false
  }
  // What is cut off comes next in the walk.
  return SendQueue.fragment(sock, segment, length, mss) && startsIn
}

/** Tags one segment where it is. */
const tagOne = (sock: TcpSock, segment: Segment, isDuplicate: boolean, sample: AckSample): number => {
  const flag = SackMark.markRange(sock, segment, segment.endSeq, segment.gsoSegments, isDuplicate, sample)
  segment.sacked = sample.tags
  if (!isAfter(segment.endSeq, sock.sndUna)) return flag
  Rate.segmentDelivered(sock, segment, sample)
  TimeOrder.remove(sock, segment)
  if (!isBefore(segment.seq, sock.highestSack)) sock.highestSack = segment.endSeq
  return flag
}
