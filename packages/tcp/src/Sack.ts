/**
 * SACK blocks of the receiver, with D-SACK (RFC 2018 §4, RFC 2883; Linux: tcp_sack_new_ofo_skb, tcp_sack_remove,
 * tcp_dsack_set). The sender's scoreboard is SackTag.ts.
 */
import * as AckCompression from "./AckCompression.ts"
import * as Counters from "./Counters.ts"
import { SackBlocks } from "./SackBlocks.ts"
import type { TcpSock } from "./TcpSock.ts"
import { isAfter, isBefore } from "./Segment.ts"

/** Linux: TCP_NUM_SACKS. */
const BLOCKS_MAX = 4

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
  if (kept === BLOCKS_MAX) {
    // What waits to be reported would be forgotten.
    AckCompression.flush(sock)
    kept--
  }
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

/** The out-of-order queue was thrown away: its blocks no longer hold, and no duplicate is told of (Linux: tcp_sack_reset). */
export const forgetBlocks = (sock: TcpSock): void => {
  if (sock.sackBlocks === null) return
  sock.sackBlocks.count = 0
  sock.sackBlocks.duplicate = 0
}
