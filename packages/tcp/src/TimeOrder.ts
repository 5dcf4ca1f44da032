/**
 * Sent segments in the order of their last transmission, so that RACK finds what was sent before a delivered one without
 * looking at the rest (Linux: tsorted_sent_queue). SACKed segments and those marked lost are not in it; sending one again
 * puts it at the end.
 */
import type { Segment } from "./Segment.ts"
import type { TcpSock } from "./TcpSock.ts"

/** It was sent now. */
export const append = (sock: TcpSock, segment: Segment): void => {
  if (segment.isTimed) {
    if (sock.sentTail === segment) return
    remove(sock, segment)
  }
  const tail = sock.sentTail
  segment.isTimed = true
  segment.sentNext = null
  segment.sentPrevious = tail
  if (tail === null) sock.sentHead = segment
  else tail.sentNext = segment
  sock.sentTail = segment
}

/** `rest` was cut off `segment`: it was sent with it. */
export const insertAfter = (sock: TcpSock, segment: Segment, rest: Segment): void => {
  if (!segment.isTimed) return
  const next = segment.sentNext
  rest.isTimed = true
  rest.sentPrevious = segment
  rest.sentNext = next
  segment.sentNext = rest
  if (next === null) sock.sentTail = rest
  else next.sentPrevious = rest
}

export const remove = (sock: TcpSock, segment: Segment): void => {
  if (!segment.isTimed) return
  const next = segment.sentNext
  const previous = segment.sentPrevious
  if (previous === null) sock.sentHead = next
  else previous.sentNext = next
  if (next === null) sock.sentTail = previous
  else next.sentPrevious = previous
  segment.isTimed = false
  segment.sentNext = null
  segment.sentPrevious = null
}
