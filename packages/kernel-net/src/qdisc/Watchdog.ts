/** Wakes a qdisc that has packets for later: an exact timer, whose hard IRQ leaves the sending to NET_TX (Linux: qdisc_watchdog). */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { HrTimer, type TimerFunction } from "../HrTimers.ts"
import type { Qdisc } from "../Qdisc.ts"

export class Watchdog implements TimerFunction {
  private readonly qdisc: Qdisc
  private readonly timer: HrTimer
  /** The time it was armed for; it fires up to the slack later. */
  private wanted: number

  constructor(qdisc: Qdisc) {
    this.qdisc = qdisc
    this.timer = new HrTimer(this, qdisc)
    this.wanted = 0
  }

  /**
   * Wakes the qdisc at `at`, on this core. One that is armed for a time before `at + slack` is left as it is.
   *
   * @param slack ns by which it may be late
   */
  schedule(core: Core, at: number, slack: number): void {
    if (this.timer.deadline >= 0 && this.wanted - at <= slack) return
    this.wanted = at
    this.qdisc.dev.net.host.softnet[core.index]!.exactTimers.arm(this.timer, at + slack)
  }

  cancel(): void {
    this.timer.cancel()
  }

  expired(_timer: HrTimer, core: Core): void {
    this.qdisc.dev.net.host.softnet[core.index]!.scheduleOutput(core, this.qdisc)
  }
}
