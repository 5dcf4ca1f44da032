/**
 * The byte stream as system calls see it: halves of sendmsg and recvmsg that the host calls step by step (Linux:
 * tcp_sendmsg_locked, tcp_recvmsg_locked, net/ipv4/tcp.c).
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as CwndUse from "./CwndUse.ts"
import * as DataQueue from "./DataQueue.ts"
import * as Memory from "./Memory.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as Rate from "./Rate.ts"
import * as SendBuffer from "./SendBuffer.ts"
import * as SendQueue from "./SendQueue.ts"
import * as State from "./State.ts"
import * as Urgent from "./Urgent.ts"
import * as Window from "./Window.ts"
import * as TsoSize from "./TsoSize.ts"
import * as Xmit from "./Xmit.ts"
import { EAGAIN, ENOTCONN, EPIPE } from "./Errno.ts"
import { DEFER_CONNECT, RCV_SHUTDOWN, SEND_SHUTDOWN, type TcpSock } from "./TcpSock.ts"
import { isBefore, type Segment } from "./Segment.ts"
import type { Bytes } from "./TcpHost.ts"

/** Flags of send and recv (Linux: MSG_*). */
export const MSG_OOB = 0x01
export const MSG_PEEK = 0x02
export const MSG_EOR = 0x80
export const MSG_MORE = 0x8000

const CAN_SEND = State.bit(State.ESTABLISHED) | State.bit(State.CLOSE_WAIT)
const CONNECTING = State.bit(State.SYN_SENT) | State.bit(State.SYN_RECV)

/**
 * Queues up to one super-segment of data and sends what may go.
 *
 * @param moved bytes that the same call has written before
 * @returns bytes taken, at least 1; -EAGAIN when the buffer is full or the handshake goes on (the host waits for
 *   `writable`); -EPIPE or another error. After the last call the host calls {@link sendDone}; before it sleeps too.
 */
export const sendStep = (sock: TcpSock, bytes: Bytes, at: number, length: number, flags: number, moved = 0): number => {
  const host = sock.tcp.host
  if (sock.error !== 0) {
    const error = sock.error
    sock.error = 0
    return -error
  }
  if ((sock.shutdown & SEND_SHUTDOWN) !== 0) return -EPIPE
  const bit = State.bit(sock.state)
  // An unconfirmed Fast Open socket may send already.
  if ((bit & CAN_SEND) === 0 && sock.fastOpenRsk === null) return (bit & CONNECTING) !== 0 ? -EAGAIN : -EPIPE
  if (length <= 0) return 0
  host.trace(Points.TCP_SENDMSG, sock, null)
  const isFirst = !sock.isWriting && moved === 0
  if (!sock.isWriting) {
    sock.isWriting = true
    Rate.checkAppLimited(sock)
  }
  if (sock.packetsOut === 0 && sock.writeQueue.head === null) CwndUse.restartAfterIdle(sock)
  const mss = Output.currentMss(sock)
  const goal = TsoSize.sizeGoal(sock, mss)
  let tail = sock.writeQueue.tail
  let taken = 0
  if (tail !== null && mayAppend(tail, goal)) {
    taken = appendTo(sock, tail, bytes, at, Math.min(length, goal - tail.length))
    // A push within the call stays with the segment and moves to its new end.
    if (isFirst && taken > 0) tail.flags &= ~Tcp.PSH
    // No place for a further page: it is as full as it gets.
    if (taken === 0) Xmit.markPush(sock, tail)
  }
  if (taken === 0) {
    if (!SendBuffer.hasRoom(sock)) return noRoom(sock, mss)
    const fresh = newSegment(sock)
    if (fresh === null) return noRoom(sock, mss)
    tail = fresh
    taken = appendTo(sock, fresh, bytes, at, Math.min(length, goal))
    if (taken <= 0) {
      sock.writeQueue.remove(fresh)
      SendQueue.freeWrite(sock, fresh)
      return taken < 0 ? taken : noRoom(sock, mss)
    }
  }
  if (taken < 0) return taken
  sock.hasWritten = true
  if (taken === length && (flags & MSG_EOR) !== 0) tail!.endOfRecord = 1
  if (taken < length && (flags & MSG_OOB) === 0) pushSome(sock, tail!, mss, goal)
  return taken
}

/** Data goes on being written: sends full segments as they fill up. */
const pushSome = (sock: TcpSock, tail: Segment, mss: number, goal: number): void => {
  if (tail.length < goal) return
  if (Xmit.isForcedPush(sock)) {
    Xmit.markPush(sock, tail)
    Xmit.pushPending(sock, mss, 4)
  } else if (tail === sock.writeQueue.head) {
    Xmit.writeXmit(sock, mss, 4, Xmit.PUSH_ONE, 1)
  }
}

/** Ends a write: the tail may go (Linux: tcp_push at the end of tcp_sendmsg). */
export const sendDone = (sock: TcpSock, flags: number): void => {
  const { hasWritten } = sock
  sock.isWriting = false
  sock.hasWritten = false
  if (!hasWritten || sock.destroyed || sock.writeQueue.head === null) return
  if ((flags & MSG_OOB) !== 0) Urgent.mark(sock)
  Xmit.push(sock, Output.currentMss(sock), sock.nonagle, (flags & MSG_MORE) !== 0)
}

/** Linux: wait_for_space. */
const noRoom = (sock: TcpSock, mss: number): number => {
  sock.noSpace = true
  if (sock.hasWritten && sock.writeQueue.head !== null) Xmit.push(sock, mss, 4, false)
  return -EAGAIN
}

const mayAppend = (tail: Segment, goal: number): boolean =>
  tail.length < goal && tail.endOfRecord === 0 && (tail.flags & (Tcp.FIN | Tcp.SYN)) === 0

const newSegment = (sock: TcpSock): Segment | null => {
  const segment = sock.tcp.host.allocSegment(sock)
  if (segment === null) return null
  const isFirst = sock.rtxQueue.head === null && sock.writeQueue.head === null
  if (!Memory.schedule(sock, segment.truesize, sock.wmemQueued, sock.net.sysctl.wmemMin, isFirst)) {
    sock.tcp.host.free(segment)
    return null
  }
  segment.seq = sock.writeSeq
  segment.endSeq = sock.writeSeq
  segment.flags = Tcp.ACK
  SendQueue.queueWrite(sock, segment)
  // Nagle's test of the last write does not hold for this one.
  sock.nonagle &= ~4
  return segment
}

const appendTo = (sock: TcpSock, segment: Segment, bytes: Bytes, at: number, length: number): number => {
  const before = segment.truesize
  const isFirst = sock.rtxQueue.head === null && segment === sock.writeQueue.head
  // The host may round up to pages; what it really took is settled below.
  if (!Memory.schedule(sock, length, sock.wmemQueued, sock.net.sysctl.wmemMin, isFirst)) return 0
  const taken = sock.tcp.host.append(segment, bytes, at, length)
  if (taken < 0) return taken
  if (segment.truesize !== before) SendQueue.truesizeChanged(sock, segment, before)
  segment.endSeq = (segment.endSeq + taken) | 0
  sock.writeSeq = (sock.writeSeq + taken) | 0
  return taken
}

/**
 * Copies received data out, up to `length` bytes.
 *
 * @param into null throws the bytes away (MSG_TRUNC)
 * @param skip bytes of the stream to look over first, with MSG_PEEK
 * @returns bytes copied; 0 at the end of the stream; -EAGAIN when nothing is there (the host waits for `readable`); -ENOTCONN
 *   or the pending error. After a call that copied something the host calls {@link recvDone} once.
 */
export const recvStep = (
  sock: TcpSock,
  into: Bytes | null,
  at: number,
  length: number,
  flags: number,
  skip = 0
): number => {
  const host = sock.tcp.host
  if (sock.state === State.LISTEN) return -ENOTCONN
  host.trace(Points.TCP_RECVMSG, sock, null)
  const isPeek = (flags & MSG_PEEK) !== 0
  let seq = (sock.copiedSeq + skip) | 0
  let copied = 0
  let segment = sock.receiveQueue.head
  while (segment !== null && copied < length) {
    const next: Segment | null = segment.next
    const fin = (segment.flags & Tcp.FIN) !== 0 ? 1 : 0
    const end = (segment.endSeq - fin) | 0
    let offset = (seq - segment.seq) | 0
    if (copied > 0 && Urgent.isAt(sock, seq)) break
    // The urgent byte is not part of the stream, unless the program wants it there.
    if (sock.options.oobInline === 0 && Urgent.isAt(sock, seq) && isBefore(seq, end)) {
      seq = (seq + 1) | 0
      offset++
    }
    const there = (end - seq) | 0
    if (there > 0) {
      const count = Urgent.readable(sock, seq, Math.min(there, length - copied))
      const taken = into === null ? count : host.copyOut(segment, offset, into, at + copied, count)
      copied += taken
      seq = (seq + taken) | 0
      if (taken < there) break
    } else if (isPeek && there < 0) {
      segment = next
      continue
    }
    if (fin !== 0) seq = (seq + 1) | 0
    if (!isPeek) eat(sock, segment)
    if (fin !== 0) break
    segment = next
  }
  if (!isPeek) {
    const moved = seq !== sock.copiedSeq
    sock.copiedSeq = seq
    Urgent.noteRead(sock)
    if (moved && copied > 0) Window.adjustBuffer(sock, host.now())
  }
  return copied > 0 ? copied : nothingThere(sock, length)
}

const eat = (sock: TcpSock, segment: Segment): void => {
  sock.receiveQueue.remove(segment)
  sock.rmemAlloc -= segment.truesize
  Memory.uncharge(sock, segment.truesize)
  sock.tcp.host.free(segment)
}

/** What a reader of `length` bytes gets that has found none: 0 at the end of the stream, the pending error, -ENOTCONN or -EAGAIN. */
export const nothingThere = (sock: TcpSock, length: number): number => {
  if (length === 0) return 0
  if (sock.error !== 0) {
    const error = sock.error
    sock.error = 0
    return -error
  }
  if ((sock.shutdown & RCV_SHUTDOWN) !== 0) return 0
  if (sock.state === State.CLOSE) return -ENOTCONN
  return -EAGAIN
}

/** Ends a read of `copied` bytes: a window update may go out (Linux: tcp_cleanup_rbuf). */
export const recvDone = (sock: TcpSock, copied: number): void => {
  if (!sock.destroyed && sock.state !== State.CLOSE) DataQueue.cleanupRbuf(sock, copied)
}

/** Bytes that could be read now, up to the urgent byte where one is in the way (Linux: tcp_inq; SIOCINQ). */
export const inputBytes = (sock: TcpSock): number => {
  const before = Urgent.bytesBefore(sock)
  return before >= 0 ? before : unreadBytes(sock)
}

const unreadBytes = (sock: TcpSock): number => {
  const tail = sock.receiveQueue.tail
  if (tail === null) return 0
  const fin = (tail.flags & Tcp.FIN) !== 0 ? 1 : 0
  return (tail.endSeq - fin - sock.copiedSeq) | 0
}

/** As {@link inputBytes}, and 1 at the end of the stream, so that a reader comes once more (Linux: tcp_inq_hint). */
export const inputHint = (sock: TcpSock): number => {
  const bytes = inputBytes(sock)
  return bytes === 0 && (sock.shutdown & RCV_SHUTDOWN) !== 0 ? 1 : bytes
}

/** Bytes written and not acknowledged (SIOCOUTQ), or not even sent (SIOCOUTQNSD). */
export const outputBytes = (sock: TcpSock, unsent: boolean): number =>
  (State.bit(sock.state) & CONNECTING) !== 0 ? 0 : (sock.writeSeq - (unsent ? sock.sndNxt : sock.sndUna)) | 0

/** Poll bits of a socket (Linux: tcp_poll): POLLIN = 1, POLLPRI = 2, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLRDHUP = 0x2000. */
export const poll = (sock: TcpSock): number => {
  if (sock.state === State.LISTEN) return sock.listen !== null && sock.listen.acceptHead !== null ? 0x41 : 0
  let mask = 0
  if (sock.shutdown === 3 || sock.state === State.CLOSE) mask |= 0x10
  if ((sock.shutdown & RCV_SHUTDOWN) !== 0) mask |= 0x01 | 0x40 | 0x2000
  if (sock.state === State.SYN_SENT) {
    if ((sock.synBits & DEFER_CONNECT) !== 0) mask |= 0x104
  } else if (sock.state !== State.SYN_RECV || sock.fastOpenRsk !== null) {
    const isBeforeUrgent = Urgent.isAtMark(sock) && sock.options.oobInline === 0
    if (DataQueue.isReadable(sock, sock.options.rcvLowat + (isBeforeUrgent ? 1 : 0))) mask |= 0x41
    if ((sock.urgData & Urgent.URG_VALID) !== 0) mask |= 0x02
    if ((sock.shutdown & SEND_SHUTDOWN) !== 0) mask |= 0x104
    else if (SendBuffer.canWrite(sock)) mask |= 0x104
    else sock.noSpace = true
  }
  if (sock.error !== 0) mask |= 0x08
  return mask
}
