/**
 * What is left of a connection in TIME_WAIT, or in FIN_WAIT2 without a file (Linux: struct tcp_timewait_sock): enough to
 * answer late segments and to keep the port.
 */
import type { BindBucket } from "./BindHash.ts"
import { Endpoint, KIND_TIME_WAIT } from "./Endpoint.ts"
import * as State from "./State.ts"
import type { Tcp } from "./Tcp.ts"
import type { TcpTimer, TimerOwner } from "./TcpHost.ts"
import type { TcpNet } from "./TcpNet.ts"

export class TimeWaitSock extends Endpoint implements TimerOwner {
  readonly tcp: Tcp
  bucket: BindBucket | null
  timer: TcpTimer | null
  /** Slot of the 3.10 wheel and neighbours in it; -1 when in none. */
  slot: number
  slotNext: TimeWaitSock | null
  slotPrevious: TimeWaitSock | null
  /** FIN_WAIT2 or TIME_WAIT (`state` is always TIME_WAIT, as in the kernel). */
  substate: number
  rcvNxt: number
  sndNxt: number
  rcvWnd: number
  rcvWscale: number
  tsRecent: number
  /** Second in which it was noted, 0: none. */
  tsRecentStamp: number
  /** The same in ns, for tcp_tw_reuse_delay. */
  enteredAt: number
  tsOffset: number
  /** The peer's key, where it signs. */
  md5Key: Uint8Array | null
  lastOowAckMs: number
  /** The socket had SO_REUSEADDR or SO_REUSEPORT set: counts for bind conflicts. */
  reuse: boolean
  dead: boolean

  constructor(tcp: Tcp, net: TcpNet) {
    super(net, KIND_TIME_WAIT)
    this.state = State.TIME_WAIT
    this.tcp = tcp
    this.bucket = null
    this.timer = null
    this.slot = -1
    this.slotNext = null
    this.slotPrevious = null
    this.substate = State.TIME_WAIT
    this.rcvNxt = 0
    this.sndNxt = 0
    this.rcvWnd = 0
    this.rcvWscale = 0
    this.tsRecent = 0
    this.tsRecentStamp = 0
    this.enteredAt = 0
    this.tsOffset = 0
    this.md5Key = null
    this.lastOowAckMs = 0
    this.reuse = false
    this.dead = false
  }

  onTimer(): void {
    this.tcp.timeWaitExpired(this)
  }
}
