/**
 * Explicit congestion notification, the classic kind (RFC 3168 §6.1; Linux: tcp_ecn_*, net/ipv4/tcp_ecn.h). Both sides agree
 * in the handshake; new data is sent as ECT(0); a mark (CE) is echoed with ECE in every ACK until the sender says CWR.
 *
 * ```
 * sender    --ECT(0) data-->  router marks CE  -->  receiver: DEMAND_CWR
 *    ^                                                 |
 *    +------------- ACK with ECE (each one) -----------+
 *    cwnd reduced, QUEUE_CWR
 *    +------------- next new data with CWR ----------->  DEMAND_CWR ends
 * ```
 *
 * AccECN (RFC 9768) is not modelled; a peer that asks for it gets classic ECN, as RFC 9768 §3.1.2 provides.
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import { EVENT_ECN_IS_CE, EVENT_ECN_NO_CE } from "./Congestion.ts"
import * as RouteMetric from "./RouteMetric.ts"
import { type Segment, isBefore } from "./Segment.ts"
import type { TcpNet } from "./TcpNet.ts"
import { ECN_DEMAND_CWR, ECN_OK, ECN_QUEUE_CWR, ECN_SEEN, type TcpSock } from "./TcpSock.ts"

/** ECN bits of the IP header (RFC 3168 §5). */
const NOT_ECT = 0
const CE = 3

const BOTH = Tcp.ECE | Tcp.CWR

/** A SYN of ours: whether it asks for ECN, in its flags (Linux: tcp_ecn_send_syn). */
export const askInSyn = (sock: TcpSock, syn: Segment): void => {
  const isWanted = sock.net.sysctl.ecn === 1 || sock.congestion.needsEcn === true
  sock.ecnFlags = 0
  sock.ect = false
  if (!isWanted && !RouteMetric.wantsEcn(sock.tcp.host, sock.net, sock.localAddress, sock.remoteAddress)) return
  syn.flags |= BOTH
  sock.ecnFlags = ECN_OK
  if (sock.congestion.needsEcn === true) sock.ect = true
}

/** A SYN is sent again: without ECN, in case that was why it got lost (RFC 3168 §6.1.1.1; Linux: tcp_ecn_clear_syn). */
export const fallBack = (sock: TcpSock, syn: Segment): void => {
  if ((syn.flags & (Tcp.SYN | BOTH)) === (Tcp.SYN | BOTH) && sock.net.sysctl.ecnFallback !== 0) syn.flags &= ~BOTH
}

/** The SYN-ACK agrees with ECE alone (Linux: tcp_ecn_rcv_synack). */
export const receiveSynAck = (sock: TcpSock, segment: Segment): void => {
  if ((segment.flags & BOTH) !== Tcp.ECE) sock.ecnFlags &= ~ECN_OK
}

/** Simultaneous open (Linux: tcp_ecn_rcv_syn). */
export const receiveSyn = (sock: TcpSock, segment: Segment): void => {
  if ((segment.flags & BOTH) !== BOTH) sock.ecnFlags &= ~ECN_OK
}

/** Our SYN becomes a SYN-ACK (Linux: tcp_ecn_send_synack). */
export const answerInSyn = (sock: TcpSock, syn: Segment): void => {
  syn.flags &= ~Tcp.CWR
  if ((sock.ecnFlags & ECN_OK) === 0) syn.flags &= ~Tcp.ECE
}

/** Whether a listener agrees to what a SYN asks (Linux: tcp_ecn_create_request). */
export const accepts = (listener: TcpSock, segment: Segment): boolean => {
  if ((segment.flags & BOTH) !== BOTH) return false
  if (listener.congestion.needsEcn === true) return true
  // A SYN that is ECT itself comes from something else than RFC 3168.
  return segment.ecn === NOT_ECT && isOn(listener.net, listener, segment.localAddress, segment.remoteAddress)
}

/** ECN is on for connections from `remote`: the sysctl, or the route's feature (Linux: cookie_ecn_ok). */
export const isOn = (net: TcpNet, listener: TcpSock, local: number, remote: number): boolean =>
  net.sysctl.ecn !== 0 || RouteMetric.wantsEcn(listener.tcp.host, net, local, remote)

/**
 * Flags of a segment that is about to leave, and whether it is ECT (Linux: tcp_ecn_send): new data is, ACKs and
 * retransmissions are not.
 */
export const flagsToSend = (sock: TcpSock, seq: number, payload: number, given: number): number => {
  if ((sock.ecnFlags & ECN_OK) === 0) return given
  let flags = given
  if (payload > 0 && !isBefore(seq, sock.sndNxt)) {
    sock.ect = true
    if ((sock.ecnFlags & ECN_QUEUE_CWR) !== 0) {
      sock.ecnFlags &= ~ECN_QUEUE_CWR
      flags |= Tcp.CWR
    }
  } else if (sock.congestion.needsEcn !== true) {
    sock.ect = false
  }
  if ((sock.ecnFlags & ECN_DEMAND_CWR) !== 0) flags |= Tcp.ECE
  return flags
}

/**
 * Data came: looks for the router's mark (Linux: __tcp_ecn_check_ce).
 *
 * @returns whether the next two ACKs should not wait
 */
export const checkMark = (sock: TcpSock, segment: Segment): boolean => {
  if ((sock.ecnFlags & ECN_OK) === 0) return false
  if (segment.ecn === NOT_ECT) {
    // Among ECT segments one without is a retransmission.
    return (sock.ecnFlags & ECN_SEEN) !== 0
  }
  const isFirst = segment.ecn === CE && (sock.ecnFlags & ECN_DEMAND_CWR) === 0
  if (sock.congestion.needsEcn === true) {
    sock.congestion.event(sock, segment.ecn === CE ? EVENT_ECN_IS_CE : EVENT_ECN_NO_CE)
  }
  sock.ecnFlags |= segment.ecn === CE ? ECN_SEEN | ECN_DEMAND_CWR : ECN_SEEN
  return isFirst
}

/** The sender has slowed down (Linux: tcp_ecn_accept_cwr). Whether its data should be acknowledged now. */
export const acceptCwr = (sock: TcpSock, segment: Segment): boolean => {
  if ((segment.flags & Tcp.CWR) === 0) return false
  sock.ecnFlags &= ~ECN_DEMAND_CWR
  return segment.seq !== segment.endSeq
}

/** Whether an ACK echoes a mark (Linux: tcp_ecn_rcv_ecn_echo). */
export const isEcho = (sock: TcpSock, segment: Segment): boolean =>
  (segment.flags & (Tcp.ECE | Tcp.SYN)) === Tcp.ECE && (sock.ecnFlags & ECN_OK) !== 0
