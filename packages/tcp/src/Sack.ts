/**
 * SACK, both ends: the sender's scoreboard (RFC 2018 §5, RFC 6675; Linux: tcp_sacktag_write_queue) and the receiver's blocks
 * with D-SACK (RFC 2018 §4, RFC 2883; Linux: tcp_sack_new_ofo_skb, tcp_sack_remove, tcp_dsack_set).
 */
import type { TcpOptions } from "@darkfiber/wire/TcpOptions"
import * as Flags from "./AckFlags.ts"
import * as Counters from "./Counters.ts"
import * as SendQueue from "./SendQueue.ts"
import { SackBlocks, type TcpSock } from "./TcpSock.ts"
import { LOST, SACKED_ACKED, SACKED_RETRANS, type Segment, isAfter, isBefore } from "./Segment.ts"

/** Linux: TCP_NUM_SACKS. */
const BLOCKS_MAX = 4
/** net.ipv4.tcp_max_reordering. */
const REORDERING_MAX = 300

// ── Sender ──

/** What the walk found beside its flags. */
export const found: { newlySacked: number; firstSentAt: number } = { newlySacked: 0, firstSentAt: -1 }

const starts = new Int32Array(BLOCKS_MAX)
const ends = new Int32Array(BLOCKS_MAX)

/**
 * Marks what the blocks of `options` report. Blocks that lie below the ACK or outside what was sent are passed over.
 *
 * @param ack of the segment that carries them
 * @returns Flags of AckFlags.ts; {@link found} tells how many segments, and when the oldest of those left that were sent once
 */
export const tagWriteQueue = (sock: TcpSock, options: TcpOptions, ack: number): number => {
  found.newlySacked = 0
  found.firstSentAt = -1
  if (sock.sackedOut === 0) sock.highestSack = sock.sndUna
  let flag = 0
  let first = 0
  if (isDuplicate(sock, options, ack)) {
    flag |= Flags.DSACKING_ACK
    first = 1
  }
  if (sock.packetsOut === 0) return flag
  const count = sortBlocks(sock, options, first)
  if (count === 0) return flag
  const fack = sock.highestSack
  let lowest = sock.sndNxt
  let block = 0
  let segment = sock.rtxQueue.head
  while (segment !== null && block < count) {
    if (!isAfter(ends[block]!, segment.seq)) {
      block++
      continue
    }
    if (isAfter(segment.endSeq, starts[block]!) && matches(sock, segment, starts[block]!, ends[block]!)) {
      const seq = segment.seq
      const isOriginal = (segment.sacked & (SACKED_RETRANS | SACKED_ACKED)) === 0 && segment.retransmits === 0
      flag |= tagOne(sock, segment)
      if (isOriginal && isBefore(seq, fack) && isBefore(seq, lowest)) lowest = seq
    }
    segment = segment.next
  }
  if (isBefore(lowest, fack)) noteReordering(sock, lowest, fack)
  return flag
}

/** Whether the first block is a D-SACK (RFC 2883 §4). */
const isDuplicate = (sock: TcpSock, options: TcpOptions, ack: number): boolean => {
  const start = options.sackEdges[0]!
  const end = options.sackEdges[1]!
  if (isBefore(start, ack)) {
    sock.net.count(Counters.DSACK_RECV)
  } else if (options.sackCount > 1 && !isAfter(end, options.sackEdges[3]!) && !isBefore(start, options.sackEdges[2]!)) {
    sock.net.count(Counters.DSACK_OFO_RECV)
  } else {
    return false
  }
  sock.dsackDups++
  return true
}

/** Valid blocks from `first` on, in order of their start, into `starts` and `ends`. */
const sortBlocks = (sock: TcpSock, options: TcpOptions, first: number): number => {
  let count = 0
  for (let i = first; i < options.sackCount; i++) {
    const start = options.sackEdges[2 * i]!
    const end = options.sackEdges[2 * i + 1]!
    const isValid = isBefore(start, end) && !isAfter(end, sock.sndNxt) && !isBefore(start, sock.sndUna)
    if (!isValid) {
      sock.net.count(Counters.SACK_DISCARD)
      continue
    }
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

/** Linux: tcp_sacktag_one. */
const tagOne = (sock: TcpSock, segment: Segment): number => {
  if ((segment.sacked & SACKED_ACKED) !== 0) return 0
  const count = segment.gsoSegments
  if ((segment.sacked & SACKED_RETRANS) !== 0) {
    if ((segment.sacked & LOST) !== 0) {
      segment.sacked &= ~(LOST | SACKED_RETRANS)
      sock.lostOut -= count
      sock.retransOut -= count
    } else {
      segment.sacked &= ~SACKED_RETRANS
      sock.retransOut -= count
    }
  } else {
    if (segment.retransmits === 0 && (found.firstSentAt < 0 || segment.sentAt < found.firstSentAt)) {
      found.firstSentAt = segment.sentAt
    }
    if ((segment.sacked & LOST) !== 0) {
      segment.sacked &= ~LOST
      sock.lostOut -= count
    }
  }
  segment.sacked |= SACKED_ACKED
  sock.sackedOut += count
  sock.delivered += count
  found.newlySacked += count
  if (isAfter(segment.seq, sock.highestSack)) sock.highestSack = segment.seq
  return Flags.DATA_SACKED
}

/** A segment that was sent once was overtaken: allow for that much more (Linux: tcp_check_sack_reordering). */
export const noteReordering = (sock: TcpSock, low: number, high: number): void => {
  const mss = Math.max(1, sock.mssCache)
  const distance = Math.ceil(((high - low) | 0) / mss)
  if (distance > sock.reordering) {
    sock.reordering = Math.min(distance, REORDERING_MAX)
    sock.net.count(Counters.SACK_REORDER)
  }
  sock.reordSeen++
}

// ── Receiver ──

const blocksOf = (sock: TcpSock): SackBlocks => {
  sock.sackBlocks ??= new SackBlocks()
  return sock.sackBlocks
}

/** The next ACK tells the peer that this range came twice (RFC 2883; Linux: tcp_dsack_set). */
export const setDuplicate = (sock: TcpSock, start: number, end: number): void => {
  if (!sock.sackOk || sock.net.sysctl.dsack === 0) return
  sock.net.count(isBefore(start, sock.rcvNxt) ? Counters.DSACK_OLD_SENT : Counters.DSACK_OFO_SENT)
  const blocks = blocksOf(sock)
  blocks.duplicate = 1
  blocks.duplicateStart = start
  blocks.duplicateEnd = end
}

/** Widens a D-SACK that stands, or sets one (Linux: tcp_dsack_extend). */
export const extendDuplicate = (sock: TcpSock, start: number, end: number): void => {
  const blocks = sock.sackBlocks
  if (blocks === null || blocks.duplicate === 0) {
    setDuplicate(sock, start, end)
    return
  }
  if (!isAfter(start, blocks.duplicateEnd) && !isAfter(blocks.duplicateStart, end)) {
    if (isBefore(start, blocks.duplicateStart)) blocks.duplicateStart = start
    if (isAfter(end, blocks.duplicateEnd)) blocks.duplicateEnd = end
  }
}

/** Out-of-order data came: its block goes to the front, blocks that touch become one (Linux: tcp_sack_new_ofo_skb). */
export const newBlock = (sock: TcpSock, start: number, end: number): void => {
  if (!sock.sackOk) return
  const blocks = blocksOf(sock)
  const edges = blocks.edges
  let low = start
  let high = end
  let kept = 0
  for (let i = 0; i < blocks.count; i++) {
    const left = edges[2 * i]!
    const right = edges[2 * i + 1]!
    if (!isAfter(low, right) && !isAfter(left, high)) {
      if (isBefore(left, low)) low = left
      if (isAfter(right, high)) high = right
    } else {
      edges[2 * kept] = left
      edges[2 * kept + 1] = right
      kept++
    }
  }
  if (kept === BLOCKS_MAX) kept--
  for (let i = kept; i > 0; i--) {
    edges[2 * i] = edges[2 * i - 2]!
    edges[2 * i + 1] = edges[2 * i - 1]!
  }
  edges[0] = low
  edges[1] = high
  blocks.count = kept + 1
}

/** In-order data came: blocks below it are over (Linux: tcp_sack_remove). */
export const removeBlocks = (sock: TcpSock): void => {
  const blocks = sock.sackBlocks
  if (blocks === null || blocks.count === 0) return
  if (sock.ofoQueue.head === null) {
    blocks.count = 0
    return
  }
  let kept = 0
  for (let i = 0; i < blocks.count; i++) {
    if (!isBefore(sock.rcvNxt, blocks.edges[2 * i]!)) continue
    blocks.edges[2 * kept] = blocks.edges[2 * i]!
    blocks.edges[2 * kept + 1] = blocks.edges[2 * i + 1]!
    kept++
  }
  blocks.count = kept
}

/** The out-of-order queue was thrown away: its blocks no longer hold. */
export const forgetBlocks = (sock: TcpSock): void => {
  if (sock.sackBlocks !== null) sock.sackBlocks.count = 0
}
