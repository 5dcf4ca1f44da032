/**
 * Tail loss probe: when the end of a flight stays unanswered for two round trips, one segment more goes out, so that its
 * SACK shows what is missing, long before the timeout (RFC 8985 §7; Linux: tcp_schedule_loss_probe, tcp_process_tlp_ack).
 * Sending it is TimerHandlers.ts.
 */
import * as Flags from "./AckFlags.ts"
import * as Counters from "./Counters.ts"
import * as Pacing from "./Pacing.ts"
import * as Reduction from "./Reduction.ts"
import * as Timers from "./Timers.ts"
import * as Undo from "./Undo.ts"
import { CA_CWR, CA_OPEN, PENDING_LOSS_PROBE, type TcpSock } from "./TcpSock.ts"
import { isAfter, isBefore } from "./Segment.ts"
import { setCaState } from "./Congestion.ts"

/**
 * Arms the probe in place of the retransmission timer, if there is one to be.
 *
 * @param isAdvancing the RTO begins now; else it runs since the head left
 */
export const schedule = (sock: TcpSock, isAdvancing: boolean): boolean => {
  const early = sock.net.sysctl.earlyRetrans
  if (early !== 3 && early !== 4) return false
  // The timer is busy with the SYN-ACK of a Fast Open socket.
  if (sock.fastOpenRsk !== null) return false
  if (sock.packetsOut === 0 || !sock.sackOk) return false
  if (sock.caState !== CA_OPEN && sock.caState !== CA_CWR) return false
  let timeout: number
  if (sock.srttUs > 0) {
    // One segment out: its ACK may be a delayed one.
    const margin = sock.packetsOut === 1 ? sock.rtoMinUs : Timers.TIMEOUT_MIN_US
    timeout = (sock.srttUs >> 2) + margin
  } else {
    timeout = Timers.initialTimeoutMs * 1000
  }
  const untilRto = isAdvancing ? sock.rtoUs : Timers.rtoRemainingUs(sock)
  if (untilRto > 0) timeout = Math.min(timeout, untilRto)
  Timers.resetXmit(sock, PENDING_LOSS_PROBE, timeout + Pacing.delayUs(sock))
  return true
}

/** Progress was made: the probe's timer, or the RTO, starts anew (Linux: tcp_set_xmit_timer). */
export const setXmitTimer = (sock: TcpSock): void => {
  if (!schedule(sock, true)) Timers.rearmRto(sock)
}

/** An ACK while a probe is out: whether it shows that the probe repaired a loss (RFC 8985 §7.4). */
export const processAck = (sock: TcpSock, ack: number, flag: number): void => {
  if (isBefore(ack, sock.probeHighSeq)) return
  if (!sock.probeIsRetransmission || (flag & Flags.DSACK_TLP) !== 0) {
    // New data that arrived, or both copies did.
    sock.probeOut = false
  } else if (isAfter(ack, sock.probeHighSeq)) {
    Reduction.initReduction(sock)
    setCaState(sock, CA_CWR)
    Reduction.endReduction(sock)
    Undo.tryKeepOpen(sock)
    sock.net.count(Counters.LOSS_PROBE_RECOVERY)
  } else if ((flag & (Flags.SND_UNA_ADVANCED | Flags.NOT_DUP | Flags.DATA_SACKED)) === 0) {
    // A duplicate: original and probe arrived.
    sock.probeOut = false
  }
}
