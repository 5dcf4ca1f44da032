/**
 * Timers of the TCP machine: on the host's timer wheel, in TIMER soft IRQ at a jiffy; and the exact one of pacing, whose hard
 * IRQ leaves the sending to a soft IRQ (Linux: HRTIMER_MODE_ABS_PINNED_SOFT).
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { KernelTimer, type TimerOwner as KernelTimerOwner } from "@darkfiber/kernel-net/Timers"
import { type TcpTimer, TIMER_REQUEST, type TimerOwner } from "@darkfiber/tcp/TcpHost"
import type { TcpSock } from "@darkfiber/tcp/TcpSock"
import { HrTimer, type TimerFunction } from "@darkfiber/kernel-net/HrTimers"
import type { RunQueue } from "./RunQueue.ts"
import type { TcpGlue } from "./TcpGlue.ts"
import type { TcpKernelSock } from "./TcpKernelSock.ts"

export class GlueTimer implements TcpTimer, KernelTimerOwner {
  deadline: number
  readonly owner: TimerOwner
  readonly kind: number
  private readonly glue: TcpGlue
  private readonly timer: KernelTimer

  constructor(glue: TcpGlue, owner: TimerOwner, kind: number) {
    this.deadline = -1
    this.owner = owner
    this.kind = kind
    this.glue = glue
    this.timer = new KernelTimer(this)
  }

  arm(at: number): void {
    this.deadline = at
    this.glue.host.timers.arm(this.timer, at, this.glue.core.index)
  }

  cancel(): void {
    this.deadline = -1
    // A request that goes takes its timer along: the wheel would keep both for the rest of the second.
    if (this.kind === TIMER_REQUEST) this.glue.host.timers.wheel.remove(this.timer)
    else this.glue.host.timers.cancel(this.timer)
  }

  /** TCP's own code is nobody's but the core's. */
  lender(): null {
    return null
  }

  expire(core: Core): void {
    this.glue.timerExpired(core, this)
  }

  /** Tells the machine. */
  fire(): void {
    this.deadline = -1
    this.owner.onTimer(this.kind)
  }
}

/** A timer that fires when its work may be done: no system call owns the socket. */
export interface LateTimer {
  fire(): void
}

/** An exact timer of a socket, on the core that armed it (Linux: tcp_pace_kick, tcp_compressed_ack_kick). */
export class ExactTimer implements TcpTimer, TimerFunction, LateTimer {
  private readonly glue: TcpGlue
  private readonly sock: TcpSock
  private readonly kind: number
  private readonly timer: HrTimer

  constructor(glue: TcpGlue, sock: TcpSock, kind: number) {
    this.glue = glue
    this.sock = sock
    this.kind = kind
    this.timer = new HrTimer(this, sock)
  }

  get deadline(): number {
    return this.timer.deadline
  }

  arm(at: number): void {
    const queue = this.glue.core.tasks as RunQueue
    queue.timers.arm(this.timer, at)
  }

  cancel(): void {
    this.timer.cancel()
  }

  expired(_timer: HrTimer, core: Core): void {
    if (this.sock.destroyed) return
    const sk = this.sock.owner as TcpKernelSock
    ;(sk.lateTimers ??= []).push(this)
    this.glue.defer(sk, core)
  }

  fire(): void {
    this.sock.onTimer(this.kind)
  }
}
