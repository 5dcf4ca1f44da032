/**
 * A store-and-forward Ethernet switch (IEEE 802.1D bridging without spanning tree): learns where addresses are, floods
 * what it does not know, forgets after a while. Transparent to VLAN tags.
 */
import type { Island } from "@darkfiber/sim/Island"
import * as DropReason from "@darkfiber/sim/DropReason"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import { Fabric, type FabricOptions } from "../fabric/Fabric.ts"
import * as Reasons from "../Reasons.ts"
import { MacTable, NOT_FOUND } from "./MacTable.ts"

export interface SwitchOptions extends FabricOptions {
  /** ns after which an address not seen is forgotten. */
  readonly ageing: number
  /** Most addresses learned. */
  readonly addresses: number
}

/** IEEE 802.1D's ageing time of 300 s; 8,192 addresses as small data-centre switches hold. */
export const defaults: Pick<SwitchOptions, "ageing" | "addresses"> = { ageing: 300_000_000_000, addresses: 8192 }

const HEADER = 14

export class Switch extends Fabric {
  readonly table: MacTable
  /** Frames sent out of all ports but one, and those filtered because their station is where they came from. */
  flooded: number
  filtered: number

  constructor(island: Island, name: string, options: Partial<SwitchOptions> = {}) {
    super(island, name, options)
    this.table = new MacTable(options.ageing ?? defaults.ageing, options.addresses ?? defaults.addresses)
    this.flooded = 0
    this.filtered = 0
  }

  protected override frame(frame: number, port: number, now: number): void {
    const slab = this.slab
    if (slab.length[frame]! < HEADER) {
      this.end(frame, Reasons.FRAME_TOO_SHORT)
      return
    }
    const bytes = slab.bytes
    const at = slab.start[frame]!
    if ((bytes[at + 6]! & 1) === 0) {
      this.table.learn(MacAddress.high16(bytes, at + 6), MacAddress.low32(bytes, at + 6), port, now)
    }
    if ((bytes[at]! & 1) !== 0) {
      this.flood(frame, port, now)
      return
    }
    const target = this.table.find(MacAddress.high16(bytes, at), MacAddress.low32(bytes, at), now)
    if (target === NOT_FOUND) this.flood(frame, port, now)
    else if (target === port) {
      this.filtered++
      this.end(frame, Reasons.SAME_PORT)
    } else if (this.isUp(target)) this.out(frame, target, now)
    else this.end(frame, DropReason.LINK_DOWN)
  }

  protected override carrierChanged(port: number): void {
    if (!this.isUp(port)) this.table.forgetPort(port)
  }

  /** Out of every other port that is up: a copy each, the frame itself last. */
  private flood(frame: number, port: number, now: number): void {
    let last = -1
    for (let other = 0; other < this.ends.length; other++) {
      if (other === port || !this.isUp(other)) continue
      if (last >= 0) {
        this.island.ledger.created++
        this.out(this.slab.copy(frame), last, now)
      }
      last = other
    }
    if (last < 0) {
      this.end(frame, Reasons.NO_OUTPUT_PORT)
      return
    }
    this.flooded++
    this.out(frame, last, now)
  }
}
