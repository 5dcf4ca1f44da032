/**
 * A listener's two queues (Linux: struct request_sock_queue): how many requests it has (SYN queue) and the finished
 * connections that wait for accept().
 */
import type { RequestSock } from "./RequestSock.ts"
import type { TcpSock } from "./TcpSock.ts"

export class ListenState {
  /** sk_max_ack_backlog, after somaxconn. */
  maxAckBacklog: number
  /** sk_ack_backlog: connections in the accept queue. */
  ackBacklog: number
  acceptHead: TcpSock | null
  acceptTail: TcpSock | null
  /** Requests, and those of them whose SYN-ACK was never repeated. */
  qlen: number
  young: number
  /** All requests, linked, so that closing the listener finds them. */
  firstRequest: RequestSock | null
  /** Size of the SYN table where the profile has one, else 0. */
  synTableSize: number
  /** Requests by bucket of the SYN table; empty where there is none. */
  synTable: Array<RequestSock | null>
  /** Next bucket that the SYN-ACK tick visits. */
  clockHand: number
  /** ms; when a cookie was last sent, to judge returning ones. 0: never. */
  lastCookieMs: number
  cookiesSent: boolean
  /** Fast Open: connections that are not confirmed; requests kept after a RST, oldest first. */
  fastOpenLength: number
  resetHead: RequestSock | null
  resetTail: RequestSock | null

  constructor(maxAckBacklog: number) {
    this.maxAckBacklog = maxAckBacklog
    this.ackBacklog = 0
    this.acceptHead = null
    this.acceptTail = null
    this.qlen = 0
    this.young = 0
    this.firstRequest = null
    this.synTableSize = 0
    this.synTable = []
    this.clockHand = 0
    this.lastCookieMs = 0
    this.cookiesSent = false
    this.fastOpenLength = 0
    this.resetHead = null
    this.resetTail = null
  }

  /** Linux: sk_acceptq_is_full. It holds one more than the backlog says (F1). */
  get isAcceptQueueFull(): boolean {
    return this.ackBacklog > this.maxAckBacklog
  }
}
