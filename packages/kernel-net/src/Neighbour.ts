/**
 * One neighbour entry: the next hop's MAC as a ready header, and what waits for it.
 */
import { LockClock } from "@darkfiber/hardware/cpu/LockClock"
import type { NetDevice } from "./NetDevice.ts"
import type { NeighbourTable } from "./NeighbourTable.ts"
import { isConnected, isValid, macOf, type State } from "./NeighbourState.ts"
import { SkBuffList } from "./SkBuff.ts"
import { KernelTimer } from "./Timers.ts"

/** Linux: struct neighbour. */
export class Neighbour {
  readonly table: NeighbourTable
  readonly dev: NetDevice
  /** Int32. */
  readonly address: number
  state: State
  /** The cached header may be used as it is. */
  connected: boolean
  /** The MAC is known. */
  valid: boolean
  /** Destination MAC in two parts: the cached header (Linux: hh_cache). */
  macHigh: number
  macLow: number
  /** ns. */
  usedAt: number
  updatedAt: number
  /** When a proof from above was last taken note of. */
  notedAt: number
  readonly queue: SkBuffList
  queueBytes: number
  /** Packets pushed out of the queue (unres_discards). */
  discards: number
  readonly timer: KernelTimer
  /** Guards the state and the queue (Linux: neigh->lock). */
  readonly lock: LockClock
  dead: boolean

  constructor(table: NeighbourTable, dev: NetDevice, address: number, now: number) {
    this.table = table
    this.dev = dev
    this.address = address
    this.state = { _tag: "None" }
    this.connected = false
    this.valid = false
    this.macHigh = 0
    this.macLow = 0
    this.usedAt = now
    this.updatedAt = -1e18
    this.notedAt = -1e18
    this.queue = new SkBuffList()
    this.queueBytes = 0
    this.discards = 0
    this.timer = new KernelTimer(table.timersOf(this))
    this.lock = new LockClock()
    this.dead = false
  }

  /** Takes a new state over into the fields the data path reads. */
  become(state: State, now: number): void {
    if (state._tag !== this.state._tag || macOf(state) !== macOf(this.state)) this.updatedAt = now
    this.state = state
    this.connected = isConnected(state)
    this.valid = isValid(state)
    const mac = macOf(state)
    if (mac >= 0) {
      this.macHigh = Math.floor(mac / 4294967296)
      this.macLow = mac | 0
    }
  }
}
