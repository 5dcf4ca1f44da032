/**
 * Reassembly of IPv4 datagrams: one queue a (source, destination, identification, protocol, user), pieces in the order
 * of their offset, 30 seconds, 4 MiB a namespace.
 *
 * Linux: net/ipv4/ip_fragment.c, net/ipv4/inet_fragment.c.
 */
import type { Core } from "@darkfiber/hardware/cpu/Core"
import type { Schedulable } from "@darkfiber/sim/Actor"
import { finish32 } from "@darkfiber/sim/Random"
import * as Ipv4 from "@darkfiber/wire/Ipv4"
import { SmallMap } from "@darkfiber/sim/SmallMap"
import * as Drops from "./Drops.ts"
import { icmpSend } from "./Icmp.ts"
import type { Netns } from "./Netns.ts"
import * as Skb from "./Skb.ts"
import { CHECKSUM_NONE, type SkBuff } from "./SkBuff.ts"
import { trim } from "./SkbTrim.ts"
import * as Snmp from "./Snmp.ts"
import * as Sysctl from "./Sysctl.ts"
import { KernelTimer, type TimerOwner } from "./Timers.ts"

const FRAG_TIME = Sysctl.define("net.ipv4.ipfrag_time")
const HIGH_THRESH = Sysctl.define("net.ipv4.ipfrag_high_thresh")
const LOW_THRESH = Sysctl.define("net.ipv4.ipfrag_low_thresh")
const TIME_EXCEEDED = 11
const REASSEMBLY = 1
const DATAGRAM_MAX = 65535

/** A datagram in the making (Linux: struct ipq). */
class FragmentQueue implements TimerOwner {
  readonly table: FragmentTable
  readonly key: number
  readonly source: number
  readonly destination: number
  readonly ident: number
  readonly protocol: number
  readonly user: number
  readonly timer: KernelTimer
  /** Pieces and the offset of their first and the end of their last payload byte, ascending. */
  readonly parts: Array<SkBuff>
  readonly starts: Array<number>
  readonly ends: Array<number>
  /** Length of the datagram's payload, -1 until the last piece is here. */
  total: number
  received: number
  next: FragmentQueue | null

  constructor(table: FragmentTable, key: number, skb: SkBuff, user: number) {
    const bytes = skb.host.world.slab.bytes
    const at = skb.networkHeader
    this.table = table
    this.key = key
    this.source = Ipv4.source(bytes, at)
    this.destination = Ipv4.destination(bytes, at)
    this.ident = Ipv4.identification(bytes, at)
    this.protocol = bytes[at + 9]!
    this.user = user
    this.timer = new KernelTimer(this)
    this.parts = []
    this.starts = []
    this.ends = []
    this.total = -1
    this.received = 0
    this.next = null
  }

  lender(): Schedulable {
    return this.table.net.actor
  }

  expire(core: Core): void {
    this.table.timedOut(core, this)
  }
}

export class FragmentTable {
  readonly net: Netns
  /** Queues by hash of their key; equal hashes chained. */
  private readonly queues: SmallMap<number, FragmentQueue>
  /** Bytes of truesize in all queues. */
  memory: number
  count: number

  constructor(net: Netns) {
    this.net = net
    this.queues = new SmallMap()
    this.memory = 0
    this.count = 0
  }

  /**
   * Takes a fragment (`data` at its IP header) over.
   *
   * @param user who reassembles: 0 local delivery, netfilter its own number
   * @returns the whole datagram, `data` at its IP header, or null. Linux: ip_defrag
   */
  add(core: Core, skb: SkBuff, user: number): SkBuff | null {
    this.net.count(Snmp.IP_REASM_REQDS)
    const queue = this.find(core, skb, user)
    if (queue === null) {
      this.net.count(Snmp.IP_REASM_FAILS)
      skb.host.dropSkb(core, skb, Drops.FRAG_MEMORY)
      return null
    }
    if (!this.insert(core, queue, skb)) return null
    if (queue.total < 0 || queue.received < queue.total) return null
    return this.reassemble(core, queue)
  }

  private find(core: Core, skb: SkBuff, user: number): FragmentQueue | null {
    const bytes = skb.host.world.slab.bytes
    const at = skb.networkHeader
    const source = Ipv4.source(bytes, at)
    const destination = Ipv4.destination(bytes, at)
    const ident = Ipv4.identification(bytes, at)
    const protocol = bytes[at + 9]!
    const key = finish32(source ^ Math.imul(destination, 0x9e3779b1) ^ (ident << 8) ^ protocol ^ (user << 24))
    const chain = this.queues.get(key) ?? null
    for (let queue = chain; queue !== null; queue = queue.next) {
      const same = queue.source === source && queue.destination === destination && queue.user === user
      if (same && queue.ident === ident && queue.protocol === protocol) return queue
    }
    if (this.memory > this.net.sysctl.numbers[HIGH_THRESH]!) {
      if (!this.net.host.profile.fragmentsEvict) return null
      this.evict(core)
    }
    const queue = new FragmentQueue(this, key, skb, user)
    queue.next = chain
    this.queues.set(key, queue)
    this.count++
    this.net.host.timers.arm(queue.timer, core.time + this.net.sysctl.numbers[FRAG_TIME]! * 1e9, core.index)
    return queue
  }

  /** Oldest first, until little is left. Linux 3.10: inet_frag_evictor */
  private evict(core: Core): void {
    const low = this.net.sysctl.numbers[LOW_THRESH]!
    for (const chain of this.queues.values()) {
      for (let queue: FragmentQueue | null = chain; queue !== null && this.memory > low; queue = queue.next) {
        this.net.count(Snmp.IP_REASM_FAILS)
        this.discard(core, queue, Drops.FRAG_MEMORY)
      }
      if (this.memory <= low) return
    }
  }

  /** @returns false when the fragment, or its whole queue, is gone. Linux: ip_frag_queue */
  private insert(core: Core, queue: FragmentQueue, skb: SkBuff): boolean {
    const bytes = skb.host.world.slab.bytes
    const at = skb.networkHeader
    const headerLength = Ipv4.headerLength(bytes, at)
    const start = Ipv4.fragmentOffset(bytes, at)
    let length = skb.length - headerLength
    const more = Ipv4.moreFragments(bytes, at)
    if (more && (length & 7) !== 0) {
      length &= ~7
      trim(core, skb, headerLength + length)
    }
    const end = start + length
    const contradicts = more
      ? queue.total >= 0 && end > queue.total
      : end < highest(queue) || (queue.total >= 0 && end !== queue.total)
    if (length === 0 || end > DATAGRAM_MAX || contradicts) {
      this.net.count(Snmp.IP_REASM_FAILS)
      this.refuse(core, queue, skb, Drops.FRAG_TOO_FAR)
      return false
    }
    const at2 = this.place(core, queue, skb, start, end)
    if (at2 < 0) return false
    if (!more) queue.total = end
    queue.parts.splice(at2, 0, skb)
    queue.starts.splice(at2, 0, start)
    queue.ends.splice(at2, 0, end)
    queue.received += length
    this.memory += skb.truesize
    return true
  }

  /** Where a piece belongs; -1 when it, or the queue, had to go because of an overlap. */
  private place(core: Core, queue: FragmentQueue, skb: SkBuff, start: number, end: number): number {
    const { starts, ends } = queue
    let at = 0
    while (at < starts.length && starts[at]! < start) at++
    const overlapsBefore = at > 0 && ends[at - 1]! > start
    const overlapsAfter = at < starts.length && starts[at]! < end
    if (!overlapsBefore && !overlapsAfter) return at
    const covered = (at < starts.length && starts[at] === start && ends[at] === end) || (at > 0 && ends[at - 1]! >= end)
    if (covered) {
      skb.host.dropSkb(core, skb, Drops.DUP_FRAG)
      return -1
    }
    this.net.count(Snmp.IPEXT_REASM_OVERLAPS)
    this.net.count(Snmp.IP_REASM_FAILS)
    this.refuse(core, queue, skb, Drops.FRAG_OVERLAP)
    return -1
  }

  /** Drops a fragment and the datagram it would have spoiled. */
  private refuse(core: Core, queue: FragmentQueue, skb: SkBuff, reason: number): void {
    skb.host.dropSkb(core, skb, reason)
    this.discard(core, queue, reason)
  }

  private discard(core: Core | null, queue: FragmentQueue, reason: number): void {
    this.unlink(queue)
    for (const part of queue.parts) {
      this.memory -= part.truesize
      part.host.dropSkb(core, part, reason)
    }
    queue.parts.length = 0
  }

  private unlink(queue: FragmentQueue): void {
    this.net.host.timers.cancel(queue.timer)
    this.count--
    const chain = this.queues.get(queue.key)!
    if (chain === queue) {
      if (queue.next === null) this.queues.delete(queue.key)
      else this.queues.set(queue.key, queue.next)
      return
    }
    for (let at = chain; at.next !== null; at = at.next) {
      if (at.next !== queue) continue
      at.next = queue.next
      return
    }
  }

  /** Linux: ip_frag_reasm. */
  private reassemble(core: Core, queue: FragmentQueue): SkBuff {
    this.unlink(queue)
    const head = queue.parts[0]!
    const bytes = head.host.world.slab.bytes
    const headerLength = Ipv4.headerLength(bytes, head.networkHeader)
    for (let i = 0; i < queue.parts.length; i++) {
      const part = queue.parts[i]!
      this.memory -= part.truesize
      if (i === 0) continue
      part.pull(Ipv4.headerLength(bytes, part.networkHeader))
      Skb.appendPart(head, part)
      head.dataLength += part.length
      head.truesize += part.truesize
      head.weight += part.weight
      part.counted = false
      part.dst = null
    }
    Ipv4.setTotalLength(bytes, head.networkHeader, headerLength + queue.total)
    Ipv4.setFragment(bytes, head.networkHeader, 0, 0)
    Ipv4.writeChecksum(bytes, head.networkHeader)
    head.ipSummed = CHECKSUM_NONE
    head.ipFlags |= Skb.IP_REASSEMBLED
    this.net.count(Snmp.IP_REASM_OKS)
    return head
  }

  /** Linux: ip_expire. */
  timedOut(core: Core, queue: FragmentQueue): void {
    this.net.count(Snmp.IP_REASM_FAILS)
    this.net.count(Snmp.IP_REASM_TIMEOUT)
    if (queue.starts[0] === 0 && queue.user === 0) icmpSend(core, queue.parts[0]!, TIME_EXCEEDED, REASSEMBLY, 0)
    this.discard(core, queue, Drops.FRAG_REASM_TIMEOUT)
  }

  forEach(visit: (skb: SkBuff) => void): void {
    for (const chain of this.queues.values()) {
      for (let queue: FragmentQueue | null = chain; queue !== null; queue = queue.next) queue.parts.forEach(visit)
    }
  }

  /** Drops everything: the namespace or the host ends. */
  clear(core: Core | null, reason: number): void {
    for (const chain of this.queues.values()) {
      for (let queue: FragmentQueue | null = chain; queue !== null;) {
        const next: FragmentQueue | null = queue.next
        this.discard(core, queue, reason)
        queue = next
      }
    }
  }
}

const highest = (queue: FragmentQueue): number => (queue.ends.length === 0 ? 0 : queue.ends[queue.ends.length - 1]!)
