/** A timer of the TCP machine on the host's timer wheel: it fires in TIMER soft IRQ, at a jiffy. */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { KernelTimer, type TimerOwner as KernelTimerOwner } from "@darkfiber/kernel-net/Timers"
import type { TcpTimer, TimerOwner } from "@darkfiber/tcp/TcpHost"
import type { TcpGlue } from "./TcpGlue.ts"

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
    this.glue.host.timers.cancel(this.timer)
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
