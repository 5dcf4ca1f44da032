/** How far segments overtake each other, as SACK and timestamps tell (Linux: tcp_check_sack_reordering). */
import * as Counters from "./Counters.ts"
import { isBefore } from "./Segment.ts"
import { type TcpSock, highestSackSeq } from "./TcpSock.ts"

/**
 * A segment that was sent once arrived after others that were sent later: allow for that much more.
 *
 * @param low its sequence number
 * @param byTimestamp a timestamp told it
 */
export const check = (sock: TcpSock, low: number, byTimestamp: boolean): void => {
  const high = highestSackSeq(sock)
  if (!isBefore(low, high)) return
  const mss = sock.mssCache
  const distance = (high - low) | 0
  if (mss > 0 && distance > sock.reordering * mss) {
    sock.reordering = Math.min(Math.ceil(distance / mss), sock.net.sysctl.maxReordering)
  }
  sock.reordSeen++
  sock.net.count(byTimestamp ? Counters.TS_REORDER : Counters.SACK_REORDER)
}
