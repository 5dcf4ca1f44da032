/**
 * The transmit side of the device layer: from a packet with its link-layer header to the driver.
 *
 *     dev_queue_xmit ─┬─ noqueue ───────────────────────────────┐
 *                     └─ __dev_xmit_skb ─┬─ empty: bypass ──────┤
 *                                        └─ enqueue, __qdisc_run├─ sch_direct_xmit → dev_hard_start_xmit → driver
 *     NET_TX: qdisc that ran out of quota, or whose driver had no room
 *
 * Linux: net/core/dev.c, net/sched/sch_generic.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import * as Bytes from "@darkfiber/wire/Bytes"
import { add, finish } from "@darkfiber/wire/Checksum"
import { finish32 } from "@darkfiber/sim/Random"
import * as Drops from "./Drops.ts"
import { ENETDOWN, ENOBUFS } from "./Errno.ts"
import {
  FEATURE_CHECKSUM,
  FEATURE_SG,
  FEATURE_TSO,
  NET_XMIT_DROP,
  NET_XMIT_SUCCESS,
  type NetDevice,
  NETDEV_TX_OK
} from "./NetDevice.ts"
import { DEV_HARD_START_XMIT, DEV_QUEUE_XMIT, SCH_DIRECT_XMIT } from "./Points.ts"
import type { Qdisc } from "./Qdisc.ts"
import * as Skb from "./Skb.ts"
import { STAMP_SCHED, stampSched } from "./SkbStamp.ts"
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type SkBuff, SkBuffList } from "./SkBuff.ts"
import * as Sysctl from "./Sysctl.ts"

const DEV_WEIGHT = Sysctl.define("net.core.dev_weight")
const RECURSION_LIMIT = 10
const IPV4 = 0x0800

/**
 * Sends a packet that has its link-layer header, out of `skb.dev`. Takes it over.
 *
 * @returns NET_XMIT_SUCCESS, NET_XMIT_CN or a negative errno. Linux: dev_queue_xmit
 */
export const devQueueXmit = (core: Core, skb: SkBuff): number => {
  const dev = skb.dev!
  core.visit(DEV_QUEUE_XMIT, dev.net.id, dev.index, skb.traceId, skb.length)
  if ((skb.stamp & STAMP_SCHED) !== 0) stampSched(core, skb)
  const queue = dev.stopped.length === 1 ? 0 : pickQueue(core, dev, skb)
  skb.queueMapping = queue
  const qdisc = dev.qdiscs[queue]
  if (qdisc !== undefined && qdisc.hasQueue) return devXmitSkb(core, skb, qdisc)
  return xmitDirect(core, skb, dev, queue)
}

/** A device without a queue. */
const xmitDirect = (core: Core, skb: SkBuff, dev: NetDevice, queue: number): number => {
  const host = skb.host
  if (!dev.isUp()) {
    dev.stats.txDropped++
    host.dropSkb(core, skb, Drops.DEV_READY)
    return -ENETDOWN
  }
  const softnet = host.softnet[core.index]!
  if (softnet.xmitRecursion > RECURSION_LIMIT) {
    dev.stats.txDropped++
    host.dropSkb(core, skb, Drops.RECURSION_LIMIT)
    return -ENETDOWN
  }
  softnet.xmitRecursion++
  const busy = hardStart(core, skb, dev, queue)
  softnet.xmitRecursion--
  if (busy === null) return NET_XMIT_SUCCESS
  host.dropList(core, busy, Drops.QDISC_DROP)
  return -ENETDOWN
}

/** The queue of the core (XPS), else of the flow: all packets of a flow use one. Linux: netdev_pick_tx */
const pickQueue = (core: Core, dev: NetDevice, skb: SkBuff): number => {
  if (dev.xps !== null) return dev.xps[core.index]!
  if (skb.hash === 0) skb.hash = flowHash(skb)
  return (skb.hash >>> 0) % dev.stopped.length
}

/** Hash of addresses, protocol and ports, never 0. Linux: skb_get_hash */
export const flowHash = (skb: SkBuff): number => {
  if (skb.protocol !== IPV4 || skb.networkHeader === 0) return 1
  const bytes = skb.host.world.slab.bytes
  const at = skb.networkHeader
  let hash = finish32(Bytes.i32(bytes, at + 12) ^ Math.imul(Bytes.i32(bytes, at + 16), 0x9e3779b1) ^ bytes[at + 9]!)
  const protocol = bytes[at + 9]!
  if ((Bytes.u16(bytes, at + 6) & 0x3fff) === 0 && (protocol === 6 || protocol === 17)) {
    hash = finish32(hash ^ Bytes.i32(bytes, at + ((bytes[at]! & 15) << 2)))
  }
  return hash === 0 ? 1 : hash
}

/** Linux: __dev_xmit_skb. */
const devXmitSkb = (core: Core, skb: SkBuff, qdisc: Qdisc): number => {
  core.lock(qdisc.lock)
  if (!qdisc.dev.isUp() || qdisc.dev.isClosed) {
    if (skb.host.profile.noopCountsDropped) qdisc.dev.stats.txDropped++
    skb.host.dropSkb(core, skb, Drops.QDISC_DROP)
    core.unlock(qdisc.lock)
    // noop_qdisc stands in, and its NET_XMIT_CN is no error to a sender (Linux: noop_enqueue, net_xmit_errno).
    return NET_XMIT_SUCCESS
  }
  if (qdisc.canBypass && qdisc.length === 0 && !qdisc.running) {
    qdisc.running = true
    qdisc.sent(skb)
    if (schDirectXmit(core, skb, qdisc)) runLocked(core, qdisc)
    qdisc.running = false
    core.unlock(qdisc.lock)
    return NET_XMIT_SUCCESS
  }
  const verdict = qdisc.enqueue(core, skb)
  if (!qdisc.running) {
    qdisc.running = true
    runLocked(core, qdisc)
    qdisc.running = false
  }
  core.unlock(qdisc.lock)
  return verdict === NET_XMIT_DROP ? -ENOBUFS : verdict
}

/** Sends what a qdisc holds, up to the quota. Linux: qdisc_run */
export const qdiscRun = (core: Core, qdisc: Qdisc): void => {
  if (qdisc.running) return
  core.lock(qdisc.lock)
  qdisc.running = true
  runLocked(core, qdisc)
  qdisc.running = false
  core.unlock(qdisc.lock)
}

/** Linux: __qdisc_run. */
const runLocked = (core: Core, qdisc: Qdisc): void => {
  const host = qdisc.dev.net.host
  let quota = host.sysctl.numbers[DEV_WEIGHT]!
  while (qdiscRestart(core, qdisc)) {
    if (--quota <= 0 || core.needResched) {
      host.softnet[core.index]!.scheduleOutput(core, qdisc)
      return
    }
  }
}

/** One packet. @returns true when there is more and room for it. Linux: qdisc_restart, dequeue_skb */
const qdiscRestart = (core: Core, qdisc: Qdisc): boolean => {
  if (hasNoRoom(qdisc)) return false
  let skb = qdisc.requeued.shift()
  if (skb !== null) {
    qdisc.length--
    qdisc.backlogBytes -= skb.length
  } else skb = qdisc.dequeue(core)
  if (skb === null) return false
  return schDirectXmit(core, skb, qdisc)
}

/** The driver takes nothing more: of its queue, or of what was requeued when it feeds several (Linux: dequeue_skb). */
const hasNoRoom = (qdisc: Qdisc): boolean => {
  const { stopped } = qdisc.dev
  if (qdisc.queue >= 0) return stopped[qdisc.queue]!
  const waiting = qdisc.requeued.head
  return waiting !== null && stopped[waiting.queueMapping]!
}

/** @returns true when the qdisc has more and the driver takes it. Linux: sch_direct_xmit */
const schDirectXmit = (core: Core, skb: SkBuff, qdisc: Qdisc): boolean => {
  const dev = qdisc.dev
  core.visit(SCH_DIRECT_XMIT, dev.net.id, dev.index, skb.traceId, qdisc.length)
  const queue = skb.queueMapping
  const left = dev.stopped[queue] === true ? oneOf(skb) : hardStart(core, skb, dev, queue)
  if (left !== null) {
    requeue(core, qdisc, left)
    return false
  }
  return qdisc.length > 0 && dev.stopped[queue] !== true
}

const oneOf = (skb: SkBuff): SkBuffList => {
  const list = new SkBuffList()
  list.push(skb)
  return list
}

/** Linux: dev_requeue_skb. */
const requeue = (core: Core, qdisc: Qdisc, list: SkBuffList): void => {
  for (let skb = list.head; skb !== null; skb = skb.next) {
    qdisc.length++
    qdisc.backlogBytes += skb.length
  }
  qdisc.requeues++
  list.takeAll(qdisc.requeued)
  qdisc.requeued.takeAll(list)
  qdisc.dev.net.host.softnet[core.index]!.scheduleOutput(core, qdisc)
}

/**
 * Makes the packet fit the device and hands it to the driver, with the taps before. A super-segment for a device without
 * TSO is cut here.
 *
 * @returns null, or what the driver had no room for. Linux: dev_hard_start_xmit, validate_xmit_skb
 */
const hardStart = (core: Core, skb: SkBuff, dev: NetDevice, queue: number): SkBuffList | null => {
  if (skb.gsoSize > 0 && ((dev.features & FEATURE_TSO) === 0 || skb.fragList !== null)) {
    return segmentAndSend(core, skb, dev, queue)
  }
  const ready = validate(core, skb, dev)
  if (ready === null) return null
  return handOver(core, ready, dev, queue) ? null : oneOf(ready)
}

const segmentAndSend = (core: Core, skb: SkBuff, dev: NetDevice, queue: number): SkBuffList | null => {
  const host = skb.host
  const segments = new SkBuffList()
  const protocol = host.world.slab.bytes[skb.networkHeader + 9]!
  const offload = skb.protocol === IPV4 ? host.offloads[protocol] : undefined
  const status = offload === undefined ? -93 : offload.segment(core, skb, segments)
  if (status !== 0) {
    host.dropList(core, segments, Drops.SKB_GSO_SEG)
    host.dropSkb(core, skb, Drops.SKB_GSO_SEG)
    return null
  }
  host.consumeSkb(core, skb)
  for (let segment = segments.shift(); segment !== null; segment = segments.shift()) {
    const ready = validate(core, segment, dev)
    if (ready === null) continue
    if (dev.stopped[queue] === true || !handOver(core, ready, dev, queue)) {
      segments.unshift(ready)
      return segments
    }
  }
  return null
}

/** Linearises and fills checksums as the device needs it; null when that failed and the packet is gone. */
const validate = (core: Core, skb: SkBuff, dev: NetDevice): SkBuff | null => {
  const scattered = skb.fragCount > 0 || skb.fragList !== null
  let ready = skb
  if (skb.fragList !== null || (scattered && (dev.features & FEATURE_SG) === 0)) {
    const linear = Skb.copyLinear(core, skb)
    if (linear === null) {
      skb.host.dropSkb(core, skb, Drops.NOMEM)
      return null
    }
    Skb.takeOver(core, skb, linear)
    ready = linear
  }
  if (ready.ipSummed === CHECKSUM_PARTIAL && (dev.features & FEATURE_CHECKSUM) === 0) checksumHelp(core, ready)
  return ready
}

/** Finishes a partial checksum in software. Linux: skb_checksum_help */
export const checksumHelp = (core: Core, skb: SkBuff): void => {
  core.charge(skb.host.costTable.checksum(skb.data + skb.length - skb.checksumStart))
  const offset = skb.checksumStart - skb.data
  const at = skb.checksumStart + skb.checksumOffset
  const value = finish(add(Skb.checksum(skb, offset, skb.length - offset, 0), 0))
  Bytes.setU16(skb.host.world.slab.bytes, at, value === 0 ? 0xffff : value)
  skb.ipSummed = CHECKSUM_NONE
}

const handOver = (core: Core, skb: SkBuff, dev: NetDevice, queue: number): boolean => {
  core.visit(DEV_HARD_START_XMIT, dev.net.id, dev.index, skb.traceId, skb.length)
  const taps = dev.taps
  for (let i = 0; i < taps.length; i++) taps[i]!.frame(dev, skb, true, core.time)
  return dev.ops.transmit(core, skb, dev, queue) === NETDEV_TX_OK
}

/** The driver has no room: nothing more is dequeued for this queue. Linux: netif_tx_stop_queue */
export const stopQueue = (dev: NetDevice, queue: number): void => {
  dev.stopped[queue] = true
}

/** The driver has room again: the qdisc goes on in NET_TX. Linux: netif_tx_wake_queue */
export const wakeQueue = (core: Core, dev: NetDevice, queue: number): void => {
  if (dev.stopped[queue] !== true) return
  dev.stopped[queue] = false
  const qdisc = dev.qdiscs[queue]
  if (qdisc !== undefined && qdisc.hasQueue) dev.net.host.softnet[core.index]!.scheduleOutput(core, qdisc)
}
