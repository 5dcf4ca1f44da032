/** Marks what a send queued last, when the socket or the message wants to know when it goes (Linux: tcp_tx_timestamp). */
import type { Sock } from "@darkfiber/kernel-net/Sock"
import { STAMP_ACK, STAMP_SCHED, STAMP_SOFTWARE } from "@darkfiber/tcp/Segment"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import { extraOf } from "@darkfiber/kernel-net/SockErrors"
import type { Message } from "./Message.ts"
import * as O from "./SocketOptions.ts"

/** Time stamps a control message may ask for (Linux: SOF_TIMESTAMPING_TX_RECORD_MASK, without hardware). */
export const RECORD_MASK = O.SOF_TIMESTAMPING_TX_SOFTWARE | O.SOF_TIMESTAMPING_TX_SCHED | O.SOF_TIMESTAMPING_TX_ACK

/** The time stamps that a message asks for, beyond the socket's own flags. */
const stampFlagsOf = (message: Message | null, tsFlags: number): number => {
  if (message === null) return tsFlags
  let flags = tsFlags
  for (const { level, type, data } of message.control) {
    if (level === O.SOL_SOCKET && type === O.SO_TIMESTAMPING) flags = (flags & ~RECORD_MASK) | (data as number)
  }
  return flags
}

export const stampTail = (sk: Sock, sock: TcpSock, message: Message | null): void => {
  if (sk.extra === null && message === null) return
  const flags = stampFlagsOf(message, sk.extra === null ? 0 : sk.extra.tsFlags)
  let marks = 0
  if ((flags & O.SOF_TIMESTAMPING_TX_SCHED) !== 0) marks |= STAMP_SCHED
  if ((flags & O.SOF_TIMESTAMPING_TX_SOFTWARE) !== 0) marks |= STAMP_SOFTWARE
  if ((flags & O.SOF_TIMESTAMPING_TX_ACK) !== 0) marks |= STAMP_ACK
  const tail = sock.writeQueue.tail ?? sock.rtxQueue.tail
  if (marks === 0 || tail === null) return
  extraOf(sk)
  tail.stamp |= marks
  tail.stampSeq = (sock.writeSeq - 1) | 0
}
