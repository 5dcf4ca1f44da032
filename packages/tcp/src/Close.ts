/** How a program ends a connection: shutdown and close (RFC 9293 §3.10.4; Linux: tcp_shutdown, tcp_close, net/ipv4/tcp.c). */
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Fin from "./Fin.ts"
import * as Listen from "./Listen.ts"
import * as OfoQueue from "./OfoQueue.ts"
import * as Output from "./Output.ts"
import * as Pingpong from "./Pingpong.ts"
import * as Points from "./Points.ts"
import * as State from "./State.ts"
import * as TimeWait from "./TimeWait.ts"
import * as Timers from "./Timers.ts"
import { CA_OPEN, RCV_SHUTDOWN, SEND_SHUTDOWN, type TcpSock } from "./TcpSock.ts"
import { ECONNRESET, ENOTCONN } from "./Errno.ts"

/** Linux: TCP_INIT_CWND. */
const INITIAL_CWND = 10

/**
 * shutdown(): `how` is 0 (read), 1 (write) or 2 (both).
 *
 * @returns 0 or -ENOTCONN
 */
export const shutdown = (sock: TcpSock, how: number): number => {
  sock.tcp.host.trace(Points.TCP_SHUTDOWN, sock, null)
  if (sock.state === State.CLOSE) return -ENOTCONN
  const bits = (how + 1) & 3
  if (sock.state === State.LISTEN) {
    if ((bits & RCV_SHUTDOWN) !== 0) disconnectListener(sock)
    return 0
  }
  if (sock.state === State.SYN_SENT) {
    disconnect(sock)
    sock.tcp.host.stateChanged(sock)
    return 0
  }
  sock.shutdown |= bits
  const writable = State.bit(State.ESTABLISHED) | State.bit(State.SYN_RECV) | State.bit(State.CLOSE_WAIT)
  if ((bits & SEND_SHUTDOWN) !== 0 && (State.bit(sock.state) & writable) !== 0) {
    if (closeState(sock)) Fin.sendFin(sock)
  }
  sock.tcp.host.stateChanged(sock)
  return 0
}

/** The state after our FIN; whether one must go out (Linux: tcp_close_state). */
const closeState = (sock: TcpSock): boolean => {
  const sendsFin = State.closeSendsFin[sock.state]!
  Done.setState(sock, State.closeNext[sock.state]!)
  return sendsFin
}

/**
 * The last file is gone (Linux: tcp_close). The socket lives on as an orphan until its state machine is through; the host
 * hears `destroyed` then, maybe at once.
 *
 * @param lingerZero SO_LINGER with a time of 0: RST instead of FIN
 */
export const close = (sock: TcpSock, lingerZero = false): void => {
  begin(sock, lingerZero)
  end(sock)
}

/** The first half of {@link close}: FIN, or RST. A host that lingers waits between the two. */
export const begin = (sock: TcpSock, lingerZero: boolean): void => {
  const host = sock.tcp.host
  const net = sock.net
  host.trace(Points.TCP_CLOSE_CALL, sock, null)
  sock.shutdown = RCV_SHUTDOWN | SEND_SHUTDOWN
  if (sock.state === State.LISTEN) {
    stopListening(sock)
    return
  }
  const unread = Done.purgeReceive(sock)
  if (sock.state === State.CLOSE) {
    // Nothing to say.
  } else if (unread > 0) {
    // Data was lost: the peer must know (RFC 2525 §2.17).
    net.count(Counters.ABORT_ON_CLOSE)
    const before = sock.state
    if (Done.needsReset(before)) Output.sendActiveReset(sock)
    Done.setState(sock, State.CLOSE)
  } else if (lingerZero) {
    Done.abort(sock)
    net.count(Counters.ABORT_ON_DATA)
  } else if (closeState(sock)) {
    Fin.sendFin(sock)
  }
}

/** The second half of {@link close}: the socket is an orphan, or gone. */
export const end = (sock: TcpSock): void => {
  Done.orphan(sock)
  if (sock.destroyed) return
  if (sock.state === State.FIN_WAIT2) orphanFinWait2(sock)
  if (sock.destroyed) return
  if (sock.state !== State.CLOSE && Done.isOutOfResources(sock, false)) return
  if (sock.state === State.CLOSE) Done.destroy(sock)
}

/** close() in FIN_WAIT2: a small sock waits for the peer's FIN from now on. */
const orphanFinWait2 = (sock: TcpSock): void => {
  if (sock.options.linger2 < 0) {
    Done.setState(sock, State.CLOSE)
    Output.sendActiveReset(sock)
    sock.net.count(Counters.ABORT_ON_LINGER)
    return
  }
  const wait = Done.finTime(sock)
  if (wait > TimeWait.TIMEWAIT_LENGTH) Timers.armKeepalive(sock, wait - TimeWait.TIMEWAIT_LENGTH)
  else TimeWait.enter(sock, State.FIN_WAIT2, wait)
}

/**
 * connect() to nobody, and shutdown() while connecting: RST where the peer knows us, back to CLOSE with ECONNRESET pending,
 * ready for another connect (Linux: tcp_disconnect).
 */
export const disconnect = (sock: TcpSock): void => {
  const before = sock.state
  if (before === State.LISTEN) {
    stopListening(sock)
    sock.shutdown = 0
    sock.tcp.host.stateChanged(sock)
    return
  }
  if (before !== State.CLOSE) {
    const isLate = before === State.CLOSING || before === State.LAST_ACK
    if (Done.needsReset(before) || (isLate && sock.sndNxt !== sock.writeSeq)) Output.sendActiveReset(sock)
    sock.error = ECONNRESET
  }
  Done.purgeWrite(sock)
  Done.purgeReceive(sock)
  Done.setState(sock, State.CLOSE)
  Timers.clearAll(sock)
  sock.remoteAddress = 0
  sock.remotePort = 0
  if ((sock.bindLocks & 4) === 0) sock.localAddress = 0
  forget(sock)
  if (before !== State.CLOSE) sock.tcp.host.errored(sock)
}

/** What a connection learned means nothing to the next one. */
const forget = (sock: TcpSock): void => {
  OfoQueue.purgeOfo(sock)
  sock.shutdown = 0
  sock.srttUs = 0
  sock.sndCwnd = INITIAL_CWND
  sock.ackPending = 0
  sock.ackQuick = 0
  Pingpong.leave(sock)
  sock.atoUs = 0
  sock.softError = 0
  sock.caState = CA_OPEN
  sock.probesOut = 0
  sock.noSpace = false
}

const stopListening = (sock: TcpSock): void => {
  Done.setState(sock, State.CLOSE)
  sock.tcp.listening.remove(sock)
  Listen.stop(sock)
}

const disconnectListener = (sock: TcpSock): void => {
  stopListening(sock)
  sock.tcp.host.stateChanged(sock)
}

export { done } from "./Done.ts"
