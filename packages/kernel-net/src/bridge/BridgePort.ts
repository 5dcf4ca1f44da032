/**
 * A device as port of a bridge (Linux: struct net_bridge_port), and its spanning tree state.
 *
 *     disabled ──port up──> blocking ──> listening ──forward delay──> learning ──forward delay──> forwarding
 *                              └────────────────────── STP off ──────────────────────────────────────^
 *
 * Of the spanning tree only the states and their timers are modelled: every port is taken for a designated one, no
 * BPDUs are sent, and received ones go to the host.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Schedulable } from "@darkfiber/sim/Actor"
import type { NetDevice, RxHandler } from "../NetDevice.ts"
import type { SkBuff } from "../SkBuff.ts"
import { KernelTimer, type TimerOwner } from "../Timers.ts"
import type { Bridge } from "./Bridge.ts"
import { handleFrame } from "./BridgeInput.ts"
import { BLOCKING, DISABLED, FORWARDING, LEARNING, LISTENING } from "./PortState.ts"

export class BridgePort implements RxHandler, TimerOwner {
  readonly bridge: Bridge
  readonly dev: NetDevice
  /** From 1, the lowest that was free. */
  readonly number: number
  state: number
  /** 0 to 63 (Linux: 0x8000 >> BR_PORT_BITS). */
  priority: number
  pathCost: number
  /** Frames may go back to where they came from. */
  hairpin: boolean
  /** Learns source addresses. */
  learning: boolean
  /** Gets frames to unknown addresses. */
  flooding: boolean
  private readonly timer: KernelTimer

  constructor(bridge: Bridge, dev: NetDevice, number: number) {
    this.bridge = bridge
    this.dev = dev
    this.number = number
    this.state = DISABLED
    this.priority = 32
    this.pathCost = PATH_COST_10G
    this.hairpin = false
    this.learning = true
    this.flooding = true
    this.timer = new KernelTimer(this)
  }

  receive(core: Core, skb: SkBuff): boolean {
    const { island } = core
    const before = island.inside
    island.inside = this.bridge.actor
    const taken = handleFrame(core, skb, this)
    island.inside = before
    return taken
  }

  /** The port and its bridge are up (Linux: br_stp_enable_port, br_make_forwarding). */
  enable(now: number): void {
    if (this.state !== DISABLED) return
    this.state = BLOCKING
    const bridge = this.bridge
    if (!bridge.stpEnabled || bridge.forwardDelay === 0) this.state = FORWARDING
    else {
      this.state = LISTENING
      this.arm(now)
    }
    bridge.updateCarrier()
  }

  /** The port or its bridge goes down (Linux: br_stp_disable_port): what it taught is forgotten. */
  disable(): void {
    this.bridge.host.timers.cancel(this.timer)
    if (this.state === DISABLED) return
    this.state = DISABLED
    this.bridge.fdb.deletePort(this, false)
    this.bridge.updateCarrier()
  }

  /** The state, brought up to date with the device: nobody tells a port that its device has lost its carrier. */
  currentState(): number {
    const dev = this.dev
    const runs = dev.carrier && dev.isUp() && dev.registered && dev.rxHandler === this && this.bridge.dev.isUp()
    if (runs !== (this.state !== DISABLED)) this.bridge.portChanged(this)
    return this.state
  }

  /** Sets a state by hand (bridge link set … state). */
  setState(state: number): void {
    this.bridge.host.timers.cancel(this.timer)
    this.state = state
    this.bridge.updateCarrier()
  }

  lender(): Schedulable {
    return this.bridge.actor
  }

  /** The forward delay is over (Linux: br_forward_delay_timer_expired). */
  expire(core: Core): void {
    if (this.state === LISTENING) {
      this.state = LEARNING
      this.arm(core.time)
    } else if (this.state === LEARNING) {
      this.state = FORWARDING
      this.bridge.updateCarrier()
    }
  }

  private arm(now: number): void {
    this.bridge.host.timers.arm(this.timer, now + this.bridge.forwardDelay, 0)
  }
}

/** Path cost of a device that tells no speed otherwise, such as veth (Linux: port_cost). */
const PATH_COST_10G = 2
