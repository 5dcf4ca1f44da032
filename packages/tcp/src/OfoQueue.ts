/** Taking segments out of the out-of-order queue. */
import * as Drops from "./Drops.ts"
import * as Memory from "./Memory.ts"
import * as Sack from "./Sack.ts"
import type { TcpSock } from "./TcpSock.ts"
import type { Segment } from "./Segment.ts"

export const takeOfo = (sock: TcpSock, segment: Segment): void => {
  sock.ofoQueue.remove(segment)
  sock.rmemAlloc -= segment.truesize
  Memory.uncharge(sock, segment.truesize)
}

/** Nothing can come behind a FIN. */
export const purgeOfo = (sock: TcpSock): void => {
  for (let head = sock.ofoQueue.head; head !== null; head = sock.ofoQueue.head) {
    takeOfo(sock, head)
    sock.tcp.host.drop(head, Drops.TCP_OFO_DROP)
  }
  Sack.forgetBlocks(sock)
}
