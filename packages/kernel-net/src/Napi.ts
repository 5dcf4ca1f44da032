/**
 * struct napi_struct: a receive queue that net_rx_action polls. A driver extends it.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { NET_RX } from "@darkfiber/hardware/cpu/Softirq"
import type { Gro } from "./Gro.ts"
import type { Host } from "./Host.ts"
import type { NetDevice } from "./NetDevice.ts"
import { NAPI_SCHEDULE } from "./Points.ts"

/** Linux: NAPI_POLL_WEIGHT. */
export const WEIGHT = 64

export abstract class Napi {
  readonly host: Host
  readonly dev: NetDevice | null
  weight: number
  /** On a poll list or being polled (Linux: NAPI_STATE_SCHED). */
  scheduled: boolean
  /** napi_enable has been called. */
  enabled: boolean
  /** Its poll is under way. */
  polling: boolean
  nextPoll: Napi | null
  /** Merges segments before they go up; null for the backlog. */
  gro: Gro | null

  constructor(host: Host, dev: NetDevice | null, weight: number) {
    this.host = host
    this.dev = dev
    this.weight = weight
    this.scheduled = false
    this.enabled = false
    this.polling = false
    this.nextPoll = null
    this.gro = null
  }

  /** A poll begins. */
  abstract begin(core: Core): void

  /** Takes one frame up the stack. @returns false when there is none */
  abstract step(core: Core): boolean

  /**
   * The poll ends after `work` frames: completes when that was less than the weight.
   *
   * @returns what net_rx_action takes off its budget; the weight when there is more to do
   */
  abstract finish(core: Core, work: number): number

  /** Puts it on this core's poll list and raises NET_RX. Linux: napi_schedule, ____napi_schedule. */
  schedule(core: Core): void {
    if (this.scheduled || !this.enabled) return
    this.scheduled = true
    core.visit(NAPI_SCHEDULE, -1, this.dev === null ? -1 : this.dev.index, 0, 0)
    this.host.softnet[core.index]!.pollList.push(this)
    core.raiseSoftirq(NET_RX)
  }

  /** Linux: napi_complete. */
  complete(core: Core): void {
    if (this.gro !== null) this.gro.flush(core)
    this.scheduled = false
  }
}
