/** Our FIN (Linux: tcp_send_fin, net/ipv4/tcp_output.c). */
import * as Tcp from "@darkfiber/wire/Tcp"
import * as Memory from "./Memory.ts"
import * as Output from "./Output.ts"
import * as Points from "./Points.ts"
import * as SendQueue from "./SendQueue.ts"
import * as Xmit from "./Xmit.ts"
import type { TcpSock } from "./TcpSock.ts"

/** Queues a FIN: on the last unsent segment, else alone (Linux: tcp_send_fin). */
export const sendFin = (sock: TcpSock): void => {
  sock.tcp.host.trace(Points.TCP_SEND_FIN, sock, null)
  const tail = sock.writeQueue.tail
  if (tail !== null) {
    tail.flags |= Tcp.FIN
    tail.endSeq = (tail.endSeq + 1) | 0
    sock.writeSeq = (sock.writeSeq + 1) | 0
  } else {
    const segment = sock.tcp.host.allocSegment(sock)
    if (segment === null) {
      finWithoutMemory(sock)
      return
    }
    segment.seq = sock.writeSeq
    segment.endSeq = (sock.writeSeq + 1) | 0
    segment.flags = Tcp.ACK | Tcp.FIN
    Memory.schedule(sock, segment.truesize, sock.wmemQueued, 0, true)
    sock.writeSeq = segment.endSeq
    SendQueue.queueWrite(sock, segment)
  }
  Xmit.pushPending(sock, Output.currentMss(sock), 1)
}

/** No memory for a FIN of its own: it rides on the last sent segment, and goes out when that is sent again. */
const finWithoutMemory = (sock: TcpSock): void => {
  const last = sock.rtxQueue.tail
  if (last === null || (last.flags & Tcp.FIN) !== 0) return
  last.flags |= Tcp.FIN
  last.endSeq = (last.endSeq + 1) | 0
  sock.writeSeq = (sock.writeSeq + 1) | 0
  sock.sndNxt = (sock.sndNxt + 1) | 0
}
