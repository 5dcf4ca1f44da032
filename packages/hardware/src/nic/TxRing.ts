/**
 * One transmit ring. A packet takes as many descriptors as it has parts; R-1 of R can be in use.
 *
 *     | done | done | started | posted | posted |  <- the driver posts here
 *       ^head         ^started                  ^tail
 *
 * `head` is the oldest packet whose completion the driver has not taken, `started` the first one not yet on the wire.
 * Positions count up and are reduced to slots by a mask.
 */
import { TxPacket } from "./Descriptors.ts"

const INITIAL = 8

export class TxRing {
  /** Descriptors, R. */
  size: number
  /** Descriptors the driver may still use. */
  free: number
  packets: number
  bytes: number
  /** Times the driver has woken the queue after it had been stopped. */
  restarts: number
  private slots: Array<TxPacket | null>
  private mask: number
  private head: number
  private started: number
  private tail: number
  /** First packet whose completion has not been a cause of an interrupt yet. */
  private reported: number
  /** Packets that may be used again, linked by `next`. */
  private pool: TxPacket | null

  constructor(size: number) {
    this.size = size
    this.free = size - 1
    this.packets = 0
    this.bytes = 0
    this.restarts = 0
    this.slots = Array.from({ length: INITIAL }, () => null)
    this.mask = INITIAL - 1
    this.head = 0
    this.started = 0
    this.tail = 0
    this.reported = 0
    this.pool = null
  }

  /** Precondition: nothing is in it. */
  resize(size: number): void {
    if (this.free !== this.size - 1) throw new Error("a transmit ring was resized with packets in it")
    this.size = size
    this.free = size - 1
  }

  acquire(): TxPacket {
    const packet = this.pool
    if (packet === null) return new TxPacket()
    this.pool = packet.next
    packet.next = null
    return packet
  }

  /** Gives back a packet and its descriptors. */
  release(packet: TxPacket): void {
    this.free += packet.descriptors
    packet.cookie = null
    packet.giveAway = false
    packet.next = this.pool
    this.pool = packet
  }

  /** Appends a packet. The driver has looked at `free` before: too many descriptors are its defect. */
  post(packet: TxPacket, at: number): void {
    if (packet.descriptors > this.free)
      throw new Error(`a packet of ${packet.descriptors} descriptors, ${this.free} free`)
    if (this.tail - this.head > this.mask) this.grow()
    packet.postedAt = at
    packet.doneAt = Infinity
    this.free -= packet.descriptors
    this.slots[this.tail & this.mask] = packet
    this.tail++
  }

  /** Packets posted and not yet started. */
  get waiting(): number {
    return this.tail - this.started
  }

  /** The next packet to start. Precondition: one is waiting. */
  peek(): TxPacket {
    return this.slots[this.started & this.mask]!
  }

  /** The packet that `peek` shows is on the wire until `doneAt`. */
  start(doneAt: number): void {
    this.peek().doneAt = doneAt
    this.started++
  }

  /** True when a completion waits to be taken at `at`. */
  hasDone(at: number): boolean {
    return this.head !== this.started && this.slots[this.head & this.mask]!.doneAt <= at
  }

  /** When the oldest packet not yet taken will be done; `Infinity` when none is on the wire. */
  nextDone(): number {
    return this.head === this.started ? Infinity : this.slots[this.head & this.mask]!.doneAt
  }

  /** Completions by `now` that no interrupt has been asked for. */
  unreported(now: number): number {
    let count = 0
    while (this.reported < this.started && this.slots[this.reported & this.mask]!.doneAt <= now) {
      this.reported++
      count++
    }
    return count
  }

  /** The oldest packet whose last bit has left by `at`, or null. */
  takeDone(at: number): TxPacket | null {
    if (!this.hasDone(at)) return null
    const slot = this.head & this.mask
    const packet = this.slots[slot]!
    this.slots[slot] = null
    this.head++
    if (this.reported < this.head) this.reported = this.head
    return packet
  }

  /** Visits the packets posted and not yet started. */
  forEachWaiting(visit: (packet: TxPacket) => void): void {
    for (let i = this.started; i < this.tail; i++) visit(this.slots[i & this.mask]!)
  }

  private grow(): void {
    const capacity = (this.mask + 1) * 2
    const slots: Array<TxPacket | null> = Array.from({ length: capacity }, () => null)
    for (let i = this.head; i < this.tail; i++) slots[i & (capacity - 1)] = this.slots[i & this.mask]!
    this.slots = slots
    this.mask = capacity - 1
  }
}
