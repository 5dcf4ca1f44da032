/**
 * The forwarding table of a switch: address to port and time last seen, open addressing over typed arrays. Entries age
 * out when they are looked at; a full table is swept once before new addresses are left unlearned.
 */
import { finish32 } from "@darkfiber/sim/Random"

const INITIAL = 16
const EMPTY = -1
export const NOT_FOUND = -1

export class MacTable {
  /** Addresses held, aged ones that nobody has looked at included. */
  count: number
  /** Addresses not learned because the table was full. */
  refused: number
  private readonly ageing: number
  private readonly limit: number
  private lows: Int32Array
  private highs: Int32Array
  private ports: Int32Array
  private seen: Float64Array
  private mask: number

  /**
   * @param ageing ns after which an address not seen is forgotten
   * @param limit most addresses
   */
  constructor(ageing: number, limit: number) {
    this.count = 0
    this.refused = 0
    this.ageing = ageing
    this.limit = limit
    this.lows = new Int32Array(INITIAL)
    this.highs = new Int32Array(INITIAL)
    this.ports = new Int32Array(INITIAL).fill(EMPTY)
    this.seen = new Float64Array(INITIAL)
    this.mask = INITIAL - 1
  }

  /** The port behind which an address was seen within the ageing time, or NOT_FOUND. */
  find(high: number, low: number, now: number): number {
    const slot = this.locate(high, low)
    const port = this.ports[slot]!
    return port === EMPTY || now - this.seen[slot]! > this.ageing ? NOT_FOUND : port
  }

  /** An address was seen behind `port`. */
  learn(high: number, low: number, port: number, now: number): void {
    let slot = this.locate(high, low)
    if (this.ports[slot] === EMPTY) {
      if (this.count >= this.limit) {
        this.rebuild(this.mask + 1, (at) => now - this.seen[at]! <= this.ageing)
        if (this.count >= this.limit) {
          this.refused++
          return
        }
        slot = this.locate(high, low)
      }
      this.lows[slot] = low
      this.highs[slot] = high
      this.count++
      this.ports[slot] = port
      this.seen[slot] = now
      if (this.count * 2 > this.mask) this.rebuild((this.mask + 1) * 2, () => true)
      return
    }
    this.ports[slot] = port
    this.seen[slot] = now
  }

  /** Forgets the addresses behind a port: it has lost its carrier. */
  forgetPort(port: number): void {
    this.rebuild(this.mask + 1, (at) => this.ports[at] !== port)
  }

  /** Visits the addresses seen within the ageing time, in the table's order. */
  forEach(now: number, visit: (address: number, port: number, age: number) => void): void {
    for (let at = 0; at <= this.mask; at++) {
      if (this.ports[at] === EMPTY || now - this.seen[at]! > this.ageing) continue
      visit(this.highs[at]! * 0x1_0000_0000 + (this.lows[at]! >>> 0), this.ports[at]!, now - this.seen[at]!)
    }
  }

  /** The slot of an address, or the empty one where it belongs. */
  private locate(high: number, low: number): number {
    const mask = this.mask
    let slot = finish32(low ^ Math.imul(high, 0x9e3779b1)) & mask
    while (this.ports[slot] !== EMPTY && (this.lows[slot] !== low || this.highs[slot] !== high))
      slot = (slot + 1) & mask
    return slot
  }

  private rebuild(capacity: number, isKept: (at: number) => boolean): void {
    const { lows, highs, ports, seen } = this
    const kept: Array<number> = []
    for (let at = 0; at < ports.length; at++) if (ports[at] !== EMPTY && isKept(at)) kept.push(at)
    this.lows = new Int32Array(capacity)
    this.highs = new Int32Array(capacity)
    this.ports = new Int32Array(capacity).fill(EMPTY)
    this.seen = new Float64Array(capacity)
    this.mask = capacity - 1
    this.count = kept.length
    for (const at of kept) {
      const slot = this.locate(highs[at]!, lows[at]!)
      this.lows[slot] = lows[at]!
      this.highs[slot] = highs[at]!
      this.ports[slot] = ports[at]!
      this.seen[slot] = seen[at]!
    }
  }
}
