/**
 * The soft IRQ vectors in the kernel's order (Linux 3.10: enum in include/linux/interrupt.h), and what runs in one.
 */
import type { Core } from "./Core.ts"

export const HI = 0
export const TIMER = 1
export const NET_TX = 2
export const NET_RX = 3
export const BLOCK = 4
export const BLOCK_IOPOLL = 5
export const TASKLET = 6
export const SCHED = 7
export const HRTIMER = 8
export const RCU = 9
export const VECTORS = 10

/** Names as /proc/softirqs prints them. */
export const names: ReadonlyArray<string> = [
  "HI",
  "TIMER",
  "NET_TX",
  "NET_RX",
  "BLOCK",
  "BLOCK_IOPOLL",
  "TASKLET",
  "SCHED",
  "HRTIMER",
  "RCU"
]

/** Restarts before the rest is left to ksoftirqd (Linux: MAX_SOFTIRQ_RESTART, kernel/softirq.c). */
export const RESTARTS_MAX = 10
/** Time before the rest is left to ksoftirqd, in ns (Linux: MAX_SOFTIRQ_TIME). */
export const TIME_MAX = 2_000_000

/** What `open_softirq` registers. */
export interface SoftirqHandler {
  /**
   * One step of the vector's action on this core, such as one frame through the stack.
   *
   * @returns true when the action has more to do
   */
  step(core: Core): boolean
}
