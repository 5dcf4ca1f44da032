/**
 * What fq keeps of a flow, and the three places a flow can be in: a list that is served in turn, the heap of those that wait
 * for their time, the list of idle ones.
 *
 *                 enqueue                      not yet its time
 *     IDLE ──────────────────▶ LISTED ──────────────────────────▶ THROTTLED
 *      ▲                        │   ▲                                 │
 *      └── nothing left, old ───┘   └──────── its time has come ──────┘
 */
import { type SkBuff, SkBuffList } from "../SkBuff.ts"
import type { Sock } from "../Sock.ts"
import { FlowList } from "./FlowList.ts"

export const IDLE = 0
export const LISTED = 1
export const THROTTLED = 2

export class FqFlow {
  /** Its socket, or the hash of packets without one. */
  readonly key: Sock | number
  /** By the time at which they may be sent (`skb.timestamp`). */
  readonly packets: SkBuffList
  /** IDLE, LISTED or THROTTLED. */
  place: number
  /** Bytes it may send before others get their turn. */
  credit: number
  /** Band of the packet that came last. */
  band: number
  /** When it may send next, ns; 0 before its first rate-limited packet. */
  timeNext: number
  /** Jiffy at which it became idle. */
  idleSince: number
  /** Next one of a list. */
  next: FqFlow | null
  /** Previous one of the idle list. */
  previous: FqFlow | null
  /** Order in which it was throttled. */
  order: number

  constructor(key: Sock | number, credit: number) {
    this.key = key
    this.packets = new SkBuffList()
    this.place = IDLE
    this.credit = credit
    this.band = 0
    this.timeNext = 0
    this.idleSince = 0
    this.next = null
    this.previous = null
    this.order = 0
  }
}

/** Flows of one priority. */
export class Band {
  readonly fresh: FlowList<FqFlow>
  readonly old: FlowList<FqFlow>
  /** Bytes a round. */
  readonly quantum: number
  credit: number
  /** Packets of its flows. */
  count: number

  constructor(quantum: number) {
    this.fresh = new FlowList()
    this.old = new FlowList()
    this.quantum = quantum
    this.credit = 0
    this.count = 0
  }

  /** The list to serve; null when there is none or its share of the round is used up. */
  ready(): FlowList<FqFlow> | null {
    if (this.credit <= 0) return null
    if (this.fresh.head !== null) return this.fresh
    return this.old.head === null ? null : this.old
  }
}

/** Flows without packets, the one that has been idle longest first. */
export class IdleFlows {
  head: FqFlow | null
  private tail: FqFlow | null

  constructor() {
    this.head = null
    this.tail = null
  }

  push(flow: FqFlow): void {
    flow.next = null
    flow.previous = this.tail
    if (this.tail === null) this.head = flow
    else this.tail.next = flow
    this.tail = flow
  }

  remove(flow: FqFlow): void {
    if (flow.previous === null) this.head = flow.next
    else flow.previous.next = flow.next
    if (flow.next === null) this.tail = flow.previous
    else flow.next.previous = flow.previous
    flow.next = null
    flow.previous = null
  }

  clear(): void {
    this.head = null
    this.tail = null
  }
}

/** Flows that wait for `timeNext`: a binary heap; equal times in the order in which they came. */
export class DelayedFlows {
  private readonly heap: Array<FqFlow>
  private orders: number

  constructor() {
    this.heap = []
    this.orders = 0
  }

  get count(): number {
    return this.heap.length
  }

  first(): FqFlow | undefined {
    return this.heap[0]
  }

  push(flow: FqFlow): void {
    flow.order = this.orders++
    const heap = this.heap
    let at = heap.length
    heap.push(flow)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isEarlier(flow, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = flow
  }

  /** Precondition: there is one. */
  shift(): void {
    const heap = this.heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child++
      if (!isEarlier(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }

  clear(): void {
    this.heap.length = 0
  }
}

const isEarlier = (left: FqFlow, right: FqFlow): boolean =>
  left.timeNext < right.timeNext || (left.timeNext === right.timeNext && left.order < right.order)

/** Puts a packet behind those that may be sent no later than it. Linux: flow_queue_add */
export const insertByTime = (list: SkBuffList, skb: SkBuff): void => {
  let behind = list.tail
  if (behind === null || skb.timestamp >= behind.timestamp) {
    list.push(skb)
    return
  }
  while (behind.previous !== null && skb.timestamp < behind.previous.timestamp) behind = behind.previous
  list.insertBefore(skb, behind)
}
