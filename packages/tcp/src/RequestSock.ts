/** A connection between SYN and third ACK (Linux: struct tcp_request_sock): what the SYN said and what was answered. */
import { Endpoint, KIND_REQUEST } from "./Endpoint.ts"
import type { Cookie } from "./FastOpenCookie.ts"
import * as State from "./State.ts"
import type { TcpTimer, TimerOwner } from "./TcpHost.ts"
import type { TcpSock } from "./TcpSock.ts"

export class RequestSock extends Endpoint implements TimerOwner {
  readonly listener: TcpSock
  /** Neighbours among the listener's requests, and in its SYN table's bucket. */
  listNext: RequestSock | null
  listPrevious: RequestSock | null
  bucketNext: RequestSock | null
  bucket: number
  timer: TcpTimer | null
  /** When the next SYN-ACK is due, ns, where the listener's tick looks for it. */
  expires: number
  rcvIsn: number
  sntIsn: number
  /** Next byte of the peer: behind the SYN's data when Fast Open took it. */
  rcvNxt: number
  /** The SYN's headers, where the listener keeps them. */
  savedSyn: Uint8Array | null
  /** Fast Open cookie that the first SYN-ACK shows. */
  cookie: Cookie | null
  /** Payload bytes that the peer takes in a segment. */
  mss: number
  advmss: number
  rcvWnd: number
  windowClamp: number
  sndWscale: number
  rcvWscale: number
  wscaleOk: boolean
  sackOk: boolean
  tstampOk: boolean
  ecnOk: boolean
  tsRecent: number
  tsOffset: number
  /** Timeouts so far, and SYN-ACKs sent again. */
  timeouts: number
  retransmits: number
  /** The third ACK came but found no room (or only deferred accept waits). */
  acked: boolean
  /** When the first SYN-ACK left, ns; -1 for a cookie. */
  synackAt: number
  lastOowAckMs: number
  /** It counts in the queue's length. */
  queued: boolean

  constructor(listener: TcpSock) {
    super(listener.net, KIND_REQUEST)
    this.state = State.NEW_SYN_RECV
    this.listener = listener
    this.listNext = null
    this.listPrevious = null
    this.bucketNext = null
    this.bucket = -1
    this.timer = null
    this.expires = 0
    this.rcvIsn = 0
    this.sntIsn = 0
    this.rcvNxt = 0
    this.cookie = null
    this.savedSyn = null
    this.mss = 536
    this.advmss = 536
    this.rcvWnd = 0
    this.windowClamp = 0
    this.sndWscale = 0
    this.rcvWscale = 0
    this.wscaleOk = false
    this.sackOk = false
    this.tstampOk = false
    this.ecnOk = false
    this.tsRecent = 0
    this.tsOffset = 0
    this.timeouts = 0
    this.retransmits = 0
    this.acked = false
    this.synackAt = -1
    this.lastOowAckMs = 0
    this.queued = false
  }

  onTimer(kind: number): void {
    this.listener.tcp.requestTimerFired(this, kind)
  }
}
