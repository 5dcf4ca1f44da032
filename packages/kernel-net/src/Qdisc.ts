/**
 * struct Qdisc: what stands between `dev_queue_xmit` and the driver. Each TX queue has one of its own, or all of a device share
 * one that was set as its root. Classless here: `Noqueue`, `PfifoFast`, `Pfifo`, `qdisc/Fq`; another discipline extends `Qdisc`
 * and gets a name in `qdisc/Kinds`.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import { LockClock } from "@darkfiber/hardware/cpu/LockClock"
import * as Tcp from "@darkfiber/wire/Tcp"
import { type NetDevice } from "./NetDevice.ts"
import { type SkBuff, SkBuffList } from "./SkBuff.ts"

export abstract class Qdisc {
  /** `pfifo_fast`, `noqueue`: what `tc qdisc` prints. */
  readonly kind: string
  readonly dev: NetDevice
  /** The TX queue it feeds; -1 for all of them, each packet its own. */
  queue: number
  /** Number before the colon of its handle; 0 for one the kernel attached. */
  handle: number
  /** False for noqueue: packets go straight to the driver (Linux: q->enqueue is NULL). */
  readonly hasQueue: boolean
  /** An empty one may be passed by (Linux: TCQ_F_CAN_BYPASS). */
  canBypass: boolean
  /** A core is in `__qdisc_run` for it. */
  running: boolean
  /** On some core's output queue, waiting for NET_TX. */
  scheduled: boolean
  nextOutput: Qdisc | null
  /** Taken out of the queue but refused by the driver: goes first (Linux: gso_skb). */
  readonly requeued: SkBuffList
  readonly lock: LockClock
  /** Packets queued, the requeued ones included. */
  length: number
  backlogBytes: number
  sentBytes: number
  sentPackets: number
  dropped: number
  overlimits: number
  requeues: number
  /** Packets that were put into the queue instead of passing by. */
  enqueued: number

  constructor(kind: string, dev: NetDevice, queue: number, hasQueue: boolean, canBypass: boolean) {
    this.kind = kind
    this.dev = dev
    this.queue = queue
    this.handle = 0
    this.hasQueue = hasQueue
    this.canBypass = canBypass
    this.running = false
    this.scheduled = false
    this.nextOutput = null
    this.requeued = new SkBuffList()
    this.lock = new LockClock()
    this.length = 0
    this.backlogBytes = 0
    this.sentBytes = 0
    this.sentPackets = 0
    this.dropped = 0
    this.overlimits = 0
    this.requeues = 0
    this.enqueued = 0
  }

  /** Takes the buffer over; drops it itself when full. @returns NET_XMIT_SUCCESS or NET_XMIT_DROP */
  abstract enqueue(core: Core, skb: SkBuff): number

  /** The next packet to send, without regard to `requeued`. */
  abstract dequeue(core: Core): SkBuff | null

  /** Visits what `dequeue` could return, in any order. */
  abstract forEach(visit: (skb: SkBuff) => void): void

  /** Drops what `dequeue` could return, and forgets what it knew of it. `core` frees it, null outside a core. */
  abstract drain(core: Core | null, reason: number): void

  /** Empties it; the counters stay. Linux: qdisc_reset */
  reset(core: Core | null, reason: number): void {
    this.dev.net.host.dropList(core, this.requeued, reason)
    this.drain(core, reason)
    this.length = 0
    this.backlogBytes = 0
  }

  /** Counts a packet that leaves for the driver. */
  sent(skb: SkBuff): void {
    this.sentBytes += packetLength(skb)
    this.sentPackets += skb.gsoSegments > 1 ? skb.gsoSegments : 1
  }
}

/** Bytes on the wire: each segment of a super-segment has headers of its own. Linux: qdisc_pkt_len_init */
export const packetLength = (skb: SkBuff): number => {
  if (skb.gsoSegments <= 1) return skb.length
  const transport = skb.transportHeader
  const headers = transport - skb.data + Tcp.headerLength(skb.host.world.slab.bytes, transport)
  return skb.length + (skb.gsoSegments - 1) * headers
}
