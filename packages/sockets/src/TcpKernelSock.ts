/**
 * The struct sock of a TCP connection as the rest of the kernel sees it: its lock and backlog, its write memory below
 * TCP, its wake-ups. The connection itself is a TcpSock.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Netns } from "@darkfiber/kernel-net/Netns"
import type { SkBuff } from "@darkfiber/kernel-net/SkBuff"
import { Sock } from "@darkfiber/kernel-net/Sock"
import { PACING_FQ, type TcpSock } from "@darkfiber/tcp/TcpSock"
import { AF_INET, SOCK_STREAM } from "./Socket.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import * as TcpReceive from "./TcpReceive.ts"
import type { LateTimer } from "./TcpTimer.ts"

export const IPPROTO_TCP = 6

export class TcpKernelSock extends Sock {
  readonly tcp: TcpSock
  readonly glue: TcpGlue
  /** Timers that expired while a system call owned the socket. */
  lateTimers: Array<LateTimer> | null
  /** In the list of sockets that may send more; or it may, but a system call owns it. */
  deferred: boolean
  lateDefer: boolean

  constructor(glue: TcpGlue, net: Netns, tcp: TcpSock) {
    super(net, AF_INET, SOCK_STREAM, IPPROTO_TCP)
    this.glue = glue
    this.tcp = tcp
    this.lateTimers = null
    this.deferred = false
    this.lateDefer = false
    tcp.owner = this
  }

  /** Copies what others read from here. */
  refresh(): void {
    const tcp = this.tcp
    this.localAddress = tcp.localAddress
    this.localPort = tcp.localPort
    this.remoteAddress = tcp.remoteAddress
    this.remotePort = tcp.remotePort
  }

  override get pacingRate(): number {
    return this.tcp.pacingRate
  }

  override pacedByQdisc(): void {
    this.tcp.pacing = PACING_FQ
  }

  override writeFreed(skb: SkBuff, core: Core | null): void {
    this.wmem -= skb.truesize
    if (core !== null && this.tcp.throttled && !this.tcp.destroyed) this.glue.defer(this, core)
  }

  /** A system call lets go: what could not be done meanwhile. Linux: tcp_release_cb */
  override released(core: Core): void {
    this.fireLate()
    if (!this.lateDefer) return
    this.lateDefer = false
    this.glue.defer(this, core)
  }

  /** Timers that were due when they could not do their work. */
  fireLate(): void {
    const late = this.lateTimers
    if (late === null) return
    this.lateTimers = null
    for (const timer of late) timer.fire()
  }

  override backlogReceive(skb: SkBuff, core: Core): void {
    TcpReceive.process(this.glue, core, this.tcp, skb)
  }
}
