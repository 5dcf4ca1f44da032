/**
 * Urgent data as Linux treats it: one byte out of band, at the place that the urgent pointer names (RFC 9293 §3.8.5, RFC 6093;
 * Linux: tcp_check_urg, tcp_urg, tcp_recv_urg, tcp_mark_urg). Reading stops before the byte and then steps over it, unless
 * SO_OOBINLINE leaves it in the stream.
 *
 * ```
 * urgData:  0 --URG--> NOTYET --byte arrives--> VALID | byte --recv(MSG_OOB)--> READ --read past it--> 0
 * ```
 */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Memory from "./Memory.ts"
import * as State from "./State.ts"
import { EAGAIN, EINVAL, ENOTCONN } from "./Errno.ts"
import { type Segment, isAfter, isBefore } from "./Segment.ts"
import { RCV_SHUTDOWN, type TcpSock } from "./TcpSock.ts"

/** `urgData` (Linux: TCP_URG_*); the byte stands in the low eight bits of a VALID one. */
export const URG_VALID = 0x100
export const URG_NOTYET = 0x200
export const URG_READ = 0x400

// ── Receiving ──

/** Looks for an urgent pointer, and for the byte it names (Linux: tcp_urg). Before the segment is queued; does not take it. */
export const receive = (sock: TcpSock, segment: Segment): void => {
  if ((segment.flags & Tcp.URG) !== 0) checkPointer(sock, segment)
  if (sock.urgData !== URG_NOTYET) return
  const first = (segment.seq + ((segment.flags & Tcp.SYN) !== 0 ? 1 : 0)) | 0
  const offset = (sock.urgSeq - first) | 0
  if (offset < 0 || offset >= segment.length) return
  sock.tcp.host.peek(segment, offset, byte, 0, 1)
  sock.urgData = URG_VALID | byte[0]!
  if (!sock.dead) sock.tcp.host.readable(sock)
}

const byte = new Uint8Array(1)

/** Linux: tcp_check_urg. */
const checkPointer = (sock: TcpSock, segment: Segment): void => {
  let pointer = segment.urgent
  // BSD's reading, that the pointer is one past the byte, is everybody's; RFC 1122's only by the sysctl.
  if (pointer !== 0 && sock.net.sysctl.stdurg === 0) pointer--
  const seq = (segment.seq + pointer) | 0
  if (isAfter(sock.copiedSeq, seq) || isBefore(seq, sock.rcvNxt)) return
  if (sock.urgData !== 0 && !isAfter(seq, sock.urgSeq)) return
  if (
    sock.urgSeq === sock.copiedSeq &&
    sock.urgData !== 0 &&
    sock.options.oobInline === 0 &&
    sock.copiedSeq !== sock.rcvNxt
  ) {
    skipOld(sock)
  }
  sock.urgData = URG_NOTYET
  sock.urgSeq = seq
}

/** The reader stands before the last urgent byte: a new one comes, and the old must not be read as data. */
const skipOld = (sock: TcpSock): void => {
  sock.copiedSeq = (sock.copiedSeq + 1) | 0
  const head = sock.receiveQueue.head
  if (head === null || isBefore(sock.copiedSeq, head.endSeq)) return
  sock.receiveQueue.remove(head)
  sock.rmemAlloc -= head.truesize
  Memory.uncharge(sock, head.truesize)
  sock.tcp.host.free(head)
}

/** How far from `seq` a read may go before the urgent byte, at most `count` (Linux: the check in tcp_recvmsg_locked). */
export const readable = (sock: TcpSock, seq: number, count: number): number => {
  if (sock.urgData === 0) return count
  const distance = (sock.urgSeq - seq) >>> 0
  return distance > 0 && distance < count ? distance : count
}

/** Whether the byte at `seq` is the urgent one. */
export const isAt = (sock: TcpSock, seq: number): boolean => sock.urgData !== 0 && sock.urgSeq === seq

/** The reader has come to `copiedSeq`: past the urgent byte there is none any more. */
export const noteRead = (sock: TcpSock): void => {
  if (sock.urgData !== 0 && isAfter(sock.copiedSeq, sock.urgSeq)) sock.urgData = 0
}

/**
 * recv(MSG_OOB): never waits.
 *
 * @returns 1 (or 0 for no room), 0 at the end of the stream, -EINVAL without urgent data, -EAGAIN while it is on its way,
 *   -ENOTCONN
 */
export const read = (sock: TcpSock, into: Uint8Array, at: number, length: number, isPeek: boolean): number => {
  if (sock.options.oobInline !== 0 || sock.urgData === 0 || sock.urgData === URG_READ) return -EINVAL
  if (sock.state === State.CLOSE && (sock.shutdown & RCV_SHUTDOWN) === 0) return -ENOTCONN
  if ((sock.urgData & URG_VALID) !== 0) {
    const value = sock.urgData & 0xff
    if (!isPeek) sock.urgData = URG_READ
    if (length <= 0) return 0
    into[at] = value
    return 1
  }
  if (sock.state === State.CLOSE || (sock.shutdown & RCV_SHUTDOWN) !== 0) return 0
  return -EAGAIN
}

/** SIOCATMARK: whether the next byte is the urgent one. */
export const isAtMark = (sock: TcpSock): boolean => isAt(sock, sock.copiedSeq)

/** Bytes before the urgent byte, where one is in the way; -1 where none is (Linux: tcp_inq). */
export const bytesBefore = (sock: TcpSock): number => {
  if (sock.urgData === 0 || sock.options.oobInline !== 0) return -1
  if (isBefore(sock.urgSeq, sock.copiedSeq) || !isBefore(sock.urgSeq, sock.rcvNxt)) return -1
  return (sock.urgSeq - sock.copiedSeq) | 0
}

// ── Sending ──

/** Whether urgent data is written that is not acknowledged (Linux: tcp_urg_mode). */
export const isSending = (sock: TcpSock): boolean => sock.sndUna !== sock.sndUp

/** send(MSG_OOB): the last byte written is the urgent one. */
export const mark = (sock: TcpSock): void => {
  sock.sndUp = sock.writeSeq
}

/** The urgent pointer of a segment that starts at `seq`, 0 for none (Linux: tcp_transmit_skb). */
export const pointer = (sock: TcpSock, seq: number): number => {
  if (sock.sndUna === sock.sndUp || !isBefore(seq, sock.sndUp)) return 0
  if (isBefore(sock.sndUp, (seq + 0x1_0000) | 0)) return (sock.sndUp - seq) | 0
  return isAfter((seq + 0xffff) | 0, sock.sndNxt) ? 0xffff : 0
}
