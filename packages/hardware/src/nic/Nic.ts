/**
 * A network card: receive and transmit rings, RSS, interrupt moderation, TSO and checksum offload, one port.
 *
 *     wire -> filter -> RSS -> RX ring q -> vector q -> core          driver: rxReady, rxTake, rxRefill
 *     driver: txAcquire, txPost -> TX ring q -> engine -> wire        driver: txDone, txRelease
 *
 * A vector serves the receive and the transmit ring of its number. It fires when a frame or a completion has come, and is
 * masked from then on until the driver's poll is done (`unmask`).
 */
import { Actor, KIND_FRAME } from "@darkfiber/sim/Actor"
import { CHECKSUM_PARTIAL, CHECKSUM_VERIFIED } from "@darkfiber/sim/FrameSlab"
import type { Island } from "@darkfiber/sim/Island"
import * as MacAddress from "@darkfiber/wire/MacAddress"
import type { Core } from "../cpu/Core.ts"
import { KIND_PORT_OWN, type LinkEnd } from "../link/LinkEnd.ts"
import * as Reasons from "../Reasons.ts"
import type { TxPacket } from "./Descriptors.ts"
import { NicCounters, rows } from "./NicCounters.ts"
import { defaults, faults, modeOf, type NicOptions } from "./NicOptions.ts"
import { Rss } from "./Rss.ts"
import * as RxChecksum from "./RxChecksum.ts"
import { RxRing } from "./RxRing.ts"
import { TxEngine, type TxHost } from "./TxEngine.ts"
import { Vector } from "./Vector.ts"

/** The transmit engine looks at its rings. */
const KIND_ENGINE = KIND_PORT_OWN
/** A vector's moderation timer: `a` is the vector. */
const KIND_TIMER = KIND_PORT_OWN + 1

const FCS = 4
const MIN_FRAME = 60
const MAILBOX = 4096

/** Told when light comes or goes: the driver's watchdog task. */
export interface CarrierListener {
  carrierChanged(nic: Nic, up: boolean, now: number): void
}

export class Nic extends Actor implements TxHost {
  options: NicOptions
  readonly counters: NicCounters
  /** The end of the cable in its port; null before `connect`. */
  link: LinkEnd | null
  /** Takes every frame, whoever it is for. */
  promiscuous: boolean
  /** False while closed: takes nothing in, and its port is dark. */
  isOpen: boolean
  onCarrier: CarrierListener | null
  rss: Rss
  private rx: Array<RxRing>
  private readonly engine: TxEngine
  private readonly vectors: Array<Vector>
  /** Vectors in use; those of rings that were taken away stay. */
  private vectorsUsed: number
  private macValue: number
  private macHigh: number
  private macLow: number
  private readonly verifies: boolean

  constructor(island: Island, name: string, options: Partial<NicOptions> = {}) {
    super(island, name, MAILBOX)
    const full: NicOptions = { ...defaults, ...options }
    const wrong = faults(full)
    if (wrong.length > 0) throw new Error(`${name}: ${wrong.join("; ")}`)
    this.options = full
    this.counters = new NicCounters()
    this.link = null
    this.promiscuous = false
    this.isOpen = true
    this.onCarrier = null
    this.rss = new Rss(full.rssKey, full.rxQueues, full.rssUdpPorts)
    this.rx = Array.from({ length: full.rxQueues }, () => new RxRing(full.rxRing))
    this.engine = new TxEngine(this, full)
    const mode = modeOf(full.moderation)
    const count = Math.max(full.rxQueues, full.txQueues)
    this.vectors = Array.from({ length: count }, () => new Vector(mode, full.rxUsecs * 1000, full.rxFrames))
    this.vectorsUsed = count
    this.macValue = full.mac
    this.macHigh = 0
    this.macLow = 0
    this.verifies = full.checksumOffload
    this.mac = full.mac
  }

  /** The station address, 48-bit: what the filter lets through. */
  get mac(): number {
    return this.macValue
  }

  set mac(address: number) {
    this.macValue = address
    this.macHigh = Math.floor(address / 0x1_0000_0000)
    this.macLow = address | 0
  }

  /** Plugs the cable in; the port lights up if the NIC is open. */
  connect(link: LinkEnd): void {
    link.attach(this, 0)
    this.link = link
    if (this.isOpen) link.switchOn(this.island.now)
    else link.switchOff(this.island.now)
  }

  /** True while light arrives at the port. */
  get carrier(): boolean {
    return this.link !== null && this.link.carrier
  }

  // ---- vectors ----

  get vectorCount(): number {
    return this.vectorsUsed
  }

  /** Routes vector `q` to a line of a core (request_irq, or a new smp_affinity). */
  setVector(q: number, core: Core | null, line: number): void {
    const vector = this.vectors[q]!
    vector.core = core
    vector.line = line
  }

  mask(q: number): void {
    this.vectors[q]!.masked = true
  }

  /** The poll is done: lets the vector fire again, at once if a frame or a completion waits at `at` (igb_ring_irq_enable). */
  unmask(q: number, at: number): void {
    const vector = this.vectors[q]!
    vector.masked = false
    vector.adapt()
    const rx = this.rx[q]
    if (rx !== undefined && rx.count > 0) {
      const arrival = rx.oldestAt()
      this.cause(q, rx.count, arrival > at ? arrival : at)
    }
    if (!vector.masked) this.engine.unmasked(q, at)
  }

  isMasked(q: number): boolean {
    return this.vectors[q]!.masked
  }

  /** Interrupts that vector `q` has raised. */
  interrupts(q: number): number {
    return this.vectors[q]!.fired
  }

  /** ethtool -C on every vector. */
  setModeration(moderation: NicOptions["moderation"], rxUsecs: number, rxFrames: number): void {
    for (const vector of this.vectors) vector.configure(modeOf(moderation), rxUsecs * 1000, rxFrames)
  }

  // ---- receive, driver's side ----

  /** Frames of ring `q` whose DMA is done by `at`. */
  rxReady(q: number, at: number): number {
    return this.rx[q]!.ready(at)
  }

  /** Takes the oldest frame of ring `q`, which then belongs to the driver. Precondition: `rxReady` said one is there. */
  rxTake(q: number): number {
    return this.rx[q]!.take()
  }

  /** Arrival time of the frame taken last from ring `q`. */
  rxTakenAt(q: number): number {
    return this.rx[q]!.takenAt
  }

  /** RSS hash of the frame taken last, int32; 0 with one queue, where nothing is hashed. */
  rxTakenHash(q: number): number {
    return this.rx[q]!.takenHash
  }

  /** Gives ring `q` `n` more empty buffers; R-1 are the most it holds. */
  rxRefill(q: number, n: number): void {
    this.rx[q]!.refill(n)
  }

  // ---- transmit, driver's side ----

  /** Free descriptors of ring `q`. */
  txFree(q: number): number {
    return this.engine.rings[q]!.free
  }

  /** A pooled packet to fill in and post. */
  txAcquire(q: number): TxPacket {
    return this.engine.rings[q]!.acquire()
  }

  /** Rings the doorbell of ring `q` at core time `at`. The packet is the NIC's until `txDone` returns it. */
  txPost(q: number, packet: TxPacket, at: number): void {
    this.engine.post(q, packet, at)
  }

  /** The oldest packet of ring `q` whose last bit has left by `at`, or null. */
  txDone(q: number, at: number): TxPacket | null {
    return this.engine.rings[q]!.takeDone(at)
  }

  /** Gives a packet that `txDone` returned back to the pool, and its descriptors to the ring. */
  txRelease(q: number, packet: TxPacket): void {
    this.engine.rings[q]!.release(packet)
  }

  /** The driver has woken a stopped queue: counted as tx_queue_N_restart. */
  txRestarted(q: number): void {
    this.engine.rings[q]!.restarts++
  }

  // ---- life ----

  /** Takes frames in and lights the port (ndo_open). A new NIC is open. */
  open(at: number): void {
    this.isOpen = true
    if (this.link !== null) this.link.switchOn(at)
  }

  /** Takes nothing in any more and goes dark (ndo_stop). What is in the rings is the driver's to clear with `clear`. */
  close(at: number): void {
    this.isOpen = false
    if (this.link !== null) this.link.switchOff(at)
  }

  /**
   * Empties the rings: received frames and packets not yet started are dropped with `reason`; every packet comes out of
   * `txDone` from `at` on. Receive descriptors are taken back.
   */
  clear(reason: number, at: number): void {
    const slab = this.island.world.slab
    for (const ring of this.rx) {
      while (ring.count > 0) {
        const frame = ring.take()
        this.island.dropFrame(reason, 1)
        slab.free(frame)
      }
      ring.free = 0
    }
    this.engine.clear(reason, at)
  }

  /** Rings of another size, in descriptors. Precondition: `clear` has emptied them and every packet is released. */
  resizeRings(rxRing: number, txRing: number): void {
    this.accept({ ...this.options, rxRing, txRing })
    for (const ring of this.rx) ring.size = rxRing
    for (const ring of this.engine.rings) ring.resize(txRing)
  }

  /** Another number of queue pairs, with counters that begin anew. Precondition: closed, cleared, every packet released. */
  setQueues(count: number): void {
    if (this.isOpen) throw new Error(`${this.name}: its queues were changed while it was open`)
    this.accept({ ...this.options, rxQueues: count, txQueues: count })
    const { moderation, rssKey, rxFrames, rxRing, rxUsecs, txRing } = this.options
    this.rss = new Rss(rssKey, count, this.rss.udpPorts)
    this.rx = Array.from({ length: count }, () => new RxRing(rxRing))
    this.engine.replace(count, txRing)
    while (this.vectors.length < count) {
      this.vectors.push(new Vector(modeOf(moderation), rxUsecs * 1000, rxFrames))
    }
    this.vectorsUsed = count
  }

  private accept(options: NicOptions): void {
    const wrong = faults(options)
    if (wrong.length > 0) throw new Error(`${this.name}: ${wrong.join("; ")}`)
    this.options = options
  }

  /** Name and value of every counter, as `ethtool -S` prints them. */
  statistics(): ReadonlyArray<readonly [name: string, value: number]> {
    const link = this.link
    if (link !== null) this.counters.rxCrcErrors = link.counters.rxCrcErrors
    return rows(this.counters, this.rx, this.engine.rings)
  }

  // ---- actor ----

  override poll(mailbox: Actor["mailbox"], count: number, now: number): void {
    for (let i = 0; i < count; i++) {
      mailbox.shift()
      this.take(mailbox.kind, mailbox.a, mailbox.b, now)
    }
  }

  override takeAlone(kind: number, a: number, b: number, now: number): boolean {
    this.take(kind, a, b, now)
    return true
  }

  private take(kind: number, a: number, b: number, now: number): void {
    if (kind === KIND_FRAME) this.arrive(a, b, now)
    else if (kind === KIND_ENGINE) this.engine.run(now)
    else if (kind === KIND_TIMER) this.timer(a, now)
    else if (this.link!.control(kind, b, now) && this.onCarrier !== null) {
      this.onCarrier.carrierChanged(this, this.link!.carrier, now)
    }
  }

  /** Takes a frame for a queue whose vector would not fire anyhow, so that its core need not stop. */
  override absorb(kind: number, frame: number, b: number, time: number): boolean {
    if (kind !== KIND_FRAME || this.mailbox.size > 0) return false
    const hash = this.hashOf(frame)
    const vector = this.vectors[this.rss.queue(hash)]!
    if (!vector.masked && !vector.isHolding()) return false
    this.island.absorbed(this.slot, frame, time)
    this.arrive(frame, b, time)
    return true
  }

  override overflow(kind: number, a: number, _b: number, _now: number): void {
    if (kind !== KIND_FRAME) throw new Error(`${this.name}: its mailbox is full of ${MAILBOX} rows`)
    this.end(a, Reasons.PORT_FIFO)
  }

  override walkFrames(visit: (weight: number) => void): void {
    this.mailbox.forEach((kind) => {
      if (kind === KIND_FRAME) visit(1)
    })
    for (const ring of this.rx) for (let i = 0; i < ring.count; i++) visit(1)
    for (const ring of this.engine.rings) ring.forEachWaiting((packet) => visit(packet.segments))
  }

  override walkHandles(visit: (handle: number) => void): void {
    super.walkHandles(visit)
    for (const ring of this.rx) ring.forEach(visit)
    for (const ring of this.engine.rings) {
      ring.forEachWaiting((packet) => {
        if (packet.giveAway && packet.fragCount === 0) visit(packet.frame)
      })
    }
  }

  override abandon(reason: number): void {
    const now = this.island.now
    while (this.mailbox.size > 0) {
      this.mailbox.shift()
      if (this.mailbox.kind === KIND_FRAME) this.end(this.mailbox.a, reason)
    }
    this.clear(reason, now)
    this.close(now)
  }

  // ---- receive, hardware's side ----

  private hashOf(frame: number): number {
    if (this.rx.length === 1) return 0
    const slab = this.island.world.slab
    const at = slab.start[frame]!
    return this.rss.hash(slab.bytes, at, at + slab.length[frame]!)
  }

  private arrive(frame: number, b: number, now: number): void {
    if (!this.isOpen) {
      this.end(frame, Reasons.NIC_CLOSED)
      return
    }
    if (!this.link!.receive(frame, b) || !this.isForUs(frame)) return
    const slab = this.island.world.slab
    const length = slab.length[frame]!
    const hash = this.hashOf(frame)
    const q = this.rss.queue(hash)
    const ring = this.rx[q]!
    if (!ring.put(frame, now, hash)) {
      ring.drops++
      this.counters.rxNoDescriptor++
      this.end(frame, Reasons.RX_MISSED)
      return
    }
    ring.packets++
    ring.bytes += length
    this.counters.rxPackets++
    this.counters.rxBytes += (length < MIN_FRAME ? MIN_FRAME : length) + FCS
    if (this.verifies && (slab.flags[frame]! & (CHECKSUM_PARTIAL | CHECKSUM_VERIFIED)) === 0) this.verify(frame)
    this.vectors[q]!.saw(length)
    this.cause(q, 1, now)
  }

  /** False when the filter has dropped it. */
  private isForUs(frame: number): boolean {
    const slab = this.island.world.slab
    const at = slab.start[frame]!
    const bytes = slab.bytes
    if (slab.length[frame]! < 14) {
      this.end(frame, Reasons.FRAME_TOO_SHORT)
      return false
    }
    if (MacAddress.isMulticastAt(bytes, at)) {
      if (MacAddress.isBroadcastAt(bytes, at)) this.counters.rxBroadcast++
      else this.counters.rxMulticast++
      return true
    }
    if (this.promiscuous) return true
    if (MacAddress.low32(bytes, at) === this.macLow && MacAddress.high16(bytes, at) === this.macHigh) return true
    this.counters.rxFiltered++
    this.end(frame, Reasons.NIC_FILTER)
    return false
  }

  private verify(frame: number): void {
    const slab = this.island.world.slab
    const at = slab.start[frame]!
    const verdict = RxChecksum.verify(slab.bytes, at, at + slab.length[frame]!)
    if (verdict === RxChecksum.GOOD) slab.flags[frame] = slab.flags[frame]! | CHECKSUM_VERIFIED
    else if (verdict === RxChecksum.BAD) this.counters.rxChecksumErrors++
  }

  private end(frame: number, reason: number): void {
    this.island.dropFrame(reason, 1)
    this.island.world.slab.free(frame)
  }

  /** `count` causes of vector `q` at `at`. For its engine. */
  cause(q: number, count: number, at: number): void {
    const vector = this.vectors[q]!
    if (vector.masked) return
    const due = vector.cause(count, at)
    if (due <= at) vector.fire(at)
    else if (due < vector.timerAt) {
      vector.timerAt = due
      this.schedule(due, this.slot, KIND_TIMER, q, 0)
    }
  }

  /** Runs the engine at `at`. For its engine. */
  engineAt(at: number): void {
    this.schedule(at, this.slot, KIND_ENGINE, 0, 0)
  }

  private timer(q: number, now: number): void {
    const vector = this.vectors[q]!
    if (vector.timerAt !== now) return
    vector.timerAt = Infinity
    if (!vector.masked && vector.waiting > 0) vector.fire(now)
  }
}
