/**
 * The end of a socket, however it comes about: state, tables, queues, memory (Linux: tcp_set_state, tcp_done, tcp_reset,
 * inet_csk_destroy_sock, tcp_out_of_resources).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Chrono from "./Chrono.ts"
import * as Counters from "./Counters.ts"
import * as FastOpenPause from "./FastOpenPause.ts"
import * as FastOpenQueue from "./FastOpenQueue.ts"
import * as Memory from "./Memory.ts"
import * as OfoQueue from "./OfoQueue.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import { isAfter } from "./Segment.ts"
import * as Timers from "./Timers.ts"
import { RCV_SHUTDOWN, SEND_SHUTDOWN, type TcpSock } from "./TcpSock.ts"
import { clockMs } from "./Clock.ts"
import { ECONNABORTED, ECONNREFUSED, ECONNRESET, EPIPE } from "./Errno.ts"
import { OBJECT_TCP } from "./TcpHost.ts"

/** The peer refused, or reset (Linux: tcp_reset). */
export const reset = (sock: TcpSock): void => {
  const host = sock.tcp.host
  host.trace(Points.TCP_RESET, sock, null)
  if (sock.state === State.SYN_SENT) sock.error = ECONNREFUSED
  else if (sock.state === State.CLOSE_WAIT) sock.error = EPIPE
  else if (sock.state === State.CLOSE) return
  else sock.error = ECONNRESET
  purgeWrite(sock)
  done(sock)
  if (!sock.dead) host.errored(sock)
}

/** Changes the state, with the counters and tables that go with it (Linux: tcp_set_state). */
export const setState = (sock: TcpSock, state: number): void => {
  const before = sock.state
  if (before === state) return
  const net = sock.net
  if (state === State.ESTABLISHED) {
    net.count(Counters.CURR_ESTAB)
  } else if (state === State.CLOSE) {
    if (before === State.CLOSE_WAIT || before === State.ESTABLISHED) net.count(Counters.ESTAB_RESETS)
    sock.tcp.established.remove(sock)
    if ((sock.bindLocks & 8) === 0) sock.tcp.bindHash.remove(sock)
  }
  const counted = before === State.ESTABLISHED || before === State.CLOSE_WAIT
  if (counted && state !== State.ESTABLISHED && state !== State.CLOSE_WAIT) net.count(Counters.CURR_ESTAB, -1)
  sock.state = state
}

/** Nanoseconds that an orphan stays in FIN_WAIT2 (Linux: tcp_fin_time). */
export const finTime = (sock: TcpSock): number => {
  const linger = sock.options.linger2
  const time = (linger > 0 ? linger : sock.net.sysctl.finTimeout) * 1_000_000_000
  const rto = sock.rtoUs * 3500
  return Math.max(time, rto)
}

export const orphan = (sock: TcpSock): void => {
  if (sock.dead) return
  sock.dead = true
  sock.tcp.orphanCount++
}

/** States in which the peer must be told (Linux: tcp_need_reset). */
export const needsReset = (state: number): boolean =>
  (State.bit(state) &
    (State.bit(State.ESTABLISHED) |
      State.bit(State.CLOSE_WAIT) |
      State.bit(State.FIN_WAIT1) |
      State.bit(State.FIN_WAIT2) |
      State.bit(State.SYN_RECV))) !==
  0

/** Drops the connection with a RST (Linux: tcp_disconnect). */
export const abort = (sock: TcpSock): void => {
  const before = sock.state
  if (needsReset(before) || (sock.sndNxt !== sock.writeSeq && before !== State.SYN_SENT)) {
    Output.sendActiveReset(sock)
  }
  sock.error = ECONNRESET
  purgeWrite(sock)
  setState(sock, State.CLOSE)
}

/** A connection nobody accepted goes with its listener: RST (Linux: inet_child_forget). */
export const abandonChild = (child: TcpSock): void => {
  child.dead = true
  child.tcp.orphanCount++
  child.parent = null
  child.error = ECONNABORTED
  abort(child)
  destroy(child)
}

/** The connection is over: CLOSE, timers off, whoever waits is told; an orphan is destroyed (Linux: tcp_done). */
export const done = (sock: TcpSock): void => {
  if (sock.destroyed) return
  const host = sock.tcp.host
  host.trace(Points.TCP_DONE, sock, null)
  if (sock.state === State.SYN_SENT || sock.state === State.SYN_RECV) sock.net.count(Counters.ATTEMPT_FAILS)
  setState(sock, State.CLOSE)
  Timers.clearAll(sock)
  FastOpenQueue.remove(sock, false)
  sock.shutdown = RCV_SHUTDOWN | SEND_SHUTDOWN
  if (sock.dead) destroy(sock)
  else host.stateChanged(sock)
}

/** Takes the socket out of every table and frees it (Linux: inet_csk_destroy_sock). */
export const destroy = (sock: TcpSock): void => {
  if (sock.destroyed) return
  const tcp = sock.tcp
  FastOpenPause.noteEnd(sock)
  FastOpenQueue.remove(sock, false)
  sock.fastOpen = null
  sock.destroyed = true
  sock.state = State.CLOSE
  Timers.clearAll(sock)
  purgeWrite(sock)
  purgeReceive(sock)
  OfoQueue.purgeOfo(sock)
  tcp.established.remove(sock)
  tcp.bindHash.remove(sock)
  Memory.release(sock)
  if (sock.dead) tcp.orphanCount--
  tcp.socketCount--
  tcp.host.freeObject(OBJECT_TCP, sock.net)
  tcp.host.destroyed(sock)
}

/** Throws away everything that was to be sent or sent again (Linux: tcp_write_queue_purge). */
export const purgeWrite = (sock: TcpSock): void => {
  for (let head = sock.rtxQueue.shift(); head !== null; head = sock.rtxQueue.shift()) SendQueue.freeWrite(sock, head)
  for (let head = sock.writeQueue.shift(); head !== null; head = sock.writeQueue.shift())
    SendQueue.freeWrite(sock, head)
  Timers.clearXmit(sock)
  Chrono.stop(sock, Chrono.BUSY)
  sock.packetsOut = 0
  sock.sackedOut = 0
  sock.lostOut = 0
  sock.retransOut = 0
  sock.undoMarked = false
  sock.probeOut = false
  sock.backoff = 0
}

/** Throws away what was not read; how many bytes that was, FIN not counted. */
export const purgeReceive = (sock: TcpSock): number => {
  let unread = 0
  for (let head = sock.receiveQueue.shift(); head !== null; head = sock.receiveQueue.shift()) {
    const end = (head.endSeq - ((head.flags & Tcp.FIN) !== 0 ? 1 : 0)) | 0
    // What came again was read the first time.
    if (isAfter(end, sock.copiedSeq))
      unread += (end - (isAfter(head.seq, sock.copiedSeq) ? head.seq : sock.copiedSeq)) | 0
    sock.rmemAlloc -= head.truesize
    Memory.uncharge(sock, head.truesize)
    sock.tcp.host.free(head)
  }
  return unread
}

/** Too many orphans, or no memory: this one goes (Linux: tcp_out_of_resources, tcp_check_oom). */
export const isOutOfResources = (sock: TcpSock, doReset: boolean): boolean => {
  const tcp = sock.tcp
  let orphans = tcp.orphanCount
  let reset = doReset
  if (sock.dead) {
    if (((clockMs(sock) - sock.lsndtimeMs) | 0) > 2 * sock.net.sysctl.rtoMax || !doReset) orphans *= 2
    if (sock.softError !== 0) orphans *= 2
  }
  const isTooMany = doReset ? orphans > sock.net.sysctl.maxOrphans : tcp.orphanCount > sock.net.sysctl.maxOrphans
  const isNoMemory = sock.wmemQueued > 2048 && tcp.memoryPages > sock.net.sysctl.memHigh
  if (!isTooMany && !isNoMemory) return false
  if (
    ((clockMs(sock) - sock.lsndtimeMs) | 0) <= sock.net.sysctl.rtoMax ||
    (sock.sndWnd === 0 && sock.packetsOut === 0)
  ) {
    reset = true
  }
  if (reset) Output.sendActiveReset(sock)
  sock.net.count(Counters.ABORT_ON_MEMORY)
  done(sock)
  return true
}
