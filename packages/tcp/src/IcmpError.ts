/**
 * ICMP errors about our segments (RFC 5927, RFC 1122 §4.2.3.9, RFC 6069 not; Linux: tcp_v4_err, net/ipv4/tcp_ipv4.c). The
 * host reads the ICMP message and maps it: `errno` and whether it is hard.
 */
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Listen from "./Listen.ts"
import * as Loss from "./Loss.ts"
import * as LossMarks from "./LossMarks.ts"
import * as Output from "./Output.ts"
import * as Retransmit from "./Retransmit.ts"
import * as State from "./State.ts"
import { SYN_DATA, type TcpSock } from "./TcpSock.ts"
import type { RequestSock } from "./RequestSock.ts"
import { isBetween } from "./Segment.ts"
import { type Endpoint, KIND_REQUEST, KIND_TIME_WAIT } from "./Endpoint.ts"

/**
 * A destination could not be reached.
 *
 * @param endpoint what the quoted addresses and ports belong to
 * @param seq sequence number of the quoted segment, int32
 * @param errno positive: what the program hears
 * @param endsRequest the codes that end a request: network or host unreachable, and what is no unreachable at all
 * @param isHard the codes that end a connection attempt (protocol, port unreachable)
 */
export const unreachable = (
  endpoint: Endpoint,
  seq: number,
  errno: number,
  isHard: boolean,
  endsRequest: boolean
): void => {
  if (endpoint.kind === KIND_TIME_WAIT) return
  if (endpoint.kind === KIND_REQUEST) {
    const request = endpoint as RequestSock
    if (seq !== request.sntIsn) endpoint.net.count(Counters.OUT_OF_WINDOW_ICMPS)
    else if (endsRequest) Listen.dropRequest(request)
    return
  }
  const sock = endpoint as TcpSock
  if (sock.state === State.CLOSE || sock.state === State.LISTEN) return
  if (!isAboutSent(sock, seq)) return
  const fastOpen = sock.fastOpenRsk
  // A Fast Open socket that was accepted is treated as a connected one.
  const isAccepted = fastOpen !== null && sock.parent === null
  if ((sock.state === State.SYN_SENT || sock.state === State.SYN_RECV) && !isAccepted) {
    // While connecting every unreachable is the answer.
    sock.error = errno
    Done.purgeWrite(sock)
    if (!sock.dead) sock.tcp.host.errored(sock)
    Done.done(sock)
    return
  }
  // Later it may pass; it is what ETIMEDOUT would become.
  sock.softError = errno
}

/** Whether the quoted segment may be on its way; any other is counted and means nothing (RFC 5927 §4.1). */
export const isAboutSent = (sock: TcpSock, seq: number): boolean => {
  const fastOpen = sock.fastOpenRsk
  if (isBetween(seq, fastOpen === null ? sock.sndUna : fastOpen.sntIsn, sock.sndNxt)) return true
  sock.net.count(Counters.OUT_OF_WINDOW_ICMPS)
  return false
}

/** A router wants smaller packets; the route's MTU is already lower (Linux: tcp_v4_mtu_reduced, tcp_simple_retransmit). */
export const mtuReduced = (sock: TcpSock): void => {
  if (sock.state === State.CLOSE || sock.state === State.LISTEN) return
  const before = sock.mssCache
  let mss = Output.currentMss(sock)
  // SYN and its data are two segments that went as one: it was that one which did not fit.
  if ((sock.synBits & SYN_DATA) !== 0 && sock.state === State.SYN_SENT) mss = -1
  else if (sock.mssCache >= before) return
  if (!LossMarks.markTooLarge(sock, mss)) return
  Loss.force(sock)
  Retransmit.retransmitQueue(sock)
}
