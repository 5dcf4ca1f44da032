/**
 * The receiver's SACK compression: while something is missing, an ACK for every segment tells the sender little that the next
 * one does not. After three of them the rest wait for a short timer, a twentieth of the RTT and a millisecond at most (Linux:
 * __tcp_ack_snd_check, tcp_compressed_ack_kick, tcp_sack_compress_send_ack, net/ipv4/tcp_input.c, tcp_timer.c).
 */
import * as Output from "./Output.ts"
import { TIMER_COMPRESSED_ACK } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Duplicate ACKs that go out at once, so that a sender without RACK recovers (TCP_FASTRETRANS_THRESH). */
const DUPLICATES = 3

/** Out-of-order data came. True when its ACK waits; else it is to be sent now. */
export const holdsBack = (sock: TcpSock): boolean => {
  const sysctl = sock.net.sysctl
  if (!sock.sackOk || sock.compressedAcks >= sysctl.compSackNr) return false
  if (sock.compressedRcvNxt !== sock.rcvNxt) {
    sock.compressedRcvNxt = sock.rcvNxt
    sock.duplicateAcks = 0
  }
  if (sock.duplicateAcks < DUPLICATES) {
    sock.duplicateAcks++
    return false
  }
  sock.compressedAcks++
  const host = sock.tcp.host
  sock.compressedAckTimer ??= host.makeTimer(sock, TIMER_COMPRESSED_ACK)
  if (sock.compressedAckTimer.deadline < 0) {
    // Nothing else makes the timer fire early: it runs to the end of its slack.
    sock.compressedAckTimer.arm(host.now() + delayNanos(sock) + sysctl.compSackSlackNs)
  }
  return true
}

const delayNanos = (sock: TcpSock): number => {
  let rtt = sock.rcvRttUs
  if (sock.srttUs > 0 && sock.srttUs < rtt) rtt = sock.srttUs
  return Math.min(sock.net.sysctl.compSackDelayNs, Math.floor((rtt * 125) / 20))
}

/** The timer is due: one ACK for all that waited. */
export const kick = (sock: TcpSock): void => {
  if (sock.compressedAcks === 0) return
  sock.compressedAcks--
  Output.sendAck(sock)
}

/** What the ACKs that wait report would no longer fit into one: they go now. */
export const flush = (sock: TcpSock): void => {
  if (sock.compressedAcks > 0) kick(sock)
}
