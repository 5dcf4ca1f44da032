/**
 * What a segment carries: into the receive queue, into the out-of-order queue, or away; the peer's FIN; and when to
 * acknowledge (RFC 9293 §3.10.7.4, RFC 1122 §4.2.3.2; Linux: tcp_data_queue, __tcp_ack_snd_check and what they call).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as AckCompression from "./AckCompression.ts"
import * as Counters from "./Counters.ts"
import * as Done from "./Done.ts"
import * as Drops from "./Drops.ts"
import * as Ecn from "./Ecn.ts"
import * as Memory from "./Memory.ts"
import * as OfoQueue from "./OfoQueue.ts"
import * as Output from "./Output.ts"
import * as Pingpong from "./Pingpong.ts"
import * as Points from "./Points.ts"
import * as Sack from "./Sack.ts"
import * as State from "./State.ts"
import * as TimeWait from "./TimeWait.ts"
import * as Timers from "./Timers.ts"
import * as Window from "./Window.ts"
import {
  ACK_NOMEM,
  ACK_NOW,
  ACK_PUSHED,
  ACK_PUSHED2,
  ACK_SCHED,
  ACK_TIMER,
  RCV_SHUTDOWN,
  type TcpSock,
  receiveWindow
} from "./TcpSock.ts"
import { NO_SEGMENTS, type Segment, SegmentList, isAfter, isBefore } from "./Segment.ts"

/** TCP_MAX_QUICKACKS. */
const QUICKACKS_MAX = 16

// ── Queues ──

/** Whether the receive buffer has no room for it, so that the slow path must decide. */
export const isTooBig = (sock: TcpSock, segment: Segment): boolean =>
  sock.rmemAlloc + segment.truesize > sock.rcvbuf || segment.truesize > sock.forwardAlloc + 65_536

/** Whether the buffer has room for the payload, whatever its overhead (Linux: tcp_can_ingest). */
const canIngest = (sock: TcpSock, segment: Segment): boolean => sock.rmemAlloc + segment.length <= sock.rcvbuf

/** Reserves memory; prunes the out-of-order queue when the buffer is at its limit (Linux: tcp_try_rmem_schedule). */
const tryRmem = (sock: TcpSock, segment: Segment): boolean => {
  if (canIngest(sock, segment) && reserve(sock, segment.truesize, false)) return true
  return prune(sock, segment) && reserve(sock, segment.truesize, false)
}

const reserve = (sock: TcpSock, bytes: number, forced: boolean): boolean =>
  Memory.schedule(sock, bytes, sock.rmemAlloc, sock.net.sysctl.rmemMin, forced)

/** Linux: tcp_prune_queue, without the copying collapse. Whether there is room now. */
const prune = (sock: TcpSock, segment: Segment): boolean => {
  // Nothing is there to be pruned.
  if (sock.rmemAlloc === 0) return false
  sock.net.count(Counters.PRUNE_CALLED)
  if (!canIngest(sock, segment)) Window.clamp(sock)
  if (canIngest(sock, segment)) return true
  pruneOutOfOrder(sock, segment)
  if (canIngest(sock, segment)) return true
  sock.net.count(Counters.RCV_PRUNED)
  return false
}

/** From the far end, and never what comes after the segment in hand (Linux: tcp_prune_ofo_queue). */
const pruneOutOfOrder = (sock: TcpSock, segment: Segment): void => {
  let isPruned = false
  for (let tail = sock.ofoQueue.tail; tail !== null; tail = sock.ofoQueue.tail) {
    if (!isAfter(tail.seq, segment.seq)) break
    isPruned = true
    OfoQueue.takeOfo(sock, tail)
    sock.tcp.host.drop(tail, Drops.TCP_OFO_QUEUE_PRUNE)
    if (canIngest(sock, segment)) break
  }
  if (!isPruned) return
  sock.net.count(Counters.OFO_PRUNED)
  // What was SACKed is gone; the peer must not count on it.
  Sack.forgetBlocks(sock)
}

/** Behind the receive queue, on the tail's buffer where that saves memory (Linux: tcp_queue_rcv). */
const queueReceive = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  if (sock.receiveQueue === NO_SEGMENTS) sock.receiveQueue = new SegmentList()
  const tail = sock.receiveQueue.tail
  advance(sock, segment.endSeq)
  if (tail !== null && tryCoalesce(sock, tail, segment)) return
  host.delivered(segment)
  sock.receiveQueue.push(segment)
  chargeReceive(sock, segment.truesize)
}

/** The host has its buffer back then; the numbers in it hold until it is used again (Linux: tcp_try_coalesce). */
const tryCoalesce = (sock: TcpSock, tail: Segment, segment: Segment): boolean => {
  if (tail.endSeq !== segment.seq || (tail.flags & (Tcp.FIN | Tcp.SYN)) !== 0) return false
  const { endSeq, flags } = segment
  const before = tail.truesize
  sock.tcp.host.delivered(segment)
  if (!sock.tcp.host.coalesce(tail, segment)) return false
  tail.endSeq = endSeq
  tail.flags |= flags & (Tcp.FIN | Tcp.PSH)
  chargeReceive(sock, tail.truesize - before)
  sock.net.count(Counters.RCV_COALESCE)
  return true
}

const chargeReceive = (sock: TcpSock, bytes: number): void => {
  sock.rmemAlloc += bytes
  if (bytes > sock.forwardAlloc) reserve(sock, bytes, true)
  Memory.charge(sock, bytes)
}

const advance = (sock: TcpSock, endSeq: number): void => {
  sock.bytesReceived += (endSeq - sock.rcvNxt) | 0
  sock.rcvNxt = endSeq
}

/** The predicted segment: in order, fits, no FIN. */
export const queueInOrder = (sock: TcpSock, segment: Segment): void => {
  queueReceive(sock, segment)
  noteData(sock, segment)
}

/** Takes the payload and FIN of an acceptable segment (Linux: tcp_data_queue). */
export const queue = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  if (segment.seq === segment.endSeq) {
    host.consumed(segment)
    return
  }
  host.trace(Points.TCP_DATA_QUEUE, sock, segment)
  if (Ecn.acceptCwr(sock, segment)) sock.ackPending |= ACK_NOW
  if (sock.sackBlocks !== null) sock.sackBlocks.duplicate = 0
  if (segment.seq === sock.rcvNxt) {
    // A bare FIN needs no room.
    if (receiveWindow(sock) === 0 && (segment.length > 0 || (segment.flags & Tcp.FIN) === 0)) {
      sock.net.count(Counters.ZERO_WINDOW_DROP)
      outOfWindow(sock, segment, Drops.TCP_ZEROWINDOW)
      return
    }
    queueAndOut(sock, segment)
    return
  }
  if (!isAfter(segment.endSeq, sock.rcvNxt)) {
    sock.net.count(Counters.DELAYED_ACK_LOST)
    Sack.setDuplicate(sock, segment.seq, segment.endSeq)
    outOfWindow(sock, segment, Drops.TCP_OLD_DATA)
    return
  }
  if (!isBefore(segment.seq, (sock.rcvNxt + receiveWindow(sock)) | 0)) {
    outOfWindow(sock, segment, Drops.TCP_OVERWINDOW)
    return
  }
  if (isBefore(segment.seq, sock.rcvNxt)) {
    Sack.setDuplicate(sock, segment.seq, sock.rcvNxt)
    if (receiveWindow(sock) === 0) {
      sock.net.count(Counters.ZERO_WINDOW_DROP)
      outOfWindow(sock, segment, Drops.TCP_ZEROWINDOW)
      return
    }
    queueAndOut(sock, segment)
    return
  }
  queueOutOfOrder(sock, segment)
}

const outOfWindow = (sock: TcpSock, segment: Segment, reason: number): void => {
  enterQuickack(sock, QUICKACKS_MAX)
  sock.ackPending |= ACK_SCHED
  sock.tcp.host.drop(segment, reason)
}

const queueAndOut = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  const { length } = segment
  if (!tryRmem(sock, segment)) {
    sock.ackPending |= ACK_SCHED | ACK_NOW | ACK_NOMEM
    // The first segment of an empty queue is always taken, and a FIN.
    if (sock.receiveQueue.head !== null && length > 0) {
      sock.net.count(Counters.RCV_Q_DROP)
      host.drop(segment, Drops.PROTO_MEM)
      return
    }
    reserve(sock, segment.truesize, true)
  }
  const hasFin = (segment.flags & Tcp.FIN) !== 0
  queueReceive(sock, segment)
  if (length > 0) noteData(sock, segment)
  if (hasFin) fin(sock)
  if (sock.destroyed) return
  if (sock.ofoQueue.head !== null) {
    takeReady(sock)
    if (sock.destroyed) return
    // The last hole is filled: the sender should know at once (RFC 5681 §4.2).
    if (sock.ofoQueue.head === null) sock.ackPending |= ACK_NOW
  }
  Sack.removeBlocks(sock)
  if (!sock.dead) dataReady(sock)
}

/** Bytes in order that were not read, a FIN among them. */
const available = (sock: TcpSock): number => (sock.rcvNxt - sock.copiedSeq) | 0

/**
 * Whether a reader that waits for `target` bytes may go on (Linux: tcp_epollin_ready): they are there, or no more will come
 * because the window or the buffer is full.
 */
export const isReadable = (sock: TcpSock, target: number): boolean => {
  const bytes = available(sock)
  if (bytes <= 0) return false
  return bytes >= target || sock.rmemAlloc > sock.rcvbuf || receiveWindow(sock) <= sock.rcvMss
}

/** Wakes readers when there is as much as they wait for (Linux: tcp_data_ready). */
export const dataReady = (sock: TcpSock): void => {
  const lowat = sock.options.rcvLowat
  if (lowat <= 1 || (sock.shutdown & RCV_SHUTDOWN) !== 0 || isReadable(sock, lowat)) sock.tcp.host.readable(sock)
}

/** Moves what has become in order from the out-of-order queue (Linux: tcp_ofo_queue). */
const takeReady = (sock: TcpSock): void => {
  const host = sock.tcp.host
  const high = sock.rcvNxt
  for (let head = sock.ofoQueue.head; head !== null; head = sock.ofoQueue.head) {
    if (isAfter(head.seq, sock.rcvNxt)) return
    if (isBefore(head.seq, high)) {
      Sack.extendDuplicate(sock, head.seq, isBefore(head.endSeq, high) ? head.endSeq : high)
    }
    OfoQueue.takeOfo(sock, head)
    if (!isAfter(head.endSeq, sock.rcvNxt)) {
      host.drop(head, Drops.TCP_OFO_DROP)
      continue
    }
    const hasFin = (head.flags & Tcp.FIN) !== 0
    queueReceive(sock, head)
    if (hasFin) {
      fin(sock)
      return
    }
  }
}

/** Linux: tcp_data_queue_ofo. */
const queueOutOfOrder = (sock: TcpSock, segment: Segment): void => {
  const host = sock.tcp.host
  host.trace(Points.TCP_DATA_QUEUE_OFO, sock, segment)
  if (Ecn.checkMark(sock, segment)) enterQuickack(sock, 2)
  if (!tryRmem(sock, segment)) {
    sock.net.count(Counters.OFO_DROP)
    host.readable(sock)
    host.drop(segment, Drops.PROTO_MEM)
    return
  }
  Window.measureMss(sock, segment)
  sock.ackPending |= ACK_SCHED
  sock.net.count(Counters.OFO_QUEUE)
  sock.rcvOooPack += segment.gsoSegments
  if (sock.ofoQueue === NO_SEGMENTS) sock.ofoQueue = new SegmentList()
  const { endSeq, seq } = segment
  const isKept = placeOutOfOrder(sock, segment)
  Sack.newBlock(sock, seq, endSeq)
  if (isKept && sock.sackOk) Window.grow(sock, segment)
  if (!sock.dead && sock.parent === null) Window.growBuffer(sock, sock.rcvqSpace)
}

/** Puts it where it belongs, on its neighbour's buffer where that saves memory; false when all of it is here already. */
const placeOutOfOrder = (sock: TcpSock, segment: Segment): boolean => {
  const { endSeq, seq } = segment
  let place: Segment | null = sock.ofoQueue.tail
  while (place !== null && isBefore(seq, place.seq)) place = place.previous
  if (place !== null && isAfter(place.endSeq, seq)) {
    if (!isBefore(place.endSeq, endSeq)) {
      sock.net.count(Counters.OFO_MERGE)
      Sack.setDuplicate(sock, seq, endSeq)
      sock.tcp.host.drop(segment, Drops.TCP_OFOMERGE)
      return false
    }
    if (seq === place.seq) {
      // It covers what is here: that goes.
      const previous: Segment | null = place.previous
      Sack.extendDuplicate(sock, place.seq, place.endSeq)
      dropCovered(sock, place)
      place = previous
    } else {
      Sack.setDuplicate(sock, seq, place.endSeq)
    }
  } else if (place !== null && tryCoalesce(sock, place, segment)) {
    return true
  }
  sock.ofoQueue.insertAfter(place, segment)
  chargeReceive(sock, segment.truesize)
  for (let next = segment.next; next !== null; next = segment.next) {
    if (!isAfter(endSeq, next.seq)) break
    if (isBefore(endSeq, next.endSeq)) {
      Sack.extendDuplicate(sock, next.seq, endSeq)
      break
    }
    Sack.extendDuplicate(sock, next.seq, next.endSeq)
    dropCovered(sock, next)
  }
  return true
}

const dropCovered = (sock: TcpSock, segment: Segment): void => {
  OfoQueue.takeOfo(sock, segment)
  sock.net.count(Counters.OFO_MERGE)
  sock.tcp.host.drop(segment, Drops.TCP_OFOMERGE)
}

// ── FIN ──

/** The peer's FIN is next in order (Linux: tcp_fin). */
const fin = (sock: TcpSock): void => {
  const host = sock.tcp.host
  host.trace(Points.TCP_FIN, sock, null)
  sock.ackPending |= ACK_SCHED
  sock.shutdown |= RCV_SHUTDOWN
  switch (sock.state) {
    case State.SYN_RECV:
    case State.ESTABLISHED:
      Done.setState(sock, State.CLOSE_WAIT)
      Pingpong.enter(sock)
      break
    case State.FIN_WAIT1:
      // Both closed at once.
      Output.sendAck(sock)
      Done.setState(sock, State.CLOSING)
      break
    case State.FIN_WAIT2:
      Output.sendAck(sock)
      OfoQueue.purgeOfo(sock)
      TimeWait.enter(sock, State.TIME_WAIT, 0)
      break
    default:
      break
  }
  if (sock.destroyed) return
  OfoQueue.purgeOfo(sock)
  if (!sock.dead) host.stateChanged(sock)
}

/**
 * Data of a SYN or SYN-ACK, past all limits, as the first of the stream (Linux: tcp_fastopen_add_skb). Takes the segment when
 * there is any.
 */
export const addSyn = (sock: TcpSock, segment: Segment): boolean => {
  sock.rcvNxt = (segment.seq + 1) | 0
  if (segment.endSeq === sock.rcvNxt) return false
  segment.seq = sock.rcvNxt
  segment.flags &= ~Tcp.SYN
  sock.segsIn = segment.gsoSegments
  sock.dataSegsIn += segment.gsoSegments
  const hasFin = (segment.flags & Tcp.FIN) !== 0
  queueReceive(sock, segment)
  if (hasFin) fin(sock)
  return true
}

// ── When to acknowledge ──

/** Data came: how fast, how large, and so how late an ACK may be (Linux: tcp_event_data_recv). */
const noteData = (sock: TcpSock, segment: Segment): void => {
  const now = sock.tcp.host.now()
  const nowMs = Math.floor(now / 1_000_000) | 0
  sock.ackPending |= ACK_SCHED
  Window.measureMss(sock, segment)
  Window.measureRtt(sock, now)
  if (sock.atoUs === 0) {
    incrementQuickack(sock, QUICKACKS_MAX)
    sock.atoUs = Timers.ATO_MIN_US
  } else {
    const gapUs = Math.min((nowMs - sock.lrcvtimeMs) | 0, 2_000_000) * 1000
    if (gapUs <= Timers.ATO_MIN_US / 2) {
      sock.atoUs = (sock.atoUs >> 1) + Timers.ATO_MIN_US / 2
    } else if (gapUs < sock.atoUs) {
      sock.atoUs = Math.min((sock.atoUs >> 1) + gapUs, sock.rtoUs)
    } else if (gapUs > sock.rtoUs) {
      // A long pause: the peer may have restarted from a small window.
      incrementQuickack(sock, QUICKACKS_MAX)
    }
  }
  sock.lrcvtimeMs = nowMs
  if (Ecn.checkMark(sock, segment)) enterQuickack(sock, 2)
  if (segment.length >= 128) Window.grow(sock, segment)
}

/** Linux: tcp_incr_quickack. */
const incrementQuickack = (sock: TcpSock, most: number): void => {
  const wanted = Math.floor(sock.rcvWnd / (2 * Math.max(1, sock.rcvMss)))
  const count = Math.min(wanted === 0 ? 2 : wanted, most)
  if (count > sock.ackQuick) sock.ackQuick = count
}

/** Linux: tcp_enter_quickack_mode. */
export const enterQuickack = (sock: TcpSock, most: number): void => {
  incrementQuickack(sock, most)
  Pingpong.leave(sock)
  sock.atoUs = Timers.ATO_MIN_US
}

const isQuickack = (sock: TcpSock): boolean => sock.isRouteQuick || (sock.ackQuick > 0 && !Pingpong.isOn(sock))

/**
 * Acknowledges now or later (Linux: __tcp_ack_snd_check): now for two full segments when the window can open, in quick-ACK
 * mode, and while something is out of order.
 */
export const ackSndCheck = (sock: TcpSock, ofoPossible: boolean): void => {
  const unacked = (sock.rcvNxt - sock.rcvWup) | 0
  const isLarge =
    unacked > sock.rcvMss &&
    (((sock.rcvNxt - sock.copiedSeq) | 0) < sock.options.rcvLowat || Window.select(sock) >= sock.rcvWnd)
  if (isLarge || isQuickack(sock) || (sock.ackPending & ACK_NOW) !== 0) {
    Output.sendAck(sock)
    return
  }
  if (ofoPossible && sock.ofoQueue.head !== null) {
    if (!AckCompression.holdsBack(sock)) Output.sendAck(sock)
    return
  }
  sendDelayedAck(sock)
}

/** Linux: tcp_send_delayed_ack. */
const sendDelayedAck = (sock: TcpSock): void => {
  let ato = sock.atoUs
  if (ato > Timers.ATO_MIN_US) {
    let most = 500_000
    if (Pingpong.isOn(sock) || (sock.ackPending & ACK_PUSHED) !== 0) most = Timers.DELACK_MAX_US
    if (sock.srttUs > 0) most = Math.min(most, Math.max(sock.srttUs >> 3, Timers.ATO_MIN_US))
    ato = Math.min(ato, most)
  }
  ato = Math.min(ato, Timers.DELACK_MAX_US)
  const now = sock.tcp.host.now()
  let at = now + ato * 1000
  if ((sock.ackPending & ACK_TIMER) !== 0 && sock.delackTimer !== null) {
    const deadline = sock.delackTimer.deadline
    if (deadline >= 0) {
      if (deadline <= now + (ato >> 2) * 1000) {
        Output.sendAck(sock)
        return
      }
      if (deadline < at) at = deadline
    }
  }
  sock.ackPending |= ACK_SCHED | ACK_TIMER
  Timers.armDelack(sock, at)
}

/** The third ACK waits for data to ride on. */
export const delayThirdAck = (sock: TcpSock): void => {
  sock.ackPending |= ACK_SCHED | ACK_TIMER
  sock.atoUs = Timers.ATO_MIN_US
  enterQuickack(sock, QUICKACKS_MAX)
  Timers.armDelack(sock, sock.tcp.host.now() + Timers.DELACK_MAX_US * 1000)
}

/** Answers a segment out of window with where we stand (Linux: tcp_send_dupack). */
export const sendDupack = (sock: TcpSock, segment: Segment): void => {
  if (segment.endSeq !== segment.seq && isBefore(segment.seq, sock.rcvNxt)) {
    sock.net.count(Counters.DELAYED_ACK_LOST)
    enterQuickack(sock, QUICKACKS_MAX)
    if (sock.sackOk) {
      const end = isAfter(segment.endSeq, sock.rcvNxt) ? sock.rcvNxt : segment.endSeq
      Sack.setDuplicate(sock, segment.seq, end)
    }
  }
  Output.sendAck(sock)
}

/** The application read: a window update may be due (Linux: __tcp_cleanup_rbuf). */
export const cleanupRbuf = (sock: TcpSock, copied: number): void => {
  let isDue = false
  if ((sock.ackPending & ACK_SCHED) !== 0) {
    const isLarge = ((sock.rcvNxt - sock.rcvWup) | 0) > sock.rcvMss
    // A conversation's answer will carry the ACK, unless two small segments wait for it already.
    const wasPushed =
      (sock.ackPending & ACK_PUSHED2) !== 0 || ((sock.ackPending & ACK_PUSHED) !== 0 && !Pingpong.isOn(sock))
    isDue = isLarge || (copied > 0 && wasPushed && sock.rmemAlloc === 0)
  }
  if (copied > 0 && !isDue && (sock.shutdown & RCV_SHUTDOWN) === 0) {
    const offered = receiveWindow(sock)
    if (2 * offered <= sock.windowClamp) {
      const window = Window.select(sock)
      isDue = window > 0 && window >= 2 * offered
    }
  }
  if (isDue) Output.sendAck(sock)
}
